//! What somebody provided on the ground of consent or contract, to take along (GDPR art. 20): no decisions, no data from
//! elsewhere, nothing that the library added.

use serde::Serialize;
use serde_json::Value;

use super::super::bare::{Page, escape};
use super::facts::{Library, Named};
use super::words::{Words, is_own_word};
use crate::domain::event::Change;
use crate::domain::ids::PurposeId;
use crate::domain::preference::Language;
use crate::domain::purpose::LegalBasis;
use crate::service::rights::Gathered;

/// The content of `data.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Portable {
    /// What this is.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) made_at: String,
    pub(super) request_id: String,
    pub(super) library: Library,
    /// What systems know the person by, so that what follows can be matched.
    pub(super) identifiers: Vec<Named>,
    pub(super) birth_date: Option<String>,
    pub(super) language: Option<&'static str>,
    pub(super) preferences: Value,
    pub(super) choices: Vec<Word>,
}

/// A word of the person.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Word {
    pub(super) kind: &'static str,
    pub(super) said_at: String,
    pub(super) purpose: Option<String>,
    pub(super) title: Option<String>,
    pub(super) data: Vec<String>,
    pub(super) channels: Vec<String>,
    /// `self` or `guardian`.
    pub(super) by: &'static str,
}

impl Portable {
    pub(super) fn of(gathered: &Gathered, language: Language) -> Self {
        let words = Words { gathered, language };
        let person = words.person();
        let own = gathered.history.iter().map(|item| &item.event);
        let own = own.filter(|event| is_own_word(event.actor.kind));
        let choices = own.filter_map(|event| {
            let (data, channels) = match &event.change {
                Change::Consent(act) => (
                    words.data(&act.data_scopes),
                    act.channels.iter().map(ToString::to_string).collect(),
                ),
                Change::Objected { .. } | Change::ObjectionEnded { .. } => (Vec::new(), Vec::new()),
                _ => return None,
            };
            let purpose = event.change.purpose();
            if purpose.is_some_and(|purpose| !on_consent_or_contract(gathered, purpose)) {
                return None;
            }
            Some(Word {
                kind: event.change.leaf_kind(),
                said_at: event.occurred_at.rfc3339(),
                purpose: purpose.map(ToString::to_string),
                title: purpose.map(|purpose| words.purpose(purpose.as_str())),
                data,
                channels,
                by: event.actor.kind.as_str(),
            })
        });
        Self {
            kind: "urn:akkoord:portability-package:1",
            made_at: gathered.made_at.rfc3339(),
            request_id: gathered.request.id.to_string(),
            library: words.library(),
            choices: choices.collect(),
            identifiers: person.identifiers,
            birth_date: person.birth_date,
            language: person.language,
            preferences: serde_json::to_value(&gathered.standing.preferences).unwrap_or_default(),
        }
    }
}

fn on_consent_or_contract(gathered: &Gathered, purpose: &PurposeId) -> bool {
    let entry = gathered.policies.current.purposes.get(purpose);
    entry.is_some_and(|entry| {
        matches!(
            entry.purpose.legal_basis,
            LegalBasis::Consent | LegalBasis::Contract
        )
    })
}

/// The page that says what is in the package.
pub(super) fn page(data: &Portable, language: Language) -> Page {
    let library = escape(&data.library.name);
    let (title, intro, files, data_file, choices_file, json_file) = match language {
        Language::Nl => (
            "De gegevens die je ons gaf",
            format!(
                "Dit zijn de gegevens die je zelf gaf aan {library}, of die een ouder of verzorger voor je gaf. Je mag ze aan een \
                 ander geven. Wat wij zelf toevoegden, staat hier niet in. Vraag daarvoor om inzage."
            ),
            "De bestanden",
            "je nummers, geboortedatum en taal, als tabel",
            "je keuzes, als tabel",
            "alles samen, voor een computer",
        ),
        Language::En => (
            "The data you gave us",
            format!(
                "These are the data that you gave to {library} yourself, or that a parent or guardian gave for you. You may pass \
                 them on. What we added ourselves is not in here. Ask for access to see that."
            ),
            "The files",
            "your numbers, birth date and language, as a table",
            "your choices, as a table",
            "everything together, for a computer",
        ),
    };
    let items = [
        ("data.csv", data_file),
        ("choices.csv", choices_file),
        ("data.json", json_file),
    ];
    let items: String = items
        .iter()
        .map(|(file, what)| format!("<dt>{file}</dt><dd>{what}</dd>\n"))
        .collect();
    Page {
        title: title.to_owned(),
        body: format!("<h1>{title}</h1>\n<p>{intro}</p>\n<h2>{files}</h2>\n<dl>\n{items}</dl>"),
    }
}
