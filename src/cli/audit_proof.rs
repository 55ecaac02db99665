//! `akkoord audit verify` for the proof of a single entry, and for the witnesses below any checkpoint.

use std::io::Read as _;
use std::path::Path;

use chrono::DateTime;

use super::Failure;
use super::audit_verify::verifier_key;
use crate::audit::tlog_proof::LogProof;
use crate::audit::witness::{WitnessKey, cosignatures};
use crate::crypto::note::Note;

/// How a proof begins.
const BEGINNING: &str = "c2sp.org/tlog-proof@";
/// The longest proof: an entry of 64 KiB in base64, 64 hashes and a checkpoint with its witnesses.
const LONGEST: u64 = 1 << 20;

/// The text of a file that holds a proof; `None` for one that holds something else.
pub(super) fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    text.starts_with(BEGINNING).then_some(text)
}

/// What a proof proves, and its checkpoint.
pub(super) fn verify(text: &str, key: &str) -> Result<(String, String), Failure> {
    let key = verifier_key(key).map_err(|error| Failure::Unreadable(error.to_string()))?;
    let broken = |why: String| Failure::Refused(format!("NOT in order: {why}"));
    let proof = LogProof::parse(text).map_err(|error| broken(error.to_string()))?;
    let entry = proof.extra.as_deref().ok_or_else(|| {
        broken("the proof carries no entry in `extra`, so there is nothing that it could prove".to_owned())
    })?;
    let known = std::slice::from_ref(&key);
    let checkpoint = proof
        .verify(entry, known)
        .map_err(|error| broken(error.to_string()))?;
    let report = format!(
        "In order: entry {} of {} ({} entries)\n  {}",
        proof.index,
        checkpoint.origin,
        checkpoint.size,
        String::from_utf8_lossy(entry)
    );
    Ok((report, proof.checkpoint.clone()))
}

/// The keys of witnesses, or the files that hold them.
pub(super) fn witnesses(given: &[String]) -> Result<Vec<WitnessKey>, Failure> {
    let key = |text: &String| {
        let file = || WitnessKey::parse(std::fs::read_to_string(text).ok()?.trim()).ok();
        WitnessKey::parse(text.trim()).ok().or_else(file)
    };
    let keys: Option<Vec<_>> = given.iter().map(key).collect();
    keys.ok_or_else(|| {
        Failure::Unreadable(
            "a witness is given by its key for cosignatures, name+id+key, or a file that holds it".to_owned(),
        )
    })
}

/// A line for each of the witnesses that have cosigned a checkpoint, of which there must be a quorum.
pub(super) fn cosigned(note: &str, witnesses: &[WitnessKey], quorum: usize) -> Result<Vec<String>, Failure> {
    let broken = |why: String| Failure::Refused(format!("NOT in order: {why}"));
    let note = Note::parse(note).map_err(|error| broken(format!("checkpoint: {error}")))?;
    let found = cosignatures(&note, witnesses).map_err(|error| broken(format!("witness: {error}")))?;
    if found.len() < quorum {
        return Err(broken(format!(
            "{} of the {} witnesses have cosigned the checkpoint, and {quorum} are wanted",
            found.len(),
            witnesses.len()
        )));
    }
    let line = |cosignature: &crate::audit::witness::Cosignature<'_>| {
        let seconds = i64::try_from(cosignature.seconds).unwrap_or(i64::MAX);
        let when = DateTime::from_timestamp(seconds, 0)
            .map(|at| at.to_rfc3339())
            .unwrap_or_default();
        format!("  witnessed    by {} at {when}", cosignature.witness.name())
    };
    Ok(found.iter().map(line).collect())
}
