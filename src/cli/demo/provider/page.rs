//! The page on which one chooses who to be.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use askama::Template;
use url::form_urlencoded::Serializer;

use super::{Asked, Persona, ProviderClient};

#[derive(Template)]
#[template(path = "demo/provider.html")]
struct Choose<'a> {
    title: &'a str,
    people: Vec<Choice<'a>>,
}

struct Choice<'a> {
    name: &'a str,
    about: &'a str,
    to: String,
}

pub(super) fn choose(client: &ProviderClient, personas: &[Persona], asked: &Asked) -> HttpResponse {
    let people = personas
        .iter()
        .filter(|persona| persona.client == client.id)
        .map(|persona| Choice {
            name: &persona.name,
            about: &persona.about,
            to: link(asked, &persona.subject),
        })
        .collect();
    let page = Choose {
        title: &client.title,
        people,
    };
    match page.render() {
        Ok(html) => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .insert_header((CACHE_CONTROL, "no-store"))
            // Its few styles stand in the page; it is nobody's real login.
            .insert_header((
                CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ))
            .body(html),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

fn link(asked: &Asked, subject: &str) -> String {
    let query = Serializer::new(String::new())
        .append_pair("response_type", &asked.response_type)
        .append_pair("client_id", &asked.client_id)
        .append_pair("redirect_uri", &asked.redirect_uri)
        .append_pair("scope", &asked.scope)
        .append_pair("state", &asked.state)
        .append_pair("nonce", &asked.nonce)
        .append_pair("code_challenge", &asked.code_challenge)
        .append_pair("code_challenge_method", &asked.code_challenge_method)
        .append_pair("persona", subject)
        .finish();
    format!("/authorize?{query}")
}
