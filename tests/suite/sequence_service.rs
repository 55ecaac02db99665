//! The audit logs of a running service: what was acknowledged is in them once, a checkpoint covers it soon, and a database
//! that was rolled back permits nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use akkoord::audit::checkpoint::Checkpoint;
use akkoord::audit::leaf::{EntryId, Leaf, leaf_hash};
use akkoord::crypto::note::VerifierKey;
use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::decision::{Effect, Question};
use akkoord::domain::event::ActorKind;
use akkoord::domain::hex::hex;
use akkoord::domain::ids::DecisionId;
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::domain::purpose::{Action, Channel};
use akkoord::service::Service;
use akkoord::service::call::{Call, Principal, Scope};
use akkoord::service::refusal::Refusal;
use akkoord::service::sequence::LogName;
use akkoord::service::verbs::{ActorRef, Decide, Decided, PersonRef, RecordConsent, RegisterPerson};

use crate::support::engine::{Engine, TestStorage};
use crate::support::log::{Verified, verify_served};
use crate::support::service::{clock, node, options};

/// The promise is a second; a machine that does other things may need longer.
const LONGEST: Duration = Duration::from_secs(20);

pub fn call() -> Call {
    as_system("crm", Scope::ALL)
}

fn as_system(system: &str, scopes: &[Scope]) -> Call {
    let principal = Principal {
        client: format!("{system}-1"),
        system: system.parse().unwrap(),
        scopes: scopes.iter().copied().collect(),
    };
    Call::new(principal, Language::Nl)
}

pub fn ask(number: u32) -> Decide {
    Decide {
        person: PersonRef::Identifier {
            scheme: "member-number".parse().unwrap(),
            value: Personal::new(number.to_string()),
        },
        question: Question {
            system: "crm".parse().unwrap(),
            organisation: "bibliotheek-de-linde".parse().unwrap(),
            purpose: "newsletter".parse().unwrap(),
            action: Action::Contact,
            channel: Some(Channel::Email),
            data_scopes: ["email".parse().unwrap()].into(),
            data_source: None,
        },
        reference: None,
        at: None,
    }
}

fn adult(number: u32) -> RegisterPerson {
    RegisterPerson {
        organisation: "bibliotheek-de-linde".parse().unwrap(),
        identifiers: vec![(
            "member-number".parse().unwrap(),
            Personal::new(number.to_string()),
        )],
        birth_date: None,
        language: Some(Language::Nl),
        membership: None,
    }
}

pub fn log(name: &str) -> LogName {
    LogName::parse(name).unwrap()
}

/// How many entries the newest checkpoint of a log covers.
pub async fn covered(service: &Service, name: &str) -> u64 {
    let Ok(note) = service.log_checkpoint(log(name)).await else {
        return 0;
    };
    let vkey = service.log_vkey(log(name)).await.unwrap();
    Checkpoint::open(&note, &[VerifierKey::parse(&vkey).unwrap()])
        .unwrap()
        .size
}

pub async fn until_covered(service: &Service, name: &str, size: u64) -> Duration {
    let since = Instant::now();
    while covered(service, name).await < size {
        assert!(
            since.elapsed() < LONGEST,
            "no checkpoint covers {size} entries of {name}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    since.elapsed()
}

fn once_each(verified: &Verified, decided: &[Decided]) {
    let found: BTreeSet<[u8; 32]> = verified.lines.iter().map(|line| leaf_hash(line)).collect();
    assert_eq!(found.len(), verified.lines.len(), "no entry is in the log twice");
    assert_eq!(verified.lines.len(), decided.len());
    for decision in decided {
        assert!(found.contains(&decision.leaf_hash));
    }
}

async fn ready(service: &Service) -> (bool, String) {
    let readiness = service.ready().await;
    let check = readiness
        .checks
        .into_iter()
        .find(|(name, ..)| *name == "audit-log")
        .unwrap();
    assert!(readiness.ready || !check.1);
    (check.1, check.2)
}

both_engines! {
    async fn what_was_acknowledged_is_in_the_log_once_and_covered_soon(engine) {
        let storage = TestStorage::new(engine);
        let world = clock();
        // Nodes of one PostgreSQL; SQLite has one.
        let names: &[&str] = if engine == Engine::Postgres { &["one", "two"] } else { &["one"] };
        let nodes: Vec<Service> = names.iter().map(|name| node(&storage, &world, name)).collect();
        nodes[0].register_person(&call(), adult(1)).await.unwrap();
        let askers = (0..24_u32).map(|asker| {
            let node = nodes[asker as usize % nodes.len()].clone();
            tokio::spawn(async move {
                let mut decided = Vec::new();
                for number in 0..25 {
                    decided.push(node.decide(&call(), ask(number)).await.unwrap());
                }
                decided
            })
        });
        let mut decided = Vec::new();
        for asker in askers.collect::<Vec<_>>() {
            decided.extend(asker.await.unwrap());
        }
        until_covered(&nodes[0], "decision", decided.len() as u64).await;
        once_each(&verify_served(&nodes[0], "decision").await, &decided);
        for (number, node) in nodes.iter().enumerate() {
            let other = &nodes[(number + 1) % nodes.len()];
            let before = covered(node, "decision").await;
            let mut waited = Vec::new();
            for more in 1..=12 {
                decided.push(node.decide(&call(), ask(1)).await.unwrap());
                waited.push(until_covered(other, "decision", before + more).await);
            }
            waited.sort();
            println!("from answer to checkpoint, {engine:?}, {}: median {:?}, longest {:?}", names[number], waited[6], waited[11]);
        }
        once_each(&verify_served(&nodes[0], "decision").await, &decided);
        for node in &nodes {
            node.stop();
        }
    }

    async fn what_the_lanes_took_is_in_order_when_the_service_has_stopped(engine) {
        let storage = TestStorage::new(engine);
        let world = clock();
        let first = node(&storage, &world, "one");
        let mut decided = Vec::new();
        for number in 0..30 {
            decided.push(first.decide(&call(), ask(number)).await.unwrap());
        }
        first.stop();
        drop(first);
        let again = node(&storage, &world, "one");
        assert_eq!(covered(&again, "decision").await, 30);
        decided.push(again.decide(&call(), ask(1)).await.unwrap());
        until_covered(&again, "decision", 31).await;
        once_each(&verify_served(&again, "decision").await, &decided);
        assert_eq!(ready(&again).await, (true, "leads to every checkpoint".to_owned()));
        again.stop();
    }

    // The clock stands still, and the threads of a lane take turns.
    async fn what_one_caller_does_is_in_the_log_in_that_order(engine) {
        let storage = TestStorage::new(engine);
        let service = node(&storage, &clock(), "one");
        let birth_date = chrono::NaiveDate::from_ymd_opt(1980, 5, 1).map(Personal::new);
        let member = RegisterPerson { birth_date, ..adult(1) };
        service.register_person(&call(), member).await.unwrap();
        let notice = service.catalogue().purposes["newsletter"].purpose.version;
        let (mut said, mut decided) = (Vec::new(), Vec::new());
        for at in 0..100 {
            let status = if at % 2 == 0 { ConsentStatus::Given } else { ConsentStatus::Withdrawn };
            let verb = RecordConsent {
                person: ask(1).person,
                organisation: "bibliotheek-de-linde".parse().unwrap(),
                purpose: "newsletter".parse().unwrap(),
                status,
                data_scopes: None,
                channels: None,
                notice_version: Some(notice),
                language: Some(Language::Nl),
                method: IndicationMethod::WebForm,
                actor: ActorRef::plain(ActorKind::Oneself),
                evidence: None,
                occurred_at: None,
            };
            said.push(service.record_consent(&call(), verb).await.unwrap().answer.leaf_hash);
            let answer = service.decide(&call(), ask(1)).await.unwrap();
            assert_eq!(answer.verdict.effect == Effect::Permit, status == ConsentStatus::Given, "{at}");
            decided.push(hex(&answer.leaf_hash));
        }
        for (log, told) in [("consent", &said), ("decision", &decided)] {
            let size = said.len() as u64 + u64::from(log == "consent");
            until_covered(&service, log, size).await;
            let lines = verify_served(&service, log).await.lines;
            let hashes: Vec<String> = lines.iter().map(|line| hex(&leaf_hash(line))).collect();
            assert_eq!(hashes[hashes.len() - told.len()..], told[..], "{log}");
        }
        service.stop();
    }

    async fn a_decision_is_proved_to_whoever_asked_for_it(engine) {
        let storage = TestStorage::new(engine);
        let service = node(&storage, &clock(), "one");
        let mut decided = Vec::new();
        for number in 0..7 {
            decided.push(service.decide(&call(), ask(number)).await.unwrap());
        }
        until_covered(&service, "decision", 7).await;
        let key = VerifierKey::parse(&service.log_vkey(log("decision")).await.unwrap()).unwrap();
        let mine = as_system("crm", &[Scope::DecisionsCheck]);
        for decision in &decided {
            let proved = service.decision_proof(&mine, decision.id).await.unwrap().unwrap();
            assert_eq!(leaf_hash(&proved.line), decision.leaf_hash);
            let text = proved.proof.to_text();
            let read = akkoord::audit::tlog_proof::LogProof::parse(&text).unwrap();
            let checkpoint = read.verify(&proved.line, std::slice::from_ref(&key)).unwrap();
            assert_eq!(checkpoint.origin, proved.origin);
        }
        let id = decided[0].id;
        let theirs = service.decision_proof(&as_system("portal", &[Scope::DecisionsCheck]), id).await;
        assert_eq!(theirs, Err(Refusal::NotFound));
        assert!(service.decision_proof(&as_system("portal", &[Scope::AuditRead]), id).await.unwrap().is_some());
        let without = service.decision_proof(&as_system("crm", &[Scope::ConsentsRead]), id).await;
        assert!(matches!(without, Err(Refusal::Forbidden(_))));
        let nothing = service.decision_proof(&mine, DecisionId::from_bytes([7; 16])).await;
        assert_eq!(nothing, Err(Refusal::NotFound));
        assert_eq!(service.proof_of("consent", EntryId::from(id)).await, Err(Refusal::NotFound));

        let (note, proof) = service.log_consistency(log("decision"), 3).await.unwrap();
        assert!(note.starts_with("akkoord.example/bibliotheken-merwedeland/decision/2027\n7\n"), "{note}");
        assert!(!proof.is_empty());
        assert_eq!(service.log_consistency(log("decision"), 8).await, Err(Refusal::NotFound));
        service.stop();
    }
}

#[test]
fn names_of_logs() {
    assert!(!log("consent").is_permanent() && log("decision-2027.2").is_permanent());
    for wrong in ["", "consents", "-2027", "person-2027", "Consent"] {
        assert_eq!(LogName::parse(wrong), None, "{wrong}");
    }
}

/// The files of the database, without those of its keys and checkpoints.
fn database(directory: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    all.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("akkoord.db")
    })
    .collect()
}

#[actix_web::test]
async fn a_database_that_was_rolled_back_permits_nothing_until_an_operator_decides() {
    let storage = TestStorage::new(Engine::Sqlite);
    let world = clock();
    let service = node(&storage, &world, "one");
    service.register_person(&call(), adult(1)).await.unwrap();
    service.decide(&call(), ask(1)).await.unwrap();
    service.stop();
    drop(service);
    let backup = storage.directory().join("backup");
    std::fs::create_dir(&backup).unwrap();
    for file in database(storage.directory()) {
        std::fs::copy(&file, backup.join(file.file_name().unwrap())).unwrap();
    }

    let service = node(&storage, &world, "one");
    service.decide(&call(), ask(1)).await.unwrap();
    service.stop();
    let last = service.log_checkpoint(log("decision")).await.unwrap();
    drop(service);
    for file in database(storage.directory()) {
        std::fs::remove_file(file).unwrap();
    }
    for file in database(&backup) {
        std::fs::copy(&file, storage.directory().join(file.file_name().unwrap())).unwrap();
    }

    let service = node(&storage, &world, "one");
    let (fine, why) = ready(&service).await;
    assert!(
        !fine && why.contains("rolled back") && why.contains("akkoord audit reopen"),
        "{why}"
    );
    assert_eq!(
        service.decide(&call(), ask(1)).await.err(),
        Some(Refusal::Unavailable)
    );
    assert_eq!(
        service.register_person(&call(), adult(2)).await.err(),
        Some(Refusal::Unavailable)
    );
    let looked = akkoord::service::verbs::LookUpPerson {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new("1".to_owned()),
        organisation: None,
    };
    assert_eq!(
        service.look_up_person(&call(), looked).await,
        Err(Refusal::Unavailable)
    );
    service.stop();
    drop(service);

    let reopened = Service::reopen(options(&storage, &world, "one")).unwrap();
    let logs: Vec<_> = reopened
        .iter()
        .map(|r| (r.log.as_str(), r.found, r.kept))
        .collect();
    assert_eq!(logs, [("decision", 1, 2)]);
    let service = node(&storage, &world, "one");
    assert!(ready(&service).await.0);
    service.decide(&call(), ask(1)).await.unwrap();
    until_covered(&service, "decision", 2).await;
    let verified = verify_served(&service, "decision").await;
    assert!(verified.checkpoint.origin.ends_with("/decision/2027.2"));
    let first = Leaf::parse(&verified.lines[0]).unwrap();
    assert!(first.extra.values().any(|quoted| *quoted == last), "{first:?}");
    // The old log can still be read, and verified.
    let old = verify_served(&service, "decision-2027").await;
    assert_eq!((old.checkpoint.size, old.lines.len()), (1, 1));
    assert_eq!(
        verify_served(&service, "decision-2027.2").await.checkpoint.size,
        2
    );
    service.stop();
}
