//! The difference between the running catalogue and a folder, as a person reads it before it is applied; and the plan: the
//! document of that difference, with the files themselves, so that what is approved is what is applied.

mod differences;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::examples::{self, Case};
use super::finding::Finding;
use super::load::{Checked, Files, LOCK, Sha256};
use super::meaning::VersionHistory;
use crate::domain::decision::Effect;

/// A proposed change of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of the catalogue it changes; `None` for the first. Applying is refused when another one runs by then.
    pub base: Option<String>,
    /// The date of the new catalogue.
    pub date: String,
    /// Hash of the new files, `Files::sha256`.
    pub files_sha256: String,
    /// What changes.
    pub changes: Vec<Change>,
    /// Questions that are answered otherwise than before.
    pub flips: Vec<Flip>,
    /// What it means for members who said yes; empty until their records were read.
    #[serde(default)]
    pub impact: Option<Impact>,
    /// Who proposes it; somebody else approves it.
    #[serde(default)]
    pub proposed_by: Option<String>,
    /// The new files.
    pub files: Files,
}

/// What a plan means for members who said yes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Impact {
    /// How many people's records were read.
    pub people: u64,
    /// For each purpose with any: the yeses that permit now, and no longer would.
    pub ended: BTreeMap<String, Ended>,
}

/// Yeses that would no longer permit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// How many; who said yes at two libraries counts twice, and is asked twice.
    pub yeses: u64,
    /// At how many libraries.
    pub libraries: u64,
}

/// How something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// It is new.
    New,
    /// It is another than before.
    Changed,
    /// It is gone.
    Removed,
}

/// One thing that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// How.
    pub sort: Sort,
    /// `purpose`, `system`, `organisation`, `data scope`, `identifier scheme` or `network`.
    pub what: String,
    /// Its id.
    pub id: String,
    /// In words, one line each.
    pub details: Vec<String>,
    /// Members who said yes to an earlier version must choose again before this purpose permits anything.
    #[serde(default)]
    pub choose_again: bool,
}

/// A question of the examples that is answered otherwise than before, about a person who chose under the old catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flip {
    /// Who asks.
    pub system: String,
    /// For which purpose.
    pub purpose: String,
    /// To do what.
    pub action: String,
    /// By which channel.
    pub channel: Option<String>,
    /// The example.
    pub example: String,
    /// Answer and reason before.
    pub before: (String, String),
    /// Answer and reason after.
    pub after: (String, String),
}

impl Plan {
    /// Whether there is anything to apply.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.flips.is_empty()
    }

    /// Whether the files are those that were shown.
    pub fn is_intact(&self, sha256: Sha256<'_>) -> bool {
        self.files.sha256(sha256) == self.files_sha256
    }

    /// The purposes for which members must choose again.
    pub fn choose_again(&self) -> impl Iterator<Item = &str> {
        self.changes
            .iter()
            .filter(|change| change.choose_again)
            .map(|change| change.id.as_str())
    }

    /// The plan from the running catalogue to another one.
    ///
    /// # Errors
    /// Findings, when the new `versions.lock` forgot or changed a published version, or when a purpose went back.
    pub fn between(
        before: Option<&Checked>,
        after: &Checked,
        sha256: Sha256<'_>,
    ) -> Result<Self, Vec<Finding>> {
        let mut flips = Vec::new();
        if let Some(before) = before {
            keeps_history(before, after)?;
            flips = find_flips(before, after);
        }
        let mut changes = differences::between(before.map(|before| &before.catalogue), &after.catalogue);
        // Comments, examples and the lock are part of a version too.
        let base_files = before.map(|before| &before.files);
        if changes.is_empty() && base_files.is_some_and(|files| *files != after.files) {
            let details = changed_files(base_files, &after.files);
            changes.push(Change {
                sort: Sort::Changed,
                what: "files".to_owned(),
                id: after.catalogue.network.id.clone(),
                details,
                choose_again: false,
            });
        }
        Ok(Self {
            base: before.map(|before| before.catalogue.version.clone()),
            date: after.documents.network.value.version.clone(),
            files_sha256: after.files.sha256(sha256),
            changes,
            flips,
            impact: None,
            proposed_by: None,
            files: after.files.clone(),
        })
    }
}

fn changed_files(before: Option<&Files>, after: &Files) -> Vec<String> {
    let names: BTreeSet<&str> = before
        .into_iter()
        .chain([after])
        .flat_map(|files| files.iter().map(|(file, _)| file))
        .collect();
    names
        .into_iter()
        .filter(|name| before.and_then(|files| files.text(name)) != after.text(name))
        .map(|name| format!("{name}: comments, examples or order"))
        .collect()
}

fn keeps_history(before: &Checked, after: &Checked) -> Result<(), Vec<Finding>> {
    let old = VersionHistory::of(&before.files).map_err(|finding| vec![finding])?;
    let new = VersionHistory::of(&after.files).map_err(|finding| vec![finding])?;
    let mut found: Vec<Finding> = new
        .lost_since(&old)
        .into_iter()
        .map(|(purpose, version)| {
            let message =
                format!("{purpose} version {version} is in the running catalogue, but not the same here");
            let remedy = "restore versions.lock from the version control: lines are only ever added";
            Finding::error(LOCK, 1, "lock-rewritten", message, remedy)
        })
        .collect();
    for (id, parsed) in &after.documents.purposes {
        let running = before
            .catalogue
            .purposes
            .get(id)
            .map_or(0, |entry| entry.purpose.version);
        if parsed.value.version < running {
            let message = format!(
                "version {} is older than the running version {running}",
                parsed.value.version
            );
            let line = parsed.lines.of("version");
            found.push(Finding::error(
                &parsed.file,
                line,
                "version-lower",
                message,
                "raise the version",
            ));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// Puts the examples of both to both: a person who chose under the old catalogue, asked about before and after.
fn find_flips(before: &Checked, after: &Checked) -> Vec<Flip> {
    let now = examples::instant(&after.catalogue);
    let mut flips: Vec<Flip> = Vec::new();
    for (checked, id, example) in [before, after].into_iter().flat_map(|checked| {
        let purposes = checked.documents.purposes.iter();
        purposes.flat_map(move |(id, parsed)| parsed.value.examples.iter().map(move |e| (checked, id, e)))
    }) {
        let Some(entry) = before.catalogue.purposes.get(id) else {
            continue;
        };
        let Some(home) = checked.documents.home() else {
            continue;
        };
        let case = Case::of(example, entry, &before.catalogue, home, now);
        let (old, new) = (
            case.verdict(&before.catalogue, now),
            case.verdict(&after.catalogue, now),
        );
        if old.effect == new.effect {
            continue;
        }
        let shown = |verdict: &crate::domain::decision::Verdict| {
            (verdict.effect.to_string(), verdict.decisive().to_string())
        };
        let question = &case.question;
        let flip = Flip {
            system: question.system.to_string(),
            purpose: question.purpose.to_string(),
            action: question.action.to_string(),
            channel: question.channel.map(|channel| channel.to_string()),
            example: example.name.clone(),
            before: shown(&old),
            after: shown(&new),
        };
        if !flips.contains(&flip) {
            flips.push(flip);
        }
    }
    // What stops comes first.
    flips.sort_by_key(|flip| flip.after.0 != Effect::Deny.as_str());
    flips
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.base {
            Some(base) => writeln!(f, "From catalogue {base} to {}:", self.date)?,
            None => writeln!(f, "The first catalogue, {}:", self.date)?,
        }
        if self.is_empty() {
            writeln!(f, "  nothing changes")?;
        }
        for Change {
            sort,
            what,
            id,
            details,
            ..
        } in &self.changes
        {
            let sign = match sort {
                Sort::New => '+',
                Sort::Changed => '~',
                Sort::Removed => '-',
            };
            writeln!(f, "  {sign} {what} {id}")?;
            details
                .iter()
                .try_for_each(|detail| writeln!(f, "      {detail}"))?;
        }
        if let Some(impact) = &self.impact {
            impact.fmt(f)?;
        }
        if !self.flips.is_empty() {
            writeln!(f, "Answered otherwise than before, by the examples:")?;
        }
        for flip in &self.flips {
            let Flip {
                system,
                purpose,
                action,
                channel,
                example,
                before,
                after,
            } = flip;
            let way = channel
                .as_ref()
                .map(|channel| format!(" by {channel}"))
                .unwrap_or_default();
            let (was, because) = before;
            let (is, why) = after;
            writeln!(
                f,
                "  {system} {action} {purpose}{way}: {was} ({because}) -> {is} ({why}), {example}"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Members, counted in all {} records:", self.people)?;
        if self.ended.is_empty() {
            writeln!(f, "  every yes stays what it is")?;
        }
        for (purpose, Ended { yeses, libraries }) in &self.ended {
            let who = if *yeses == 1 { "member" } else { "members" };
            let places = if *libraries == 1 { "library" } else { "libraries" };
            writeln!(
                f,
                "  {purpose}: {yeses} {who} of {libraries} {places} who said yes must choose again; denied until then"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
