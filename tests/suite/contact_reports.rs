//! Contacts that systems report afterwards: matched with what they had been answered, written down once, seen by the privacy
//! officer of that library and by nobody else, and counted again here from the audit log.

use akkoord::audit::leaf::{Leaf, Word};
use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::contact::ContactMatch;
use akkoord::domain::moment::Moment;
use akkoord::service::Service;
use akkoord::service::call::Scope;
use akkoord::service::contacts::{CONTACT_REPORTED, ContactTotal};
use akkoord::service::search::SearchEntries;
use akkoord::service::sessions::staff::Role;
use akkoord::world::World as _;
use serde_json::{Value, json};

use crate::console_pages::{LINDE, Officer};
use crate::proposals::{member, officer, say};
use crate::support::app::{Node, Setup};
use crate::support::engine::TestStorage;
use crate::support::http::{Answer, Api, client, send};
use crate::support::service::clock;

const PATH: &str = "/v1/contact-reports";
const ELSEWHERE: &str = "bibliotheek-de-rietkraag";
const YES: [(ConsentStatus, IndicationMethod); 1] = [(ConsentStatus::Given, IndicationMethod::WebForm)];

fn contact(id: &str, number: &str, at: Moment) -> Value {
    json!({"contactId": id, "person": {"scheme": "member-number", "value": number}, "channel": "email",
        "occurredAt": at.rfc3339()})
}

fn report(contacts: &[Value]) -> Value {
    json!({"organisation": LINDE, "purpose": "newsletter", "reference": "maart", "contacts": contacts})
}

async fn reported(api: &Api, contacts: &[Value]) -> Value {
    let answer = api.post(PATH, &report(contacts)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The words `check` of the answer, in the order of the contacts.
fn checks(answer: &Value) -> Vec<&str> {
    let contacts = answer["contacts"].as_array().unwrap();
    contacts
        .iter()
        .map(|one| one["check"].as_str().unwrap())
        .collect()
}

async fn asks(api: &Api, number: &str, purpose: &str) -> Value {
    let body = json!({"person": {"scheme": "member-number", "value": number}, "organisation": LINDE, "purpose": purpose,
        "action": "contact", "channel": "email", "dataScopes": ["email"]});
    let answer = api.post("/v1/decisions", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The id of the bulk check.
async fn batch_in_log(service: &Service) -> String {
    let found = lines(service).await;
    let bulk = found.iter().find(|leaf| leaf.bulk.is_some()).unwrap();
    bulk.extra[&Word::from("batch")].to_string()
}

/// The lines of the log of answers.
async fn lines(service: &Service) -> Vec<Leaf<'static>> {
    let asked = SearchEntries {
        log: "decision".to_owned(),
        from: Moment::from_micros(0),
        to: service.world().now().plus_seconds(60),
        system: None,
        organisation: None,
        purpose: None,
        outcome: None,
        reason: None,
        id: None,
        cursor: None,
        limit: 1_000,
    };
    let found = service.search_entries(&officer("anna"), asked).await.unwrap();
    found.items.into_iter().map(|item| item.leaf).collect()
}

/// What the audit log says of the contacts: how many of each word.
async fn in_log(service: &Service) -> [usize; 3] {
    let found = lines(service).await;
    let contacts: Vec<String> = found
        .iter()
        .filter(|leaf| leaf.kind.as_str() == CONTACT_REPORTED)
        .map(|leaf| leaf.extra[&Word::from("check")].to_string())
        .collect();
    [ContactMatch::Permit, ContactMatch::Deny, ContactMatch::None]
        .map(|word| contacts.iter().filter(|found| *found == word.as_str()).count())
}

async fn totals(service: &Service, library: &str) -> Vec<ContactTotal> {
    let anna = officer("anna").within([library.parse().unwrap()].into());
    let time = (Moment::from_micros(0), service.world().now());
    service.contact_totals(&anna, time).await.unwrap()
}

#[track_caller]
fn wrong(answer: &Answer, pointer: &str) {
    assert_eq!(
        (answer.status, answer.problem().1),
        (400, vec![pointer.to_owned()]),
        "{answer:?}"
    );
}

both_engines! {
    async fn each_contact_is_matched_with_the_last_answer_before_it(engine) {
        let mut api = Api::start(engine).await;
        let service = &api.service.clone();
        for number in 1..=9 {
            member(service, number, if number <= 6 { &YES } else { &[] }).await;
        }
        let begin = service.world().now();
        asks(&api, "1", "newsletter").await;
        // Asked for another purpose, which is no check for this one.
        asks(&api, "2", "reading-tips").await;
        let denied = asks(&api, "7", "newsletter").await;
        assert_eq!(denied["decision"], "deny");
        let nobody = asks(&api, "999", "newsletter").await;
        // Two in a list, one of whom may be contacted.
        let list = format!("/v1/decision-batches?organisation={LINDE}&purpose=newsletter&action=contact&channel=email&dataScopes=email\
             &scheme=member-number&reference=maart");
        let lines = "{\"value\":\"3\"}\n{\"value\":\"8\"}\n";
        let answer = api.send("POST", &list, &[("Content-Type", "application/x-ndjson")], lines).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let batch = json!(batch_in_log(service).await);
        // Permitted, and withdrawn and asked again before the message went out.
        asks(&api, "4", "newsletter").await;
        api.world.turn_to(begin.plus_seconds(60));
        say(service, 4, ConsentStatus::Withdrawn, IndicationMethod::OneClick).await;
        assert_eq!(asks(&api, "4", "newsletter").await["decision"], "deny");
        let at = begin.plus_seconds(240);
        api.world.turn_to(at);

        let mut by_id = contact("m-999-id", "999", at);
        by_id["decisionId"] = nobody["decisionId"].clone();
        let mut of_list = contact("m-3-list", "3", at);
        of_list["decisionId"] = batch.clone();
        let mut not_of_list = contact("m-1-list", "1", at);
        not_of_list["decisionId"] = batch;
        let mut elsewhere = contact("m-1-sms", "1", at);
        elsewhere["channel"] = json!("sms");
        let mut before = contact("m-1-before", "1", begin.plus_seconds(-600));
        before["person"] = json!({"scheme": "member-number", "value": "1"});
        let contacts = [
            contact("m-1", "1", at), contact("m-2", "2", at), contact("m-7", "7", at), contact("m-999", "999", at), by_id,
            contact("m-3", "3", at), of_list, not_of_list, contact("m-8", "8", at), contact("m-4", "4", at),
            contact("m-9", "9", at), elsewhere, before,
        ];
        let answer = reported(&api, &contacts).await;
        let expected = ["permit", "none", "deny", "none", "deny", "permit", "permit", "none", "deny", "deny", "none", "none", "none"];
        assert_eq!(checks(&answer), expected, "{answer}");
        let count = |word: &str| expected.iter().filter(|one| **one == word).count();
        assert_eq!(
            (&answer["reported"], &answer["repeated"], &answer["permitted"], &answer["denied"], &answer["unchecked"]),
            (&json!(13), &json!(0), &json!(count("permit")), &json!(count("deny")), &json!(count("none")))
        );

        // Sent again it is the same, and written down once; also when a check was made since.
        asks(&api, "9", "newsletter").await;
        let again = reported(&api, &contacts).await;
        assert_eq!((checks(&again), &again["reported"], &again["repeated"]), (expected.to_vec(), &json!(0), &json!(13)));
        assert_eq!(in_log(service).await, ["permit", "deny", "none"].map(count));

        // What the console counts is what the log says; another library sees none of it.
        let own = totals(service, LINDE).await;
        assert_eq!(own.len(), 1);
        assert_eq!([own[0].permitted, own[0].denied, own[0].unchecked].map(|n| usize::try_from(n).unwrap()), in_log(service).await);
        assert!(totals(service, ELSEWHERE).await.is_empty());
        let time = (Moment::from_micros(0), service.world().now());
        let listed = |library: &str, word| {
            let call = officer("anna").within([library.parse().unwrap()].into());
            async move { service.contacts(&call, time, (None, word)).await.unwrap().lines.len() }
        };
        assert_eq!(listed(LINDE, ContactMatch::Deny).await, count("deny"));
        assert_eq!(listed(LINDE, ContactMatch::None).await, count("none"));
        assert_eq!(listed(ELSEWHERE, ContactMatch::None).await, 0);

        // More than a day later the answer no longer counts; a report of long ago is not taken.
        let late = at.plus_seconds(24 * 3_600 + 60);
        api.world.turn_to(late);
        api.token = service.access().token_of("crm-test").await.unwrap().access_token;
        assert_eq!(checks(&reported(&api, &[contact("m-1-late", "1", late)]).await), ["none"]);
        api.world.turn_to(at.plus_seconds(32 * 86_400));
        api.token = service.access().token_of("crm-test").await.unwrap().access_token;
        wrong(&api.post(PATH, &report(&[contact("m-1-old", "1", at)])).await, "/contacts/0/occurredAt");
    }

    async fn a_report_that_is_wrong_is_refused_as_a_whole(engine) {
        let api = Api::start(engine).await;
        member(&api.service, 1, &YES).await;
        let now = api.service.world().now();
        let good = contact("m-1", "1", now);
        wrong(&api.post(PATH, &report(&[])).await, "/contacts");
        let many: Vec<Value> = (0..1_001).map(|n| contact(&format!("m-{n}"), "1", now)).collect();
        wrong(&api.post(PATH, &report(&many)).await, "/contacts");
        wrong(&api.post(PATH, &report(&[good.clone(), good.clone()])).await, "/contacts/1/contactId");
        wrong(&api.post(PATH, &report(&[contact("m-1", "1", now.plus_seconds(300))])).await, "/contacts/0/occurredAt");
        let mut bad = contact("m-2", "1", now);
        bad["decisionId"] = json!("nonsense");
        wrong(&api.post(PATH, &report(&[good.clone(), bad])).await, "/contacts/1/decisionId");
        let mut bad = report(std::slice::from_ref(&good));
        bad["purpose"] = json!("nieuwsbrief");
        wrong(&api.post(PATH, &bad).await, "/purpose");
        assert_eq!(in_log(&api.service).await, [0; 3]);

        // A system without the scope, and one that does not work for the library.
        let scopes = [Scope::AuditRead].into_iter().collect();
        let token = client(&api.service, "reader", "crm", scopes).await;
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let body = report(&[good]).to_string();
        assert_eq!(send(api.server.addr, "POST", PATH, &headers, body.as_bytes()).await.status, 403);
        assert_eq!(in_log(&api.service).await, [0; 3]);
    }

    async fn the_officer_sees_contacts_without_a_check_and_after_a_no(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let node = Node::start(storage.url(), &world, &Setup::default());
        for number in 1..=3 {
            member(&node.service, number, if number == 1 { &YES } else { &[] }).await;
            if number < 3 {
                crate::proposals::decide(&node.service, number).await;
            }
        }
        let mut crm = node.client("crm", "crm-http").await;
        let now = world.now();
        let contacts: Vec<Value> = (1..=3).map(|n| contact(&format!("m-{n}"), &n.to_string(), now)).collect();
        crm.post(PATH, &report(&contacts)).await.expect(200);

        let anna = Officer::at(&node, "anna", Role::Officer, &[LINDE]).await;
        let bram = Officer::at(&node, "bram", Role::Officer, &[ELSEWHERE]).await;
        let systems = anna.page("/fg/systemen").await;
        assert!(systems.contains("Contact dat systemen melden") && systems.contains("vraag=none"), "{systems}");
        let other = bram.page("/fg/systemen").await;
        assert!(other.contains("Geen systeem meldde contact") && !other.contains("vraag=none"));
        for (word, text) in [("none", "Nee, niet gevraagd"), ("deny", "Ja, het mocht niet"), ("permit", "Ja, het mocht")] {
            let page = anna.page(&format!("/fg/systemen/contacten?systeem=crm&vraag={word}")).await;
            let rows = page.matches("/fg/zoeken/decision/").count();
            assert_eq!((rows, page.contains(text)), (1, true), "{word}: {page}");
            // Each leads to its entry in the log.
            let entry = page.split("/fg/zoeken/decision/").nth(1).unwrap().split('"').next().unwrap();
            let entry = anna.page(&format!("/fg/zoeken/decision/{entry}")).await;
            assert!(entry.contains("Contact gemeld") && entry.contains(text), "{entry}");
            assert_eq!(bram.page(&format!("/fg/systemen/contacten?vraag={word}")).await.matches("/fg/zoeken/decision/").count(), 0);
        }
        let file = anna.page("/fg/systemen/contacten.csv?vraag=none").await;
        let lines: Vec<&str> = file.lines().collect();
        assert!(lines.len() == 2 && lines[1].contains("crm") && lines[1].contains("none"), "{file}");
        assert_eq!(bram.page("/fg/systemen/contacten.csv?vraag=none").await.lines().count(), 1);

        // A contact is no check: neither the figures of systems nor those of the page count it as one.
        let systems = node.service.systems(&officer("anna")).await.unwrap();
        let crm = systems.lines.iter().find(|line| line.id.as_str() == "crm").unwrap();
        let asked: u64 = crm.days.iter().map(|day| day.permits + day.denials).sum();
        assert_eq!(asked, 2);

        // Looked up, the member shows it beside the answer it rests on.
        let look = [("bibliotheek", LINDE), ("scheme", "member-number"), ("value", "2"), ("reason", "Klacht 31: ik kreeg toch een mail")];
        let person = anna.page(&Officer::led(&anna.post("/fg/zoeken/persoon", &look).await)).await;
        assert!(person.contains("Ja, het mocht niet"), "{person}");
        node.stop().await;
    }
}
