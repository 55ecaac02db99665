//! What a certificate is made of: the facts of an erasure, with the proof that each step stands in a log.

use super::view::Erasure;
use crate::audit::leaf::EntryId;
use crate::crypto::note::sign_note;
use crate::domain::ids::ErasureId;
use crate::service::Service;
use crate::service::call::Call;
use crate::service::keys::LOGS;
use crate::service::refusal::{Conflict, Refusal};
use crate::service::sequence::LogName;
use crate::service::work::dated;

/// An erasure, and its proofs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// The erasure.
    pub erasure: Erasure,
    /// The entries, in the order in which they were made.
    pub entries: Vec<CertifiedEntry>,
    /// The keys of the logs, as `/log/NAME/vkey` shows them.
    pub keys: Vec<(String, String)>,
}

/// An entry of a log with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedEntry {
    /// The log.
    pub log: String,
    /// What it tells.
    pub kind: String,
    /// `c2sp.org/tlog-proof@v1` with the entry itself in `extra`.
    pub proof: String,
}

impl Service {
    /// What a certificate is made of; `None` as long as no checkpoint covers every entry, which takes about a second.
    ///
    /// # Errors
    /// [`Refusal`], also when the person is not erased yet.
    pub async fn certify_erasure(&self, call: &Call, id: ErasureId) -> Result<Option<Certified>, Refusal> {
        let erasure = self.erasure(call, id).await?;
        if erasure.key_deleted_at.is_none() {
            return Err(Refusal::Conflict(Conflict::NotErasedYet));
        }
        let mut entries = Vec::with_capacity(erasure.entries.len());
        for row in &erasure.entries {
            let log = LOGS
                .into_iter()
                .find(|log| *log == row.log)
                .ok_or(Refusal::Unavailable)?;
            let proved = match self.proof_of(log, EntryId::from_bytes(row.entry_id)).await {
                Ok(proved) => proved,
                // Pruned since, as the written policy of the log has it.
                Err(Refusal::NotFound) => continue,
                Err(refusal) => return Err(refusal),
            };
            let Some(mut proved) = proved else {
                return Ok(None);
            };
            let place = (dated(row.entry_id).0, log, proved.proof.index);
            proved.proof.extra = Some(proved.line);
            let entry = CertifiedEntry {
                log: row.log.clone(),
                kind: row.kind.clone(),
                proof: proved.proof.to_text(),
            };
            entries.push((place, entry));
        }
        entries.sort_by_key(|(place, _)| *place);
        let entries = entries.into_iter().map(|(_, entry)| entry).collect();
        let mut keys = Vec::new();
        for log in ["consent", "admin"] {
            let name = LogName::parse(log).ok_or(Refusal::Unavailable)?;
            keys.push((log.to_owned(), self.log_vkey(name).await?));
        }
        Ok(Some(Certified {
            erasure,
            entries,
            keys,
        }))
    }

    /// Signs a text as a note (C2SP signed-note) with the key of the admin log, under the name of that log.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] while the log has no key.
    pub async fn sign_as_log(&self, text: &str) -> Result<String, Refusal> {
        let name = LogName::parse("admin").ok_or(Refusal::Unavailable)?;
        let vkey = self.log_vkey(name).await?;
        let key = crate::crypto::note::VerifierKey::parse(&vkey).map_err(|_| Refusal::Unavailable)?;
        let signing = self.keys().log_signing("admin").ok_or(Refusal::Unavailable)?;
        sign_note(text, key.name(), &signing).map_err(|_| Refusal::Unavailable)
    }
}
