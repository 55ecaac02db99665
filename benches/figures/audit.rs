//! The audit log:
//!
//! * appending: durable batches of the log against a bare multi-row insert of the same bytes in the same engine;
//! * sequencing: the same appending while a sequencer works, against without;
//! * verifying: an export against SHA-256 over the same bytes, both on one core;
//! * from answer to signed checkpoint, with callers that ask all the time.

use std::io::{BufWriter, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::house::{self, Failure, call, median, number, open, row};
use akkoord::audit::bundle;
use akkoord::audit::leaf::{EntryId, Leaf, leaf_hash};
use akkoord::cli::audit_verify::verify;
use akkoord::crypto::{Secret32, SigningKey, sha256_parts};
use akkoord::domain::decision::Question;
use akkoord::domain::personal::Personal;
use akkoord::domain::purpose::{Action, Channel};
use akkoord::service::Service;
use akkoord::service::exports::{ExportFormat, RequestExport};
use akkoord::service::sequence::{LogKeys, LogName, Naming, Pace, Sequencer, SequencerOptions, open_origins};
use akkoord::service::verbs::{Decide, PersonRef};
use akkoord::store::{AuditBatch, Store, StoreError};
use akkoord::world::{RealWorld, World as _};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

/// Entries of one durable batch, about what natural batching makes of 64 callers.
const BATCH: usize = 64;
/// Callers that ask all the time while checkpoints are waited for.
const CALLERS: usize = 64;
/// How long they do.
const ASKING: Duration = Duration::from_secs(15);

/// Everything about the log, in an empty database.
pub fn bench(url: &str, entries: usize, runs: usize) -> Result<(), Failure> {
    let store = open(url)?;
    appending(url, &store, runs)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(served(store, entries, runs))
}

/// A decision as the service writes it.
fn line(number: u64) -> Vec<u8> {
    let commitment = sha256_parts(&[&number.to_be_bytes()]);
    let [half, _] = split(commitment);
    let at = RealWorld.now().millis();
    let id = EntryId::from_bytes(half);
    let mut leaf = Leaf::new("decision", id, at, "crm", "bench", "2026-11-01.1");
    leaf.action = Some("contact".into());
    leaf.channel = Some("email".into());
    leaf.organisation = Some("bibliotheek-de-linde".into());
    leaf.purpose = Some("newsletter".into());
    leaf.outcome = Some("permit".into());
    leaf.reasons = vec!["permit-consent".into()];
    leaf.scopes = vec!["email".into(), "identity".into()];
    leaf.subject = Some(half);
    leaf.commitment = Some(commitment);
    leaf.encode()
}

fn split(hash: [u8; 32]) -> [[u8; 16]; 2] {
    let (mut a, mut b) = ([0; 16], [0; 16]);
    a.copy_from_slice(hash.first_chunk::<16>().unwrap_or(&[0; 16]));
    b.copy_from_slice(hash.last_chunk::<16>().unwrap_or(&[0; 16]));
    [a, b]
}

fn batch(log: &str, node: &str, node_seq: u64, first: u64, n: usize) -> Result<AuditBatch, Failure> {
    let lines: Vec<Vec<u8>> = (first..).take(n).map(line).collect();
    Ok(AuditBatch {
        log: log.to_owned(),
        node: node.to_owned(),
        node_seq,
        n: u32::try_from(n)?,
        leaf_hashes: lines.iter().flat_map(|line| leaf_hash(line)).collect(),
        entries: bundle::encode(lines.iter().map(Vec::as_slice)).map_err(|_| "too long a line")?,
        created_at: RealWorld.now(),
    })
}

/// A connection of its own, for the bare inserts: the settings of the service, and nothing else of it.
enum Bare {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Bare {
    fn open(url: &str) -> Result<Self, Failure> {
        let table = "CREATE TABLE IF NOT EXISTS bench_row (id BIGINT PRIMARY KEY, line";
        Ok(match url.strip_prefix("sqlite://") {
            Some(path) => {
                let mut connection = SqliteConnection::establish(path)?;
                connection.batch_execute(&format!(
                    "PRAGMA busy_timeout = 30000; PRAGMA synchronous = FULL; {table} BLOB NOT NULL)"
                ))?;
                Self::Sqlite(connection)
            }
            None => {
                let mut connection = PgConnection::establish(url)?;
                connection.batch_execute(&format!("{table} BYTEA NOT NULL)"))?;
                Self::Postgres(connection)
            }
        })
    }

    /// One statement with a row for each line, one commit.
    fn insert(&mut self, first: u64, lines: &[Vec<u8>]) -> Result<(), Failure> {
        diesel::table! {
            bench_row (id) {
                id -> BigInt,
                line -> Binary,
            }
        }
        let rows: Vec<_> = (first..)
            .zip(lines)
            .map(|(id, line)| {
                let id = i64::try_from(id).unwrap_or(0);
                (bench_row::id.eq(id), bench_row::line.eq(line))
            })
            .collect();
        match self {
            // SQLite's many rows are one transaction of single inserts in diesel.
            Self::Sqlite(connection) => connection.immediate_transaction(|connection| {
                diesel::insert_into(bench_row::table)
                    .values(&rows)
                    .execute(connection)
            })?,
            Self::Postgres(connection) => diesel::insert_into(bench_row::table)
                .values(&rows)
                .execute(connection)?,
        };
        Ok(())
    }
}

/// Appends batches for a while; entries a second.
fn append(store: &Store, node: &str, batches: u64) -> Result<f64, Failure> {
    let mut session = store.session();
    let ready: Vec<AuditBatch> = (0..batches)
        .map(|seq| batch("decision", node, seq, seq * BATCH as u64, BATCH))
        .collect::<Result<_, _>>()?;
    let started = Instant::now();
    for batch in &ready {
        session.change("bench", |tx| -> Result<(), StoreError> {
            tx.append_audit(batch, &[])
        })?;
    }
    Ok(count(batches) / started.elapsed().as_secs_f64())
}

fn count(batches: u64) -> f64 {
    (batches * BATCH as u64) as f64
}

fn appending(url: &str, store: &Store, runs: usize) -> Result<(), Failure> {
    const BATCHES: u64 = 400;
    let mut bare = Bare::open(url)?;
    let keys: Arc<LogKeys> = Arc::new(
        [(
            "decision".to_owned(),
            SigningKey::from_seed(Secret32::from_bytes([1; 32]))?,
        )]
        .into_iter()
        .collect(),
    );
    let naming = Naming::new("http://127.0.0.1", "bench");
    open_origins(store, &keys, &naming, RealWorld.now())?;
    let (mut rows, mut alone, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = 0;
    for run in 0..runs {
        let lines: Vec<Vec<Vec<u8>>> = (0..BATCHES)
            .map(|seq| (seq * BATCH as u64..).take(BATCH).map(line).collect())
            .collect();
        let started = Instant::now();
        for batch in &lines {
            bare.insert(first, batch)?;
            first += BATCH as u64;
        }
        rows.push(count(BATCHES) / started.elapsed().as_secs_f64());
        alone.push(append(store, &format!("alone-{run}"), BATCHES)?);
        let stop = AtomicBool::new(false);
        beside.push(std::thread::scope(|scope| {
            let (keys, stop) = (Arc::clone(&keys), &stop);
            let sequencing = scope.spawn(move || sequence(store, keys, stop));
            let rate = append(store, &format!("beside-{run}"), BATCHES).map_err(|error| error.to_string());
            stop.store(true, Ordering::Relaxed);
            sequencing.join().map_err(|_| "the sequencer ended")?;
            rate
        })?);
    }
    let (rows, alone, beside) = (median(rows), median(alone), median(beside));
    let engine = if url.starts_with("sqlite") {
        "SQLite"
    } else {
        "PostgreSQL"
    };
    row(
        &format!("durable append, batches of {BATCH}, {engine}"),
        &format!("{alone:.0} entries/s"),
        &format!("bare multi-row insert {rows:.0} rows/s"),
        &format!("{:.2}", alone / rows),
        "",
    );
    row(
        &format!("the same beside the sequencer, {engine}"),
        &format!("{beside:.0} entries/s"),
        &format!("without it {alone:.0} entries/s"),
        &format!("{:.2}", beside / alone),
        "≥ 0.95",
    );
    Ok(())
}

/// Puts everything in order as the leader of a service does, until told to stop and nothing is left.
fn sequence(store: &Store, keys: Arc<LogKeys>, stop: &AtomicBool) {
    let pace = Pace::default();
    let mut sequencer = Sequencer::new(SequencerOptions {
        store: store.clone(),
        keys,
        outside: None,
        world: Arc::new(RealWorld),
        node: "bench".to_owned(),
        pace,
        stop_after: None,
    });
    loop {
        let started = Instant::now();
        let stopping = stop.load(Ordering::Relaxed);
        match sequencer.pass() {
            Ok(passed) if passed.more => continue,
            Ok(_) if stopping => return,
            Ok(_) => std::thread::sleep(pace.between.saturating_sub(started.elapsed())),
            Err(error) => {
                eprintln!("{error}");
                return;
            }
        }
    }
}

fn ask(at: u64) -> Result<Decide, Failure> {
    Ok(Decide {
        person: PersonRef::Identifier {
            scheme: "member-number".parse()?,
            value: Personal::new(number(usize::try_from(at)?)),
        },
        question: Question {
            system: "crm".parse()?,
            organisation: "bibliotheek-de-linde".parse()?,
            purpose: "newsletter".parse()?,
            action: Action::Contact,
            channel: Some(Channel::Email),
            data_scopes: ["email".parse()?].into(),
            data_source: None,
        },
        reference: None,
        at: None,
    })
}

async fn served(store: Store, entries: usize, runs: usize) -> Result<(), Failure> {
    // The logs of the first part were signed with other keys: they end here, as a service would refuse to go on with them.
    store.change("bench", |tx| -> Result<(), StoreError> {
        for row in tx.audit_logs()? {
            tx.set_audit_log_state(row.id, akkoord::store::LogState::Closed, None)?;
        }
        Ok(())
    })?;
    let service = house::service(&store, "bench", 64)?;
    checkpoints(&service).await?;
    verifying(&service, &store, entries, runs).await?;
    service.stop();
    Ok(())
}

/// From the answer to a caller until a signed checkpoint covers it.
async fn checkpoints(service: &Service) -> Result<(), Failure> {
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let (service, stop, asked) = (service.clone(), Arc::clone(&stop), Arc::clone(&asked));
        callers.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let number = asked.fetch_add(1, Ordering::Relaxed);
                let (Ok(call), Ok(ask)) = (call(), ask(number)) else {
                    return;
                };
                if service.decide(&call, ask).await.is_err() {
                    return;
                }
            }
        }));
    }
    let started = Instant::now();
    let mut waited = Vec::new();
    while started.elapsed() < ASKING {
        let decided = service.decide(&call()?, ask(1)?).await?;
        let since = Instant::now();
        while service.decision_proof(&call()?, decided.id).await?.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        waited.push(since.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await?;
    }
    waited.sort();
    let at = |hundredth: usize| {
        waited
            .get((waited.len() * hundredth / 100).min(waited.len() - 1))
            .copied()
    };
    row(
        &format!(
            "answer to signed checkpoint, {CALLERS} callers ({:.0} checks/s), {} samples",
            asked.load(Ordering::Relaxed) as f64 / ASKING.as_secs_f64(),
            waited.len(),
        ),
        &format!(
            "p50 {:.0?}, p99 {:.0?}",
            at(50).unwrap_or_default(),
            at(99).unwrap_or_default()
        ),
        "",
        "",
        "p99 ≤ 1 s",
    );
    Ok(())
}

async fn verifying(service: &Service, store: &Store, entries: usize, runs: usize) -> Result<(), Failure> {
    const MANY: usize = 500;
    let log = || LogName::parse("decision").ok_or("no such log");
    let size = async || -> Result<u64, Failure> {
        let note = service.log_checkpoint(log()?).await.unwrap_or_default();
        Ok(note.lines().nth(1).map_or(Ok(0), str::parse)?)
    };
    for seq in 0..entries.div_ceil(MANY) as u64 {
        let filled = batch("decision", "loader", seq, seq * MANY as u64, MANY)?;
        store.change("bench", |tx| -> Result<(), StoreError> {
            tx.append_audit(&filled, &[])
        })?;
    }
    let mut before = 0;
    while size().await? != before || before < entries as u64 {
        before = size().await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bundle.zip");
    let wanted = RequestExport {
        log: log()?,
        from: None,
        to: None,
        format: ExportFormat::Ndjson,
        openings: false,
        reason: Personal::new("measurement".to_owned()),
    };
    let plan = service.request_export(&service.operator()?, wanted).await?.plan;
    let started = Instant::now();
    let file = BufWriter::new(std::fs::File::create(&path)?);
    service.write_export(&plan, file, &|_| {})?.flush()?;
    row(
        &format!("export of {} entries", plan.entries()),
        &format!(
            "{:.0} entries/s",
            plan.entries() as f64 / started.elapsed().as_secs_f64()
        ),
        "",
        "",
        "",
    );
    let vkey = service.log_vkey(log()?).await?;
    let leaves = folder.path().join("leaves.ndjson");
    let mut zip = zip::ZipArchive::new(std::fs::File::open(&path)?)?;
    let bytes = std::io::copy(
        &mut zip.by_name("leaves.ndjson")?,
        &mut std::fs::File::create(&leaves)?,
    )?;
    let (mut verified, mut hashed) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let started = Instant::now();
        verify(&path, &vkey)?;
        verified.push(plan.entries() as f64 / started.elapsed().as_secs_f64());
        let started = Instant::now();
        let done = std::process::Command::new("sha256sum").arg(&leaves).output()?;
        if !done.status.success() {
            return Err("sha256sum failed".into());
        }
        hashed.push(bytes as f64 / started.elapsed().as_secs_f64());
    }
    let (verified, hashed) = (median(verified), median(hashed));
    let of_bytes = verified * bytes as f64 / plan.entries() as f64;
    row(
        &format!(
            "`audit verify` of {} entries, {} MB",
            plan.entries(),
            bytes / 1_000_000
        ),
        &format!("{verified:.0} entries/s"),
        &format!("sha256sum of the same bytes {:.0} MB/s", hashed / 1e6),
        &format!("{:.2}", of_bytes / hashed),
        "≥ 350,000/s",
    );
    Ok(())
}
