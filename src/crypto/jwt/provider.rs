//! The `jsonwebtoken` library's cryptography, done by `ring`.
//!
//! The library offers `aws-lc` or RustCrypto; neither is wanted beside `ring`, and the latter
//! panics on a short Ed25519 key. What is not listed here is refused, never a panic.

use std::fmt;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

static RING: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // The library's own key documents are not used; ours are in `jwks` and `sign`.
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(unsupported()),
        rsa_pub_components_from_public_key: |_| Err(unsupported()),
        ec_pub_components_from_private_key: |_, _| Err(unsupported()),
        ed_pub_components_from_private_key: |_, _| Err(unsupported()),
        compute_digest: |_, _| Err(unsupported()),
    },
};

/// Makes `ring` the library's cryptography for this process. May be called any number of times;
/// everything in [`super`] calls it first.
pub fn install() {
    // An error says that a provider has been installed before, which is this one: nothing else in
    // this process installs any.
    let _ = RING.install_default();
}

fn unsupported() -> Error {
    ErrorKind::UnsupportedAlgorithm.into()
}

/// Signs with EdDSA only; the key content is the 32-byte seed.
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    match (algorithm, key.family()) {
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => {
            let pair = Ed25519KeyPair::from_seed_unchecked(key.as_bytes())
                .map_err(|_| ErrorKind::InvalidEddsaKey)?;
            Ok(Box::new(RingSigner(pair)))
        }
        _ => Err(unsupported()),
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    use Algorithm::{ES256, EdDSA, PS256, RS256};
    let key = match (algorithm, key.family(), key.kind()) {
        (EdDSA, AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(bytes)) => {
            if bytes.len() != 32 {
                return Err(ErrorKind::InvalidEddsaKey.into());
            }
            RingKey::point(&ED25519, bytes)
        }
        (ES256, AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(bytes)) => {
            if bytes.len() != 65 {
                return Err(ErrorKind::InvalidEcdsaKey.into());
            }
            RingKey::point(&ECDSA_P256_SHA256_FIXED, bytes)
        }
        (RS256, AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            RingKey::rsa(&RSA_PKCS1_2048_8192_SHA256, n, e)
        }
        (PS256, AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            RingKey::rsa(&RSA_PSS_2048_8192_SHA256, n, e)
        }
        _ => return Err(unsupported()),
    };
    Ok(Box::new(RingVerifier {
        algorithm: *algorithm,
        key,
    }))
}

struct RingSigner(Ed25519KeyPair);

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct RingVerifier {
    algorithm: Algorithm,
    key: RingKey,
}

enum RingKey {
    Point(UnparsedPublicKey<Vec<u8>>),
    Rsa {
        parameters: &'static RsaParameters,
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl RingKey {
    fn point(algorithm: &'static dyn VerificationAlgorithm, bytes: &[u8]) -> Self {
        Self::Point(UnparsedPublicKey::new(algorithm, bytes.to_vec()))
    }

    fn rsa(parameters: &'static RsaParameters, n: &[u8], e: &[u8]) -> Self {
        Self::Rsa {
            parameters,
            n: n.to_vec(),
            e: e.to_vec(),
        }
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let verified = match &self.key {
            RingKey::Point(key) => key.verify(message, signature),
            RingKey::Rsa { parameters, n, e } => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
        };
        verified.map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for RingVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingVerifier")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_four_algorithms_verify_and_one_signs() {
        let keys = [
            (DecodingKey::from_secret(&[1; 32]), &[][..]),
            (DecodingKey::from_ed_der(&[1; 32]), &[Algorithm::EdDSA]),
            (DecodingKey::from_ec_der(&[4; 65]), &[Algorithm::ES256]),
            (
                DecodingKey::from_rsa_raw_components(&[1; 256], &[1, 0, 1]),
                &[Algorithm::PS256, Algorithm::RS256],
            ),
            (DecodingKey::from_rsa_der(&[1; 270]), &[]),
        ];
        let all = [
            AlgorithmFamily::Hmac,
            AlgorithmFamily::Rsa,
            AlgorithmFamily::Ec,
            AlgorithmFamily::Ed,
        ];
        let all = || all.iter().flat_map(|family| family.algorithms());
        for (key, supported) in &keys {
            for algorithm in all() {
                let made = verifier(algorithm, key).is_ok();
                assert_eq!(made, supported.contains(algorithm), "{algorithm:?} {key:?}");
            }
        }
        for algorithm in all() {
            let made = signer(algorithm, &EncodingKey::from_ed_der(&[1; 32])).is_ok();
            assert_eq!(made, *algorithm == Algorithm::EdDSA, "{algorithm:?}");
            assert!(signer(algorithm, &EncodingKey::from_secret(&[1; 32])).is_err());
        }
    }

    #[test]
    fn a_key_of_the_wrong_length_is_refused_and_does_not_panic() {
        for length in (0..=31).chain(33..70) {
            let key = DecodingKey::from_ed_der(&vec![1; length]);
            assert!(verifier(&Algorithm::EdDSA, &key).is_err(), "{length}");
            let key = EncodingKey::from_ed_der(&vec![1; length]);
            assert!(signer(&Algorithm::EdDSA, &key).is_err(), "{length}");
        }
        let key = DecodingKey::from_ec_der(&[4; 64]);
        assert!(verifier(&Algorithm::ES256, &key).is_err());
        let weak = DecodingKey::from_rsa_raw_components(&[0xff; 128], &[1, 0, 1]);
        let weak = verifier(&Algorithm::RS256, &weak).unwrap();
        assert!(weak.verify(b"message", &vec![0; 128]).is_err());
    }

    #[test]
    fn installing_twice_is_fine() {
        install();
        install();
    }
}
