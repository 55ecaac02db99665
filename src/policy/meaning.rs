//! What a purpose version means to the person who said yes to it, as one hash; and `versions.lock`, the append-only list
//! of the hashes of every version that was ever published. A meaning that changes under the same version would make old
//! consents say something nobody was asked (R10).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::document::PurposeFile;
use super::finding::{Finding, Report};
use super::load::{Documents, Files, LOCK, Sha256};
use super::source::Parsed;
use crate::domain::hex::hex;
use crate::domain::ids::{DataScopeId, PurposeId, SystemId};
use crate::domain::purpose::{Action, LegalBasis};

/// The form of the bytes below. It never changes: hashes in lock files rest on it.
#[derive(Serialize)]
struct Meaning<'a> {
    format: &'static str,
    questions: BTreeMap<&'a str, &'a str>,
    data_scopes: &'a BTreeSet<DataScopeId>,
    systems: BTreeSet<&'a SystemId>,
    recipients: &'a BTreeSet<SystemId>,
    legal_basis: LegalBasis,
    actions: &'a BTreeSet<Action>,
}

/// The meaning hash of a purpose, in hexadecimal: SHA-256 of a compact JSON document of its questions, data, systems with
/// a grant, recipients, basis and actions, each sorted.
fn meaning(documents: &Documents, purpose: &PurposeFile, sha256: Sha256<'_>) -> String {
    let systems = documents.systems.value.systems.iter();
    let asks =
        |grants: &[super::document::GrantEntry]| grants.iter().any(|g| g.purposes.contains(&purpose.id));
    let document = Meaning {
        format: "akkoord-meaning-v1",
        questions: purpose
            .notices
            .iter()
            .filter_map(|(variant, notice)| Some((variant.as_str(), notice.question.as_deref()?)))
            .collect(),
        data_scopes: &purpose.data_scopes,
        systems: systems
            .filter(|system| asks(&system.grants))
            .map(|system| &system.id)
            .collect(),
        recipients: &purpose.recipients,
        legal_basis: purpose.legal_basis,
        actions: &purpose.actions,
    };
    hex(&sha256(&serde_json::to_vec(&document).unwrap_or_default()))
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile {
    #[serde(rename = "version", default)]
    versions: Vec<LockEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockEntry {
    purpose: PurposeId,
    version: u32,
    material: bool,
    meaning: String,
}

/// What is known of a published version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedVersion {
    /// Whether consents for earlier versions ended with it.
    pub material: bool,
    /// Its meaning hash, 64 hexadecimal digits.
    pub meaning: String,
}

/// Every published version of every purpose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionHistory(BTreeMap<PurposeId, BTreeMap<u32, LockedVersion>>);

impl VersionHistory {
    /// Reads `versions.lock`; without one there is no history.
    pub fn of(files: &Files) -> Result<Self, Finding> {
        let Some(text) = files.text(LOCK) else {
            return Ok(Self::default());
        };
        let parsed: Parsed<LockFile> = Parsed::read(LOCK, text)?;
        let mut history = Self::default();
        for (index, entry) in parsed.value.versions.into_iter().enumerate() {
            let wrong = |message: String| {
                let line = parsed.lines.of(&format!("version.{index}.version"));
                let remedy = "restore versions.lock from the version control: lines are only ever added";
                Finding::error(LOCK, line, "lock-broken", message, remedy)
            };
            let hash = entry
                .meaning
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if !hash || entry.meaning.len() != 64 || entry.version == 0 {
                return Err(wrong(format!(
                    "the entry of {} {} is damaged",
                    entry.purpose, entry.version
                )));
            }
            let versions = history.0.entry(entry.purpose.clone()).or_default();
            if versions
                .last_key_value()
                .is_some_and(|(last, _)| *last >= entry.version)
            {
                return Err(wrong(format!(
                    "{} {} comes after a later version",
                    entry.purpose, entry.version
                )));
            }
            versions.insert(
                entry.version,
                LockedVersion {
                    material: entry.material,
                    meaning: entry.meaning,
                },
            );
        }
        Ok(history)
    }

    /// The newest material version up to and including one.
    pub fn newest_material(&self, purpose: &PurposeId, up_to: u32) -> Option<u32> {
        let versions = self.0.get(purpose)?;
        versions
            .range(..=up_to)
            .rev()
            .find(|(_, locked)| locked.material)
            .map(|(version, _)| *version)
    }

    /// A published version.
    pub fn version(&self, purpose: &PurposeId, version: u32) -> Option<&LockedVersion> {
        self.0.get(purpose)?.get(&version)
    }

    /// The newest published version of a purpose.
    pub fn newest(&self, purpose: &PurposeId) -> Option<u32> {
        self.0.get(purpose)?.last_key_value().map(|(version, _)| *version)
    }

    /// Versions of another history that are missing here or say something else.
    pub fn lost_since(&self, before: &Self) -> Vec<(PurposeId, u32)> {
        let all = before.0.iter().flat_map(|(purpose, versions)| {
            versions
                .iter()
                .map(move |(version, locked)| (purpose, *version, locked))
        });
        all.filter(|(purpose, version, locked)| self.version(purpose, *version) != Some(*locked))
            .map(|(purpose, version, _)| (purpose.clone(), version))
            .collect()
    }
}

/// Compares every purpose with the lock.
pub(super) fn check(
    documents: &Documents,
    history: &VersionHistory,
    sha256: Sha256<'_>,
    found: &mut Vec<Finding>,
) {
    for parsed in documents.purposes.values() {
        let (file, purpose) = (&parsed.file, &parsed.value);
        let mut report = Report {
            file,
            lines: &parsed.lines,
            found,
        };
        let (id, version) = (&purpose.id, purpose.version);
        let newest = history.newest(id).unwrap_or(0);
        match history.version(id, version) {
            _ if version < newest => report.error(
                "version",
                "version-lower",
                format!("version {version} is older than the published version {newest}"),
                format!("use version {newest}, or {} after a change of meaning", newest + 1),
            ),
            None => report.error(
                "version",
                "version-not-locked",
                format!("version {version} of {id} is not in versions.lock"),
                "run `akkoord policy check --update-lock` and commit versions.lock with this file",
            ),
            Some(locked) if locked.material != purpose.material => report.error(
                "material",
                "material-changed",
                format!("version {version} was published with material = {}", locked.material),
                format!("set it back, or use version {}", version + 1),
            ),
            Some(locked) if locked.meaning != meaning(documents, purpose, sha256) => report.error(
                "version",
                "meaning-changed",
                format!(
                    "the question, data, systems, recipients, basis or actions of {id} changed, but version {version} \
                     was published with another meaning"
                ),
                format!(
                    "use version {}, with material = true when members must be asked again, or undo the change",
                    version + 1
                ),
            ),
            Some(_) => {}
        }
    }
}

const LOCK_HEADING: &str = "# The meaning of every published version of every purpose; `akkoord policy check --update-lock` adds to it.\n\
                            # Never change or remove a line: consents rest on what these versions meant.\n";

/// The text of `versions.lock` with the new versions added at its end. What is there stays as it is, byte for byte.
///
/// # Errors
/// The findings, when a file cannot be read, or when a published version would get another meaning: raising the version is
/// the decision of a person.
pub fn update_lock(files: &Files, sha256: Sha256<'_>) -> Result<String, Vec<Finding>> {
    let (documents, mut found) = Documents::read(files);
    let history = VersionHistory::of(files).map_err(|finding| vec![finding])?;
    let Some(documents) = documents.filter(|_| found.is_empty()) else {
        return Err(found);
    };
    check(&documents, &history, sha256, &mut found);
    found.retain(|finding| finding.code != "version-not-locked");
    if !found.is_empty() {
        return Err(found);
    }
    let mut text = files.text(LOCK).unwrap_or(LOCK_HEADING).to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for parsed in documents.purposes.values() {
        let PurposeFile {
            id,
            version,
            material,
            ..
        } = &parsed.value;
        if history.version(id, *version).is_none() {
            let meaning = meaning(&documents, &parsed.value, sha256);
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\n[[version]]\npurpose = \"{id}\"\nversion = {version}\nmaterial = {material}\nmeaning = \"{meaning}\"\n"
            );
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{findings, folder, hash, replace, spoiled, unlocked};
    use super::*;

    const TIPS: &str = "purposes/tips.toml";

    #[test]
    fn a_lock_grows_at_its_end_and_keeps_what_is_there() {
        let first = folder();
        let text = first.text(LOCK).unwrap();
        assert!(text.starts_with("# The meaning of every published version"));
        assert_eq!(text.matches("[[version]]").count(), 3);
        assert_eq!(
            update_lock(&first, &hash).unwrap(),
            text,
            "nothing new, nothing written"
        );

        let mut next = first.clone();
        replace(&mut next, TIPS, "version = 2", "version = 3");
        replace(
            &mut next,
            TIPS,
            "Mogen we je leestips sturen?",
            "Mogen we je vaker leestips sturen?",
        );
        let longer = update_lock(&next, &hash).unwrap();
        assert!(longer.starts_with(text) && longer.contains("version = 3"));
        next.insert(LOCK, longer);
        assert!(findings(&next).is_empty(), "{:#?}", findings(&next));
        let (old, new) = (
            VersionHistory::of(&first).unwrap(),
            VersionHistory::of(&next).unwrap(),
        );
        assert_eq!(new.lost_since(&old), []);
        assert_eq!(old.lost_since(&new), [("tips".parse().unwrap(), 3)]);
    }

    #[test]
    fn a_published_version_does_not_get_another_meaning() {
        let changed = spoiled(TIPS, "Mogen we je leestips sturen?", "Mogen we je alles sturen?");
        let found = update_lock(&changed, &hash).unwrap_err();
        assert_eq!(
            found.iter().map(|f| f.code).collect::<Vec<_>>(),
            ["meaning-changed"]
        );
    }

    #[test]
    fn the_meaning_is_question_data_systems_recipients_basis_and_actions() {
        let meaning_of = |files: &Files| {
            let documents = Documents::read(files).0.unwrap();
            let purpose = documents.purposes[&"tips".parse::<PurposeId>().unwrap()]
                .value
                .clone();
            meaning(&documents, &purpose, &hash)
        };
        let before = meaning_of(&unlocked());
        let changes = [
            (TIPS, "Mogen we je leestips sturen?", "Mogen we je post sturen?"),
            (TIPS, "May we send you reading tips?", "May we send you post?"),
            (
                TIPS,
                "data_scopes = [\"email\", \"loan-history\"]",
                "data_scopes = [\"email\"]",
            ),
            (
                TIPS,
                "recipients = [\"crm\"]",
                "recipients = [\"crm\", \"portal\"]",
            ),
            (TIPS, "legal_basis = \"consent\"", "legal_basis = \"contract\""),
            (
                TIPS,
                "actions = [\"contact\", \"enrich\"]",
                "actions = [\"contact\"]",
            ),
            ("systems.toml", "id = \"crm\"", "id = \"mailer\""),
        ];
        for (file, from, to) in changes {
            assert_ne!(meaning_of(&spoiled(file, from, to)), before, "{to}");
        }
        let words = [
            (
                TIPS,
                "We kijken welke boeken je leent.",
                "We kijken naar je boeken.",
            ),
            (TIPS, "validity = \"P24M\"", "validity = \"P12M\""),
            (
                TIPS,
                "[\"email\", \"loan-history\"]",
                "[\"loan-history\", \"email\"]",
            ),
        ];
        for (file, from, to) in words {
            assert_eq!(meaning_of(&spoiled(file, from, to)), before, "{to}");
        }
    }

    #[test]
    fn a_damaged_lock_is_refused() {
        let entry = "[[version]]\npurpose = \"tips\"\nversion = 1\nmaterial = true\nmeaning = \"HASH\"\n";
        let good = "0".repeat(64);
        let locks = [
            entry.replace("HASH", "00"),
            entry.replace("HASH", &"Z".repeat(64)),
            format!("{0}{0}", entry.replace("HASH", &good)),
            "[[version]]\npurpose = 3\n".to_owned(),
        ];
        for lock in locks {
            let mut files = unlocked();
            files.insert(LOCK, lock.clone());
            assert!(VersionHistory::of(&files).is_err(), "{lock}");
            assert!(update_lock(&files, &hash).is_err(), "{lock}");
        }
    }
}
