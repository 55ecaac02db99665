//! Verifying a signed token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::jwks::{MAX_KID, VerifyingKey};
use super::provider::install;
use super::strict_json::parse_strict;
use super::{JwtError, SignatureAlgorithm};

/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 16 * 1024;
/// Most that a clock may be behind, in seconds.
const MAX_LEEWAY: i64 = 5;
/// The last second of the year 9999; a later `exp` is a mistake or an attempt.
const MAX_TIME: i64 = 253_402_300_799;

/// The `typ` that a token must have, so that a token of one kind is never taken for another
/// (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType<'a> {
    /// `at+jwt` (RFC 9068).
    Access,
    /// `JWT` or absent: ID tokens and client assertions.
    Plain,
    /// Another type, such as `logout+jwt`.
    Other(&'a str),
}

/// What a token must be to be accepted.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The `iss`, compared byte for byte.
    pub issuer: &'a str,
    /// Our names; the `aud` must have one of them, compared byte for byte.
    pub audiences: &'a [&'a str],
    /// The type.
    pub token_type: TokenType<'a>,
    /// The algorithms that are accepted from this issuer.
    pub algorithms: &'a [SignatureAlgorithm],
    /// Seconds by which clocks may differ; anything outside 0 to 5 is taken as the nearer of these.
    pub leeway: i64,
}

/// A token whose signature, type, times, issuer and audience are as expected.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedJwt {
    /// The algorithm it is signed with.
    pub algorithm: SignatureAlgorithm,
    /// The name of the key it is signed with, if it says so.
    pub kid: Option<String>,
    /// All claims.
    pub claims: Map<String, Value>,
    /// The `sub` claim.
    pub subject: String,
    /// The `exp` claim, in seconds since 1970.
    pub expires_at: i64,
}

/// Verifies `token` with one of `keys` at the time `now`, in seconds since 1970.
///
/// # Errors
/// [`JwtError`] for a token that is not in all respects as expected.
pub fn verify_jws(
    token: &str,
    keys: &[VerifyingKey],
    expected: &Expected<'_>,
    now: i64,
) -> Result<VerifiedJwt, JwtError> {
    install();
    let parts = Parts::split(token)?;
    let header = JoseHeader::read(&parts)?;
    let algorithm = SignatureAlgorithm::parse(&header.alg)
        .filter(|algorithm| expected.algorithms.contains(algorithm))
        .ok_or(JwtError::Algorithm)?;
    if !expected.token_type.accepts(header.typ.as_deref()) {
        return Err(JwtError::Type);
    }
    let key = select(keys, header.kid.as_deref(), algorithm)?;
    let signed = parts.signed.as_bytes();
    match jsonwebtoken::crypto::verify(parts.signature, signed, &key.key, algorithm.of_library()) {
        Ok(true) => {}
        Ok(false) | Err(_) => return Err(JwtError::Signature),
    }
    let claims = parts.claims()?;
    let expires_at = check_times(&claims, expected.leeway.clamp(0, MAX_LEEWAY), now)?;
    if text(&claims, "iss")? != expected.issuer {
        return Err(JwtError::Issuer);
    }
    check_audience(&claims, expected.audiences)?;
    let subject = text(&claims, "sub")?.to_owned();
    Ok(VerifiedJwt {
        algorithm,
        kid: header.kid,
        claims,
        subject,
        expires_at,
    })
}

/// The `iss` that a token claims, to find the keys to verify it with. Nothing is verified: the
/// answer is to be used for looking up and for nothing else.
///
/// # Errors
/// [`JwtError`] for a token that could not be accepted whoever signed it.
pub fn unverified_issuer(token: &str) -> Result<String, JwtError> {
    let parts = Parts::split(token)?;
    JoseHeader::read(&parts)?;
    Ok(text(&parts.claims()?, "iss")?.to_owned())
}

/// The three parts, known to be canonical base64url.
struct Parts<'a> {
    signed: &'a str,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, JwtError> {
        if token.len() > MAX_TOKEN {
            return Err(JwtError::Form);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(JwtError::Form)?;
        // A further dot is no base64url character, nor are padding and white space; the engine
        // also refuses loose last bits, so that one signature has one text.
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Form);
        decode(signature)?;
        Ok(Self {
            signed,
            header: decode(header)?,
            payload: decode(payload)?,
            signature,
        })
    }

    fn claims(&self) -> Result<Map<String, Value>, JwtError> {
        object(&self.payload)
    }
}

struct JoseHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
}

impl JoseHeader {
    /// Only `alg`, `typ` and `kid` may occur: not `crit` and what it would demand, nor any of the
    /// members by which a token brings or points to its own key.
    fn read(parts: &Parts<'_>) -> Result<Self, JwtError> {
        let (mut alg, mut typ, mut kid) = (None, None, None);
        for (name, value) in object(&parts.header)? {
            let Value::String(value) = value else {
                return Err(JwtError::Header);
            };
            match name.as_str() {
                "alg" => alg = Some(value),
                "typ" => typ = Some(value),
                "kid" if value.len() <= MAX_KID => kid = Some(value),
                _ => return Err(JwtError::Header),
            }
        }
        Ok(Self {
            alg: alg.ok_or(JwtError::Algorithm)?,
            typ,
            kid,
        })
    }
}

impl TokenType<'_> {
    fn accepts(self, typ: Option<&str>) -> bool {
        // RFC 7515 section 4.1.9: case-insensitive, and `application/` may be left out.
        let is = |wanted: &str| {
            typ.is_some_and(|typ| {
                let typ = typ.to_ascii_lowercase();
                typ.strip_prefix("application/").unwrap_or(&typ) == wanted.to_ascii_lowercase()
            })
        };
        match self {
            Self::Access => is("at+jwt"),
            Self::Plain => typ.is_none() || is("JWT"),
            Self::Other(wanted) => is(wanted),
        }
    }
}

/// The one key to try. Without a `kid` there must be just one of the algorithm: a token is not
/// tried on key after key.
fn select<'k>(
    keys: &'k [VerifyingKey],
    kid: Option<&str>,
    algorithm: SignatureAlgorithm,
) -> Result<&'k VerifyingKey, JwtError> {
    let mut fitting = keys
        .iter()
        .filter(|key| key.allows(algorithm) && (kid.is_none() || key.kid() == kid));
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(JwtError::Key),
    }
}

fn check_times(claims: &Map<String, Value>, leeway: i64, now: i64) -> Result<i64, JwtError> {
    let soon = now.saturating_add(leeway);
    let exp = time(claims, "exp")?.ok_or(JwtError::Claim("exp"))?;
    if exp.saturating_add(leeway) <= now {
        return Err(JwtError::Expired);
    }
    for name in ["nbf", "iat"] {
        if time(claims, name)?.is_some_and(|time| time > soon) {
            return Err(JwtError::NotYet);
        }
    }
    Ok(exp)
}

/// A time as a whole number of seconds. RFC 7519 would allow fractions; nobody needs them, and
/// they would be one more thing that two readers see differently.
fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, JwtError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(time @ 0..=MAX_TIME) => Ok(Some(time)),
            _ => Err(JwtError::Claim(name)),
        },
    }
}

fn check_audience(claims: &Map<String, Value>, ours: &[&str]) -> Result<(), JwtError> {
    const WRONG: JwtError = JwtError::Claim("aud");
    let found = match claims.get("aud").ok_or(WRONG)? {
        Value::String(audience) => ours.contains(&audience.as_str()),
        Value::Array(audiences) => {
            let all: Option<Vec<&str>> = audiences.iter().map(Value::as_str).collect();
            all.ok_or(WRONG)?.iter().any(|audience| ours.contains(audience))
        }
        _ => return Err(WRONG),
    };
    if found { Ok(()) } else { Err(JwtError::Audience) }
}

fn text<'c>(claims: &'c Map<String, Value>, name: &'static str) -> Result<&'c str, JwtError> {
    let value = claims
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    value.ok_or(JwtError::Claim(name))
}

fn object(json: &[u8]) -> Result<Map<String, Value>, JwtError> {
    match parse_strict(json) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(JwtError::Form),
    }
}
