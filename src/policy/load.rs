//! From a folder to a catalogue. Reading the folder is the only input or output of this room; everything after it is a
//! pure function of the texts.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::assemble;
use super::catalogue::Catalogue;
use super::check;
use super::document::{DataScopesFile, NetworkFile, PurposeFile, SystemsFile};
use super::finding::Finding;
use super::meaning::VersionHistory;
use super::source::Parsed;
use super::{examples, meaning, plain_language, theme};
use crate::domain::hex::hex;
use crate::domain::ids::{OrganisationId, PurposeId};

/// SHA-256, given by whoever may compute it: this room stands below `crypto`.
pub type Sha256<'a> = &'a dyn Fn(&[u8]) -> [u8; 32];

/// The longest policy file that is read, in bytes.
const LONGEST_FILE: u64 = 1 << 20;

const NETWORK: &str = "network.toml";
const DATA_SCOPES: &str = "data-scopes.toml";
const SYSTEMS: &str = "systems.toml";
/// The file with the meaning of every published version.
pub const LOCK: &str = "versions.lock";

/// The texts of a policy folder by relative path: what is checked, hashed and stored as a version of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Files(BTreeMap<String, String>);

impl Files {
    /// The text of a file.
    pub fn text(&self, file: &str) -> Option<&str> {
        self.0.get(file).map(String::as_str)
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, file: impl Into<String>, text: impl Into<String>) {
        self.0.insert(file.into(), text.into());
    }

    /// Takes a file out.
    pub fn remove(&mut self, file: &str) -> Option<String> {
        self.0.remove(file)
    }

    /// Every file with its text, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(file, text)| (file.as_str(), text.as_str()))
    }

    /// The date that `network.toml` gives this catalogue, as written; `None` when it cannot be read.
    pub fn date(&self) -> Option<String> {
        let network: Parsed<NetworkFile> = Parsed::read(NETWORK, self.text(NETWORK)?).ok()?;
        Some(network.value.version)
    }

    /// SHA-256 over every path and text, each with its length before it, in hexadecimal.
    pub fn sha256(&self, sha256: Sha256<'_>) -> String {
        let mut bytes = b"akkoord-policies-v1\n".to_vec();
        for part in self.0.iter().flat_map(|(file, text)| [file, text]) {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        hex(&sha256(&bytes))
    }
}

/// Why a folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The operating system says no.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A policy file is no text.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// What.
        path: PathBuf,
    },
    /// A policy file is too long.
    #[error("{path} is longer than {LONGEST_FILE} bytes")]
    TooLong {
        /// What.
        path: PathBuf,
    },
}

/// Reads `network.toml`, `data-scopes.toml`, `systems.toml`, `versions.lock` and everything in `purposes/` and `themes/`. Files that are
/// not there are left out; `compile` says so. Hidden files and editors' copies (`name~`) are passed over.
pub fn read_folder(folder: &Path) -> Result<Files, LoadError> {
    let mut files = Files::default();
    // A folder that is not there is another mistake than a folder without files.
    std::fs::read_dir(folder).map_err(|source| LoadError::Read {
        path: folder.to_owned(),
        source,
    })?;
    for file in [NETWORK, DATA_SCOPES, SYSTEMS, LOCK] {
        if let Some(text) = read_text(&folder.join(file))? {
            files.insert(file, text);
        }
    }
    for inner in ["purposes", "themes"] {
        read_inner(folder, inner, &mut files)?;
    }
    Ok(files)
}

/// Everything in a folder of the folder, which need not be there.
fn read_inner(folder: &Path, inner: &str, files: &mut Files) -> Result<(), LoadError> {
    let folder = folder.join(inner);
    let failed = |source| LoadError::Read {
        path: folder.clone(),
        source,
    };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            return Err(LoadError::NotText { path });
        };
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        if let Some(text) = read_text(&path)? {
            files.insert(format!("{inner}/{name}"), text);
        }
    }
    Ok(())
}

fn read_text(path: &Path) -> Result<Option<String>, LoadError> {
    let failed = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    match std::fs::metadata(path) {
        Ok(data) if data.len() > LONGEST_FILE => {
            return Err(LoadError::TooLong {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| LoadError::NotText {
            path: path.to_owned(),
        })
}

/// The files, each read on its own.
#[derive(Debug, Clone)]
pub struct Documents {
    pub(super) network: Parsed<NetworkFile>,
    pub(super) data_scopes: Parsed<DataScopesFile>,
    pub(super) systems: Parsed<SystemsFile>,
    pub(super) purposes: BTreeMap<PurposeId, Parsed<PurposeFile>>,
    /// Purposes whose file could not be read: named by others without that being a second mistake.
    pub(super) broken: BTreeSet<PurposeId>,
}

impl Documents {
    /// Reads the files. Mistakes in the three common files stop here; mistakes in purposes are given beside the rest.
    pub fn read(files: &Files) -> (Option<Self>, Vec<Finding>) {
        let mut found = Vec::new();
        let network = read_file(files, NETWORK, &mut found);
        let data_scopes = read_file(files, DATA_SCOPES, &mut found);
        let systems = read_file(files, SYSTEMS, &mut found);
        let (purposes, broken) = read_purposes(files, &mut found);
        let documents = match (network, data_scopes, systems) {
            (Some(network), Some(data_scopes), Some(systems)) => Some(Self {
                network,
                data_scopes,
                systems,
                purposes,
                broken,
            }),
            _ => None,
        };
        (documents, found)
    }

    /// The library of examples that name none: the first of `network.toml`.
    pub(super) fn home(&self) -> Option<&OrganisationId> {
        self.network
            .value
            .organisations
            .first()
            .map(|organisation| &organisation.id)
    }

    /// How many examples there are.
    pub fn examples(&self) -> usize {
        self.purposes
            .values()
            .map(|purpose| purpose.value.examples.len())
            .sum()
    }
}

fn read_file<T: serde::de::DeserializeOwned>(
    files: &Files,
    file: &str,
    found: &mut Vec<Finding>,
) -> Option<Parsed<T>> {
    let Some(text) = files.text(file) else {
        let message = format!("{file} is missing");
        found.push(Finding::error(
            file,
            1,
            "missing-file",
            message,
            "write it as policies/README.md describes",
        ));
        return None;
    };
    Parsed::read(file, text)
        .map_err(|finding| found.push(finding))
        .ok()
}

type Purposes = BTreeMap<PurposeId, Parsed<PurposeFile>>;

fn read_purposes(files: &Files, found: &mut Vec<Finding>) -> (Purposes, BTreeSet<PurposeId>) {
    let (mut purposes, mut broken) = (BTreeMap::new(), BTreeSet::new());
    for (file, text) in files.iter() {
        let Some(name) = file.strip_prefix("purposes/") else {
            continue;
        };
        let Some(stem) = name.strip_suffix(".toml") else {
            let message = format!("{name} is not a purpose: its name does not end in .toml");
            found.push(Finding::error(
                file,
                1,
                "unexpected-file",
                message,
                "rename it or take it out of purposes/",
            ));
            continue;
        };
        match Parsed::<PurposeFile>::read(file, text) {
            Ok(parsed) if parsed.value.id.as_str() == stem => {
                purposes.insert(parsed.value.id.clone(), parsed);
            }
            Ok(parsed) => {
                let id = &parsed.value.id;
                let message = format!("the id is {id}, the file is called {name}");
                let remedy = format!("call the file {id}.toml, or the purpose {stem}");
                found.push(Finding::error(
                    file,
                    parsed.lines.of("id"),
                    "file-name",
                    message,
                    remedy,
                ));
                broken.insert(id.clone());
                broken.extend(stem.parse::<PurposeId>());
            }
            Err(finding) => {
                found.push(finding);
                broken.extend(stem.parse::<PurposeId>());
            }
        }
    }
    if purposes.is_empty() && broken.is_empty() {
        let message = "there are no purposes";
        found.push(Finding::error(
            "purposes",
            1,
            "missing-file",
            message,
            "write at least one purposes/<id>.toml",
        ));
    }
    (purposes, broken)
}

/// What is not in the files.
#[derive(Debug, Clone, Copy, Default)]
pub struct CompileOptions {
    /// Adds the identifier scheme `test`, which every system may use, for the magic subjects of a demo.
    pub test_subjects: bool,
}

/// A catalogue with what it was made of.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The texts.
    pub files: Files,
    /// The texts as documents, with the examples.
    pub documents: Documents,
    /// The catalogue.
    pub catalogue: Catalogue,
}

impl Checked {
    /// Makes a catalogue, or says what is wrong. Checked is everything a decision or a register rests on. Wording,
    /// examples and the lock are for `inspect`: a version once applied must load in every later release.
    pub fn compile(
        files: &Files,
        version: &str,
        earlier: &VersionHistory,
        options: CompileOptions,
        sha256: Sha256<'_>,
    ) -> Result<Self, Vec<Finding>> {
        let (documents, mut found) = Documents::read(files);
        if let Some(documents) = documents {
            check::all(&documents, &mut found);
            if !found.iter().any(Finding::is_error)
                && let Some(mut catalogue) =
                    assemble::catalogue(&documents, version, earlier, options, sha256)
            {
                catalogue.themes = theme::readable(files);
                return Ok(Self {
                    files: files.clone(),
                    documents,
                    catalogue,
                });
            }
        }
        in_order(&mut found);
        Err(found)
    }
}

/// Makes a catalogue: `Checked::compile` without the documents.
pub fn compile(
    files: &Files,
    version: &str,
    earlier: &VersionHistory,
    options: CompileOptions,
    sha256: Sha256<'_>,
) -> Result<Catalogue, Vec<Finding>> {
    Checked::compile(files, version, earlier, options, sha256).map(|checked| checked.catalogue)
}

/// The outcome of the whole check.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Every finding, by file and line.
    pub findings: Vec<Finding>,
    /// The catalogue and its documents, when nothing a decision rests on is wrong.
    pub checked: Option<Checked>,
}

impl Inspection {
    /// Whether the folder may be applied.
    pub fn is_clean(&self) -> bool {
        self.checked.is_some() && !self.findings.iter().any(Finding::is_error)
    }
}

/// Checks everything about a folder before it is applied: what `compile` checks, and also the wording, the lock of
/// versions, the examples and, where a list is given, that every term of the Data Privacy Vocabulary exists.
pub fn inspect(files: &Files, dpv_terms: Option<&BTreeSet<String>>, sha256: Sha256<'_>) -> Inspection {
    let (documents, mut findings) = Documents::read(files);
    let earlier = VersionHistory::of(files).unwrap_or_else(|finding| {
        findings.push(finding);
        VersionHistory::default()
    });
    let mut checked = None;
    if let Some(documents) = documents {
        check::all(&documents, &mut findings);
        let organisations = &documents.network.value.organisations;
        let organisations: Vec<_> = organisations.iter().map(|entry| &entry.id).collect();
        let sound = !findings.iter().any(Finding::is_error);
        if let Some(terms) = dpv_terms {
            check::terms_exist(&documents, terms, &mut findings);
        }
        plain_language::check(&documents, &mut findings);
        meaning::check(&documents, &earlier, sha256, &mut findings);
        theme::check(files, &organisations, &mut findings);
        let version = format!("{}.0", documents.network.value.version);
        if sound
            && let Some(mut catalogue) =
                assemble::catalogue(&documents, &version, &earlier, CompileOptions::default(), sha256)
        {
            catalogue.themes = theme::readable(files);
            examples::check(&documents, &catalogue, &mut findings);
            checked = Some(Checked {
                files: files.clone(),
                documents,
                catalogue,
            });
        }
    }
    in_order(&mut findings);
    Inspection { findings, checked }
}

fn in_order(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (&a.file, a.line, a.severity).cmp(&(&b.file, b.line, b.severity)));
}

#[cfg(test)]
mod tests;
