//! Exports of the audit logs: what is in a bundle, that it verifies with the key of the log alone, and that whatever is
//! changed in it is found, with its place.

use std::collections::BTreeMap;
use std::io::Cursor;

use akkoord::audit::leaf::Leaf;
use akkoord::domain::ids::PersonId;
use akkoord::domain::personal::Personal;
use akkoord::service::Service;
use akkoord::service::call::Scope;
use akkoord::service::exports::{ExportFormat, RequestExport, RequestedExport};
use akkoord::service::refusal::Refusal;
use akkoord::service::sequence::LogName;
use akkoord::store::StoreError;
use akkoord::world::{TurnedWorld, World as _};
use calamine::{Data, Reader as _, Xlsx};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::bundle::{Files, files, verified, verified_files};
use crate::support::engine::TestStorage;
use crate::support::http::{Api, client};
use crate::support::log::opened;
use crate::support::service::{clock, node};

const LOGS: [&str; 3] = ["consent", "decision", "admin"];
const REASON: &str = "=HYPERLINK(\"https://evil.example\") audit 14";

fn question(number: u32) -> Value {
    json!({"person": {"scheme": "member-number", "value": number.to_string()}, "organisation": "bibliotheek-de-linde",
           "purpose": "newsletter", "action": "contact", "channel": "email", "dataScopes": ["email"]})
}

/// A service in which three people said yes, one of whom was asked about often and one erased.
async fn lived(api: &Api) {
    let version = api.service.catalogue().purposes["newsletter"].purpose.version;
    for number in 1..=3 {
        let person = json!({"organisation": "bibliotheek-de-linde", "birthDate": "1980-05-01",
            "identifiers": [{"scheme": "member-number", "value": number.to_string()}]});
        assert_eq!(api.post("/v1/people", &person).await.status, 201);
        let yes = json!({"person": {"scheme": "member-number", "value": number.to_string()},
            "organisation": "bibliotheek-de-linde", "purpose": "newsletter", "status": "given", "noticeVersion": version,
            "language": "nl", "indicationMethod": "web-form", "actor": {"type": "self"}, "evidence": {"form": "A-17"}});
        assert_eq!(api.post("/v1/consents", &yes).await.status, 201);
    }
    for number in [1, 2, 2, 3, 9, 2, 1] {
        assert_eq!(api.post("/v1/decisions", &question(number)).await.status, 200);
        later(&api.world, 60);
    }
}

fn later(world: &TurnedWorld, seconds: i64) {
    world.turn_to(world.now().plus_seconds(seconds));
}

fn wanted(log: &str, format: ExportFormat, openings: bool) -> RequestExport {
    RequestExport {
        log: LogName::parse(log).unwrap(),
        from: None,
        to: None,
        format,
        openings,
        reason: Personal::new(REASON.to_owned()),
    }
}

async fn requested(service: &Service, wanted: RequestExport) -> RequestedExport {
    service
        .request_export(&service.operator().unwrap(), wanted)
        .await
        .unwrap()
}

/// The bundle of a request, and the key of its log.
async fn bundle(service: &Service, wanted: RequestExport) -> (Vec<u8>, String) {
    let name = wanted.log.clone();
    let plan = requested(service, wanted).await.plan;
    let bytes = service.write_export(&plan, Vec::new(), &|_| {}).unwrap();
    (bytes, service.log_vkey(name).await.unwrap())
}

fn lines(files: &Files, name: &str) -> Vec<String> {
    let text = String::from_utf8(files[name].clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Whom the first entry of the consent log is about.
fn first_person(storage: &TestStorage) -> PersonId {
    let people = opened(storage).read("read", |tx| -> Result<_, StoreError> {
        let row = tx
            .audit_logs()?
            .into_iter()
            .find(|row| row.log == "consent")
            .unwrap();
        tx.private_between(row.id, 0, 1)
    });
    people.unwrap()[0].person_id
}

both_engines! {
    async fn every_log_in_every_form_verifies(engine) {
        let api = Api::start(engine).await;
        lived(&api).await;
        let folder = tempfile::tempdir().unwrap();
        for log in LOGS {
            for format in ExportFormat::ALL {
                let (zip, vkey) = bundle(&api.service, wanted(log, *format, true)).await;
                let report = verified(folder.path(), &zip, &vkey).unwrap();
                let files = files(&zip);
                let leaves = lines(&files, "leaves.ndjson");
                assert_eq!(report.verified().to, leaves.len() as u64);
                assert!(leaves.len() >= 3, "{log}");
                assert_eq!(files["hashes"].len(), leaves.len() * 32);
                assert!(!files.contains_key("entries.csv") || *format == ExportFormat::Csv);
                // Every entry about somebody we know has its opening.
                let openings = lines(&files, "openings.ndjson");
                assert_eq!(report.verified().openings, openings.len() as u64);
                let exported = leaves.iter().filter(|line| line.contains("audit.exported")).count();
                let known = match log {
                    "consent" => leaves.len(),
                    "decision" => 6,
                    _ => exported,
                };
                assert_eq!(openings.len(), known, "{log}");
                if log == "admin" && *format == ExportFormat::Csv {
                    let opening: Value = serde_json::from_str(&openings[0]).unwrap();
                    assert_eq!(opening["private"], json!({ "reason": REASON }).to_string());
                }
                rendered(log, *format, &leaves, &files);
            }
        }
        let admin = LogName::parse("admin").unwrap();
        let recorded = crate::support::log::verify_served(&api.service, "admin").await;
        let line = recorded.lines.iter().find(|line| line.windows(14).any(|w| w == b"audit.exported")).unwrap();
        let leaf = Leaf::parse(line).unwrap();
        assert_eq!(leaf.system.as_str(), "operator");
        let facts: BTreeMap<String, String> =
            leaf.extra.iter().map(|(name, fact)| (name.to_string(), fact.to_string())).collect();
        assert_eq!(facts["openings"], "yes");
        assert!(!String::from_utf8_lossy(line).contains("HYPERLINK"));
        let found = api.get("/v1/audit-entries?log=admin").await.json();
        let shown = found["items"].as_array().unwrap().iter().find(|item| item["kind"] == "audit.exported").unwrap();
        assert_eq!(shown["private"], json!({ "reason": REASON }).to_string());
        assert!(api.service.log_checkpoint(admin).await.is_ok());
    }

    async fn a_part_by_time_joins_the_root(engine) {
        let api = Api::start(engine).await;
        let start = api.service.world().now();
        lived(&api).await;
        let folder = tempfile::tempdir().unwrap();
        // Seven decisions, a minute apart.
        for (from, to) in [(None, None), (Some(0), Some(0)), (Some(1), Some(3)), (None, Some(4)), (Some(5), None), (Some(60), None)] {
            let at = |minute: Option<i64>| minute.map(|minute| start.plus_seconds(minute * 60));
            let mut wanted = wanted("decision", ExportFormat::Csv, true);
            (wanted.from, wanted.to) = (at(from), at(to));
            let (zip, vkey) = bundle(&api.service, wanted).await;
            let report = verified(folder.path(), &zip, &vkey).unwrap();
            let (first, last) = (from.unwrap_or(0), to.unwrap_or(6).min(6));
            let expected = if first > last { (0, 0) } else { (first as u64, last as u64 + 1) };
            assert_eq!((report.verified().from, report.verified().to), expected, "{from:?} {to:?}");
            assert_eq!(report.verified().checkpoint.size, 7);
            let rows = lines(&files(&zip), "entries.csv").len() as u64 - 1;
            assert_eq!(rows, expected.1 - expected.0);
        }
    }

    async fn after_an_erasure_the_log_verifies_and_nobody_is_opened(engine) {
        let storage = TestStorage::new(engine);
        let world = clock();
        let service = node(&storage, &world, "node-a");
        lived_in(&service, &world).await;
        let before = bundle(&service, wanted("consent", ExportFormat::Ndjson, true)).await;
        let person = first_person(&storage);
        service.erase_now(&service.operator().unwrap(), person).await.unwrap();
        let (zip, vkey) = bundle(&service, wanted("consent", ExportFormat::Ndjson, true)).await;
        let folder = tempfile::tempdir().unwrap();
        let report = verified(folder.path(), &zip, &vkey).unwrap();
        let (now, then) = (files(&zip), files(&before.0));
        assert!(now["leaves.ndjson"].starts_with(&then["leaves.ndjson"]));
        assert!(report.verified().openings < lines(&then, "openings.ndjson").len() as u64);
        let erasures = lines(&now, "erasures.ndjson");
        assert_eq!(erasures.len(), 1);
        let told: Value = serde_json::from_str(&erasures[0]).unwrap();
        let leaves = lines(&now, "leaves.ndjson");
        let leaf: Value = serde_json::from_str(&leaves[told["i"].as_u64().unwrap() as usize]).unwrap();
        assert_eq!((&leaf["k"], &leaf["id"]), (&told["k"], &told["id"]));
        assert_eq!(told["k"], "erasure.key-deleted");
        // What was opened before still opens: it is in the hands of who has it.
        verified(folder.path(), &before.0, &before.1).unwrap();
        service.stop();
    }

    async fn a_log_without_entries_is_an_empty_bundle(engine) {
        let storage = TestStorage::new(engine);
        let service = node(&storage, &clock(), "node-a");
        let folder = tempfile::tempdir().unwrap();
        for format in ExportFormat::ALL {
            let (zip, vkey) = bundle(&service, wanted("decision", *format, true)).await;
            let report = verified(folder.path(), &zip, &vkey).unwrap();
            assert_eq!((report.verified().to, report.verified().checkpoint.size), (0, 0));
        }
        let operator = service.operator().unwrap();
        let asked = service.request_export(&operator, wanted("decision-1999", ExportFormat::Csv, false)).await;
        assert_eq!(asked.unwrap_err(), Refusal::NotFound);
        service.stop();
    }

    async fn over_http_it_is_asked_for_and_fetched(engine) {
        let api = Api::start(engine).await;
        lived(&api).await;
        let ask = json!({"log": "decision", "format": "xlsx", "openings": true, "reason": "yearly audit"});
        let answer = api.post("/v1/audit-exports", &ask).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let export = answer.json();
        assert_eq!(answer.header("location"), export["href"].as_str());
        assert_eq!((&export["entries"], &export["logSize"], &export["firstIndex"]), (&json!(7), &json!(7), &json!(0)));
        let href = export["href"].as_str().unwrap();
        let (head, zip) = fetched(&api, &api.token, href).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("content-type: application/zip"), "{head}");
        assert!(head.contains("filename=\"akkoord-decision-0-7.zip\""), "{head}");
        let vkey = api.get("/log/decision/vkey").await.body;
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(verified(folder.path(), &zip, &vkey).unwrap().verified().openings, 6);
        let head = api.send("HEAD", href, &[], "").await;
        assert_eq!((head.status, head.header("content-type")), (200, Some("application/zip")));
        // Once more the same, although the log has grown since.
        assert_eq!(api.post("/v1/decisions", &question(1)).await.status, 200);
        let again = files(&fetched(&api, &api.token, href).await.1);
        assert_eq!(again["leaves.ndjson"], files(&zip)["leaves.ndjson"]);
        assert_eq!(again["manifest.json"], files(&zip)["manifest.json"]);

        let other = client(&api.service, "crm-other", "crm", Scope::ALL.iter().copied().collect()).await;
        assert!(fetched(&api, &other, href).await.0.starts_with("HTTP/1.1 404"));
        assert_eq!(api.get("/v1/audit-exports/AAAA").await.status, 404);
        assert_eq!(api.get(&format!("/v1/audit-exports/{}", "A".repeat(2_000))).await.status, 404);
        for (member, value, pointer) in [
            ("log", json!("person"), "/log"),
            ("format", json!("pdf"), "/format"),
            ("from", json!("yesterday"), "/from"),
            ("reason", json!(""), "/reason"),
            ("reason", json!("  "), "/reason"),
            ("reason", json!("x".repeat(201)), "/reason"),
        ] {
            let mut wrong = ask.clone();
            wrong[member] = value;
            let answer = api.post("/v1/audit-exports", &wrong).await;
            assert_eq!((answer.status, answer.problem().1), (400, vec![pointer.to_owned()]), "{answer:?}");
        }
        let mut late = ask.clone();
        (late["from"], late["to"]) = (json!("2027-02-01T00:00:00Z"), json!("2027-01-01T00:00:00Z"));
        assert_eq!(api.post("/v1/audit-exports", &late).await.problem().1, ["/to"]);
        // An hour later the ticket is worth nothing.
        later(&api.world, 3_601);
        let token = client(&api.service, "crm-late", "crm", Scope::ALL.iter().copied().collect()).await;
        assert!(fetched(&api, &token, href).await.0.starts_with("HTTP/1.1 404"));
    }
}

/// The further form tells the same as the lines.
fn rendered(log: &str, format: ExportFormat, leaves: &[String], files: &Files) {
    match format {
        ExportFormat::Ndjson => assert!(files.keys().all(|name| !name.starts_with("entries."))),
        ExportFormat::Csv => {
            let rows = lines(files, "entries.csv");
            assert_eq!(rows.len(), leaves.len() + 1);
            assert!(rows[0].starts_with("index,recordedAt,kind,system,"));
            assert!(rows[1].starts_with("0,2027-03-01T12:"), "{}", rows[1]);
            for cell in rows.iter().skip(1).flat_map(|row| row.split(",\"")) {
                assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
            }
        }
        ExportFormat::Xlsx => {
            let mut book: Xlsx<_> = Xlsx::new(Cursor::new(files["entries.xlsx"].clone())).unwrap();
            assert!(book.worksheet_formula(log).unwrap().used_cells().next().is_none());
            let range = book.worksheet_range(log).unwrap();
            assert_eq!(range.rows().count(), leaves.len() + 1);
            for (row, line) in range.rows().skip(1).zip(leaves) {
                let leaf = Leaf::parse(line.as_bytes()).unwrap();
                assert_eq!(row[2], Data::String(leaf.kind.to_string()));
                assert_eq!(row[16], Data::String(leaf.id.to_string()));
            }
        }
        ExportFormat::Ldv => {
            let made = lines(files, "logboek-dataverwerkingen.ndjson");
            assert_eq!(made.len(), leaves.len());
            for line in made {
                let line: Value = serde_json::from_str(&line).unwrap();
                for member in [
                    "trace_id",
                    "span_id",
                    "status",
                    "name",
                    "start_time",
                    "end_time",
                    "attributes",
                ] {
                    assert!(!line[member].is_null(), "{member}");
                }
                let activity = line["attributes"]["dpl.core.processing_activity_id"]
                    .as_str()
                    .unwrap();
                assert!(
                    activity.starts_with("https://akkoord.example/v1/purposes#"),
                    "{activity}"
                );
            }
        }
    }
}

/// The same life as [`lived`], without HTTP.
async fn lived_in(service: &Service, world: &TurnedWorld) {
    use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
    use akkoord::domain::event::ActorKind;
    use akkoord::domain::preference::Language;
    use akkoord::service::call::{Call, Principal};
    use akkoord::service::verbs::{ActorRef, PersonRef, RecordConsent, RegisterPerson};
    let principal = Principal {
        client: "crm-1".to_owned(),
        system: "crm".parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect(),
    };
    let call = Call::new(principal, Language::Nl);
    let version = service.catalogue().purposes["newsletter"].purpose.version;
    for number in 1..=3 {
        let value = Personal::new(number.to_string());
        let scheme: akkoord::domain::ids::SchemeId = "member-number".parse().unwrap();
        let person = RegisterPerson {
            organisation: "bibliotheek-de-linde".parse().unwrap(),
            identifiers: vec![(scheme.clone(), value.clone())],
            birth_date: None,
            language: Some(Language::Nl),
            membership: None,
        };
        service.register_person(&call, person).await.unwrap();
        let yes = RecordConsent {
            person: PersonRef::Identifier { scheme, value },
            organisation: "bibliotheek-de-linde".parse().unwrap(),
            purpose: "newsletter".parse().unwrap(),
            status: ConsentStatus::Given,
            data_scopes: None,
            channels: None,
            notice_version: Some(version),
            language: Some(Language::Nl),
            method: IndicationMethod::WebForm,
            actor: ActorRef::plain(ActorKind::Oneself),
            evidence: None,
            occurred_at: None,
        };
        service.record_consent(&call, yes).await.unwrap();
        later(world, 60);
    }
}

/// A GET whose answer comes in chunks: head and body.
async fn fetched(api: &Api, token: &str, path: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(api.server.addr).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
    let (status, rest) = head.split_once("\r\n").unwrap();
    let head = format!("{status}\r\n{}", rest.to_ascii_lowercase());
    let mut rest = &bytes[at + 4..];
    if !head.contains("transfer-encoding: chunked") {
        return (head, rest.to_vec());
    }
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return (head, body);
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
    }
}

/// A small bundle of the decision log, a part of it, with openings.
pub async fn small_bundle(api: &Api, part: bool) -> (Files, String) {
    let start = api.service.world().now();
    lived(api).await;
    let mut wanted = wanted("decision", ExportFormat::Csv, true);
    if part {
        (wanted.from, wanted.to) = (Some(start.plus_seconds(60)), Some(start.plus_seconds(240)));
    }
    let (zip, vkey) = bundle(&api.service, wanted).await;
    (files(&zip), vkey)
}

/// One file of a bundle, changed.
pub fn with(files: &Files, name: &str, bytes: Vec<u8>) -> Files {
    let mut changed = files.clone();
    changed.insert(name.to_owned(), bytes);
    changed
}

/// What the verifier says of files that are not in order.
#[track_caller]
pub fn broken(folder: &std::path::Path, files: &Files, vkey: &str) -> String {
    match verified_files(folder, files, vkey) {
        Ok(_) => panic!("in order"),
        Err(error) => {
            assert!(!error.is_unreadable(), "{error}");
            error.to_string()
        }
    }
}
