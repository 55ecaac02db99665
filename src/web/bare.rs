//! Small pages for people: no script, one style, nothing from elsewhere.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::sha256;
use crate::domain::preference::Language;

const STYLE: &str = "body{font:1.125rem/1.6 system-ui,sans-serif;max-width:38rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem}\
button{font:inherit;padding:.7rem 1.4rem;border:2px solid #0b3d5c;border-radius:.4rem;background:#0b3d5c;color:#fff;\
cursor:pointer}button:hover{background:#082c43}:focus-visible{outline:3px solid #b35900;outline-offset:3px}\
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{border-bottom:1px solid #767676;padding:.3rem .5rem;\
text-align:left;vertical-align:top;overflow-wrap:anywhere}caption{text-align:left;font-weight:700}\
dt{font-weight:700;margin-top:.8rem}dd{margin:0;overflow-wrap:anywhere}hr{margin:2rem 0;border:0;border-top:1px solid \
#767676}";

static CONTENT_POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        STANDARD.encode(sha256(STYLE.as_bytes()))
    )
});

/// A page: its title, and its body as HTML that is already escaped.
#[derive(Debug)]
pub struct Page {
    /// Title, as text.
    pub title: String,
    /// Body, as HTML.
    pub body: String,
}

/// A page as an answer.
pub fn respond(status: u16, page: &Page, language: Language) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::OK))
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, CONTENT_POLICY.as_str()))
        .body(html(page, language))
}

/// A page as a file of its own.
pub fn html(page: &Page, language: Language) -> String {
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n<title>{}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n{}\n</main>\n</body>\n</html>\n",
        language.as_str(),
        escape(&page.title),
        page.body,
    )
}

/// Text as HTML.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
