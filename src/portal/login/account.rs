//! Signing in with an account elsewhere: to the provider, and back.

use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Asked, STAFF_HOME, enter, home, limited, with_onward};
use crate::crypto::constant_time_eq;
use crate::domain::personal::Personal;
use crate::outward::oidc::{CameBack, RelyingParty};
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::service::sessions::staff::Role;
use crate::service::sessions::{How, LoginOnTheWay, MemberIdentity, Token};
use crate::web::page::{Page, onward};
use crate::web::session::doors::Doors;
use crate::web::session::onward::local;
use crate::web::session::{SIGN_IN, SIGN_IN_STAFF, Turned, cookie};
use crate::world::random;

/// To the provider of members' accounts.
#[get("/inloggen/account")]
pub async fn go(
    request: HttpRequest,
    asked: Query<Asked>,
    service: Data<Service>,
    doors: Data<Doors>,
) -> Result<HttpResponse, Turned> {
    let party = doors.members.as_ref().map(|door| &door.party);
    leave(&request, &asked.verder, &service, party, false).await
}

/// To the provider of staff's accounts.
#[get("/inloggen/medewerkers/account")]
pub async fn go_staff(
    request: HttpRequest,
    asked: Query<Asked>,
    service: Data<Service>,
    doors: Data<Doors>,
) -> Result<HttpResponse, Turned> {
    let party = doors.staff.as_ref().map(|door| &door.party);
    leave(&request, &asked.verder, &service, party, true).await
}

async fn leave(
    request: &HttpRequest,
    verder: &str,
    service: &Service,
    party: Option<&RelyingParty>,
    staff: bool,
) -> Result<HttpResponse, Turned> {
    let page = Page::of(request);
    let choose = if staff { SIGN_IN_STAFF } else { SIGN_IN };
    let to = local(verder).unwrap_or_default();
    let pressed_here = request
        .headers()
        .get("sec-fetch-site")
        .is_none_or(|site| site == "same-origin" || site == "none");
    // Another site may lead people to the page where they choose, and not past it: an account that is still open there
    // would sign them in without a word (ASVS V7.6.2).
    let Some(party) = party.filter(|_| pressed_here) else {
        return Ok(onward(&page.to(&with_onward(choose, to))));
    };
    limited(request)?;
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let secret = || URL_SAFE_NO_PAD.encode(random::<32>(service.world()));
    let way = LoginOnTheWay {
        staff,
        state: Personal::new(secret()),
        nonce: Personal::new(secret()),
        verifier: Personal::new(secret()),
        // The language and size of letters that somebody chose travel along; an address of our own names them itself.
        onward: if to.is_empty() { page.to("") } else { to.to_owned() },
    };
    let now = service.world().now();
    let asked = party.authorization(way.state.reveal(), way.nonce.reveal(), way.verifier.reveal(), now);
    match asked.await {
        Ok(url) => {
            let token = service.begin_login(&way).await.map_err(refused)?;
            let mut answer = onward(url.as_str());
            set(&mut answer, cookie::give_for_the_way(&token, service).1);
            Ok(answer)
        }
        Err(error) => {
            tracing::warn!(alarm = "login-away", error = %error, "nobody can sign in with an account");
            Ok(onward(&page.to(&format!("{choose}?fout=weg"))))
        }
    }
}

/// What the provider sends somebody back with.
#[derive(Debug, Deserialize)]
pub struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    iss: Option<String>,
}

/// Back from the provider.
#[get("/inloggen/terug")]
pub async fn returned(
    request: HttpRequest,
    came: Query<Back>,
    service: Data<Service>,
    doors: Data<Doors>,
) -> Result<HttpResponse, Turned> {
    limited(&request)?;
    let page = Page::of(&request);
    let arrived = arrive(&request, &came, &service, &doors).await;
    let arrived = arrived.map_err(|refusal| Turned::refused(&refusal, page.language))?;
    let mut answer = match arrived {
        Ok(answer) => answer,
        Err((staff, mistake)) => {
            let choose = if staff { SIGN_IN_STAFF } else { SIGN_IN };
            onward(&page.to(&format!("{choose}?fout={mistake}")))
        }
    };
    set(&mut answer, cookie::take_after_the_way(&service).1);
    Ok(answer)
}

/// Who did not arrive: whether staff, and what to say of it.
type Lost = (bool, &'static str);

async fn arrive(
    request: &HttpRequest,
    back: &Back,
    service: &Service,
    doors: &Doors,
) -> Result<Result<HttpResponse, Lost>, Refusal> {
    let Some(token) = cookie::on_the_way(request, service) else {
        return Ok(Err((false, "mislukt")));
    };
    // Once, whatever comes of it: a code and a state are not tried twice.
    let Some(way) = service.end_login(&token).await? else {
        return Ok(Err((false, "mislukt")));
    };
    let lost = |mistake| Ok(Err((way.staff, mistake)));
    if !constant_time_eq(way.state.reveal().as_bytes(), back.state.as_bytes()) || back.code.is_empty() {
        return lost("mislukt");
    }
    let party = if way.staff {
        doors.staff.as_ref().map(|door| &door.party)
    } else {
        doors.members.as_ref().map(|door| &door.party)
    };
    let Some(party) = party else {
        return lost("mislukt");
    };
    let came = CameBack {
        code: &back.code,
        issuer: back.iss.as_deref(),
    };
    let now = service.world().now();
    let claims = party
        .claims(came, way.nonce.reveal(), way.verifier.reveal(), now)
        .await;
    let claims = match claims {
        Ok(claims) => claims,
        Err(error) => {
            tracing::warn!(alarm = "login-refused", error = %error, "somebody was not signed in");
            return lost(if error.is_outage() { "weg" } else { "mislukt" });
        }
    };
    let entered = if way.staff {
        let Some((token, role)) = staff(service, doors, &claims).await? else {
            return lost("onbekend");
        };
        let home = match role {
            Role::Desk => STAFF_HOME,
            _ => "/fg",
        };
        let to = onward_or(&way.onward, home);
        enter(request, service, &token, &to).await?
    } else {
        let Some(found) = member(service, doors, &claims).await? else {
            return lost("onbekend");
        };
        let token = service.sign_in_member(found.person, How::Account).await?;
        let to = onward_or(&way.onward, home(service, &found).await?);
        enter(request, service, &token, &to).await?
    };
    Ok(Ok(entered))
}

/// Where somebody asked to go, or else home with the wishes that travel along.
fn onward_or(onward: &str, home: &str) -> String {
    match local(onward) {
        Some(asked) => asked.to_owned(),
        None if onward.starts_with('?') => format!("{home}{onward}"),
        None => home.to_owned(),
    }
}

async fn member(
    service: &Service,
    doors: &Doors,
    claims: &Map<String, Value>,
) -> Result<Option<MemberIdentity>, Refusal> {
    let Some(door) = &doors.members else {
        return Ok(None);
    };
    let Some(claimed) = door.member(claims, &service.catalogue()) else {
        return Ok(None);
    };
    let found = service.find_member(door.scheme.clone(), claimed.number).await?;
    let found = found.filter(|member| {
        let library = claimed.library.as_ref();
        library.is_none_or(|library| member.libraries.contains(library))
    });
    Ok(found)
}

async fn staff(
    service: &Service,
    doors: &Doors,
    claims: &Map<String, Value>,
) -> Result<Option<(Token, Role)>, Refusal> {
    let Some(door) = &doors.staff else { return Ok(None) };
    let Some(identity) = door.staff(claims, &service.catalogue()) else {
        return Ok(None);
    };
    let role = identity.role;
    let token = service.sign_in_staff(identity, How::Account).await?;
    Ok(Some((token, role)))
}

fn set(answer: &mut HttpResponse, cookie: String) {
    if let Ok(value) = HeaderValue::try_from(cookie) {
        answer.headers_mut().append(SET_COOKIE, value);
    }
}
