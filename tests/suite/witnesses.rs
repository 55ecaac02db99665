//! Witnesses: real ones on loopback beside a real service, and what they do to a log that is not honest.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use akkoord::audit::checkpoint::Checkpoint;
use akkoord::audit::witness::{WitnessKey, cosignatures};
use akkoord::crypto::note::{Note, VerifierKey};
use akkoord::crypto::{Secret32, SigningKey};
use akkoord::outward::witness::HttpWitness;
use akkoord::service::Service;
use akkoord::service::access::AccessOptions;
use akkoord::service::sequence::{LogName, WitnessPlan};
use akkoord::witness::{RunningWitness, Witness, WitnessError, serve};
use akkoord::world::RealWorld;
use serde_json::{Value, json};
use url::Url;

use crate::support::app::{LIBRARY, question, registration};
use crate::support::client::Client;
use crate::support::engine::{Engine, TestStorage};
use crate::support::http::{Api, send};
use crate::support::program::{Running, akkoord, run};
use crate::support::service::{clock, options};
use crate::support::serving::Installation;

const LONGEST: Duration = Duration::from_secs(30);

/// A witness that serves a folder.
struct Served {
    key: WitnessKey,
    running: RunningWitness,
}

fn witness(folder: &Path, name: &str, seed: u8, logs: &[String]) -> Served {
    if !folder.join("key").exists() {
        Witness::init(folder, name, Secret32::from_bytes([seed; 32])).unwrap();
    }
    std::fs::write(folder.join("logs"), logs.join("\n")).unwrap();
    let witness = Witness::open(folder).unwrap();
    let key = witness.public().unwrap();
    let running = serve(witness, Arc::new(RealWorld), "127.0.0.1:0".parse().unwrap()).unwrap();
    Served { key, running }
}

fn plan(witnesses: &[(&WitnessKey, SocketAddr)], quorum: usize) -> WitnessPlan {
    let of = |(key, address): &(&WitnessKey, SocketAddr)| {
        let url = Url::parse(&format!("http://{address}")).unwrap();
        Arc::new(HttpWitness::new((*key).clone(), &url).unwrap()) as _
    };
    WitnessPlan {
        witnesses: witnesses.iter().map(of).collect(),
        quorum,
        every: Duration::from_millis(50),
    }
}

fn started(storage: &TestStorage, name: &str, witnesses: WitnessPlan) -> Service {
    let options = akkoord::service::ServiceOptions {
        witnesses,
        ..options(storage, &clock(), name)
    };
    Service::start_with(options, AccessOptions::new("https://akkoord.example".to_owned())).unwrap()
}

async fn vkeys(service: &Service) -> Vec<String> {
    let mut keys = Vec::new();
    for log in ["consent", "decision", "admin"] {
        keys.push(service.log_vkey(LogName::parse(log).unwrap()).await.unwrap());
    }
    keys
}

/// Waits for a checkpoint of the admin log with so many entries under which all of these stand.
async fn witnessed(service: &Service, size: u64, by: &[WitnessKey]) -> String {
    let log = || LogName::parse("admin").unwrap();
    let key = VerifierKey::parse(&service.log_vkey(log()).await.unwrap()).unwrap();
    let until = Instant::now() + LONGEST;
    loop {
        if let Ok(text) = service.log_witnessed(log()).await {
            let checkpoint = Checkpoint::open(&text, std::slice::from_ref(&key)).unwrap();
            let note = Note::parse(&text).unwrap();
            if checkpoint.size >= size && cosignatures(&note, by).unwrap().len() == by.len() {
                return text;
            }
        }
        assert!(Instant::now() < until, "no witness cosigned {size} entries");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An act that the admin log records.
async fn act(service: &Service, name: &str) {
    use akkoord::service::access::client::ClientId;
    use akkoord::service::access::{Credential, NewClient};
    let new = NewClient {
        id: ClientId::parse(name).unwrap(),
        system: "crm".parse().unwrap(),
        scopes: [akkoord::service::call::Scope::DecisionsCheck]
            .into_iter()
            .collect(),
        credential: Credential::Secret,
    };
    service
        .add_client(&service.operator().unwrap(), new)
        .await
        .unwrap();
}

both_engines! {
    async fn two_witnesses_cosign_what_grows_and_go_on_after_a_restart(engine) {
        let (storage, folder) = (TestStorage::new(engine), tempfile::tempdir().unwrap());
        let alone = started(&storage, "one", WitnessPlan::default());
        act(&alone, "first").await;
        let keys = vkeys(&alone).await;
        assert!(alone.log_witnessed(LogName::parse("admin").unwrap()).await.is_err());
        let none = alone.ready().await.witnesses;
        assert_eq!((none.known, none.cosigned, none.is_met()), (0, 0, true));
        alone.stop();
        drop(alone);

        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let first = witness(&one, "kb.example/w", 1, &keys);
        let second = witness(&two, "pob.example/w", 2, &keys);
        let both = [first.key.clone(), second.key.clone()];
        let asked = [(&first.key, first.running.addr), (&second.key, second.running.addr)];
        let service = started(&storage, "one", plan(&asked, 2));
        witnessed(&service, 1, &both).await;
        act(&service, "second").await;
        let note = witnessed(&service, 2, &both).await;
        assert_eq!(note.lines().filter(|line| line.starts_with("— ")).count(), 3, "{note}");
        let until = Instant::now() + LONGEST;
        while !service.ready().await.witnesses.is_met() {
            assert!(Instant::now() < until);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }

        // One witness goes away: the service goes on with the other, and says how many it has.
        second.running.stop().await;
        act(&service, "third").await;
        witnessed(&service, 3, &both[..1]).await;
        let until = Instant::now() + LONGEST;
        while service.ready().await.witnesses.cosigned != 1 {
            assert!(Instant::now() < until);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ready = service.ready().await;
        assert!(ready.ready && !ready.witnesses.is_met());
        service.stop();
        drop(service);

        // Both start again, and neither remembers where the other was: they find out by asking.
        let second = witness(&two, "pob.example/w", 2, &keys);
        let asked = [(&first.key, first.running.addr), (&second.key, second.running.addr)];
        let service = started(&storage, "one", plan(&asked, 2));
        act(&service, "fourth").await;
        witnessed(&service, 4, &both).await;
        service.stop();
        first.running.stop().await;
        second.running.stop().await;
    }
}

/// A log of our own that can lie.
fn note(size: u64, root: [u8; 32]) -> String {
    let origin = "akkoord.example/wise/consent/2027".to_owned();
    let key = SigningKey::from_seed(Secret32::from_bytes([7; 32])).unwrap();
    Checkpoint { origin, size, root }.sign(&key).unwrap()
}

#[test]
fn a_witness_answers_each_mistake_with_its_status_and_never_cosigns_two_histories() {
    let folder = tempfile::tempdir().unwrap();
    let origin = "akkoord.example/wise/consent/2027";
    let key = SigningKey::from_seed(Secret32::from_bytes([7; 32])).unwrap();
    let known = VerifierKey::new(origin, key.public()).unwrap().to_text();
    let stranger = SigningKey::from_seed(Secret32::from_bytes([8; 32])).unwrap();
    actix_web::rt::System::new().block_on(async {
        let served = witness(
            &folder.path().join("w"),
            "kb.example/w",
            1,
            std::slice::from_ref(&known),
        );
        let ask = async |body: &str| {
            let answer = send(
                served.running.addr,
                "POST",
                "/add-checkpoint",
                &[],
                body.as_bytes(),
            )
            .await;
            (
                answer.status,
                answer.body.clone(),
                answer.header("content-type").unwrap_or_default().to_owned(),
            )
        };
        let request = |old: u64, note: &str| format!("old {old}\n\n{note}");
        // Nothing was cosigned yet, whatever is wrong.
        let other = Checkpoint {
            origin: "akkoord.example/other".to_owned(),
            size: 1,
            root: [1; 32],
        };
        assert_eq!(ask(&request(0, &other.sign(&key).unwrap())).await.0, 404);
        let forged = Checkpoint {
            origin: origin.to_owned(),
            size: 1,
            root: [1; 32],
        };
        assert_eq!(ask(&request(0, &forged.sign(&stranger).unwrap())).await.0, 403);
        assert_eq!(ask(&request(5, &note(3, [1; 32]))).await.0, 400);
        assert_eq!(ask("hello").await.0, 400);
        assert_eq!(ask(&"x".repeat(40_000)).await.0, 413);
        let (status, body, kind) = ask(&request(2, &note(3, [1; 32]))).await;
        assert_eq!(
            (status, body.as_str(), kind.as_str()),
            (409, "0\n", "text/x.tlog.size")
        );
        // The first time it believes what it is told.
        let (status, line, _) = ask(&request(0, &note(3, [1; 32]))).await;
        assert_eq!(status, 200, "{line}");
        let text = format!("{}{line}", note(3, [1; 32]));
        let by = [served.key.clone()];
        assert_eq!(cosignatures(&Note::parse(&text).unwrap(), &by).unwrap().len(), 1);
        // The same again is fine; another tree of the same size, a smaller or a grown one without proof is not.
        assert_eq!(ask(&request(3, &note(3, [1; 32]))).await.0, 200);
        assert_eq!(ask(&request(3, &note(3, [2; 32]))).await.0, 409);
        assert_eq!(ask(&request(0, &note(2, [2; 32]))).await.0, 409);
        assert_eq!(ask(&request(3, &note(4, [2; 32]))).await.0, 422);
        let get = async |path: &str| send(served.running.addr, "GET", path, &[], b"").await;
        assert_eq!(get("/logs").await.body, format!("{origin} 3\n"));
        assert_eq!(get("/vkey").await.body, format!("{}\n", served.key.to_text()));
        assert_eq!(get("/healthz").await.status, 200);

        // Only one at a time works with a folder; and what was seen outlives it.
        assert!(matches!(
            Witness::open(&folder.path().join("w")),
            Err(WitnessError::Running(_))
        ));
        served.running.stop().await;
        let until = Instant::now() + LONGEST;
        let again = loop {
            match Witness::open(&folder.path().join("w")) {
                Ok(witness) => break witness,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(again.watched().unwrap()[0].size, 3);
        drop(again);
        // A witness that forgot what it saw does not start.
        let seen = std::fs::read_dir(folder.path().join("w/seen")).unwrap();
        for file in seen.flatten().filter(|file| file.file_name() != ".lock") {
            std::fs::write(file.path(), "akkoord").unwrap();
        }
        assert!(matches!(
            Witness::open(&folder.path().join("w")),
            Err(WitnessError::Seen(_))
        ));
    });
}

/// The database comes back from a backup, and the folder of checkpoints with it: only somebody else can notice.
#[test]
fn a_log_that_was_rolled_back_whole_is_noticed_by_its_witness() {
    let (storage, folder) = (TestStorage::new(Engine::Sqlite), tempfile::tempdir().unwrap());
    let older = folder.path().join("older");
    actix_web::rt::System::new().block_on(async {
        let service = started(&storage, "one", WitnessPlan::default());
        act(&service, "first").await;
        let keys = vkeys(&service).await;
        service.stop();
        drop(service);
        copy(storage.directory(), &older);
        let served = witness(&folder.path().join("w"), "kb.example/w", 1, &keys);
        let asked = [(&served.key, served.running.addr)];
        let service = started(&storage, "one", plan(&asked, 1));
        act(&service, "second").await;
        witnessed(&service, 2, std::slice::from_ref(&served.key)).await;
        service.stop();
        drop(service);

        copy(&older, storage.directory());
        let service = started(&storage, "one", plan(&asked, 1));
        // As many entries as before, and others.
        act(&service, "third").await;
        let until = Instant::now() + LONGEST;
        let size = async || {
            let note = service
                .log_checkpoint(LogName::parse("admin").unwrap())
                .await
                .unwrap_or_default();
            note.lines().nth(1).and_then(|line| line.parse::<u64>().ok())
        };
        while size().await != Some(2) {
            assert!(Instant::now() < until);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await; // ten times that it is asked
        assert_eq!(service.ready().await.witnesses.cosigned, 0);
        let logs = send(served.running.addr, "GET", "/logs", &[], b"").await.body;
        assert!(logs.contains("/admin/2027 2\n"), "{logs}");
        service.stop();
        served.running.stop().await;
    });
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn the_program_runs_a_witness_and_asks_it() {
    let storage = TestStorage::new(Engine::Sqlite);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("w");
    let name = [
        "witness",
        "init",
        "--data",
        data.to_str().unwrap(),
        "--name",
        "kb.example/w",
    ];
    let made = run(&name);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let key = made.stdout.lines().next().unwrap().to_owned();
    let again = run(&name);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("there already"), "{}", again.stderr);
    let nameless = run(&[
        "witness",
        "init",
        "--data",
        data.to_str().unwrap(),
        "--name",
        "two words",
    ]);
    assert_eq!(nameless.code, 1);

    let serve = [
        "witness",
        "serve",
        "--data",
        data.to_str().unwrap(),
        "--bind",
        "127.0.0.1:0",
    ];
    let mut watching = Running::start(akkoord(&serve));
    let at = watching.wait_for("The witness listens on ", LONGEST);
    let mut installation = Installation::new(storage.url(), storage.directory(), 1, "");
    installation.configure(&format!(
        "[witnesses]\nquorum = 1\nseconds = 1\n[[witnesses.witness]]\nkey = \"{key}\"\nurl = \"{at}\"\n"
    ));
    let serving = installation.start();
    actix_web::rt::System::new().block_on(async {
        let mut client = installation.client(0, serving.address);
        client
            .post("/v1/people", &registration("2000123456"))
            .await
            .expect(201);
        let decided = client
            .post("/v1/decisions", &question("2000123456"))
            .await
            .expect(200);
        let mut keys = Vec::new();
        for log in ["consent", "decision", "admin"] {
            keys.push(client.get(&format!("/log/{log}/vkey")).await.text());
        }
        std::fs::write(data.join("logs"), keys.concat()).unwrap(); // heard of without a restart
        let until = Instant::now() + LONGEST;
        let checkpoint = loop {
            let answer = client.get("/log/decision/witnessed-checkpoint").await;
            if answer.status == 200 {
                break answer.text();
            }
            assert!(Instant::now() < until, "{}", watching.complained());
        };
        let by = [WitnessKey::parse(&key).unwrap()];
        assert_eq!(
            cosignatures(&Note::parse(&checkpoint).unwrap(), &by)
                .unwrap()
                .len(),
            1
        );
        proof_with_cosignature(&mut client, &decided, keys[1].trim_end(), &by).await;
    });
    watching.signal("TERM");
    assert_eq!(watching.ended(LONGEST), Some(0));
}

/// The proof that the service hands out for a decision carries the witness' line.
async fn proof_with_cosignature(client: &mut Client, decided: &Value, key: &str, by: &[WitnessKey]) {
    let id = decided["decisionId"].as_str().unwrap();
    let proof = client.get(&format!("/v1/decisions/{id}/proof")).await;
    assert_eq!(proof.status, 200, "{}", proof.text());
    let proof = akkoord::audit::tlog_proof::LogProof::parse(&proof.text()).unwrap();
    let line = proof.extra.clone().unwrap();
    let leaf: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(leaf["id"], json!(id), "{leaf}");
    let known = [VerifierKey::parse(key).unwrap()];
    proof.verify(&line, &known).unwrap();
    let note = Note::parse(&proof.checkpoint).unwrap();
    assert_eq!(cosignatures(&note, by).unwrap().len(), 1);
    verified_by_the_program(&proof, key, &by[0]);
}

/// What the program says of a proof: with the right keys, with a witness that did not cosign, and when it was changed.
fn verified_by_the_program(proof: &akkoord::audit::tlog_proof::LogProof, key: &str, witness: &WitnessKey) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tlog-proof");
    let verify = |text: &str, more: &[&str]| {
        std::fs::write(&path, text).unwrap();
        run(&[&["audit", "verify", path.to_str().unwrap(), "--key", key], more].concat())
    };
    let text = proof.to_text();
    let by = witness.to_text();
    let fine = verify(&text, &["--witness", &by]);
    assert_eq!(fine.code, 0, "{}", fine.stderr);
    assert!(
        fine.stdout.contains("witnessed    by kb.example/w at 20"),
        "{}",
        fine.stdout
    );
    let stranger = SigningKey::from_seed(Secret32::from_bytes([77; 32])).unwrap();
    let stranger = WitnessKey::new("kb.example/w", stranger.public())
        .unwrap()
        .to_text();
    let absent = verify(&text, &["--witness", &by, "--witness", &stranger]);
    assert_eq!(absent.code, 1);
    assert!(
        absent.stderr.contains("1 of the 2 witnesses"),
        "{}",
        absent.stderr
    );
    assert_eq!(
        verify(
            &text,
            &["--witness", &by, "--witness", &stranger, "--quorum", "1"]
        )
        .code,
        0
    );
    let other = akkoord::audit::tlog_proof::LogProof {
        extra: Some(b"{}".to_vec()),
        ..proof.clone()
    };
    assert_eq!(verify(&other.to_text(), &[]).code, 1);
    assert_eq!(verify(&text, &["--witness", "x"]).code, 2);
}

both_engines! {
    async fn receipts_and_decisions_come_with_their_proof(engine) {
        let api = Api::start(engine).await;
        let registered = api.post("/v1/people", &registration("2000123456")).await;
        assert_eq!(registered.status, 201);
        let notice = api.service.catalogue().purposes["newsletter"].purpose.version;
        let yes = json!({ "person": {"scheme": "member-number", "value": "2000123456"}, "organisation": LIBRARY,
            "purpose": "newsletter", "status": "given", "noticeVersion": notice, "language": "nl",
            "indicationMethod": "web-form", "actor": { "type": "self" } });
        let receipt = api.post("/v1/consents", &yes).await;
        assert_eq!(receipt.status, 201, "{receipt:?}");
        let id = receipt.json()["receiptId"].as_str().unwrap().to_owned();
        let until = Instant::now() + LONGEST;
        let proof = loop {
            let answer = api.get(&format!("/v1/receipts/{id}/proof")).await;
            if answer.status == 200 {
                break answer.body;
            }
            assert_eq!((answer.status, answer.header("retry-after")), (404, Some("1")));
            assert!(Instant::now() < until);
        };
        let proof = akkoord::audit::tlog_proof::LogProof::parse(&proof).unwrap();
        let line = proof.extra.clone().unwrap();
        let key = api.service.log_vkey(LogName::parse("consent").unwrap()).await.unwrap();
        let known = [VerifierKey::parse(&key).unwrap()];
        proof.verify(&line, &known).unwrap();
        // Another line, or another log's key, proves nothing.
        assert!(proof.verify(b"{}", &known).is_err());
        let key = api.service.log_vkey(LogName::parse("decision").unwrap()).await.unwrap();
        assert!(proof.verify(&line, &[VerifierKey::parse(&key).unwrap()]).is_err());
        let nobody = api.get("/v1/receipts/00000000000000000000000000000000/proof").await;
        assert_eq!((nobody.status, nobody.header("retry-after")), (404, None));
    }
}
