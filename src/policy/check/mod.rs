//! Whether the files fit together and say what the law asks: every rule of `policies/README.md` on which decisions, notices
//! or the register of processing rest. Rules of law are named by article or by their number in `docs/LAW.md`.

mod example;
mod network;
mod notice;
mod purpose;
mod system;

use std::collections::BTreeSet;

use super::document::Titles;
use super::finding::{Finding, Report};
use super::load::Documents;
use crate::domain::ids::{DataScopeId, OrganisationId, PurposeId, SchemeId, SystemId};
use crate::domain::preference::Language;

/// Checks everything and adds what is wrong.
pub(super) fn all(documents: &Documents, found: &mut Vec<Finding>) {
    let known = Known::of(documents);
    network::check(&documents.network, found);
    network::check_data_scopes(&documents.data_scopes, &known, found);
    system::check(documents, &known, found);
    for parsed in documents.purposes.values() {
        let report = &mut Report {
            file: &parsed.file,
            lines: &parsed.lines,
            found,
        };
        purpose::check(&parsed.value, documents, &known, report);
        notice::check(&parsed.value, &known.languages, report);
        example::check(&parsed.value, &known, report);
    }
}

/// Checks that every term exists in a list of the Data Privacy Vocabulary.
pub(super) fn terms_exist(documents: &Documents, terms: &BTreeSet<String>, found: &mut Vec<Finding>) {
    let remedy = "look for the term on https://w3id.org/dpv; a term of our own begins with lib: and names a broader one";
    let unknown = |term: &str| format!("the term {term} is not in the list of the Data Privacy Vocabulary");
    let scopes = &documents.data_scopes;
    let mut report = Report {
        file: &scopes.file,
        lines: &scopes.lines,
        found,
    };
    for (index, scope) in scopes.value.data_scopes.iter().enumerate() {
        for (key, term) in [("term", Some(&scope.term)), ("broader", scope.broader.as_ref())] {
            if let Some(term) = term.filter(|term| !term.starts_with("lib:") && !terms.contains(*term)) {
                report.error(
                    format!("data_scope.{index}.{key}"),
                    "unknown-dpv-term",
                    unknown(term),
                    remedy,
                );
            }
        }
    }
    for parsed in documents.purposes.values() {
        if !terms.contains(&parsed.value.dpv) {
            Report {
                file: &parsed.file,
                lines: &parsed.lines,
                found,
            }
            .error("dpv", "unknown-dpv-term", unknown(&parsed.value.dpv), remedy);
        }
    }
}

/// The ids that exist.
struct Known<'a> {
    languages: Vec<Language>,
    organisations: BTreeSet<&'a OrganisationId>,
    schemes: BTreeSet<&'a SchemeId>,
    scopes: BTreeSet<&'a DataScopeId>,
    systems: BTreeSet<&'a SystemId>,
    purposes: BTreeSet<&'a PurposeId>,
}

impl<'a> Known<'a> {
    fn of(documents: &'a Documents) -> Self {
        let network = &documents.network.value;
        Self {
            languages: network.languages.clone(),
            organisations: network.organisations.iter().map(|o| &o.id).collect(),
            schemes: network.schemes.iter().map(|s| &s.id).collect(),
            scopes: documents
                .data_scopes
                .value
                .data_scopes
                .iter()
                .map(|s| &s.id)
                .collect(),
            systems: documents.systems.value.systems.iter().map(|s| &s.id).collect(),
            purposes: documents.purposes.keys().chain(&documents.broken).collect(),
        }
    }
}

impl Report<'_> {
    /// A reference to something that does not exist.
    fn unknown(
        &mut self,
        place: impl AsRef<str>,
        code: &'static str,
        what: &str,
        id: impl std::fmt::Display,
        known: impl IntoIterator<Item = impl ToString>,
    ) {
        let id = id.to_string();
        let known: Vec<String> = known.into_iter().map(|id| id.to_string()).collect();
        let remedy = match nearest(&id, &known) {
            Some(near) => format!("did you mean {near}?"),
            None if known.is_empty() => format!("define a {what} first"),
            None => format!("use one of: {}", known.join(", ")),
        };
        self.error(place, code, format!("there is no {what} {id}"), remedy);
    }

    /// Texts that must say something.
    fn filled<'t>(&mut self, prefix: &str, texts: impl IntoIterator<Item = (&'static str, &'t str)>) {
        for (key, text) in texts {
            if text.trim().is_empty() {
                let message = format!("{key} is empty");
                self.error(format!("{prefix}{key}"), "empty-text", message, "fill it in");
            }
        }
    }

    /// A title in every language of the network.
    fn titled(&mut self, place: &str, title: &Titles, languages: &[Language]) {
        for language in languages {
            if title.get(language).is_none_or(|text| text.trim().is_empty()) {
                let language = language.as_str();
                let message = format!("the title lacks the language {language}");
                self.error(
                    place,
                    "title-language",
                    message,
                    format!("add {language} = \"…\""),
                );
            }
        }
    }

    /// R43, UAVG art. 46: the citizen service number is never a field, under any name.
    fn no_citizen_number(&mut self, place: &str, words: impl IntoIterator<Item = impl AsRef<str>>) {
        const NAMES: [&str; 5] = [
            "bsn",
            "burgerservicenummer",
            "sofinummer",
            "sofi",
            "citizenservicenumber",
        ];
        let named = words.into_iter().any(|text| {
            let text = text.as_ref().to_lowercase();
            let joined: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
            text.split(|c: char| !c.is_alphanumeric())
                .any(|word| NAMES.contains(&word))
                || ["burgerservicenummer", "citizenservicenumber"]
                    .iter()
                    .any(|name| joined.contains(name))
        });
        if named {
            self.error(
                place,
                "citizen-number",
                "this is about the citizen service number (BSN)",
                "take it out: a library may not use it (UAVG art. 46)",
            );
        }
    }
}

/// Ids that occur twice, with the index of the second.
fn doubles<T: Ord>(ids: impl IntoIterator<Item = T>) -> Vec<(usize, T)> {
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    for (index, id) in ids.into_iter().enumerate() {
        if seen.contains(&id) {
            twice.push((index, id));
        } else {
            seen.insert(id);
        }
    }
    twice
}

/// The known word that differs least, when it is near enough to be meant.
fn nearest<'a>(word: &str, known: &'a [String]) -> Option<&'a String> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, above_left), above) in b.chars().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(i + 1);
            next.push((above_left + usize::from(x != y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// Whether a text is a term of a vocabulary with one of these prefixes: `dpv:DirectMarketing`.
fn is_term(text: &str, prefixes: &[&str]) -> bool {
    text.split_once(':').is_some_and(|(prefix, name)| {
        prefixes.contains(&prefix)
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    })
}

#[cfg(test)]
mod tests;
