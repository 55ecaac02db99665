//! Words of programs in words for people, for the page of an access package. A word that is not here is shown as it is.

use crate::domain::moment::Period;
use crate::domain::preference::Language;

/// What happened, who did it, how a request stands: a word as the files have it, for people.
pub(super) fn plain(word: &str, language: Language) -> String {
    let known = WORDS.iter().find(|(known, ..)| *known == word);
    match (known, language) {
        (Some((_, dutch, _)), Language::Nl) => (*dutch).to_owned(),
        (Some((.., english)), Language::En) => (*english).to_owned(),
        (None, _) => word.to_owned(),
    }
}

const WORDS: [(&str, &str, &str); 58] = [
    (
        "person.registered",
        "Je gegevens zijn vastgelegd",
        "Your data were recorded",
    ),
    (
        "person.merged",
        "Twee inschrijvingen zijn samengevoegd",
        "Two registrations were put together",
    ),
    (
        "identifier.added",
        "Een nummer of adres is toegevoegd",
        "A number or address was added",
    ),
    (
        "identifier.removed",
        "Een nummer of adres is weggehaald",
        "A number or address was taken away",
    ),
    ("consent.given", "Je zei ja", "You said yes"),
    ("consent.refused", "Je zei nee", "You said no"),
    ("consent.withdrawn", "Je stopte", "You stopped"),
    ("consent.renewed", "Je zei opnieuw ja", "You said yes once more"),
    (
        "consent.requested",
        "Er is gevraagd, nog geen antwoord",
        "You were asked, no answer yet",
    ),
    ("consent.revoked", "De bibliotheek stopte", "The library stopped"),
    ("consent.expiring", "Je ja loopt bijna af", "Your yes ends soon"),
    ("objection.made", "Je maakte bezwaar", "You objected"),
    (
        "objection.ended",
        "Je trok je bezwaar in",
        "You took your objection back",
    ),
    (
        "restriction.set",
        "Je gegevens gingen op slot",
        "Your data were put on hold",
    ),
    (
        "restriction.ended",
        "Je gegevens gingen van slot",
        "Your data were taken off hold",
    ),
    (
        "preferences.set",
        "Je wensen zijn veranderd",
        "Your wishes were changed",
    ),
    (
        "guardian.linked",
        "Een ouder of verzorger is gekoppeld",
        "A parent or guardian was linked",
    ),
    (
        "guardian.unlinked",
        "Een ouder of verzorger is losgekoppeld",
        "A parent or guardian was unlinked",
    ),
    (
        "enrichment.permitted",
        "Er kwamen gegevens van elders bij",
        "Data from elsewhere were added",
    ),
    (
        "enrichment.notified",
        "Je hoorde waar gegevens vandaan komen",
        "You were told where data come from",
    ),
    (
        "retention.held",
        "Je gegevens worden bewaard voor een zaak",
        "Your data are kept for a legal case",
    ),
    (
        "retention.hold-ended",
        "De zaak is voorbij",
        "The legal case is over",
    ),
    (
        "retention.applied",
        "Oude gegevens zijn weggehaald",
        "Old data were removed",
    ),
    ("audit.person-read", "Keek in het logboek", "Looked at the log"),
    (
        "audit.person-opened",
        "Keek in het logboek en las mee",
        "Looked at the log and read all of it",
    ),
    (
        "rights.package-made",
        "Maakte dit overzicht",
        "Made this overview",
    ),
    (
        "rights.portability-package-made",
        "Maakte een bestand om mee te nemen",
        "Made a file to take along",
    ),
    ("self", "Jij", "You"),
    ("guardian", "Een ouder of verzorger", "A parent or guardian"),
    ("staff", "Iemand van de bibliotheek", "Somebody of the library"),
    ("system", "Een systeem", "A system"),
    ("import", "Overgenomen van vroeger", "Taken over from before"),
    ("adult", "Volwassene", "Adult"),
    ("youth", "Jeugd", "Youth"),
    ("school", "Via school", "Through school"),
    ("visitor", "Bezoeker", "Visitor"),
    ("membership", "Lidmaatschap", "Membership"),
    ("access", "Inzage", "Access"),
    ("rectification", "Verbeteren", "Correcting"),
    ("erasure", "Wissen", "Erasing"),
    ("restriction", "Even niets doen", "Doing nothing for now"),
    ("portability", "Meenemen", "Taking along"),
    ("objection", "Bezwaar", "Objection"),
    ("initiated", "Ontvangen", "Received"),
    ("acknowledged", "Ontvangen", "Received"),
    ("requires-action", "Wacht op jou", "Waits for you"),
    ("required-action-performed", "In behandeling", "Being handled"),
    ("accepted", "In behandeling", "Being handled"),
    (
        "action-delayed",
        "In behandeling, met meer tijd",
        "Being handled, with more time",
    ),
    ("fulfilled", "Gedaan", "Done"),
    ("rejected", "Afgewezen", "Refused"),
    ("unfulfilled", "Gesloten", "Closed"),
    ("consent", "Alleen als jij ja zegt", "Only if you say yes"),
    (
        "contract",
        "Dit hoort bij je lidmaatschap",
        "This is part of your membership",
    ),
    (
        "legal-obligation",
        "De wet zegt dat het moet",
        "The law says we must",
    ),
    (
        "public-task",
        "Dit hoort bij de taak van de bibliotheek",
        "This is a task of the library",
    ),
    (
        "legitimate-interest",
        "De bibliotheek heeft een goede reden",
        "The library has a good reason",
    ),
    (
        "customer-exception",
        "Je bent klant en zei geen nee",
        "You are a customer and did not say no",
    ),
];

/// How long something is kept: a period, an event, or a period after an event.
pub(super) fn term(text: &str, language: Language) -> String {
    let (event, period) = match text.split_once('+') {
        Some((event, period)) => (Some(event), period),
        None => (None, text),
    };
    let Ok(period) = period.parse::<Period>() else {
        return match (text, language) {
            ("until-withdrawn", Language::Nl) => "Tot je stopt".to_owned(),
            ("until-withdrawn", Language::En) => "Until you stop".to_owned(),
            ("membership-end", Language::Nl) => "Tot je geen lid meer bent".to_owned(),
            ("membership-end", Language::En) => "Until you are no longer a member".to_owned(),
            _ => text.to_owned(),
        };
    };
    let length = length(period, language);
    match (event, language) {
        (None, _) => length,
        (Some("membership-end"), Language::Nl) => format!("Tot {length} nadat je geen lid meer bent"),
        (Some("membership-end"), Language::En) => format!("Until {length} after you are no longer a member"),
        (Some(event), Language::Nl) => format!("{length} na {event}"),
        (Some(event), Language::En) => format!("{length} after {event}"),
    }
}

fn length(period: Period, language: Language) -> String {
    // `P24M` and `P2Y` are one period: it is written in whole years where it can be.
    let text = period.to_string();
    let number = |unit: char| {
        let digits = text.strip_prefix('P')?.strip_suffix(unit)?;
        digits.parse::<u32>().ok()
    };
    let (count, unit) = match (number('M'), number('D')) {
        (Some(months), _) if months.is_multiple_of(12) => (months / 12, Unit::Year),
        (Some(months), _) => (months, Unit::Month),
        (None, Some(days)) => (days, Unit::Day),
        (None, None) => return text,
    };
    let word = match (unit, language, count) {
        (Unit::Year, Language::Nl, _) => "jaar",
        (Unit::Month, Language::Nl, 1) => "maand",
        (Unit::Month, Language::Nl, _) => "maanden",
        (Unit::Day, Language::Nl, 1) => "dag",
        (Unit::Day, Language::Nl, _) => "dagen",
        (Unit::Year, Language::En, 1) => "year",
        (Unit::Year, Language::En, _) => "years",
        (Unit::Month, Language::En, 1) => "month",
        (Unit::Month, Language::En, _) => "months",
        (Unit::Day, Language::En, 1) => "day",
        (Unit::Day, Language::En, _) => "days",
    };
    format!("{count} {word}")
}

#[derive(Clone, Copy)]
enum Unit {
    Year,
    Month,
    Day,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::ActorKind;
    use crate::domain::person::MembershipKind;
    use crate::domain::purpose::LegalBasis;
    use crate::domain::rights::{RequestState, RequestType};

    #[test]
    fn terms_are_written_out() {
        for (text, dutch, english) in [
            ("P13M", "13 maanden", "13 months"),
            ("P24M", "2 jaar", "2 years"),
            ("P1Y", "1 jaar", "1 year"),
            ("P90D", "90 dagen", "90 days"),
            ("until-withdrawn", "Tot je stopt", "Until you stop"),
            (
                "membership-end+P6M",
                "Tot 6 maanden nadat je geen lid meer bent",
                "Until 6 months after you are no longer a member",
            ),
            ("something-else", "something-else", "something-else"),
        ] {
            assert_eq!(term(text, Language::Nl), dutch);
            assert_eq!(term(text, Language::En), english);
        }
    }

    #[test]
    fn no_word_of_a_program_is_left() {
        let mut words: Vec<&str> = Vec::new();
        words.extend(ActorKind::ALL.iter().map(|word| word.as_str()));
        words.extend(MembershipKind::ALL.iter().map(|word| word.as_str()));
        words.extend(LegalBasis::ALL.iter().map(|word| word.as_str()));
        words.extend(RequestType::ALL.iter().map(|word| word.as_str()));
        words.extend(RequestState::ALL.iter().map(|word| word.as_str()));
        for word in words {
            assert!(WORDS.iter().any(|(known, ..)| *known == word), "{word}");
        }
    }
}
