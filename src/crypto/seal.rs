//! Personal data at rest: encrypted, and bound to the one place where it may stand.
//!
//! ```text
//! 0x01 | algorithm 0x01 | key version u32 BE | nonce 12 | ciphertext | tag 16
//! ```

use thiserror::Error;

use super::aead::{self, NONCE_LEN, TAG_LEN};
use super::derive::first;
use super::frame::Frame;
use super::secret::{Secret32, SecretBytes};

/// Multiple to which a plaintext is padded, in bytes, so that its length says little.
pub const PAD_BUCKET: usize = 128;

const FORMAT: u8 = 1;
const AES_256_GCM: u8 = 1;
const HEADER_LEN: usize = 6;

/// Where a sealed value stands. A value moved to another row, column, table, person or network,
/// or put back after a later revision, does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The library network.
    pub tenant: &'a str,
    /// The table, as named in the database.
    pub table: &'a str,
    /// The column, as named in the database.
    pub column: &'a str,
    /// The primary key of the row.
    pub row: &'a [u8],
    /// The identifier of the person whom the value is about.
    pub person: &'a [u8],
    /// The version of the key; also stands in the sealed bytes, so that the key can be found.
    pub key_version: u32,
    /// The revision of the row; 0 for rows that are never rewritten.
    pub revision: u64,
}

impl Place<'_> {
    fn aad(&self) -> Frame {
        Frame::new("akk1")
            .text(self.tenant)
            .text(self.table)
            .text(self.column)
            .bytes(self.row)
            .bytes(self.person)
            .number(u64::from(self.key_version))
            .number(self.revision)
    }
}

/// Why something was not sealed or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// Too short, or of a format or algorithm that this version does not know.
    #[error("sealed value has an unknown form")]
    Form,
    /// Sealed with another version of the key than the one asked for.
    #[error("sealed value is of key version {sealed}, asked was {asked}")]
    KeyVersion {
        /// The version in the sealed bytes.
        sealed: u32,
        /// The version of the place.
        asked: u32,
    },
    /// The tag does not fit: changed, moved, replayed, or another key.
    #[error("sealed value does not open in this place with this key")]
    Refused,
    /// The opened bytes are not a padded value.
    #[error("opened value is not correctly padded")]
    Padding,
    /// The plaintext is longer than the cipher (64 GiB) or the padding (4 GiB) can hold.
    #[error("value is too long to seal")]
    TooLong,
}

/// Encrypts `plaintext` for `place`. `nonce` must be fresh random bytes: a key that seals twice
/// with one nonce gives away both plaintexts.
///
/// # Errors
/// [`SealError::TooLong`].
pub fn seal(
    key: &Secret32,
    place: &Place<'_>,
    nonce: [u8; NONCE_LEN],
    plaintext: &[u8],
) -> Result<Vec<u8>, SealError> {
    let total = HEADER_LEN + NONCE_LEN + TAG_LEN;
    let mut out = Vec::with_capacity(plaintext.len().saturating_add(total));
    out.extend_from_slice(&[FORMAT, AES_256_GCM]);
    out.extend_from_slice(&place.key_version.to_be_bytes());
    out.extend_from_slice(&nonce);
    aead::encrypt_onto(&mut out, key, nonce, place.aad().as_bytes(), plaintext)
        .map_err(|_| SealError::TooLong)?;
    Ok(out)
}

/// Opens what [`seal`] made for the same place with the same key.
///
/// # Errors
/// [`SealError::Form`], [`SealError::KeyVersion`] or [`SealError::Refused`].
pub fn open(key: &Secret32, place: &Place<'_>, sealed: &[u8]) -> Result<SecretBytes, SealError> {
    let version = key_version_of(sealed)?;
    if version != place.key_version {
        return Err(SealError::KeyVersion {
            sealed: version,
            asked: place.key_version,
        });
    }
    let body = sealed.get(HEADER_LEN..).ok_or(SealError::Form)?;
    let (nonce, ciphertext) = body.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Form)?;
    aead::decrypt(key, *nonce, place.aad().as_bytes(), ciphertext).map_err(|_| SealError::Refused)
}

/// The version of the key that `sealed` needs.
///
/// # Errors
/// [`SealError::Form`].
pub fn key_version_of(sealed: &[u8]) -> Result<u32, SealError> {
    if sealed.len() < HEADER_LEN + NONCE_LEN + TAG_LEN {
        return Err(SealError::Form);
    }
    match sealed.split_first_chunk::<2>() {
        Some(([FORMAT, AES_256_GCM], rest)) => Ok(u32::from_be_bytes(first(rest))),
        _ => Err(SealError::Form),
    }
}

/// `plaintext` behind its length (four bytes, big endian), filled up with zeros to a multiple of
/// `bucket` bytes.
///
/// # Errors
/// [`SealError::TooLong`].
pub fn pad(plaintext: &[u8], bucket: usize) -> Result<SecretBytes, SealError> {
    let length = u32::try_from(plaintext.len()).map_err(|_| SealError::TooLong)?;
    let total = padded_len(plaintext.len(), bucket).ok_or(SealError::TooLong)?;
    let mut out = Vec::with_capacity(total);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(plaintext);
    out.resize(total, 0);
    Ok(SecretBytes::new(out))
}

/// The value inside what [`pad`] made with the same `bucket`. Anything that `pad` could not have
/// made is refused, so that a value has one padded form only.
///
/// # Errors
/// [`SealError::Padding`].
pub fn unpad(padded: &[u8], bucket: usize) -> Result<&[u8], SealError> {
    let (length, rest) = padded.split_first_chunk::<4>().ok_or(SealError::Padding)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| SealError::Padding)?;
    if padded_len(length, bucket) != Some(padded.len()) {
        return Err(SealError::Padding);
    }
    let (plaintext, fill) = rest.split_at_checked(length).ok_or(SealError::Padding)?;
    if fill.iter().any(|byte| *byte != 0) {
        return Err(SealError::Padding);
    }
    Ok(plaintext)
}

fn padded_len(length: usize, bucket: usize) -> Option<usize> {
    length.checked_add(4)?.checked_next_multiple_of(bucket.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACE: Place<'static> = Place {
        tenant: "zuid",
        table: "person_record",
        column: "sealed",
        row: b"row-1",
        person: b"0123456789abcdef",
        key_version: 3,
        revision: 7,
    };

    fn key() -> Secret32 {
        Secret32::from_bytes([5; 32])
    }

    #[test]
    fn the_bytes_begin_with_format_algorithm_version_and_nonce() {
        let sealed = seal(&key(), &PLACE, [9; 12], b"secret").unwrap();
        assert_eq!(sealed[..6], [1, 1, 0, 0, 0, 3]);
        assert_eq!(sealed[6..18], [9; 12]);
        assert_eq!(sealed.len(), 6 + 12 + 6 + 16);
        assert_eq!(key_version_of(&sealed), Ok(3));
        assert_eq!(&*open(&key(), &PLACE, &sealed).unwrap(), b"secret");
    }

    #[test]
    fn another_place_or_key_does_not_open() {
        let sealed = seal(&key(), &PLACE, [9; 12], b"secret").unwrap();
        let moved = [
            Place {
                tenant: "noord",
                ..PLACE
            },
            Place {
                table: "consent_event",
                ..PLACE
            },
            Place {
                column: "other",
                ..PLACE
            },
            Place {
                row: b"row-2",
                ..PLACE
            },
            Place {
                person: b"0123456789abcdeg",
                ..PLACE
            },
            Place { revision: 6, ..PLACE },
            // The same bytes in a row, with the boundary moved.
            Place {
                table: "person_recor",
                column: "dsealed",
                ..PLACE
            },
        ];
        for place in moved {
            assert_eq!(
                open(&key(), &place, &sealed),
                Err(SealError::Refused),
                "{place:?}"
            );
        }
        assert_eq!(
            open(
                &key(),
                &Place {
                    key_version: 4,
                    ..PLACE
                },
                &sealed
            ),
            Err(SealError::KeyVersion { sealed: 3, asked: 4 })
        );
        // Rewriting the version in the header does not help: it is authenticated too.
        let mut relabelled = sealed.clone();
        relabelled[5] = 4;
        assert_eq!(
            open(
                &key(),
                &Place {
                    key_version: 4,
                    ..PLACE
                },
                &relabelled
            ),
            Err(SealError::Refused)
        );
        assert_eq!(
            open(&Secret32::from_bytes([6; 32]), &PLACE, &sealed),
            Err(SealError::Refused)
        );
    }

    #[test]
    fn short_and_foreign_bytes_are_refused() {
        let sealed = seal(&key(), &PLACE, [9; 12], b"").unwrap();
        for length in 0..sealed.len() {
            assert_eq!(open(&key(), &PLACE, &sealed[..length]), Err(SealError::Form));
        }
        for (at, value) in [(0, 2), (1, 2)] {
            let mut foreign = sealed.clone();
            foreign[at] = value;
            assert_eq!(open(&key(), &PLACE, &foreign), Err(SealError::Form));
        }
    }

    #[test]
    fn padding_is_strict() {
        let padded = pad(b"abc", PAD_BUCKET).unwrap();
        assert_eq!(padded.len(), PAD_BUCKET);
        assert_eq!(unpad(&padded, PAD_BUCKET), Ok(&b"abc"[..]));
        assert_eq!(pad(&[1; 124], PAD_BUCKET).unwrap().len(), 128);
        assert_eq!(pad(&[1; 125], PAD_BUCKET).unwrap().len(), 256);

        let mut dirty = padded.to_vec();
        dirty[127] = 1;
        let longer = [&padded[..], &[0; 128]].concat();
        let mut lying = padded.to_vec();
        lying[0] = 0xff;
        for wrong in [&dirty[..], &longer, &lying, &padded[..127], &[], &[0, 0, 0]] {
            assert_eq!(unpad(wrong, PAD_BUCKET), Err(SealError::Padding));
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_to_the_same(
            plaintext in proptest::collection::vec(any::<u8>(), 0..300),
            secret: [u8; 32], nonce: [u8; 12], tenant in ".{0,12}", row: [u8; 16],
            key_version: u32, revision: u64,
        ) {
            let place = Place { tenant: &tenant, row: &row, key_version, revision, ..PLACE };
            let key = Secret32::from_bytes(secret);
            let sealed = seal(&key, &place, nonce, &plaintext).unwrap();
            prop_assert_eq!(&*open(&key, &place, &sealed).unwrap(), &plaintext[..]);
        }

        #[test]
        fn any_flipped_bit_fails(
            plaintext in proptest::collection::vec(any::<u8>(), 0..64),
            at: proptest::sample::Index, bit in 0..8,
        ) {
            let mut sealed = seal(&key(), &PLACE, [9; 12], &plaintext).unwrap();
            let index = at.index(sealed.len());
            sealed[index] ^= 1_u8 << bit;
            prop_assert!(open(&key(), &PLACE, &sealed).is_err());
        }

        #[test]
        fn any_other_place_fails(
            tenant in "[a-z]{0,3}", table in "[a-z]{0,3}", column in "[a-z]{0,3}",
            row in proptest::collection::vec(any::<u8>(), 0..3),
            person in proptest::collection::vec(any::<u8>(), 0..3),
            revision in 0_u64..3,
            tenant2 in "[a-z]{0,3}", table2 in "[a-z]{0,3}", column2 in "[a-z]{0,3}",
            row2 in proptest::collection::vec(any::<u8>(), 0..3),
            person2 in proptest::collection::vec(any::<u8>(), 0..3),
            revision2 in 0_u64..3,
        ) {
            let here = Place {
                tenant: &tenant, table: &table, column: &column, row: &row, person: &person,
                key_version: 1, revision,
            };
            let there = Place {
                tenant: &tenant2, table: &table2, column: &column2, row: &row2,
                person: &person2, key_version: 1, revision: revision2,
            };
            let sealed = seal(&key(), &here, [9; 12], b"x").unwrap();
            prop_assert_eq!(open(&key(), &there, &sealed).is_ok(), here == there);
        }

        #[test]
        fn padding_keeps_every_value(
            value in proptest::collection::vec(any::<u8>(), 0..600), bucket in 0_usize..300,
        ) {
            let padded = pad(&value, bucket).unwrap();
            prop_assert_eq!(padded.len() % bucket.max(1), 0);
            prop_assert_eq!(unpad(&padded, bucket), Ok(&value[..]));
        }
    }
}
