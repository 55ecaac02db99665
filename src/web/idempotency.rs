//! The header `Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header-07): a request that must have its effect
//! once.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};

use super::problem::Problem;
use crate::crypto::{sha256, sha256_parts};
use crate::service::call::Idempotency;
use crate::service::refusal::Invalid;

/// Request header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Answer header: the answer was given before.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The key of a request, hashed together with what it was sent with. `None` when there is none.
///
/// # Errors
/// 400 when the header is there twice, is empty, longer than 255 characters, or holds other than visible ASCII.
pub fn of(request: &HttpRequest, body_digest: &[u8; 32]) -> Result<Option<Idempotency>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(first) = values.next() else {
        return Ok(None);
    };
    let key = key_of(first).filter(|_| values.next().is_none()).ok_or_else(|| {
        Invalid::new(
            "Idempotency-Key",
            "invalid-header",
            "Send one key of 1 to 255 visible ASCII characters, bare or in double quotes.",
        )
    })?;
    Ok(Some(Idempotency {
        key: sha256(key),
        request: sha256_parts(&[
            request.method().as_str().as_bytes(),
            b"\n",
            request.path().as_bytes(),
            b"\n",
            body_digest,
        ]),
    }))
}

/// A string of RFC 9651 without its quotes, or a bare word.
fn key_of(value: &HeaderValue) -> Option<&[u8]> {
    let bytes = value.as_bytes().trim_ascii();
    let key = match bytes.strip_prefix(b"\"") {
        Some(rest) => rest.strip_suffix(b"\"")?,
        None => bytes,
    };
    let visible = key
        .iter()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'));
    (visible && (1..=255).contains(&key.len())).then_some(key)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn keyed(path: &str, keys: &[&'static str]) -> HttpRequest {
        let request = keys.iter().fold(TestRequest::post().uri(path), |r, key| {
            r.append_header((IDEMPOTENCY_KEY, *key))
        });
        request.to_http_request()
    }

    #[test]
    fn the_key_counts_with_or_without_quotes() {
        let bare = of(&keyed("/a", &["k-1"]), &[0; 32]).unwrap().unwrap();
        let quoted = of(&keyed("/a", &["\"k-1\""]), &[0; 32]).unwrap().unwrap();
        assert_eq!(bare, quoted);
        assert_ne!(
            bare.request,
            of(&keyed("/b", &["k-1"]), &[0; 32]).unwrap().unwrap().request
        );
        assert_ne!(
            bare.request,
            of(&keyed("/a", &["k-1"]), &[1; 32]).unwrap().unwrap().request
        );
        assert_eq!(of(&keyed("/a", &[]), &[0; 32]).unwrap(), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for keys in [vec![""], vec!["\"\""], vec!["\"a"], vec!["a b"], vec!["a", "b"]] {
            assert!(of(&keyed("/a", &keys), &[0; 32]).is_err(), "{keys:?}");
        }
        let long: &'static str = "x".repeat(256).leak();
        assert!(of(&keyed("/a", &[long]), &[0; 32]).is_err());
    }
}
