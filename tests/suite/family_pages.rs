//! Signing in, children, turning 16, settings and the desk in a real browser: each page in both languages, on the smallest
//! telephone and on a computer; and a walk through them as people go.

use std::sync::Arc;
use std::time::Duration;

use akkoord::domain::person::GuardianVerification;
use akkoord::domain::personal::Personal;
use akkoord::service::sessions::Token;
use akkoord::service::sessions::staff::Role;
use akkoord::service::verbs::{LinkGuardian, PersonRef};
use akkoord::world::{RealWorld, TurnedWorld, World as _};

use crate::portal_told::says_yes_to;
use crate::support::app::{Setup, service};
use crate::support::browser::{Browser, Scripts, WIDTHS, none};
use crate::support::engine::{Engine, TestStorage};
use crate::support::people::{call_of, member, register, register_with, sign_in, sign_in_staff};
use crate::support::people_site::PeopleSite;

const LINDE: &str = "bibliotheek-de-linde";
const PARENT: &str = "2000100001";
const CHILD: &str = "2000100005";
const GROWN: &str = "2000100006";

/// The birth date of who turns 16 in so many days.
fn sixteen_in(days: i64) -> String {
    let zone = chrono_tz::Europe::Amsterdam;
    let birthday = RealWorld.now().plus_seconds(days * 86_400).date(zone);
    let years = chrono::Months::new(16 * 12);
    birthday.checked_sub_months(years).unwrap().to_string()
}

fn guardian_of(child: String) -> LinkGuardian {
    LinkGuardian {
        child,
        guardian: PersonRef::Identifier {
            scheme: "member-number".parse().unwrap(),
            value: Personal::new(PARENT.to_owned()),
        },
        verification: GuardianVerification::Desk,
        evidence: None,
    }
}

/// What happened three days ago: a parent chose for somebody who turned 16 yesterday.
async fn before(storage: &TestStorage) {
    let then = Arc::new(TurnedWorld::starting(RealWorld.now().plus_seconds(-3 * 86_400)));
    let service = service(storage.url(), then, &Setup::default());
    register(&service, LINDE, PARENT, "1982-08-14").await;
    let grown = register(&service, LINDE, GROWN, &sixteen_in(-1)).await;
    let verb = guardian_of(grown);
    service.link_guardian(&call_of("wise"), verb).await.unwrap();
    for purpose in ["newsletter", "reading-tips"] {
        says_yes_to(&service, purpose, LINDE, GROWN, Some(PARENT)).await;
    }
    tokio::task::spawn_blocking(move || service.stop()).await.unwrap();
}

async fn site(storage: &TestStorage) -> PeopleSite {
    before(storage).await;
    let site = PeopleSite::start(storage.url(), &Arc::new(RealWorld)).await;
    let identifiers = [("member-number", CHILD), ("email", "sam@lindemail.example")];
    let child = register_with(&site.service, LINDE, &identifiers, &sixteen_in(1)).await;
    let verb = guardian_of(child);
    site.service.link_guardian(&call_of("wise"), verb).await.unwrap();
    site
}

async fn become_(browser: &Browser, token: &Token) {
    browser.forget().await;
    browser.cookie("akkoord", token.reveal()).await;
}

async fn look_at(browser: &Browser, pages: &[(&str, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, path) in pages {
        for language in ["nl", "en"] {
            let sign = if path.contains('?') { '&' } else { '?' };
            browser.go(&format!("{path}{sign}taal={language}")).await;
            for width in WIDTHS {
                found.extend(browser.look(name, language, width).await);
            }
        }
    }
    found
}

/// The page after a form that does not stand on a page of ours any more.
async fn old_form(browser: &Browser) -> Vec<String> {
    let mut found = Vec::new();
    for language in ["nl", "en"] {
        browser.go(&format!("/mijn/instellingen?taal={language}")).await;
        browser
            .run("document.querySelector('main form [name=_csrf]').value = 'x'; document.querySelector('main form').submit()")
            .await;
        let title = if language == "nl" {
            "We hebben niets veranderd"
        } else {
            "We changed nothing"
        };
        browser.reads(title).await;
        for width in WIDTHS {
            found.extend(browser.look("error-old-form", language, width).await);
        }
    }
    found
}

/// Waits until the address has a part: a click has led somewhere.
async fn arrives(browser: &Browser, part: &str) {
    for _ in 0..600 {
        if browser.path().await.contains(part) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited for {part} on {}", browser.path().await);
}

fn page(name: &'static str, path: &str) -> (&'static str, String) {
    (name, path.to_owned())
}

#[actix_web::test]
async fn every_page_of_families_and_the_desk_is_good_to_look_at() {
    let storage = TestStorage::new(Engine::Sqlite);
    let site = site(&storage).await;
    let service = &site.service;
    let child = member(service, CHILD).await.unwrap().person;
    let library = LINDE.parse().unwrap();
    let as_portal = service.pairwise(&call_of("portal"), &library, child);
    let link = service
        .make_login_link(child, "/mijn/keuzes")
        .await
        .unwrap()
        .unwrap();
    let browser = Browser::start(&site.base, Scripts::On).await;
    browser.forget().await;
    let link = format!("/inloggen/link/{}", link.reveal());
    let mut found = look_at(
        &browser,
        &[
            page("login", "/inloggen"),
            page("login-mistake", "/inloggen?fout=link"),
            page("login-staff", "/inloggen/medewerkers"),
            page("login-sent", "/inloggen/link/verstuurd"),
            page("login-link", &link),
            page("logged-out", "/uitloggen"),
        ],
    )
    .await;

    become_(&browser, &sign_in(service, PARENT).await).await;
    found.extend(
        look_at(
            &browser,
            &[
                page("children", "/mijn/kinderen"),
                page("child", &format!("/mijn/kinderen/{as_portal}")),
                page(
                    "child-question",
                    &format!("/mijn/kinderen/{as_portal}/newsletter"),
                ),
                page(
                    "child-mistake",
                    &format!("/mijn/kinderen/{as_portal}/reading-tips?fout=andere-ouder"),
                ),
                page("settings", "/mijn/instellingen?klaar=1"),
            ],
        )
        .await,
    );
    become_(&browser, &sign_in(service, CHILD).await).await;
    found.extend(look_at(&browser, &[page("sixteen-ahead", "/mijn/jij-bent-16")]).await);
    become_(&browser, &sign_in(service, GROWN).await).await;
    found.extend(
        look_at(
            &browser,
            &[
                page("sixteen", "/mijn/jij-bent-16"),
                page("sixteen-saved", "/mijn/jij-bent-16?klaar=1"),
                page("children-none", "/mijn/kinderen"),
                page("still-in", "/uitloggen"),
                page("error-500", "/mijn/stuk"),
            ],
        )
        .await,
    );
    found.extend(old_form(&browser).await);

    let desk = sign_in_staff(service, Role::Desk, &[LINDE]).await;
    become_(&browser, &desk).await;
    let looked = [("nummer", CHILD), ("waarom", "balie")];
    let seen = site.with(&desk).submit("/balie", &looked).await.to;
    let question = format!("{seen}/newsletter");
    let stop = format!("{seen}/bezwaar/reclame");
    found.extend(
        look_at(
            &browser,
            &[
                page("desk", "/balie"),
                page("desk-unknown", "/balie?fout=onbekend"),
                page("desk-member", &seen),
                page("desk-question", &question),
                page("desk-question-mistake", &format!("{question}?fout=invullen")),
                page("desk-object", &format!("{seen}/bezwaar/statistics")),
                page("desk-stop", &stop),
            ],
        )
        .await,
    );
    // Record something to see its receipt.
    browser.go(&format!("{question}?taal=nl")).await;
    for css in [
        "label[for=nee]",
        "label[for=zelf]",
        "label[for=gezegd]",
        "main form button",
    ] {
        browser.click(css).await;
    }
    arrives(&browser, "/klaar?bewijs=").await;
    let receipt = browser.path().await.replace("&taal=nl", "");
    browser.go(&format!("{stop}?taal=nl")).await;
    for css in [
        "label[for=nee]",
        "label[for=zelf]",
        "label[for=gezegd]",
        "main form button",
    ] {
        browser.click(css).await;
    }
    arrives(&browser, "/klaar?bewijs=").await;
    let stopped = browser.path().await.replace("&taal=nl", "");
    found.extend(
        look_at(
            &browser,
            &[page("desk-receipt", &receipt), page("desk-stopped", &stopped)],
        )
        .await,
    );
    become_(&browser, &sign_in_staff(service, Role::Auditor, &[]).await).await;
    found.extend(look_at(&browser, &[page("error-403", "/balie")]).await);
    browser.close().await;
    site.stop().await;
    none(&found);
}

#[actix_web::test]
async fn people_sign_in_choose_for_a_child_and_sign_out() {
    let storage = TestStorage::new(Engine::Sqlite);
    let site = site(&storage).await;
    let browser = Browser::start(&site.base, Scripts::Off).await;
    browser.forget().await;
    browser.go("/mijn/kinderen?taal=nl").await;
    assert!(browser.path().await.starts_with("/inloggen?verder="));
    browser.click("main a.button").await;
    arrives(&browser, "/authorize").await;
    assert!(browser.text().await.contains("Als wie wil je inloggen?"));
    browser.click("a[href*='lid-2000100001']").await;
    arrives(&browser, "/mijn/kinderen?taal=nl").await;
    browser.click("a.go").await;
    arrives(&browser, "/mijn/kinderen/").await;
    let child = browser.path().await;
    browser.click("a[href*='/newsletter']").await;
    arrives(&browser, "/newsletter").await;
    browser.click("label[for=nee]").await;
    browser.click("main form button").await;
    arrives(&browser, "klaar=1").await;
    assert!(browser.text().await.contains("De keuze is opgeslagen."));
    browser.click(".tools form button").await;
    arrives(&browser, "/uitloggen").await;
    assert!(browser.text().await.contains("Je bent uitgelogd"));
    // The back button, and the address itself, show nothing of it any more.
    browser.driver.back().await.unwrap();
    arrives(&browser, "/inloggen").await;
    assert!(!browser.text().await.contains("De keuze is opgeslagen."));
    browser.go(&child).await;
    assert!(browser.path().await.starts_with("/inloggen"));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    site.stop().await;
}
