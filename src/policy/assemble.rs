//! From checked documents to the catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono_tz::Tz;
use serde::Serialize;

use super::catalogue::{
    Authority, Catalogue, Contact, DataScope, Grant, LogRetention, Network, Normalise, Notice, Organisation,
    PeopleRetention, PurposeEntry, RegisterFacts, Scheme, System,
};
use super::document::{
    AgeEntry, NetworkFile, NormaliseWord, NoticeEntry, OrganisationEntry, PurposeFile, SystemEntry, Titles,
};
use super::load::{CompileOptions, Documents, Sha256};
use super::meaning::VersionHistory;
use crate::domain::age::AGE_OF_CONSENT;
use crate::domain::ids::SchemeId;
use crate::domain::moment::Period;
use crate::domain::preference::Language;
use crate::domain::purpose::{AgeRule, CustomerException, OnAgeOfConsent, Purpose};

/// The id of the scheme of magic subjects; no file may define it.
pub(super) const TEST_SCHEME: &str = "test";

/// How long a young person has to confirm where the file does not say.
const RECONFIRM_WITHIN: Period = Period::days(60);

/// The catalogue; `None` only for what `check` has already refused (time zone, date, organisations).
pub(super) fn catalogue(
    documents: &Documents,
    version: &str,
    earlier: &VersionHistory,
    options: CompileOptions,
    sha256: Sha256<'_>,
) -> Option<Catalogue> {
    let file = &documents.network.value;
    let test_scheme: Option<SchemeId> = options.test_subjects.then(|| TEST_SCHEME.parse().ok()).flatten();
    let mut schemes: Vec<Scheme> = file
        .schemes
        .iter()
        .map(|entry| Scheme {
            id: entry.id.clone(),
            title: entry.title.clone(),
            normalise: match entry.normalise {
                NormaliseWord::Digits => Normalise::Digits,
                NormaliseWord::Lower => Normalise::Lower,
                NormaliseWord::Exact => Normalise::Exact,
            },
            max_length: entry.max_length,
        })
        .collect();
    schemes.extend(test_scheme.clone().map(|id| Scheme {
        id,
        title: Titles::from([
            (Language::Nl, "Testpersoon".to_owned()),
            (Language::En, "Test subject".to_owned()),
        ]),
        normalise: Normalise::Lower,
        max_length: 40,
    }));
    let purposes = documents.purposes.values().map(|parsed| {
        let entry = purpose_entry(&parsed.value, earlier, sha256)?;
        Some((parsed.value.id.clone(), Arc::new(entry)))
    });
    Some(Catalogue {
        version: version.to_owned(),
        network: network(file)?,
        organisations: file
            .organisations
            .iter()
            .map(|o| (o.id.clone(), organisation(o)))
            .collect(),
        schemes: schemes
            .into_iter()
            .map(|scheme| (scheme.id.clone(), scheme))
            .collect(),
        data_scopes: documents
            .data_scopes
            .value
            .data_scopes
            .iter()
            .map(|entry| {
                let scope = DataScope {
                    id: entry.id.clone(),
                    term: entry.term.clone(),
                    broader: entry.broader.clone(),
                    title: entry.title.clone(),
                    sensitive: entry.sensitive,
                    special_category: entry.special_category,
                };
                (entry.id.clone(), scope)
            })
            .collect(),
        systems: documents
            .systems
            .value
            .systems
            .iter()
            .map(|entry| (entry.id.clone(), system(entry, test_scheme.as_ref())))
            .collect(),
        purposes: purposes.collect::<Option<_>>()?,
        themes: BTreeMap::new(), // they are no documents: `theme::readable`
    })
}

fn network(file: &NetworkFile) -> Option<Network> {
    let (processor, authority, retention) =
        (&file.processor, &file.supervisory_authority, &file.log_retention);
    Some(Network {
        id: file.id.clone(),
        name: file.name.clone(),
        jurisdiction: file.jurisdiction.clone(),
        zone: file.time_zone.parse::<Tz>().ok()?,
        languages: file.languages.clone(),
        processor: Contact {
            id: processor.id.clone(),
            name: processor.name.clone(),
            address: processor.address.clone(),
            email: processor.email.clone(),
            phone: processor.phone.clone(),
        },
        authority: Authority {
            name: authority.name.clone(),
            url: authority.url.clone(),
            phone: authority.phone.clone(),
        },
        log_retention: LogRetention {
            consent: retention.consent,
            decision: retention.decision,
            admin: retention.admin,
            private: retention.private,
        },
        retention: PeopleRetention {
            expiry_reminder: file.retention.expiry_reminder,
            history: file.retention.history,
        },
    })
}

fn organisation(entry: &OrganisationEntry) -> Organisation {
    Organisation {
        id: entry.id.clone(),
        name: entry.name.clone(),
        legal_name: entry.legal_name.clone(),
        kvk: entry.kvk.clone(),
        address: entry.address.clone(),
        email: entry.email.clone(),
        phone: entry.phone.clone(),
        website: entry.website.clone(),
        dpo_name: entry.dpo.name.clone(),
        dpo_email: entry.dpo.email.clone(),
    }
}

fn system(entry: &SystemEntry, test_scheme: Option<&SchemeId>) -> System {
    let everywhere = entry.organisations.iter().any(|id| id == "*");
    let organisations: BTreeSet<_> = entry
        .organisations
        .iter()
        .filter_map(|id| id.parse().ok())
        .collect();
    System {
        id: entry.id.clone(),
        title: entry.title.clone(),
        recipient: entry.recipient.clone(),
        organisations: (!everywhere).then_some(organisations),
        schemes: entry
            .identifier_schemes
            .iter()
            .chain(test_scheme)
            .cloned()
            .collect(),
        per_second: entry.limits.per_second,
        burst: entry.limits.burst,
        grants: entry
            .grants
            .iter()
            .map(|grant| Grant {
                purposes: grant.purposes.clone(),
                actions: grant.actions.clone(),
                channels: grant.channels.clone(),
                data_scopes: grant.data_scopes.clone(),
            })
            .collect(),
    }
}

fn purpose_entry(file: &PurposeFile, earlier: &VersionHistory, sha256: Sha256<'_>) -> Option<PurposeEntry> {
    let material_now = if file.material { file.version } else { 1 };
    let material_before = earlier.newest_material(&file.id, file.version).unwrap_or(1);
    let purpose = Purpose {
        id: file.id.clone(),
        version: file.version,
        consent_valid_from: material_now.max(material_before),
        status: file.status,
        legal_basis: file.legal_basis,
        explicit: file.explicit,
        communication_class: file.communication_class,
        actions: file.actions.clone(),
        data_scopes: file.data_scopes.clone(),
        enrichment_sources: file.enrichment_sources.clone(),
        channels: file.channels.clone(),
        recipients: file.recipients.clone(),
        validity: file.validity,
        reask_not_before: file.reask_not_before,
        age: age_rule(file.age.as_ref()),
        customer_exception: file.customer_exception.as_ref().map(|entry| CustomerException {
            similar_offer: entry.similar_offer.clone(),
            after_membership: entry.after_membership,
        }),
        restriction_exempt: file.restriction_exempt,
        school_domain: file.school_domain,
    };
    let register = RegisterFacts {
        dpv: file.dpv.clone(),
        basis_reference: file.basis_reference.clone(),
        class_motivation: file.class_motivation.clone(),
        retention: file.retention.clone(),
        proof_retention: file.proof_retention,
        dpia: file.dpia.clone(),
        automated_decision: file.automated_decision.as_str().to_owned(),
        controller_role: file.controller_role.as_str().to_owned(),
        joint_arrangement: file.joint_arrangement.clone(),
        fail_mode: file.fail_mode.as_str().to_owned(),
        approved_by: file.approved.by.clone(),
        approved_on: file.approved.date()?,
    };
    let notices = file
        .notices
        .iter()
        .map(|(variant, entry)| Some((variant.clone(), notice(entry, sha256)?)))
        .collect::<Option<_>>()?;
    Some(PurposeEntry {
        purpose,
        register,
        notices,
    })
}

fn age_rule(entry: Option<&AgeEntry>) -> AgeRule {
    AgeRule {
        self_from: entry.map_or(AGE_OF_CONSENT, |age| age.self_from),
        minimum: entry.map_or(0, |age| age.minimum),
        child_may_withdraw: entry.is_none_or(|age| age.child_may_withdraw),
        on_age_of_consent: entry
            .and_then(|age| age.on_age_of_consent)
            .unwrap_or(OnAgeOfConsent::KeepAndInform),
        reconfirm_within: entry
            .and_then(|age| age.reconfirm_within)
            .unwrap_or(RECONFIRM_WITHIN),
    }
}

/// The document that is shown, hashed and served. The order of the fields is the order of the bytes and never changes:
/// the hash in every receipt rests on it.
#[derive(Serialize)]
struct NoticeDocument<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<&'a str>,
    summary: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    yes: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_no_choice: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    full: Option<&'a str>,
}

fn notice(entry: &NoticeEntry, sha256: Sha256<'_>) -> Option<Notice> {
    let document = NoticeDocument {
        title: &entry.title,
        question: entry.question.as_deref(),
        summary: &entry.summary,
        yes: entry.yes.as_deref(),
        no: entry.no.as_deref(),
        if_no: entry.if_no.as_deref(),
        object: entry.object.as_deref(),
        why_no_choice: entry.why_no_choice.as_deref(),
        full: entry.full.as_deref(),
    };
    let bytes = serde_json::to_vec(&document).ok()?;
    Some(Notice {
        title: entry.title.clone(),
        question: entry.question.clone(),
        summary: entry.summary.clone(),
        yes: entry.yes.clone(),
        no: entry.no.clone(),
        if_no: entry.if_no.clone(),
        object: entry.object.clone(),
        why_no_choice: entry.why_no_choice.clone(),
        full: entry.full.clone().unwrap_or_default(),
        hash: sha256(&bytes),
        bytes: bytes.into(),
    })
}
