//! The register of processing activities (GDPR art. 30), out of the catalogue in force: what the controllers do (30(1)) and
//! what the processor does for them (30(2)). It cannot differ from what is decided, because both read the same catalogue.

use super::table::{Report, Table, text};
use crate::domain::ids::OrganisationId;
use crate::domain::preference::Language;
use crate::domain::purpose::PurposeStatus;
use crate::domain::purpose::words;
use crate::policy::catalogue::{Catalogue, Organisation, PurposeEntry};

/// Whose register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegisterView {
    /// Article 30(1).
    Controller,
    /// Article 30(2).
    Processor,
}

words!(RegisterView { Controller => "controller", Processor => "processor" });

/// The role of a library in a purpose that it carries out for somebody else.
const PROCESSOR: &str = "processor";

/// Who answers for what, with where they can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responsible {
    /// Name of the legal person.
    pub name: String,
    /// Address.
    pub address: String,
    /// E-mail.
    pub email: String,
    /// Telephone.
    pub phone: String,
}

/// One activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessingRecord {
    /// The view it belongs to.
    pub view: RegisterView,
    /// The library; in the view of the processor the one it is done for.
    pub organisation: OrganisationId,
    /// Who carries it out.
    pub responsible: Responsible,
    /// For whom, in the view of a processor.
    pub on_behalf_of: Option<Responsible>,
    /// The data protection officer: name and e-mail.
    pub officer: (String, String),
    /// The arrangement of joint controllers.
    pub joint_arrangement: Option<String>,
    /// The purpose.
    pub purpose: String,
    /// Its version.
    pub version: u32,
    /// `active`, `draft` or `ended`.
    pub status: &'static str,
    /// Its title, in the language asked for.
    pub title: String,
    /// What it is for, in at most three sentences.
    pub description: String,
    /// Term of the Data Privacy Vocabulary.
    pub dpv: String,
    /// Legal basis, and its term in the Data Privacy Vocabulary.
    pub legal_basis: (&'static str, &'static str),
    /// The law, the public task or the balancing test.
    pub basis_reference: Option<String>,
    /// Actions and channels.
    pub actions: Vec<String>,
    /// Categories of people.
    pub subjects: Vec<&'static str>,
    /// Categories of data: titles, in the language asked for.
    pub data: Vec<String>,
    /// Whether some of them are a special category (art. 9).
    pub special_category: bool,
    /// Recipients by name.
    pub recipients: Vec<String>,
    /// Transfers to other countries.
    pub transfers: &'static str,
    /// Time limits for erasure: of the data, and of the proof of a choice.
    pub retention: (String, String),
    /// Technical and organisational measures.
    pub measures: &'static [&'static str],
    /// The data protection impact assessment.
    pub dpia: Option<String>,
    /// `none`, `human-review` or `solely-automated`.
    pub automated_decision: String,
    /// Who approved this version, and when.
    pub approved: (String, String),
}

/// What Akkoord does for every purpose (art. 32(1)); the files of the policies have no member for it.
const MEASURES: [&str; 8] = [
    "Every use is checked beforehand and denied by default",
    "Records are encrypted with a key per person; identifiers are found by blind index",
    "Every system and library has pseudonyms of its own",
    "Every answer and change stands in a tamper-evident audit log",
    "Systems ask only what the policies grant them; officers give a reason that is recorded",
    "Erasure destroys the key of the person",
    "Policies come into force when a second person approved them",
    "What is past its term is removed every day",
];

/// The catalogue has no member for transfers: its check refuses none because there are none to declare.
const TRANSFERS: &str = "none declared in the policies";

/// The register of some libraries.
pub fn records(
    catalogue: &Catalogue,
    view: RegisterView,
    organisations: &[OrganisationId],
    language: Language,
) -> Vec<ProcessingRecord> {
    let mut records = Vec::new();
    for organisation in organisations {
        let Some(library) = catalogue.organisations.get(organisation) else {
            continue;
        };
        for entry in catalogue.purposes.values() {
            let carried_out = entry.register.controller_role == PROCESSOR;
            match view {
                RegisterView::Controller if carried_out => {}
                RegisterView::Controller => {
                    records.push(record(catalogue, view, library, entry, language));
                }
                RegisterView::Processor => {
                    let mut of_purpose = record(catalogue, view, library, entry, language);
                    if carried_out {
                        // The library works for a school (R49); the schools are not in the catalogue by name.
                        of_purpose.on_behalf_of = Some(Responsible {
                            name: "the school that made the profile".to_owned(),
                            address: String::new(),
                            email: String::new(),
                            phone: String::new(),
                        });
                    } else {
                        let processor = &catalogue.network.processor;
                        of_purpose.on_behalf_of = Some(of_purpose.responsible);
                        of_purpose.responsible = Responsible {
                            name: processor.name.clone(),
                            address: processor.address.clone(),
                            email: processor.email.clone(),
                            phone: processor.phone.clone(),
                        };
                    }
                    records.push(of_purpose);
                }
            }
        }
    }
    records
}

fn record(
    catalogue: &Catalogue,
    view: RegisterView,
    library: &Organisation,
    entry: &PurposeEntry,
    language: Language,
) -> ProcessingRecord {
    let (purpose, register) = (&entry.purpose, &entry.register);
    let notice = entry.notice(language, false);
    let scopes = purpose
        .data_scopes
        .iter()
        .filter_map(|scope| catalogue.data_scopes.get(scope));
    let recipients = purpose
        .recipients
        .iter()
        .filter_map(|id| catalogue.systems.get(id));
    let mut recipients: Vec<String> = recipients.map(|system| system.recipient.clone()).collect();
    recipients.sort();
    recipients.dedup();
    ProcessingRecord {
        view,
        organisation: library.id.clone(),
        responsible: Responsible {
            name: library.legal_name.clone(),
            address: library.address.clone(),
            email: library.email.clone(),
            phone: library.phone.clone(),
        },
        on_behalf_of: None,
        officer: (library.dpo_name.clone(), library.dpo_email.clone()),
        joint_arrangement: register.joint_arrangement.clone(),
        purpose: purpose.id.to_string(),
        version: purpose.version,
        status: match purpose.status {
            PurposeStatus::Active => "active",
            PurposeStatus::Draft => "draft",
            PurposeStatus::Ended => "ended",
        },
        title: notice.map(|notice| notice.title.clone()).unwrap_or_default(),
        description: notice.map(|notice| notice.summary.clone()).unwrap_or_default(),
        dpv: register.dpv.clone(),
        legal_basis: (purpose.legal_basis.as_str(), purpose.legal_basis.dpv_term()),
        basis_reference: register.basis_reference.clone(),
        actions: purpose
            .actions
            .iter()
            .map(ToString::to_string)
            .chain(
                purpose
                    .channels
                    .iter()
                    .map(|channel| format!("contact by {channel}")),
            )
            .collect(),
        subjects: if purpose.school_domain {
            vec!["pupils"]
        } else if purpose.age.minimum >= crate::domain::age::AGE_OF_CONSENT {
            vec!["members"]
        } else {
            vec!["members", "children among them", "guardians of those"]
        },
        data: scopes
            .clone()
            .map(|scope| {
                scope
                    .title
                    .get(&language)
                    .cloned()
                    .unwrap_or_else(|| scope.id.to_string())
            })
            .collect(),
        special_category: scopes.clone().any(|scope| scope.special_category),
        recipients,
        transfers: TRANSFERS,
        retention: (register.retention.clone(), register.proof_retention.to_string()),
        measures: &MEASURES,
        dpia: register.dpia.clone(),
        automated_decision: register.automated_decision.clone(),
        approved: (register.approved_by.clone(), register.approved_on.to_string()),
    }
}

/// The register as a table.
pub fn report(records: &[ProcessingRecord], view: RegisterView) -> Report {
    let reached = |one: &Responsible| {
        [&one.name, &one.address, &one.email, &one.phone]
            .into_iter()
            .filter(|part| !part.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let rows = records.iter().map(|record| {
        vec![
            text(record.organisation.as_str()),
            text(reached(&record.responsible)),
            text(record.on_behalf_of.as_ref().map(reached).unwrap_or_default()),
            text(format!("{}, {}", record.officer.0, record.officer.1)),
            text(record.joint_arrangement.clone().unwrap_or_default()),
            text(format!("{} {}", record.purpose, record.version)),
            text(record.status),
            text(record.title.clone()),
            text(record.description.clone()),
            text(record.dpv.clone()),
            text(format!("{} ({})", record.legal_basis.0, record.legal_basis.1)),
            text(record.basis_reference.clone().unwrap_or_default()),
            text(record.actions.join("; ")),
            text(record.subjects.join("; ")),
            text(record.data.join("; ")),
            text(if record.special_category { "yes" } else { "no" }),
            text(record.recipients.join("; ")),
            text(record.transfers),
            text(record.retention.0.clone()),
            text(record.retention.1.clone()),
            text(record.measures.join("; ")),
            text(record.dpia.clone().unwrap_or_default()),
            text(record.automated_decision.clone()),
            text(format!("{}, {}", record.approved.0, record.approved.1)),
        ]
    });
    Report {
        title: match view {
            RegisterView::Controller => "Register of processing activities, art. 30(1) GDPR",
            RegisterView::Processor => "Register of processing activities of the processor, art. 30(2) GDPR",
        },
        facts: vec![("view", view.to_string())],
        notes: vec!["Made from the policies in force, by which every check is answered."],
        tables: vec![Table {
            name: "register",
            title: "Processing activities",
            columns: vec![
                "organisation",
                "responsible",
                "onBehalfOf",
                "officer",
                "jointArrangement",
                "purpose",
                "status",
                "title",
                "description",
                "dpv",
                "legalBasis",
                "basisReference",
                "actions",
                "subjects",
                "data",
                "specialCategory",
                "recipients",
                "transfers",
                "retention",
                "proofRetention",
                "measures",
                "dpia",
                "automatedDecision",
                "approved",
            ],
            rows: rows.collect(),
        }],
    }
}
