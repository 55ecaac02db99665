//! `akkoord demo`: a fictional network of nine libraries and five thousand members, on this machine alone.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use self::provider::Provider;
use super::serve::{Signals, begin_telling, no_core_dumps, until_signal};
use super::{Failure, say};
use crate::cli::progress::Progress;
use crate::config::{RootKeySource, root_key};
use crate::crypto::{RootKey, Secret32};
use crate::domain::moment::Moment;
use crate::outward::mail::{Carrier, Postman};
use crate::outward::webhook::WebhookSettings;
use crate::policy::load::Files;
use crate::service::access::client::ClientId;
use crate::service::access::{AccessOptions, ClientMistake, Credential, NewClient};
use crate::service::call::Scope;
use crate::service::{Service, ServiceOptions};
use crate::store::{Store, StoreOptions};
use crate::telemetry::{self, Log, LogFormat};
use crate::web::server::{ServerOptions, start};
use crate::web::transactions::Transactions;
use crate::world::{RealWorld, TurnedWorld, World, random};

pub mod cast;
mod dice;
mod history;
mod lines;
mod members;
pub mod provider;
mod seed;

/// Says that a folder holds a whole demo.
const COMPLETE: &str = "akkoord-demo-complete";

/// The client that everybody knows.
const CLIENT: &str = "demo-crm";
/// How long its tokens are valid, in seconds: an afternoon of trying.
const TOKEN_SECONDS: i64 = 12 * 3_600;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Where to listen: an address of this machine alone
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// Keep the data in this folder, and use them again next time; without it they are fresh and go away at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Makes the network, serves it, and prints what to try.
pub fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    if !arguments.bind.ip().is_loopback() {
        return Err(Failure::Refused(format!(
            "the demo listens on this machine alone, and {} is reachable from elsewhere: its secret is public. Use \
             127.0.0.1 or [::1]; for other machines there is `akkoord serve`.",
            arguments.bind.ip()
        )));
    }
    telemetry::start(&Log {
        format: LogFormat::Text,
        level: "warn".to_owned(),
    });
    no_core_dumps()?;
    let begun = Instant::now();
    // Taken now, so that a port in use is found before the data are made.
    let taken = TcpListener::bind(arguments.bind)
        .map_err(|error| Failure::Refused(format!("cannot listen on {}: {error}", arguments.bind)))?;
    let bind = taken.local_addr().unwrap_or(arguments.bind);
    let home = Home::open(arguments.data.as_deref())?;
    say(&format!(
        "\n  DEMO · fictional libraries and members · this machine alone · {}\n",
        home.describe()
    ));
    let base = format!("http://{bind}");
    actix_web::rt::System::new().block_on(async {
        let signals = Signals::listen()?;
        let transactions = Transactions::default();
        let (store, files) = (home.store(&transactions)?, shipped());
        let checkpoints = super::checkpoints(&home.folder.join("checkpoints"))?;
        let options = |world, queue, deadline| ServiceOptions {
            store: store.clone(),
            files: files.clone(),
            root_key: home.root_key.clone(),
            world,
            node: "demo".to_owned(),
            public_base: base.clone(),
            test_subjects: true,
            queue,
            remember: 64 << 20,
            deadline: Duration::from_secs(deadline),
            checkpoints: Some(Arc::clone(&checkpoints)),
            witnesses: crate::service::sequence::WitnessPlan::default(),
        };
        if !home.is_complete() {
            let now = RealWorld.now();
            let world = Arc::new(TurnedWorld::starting(now));
            let service = Service::start(options(Arc::clone(&world) as Arc<dyn World>, 8_192, 60))?;
            let members = make_history(&service, &world, now).await?;
            service.stop();
            home.complete()?;
            say(&format!(
                "  {members} members of nine libraries, and a year of what they chose.\n"
            ));
        }
        let access = AccessOptions {
            token_lifetime: TOKEN_SECONDS,
            well_known_secrets: true,
            ..AccessOptions::new(base.clone())
        };
        let service = Service::start_with(options(Arc::new(RealWorld), 4_096, 5), access)?;
        // Receivers on this machine may be tried out.
        let webhooks = WebhookSettings {
            allow_private: true,
            timeout: Duration::from_secs(15),
        };
        begin_telling(&service, webhooks)?;
        service.ensure_test_subjects().await?;
        let token = token(&service).await?;
        let lines = lines::lines(&service, &base).await?;
        let leave = lines::leave(&service, &base).await?;
        let provider = start_provider(bind, &base)?;
        let mail = home.folder.join("mail");
        let postman = Postman::new(
            "Mijn privacy <privacy@merwedeland.example>",
            Carrier::Folder(mail.clone()),
        )
        .map_err(Failure::Refused)?;
        // Held until the end: they stop when they are dropped.
        let _rounds = (
            crate::outward::mail::start(service.clone(), postman),
            crate::portal::tidings::start(service.clone()),
        );
        drop(taken);
        let options = ServerOptions {
            transactions: Some(transactions),
            doors: cast::doors(&base, &provider.issuer).map_err(Failure::Refused)?,
            ..ServerOptions::at(bind)
        };
        let server = start(&options, &service, &super::faces())
            .map_err(|error| Failure::Refused(format!("cannot listen on {bind}: {error}")))?;
        print(&base, &token, &lines, &leave, &mail, begun);
        until_signal(signals, server, service, Duration::ZERO).await;
        provider.stop().await;
        Ok(())
    })
}

/// The login page, beside the service on this machine alone: at the next port when that is free.
fn start_provider(bind: SocketAddr, base: &str) -> Result<Provider, Failure> {
    let next = SocketAddr::new(bind.ip(), bind.port().checked_add(1).unwrap_or(0));
    let listener = TcpListener::bind(next).or_else(|_| TcpListener::bind(SocketAddr::new(bind.ip(), 0)));
    let refused = |error| Failure::Refused(format!("the login page of the demo cannot listen: {error}"));
    let world: Arc<dyn World> = Arc::new(RealWorld);
    Provider::start(
        listener.map_err(refused)?,
        world,
        cast::clients(base),
        cast::personas(),
    )
    .map_err(refused)
}

/// Seeds an empty service; how many members there are.
async fn make_history(service: &Service, world: &TurnedWorld, now: Moment) -> Result<usize, Failure> {
    let catalogue = service.catalogue();
    let libraries: Vec<_> = catalogue.organisations.keys().cloned().collect();
    let today = now.date(catalogue.network.zone);
    let members = members::everybody(today, &libraries);
    let plan = history::year(today, &members, &catalogue);
    let progress = Progress::of(plan.len(), "acts");
    let seeded = seed::carry_out(service, world, &members, &plan, &progress).await?;
    progress.finish();
    if let Some((refusal, what)) = seeded.refused.first() {
        tracing::warn!(count = seeded.refused.len(), "acts of the year were refused");
        writeln!(std::io::stderr(), "first refused: {refusal}: {what:?}").ok();
    }
    Ok(members.len())
}

/// Adds the client that everybody knows, unless it is there, and gives it a token.
async fn token(service: &Service) -> Result<String, Failure> {
    let client = NewClient {
        id: ClientId::parse(CLIENT).map_err(ClientMistake::Id)?,
        system: seed::call("crm")?.principal.system,
        scopes: Scope::ALL.iter().copied().collect(),
        credential: Credential::WellKnown("demo".to_owned()),
    };
    match service.add_client(&service.operator()?, client).await {
        Ok(_) | Err(ClientMistake::Exists(_)) => {}
        Err(mistake) => return Err(mistake.into()),
    }
    let token = service.access().token_of(CLIENT).await;
    token
        .map(|token| token.access_token)
        .map_err(|error| Failure::Refused(format!("no token for the demo's client: {error}")))
}

fn print(base: &str, token: &str, lines: &[lines::Line], leave: &str, mail: &Path, begun: Instant) {
    say(&format!(
        "Ready after {:.1} seconds: {base}/docs shows the API. Ctrl-C ends.\n",
        begun.elapsed().as_secs_f32(),
    ));
    say(&cast::lines(base));
    say(&format!(
        "A link like the one below a newsletter, here that of Noor de Wit ({}). It stops the newsletter without logging in:\n  \
         {leave}\n",
        cast::PARENT
    ));
    say(&format!("Mail is not sent but written to {}\n", mail.display()));
    say(&format!(
        "AS A SYSTEM\n\nThe system `crm` calls as client `demo-crm` with secret `demo`. A token for the lines below, valid for twelve \
         hours:\n  TOKEN={token}\n\nOr fetch one:\n  {}\n\n\
         What somebody chooses in the browser, the next check answers. Paste this once, and ask about any member by number:\n  \
         {}\n  may 2000123456\n",
        lines::fetch_token(base),
        lines::check(base),
    ));
    for line in lines {
        say(&line.to_string());
    }
    say(
        "Also: identifiers {\"scheme\":\"test\",\"value\":…} with granted, refused, withdrawn, expired, never-asked,\n\
         child-needs-guardian, objected, restricted, erased, unknown, at every library; members 2000100001 to 2000104999.",
    );
}

/// The policies compiled into the program.
fn shipped() -> Files {
    let mut files = Files::default();
    for (path, text) in super::embedded::POLICIES {
        files.insert(*path, *text);
    }
    files
}

/// Where the data are.
struct Home {
    folder: PathBuf,
    root_key: RootKey,
    /// Removes the folder at the end.
    temporary: Option<tempfile::TempDir>,
}

impl Home {
    fn open(data: Option<&Path>) -> Result<Self, Failure> {
        let Some(folder) = data else {
            let temporary = tempfile::Builder::new()
                .prefix("akkoord-demo-")
                .tempdir()
                .map_err(|error| Failure::Refused(format!("cannot make a temporary folder: {error}")))?;
            return Ok(Self {
                folder: temporary.path().to_owned(),
                root_key: RootKey::new(Secret32::filled(&|bytes| RealWorld.fill(bytes))),
                temporary: Some(temporary),
            });
        };
        let key = folder.join("root.key");
        if !folder.join(COMPLETE).exists() {
            let entries = std::fs::read_dir(folder).map_or(0, Iterator::count);
            if entries > 0 {
                return Err(Failure::Refused(format!(
                    "{} is not empty and holds no whole demo. Name a new folder, or remove this one.",
                    folder.display()
                )));
            }
            super::config::write_new(&key, &root_key::fresh(&RealWorld), 0o600)
                .map_err(|error| Failure::Refused(format!("cannot write {}: {error}", key.display())))?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            root_key: RootKeySource::File(key).read()?,
            temporary: None,
        })
    }

    fn describe(&self) -> String {
        match &self.temporary {
            Some(_) => "the data go away at the end".to_owned(),
            None => format!("data in {}", self.folder.display()),
        }
    }

    fn store(&self, transactions: &Transactions) -> Result<Store, Failure> {
        Ok(Store::open(StoreOptions {
            url: format!("sqlite://{}", self.folder.join("akkoord.db").display()).parse()?,
            pool_size: 8,
            busy_timeout: Duration::from_secs(5),
            require_synchronous_standby: false,
            create: true,
            installation_id: random(&RealWorld),
            network: super::network(&shipped())?,
            now: RealWorld.now(),
            observer: Some(Arc::new(transactions.clone())),
        })?)
    }

    fn is_complete(&self) -> bool {
        self.folder.join(COMPLETE).exists()
    }

    fn complete(&self) -> Result<(), Failure> {
        let marker = self.folder.join(COMPLETE);
        std::fs::write(
            &marker,
            "A demo of Akkoord: fictional members, and a root key that is no secret.\n",
        )
        .map_err(|error| Failure::Refused(format!("cannot write {}: {error}", marker.display())))
    }
}
