//! The token endpoint (RFC 6749 §4.4), its metadata (RFC 8414) and our public keys (RFC 7517). They are not part of the
//! `/v1` document: their form is that of the RFCs.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::service::Service;
use crate::service::access::{AccessError, ClientAuthentication, TokenRequest};
use crate::web::body;
use crate::web::form::{Form, decode};
use crate::web::limit::anonymous;
use crate::web::problem::{Kind, Problem};

/// Longest body, in bytes.
const MAX_BODY: usize = 16 * 1024;
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const CHALLENGE: &str = "Basic realm=\"akkoord\", charset=\"UTF-8\"";

/// Issues an access token to a client that proves itself.
#[post("/oauth2/token")]
pub async fn token(
    request: HttpRequest,
    payload: Payload,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let form = match form(&request, payload).await {
        Ok(form) => form,
        Err(refused) => return Ok(refused.response()),
    };
    let issued = match read(&request, &form) {
        Ok(asked) => service.issue_token(asked).await.map_err(TokenError::from),
        Err(error) => Err(error),
    };
    Ok(match issued {
        Ok(issued) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((PRAGMA, "no-cache"))
            .json(json!({
                "access_token": issued.access_token,
                "token_type": "Bearer",
                "expires_in": issued.expires_in,
                "scope": issued.scope(),
            })),
        Err(error) => error.response(),
    })
}

/// Metadata of the authorization server.
#[get("/.well-known/oauth-authorization-server")]
pub async fn metadata(request: HttpRequest, service: Data<Service>) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    Ok(public(&service.access().metadata()))
}

/// The keys that verify our tokens and receipts.
#[get("/.well-known/jwks.json")]
pub async fn keys(request: HttpRequest, service: Data<Service>) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    Ok(public(&service.jwks()))
}

fn public(document: &Value) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .json(document)
}

/// An error in the form of RFC 6749 §5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TokenError {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl TokenError {
    const fn new(status: StatusCode, error: &'static str, description: &'static str) -> Self {
        Self {
            status,
            error,
            description,
        }
    }

    const fn invalid(description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// One answer for every way not to prove oneself.
    const fn client() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Prove the client with client_secret_basic or private_key_jwt.",
        )
    }

    fn response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((PRAGMA, "no-cache"));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                response.insert_header((WWW_AUTHENTICATE, CHALLENGE));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response.insert_header((RETRY_AFTER, "2"));
            }
            // The rest of the body is not worth waiting for.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
                response.force_close();
            }
            _ => {}
        }
        response.json(json!({ "error": self.error, "error_description": self.description }))
    }
}

impl From<AccessError> for TokenError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::InvalidClient | AccessError::InvalidToken(_) => Self::client(),
            AccessError::InvalidRequest(what) => Self::invalid(what),
            AccessError::InvalidScope => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_scope",
                "A scope is unknown, or the client does not have it.",
            ),
            AccessError::Unavailable => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "No token can be issued now. Try again after Retry-After seconds.",
            ),
        }
    }
}

async fn form(request: &HttpRequest, payload: Payload) -> Result<Form, TokenError> {
    const TOO_LARGE: TokenError = TokenError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "invalid_request",
        "The body is longer than 16 KiB.",
    );
    if body::announced(request) > MAX_BODY {
        return Err(TOO_LARGE);
    }
    let body = body::read(request, payload.into_inner(), Kind::UnsupportedMediaType, is_form)
        .await
        .map_err(|problem| match problem.kind() {
            Kind::BodyTooLarge => TOO_LARGE,
            Kind::BodyTimeout => TokenError::new(
                StatusCode::REQUEST_TIMEOUT,
                "invalid_request",
                "The body came too slowly.",
            ),
            _ => TokenError::invalid("Send a body of application/x-www-form-urlencoded."),
        })?;
    if body.len() > MAX_BODY {
        return Err(TOO_LARGE);
    }
    Form::parse(&body)
        .map_err(|_| TokenError::invalid("The form is not correctly encoded, or has a parameter twice."))
}

/// `application/x-www-form-urlencoded`, with `charset=utf-8` or without parameters.
fn is_form(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && parts.all(|part| part.eq_ignore_ascii_case("charset=utf-8"))
}

fn read(request: &HttpRequest, form: &Form) -> Result<TokenRequest, TokenError> {
    if !request.query_string().is_empty() {
        // What stands in a URL stands in log files.
        return Err(TokenError::invalid("Send all parameters in the body."));
    }
    match form.value("grant_type") {
        Some("client_credentials") => {}
        Some(_) => {
            return Err(TokenError::new(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "The only grant type is client_credentials.",
            ));
        }
        None => return Err(TokenError::invalid("The parameter grant_type is missing.")),
    }
    Ok(TokenRequest {
        authentication: authentication(request, form)?,
        scope: form.value("scope").map(str::to_owned),
    })
}

/// How the client proves itself: in one way, and not with a secret in the body.
fn authentication(request: &HttpRequest, form: &Form) -> Result<ClientAuthentication, TokenError> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let (header, assertion) = (headers.next(), form.value("client_assertion"));
    if headers.next().is_some() || (header.is_some() && assertion.is_some()) {
        return Err(TokenError::invalid(
            "The client proves itself in more than one way.",
        ));
    }
    if form.value("client_secret").is_some() {
        return Err(TokenError::client());
    }
    let named = form.value("client_id");
    if let Some(assertion) = assertion {
        if form.value("client_assertion_type") != Some(JWT_BEARER) {
            return Err(TokenError::invalid(
                "The client_assertion_type is not that of RFC 7523.",
            ));
        }
        return Ok(ClientAuthentication::Assertion {
            client: named.map(str::to_owned),
            assertion: assertion.to_owned(),
        });
    }
    let basic = header.and_then(|header| basic(header.to_str().ok()?));
    let (client, secret) = basic.ok_or_else(TokenError::client)?;
    if named.is_some_and(|named| named != client.as_str()) {
        return Err(TokenError::invalid(
            "The client_id is not that of the Authorization header.",
        ));
    }
    Ok(ClientAuthentication::Secret {
        client: client.to_string(),
        secret,
    })
}

/// Client and secret of an HTTP Basic header, each form-encoded before (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(Zeroizing<String>, Zeroizing<String>)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(credentials.trim_start_matches(' ')).ok()?);
    let mut halves = decoded.splitn(2, |byte| *byte == b':');
    let (client, secret) = (halves.next()?, halves.next()?);
    Some((decode(client).ok()?, decode(secret).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_decoded_twice() {
        let of = |text: &str| {
            let header = format!("Basic {}", STANDARD.encode(text));
            basic(&header).map(|(client, secret)| (client.to_string(), secret.to_string()))
        };
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(of("demo-crm:demo"), pair("demo-crm", "demo"));
        assert_eq!(of("a:b:c"), pair("a", "b:c"));
        assert_eq!(of("a%3Ab:c%25+"), pair("a:b", "c% "));
        assert_eq!(of("demo-crm"), None);
        assert_eq!(of("a:%"), None);
        for header in ["Basic", "Basic !", "Bearer YTpi", "Basic YTpi=", "BasicYTpi"] {
            assert!(basic(header).is_none(), "{header}");
        }
        assert!(basic("bASIC  YTpi").is_some());
    }

    #[test]
    fn only_forms_are_forms() {
        assert!(is_form("application/x-www-form-urlencoded"));
        assert!(is_form("Application/X-WWW-Form-Urlencoded; charset=UTF-8"));
        for other in [
            "",
            "application/json",
            "multipart/form-data",
            "application/x-www-form-urlencoded; charset=utf-7",
        ] {
            assert!(!is_form(other), "{other}");
        }
    }
}
