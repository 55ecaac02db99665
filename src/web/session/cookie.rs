//! The cookies: one for who is signed in, one for who is on the way to the provider of accounts and back. None is set before
//! somebody signs in.
//!
//! Over https they have the prefix `__Host-`, so that no neighbouring host can set them (RFC 6265bis §4.1.3.2). They are
//! `SameSite=Lax`, because the way back from the provider and from a mail comes from elsewhere; what changes something is
//! guarded by [`super::Form`].

use actix_web::HttpRequest;
use actix_web::http::header::{COOKIE, HeaderName, SET_COOKIE};

use crate::service::Service;
use crate::service::sessions::Token;

const SESSION: [&str; 2] = ["__Host-akkoord", "akkoord"];
const ON_THE_WAY: [&str; 2] = ["__Host-akkoord-login", "akkoord-login"];

fn name(names: [&'static str; 2], service: &Service) -> &'static str {
    let [secure, plain] = names;
    if is_secure(service) { secure } else { plain }
}

fn is_secure(service: &Service) -> bool {
    service.public_base().starts_with("https://")
}

/// A header for an answer, to be appended: an answer may set several cookies.
pub type SetCookie = (HeaderName, String);

/// A token has letters, digits, `-` and `_` only: there is nothing to encode.
fn make(name: &str, token: &str, service: &Service) -> SetCookie {
    let secure = if is_secure(service) { "; Secure" } else { "" };
    let text = format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax{secure}");
    (SET_COOKIE, text)
}

fn end(name: &str, service: &Service) -> SetCookie {
    let (header, text) = make(name, "", service);
    (header, format!("{text}; Max-Age=0"))
}

/// The one cookie of a name. Where there are two, somebody else has set one of them, and none counts.
fn read(request: &HttpRequest, name: &str) -> Option<Token> {
    let mut found = request
        .headers()
        .get_all(COOKIE)
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(other, _)| *other == name);
    let (_, value) = found.next()?;
    match found.next() {
        None => Token::parse(value),
        Some(_) => None,
    }
}

/// The name of the cookie of who is signed in.
pub fn session_name(service: &Service) -> &'static str {
    name(SESSION, service)
}

/// The token of a session that a browser sent.
pub fn of(request: &HttpRequest, service: &Service) -> Option<Token> {
    read(request, name(SESSION, service))
}

/// Gives the browser its session. It lasts until the browser is closed, and on this side until the session ends.
pub fn give(token: &Token, service: &Service) -> SetCookie {
    make(name(SESSION, service), token.reveal(), service)
}

/// Takes the session back.
pub fn take(service: &Service) -> SetCookie {
    end(name(SESSION, service), service)
}

/// The token of somebody on the way.
pub fn on_the_way(request: &HttpRequest, service: &Service) -> Option<Token> {
    read(request, name(ON_THE_WAY, service))
}

/// Gives the browser what it must bring back from the provider.
pub fn give_for_the_way(token: &Token, service: &Service) -> SetCookie {
    make(name(ON_THE_WAY, service), token.reveal(), service)
}

/// Takes it back.
pub fn take_after_the_way(service: &Service) -> SetCookie {
    end(name(ON_THE_WAY, service), service)
}
