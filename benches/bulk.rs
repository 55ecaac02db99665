//! A campaign against a served database: `cargo bench --bench bulk -- DATABASE-URL PEOPLE RUNS`. Makes the people through
//! the use cases where they are not there yet, two thirds with a consent; then streams a list of all of them in random
//! order from a process of its own, and prints rows a second, the memory of the service and the bytes of audit per person.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use akkoord::crypto::{RootKey, Secret32};
use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::event::ActorKind;
use akkoord::domain::moment::Moment;
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::policy::load::read_folder;
use akkoord::service::access::client::ClientId;
use akkoord::service::access::{AccessOptions, Credential, NewClient};
use akkoord::service::call::{Call, Principal, Scope};
use akkoord::service::verbs::{ActorRef, LookUpPerson, PersonRef, RecordConsent, RegisterPerson};
use akkoord::service::{Service, ServiceOptions};
use akkoord::store::{Store, StoreError, StoreOptions};
use akkoord::web::server::{ServerOptions, start};
use akkoord::world::{RealWorld, World as _, random};
use futures_util::StreamExt as _;

type Failure = Box<dyn std::error::Error>;

const LINDE: &str = "bibliotheek-de-linde";
const ASK: &str = "/v1/decision-batches?organisation=bibliotheek-de-linde&purpose=newsletter&action=contact&channel=email\
                   &dataScopes=email,identity&scheme=member-number";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["client", addr, token, people] => client(addr, token, people.parse()?),
        [url, people, runs] => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, bench(url, people.parse()?, runs.parse()?))
        }
        // Run with the other benches and without a database, there is nothing to measure.
        _ => Ok(()),
    }
}

fn number(at: usize) -> String {
    format!("2{at:09}")
}

fn call() -> Result<Call, Failure> {
    let principal = Principal {
        client: "bench".to_owned(),
        system: "crm".parse()?,
        scopes: Scope::ALL.iter().copied().collect(),
    };
    Ok(Call::new(principal, Language::Nl))
}

async fn bench(url: &str, people: usize, runs: usize) -> Result<(), Failure> {
    let world = RealWorld;
    let store = Store::open(StoreOptions {
        url: url.parse()?,
        pool_size: 8,
        busy_timeout: Duration::from_secs(5),
        require_synchronous_standby: false,
        create: true,
        installation_id: random(&world),
        network: "bibliotheken-merwedeland".to_owned(),
        now: world.now(),
        observer: None,
    })?;
    let options = ServiceOptions {
        store: store.clone(),
        files: read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"))?,
        root_key: RootKey::new(Secret32::from_bytes([1; 32])),
        world: Arc::new(RealWorld),
        node: "bench".to_owned(),
        public_base: "http://127.0.0.1".to_owned(),
        test_subjects: false,
        queue: 16_384,
        deadline: Duration::from_secs(30),
        checkpoints: None,
        witnesses: akkoord::service::sequence::WitnessPlan::default(),
    };
    let service = Service::start_with(options, AccessOptions::new("http://127.0.0.1"))?;
    fill(&service, people).await?;

    let server = start(
        &ServerOptions::at("127.0.0.1:0".parse()?),
        &service,
        &[akkoord::api::face()],
    )?;
    let id = format!("bench-{}", world.now().micros());
    let new = NewClient {
        id: ClientId::parse(&id)?,
        system: "crm".parse()?,
        scopes: BTreeSet::from([Scope::DecisionsCheck]),
        credential: Credential::Secret,
    };
    service.add_client(&service.operator()?, new).await?;
    let token = service.access().token_of(&id).await?.access_token;
    for run in 1..=runs {
        std::fs::write("/proc/self/clear_refs", "5")?;
        let before = packed(&store)?;
        let (cpu, started) = (cpu()?, Instant::now());
        let child = Command::new(std::env::current_exe()?)
            .args(["client", &server.addr.to_string(), &token, &people.to_string()])
            .spawn()?;
        let done = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
        if !done.status.success() {
            return Err("the client did not get a whole answer".into());
        }
        let seconds = started.elapsed().as_secs_f64();
        let after = packed(&store)?;
        println!(
            "run {run}: {people} rows in {seconds:.2} s, {:.0} rows/s; service {:.2} s of CPU, {} MiB at most; {:.1} packed bytes a person",
            people as f64 / seconds,
            self::cpu()? - cpu,
            status("VmHWM:")? / 1024,
            (after.1 - before.1) as f64 / (after.0 - before.0).max(1) as f64,
        );
    }
    service.stop();
    Ok(())
}

/// Entries, and bytes of them.
fn packed(store: &Store) -> Result<(u64, u64), Failure> {
    let (mut place, mut sum) = (None, (0, 0));
    loop {
        let rows = store
            .read("bench", |tx| tx.audit_bulk_after(place.as_ref(), 64))
            .map_err(|e: StoreError| e)?;
        let Some(last) = rows.last() else { return Ok(sum) };
        place = Some(akkoord::store::BulkPlace {
            log: last.log.clone(),
            node: last.node.clone(),
            node_seq: last.node_seq,
            off: last.off,
        });
        for row in &rows {
            sum.0 += u64::from(row.n);
            sum.1 += (row.entries.len() + row.context.len() + 600) as u64;
        }
    }
}

/// A figure of this process, in kilobytes.
fn status(name: &str) -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .ok_or("no such figure")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Seconds of CPU of this process.
fn cpu() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    Ok((ticks(11) + ticks(12)) / 100.0)
}

async fn fill(service: &Service, people: usize) -> Result<(), Failure> {
    let last = LookUpPerson {
        scheme: "member-number".parse()?,
        value: Personal::new(number(people - 1)),
        organisation: Some(LINDE.parse()?),
    };
    if service.look_up_person(&call()?, last).await.is_ok() {
        return Ok(());
    }
    let started = Instant::now();
    let notice = service
        .catalogue()
        .purposes
        .get("newsletter")
        .ok_or("no newsletter")?
        .purpose
        .version;
    let call = call()?;
    let made = futures_util::stream::iter(0..people)
        .map(|at| one(service, &call, at, notice))
        .buffered(2_000);
    let mut made = std::pin::pin!(made);
    while let Some(one) = made.next().await {
        one?;
    }
    println!("{people} people in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

async fn one(service: &Service, call: &Call, at: usize, notice: u32) -> Result<(), Failure> {
    let scheme = "member-number".parse()?;
    let verb = RegisterPerson {
        organisation: LINDE.parse()?,
        identifiers: vec![
            (scheme, Personal::new(number(at))),
            ("email".parse()?, Personal::new(format!("{at}@lid.example"))),
        ],
        birth_date: Some(Personal::new("1980-05-01".parse()?)),
        language: Some(Language::Nl),
        membership: None,
    };
    service.register_person(call, verb).await?;
    let status = match at % 6 {
        0..4 => ConsentStatus::Given,
        4 => ConsentStatus::Refused,
        _ => return Ok(()),
    };
    let verb = RecordConsent {
        person: PersonRef::Identifier {
            scheme: "member-number".parse()?,
            value: Personal::new(number(at)),
        },
        organisation: LINDE.parse()?,
        purpose: "newsletter".parse()?,
        status,
        data_scopes: None,
        channels: None,
        notice_version: Some(notice),
        language: Some(Language::Nl),
        method: IndicationMethod::WebForm,
        actor: ActorRef::plain(ActorKind::Oneself),
        evidence: None,
        occurred_at: None::<Moment>,
    };
    service.record_consent(call, verb).await?;
    Ok(())
}

/// Sends the list and reads the answer to its summary.
fn client(addr: &str, token: &str, people: usize) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(addr)?;
    let head = format!(
        "POST {ASK} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nContent-Type: application/x-ndjson\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut sending = stream.try_clone()?;
    let sender = std::thread::spawn(move || -> std::io::Result<()> {
        let mut piece = Vec::with_capacity(70_000);
        let mut at = 0;
        for sent in 1..=people {
            // A step that shares no factor with the number of people visits each of them once.
            at = (at + 7_368_787) % people;
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
    println!("{last}");
    if last.starts_with("{\"summary\"") {
        Ok(())
    } else {
        Err("no summary".into())
    }
}
