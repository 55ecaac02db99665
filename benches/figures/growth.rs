//! What a check costs among few and among many people, and how soon the service starts with many.
//!
//! Five million people take hours to register one by one. So some are made through the use cases and asked about; the rest
//! are copies of their rows under random ids and indexes, which nobody asks about. Every table is then written anew in the
//! order of those ids, so that who is asked about stands scattered among all others: in the indexes and in the pages.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::checks::{ASKED, FORGETFUL, MANY, SECONDS, load};
use super::house::{self, Failure, Served, fill_apart, median, row};

/// How often it is measured; the medians count.
const RUNS: usize = 5;

/// Makes one database of `few` people and one of `many`, both empty at first, and measures them in turns: what else the
/// machine does from minute to minute then happens to both.
pub fn bench(small: &str, url: &str, few: usize, many: usize) -> Result<(), Failure> {
    let asked = ASKED.min(many);
    crowd(url, asked, many)?;
    fill_apart(small, few)?;
    // A log that is empty, and files that were just written, are not what a service works with.
    for (url, asked) in [(small, few), (url, asked)] {
        settle(url)?;
        measure(url, asked)?;
    }
    let before = scans(url)?;
    let (mut among_few, mut among_many) = (Vec::new(), Vec::new());
    for run in 1..=RUNS {
        let (in_small, in_large) = (measure(small, few)?, measure(url, asked)?);
        eprintln!(
            "run {run} of {RUNS}: {:.0}/s, {:.1} µs among few; {:.0}/s, {:.1} µs among many",
            in_small.rate, in_small.cpu, in_large.rate, in_large.cpu
        );
        among_few.push(in_small);
        among_many.push(in_large);
    }
    let (among_few, among_many) = (medians(&among_few), medians(&among_many));
    let scans = scans(url)?.zip(before);
    let engine = if url.starts_with("sqlite") {
        "SQLite"
    } else {
        "PostgreSQL"
    };
    let Measured { cpu, rate, ready } = among_many;
    row(
        &format!("CPU of a check, all processes, {many} people, {engine}"),
        &format!("{cpu:.1} µs ({rate:.0}/s)"),
        &format!("{few} people {:.1} µs ({:.0}/s)", among_few.cpu, among_few.rate),
        &format!("{:.2}", cpu / among_few.cpu),
        "≤ 1.5",
    );
    row(
        &format!("start until it listens, {many} people, {engine}"),
        &format!("{ready:.2} s"),
        &format!("{few} people {:.2} s", among_few.ready),
        &format!("{:.2}", ready / among_few.ready),
        "≤ 1 s",
    );
    if let Some((after, before)) = scans {
        row(
            &format!("looks at tables of more than {LARGE} rows meanwhile, {engine}"),
            &format!("{} whole tables", after.whole - before.whole),
            &format!("{} by an index", after.by_index - before.by_index),
            "",
            "0",
        );
    }
    Ok(())
}

/// From how many rows on a table is not to be read whole for a check.
const LARGE: u64 = 100_000;

/// How often large tables were read, as PostgreSQL counts.
#[derive(QueryableByName)]
struct Scans {
    #[diesel(sql_type = BigInt)]
    whole: i64,
    #[diesel(sql_type = BigInt)]
    by_index: i64,
}

/// None on SQLite, whose plans do not depend on how much there is; `store::tests` looks at them.
fn scans(url: &str) -> Result<Option<Scans>, Failure> {
    let Ok(mut connection) = PgConnection::establish(url) else {
        return Ok(None);
    };
    // Sessions that end tell their counts, a moment later.
    std::thread::sleep(Duration::from_secs(2));
    let scans = diesel::sql_query(format!(
        "SELECT sum(seq_scan)::bigint AS whole, sum(idx_scan)::bigint AS by_index \
         FROM pg_stat_user_tables WHERE n_live_tup > {LARGE}"
    ));
    Ok(Some(scans.get_result(&mut connection)?))
}

struct Measured {
    /// Microseconds a check, of everything that works on this machine.
    cpu: f64,
    rate: f64,
    /// Seconds.
    ready: f64,
}

fn medians(all: &[Measured]) -> Measured {
    let of = |one: fn(&Measured) -> f64| median(all.iter().map(one).collect());
    Measured {
        cpu: of(|one| one.cpu),
        rate: of(|one| one.rate),
        ready: of(|one| one.ready),
    }
}

/// Once, what the server does by itself now and then, so that it does it at no other time.
fn settle(url: &str) -> Result<(), Failure> {
    if let Ok(mut connection) = PgConnection::establish(url) {
        connection.batch_execute("VACUUM ANALYZE")?;
        connection.batch_execute("CHECKPOINT")?;
    }
    Ok(())
}

fn measure(url: &str, asked: usize) -> Result<Measured, Failure> {
    // Nobody is remembered: what a check costs is read from among so many.
    let served = Served::start(&["serve", url, "bench", FORGETFUL])?;
    let ready = served.ready_after.as_secs_f64();
    let before = house::machine_cpu()?;
    let rate = load(&served, "/v1/decisions", "check", MANY, asked)?.rate;
    let cpu = (house::machine_cpu()? - before) * 1e6 / (rate * SECONDS as f64);
    Ok(Measured { cpu, rate, ready })
}

/// Makes as many people as there shall be: `asked` through the use cases, the others as their copies.
fn crowd(url: &str, asked: usize, many: usize) -> Result<(), Failure> {
    fill_apart(url, asked)?;
    let times = |there: i64| -> usize {
        let there = usize::try_from(there).unwrap_or(usize::MAX);
        many.saturating_sub(there).div_ceil(asked)
    };
    if let Some(file) = url.strip_prefix("sqlite://") {
        let mut connection = SqliteConnection::establish(file)?;
        let copies = times(count(&mut connection)?);
        if copies > 0 {
            connection.batch_execute(&on_sqlite(file, copies))?;
        }
    } else {
        let mut connection = PgConnection::establish(url)?;
        let copies = times(count(&mut connection)?);
        if copies > 0 {
            connection.batch_execute(&on_postgres(copies))?;
        }
    }
    Ok(())
}

fn count<C>(connection: &mut C) -> Result<i64, Failure>
where
    C: Connection + diesel::connection::LoadConnection,
    diesel::expression::SqlLiteral<BigInt>: diesel::query_dsl::methods::LoadQuery<'static, C, i64>,
{
    Ok(diesel::dsl::sql::<BigInt>("SELECT count(*) FROM person").get_result(connection)?)
}

fn on_postgres(copies: usize) -> String {
    let id = "uuid_send(gen_random_uuid())";
    // Indexes are made once at the end: row by row, in random order, they take longer than everything else.
    format!(
        "SET session_replication_role = replica;
         SET synchronous_commit = off;
         SET maintenance_work_mem = '1GB';
         SET work_mem = '512MB';
         BEGIN;
         UPDATE pg_index SET indisready = false, indisvalid = false WHERE indrelid IN ('person'::regclass,
             'person_identifier'::regclass, 'person_record'::regclass, 'keystore.person_key'::regclass);
         CREATE TEMP TABLE crowd AS
             SELECT person.id AS of, {id} AS id FROM (SELECT id FROM person) AS person, generate_series(1, {copies});
         INSERT INTO person (id, tenant, revision, state, created_at)
             SELECT crowd.id, tenant, revision, state, created_at FROM crowd JOIN person ON person.id = crowd.of;
         INSERT INTO person_identifier (id, person_id, scheme, key_version, blind_index)
             SELECT {id}, crowd.id, scheme, key_version, {id} FROM crowd JOIN person_identifier i ON i.person_id = crowd.of;
         INSERT INTO person_record (person_id, revision, key_version, sealed)
             SELECT crowd.id, revision, key_version, sealed FROM crowd JOIN person_record r ON r.person_id = crowd.of;
         INSERT INTO keystore.person_key (person_id, version, epoch, wrapped, kcv)
             SELECT crowd.id, version, epoch, wrapped, kcv FROM crowd JOIN keystore.person_key k ON k.person_id = crowd.of;
         REINDEX TABLE person;
         REINDEX TABLE person_identifier;
         REINDEX TABLE person_record;
         REINDEX TABLE keystore.person_key;
         COMMIT;
         CLUSTER person USING person_pkey;
         CLUSTER person_record USING person_record_pkey;
         CLUSTER person_identifier USING person_identifier_blind_index_key;"
    )
}

fn on_sqlite(file: &str, copies: usize) -> String {
    format!(
        "ATTACH DATABASE '{file}-keys.db' AS keystore;
         PRAGMA foreign_keys = OFF;
         PRAGMA synchronous = OFF;
         PRAGMA keystore.synchronous = OFF;
         PRAGMA cache_size = -1000000;
         CREATE TEMP TABLE crowd AS
             WITH RECURSIVE copy (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < {copies})
             SELECT person.id AS of, randomblob(16) AS id FROM person, copy;
         INSERT INTO person (id, tenant, revision, state, created_at)
             SELECT crowd.id, tenant, revision, state, created_at FROM crowd JOIN person ON person.id = crowd.of ORDER BY crowd.id;
         INSERT INTO person_identifier (id, person_id, scheme, key_version, blind_index)
             SELECT randomblob(16), crowd.id, scheme, key_version, randomblob(16) AS found
             FROM crowd JOIN person_identifier i ON i.person_id = crowd.of ORDER BY found;
         INSERT INTO keystore.person_key (person_id, version, epoch, wrapped, kcv)
             SELECT crowd.id, version, epoch, wrapped, kcv FROM crowd JOIN keystore.person_key k ON k.person_id = crowd.of
             ORDER BY crowd.id;
         CREATE TEMP TABLE record AS
             SELECT person_id, revision, key_version, sealed FROM person_record
             UNION ALL SELECT crowd.id, revision, key_version, sealed FROM crowd JOIN person_record r ON r.person_id = crowd.of;
         DELETE FROM person_record;
         INSERT INTO person_record (person_id, revision, key_version, sealed)
             SELECT person_id, revision, key_version, sealed FROM record ORDER BY person_id;
         PRAGMA wal_checkpoint(TRUNCATE);
         PRAGMA keystore.wal_checkpoint(TRUNCATE);"
    )
}
