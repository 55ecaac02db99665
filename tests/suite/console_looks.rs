//! Every page of the console in a real browser, with what a library has after some months.

use std::sync::Arc;

use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::personal::Personal;
use akkoord::service::proposals::{Changed, SaveDraft};
use akkoord::service::sessions::How;
use akkoord::service::sessions::staff::{Reach, Role, StaffIdentity};
use akkoord::web::session::cookie;
use akkoord::world::{TurnedWorld, World as _};
use serde_json::{Value, json};

use crate::console_pages::{LINDE, Officer, request};
use crate::proposals::{decide, member, officer, say};
use crate::support::app::{Node, Setup};
use crate::support::browser::{Browser, Scripts, WIDTHS, none};
use crate::support::engine::{Engine, TestStorage};
use crate::support::people::register;
use crate::support::service::clock;

/// Some months of a library: yes, no and withdrawn, checks, requests, and two officers at work.
async fn lived(node: &Node, world: &TurnedWorld) -> (String, String, String) {
    use ConsentStatus::{Given, Refused, Withdrawn};
    use IndicationMethod::{Desk, OneClick, WebForm};
    let service = &node.service;
    for month in 0..3_u32 {
        for number in month * 40 + 1..=month * 40 + 40 {
            let (status, method) = match number % 4 {
                0 => (Refused, WebForm),
                1 => (Given, Desk),
                _ => (Given, WebForm),
            };
            member(service, number, &[(status, method)]).await;
            decide(service, number).await;
        }
        world.turn_to(world.now().plus_seconds(31 * 86_400));
        for number in (month * 40 + 1..=month * 40 + 40).step_by(3).take(12) {
            say(service, number, Withdrawn, OneClick).await;
            decide(service, number).await;
        }
    }
    register(service, LINDE, "2000100001", "1980-05-01").await;
    register(service, LINDE, "2000100002", "2011-03-02").await;
    let access = request(service, LINDE, "2000100001", "access").await;
    world.turn_to(world.now().plus_seconds(26 * 86_400));
    let erasure = request(service, LINDE, "2000100001", "erasure").await;
    let anna = officer("anna");
    let base = service.policy_files().unwrap();
    let file = "purposes/newsletter.toml";
    let text = base.text(file).unwrap();
    let text = text
        .replacen(
            "Mogen we je onze nieuwsbrief mailen?",
            "Mogen we je elke week onze nieuwsbrief mailen?",
            1,
        )
        .replacen("version = 3", "version = 4", 1);
    let draft = SaveDraft {
        draft: None,
        title: "Elke week een nieuwsbrief".to_owned(),
        why: "De redactie wil vaker mailen, met kortere stukken.".to_owned(),
        files: Changed::default().with(&base, file, Some(text)),
        officer: "Anna de Boer".to_owned(),
    };
    let proposal = service.save_draft(&anna, draft).await.unwrap();
    service
        .submit_proposal(&anna, proposal, 1, "Anna de Boer")
        .await
        .unwrap();
    decide(service, 1).await;
    (access, erasure, proposal.to_string())
}

/// Contacts that the CRM reported, with and without a check; an entry of the log of answers.
async fn reported(node: &Node, world: &TurnedWorld) -> String {
    let mut crm = node.client("crm", "crm-http").await;
    let now = world.now();
    let contacts: Vec<Value> = [1, 5, 9]
        .into_iter()
        .map(|number: u32| {
            json!({"contactId": format!("m-{number}"), "channel": "email", "occurredAt": now.rfc3339(),
                "person": {"scheme": "member-number", "value": number.to_string()}})
        })
        .collect();
    let body = json!({"organisation": LINDE, "purpose": "newsletter", "contacts": contacts});
    crm.post("/v1/contact-reports", &body).await.expect(200);
    let question = json!({"person": {"scheme": "member-number", "value": "5"}, "organisation": LINDE, "purpose": "newsletter",
        "action": "contact", "channel": "email", "dataScopes": ["email"]});
    let decided = crm.post("/v1/decisions", &question).await.expect(200);
    decided["decisionId"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn every_page_of_the_console_is_good_to_look_at() {
    let storage = TestStorage::new(Engine::Sqlite);
    let world: Arc<TurnedWorld> = clock();
    let setup = Setup {
        public_base: "http://127.0.0.1".to_owned(),
        ..Setup::default()
    };
    let node = Node::start(storage.url(), &world, &setup);
    let (access, erasure, proposal) = lived(&node, &world).await;
    let entry = reported(&node, &world).await;
    let objection = request(&node.service, LINDE, "2000100001", "objection").await;
    let identity = StaffIdentity {
        subject: Personal::new("fg-1".to_owned()),
        name: Personal::new("Fenna Groot".to_owned()),
        role: Role::Officer,
        reach: Reach::All,
    };
    let token = node.service.sign_in_staff(identity, How::Account).await.unwrap();
    // A look-up and an erasure, as pages leave them.
    let fenna = Officer::at(&node, "fg-1", Role::Officer, &[]).await;
    let look = [
        ("bibliotheek", LINDE),
        ("scheme", "member-number"),
        ("value", "1"),
        ("reason", "Klacht 2026-14"),
    ];
    let person = Officer::led(&fenna.post("/fg/zoeken/persoon", &look).await);
    let page = fenna.page(&format!("/fg/verzoeken/{access}")).await;
    assert!(page.contains("name=\"stap\""));
    let asked = fenna.page(&format!("/fg/verzoeken/{erasure}")).await;
    let hidden = asked
        .split("type=\"hidden\" name=\"wie\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let propose = [
        ("verzoek", erasure.as_str()),
        ("wie", hidden.unwrap()),
        ("bibliotheek", LINDE),
        ("grond", "17-1-b"),
        ("dagen", "7"),
    ];
    let proposed = Officer::led(&fenna.post("/fg/wissen", &propose).await);
    let proposed = proposed.split('?').next().unwrap().to_owned();
    let export = [
        ("log", "decision"),
        ("van", ""),
        ("tot", ""),
        ("vorm", "xlsx"),
        ("reason", "Maandelijkse controle"),
    ];
    let export = Officer::led(&fenna.post("/fg/zoeken/export", &export).await);
    let report = [
        ("soort", "audit"),
        ("van", "2026-11-01"),
        ("tot", "2027-03-31"),
        ("bibliotheek", ""),
        ("vorm", "pdf"),
        ("reason", "Bestuur"),
    ];
    let report = Officer::led(&fenna.post("/fg/rapport", &report).await);

    let request = format!("/fg/verzoeken/{access}");
    let letter = format!("{request}/brief/received");
    let policy = format!("/fg/beleid/{proposal}");
    let ask = format!(
        "{policy}/vraag?doel=newsletter&systeem=crm&actie=contact&kanaal=email&leeftijd=40&keuze=given"
    );
    let replay = format!("{policy}/opnieuw?van=2020-01-01&tot=2099-01-01");
    let pages: Vec<(&str, String)> = vec![
        ("fg-today", "/fg".to_owned()),
        ("fg-requests", "/fg/verzoeken".to_owned()),
        ("fg-request", request),
        ("fg-letter", letter),
        ("fg-audit", "/fg/zoeken?van=2020-01-01".to_owned()),
        ("fg-entry", format!("/fg/zoeken/decision/{entry}")),
        ("fg-objection", format!("/fg/verzoeken/{objection}")),
        ("fg-erasure", proposed),
        ("fg-contacts", "/fg/systemen/contacten?van=2020-01-01".to_owned()),
        ("fg-notices", "/fg/herkomst".to_owned()),
        ("fg-look-up", "/fg/zoeken/persoon".to_owned()),
        ("fg-person", person),
        ("fg-export", "/fg/zoeken/export".to_owned()),
        ("fg-export-ready", export),
        ("fg-report", "/fg/rapport".to_owned()),
        ("fg-report-ready", report),
        ("fg-purposes", "/fg/doelen".to_owned()),
        ("fg-purpose", "/fg/doelen/newsletter".to_owned()),
        ("fg-systems", "/fg/systemen".to_owned()),
        ("fg-figures", "/fg/cijfers".to_owned()),
        ("fg-erasures", "/fg/wissen".to_owned()),
        ("fg-policies", "/fg/beleid".to_owned()),
        (
            "fg-new-proposal",
            "/fg/beleid/nieuw?bestand=systems.toml".to_owned(),
        ),
        ("fg-proposal", policy),
        ("fg-ask", ask),
        ("fg-replay", replay),
        ("fg-retention", "/fg/bewaren".to_owned()),
        ("fg-desk", "/fg/balie?van=2020-01-01".to_owned()),
        ("fg-sixteen", "/fg/zestien".to_owned()),
        ("fg-breach", "/fg/datalek".to_owned()),
        ("fg-access", "/fg/toegang".to_owned()),
    ];
    let browser = Browser::start(&format!("http://{}", node.address), Scripts::On).await;
    browser.go("/mijn").await;
    browser
        .cookie(cookie::session_name(&node.service), token.reveal())
        .await;
    let mut found = Vec::new();
    for (name, path) in &pages {
        for language in ["nl", "en"] {
            let sign = if path.contains('?') { '&' } else { '?' };
            browser.go(&format!("{path}{sign}taal={language}")).await;
            for width in WIDTHS {
                found.extend(browser.look(name, language, width).await);
            }
        }
    }
    browser.close().await;
    node.stop().await;
    none(&found);
}
