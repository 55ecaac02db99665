//! What people are told without asking for it: that a text changed, that they are 16, and what they chose.

use std::time::Duration;

use akkoord::crypto::sha256;
use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::event::ActorKind;
use akkoord::domain::moment::Moment;
use akkoord::domain::person::GuardianVerification;
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::policy::load::Files;
use akkoord::policy::meaning::update_lock;
use akkoord::portal::tidings::tell;
use akkoord::service::Service;
use akkoord::service::verbs::{ActorRef, LinkGuardian, PersonRef, RecordConsent};
use akkoord::world::{TurnedWorld, World as _};

use crate::support::engine::TestStorage;
use crate::support::people::{call_of, register_with, sign_in};
use crate::support::people_site::{PeopleSite, Visitor};
use crate::support::service::{clock, shipped};

const LINDE: &str = "bibliotheek-de-linde";
const KOMPAS: &str = "bibliotheek-het-kompas";
const MOTHER: &str = "2000100001";
const CHILD: &str = "2000100002";
const GROWN: &str = "2000100003";
const PURPOSE: &str = "newsletter";

fn address(number: &str) -> String {
    format!("lid{number}@lindemail.example")
}

fn by_number(number: &str) -> PersonRef {
    PersonRef::Identifier {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new(number.to_owned()),
    }
}

async fn register(service: &Service, library: &str, number: &str, born: &str) -> String {
    let address = address(number);
    register_with(
        service,
        library,
        &[("member-number", number), ("email", &address)],
        born,
    )
    .await
}

/// Somebody says yes to the newsletter, for themselves or for a child.
async fn says_yes(service: &Service, library: &str, number: &str, guardian: Option<&str>) {
    says_yes_to(service, PURPOSE, library, number, guardian).await;
}

/// The same to any purpose.
pub async fn says_yes_to(
    service: &Service,
    purpose: &str,
    library: &str,
    number: &str,
    guardian: Option<&str>,
) {
    let verb = RecordConsent {
        person: by_number(number),
        organisation: library.parse().unwrap(),
        purpose: purpose.parse().unwrap(),
        status: ConsentStatus::Given,
        data_scopes: None,
        channels: None,
        notice_version: Some(service.catalogue().purposes[purpose].purpose.version),
        language: Some(Language::Nl),
        method: IndicationMethod::WebForm,
        actor: match guardian {
            None => ActorRef::plain(ActorKind::Oneself),
            Some(guardian) => ActorRef {
                guardian: Some(by_number(guardian)),
                ..ActorRef::plain(ActorKind::Guardian)
            },
        },
        evidence: None,
        occurred_at: None,
    };
    service.record_consent(&call_of("crm"), verb).await.unwrap();
}

async fn link(service: &Service, child: String) {
    let verb = LinkGuardian {
        child,
        guardian: by_number(MOTHER),
        verification: GuardianVerification::Desk,
        evidence: None,
    };
    service.link_guardian(&call_of("wise"), verb).await.unwrap();
}

/// The birth date of who turns 16 in so many days.
fn turns_sixteen_in(clock: &TurnedWorld, days: i64) -> String {
    let zone = chrono_tz::Europe::Amsterdam;
    let birthday = clock.now().plus_seconds(days * 86_400).date(zone);
    let years = chrono::Months::new(16 * 12);
    birthday.checked_sub_months(years).unwrap().to_string()
}

/// Everything that is due is told.
async fn tell_all(service: &Service) {
    while tell(service).await.unwrap() {}
}

/// To whom mail went and with what subject, once there are so many; and no more comes.
async fn mailed(site: &PeopleSite, number: usize) -> Vec<(String, String, String)> {
    for _ in 0..200 {
        if site.mail.letters().len() >= number {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let letters = site.mail.letters();
    assert_eq!(letters.len(), number, "{letters:?}");
    let mut found: Vec<_> = letters
        .iter()
        .map(|letter| {
            (
                letter.to.reveal().clone(),
                letter.subject.clone(),
                letter.text.reveal().clone(),
            )
        })
        .collect();
    found.sort();
    found
}

/// The shipped policies with another text of the newsletter.
fn changed(material: bool) -> Files {
    let mut files = shipped();
    let path = "purposes/newsletter.toml";
    let text = files.text(path).unwrap().to_owned();
    let new = text
        .replacen(
            "version = 3\nmaterial = true",
            &format!("version = 4\nmaterial = {material}"),
            1,
        )
        .replacen("Je krijgt dan nieuws", "Je krijgt dan graag nieuws", 1);
    assert_ne!(text, new);
    files.insert(path, new);
    let lock = update_lock(&files, &sha256).unwrap();
    files.insert("versions.lock", lock);
    files
}

async fn apply(service: &Service, files: Files) {
    let planning = service.clone();
    let plan = tokio::task::spawn_blocking(move || planning.plan(&files, Some("fg")));
    let plan = plan.await.unwrap().unwrap();
    let call = service.operator().unwrap();
    service.apply_plan(&call, &plan, "directeur").await.unwrap();
}

async fn form(visitor: &mut Visitor, path: &str, answer: &str) -> String {
    let page = visitor.get(path).await;
    let hidden = ["_once", "versie", "stand"].map(|name| (name, page.field(name)));
    let mut fields: Vec<(&str, &str)> = hidden
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    fields.push(("antwoord", answer));
    let sent = visitor.post(path, &page.field("_csrf"), &fields).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    sent.to
}

both_engines! {
    async fn a_material_change_is_told_to_those_concerned_and_to_nobody_else(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = PeopleSite::start(storage.url(), &clock).await;
        let service = &site.service;
        for number in [MOTHER, GROWN] {
            register(service, LINDE, number, "1980-05-01").await;
        }
        register(service, KOMPAS, MOTHER, "1980-05-01").await;
        let child = register(service, LINDE, CHILD, "2015-05-01").await;
        link(service, child).await;
        // The mother at one library, and for her child. Nobody else said yes.
        says_yes(service, LINDE, MOTHER, None).await;
        says_yes(service, LINDE, CHILD, Some(MOTHER)).await;
        tell_all(service).await;

        clock.turn_to(clock.now().plus_seconds(60));
        apply(service, changed(true)).await;
        tell_all(service).await;
        let told = mailed(&site, 2).await;
        let to: Vec<&str> = told.iter().map(|(to, ..)| to.as_str()).collect();
        assert_eq!(to, [address(MOTHER), address(MOTHER)], "a child's yes was that of its parent");
        assert!(told.iter().all(|(_, subject, _)| subject == "Een tekst is veranderd. Kies opnieuw"), "{told:?}");
        let texts: Vec<&str> = told.iter().map(|(.., text)| text.as_str()).collect();
        assert!(texts.iter().all(|text| text.contains("- Onze nieuwsbrief") && text.contains("Bibliotheek De Linde")));
        assert!(texts[0].contains("/mijn/k") && texts.iter().any(|text| text.contains("ja voor je kind")), "{texts:?}");

        // Nobody hears it twice, also not when another round begins the next day; and until they choose it is a no.
        clock.turn_to(clock.now().plus_seconds(86_400));
        tell_all(service).await;
        mailed(&site, 2).await;
        let mut mother = site.with(&sign_in(service, MOTHER).await);
        let choices = mother.get("/mijn/keuzes").await.text;
        let (before, after) = choices.split_once("Je zei eerder ja. Deze tekst is veranderd.").unwrap();
        assert!(before.contains("Bibliotheek De Linde") && after.contains("Tot dan doen we het niet."));
        assert!(after.contains(&format!("/mijn/keuzes/{LINDE}/{PURPOSE}")));
        form(&mut mother, &format!("/mijn/keuzes/{LINDE}/{PURPOSE}"), "ja").await;
        assert!(!mother.get("/mijn/keuzes").await.text.contains("Deze tekst is veranderd"));
        site.stop().await;
    }

    async fn a_change_that_is_not_material_is_no_news(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = PeopleSite::start(storage.url(), &clock).await;
        register(&site.service, LINDE, MOTHER, "1980-05-01").await;
        says_yes(&site.service, LINDE, MOTHER, None).await;
        tell_all(&site.service).await;
        apply(&site.service, changed(false)).await;
        tell_all(&site.service).await;
        mailed(&site, 0).await;
        let mut mother = site.with(&sign_in(&site.service, MOTHER).await);
        assert!(!mother.get("/mijn/keuzes").await.text.contains("Deze tekst is veranderd"));
        site.stop().await;
    }

    async fn who_turns_sixteen_hears_it_once_on_that_day(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = PeopleSite::start(storage.url(), &clock).await;
        let service = &site.service;
        register(service, LINDE, MOTHER, "1980-05-01").await;
        for (number, days) in [(CHILD, 3), (GROWN, 9)] {
            let child = register(service, LINDE, number, &turns_sixteen_in(&clock, days)).await;
            link(service, child).await;
            says_yes(service, LINDE, number, Some(MOTHER)).await;
        }
        tell_all(service).await;
        let zone = chrono_tz::Europe::Amsterdam;
        let birthday = Moment::start_of(clock.now().plus_seconds(3 * 86_400).date(zone), zone);
        clock.turn_to(birthday.plus_seconds(-1));
        tell_all(service).await;
        mailed(&site, 0).await;
        clock.turn_to(birthday);
        tell_all(service).await;
        tell_all(service).await;
        let told = mailed(&site, 1).await;
        let (to, subject, text) = &told[0];
        assert_eq!((to, subject.as_str()), (&address(CHILD), "Je bent 16. Vanaf nu kies je zelf"));
        assert!(text.contains("- Onze nieuwsbrief") && text.contains("/mijn/jij-bent-16"), "{text}");
        // A node that was away for a week tells the others then.
        clock.turn_to(birthday.plus_seconds(7 * 86_400));
        tell_all(service).await;
        assert_eq!(mailed(&site, 2).await.iter().filter(|(to, ..)| *to == address(GROWN)).count(), 1);
        site.stop().await;
    }

    async fn a_member_who_wants_receipts_gets_one_for_each_own_choice(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = PeopleSite::start(storage.url(), &clock).await;
        register(&site.service, LINDE, MOTHER, "1980-05-01").await;
        register(&site.service, KOMPAS, MOTHER, "1980-05-01").await;
        let mut mother = site.with(&sign_in(&site.service, MOTHER).await);
        let question = format!("/mijn/keuzes/{LINDE}/{PURPOSE}");
        form(&mut mother, &question, "ja").await;
        mailed(&site, 0).await;
        mother.submit("/mijn/instellingen", &[("language", "nl"), ("receipts", "ja")]).await;
        // A no, taking nothing else with it; the same at the other library; and stopping everything.
        let receipt = form(&mut mother, &question, "nee").await;
        let number = receipt.split(['/', '?']).nth(3).unwrap().to_owned();
        let told = mailed(&site, 1).await;
        let (to, subject, text) = &told[0];
        assert_eq!((to, subject.as_str()), (&address(MOTHER), "Bewijs van je keuze"));
        for part in ["Waarover: Onze nieuwsbrief", "Antwoord: Nee", "Bibliotheek De Linde", &number] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let page = mother.get(&format!("/mijn/bewijzen/{number}")).await;
        let everywhere = format!("/mijn/bewijzen/{number}/overal");
        mother.post(&everywhere, &page.field("_csrf"), &[("_once", "a")]).await;
        let told = mailed(&site, 2).await;
        assert!(told.iter().any(|(.., text)| text.contains("Bibliotheek Het Kompas")), "{told:?}");
        form(&mut mother, &question, "ja").await;
        mother.submit("/mijn/stop-alles", &[]).await;
        mailed(&site, 4).await;
        site.stop().await;
    }
}
