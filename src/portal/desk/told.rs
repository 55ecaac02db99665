//! What the member is mailed after something was recorded at the desk, so that nothing is recorded behind their back.

use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::family::Near;
use crate::service::post::Letter;
use crate::web::page::Page;
use crate::web::texts;

/// What was recorded, in a language.
pub(super) struct Said {
    /// About what.
    pub(super) title: String,
    /// The answer.
    pub(super) answer: String,
}

/// Writes to the member what was recorded. That it was recorded stands, whether or not this works.
pub(super) async fn tell(service: &Service, near: &Near, page: &Page, said: impl FnOnce(Language) -> Said) {
    if !send(service, near, page, said).await {
        tracing::warn!(
            alarm = "mail-lost",
            "a member was not told what was recorded at the desk"
        );
    }
}

/// Whether all went well; nobody can be told whose address is unknown.
async fn send(service: &Service, near: &Near, page: &Page, said: impl FnOnce(Language) -> Said) -> bool {
    let address = match service.address_of(near.person).await {
        Ok(Some(address)) => address,
        Ok(None) => return true,
        Err(_) => return false,
    };
    let language = near.language.unwrap_or(page.language);
    let catalogue = service.catalogue();
    let (name, phone) = catalogue
        .organisations
        .get(&near.organisation)
        .map_or(("", ""), |library| {
            (library.name.as_str(), library.phone.as_str())
        });
    let Said { title, answer } = said(language);
    let link = format!("{}/mijn", service.public_base());
    let letter = Letter {
        to: address,
        subject: texts::say(language, "desk-mail-subject", &[]),
        text: Personal::new(texts::say(
            language,
            "desk-mail-text",
            &[
                ("library", &name),
                ("title", &title),
                ("answer", &answer),
                ("link", &link),
                ("phone", &phone),
            ],
        )),
    };
    service.post(Some(near.person), &letter).await.is_ok()
}
