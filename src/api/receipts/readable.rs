//! A receipt for people: a page, a plain text and a document to print that say the same.

use super::super::page::{Page, escape};
use super::Facts;
use crate::domain::consent::ConsentStatus;
use crate::domain::event::ActorKind;
use crate::domain::preference::Language;
use crate::policy::explain::long_date;
use crate::web::pdf::Document;

/// One line of a receipt: what, and its value.
type Line = (&'static str, String);

fn title(language: Language) -> &'static str {
    match language {
        Language::Nl => "Bewijs van je keuze",
        Language::En => "Proof of your choice",
    }
}

fn lines(facts: &Facts<'_>, language: Language) -> Vec<Line> {
    let receipt = facts.receipt;
    let date = |moment: crate::domain::moment::Moment| {
        long_date(moment.date(facts.catalogue.network.zone), language)
    };
    let nl = language == Language::Nl;
    let data: Vec<String> = receipt
        .data_scopes
        .iter()
        .filter_map(|scope| facts.catalogue.data_scopes.get(scope))
        .filter_map(|scope| scope.title.get(&language).cloned())
        .collect();
    let mut lines = vec![
        (
            if nl { "Bibliotheek" } else { "Library" },
            facts.organisation.name.clone(),
        ),
        (if nl { "Waarvoor" } else { "What for" }, facts.title(language)),
        (
            if nl { "Keuze" } else { "Choice" },
            status(receipt.status, language).to_owned(),
        ),
        (
            if nl { "Wie koos" } else { "Who chose" },
            actor(receipt.actor, language).to_owned(),
        ),
        (if nl { "Op" } else { "On" }, date(receipt.occurred_at)),
        (if nl { "Gegevens" } else { "Data" }, data.join(", ")),
    ];
    if receipt.awaits_guardian {
        let (what, text) = if nl {
            ("Let op", "Een ouder of verzorger moet nog ja zeggen.")
        } else {
            ("Note", "A parent or guardian must still say yes.")
        };
        lines.push((what, text.to_owned()));
    }
    if let Some(until) = receipt.valid_until {
        lines.push((if nl { "Geldig tot" } else { "Valid until" }, date(until)));
    }
    if receipt.notice_version > 0 {
        lines.push((
            if nl { "De uitleg" } else { "The explanation" },
            facts.notice_url(),
        ));
    }
    lines.push((
        if nl {
            "Vragen of stoppen"
        } else {
            "Questions or stopping"
        },
        facts.organisation.email.clone(),
    ));
    lines.push((
        if nl { "Klacht" } else { "Complaint" },
        format!(
            "{}, {}",
            facts.catalogue.network.authority.name, facts.catalogue.network.authority.url
        ),
    ));
    lines.push((if nl { "Nummer" } else { "Number" }, receipt.id.to_string()));
    lines
}

const fn status(status: ConsentStatus, language: Language) -> &'static str {
    match (status, language) {
        (ConsentStatus::Given, Language::Nl) => "Ja",
        (ConsentStatus::Given, Language::En) => "Yes",
        (ConsentStatus::Refused, Language::Nl) => "Nee",
        (ConsentStatus::Refused, Language::En) => "No",
        (ConsentStatus::Withdrawn, Language::Nl) => "Gestopt",
        (ConsentStatus::Withdrawn, Language::En) => "Stopped",
        (ConsentStatus::Renewed, Language::Nl) => "Opnieuw ja",
        (ConsentStatus::Renewed, Language::En) => "Yes, once more",
        (ConsentStatus::Requested, Language::Nl) => "Gevraagd, nog geen antwoord",
        (ConsentStatus::Requested, Language::En) => "Asked, no answer yet",
        (ConsentStatus::Revoked, Language::Nl) => "Beëindigd door de bibliotheek",
        (ConsentStatus::Revoked, Language::En) => "Ended by the library",
    }
}

const fn actor(actor: ActorKind, language: Language) -> &'static str {
    match (actor, language) {
        (ActorKind::Oneself, Language::Nl) => "Jij zelf",
        (ActorKind::Oneself, Language::En) => "You",
        (ActorKind::Guardian, Language::Nl) => "Een ouder of verzorger",
        (ActorKind::Guardian, Language::En) => "A parent or guardian",
        (ActorKind::Staff, Language::Nl) => "De bibliotheek",
        (ActorKind::Staff, Language::En) => "The library",
        (ActorKind::System, Language::Nl) => "Een systeem van de bibliotheek",
        (ActorKind::System, Language::En) => "A system of the library",
        (ActorKind::Import, Language::Nl) => "Overgenomen van vroeger",
        (ActorKind::Import, Language::En) => "Taken over from before",
    }
}

pub(super) fn text(facts: &Facts<'_>, language: Language) -> String {
    let body: String = lines(facts, language)
        .into_iter()
        .map(|(what, value)| format!("{what}: {value}\n"))
        .collect();
    format!("{}\n\n{body}", title(language))
}

pub(super) fn html(facts: &Facts<'_>, language: Language) -> Page {
    let rows: String = lines(facts, language)
        .into_iter()
        .map(|(what, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(what), escape(&value)))
        .collect();
    Page {
        title: title(language).to_owned(),
        body: format!("<h1>{}</h1>\n<dl>\n{rows}</dl>", title(language)),
    }
}

pub(super) fn pdf(facts: &Facts<'_>, language: Language) -> Vec<u8> {
    let mut document = Document::new(title(language), language);
    for (what, value) in lines(facts, language) {
        document.row(what, &value);
    }
    let receipt = facts.receipt;
    let (heading, text) = match language {
        Language::Nl => (
            "Controleren",
            format!(
                "De bibliotheek kan met dit nummer een ondertekend bewijs geven ({}/v1/receipts/{}). Deze keuze staat in \
                 het controlelogboek onder de code hieronder.",
                facts.base, receipt.id
            ),
        ),
        Language::En => (
            "Checking",
            format!(
                "With this number the library can give a signed proof ({}/v1/receipts/{}). This choice stands in the \
                 audit log under the code below.",
                facts.base, receipt.id
            ),
        ),
    };
    document.heading(heading);
    document.paragraph(&text);
    document.paragraph(&receipt.leaf_hash);
    document.finish()
}
