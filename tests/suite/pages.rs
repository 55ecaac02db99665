//! Every page in a real browser, in both languages, on the smallest telephone and on a computer.

use std::sync::Arc;

use akkoord::world::RealWorld;
use thirtyfour::Key;

use crate::support::app::{Node, Setup};
use crate::support::browser::{Browser, Scripts, WIDTHS, none};
use crate::support::engine::{Engine, TestStorage};

/// A page to look at: the name of its picture, and its path.
struct Look {
    name: &'static str,
    path: &'static str,
}

const fn look(name: &'static str, path: &'static str) -> Look {
    Look { name, path }
}

/// Pages for everybody.
const PUBLIC: &[Look] = &[
    look("start", "/mijn"),
    look("start-linde", "/mijn?bij=bibliotheek-de-linde"),
    look("start-kompas", "/mijn?bij=bibliotheek-het-kompas"),
    look("start-waterpoort", "/mijn?bij=bibliotheek-waterpoort"),
    look("start-vuurtoren", "/mijn?bij=bibliotheek-de-vuurtoren"),
    look("start-large", "/mijn?tekst=groot"),
    look("how", "/zo-doen-wij-het"),
    look("accessibility", "/toegankelijkheid"),
    look("not-found", "/mijn/bestaat-niet"),
];

#[actix_web::test]
async fn every_page_is_good_to_look_at() {
    let storage = TestStorage::new(Engine::Sqlite);
    let node = Node::start(storage.url(), &Arc::new(RealWorld), &Setup::default());
    let browser = Browser::start(&format!("http://{}", node.address), Scripts::On).await;
    let found = look_at(&browser, PUBLIC).await;
    browser.close().await;
    node.stop().await;
    none(&found);
}

#[actix_web::test]
async fn a_reader_without_scripts_or_mouse_finds_the_way() {
    let storage = TestStorage::new(Engine::Sqlite);
    let node = Node::start(storage.url(), &Arc::new(RealWorld), &Setup::default());
    let browser = Browser::start(&format!("http://{}", node.address), Scripts::Off).await;
    browser.forget().await;
    browser.go("/?taal=nl").await;
    assert_eq!(browser.path().await, "/mijn?taal=nl");
    assert!(
        browser.text().await.contains("Jij kiest"),
        "{}",
        browser.text().await
    );

    // The other language keeps the page and travels on.
    browser
        .go("/zo-doen-wij-het?taal=nl&bij=bibliotheek-de-linde")
        .await;
    browser.click(".tools a[lang=en]").await;
    assert_eq!(
        browser.path().await,
        "/zo-doen-wij-het?taal=en&bij=bibliotheek-de-linde"
    );
    browser.click(".back a").await;
    assert_eq!(browser.path().await, "/mijn?taal=en&bij=bibliotheek-de-linde");
    assert!(browser.text().await.contains("You choose"));

    // The first stop of the keyboard leads past the header, and every stop can be seen.
    browser.one("body").await.send_keys(Key::Tab + "").await.unwrap();
    let skip = browser.driver.active_element().await.unwrap();
    assert_eq!(skip.attr("class").await.unwrap().as_deref(), Some("skip"));
    assert_eq!(browser.count("main h1").await, 1);

    // A cookie that is nobody's is as good as none.
    browser.cookie("akkoord", "nobody").await;
    browser.go("/mijn?taal=nl").await;
    assert!(browser.text().await.contains("Log in"));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    node.stop().await;
}

async fn look_at(browser: &Browser, pages: &[Look]) -> Vec<String> {
    let mut found = Vec::new();
    for page in pages {
        for language in ["nl", "en"] {
            let sign = if page.path.contains('?') { '&' } else { '?' };
            browser.go(&format!("{}{sign}taal={language}", page.path)).await;
            for width in WIDTHS {
                found.extend(browser.look(page.name, language, width).await);
            }
        }
    }
    found
}
