//! Purposes as people see them: in three groups, with a pictogram, and in words instead of ids.

use crate::domain::preference::Language;
use crate::domain::purpose::{Action, LegalBasis, PurposeStatus};
use crate::policy::catalogue::{Catalogue, Notice, PurposeEntry};
use crate::web::page::{Page, prose};

/// What somebody can do about a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Only after a yes.
    Choose,
    /// Without a question first; stops when somebody says so.
    Stop,
    /// There is nothing to choose.
    Needed,
}

impl Group {
    /// In the order of the pages.
    pub const ALL: [Self; 3] = [Self::Choose, Self::Stop, Self::Needed];

    /// The group of a purpose.
    pub fn of(entry: &PurposeEntry) -> Self {
        if entry.purpose.legal_basis == LegalBasis::Consent {
            Self::Choose
        } else if entry.purpose.allows_objection() {
            Self::Stop
        } else {
            Self::Needed
        }
    }

    /// The anchor, and the ids of title and explanation.
    pub const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Choose => ("kies-zelf", "how-consent", "how-consent-lead"),
            Self::Stop => ("stoppen", "how-object", "how-object-lead"),
            Self::Needed => ("nodig", "how-needed", "how-needed-lead"),
        }
    }
}

/// The purposes that run, of one group, in the order of their titles.
pub fn of_group(catalogue: &Catalogue, group: Group, language: Language) -> Vec<&PurposeEntry> {
    let mut found: Vec<&PurposeEntry> = catalogue
        .purposes
        .values()
        .map(|entry| &**entry)
        .filter(|entry| entry.purpose.status == PurposeStatus::Active && Group::of(entry) == group)
        .collect();
    found.sort_by_key(|entry| entry.notice(language, false).map(|notice| notice.title.clone()));
    found
}

/// A purpose with all its words.
#[derive(Debug, Clone)]
pub struct Described {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// In at most three sentences.
    pub summary: String,
    /// Name of the pictogram.
    pub pictogram: &'static str,
    /// Kinds of data, as one line.
    pub data: String,
    /// Who sees them, as one line.
    pub recipients: String,
    /// Why it is allowed, in a sentence.
    pub basis: String,
    /// Version of the text.
    pub version: u32,
    /// The whole explanation as HTML.
    pub full: String,
}

/// A purpose in the language of a page.
pub fn describe(catalogue: &Catalogue, entry: &PurposeEntry, page: &Page) -> Option<Described> {
    let language = page.language;
    let notice: &Notice = entry.notice(language, false)?;
    Some(Described {
        id: entry.purpose.id.to_string(),
        title: notice.title.clone(),
        summary: notice.summary.clone(),
        pictogram: pictogram(entry),
        data: line(&data(catalogue, entry, language)),
        recipients: recipients(catalogue, entry, page).join(", "),
        basis: basis(entry.purpose.legal_basis, page),
        version: entry.purpose.version,
        full: prose::html(&notice.full, 4),
    })
}

/// The kinds of data a purpose uses, in words.
pub fn data(catalogue: &Catalogue, entry: &PurposeEntry, language: Language) -> Vec<String> {
    let scopes = entry.purpose.data_scopes.iter();
    scopes
        .filter_map(|id| catalogue.data_scopes.get(id)?.title.get(&language).cloned())
        .collect()
}

/// Words as one line, inside a sentence: what follows the first begins in lower case.
pub fn line(words: &[String]) -> String {
    let mut line = String::new();
    for word in words {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if !line.is_empty() => {
                line.push_str(", ");
                line.extend(first.to_lowercase());
                line.extend(letters);
            }
            _ => line.push_str(word),
        }
    }
    line
}

/// Who sees the data: the names of those who run the systems, each once.
pub fn recipients(catalogue: &Catalogue, entry: &PurposeEntry, page: &Page) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for id in &entry.purpose.recipients {
        if let Some(system) = catalogue.systems.get(id)
            && !names.contains(&system.recipient)
        {
            names.push(system.recipient.clone());
        }
    }
    if names.is_empty() {
        names.push(page.say("how-own"));
    }
    names
}

fn basis(basis: LegalBasis, page: &Page) -> String {
    page.say(match basis {
        LegalBasis::Consent => "basis-consent",
        LegalBasis::Contract => "basis-contract",
        LegalBasis::LegalObligation => "basis-legal-obligation",
        LegalBasis::PublicTask => "basis-public-task",
        LegalBasis::LegitimateInterest => "basis-legitimate-interest",
        LegalBasis::CustomerException => "basis-customer-exception",
    })
}

/// The pictogram that fits what is done; nothing about single purposes is compiled in.
pub fn pictogram(entry: &PurposeEntry) -> &'static str {
    let actions = &entry.purpose.actions;
    let only = |action| actions.contains(&action);
    let scopes = |word: &str| {
        entry
            .purpose
            .data_scopes
            .iter()
            .any(|id| id.as_str().contains(word))
    };
    if only(Action::Share) {
        "share"
    } else if only(Action::Profile) {
        "tips"
    } else if only(Action::Contact) {
        if entry.purpose.is_promotional() {
            "mail"
        } else {
            "letter"
        }
    } else if scopes("payment") {
        "card"
    } else if scopes("usage") {
        "figures"
    } else if scopes("history") {
        "clock"
    } else if scopes("birth") {
        "people"
    } else {
        "book"
    }
}
