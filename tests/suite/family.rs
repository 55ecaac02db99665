//! Parents and children on the pages, turning 16, and the desk: who may choose for whom, and until when.

use std::sync::Arc;
use std::time::Duration;

use akkoord::crypto::jwt::sign_jwt;
use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::event::ActorKind;
use akkoord::domain::moment::Moment;
use akkoord::domain::person::GuardianVerification;
use akkoord::domain::personal::Personal;
use akkoord::service::Service;
use akkoord::service::sessions::staff::Role;
use akkoord::service::verbs::{
    ActorRef, ConsentHistory, CurrentConsents, LinkGuardian, PersonRef, RecordConsent,
};
use akkoord::world::{TurnedWorld, World as _};

use crate::support::engine::TestStorage;
use crate::support::people::{call_of, register, register_with, sign_in, sign_in_staff};
use crate::support::people_site::{PeopleSite, Shown, Visitor};
use crate::support::service::clock;

const LINDE: &str = "bibliotheek-de-linde";
const KOMPAS: &str = "bibliotheek-het-kompas";
const MOTHER: &str = "2000100001";
const FATHER: &str = "2000100002";
const CHILD: &str = "2000100003";
const STRANGER: &str = "2000100004";
const PURPOSE: &str = "newsletter";

/// Two parents and a child who turns 16 in ten days.
async fn family(storage: &TestStorage, clock: &Arc<TurnedWorld>) -> PeopleSite {
    let site = PeopleSite::start(storage.url(), clock).await;
    let service = &site.service;
    for number in [MOTHER, FATHER, STRANGER] {
        register(service, LINDE, number, "1980-05-01").await;
    }
    let zone = chrono_tz::Europe::Amsterdam;
    let birthday = clock.now().plus_seconds(10 * 86_400).date(zone);
    let years = chrono::Months::new(16 * 12);
    let born = birthday.checked_sub_months(years).unwrap().to_string();
    let identifiers = [("member-number", CHILD), ("email", "kind@lindemail.example")];
    let child = register_with(service, LINDE, &identifiers, &born).await;
    for parent in [MOTHER, FATHER] {
        let verb = LinkGuardian {
            child: child.clone(),
            guardian: by_number(parent),
            verification: GuardianVerification::Desk,
            evidence: None,
        };
        service.link_guardian(&call_of("wise"), verb).await.unwrap();
    }
    site
}

fn by_number(number: &str) -> PersonRef {
    PersonRef::Identifier {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new(number.to_owned()),
    }
}

async fn with(site: &PeopleSite, number: &str) -> Visitor {
    site.with(&sign_in(&site.service, number).await)
}

/// Somebody who signs in with an account, as the provider is told to say.
async fn arrived(site: &PeopleSite, number: &'static str, from: &str) -> (Visitor, Shown) {
    site.provider.make_tokens(Some(Arc::new(move |mut claims, key| {
        claims["member_number"] = serde_json::json!(number);
        sign_jwt("JWT", &key.public().thumbprint(), &claims, key).unwrap()
    })));
    site.arrived("lid-2000100001", from).await
}

#[track_caller]
fn leads(shown: &Shown, to: &str) {
    assert_eq!((shown.status, shown.to.as_str()), (303, to), "{shown:?}");
}

/// The page of the only child of a parent.
async fn child_page(parent: &mut Visitor) -> String {
    let list = parent.get("/mijn/kinderen").await;
    assert_eq!(list.status, 200, "{list:?}");
    let (_, rest) = list.text.split_once("href=\"/mijn/kinderen/").expect("a child");
    format!("/mijn/kinderen/{}", rest.split_once('"').unwrap().0)
}

/// Answers a question as its form would.
async fn say(visitor: &mut Visitor, path: &str, answer: &str) -> Shown {
    let form = visitor.get(path).await;
    assert_eq!(form.status, 200, "{form:?}");
    send(visitor, path, &form, answer).await
}

async fn send(visitor: &mut Visitor, path: &str, form: &Shown, answer: &str) -> Shown {
    let (once, version, stand) = (form.field("_once"), form.field("versie"), form.field("stand"));
    let fields = [
        ("_once", once.as_str()),
        ("versie", &version),
        ("stand", &stand),
        ("antwoord", answer),
    ];
    visitor.post(path, &form.field("_csrf"), &fields).await
}

/// What the CRM knows of the word on the newsletter.
async fn word(service: &Service, number: &str) -> Option<ConsentStatus> {
    let call = call_of("crm");
    let person_id = pairwise(service, number).await;
    let state = service
        .current_consents(&call, CurrentConsents { person_id })
        .await
        .unwrap();
    let found = state
        .consents
        .iter()
        .find(|consent| consent.purpose.as_str() == PURPOSE);
    found.map(|consent| consent.status)
}

async fn pairwise(service: &Service, number: &str) -> String {
    let member = crate::support::people::member(service, number).await.unwrap();
    service.pairwise(&call_of("crm"), &LINDE.parse().unwrap(), member.person)
}

both_engines! {
    async fn a_parent_chooses_for_a_child_and_only_for_their_own(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = family(&storage, &clock).await;
        let mut mother = with(&site, MOTHER).await;
        let page = child_page(&mut mother).await;
        // No number of anybody stands in an address, and nobody's whole number on the page.
        assert!(!page.contains(CHILD));
        let choices = mother.get(&page).await;
        assert!(choices.text.contains("…0003") && !choices.text.contains(CHILD), "{choices:?}");
        let question = format!("{page}/{PURPOSE}");
        let form = mother.get(&question).await;
        assert!(!form.text.contains("checked"), "nothing is chosen beforehand");
        // Nothing chosen: asked again.
        let fields = [("versie", form.field("versie")), ("stand", form.field("stand"))];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        leads(&mother.post(&question, &form.field("_csrf"), &fields).await, &format!("{question}?fout=kies"));
        assert_eq!(word(&site.service, CHILD).await, None);

        leads(&say(&mut mother, &question, "ja").await, &format!("{page}?klaar=1"));
        assert_eq!(word(&site.service, CHILD).await, Some(ConsentStatus::Given));
        let history = ConsentHistory { person_id: pairwise(&site.service, CHILD).await, until: None };
        let last = site.service.consent_history(&call_of("crm"), history).await.unwrap().pop().unwrap().event;
        assert_eq!((last.actor.kind, last.system.as_str()), (ActorKind::Guardian, "portal"));

        // Somebody else with the address sees nothing, and learns nothing.
        let mut stranger = with(&site, STRANGER).await;
        let none = stranger.get("/mijn/kinderen").await;
        assert!(!none.text.contains("/mijn/kinderen/"), "{none:?}");
        let guesses = [page.clone(), question.clone(), "/mijn/kinderen/x".to_owned(), format!("{page}x")];
        let mut answers = Vec::new();
        for guess in &guesses {
            let shown = stranger.get(guess).await;
            answers.push((shown.status, shown.text.replace(guess.as_str(), "")));
        }
        answers.dedup();
        assert_eq!((answers.len(), answers[0].0), (1, 404), "unknown and not allowed differ");
        let csrf = stranger.get("/mijn/kinderen").await.field("_csrf");
        let tried = stranger.post(&question, &csrf, &[("antwoord", "nee"), ("versie", "1"), ("stand", "0")]).await;
        assert_eq!(tried.status, 404);
        assert_eq!(word(&site.service, CHILD).await, Some(ConsentStatus::Given));
        site.stop().await;
    }

    async fn where_parents_disagree_a_no_counts(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = family(&storage, &clock).await;
        let (mut mother, mut father) = (with(&site, MOTHER).await, with(&site, FATHER).await);
        let question = format!("{}/{PURPOSE}", child_page(&mut mother).await);
        say(&mut mother, &question, "ja").await;
        clock.turn_to(clock.now().plus_seconds(60));
        let no = say(&mut father, &question, "nee").await;
        assert_eq!(no.status, 303);
        assert_eq!(word(&site.service, CHILD).await, Some(ConsentStatus::Withdrawn));
        clock.turn_to(clock.now().plus_seconds(60));
        leads(&say(&mut mother, &question, "ja").await, &format!("{question}?fout=andere-ouder"));
        assert_eq!(word(&site.service, CHILD).await, Some(ConsentStatus::Withdrawn));
        let said = mother.get(&format!("{question}?fout=andere-ouder")).await;
        assert!(said.text.contains("andere ouder"), "{said:?}");
        clock.turn_to(clock.now().plus_seconds(86_400));
        let mut mother = with(&site, MOTHER).await;
        assert_eq!(say(&mut mother, &question, "ja").await.status, 303);
        assert_eq!(word(&site.service, CHILD).await, Some(ConsentStatus::Given));
        site.stop().await;
    }

    async fn an_old_form_says_no_and_not_yes_and_counts_once(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = family(&storage, &clock).await;
        let (mut mother, mut father) = (with(&site, MOTHER).await, with(&site, FATHER).await);
        let page = child_page(&mut mother).await;
        let question = format!("{page}/{PURPOSE}");
        let old = mother.get(&question).await;
        let first = father.get(&question).await;
        leads(&send(&mut father, &question, &first, "ja").await, &format!("{page}?klaar=1"));
        // Sent twice: done once, answered the same.
        leads(&send(&mut father, &question, &first, "ja").await, &format!("{page}?klaar=1"));
        let history = ConsentHistory { person_id: pairwise(&site.service, CHILD).await, until: None };
        let events = site.service.consent_history(&call_of("crm"), history).await.unwrap();
        let words = events.iter().filter(|item| format!("{:?}", item.event.change).starts_with("Consent")).count();
        assert_eq!(words, 1);
        // A page from before that knows nothing of it.
        leads(&send(&mut mother, &question, &old, "ja").await, &format!("{question}?fout=veranderd"));
        leads(&send(&mut mother, &question, &old, "nee").await, &format!("{page}?klaar=1"));
        assert_eq!(word(&site.service, CHILD).await, Some(ConsentStatus::Withdrawn));
        site.stop().await;
    }

    async fn at_sixteen_the_child_chooses_and_the_parent_sees_nothing(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = family(&storage, &clock).await;
        let mut mother = with(&site, MOTHER).await;
        let page = child_page(&mut mother).await;
        let question = format!("{page}/{PURPOSE}");
        say(&mut mother, &question, "ja").await;
        let form = mother.get(&question).await;
        let mut child = with(&site, CHILD).await;
        let ahead = child.get("/mijn/jij-bent-16").await;
        assert!(ahead.text.contains("word je 16") && !ahead.text.contains("name=\"antwoord\""), "{ahead:?}");

        // To the first instant of the birthday, in Amsterdam.
        let zone = chrono_tz::Europe::Amsterdam;
        let birthday = Moment::start_of(clock.now().plus_seconds(10 * 86_400).date(zone), zone);
        clock.turn_to(birthday.plus_seconds(-1));
        let mut mother = with(&site, MOTHER).await;
        assert_eq!(mother.get(&page).await.status, 200);
        let csrf = mother.get(&page).await.field("_csrf");
        clock.turn_to(birthday);
        assert_eq!(mother.get(&page).await.status, 404);
        assert!(!mother.get("/mijn/kinderen").await.text.contains(&page));
        // A form that was open since yesterday, for a yes and for a no.
        for answer in ["ja", "nee"] {
            let (version, stand) = (form.field("versie"), form.field("stand"));
            let late = mother.post(&question, &csrf, &[("antwoord", answer), ("versie", &version), ("stand", &stand)]).await;
            assert_eq!(late.status, 404, "{answer}");
        }
        // Told first of all after signing in, until they have said something.
        let link = "/inloggen/account";
        let (_, first) = arrived(&site, CHILD, link).await;
        leads(&first, "/mijn/jij-bent-16");
        let mut child = with(&site, CHILD).await;
        let now = child.get("/mijn/jij-bent-16").await;
        assert!(now.text.contains("Vanaf nu kies je zelf"), "{now:?}");
        let fields = ["_once", "doel", "bij", "versie", "stand"].map(|name| (name, now.field(name)));
        let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.push(("antwoord", "ja"));
        leads(&child.post("/mijn/jij-bent-16", &now.field("_csrf"), &fields).await, "/mijn/jij-bent-16?klaar=1");
        let after = child.get("/mijn/jij-bent-16").await;
        assert!(!after.text.contains("name=\"antwoord\""), "nothing of a parent is left: {after:?}");
        leads(&arrived(&site, CHILD, link).await.1, "/mijn/keuzes");
        assert_eq!(word(&site.service, CHILD).await, Some(ConsentStatus::Given));
        site.stop().await;
    }

    async fn the_desk_records_what_is_said_and_proves_it(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = family(&storage, &clock).await;
        let mut desk = site.with(&sign_in_staff(&site.service, Role::Desk, &[LINDE]).await);
        // By number only, and only members of the own library: unknown, elsewhere and nonsense are one answer.
        register(&site.service, KOMPAS, "2000100099", "1980-05-01").await;
        for number in ["2000999999", "2000100099", "", "Noor", "2000%"] {
            leads(&desk.submit("/balie", &[("nummer", number), ("waarom", "balie")]).await, "/balie?fout=onbekend");
        }
        leads(&desk.submit("/balie", &[("nummer", CHILD)]).await, "/balie?fout=waarom");
        let found = desk.submit("/balie", &[("nummer", "2000 100 003"), ("waarom", "balie")]).await;
        let (page, _) = (found.to.clone(), assert_eq!(found.status, 303));
        assert!(page.starts_with("/balie/lid/") && !page.contains(CHILD), "{found:?}");
        assert!(desk.get(&page).await.text.contains(CHILD));
        let question = format!("{page}/{PURPOSE}");
        let form = desk.get(&question).await;
        assert!(!form.text.contains("checked"));
        let (csrf, version, stand) = (form.field("_csrf"), form.field("versie"), form.field("stand"));
        let hidden = [("versie", version.as_str()), ("stand", stand.as_str())];
        let fill = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
            hidden.iter().copied().chain(more.iter().copied()).collect()
        };
        for (more, mistake) in [
            (&[("hoe", "gezegd")][..], "kies"),
            (&[("antwoord", "ja")][..], "invullen"),
            (&[("antwoord", "ja"), ("hoe", "papier"), ("wie", "ouder"), ("ouder", MOTHER)][..], "invullen"),
            (&[("antwoord", "ja"), ("hoe", "gezegd"), ("wie", "ouder"), ("ouder", STRANGER)][..], "geen-ouder"),
            (&[("antwoord", "ja"), ("hoe", "gezegd"), ("wie", "ouder"), ("ouder", "")][..], "geen-ouder"),
        ] {
            leads(&desk.post(&question, &csrf, &fill(more)).await, &format!("{question}?fout={mistake}"));
        }
        assert_eq!(word(&site.service, CHILD).await, None);

        let good = fill(&[
            ("_once", "een"), ("antwoord", "ja"), ("hoe", "papier"), ("formulier", "F-2026-17"), ("datum", "2026-11-01"),
            ("wie", "ouder"), ("ouder", MOTHER),
        ]);
        let done = desk.post(&question, &csrf, &good).await;
        assert!(done.to.starts_with(&format!("{question}/klaar?bewijs=")), "{done:?}");
        let again = desk.post(&question, &csrf, &good).await;
        assert_eq!(again.to, done.to, "sent twice, recorded once");
        let receipt = desk.get(&done.to).await;
        assert!(receipt.text.contains("<span class=\"nobr\">B-") && receipt.text.contains(CHILD), "{receipt:?}");
        let history = ConsentHistory { person_id: pairwise(&site.service, CHILD).await, until: None };
        let events = site.service.consent_history(&call_of("crm"), history).await.unwrap();
        let last = &events.last().unwrap().event;
        assert_eq!((last.system.as_str(), last.actor.kind), ("desk", ActorKind::Guardian));
        assert_eq!(last.actor.staff.as_ref().unwrap().reveal(), "desk-7");
        assert_eq!(last.evidence.as_ref().unwrap().reveal()["form"], "F-2026-17");
        assert!(last.occurred_at < last.recorded_at);

        // The member is told, once.
        for _ in 0..100 {
            if !site.mail.letters().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let letters = site.mail.letters();
        let [letter] = letters.as_slice() else { panic!("one mail: {letters:?}") };
        assert_eq!(letter.to.reveal(), "kind@lindemail.example");
        assert!(letter.text.reveal().contains("Jouw antwoord: ja"));

        // A child says no itself; that counts at once.
        let form = desk.get(&question).await;
        let stand = form.field("stand");
        let fields = [("versie", version.as_str()), ("stand", &stand), ("antwoord", "nee"), ("hoe", "gezegd"), ("wie", "zelf")];
        assert!(desk.post(&question, &csrf, &fields).await.to.contains("/klaar?"));
        assert_eq!(word(&site.service, CHILD).await, Some(ConsentStatus::Withdrawn));

        // The desk of another library, an auditor and a member see nothing of it.
        let mut other = site.with(&sign_in_staff(&site.service, Role::Desk, &[KOMPAS]).await);
        for path in [&page, &question, &done.to] {
            leads(&other.get(path).await, "/balie?fout=verlopen");
        }
        let mut auditor = site.with(&sign_in_staff(&site.service, Role::Auditor, &[]).await);
        assert_eq!(auditor.get(&page).await.status, 403);
        site.stop().await;
    }

    async fn settings_count_at_every_library(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = family(&storage, &clock).await;
        register(&site.service, KOMPAS, MOTHER, "1980-05-01").await;
        let mut mother = with(&site, MOTHER).await;
        let elsewhere = sign_in(&site.service, MOTHER).await;
        let saved = mother.submit("/mijn/instellingen", &[("language", "en"), ("receipts", "ja")]).await;
        leads(&saved, "/mijn/instellingen?klaar=1&taal=en");
        let shown = mother.get("/mijn/instellingen?taal=en").await;
        assert!(shown.text.contains("value=\"en\" checked") && shown.text.contains("value=\"ja\" checked"), "{shown:?}");
        for library in ["De Linde", "Het Kompas"] {
            assert!(shown.text.contains(library), "{library}");
        }
        let csrf = shown.field("_csrf");
        // The child wants receipts: what a parent chooses for it is mailed to it.
        let mut child = with(&site, CHILD).await;
        child.submit("/mijn/instellingen", &[("language", "nl"), ("receipts", "ja")]).await;
        let page = child_page(&mut mother).await;
        say(&mut mother, &format!("{page}/{PURPOSE}"), "ja").await;
        for _ in 0..100 {
            if !site.mail.letters().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let letters = site.mail.letters();
        let [letter] = letters.as_slice() else { panic!("one mail: {letters:?}") };
        assert!(letter.text.reveal().contains("Antwoord: Ja"), "{}", letter.text.reveal());
        leads(&mother.post("/mijn/instellingen/elders-uitloggen", &csrf, &[]).await, "/mijn/instellingen?klaar=uit");
        assert!(site.service.signed_in(&elsewhere).await.unwrap().is_none());
        assert_eq!(mother.get("/mijn/instellingen").await.status, 200);
        site.stop().await;
    }

    async fn a_yes_of_a_child_waits_for_a_parent(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = family(&storage, &clock).await;
        let service = &site.service;
        let version = service.catalogue().purposes[PURPOSE].purpose.version;
        let verb = RecordConsent {
            person: by_number(CHILD),
            organisation: LINDE.parse().unwrap(),
            purpose: PURPOSE.parse().unwrap(),
            status: ConsentStatus::Given,
            data_scopes: None,
            channels: None,
            notice_version: Some(version),
            language: Some(akkoord::domain::preference::Language::Nl),
            method: IndicationMethod::WebForm,
            actor: ActorRef::plain(ActorKind::Oneself),
            evidence: None,
            occurred_at: None,
        };
        service.record_consent(&call_of("portal"), verb).await.unwrap();
        let mut mother = with(&site, MOTHER).await;
        let page = child_page(&mut mother).await;
        let shown = mother.get(&page).await;
        assert!(shown.text.contains("Een ouder moet het nog goed vinden"), "{shown:?}");
        leads(&say(&mut mother, &format!("{page}/{PURPOSE}"), "ja").await, &format!("{page}?klaar=1"));
        assert_eq!(word(service, CHILD).await, Some(ConsentStatus::Given));
        site.stop().await;
    }
}
