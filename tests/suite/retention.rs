//! Nothing is kept longer than its written term, systems are reminded once of a yes that ends soon, and whatever is in
//! dispute stays.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::decision::{Question, ReasonCode};
use akkoord::domain::event::ActorKind;
use akkoord::domain::moment::Moment;
use akkoord::domain::person::{GuardianVerification, Membership, MembershipKind};
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::domain::purpose::{Action, Channel};
use akkoord::service::Service;
use akkoord::service::call::{Call, Principal, Scope};
use akkoord::service::retention::{RecordHold, RetentionReport, Term};
use akkoord::service::verbs::{
    ActorRef, ConsentHistory, Decide, LinkGuardian, MergePeople, PersonRef, RecordConsent, RecordObjection,
    RecordRestriction, RegisterPerson,
};
use akkoord::store::StoreError;
use akkoord::world::TurnedWorld;
use serde_json::json;

use crate::rights_requests::entered;
use crate::support::app::{self, Setup};
use crate::support::engine::TestStorage;
use crate::support::http::Api;
use crate::support::log::{opened, verify_all};
use crate::support::program::{Running, akkoord, run};
use crate::support::rows::Rows;
use crate::support::service::{clock, node};
use crate::support::serving::Installation;
use crate::support::store::NOW;

const LINDE: &str = "bibliotheek-de-linde";
const KOMPAS: &str = "bibliotheek-het-kompas";

fn at(text: &str) -> Moment {
    Moment::parse_rfc3339(text).unwrap()
}

fn call() -> Call {
    let principal = Principal {
        client: "crm-1".to_owned(),
        system: "crm".parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect(),
    };
    Call::new(principal, Language::Nl)
}

fn person(number: &str) -> PersonRef {
    PersonRef::Identifier {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new(number.to_owned()),
    }
}

fn oneself() -> ActorRef {
    ActorRef::plain(ActorKind::Oneself)
}

/// A member of a library until a day, or for good.
async fn member(service: &Service, organisation: &str, number: &str, until: Option<&str>) -> String {
    let verb = RegisterPerson {
        organisation: organisation.parse().unwrap(),
        identifiers: vec![("member-number".parse().unwrap(), Personal::new(number.to_owned()))],
        birth_date: Some(Personal::new("1980-05-01".parse().unwrap())),
        language: None,
        membership: Some(Membership {
            kind: MembershipKind::Adult,
            since: None,
            until: until.map(|day| day.parse().unwrap()),
            paying: true,
            contact_from_sale: false,
            opt_out_offered: false,
        }),
    };
    service
        .register_person(&call(), verb)
        .await
        .unwrap()
        .answer
        .person_id
}

async fn says(service: &Service, number: &str, status: ConsentStatus) {
    let version = service.catalogue().purposes["newsletter"].purpose.version;
    let verb = RecordConsent {
        person: person(number),
        organisation: LINDE.parse().unwrap(),
        purpose: "newsletter".parse().unwrap(),
        status,
        data_scopes: None,
        channels: None,
        notice_version: Some(version),
        language: Some(Language::Nl),
        method: IndicationMethod::WebForm,
        actor: oneself(),
        evidence: None,
        occurred_at: None,
    };
    service.record_consent(&call(), verb).await.unwrap();
}

/// The decisive reason about mailing somebody the newsletter of a library.
async fn mail(service: &Service, organisation: &str, number: &str) -> ReasonCode {
    let question = Question {
        system: "crm".parse().unwrap(),
        organisation: organisation.parse().unwrap(),
        purpose: "newsletter".parse().unwrap(),
        action: Action::Contact,
        channel: Some(Channel::Email),
        data_scopes: ["email".parse().unwrap()].into(),
        data_source: None,
    };
    let verb = Decide {
        person: person(number),
        question,
        reference: None,
        at: None,
    };
    let verdict = service.decide(&call(), verb).await.unwrap().verdict;
    verdict.reasons.first().unwrap().code
}

async fn holds(service: &Service, number: &str, placed: bool) {
    let verb = RecordHold {
        person: person(number),
        organisation: LINDE.parse().unwrap(),
        placed,
        reason: Personal::new("complaint 31".to_owned()),
    };
    service.record_hold(&call(), verb).await.unwrap();
}

/// People by library and term.
fn told(report: &RetentionReport) -> BTreeMap<(&str, Term), u64> {
    let mut told = BTreeMap::new();
    for line in &report.lines {
        *told.entry((line.organisation.as_str(), line.term)).or_default() += line.people;
    }
    told
}

/// The plan, and then the same done; after which nothing is left to do.
async fn planned_and_done(service: &Service) -> RetentionReport {
    let plan = service.apply_retention(true).await.unwrap();
    assert!(plan.dry_run);
    let done = service.apply_retention(false).await.unwrap();
    assert_eq!(
        (&plan.lines, plan.held),
        (&done.lines, done.held),
        "a dry run tells what a run does"
    );
    assert_eq!(done.postponed, 0);
    assert_eq!(service.apply_retention(true).await.unwrap().lines, []);
    done
}

/// How many messages of a kind wait for other systems.
fn messages(storage: &TestStorage, kind: &str) -> usize {
    let rows = opened(storage).read("read", |tx| tx.outbox(10_000)).unwrap();
    rows.iter().filter(|row| row.kind == kind).count()
}

fn events(storage: &TestStorage) -> i64 {
    let counts = Rows::open(storage.url()).counts();
    let (_, n) = counts
        .iter()
        .find(|(table, _)| table.ends_with("consent_event"))
        .unwrap();
    *n
}

both_engines! {
    async fn a_yes_ends_to_the_second_on_every_node(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let nodes = ["node-a", "node-b"].map(|name| node(&storage, &world, name));
        member(&nodes[0], LINDE, "1", None).await;
        says(&nodes[0], "1", ConsentStatus::Given).await;
        let end = at("2029-03-01T12:00:00Z");
        for service in &nodes {
            world.turn_to(Moment::from_micros(end.micros() - 1));
            assert_eq!(mail(service, LINDE, "1").await, ReasonCode::PermitConsent);
            world.turn_to(end);
            assert_eq!(mail(service, LINDE, "1").await, ReasonCode::DenyExpired);
        }
        nodes.iter().for_each(Service::stop);
    }

    async fn each_end_is_announced_once_whoever_looks(engine) {
        const PEOPLE: usize = 70;
        let (storage, world) = (TestStorage::new(engine), clock());
        let nodes = ["node-a", "node-b"].map(|name| node(&storage, &world, name));
        for number in 0..PEOPLE {
            let number = number.to_string();
            member(&nodes[0], LINDE, &number, None).await;
            says(&nodes[0], &number, ConsentStatus::Given).await;
        }
        let due = at("2029-02-01T12:00:00Z");
        world.turn_to(due.plus_seconds(-1));
        assert_eq!(planned_and_done(&nodes[0]).await.lines, []);
        world.turn_to(due);
        let both = tokio::join!(nodes[0].apply_retention(false), nodes[1].apply_retention(false));
        let mut reminded = both.0.unwrap().items() + both.1.unwrap().items();
        // Whoever both nodes had in hand at every try waits for the next run.
        reminded += nodes[1].apply_retention(false).await.unwrap().items();
        assert_eq!((reminded, messages(&storage, "consent.expiring")), (PEOPLE as u64, PEOPLE));
        nodes[0].stop();
        // A node that was away does not do it again.
        let again = node(&storage, &world, "node-c");
        assert_eq!(again.apply_retention(false).await.unwrap().items(), 0);
        // A new yes has a new end.
        says(&again, "3", ConsentStatus::Renewed).await;
        world.turn_to(at("2031-01-01T12:00:00Z"));
        assert_eq!(told(&planned_and_done(&again).await)[&(LINDE, Term::Reminder)], 1);
        assert_eq!(messages(&storage, "consent.expiring"), PEOPLE + 1);
        nodes[1].stop();
        again.stop();
    }

    async fn a_reminder_keeps_the_calendar_and_the_clock_of_the_wall(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "node-a");
        // Ends at 31 March 12:00 in summer time; a month before is 28 February 12:00 in winter time.
        world.turn_to(at("2027-03-31T12:00:00+02:00"));
        member(&service, LINDE, "1", None).await;
        says(&service, "1", ConsentStatus::Given).await;
        // Ends at 25 April 02:30; a month before, the clock of the wall skips that half hour.
        world.turn_to(at("2027-04-25T02:30:00+02:00"));
        member(&service, LINDE, "2", None).await;
        says(&service, "2", ConsentStatus::Given).await;
        for instant in ["2029-02-28T12:00:00+01:00", "2029-03-25T03:30:00+02:00"] {
            world.turn_to(at(instant).plus_seconds(-1));
            assert_eq!(planned_and_done(&service).await.items(), 0, "{instant}");
            world.turn_to(at(instant));
            assert_eq!(planned_and_done(&service).await.items(), 1, "{instant}");
        }
        service.stop();
    }

    async fn r15_the_proof_of_a_choice_goes_when_its_term_is_over(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "node-a");
        let one = member(&service, LINDE, "1", None).await;
        says(&service, "1", ConsentStatus::Given).await;
        says(&service, "1", ConsentStatus::Withdrawn).await;
        member(&service, LINDE, "2", None).await;
        says(&service, "2", ConsentStatus::Given).await;
        let before = events(&storage);
        // The yes ended when it was taken back; the no a half year later, when one may ask again. Five years of proof.
        for (over, left) in [("2032-03-01T13:00:00+01:00", ReasonCode::DenyWithdrawn), ("2032-09-01T13:00:00+02:00", ReasonCode::DenyNoConsent)] {
            world.turn_to(at(over).plus_seconds(-1));
            assert_eq!(planned_and_done(&service).await.lines, []);
            assert_eq!(mail(&service, LINDE, "1").await, ReasonCode::DenyWithdrawn);
            world.turn_to(at(over));
            let report = planned_and_done(&service).await;
            assert_eq!(told(&report), BTreeMap::from([((LINDE, Term::Proof), 1)]));
            assert_eq!((report.lines[0].purpose.as_deref(), report.lines[0].events), (Some("newsletter"), 1));
            assert_eq!(mail(&service, LINDE, "1").await, left);
        }
        // Both words went, and one event came that says what remains.
        assert_eq!(events(&storage), before - 1);
        assert_eq!(mail(&service, LINDE, "1").await, ReasonCode::DenyNoConsent);
        let history = ConsentHistory { person_id: one, until: None };
        let kinds: Vec<&str> = service.consent_history(&call(), history).await.unwrap()
            .iter().map(|item| item.event.change.leaf_kind()).collect();
        assert_eq!(kinds, ["person.registered", "identifier.added", "retention.applied"]);
        // The second one said yes, which ended two years later, and five years after that its proof does.
        world.turn_to(at("2034-03-01T12:00:00Z"));
        assert_eq!(told(&planned_and_done(&service).await)[&(LINDE, Term::Proof)], 1);
        service.stop();
        verify_all(&storage);
    }

    async fn r73_former_members_are_gone_after_their_term_unless_something_keeps_them(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "node-a");
        let ended = Some("2027-06-30");
        for number in ["1", "2", "3", "4", "5", "6"] {
            member(&service, LINDE, number, ended).await;
        }
        let objection = RecordObjection {
            person: person("2"),
            organisation: LINDE.parse().unwrap(),
            purpose: None,
            made: true,
            method: IndicationMethod::Phone,
            actor: oneself(),
            evidence: None,
            occurred_at: None,
        };
        service.record_objection(&call(), objection).await.unwrap();
        holds(&service, "3", true).await;
        let restriction = RecordRestriction {
            person: person("4"),
            organisation: LINDE.parse().unwrap(),
            ground: Some("claim".to_owned()),
            actor: oneself(),
            evidence: None,
        };
        service.record_restriction(&call(), restriction).await.unwrap();
        member(&service, KOMPAS, "5", None).await;
        let child = member(&service, LINDE, "7", None).await;
        let born = RegisterPerson {
            organisation: LINDE.parse().unwrap(),
            identifiers: vec![("member-number".parse().unwrap(), Personal::new("7".to_owned()))],
            birth_date: Some(Personal::new("2025-05-01".parse().unwrap())),
            language: None,
            membership: None,
        };
        service.register_person(&call(), born).await.unwrap();
        let link = LinkGuardian {
            child,
            guardian: person("6"),
            verification: GuardianVerification::Desk,
            evidence: None,
        };
        service.link_guardian(&call(), link).await.unwrap();

        // Two years after the last day of the membership, by the clock of the wall.
        let over = at("2029-07-01T00:00:00+02:00");
        world.turn_to(over.plus_seconds(-1));
        assert_eq!(planned_and_done(&service).await.lines, []);
        world.turn_to(over);
        let report = planned_and_done(&service).await;
        let expected = [((LINDE, Term::FormerMember), 2), ((LINDE, Term::Person), 1)];
        assert_eq!((told(&report), report.held), (BTreeMap::from(expected), 2));
        assert_eq!(mail(&service, LINDE, "1").await, ReasonCode::DenyUnknownSubject);
        // An objection outlives the data: without it the person would be written to again.
        assert_eq!(mail(&service, LINDE, "2").await, ReasonCode::DenyObjection);
        for number in ["3", "6"] {
            assert_eq!(mail(&service, LINDE, number).await, ReasonCode::DenyNoConsent, "{number}");
        }
        assert_eq!(mail(&service, LINDE, "4").await, ReasonCode::DenyRestricted);
        assert_eq!(mail(&service, LINDE, "5").await, ReasonCode::DenyUnknownSubject);
        assert_eq!(mail(&service, KOMPAS, "5").await, ReasonCode::DenyNoConsent);
        // Systems of that library hear of both who are gone there.
        assert_eq!(messages(&storage, "person.erased"), 2);
        holds(&service, "3", false).await;
        assert_eq!(told(&planned_and_done(&service).await), BTreeMap::from([((LINDE, Term::Person), 1)]));
        assert_eq!(mail(&service, LINDE, "3").await, ReasonCode::DenyUnknownSubject);
        service.stop();
        verify_all(&storage);
        let keys = opened(&storage).read("read", |tx| -> Result<_, StoreError> {
            let mut erased = 0;
            for epoch in tx.epoch_keys()? {
                erased += tx.person_keys_of_epoch(epoch.epoch, None, 1_000)?.len();
            }
            Ok(erased)
        });
        assert_eq!(Rows::open(storage.url()).counts().iter().find(|(table, _)| table.ends_with("person_record")).unwrap().1, &5);
        assert!(keys.unwrap() >= 5);
    }

    async fn what_a_merge_brought_goes_with_its_term_and_the_rest_stays(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "node-a");
        let keep = member(&service, LINDE, "1", None).await;
        let merge = member(&service, LINDE, "2", None).await;
        says(&service, "2", ConsentStatus::Refused).await;
        world.turn_to(NOW.plus_seconds(86_400));
        let verb = MergePeople { keep, merge, reason: Personal::new("twice".to_owned()) };
        service.merge_people(&call(), verb).await.unwrap();
        assert_eq!(mail(&service, LINDE, "1").await, ReasonCode::DenyRefused);
        world.turn_to(at("2033-01-01T12:00:00Z"));
        let report = planned_and_done(&service).await;
        assert_eq!(report.lines.iter().map(|line| line.term).collect::<Vec<_>>(), [Term::Proof, Term::History]);
        // Both numbers still lead to the one person, who is now as somebody who was never asked.
        for number in ["1", "2"] {
            assert_eq!(mail(&service, LINDE, number).await, ReasonCode::DenyNoConsent, "{number}");
        }
        says(&service, "2", ConsentStatus::Given).await;
        assert_eq!(mail(&service, LINDE, "1").await, ReasonCode::PermitConsent);
        service.stop();
        verify_all(&storage);
    }

    async fn the_daily_chore_goes_on_where_it_was(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "node-a");
        // Every chore once; answers how many people are gone since the beginning.
        let chores = async |service: &Service| {
            let service = service.clone();
            tokio::task::spawn_blocking(move || service.do_chores()).await.unwrap().unwrap();
            messages(&storage, "person.erased")
        };
        assert_eq!(chores(&service).await, 0);
        member(&service, LINDE, "1", Some("2027-03-01")).await;
        world.turn_to(at("2029-03-05T12:00:00Z"));
        let other = node(&storage, &world, "node-b");
        assert_eq!(chores(&other).await, 1);
        assert_eq!(mail(&service, LINDE, "1").await, ReasonCode::DenyUnknownSubject);
        // Once a day: what is due an hour later waits for the next one.
        member(&service, LINDE, "2", Some("2027-03-04")).await;
        world.turn_to(at("2029-03-06T11:59:59Z"));
        assert_eq!(chores(&service).await, 1);
        world.turn_to(at("2029-03-06T12:00:00Z"));
        assert_eq!(chores(&service).await, 2);
        service.stop();
        other.stop();
    }

    async fn a_request_that_is_handled_keeps_its_person_and_goes_after_its_term(engine) {
        let api = Api::start(engine).await;
        member(&api.service, LINDE, "1", Some("2027-03-01")).await;
        let request = entered(&api, "1", "access", json!({})).await;
        api.world.turn_to(at("2029-04-01T12:00:00Z"));
        let report = planned_and_done(&api.service).await;
        assert_eq!((report.lines.as_slice(), report.held), ([].as_slice(), 1));
        let mut rows = Rows::open(api.storage().url());
        let ended = at("2029-04-02T12:00:00Z");
        rows.run(&format!("UPDATE rights_request SET ended_at = {}, state = 'fulfilled'", ended.micros()));
        assert!(request["requestId"].is_string());
        assert_eq!(told(&planned_and_done(&api.service).await)[&(LINDE, Term::Person)], 1);
        // The course of the request stays, without the person, until its own term.
        api.world.turn_to(at("2034-04-02T12:00:00Z"));
        assert_eq!(planned_and_done(&api.service).await.lines, []);
        api.world.turn_to(at("2034-04-02T12:00:01Z"));
        assert_eq!(told(&planned_and_done(&api.service).await), BTreeMap::from([((LINDE, Term::Request), 1)]));
        for (table, n) in rows.counts() {
            assert!(!table.contains("rights_request") || n == 0, "{table} {n}");
        }
    }

    async fn holds_over_http_and_their_mistakes(engine) {
        let api = Api::start(engine).await;
        member(&api.service, LINDE, "1", None).await;
        let hold = json!({"person": {"scheme": "member-number", "value": "1"}, "organisation": LINDE, "reason": "case 31"});
        for path in ["/v1/retention-holds", "/v1/retention-hold-endings"] {
            assert_eq!(api.post(path, &hold).await.status, 201);
            for (member, value, pointer) in [
                ("reason", json!(""), "/reason"),
                ("reason", json!("  "), "/reason"),
                ("reason", json!("x".repeat(201)), "/reason"),
                ("organisation", json!("nowhere"), "/organisation"),
            ] {
                let mut wrong = hold.clone();
                wrong[member] = value;
                let answer = api.post(path, &wrong).await;
                assert_eq!((answer.status, answer.problem().1), (400, vec![pointer.to_owned()]), "{answer:?}");
            }
            let mut nobody = hold.clone();
            nobody["person"]["value"] = json!("99");
            assert_eq!(api.post(path, &nobody).await.status, 404);
            let mut more = hold.clone();
            more["untill"] = json!("2027");
            assert_eq!(api.post(path, &more).await.status, 400);
        }
    }

    fn a_run_that_is_killed_is_finished_by_the_next(engine) {
        const PEOPLE: usize = 120;
        let storage = TestStorage::new(engine);
        actix_web::rt::System::new().block_on(async {
            let long_ago = Arc::new(TurnedWorld::starting(at("2016-01-04T12:00:00Z")));
            let service = app::service(storage.url(), long_ago, &Setup::default());
            for number in 0..PEOPLE {
                let until = (number % 2 == 1).then_some("2016-06-30");
                let number = number.to_string();
                member(&service, LINDE, &number, until).await;
                says(&service, &number, ConsentStatus::Given).await;
            }
            tokio::task::spawn_blocking(move || service.stop()).await.unwrap();
        });
        let installation = Installation::new(storage.url(), storage.directory(), 1, "");
        let retention = |word: &'static str| ["retention", word, "--config", installation.configuration(), "--json"].map(str::to_owned);
        let told = |word: &'static str| -> serde_json::Value {
            let arguments = retention(word);
            let ended = run(&arguments.each_ref().map(String::as_str));
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            serde_json::from_str(&ended.stdout).unwrap()
        };
        let people = |report: &serde_json::Value| -> u64 {
            report["lines"].as_array().unwrap().iter().map(|line| line["people"].as_u64().unwrap()).sum()
        };
        assert_eq!(people(&told("plan")), PEOPLE as u64);
        for millis in [150, 300, 450, 600, 800] {
            let arguments = retention("run");
            let mut running = Running::start(akkoord(&arguments.each_ref().map(String::as_str)));
            std::thread::sleep(Duration::from_millis(millis));
            running.signal("KILL");
            running.ended(Duration::from_secs(10));
        }
        told("run");
        assert_eq!(people(&told("plan")), 0);
        let counts = Rows::open(storage.url()).counts();
        let count = |name: &str| *counts.iter().find(|(table, _)| table.ends_with(name)).unwrap().1;
        // Half of them are gone; of the others three events stay: registered, their number, and what remains.
        assert_eq!(count("person_record"), PEOPLE as i64 / 2);
        assert_eq!(count("consent_event"), PEOPLE as i64 / 2 * 3);
        let ended = run(&["retention", "plan", "--config", installation.configuration()]);
        assert!(ended.stdout.contains("Nothing is past its term."), "{}", ended.stdout);
    }
}
