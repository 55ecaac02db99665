//! Reasons as sentences: plain Dutch and English, for the system that asked and the officer who looks back.

use chrono::{Datelike, NaiveDate};

use crate::domain::decision::{CustomerFact, Reason, ReasonCode};
use crate::domain::preference::Language;

/// One reason as one or two sentences.
pub fn explain(reason: &Reason, language: Language) -> String {
    let date = reason.on.map(|on| long_date(on, language));
    let text = match language {
        Language::Nl => dutch(reason, date.as_deref()),
        Language::En => english(reason, date.as_deref()),
    };
    text.into_owned()
}

/// A date as people write it: `3 november 2026`, `3 November 2026`.
pub fn long_date(date: NaiveDate, language: Language) -> String {
    const NL: [&str; 12] = [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ];
    const EN: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let names = match language {
        Language::Nl => NL,
        Language::En => EN,
    };
    let month = names
        .get(usize::try_from(date.month0()).unwrap_or(0))
        .copied()
        .unwrap_or_default();
    format!("{} {month} {}", date.day(), date.year())
}

type Text = std::borrow::Cow<'static, str>;

fn dutch(reason: &Reason, date: Option<&str>) -> Text {
    use ReasonCode as Code;
    let dated = |before: &str, with: &str| match date {
        Some(date) => Text::from(format!("{before} op {date}{with}.")),
        None => Text::from(format!("{before}{with}.")),
    };
    match reason.code {
        Code::PermitConsent => dated("Dit lid gaf toestemming", ""),
        Code::PermitContract => "Dit hoort bij het lidmaatschap of de afspraak met dit lid.".into(),
        Code::PermitLegalObligation => "De wet verplicht dit.".into(),
        Code::PermitPublicTask => "Dit hoort bij de publieke taak van de bibliotheek.".into(),
        Code::PermitLegitimateInterest => {
            "De bibliotheek heeft hier een goede reden voor. Dit lid maakte geen bezwaar.".into()
        }
        Code::PermitCustomerException => {
            "Dit lid is klant en maakte geen bezwaar. Bied in elk bericht aan om te stoppen.".into()
        }
        Code::DenyNoConsent => "Dit lid gaf hiervoor geen toestemming.".into(),
        Code::DenyRefused => dated("Dit lid zei nee", ""),
        Code::DenyWithdrawn => dated("Dit lid trok de toestemming in", ""),
        Code::DenyExpired => dated("De toestemming liep af", ". Vraag het opnieuw"),
        Code::DenyNoticeOutdated => "De uitleg is veranderd sinds de toestemming. Vraag het opnieuw.".into(),
        Code::DenyGuardianRequired => {
            "Dit lid is jonger dan 16. Een ouder of verzorger moet toestemming geven.".into()
        }
        Code::DenyGuardianAuthorityEnded => {
            "Dit lid was al 16. Een ouder of verzorger kan dan niet meer kiezen.".into()
        }
        Code::DenyReconfirmDue => dated("Dit lid is nu 16 of ouder en moest zelf kiezen", ""),
        Code::DenyObjection => dated("Dit lid maakte bezwaar", ""),
        Code::DenyRestricted => dated("De gegevens van dit lid staan op slot sinds de beperking", ""),
        Code::DenyErased => "De gegevens van dit lid zijn gewist. Wis ze ook in uw systeem.".into(),
        Code::DenyPurposeInactive => "Dit doel is niet in gebruik, of niet voor deze handeling.".into(),
        Code::DenyScope => "Deze gegevens of deze bron mogen hiervoor niet worden gebruikt.".into(),
        Code::DenyChannel => match date {
            Some(date) => format!("Dit lid wil tot {date} geen berichten hierover.").into(),
            None => "Dit mag niet langs deze weg.".into(),
        },
        Code::DenyController => "Dit systeem mag dit niet vragen voor deze bibliotheek.".into(),
        Code::DenyCustomerExceptionIncomplete => format!(
            "Niet aan alle eisen voor klanten is voldaan. Wat ontbreekt: {}.",
            facts(reason, Language::Nl)
        )
        .into(),
        Code::DenyArt14NoticeDue => {
            "Dit lid weet nog niet dat er gegevens van elders zijn toegevoegd. Vertel dat eerst.".into()
        }
        Code::DenySchoolDomain => {
            "Dit profiel hoort bij de school. Alleen de school mag het hiervoor gebruiken.".into()
        }
        Code::DenyUnknownSubject => "Deze bibliotheek kent niemand met dit kenmerk.".into(),
    }
}

fn english(reason: &Reason, date: Option<&str>) -> Text {
    use ReasonCode as Code;
    let dated = |before: &str, with: &str| match date {
        Some(date) => Text::from(format!("{before} on {date}{with}.")),
        None => Text::from(format!("{before}{with}.")),
    };
    match reason.code {
        Code::PermitConsent => dated("This member gave consent", ""),
        Code::PermitContract => "This is part of the membership or the agreement with this member.".into(),
        Code::PermitLegalObligation => "The law requires this.".into(),
        Code::PermitPublicTask => "This is part of the library's public task.".into(),
        Code::PermitLegitimateInterest => {
            "The library has a good reason for this. This member did not object.".into()
        }
        Code::PermitCustomerException => {
            "This member is a customer and did not object. Offer a way to stop in every message.".into()
        }
        Code::DenyNoConsent => "This member gave no consent for this.".into(),
        Code::DenyRefused => dated("This member said no", ""),
        Code::DenyWithdrawn => dated("This member withdrew the consent", ""),
        Code::DenyExpired => dated("The consent ended", ". Ask again"),
        Code::DenyNoticeOutdated => "The explanation has changed since the consent. Ask again.".into(),
        Code::DenyGuardianRequired => "This member is under 16. A parent or guardian must consent.".into(),
        Code::DenyGuardianAuthorityEnded => {
            "This member was 16 already. A parent or guardian can then no longer choose.".into()
        }
        Code::DenyReconfirmDue => dated("This member is now 16 or older and had to choose", ""),
        Code::DenyObjection => dated("This member objected", ""),
        Code::DenyRestricted => dated("This member's data are locked since the restriction", ""),
        Code::DenyErased => "This member's data were erased. Erase them in your system too.".into(),
        Code::DenyPurposeInactive => "This purpose is not in use, or not for this action.".into(),
        Code::DenyScope => "These data or this source may not be used for this.".into(),
        Code::DenyChannel => match date {
            Some(date) => format!("This member wants no messages about this until {date}.").into(),
            None => "This is not allowed by this channel.".into(),
        },
        Code::DenyController => "This system may not ask this for this library.".into(),
        Code::DenyCustomerExceptionIncomplete => format!(
            "Not all conditions for customers are met. Missing: {}.",
            facts(reason, Language::En)
        )
        .into(),
        Code::DenyArt14NoticeDue => {
            "This member does not know yet that data were added from elsewhere. Tell them first.".into()
        }
        Code::DenySchoolDomain => {
            "This profile belongs to the school. Only the school may use it for this.".into()
        }
        Code::DenyUnknownSubject => "This library knows nobody by this identifier.".into(),
    }
}

fn facts(reason: &Reason, language: Language) -> String {
    let name = |fact: &CustomerFact| match (language, fact) {
        (Language::Nl, CustomerFact::OwnCustomer) => "betalend lid",
        (Language::Nl, CustomerFact::ContactFromSale) => "adres kregen wij bij het lid worden",
        (Language::Nl, CustomerFact::SimilarOffer) => "eigen, vergelijkbaar aanbod",
        (Language::Nl, CustomerFact::OptOutOffered) => "bij het lid worden kon men nee zeggen",
        (Language::Nl, CustomerFact::Adult) => "18 jaar of ouder",
        (Language::En, CustomerFact::OwnCustomer) => "paying member",
        (Language::En, CustomerFact::ContactFromSale) => "address obtained when joining",
        (Language::En, CustomerFact::SimilarOffer) => "own, similar offer",
        (Language::En, CustomerFact::OptOutOffered) => "could say no when joining",
        (Language::En, CustomerFact::Adult) => "18 or older",
    };
    reason.missing.iter().map(name).collect::<Vec<_>>().join("; ")
}
