//! Opaque tokens that carry their own content, for links that must work without signing in.
//!
//! ```text
//! base64url( key version | nonce 12 | ciphertext | tag 16 )
//! ```

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::aead::{self, NONCE_LEN};
use super::frame::Frame;
use super::seal::SealError;
use super::secret::{Secret32, SecretBytes};

/// Longest token that is looked at, in characters.
const MAX_TEXT: usize = 2048;

/// Seals `payload` for the use that `label` names; it opens under no other label. `nonce` must be
/// fresh random bytes.
///
/// # Errors
/// [`SealError::TooLong`] for a payload that would make a token of over 2048 characters.
pub fn seal_token(
    key: &Secret32,
    version: u8,
    label: &str,
    nonce: [u8; NONCE_LEN],
    payload: &[u8],
) -> Result<String, SealError> {
    let mut out = vec![version];
    out.extend_from_slice(&nonce);
    aead::encrypt_onto(&mut out, key, nonce, aad(version, label).as_bytes(), payload)
        .map_err(|_| SealError::TooLong)?;
    let text = URL_SAFE_NO_PAD.encode(out);
    if text.len() > MAX_TEXT {
        Err(SealError::TooLong)
    } else {
        Ok(text)
    }
}

/// Opens a token of the use `label`. `key_of` gives the key of a version, if there is one. Any
/// text that [`seal_token`] did not make gives the same `None`.
#[must_use]
pub fn open_token<'k>(
    key_of: impl FnOnce(u8) -> Option<&'k Secret32>,
    label: &str,
    text: &str,
) -> Option<SecretBytes> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (version, body) = bytes.split_first()?;
    let (nonce, ciphertext) = body.split_first_chunk::<NONCE_LEN>()?;
    aead::decrypt(
        key_of(*version)?,
        *nonce,
        aad(*version, label).as_bytes(),
        ciphertext,
    )
    .ok()
}

fn aad(version: u8, label: &str) -> Frame {
    Frame::new("akkoord/token/v1")
        .number(u64::from(version))
        .text(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> Secret32 {
        Secret32::from_bytes([3; 32])
    }

    #[test]
    fn a_token_opens_for_its_use_only() {
        let key = key();
        let token = seal_token(&key, 2, "unsubscribe", [1; 12], b"who and what").unwrap();
        let by_version = |version| (version == 2).then_some(&key);
        let opened = open_token(by_version, "unsubscribe", &token).unwrap();
        assert_eq!(&*opened, b"who and what");
        assert_eq!(open_token(by_version, "confirm", &token), None);
        assert_eq!(open_token(|_| None, "unsubscribe", &token), None);
        let other = Secret32::from_bytes([4; 32]);
        assert_eq!(open_token(|_| Some(&other), "unsubscribe", &token), None);
        for text in [
            "",
            "A",
            "AQ",
            &format!("{token}="),
            &format!("{token}\n"),
            &"A".repeat(5000),
        ] {
            assert_eq!(open_token(by_version, "unsubscribe", text), None, "{text:?}");
        }
    }

    #[test]
    fn a_payload_too_long_for_a_link_is_refused() {
        let sealed = seal_token(&key(), 1, "unsubscribe", [1; 12], &[0; 2000]);
        assert_eq!(sealed, Err(SealError::TooLong));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_fails(
            payload in proptest::collection::vec(any::<u8>(), 0..64),
            at: proptest::sample::Index, bit in 0..8,
        ) {
            let key = key();
            let token = seal_token(&key, 1, "unsubscribe", [1; 12], &payload).unwrap();
            let mut bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
            let index = at.index(bytes.len());
            bytes[index] ^= 1_u8 << bit;
            let changed = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(open_token(|_| Some(&key), "unsubscribe", &changed), None);
        }
    }
}
