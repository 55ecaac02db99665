//! The files that a proposal changes, over those in force.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::crypto::sha256;
use crate::policy::load::{Files, LOCK};
use crate::policy::meaning::update_lock;

/// The new text of each file that changes; none for one that goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Changed(BTreeMap<String, Option<String>>);

impl Changed {
    /// What leads from one set of files to another. `versions.lock` is left out: it follows from the others.
    pub fn between(base: &Files, new: &Files) -> Self {
        let names: BTreeSet<&str> = base.iter().chain(new.iter()).map(|(file, _)| file).collect();
        let differ = names
            .into_iter()
            .filter(|file| *file != LOCK && base.text(file) != new.text(file));
        Self(
            differ
                .map(|file| (file.to_owned(), new.text(file).map(str::to_owned)))
                .collect(),
        )
    }

    /// The same with a new text of one file; a text as it was before changes nothing.
    #[must_use]
    pub fn with(mut self, base: &Files, file: &str, text: Option<String>) -> Self {
        if base.text(file) == text.as_deref() {
            self.0.remove(file);
        } else {
            self.0.insert(file.to_owned(), text);
        }
        self
    }

    /// The files with their new texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(file, text)| (file.as_str(), text.as_deref()))
    }

    /// The new text of a file, if it changes: none inside for one that goes.
    pub fn text(&self, file: &str) -> Option<Option<&str>> {
        self.0.get(file).map(Option::as_deref)
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All files together, with new versions added to `versions.lock`; where that cannot be done, the check says why.
    pub fn over(&self, base: &Files) -> Files {
        let mut files = base.clone();
        for (file, text) in &self.0 {
            match text {
                Some(text) => files.insert(file, text),
                None => drop(files.remove(file)),
            }
        }
        if let Ok(lock) = update_lock(&files, &sha256) {
            files.insert(LOCK, lock);
        }
        files
    }

    /// A changed file of which the text is not the one this began from any more.
    pub(super) fn overtaken(&self, base: &Files, running: &Files) -> Option<&str> {
        self.0
            .keys()
            .map(String::as_str)
            .find(|file| base.text(file) != running.text(file))
    }

    /// How long the texts are together, in bytes.
    pub(super) fn size(&self) -> usize {
        self.0
            .iter()
            .map(|(file, text)| file.len() + text.as_ref().map_or(0, String::len))
            .sum()
    }

    /// A file that is no file of policies.
    pub(super) fn stranger(&self) -> Option<&str> {
        let named = |file: &str, folder: &str, ending: &str| {
            let stem = file
                .strip_prefix(folder)
                .and_then(|name| name.strip_suffix(ending));
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            stem.is_some_and(|stem| !stem.is_empty() && stem.bytes().all(fits))
        };
        let known = |file: &str| {
            named(file, "purposes/", ".toml")
                || named(file, "themes/", ".css")
                || ["network.toml", "data-scopes.toml", "systems.toml"].contains(&file)
        };
        self.0.keys().map(String::as_str).find(|file| !known(file))
    }
}
