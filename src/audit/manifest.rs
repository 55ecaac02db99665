//! `manifest.json` of an export bundle: what is in it, signed with the key of the log.
//!
//! The signature is Ed25519 over `akkoord-export/1`, a newline, and the manifest as compact JSON without its member
//! `signature`, in the order of the members below. It protects the files that the tree does not reach (openings, tables
//! made for people); the leaves are proved by the checkpoint.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::crypto::{PublicKey, SigningKey};

/// The format this program writes and reads.
pub const FORMAT: &str = "akkoord-export/1";

/// How hard the files of a bundle are compressed, 1 to 9.
pub const COMPRESSION: i64 = 3;

/// The files of a bundle.
pub mod file {
    /// What is in it, signed.
    pub const MANIFEST: &str = "manifest.json";
    /// The entries: line `i` is the `i`th entry of the export, byte for byte.
    pub const LEAVES: &str = "leaves.ndjson";
    /// The hash of each line, 32 bytes each: by these a verifier can say which line was changed.
    pub const HASHES: &str = "hashes";
    /// The signed state of the log.
    pub const CHECKPOINT: &str = "checkpoint";
    /// The key that verifies it. A verifier takes the key from elsewhere.
    pub const VKEY: &str = "vkey";
    /// Who is asked to cosign the log's checkpoints, and how many must have: `quorum N`, then a key on each line.
    pub const WITNESSES: &str = "witnesses";
    /// Private parts with what opens them, in the order of their entries.
    pub const OPENINGS: &str = "openings.ndjson";
    /// The entries that tell of an erasure, each with its place.
    pub const ERASURES: &str = "erasures.ndjson";
    /// The same entries as a table.
    pub const CSV: &str = "entries.csv";
    /// The same entries as a workbook.
    pub const XLSX: &str = "entries.xlsx";
    /// The same entries in the shape of the Logboek Dataverwerkingen.
    pub const LDV: &str = "logboek-dataverwerkingen.ndjson";
}

/// One file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFact {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// What is in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// `consent`, `decision` or `admin`.
    pub log: String,
    /// The origin of the log, as in its checkpoint.
    pub origin: String,
    /// The first entry, counted from 0.
    pub from: u64,
    /// The first entry after the last one.
    pub to: u64,
    /// The size of the log in the checkpoint.
    pub size: u64,
    /// When the bundle was made, RFC 3339 UTC.
    pub created_at: String,
    /// Hashes of the tree to the left and right of the entries (RFC 6962 subtrees), base64, outermost first.
    pub left: Vec<String>,
    /// See `left`.
    pub right: Vec<String>,
    /// Every other file.
    pub files: BTreeMap<String, FileFact>,
    /// Ed25519, base64; empty while it is being signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

/// Why a manifest is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON of this format.
    #[error("manifest.json is not a manifest of the format {FORMAT}")]
    Form,
    /// Not JSON of this format; where reading it stopped, counted from 0.
    #[error("manifest.json, byte {byte}: not a manifest of the format {FORMAT}")]
    Syntax {
        /// Where.
        byte: usize,
    },
    /// The signature is not of the key of the log.
    #[error("manifest.json: it was changed, or is signed by another key than the one given")]
    Signature,
}

impl Manifest {
    /// Signs, and gives the file.
    ///
    /// # Errors
    /// None that can occur: strings and numbers are always JSON.
    pub fn sign(mut self, key: &SigningKey) -> Result<Vec<u8>, serde_json::Error> {
        self.signature = String::new();
        self.signature = STANDARD.encode(key.sign(&self.message()?));
        serde_json::to_vec(&self)
    }

    /// Reads a manifest and checks its signature.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn open(file: &[u8], key: &PublicKey) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(file).map_err(|error| ManifestError::Syntax {
            // One line.
            byte: error.column().saturating_sub(1),
        })?;
        if manifest.format != FORMAT {
            return Err(ManifestError::Form);
        }
        let signature = STANDARD
            .decode(&manifest.signature)
            .map_err(|_| ManifestError::Signature)?;
        let unsigned = Self {
            signature: String::new(),
            ..manifest.clone()
        };
        let message = unsigned.message().map_err(|_| ManifestError::Form)?;
        if key.verifies(&message, &signature) {
            Ok(manifest)
        } else {
            Err(ManifestError::Signature)
        }
    }

    fn message(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut message = format!("{FORMAT}\n").into_bytes();
        serde_json::to_writer(&mut message, self)?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Secret32;

    #[test]
    fn a_changed_manifest_is_refused() {
        let key = SigningKey::from_seed(Secret32::from_bytes([3; 32])).unwrap();
        let fact = FileFact {
            bytes: 3,
            sha256: "ab".into(),
        };
        let manifest = Manifest {
            format: FORMAT.into(),
            log: "decision".into(),
            origin: "akkoord.example/decision".into(),
            from: 0,
            to: 5,
            size: 9,
            created_at: "2026-11-22T12:00:00.000Z".into(),
            left: Vec::new(),
            right: vec!["aa".into()],
            files: BTreeMap::from([("leaves.ndjson".to_owned(), fact)]),
            signature: String::new(),
        };
        let file = manifest.clone().sign(&key).unwrap();
        let opened = Manifest::open(&file, &key.public()).unwrap();
        assert_eq!(
            Manifest {
                signature: String::new(),
                ..opened
            },
            manifest
        );
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(Manifest::open(&changed, &key.public()).is_err(), "byte {at}");
        }
        let other = SigningKey::from_seed(Secret32::from_bytes([4; 32])).unwrap();
        assert_eq!(
            Manifest::open(&file, &other.public()),
            Err(ManifestError::Signature)
        );
    }
}
