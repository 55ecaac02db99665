//! A node that is killed between commit and delivery: every acknowledged word is delivered at least once, and those of one
//! person in their order. `AKKOORD_KILLED_EVENTS` and `AKKOORD_KILLS` in the environment make it a longer run.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Notify;

use crate::propagation_webhooks::in_order;
use crate::support::app::{notice, registration, word};
use crate::support::client::Client;
use crate::support::engine::{Engine, TestStorage};
use crate::support::postgres::Postgres;
use crate::support::receiver::{Receiver, Reply};
use crate::support::serving::Installation;

const CALLERS: usize = 12;
const RECOVERY: Duration = Duration::from_secs(60);

fn asked(variable: &str, usual: usize) -> usize {
    let text = std::env::var(variable).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Somebody who changes people's minds all the time, and asks again with the same key when there was no answer.
struct Caller {
    client: Client,
    number: usize,
    people: usize,
    words: usize,
    /// What was acknowledged, by person.
    said: BTreeMap<String, Vec<String>>,
    unknown: Option<(String, String, String)>,
}

impl Caller {
    async fn work(&mut self, notice: u64, done: &AtomicUsize, bell: &Notify, enough: usize) {
        while done.load(Ordering::SeqCst) < enough {
            if self.step(notice, done, bell).await.is_none() {
                return;
            }
        }
    }

    /// The next word of the newest person; a new person after eight. `None` when the connection broke.
    async fn step(&mut self, notice: u64, done: &AtomicUsize, bell: &Notify) -> Option<()> {
        let (key, member, status) = match self.unknown.clone() {
            Some(unknown) => unknown,
            None => {
                if self.words.is_multiple_of(8) {
                    self.people += 1;
                    let member = self.member();
                    let registered = self
                        .client
                        .try_post("/v1/people", &[], &registration(&member))
                        .await;
                    assert!(registered.ok()?.status < 300);
                }
                self.words += 1;
                let status = if !self.words.is_multiple_of(2) {
                    "given"
                } else {
                    "withdrawn"
                };
                let key = format!("{}-{}", self.number, self.words);
                (key, self.member(), status.to_owned())
            }
        };
        self.unknown = Some((key.clone(), member.clone(), status.clone()));
        let body = word(&member, &status, notice);
        let headers = [("Idempotency-Key", key.as_str())];
        let answer = self.client.try_post("/v1/consents", &headers, &body).await.ok()?;
        let receipt = answer.expect(201);
        self.unknown = None;
        let person = receipt["personId"].as_str().unwrap().to_owned();
        self.said
            .entry(person)
            .or_default()
            .push(format!("consent-{status}"));
        done.fetch_add(1, Ordering::SeqCst);
        bell.notify_waiters();
        Some(())
    }

    fn member(&self) -> String {
        (20_000_200_000 + self.number * 10_000 + self.people).to_string()
    }
}

fn killed(url: &str, folder: &Path) {
    let (events, kills) = (asked("AKKOORD_KILLED_EVENTS", 800), asked("AKKOORD_KILLS", 4));
    let limits = "queue = 4096\n[webhooks]\nallow_private = true";
    let installation = Installation::new(url, folder, CALLERS, limits);
    let receiver = Receiver::start();
    // It is slow now and then, and refuses a little, so that a kill finds something under way.
    let (count, refused) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    receiver.answer(move |got| match count.fetch_add(1, Ordering::SeqCst) % 50 {
        7 => Reply {
            delay: Duration::from_millis(100),
            ..Reply::status(204)
        },
        // No message twice: a third attempt comes longer after the second than this test waits.
        23 if refused.lock().unwrap().insert(got.id().to_owned()) => Reply::status(503),
        _ => Reply::status(204),
    });
    let mut serving = installation.start();
    let system = actix_web::rt::System::new();
    let notice = system.block_on(async {
        let mut client = installation.client(0, serving.address);
        let added = json!({"url": receiver.url()});
        client.post("/v1/webhook-endpoints", &added).await.expect(201);
        notice(&mut client).await
    });
    let mut callers: Vec<Caller> = (0..CALLERS)
        .map(|number| Caller {
            client: installation.client(number, serving.address),
            number,
            people: 0,
            words: 0,
            said: BTreeMap::new(),
            unknown: None,
        })
        .collect();
    let done = Arc::new(AtomicUsize::new(0));
    let (mut in_flight, mut undelivered) = (0, 0);
    for kill in 0..=kills {
        // The last round is not cut short; the others are, at random within their share.
        let share = events / (kills + 1);
        let until = share * kill + 1 + at_random(share.max(2));
        let address = serving.address;
        callers = system.block_on(async {
            let bell = Arc::new(Notify::new());
            let running: Vec<_> = callers
                .into_iter()
                .map(|mut caller| {
                    let (done, bell) = (Arc::clone(&done), Arc::clone(&bell));
                    tokio::task::spawn_local(async move {
                        caller.client = caller.client.at(address);
                        caller.work(notice, &done, &bell, events).await;
                        bell.notify_waiters();
                        caller
                    })
                })
                .collect();
            if kill < kills {
                reach(&done, &bell, until.min(events)).await;
                serving.program.signal("KILL");
            }
            join_all(running).await.into_iter().map(Result::unwrap).collect()
        });
        if kill == kills {
            break;
        }
        in_flight += callers.iter().filter(|caller| caller.unknown.is_some()).count();
        let said: usize = callers
            .iter()
            .flat_map(|caller| caller.said.values())
            .map(Vec::len)
            .sum();
        let told: usize = in_order(&receiver.got()).values().map(Vec::len).sum();
        undelivered += said.saturating_sub(told);
        serving.kill_was_sent();
        serving = installation.start();
    }
    // Words whose answer got lost are said again with their key: they count once.
    system.block_on(async {
        for caller in &mut callers {
            caller.client = installation.client(caller.number, serving.address);
            let (done, bell) = (AtomicUsize::new(0), Notify::new());
            if caller.unknown.is_some() {
                caller.step(notice, &done, &bell).await.unwrap();
            }
        }
    });
    let said: BTreeMap<String, Vec<String>> = callers.into_iter().flat_map(|caller| caller.said).collect();
    let total: usize = said.values().map(Vec::len).sum();
    let began = Instant::now();
    let mut told = in_order(&receiver.got());
    while told.values().map(Vec::len).sum::<usize>() < total {
        if began.elapsed() > RECOVERY {
            let waiting = system.block_on(async {
                let mut client = installation.client(0, serving.address);
                let endpoints = client.get("/v1/webhook-endpoints").await.expect(200);
                let id = endpoints["items"][0]["id"].as_str().unwrap().to_owned();
                let path = format!("/v1/webhook-endpoints/{id}/deliveries?state=pending");
                (endpoints, client.get(&path).await.expect(200))
            });
            panic!("some were not delivered of {total}: {waiting:#?}");
        }
        std::thread::sleep(Duration::from_millis(100));
        told = in_order(&receiver.got());
    }
    assert_eq!(told, said, "what was told is not what was said");
    let got = receiver.got();
    println!(
        "{kills} kills: {total} words acknowledged ({in_flight} in flight, {undelivered} acknowledged and not yet \
         delivered when a kill came), all delivered in order, {} attempts",
        got.len()
    );
}

async fn reach(done: &AtomicUsize, bell: &Notify, until: usize) {
    let reached = async {
        loop {
            let rung = bell.notified();
            if done.load(Ordering::SeqCst) >= until {
                return;
            }
            rung.await;
        }
    };
    tokio::time::timeout(RECOVERY, reached)
        .await
        .expect("no progress");
}

fn at_random(below: usize) -> usize {
    usize::try_from(RandomState::new().build_hasher().finish() % u64::try_from(below).unwrap()).unwrap()
}

#[test]
fn a_node_that_is_killed_delivers_everything_after_all_on_sqlite() {
    let storage = TestStorage::new(Engine::Sqlite);
    killed(storage.url(), storage.directory());
}

#[test]
fn a_node_that_is_killed_delivers_everything_after_all_on_postgres() {
    let postgres = Postgres::durable();
    let database = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    killed(database.url(), folder.path());
}
