//! A campaign over HTTP. Streams a list of everybody, in random order, from a process of its own. The floor is a bare
//! join in SQL with the consent table that somebody would make instead: `COPY` of the same list in, join, `COPY` out;
//! without encryption, without audit. Client, service and database share the machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::house::{self, Failure, Served, fill_apart, median, number, row};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

const ASK: &str = "/v1/decision-batches?organisation=bibliotheek-de-linde&purpose=newsletter&action=contact&channel=email\
                   &dataScopes=email,identity&scheme=member-number";

pub fn bench(url: &str, people: usize, runs: usize) -> Result<(), Failure> {
    let this = std::env::current_exe()?;
    let people = house::people_of(url, people);
    fill_apart(url, people)?;
    let mut postgres = PgConnection::establish(url).ok();
    let floor = match &mut postgres {
        Some(connection) => Some(Floor::prepare(url, connection, people)?),
        None => None,
    };
    let (mut ours, mut floors, mut used, mut most, mut bytes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 1..=runs {
        if let Some(floor) = &floor {
            floors.push(floor.run()?);
        }
        let served = Served::start(&["serve", url, "bench", "64"])?;
        house::forget_peak(served.pid())?;
        let before = match &mut postgres {
            Some(connection) => audit_bytes(connection)?,
            None => 0,
        };
        let (cpu, started) = (house::cpu(served.pid())?, Instant::now());
        let done = Command::new(&this)
            .args([
                "client",
                &served.addr.to_string(),
                &served.token,
                &people.to_string(),
            ])
            .status()?;
        if !done.success() {
            return Err("the client did not get a whole answer".into());
        }
        let seconds = started.elapsed().as_secs_f64();
        ours.push(seconds);
        used.push((house::cpu(served.pid())? - cpu) * 1e6 / people as f64);
        most.push(house::peak(served.pid())? as f64);
        if let Some(connection) = &mut postgres {
            bytes.push((audit_bytes(connection)? - before) as f64 / people as f64);
        }
        eprintln!("run {run} of {runs}: {seconds:.2} s");
    }
    let engine = if floor.is_some() { "PostgreSQL" } else { "SQLite" };
    let (seconds, cpu) = (median(ours), median(used));
    let (against, ratio) = match floor {
        None => (String::new(), String::new()),
        Some(_) => {
            let floor = median(floors);
            (
                format!("bare join with COPY {floor:.2} s"),
                format!("{:.2}", seconds / floor),
            )
        }
    };
    row(
        &format!("check of {people} rows, {engine}"),
        &format!(
            "{seconds:.2} s, {:.0} rows/s, {cpu:.1} µs of the service's CPU a row",
            people as f64 / seconds
        ),
        &against,
        &ratio,
        "≤ 2; ≤ 10 s for 1,431,013 rows on PostgreSQL",
    );
    row(
        &format!("memory of the service meanwhile, {engine}"),
        &format!("{:.0} MiB", median(most)),
        "",
        "",
        "< 150 MiB on PostgreSQL",
    );
    if !bytes.is_empty() {
        row(
            "audit per person of a list, everything included, PostgreSQL",
            &format!("{:.1} bytes", median(bytes)),
            "",
            "",
            "≤ 48 bytes",
        );
    }
    Ok(())
}

/// What all tables and indexes of the audit take.
fn audit_bytes(connection: &mut PgConnection) -> Result<i64, Failure> {
    let sum = diesel::dsl::sql::<BigInt>(
        "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class \
         WHERE relkind = 'r' AND relname LIKE 'audit%' AND relnamespace = 'public'::regnamespace",
    );
    Ok(sum.get_result(connection)?)
}

/// The bare join.
struct Floor {
    url: String,
    folder: tempfile::TempDir,
}

impl Floor {
    fn prepare(url: &str, connection: &mut PgConnection, people: usize) -> Result<Self, Failure> {
        let first: u64 = number(0).parse()?;
        connection.batch_execute(&format!(
            "DROP TABLE IF EXISTS diy_list_consent;
             CREATE TABLE diy_list_consent (member TEXT PRIMARY KEY, purpose TEXT NOT NULL, status TEXT NOT NULL,
                 scopes TEXT NOT NULL, notice INT NOT NULL, changed_at TIMESTAMPTZ NOT NULL, method TEXT NOT NULL);
             INSERT INTO diy_list_consent SELECT ({first} + n)::text, 'newsletter',
                 CASE WHEN n % 6 < 4 THEN 'given' ELSE 'refused' END, 'email,identity', 3, now(), 'web-form'
                 FROM generate_series(0, {last}) n WHERE n % 6 < 5;
             ANALYZE diy_list_consent;",
            last = people.saturating_sub(1)
        ))?;
        connection.batch_execute("CHECKPOINT")?;
        let folder = tempfile::tempdir()?;
        let mut list = std::io::BufWriter::new(std::fs::File::create(folder.path().join("list.csv"))?);
        for at in shuffled(people) {
            writeln!(list, "{}", number(at))?;
        }
        list.flush()?;
        Ok(Self {
            url: url.to_owned(),
            folder,
        })
    }

    /// Seconds.
    fn run(&self) -> Result<f64, Failure> {
        let path = |name: &str| -> String {
            Path::new(self.folder.path())
                .join(name)
                .to_string_lossy()
                .into_owned()
        };
        let started = Instant::now();
        let done = Command::new("psql")
            .args(["-q", "-v", "ON_ERROR_STOP=1", &self.url])
            .args(["-c", "CREATE TEMPORARY TABLE list (member TEXT NOT NULL)"])
            .args(["-c", &format!("\\copy list FROM '{}'", path("list.csv"))])
            .args(["-c", &format!(
                "\\copy (SELECT list.member, coalesce(c.status, 'none'), coalesce(c.scopes, '') FROM list \
                 LEFT JOIN diy_list_consent c ON c.member = list.member AND c.purpose = 'newsletter') TO '{}'",
                path("answer.csv")
            )])
            .stdout(Stdio::null())
            .status()?;
        if !done.success() {
            return Err("the bare join failed".into());
        }
        Ok(started.elapsed().as_secs_f64())
    }
}

/// Everybody once, in an order that no cache likes.
fn shuffled(people: usize) -> impl Iterator<Item = usize> {
    (0..people).scan(0, move |at, _| {
        // A step that shares no factor with the number of people visits each of them once.
        *at = (*at + 7_368_787) % people;
        Some(*at)
    })
}

/// Sends the list and reads the answer to its summary.
pub fn client(addr: &str, token: &str, people: usize) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(addr)?;
    let head = format!(
        "POST {ASK} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nContent-Type: application/x-ndjson\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut sending = stream.try_clone()?;
    let sender = std::thread::spawn(move || -> std::io::Result<()> {
        let mut piece = Vec::with_capacity(70_000);
        for (sent, at) in (1..).zip(shuffled(people)) {
            writeln!(piece, "{{\"value\":\"{}\"}}", number(at))?;
            if piece.len() > 60_000 || sent == people {
                write!(sending, "{:x}\r\n", piece.len())?;
                piece.extend_from_slice(b"\r\n");
                sending.write_all(&piece)?;
                piece.clear();
            }
        }
        sending.write_all(b"0\r\n\r\n")
    });
    let mut reader = BufReader::with_capacity(1 << 18, stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let mut tail = Vec::new();
    let mut piece = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16)?;
        piece.resize(size + 2, 0);
        reader.read_exact(&mut piece)?;
        if size == 0 {
            break;
        }
        tail.clear();
        tail.extend(piece.iter().skip(size.saturating_sub(400)).copied());
    }
    sender.join().map_err(|_| "the sender failed")??;
    let tail = String::from_utf8(tail)?;
    let last = tail.trim_end().lines().last().unwrap_or_default();
    eprintln!("{last}");
    if last.starts_with("{\"summary\"") {
        Ok(())
    } else {
        Err("no summary".into())
    }
}
