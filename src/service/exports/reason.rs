//! The reason of an export. It is free text, so it may hold what no public line may: the line only commits to it, and
//! carries it sealed. Whoever may read the admin log reads it in a search; whoever gets openings can check it.

use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::audit::opening::Opening;
use crate::audit::private::{commit, verify_opening};
use crate::crypto::{Secret32, SecretBytes};
use crate::service::keys::{AUDIT_REASON, Keyring};
use crate::service::work::Work;

/// What an entry that tells of an export is called.
pub(super) const KIND: &str = "audit.exported";

/// The fact in which the reason stands, sealed.
const SEALED: &str = "sealed";

/// Puts a reason into the line of an entry.
pub(in crate::service) fn put(work: &mut Work<'_, '_>, leaf: &mut Leaf<'_>, reason: &str) -> Option<()> {
    put_sealed(work, leaf, &serde_json::json!({ "reason": reason }))
}

/// Puts facts that no public line may hold into the line of an entry of administration.
pub(in crate::service) fn put_sealed(
    work: &mut Work<'_, '_>,
    leaf: &mut Leaf<'_>,
    facts: &serde_json::Value,
) -> Option<()> {
    let private = facts.to_string();
    let salt: [u8; 32] = work.random();
    let nonce = work.random();
    let sealed = [salt.as_slice(), private.as_bytes()].concat();
    let sealed = work.shared.keys.seal_token(AUDIT_REASON, nonce, &sealed)?;
    leaf.commitment = Some(commit(&Secret32::from_bytes(salt), leaf.id, private.as_bytes()).ok()?);
    leaf.extra.insert(Word::from(SEALED), sealed.into());
    Some(())
}

/// The opening of the entry at `index`, if something is sealed in its line and is what the line commits to.
pub(in crate::service) fn opening(keys: &Keyring, index: u64, leaf: &Leaf<'_>) -> Option<Opening> {
    let id: EntryId = leaf.id;
    let sealed = leaf.extra.get(&Word::from(SEALED))?;
    let opened = SecretBytes::new(keys.open_token(AUDIT_REASON, sealed)?);
    let (salt, private) = opened.split_first_chunk::<32>()?;
    verify_opening(&leaf.commitment?, salt, id, private).then(|| Opening {
        index,
        id,
        private: SecretBytes::new(private.to_vec()),
        salt: Secret32::from_bytes(*salt),
    })
}
