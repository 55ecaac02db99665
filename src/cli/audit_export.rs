//! `akkoord audit export`: writes a bundle that anybody can verify offline.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::client::{PlaceArguments, with_service};
use super::progress::Progress;
use super::{Failure, say};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::service::exports::{ExportError, ExportFormat, RequestExport, RequestedExport};
use crate::service::refusal::{Conflict, Refusal};
use crate::service::sequence::LogName;

/// Arguments of `audit export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// consent, decision or admin; `decision-2026` for a log that was closed
    #[arg(long, value_name = "LOG", value_parser = log)]
    log: LogName,
    /// Only entries written not before this instant, as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    from: Option<Moment>,
    /// Only entries written not after this instant
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    to: Option<Moment>,
    /// A further form of the entries beside the lines: csv, xlsx, or ldv (Logboek Dataverwerkingen)
    #[arg(long, value_name = "FORMAT", default_value = "ndjson", value_parser = format)]
    format: ExportFormat,
    /// Opens the private parts: the bundle then holds personal data
    #[arg(long)]
    openings: bool,
    /// Why; recorded, sealed, in the admin log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The file to write; it must not exist
    #[arg(long, value_name = "BUNDLE")]
    output: PathBuf,
    #[command(flatten)]
    place: PlaceArguments,
}

fn log(text: &str) -> Result<LogName, String> {
    LogName::parse(text).ok_or_else(|| "the logs are consent, decision, admin".to_owned())
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::parse_rfc3339(text)
        .ok_or_else(|| "expected an instant with an offset, as 2026-11-01T00:00:00Z".to_owned())
}

fn format(text: &str) -> Result<ExportFormat, String> {
    ExportFormat::parse(text).ok_or_else(|| "the formats are ndjson, csv, xlsx, ldv".to_owned())
}

/// Does it.
pub fn run(arguments: &ExportArguments) -> Result<(), Failure> {
    let output = &arguments.output;
    // Before anything is recorded.
    if output.exists() {
        return Err(Failure::Refused(format!(
            "{} exists already; name another file",
            output.display()
        )));
    }
    let folder = match output.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Readable by its owner only; it gets its name when it is whole.
    let file = tempfile::NamedTempFile::new_in(folder).map_err(|error| cannot_write(output, &error))?;
    let asked = RequestExport {
        log: arguments.log.clone(),
        from: arguments.from,
        to: arguments.to,
        format: arguments.format,
        openings: arguments.openings,
        reason: Personal::new(arguments.reason.clone()),
    };
    let (requested, vkey, file) = with_service(&arguments.place, async |service| {
        let operator = service.operator()?;
        let requested = service.request_export(&operator, asked).await.map_err(refused)?;
        let vkey = service.log_vkey(arguments.log.clone()).await?;
        let progress = Progress::of(
            usize::try_from(requested.plan.steps()).unwrap_or(usize::MAX),
            "steps",
        );
        let into = std::io::BufWriter::with_capacity(1 << 20, file);
        let written = service.write_export(&requested.plan, into, &|steps| {
            progress.advance(usize::try_from(steps).unwrap_or(usize::MAX));
        });
        progress.finish();
        let file = written
            .and_then(|into| Ok(into.into_inner().map_err(|error| error.into_error())?))
            .map_err(|error| match error {
                ExportError::Write(error) => cannot_write(output, &error),
                other => Failure::Refused(other.to_string()),
            })?;
        Ok((requested, vkey, file))
    })?;
    keep(file, output, folder).map_err(|error| cannot_write(output, &error))?;
    tell(arguments, &requested, &vkey);
    Ok(())
}

/// On the disk, and only then under its name.
fn keep(mut file: tempfile::NamedTempFile, output: &Path, folder: &Path) -> std::io::Result<()> {
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist_noclobber(output).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

/// In a sentence: here nobody shows a problem document.
fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(mistakes) => {
            let details: Vec<String> = mistakes.into_iter().map(|mistake| mistake.detail).collect();
            Failure::Refused(details.join(" "))
        }
        Refusal::Conflict(Conflict::NoCheckpoint) => Failure::Refused(
            "there is no signed entry in this log yet; try again a second after the first one was written"
                .to_owned(),
        ),
        Refusal::NotFound => Failure::Refused("there is no such log".to_owned()),
        other => other.into(),
    }
}

fn cannot_write(output: &Path, error: &std::io::Error) -> Failure {
    Failure::Refused(format!("cannot write {}: {error}", output.display()))
}

fn tell(arguments: &ExportArguments, requested: &RequestedExport, vkey: &str) {
    let (plan, output) = (&requested.plan, arguments.output.display());
    if arguments.place.json {
        let told = json!({
            "bundle": output.to_string(), "log": plan.log, "origin": plan.origin(), "firstIndex": plan.from,
            "entries": plan.entries(), "logSize": plan.size, "format": plan.format.as_str(),
            "openings": plan.openings, "verifierKey": vkey,
        });
        say(&told.to_string());
        return;
    }
    say(&format!(
        "{output}: {} entries of {}, {} up to {} of {}.",
        plan.entries(),
        plan.origin(),
        plan.from,
        plan.to,
        plan.size
    ));
    if plan.openings {
        say("It holds personal data: keep it where only its reader can read it, and delete it afterwards.");
    }
    say("Whoever gets it verifies it with a key that they have from elsewhere (/log/NAME/vkey):");
    say(&format!("  akkoord audit verify {output} --key '{vkey}'"));
}
