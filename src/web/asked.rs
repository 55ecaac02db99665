//! A request with a body: first who asks, then what. A caller without a token does not get its body read.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::auth::Caller;
use super::body::Json;
use super::idempotency;
use super::problem::Problem;
use crate::service::call::{Call, Idempotency, Scope};

/// Who asks, and the body.
#[derive(Debug)]
pub struct Asked<T> {
    caller: Caller,
    idempotency: Option<Idempotency>,
    body: T,
}

impl<T> Asked<T> {
    /// The call, with its idempotency key, and the body, for a caller that has the scope.
    ///
    /// # Errors
    /// 403 without the scope.
    pub fn allow(self, scope: Scope) -> Result<(Call, T), Problem> {
        self.caller.require(scope)?;
        let call = Call {
            idempotency: self.idempotency,
            ..self.caller.0
        };
        Ok((call, self.body))
    }
}

impl<T: DeserializeOwned> FromRequest for Asked<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let caller = Caller::from_request(&request, &mut Payload::None).await?;
            let json = Json::<T>::from_request(&request, &mut payload).await?;
            let idempotency = idempotency::of(&request, &json.digest)?;
            Ok(Self {
                caller,
                idempotency,
                body: json.value,
            })
        })
    }
}
