//! The drill: back up, erase, turn the epoch, restore; and nobody brings back who was erased. And what is left of them on
//! disk: nothing that was theirs.

use std::path::{Path, PathBuf};
use std::process::Command;

use akkoord::service::stops::StopRow;
use serde_json::{Value, json};

use crate::support::engine::{Engine, TestStorage};
use crate::support::http::{client, send};
use crate::support::log::verify_all;
use crate::support::office::{CRM, LINDE, Office, person};
use crate::support::postgres::Postgres;
use crate::support::rows::Rows;
use crate::support::service::{clock, node};

const ANNA: &str = "2000000001";
const BERT: &str = "2000000002";

/// The two halves, which are never in one backup.
#[derive(Clone, Copy)]
enum Half {
    Data,
    Keys,
}

impl Half {
    fn file(self) -> &'static str {
        match self {
            Self::Data => "akkoord.db",
            Self::Keys => "akkoord-keys.db",
        }
    }
}

fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A backup of one half, as docs/OPERATIONS.md has it, while the service runs.
fn back_up(storage: &TestStorage, half: Half, name: &str) -> PathBuf {
    let file = storage.directory().join(format!("{name}-{}", half.file()));
    match storage.engine() {
        Engine::Sqlite => done(Command::new("sqlite3").args([
            storage.directory().join(half.file()).display().to_string(),
            format!(".backup {}", file.display()),
        ])),
        Engine::Postgres => {
            let which = match half {
                Half::Data => "--exclude-schema=keystore",
                Half::Keys => "--schema=keystore",
            };
            let mut dump = Postgres::shared().program("pg_dump");
            done(
                dump.args([which, "--no-owner", "--file"])
                    .arg(&file)
                    .arg(storage.url()),
            );
        }
    }
    file
}

/// A new storage out of backups.
fn restore(engine: Engine, data: &Path, keys: &Path) -> TestStorage {
    let storage = TestStorage::new(engine);
    match engine {
        Engine::Sqlite => {
            for (backup, half) in [(data, Half::Data), (keys, Half::Keys)] {
                std::fs::copy(backup, storage.directory().join(half.file())).unwrap();
            }
        }
        Engine::Postgres => {
            storage.psql(
                "DROP SCHEMA IF EXISTS keystore CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public",
            );
            for backup in [data, keys] {
                let mut psql = Postgres::shared().program("psql");
                let file = backup.display().to_string();
                done(psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", &file, storage.url()]));
            }
        }
    }
    storage
}

/// A node over a restored storage, and what it answers about somebody.
struct Restored {
    service: akkoord::service::Service,
    server: akkoord::web::server::RunningServer,
    token: String,
}

impl Restored {
    async fn start(storage: &TestStorage) -> Restored {
        let service = node(storage, &clock(), "node-a");
        let mut options = akkoord::web::server::ServerOptions::at("127.0.0.1:0".parse().unwrap());
        options.workers = 1;
        let server = akkoord::web::server::start(&options, &service, &[akkoord::api::face()]).unwrap();
        let all = akkoord::service::call::Scope::ALL.iter().copied().collect();
        let token = client(&service, "after-restore", "crm", all).await;
        Restored {
            service,
            server,
            token,
        }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> crate::support::http::Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        send(self.server.addr, method, path, &headers, text.as_bytes()).await
    }

    async fn decide(&self, number: &str) -> crate::support::http::Answer {
        let body = json!({ "person": person(number), "organisation": LINDE, "purpose": "newsletter", "action": "contact",
            "channel": "email", "dataScopes": ["email"] });
        self.ask("POST", "/v1/decisions", Some(body)).await
    }

    /// Nobody finds the person by anything, and nothing about them is answered.
    async fn is_nowhere(&self, number: &str, id: &str) {
        for scheme in ["member-number", "email"] {
            let value = if scheme == "email" {
                format!("lid{number}@voorbeeld.example")
            } else {
                number.to_owned()
            };
            let lookup = json!({ "organisation": LINDE, "scheme": scheme, "value": value });
            let found = self.ask("POST", "/v1/people/lookups", Some(lookup)).await;
            assert!(matches!(found.status, 404 | 409 | 503), "{found:?}");
            assert!(!found.body.contains(id), "{found:?}");
        }
        for path in [
            format!("/v1/people/{id}/consents"),
            format!("/v1/people/{id}/consent-events"),
            format!("/v1/people/{id}/preferences"),
            format!("/v1/audit-entries?personId={id}&reason=drill&open=true"),
        ] {
            let found = self.ask("GET", &path, None).await;
            assert!(matches!(found.status, 404 | 409 | 503), "{path}: {found:?}");
        }
        let (service, id) = (self.service.clone(), id.to_owned());
        let stops = tokio::task::spawn_blocking(move || {
            let mut listed = Vec::new();
            let made = service.stops(&"crm".parse().unwrap(), None, |row: StopRow| {
                listed.push(row);
                Ok(())
            });
            made.unwrap();
            listed
        });
        assert!(
            stops.await.unwrap().iter().all(|row| row.person_id != id),
            "on the list of stops"
        );
    }

    async fn stop(self) {
        self.server.stop(true).await;
        let service = self.service;
        tokio::task::spawn_blocking(move || service.stop()).await.unwrap();
    }
}

both_engines! {
    async fn a_restored_backup_does_not_bring_back_who_was_erased(engine) {
        let office = Office::open(engine).await;
        let anna = office.member(ANNA).await;
        let bert = office.member(BERT).await;
        for number in [ANNA, BERT] {
            office.consent(number).await;
            assert_eq!(office.decide(CRM, number).await, "permit-consent");
        }
        let storage = office.api.storage();
        let (data, keys) = (back_up(storage, Half::Data, "old"), back_up(storage, Half::Keys, "old"));

        let id = office.erase(ANNA, &json!({})).await;
        office.turn_epoch().await;
        assert_eq!(office.erasure(&id).await["state"], "epoch-destroyed");
        let present = back_up(storage, Half::Keys, "present");

        // The data of before with the key store of now: everybody is as they were, but for who was erased.
        let restored = restore(engine, &data, &present);
        let node = Restored::start(&restored).await;
        let denied = node.decide(ANNA).await;
        assert_eq!((denied.status, &denied.json()["reasons"][0]["code"]), (200, &json!("deny-erased")), "{denied:?}");
        node.is_nowhere(ANNA, &anna).await;
        assert_eq!(node.decide(BERT).await.json()["decision"], "permit");
        assert_eq!(node.ask("GET", &format!("/v1/people/{bert}/consents"), None).await.status, 200);
        let service = node.service.clone();
        let found = tokio::task::spawn_blocking(move || {
            let dry = service.reapply_erasures(true).unwrap();
            (dry, service.reapply_erasures(false).unwrap(), service.reapply_erasures(false).unwrap())
        });
        let (dry, again, more) = found.await.unwrap();
        assert_eq!((dry.people, dry.without_key, dry.done), (2, 1, false));
        assert_eq!((again.without_key, again.done, more.without_key), (1, true, 0));
        let mut rows = Rows::open(restored.url());
        for table in ["person_record", "person_identifier", "consent_event"] {
            assert_eq!(rows.count_of(table, "person_id NOT IN (SELECT person_id FROM keystore.person_key)"), 0, "{table}");
        }
        assert!(node.decide(ANNA).await.json()["reasons"][0]["code"].as_str().unwrap().starts_with("deny-"));
        node.is_nowhere(ANNA, &anna).await;
        node.stop().await;
        drop(rows);
        verify_all(&restored);

        // The keys of people of before as well, and of epochs only what there is now: nobody's key of then opens.
        let older = restore(engine, &data, &keys);
        let ended = Rows::open(storage.url()).count_of("keystore.epoch_key", "epoch = 1 AND wrapped IS NULL");
        assert_eq!(ended, 1);
        Rows::open(older.url()).run("UPDATE keystore.epoch_key SET wrapped = NULL, destroyed_at = 1 WHERE epoch = 1");
        let node = Restored::start(&older).await;
        assert_ne!(node.decide(ANNA).await.json()["decision"], "permit");
        node.is_nowhere(ANNA, &anna).await;
        node.stop().await;
        verify_all(&older);
    }

    async fn nothing_of_an_erased_person_is_left_in_the_files(engine) {
        let office = Office::open(engine).await;
        for n in 0..40 {
            office.member(&format!("30000000{n:02}")).await;
        }
        office.member(ANNA).await;
        office.consent(ANNA).await;
        office.decide(CRM, ANNA).await;
        for n in 0..40 {
            office.member(&format!("31000000{n:02}")).await;
        }
        let storage = office.api.storage();
        let mut rows = Rows::open(storage.url());
        let of_anna = "person_id = (SELECT person_id FROM audit_private WHERE log = 'decision' LIMIT 1)";
        let mut needles = Vec::new();
        for (column, table) in [
            ("wrapped", "keystore.person_key"), ("sealed", "person_record"), ("sealed", "consent_event"), ("sealed", "audit_private"),
            ("blind_index", "person_identifier"),
        ] {
            let found = rows.bytes(column, table, of_anna);
            assert!(!found.is_empty(), "{table}");
            needles.extend(found.into_iter().map(|bytes| (table, bytes)));
        }
        let epoch = rows.bytes("wrapped", "keystore.epoch_key", "epoch = 1");
        let files = || -> Vec<(PathBuf, Vec<u8>)> {
            if engine == Engine::Postgres {
                storage.psql("CHECKPOINT");
            }
            let folder = match engine {
                Engine::Sqlite => storage.directory().to_owned(),
                Engine::Postgres => {
                    let oid = storage.psql("SELECT oid FROM pg_database WHERE datname = current_database()");
                    Postgres::shared().directory().join("data/base").join(oid.trim())
                }
            };
            let all = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
            all.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
        };
        let before = files();
        for (table, needle) in &needles {
            assert!(before.iter().any(|(_, bytes)| holds(bytes, needle)), "{table}: the search proves nothing");
        }
        assert!(before.iter().any(|(_, bytes)| holds(bytes, &epoch[0])));

        office.erase(ANNA, &json!({})).await;
        if engine == Engine::Postgres {
            // Its pages keep what was deleted until the space is used again; rewriting the tables leaves nothing.
            let service = office.api.service.clone();
            tokio::task::spawn_blocking(move || service.rewrite_tables().unwrap()).await.unwrap();
        }
        let after = files();
        for (table, needle) in &needles {
            let left: Vec<_> = after.iter().filter(|(_, bytes)| holds(bytes, needle)).map(|(path, _)| path).collect();
            assert!(left.is_empty(), "{table}: left in {left:?}");
        }
        office.turn_epoch().await;
        let left: Vec<_> = files().into_iter().filter(|(_, bytes)| holds(bytes, &epoch[0])).map(|(path, _)| path).collect();
        assert!(left.is_empty(), "the key of the epoch: left in {left:?}");
    }
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    let (first, rest) = needle.split_first().unwrap();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| byte == first) {
        at += found + 1;
        if bytes[at..].starts_with(rest) {
            return true;
        }
    }
    false
}
