//! Bodies: JSON only, at most one mebibyte, and all of it within a deadline.

use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::json;
use super::problem::{Kind, Problem};
use crate::crypto::sha256;

/// What a body may cost.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Longest body, in bytes.
    pub bytes: usize,
    /// Time in which the whole body must arrive. actix-web has a deadline for headers only.
    pub deadline: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            deadline: Duration::from_secs(10),
        }
    }
}

/// A JSON body as a type of the wire, with the SHA-256 of its bytes.
#[derive(Debug)]
pub struct Json<T> {
    /// The body.
    pub value: T,
    /// SHA-256 of the bytes as they came.
    pub digest: [u8; 32],
}

impl<T: DeserializeOwned> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let bytes = read(&request, payload, Kind::UnsupportedMediaType, is_json).await?;
            let value = json::parse(&bytes)?;
            Ok(Self {
                value: json::from_value(&value)?,
                digest: sha256(&bytes),
            })
        })
    }
}

/// The whole body, when its media type is accepted.
///
/// # Errors
/// `refused` for another media type or an encoded body, 413 when it is too long, 408 when it is too slow.
pub async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    refused: Kind,
    accepts: fn(&str) -> bool,
) -> Result<Bytes, Problem> {
    let limits = request
        .app_data::<Data<BodyLimits>>()
        .map_or_else(BodyLimits::default, |limits| *limits.get_ref());
    let headers = request.headers();
    if !accepts(text(headers, CONTENT_TYPE)) || !matches!(text(headers, CONTENT_ENCODING), "" | "identity") {
        return Err(Problem::new(refused).closing());
    }
    let announced = announced(request);
    if announced > limits.bytes {
        return Err(Problem::new(Kind::BodyTooLarge).closing());
    }
    let whole = async {
        let mut body = BytesMut::with_capacity(announced);
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Problem::new(Kind::InvalidInput).saying(BROKEN).closing())?;
            if body.len() + chunk.len() > limits.bytes {
                return Err(Problem::new(Kind::BodyTooLarge).closing());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    tokio::time::timeout(limits.deadline, whole)
        .await
        .unwrap_or_else(|_| Err(Problem::new(Kind::BodyTimeout).closing()))
}

/// How many bytes a body says it has; 0 when it does not say.
pub fn announced(request: &HttpRequest) -> usize {
    text(request.headers(), CONTENT_LENGTH).parse().unwrap_or(0)
}

const BROKEN: &str = "The body broke off before its end. Send it again.";

fn text(headers: &HeaderMap, name: actix_web::http::header::HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// `application/json`, with `charset=utf-8` or without parameters.
pub fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts
            .all(|p| p.eq_ignore_ascii_case("charset=utf-8") || p.eq_ignore_ascii_case("charset=\"utf-8\""))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use futures_util::stream;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Hello {
        name: String,
    }

    async fn sent(content_type: &'static str, body: Vec<u8>) -> Result<Json<Hello>, Problem> {
        let (request, mut payload) = TestRequest::post()
            .insert_header((CONTENT_TYPE, content_type))
            .set_payload(body)
            .to_http_parts();
        Json::<Hello>::from_request(&request, &mut payload).await
    }

    #[actix_web::test]
    async fn json_in_utf_8_is_read_and_hashed() {
        let body = br#"{"name":"x"}"#.to_vec();
        for content_type in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON;charset=UTF-8",
        ] {
            let read = sent(content_type, body.clone()).await.unwrap();
            assert_eq!((read.value.name.as_str(), read.digest), ("x", sha256(&body)));
        }
    }

    #[actix_web::test]
    async fn other_media_types_are_refused() {
        for content_type in [
            "text/plain",
            "application/json; charset=latin1",
            "application/jsonx",
            "",
        ] {
            let refused = sent(content_type, b"{}".to_vec()).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::UnsupportedMediaType);
        }
    }

    #[actix_web::test]
    async fn a_long_body_is_refused() {
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(1 << 20));
        let refused = sent("application/json", long.into_bytes()).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::BodyTooLarge);
    }

    #[actix_web::test]
    async fn a_slow_body_is_given_up() {
        let (request, _) = TestRequest::post()
            .insert_header((CONTENT_TYPE, "application/json"))
            .app_data(Data::new(BodyLimits {
                deadline: Duration::from_millis(20),
                ..BodyLimits::default()
            }))
            .to_http_parts();
        let never = stream::once(async { Ok(Bytes::from_static(b"{")) }).chain(stream::pending());
        let mut payload: Payload = Payload::Stream {
            payload: never.boxed_local(),
        };
        let refused = Json::<Hello>::from_request(&request, &mut payload)
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), Kind::BodyTimeout);
    }
}
