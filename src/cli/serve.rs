//! `akkoord serve`: opens what the configuration names, serves, and stops without dropping a request.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, RootKeyArguments, say};
use crate::config::Config;
use crate::crypto::RootKey;
use crate::outward;
use crate::outward::webhook::{WebhookClient, WebhookSettings};
use crate::policy::load::{Files, read_folder};
use crate::service::access::AccessOptions;
use crate::service::propagate::{PropagationOptions, Tempo};
use crate::service::{Service, ServiceOptions, StartError};
use crate::store::{Observer, Store, StoreOptions};
use crate::telemetry;
use crate::web::body::BodyLimits;
use crate::web::server::{RunningServer, ServerOptions, start};
use crate::web::transactions::Transactions;
use crate::world::{RealWorld, World, random};

/// How long accepted requests may take to end.
const ENDING: Duration = Duration::from_secs(6);
/// How long the whole ending may take before the program leaves anyway: what is not committed by then was not
/// acknowledged either.
const LONGEST_ENDING: Duration = Duration::from_millis(9_500);

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The configuration; `akkoord config init` writes one
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    root_key: RootKeyArguments,
}

/// Serves until a signal.
pub fn run(arguments: &ServeArguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.config)?;
    telemetry::start(&config.log);
    no_core_dumps()?;
    let root_key = arguments.root_key.source(&config)?.read()?;
    let files = read_folder(&config.policies).map_err(|error| Failure::Misconfigured(error.to_string()))?;
    actix_web::rt::System::new().block_on(async {
        // Before anything else: a signal during the start must not be lost.
        let signals = Signals::listen()?;
        let transactions = Transactions::default();
        let service = open_observed(&config, root_key, files, Some(&transactions))?;
        begin_telling(
            &service,
            WebhookSettings {
                allow_private: config.webhooks.allow_private,
                timeout: Duration::from_secs(config.webhooks.timeout_seconds),
            },
        )?;
        if config.test_subjects {
            service.ensure_test_subjects().await?;
        }
        let doors = config.login.doors(&config.base()).map_err(Failure::Misconfigured)?;
        // Held until the end: they stop when they are dropped.
        let _rounds = match &config.mail {
            Some(mail) => {
                let postman = mail.postman().map_err(Failure::Misconfigured)?;
                Some((
                    outward::mail::start(service.clone(), postman),
                    crate::portal::tidings::start(service.clone()),
                ))
            }
            None => None,
        };
        let options = ServerOptions {
            doors,
            ..server_options(&config, transactions)
        };
        let server = start(&options, &service, &super::faces())
            .map_err(|error| Failure::Refused(format!("cannot listen on {}: {error}", config.bind)))?;
        say(&format!("akkoord listens on http://{}", server.addr));
        if let Some(metrics) = server.metrics_addr {
            say(&format!("metrics on http://{metrics}/metrics"));
        }
        tracing::info!(address = %server.addr, node = config.node, version = env!("CARGO_PKG_VERSION"), "serving");
        until_signal(signals, server, service, Duration::from_secs(config.limits.drain_seconds)).await;
        Ok(())
    })
}

/// From now on other systems are told what they must know.
pub fn begin_telling(service: &Service, settings: WebhookSettings) -> Result<(), Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::Refused(format!("cannot send webhooks: {error}"));
    let sender = WebhookClient::new(settings).map_err(|error| refused(&error))?;
    let options = PropagationOptions {
        sender: Arc::new(sender),
        tempo: Tempo::default(),
    };
    service
        .start_propagation(options)
        .map_err(|error| refused(&error))
}

/// Core dumps hold keys.
pub fn no_core_dumps() -> Result<(), Failure> {
    telemetry::no_core_dumps()
        .map_err(|error| Failure::Refused(format!("cannot switch off core dumps: {error}")))
}

/// The service a configuration describes. Blocks while it opens the database.
pub fn open(config: &Config, root_key: RootKey, files: Files) -> Result<Service, Failure> {
    open_observed(config, root_key, files, None)
}

fn open_observed(
    config: &Config,
    root_key: RootKey,
    files: Files,
    transactions: Option<&Transactions>,
) -> Result<Service, Failure> {
    let access = AccessOptions::new(config.base());
    let access = AccessOptions {
        issuers: outward::jwks::issuers(config.issuers.clone(), &access.audience)
            .map_err(StartError::Issuer)?,
        ..access
    };
    Ok(Service::start_with(
        observed_options(config, root_key, files, transactions)?,
        access,
    )?)
}

/// What the service of a configuration is made of; its database is open.
pub fn service_options(config: &Config, root_key: RootKey, files: Files) -> Result<ServiceOptions, Failure> {
    observed_options(config, root_key, files, None)
}

fn observed_options(
    config: &Config,
    root_key: RootKey,
    files: Files,
    transactions: Option<&Transactions>,
) -> Result<ServiceOptions, Failure> {
    let world: Arc<dyn World> = Arc::new(RealWorld);
    let checkpoints = match &config.checkpoints {
        Some(folder) => Some(super::checkpoints(folder)?),
        None => None,
    };
    let observer = transactions.map(|counters| Arc::new(counters.clone()) as Arc<dyn Observer>);
    Ok(ServiceOptions {
        store: Store::open(StoreOptions {
            observer,
            ..store_options(config, &files, &*world)?
        })?,
        files,
        root_key,
        world,
        node: config.node.clone(),
        public_base: config.base(),
        test_subjects: config.test_subjects,
        queue: config.limits.queue,
        remember: config.limits.remember_mib << 20,
        deadline: Duration::from_millis(config.limits.deadline_ms),
        checkpoints,
        witnesses: config.witnesses.plan().map_err(Failure::Misconfigured)?,
    })
}

/// How to open the database of a configuration.
pub fn store_options(config: &Config, files: &Files, world: &dyn World) -> Result<StoreOptions, Failure> {
    Ok(StoreOptions {
        url: config.database.expose().parse()?,
        pool_size: config.limits.pool_size,
        busy_timeout: Duration::from_secs(5),
        require_synchronous_standby: config.replicated,
        create: true,
        installation_id: random(world),
        network: super::network(files)?,
        now: world.now(),
        observer: None,
    })
}

fn server_options(config: &Config, transactions: Transactions) -> ServerOptions {
    ServerOptions {
        transactions: Some(transactions),
        metrics_bind: config.metrics_bind,
        max_connections: config.limits.max_connections,
        shutdown_timeout: ENDING,
        body: BodyLimits {
            bytes: config.limits.body_bytes,
            deadline: Duration::from_secs(config.limits.body_read_seconds),
        },
        ..ServerOptions::at(config.bind)
    }
}

/// The signals that end the program.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on SIGTERM and SIGINT come here.
    pub fn listen() -> Result<Self, Failure> {
        let of = |kind| {
            signal(kind).map_err(|error| Failure::Refused(format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
        })
    }

    /// The next of them.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Serves until a signal, and then ends: `/readyz` turns red; after `pause`, in which a load balancer looks away, the
/// door closes; accepted requests are answered; the lanes commit what they took. A second signal ends at once.
pub async fn until_signal(mut signals: Signals, server: RunningServer, service: Service, pause: Duration) {
    let signal = signals.next().await;
    tracing::info!(signal, "stopping: finishing what was accepted");
    let ending = async {
        server.drain();
        tokio::time::sleep(pause).await;
        service.end_waits();
        server.stop(true).await;
        tokio::task::spawn_blocking(move || service.stop()).await.ok();
    };
    tokio::select! {
        ended = tokio::time::timeout(pause + LONGEST_ENDING, ending) => match ended {
            Ok(()) => tracing::info!("stopped"),
            Err(_) => {
                tracing::warn!("stopped with requests that did not end in time");
                std::process::exit(0);
            }
        },
        signal = signals.next() => {
            tracing::warn!(signal, "stopped at once by a second signal");
            std::process::exit(1);
        }
    }
}
