//! `manifest.json` of a report: what was asked and what is in the bundle, signed with the key of the log `admin`, in which
//! the request is recorded.
//!
//! The signature is Ed25519 over `akkoord-report/1`, a newline, and the manifest as compact JSON without its member
//! `signature`, in the order of the members below.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::manifest::FileFact;
use crate::crypto::{PublicKey, SigningKey};

/// The format this program writes and reads.
pub const FORMAT: &str = "akkoord-report/1";

/// The name of the file in the bundle.
pub const FILE: &str = "manifest.json";

/// What is in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReportManifest {
    /// [`FORMAT`].
    pub format: String,
    /// Which report: `audit`, `register`, `breach` …
    pub kind: String,
    /// The network.
    pub network: String,
    /// The library it is about; absent when it is about all that the reader works for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The first instant it covers, RFC 3339 UTC, where it covers a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The last instant it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The version of the policies it was made under.
    pub policy_version: String,
    /// When it was asked for, RFC 3339 UTC.
    pub created_at: String,
    /// Hash of the leaf of the log `admin` that records who asked and why, lower-case hexadecimal.
    pub request_leaf: String,
    /// Every other file.
    pub files: BTreeMap<String, FileFact>,
    /// Ed25519, base64; empty while it is being signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

/// Why a manifest is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportManifestError {
    /// Not JSON of this format; where reading it stopped, counted from 0.
    #[error("manifest.json, byte {byte}: not a manifest of the format {FORMAT}")]
    Form {
        /// Where.
        byte: usize,
    },
    /// The signature is not of the key given.
    #[error("manifest.json: it was changed, or is signed by another key than the one given")]
    Signature,
}

impl ReportManifest {
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
    /// [`ReportManifestError`].
    pub fn open(file: &[u8], key: &PublicKey) -> Result<Self, ReportManifestError> {
        let manifest: Self = serde_json::from_slice(file).map_err(|error| ReportManifestError::Form {
            byte: error.column().saturating_sub(1),
        })?;
        if manifest.format != FORMAT {
            return Err(ReportManifestError::Form { byte: 0 });
        }
        let signature = STANDARD
            .decode(&manifest.signature)
            .map_err(|_| ReportManifestError::Signature)?;
        let unsigned = Self {
            signature: String::new(),
            ..manifest.clone()
        };
        let message = unsigned
            .message()
            .map_err(|_| ReportManifestError::Form { byte: 0 })?;
        if key.verifies(&message, &signature) {
            Ok(manifest)
        } else {
            Err(ReportManifestError::Signature)
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
        let manifest = ReportManifest {
            format: FORMAT.into(),
            kind: "audit".into(),
            network: "n".into(),
            organisation: None,
            from: Some("2026-11-22T12:00:00.000Z".into()),
            to: None,
            policy_version: "2026-11-01.1".into(),
            created_at: "2026-11-22T12:00:00.000Z".into(),
            request_leaf: "00".into(),
            files: BTreeMap::from([("report.json".to_owned(), fact)]),
            signature: String::new(),
        };
        let file = manifest.clone().sign(&key).unwrap();
        let opened = ReportManifest::open(&file, &key.public()).unwrap();
        assert_eq!(opened.files, manifest.files);
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(
                ReportManifest::open(&changed, &key.public()).is_err(),
                "byte {at}"
            );
        }
        let other = SigningKey::from_seed(Secret32::from_bytes([4; 32])).unwrap();
        assert_eq!(
            ReportManifest::open(&file, &other.public()),
            Err(ReportManifestError::Signature)
        );
    }
}
