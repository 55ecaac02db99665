//! A link by mail that signs a member in once. Whoever asks for one sees the same page whether the address is known or not,
//! and as fast: the work is done after the answer.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::{Nothing, enter, home, limited};
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::post::Letter;
use crate::service::refusal::Refusal;
use crate::service::sessions::{How, Token};
use crate::web::page::{Page, onward, show};
use crate::web::session::doors::Doors;
use crate::web::session::onward::local;
use crate::web::session::{OpenForm, SIGN_IN, Turned, Why};
use crate::web::site::Site;
use crate::web::texts;

/// Links that one network may ask for at once; then one a second.
const AT_ONCE: u32 = 10;

#[derive(Template)]
#[template(path = "login/sent.html")]
struct Sent {
    page: Page,
}

#[derive(Template)]
#[template(path = "login/link.html")]
struct Press {
    page: Page,
    csrf: String,
    to: String,
}

/// Who wants a link.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    email: String,
    #[serde(default)]
    verder: String,
}

/// Asks for a link.
#[post("/inloggen/link")]
pub async fn ask(
    request: HttpRequest,
    form: OpenForm<Wanted>,
    service: Data<Service>,
    doors: Data<Doors>,
) -> Result<HttpResponse, Turned> {
    limited(&request)?;
    let page = Page::of(&request);
    let often = Turned::new(Why::TooOften, page.language);
    let site = Site::of(&request);
    if let Some((site, peer)) = site.and_then(|site| Some((site, site.peer(&request)?))) {
        let network = format!("mail {peer}");
        let allowed = site.limits.client(&network, 1, AT_ONCE);
        allowed.map_err(|_| often)?;
    }
    if doors.links {
        let (service, language) = (service.get_ref().clone(), page.language);
        let wanted = form.value;
        // After the answer, so that its time tells nothing of who is known.
        tokio::spawn(async move {
            if send(&service, &wanted, language).await.is_err() {
                tracing::warn!(alarm = "mail-lost", "a link to sign in could not be made");
            }
        });
    }
    Ok(onward(&page.to("/inloggen/link/verstuurd")))
}

async fn send(service: &Service, wanted: &Wanted, language: Language) -> Result<(), Refusal> {
    let catalogue = service.catalogue();
    let scheme = catalogue.schemes.iter().find(|(id, _)| id.as_str() == "email");
    let Some((scheme, rules)) = scheme else {
        return Ok(());
    };
    let Some(address) = rules.normalise(&wanted.email) else {
        return Ok(());
    };
    let address = Personal::new(address);
    let Some(member) = service.find_member(scheme.clone(), address.clone()).await? else {
        return Ok(());
    };
    let language = member.language.unwrap_or(language);
    let onward = local(&wanted.verder).unwrap_or_default();
    let Some(token) = service.make_login_link(member.person, onward).await? else {
        return Ok(());
    };
    let base = service.public_base();
    let link = format!(
        "{base}/inloggen/link/{}?taal={}",
        token.reveal(),
        language.as_str()
    );
    let name = member
        .libraries
        .first()
        .and_then(|library| catalogue.organisations.get(library))
        .map_or(catalogue.network.name.as_str(), |library| library.name.as_str());
    let letter = Letter {
        to: address,
        subject: texts::say(language, "login-mail-subject", &[]),
        text: Personal::new(texts::say(
            language,
            "login-mail-text",
            &[("link", &link), ("library", &name)],
        )),
    };
    service.post(Some(member.person), &letter).await
}

/// Look in your mail.
#[get("/inloggen/link/verstuurd")]
pub async fn sent(request: HttpRequest) -> HttpResponse {
    show(&Sent {
        page: Page::of(&request).titled("login-sent"),
    })
}

/// The link from the mail: a page with a button. Looking uses nothing up, because programs look at every link in a mail.
#[get("/inloggen/link/{token}")]
pub async fn look(
    request: HttpRequest,
    token: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    limited(&request)?;
    let page = Page::of(&request);
    let token = Token::parse(&token);
    let works = match &token {
        Some(token) => service.is_login_link(token).await,
        None => Ok(false),
    };
    let works = works.map_err(|refusal| Turned::refused(&refusal, page.language))?;
    match token.filter(|_| works) {
        Some(token) => Ok(show(&Press {
            to: page.to(&format!("/inloggen/link/{}", token.reveal())),
            page: page.titled("login-link"),
            csrf: service.form_token(),
        })),
        None => Ok(no_longer(&page)),
    }
}

/// The button on that page.
#[post("/inloggen/link/{token}")]
pub async fn press(
    request: HttpRequest,
    token: Path<String>,
    _form: OpenForm<Nothing>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    limited(&request)?;
    let page = Page::of(&request);
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let Some(token) = Token::parse(&token) else {
        return Ok(no_longer(&page));
    };
    let used = service.use_login_link(&token).await.map_err(refused)?;
    let Some((member, to)) = used else {
        return Ok(no_longer(&page));
    };
    let session = service.sign_in_member(member.person, How::Link).await;
    let session = session.map_err(refused)?;
    let to = match local(&to) {
        Some(asked) => asked,
        None => home(&service, &member).await.map_err(refused)?,
    };
    enter(&request, &service, &session, to).await.map_err(refused)
}

/// Used, too old, or never there: the same answer.
fn no_longer(page: &Page) -> HttpResponse {
    onward(&page.to(&format!("{SIGN_IN}?fout=link")))
}
