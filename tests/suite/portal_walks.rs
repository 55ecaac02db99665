//! Further walks of members: with the keyboard alone, on paper, and through what is shown a page at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use akkoord::domain::moment::Moment;
use akkoord::domain::preference::Language;
use akkoord::world::{RealWorld, TurnedWorld, World as _};
use thirtyfour::Key;

use crate::portal_told::says_yes_to;
use crate::support::app::{question, token};
use crate::support::browser::{Browser, Scripts};
use crate::support::client::Client;
use crate::support::engine::{Engine, TestStorage};
use crate::support::people::{register, sign_in};
use crate::support::people_site::PeopleSite;
use crate::support::service::clock;

const LINDE: &str = "bibliotheek-de-linde";
const KOMPAS: &str = "bibliotheek-het-kompas";
const ANNA: &str = "2000100001";
const BRAM: &str = "2000100002";

/// Asks about members at this moment: about the first alone, and about all in a list.
async fn ask(site: &PeopleSite, name: &str) {
    let bearer = token(&site.service, "crm", name).await;
    let address = site.base.strip_prefix("http://").unwrap().parse().unwrap();
    let mut crm = Client::new(address, &bearer);
    crm.post("/v1/decisions", &question(ANNA)).await.expect(200);
    let list = format!("{{\"value\":\"{ANNA}\"}}\n{{\"value\":\"{BRAM}\"}}\n");
    let asked = "/v1/decision-batches?organisation=bibliotheek-de-linde&purpose=newsletter&action=contact&channel=email\
                 &dataScopes=email,identity&scheme=member-number&reference=spring";
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client
        .post(format!("{}{asked}", site.base))
        .bearer_auth(&bearer)
        .header("content-type", "application/x-ndjson")
        .body(list)
        .send()
        .await
        .unwrap();
    // To its end: what is still being checked is recorded later.
    let (status, whole) = (answer.status().as_u16(), answer.text().await.unwrap());
    assert!(
        status == 200 && whole.contains("decisionBatchId"),
        "{status} {whole}"
    );
}

/// Every check of Anna, as the log has it.
async fn recorded(site: &PeopleSite) -> Vec<String> {
    let person = crate::support::people::member(&site.service, ANNA)
        .await
        .unwrap()
        .person;
    let (from, before) = (
        Moment::from_micros(0),
        site.service.world().now().plus_seconds(60),
    );
    let call = crate::support::people::call_of("portal");
    let found = site
        .service
        .own_checks(&call, person, from, before)
        .await
        .unwrap();
    let entries = found.items.iter();
    entries
        .map(|entry| {
            let (id, millis) = (entry.leaf.id.to_string(), entry.leaf.millis);
            format!("{} {id} {millis} {:?}", entry.leaf.kind.as_str(), entry.about)
        })
        .collect()
}

/// The link of a page whose text this is.
fn link(page: &str, text: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!(">{text}</a>"))?;
    let (_, href) = before.rsplit_once("href=\"")?;
    Some(href.split('"').next().unwrap().replace("&#38;", "&"))
}

both_engines! {
    async fn who_asked_is_shown_a_page_at_a_time_newest_first(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = PeopleSite::start(storage.url(), &clock).await;
        for number in [ANNA, BRAM] {
            register(&site.service, LINDE, number, "1980-05-01").await;
        }
        // Three times, with weeks between: once alone and once in a list each time.
        let zone = chrono_tz::Europe::Amsterdam;
        let mut days = Vec::new();
        for (turn, wait) in [0, 20, 45].into_iter().enumerate() {
            clock.turn_to(clock.now().plus_seconds(wait * 86_400));
            days.push(clock.now().date(zone));
            ask(&site, &format!("crm-{turn}")).await;
        }
        let mut anna = site.with(&sign_in(&site.service, ANNA).await);
        let (mut path, mut seen) = ("/mijn/wie-vroeg?taal=nl".to_owned(), Vec::new());
        let mut pages = 0;
        loop {
            let page = anna.get(&path).await;
            assert_eq!(page.status, 200, "{page:?}");
            pages += 1;
            let (main, _) = page.text.split_once("<footer").unwrap();
            let headings: Vec<String> = main
                .split("<section>\n<h2>")
                .skip(1)
                .map(|rest| rest.split("</h2>").next().unwrap().to_owned())
                .collect();
            // Both checks of a day are one line, and each day is on one page.
            let lines = main.matches("vroeg 2 keer: mag dit").count();
            assert_eq!(lines, headings.len(), "{:?}\n{main}", recorded(&site).await);
            seen.extend(headings);
            match link(&page.text, "Eerdere dagen") {
                Some(older) => path = older,
                None => break,
            }
            assert!(pages < 10, "{path}");
        }
        let expected: Vec<String> = days
            .iter()
            .rev()
            .map(|day| akkoord::web::page::dates::day(*day, Language::Nl))
            .collect();
        assert_eq!(seen, expected);
        assert!(pages > 1, "older ones are on a page of their own");

        // The answers of a page go with its days, and the way back leads to today.
        let older = link(&anna.get("/mijn/wie-vroeg?taal=nl").await.text, "Eerdere dagen").unwrap();
        let shown = anna.get(&older).await.text;
        let only_yes = link(&shown, "Alleen ja").unwrap();
        assert!(only_yes.contains("voor=") && only_yes.contains("antwoord=ja"), "{only_yes}");
        assert!(!anna.get(&only_yes).await.text.contains("keer: mag dit"));
        assert_eq!(link(&shown, "Naar vandaag").as_deref(), Some("/mijn/wie-vroeg?taal=nl"));
        // Whatever stands in the address, it is a page of this member's own.
        for odd in ["-1", "99999999999999999999", "x", "0", &i64::MAX.to_string(), &i64::MIN.to_string()] {
            let page = anna.get(&format!("/mijn/wie-vroeg?taal=nl&voor={odd}")).await;
            assert!(page.status == 200 && page.text.contains("vroeg 2 keer"), "{odd}: {page:?}");
        }
        site.stop().await;
    }

    async fn a_yes_says_until_when_it_holds(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = PeopleSite::start(storage.url(), &clock).await;
        register(&site.service, LINDE, ANNA, "1980-05-01").await;
        says_yes_to(&site.service, "newsletter", LINDE, ANNA, None).await;
        let ends = until(&clock);
        let mut anna = site.with(&sign_in(&site.service, ANNA).await);
        let said = format!("Dit geldt tot {ends}.");
        assert!(anna.get("/mijn/keuzes?taal=nl").await.text.contains(&said), "{said}");
        let receipts = anna.get("/mijn/bewijzen?taal=nl").await.text;
        let receipt = receipts.split("href=\"/mijn/bewijzen/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let proof = anna.get(&format!("/mijn/bewijzen/{receipt}")).await.text;
        assert!(proof.contains("Geldig tot") && proof.contains(&ends), "{proof}");
        // At the end it says so, and asks again.
        clock.turn_to(clock.now().plus_seconds(2 * 366 * 86_400));
        let mut anna = site.with(&sign_in(&site.service, ANNA).await);
        assert!(anna.get("/mijn/keuzes?taal=nl").await.text.contains("Je ja is verlopen. Nu doen we het niet meer."));
        site.stop().await;
    }
}

/// When a yes to the newsletter of now ends: after 24 months.
fn until(clock: &TurnedWorld) -> String {
    let today = clock.now().date(chrono_tz::Europe::Amsterdam);
    let ends = today.checked_add_months(chrono::Months::new(24)).unwrap();
    akkoord::web::page::dates::day(ends, Language::Nl)
}

/// R75: every term of the law that stands on a page is explained in easy words, where everybody can read it.
#[actix_web::test]
async fn words_of_the_law_are_explained() {
    let storage = TestStorage::new(Engine::Sqlite);
    let site = PeopleSite::start(storage.url(), &clock()).await;
    let how = site.visitor().get("/zo-doen-wij-het?taal=nl").await.text;
    let (_, rest) = how.split_once("id=\"woorden\"").unwrap();
    let words: BTreeSet<&str> = rest
        .split("</section>")
        .next()
        .unwrap()
        .split("<dt>")
        .skip(1)
        .map(|word| word.split("</dt>").next().unwrap())
        .collect();
    for word in [
        "Toestemming",
        "Bezwaar",
        "Doel",
        "Persoonsgegevens",
        "Gegevens op slot",
        "Gegevens wissen",
        "Inzage",
        "AVG",
        "Toezichthouder",
        "Privacy-medewerker",
    ] {
        assert!(words.contains(word), "{word}: {words:?}");
    }
    // Every page leads there.
    for path in ["/mijn", "/inloggen", "/toegankelijkheid", "/mijn/bestaat-niet"] {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let page = client
            .get(format!("{}{path}", site.base))
            .header("accept", "text/html")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(page.contains("/zo-doen-wij-het#woorden"), "{path}: {page}");
    }
    site.stop().await;
}

#[actix_web::test]
async fn the_keyboard_alone_is_enough() {
    let storage = TestStorage::new(Engine::Sqlite);
    let site = PeopleSite::start(storage.url(), &Arc::new(RealWorld)).await;
    register(&site.service, LINDE, ANNA, "1980-05-01").await;
    let browser = Browser::start(&site.base, Scripts::On).await;
    browser.forget().await;
    let press = async |css: &str, key: Key| browser.tab_to(css).await.send_keys(key + "").await.unwrap();
    // To log in.
    browser.go("/mijn?taal=nl").await;
    press("main a.button", Key::Enter).await;
    browser.arrives("/inloggen").await;
    press("main a.button", Key::Enter).await;
    browser.arrives("/authorize").await;
    press("a[href*='lid-2000100001']", Key::Enter).await;
    browser.arrives("/mijn/keuzes").await;
    // To choose: Space chooses, Enter on the button sends.
    press("a.go[href*='/newsletter']", Key::Enter).await;
    browser.arrives("/mijn/keuzes/").await;
    press("#ja", Key::Space).await;
    press("main form button", Key::Enter).await;
    browser.arrives("/mijn/bewijzen/").await;
    browser.reads("Je zei ja tegen").await;
    // The folded text opens, the other language is one press away, and so is taking it back.
    press("form[action*='/terug'] button", Key::Enter).await;
    browser.reads("Je stopte met").await;
    press(".back a", Key::Enter).await;
    browser.arrives("/mijn/keuzes").await;
    press("a.go[href*='/newsletter']", Key::Enter).await;
    browser.arrives("/mijn/keuzes/").await;
    press("details.notice summary", Key::Enter).await;
    browser.reads("Wie is verantwoordelijk?").await;
    press(".tools a[lang=en]", Key::Enter).await;
    browser.reads("Sign out").await;
    press(".tools form button", Key::Enter).await;
    browser.arrives("/uitloggen").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    site.stop().await;
}

/// How many pages a PDF of Chromium has.
fn sheets(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.matches("/Type /Page").count() - text.matches("/Type /Pages").count()
}

#[actix_web::test]
async fn what_is_printed_is_short_and_has_no_buttons() {
    let storage = TestStorage::new(Engine::Sqlite);
    let site = PeopleSite::start(storage.url(), &Arc::new(RealWorld)).await;
    register(&site.service, LINDE, ANNA, "1980-05-01").await;
    register(&site.service, KOMPAS, BRAM, "1980-05-01").await;
    says_yes_to(&site.service, "newsletter", LINDE, ANNA, None).await;
    let browser = Browser::start(&site.base, Scripts::On).await;
    browser.forget().await;
    browser
        .cookie("akkoord", sign_in(&site.service, ANNA).await.reveal())
        .await;
    let folder = crate::support::browser::screenshots();
    std::fs::create_dir_all(&folder).unwrap();
    let receipts = "/mijn/bewijzen?taal=nl";
    browser.go(receipts).await;
    browser.click("a.go").await;
    browser.reads("Bewijs van je keuze").await;
    let receipt = browser.path().await;
    for (name, path, most) in [
        ("receipt", receipt.as_str(), 1),
        ("choices", "/mijn/keuzes?taal=nl", 2),
        ("data", "/mijn/gegevens?taal=nl", 2),
    ] {
        browser.go(path).await;
        let pdf = browser.print().await;
        std::fs::write(folder.join(format!("print-{name}.pdf")), &pdf).unwrap();
        let sheets = sheets(&pdf);
        assert!((1..=most).contains(&sheets), "{name}: {sheets} sheets");
        // As on paper: nothing that can only be pressed, and everything that is to be read.
        browser.paper(true).await;
        let shown = browser.text().await;
        assert!(
            !shown.contains("Uitloggen") && !shown.contains("Grotere letters"),
            "{shown}"
        );
        assert!(shown.contains("Bibliotheek De Linde"), "{shown}");
        browser.picture(&format!("print-{name}"), 720).await;
        browser.paper(false).await;
    }
    browser.close().await;
    site.stop().await;
}
