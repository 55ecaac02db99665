//! From the text of a bearer token to the caller.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::cache::Verified;
use super::client::ClientId;
use super::issuer::{Keys, Wanted};
use super::table::{Clients, Known};
use super::{Access, AccessError, LEEWAY, MAX_TOKEN, TokenFault};
use crate::crypto::jwt::{
    Expected, JwtError, SignatureAlgorithm, TokenType, VerifiedJwt, unverified_issuer, verify_jws,
};
use crate::crypto::sha256;
use crate::domain::moment::Moment;
use crate::service::call::{Principal, Scope};

impl Access {
    /// Who is calling with this bearer token.
    ///
    /// # Errors
    /// [`AccessError::InvalidToken`], or [`AccessError::Unavailable`] when the clients or the keys cannot be had.
    pub async fn authenticate(&self, bearer: &str) -> Result<Arc<Principal>, AccessError> {
        if bearer.len() > MAX_TOKEN {
            return Err(TokenFault::Jwt(JwtError::Form).into());
        }
        let now = self.world.now();
        let clients = self.table.fresh(now).await?;
        let hash = sha256(bearer.as_bytes());
        if let Some(verified) = self.tokens.find(&hash, now)
            && Arc::ptr_eq(&verified.keys, &self.keys_of(verified.issuer, now).await?)
        {
            let known = acceptable(&clients, &verified.known.client.id, &verified)?;
            if Arc::ptr_eq(known, &verified.known) {
                return Ok(Arc::clone(&verified.principal));
            }
            let renewed = Verified {
                principal: principal(known, &verified.scopes),
                known: Arc::clone(known),
                ..(*verified).clone()
            };
            let principal = Arc::clone(&renewed.principal);
            self.tokens.keep(hash, Arc::new(renewed));
            return Ok(principal);
        }
        let verified = self.verify(bearer, &clients, now).await?;
        let principal = Arc::clone(&verified.principal);
        if verified.expires_at > now.seconds() {
            self.tokens.keep(hash, Arc::new(verified));
        }
        Ok(principal)
    }

    async fn keys_of(&self, issuer: Option<usize>, now: Moment) -> Result<Keys, AccessError> {
        let Some(at) = issuer else {
            return Ok(Arc::clone(&self.keys.load().verifying));
        };
        let external = self.options.issuers.get(at).ok_or(TokenFault::UnknownIssuer)?;
        external
            .keys
            .keys(now, Wanted::Known)
            .await
            .map_err(|_| AccessError::Unavailable)
    }

    async fn verify(&self, bearer: &str, clients: &Clients, now: Moment) -> Result<Verified, AccessError> {
        let issuer = unverified_issuer(bearer).map_err(TokenFault::Jwt)?;
        let (token, keys, issuer, client) = if issuer == self.options.issuer {
            let (token, keys) = self.verify_own(bearer, now)?;
            let client = own_client(&token.claims)?;
            (token, keys, None, client)
        } else {
            let at = self
                .options
                .issuers
                .iter()
                .position(|other| other.issuer == issuer);
            let at = at.ok_or(TokenFault::UnknownIssuer)?;
            let (token, keys) = self.verify_external(bearer, at, now).await?;
            let client = self.external_client(&token.claims, at)?;
            (token, keys, Some(at), client)
        };
        // Required by RFC 9068 and by iGov-NL alike.
        if text(&token.claims, "jti").is_none_or(str::is_empty) {
            return Err(TokenFault::Claim("jti").into());
        }
        let known = clients.client(client.as_str()).ok_or(TokenFault::UnknownClient)?;
        let scopes = scopes(&token.claims)?;
        let verified = Verified {
            principal: principal(known, &scopes),
            known: Arc::clone(known),
            keys,
            issuer,
            scopes,
            issued_at: token.claims.get("iat").and_then(Value::as_i64).unwrap_or(0),
            expires_at: token.expires_at,
        };
        acceptable(clients, &client, &verified)?;
        Ok(verified)
    }

    fn verify_own(&self, bearer: &str, now: Moment) -> Result<(VerifiedJwt, Keys), AccessError> {
        let expected = Expected {
            issuer: &self.options.issuer,
            audiences: &[&self.options.audience],
            token_type: TokenType::Access,
            algorithms: &[SignatureAlgorithm::EdDsa],
            leeway: LEEWAY,
        };
        let keys = Arc::clone(&self.keys.load().verifying);
        let token = verify_jws(bearer, &keys, &expected, now.seconds()).map_err(TokenFault::Jwt)?;
        if !token.claims.contains_key("iat") {
            return Err(TokenFault::Claim("iat").into());
        }
        Ok((token, keys))
    }

    async fn verify_external(
        &self,
        bearer: &str,
        at: usize,
        now: Moment,
    ) -> Result<(VerifiedJwt, Keys), AccessError> {
        let issuer = self.options.issuers.get(at).ok_or(TokenFault::UnknownIssuer)?;
        let expected = Expected {
            issuer: &issuer.issuer,
            audiences: &[&issuer.audience],
            token_type: TokenType::Access,
            algorithms: &issuer.algorithms,
            leeway: LEEWAY,
        };
        let mut keys = self.keys_of(Some(at), now).await?;
        let mut token = verify_jws(bearer, &keys, &expected, now.seconds());
        if token == Err(JwtError::Key) {
            // Perhaps the issuer has turned to a new key.
            let newer = issuer.keys.keys(now, Wanted::Newer).await;
            keys = newer.map_err(|_| AccessError::Unavailable)?;
            token = verify_jws(bearer, &keys, &expected, now.seconds());
        }
        Ok((token.map_err(TokenFault::Jwt)?, keys))
    }

    /// The client is looked up under the issuer that vouches for it: the same name at another issuer is somebody else.
    fn external_client(&self, claims: &Map<String, Value>, at: usize) -> Result<ClientId, AccessError> {
        let issuer = self.options.issuers.get(at).ok_or(TokenFault::UnknownIssuer)?;
        let name = issuer
            .client_claim
            .client(claims)
            .ok_or(TokenFault::Claim("client_id"))?;
        Ok(ClientId::foreign(&issuer.id, name).map_err(|_| TokenFault::UnknownClient)?)
    }
}

impl From<TokenFault> for AccessError {
    fn from(fault: TokenFault) -> Self {
        Self::InvalidToken(fault)
    }
}

/// The client of one of our own tokens, which says it three times.
fn own_client(claims: &Map<String, Value>) -> Result<ClientId, TokenFault> {
    let client = text(claims, "client_id").ok_or(TokenFault::Claim("client_id"))?;
    for name in ["azp", "sub"] {
        if text(claims, name) != Some(client) {
            return Err(TokenFault::Claim(name));
        }
    }
    ClientId::parse(client)
        .ok()
        .filter(|client| !client.is_foreign())
        .ok_or(TokenFault::UnknownClient)
}

/// The client, if it may still do anything with this token.
fn acceptable<'c>(
    clients: &'c Clients,
    id: &ClientId,
    token: &Verified,
) -> Result<&'c Arc<Known>, TokenFault> {
    let known = clients.client(id.as_str()).ok_or(TokenFault::UnknownClient)?;
    if !known.client.is_active() {
        return Err(TokenFault::Revoked);
    }
    if token.issuer.is_none() && token.issued_at < known.client.tokens_from {
        return Err(TokenFault::CalledIn);
    }
    Ok(known)
}

fn principal(known: &Known, scopes: &BTreeSet<Scope>) -> Arc<Principal> {
    Arc::new(Principal {
        client: known.client.id.to_string(),
        system: known.client.system.clone(),
        scopes: scopes.intersection(&known.client.scopes).copied().collect(),
    })
}

/// The scopes a token names that mean something here; words of others are passed over. No claim, no scopes.
fn scopes(claims: &Map<String, Value>) -> Result<BTreeSet<Scope>, TokenFault> {
    match claims.get("scope") {
        None => Ok(BTreeSet::new()),
        Some(Value::String(words)) => Ok(words.split(' ').filter_map(Scope::parse).collect()),
        Some(_) => Err(TokenFault::Claim("scope")),
    }
}

fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str)
}
