//! Single checks and consents over HTTP. Client (wrk, one thread), service and database share the machine. The floors:
//!
//! * a bare actix endpoint that parses the same JSON and answers the same JSON, and does nothing else;
//! * the consent table that somebody would make instead: `pgbench` with a prepared point read and a durable insert for
//!   each check, an upsert and an insert for each consent;
//! * the commit of one row.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::house::{self, Failure, Served, fill_apart, median, number, row};
use actix_web::web::{self, Data, Json};
use actix_web::{App, HttpResponse, HttpServer};
use akkoord::api::decisions::{AuditReference, Decision, DecisionRequest, Obligation, Reason};
use akkoord::api::reading::Reading;
use akkoord::service::Service;
use akkoord::web::problem::Problem;
use akkoord::web::server::Face;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use serde_json::{Value, json};

/// How long one measurement takes.
pub const SECONDS: u64 = 5;
/// As many callers as the goals name.
pub const MANY: usize = 64;
/// How many different people are asked about where those are remembered who were asked about before.
pub const ASKED: usize = 200_000;
/// Mebibytes for remembering: room for all of them, and for nobody.
const ROOMY: &str = "1024";
pub const FORGETFUL: &str = "0";

/// The same check without a look at the token, to see what that costs.
pub fn unauthenticated() -> Face {
    async fn check(body: Json<DecisionRequest>, service: Data<Service>) -> Result<HttpResponse, Problem> {
        let call = house::call().map_err(|_| akkoord::service::refusal::Refusal::Unavailable)?;
        let verb = body.verb(&call, Reading::new(&service))?;
        let decided = service.decide(&call, verb).await?;
        Ok(HttpResponse::Ok().json(Decision::of(&decided, call.language, service.public_base())))
    }
    Face {
        configure: |config| {
            config.route("/open/decisions", web::post().to(check));
        },
        methods: Vec::new(),
    }
}

/// Parses the question, answers as much as a check answers, and does nothing else.
pub fn bare() -> Result<(), Failure> {
    async fn answer(asked: Json<DecisionRequest>) -> HttpResponse {
        HttpResponse::Ok().json(Decision {
            decision_id: "01a204ade409cdc3f4293420bb9e24df".to_owned(),
            decision: "permit",
            reasons: vec![Reason {
                code: "permit-consent",
                text: "Dit lid gaf toestemming op 3 november 2026.".to_owned(),
                missing: Vec::new(),
            }],
            data_scopes: asked.data_scopes.clone(),
            withheld_data_scopes: Vec::new(),
            valid_until: Some("2026-11-22T19:14:24.697Z".to_owned()),
            obligations: vec![Obligation {
                kind: "list-unsubscribe",
                url: format!("http://127.0.0.1/u/{}", "A".repeat(150)),
            }],
            capture_url: None,
            human_involvement: None,
            legal_basis: "consent",
            policy_version: "2026-11-01.1".to_owned(),
            audit: AuditReference {
                log: "decision",
                leaf_hash: "9c28db7f49c1769567261ee9db98a8b01b6847dca3f80e5ff247d5923c72e93d".to_owned(),
            },
            point_in_time: false,
        })
    }
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(|| App::new().route("/v1/decisions", web::post().to(answer)))
            .workers(std::thread::available_parallelism()?.get())
            .disable_signals()
            .bind("127.0.0.1:0")?;
        let addr = *server.addrs().first().ok_or("not bound")?;
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        house::announce(addr, "-")?;
        house::until_the_end().await;
        handle.stop(false).await;
        Ok(())
    })
}

/// What one measurement showed.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// A second.
    pub rate: f64,
    /// Milliseconds.
    p50: f64,
    p99: f64,
}

/// Medians of several measurements.
fn medians(all: &[Shown]) -> Shown {
    let of = |one: fn(&Shown) -> f64| median(all.iter().map(one).collect());
    Shown {
        rate: of(|shown| shown.rate),
        p50: of(|shown| shown.p50),
        p99: of(|shown| shown.p99),
    }
}

/// Runs wrk against a server.
pub fn load(
    served: &Served,
    path: &str,
    kind: &str,
    callers: usize,
    people: usize,
) -> Result<Shown, Failure> {
    let done = Command::new("wrk")
        .args([
            "-t1",
            &format!("-c{callers}"),
            &format!("-d{SECONDS}s"),
            "--latency",
            "--timeout",
            "30s",
        ])
        .args([
            "-s",
            concat!(env!("CARGO_MANIFEST_DIR"), "/benches/figures/checks.lua"),
        ])
        .arg(format!("http://{}{path}", served.addr))
        .args(["--", &served.token, &number(0), &people.to_string(), kind])
        .output()?;
    let text = String::from_utf8_lossy(&done.stdout);
    let figures: Vec<f64> = text
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .ok_or("wrk gave no result; is it installed?")?
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests, micros, bad, p50, p99] = figures.as_slice() else {
        return Err("wrk gave another result".into());
    };
    if *bad > 0.0 {
        return Err(format!("{bad} requests to {path} failed").into());
    }
    Ok(Shown {
        rate: requests / (micros / 1e6),
        p50: p50 / 1e3,
        p99: p99 / 1e3,
    })
}

/// The consent table that somebody would make instead of this service.
fn prepare_floor(postgres: &str, people: usize) -> Result<(), Failure> {
    let mut connection = PgConnection::establish(postgres)?;
    connection.batch_execute(&format!(
        "DROP TABLE IF EXISTS diy_consent, diy_check;
         CREATE TABLE diy_consent (member BIGINT PRIMARY KEY, purpose TEXT NOT NULL, status TEXT NOT NULL,
             scopes TEXT NOT NULL, notice INT NOT NULL, changed_at TIMESTAMPTZ NOT NULL, method TEXT NOT NULL);
         CREATE TABLE diy_check (id BIGSERIAL PRIMARY KEY, member BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL,
             system TEXT NOT NULL, purpose TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL);
         CREATE INDEX ON diy_check (member, at);
         INSERT INTO diy_consent SELECT 2000000000 + n, 'newsletter', CASE WHEN n % 6 < 4 THEN 'given' ELSE 'refused' END,
             'email,identity', 3, now(), 'web-form' FROM generate_series(0, {last}) n WHERE n % 6 < 5;
         ANALYZE diy_consent;",
        last = people.saturating_sub(1)
    ))?;
    connection.batch_execute("CHECKPOINT")?;
    Ok(())
}

const CHECK: &str = r"\set member random(:first, :last)
SELECT status, scopes, notice, changed_at FROM diy_consent WHERE member = :member AND purpose = 'newsletter';
INSERT INTO diy_check (member, at, system, purpose, outcome, detail) VALUES (:member, now(), 'crm', 'newsletter', 'permit', repeat('x', 120));
";
const CONSENT: &str = r"\set member random(:first, :last)
BEGIN;
INSERT INTO diy_consent VALUES (:member, 'newsletter', 'given', 'email,identity', 3, now(), 'web-form')
    ON CONFLICT (member) DO UPDATE SET status = excluded.status, changed_at = excluded.changed_at;
INSERT INTO diy_check (member, at, system, purpose, outcome, detail) VALUES (:member, now(), 'crm', 'newsletter', 'given', repeat('x', 120));
COMMIT;
";
const COMMIT: &str = r"\set member random(:first, :last)
INSERT INTO diy_check (member, at, system, purpose, outcome, detail) VALUES (:member, now(), 'crm', 'newsletter', 'permit', repeat('x', 120));
";

/// Runs pgbench, with the latency of every transaction.
fn pgbench(postgres: &str, script: &str, callers: usize, people: usize) -> Result<Shown, Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("script.sql");
    std::fs::write(&file, script)?;
    let first: u64 = number(0).parse()?;
    let done = Command::new("pgbench")
        .current_dir(folder.path())
        .args([
            "-n",
            "-M",
            "prepared",
            "-j1",
            &format!("-c{callers}"),
            &format!("-T{SECONDS}"),
            "-l",
        ])
        .args([
            "-D",
            &format!("first={first}"),
            "-D",
            &format!("last={}", first + people as u64 - 1),
        ])
        .arg("-f")
        .arg(&file)
        .arg(postgres)
        .output()?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned().into());
    }
    let text = String::from_utf8_lossy(&done.stdout);
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or("pgbench gave no rate")?
        .parse()?;
    let mut waits: Vec<f64> = Vec::new();
    for entry in std::fs::read_dir(folder.path())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            continue;
        }
        for line in std::fs::read_to_string(path)?.lines() {
            waits.push(line.split(' ').nth(2).unwrap_or_default().parse::<f64>()? / 1e3);
        }
    }
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| {
        waits
            .get((waits.len() as f64 * share) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    Ok(Shown {
        rate,
        p50: at(0.50),
        p99: at(0.99),
    })
}

/// The commit of one row in SQLite, with the settings of the service.
fn sqlite_commit() -> Result<Shown, Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("floor.sqlite");
    let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
    connection.batch_execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE diy_check (id INTEGER PRIMARY KEY, detail TEXT NOT NULL);",
    )?;
    let mut waits = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        let started = Instant::now();
        diesel::sql_query("INSERT INTO diy_check (detail) VALUES (hex(zeroblob(100)))")
            .execute(&mut connection)?;
        waits.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let rate = waits.len() as f64 / begun.elapsed().as_secs_f64();
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| {
        waits
            .get((waits.len() as f64 * share) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    Ok(Shown {
        rate,
        p50: at(0.50),
        p99: at(0.99),
    })
}

/// Everything that one engine is measured with.
#[derive(Debug, Default)]
struct Engine {
    many: Vec<Shown>,
    forgetful: Vec<Shown>,
    one: Vec<Shown>,
    open: Vec<Shown>,
    consents: Vec<Shown>,
    cpu: Vec<f64>,
}

impl Engine {
    fn measure(&mut self, url: &str, people: usize) -> Result<(), Failure> {
        {
            let served = Served::start(&["serve", url, "bench", FORGETFUL])?;
            self.forgetful
                .push(load(&served, "/v1/decisions", "check", MANY, people)?);
        }
        let people = people.min(ASKED);
        let served = &Served::start(&["serve", url, "bench", ROOMY])?;
        let mut asked = 0.0;
        while asked < people as f64 {
            let warm = load(served, "/v1/decisions", "check", MANY, people)?;
            asked += warm.rate * SECONDS as f64;
        }
        let before = house::cpu(served.pid())?;
        let many = load(served, "/v1/decisions", "check", MANY, people)?;
        let used = house::cpu(served.pid())? - before;
        self.cpu.push(used * 1e6 / (many.rate * SECONDS as f64));
        self.many.push(many);
        self.open
            .push(load(served, "/open/decisions", "check", MANY, people)?);
        self.one.push(load(served, "/v1/decisions", "check", 1, people)?);
        self.consents
            .push(load(served, "/v1/consents", "consent", MANY, people)?);
        Ok(())
    }
}

pub fn bench(postgres: &str, sqlite: &str, people: usize, runs: usize) -> Result<(), Failure> {
    let of_a_library = house::people_of(sqlite, people);
    fill_apart(postgres, people)?;
    fill_apart(sqlite, of_a_library)?;
    prepare_floor(postgres, people)?;
    let (mut on_postgres, mut on_sqlite) = (Engine::default(), Engine::default());
    let (mut bare_many, mut bare_one, mut diy, mut diy_consents, mut commit, mut sqlite_commits) = (
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
    );
    for run in 1..=runs {
        eprintln!("run {run} of {runs}");
        {
            let bare = Served::start(&["bare"])?;
            bare_many.push(load(&bare, "/v1/decisions", "bare", MANY, people)?);
            bare_one.push(load(&bare, "/v1/decisions", "bare", 1, people)?);
        }
        diy.push(pgbench(postgres, CHECK, MANY, people)?);
        on_postgres.measure(postgres, people)?;
        diy_consents.push(pgbench(postgres, CONSENT, MANY, people)?);
        commit.push(pgbench(postgres, COMMIT, 1, people)?);
        on_sqlite.measure(sqlite, of_a_library)?;
        sqlite_commits.push(sqlite_commit()?);
    }
    let [bare_many, bare_one, diy, diy_consents, commit, sqlite_commit] =
        [bare_many, bare_one, diy, diy_consents, commit, sqlite_commits].map(|all| medians(&all));
    let engines = [
        ("PostgreSQL", &on_postgres, commit),
        ("SQLite", &on_sqlite, sqlite_commit),
    ];
    for (name, engine, commit) in engines {
        let many = medians(&engine.many);
        row(
            &format!("check, {MANY} connections, {name}"),
            &format!(
                "{:.0}/s, {:.1} µs of the service's CPU",
                many.rate,
                median(engine.cpu.clone())
            ),
            &format!(
                "consent table of one's own {:.0}/s; bare endpoint {:.0}/s",
                diy.rate, bare_many.rate
            ),
            &format!("{:.2}; {:.2}", many.rate / diy.rate, many.rate / bare_many.rate),
            if name == "SQLite" {
                "0.40 of bare"
            } else {
                "3 of one's own"
            },
        );
        row(
            &format!("check, p99 at {MANY} connections, {name}"),
            &format!("{:.2} ms", many.p99),
            &format!("consent table of one's own {:.2} ms", diy.p99),
            &format!("{:.2}", many.p99 / diy.p99),
            "≤ 0.6",
        );
        let forgetful = medians(&engine.forgetful);
        row(
            &format!("the same where nobody is remembered, {name}"),
            &format!("{:.0}/s", forgetful.rate),
            &format!("consent table of one's own {:.0}/s", diy.rate),
            &format!("{:.2}", forgetful.rate / diy.rate),
            "",
        );
        let one = medians(&engine.one);
        row(
            &format!("check, p50 of one caller, {name}"),
            &format!("{:.0} µs", one.p50 * 1e3),
            &format!(
                "bare request {:.0} µs + commit of a row {:.0} µs",
                bare_one.p50 * 1e3,
                commit.p50 * 1e3
            ),
            &format!("{:.2}", one.p50 / (bare_one.p50 + commit.p50)),
            "≤ 1.8",
        );
        let open = medians(&engine.open);
        row(
            &format!("check with a token, {name}"),
            &format!("{:.0}/s", many.rate),
            &format!("without a token {:.0}/s", open.rate),
            &format!("{:.2}", many.rate / open.rate),
            "≥ 0.9",
        );
        let consents = medians(&engine.consents);
        row(
            &format!("consent, {MANY} connections, {name}"),
            &format!("{:.0}/s", consents.rate),
            &format!("upsert and insert {:.0}/s", diy_consents.rate),
            &format!("{:.2}", consents.rate / diy_consents.rate),
            "≥ 1",
        );
    }
    withdrawn(postgres, people)
}

/// While both of two nodes are asked all the time, a withdrawal at one is followed at once by a check at the other.
fn withdrawn(postgres: &str, people: usize) -> Result<(), Failure> {
    let nodes = [
        Served::start(&["serve", postgres, "node-a", ROOMY])?,
        Served::start(&["serve", postgres, "node-b", ROOMY])?,
    ];
    let stop = AtomicBool::new(false);
    let (rounds, wrong) = std::thread::scope(|scope| {
        let asked = scope.spawn(|| -> Result<(u64, u64), String> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            runtime
                .block_on(rounds(&nodes, &stop))
                .map_err(|error| error.to_string())
        });
        let loads: Vec<_> = nodes
            .iter()
            .map(|node| {
                scope.spawn(move || {
                    load(node, "/v1/decisions", "check", MANY / 2, people).map_err(|error| error.to_string())
                })
            })
            .collect();
        let mut rate = 0.0;
        for load in loads {
            rate += load.join().map_err(|_| "a load failed")??.rate;
        }
        stop.store(true, Ordering::Relaxed);
        eprintln!("{rate:.0} checks/s on two nodes meanwhile");
        asked.join().map_err(|_| "the rounds failed")?
    })?;
    row(
        "withdrawn at one node, then checked at another, under this load",
        &format!("{rounds} rounds"),
        "",
        &format!("{wrong} permitted"),
        "0",
    );
    if wrong > 0 {
        return Err("a withdrawal was not seen".into());
    }
    Ok(())
}

async fn rounds(nodes: &[Served; 2], stop: &AtomicBool) -> Result<(u64, u64), Failure> {
    // The client wants to know whose cryptography it would use, also where there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    let post = async |node: &Served, path: &str, body: Value| -> Result<Value, Failure> {
        let answer = http
            .post(format!("http://{}{path}", node.addr))
            .bearer_auth(&node.token)
            .json(&body)
            .send()
            .await?;
        if !answer.status().is_success() {
            return Err(format!("{path}: {}", answer.status()).into());
        }
        Ok(answer.json().await?)
    };
    let person = json!({"scheme": "member-number", "value": number(0)});
    let word = |status: &str| {
        json!({"person": person, "organisation": house::LINDE, "purpose": "newsletter", "status": status,
            "noticeVersion": 3, "language": "nl", "indicationMethod": "web-form", "actor": {"type": "self"}})
    };
    let ask = json!({"person": person, "organisation": house::LINDE, "purpose": "newsletter", "action": "contact",
        "channel": "email", "dataScopes": ["email"]});
    let [a, b] = nodes;
    let (mut rounds, mut wrong) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        post(a, "/v1/consents", word("given")).await?;
        if post(b, "/v1/decisions", ask.clone()).await?.get("decision") != Some(&json!("permit")) {
            return Err("a consent was not seen".into());
        }
        post(a, "/v1/consents", word("withdrawn")).await?;
        if post(b, "/v1/decisions", ask.clone()).await?.get("decision") != Some(&json!("deny")) {
            wrong += 1;
        }
        rounds += 1;
    }
    Ok((rounds, wrong))
}
