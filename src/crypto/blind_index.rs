//! Finding a person by an identifier that is not stored.

use super::derive::{Mac, first, mac};
use super::secret::Secret32;

/// What stands in the database for an identifier such as a card number: the first 16 bytes of
/// HMAC-SHA-256 of the normalised value. `key` belongs to one network and one scheme, so equal
/// numbers in two schemes or two networks have nothing in common.
///
/// Whoever holds this key can find back all card numbers within minutes; it never goes into the
/// database or its backups unwrapped.
#[must_use]
pub fn blind_index(key: &Secret32, normalised: &str) -> [u8; 16] {
    first(&mac(key, &[normalised.as_bytes()]))
}

/// The keys of one scheme, prepared for a whole list.
pub struct BlindIndexer(Vec<Mac>);

impl BlindIndexer {
    /// With all versions of the key.
    pub(super) fn new<'k>(keys: impl Iterator<Item = &'k Secret32>) -> Self {
        Self(keys.map(Mac::new).collect())
    }

    /// The blind indexes under which an identifier may be stored.
    pub fn indexes<'s>(&'s self, normalised: &'s str) -> impl Iterator<Item = [u8; 16]> + 's {
        self.0.iter().map(|mac| first(&mac.of(&[normalised.as_bytes()])))
    }
}

impl std::fmt::Debug for BlindIndexer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlindIndexer(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_values_and_only_these_meet(a in ".{0,20}", b in ".{0,20}") {
            let key = Secret32::from_bytes([1; 32]);
            prop_assert_eq!(blind_index(&key, &a) == blind_index(&key, &b), a == b);
            let other = Secret32::from_bytes([2; 32]);
            prop_assert_ne!(blind_index(&key, &a), blind_index(&other, &a));
            let both: Vec<[u8; 16]> = BlindIndexer::new([&key, &other].into_iter()).indexes(&a).collect();
            prop_assert_eq!(both, vec![blind_index(&key, &a), blind_index(&other, &a)]);
        }
    }
}
