//! One line of `openings.ndjson`: what an authorised reader is given to check what an entry was about.
//!
//! ```text
//! {"i":12,"id":"<entry id>","private":"<the private JSON, as text>","salt":"<32 bytes, base64url>"}
//! ```
//!
//! It needs none of our keys, and opens nothing else than this one entry.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::leaf::{EntryId, Leaf};
use super::private::verify_opening;
use crate::crypto::{Secret32, SecretBytes};

/// The opening of one entry. Its content is personal data; it cannot be printed by accident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The position of the entry in the log, from 0.
    pub index: u64,
    /// The identity of the entry.
    pub id: EntryId,
    /// The private JSON.
    pub private: SecretBytes,
    /// The salt of the entry.
    pub salt: Secret32,
}

/// Why an opening opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// Not a line of this format, or not written as one is.
    #[error("not an opening of this format")]
    Form,
    /// The private JSON is no text.
    #[error("private part is not UTF-8")]
    Text,
    /// The line it is said to open has another identity.
    #[error("the opening is of another entry than the one at its position")]
    OtherEntry,
    /// The line it is said to open has no private part.
    #[error("the entry has no private part")]
    NothingToOpen,
    /// The line commits to another private part.
    #[error("the entry commits to another private part")]
    Commitment,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    i: u64,
    id: String,
    private: String,
    salt: String,
}

impl Opening {
    /// The line, without a newline.
    ///
    /// # Errors
    /// [`OpeningError::Text`], which cannot occur for what we seal: JSON is UTF-8.
    pub fn encode(&self) -> Result<Vec<u8>, OpeningError> {
        let private = std::str::from_utf8(&self.private).map_err(|_| OpeningError::Text)?;
        let wire = Wire {
            i: self.index,
            id: self.id.to_string(),
            private: private.to_owned(),
            salt: URL_SAFE_NO_PAD.encode(self.salt.expose()),
        };
        serde_json::to_vec(&wire).map_err(|_| OpeningError::Form)
    }

    /// Reads a line; exactly those that [`Opening::encode`] writes are accepted.
    ///
    /// # Errors
    /// [`OpeningError::Form`].
    pub fn parse(line: &[u8]) -> Result<Self, OpeningError> {
        let wire: Wire = serde_json::from_slice(line).map_err(|_| OpeningError::Form)?;
        let salt = URL_SAFE_NO_PAD.decode(&wire.salt).ok();
        let opening = Self {
            index: wire.i,
            id: EntryId::parse(&wire.id).ok_or(OpeningError::Form)?,
            private: SecretBytes::new(wire.private.into_bytes()),
            salt: salt
                .and_then(|bytes| Secret32::from_slice(&bytes))
                .ok_or(OpeningError::Form)?,
        };
        if opening.encode()? == line {
            Ok(opening)
        } else {
            Err(OpeningError::Form)
        }
    }

    /// Whether this opens the entry whose public line is `leaf`.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub fn check(&self, leaf: &[u8]) -> Result<(), OpeningError> {
        let leaf = Leaf::parse(leaf).map_err(|_| OpeningError::OtherEntry)?;
        if leaf.id != self.id {
            return Err(OpeningError::OtherEntry);
        }
        let pc = leaf.commitment.ok_or(OpeningError::NothingToOpen)?;
        if verify_opening(&pc, self.salt.expose(), self.id, &self.private) {
            Ok(())
        } else {
            Err(OpeningError::Commitment)
        }
    }
}
