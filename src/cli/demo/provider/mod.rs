//! A small provider of accounts (OpenID Connect Core 1.0), for the demo and for tests, with a page on which one chooses who to
//! be. It asks for no password, so it listens on this machine alone and is started by the demo and by tests only; `serve` has no
//! way to start it. Beside the missing password it does what a provider must: registered addresses only, PKCE, codes that
//! work once and for a minute, clients that prove who they are, id tokens signed with a key that it publishes.

mod page;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::ServerHandle;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, LOCATION};
use actix_web::web::{self, Data, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::crypto::jwt::sign_jwt;
use crate::crypto::{Secret32, SigningKey, constant_time_eq};
use crate::domain::moment::Moment;
use crate::outward::oidc::challenge;
use crate::web::form::Form;
use crate::world::{World, random};

/// Seconds for which a code works.
const CODE_SECONDS: i64 = 60;
/// Seconds for which an id token counts.
const TOKEN_SECONDS: i64 = 300;
/// Most logins under way; who starts more loses the oldest.
const MOST: usize = 1_000;

/// A client.
#[derive(Debug, Clone)]
pub struct ProviderClient {
    /// Its name.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Where people are sent back to.
    pub redirect_uri: String,
    /// Where they may go after signing out.
    pub after_sign_out: String,
    /// Heading of the page.
    pub title: String,
}

/// Somebody who may be chosen.
#[derive(Debug, Clone)]
pub struct Persona {
    /// For which client.
    pub client: String,
    /// The `sub`.
    pub subject: String,
    /// Name on the page.
    pub name: String,
    /// A sentence about them.
    pub about: String,
    /// What the id token says of them.
    pub claims: Map<String, Value>,
}

/// Makes an id token of claims; a test may make a wrong one.
pub type MakeToken = Arc<dyn Fn(Value, &SigningKey) -> String + Send + Sync>;

/// A provider that runs.
pub struct Provider {
    /// Where it listens.
    pub issuer: String,
    handle: ServerHandle,
    state: Data<State>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

struct State {
    issuer: String,
    clients: Vec<ProviderClient>,
    personas: Vec<Persona>,
    world: Arc<dyn World>,
    key: SigningKey,
    make_token: Mutex<Option<MakeToken>>,
    codes: Mutex<HashMap<String, Code>>,
}

/// What a code stands for.
#[derive(Clone)]
struct Code {
    asked: Asked,
    subject: String,
    until: Moment,
}

/// What a client asks for when it sends somebody here.
#[derive(Debug, Clone, Deserialize)]
struct Asked {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
    /// Who was chosen.
    persona: Option<String>,
}

impl Provider {
    /// Starts a provider on a socket of this machine; it is listened on already.
    ///
    /// # Errors
    /// When the socket is not of this machine alone, or cannot be used.
    pub fn start(
        listener: std::net::TcpListener,
        world: Arc<dyn World>,
        clients: Vec<ProviderClient>,
        personas: Vec<Persona>,
    ) -> io::Result<Self> {
        let address: SocketAddr = listener.local_addr()?;
        if !address.ip().is_loopback() {
            return Err(io::Error::other(
                "it asks for no password, and listens on this machine alone",
            ));
        }
        let issuer = format!("http://{address}");
        let key = SigningKey::from_seed(Secret32::filled(&|bytes| world.fill(bytes)));
        let state = Data::new(State {
            issuer: issuer.clone(),
            clients,
            personas,
            key: key.map_err(io::Error::other)?,
            world,
            make_token: Mutex::default(),
            codes: Mutex::default(),
        });
        let shared = state.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/.well-known/openid-configuration", web::get().to(configuration))
                .route("/keys", web::get().to(keys))
                .route("/authorize", web::get().to(authorize))
                .route("/token", web::post().to(token))
                .route("/sign-out", web::get().to(sign_out))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self {
            issuer,
            handle,
            state,
        })
    }

    /// From now on id tokens are made so; with `None` as they should be.
    pub fn make_tokens(&self, make: Option<MakeToken>) {
        *self
            .state
            .make_token
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = make;
    }

    /// Stops it.
    pub async fn stop(&self) {
        self.handle.stop(false).await;
    }
}

impl State {
    fn client(&self, id: &str) -> Option<&ProviderClient> {
        self.clients.iter().find(|client| client.id == id)
    }

    fn codes(&self) -> std::sync::MutexGuard<'_, HashMap<String, Code>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn configuration(state: Data<State>) -> HttpResponse {
    let at = |path: &str| format!("{}{path}", state.issuer);
    HttpResponse::Ok().json(json!({
        "issuer": state.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"),
        "end_session_endpoint": at("/sign-out"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn keys(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "keys": [state.key.public().jwk()] }))
}

/// The page to choose on; and, when somebody was chosen, the way back with a code.
async fn authorize(state: Data<State>, asked: Query<Asked>) -> HttpResponse {
    let asked = asked.into_inner();
    // An address that is not registered is never gone to, not even with an error (RFC 6749 §4.1.2.1).
    let client = state
        .client(&asked.client_id)
        .filter(|client| client.redirect_uri == asked.redirect_uri);
    let Some(client) = client else {
        return HttpResponse::BadRequest().body("This client or its redirect_uri is not registered here.");
    };
    let fits = asked.response_type == "code"
        && asked.scope.split(' ').any(|scope| scope == "openid")
        && asked.code_challenge_method == "S256"
        && asked.code_challenge.len() == 43;
    if !fits {
        return back(&state, &asked, &[("error", "invalid_request")]);
    }
    let Some(subject) = asked.persona.clone() else {
        return page::choose(client, &state.personas, &asked);
    };
    let known = |persona: &&Persona| persona.client == asked.client_id && persona.subject == subject;
    if state.personas.iter().find(known).is_none() {
        return back(&state, &asked, &[("error", "access_denied")]);
    }
    let code = URL_SAFE_NO_PAD.encode(random::<32>(&*state.world));
    let now = state.world.now();
    {
        let mut codes = state.codes();
        codes.retain(|_, code| now < code.until);
        if codes.len() >= MOST {
            codes.clear();
        }
        codes.insert(
            code.clone(),
            Code {
                asked: asked.clone(),
                subject,
                until: now.plus_seconds(CODE_SECONDS),
            },
        );
    }
    back(&state, &asked, &[("code", &code)])
}

fn back(state: &State, asked: &Asked, with: &[(&str, &str)]) -> HttpResponse {
    let Ok(mut to) = asked.redirect_uri.parse::<Url>() else {
        return HttpResponse::BadRequest().finish();
    };
    to.query_pairs_mut()
        .extend_pairs(with)
        .append_pair("state", &asked.state)
        .append_pair("iss", &state.issuer);
    HttpResponse::SeeOther()
        .insert_header((LOCATION, to.as_str()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// An id token for a code.
async fn token(state: Data<State>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let refuse = |error: &str| HttpResponse::BadRequest().json(json!({ "error": error }));
    let Some(client) = authenticated(&state, &request) else {
        return HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" }));
    };
    let Ok(form) = Form::parse(&body) else {
        return refuse("invalid_request");
    };
    let value = |name: &str| form.value(name).unwrap_or_default();
    if value("grant_type") != "authorization_code" {
        return refuse("unsupported_grant_type");
    }
    // Taken out whatever comes of it: a code is tried once.
    let code = state.codes().remove(value("code"));
    let now = state.world.now();
    let good = code.filter(|code| {
        now < code.until
            && code.asked.client_id == client.id
            && code.asked.redirect_uri == value("redirect_uri")
            && code.asked.code_challenge == challenge(value("code_verifier"))
    });
    let persona = good.as_ref().and_then(|code| {
        let mut personas = state.personas.iter();
        personas.find(|persona| persona.client == client.id && persona.subject == code.subject)
    });
    let (Some(code), Some(persona)) = (good.as_ref(), persona) else {
        return refuse("invalid_grant");
    };
    let mut claims = persona.claims.clone();
    let own = json!({
        "iss": state.issuer, "sub": persona.subject, "aud": client.id, "azp": client.id, "name": persona.name,
        "iat": now.seconds(), "exp": now.seconds() + TOKEN_SECONDS, "auth_time": now.seconds(),
        "nonce": code.asked.nonce,
    });
    claims.extend(own.as_object().cloned().unwrap_or_default());
    let make = state
        .make_token
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let claims = Value::Object(claims);
    let id_token = match make {
        Some(make) => make(claims, &state.key),
        None => sign_jwt("JWT", &state.key.public().thumbprint(), &claims, &state.key).unwrap_or_default(),
    };
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "access_token": URL_SAFE_NO_PAD.encode(random::<32>(&*state.world)), "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS, "id_token": id_token,
        }))
}

/// `client_secret_basic` (RFC 6749 §2.3.1).
fn authenticated<'s>(state: &'s State, request: &HttpRequest) -> Option<&'s ProviderClient> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    let client = state.client(id)?;
    constant_time_eq(client.secret.as_bytes(), secret.as_bytes()).then_some(client)
}

#[derive(Deserialize)]
struct SignOut {
    client_id: String,
    post_logout_redirect_uri: String,
}

/// There is no session here to end; people go back to where their client wants them.
async fn sign_out(state: Data<State>, asked: Query<SignOut>) -> HttpResponse {
    let client = state
        .client(&asked.client_id)
        .filter(|client| client.after_sign_out == asked.post_logout_redirect_uri);
    match client {
        Some(client) => HttpResponse::SeeOther()
            .insert_header((LOCATION, client.after_sign_out.as_str()))
            .finish(),
        None => HttpResponse::BadRequest().body("This address is not registered here."),
    }
}
