//! What nobody can do with the pages of members and of the desk: send a form from elsewhere, guess an address, or learn from an
//! answer whether there is anything behind it. Sessions that are planted, ways back that are replayed and addresses that lead
//! away are in `login.rs`; parents, birthdays and old forms in `family.rs` and `portal_member.rs`.

use std::sync::Arc;

use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::event::ActorKind;
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::service::Service;
use akkoord::service::sessions::Token;
use akkoord::service::sessions::staff::Role;
use akkoord::service::verbs::{ActorRef, PersonRef, RecordConsent};
use akkoord::world::{TurnedWorld, World as _};

use crate::support::engine::TestStorage;
use crate::support::people::{call_of, register, sign_in, sign_in_staff};
use crate::support::people_site::{PeopleSite, Shown, Visitor};
use crate::support::service::clock;

const LINDE: &str = "bibliotheek-de-linde";
const ANNA: &str = "2000100001";
const BRAM: &str = "2000100002";

async fn site(storage: &TestStorage, clock: &Arc<TurnedWorld>) -> PeopleSite {
    let site = PeopleSite::start(storage.url(), clock).await;
    for number in [ANNA, BRAM] {
        register(&site.service, LINDE, number, "1980-05-01").await;
    }
    site
}

/// Says yes to the newsletter; the id of the receipt.
async fn says_yes(service: &Service, number: &str) -> String {
    let verb = RecordConsent {
        person: PersonRef::Identifier {
            scheme: "member-number".parse().unwrap(),
            value: Personal::new(number.to_owned()),
        },
        organisation: LINDE.parse().unwrap(),
        purpose: "newsletter".parse().unwrap(),
        status: ConsentStatus::Given,
        data_scopes: None,
        channels: None,
        notice_version: Some(service.catalogue().purposes["newsletter"].purpose.version),
        language: Some(Language::Nl),
        method: IndicationMethod::WebForm,
        actor: ActorRef::plain(ActorKind::Oneself),
        evidence: None,
        occurred_at: None,
    };
    let done = service.record_consent(&call_of("crm"), verb).await.unwrap();
    done.answer.id.to_string()
}

/// What an answer is, without the address that was asked for and what is random in every page.
fn bare(shown: &Shown, path: &str) -> (u16, String, String) {
    let mut text = shown
        .text
        .replace(path, "")
        .replace(&path.replace('/', "%2F"), "");
    for name in ["_csrf", "_once"] {
        while let Some((before, rest)) = text.split_once(&format!("name=\"{name}\" value=\"")) {
            let after = rest.split_once('"').map_or("", |(_, after)| after);
            text = format!("{before}{after}");
        }
    }
    (shown.status, shown.to.replace(path, ""), text)
}

/// Every path of the pages that a form is sent to, with something in the place of its names.
fn forms() -> Vec<String> {
    let mut found = Vec::new();
    for (path, methods) in akkoord::portal::face().methods {
        if methods.iter().any(|method| method.as_str() == "POST") {
            let parts: Vec<&str> = path
                .split('/')
                .map(|part| match part {
                    "{library}" => LINDE,
                    "{purpose}" => "newsletter",
                    part if part.starts_with('{') => "x",
                    part => part,
                })
                .collect();
            found.push(parts.join("/"));
        }
    }
    found
}

async fn events(site: &PeopleSite) -> String {
    let mut all = String::new();
    for number in [ANNA, BRAM] {
        let person = crate::support::people::member(&site.service, number)
            .await
            .unwrap()
            .person;
        let person_id = site
            .service
            .pairwise(&call_of("crm"), &LINDE.parse().unwrap(), person);
        let verb = akkoord::service::verbs::ConsentHistory {
            person_id,
            until: None,
        };
        let history = site.service.consent_history(&call_of("crm"), verb).await.unwrap();
        all.push_str(&format!("{history:?}"));
    }
    all
}

both_engines! {
    async fn no_form_counts_that_does_not_stand_on_a_page_of_ours(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        says_yes(&site.service, ANNA).await;
        let (anna, bram) = (sign_in(&site.service, ANNA).await, sign_in(&site.service, BRAM).await);
        let desk = sign_in_staff(&site.service, Role::Desk, &[LINDE]).await;
        let before = events(&site).await;
        let all = forms();
        assert!(all.len() >= 15, "{all:?}");
        for path in &all {
            let own: &Token = if path.starts_with("/balie") { &desk } else { &anna };
            let fields = [
                ("antwoord", "nee"), ("versie", "3"), ("stand", ""), ("hoe", "gezegd"), ("nummer", ANNA), ("waarom", "balie"),
                ("bibliotheek", LINDE), ("reclame", "stop"), ("wat", "alles"), ("language", "en"), ("receipts", "ja"),
                ("doel", "newsletter"), ("bij", LINDE), ("email", "anna@lindemail.example"),
            ];
            let mut visitor = site.with(own);
            // Without the field, with that of somebody else's session, and with the session itself.
            for csrf in ["", bram.csrf().as_str(), own.reveal(), "x"] {
                let shown = visitor.post(path, csrf, &fields).await;
                assert_eq!(shown.status, 403, "{path}: {shown:?}");
                assert!(shown.text.is_empty() || !shown.text.contains("Opgeslagen"), "{path}");
            }
            // With the right field, and sent by another site.
            for said in ["cross-site", "same-site"] {
                visitor.fetch_site = Some(said);
                let csrf = if path.starts_with("/inloggen") { site.service.form_token() } else { own.csrf() };
                let shown = visitor.post(path, &csrf, &fields).await;
                assert_eq!(shown.status, 403, "{path} {said}: {shown:?}");
            }
        }
        assert_eq!(events(&site).await, before, "something was done all the same");
        for token in [&anna, &bram, &desk] {
            assert!(site.service.signed_in(token).await.unwrap().is_some(), "somebody was signed out");
        }
        assert!(site.mail.letters().is_empty());
        site.stop().await;
    }

    async fn a_guess_and_what_is_of_another_are_one_answer(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let of_anna = says_yes(&site.service, ANNA).await;
        let unknown: String = of_anna.chars().map(|c| if c.is_ascii_digit() { '7' } else { c }).collect();
        let mut anna = site.with(&sign_in(&site.service, ANNA).await);
        let mut bram = site.with(&sign_in(&site.service, BRAM).await);
        // A request of Anna, whose address Bram has.
        let data = anna.get("/mijn/gegevens").await;
        let ready = anna.post("/mijn/gegevens/ophalen", &data.field("_csrf"), &[("_once", "a"), ("bibliotheek", LINDE)]).await;
        let request = ready.to.split("klaar=").nth(1).unwrap().to_owned();
        let other = |id: &str| -> String { id.chars().map(|c| if c == 'a' { 'b' } else if c.is_ascii_digit() { '3' } else { c }).collect() };
        let pages = [
            ("/mijn/bewijzen/{}", &of_anna, &unknown),
            ("/mijn/bewijzen/{}/bewijs.pdf", &of_anna, &unknown),
            ("/mijn/bewijzen/{}/bewijs.json", &of_anna, &unknown),
            ("/mijn/verzoeken/{}/gegevens.zip", &request, &other(&request)),
        ];
        for (pattern, theirs, nothing) in pages {
            assert_eq!(anna.get(&pattern.replace("{}", theirs)).await.status, 200, "{pattern}");
            let mut answers = Vec::new();
            for id in [theirs.as_str(), nothing.as_str(), "x", "00000000000000000000000000000000"] {
                let path = pattern.replace("{}", id);
                answers.push(bare(&bram.get(&path).await, &path));
            }
            answers.dedup();
            assert_eq!((answers.len(), answers[0].0), (1, 404), "{pattern}: {answers:?}");
        }
        let csrf = bram.get("/mijn/keuzes").await.field("_csrf");
        for pattern in ["/mijn/bewijzen/{}/terug", "/mijn/bewijzen/{}/overal", "/mijn/verzoeken/{}/terug"] {
            let mut answers = Vec::new();
            for id in [of_anna.as_str(), request.as_str(), unknown.as_str(), "x"] {
                let path = pattern.replace("{}", id);
                answers.push(bare(&bram.post(&path, &csrf, &[]).await, &path));
            }
            answers.dedup();
            assert_eq!((answers.len(), answers[0].0), (1, 404), "{pattern}: {answers:?}");
        }
        site.stop().await;
    }

    async fn links_from_mail_tell_nothing_to_who_guesses(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let person = crate::support::people::member(&site.service, ANNA).await.unwrap().person;
        let make = async || site.service.make_login_link(person, "").await.unwrap().unwrap().reveal().to_owned();
        let (used, old) = (make().await, make().await);
        let mut visitor = site.visitor();
        let link = format!("/inloggen/link/{used}");
        let csrf = visitor.get(&link).await.field("_csrf");
        assert_eq!(visitor.post(&link, &csrf, &[]).await.status, 303);
        clock.turn_to(clock.now().plus_seconds(16 * 60));
        let guess = "A".repeat(used.len());
        // Used, too old, never there, no link at all: looking and pressing answer the same.
        let mut answers = Vec::new();
        for token in [used.as_str(), &old, &guess, "x"] {
            let path = format!("/inloggen/link/{token}");
            let mut visitor = site.visitor();
            answers.push(bare(&visitor.get(&path).await, &path));
            let csrf = site.service.form_token();
            answers.push(bare(&visitor.post(&path, &csrf, &[]).await, &path));
            assert!(visitor.cookies.is_empty());
        }
        answers.dedup();
        assert_eq!((answers.len(), answers[0].1.as_str()), (1, "/inloggen?fout=link"), "{answers:?}");

        // A link to unsubscribe that is changed in one place is none.
        let mut answers = Vec::new();
        for token in ["x".to_owned(), "A".repeat(90), format!("{}x", "A".repeat(120))] {
            let path = format!("/u/{token}");
            let shown = visitor.get(&path).await;
            answers.push((shown.status, visitor.post(&path, "", &[]).await.status));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
        site.stop().await;
    }

    async fn after_signing_out_a_form_that_was_open_changes_nothing(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let mut anna = site.with(&sign_in(&site.service, ANNA).await);
        let question = format!("/mijn/keuzes/{LINDE}/newsletter");
        let form = anna.get(&question).await;
        let csrf = form.field("_csrf");
        let cookies = anna.cookies.clone();
        assert_eq!(anna.submit("/uitloggen", &[]).await.to, "/uitloggen");
        let before = events(&site).await;
        let version = form.field("versie");
        let fields = [("antwoord", "ja"), ("versie", version.as_str()), ("stand", "")];
        // The page of before, with the cookie that was taken away and with a copy of it.
        for with in [anna.cookies.clone(), cookies] {
            let mut late: Visitor = site.visitor();
            late.cookies = with;
            let shown = late.post(&question, &csrf, &fields).await;
            assert_ne!(shown.status, 200);
            assert!(shown.status == 403 || shown.to.starts_with("/inloggen"), "{shown:?}");
            assert!(late.get(&question).await.to.starts_with("/inloggen"));
        }
        assert_eq!(events(&site).await, before);
        site.stop().await;
    }
}
