//! Reports and statistics: right figures, nothing of one person, nothing of another library, and files that strangers' tools
//! read and anybody verifies.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _};
use std::process::Command;

use akkoord::audit::leaf::Leaf;
use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::decision::Question;
use akkoord::domain::event::ActorKind;
use akkoord::domain::moment::Moment;
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::domain::purpose::{Action, Channel};
use akkoord::service::Service;
use akkoord::service::access::AccessOptions;
use akkoord::service::call::{Call, Principal, Scope};
use akkoord::service::refusal::{Forbidden, Refusal};
use akkoord::service::reports::{
    AskStatistics, Month, RegisterView, ReportFormat, ReportKind, RequestReport, Statistics,
};
use akkoord::service::verbs::{ActorRef, Decide, PersonRef, RecordConsent, RegisterPerson};
use akkoord::web::report::bundle;
use akkoord::world::{TurnedWorld, World as _};
use serde_json::{Value, json};
use zip::ZipArchive;

use crate::rights_requests::entered;
use crate::support::engine::TestStorage;
use crate::support::http::{Answer, Api, client, send};
use crate::support::log::verify_served;
use crate::support::office::Office;
use crate::support::program::run;
use crate::support::service::{PUBLIC_BASE, clock, node, node_of, shipped};
use crate::support::serving::Installation;

const LINDE: &str = "bibliotheek-de-linde";
const RIETKRAAG: &str = "bibliotheek-de-rietkraag";

/// A system that works for one library.
const ELSEWHERE: &str = r#"
[[system]]
id = "rietkraag-crm"
title = { nl = "Klantsysteem van De Rietkraag", en = "Customer system of De Rietkraag" }
recipient = "Kolibrie Klantzorg BV"
organisations = ["bibliotheek-de-rietkraag"]
identifier_schemes = ["member-number", "email"]
limits = { per_second = 500, burst = 1000 }
"#;

fn at(text: &str) -> Moment {
    Moment::parse_rfc3339(text).unwrap()
}

fn call_of(system: &str) -> Call {
    let principal = Principal {
        client: format!("{system}-1"),
        system: system.parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect(),
    };
    Call::new(principal, Language::Nl)
}

fn person(number: u32) -> PersonRef {
    PersonRef::Identifier {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new(number.to_string()),
    }
}

async fn member(service: &Service, number: u32) -> String {
    let verb = RegisterPerson {
        organisation: LINDE.parse().unwrap(),
        identifiers: vec![(
            "member-number".parse().unwrap(),
            Personal::new(number.to_string()),
        )],
        birth_date: Some(Personal::new("1980-05-01".parse().unwrap())),
        language: None,
        membership: None,
    };
    service
        .register_person(&call_of("crm"), verb)
        .await
        .unwrap()
        .answer
        .person_id
}

async fn says(service: &Service, number: u32, status: ConsentStatus) {
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
        actor: ActorRef::plain(ActorKind::Oneself),
        evidence: None,
        occurred_at: None,
    };
    service.record_consent(&call_of("crm"), verb).await.unwrap();
}

async fn asks(service: &Service, number: u32) {
    let question = Question {
        system: "crm".parse().unwrap(),
        organisation: LINDE.parse().unwrap(),
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
    service.decide(&call_of("crm"), verb).await.unwrap();
}

/// Thirty people at one library: 14 yes in March of whom 11 take it back in April, 3 no, 12 asked about in March.
async fn lived(service: &Service, world: &TurnedWorld) {
    for number in 1..=30 {
        member(service, number).await;
    }
    for number in 1..=14 {
        says(service, number, ConsentStatus::Given).await;
    }
    for number in 15..=17 {
        says(service, number, ConsentStatus::Refused).await;
    }
    for number in 1..=12 {
        asks(service, number).await;
    }
    asks(service, 15).await;
    world.turn_to(at("2027-04-10T12:00:00Z"));
    for number in 1..=11 {
        says(service, number, ConsentStatus::Withdrawn).await;
    }
}

async fn counted(service: &Service) {
    let service = service.clone();
    // Entries are counted once they have their place.
    for _ in 0..100 {
        let again = service.clone();
        tokio::task::spawn_blocking(move || again.do_chores())
            .await
            .unwrap()
            .unwrap();
        let decisions = verify_served(&service, "decision").await.lines.len();
        // Sixty entries of who was registered with which number, and twenty-eight words.
        let words = verify_served(&service, "consent").await.lines.len();
        if decisions >= 13 && words >= 88 {
            let last = service.clone();
            tokio::task::spawn_blocking(move || last.do_chores())
                .await
                .unwrap()
                .unwrap();
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the decisions got no place");
}

fn months(from: &str, to: &str) -> AskStatistics {
    AskStatistics {
        from: Month::parse(from).unwrap(),
        to: Month::parse(to).unwrap(),
        organisation: None,
        purpose: Some("newsletter".parse().unwrap()),
    }
}

/// A shown figure of a library and month, as JSON shows it.
fn figure(statistics: &Statistics, organisation: &str, month: &str, measure: &str) -> Value {
    let row = statistics
        .rows
        .iter()
        .find(|row| row.organisation.as_str() == organisation && row.month == Month::parse(month))
        .unwrap();
    let at = akkoord::service::reports::rates::MEASURES
        .iter()
        .position(|known| *known == measure)
        .unwrap();
    serde_json::to_value(row.figures[at]).unwrap()
}

fn wanted(kind: ReportKind, format: ReportFormat) -> RequestReport {
    RequestReport {
        kind,
        format,
        from: Some(at("2027-03-01T00:00:00Z")),
        to: Some(at("2027-04-30T00:00:00Z")),
        organisation: None,
        system: (kind == ReportKind::Breach).then(|| "crm".parse().unwrap()),
        view: RegisterView::Controller,
        reader: None,
        reason: Personal::new("=1+1 yearly".to_owned()),
    }
}

async fn made(service: &Service, call: &Call, wanted: RequestReport) -> BTreeMap<String, Vec<u8>> {
    let requested = service.request_report(call, wanted).await.unwrap();
    files(&bundle(service, call, &requested.plan).await.unwrap())
}

fn files(zip: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut zip = ZipArchive::new(Cursor::new(zip.to_vec())).unwrap();
    (0..zip.len())
        .map(|index| {
            let mut file = zip.by_index(index).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (file.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

async fn json_of(service: &Service, call: &Call, wanted: RequestReport) -> Value {
    let files = made(
        service,
        call,
        RequestReport {
            format: ReportFormat::Json,
            ..wanted
        },
    )
    .await;
    serde_json::from_slice(&files["report.json"]).unwrap()
}

/// What a program that is not ours reads.
fn python(script: &str, file: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, file).unwrap();
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(&path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Sheets and cells of a workbook, with the standard library of Python: no formula anywhere.
const XLSX: &str = r#"
import sys, zipfile, xml.etree.ElementTree as E
n = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
names = [s.get("name") for s in E.fromstring(z.read("xl/workbook.xml")).iter(n + "sheet")]
for i, name in enumerate(names, 1):
    sheet = E.fromstring(z.read(f"xl/worksheets/sheet{i}.xml"))
    assert not list(sheet.iter(n + "f"))
    rows = list(sheet.iter(n + "row"))
    print(name, len(rows) - 1)
    for row in rows:
        print("\t".join("".join(t.text or "" for t in c.iter() if t.tag in (n + "t", n + "v")) for c in row))
"#;

/// The words of a PDF, out of its content streams.
const PDF: &str = r#"
import sys, re
data = open(sys.argv[1], "rb").read()
assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
for text in re.findall(rb"\(((?:[^()\\]|\\.|\([^()]*\))*)\) Tj", data):
    print(re.sub(rb"\\([()\\])", rb"\1", text).decode("cp1252"))
"#;

both_engines! {
    async fn figures_are_those_of_the_audit_logs_and_small_ones_are_hidden(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "node-a");
        lived(&service, &world).await;
        world.turn_to(at("2027-05-02T00:00:00Z"));
        counted(&service).await;
        let crm = call_of("crm");
        let found = service.ask_statistics(&crm, months("2027-03", "2027-04")).await.unwrap();
        // Recounted from the logs.
        let mut recounted: BTreeMap<(String, String), u64> = BTreeMap::new();
        for log in ["consent", "decision"] {
            for line in verify_served(&service, log).await.lines {
                let leaf = Leaf::parse(&line).unwrap();
                let month = Month::of(Moment::from_micros(leaf.millis * 1_000)).to_string();
                let what = match (leaf.kind.as_str(), leaf.outcome.as_ref().map(|word| word.as_str())) {
                    ("decision", Some("permit")) => "permitted",
                    ("decision", _) => "denied",
                    (kind, _) => kind.trim_start_matches("consent."),
                };
                *recounted.entry((month, what.to_owned())).or_default() += 1;
            }
        }
        for month in ["2027-03", "2027-04"] {
            for measure in akkoord::service::reports::rates::MEASURES {
                let n = recounted.get(&(month.to_owned(), measure.to_owned())).copied().unwrap_or(0);
                let expected = if n < 10 { json!("<10") } else { json!(n) };
                assert_eq!(figure(&found, LINDE, month, measure), expected, "{month} {measure} {recounted:?}");
                // The same row stands there where nothing happened.
                assert_eq!(figure(&found, RIETKRAAG, month, measure), json!("<10"));
            }
        }
        assert_eq!(figure(&found, LINDE, "2027-03", "given"), json!(14));
        assert_eq!(figure(&found, LINDE, "2027-03", "permitted"), json!(12));
        assert_eq!(figure(&found, LINDE, "2027-04", "withdrawn"), json!(11));
        // Three refused: hidden, and with them the rate that would tell.
        assert!(found.rows.iter().all(|row| row.rate_tenths.is_none()));
        // Neither a sum nor a difference of two sums tells what is hidden.
        let sums = |found: &Statistics| -> Vec<Value> {
            let row = found.sums.iter().find(|row| row.organisation.as_str() == LINDE).unwrap();
            row.figures.iter().map(|figure| serde_json::to_value(figure).unwrap()).collect()
        };
        let march = service.ask_statistics(&crm, months("2027-03", "2027-03")).await.unwrap();
        let april = service.ask_statistics(&crm, months("2027-04", "2027-04")).await.unwrap();
        for ((both, one), other) in sums(&found).iter().zip(sums(&march)).zip(sums(&april)) {
            let n = |value: &Value| value.as_u64().unwrap_or(0);
            assert_eq!(n(both), n(&one) + n(&other));
        }
        let refused = service.ask_statistics(&crm, months("2027-03", "2027-05")).await;
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "a month that is not over");
        service.stop();
    }

    async fn decisions_are_counted_once_by_however_many_nodes(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let nodes = ["node-a", "node-b"].map(|name| node(&storage, &world, name));
        lived(&nodes[0], &world).await;
        world.turn_to(at("2027-05-02T00:00:00Z"));
        let chores = |service: &Service| {
            let service = service.clone();
            tokio::task::spawn_blocking(move || (0..20).try_for_each(|_| service.do_chores().map(|_| ())))
        };
        let (one, other) = tokio::join!(chores(&nodes[0]), chores(&nodes[1]));
        one.unwrap().unwrap();
        other.unwrap().unwrap();
        counted(&nodes[1]).await;
        let found = nodes[0].ask_statistics(&call_of("crm"), months("2027-03", "2027-04")).await.unwrap();
        assert_eq!(figure(&found, LINDE, "2027-03", "permitted"), json!(12));
        nodes.iter().for_each(Service::stop);
    }

    async fn who_was_affected_is_told_to_readers_by_their_own_ids(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "node-a");
        let (portal, crm) = (call_of("portal"), call_of("crm"));
        let mut ids = Vec::new();
        for number in 1..=5 {
            member(&service, number).await;
            let found = akkoord::service::verbs::LookUpPerson {
                scheme: "member-number".parse().unwrap(),
                value: Personal::new(number.to_string()),
                organisation: Some(LINDE.parse().unwrap()),
            };
            ids.push(service.look_up_person(&portal, found).await.unwrap());
        }
        says(&service, 1, ConsentStatus::Given).await;
        // Outside the time.
        asks(&service, 4).await;
        world.turn_to(at("2027-03-05T12:00:00Z"));
        for number in [1, 1, 2, 3, 99] {
            asks(&service, number).await;
        }
        world.turn_to(at("2027-03-09T12:00:00Z"));
        asks(&service, 5).await;
        let ask = RequestReport {
            from: Some(at("2027-03-04T00:00:00Z")),
            to: Some(at("2027-03-06T00:00:00Z")),
            ..wanted(ReportKind::Breach, ReportFormat::Json)
        };
        let report = json_of(&service, &portal, ask.clone()).await;
        let people = report["tables"]["people"].as_array().unwrap();
        let told: BTreeSet<&str> = people.iter().map(|one| one["personId"].as_str().unwrap()).collect();
        assert_eq!(told, ids[..3].iter().map(String::as_str).collect());
        assert_eq!((&report["facts"]["people"], &report["facts"]["entriesWithoutPerson"]), (&json!("3"), &json!("1")));
        let first = people.iter().find(|one| one["personId"] == json!(ids[0])).unwrap();
        assert_eq!((&first["entries"], &first["permits"], &first["purposes"]), (&json!(2), &json!(2), &json!("newsletter")));
        assert_eq!(report["tables"]["counts"], json!([{
            "organisation": LINDE, "purpose": "newsletter", "answers": 5, "permits": 2, "changes": 0, "people": 3,
        }]));
        // Another reader gets other ids, another system affected nobody.
        let others = json_of(&service, &crm, ask.clone()).await;
        let others: BTreeSet<String> = others["tables"]["people"].as_array().unwrap().iter()
            .map(|one| one["personId"].as_str().unwrap().to_owned()).collect();
        assert_eq!((others.len(), others.iter().any(|id| told.contains(id.as_str()))), (3, false));
        let nobody = RequestReport { system: Some("mailer".parse().unwrap()), ..ask.clone() };
        assert_eq!(json_of(&service, &portal, nobody).await["tables"]["people"], json!([]));
        // That it was asked, and why, is recorded; the reason is no text of the log.
        let lines = loop {
            let lines = verify_served(&service, "admin").await.lines;
            let kinds = lines.iter().map(|line| Leaf::parse(line).unwrap().kind.to_string());
            if kinds.filter(|kind| kind == "report.requested").count() == 3 {
                break lines;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert!(lines.iter().all(|line| !String::from_utf8_lossy(line).contains("yearly")));
        service.stop();
    }

    async fn rights_requests_are_told_with_their_lead_times(engine) {
        let api = Api::start(engine).await;
        for number in 1..=3 {
            member(&api.service, number).await;
            entered(&api, &number.to_string(), "access", json!({})).await;
        }
        entered(&api, "1", "objection", json!({"directMarketing": true})).await;
        // One was answered after nine days, one after forty, which is late.
        let answered = |number: usize, days: i64| {
            let ended = crate::support::store::NOW.plus_seconds(days * 86_400 + 3_600).micros();
            format!("UPDATE rights_request SET ended_at = {ended}, state = 'fulfilled' WHERE id = (SELECT id FROM rights_request \
                WHERE kind = 'access' AND ended_at IS NULL ORDER BY id LIMIT 1); -- {number}")
        };
        let mut rows = crate::support::rows::Rows::open(api.storage().url());
        rows.run(&answered(1, 9));
        rows.run(&answered(2, 40));
        api.world.turn_to(at("2027-05-02T12:00:00Z"));
        let report = json_of(&api.service, &call_of("crm"), wanted(ReportKind::RightsRequests, ReportFormat::Json)).await;
        let summary = report["tables"]["summary"].as_array().unwrap();
        let access = summary.iter().find(|row| row["kind"] == "access").unwrap();
        let expected = json!({"organisation": LINDE, "kind": "access", "received": 3, "running": 1, "overdue": 1, "fulfilled": 2,
            "rejected": 0, "answeredLate": 1, "extended": 0, "medianDays": 40, "longestDays": 40});
        assert_eq!(access, &expected);
        assert_eq!(report["tables"]["requests"].as_array().unwrap().len(), 4);
        let mut few = call_of("crm");
        few.principal.scopes.remove(&Scope::RightsManage);
        let refused = api.service.request_report(&few, wanted(ReportKind::RightsRequests, ReportFormat::Json)).await;
        assert_eq!(refused.unwrap_err(), Refusal::Forbidden(Forbidden::Scope));
    }

    async fn erasures_are_told_with_the_answers_of_their_recipients(engine) {
        let office = Office::open(engine).await;
        for number in ["1", "2", "3"] {
            office.member(number).await;
            office.consent(number).await;
        }
        assert_eq!(office.decide(crate::support::office::CRM, "1").await, "permit-consent");
        office.propose("2", &json!({})).await;
        let id = office.erase("1", &json!({})).await;
        let report = json_of(&office.api.service, &call_of("crm"), wanted(ReportKind::Erasures, ReportFormat::Json)).await;
        let summary = &report["tables"]["summary"][0];
        assert_eq!((&summary["organisation"], &summary["proposed"]), (&json!(LINDE), &json!(2)));
        assert_eq!((&summary["erased"], &summary["running"], &summary["longestDays"]), (&json!(1), &json!(1), &json!(0)));
        let rows = report["tables"]["erasures"].as_array().unwrap();
        let done = rows.iter().find(|row| row["state"] == "erased").unwrap();
        assert_eq!((&done["recipients"], &done["acknowledged"]), (&json!(1), &json!(0)));
        assert!(!done["erasedAt"].is_null() && !id.is_empty());
        let tasks = report["tables"]["tasks"].as_array().unwrap();
        assert_eq!((tasks.len(), &tasks[0]["system"], &tasks[0]["erasureId"]), (1, &json!("crm"), &done["erasureId"]));
        let mut few = call_of("crm");
        few.principal.scopes.remove(&Scope::RightsManage);
        let refused = office.api.service.request_report(&few, wanted(ReportKind::Erasures, ReportFormat::Json)).await;
        assert_eq!(refused.unwrap_err(), Refusal::Forbidden(Forbidden::Scope));
    }

    async fn people_of_a_bulk_check_are_found_for_a_breach(engine) {
        let api = Api::start(engine).await;
        for number in 1..=4 {
            member(&api.service, number).await;
        }
        says(&api.service, 2, ConsentStatus::Given).await;
        let path = format!("/v1/decision-batches?organisation={LINDE}&purpose=newsletter&action=contact&channel=email&dataScopes=email&scheme=member-number");
        let lines = "{\"value\":\"1\"}\n{\"value\":\"2\"}\n{\"value\":\"3\"}\n{\"value\":\"77\"}\n";
        let answer = api.send("POST", &path, &[("Content-Type", "application/x-ndjson")], lines).await;
        assert_eq!(answer.status, 200);
        let report = json_of(&api.service, &call_of("crm"), wanted(ReportKind::Breach, ReportFormat::Json)).await;
        // Four were registered by the system, three of them were on its list, which also named somebody unknown.
        assert_eq!((&report["facts"]["people"], &report["facts"]["entriesWithoutPerson"]), (&json!("4"), &json!("1")), "{report}");
        let of_list = report["tables"]["counts"].as_array().unwrap().iter().find(|row| row["purpose"] == "newsletter").unwrap();
        assert_eq!(of_list["people"], 3);
        let bulk = report["tables"]["counts"].as_array().unwrap().iter().map(|row| row["answers"].as_u64().unwrap()).max();
        assert_eq!(bulk, Some(4));
        let permits: u64 = report["tables"]["people"].as_array().unwrap().iter().map(|one| one["permits"].as_u64().unwrap()).sum();
        assert_eq!(permits, 1);
    }

    async fn a_library_sees_nothing_of_another(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let mut files = shipped();
        let systems = format!("{}{ELSEWHERE}", files.text("systems.toml").unwrap());
        files.insert("systems.toml", systems);
        let service = node_of(&storage, &world, "node-a", AccessOptions::new(PUBLIC_BASE), files);
        lived(&service, &world).await;
        world.turn_to(at("2027-05-02T00:00:00Z"));
        counted(&service).await;
        let elsewhere = call_of("rietkraag-crm");
        let found = service.ask_statistics(&elsewhere, months("2027-03", "2027-04")).await.unwrap();
        assert!(found.rows.iter().all(|row| row.organisation.as_str() == RIETKRAAG));
        let refused = Refusal::Forbidden(Forbidden::Organisation);
        let of_linde = AskStatistics { organisation: Some(LINDE.parse().unwrap()), ..months("2027-03", "2027-04") };
        assert_eq!(service.ask_statistics(&elsewhere, of_linde).await.unwrap_err(), refused);
        let register = service.processing_records(&elsewhere, RegisterView::Controller, None, Language::Nl).await.unwrap();
        assert!(register.iter().all(|record| record.organisation.as_str() == RIETKRAAG) && !register.is_empty());
        for kind in ReportKind::ALL {
            let ask = wanted(*kind, ReportFormat::Json);
            let of_linde = RequestReport { organisation: Some(LINDE.parse().unwrap()), ..ask.clone() };
            assert_eq!(service.request_report(&elsewhere, of_linde).await.unwrap_err(), refused, "{kind}");
            let text = json_of(&service, &elsewhere, ask).await.to_string();
            assert!(!text.contains(LINDE), "{kind}: {text}");
        }
        service.stop();
    }

    async fn every_report_in_every_form_is_read_by_other_tools_and_verifies(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "node-a");
        lived(&service, &world).await;
        world.turn_to(at("2027-05-02T00:00:00Z"));
        counted(&service).await;
        let crm = call_of("crm");
        let folder = tempfile::tempdir().unwrap();
        let vkey = service.log_vkey(akkoord::service::sequence::LogName::parse("admin").unwrap()).await.unwrap();
        for kind in ReportKind::ALL {
            let document = json_of(&service, &crm, wanted(*kind, ReportFormat::Json)).await;
            let tables = document["tables"].as_object().unwrap();
            for format in ReportFormat::ALL {
                let requested = service.request_report(&crm, wanted(*kind, *format)).await.unwrap();
                let zip = bundle(&service, &crm, &requested.plan).await.unwrap();
                let path = folder.path().join(format!("{kind}-{format}.zip"));
                std::fs::write(&path, &zip).unwrap();
                let ended = run(&["report", "verify", path.to_str().unwrap(), "--key", &vkey]);
                assert_eq!(ended.code, 0, "{}", ended.stderr);
                assert!(ended.stdout.starts_with(&format!("In order: the report {kind} ")), "{}", ended.stdout);
                let files = files(&zip);
                assert!(files.contains_key("manifest.json"));
                match format {
                    ReportFormat::Json => {}
                    ReportFormat::Csv => for (name, rows) in tables {
                        let text = String::from_utf8(files[&format!("{name}.csv")].clone()).unwrap();
                        // The request of this very report is one act more.
                        assert!(text.lines().count() > rows.as_array().unwrap().len(), "{name}");
                        for cell in text.lines().flat_map(|line| line.split(',')) {
                            assert!(!cell.trim_start_matches('"').starts_with(['=', '+', '-', '@']), "{cell}");
                        }
                    },
                    ReportFormat::Xlsx => {
                        let told = python(XLSX, &files["report.xlsx"]);
                        for (name, rows) in tables {
                            let line = told.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
                            let count: usize = line.rsplit(' ').next().unwrap().parse().unwrap();
                            assert!(count >= rows.as_array().unwrap().len(), "{name}: {line}");
                        }
                    }
                    ReportFormat::Pdf => {
                        let words = python(PDF, &files["report.pdf"]);
                        // On paper it speaks Dutch, names libraries and systems, and says how it can be checked.
                        assert!(words.starts_with("Rapport") || words.starts_with("Register"), "{words}");
                        assert!(words.contains("Pagina 1 van") && words.contains("Bibliotheken Merwedeland"), "{words}");
                        assert!(words.contains("akkoord report verify"), "{words}");
                        if *kind == ReportKind::Audit {
                            let sum = |column: &str| -> u64 {
                                let rows = tables["checks"].as_array().unwrap();
                                rows.iter().map(|row| row[column].as_u64().unwrap()).sum()
                            };
                            let (permits, denials) = (sum("permits"), sum("denials"));
                            assert!(permits > 0 && denials > 0);
                            let brief = format!("Systemen vroegen {} keer of iets mocht. Het antwoord was {permits} keer ja en {denials} keer nee.", permits + denials);
                            assert!(words.replace('\n', " ").contains(&brief), "{words}");
                            let roots = tables["logs"].as_array().unwrap().iter().map(|log| log["rootHash"].as_str().unwrap());
                            // The log `admin` has grown by the request of this very report.
                            assert!(roots.filter(|root| words.contains(root)).count() >= 2, "{words}");
                        }
                    }
                }
            }
        }
        // Whatever is changed is found.
        let path = folder.path().join("register-json.zip");
        let whole = files(&std::fs::read(&path).unwrap());
        let broken = |name: &str, bytes: Option<&[u8]>| {
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            for (known, kept) in &whole {
                let bytes = if known == name { bytes } else { Some(kept.as_slice()) };
                if let Some(bytes) = bytes {
                    zip.start_file(known.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
                    std::io::Write::write_all(&mut zip, bytes).unwrap();
                }
            }
            if !whole.contains_key(name) {
                zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            }
            let path = folder.path().join("broken.zip");
            std::fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
            let ended = run(&["report", "verify", path.to_str().unwrap(), "--key", &vkey]);
            assert_eq!(ended.code, 1, "{}", ended.stdout);
            ended.stderr
        };
        assert!(broken("report.json", Some(b"{}")).contains("not the file that was signed"));
        assert!(broken("report.json", None).contains("not in the bundle"));
        assert!(broken("more.txt", None).contains("it was added"));
        let manifest = String::from_utf8(whole["manifest.json"].clone()).unwrap().replace("register", "registes");
        assert!(broken("manifest.json", Some(manifest.as_bytes())).contains("it was changed"));
        let other = service.log_vkey(akkoord::service::sequence::LogName::parse("consent").unwrap()).await.unwrap();
        assert_eq!(run(&["report", "verify", path.to_str().unwrap(), "--key", &other]).code, 1);
        assert_eq!(run(&["report", "verify", path.to_str().unwrap(), "--key", "nothing"]).code, 2);
        assert_eq!(run(&["report", "verify", "/nowhere", "--key", &vkey]).code, 2);
        service.stop();
    }

    async fn over_http_the_register_the_statistics_and_their_mistakes(engine) {
        let api = Api::start(engine).await;
        let register = api.get("/v1/records-of-processing").await.json();
        let activities = register["activities"].as_array().unwrap();
        assert_eq!(register["view"], "controller");
        let newsletter = activities.iter().find(|one| one["organisation"] == LINDE && one["purpose"] == "newsletter").unwrap();
        // Article 30(1)(a) to (g).
        for (member, holds) in [
            ("responsible", "Stichting Bibliotheek De Linde"), ("dataProtectionOfficer", "fg@merwedeland.example"),
            ("title", "nieuwsbrief"), ("legalBasis", "consent"), ("dpvLegalBasis", "eu-gdpr:A6-1-a"),
            ("dataSubjects", "members"), ("personalData", "E-mail"), ("recipients", "Briesje Mail BV"),
            ("transfers", "none"), ("retention", "until-withdrawn"), ("proofRetention", "P60M"), ("measures", "encrypted"),
        ] {
            let text = newsletter[member].to_string();
            assert!(text.to_lowercase().contains(&holds.to_lowercase()), "{member}: {text}");
        }
        assert!(activities.iter().all(|one| one["purpose"] != "school-library"), "the library is no controller there");
        let processor = api.get(&format!("/v1/records-of-processing?view=processor&organisation={LINDE}")).await.json();
        let of_processor = processor["activities"].as_array().unwrap();
        let newsletter = of_processor.iter().find(|one| one["purpose"] == "newsletter").unwrap();
        assert_eq!(newsletter["responsible"]["name"], "Stichting Bibliotheekdiensten Merwedeland");
        assert_eq!(newsletter["onBehalfOf"]["name"], "Stichting Bibliotheek De Linde");
        assert!(of_processor.iter().any(|one| one["purpose"] == "school-library"));
        let csv = api.send("GET", "/v1/records-of-processing", &[("Accept", "text/csv")], "").await;
        assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
        assert_eq!(csv.body.matches("\"newsletter 3\"").count(), 9);
        let sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
        let head = api.send("HEAD", "/v1/records-of-processing", &[("Accept", sheet)], "").await;
        assert_eq!((head.status, head.header("content-type")), (200, Some(sheet)));
        assert_eq!(api.send("GET", "/v1/records-of-processing", &[("Accept", "image/png")], "").await.status, 406);
        for (path, pointer) in [
            ("/v1/records-of-processing?view=owner", "?view"),
            ("/v1/records-of-processing?organisation=nowhere", "?organisation"),
            ("/v1/records-of-processing?organization=x", "?organization"),
            ("/v1/statistics?from=2027-01&to=2027-03", "?to"),
            ("/v1/statistics?from=2027-02&to=2027-01", "?to"),
            ("/v1/statistics?from=2010-01&to=2026-01", "?from"),
            ("/v1/statistics?from=2027-13&to=2027-01", "?from"),
            ("/v1/statistics?from=2027-01-01&to=2027-01", "?from"),
            ("/v1/statistics?from=2027-01&to=2027-01&purpose=nothing", "?purpose"),
            ("/v1/statistics?from=2027-01&to=2027-01&day=3", "?day"),
        ] {
            let answer = api.get(path).await;
            assert_eq!((answer.status, answer.problem().1), (400, vec![pointer.to_owned()]), "{path} {answer:?}");
        }
        let figures = api.get("/v1/statistics?from=2027-01&to=2027-01&purpose=newsletter").await.json();
        assert_eq!(figures["months"].as_array().unwrap().len(), 9);
        assert_eq!(figures["months"][0]["given"], "<10");
        assert_eq!(figures["months"][0]["consentRate"], Value::Null);
    }

    async fn over_http_a_report_is_asked_for_and_fetched(engine) {
        let api = Api::start(engine).await;
        let ask = json!({"kind": "audit", "format": "json", "from": "2027-02-01T00:00:00Z", "to": "2027-03-02T00:00:00Z",
            "reason": "yearly audit"});
        let answer = api.post("/v1/reports", &ask).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let ticket = answer.json();
        assert_eq!(answer.header("location"), ticket["href"].as_str());
        let href = ticket["href"].as_str().unwrap();
        let head = api.send("HEAD", href, &[], "").await;
        assert_eq!((head.status, head.header("content-type")), (200, Some("application/zip")));
        let other = client(&api.service, "crm-other", "crm", Scope::ALL.iter().copied().collect()).await;
        let fetch = async |token: &str| -> Answer {
            let bearer = format!("Bearer {token}");
            send(api.server.addr, "HEAD", href, &[("Authorization", bearer.as_str())], b"").await
        };
        assert_eq!(fetch(&other).await.status, 404);
        for (member, value, pointer) in [
            ("kind", json!("gossip"), "/kind"),
            ("format", json!("docx"), "/format"),
            ("from", json!("yesterday"), "/from"),
            ("from", Value::Null, "/from"),
            ("to", json!("2026-01-01T00:00:00Z"), "/to"),
            ("organisation", json!("nowhere"), "/organisation"),
            ("system", json!("crm"), "/system"),
            ("view", json!("owner"), "/view"),
            ("reason", json!(""), "/reason"),
            ("reason", json!("  "), "/reason"),
            ("reason", json!("x".repeat(201)), "/reason"),
        ] {
            let mut wrong = ask.clone();
            wrong[member] = value;
            let answer = api.post("/v1/reports", &wrong).await;
            assert_eq!((answer.status, answer.problem().1), (400, vec![pointer.to_owned()]), "{answer:?}");
        }
        for (system, pointer) in [(Value::Null, "/system"), (json!("nobody"), "/system")] {
            let mut breach = ask.clone();
            breach["kind"] = json!("breach");
            breach["system"] = system;
            assert_eq!(api.post("/v1/reports", &breach).await.problem().1, [pointer]);
        }
        assert_eq!(api.get("/v1/reports/AAAA").await.status, 404);
        assert_eq!(api.get(&format!("/v1/reports/{}", "A".repeat(3_000))).await.status, 404);
        let shown = api.get("/v1/audit-entries?log=admin").await.json();
        let asked = shown["items"].as_array().unwrap().iter().find(|item| item["kind"] == "report.requested").unwrap();
        assert_eq!(asked["private"], json!({ "reason": "yearly audit" }).to_string());
        // An hour later the ticket is worth nothing.
        api.world.turn_to(api.world.now().plus_seconds(3_601));
        let late = api.service.access().token_of("crm-test").await.unwrap().access_token;
        assert_eq!(fetch(&late).await.status, 404);
    }

    fn an_operator_makes_reports_beside_the_service(engine) {
        let storage = TestStorage::new(engine);
        let installation = Installation::new(storage.url(), storage.directory(), 1, "");
        let report = |kind: &str, name: &str, more: &[&str]| {
            let output = storage.directory().join(name);
            let mut arguments = vec!["report", kind, "--config", installation.configuration(), "--reason", "board", "--json"];
            arguments.extend(["--output", output.to_str().unwrap()]);
            arguments.extend(more);
            (run(&arguments), output.clone())
        };
        let time = ["--from", "2026-01-01T00:00:00Z", "--to", "2030-01-01T00:00:00Z"];
        for (kind, more) in [
            ("register", vec!["--format", "xlsx", "--view", "processor"]),
            ("consent-rates", vec!["--format", "pdf"]),
            ("audit", time.to_vec()),
            ("breach", [time.as_slice(), &["--system", "crm", "--reader", "portal", "--format", "json"]].concat()),
        ] {
            let (ended, output) = report(kind, &format!("{kind}.zip"), &more);
            assert_eq!(ended.code, 0, "{kind}: {}", ended.stderr);
            let told: Value = serde_json::from_str(&ended.stdout).unwrap();
            let verified = run(&["report", "verify", output.to_str().unwrap(), "--key", told["verifierKey"].as_str().unwrap()]);
            assert_eq!(verified.code, 0, "{}", verified.stderr);
            assert_eq!(report(kind, &format!("{kind}.zip"), &more).0.code, 1, "it exists");
        }
        for (kind, more, words) in [
            ("audit", vec![], "say from when and until when"),
            ("breach", time.to_vec(), "--reader"),
            ("register", vec!["--organisation", "nowhere"], "no library `nowhere`"),
        ] {
            let (ended, output) = report(kind, "wrong.zip", &more);
            assert_eq!(ended.code, 1);
            assert!(ended.stderr.contains(words), "{}", ended.stderr);
            assert!(!output.exists());
        }
        assert_eq!(report("register", "wrong.zip", &["--format", "docx"]).0.code, 2);
    }
}
