//! `akkoord erasure`: checks the certificate of an erasure offline, and erases again after older data were restored.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::audit_verify::verifier_key;
use super::client::{PlaceArguments, with_service};
use super::{Failure, say};
use crate::audit::leaf::Leaf;
use crate::audit::tlog_proof::LogProof;
use crate::crypto::note::{VerifierKey, verify_note};
use crate::domain::moment::Moment;
use crate::web::erasure_certificate::{KIND, signed_text};

/// The largest certificate: some hundreds of systems with a proof each.
const LARGEST: u64 = 16 << 20;

/// What can be done with erasures.
#[derive(Debug, Subcommand)]
pub enum ErasureCommand {
    /// Verifies the certificate of an erasure with the keys of the logs and nothing else. Exit codes: 0 in order, 1 not in
    /// order, 2 certificate or key cannot be read
    Verify(VerifyArguments),
    /// After older data were restored beside the present key store: erases again whoever was erased since the backup, which
    /// is whoever has no key any more
    Reapply(ReapplyArguments),
    /// Rewrites the tables that hold data of people, so that their files hold nothing that was deleted. On PostgreSQL for a
    /// quiet hour: each table is locked meanwhile and needs as much free space again. SQLite overwrites at once and needs it not
    RewriteTables(RewriteArguments),
}

/// Arguments of `erasure rewrite-tables`.
#[derive(Debug, Args)]
pub struct RewriteArguments {
    #[command(flatten)]
    place: PlaceArguments,
}

/// Arguments of `erasure reapply`.
#[derive(Debug, Args)]
pub struct ReapplyArguments {
    /// Does it; without this it only says how many people have no key
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Arguments of `erasure verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The certificate: the JSON that GET /v1/erasures/ID/certificate answered
    #[arg(value_name = "CERTIFICATE")]
    certificate: PathBuf,
    /// A key of a log, as /log/admin/vkey and /log/consent/vkey show them, or a file that holds it; give both
    #[arg(long = "key", value_name = "VKEY", required = true)]
    keys: Vec<String>,
}

/// Does what was asked.
pub fn run(command: &ErasureCommand) -> Result<(), Failure> {
    match command {
        ErasureCommand::Verify(arguments) => verify_file(arguments),
        ErasureCommand::Reapply(arguments) => reapply(arguments),
        ErasureCommand::RewriteTables(arguments) => {
            with_service(&arguments.place, async |service| Ok(service.rewrite_tables()?))?;
            say("The tables that hold data of people were rewritten.");
            Ok(())
        }
    }
}

fn reapply(arguments: &ReapplyArguments) -> Result<(), Failure> {
    let found = with_service(&arguments.place, async |service| {
        Ok(service.reapply_erasures(!arguments.yes)?)
    })?;
    if arguments.place.is_json() {
        let text = json!({
            "people": found.people, "withoutKey": found.without_key, "done": found.done,
        });
        say(&text.to_string());
        return Ok(());
    }
    say(&format!(
        "{} of {} people have no key: nobody can read them, and every check denies.",
        found.without_key, found.people
    ));
    say(if found.done {
        "Their rows are deleted and overwritten."
    } else if found.without_key == found.people && found.people > 0 {
        "That is everybody: this is not the key store of these data. Restore the right one; do not say --yes."
    } else {
        "Nothing was changed. If the key store is the newest one there is, say --yes to delete their rows."
    });
    Ok(())
}

fn verify_file(arguments: &VerifyArguments) -> Result<(), Failure> {
    let keys: Result<Vec<VerifierKey>, _> = arguments.keys.iter().map(|key| verifier_key(key)).collect();
    let keys = keys.map_err(|error| Failure::Unreadable(error.to_string()))?;
    let unreadable = |why: String| {
        Failure::Unreadable(format!(
            "{} cannot be read: {why}",
            arguments.certificate.display()
        ))
    };
    let size = std::fs::metadata(&arguments.certificate).map_err(|error| unreadable(error.to_string()))?;
    if size.len() > LARGEST {
        return Err(unreadable("it is larger than any certificate".to_owned()));
    }
    let text =
        std::fs::read_to_string(&arguments.certificate).map_err(|error| unreadable(error.to_string()))?;
    let document: Value = serde_json::from_str(&text).map_err(|_| unreadable("it is not JSON".to_owned()))?;
    match verify(document, &keys) {
        Ok(report) => {
            say(&report);
            Ok(())
        }
        Err(why) => Err(Failure::Refused(format!("NOT in order: {why}"))),
    }
}

/// A certificate whose signature holds.
struct Certificate(Value);

impl Certificate {
    fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member).and_then(Value::as_str)
    }

    fn list(&self, member: &str) -> impl Iterator<Item = &Value> {
        self.0.get(member).and_then(Value::as_array).into_iter().flatten()
    }

    fn moment(&self, member: &str) -> Option<Moment> {
        self.text(member).and_then(Moment::parse_rfc3339)
    }
}

/// What is proved; or the first thing that is wrong.
fn verify(mut document: Value, keys: &[VerifierKey]) -> Result<String, String> {
    let members = document
        .as_object_mut()
        .ok_or("the certificate is not a JSON object")?;
    let Some(Value::String(note)) = members.remove("signature") else {
        return Err("there is no signature in it".to_owned());
    };
    if members.get("type").and_then(Value::as_str) != Some(KIND) {
        return Err(format!("it is no {KIND}"));
    }
    let signed = verify_note(&note, keys).map_err(|error| format!("signature: {error}"))?;
    if signed != signed_text(&document) {
        return Err("signature: the certificate was changed after it was signed".to_owned());
    }
    let certificate = Certificate(document);
    let id = certificate.text("erasureId").unwrap_or_default().to_owned();
    let mut proved = Vec::new();
    let mut found: Vec<Told> = Vec::new();
    for entry in certificate.list("entries") {
        let member = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = member("kind");
        let told = prove(member("proof"), keys).map_err(|why| format!("entry {kind}: {why}"))?;
        if told.kind != kind {
            return Err(format!("entry {kind}: the log has {} there", told.kind));
        }
        if kind != "key.epoch-destroyed" && told.fact("erasure") != Some(&id) {
            return Err(format!("entry {kind}: it is about another erasure"));
        }
        proved.push(format!(
            "  {:<22} {} in {}",
            told.at.rfc3339(),
            told.kind,
            told.place
        ));
        found.push(told);
    }
    steps(&certificate, &found)?;
    recipients(&certificate, &found)?;
    let date = |member: &str| certificate.text(member).unwrap_or("not yet").to_owned();
    let open = certificate
        .list("recipients")
        .filter(|task| task.get("state").and_then(Value::as_str) != Some("acknowledged"))
        .count();
    Ok(format!(
        "In order: certificate of erasure {id}\n  erased                 {}\n  key deleted            {}\n  epoch key destroyed    {}\n  complete               {}\n  recipients             {}, {open} without an answer\nProved:\n{}",
        date("erasedAt"),
        date("keyDeletedAt"),
        date("epochDestroyedAt"),
        date("completedAt"),
        certificate.list("recipients").count(),
        proved.join("\n"),
    ))
}

/// The steps that the certificate names stand in the log, at their times.
fn steps(certificate: &Certificate, found: &[Told]) -> Result<(), String> {
    for (member, kind) in [
        ("proposedAt", "erasure.proposed"),
        ("approvedAt", "erasure.approved"),
        ("erasedAt", "erasure.key-deleted"),
        ("completedAt", "erasure.completed"),
    ] {
        let Some(at) = certificate.moment(member) else {
            if member == "completedAt" {
                continue;
            }
            return Err(format!("{member} is missing"));
        };
        let told = found.iter().find(|told| told.kind == kind);
        let told = told.ok_or_else(|| format!("no entry proves {member}"))?;
        if told.at.millis() != at.millis() {
            return Err(format!(
                "{member} is not when the log has it: {}",
                told.at.rfc3339()
            ));
        }
    }
    if let Some(destroyed) = certificate.text("epochDestroyedAt") {
        let proves = |told: &&Told| {
            told.kind == "key.epoch-destroyed"
                && told.fact("destroyed-at").map(String::as_str) == Some(destroyed)
        };
        let told = found.iter().find(proves).ok_or_else(|| {
            let known: Vec<&str> = found.iter().map(|told| told.kind.as_str()).collect();
            format!(
                "no entry proves epochDestroyedAt {destroyed}; there are {}",
                known.join(", ")
            )
        })?;
        let epoch = certificate.0.get("epoch").and_then(Value::as_u64);
        let ended = told.fact("epoch").and_then(|epoch| epoch.parse::<u64>().ok());
        if epoch.is_none() || ended < epoch {
            return Err("the epoch that ended is older than the key".to_owned());
        }
    }
    Ok(())
}

/// Every answer that the certificate names stands in the log.
fn recipients(certificate: &Certificate, found: &[Told]) -> Result<(), String> {
    for task in certificate.list("recipients") {
        let member = |name: &str| task.get(name).and_then(Value::as_str);
        let Some(outcome) = member("outcome") else {
            continue;
        };
        let system = member("system").unwrap_or_default();
        let proves = |told: &Told| {
            told.kind == "erasure.acknowledged"
                && told.fact("recipient").map(String::as_str) == Some(system)
                && told.fact("outcome").map(String::as_str) == Some(outcome)
        };
        if !found.iter().any(proves) {
            return Err(format!("no entry proves the answer of {system}"));
        }
    }
    Ok(())
}

/// An entry that was proved to be in a log.
struct Told {
    kind: String,
    at: Moment,
    place: String,
    facts: Vec<(String, String)>,
}

impl Told {
    fn fact(&self, name: &str) -> Option<&String> {
        let found = self.facts.iter().find(|(known, _)| known == name);
        found.map(|(_, fact)| fact)
    }
}

fn prove(text: &str, keys: &[VerifierKey]) -> Result<Told, String> {
    let proof = LogProof::parse(text).map_err(|error| error.to_string())?;
    let line = proof.extra.as_deref().ok_or("the proof carries no entry")?;
    let checkpoint = proof.verify(line, keys).map_err(|error| error.to_string())?;
    let leaf = Leaf::parse(line).map_err(|error| error.to_string())?;
    let facts = leaf.extra.iter();
    Ok(Told {
        kind: leaf.kind.as_str().to_owned(),
        at: Moment::from_micros(leaf.millis.saturating_mul(1_000)),
        place: format!(
            "{}, entry {} of {} (root {})",
            checkpoint.origin,
            proof.index,
            checkpoint.size,
            STANDARD.encode(checkpoint.root)
        ),
        facts: facts
            .map(|(name, fact)| (name.as_str().to_owned(), fact.clone().into_owned()))
            .collect(),
    })
}
