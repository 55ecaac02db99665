//! Key material and opened plaintext: wiped when dropped, never printed.

use std::fmt;
use std::ops::Deref;

use zeroize::{Zeroize, Zeroizing};

use super::derive::constant_time_eq;

/// Thirty-two secret bytes, such as a key.
///
/// They live on the heap, so that moving the value leaves no copy behind, and are wiped when
/// dropped. `Debug` shows no content, there is no `Display`, and equality takes the same time
/// wherever the difference is. What `ring` builds from a key for one operation is not wiped by
/// `ring` 0.17, which is why no `ring` key is kept longer than it is used.
#[derive(Clone)]
pub struct Secret32(Box<[u8; 32]>);

impl Secret32 {
    /// Takes over `bytes` and wipes the argument's own copy.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let secret = Self(Box::new(bytes));
        bytes.zeroize();
        secret
    }

    /// A secret of exactly 32 bytes; `None` for any other length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 32 {
            return None;
        }
        Some(Self::filled(&|out| out.copy_from_slice(bytes)))
    }

    /// A new secret written in place by `fill`, the caller's source of randomness.
    #[must_use]
    pub fn filled(fill: &dyn Fn(&mut [u8])) -> Self {
        let mut secret = Self(Box::new([0; 32]));
        fill(secret.0.as_mut_slice());
        secret
    }

    /// The bytes themselves. To be given to an algorithm, never to a log, an error or a reply.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Secret32 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret32(…)")
    }
}

impl PartialEq for Secret32 {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self.0.as_slice(), other.0.as_slice())
    }
}

impl Eq for Secret32 {}

/// Secret bytes of any length, such as an opened record. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes over `bytes`.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes(… {} bytes)", self.0.len())
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self, other)
    }
}

impl Eq for SecretBytes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_secret_is_printed() {
        let secret = Secret32::from_bytes([0xab; 32]);
        let shown = format!("{secret:?} {:?}", SecretBytes::new(vec![0xab; 3]));
        assert_eq!(shown, "Secret32(…) SecretBytes(… 3 bytes)");
    }

    #[test]
    fn equality_is_of_content_and_length() {
        assert_eq!(Secret32::from_bytes([1; 32]), Secret32::filled(&|b| b.fill(1)));
        assert_ne!(Secret32::from_bytes([1; 32]), Secret32::from_bytes([2; 32]));
        assert_ne!(SecretBytes::new(vec![0; 3]), SecretBytes::new(vec![0; 4]));
    }

    #[test]
    fn only_thirty_two_bytes_make_a_key() {
        assert!(Secret32::from_slice(&[7; 31]).is_none());
        assert!(Secret32::from_slice(&[7; 33]).is_none());
        assert_eq!(
            Secret32::from_slice(&[7; 32]),
            Some(Secret32::from_bytes([7; 32]))
        );
    }
}
