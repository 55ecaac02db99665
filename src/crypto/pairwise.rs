//! The name by which one calling system knows a person, and no other system does.
//!
//! Two systems, or one system on behalf of two organisations, get unrelated pseudonyms for the
//! same person, so they cannot join their data through us. A pseudonym is deterministic
//! authenticated encryption of the person identifier: no table is needed to read it back.
//!
//! ```text
//! base64url( key version | nonce 12 | ciphertext 16 | tag 16 )      60 characters
//! nonce = HMAC-SHA-256(k_iv, person)[..12]
//! ```

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::aead::{self, NONCE_LEN};
use super::derive::{Hkdf, constant_time_eq, first, mac};
use super::frame::Frame;
use super::secret::Secret32;

const LABEL: &str = "akkoord/pairwise/v1";
const TEXT_LEN: usize = 60;

/// Makes and opens the pseudonyms of one calling system acting for one organisation. Build once
/// and keep: the derivation costs more than its use.
#[derive(Clone)]
pub struct PairwiseKey {
    version: u8,
    nonce_key: Secret32,
    cipher_key: Secret32,
    aad: Frame,
}

impl PairwiseKey {
    /// Derives the keys for `system` acting for `organisation` from version `version` of the
    /// network's `pairwise` key.
    #[must_use]
    pub fn derive(tenant_key: &Secret32, version: u8, system: &str, organisation: &str) -> Self {
        let hkdf = Hkdf::extract(&[], tenant_key.expose());
        let key = |part: &str| {
            hkdf.key(
                Frame::new(LABEL)
                    .text(part)
                    .text(system)
                    .text(organisation)
                    .as_bytes(),
            )
        };
        Self {
            version,
            nonce_key: key("nonce"),
            cipher_key: key("cipher"),
            aad: Frame::new(LABEL)
                .number(u64::from(version))
                .text(system)
                .text(organisation),
        }
    }

    /// The pseudonym of `person`: 60 characters of the base64url alphabet, the same every time.
    ///
    /// # Errors
    /// None that can occur: 16 bytes are never too long for the cipher.
    pub fn pseudonym(&self, person: &[u8; 16]) -> Result<String, super::SealError> {
        let nonce = self.nonce(person);
        let mut out = Vec::with_capacity(45);
        out.push(self.version);
        out.extend_from_slice(&nonce);
        aead::encrypt_onto(&mut out, &self.cipher_key, nonce, self.aad.as_bytes(), person)
            .map_err(|_| super::SealError::TooLong)?;
        Ok(URL_SAFE_NO_PAD.encode(out))
    }

    /// The person behind a pseudonym; `None`, without saying why, for anything that this key did
    /// not make.
    #[must_use]
    pub fn open(&self, text: &str) -> Option<[u8; 16]> {
        let bytes = decode(text)?;
        let (version, body) = bytes.split_first()?;
        let (nonce, ciphertext) = body.split_first_chunk::<NONCE_LEN>()?;
        if *version != self.version {
            return None;
        }
        let opened = aead::decrypt(&self.cipher_key, *nonce, self.aad.as_bytes(), ciphertext).ok()?;
        let person = <[u8; 16]>::try_from(&*opened).ok()?;
        // One person, one pseudonym: a ciphertext under another nonce was not made here.
        constant_time_eq(&self.nonce(&person), nonce).then_some(person)
    }

    /// The version of the network's key that this was derived from.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    fn nonce(&self, person: &[u8; 16]) -> [u8; NONCE_LEN] {
        first(&mac(&self.nonce_key, &[person]))
    }
}

/// The key version that a pseudonym says it was made with, to find the key to open it.
#[must_use]
pub fn version_of(text: &str) -> Option<u8> {
    decode(text)?.first().copied()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() != TEXT_LEN {
        return None;
    }
    // Canonical only: the engine refuses padding, foreign characters and loose last bits.
    URL_SAFE_NO_PAD.decode(text).ok()
}

impl fmt::Debug for PairwiseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairwiseKey")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(system: &str, organisation: &str) -> PairwiseKey {
        PairwiseKey::derive(&Secret32::from_bytes([3; 32]), 1, system, organisation)
    }

    #[test]
    fn a_pseudonym_is_stable_and_opens() {
        let person = [7; 16];
        let made = key("crm", "oba").pseudonym(&person).unwrap();
        assert_eq!(made, key("crm", "oba").pseudonym(&person).unwrap());
        assert_eq!(made.len(), TEXT_LEN);
        assert_eq!(version_of(&made), Some(1));
        assert_eq!(key("crm", "oba").open(&made), Some(person));
    }

    #[test]
    fn foreign_text_and_malformed_text_get_the_same_answer() {
        let made = key("crm", "oba").pseudonym(&[7; 16]).unwrap();
        let other_version = PairwiseKey::derive(&Secret32::from_bytes([3; 32]), 2, "crm", "oba");
        let other_tenant = PairwiseKey::derive(&Secret32::from_bytes([4; 32]), 1, "crm", "oba");
        for wrong in [key("crm", "ob"), key("cr", "moba"), other_version, other_tenant] {
            assert_eq!(wrong.open(&made), None);
        }
        let padded = format!("{made}=");
        let spaced = format!(" {made}");
        let wide = "é".repeat(30);
        for text in [
            "",
            "A",
            made.strip_prefix('A').unwrap(),
            &padded,
            &spaced,
            &wide,
            &"A".repeat(60),
        ] {
            assert_eq!(key("crm", "oba").open(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_ciphertext_under_another_nonce_is_not_a_pseudonym() {
        let key = key("crm", "oba");
        let mut out = vec![1];
        out.extend_from_slice(&[0; 12]);
        aead::encrypt_onto(&mut out, &key.cipher_key, [0; 12], key.aad.as_bytes(), &[7; 16]).unwrap();
        assert_eq!(key.open(&URL_SAFE_NO_PAD.encode(out)), None);
    }

    proptest! {
        #[test]
        fn systems_and_organisations_see_unrelated_names(
            person: [u8; 16], system in "[a-z]{0,4}", organisation in "[a-z]{0,4}",
            system2 in "[a-z]{0,4}", organisation2 in "[a-z]{0,4}",
        ) {
            let one = key(&system, &organisation);
            let two = key(&system2, &organisation2);
            let same = (&system, &organisation) == (&system2, &organisation2);
            let name = one.pseudonym(&person).unwrap();
            prop_assert_eq!(name == two.pseudonym(&person).unwrap(), same);
            prop_assert_eq!(two.open(&name), same.then_some(person));
        }

        #[test]
        fn different_people_have_different_names_and_nonces(a: [u8; 16], b: [u8; 16]) {
            let key = key("crm", "oba");
            prop_assert_eq!(key.nonce(&a) == key.nonce(&b), a == b);
            prop_assert_eq!(key.pseudonym(&a).unwrap() == key.pseudonym(&b).unwrap(), a == b);
        }

        #[test]
        fn any_other_character_fails(at in 0_usize..60, to in "[A-Za-z0-9_-]") {
            let key = key("crm", "oba");
            let made = key.pseudonym(&[7; 16]).unwrap();
            let mut text = made.clone();
            text.replace_range(at..=at, &to);
            prop_assert_eq!(key.open(&text).is_some(), text == made);
        }
    }
}
