//! The second promise: nothing acknowledged is lost and nothing permitted goes unrecorded, when the program or its
//! database is killed at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::app::{member, notice, question, registration, word};
use crate::support::client::{Answer, Broken, Client};
use crate::support::engine::{Engine, TestStorage};
use crate::support::postgres::Postgres;
use crate::support::rows::leaf_hashes;
use crate::support::serving::Installation;

/// Callers at a time.
const CALLERS: usize = 12;
/// How often the program is killed on each engine.
const KILLS: usize = 21;
/// How often the database is killed under the program.
const DATABASE_KILLS: usize = 6;
/// The longest that recovery may take, on a machine that is busy with other tests.
const RECOVERY: Duration = Duration::from_secs(30);

/// What one caller was told, and what it does not know.
struct Caller {
    client: Client,
    number: usize,
    people: usize,
    /// Ids of acknowledged events, by person.
    events: BTreeMap<String, BTreeSet<String>>,
    /// People whose events of the current round were not looked at yet.
    unchecked: BTreeSet<String>,
    /// Leaf hashes of acknowledged permits.
    permits: BTreeSet<String>,
    /// A word that was sent and not answered; the key says whether it counted.
    unknown: Option<Word>,
    words: usize,
    notice: u64,
    refused: usize,
}

#[derive(Clone)]
struct Word {
    key: String,
    body: Value,
}

/// What all callers share: how much was acknowledged, and a bell for whoever waits for that.
#[derive(Default)]
struct Counter {
    acknowledged: AtomicUsize,
    bell: Notify,
}

impl Counter {
    fn one_more(&self) {
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
        self.bell.notify_waiters();
    }

    /// Waits until so many more were acknowledged.
    async fn wait_for(&self, more: usize, within: Duration) {
        let until = self.acknowledged.load(Ordering::SeqCst) + more;
        let reached = async {
            loop {
                let rung = self.bell.notified();
                if self.acknowledged.load(Ordering::SeqCst) >= until {
                    return;
                }
                rung.await;
            }
        };
        let waited = tokio::time::timeout(within, reached).await;
        assert!(waited.is_ok(), "fewer than {more} acknowledgements in {within:?}");
    }
}

/// Why a caller stopped for now.
enum Pause {
    Broken(Broken),
    Refused,
}

impl Caller {
    fn new(client: Client, number: usize, notice: u64) -> Caller {
        Caller {
            client,
            number,
            people: 0,
            events: BTreeMap::new(),
            unchecked: BTreeSet::new(),
            permits: BTreeSet::new(),
            unknown: None,
            words: 0,
            notice,
            refused: 0,
        }
    }

    /// Works until the connection breaks or the service says that it cannot record.
    async fn work(&mut self, counter: &Counter) -> Pause {
        loop {
            if let Err(pause) = self.step(counter).await {
                return pause;
            }
        }
    }

    /// A new person says yes; the newsletter may be mailed; the person says no and yes again.
    async fn step(&mut self, counter: &Counter) -> Result<(), Pause> {
        if let Some(word) = self.unknown.clone() {
            self.say(word, counter).await?;
        }
        self.people += 1;
        let person = (20_000_000_000 + self.number * 1_000_000 + self.people).to_string();
        let registered = self.send("/v1/people", &[], &registration(&person)).await?;
        assert!(matches!(registered.status, 200 | 201), "{}", registered.text());
        for status in ["given", "withdrawn", "given"] {
            self.words += 1;
            let word = Word {
                key: format!("{}-{}", self.number, self.words),
                body: word(&person, status, self.notice),
            };
            self.say(word, counter).await?;
            if status == "given" {
                let answer = self
                    .send("/v1/decisions", &[], &question(&person))
                    .await?
                    .expect(200);
                assert_eq!(answer["decision"], "permit", "{answer}");
                self.permits
                    .insert(answer["audit"]["leafHash"].as_str().unwrap().to_owned());
                counter.one_more();
            }
        }
        Ok(())
    }

    async fn say(&mut self, word: Word, counter: &Counter) -> Result<(), Pause> {
        self.unknown = Some(word.clone());
        let answer = self
            .send("/v1/consents", &[("Idempotency-Key", &word.key)], &word.body)
            .await?;
        let receipt = answer.expect(201);
        self.unknown = None;
        let id = receipt["receiptId"].as_str().unwrap().to_owned();
        let pairwise = receipt["personId"].as_str().unwrap().to_owned();
        assert!(
            self.events.entry(pairwise.clone()).or_default().insert(id),
            "an event twice"
        );
        self.unchecked.insert(pairwise);
        counter.one_more();
        Ok(())
    }

    async fn send(&mut self, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, Pause> {
        let answer = self
            .client
            .try_post(path, headers, body)
            .await
            .map_err(Pause::Broken)?;
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            self.refused += 1;
            return Err(Pause::Refused);
        }
        Ok(answer)
    }

    /// Reads the history of everybody who was spoken for since the last time: exactly the events that were acknowledged,
    /// and at most the one whose answer got lost.
    async fn look(&mut self) {
        for person in std::mem::take(&mut self.unchecked) {
            let acknowledged = &self.events[&person];
            let answer = self
                .client
                .get(&format!("/v1/people/{person}/consent-events"))
                .await
                .expect(200);
            let stored: BTreeSet<String> = answer["items"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|event| event["consent"].is_object())
                .map(|event| event["eventId"].as_str().unwrap().to_owned())
                .collect();
            let lost: Vec<_> = acknowledged.difference(&stored).collect();
            assert!(
                lost.is_empty(),
                "acknowledged and not there: {lost:?} of {answer}"
            );
            let more = stored.difference(acknowledged).count();
            assert!(
                more <= usize::from(self.unknown.is_some()),
                "said once and recorded {more} times more"
            );
            if more > 0 {
                self.unchecked.insert(person);
            }
        }
    }
}

fn callers(installation: &Installation, address: SocketAddr, notice: u64) -> Vec<Caller> {
    (0..CALLERS)
        .map(|number| Caller::new(installation.client(number, address), number, notice))
        .collect()
}

fn at_random(below: u64) -> usize {
    usize::try_from(RandomState::new().build_hasher().finish() % below).unwrap()
}

/// Every acknowledged permit has its leaf in the log.
fn permits_are_recorded(storage_url: &str, callers: &[Caller]) -> usize {
    let recorded = leaf_hashes(storage_url, "decision");
    let permits: Vec<&String> = callers.iter().flat_map(|caller| &caller.permits).collect();
    for permit in &permits {
        assert!(recorded.contains(*permit), "permitted and not recorded: {permit}");
    }
    permits.len()
}

fn killed_at_random(url: &str, folder: &std::path::Path) {
    let installation = Installation::new(url, folder, CALLERS, "");
    let mut serving = installation.start();
    let system = actix_web::rt::System::new();
    let mut all = system.block_on(async {
        let mut client = installation.client(0, serving.address);
        let notice = notice(&mut client).await;
        callers(&installation, serving.address, notice)
    });
    let mut in_flight = 0;
    for kill in 0..=KILLS {
        let address = serving.address;
        let again;
        (all, again) = system.block_on(async {
            for caller in &mut all {
                caller.client = installation.client(caller.number, address);
                caller.look().await;
            }
            if kill == KILLS {
                return (all, None);
            }
            let counter = Arc::new(Counter::default());
            let running: Vec<_> = all
                .into_iter()
                .map(|mut caller| {
                    let counter = Arc::clone(&counter);
                    tokio::task::spawn_local(async move {
                        let pause = caller.work(&counter).await;
                        assert!(matches!(pause, Pause::Broken(broken) if broken != Broken::Silent));
                        caller
                    })
                })
                .collect();
            counter.wait_for(1 + at_random(120), RECOVERY).await;
            serving.program.signal("KILL");
            let all: Vec<Caller> = join_all(running).await.into_iter().map(Result::unwrap).collect();
            (all, Some(serving))
        });
        let Some(killed) = again else { break };
        in_flight += all.iter().filter(|caller| caller.unknown.is_some()).count();
        killed.kill_was_sent();
        permits_are_recorded(url, &all);
        serving = installation.start();
    }
    let permits = permits_are_recorded(url, &all);
    let events: usize = all
        .iter()
        .flat_map(|caller| caller.events.values())
        .map(BTreeSet::len)
        .sum();
    println!(
        "{KILLS} kills: {events} consents and {permits} permits acknowledged, {in_flight} words in flight, none lost"
    );
    assert!(in_flight > 0, "no kill came in the middle of anything");
}

#[test]
fn a_program_that_is_killed_loses_nothing_on_sqlite() {
    let storage = TestStorage::new(Engine::Sqlite);
    killed_at_random(storage.url(), storage.directory());
}

#[test]
fn a_program_that_is_killed_loses_nothing_on_postgres() {
    let postgres = Postgres::durable();
    let database = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    killed_at_random(database.url(), folder.path());
}

#[test]
fn a_database_that_is_killed_is_waited_for_and_loses_nothing() {
    let postgres = Postgres::durable();
    let database = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let installation = Installation::new(database.url(), folder.path(), CALLERS, "deadline_ms = 2000");
    let serving = installation.start();
    actix_web::rt::System::new().block_on(async {
        let mut watcher = installation.client(0, serving.address);
        let notice = notice(&mut watcher).await;
        let mut all = callers(&installation, serving.address, notice);
        for _ in 0..DATABASE_KILLS {
            let counter = Arc::new(Counter::default());
            let running: Vec<_> = all
                .into_iter()
                .map(|mut caller| {
                    let counter = Arc::clone(&counter);
                    tokio::task::spawn_local(async move {
                        // The service itself never goes away: there is an answer to every request.
                        assert!(matches!(caller.work(&counter).await, Pause::Refused));
                        caller
                    })
                })
                .collect();
            counter.wait_for(1 + at_random(120), RECOVERY).await;
            let cluster = postgres.clone();
            tokio::task::spawn_blocking(move || cluster.kill()).await.unwrap();
            all = join_all(running).await.into_iter().map(Result::unwrap).collect();

            // Nothing is permitted while nothing can be recorded, and the service says so.
            let refused = watcher.post("/v1/decisions", &question("20000000001")).await;
            assert_eq!(refused.status, 503, "{}", refused.text());
            assert!(refused.header("retry-after").is_some());
            assert_eq!(watcher.get("/healthz").await.status, 200);
            assert_eq!(watcher.get("/readyz").await.status, 503);

            let cluster = postgres.clone();
            tokio::task::spawn_blocking(move || cluster.start()).await.unwrap();
            let back = Instant::now();
            while watcher.get("/readyz").await.status != 200 {
                assert!(back.elapsed() < RECOVERY, "still not ready {RECOVERY:?} after the database came back");
            }
            for caller in &mut all {
                caller.look().await;
            }
        }
        // By itself, and for good.
        let lookup = json!({"scheme": "member-number", "value": member("20000000001")["value"]});
        assert!(watcher.post("/v1/people/lookups", &lookup).await.status < 500);
        let permits = permits_are_recorded(database.url(), &all);
        let events: usize = all.iter().flat_map(|caller| caller.events.values()).map(BTreeSet::len).sum();
        println!("{DATABASE_KILLS} kills of the database: {events} consents and {permits} permits acknowledged, none lost");
        assert!(all.iter().all(|caller| caller.refused >= DATABASE_KILLS));
    });
}
