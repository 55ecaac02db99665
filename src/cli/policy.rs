//! `akkoord policy check` and `akkoord policy plan`: what a privacy officer runs before a change of `policies/`.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Failure;
use crate::crypto::sha256;
use crate::policy::finding::Finding;
use crate::policy::load::{Checked, CompileOptions, Files, Inspection, LOCK, inspect, read_folder};
use crate::policy::meaning::{VersionHistory, update_lock};
use crate::policy::plan::Plan;

/// What can be done with policy files.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Checks a folder of policies: form, references, law, plain language, versions and examples
    Check(CheckArguments),
}

/// Arguments of `policy check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The folder
    #[arg(default_value = "policies")]
    folder: PathBuf,
    /// Adds new versions of purposes to versions.lock before checking
    #[arg(long)]
    update_lock: bool,
    /// List of the terms of the Data Privacy Vocabulary, one a line; every term must be in it
    #[arg(long, value_name = "FILE")]
    dpv_terms: Option<PathBuf>,
}

/// Does what was asked.
pub fn run(command: &PolicyCommand) -> Result<(), Failure> {
    match command {
        PolicyCommand::Check(CheckArguments {
            folder,
            update_lock,
            dpv_terms,
        }) => check(
            folder,
            *update_lock,
            dpv_terms.as_deref(),
            &mut io::stdout().lock(),
        ),
    }
}

/// Checks a folder and prints every finding and a summary. With `lock`, new versions are first added to `versions.lock`.
/// `dpv_terms` is a list of terms of the Data Privacy Vocabulary, one a line.
///
/// # Errors
/// When something cannot be read or written, and when there are mistakes.
pub fn check(
    folder: &Path,
    lock: bool,
    dpv_terms: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut files = read_folder(folder).map_err(refused)?;
    let terms = dpv_terms.map(read_terms).transpose()?;
    if lock {
        match update_lock(&files, &sha256) {
            Ok(text) if files.text(LOCK) == Some(&text) => {}
            Ok(text) => {
                replace(&folder.join(LOCK), &text)?;
                files.insert(LOCK, text);
                say(out, "versions.lock updated");
            }
            // The check below finds the same again, among all others.
            Err(_) => say(out, "versions.lock not updated: correct the mistakes first"),
        }
    }
    let inspection = inspect(&files, terms.as_ref(), &sha256);
    report(folder, &inspection, out)
}

/// Prints what applying a folder would change, and writes the plan to a file. `running` is the catalogue in force: its
/// files and version.
///
/// # Errors
/// When something cannot be read or written, and when there are mistakes.
pub fn plan(
    running: Option<(&Files, &str)>,
    folder: &Path,
    plan_file: Option<&Path>,
    out: &mut dyn Write,
) -> Result<Plan, Failure> {
    let files = read_folder(folder).map_err(refused)?;
    let inspection = inspect(&files, None, &sha256);
    let Some(after) = inspection.checked.as_ref().filter(|_| inspection.is_clean()) else {
        report(folder, &inspection, out)?;
        return Err(refused("the policies have mistakes"));
    };
    let before = running
        .map(|(files, version)| running_catalogue(files, version))
        .transpose();
    let before = before.map_err(|findings| {
        print_findings(Path::new("running catalogue"), &findings, out);
        refused("the running catalogue cannot be read by this release")
    })?;
    let plan = Plan::between(before.as_ref(), after, &sha256).map_err(|findings| {
        print_findings(folder, &findings, out);
        refused("the policies do not continue the running catalogue")
    })?;
    say(out, &plan.to_string());
    if let Some(plan_file) = plan_file {
        let text = serde_json::to_string_pretty(&plan).map_err(refused)?;
        replace(plan_file, &text)?;
        say(out, &format!("Plan written to {}", plan_file.display()));
    }
    Ok(plan)
}

fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::Refused(error.to_string())
}

/// A line of output. Whoever closed it does not want to know.
fn say(out: &mut dyn Write, text: &str) {
    writeln!(out, "{}", text.trim_end()).ok();
}

fn running_catalogue(files: &Files, version: &str) -> Result<Checked, Vec<Finding>> {
    let earlier = VersionHistory::of(files).map_err(|finding| vec![finding])?;
    Checked::compile(files, version, &earlier, CompileOptions::default(), &sha256)
}

fn print_findings(folder: &Path, findings: &[Finding], out: &mut dyn Write) {
    for finding in findings {
        // The whole path, so that an editor or a terminal can open it.
        let file = folder.join(&finding.file).display().to_string();
        say(
            out,
            &Finding {
                file,
                ..finding.clone()
            }
            .to_string(),
        );
    }
}

fn report(folder: &Path, inspection: &Inspection, out: &mut dyn Write) -> Result<(), Failure> {
    print_findings(folder, &inspection.findings, out);
    let mistakes = match inspection
        .findings
        .iter()
        .filter(|finding| finding.is_error())
        .count()
    {
        0 => "no mistakes".to_owned(),
        count => counted(count, "mistake"),
    };
    say(
        out,
        &match &inspection.checked {
            None => format!("{mistakes}; the examples were not run"),
            Some(Checked {
                catalogue, documents, ..
            }) => format!(
                "{}, {}, {}, {}: {mistakes}",
                counted(catalogue.purposes.len(), "purpose"),
                counted(catalogue.organisations.len(), "organisation"),
                counted(catalogue.systems.len(), "system"),
                counted(documents.examples(), "example"),
            ),
        },
    );
    if inspection.is_clean() {
        Ok(())
    } else {
        Err(refused("the policies have mistakes"))
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

fn read_terms(file: &Path) -> Result<BTreeSet<String>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| refused(format!("cannot read {}: {error}", file.display())))?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

/// Writes a file whole or not at all: a lock of which half is lost would let a meaning change unseen.
fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let beside = file.with_extension("new");
    let written = std::fs::File::create(&beside).and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        std::fs::rename(&beside, file)
    });
    written.map_err(|error| refused(format!("cannot write {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
    }

    /// A copy of the shipped policies that a test may spoil.
    fn copy() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("purposes")).unwrap();
        for (file, text) in read_folder(&shipped()).unwrap().iter() {
            std::fs::write(place.path().join(file), text).unwrap();
        }
        place
    }

    fn spoil(folder: &Path, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.contains(from), "{file}");
        std::fs::write(folder.join(file), text.replacen(from, to, 1)).unwrap();
    }

    fn run(folder: &Path, lock: bool) -> (bool, String) {
        let terms = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/dpv-2.3-terms.txt");
        let mut out = Vec::new();
        let done = check(folder, lock, terms.exists().then_some(terms.as_path()), &mut out);
        (done.is_ok(), String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_shipped_policies_have_no_mistakes() {
        let (clean, out) = run(&shipped(), false);
        assert!(clean, "{out}");
        assert!(
            out.starts_with("21 purposes, 9 organisations, 8 systems, "),
            "{out}"
        );
        assert!(out.ends_with(" examples: no mistakes\n"), "{out}");
    }

    #[test]
    fn a_mistake_is_printed_with_its_path_and_counted() {
        let place = copy();
        let file = "purposes/newsletter.toml";
        spoil(place.path(), file, "recipients = [", "recipients = [\"nobody\", ");
        let (clean, out) = run(place.path(), false);
        assert!(!clean);
        let path = place.path().join(file);
        assert!(out.contains(&format!("{}:", path.display())), "{out}");
        assert!(
            out.contains("error[unknown-system]: there is no system nobody"),
            "{out}"
        );
        assert!(out.ends_with("2 mistakes; the examples were not run\n"), "{out}");
    }

    #[test]
    fn the_lock_is_updated_only_for_a_new_version() {
        let place = copy();
        let lock = place.path().join(LOCK);
        let before = std::fs::read_to_string(&lock).unwrap();
        let file = "purposes/lending.toml";
        spoil(
            place.path(),
            file,
            "actions = [\"process\"]",
            "actions = [\"process\", \"share\"]",
        );
        let (clean, out) = run(place.path(), true);
        assert!(!clean && out.starts_with("versions.lock not updated"), "{out}");
        assert_eq!(std::fs::read_to_string(&lock).unwrap(), before);

        spoil(place.path(), file, "version = 1", "version = 2");
        let (clean, out) = run(place.path(), true);
        assert!(clean && out.starts_with("versions.lock updated"), "{out}");
        assert!(std::fs::read_to_string(&lock).unwrap().starts_with(&before));
        assert!(!place.path().join("versions.new").exists());
    }

    #[test]
    fn a_plan_is_shown_and_written() {
        let place = copy();
        spoil(
            place.path(),
            "network.toml",
            "name = \"Bibliotheken",
            "name = \"De bibliotheken",
        );
        let running = read_folder(&shipped()).unwrap();
        let file = place.path().join("plan.json");
        let mut out = Vec::new();
        let made = plan(
            Some((&running, "2026-11-01.1")),
            place.path(),
            Some(&file),
            &mut out,
        )
        .unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(
            shown.starts_with("From catalogue 2026-11-01.1 to 2026-11-01:\n  ~ network"),
            "{shown}"
        );
        let read: Plan = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(read, made);
        assert!(read.is_intact(&sha256));
    }

    #[test]
    fn what_cannot_be_read_is_said_in_a_sentence() {
        let mut out = Vec::new();
        let failure = check(Path::new("/nowhere"), false, None, &mut out).unwrap_err();
        assert!(
            failure.to_string().starts_with("cannot read /nowhere: "),
            "{failure}"
        );
    }
}
