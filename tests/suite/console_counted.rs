//! What the console counts, made of real events and counted again here from the audit log: withdrawals after a campaign, what
//! desks bring in, children who turn 16, who a breach affects, what retention would remove, and notices that are due.

use akkoord::audit::leaf::{Leaf, Word};
use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::event::ActorKind;
use akkoord::domain::moment::Moment;
use akkoord::domain::person::GuardianVerification;
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::service::Service;
use akkoord::service::console::AskFigures;
use akkoord::service::reports::{Month, Shown};
use akkoord::service::search::SearchEntries;
use akkoord::service::sessions::staff::Role;
use akkoord::service::verbs::{ActorRef, LinkGuardian, PersonRef, RecordConsent};
use akkoord::world::World as _;
use chrono::{Datelike as _, Days, Months, NaiveDate};
use serde_json::{Value, json};

use crate::console_pages::{LINDE, Officer, fetch};
use crate::proposals::{decide, member, officer, say};
use crate::support::app::{Node, Setup};
use crate::support::bundle::files;
use crate::support::engine::TestStorage;
use crate::support::people::{call_of, register};
use crate::support::service::clock;

const ELSEWHERE: &str = "bibliotheek-de-rietkraag";
const YES: [(ConsentStatus, IndicationMethod); 1] = [(ConsentStatus::Given, IndicationMethod::WebForm)];

/// The lines of a log.
async fn lines(service: &Service, log: &str) -> Vec<Leaf<'static>> {
    let asked = SearchEntries {
        log: log.to_owned(),
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

fn person(number: &str) -> PersonRef {
    PersonRef::Identifier {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new(number.to_owned()),
    }
}

/// A word that staff wrote down.
async fn written(service: &Service, number: u32, status: ConsentStatus, staff: &str, form: Option<&str>) {
    let version = service.catalogue().purposes["newsletter"].purpose.version;
    let evidence =
        form.map(|form| Personal::new(serde_json::Map::from_iter([("form".to_owned(), form.into())])));
    let verb = RecordConsent {
        person: person(&number.to_string()),
        organisation: LINDE.parse().unwrap(),
        purpose: "newsletter".parse().unwrap(),
        status,
        data_scopes: None,
        channels: None,
        notice_version: Some(version),
        language: Some(Language::Nl),
        method: IndicationMethod::Desk,
        actor: ActorRef {
            kind: ActorKind::Oneself,
            guardian: None,
            staff: Some(Personal::new(staff.to_owned())),
        },
        evidence,
        occurred_at: None,
    };
    service.record_consent(&call_of("desk"), verb).await.unwrap();
}

both_engines! {
    async fn withdrawals_after_a_campaign_are_those_of_the_log(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let node = Node::start(storage.url(), &world, &Setup::default());
        let service = &node.service;
        for number in 1..=25 {
            member(service, number, if number <= 22 { &YES } else { &[] }).await;
        }
        let campaign = async |reference: &str, numbers: std::ops::RangeInclusive<u32>| {
            // A day later a token is no longer good.
            let mut crm = node.client("crm", &format!("crm-{reference}")).await;
            let path = format!(
                "/v1/decision-batches?organisation={LINDE}&purpose=newsletter&action=contact&channel=email&dataScopes=email\
                 &scheme=member-number&reference={reference}"
            );
            let list: String = numbers.map(|n| format!("{{\"value\":\"{n}\"}}\n")).collect();
            let headers = [("Content-Type", "application/x-ndjson")];
            let answer = crm.send("POST", &path, &headers, Some(list.as_bytes())).await.unwrap();
            assert_eq!(answer.status, 200);
        };
        let month = Month::of(world.now());
        campaign("voorjaar", 1..=25).await;
        world.turn_to(world.now().plus_seconds(86_400));
        // Eleven of those who may be mailed stop; and so do two who were never on the list of the next one.
        for number in 1..=11 {
            say(service, number, ConsentStatus::Withdrawn, IndicationMethod::OneClick).await;
        }
        world.turn_to(world.now().plus_seconds(86_400));
        campaign("zomer", 12..=25).await;
        world.turn_to(world.now().plus_seconds(86_400));
        say(service, 12, ConsentStatus::Withdrawn, IndicationMethod::OneClick).await;
        world.turn_to(world.now().plus_seconds(45 * 86_400));

        let bulk: Vec<u64> = lines(service, "decision").await.iter().filter_map(|leaf| Some(leaf.bulk.as_ref()?.permitted)).collect();
        let consent = lines(service, "consent").await;
        let withdrawn = consent.iter().filter(|leaf| leaf.kind.as_str() == "consent.withdrawn").count();
        assert_eq!((bulk.as_slice(), withdrawn), ([11, 22].as_slice(), 12));
        let asked = AskFigures { from: month, to: month, organisation: None };
        let figures = service.figures(&officer("anna"), asked.clone()).await.unwrap();
        let of = |reference: &str| figures.campaigns.iter().find(|one| one.reference == reference).unwrap().clone();
        let spring = of("voorjaar");
        assert_eq!((spring.permitted, spring.withdrawn), (Shown::of(22), Shown::of(11)));
        assert_eq!(spring.per_mille_tenths, Some(5_000), "half of them");
        // One is too few to show.
        assert_eq!((of("zomer").permitted, of("zomer").withdrawn), (Shown::of(11), Shown::Few));
        let anna = Officer::at(&node, "anna", Role::Officer, &[LINDE]).await;
        let file = anna.page(&format!("/fg/cijfers/campaigns.csv?van={month}&tot={month}")).await;
        assert!(file.contains("voorjaar") && file.contains("zomer"), "{file}");
        let bram = Officer::at(&node, "bram", Role::Officer, &[ELSEWHERE]).await;
        let other = bram.page(&format!("/fg/cijfers/campaigns.csv?van={month}&tot={month}")).await;
        assert_eq!(other.lines().count(), 1, "{other}");
        node.stop().await;
    }

    async fn what_desks_bring_in_is_that_of_the_log(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let node = Node::start(storage.url(), &world, &Setup::default());
        let service = &node.service;
        for number in 1..=16 {
            member(service, number, &[]).await;
        }
        for number in 1..=12 {
            written(service, number, ConsentStatus::Given, "balie-14", (number > 2).then_some("F-1")).await;
        }
        written(service, 13, ConsentStatus::Refused, "balie-14", Some("F-2")).await;
        written(service, 14, ConsentStatus::Given, "balie-31", Some("F-3")).await;
        for number in 1..=4 {
            say(service, number, ConsentStatus::Withdrawn, IndicationMethod::OneClick).await;
        }
        written(service, 14, ConsentStatus::Withdrawn, "balie-31", Some("F-4")).await;
        say(service, 15, ConsentStatus::Given, IndicationMethod::WebForm).await;

        let now = world.now().plus_seconds(1);
        let time = (now.plus_seconds(-3_600), now);
        let (found, more) = service.desk_quality(&officer("anna"), time).await.unwrap();
        assert!(!more);
        let log = lines(service, "consent").await;
        let by_desk = |kind: &str| {
            let of_desk = log.iter().filter(|leaf| leaf.extra.get(&Word::from("method")).is_some_and(|word| word == "desk"));
            of_desk.filter(|leaf| leaf.kind.as_str() == kind).count() as u64
        };
        let sum = |of: fn(&akkoord::service::console::DeskLine) -> u64| found.iter().map(of).sum::<u64>();
        assert_eq!(sum(|line| line.given), by_desk("consent.given"));
        assert_eq!(sum(|line| line.refused), by_desk("consent.refused"));
        assert_eq!(sum(|line| line.withdrawn), by_desk("consent.withdrawn"));
        let of = |staff: &str| found.iter().find(|line| line.staff == staff).unwrap();
        let first = of("balie-14");
        assert_eq!((first.given, first.refused, first.unproven, first.taken_back), (12, 1, 2, 4));
        assert_eq!(first.taken_back_percent(), Some(33));
        assert_eq!((of("balie-31").given, of("balie-31").taken_back), (1, 1));
        let anna = Officer::at(&node, "anna", Role::Officer, &[LINDE]).await;
        let page = anna.page("/fg/balie").await;
        assert!(page.contains("balie-14") && page.contains("33%"), "{page}");
        let bram = Officer::at(&node, "bram", Role::Officer, &[ELSEWHERE]).await;
        assert!(!bram.page("/fg/balie").await.contains("balie-14"));
        node.stop().await;
    }

    async fn children_who_turn_16_are_counted_by_week(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let node = Node::start(storage.url(), &world, &Setup::default());
        let service = &node.service;
        let today = world.now().date(service.catalogue().network.zone);
        register(service, LINDE, "900", "1980-05-01").await;
        // Born so that they turn 16 today, in ten days, in ten days, and in a year.
        let turns = [0, 10, 10, 365].map(|days| today.checked_add_days(Days::new(days)).unwrap());
        let born = |day: NaiveDate| day.checked_sub_months(Months::new(16 * 12)).unwrap();
        for (number, day) in (901..).zip(turns) {
            let number: u32 = number;
            register(service, LINDE, &number.to_string(), &born(day).to_string()).await;
            if number == 901 {
                continue;
            }
            let link = LinkGuardian {
                child: child(service, number).await,
                guardian: person("900"),
                verification: GuardianVerification::Desk,
                evidence: None,
            };
            service.link_guardian(&call_of("wise"), link).await.unwrap();
            let version = service.catalogue().purposes["newsletter"].purpose.version;
            let yes = RecordConsent {
                person: person(&number.to_string()),
                organisation: LINDE.parse().unwrap(),
                purpose: "newsletter".parse().unwrap(),
                status: ConsentStatus::Given,
                data_scopes: None,
                channels: None,
                notice_version: Some(version),
                language: Some(Language::Nl),
                method: IndicationMethod::WebForm,
                actor: ActorRef { kind: ActorKind::Guardian, guardian: Some(person("900")), staff: None },
                evidence: None,
                occurred_at: None,
            };
            service.record_consent(&call_of("crm"), yes).await.unwrap();
        }
        let sixteen = service.sixteen(&officer("anna")).await.unwrap();
        let monday = |day: NaiveDate| day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())).unwrap();
        let week = |day: NaiveDate| sixteen.weeks[&monday(day)];
        let members: u64 = sixteen.weeks.values().map(|week| week.members).sum();
        let yeses: u64 = sixteen.weeks.values().map(|week| week.yeses).sum();
        // Three in the weeks that are looked at, two of them with a parent's yes; as many yeses as the log has but one.
        assert_eq!((members, yeses), (3, 2));
        let said = lines(service, "consent").await.iter().filter(|leaf| leaf.kind.as_str() == "consent.given").count();
        assert_eq!(said, 3, "that of the child who turns 16 in a year is not of these weeks");
        assert!(week(turns[1]).members >= 2 && week(turns[1]).yeses == 2);
        assert_eq!(sixteen.this_week, monday(today));
        assert_eq!(sixteen.children, 3, "who turns 16 today is no child any more");
        let bram = officer("bram").within([ELSEWHERE.parse().unwrap()].into());
        assert_eq!(service.sixteen(&bram).await.unwrap().children, 0);
        let anna = Officer::at(&node, "anna", Role::Officer, &[LINDE]).await;
        assert!(anna.page("/fg/zestien").await.contains("plot-sixteen"));
        node.stop().await;
    }

    async fn who_a_breach_affects_is_told_from_the_console(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let node = Node::start(storage.url(), &world, &Setup::default());
        for number in 1..=5 {
            member(&node.service, number, &YES).await;
        }
        world.turn_to(world.now().plus_seconds(2 * 86_400));
        for number in [1, 2, 2, 3] {
            decide(&node.service, number).await;
        }
        let anna = Officer::at(&node, "anna", Role::Officer, &[LINDE]).await;
        let help = anna.page("/fg/datalek").await;
        assert!(help.contains("72") && help.contains("name=\"systeem\""), "{help}");
        let today = world.now().utc().date_naive().to_string();
        let fields = [
            ("soort", "breach"), ("van", today.as_str()), ("tot", today.as_str()), ("bibliotheek", LINDE), ("systeem", "crm"),
            ("vorm", "json"), ("reason", "Datalek 2027-3"),
        ];
        let ready = Officer::led(&anna.post("/fg/rapport", &fields).await);
        let bundle = fetch(&node, &anna, &format!("{ready}/bestand")).await;
        let report: Value = serde_json::from_slice(&files(&bundle)["report.json"]).unwrap();
        let that_day = lines(&node.service, "decision").await;
        let answers = that_day.iter().filter(|leaf| leaf.system.as_str() == "crm").count();
        assert_eq!(report["facts"]["people"], json!("3"), "{report}");
        let counts = report["tables"]["counts"].as_array().unwrap();
        let counted: u64 = counts.iter().map(|row| row["answers"].as_u64().unwrap()).sum();
        assert_eq!(usize::try_from(counted).unwrap(), answers);
        let people = report["tables"]["people"].as_array().unwrap();
        let by_person: u64 = people.iter().map(|row| row["entries"].as_u64().unwrap()).sum();
        assert_eq!((people.len(), by_person), (3, 4));
        // That it was asked is recorded, and another library's officer is told of nobody.
        assert!(anna.page("/fg/toegang").await.contains("Datalek 2027-3"));
        let bram = Officer::at(&node, "bram", Role::Officer, &[ELSEWHERE]).await;
        let refused = bram.post("/fg/rapport", &fields).await;
        assert!(refused.status == 403 || Officer::led(&refused).contains("fout="), "{}", refused.status);
        node.stop().await;
    }

    async fn what_retention_would_remove_is_what_it_removes(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let node = Node::start(storage.url(), &world, &Setup::default());
        for number in 1..=3 {
            member(&node.service, number, &YES).await;
        }
        // The yes ends in two years, and its proof some years later.
        world.turn_to(world.now().plus_seconds(9 * 366 * 86_400));
        let anna = Officer::at(&node, "anna", Role::Officer, &[LINDE]).await;
        let hold = [("bibliotheek", LINDE), ("scheme", "member-number"), ("value", "3"), ("wat", "place"), ("reason", "Rechtszaak 12")];
        assert!(Officer::led(&anna.post("/fg/bewaren", &hold).await).contains("klaar=hold"));
        let would = node.service.apply_retention(true).await.unwrap();
        let page = anna.page("/fg/bewaren").await;
        assert!(would.items() > 0 && page.contains("1</"), "{page}");
        assert_eq!(would.held, 1);
        let again = node.service.apply_retention(true).await.unwrap();
        assert_eq!(again.lines, would.lines, "looking changes nothing");
        let did = node.service.apply_retention(false).await.unwrap();
        assert_eq!(did.lines, would.lines);
        assert_eq!(node.service.apply_retention(true).await.unwrap().items(), 0);
        let bram = Officer::at(&node, "bram", Role::Officer, &[ELSEWHERE]).await;
        assert!(!bram.page("/fg/bewaren").await.contains("De Linde"));
        node.stop().await;
    }

    async fn r46_notices_that_are_due_are_listed(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let node = Node::start(storage.url(), &world, &Setup::default());
        for number in 1..=3 {
            member(&node.service, number, &[]).await;
        }
        let mut crm = node.client("crm", "crm-http").await;
        let notice = node.service.catalogue().purposes["profile-enrichment"].purpose.version;
        for number in 1..=3 {
            let who = json!({"scheme": "member-number", "value": number.to_string()});
            let yes = json!({"person": who, "organisation": LINDE, "purpose": "profile-enrichment", "status": "given",
                "noticeVersion": notice, "language": "nl", "indicationMethod": "web-form", "actor": {"type": "self"}});
            crm.post("/v1/consents", &yes).await.expect(201);
            let ask = json!({"person": who, "organisation": LINDE, "purpose": "profile-enrichment", "action": "enrich",
                "dataScopes": ["interests"], "dataSource": "event-registration"});
            assert_eq!(crm.post("/v1/decisions", &ask).await.expect(200)["decision"], "permit");
        }
        let anna = Officer::at(&node, "anna", Role::Officer, &[LINDE]).await;
        let due = node.service.notices_due(&officer("anna")).await.unwrap();
        assert_eq!(due.len(), 1);
        let permitted = lines(&node.service, "consent").await.iter().filter(|leaf| leaf.kind.as_str() == "enrichment.permitted").count();
        assert_eq!((due[0].people, due[0].late), (permitted as u64, 0));
        assert!(anna.page("/fg/herkomst").await.contains("event-registration"));
        // One is told; of the others it is too late after a month.
        let told = json!({"person": {"scheme": "member-number", "value": "1"}, "organisation": LINDE, "purpose": "profile-enrichment",
            "dataSource": "event-registration"});
        crm.post("/v1/source-notices", &told).await.expect(201);
        world.turn_to(world.now().plus_seconds(40 * 86_400));
        let due = node.service.notices_due(&officer("anna")).await.unwrap();
        assert_eq!((due[0].people, due[0].late), (2, 2));
        let bram = officer("bram").within([ELSEWHERE.parse().unwrap()].into());
        assert!(node.service.notices_due(&bram).await.unwrap().is_empty());
        node.stop().await;
    }
}

/// The library system's own id of a child.
async fn child(service: &Service, number: u32) -> String {
    let verb = akkoord::service::verbs::LookUpPerson {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new(number.to_string()),
        organisation: Some(LINDE.parse().unwrap()),
    };
    service.look_up_person(&call_of("wise"), verb).await.unwrap()
}
