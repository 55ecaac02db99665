//! `akkoord report`: what an officer, a supervisor or a board asks for, in a bundle with a signed manifest; and its
//! verification with the key and nothing else.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use zip::ZipArchive;

use super::client::{PlaceArguments, with_service};
use super::{Failure, say};
use crate::audit::report::{FILE, ReportManifest};
use crate::crypto::note::VerifierKey;
use crate::crypto::sha256;
use crate::domain::hex::hex;
use crate::domain::ids::{OrganisationId, SystemId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::service::refusal::Refusal;
use crate::service::reports::{RegisterView, ReportFormat, ReportKind, RequestReport};
use crate::service::sequence::LogName;
use crate::web::report::{ReportError, bundle};

/// The log whose key signs reports.
const LOG: &str = "admin";
/// The largest file of a report that is verified, in bytes.
const LARGEST: u64 = 4 << 30;

/// Which report, or the verification of one.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// What stands in the audit logs of a time: how much of what, by whom, and every act of administration
    Audit(MakeArguments),
    /// What members said, by library, purpose and month; small figures are hidden
    ConsentRates(MakeArguments),
    /// The register of processing activities (GDPR art. 30)
    Register(MakeArguments),
    /// Who was affected when a system was breached between two instants (GDPR art. 33 and 34)
    Breach(MakeArguments),
    /// Rights requests of a time with their lead times (GDPR art. 12(3))
    RightsRequests(MakeArguments),
    /// Erasures of a time and what their recipients answered (GDPR art. 17 and 19)
    Erasures(MakeArguments),
    /// Verifies a report with the key of the log `admin` and nothing else. Exit codes: 0 in order, 1 changed, 2 bundle or
    /// key cannot be read
    Verify(VerifyArguments),
}

/// Arguments of every report.
#[derive(Debug, Args)]
pub struct MakeArguments {
    /// From this instant, as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    from: Option<Moment>,
    /// Until this instant
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    to: Option<Moment>,
    /// One library; all of them when not given
    #[arg(long, value_name = "ID", value_parser = organisation)]
    organisation: Option<OrganisationId>,
    /// csv (a file for each table), xlsx, json or pdf
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = format)]
    format: ReportFormat,
    /// Of a breach: the system that was breached
    #[arg(long, value_name = "ID", value_parser = system)]
    system: Option<SystemId>,
    /// Of a breach: the system by whose ids people are named, the one that will write to them
    #[arg(long, value_name = "ID", value_parser = system)]
    reader: Option<SystemId>,
    /// Of the register: controller or processor
    #[arg(long, value_name = "VIEW", default_value = "controller", value_parser = view)]
    view: RegisterView,
    /// Why; recorded, sealed, in the admin log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The file to write, a ZIP; it must not exist
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Arguments of `report verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The report
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// The verifier key of the log `admin`, or a file that holds it. Have it from elsewhere than from whoever gave you the
    /// report: the service publishes it at /log/admin/vkey
    #[arg(long, value_name = "VKEY")]
    key: String,
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::parse_rfc3339(text)
        .ok_or_else(|| "expected an instant with an offset, as 2026-11-01T00:00:00Z".to_owned())
}

fn organisation(text: &str) -> Result<OrganisationId, String> {
    text.parse()
        .map_err(|error: crate::domain::ids::NotAnId| error.to_string())
}

fn system(text: &str) -> Result<SystemId, String> {
    text.parse()
        .map_err(|error: crate::domain::ids::NotAnId| error.to_string())
}

fn format(text: &str) -> Result<ReportFormat, String> {
    ReportFormat::parse(text).ok_or_else(|| "the formats are csv, xlsx, json, pdf".to_owned())
}

fn view(text: &str) -> Result<RegisterView, String> {
    RegisterView::parse(text).ok_or_else(|| "the views are controller, processor".to_owned())
}

/// Does what was asked.
pub fn run(command: &ReportCommand) -> Result<(), Failure> {
    match command {
        ReportCommand::Audit(arguments) => make(ReportKind::Audit, arguments),
        ReportCommand::ConsentRates(arguments) => make(ReportKind::ConsentRates, arguments),
        ReportCommand::Register(arguments) => make(ReportKind::Register, arguments),
        ReportCommand::Breach(arguments) => make(ReportKind::Breach, arguments),
        ReportCommand::RightsRequests(arguments) => make(ReportKind::RightsRequests, arguments),
        ReportCommand::Erasures(arguments) => make(ReportKind::Erasures, arguments),
        ReportCommand::Verify(arguments) => verify(arguments),
    }
}

fn make(kind: ReportKind, arguments: &MakeArguments) -> Result<(), Failure> {
    let output = &arguments.output;
    // Before anything is recorded.
    if output.exists() {
        return Err(Failure::Refused(format!(
            "{} exists already; name another file",
            output.display()
        )));
    }
    if kind == ReportKind::Breach && arguments.reader.is_none() {
        return Err(Failure::Refused(
            "name with --reader the system by whose ids people are named, such as the one that will write to them"
                .to_owned(),
        ));
    }
    let folder = match output.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| cannot_write(output, &error))?;
    let asked = RequestReport {
        kind,
        format: arguments.format,
        from: arguments.from,
        to: arguments.to,
        organisation: arguments.organisation.clone(),
        system: arguments.system.clone(),
        view: arguments.view,
        reader: arguments.reader.clone(),
        reason: Personal::new(arguments.reason.clone()),
    };
    let (bytes, vkey) = with_service(&arguments.place, async |service| {
        let operator = service.operator()?;
        known(service, arguments)?;
        let requested = service.request_report(&operator, asked).await.map_err(refused)?;
        let bytes = bundle(service, &operator, &requested.plan).await;
        let bytes = bytes.map_err(|error| match error {
            ReportError::Refused(refusal) => refused(refusal),
            other => Failure::Refused(other.to_string()),
        })?;
        let name = LogName::parse(LOG).ok_or(Refusal::Unavailable)?;
        Ok((bytes, service.log_vkey(name).await?))
    })?;
    file.write_all(&bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| cannot_write(output, &error))?;
    file.persist_noclobber(output)
        .map_err(|error| cannot_write(output, &error.error))?;
    if arguments.place.is_json() {
        let told =
            json!({ "report": output.display().to_string(), "kind": kind.as_str(), "verifierKey": vkey });
        say(&told.to_string());
    } else {
        say(&format!("{}: the report {kind}.", output.display()));
        if kind == ReportKind::Breach {
            say("It names people: keep it where only its reader can read it, and delete it afterwards.");
        }
        say("Whoever gets it verifies it with a key that they have from elsewhere (/log/admin/vkey):");
        say(&format!(
            "  akkoord report verify {} --key '{vkey}'",
            output.display()
        ));
    }
    Ok(())
}

/// A library or reader that is not in the policies would only give an empty report.
fn known(service: &crate::service::Service, arguments: &MakeArguments) -> Result<(), Failure> {
    let catalogue = service.catalogue();
    if let Some(organisation) = &arguments.organisation
        && !catalogue.organisations.contains_key(organisation)
    {
        return Err(Failure::Refused(format!(
            "the policies have no library `{organisation}`; network.toml lists them"
        )));
    }
    if let Some(reader) = &arguments.reader
        && !catalogue.systems.contains_key(reader)
    {
        return Err(Failure::Refused(format!(
            "the policies have no system `{reader}`; systems.toml lists them"
        )));
    }
    Ok(())
}

/// In a sentence: here nobody shows a problem document.
fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(mistakes) => {
            let details: Vec<String> = mistakes
                .into_iter()
                .map(|mistake| {
                    format!(
                        "{}: {}",
                        mistake.pointer.trim_start_matches(['/', '?']),
                        mistake.detail
                    )
                })
                .collect();
            Failure::Refused(details.join(" "))
        }
        other => other.into(),
    }
}

fn cannot_write(output: &Path, error: &std::io::Error) -> Failure {
    Failure::Refused(format!("cannot write {}: {error}", output.display()))
}

fn verify(arguments: &VerifyArguments) -> Result<(), Failure> {
    let unreadable = |what: &str| Failure::Unreadable(format!("{}: {what}", arguments.bundle.display()));
    let text = std::fs::read_to_string(&arguments.key).unwrap_or_else(|_| arguments.key.clone());
    let key = VerifierKey::parse(text.trim()).map_err(|_| {
        Failure::Unreadable(
            "the key is not a verifier key; give the line of /log/admin/vkey, or a file that holds it"
                .to_owned(),
        )
    })?;
    let file = File::open(&arguments.bundle).map_err(|error| unreadable(&error.to_string()))?;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|_| unreadable("not a complete ZIP file"))?;
    let mut read = |name: &str| -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let entry = zip
            .by_name(name)
            .map_err(|_| changed(name, "not in the bundle"))?;
        entry
            .take(LARGEST)
            .read_to_end(&mut bytes)
            .map_err(|_| changed(name, "the ZIP file is damaged here"))?;
        Ok(bytes)
    };
    let manifest = read(FILE)?;
    let manifest = ReportManifest::open(&manifest, key.key())
        .map_err(|error| Failure::Refused(format!("NOT in order: {error}")))?;
    for (name, fact) in &manifest.files {
        let bytes = read(name)?;
        if hex(&sha256(&bytes)) != fact.sha256 {
            return Err(changed(name, "not the file that was signed"));
        }
    }
    let signed: BTreeSet<&str> = manifest.files.keys().map(String::as_str).chain([FILE]).collect();
    for name in zip.file_names() {
        let name = name.map_err(|_| changed("a file", "its name cannot be read"))?;
        if !signed.contains(name.as_ref()) {
            return Err(changed(&name, "it was added: the manifest does not name it"));
        }
    }
    say(&format!(
        "In order: the report {} of {}, made {} under policies {}; {} files. Its request is leaf {} of the log admin.",
        manifest.kind,
        manifest.organisation.as_deref().unwrap_or(&manifest.network),
        manifest.created_at,
        manifest.policy_version,
        manifest.files.len(),
        manifest.request_leaf
    ));
    Ok(())
}

fn changed(name: &str, why: &str) -> Failure {
    Failure::Refused(format!("NOT in order: {name}: {why}"))
}
