//! The pages of members, used as members use them: choosing, stopping, receipts, who asked, taking data along, erasure and
//! objection; and what nobody may do with them.

use std::sync::Arc;

use akkoord::service::sessions::Token;
use akkoord::world::RealWorld;
use serde_json::{Value, json};
use thirtyfour::Key;

use crate::support::app::{LIBRARY, Node, Setup, member, question};
use crate::support::browser::{Browser, Scripts, WIDTHS, none};
use crate::support::client::Client;
use crate::support::engine::{Engine, TestStorage};
use crate::support::http::{Answer, send};
use crate::support::people::{cookie, register, sign_in};

/// An adult member of one library.
const ANNA: &str = "2000000001";
/// A member of two libraries.
const BRAM: &str = "2000000002";
/// A child of ten.
const CAS: &str = "2000000003";
const OTHER: &str = "bibliotheek-het-kompas";

/// A node, members who are signed in, and the customer system that asks about them.
struct House {
    _storage: TestStorage,
    node: Node,
    crm: Client,
    anna: Token,
    bram: Token,
    cas: Token,
}

impl House {
    async fn new() -> House {
        let storage = TestStorage::new(Engine::Sqlite);
        let setup = Setup {
            public_base: "http://127.0.0.1:8080".to_owned(),
            ..Setup::default()
        };
        let node = Node::start(storage.url(), &Arc::new(RealWorld), &setup);
        register(&node.service, LIBRARY, ANNA, "1980-05-01").await;
        register(&node.service, LIBRARY, BRAM, "1975-02-03").await;
        register(&node.service, OTHER, BRAM, "1975-02-03").await;
        register(&node.service, LIBRARY, CAS, &format!("{}-01-01", year() - 10)).await;
        let crm = node.client("crm", "crm-1").await;
        let anna = sign_in(&node.service, ANNA).await;
        let bram = sign_in(&node.service, BRAM).await;
        let cas = sign_in(&node.service, CAS).await;
        House {
            _storage: storage,
            node,
            crm,
            anna,
            bram,
            cas,
        }
    }

    async fn may(&mut self, number: &str) -> Value {
        self.crm
            .post("/v1/decisions", &question(number))
            .await
            .expect(200)["decision"]
            .clone()
    }

    async fn get(&self, who: &Token, path: &str) -> Answer {
        let cookie = cookie(&self.node.service, who);
        send(self.node.address, "GET", path, &[("Cookie", &cookie)], b"").await
    }

    async fn post(&self, who: &Token, path: &str, fields: &str) -> Answer {
        let body = format!("_csrf={}&{fields}", who.csrf());
        self.post_raw(who, path, "same-origin", &body).await
    }

    async fn post_raw(&self, who: &Token, path: &str, site: &str, body: &str) -> Answer {
        let cookie = cookie(&self.node.service, who);
        let headers = [
            ("Cookie", cookie.as_str()),
            ("Sec-Fetch-Site", site),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        send(self.node.address, "POST", path, &headers, body.as_bytes()).await
    }

    async fn browser(&self, scripts: Scripts, who: &Token) -> Browser {
        let browser = Browser::start(&format!("http://{}", self.node.address), scripts).await;
        browser.cookie("akkoord", who.reveal()).await;
        browser
    }

    async fn close(self) {
        self.node.stop().await;
    }
}

fn year() -> i32 {
    use chrono::Datelike as _;
    chrono::Utc::now().year()
}

fn choice(library: &str, purpose: &str) -> String {
    format!("/mijn/keuzes/{library}/{purpose}")
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap_or_else(|| panic!("no {name}:\n{page}"));
    rest.split('"').next().unwrap().to_owned()
}

fn location(response: &Answer) -> String {
    assert_eq!(response.status, 303, "{}", response.body);
    response.header("location").unwrap().to_owned()
}

#[actix_web::test]
async fn a_choice_on_the_pages_is_what_systems_hear_at_once() {
    let mut house = House::new().await;
    // Without scripts: everything here works with what every browser has.
    let browser = house.browser(Scripts::Off, &house.anna).await;
    browser.go("/mijn/keuzes?taal=nl").await;
    assert_eq!(house.may(ANNA).await, "deny");

    let mut given = 0;
    let to_newsletter = ".go[href*='/newsletter']";
    browser.click(to_newsletter).await;
    given += 1;
    assert_eq!(
        browser.count("input:checked").await,
        0,
        "nothing is chosen in advance"
    );
    browser.click("label[for=ja]").await;
    given += 1;
    browser.click("main form .button").await;
    given += 1;
    browser.arrives("/mijn/bewijzen/").await;
    assert!(browser.text().await.contains("Je zei ja tegen"));
    assert_eq!(house.may(ANNA).await, "permit");

    // Taking it back takes no more clicks than giving it (GDPR art. 7(3)), by either way.
    let mut taken = 0;
    browser.click(".back a").await;
    browser.click(to_newsletter).await;
    taken += 1;
    assert_eq!(browser.count("#ja:checked").await, 1);
    browser.click("label[for=nee]").await;
    taken += 1;
    browser.click("main form .button").await;
    taken += 1;
    assert!(taken <= given);
    browser.arrives("/mijn/bewijzen/").await;
    assert_eq!(house.may(ANNA).await, "deny");

    // Saying nothing says nothing, and is told so.
    browser
        .go(&format!("{}?taal=nl", choice(LIBRARY, "reading-tips")))
        .await;
    browser.click("main form .button").await;
    browser
        .arrives(&format!("{}?fout=kies", choice(LIBRARY, "reading-tips")))
        .await;
    assert!(
        browser
            .text()
            .await
            .contains("Kies eerst een van de twee antwoorden")
    );

    // With the keyboard alone: to the question, the answers, the button.
    browser
        .go(&format!("{}?taal=nl", choice(LIBRARY, "newsletter")))
        .await;
    walk_to(&browser, "nee").await;
    let nee = browser.driver.active_element().await.unwrap();
    nee.send_keys(Key::Up + "").await.unwrap();
    browser
        .driver
        .active_element()
        .await
        .unwrap()
        .send_keys(Key::Enter + "")
        .await
        .unwrap();
    browser.arrives("/mijn/bewijzen/").await;
    assert_eq!(house.may(ANNA).await, "permit");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    house.close().await;
}

/// Presses Tab until the element with an id has the focus.
async fn walk_to(browser: &Browser, id: &str) {
    browser.one("body").await.send_keys(Key::Tab + "").await.unwrap();
    for _ in 0..40 {
        let here = browser.driver.active_element().await.unwrap();
        if here.attr("id").await.unwrap().as_deref() == Some(id) {
            return;
        }
        here.send_keys(Key::Tab + "").await.unwrap();
    }
    panic!("the keyboard does not reach #{id}");
}

#[actix_web::test]
async fn what_members_can_do_is_done_and_shown() {
    let mut house = House::new().await;
    let newsletter = choice(LIBRARY, "newsletter");

    // A second press of the button is the first.
    let page = house.get(&house.anna, &newsletter).await;
    let version = hidden(&page.body, "versie");
    let yes = format!(
        "_once={}&versie={version}&stand=&antwoord=ja",
        hidden(&page.body, "_once")
    );
    let first = location(&house.post(&house.anna, &newsletter, &yes).await);
    let second = location(&house.post(&house.anna, &newsletter, &yes).await);
    assert_eq!(first, second);
    let receipts = house.get(&house.anna, "/mijn/bewijzen").await;
    assert_eq!(receipts.body.matches("class=\"card choice\"").count(), 1);

    // The receipt: a page, a document to print, and signed JSON that the service itself calls genuine.
    let receipt = first.split('?').next().unwrap().to_owned();
    let pdf = house.get(&house.anna, &format!("{receipt}/bewijs.pdf")).await;
    assert_eq!(
        (pdf.status, pdf.header("content-type")),
        (200, Some("application/pdf"))
    );
    let signed: Value = house
        .get(&house.anna, &format!("{receipt}/bewijs.json"))
        .await
        .json();
    assert_eq!(
        (signed["status"].as_str(), signed["purpose"].as_str()),
        (Some("given"), Some("newsletter"))
    );
    let checked = house
        .crm
        .post("/v1/receipt-verifications", &signed)
        .await
        .expect(200);
    assert_eq!(checked["code"], "valid");

    // Who asked, and the answer; never who of the staff.
    assert_eq!(house.may(ANNA).await, "permit");
    let asked = house.get(&house.anna, "/mijn/wie-vroeg?taal=nl").await;
    assert!(
        asked.body.contains("Klantsysteem") && asked.body.contains("Antwoord: ja."),
        "{}",
        asked.body
    );
    assert!(!asked.body.contains("crm-1"));
    let history = house.get(&house.anna, "/mijn/geschiedenis?taal=nl").await;
    assert!(history.body.contains("Je zei ja tegen"), "{}", history.body);

    // One press takes it back.
    let back = location(
        &house
            .post(&house.anna, &format!("{receipt}/terug"), "_once=a")
            .await,
    );
    assert!(back.starts_with("/mijn/bewijzen/") && back != first);
    assert_eq!(house.may(ANNA).await, "deny");

    // All of it to take along.
    let ready = location(
        &house
            .post(
                &house.anna,
                "/mijn/gegevens/ophalen",
                &format!("_once=b&bibliotheek={LIBRARY}"),
            )
            .await,
    );
    let id = ready.split("klaar=").nth(1).unwrap();
    let package = house
        .get(&house.anna, &format!("/mijn/verzoeken/{id}/gegevens.zip"))
        .await;
    assert_eq!(
        (package.status, package.header("content-type")),
        (200, Some("application/zip"))
    );
    assert!(
        house
            .get(&house.anna, "/mijn/verzoeken?taal=nl")
            .await
            .body
            .contains("Klaar op")
    );

    // Erasure: choosing and checking change nothing; confirming enters a request that can be taken back.
    let check = format!("/mijn/gegevens/wissen?taal=nl&stap=2&wat=alles&bibliotheek={LIBRARY}");
    assert!(house.get(&house.anna, &check).await.body.contains("Klopt dit?"));
    assert!(
        !house
            .get(&house.anna, "/mijn/verzoeken?taal=nl")
            .await
            .body
            .contains("Gegevens wissen")
    );
    let fields = format!("_once=c&wat=alles&bibliotheek={LIBRARY}");
    location(&house.post(&house.anna, "/mijn/gegevens/wissen", &fields).await);
    let requests = house.get(&house.anna, "/mijn/verzoeken?taal=nl").await.body;
    assert!(requests.contains("Gegevens wissen") && requests.contains("Je krijgt antwoord voor of op"));
    let take_back = requests
        .split("action=\"/mijn/verzoeken/")
        .nth(1)
        .unwrap()
        .split(['?', '"'])
        .next()
        .unwrap();
    location(
        &house
            .post(&house.anna, &format!("/mijn/verzoeken/{take_back}"), "")
            .await,
    );
    assert!(
        house
            .get(&house.anna, "/mijn/verzoeken?taal=nl")
            .await
            .body
            .contains("We wissen niets")
    );

    // Objecting to promotion ends it at once, also where a yes stands.
    let page = house.get(&house.anna, &newsletter).await.body;
    let yes = format!(
        "_once=d&versie={version}&stand={}&antwoord=ja",
        hidden(&page, "stand")
    );
    location(&house.post(&house.anna, &newsletter, &yes).await);
    assert_eq!(house.may(ANNA).await, "permit");
    let fields = format!("bibliotheek={LIBRARY}&reclame=stop");
    location(&house.post(&house.anna, "/mijn/bezwaar/reclame", &fields).await);
    assert_eq!(house.may(ANNA).await, "deny");
    let fields = format!("bibliotheek={LIBRARY}&reclame=weer");
    location(&house.post(&house.anna, "/mijn/bezwaar/reclame", &fields).await);
    assert_eq!(house.may(ANNA).await, "permit");

    // Stopping everything.
    assert_eq!(
        location(&house.post(&house.anna, "/mijn/stop-alles", "").await),
        "/mijn/stop-alles?klaar=1"
    );
    assert_eq!(house.may(ANNA).await, "deny");
    house.close().await;
}

#[actix_web::test]
async fn each_library_hears_its_own_word() {
    let house = House::new().await;
    let newsletter = choice(LIBRARY, "newsletter");
    let page = house.get(&house.bram, &newsletter).await.body;
    let yes = format!("_once=a&versie={}&stand=&antwoord=ja", hidden(&page, "versie"));
    let receipt = location(&house.post(&house.bram, &newsletter, &yes).await);
    let receipt = receipt.split('?').next().unwrap().to_owned();
    let overview = house.get(&house.bram, "/mijn/keuzes?taal=nl").await.body;
    assert_eq!(overview.matches(">Ja</span>").count(), 1);
    location(
        &house
            .post(&house.bram, &format!("{receipt}/overal"), "_once=b")
            .await,
    );
    let overview = house.get(&house.bram, "/mijn/keuzes?taal=nl").await.body;
    assert_eq!(overview.matches(">Ja</span>").count(), 2);
    let receipts = house.get(&house.bram, "/mijn/bewijzen").await.body;
    assert_eq!(
        receipts.matches("class=\"card choice\"").count(),
        2,
        "one proof for each"
    );
    house.close().await;
}

#[actix_web::test]
async fn a_page_that_is_too_old_changes_nothing() {
    let mut house = House::new().await;
    let newsletter = choice(LIBRARY, "newsletter");
    let page = house.get(&house.anna, &newsletter).await.body;
    let version: u64 = hidden(&page, "versie").parse().unwrap();
    // At the desk somebody says no meanwhile.
    let said = json!({
        "person": member(ANNA), "organisation": LIBRARY, "purpose": "newsletter", "status": "refused",
        "language": "nl", "indicationMethod": "desk", "actor": {"type": "self"},
    });
    house.crm.post("/v1/consents", &said).await.expect(201);
    let yes = format!("_once=a&versie={version}&stand=&antwoord=ja");
    assert!(location(&house.post(&house.anna, &newsletter, &yes).await).contains("fout=veranderd"));
    let newer = format!("_once=b&versie={}&stand=&antwoord=ja", version + 1);
    assert!(location(&house.post(&house.anna, &newsletter, &newer).await).contains("fout=tekst"));
    assert_eq!(house.may(ANNA).await, "deny");
    // A no always counts.
    let no = format!("_once=c&versie={version}&stand=&antwoord=nee");
    assert!(location(&house.post(&house.anna, &newsletter, &no).await).starts_with("/mijn/bewijzen/"));
    house.close().await;
}

#[actix_web::test]
async fn nobody_reaches_what_is_of_another() {
    let house = House::new().await;
    let newsletter = choice(LIBRARY, "newsletter");
    let page = house.get(&house.anna, &newsletter).await.body;
    let yes = format!("_once=a&versie={}&stand=&antwoord=ja", hidden(&page, "versie"));
    let receipt = location(&house.post(&house.anna, &newsletter, &yes).await);
    let receipt = receipt.split('?').next().unwrap().to_owned();
    // Of somebody else, of no library of theirs, and not there at all: the same answer.
    for path in [
        receipt.clone(),
        format!("{receipt}/bewijs.json"),
        "/mijn/bewijzen/nothing".to_owned(),
        choice(OTHER, "newsletter").replace(OTHER, "bibliotheek-waterpoort"),
        choice(LIBRARY, "nothing"),
        "/mijn/verzoeken/00000000000000000000000000000000/gegevens.zip".to_owned(),
    ] {
        assert_eq!(house.get(&house.bram, &path).await.status, 404, "{path}");
    }
    assert_eq!(
        house
            .post(&house.bram, &format!("{receipt}/terug"), "")
            .await
            .status,
        404
    );
    // From another site, or without the field that only our page knows.
    let body = format!("_csrf={}&{yes}", house.anna.csrf());
    assert_eq!(
        house
            .post_raw(&house.anna, &newsletter, "cross-site", &body)
            .await
            .status,
        403
    );
    assert_eq!(
        house
            .post_raw(&house.anna, &newsletter, "same-origin", &yes)
            .await
            .status,
        403
    );
    // Not signed in: first sign in, and then come back here.
    let lost = send(house.node.address, "GET", &newsletter, &[], b"").await;
    assert!(location(&lost).starts_with("/inloggen?verder="));
    // Nothing of it is kept by a browser or a proxy.
    let page = house.get(&house.anna, "/mijn/gegevens").await;
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
    house.close().await;
}

#[actix_web::test]
async fn a_child_says_yes_and_waits_for_a_parent() {
    let mut house = House::new().await;
    let newsletter = choice(LIBRARY, "reading-tips");
    let page = house.get(&house.cas, &format!("{newsletter}?taal=nl")).await.body;
    assert!(
        page.contains("Wil je tips voor leuke boeken?"),
        "in the words for children: {page}"
    );
    let yes = format!("_once=a&versie={}&stand=&antwoord=ja", hidden(&page, "versie"));
    let receipt = location(
        &house
            .post(&house.cas, &format!("{newsletter}?taal=nl"), &yes)
            .await,
    );
    assert!(
        house
            .get(&house.cas, &receipt)
            .await
            .body
            .contains("ouder of verzorger moet")
    );
    assert_eq!(house.may(CAS).await, "deny");
    house.close().await;
}

#[actix_web::test]
async fn every_page_of_members_is_good_to_look_at() {
    let mut house = House::new().await;
    // Something to see on every page.
    for (number, token) in [(ANNA, &house.anna), (BRAM, &house.bram)] {
        for (purpose, answer) in [("newsletter", "ja"), ("reading-tips", "nee")] {
            let path = choice(LIBRARY, purpose);
            let page = house.get(token, &path).await.body;
            let fields = format!(
                "_once={number}{purpose}&versie={}&stand=&antwoord={answer}",
                hidden(&page, "versie")
            );
            location(&house.post(token, &path, &fields).await);
        }
    }
    house.may(ANNA).await;
    house.may(ANNA).await;
    let ready = location(
        &house
            .post(
                &house.anna,
                "/mijn/gegevens/ophalen",
                &format!("_once=b&bibliotheek={LIBRARY}"),
            )
            .await,
    );
    let fields = format!("_once=c&wat=alles&bibliotheek={LIBRARY}");
    location(&house.post(&house.anna, "/mijn/gegevens/wissen", &fields).await);
    let decision = house.crm.post("/v1/decisions", &question(ANNA)).await.expect(200);
    let leave = decision["obligations"][0]["url"]
        .as_str()
        .unwrap()
        .split_once("/u/")
        .unwrap()
        .1
        .to_owned();
    let receipts = house.get(&house.bram, "/mijn/bewijzen").await.body;
    let receipt = receipts
        .split("href=\"/mijn/bewijzen/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();

    let browser = house.browser(Scripts::On, &house.anna).await;
    let mut found = Vec::new();
    let newsletter = choice(LIBRARY, "newsletter");
    for (name, path) in [
        ("choices", "/mijn/keuzes".to_owned()),
        ("question", choice(LIBRARY, "event-invitations")),
        (
            "question-mistake",
            format!("{}?fout=kies", choice(LIBRARY, "event-invitations")),
        ),
        ("question-yes", newsletter),
        ("question-stop", choice(LIBRARY, "statistics")),
        ("question-needed", choice(LIBRARY, "lending")),
        ("stop", "/mijn/stop-alles".to_owned()),
        ("stopped", "/mijn/stop-alles?klaar=1".to_owned()),
        ("asked", "/mijn/wie-vroeg".to_owned()),
        ("history", "/mijn/geschiedenis".to_owned()),
        ("receipts", "/mijn/bewijzen".to_owned()),
        ("data", ready),
        ("erase", "/mijn/gegevens/wissen".to_owned()),
        (
            "erase-check",
            format!("/mijn/gegevens/wissen?stap=2&wat=alles&bibliotheek={LIBRARY}"),
        ),
        ("object", "/mijn/bezwaar".to_owned()),
        ("requests", "/mijn/verzoeken?klaar=wissen".to_owned()),
        ("leave", format!("/u/{leave}")),
        ("leave-unknown", "/u/nothing".to_owned()),
        ("capture", format!("/k/{LIBRARY}.newsletter")),
    ] {
        found.extend(look(&browser, name, &path).await);
    }
    browser.cookie("akkoord", house.bram.reveal()).await;
    for (name, path) in [
        ("choices-two", "/mijn/keuzes".to_owned()),
        ("receipt-two", format!("/mijn/bewijzen/{receipt}?klaar=1")),
        ("erase-two", "/mijn/gegevens/wissen?stap=2".to_owned()),
        ("object-two", "/mijn/bezwaar?fout=leeg".to_owned()),
    ] {
        found.extend(look(&browser, name, &path).await);
    }
    browser.close().await;
    house.close().await;
    none(&found);
}

async fn look(browser: &Browser, name: &str, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for language in ["nl", "en"] {
        let sign = if path.contains('?') { '&' } else { '?' };
        browser.go(&format!("{path}{sign}taal={language}")).await;
        for width in WIDTHS {
            found.extend(browser.look(name, language, width).await);
        }
    }
    found
}
