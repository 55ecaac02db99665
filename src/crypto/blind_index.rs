//! Finding a person by an identifier that is not stored.

use super::derive::{first, mac};
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
        }
    }
}
