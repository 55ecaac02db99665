//! Who calls: the bearer token of a request (RFC 6750 §2.1; never in the query or the body).

use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;

use super::problem::{BearerError, Kind, Problem};
use super::site::Site;
use super::trace::{ClientName, Trace};
use super::{language, limit};
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::access::{AccessError, MAX_TOKEN};
use crate::service::call::{Call, Scope};
use crate::service::refusal::Refusal;

/// An authenticated call.
#[derive(Debug)]
pub struct Caller(pub Call);

impl Caller {
    /// The call, if its token has the scope.
    ///
    /// # Errors
    /// 403 without the scope.
    pub fn require(&self, scope: Scope) -> Result<&Call, Problem> {
        if self.0.principal.scopes.contains(&scope) {
            Ok(&self.0)
        } else {
            Err(Problem::insufficient_scope(scope))
        }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let mut values = request.headers().get_all(AUTHORIZATION);
            let value = values.next().ok_or_else(|| Problem::unauthenticated(None))?;
            if values.next().is_some() {
                return Err(Problem::unauthenticated(Some(BearerError::InvalidRequest)));
            }
            let token = bearer(value)?;
            let service = request
                .app_data::<Data<Service>>()
                .ok_or_else(|| Problem::new(Kind::Internal))?;
            let principal = match service.authenticate(token).await {
                Ok(principal) => principal,
                Err(error) => {
                    // Whoever tries tokens may not try many.
                    limit::anonymous(&request)?;
                    return Err(refused(error));
                }
            };
            request
                .extensions_mut()
                .insert(ClientName(principal.client.clone()));
            let catalogue = service.catalogue();
            if let (Some(site), Some(system)) = (Site::of(&request), catalogue.systems.get(&principal.system))
            {
                let outcome = site
                    .limits
                    .client(&principal.client, system.per_second, system.burst);
                limit::note(&request, outcome)?;
            }
            let mut call = Call::new((*principal).clone(), language::of(&request));
            call.trace = Trace::of(&request).map(|trace| Personal::new(trace.traceparent()));
            Ok(Self(call))
        })
    }
}

/// The token of a header (RFC 6750 §2.1): one word of `token68`. Another scheme is no bearer token at all.
fn bearer(header: &HeaderValue) -> Result<&str, Problem> {
    let text = header
        .to_str()
        .map_err(|_| Problem::unauthenticated(Some(BearerError::InvalidToken)))?;
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::unauthenticated(None));
    }
    let token = rest.trim_start_matches(' ');
    let word = token.trim_end_matches('=');
    let is_token68 = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if word.is_empty() || token.len() > MAX_TOKEN || !word.bytes().all(is_token68) {
        return Err(Problem::unauthenticated(Some(BearerError::InvalidToken)));
    }
    Ok(token)
}

/// The caller hears no more than that its token does not count; why is in the log.
fn refused(error: AccessError) -> Problem {
    tracing::info!(reason = %error, "a bearer token was refused");
    match error {
        AccessError::InvalidToken(_) => Problem::unauthenticated(Some(BearerError::InvalidToken)),
        AccessError::InvalidRequest(_) => Problem::unauthenticated(Some(BearerError::InvalidRequest)),
        AccessError::InvalidClient | AccessError::InvalidScope => Problem::unauthenticated(None),
        AccessError::Unavailable => Refusal::Unavailable.into(),
    }
}
