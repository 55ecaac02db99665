//! The key of one person. Destroying it is erasing what was encrypted for them.

use thiserror::Error;

use super::aead::{self, NONCE_LEN};
use super::derive::{PersonKeys, first, mac};
use super::frame::Frame;
use super::secret::Secret32;

const FORMAT: u8 = 1;
const AES_256_GCM: u8 = 1;

/// Why a wrapped key was not made or not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Too short or long, or of a format or algorithm that this version does not know.
    #[error("wrapped key has an unknown form")]
    Form,
    /// The tag does not fit: changed, moved, or wrapped under another key.
    #[error("wrapped key does not open here with this key")]
    Refused,
    /// The key opened, but is not the one that the check value was made for.
    #[error("opened key does not match its check value")]
    CheckValue,
    /// Key material that no key of its kind can have.
    #[error("not a valid key")]
    Invalid,
}

/// 32 random bytes, never derived from anything about the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonKey(Secret32);

/// Where a wrapped person key stands; it opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonKeyPlace<'a> {
    /// The library network.
    pub tenant: &'a str,
    /// The random 128-bit identifier of the person.
    pub person: &'a [u8; 16],
    /// The version of the person key.
    pub key_version: u32,
    /// The epoch of the key it is wrapped under.
    pub epoch: u64,
}

/// A person key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedPersonKey {
    /// Format and algorithm bytes, nonce, ciphertext and tag: 62 bytes.
    pub sealed: Vec<u8>,
    /// Tells a wrong key from a right one, and commits to it: AES-GCM alone does not, as two keys
    /// can be made that open one ciphertext.
    pub check_value: [u8; 16],
}

impl PersonKey {
    /// A new key from `fill`, the caller's source of randomness.
    #[must_use]
    pub fn generate(fill: &dyn Fn(&mut [u8])) -> Self {
        Self(Secret32::filled(fill))
    }

    /// A key from its 32 bytes.
    #[must_use]
    pub fn from_secret(secret: Secret32) -> Self {
        Self(secret)
    }

    /// The keys for the several uses of the person's data.
    #[must_use]
    pub fn keys(&self) -> PersonKeys {
        PersonKeys::derive(&self.0)
    }

    /// HMAC of a fixed label under this key, first 16 bytes. Says nothing about the key.
    #[must_use]
    pub fn check_value(&self) -> [u8; 16] {
        check_value(&self.0)
    }

    /// Wraps this key under the key of an epoch. `nonce` must be fresh random bytes.
    ///
    /// # Errors
    /// None that can occur: 32 bytes are never too long for the cipher.
    pub fn wrap(
        &self,
        epoch_key: &Secret32,
        place: &PersonKeyPlace<'_>,
        nonce: [u8; NONCE_LEN],
    ) -> Result<WrappedPersonKey, KeyError> {
        let sealed = wrap(epoch_key, &place.aad(), nonce, &self.0)?;
        Ok(WrappedPersonKey {
            sealed,
            check_value: self.check_value(),
        })
    }

    /// Opens a wrapped key and checks that it is the key it claims to be.
    ///
    /// # Errors
    /// [`KeyError`] for anything but the key that was wrapped for this place.
    pub fn unwrap(
        epoch_key: &Secret32,
        place: &PersonKeyPlace<'_>,
        wrapped: &WrappedPersonKey,
    ) -> Result<Self, KeyError> {
        let key = Self(unwrap(epoch_key, &place.aad(), &wrapped.sealed)?);
        // No secret is compared: the check value stands openly beside the wrapped key, and this is done for every check.
        if key.check_value() == wrapped.check_value {
            Ok(key)
        } else {
            Err(KeyError::CheckValue)
        }
    }
}

impl PersonKeyPlace<'_> {
    fn aad(&self) -> Frame {
        Frame::new("akk1")
            .text("person-key")
            .text(self.tenant)
            .bytes(self.person)
            .number(u64::from(self.key_version))
            .number(self.epoch)
    }
}

/// Sixteen bytes by which a key is recognised without being shown.
pub(crate) fn check_value(key: &Secret32) -> [u8; 16] {
    first(&mac(key, &[b"akkoord/kcv/v1"]))
}

/// One key encrypted under another: `0x01 | 0x01 | nonce 12 | ciphertext 32 | tag 16`.
pub(crate) fn wrap(
    under: &Secret32,
    place: &Frame,
    nonce: [u8; NONCE_LEN],
    key: &Secret32,
) -> Result<Vec<u8>, KeyError> {
    let mut out = vec![FORMAT, AES_256_GCM];
    out.extend_from_slice(&nonce);
    aead::encrypt_onto(&mut out, under, nonce, place.as_bytes(), key.expose())
        .map_err(|_| KeyError::Refused)?;
    Ok(out)
}

/// Opens what [`wrap`] made.
pub(crate) fn unwrap(under: &Secret32, place: &Frame, wrapped: &[u8]) -> Result<Secret32, KeyError> {
    let Some(([FORMAT, AES_256_GCM], body)) = wrapped.split_first_chunk::<2>() else {
        return Err(KeyError::Form);
    };
    let (nonce, ciphertext) = body.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Form)?;
    let opened = aead::decrypt(under, *nonce, place.as_bytes(), ciphertext).map_err(|_| KeyError::Refused)?;
    Secret32::from_slice(&opened).ok_or(KeyError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACE: PersonKeyPlace<'static> = PersonKeyPlace {
        tenant: "zuid",
        person: &[1; 16],
        key_version: 1,
        epoch: 42,
    };

    fn epoch_key() -> Secret32 {
        Secret32::from_bytes([4; 32])
    }

    #[test]
    fn a_wrapped_key_opens_in_its_place_only() {
        let key = PersonKey::generate(&|bytes| bytes.fill(8));
        let wrapped = key.wrap(&epoch_key(), &PLACE, [2; 12]).unwrap();
        assert_eq!(wrapped.sealed.len(), 62);
        assert_eq!(PersonKey::unwrap(&epoch_key(), &PLACE, &wrapped), Ok(key));

        for place in [
            PersonKeyPlace {
                tenant: "noord",
                ..PLACE
            },
            PersonKeyPlace {
                person: &[2; 16],
                ..PLACE
            },
            PersonKeyPlace {
                key_version: 2,
                ..PLACE
            },
            PersonKeyPlace { epoch: 43, ..PLACE },
        ] {
            let opened = PersonKey::unwrap(&epoch_key(), &place, &wrapped);
            assert_eq!(opened, Err(KeyError::Refused), "{place:?}");
        }
        let other = Secret32::from_bytes([5; 32]);
        assert_eq!(
            PersonKey::unwrap(&other, &PLACE, &wrapped),
            Err(KeyError::Refused)
        );
    }

    #[test]
    fn a_key_that_is_not_the_one_checked_is_refused() {
        let key = PersonKey::generate(&|bytes| bytes.fill(8));
        let mut wrapped = key.wrap(&epoch_key(), &PLACE, [2; 12]).unwrap();
        wrapped.check_value = PersonKey::generate(&|bytes| bytes.fill(9)).check_value();
        assert_eq!(
            PersonKey::unwrap(&epoch_key(), &PLACE, &wrapped),
            Err(KeyError::CheckValue)
        );
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let mut out = vec![FORMAT, AES_256_GCM];
        out.extend_from_slice(&[2; 12]);
        aead::encrypt_onto(&mut out, &epoch_key(), [2; 12], PLACE.aad().as_bytes(), &[1; 31]).unwrap();
        let wrapped = WrappedPersonKey {
            sealed: out,
            check_value: [0; 16],
        };
        assert_eq!(
            PersonKey::unwrap(&epoch_key(), &PLACE, &wrapped),
            Err(KeyError::Form)
        );
        for short in [&[][..], &[1], &[1, 1], &[1, 1, 0, 0]] {
            let wrapped = WrappedPersonKey {
                sealed: short.to_vec(),
                check_value: [0; 16],
            };
            assert_eq!(
                PersonKey::unwrap(&epoch_key(), &PLACE, &wrapped),
                Err(KeyError::Form)
            );
        }
    }

    proptest! {
        #[test]
        fn any_flipped_bit_of_a_wrapped_key_fails(at in 0_usize..62, bit in 0..8) {
            let key = PersonKey::generate(&|bytes| bytes.fill(8));
            let mut wrapped = key.wrap(&epoch_key(), &PLACE, [2; 12]).unwrap();
            wrapped.sealed[at] ^= 1_u8 << bit;
            prop_assert!(PersonKey::unwrap(&epoch_key(), &PLACE, &wrapped).is_err());
        }
    }
}
