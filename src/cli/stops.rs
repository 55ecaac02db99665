//! `akkoord stops`: the nightly file of stops for systems that only take files.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::client::{PlaceArguments, with_service};
use super::{Failure, say};
use crate::crypto::Sha256;
use crate::domain::hex::hex;
use crate::domain::ids::{SchemeId, SystemId};
use crate::service::Service;
use crate::service::stops::StopRow;

/// The format of the manifest, and the first line of what is signed.
const FORMAT: &str = "akkoord-stops/1";
const HEAD: &str = "person_id,identifier,organisation,purpose,channel,stopped_since,reason\r\n";

/// What can be done with stops.
#[derive(Debug, Subcommand)]
pub enum StopsCommand {
    /// Writes whom a system may no longer write to or process: a CSV file and a signed manifest
    Export(ExportArguments),
}

/// Arguments of `stops export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The system of the policies that the file is for
    #[arg(long, value_name = "ID", value_parser = system_id)]
    system: SystemId,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Also names people by an identifier of this kind, which systems.toml must list for the system
    #[arg(long, value_name = "SCHEME", value_parser = scheme_id)]
    scheme: Option<SchemeId>,
    #[command(flatten)]
    place: PlaceArguments,
}

fn system_id(text: &str) -> Result<SystemId, String> {
    text.parse()
        .map_err(|error: crate::domain::ids::NotAnId| error.to_string())
}

fn scheme_id(text: &str) -> Result<SchemeId, String> {
    text.parse()
        .map_err(|error: crate::domain::ids::NotAnId| error.to_string())
}

/// What is said about the file. Signed as `akkoord-stops/1`, a newline, and this as compact JSON without `signature`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    format: &'static str,
    system: String,
    scheme: Option<String>,
    as_of: String,
    policy_version: String,
    file: String,
    bytes: u64,
    sha256: String,
    rows: u64,
    unreadable_people: u64,
    key_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    signature: String,
}

/// Does what was asked.
pub fn run(command: &StopsCommand) -> Result<(), Failure> {
    let StopsCommand::Export(arguments) = command;
    let written = with_service(&arguments.place, async |service| export(service, arguments))?;
    if arguments.place.is_json() {
        say(&serde_json::to_string(&written).unwrap_or_default());
    } else {
        say(&format!(
            "{} stops of {} in {}",
            written.rows,
            written.system,
            arguments.output.join(&written.file).display()
        ));
    }
    if written.unreadable_people > 0 {
        return Err(Failure::Refused(format!(
            "{} people cannot be read and are not in the file, and nothing is permitted about them. Restore their keys.",
            written.unreadable_people
        )));
    }
    Ok(())
}

fn export(service: &Service, arguments: &ExportArguments) -> Result<Manifest, Failure> {
    let folder = &arguments.output;
    let now = service.world().now();
    let stamp: String = now
        .rfc3339()
        .chars()
        .take(19)
        .filter(|character| !matches!(character, '-' | ':'))
        .collect();
    let name = format!("stops-{}-{stamp}Z.csv", arguments.system);
    let unwritten = |error: &dyn std::fmt::Display| {
        Failure::Refused(format!("cannot write {}: {error}", folder.join(&name).display()))
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| unwritten(&error))?;
    let (mut hash, mut bytes, mut rows) = (Sha256::new(), 0_u64, 0_u64);
    let mut put = |line: &str| {
        hash.update(line.as_bytes());
        bytes += u64::try_from(line.len()).unwrap_or(0);
        file.write_all(line.as_bytes())
    };
    put(HEAD).map_err(|error| unwritten(&error))?;
    let made = service.stops(&arguments.system, arguments.scheme.as_ref(), |row| {
        rows += 1;
        put(&line(&row))
    });
    let made = made.map_err(|mistake| Failure::Refused(mistake.to_string()))?;
    keep(file, &folder.join(&name)).map_err(|error| unwritten(&error))?;
    let mut manifest = Manifest {
        format: FORMAT,
        system: arguments.system.to_string(),
        scheme: arguments.scheme.as_ref().map(ToString::to_string),
        as_of: now.rfc3339(),
        policy_version: service.catalogue().version.to_string(),
        sha256: hex(&hash.finish()),
        bytes,
        rows,
        unreadable_people: made.unreadable,
        key_id: service.sign(b"").1,
        signature: String::new(),
        file: name.clone(),
    };
    let unsigned = serde_json::to_string(&manifest).map_err(|error| unwritten(&error))?;
    let (signature, key_id) = service.sign(format!("{FORMAT}\n{unsigned}").as_bytes());
    if key_id != manifest.key_id {
        return Err(Failure::Refused(
            "the signing key was changed at this moment; run it again".to_owned(),
        ));
    }
    manifest.signature = STANDARD.encode(signature);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| unwritten(&error))?;
    let text = serde_json::to_vec(&manifest).map_err(|error| unwritten(&error))?;
    file.write_all(&text).map_err(|error| unwritten(&error))?;
    // Last: where there is a manifest there is a whole file.
    keep(file, &folder.join(&name).with_extension("json")).map_err(|error| unwritten(&error))?;
    Ok(manifest)
}

/// A file is there whole or not at all; its owner and group may read it.
fn keep(file: tempfile::NamedTempFile, path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o640))?;
    file.as_file().sync_all()?;
    file.persist(path).map(|_| ()).map_err(|error| error.error)
}

fn line(row: &StopRow) -> String {
    let identifier = row.identifier.as_ref().map(|value| value.reveal().as_str());
    let since = row.since.map(|since| since.rfc3339());
    let cells = [
        row.person_id.as_str(),
        identifier.unwrap_or_default(),
        row.organisation.as_str(),
        row.purpose.as_ref().map_or("*", |purpose| purpose.as_str()),
        row.channel.map(|channel| channel.as_str()).unwrap_or_default(),
        since.as_deref().unwrap_or_default(),
        row.reason.as_str(),
    ];
    cells.map(cell).join(",") + "\r\n"
}

/// A cell as RFC 4180 has it. What a spreadsheet would take for a formula gets an apostrophe before it.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_breaks_its_line() {
        for (text, written) in [
            ("2000123456", "2000123456"),
            ("*", "*"),
            (
                "=HYPERLINK(\"https://evil.example\")",
                "\"'=HYPERLINK(\"\"https://evil.example\"\")\"",
            ),
            ("+31612345678", "'+31612345678"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("a,b", "\"a,b\""),
            ("a\r\nb", "\"a\r\nb\""),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
