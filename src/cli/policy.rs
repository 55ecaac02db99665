//! `akkoord policy`: what a privacy officer runs before a change of `policies/`, and the change itself.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Failure;
use super::client::{PlaceArguments, with_service};
use crate::config::Config;
use crate::crypto::sha256;
use crate::policy::finding::Finding;
use crate::policy::load::{Checked, Inspection, LOCK, inspect, read_folder};
use crate::policy::meaning::update_lock;
use crate::policy::plan::Plan;
use crate::service::apply::PlanMistake;

/// What can be done with policy files.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Checks a folder of policies: form, references, law, plain language, versions and examples
    Check(CheckArguments),
    /// Shows what a folder of policies would change in a running service, and for how many members; changes nothing
    Plan(PlanArguments),
    /// Brings a plan into force, on every node at once; there is no way back but another plan
    Apply(ApplyArguments),
}

/// Arguments of `policy plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// The folder with the new policies; without it the one of the configuration
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Writes the plan to this file, to be approved
    #[arg(long, value_name = "FILE", requires = "proposed_by")]
    out: Option<PathBuf>,
    /// Who proposes it: a name or a role
    #[arg(long, value_name = "NAME")]
    proposed_by: Option<String>,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Arguments of `policy apply`.
#[derive(Debug, Args)]
pub struct ApplyArguments {
    /// The file that `policy plan --out` wrote
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Who approves it: not who proposed it
    #[arg(long, value_name = "NAME")]
    approved_by: String,
    #[command(flatten)]
    place: PlaceArguments,
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
        PolicyCommand::Plan(arguments) => plan(arguments),
        PolicyCommand::Apply(arguments) => apply(arguments),
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

fn plan(arguments: &PlanArguments) -> Result<(), Failure> {
    let folder = match &arguments.policies {
        Some(folder) => folder.clone(),
        None => Config::load(arguments.place.config())?.policies,
    };
    let files = read_folder(&folder).map_err(refused)?;
    let out = &mut io::stdout().lock();
    let made = with_service(&arguments.place, async |service| {
        Ok(service.plan(&files, arguments.proposed_by.as_deref()))
    })?;
    let plan = made.map_err(|mistake| told(&folder, mistake, out))?;
    if let Some(file) = &arguments.out {
        let text = serde_json::to_string_pretty(&plan).map_err(refused)?;
        replace(file, &text)?;
    }
    if arguments.place.json {
        say(out, &serde_json::to_string(&plan).map_err(refused)?);
        return Ok(());
    }
    say(out, &plan.to_string());
    match &arguments.out {
        Some(file) => say(
            out,
            &format!(
                "Nothing is changed yet. Somebody else reads this, and applies it:\n  akkoord policy apply {} --config {} \
                 --approved-by NAME",
                file.display(),
                arguments.place.config().display()
            ),
        ),
        None if plan.is_empty() => {}
        None => say(
            out,
            "Nothing is changed yet. To propose it: --proposed-by NAME --out FILE.",
        ),
    }
    Ok(())
}

fn apply(arguments: &ApplyArguments) -> Result<(), Failure> {
    let file = &arguments.plan;
    let text = std::fs::read_to_string(file)
        .map_err(|error| refused(format!("cannot read {}: {error}", file.display())))?;
    let plan: Plan = serde_json::from_str(&text)
        .map_err(|error| refused(format!("{} is no plan: {error}", file.display())))?;
    let out = &mut io::stdout().lock();
    let applied = with_service(&arguments.place, async |service| {
        let call = service.operator()?;
        Ok(service.apply_plan(&call, &plan, &arguments.approved_by).await)
    })?;
    let version = applied.map_err(|mistake| told(file, mistake, out))?;
    if arguments.place.json {
        say(out, &serde_json::json!({"policyVersion": version}).to_string());
    } else {
        say(
            out,
            &format!(
                "Catalogue {version} is in force. Every node decides with it from its next transaction on; none needs a \
                 restart."
            ),
        );
    }
    Ok(())
}

/// A mistake as a failure; findings are printed one by one first.
fn told(place: &Path, mistake: PlanMistake, out: &mut dyn Write) -> Failure {
    if let PlanMistake::Mistakes(findings) = &mistake {
        print_findings(place, findings, out);
    }
    refused(mistake)
}

fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::Refused(error.to_string())
}

/// A line of output. Whoever closed it does not want to know.
fn say(out: &mut dyn Write, text: &str) {
    writeln!(out, "{}", text.trim_end()).ok();
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
        for folder in ["purposes", "themes"] {
            std::fs::create_dir(place.path().join(folder)).unwrap();
        }
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
            out.starts_with("21 purposes, 9 organisations, 9 systems, "),
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
    fn a_look_that_nobody_could_read_is_refused() {
        let place = copy();
        let file = "themes/bibliotheek-de-linde.css";
        spoil(
            place.path(),
            file,
            "--utrecht-link-color: #1d6b2e",
            "--utrecht-link-color: #9ccc65",
        );
        let (clean, out) = run(place.path(), false);
        assert!(
            !clean && out.contains(&format!("{file}:5: error[theme-contrast]")),
            "{out}"
        );
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
    fn what_cannot_be_read_is_said_in_a_sentence() {
        let mut out = Vec::new();
        let failure = check(Path::new("/nowhere"), false, None, &mut out).unwrap_err();
        assert!(
            failure.to_string().starts_with("cannot read /nowhere: "),
            "{failure}"
        );
    }
}
