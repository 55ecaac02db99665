//! What the benches share: a service over a database, the people in it, a server in a process of its own, and what a
//! process cost.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use akkoord::crypto::{RootKey, Secret32};
use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::event::ActorKind;
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::outward::webhook::{WebhookClient, WebhookSettings};
use akkoord::policy::load::{Files, read_folder};
use akkoord::service::access::client::ClientId;
use akkoord::service::access::{AccessOptions, Credential, NewClient};
use akkoord::service::call::{Call, Principal, Scope};
use akkoord::service::propagate::{PropagationOptions, Tempo};
use akkoord::service::sequence::WitnessPlan;
use akkoord::service::verbs::{ActorRef, LookUpPerson, PersonRef, RecordConsent, RegisterPerson};
use akkoord::service::{Service, ServiceOptions};
use akkoord::store::{Store, StoreOptions};
use akkoord::web::server::{Face, ServerOptions, start};
use akkoord::world::{RealWorld, World as _, random};
use futures_util::StreamExt as _;

/// Whatever went wrong; a bench says it and ends.
pub type Failure = Box<dyn std::error::Error>;

/// The library that everybody is a member of.
pub const LINDE: &str = "bibliotheek-de-linde";

/// How many people are measured in a database: one machine with an embedded database serves one library, not a province.
pub fn people_of(url: &str, people: usize) -> usize {
    if url.starts_with("sqlite") {
        people.min(200_000)
    } else {
        people
    }
}

/// The member number of somebody.
pub fn number(at: usize) -> String {
    format!("2{at:09}")
}

/// A call of the CRM that may do everything.
pub fn call() -> Result<Call, Failure> {
    let principal = Principal {
        client: "bench".to_owned(),
        system: "crm".parse()?,
        scopes: Scope::ALL.iter().copied().collect(),
    };
    Ok(Call::new(principal, Language::Nl))
}

/// Opens a database, making it where it is not there.
pub fn open(url: &str) -> Result<Store, Failure> {
    Ok(Store::open(StoreOptions {
        url: url.parse()?,
        pool_size: 8,
        busy_timeout: Duration::from_secs(30),
        require_synchronous_standby: false,
        create: true,
        installation_id: random(&RealWorld),
        network: "bibliotheken-merwedeland".to_owned(),
        now: RealWorld.now(),
        observer: None,
    })?)
}

/// The shipped policies, with limits that no measurement reaches.
fn policies() -> Result<Files, Failure> {
    let mut files = read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"))?;
    let systems = files.text("systems.toml").ok_or("no systems.toml")?;
    let free: Vec<&str> = systems
        .lines()
        .map(|line| {
            if line.starts_with("limits = ") {
                "limits = { per_second = 1000000, burst = 1000000 }"
            } else {
                line
            }
        })
        .collect();
    files.insert("systems.toml", free.join("\n"));
    Ok(files)
}

/// A service over a database that remembers so many mebibytes of people.
pub fn service(store: &Store, node: &str, remember_mib: usize) -> Result<Service, Failure> {
    let options = ServiceOptions {
        store: store.clone(),
        files: policies()?,
        root_key: RootKey::new(Secret32::from_bytes([1; 32])),
        world: Arc::new(RealWorld),
        node: node.to_owned(),
        public_base: "http://127.0.0.1".to_owned(),
        test_subjects: false,
        queue: 16_384,
        remember: remember_mib << 20,
        deadline: Duration::from_secs(30),
        checkpoints: None,
        witnesses: WitnessPlan::default(),
    };
    Ok(Service::start_with(
        options,
        AccessOptions::new("http://127.0.0.1"),
    )?)
}

/// Begins to tell other systems what changed, as every node does.
fn tell(service: &Service) -> Result<(), Failure> {
    let settings = WebhookSettings {
        allow_private: false,
        timeout: Duration::from_secs(10),
    };
    Ok(service.start_propagation(PropagationOptions {
        sender: Arc::new(WebhookClient::new(settings)?),
        tempo: Tempo::default(),
    })?)
}

/// A token of a new client of the CRM.
pub async fn token(service: &Service) -> Result<String, Failure> {
    let id = format!("bench-{}", RealWorld.now().micros());
    let new = NewClient {
        id: ClientId::parse(&id)?,
        system: "crm".parse()?,
        scopes: BTreeSet::from([Scope::DecisionsCheck, Scope::ConsentsWrite]),
        credential: Credential::Secret,
    };
    service.add_client(&service.operator()?, new).await?;
    Ok(service.access().token_of(&id).await?.access_token)
}

/// Makes everybody who is not there yet, through the use cases: of six, four said yes, one said no, one was never asked.
pub async fn fill(service: &Service, people: usize) -> Result<(), Failure> {
    let known = async |at: usize| -> Result<bool, Failure> {
        let who = LookUpPerson {
            scheme: "member-number".parse()?,
            value: Personal::new(number(at)),
            organisation: Some(LINDE.parse()?),
        };
        Ok(service.look_up_person(&call()?, who).await.is_ok())
    };
    // How many there are, by halving: they were made in order.
    let (mut low, mut high) = (0, people);
    while low < high {
        let middle = usize::midpoint(low, high);
        if known(middle).await? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if low == people {
        return Ok(());
    }
    // A fill that was broken off may have left gaps before its last one.
    let from = low.saturating_sub(5_000);
    let started = Instant::now();
    let notice = service
        .catalogue()
        .purposes
        .get("newsletter")
        .ok_or("no newsletter")?
        .purpose
        .version;
    let call = call()?;
    let made = futures_util::stream::iter(from..people)
        .map(|at| one(service, &call, at, notice))
        .buffered(2_000);
    let mut made = std::pin::pin!(made);
    while let Some(one) = made.next().await {
        one?;
    }
    eprintln!(
        "{} people more in {:.0} s",
        people - low,
        started.elapsed().as_secs_f64()
    );
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
        occurred_at: None,
    };
    service.record_consent(call, verb).await?;
    Ok(())
}

/// The process that [`fill_apart`] starts.
pub fn filled(url: &str, people: usize) -> Result<(), Failure> {
    actix_web::rt::System::new().block_on(async {
        let store = open(url)?;
        let service = service(&store, "fill", 64)?;
        tell(&service)?;
        fill(&service, people).await?;
        // What is left to tell would be told while something is measured.
        while store.read("outbox", |tx| tx.outbox_size())?.0 > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        service.stop();
        Ok(())
    })
}

/// [`fill`] in a process of its own, so that what it leaves in memory does not count.
pub fn fill_apart(url: &str, people: usize) -> Result<(), Failure> {
    let mut this = Command::new(std::env::current_exe()?);
    if this.args(["fill", url, &people.to_string()]).status()?.success() {
        Ok(())
    } else {
        Err("the people could not be made".into())
    }
}

/// A server in a process of its own: this program again, called with `serve`. Ends when it is dropped.
#[derive(Debug)]
pub struct Served {
    child: Child,
    /// Where it listens.
    pub addr: SocketAddr,
    /// A token for it.
    pub token: String,
    /// From its start until it listened.
    pub ready_after: Duration,
}

impl Served {
    /// Starts one and waits until it listens.
    pub fn start(arguments: &[&str]) -> Result<Self, Failure> {
        let started = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let (addr, token) = line.trim().split_once(' ').ok_or("the server did not start")?;
        Ok(Self {
            addr: addr.parse()?,
            token: token.to_owned(),
            ready_after: started.elapsed(),
            child,
        })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The other side of [`Served`]: serves until standard input ends.
pub fn serve(url: &str, node: &str, remember_mib: usize, faces: &[Face]) -> Result<(), Failure> {
    actix_web::rt::System::new().block_on(async {
        let store = open(url)?;
        let service = service(&store, node, remember_mib)?;
        tell(&service)?;
        let token = token(&service).await?;
        let server = start(&ServerOptions::at("127.0.0.1:0".parse()?), &service, faces)?;
        announce(server.addr, &token)?;
        until_the_end().await;
        server.stop(true).await;
        service.stop();
        Ok(())
    })
}

/// Tells [`Served::start`] where a server listens.
pub fn announce(addr: SocketAddr, token: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    writeln!(out, "{addr} {token}")?;
    out.flush()?;
    Ok(())
}

/// Waits until standard input ends.
pub async fn until_the_end() {
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
}

/// Seconds of CPU that a process has used.
pub fn cpu(pid: u32) -> Result<f64, Failure> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
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

/// Seconds of CPU that the machine has spent working, whoever for.
pub fn machine_cpu() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let ticks: Vec<f64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    Ok((ticks.iter().take(8).sum::<f64>() - idle) / 100.0)
}

/// The most memory that a process had resident since [`forget_peak`], in MiB.
pub fn peak(pid: u32) -> Result<u64, Failure> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no such figure")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}

/// Begins [`peak`] anew.
pub fn forget_peak(pid: u32) -> Result<(), Failure> {
    Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// The middle one.
pub fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

/// A row of the table of results.
pub fn row(operation: &str, ours: &str, floor: &str, ratio: &str, goal: &str) {
    println!("| {operation} | {ours} | {floor} | {ratio} | {goal} |");
}
