//! Database away, stuck or slow: the service refuses within its deadline, says for how long, permits nothing, and works
//! again by itself.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::app::{notice, question, registration, word};
use crate::support::client::{Answer, Client};
use crate::support::engine::{Engine, TestStorage};
use crate::support::postgres::Postgres;
use crate::support::rows::{Rows, leaf_hashes};
use crate::support::serving::{Installation, Serving};

/// The deadline the service is given.
const DEADLINE: Duration = Duration::from_millis(1_500);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_secs(3);
const RECOVERY: Duration = Duration::from_secs(30);
const LIMITS: &str = "deadline_ms = 1500\nqueue = 16";
const MEMBER: &str = "2000123456";

/// A member who may be mailed.
async fn consented(client: &mut Client) {
    client.post("/v1/people", &registration(MEMBER)).await.expect(201);
    let notice = notice(client).await;
    client
        .post("/v1/consents", &word(MEMBER, "given", notice))
        .await
        .expect(201);
    let answer = client.post("/v1/decisions", &question(MEMBER)).await.expect(200);
    assert_eq!(answer["decision"], "permit");
}

#[track_caller]
fn is_a_refusal(answer: &Answer, took: Duration) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert_eq!(answer.json()["status"], 503);
    assert!(
        !answer.text().contains(MEMBER) && !answer.text().to_lowercase().contains("sql"),
        "{}",
        answer.text()
    );
    assert!(took < DEADLINE + SLACK, "{took:?}");
}

/// One check that must be refused in time.
async fn refused(client: &mut Client) {
    let asked = Instant::now();
    let answer = client.post("/v1/decisions", &question(MEMBER)).await;
    is_a_refusal(&answer, asked.elapsed());
}

/// Asks until there is a permit again.
async fn recovers(client: &mut Client) -> Duration {
    let back = Instant::now();
    loop {
        let answer = client.post("/v1/decisions", &question(MEMBER)).await;
        if answer.status == 200 {
            assert_eq!(answer.json()["decision"], "permit");
            return back.elapsed();
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(back.elapsed() < RECOVERY, "no recovery in {RECOVERY:?}");
    }
}

/// Many checks at once while nothing can be recorded: some wait for the deadline, more than fit in the queue are refused
/// at once, none is permitted, and all have their answer when one would have it.
async fn no_pile_up(installation: &Installation, serving: &Serving) {
    let asked = Instant::now();
    let many = (0..150).map(|number| {
        let mut client = installation.client(number, serving.address);
        tokio::task::spawn_local(async move {
            let asked = Instant::now();
            let answer = client.post("/v1/decisions", &question(MEMBER)).await;
            is_a_refusal(&answer, asked.elapsed());
            answer.json()["type"].as_str().unwrap().to_owned()
        })
    });
    let kinds: Vec<String> = join_all(many).await.into_iter().map(Result::unwrap).collect();
    assert!(asked.elapsed() < DEADLINE + SLACK, "{:?}", asked.elapsed());
    let busy = kinds.iter().filter(|kind| kind.ends_with("busy")).count();
    assert!(busy > 0, "the queue of 16 never filled: {kinds:?}");
}

#[test]
fn a_stopped_postgres_is_refused_and_waited_for() {
    let postgres = Postgres::private();
    let database = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let installation = Installation::new(database.url(), folder.path(), 4, LIMITS);
    let serving = installation.start();
    actix_web::rt::System::new().block_on(async {
        let mut client = installation.client(0, serving.address);
        consented(&mut client).await;
        for _ in 0..2 {
            let cluster = postgres.clone();
            tokio::task::spawn_blocking(move || cluster.stop()).await.unwrap();
            for _ in 0..3 {
                refused(&mut client).await;
            }
            let asked = Instant::now();
            let withdrawn = client.post("/v1/consents", &word(MEMBER, "withdrawn", 1)).await;
            is_a_refusal(&withdrawn, asked.elapsed());
            assert_eq!(client.get("/healthz").await.status, 200);
            assert_eq!(client.get("/readyz").await.status, 503);
            let cluster = postgres.clone();
            tokio::task::spawn_blocking(move || cluster.start())
                .await
                .unwrap();
            let took = recovers(&mut client).await;
            println!("recovered {took:?} after the start of PostgreSQL");
            assert_eq!(client.get("/readyz").await.status, 200);
        }
        // A token that was valid stays so, and what was acknowledged before is still there.
        assert!(leaf_hashes(database.url(), "decision").len() >= 3);
    });
}

/// Holds what the checks need until `meanwhile` is done.
async fn while_locked<T>(rows: &mut Rows, lock: &str, meanwhile: impl Future<Output = T>) -> T {
    rows.run(lock);
    let done = meanwhile.await;
    rows.run("ROLLBACK");
    done
}

fn a_stuck_database(url: &str, folder: &std::path::Path, lock: &str) {
    let installation = Installation::new(url, folder, 8, LIMITS);
    let serving = installation.start();
    actix_web::rt::System::new().block_on(async {
        let mut client = installation.client(0, serving.address);
        consented(&mut client).await;
        let mut rows = Rows::open(url);
        while_locked(&mut rows, lock, async {
            refused(&mut client).await;
            no_pile_up(&installation, &serving).await;
            assert_eq!(client.get("/healthz").await.status, 200);
            assert_eq!(client.get("/readyz").await.status, 503, "nothing can be recorded");
        })
        .await;
        let took = recovers(&mut client).await;
        println!("recovered {took:?} after the lock was gone");
        let ready = Instant::now();
        while client.get("/readyz").await.status != 200 {
            assert!(ready.elapsed() < RECOVERY);
        }
        // What was refused in the queue was not done later behind everybody's back: of 150 checks only those that were
        // already in a transaction when their caller gave up may have been recorded.
        let recorded = leaf_hashes(url, "decision").len();
        assert!(recorded < 60, "{recorded} leaves for 2 permits and 152 refusals");
    });
}

#[test]
fn a_locked_sqlite_is_refused_in_time_and_waited_for() {
    let storage = TestStorage::new(Engine::Sqlite);
    a_stuck_database(storage.url(), storage.directory(), "BEGIN IMMEDIATE");
}

#[test]
fn a_locked_postgres_is_refused_in_time_and_waited_for() {
    let storage = TestStorage::new(Engine::Postgres);
    let lock = "BEGIN; LOCK TABLE audit_batch IN ACCESS EXCLUSIVE MODE";
    a_stuck_database(storage.url(), storage.directory(), lock);
}

/// A withdrawal whose caller heard nothing but 503 is unknown; its key says later what became of it.
#[test]
fn an_unknown_withdrawal_is_resolved_by_its_key() {
    let storage = TestStorage::new(Engine::Sqlite);
    let installation = Installation::new(storage.url(), storage.directory(), 1, LIMITS);
    let serving = installation.start();
    actix_web::rt::System::new().block_on(async {
        let mut client = installation.client(0, serving.address);
        consented(&mut client).await;
        let notice = notice(&mut client).await;
        let keyed = [("Idempotency-Key", "withdrawal-1")];
        let withdrawal: Value = word(MEMBER, "withdrawn", notice);
        let mut rows = Rows::open(storage.url());
        while_locked(&mut rows, "BEGIN IMMEDIATE", async {
            let asked = Instant::now();
            let answer = client
                .try_post("/v1/consents", &keyed, &withdrawal)
                .await
                .unwrap();
            is_a_refusal(&answer, asked.elapsed());
        })
        .await;
        let back = Instant::now();
        let receipt = loop {
            let answer = client
                .try_post("/v1/consents", &keyed, &withdrawal)
                .await
                .unwrap();
            if answer.status == 201 {
                break answer.json();
            }
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(back.elapsed() < RECOVERY);
        };
        let denied = client.post("/v1/decisions", &question(MEMBER)).await.expect(200);
        assert_eq!(denied["decision"], "deny");
        let person = receipt["personId"].as_str().unwrap();
        let history = client
            .get(&format!("/v1/people/{person}/consent-events"))
            .await
            .expect(200);
        let withdrawals = history["items"].as_array().unwrap().iter();
        assert_eq!(
            withdrawals
                .filter(|event| event["consent"]["status"] == "withdrawn")
                .count(),
            1,
            "{history}"
        );
    });
}

/// The connection breaks after the database has committed and before it can say so. Whoever was registered by that
/// commit is a person, and the next one to be registered must be another.
#[test]
fn a_commit_that_nobody_heard_of_stands_in_nobodys_way() {
    let postgres = Postgres::private();
    let database = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let installation = Installation::new(database.url(), folder.path(), 2, LIMITS);
    let serving = installation.start();
    actix_web::rt::System::new().block_on(async {
        let mut client = installation.client(0, serving.address);
        consented(&mut client).await;
        // Commits take effect and then wait for a standby that does not exist, so they can be cut off there.
        name_standby(&postgres, "nowhere");
        let mut other = installation.client(1, serving.address);
        let unheard = tokio::task::spawn_local(async move {
            let asked = Instant::now();
            let answer = other.post("/v1/people", &registration("2000999001")).await;
            is_a_refusal(&answer, asked.elapsed());
        });
        let cluster = postgres.clone();
        tokio::task::spawn_blocking(move || {
            // The keys of the person come first; their commit is let through. That of the person is cut off.
            await_and(&cluster, "pg_cancel_backend");
            std::thread::sleep(Duration::from_millis(200));
            await_and(&cluster, "pg_terminate_backend");
        })
        .await
        .unwrap();
        unheard.await.unwrap();
        name_standby(&postgres, "");
        recovers(&mut client).await;
        let people = Rows::open(database.url()).count_of("person", "1 = 1");
        assert_eq!(people, 2, "the commit that was cut off did not take effect");
        for number in ["2000999002", "2000999003"] {
            client.post("/v1/people", &registration(number)).await.expect(201);
        }
        client
            .post("/v1/people", &registration("2000999001"))
            .await
            .expect(200);
    });
}

fn name_standby(cluster: &Postgres, name: &str) {
    cluster.psql(
        "postgres",
        &format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'"),
    );
    cluster.psql("postgres", "SELECT pg_reload_conf()");
}

/// Waits until a commit waits for the standby, and does this to its connection.
fn await_and(cluster: &Postgres, what: &str) {
    let asked = Instant::now();
    let done = format!("SELECT count({what}(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    while cluster.psql("postgres", &done).trim() == "0" {
        assert!(asked.elapsed() < RECOVERY, "nothing waits for the standby");
    }
}
