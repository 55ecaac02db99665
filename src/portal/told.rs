//! What is mailed to a member after a choice: the receipt, to who asked for that in the settings.

use super::asking;
use crate::domain::ids::PersonId;
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::call::Call;
use crate::service::post::Letter;
use crate::service::refusal::Refusal;
use crate::service::verbs::Receipt;
use crate::web::page::{Page, dates};
use crate::web::texts;

/// Mails the receipt of a choice, if the member wants receipts by mail and an address is known. The choice stands whether or
/// not this works.
pub(super) async fn receipt(
    service: &Service,
    call: &Call,
    person: PersonId,
    receipt: &Receipt,
    page: &Page,
) {
    if send(service, call, person, receipt, page).await.is_err() {
        tracing::warn!(alarm = "mail-lost", "a receipt was not put in the post");
    }
}

async fn send(
    service: &Service,
    call: &Call,
    person: PersonId,
    receipt: &Receipt,
    page: &Page,
) -> Result<(), Refusal> {
    let own = service.pairwise(call, &receipt.organisation, person);
    let near = service.near(call, &own).await?;
    if !near.receipts {
        return Ok(());
    }
    let Some(address) = service.address_of(person).await? else {
        return Ok(());
    };
    let language = near.language.unwrap_or(page.language);
    let catalogue = service.catalogue();
    let title = asking::entry(&catalogue, receipt.purpose.as_str())
        .and_then(|entry| entry.notice(language, false))
        .map(|notice| notice.title.clone())
        .unwrap_or_default();
    let library = catalogue.organisations.get(&receipt.organisation);
    let library = library.map_or("", |library| library.name.as_str());
    let yes = receipt.status.is_yes() || receipt.awaits_guardian;
    let answer = texts::say(language, if yes { "asking-yes" } else { "asking-no" }, &[]);
    let when = dates::moment(receipt.occurred_at, page.zone(), language);
    let link = format!("{}/mijn", service.public_base());
    let number = receipt.id.to_string();
    let letter = Letter {
        to: address,
        subject: texts::say(language, "receipt-mail-subject", &[]),
        text: Personal::new(texts::say(
            language,
            "receipt-mail-text",
            &[
                ("title", &title),
                ("answer", &answer),
                ("when", &when),
                ("library", &library),
                ("number", &number),
                ("link", &link),
            ],
        )),
    };
    service.post(Some(person), &letter).await
}
