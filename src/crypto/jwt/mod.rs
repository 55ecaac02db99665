//! JSON Web Tokens: signed with Ed25519, verified strictly.
//!
//! Verification follows RFC 8725 (best current practice) and RFC 9068 (access tokens) and takes
//! nothing from the defaults of a library: those accept tokens without `iss` or `aud`, expired a
//! minute ago, or of another `typ`.

mod jwks;
mod provider;
mod strict_json;
mod verify;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod wycheproof_test;

use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;
use thiserror::Error;

use super::sign::SigningKey;

pub use jwks::{JwksError, VerifyingKey, parse_jwks};
pub use provider::install;
pub use strict_json::parse_strict;
pub use verify::{Expected, TokenType, VerifiedJwt, unverified_issuer, verify_jws};

/// The signature algorithms that are accepted. There is no `none` and no shared-secret algorithm
/// to choose by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518).
    Es256,
    /// RSASSA-PSS with SHA-256 (RFC 7518).
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518).
    Rs256,
}

impl SignatureAlgorithm {
    /// The value of the `alg` member.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    /// Reads the `alg` member, which is case-sensitive (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256, Self::Ps256, Self::Rs256]
            .into_iter()
            .find(|a| a.name() == name)
    }

    fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

/// Why a token was refused. For logs and tests: a caller is told no more than "invalid token".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JwtError {
    /// Too long, not three parts of canonical base64url, or not JSON objects without duplicates.
    #[error("token is malformed")]
    Form,
    /// The header has a member that is not allowed, or one of the wrong type.
    #[error("token header is not acceptable")]
    Header,
    /// The algorithm is unknown or not on the list.
    #[error("token algorithm is not accepted")]
    Algorithm,
    /// The `typ` is not the one asked for.
    #[error("token is of another type")]
    Type,
    /// No known key has this `kid` and algorithm, or no `kid` is given where it is needed.
    #[error("token is signed with an unknown key")]
    Key,
    /// The signature does not verify.
    #[error("token signature does not verify")]
    Signature,
    /// The claim is missing where it is required, or is of the wrong type.
    #[error("token claim {0} is missing or of the wrong type")]
    Claim(&'static str),
    /// `exp` is not in the future.
    #[error("token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("token is not valid yet")]
    NotYet,
    /// `iss` is not the expected issuer.
    #[error("token is of another issuer")]
    Issuer,
    /// `aud` does not contain us.
    #[error("token is for another audience")]
    Audience,
    /// The claims could not be signed.
    #[error("token cannot be made of these claims")]
    Signing,
}

/// A signed token with `alg` EdDSA, the given `typ` and `kid`, and `claims` (a JSON object).
///
/// # Errors
/// [`JwtError::Signing`] if the claims are no JSON.
pub fn sign_jwt(typ: &str, kid: &str, claims: &impl Serialize, key: &SigningKey) -> Result<String, JwtError> {
    install();
    let mut header = Header::new(jsonwebtoken::Algorithm::EdDSA);
    header.typ = Some(typ.to_owned());
    header.kid = Some(kid.to_owned());
    let key = EncodingKey::from_ed_der(key.seed().expose());
    jsonwebtoken::encode(&header, claims, &key).map_err(|_| JwtError::Signing)
}
