//! Letters about what people must hear without having asked: a text that changed, and turning 16. They belong to nobody's
//! newsletter: no choice stops them, and nothing is advertised in them (R53).

use std::time::Duration;

use crate::domain::ids::{PersonId, PurposeId};
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::policy::catalogue::Catalogue;
use crate::service::Service;
use crate::service::post::Letter;
use crate::service::refusal::Refusal;
use crate::service::tidings::{Tiding, What};
use crate::web::texts;

/// How often it is looked whether there is something to say.
const LOOK: Duration = Duration::from_secs(5);
/// Pages of people that are looked at each time: a million people take less than half an hour.
const PAGES: u32 = 20;

/// Looking at work; it ends when this is dropped.
#[derive(Debug)]
pub struct Telling(tokio::task::JoinHandle<()>);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Puts such letters in the post from now on. Only where mail is sent.
pub fn start(service: Service) -> Telling {
    Telling(tokio::spawn(async move {
        loop {
            for _ in 0..PAGES {
                match tell(&service).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(_) => {
                        tracing::warn!(alarm = "mail-late", "people could not be told of changes");
                        break;
                    }
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }))
}

/// Tells the next people; whether there may be more.
///
/// # Errors
/// When the database cannot be used.
pub async fn tell(service: &Service) -> Result<bool, Refusal> {
    let Some(page) = service.next_tidings().await? else {
        return Ok(false);
    };
    let letters = page
        .tidings
        .iter()
        .map(|tiding| letter(service, tiding))
        .collect();
    service.tell(page, letters).await?;
    Ok(true)
}

fn letter(service: &Service, tiding: &Tiding) -> (PersonId, Letter) {
    let language = tiding.language.unwrap_or_default();
    let catalogue = service.catalogue();
    let library = catalogue.organisations.get(&tiding.organisation);
    let library = library.map_or("", |library| library.name.as_str());
    let base = service.public_base();
    let (subject, text, purposes, link) = match &tiding.what {
        What::Changed {
            purposes,
            child: false,
        } => (
            "tiding-changed-subject",
            "tiding-changed-text",
            purposes,
            format!("{base}/mijn/keuzes"),
        ),
        What::Changed {
            purposes,
            child: true,
        } => (
            "tiding-changed-subject",
            "tiding-changed-child-text",
            purposes,
            format!("{base}/mijn/kinderen"),
        ),
        What::Sixteen(purposes) => (
            "tiding-sixteen-subject",
            "tiding-sixteen-text",
            purposes,
            format!("{base}/mijn/jij-bent-16"),
        ),
    };
    let titles = titles(&catalogue, purposes, language);
    let letter = Letter {
        to: tiding.address.clone(),
        subject: texts::say(language, subject, &[]),
        text: Personal::new(texts::say(
            language,
            text,
            &[("titles", &titles), ("library", &library), ("link", &link)],
        )),
    };
    (tiding.person, letter)
}

/// One title a line.
fn titles(catalogue: &Catalogue, purposes: &[PurposeId], language: Language) -> String {
    let titles = purposes.iter().filter_map(|id| {
        let notice = catalogue.purposes.get(id)?.notice(language, false)?;
        Some(format!("- {}", notice.title))
    });
    titles.collect::<Vec<_>>().join("\n")
}
