//! The server: binds, limits connections, and stops without dropping a request.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ResourceDef, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, guard};
use serde_json::json;

use super::body::BodyLimits;
use super::lanes;
use super::metrics::OPEN_METRICS;
use super::page::{assets, errors};
use super::problem::{Kind, Problem};
use super::session::doors::Doors;
use super::site::Site;
use super::trace::observe;
use super::transactions::Transactions;
use super::{erasures, propagation};
use crate::service::Service;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen; port 0 chooses a free one.
    pub bind: SocketAddr,
    /// Where to serve the counters; nowhere when absent. Not for the public.
    pub metrics_bind: Option<SocketAddr>,
    /// Reverse proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpAddr>,
    /// Threads that serve.
    pub workers: usize,
    /// Most connections at once, over all workers.
    pub max_connections: usize,
    /// Time in which the head of a request must arrive.
    pub client_request_timeout: Duration,
    /// How long an idle connection stays open.
    pub keep_alive: Duration,
    /// How long a stop waits for requests that run.
    pub shutdown_timeout: Duration,
    /// Size and deadline of bodies.
    pub body: BodyLimits,
    /// Counters of the store's transactions, to be served with the others.
    pub transactions: Option<Transactions>,
    /// The ways in for people.
    pub doors: Doors,
}

impl ServerOptions {
    /// The usual values at an address.
    pub fn at(bind: SocketAddr) -> Self {
        Self {
            bind,
            metrics_bind: None,
            trusted_proxies: Vec::new(),
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            max_connections: 10_000,
            client_request_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(20),
            body: BodyLimits::default(),
            transactions: None,
            doors: Doors::default(),
        }
    }
}

/// Resources that one face of the service adds.
#[derive(Clone)]
pub struct Face {
    /// Adds them to each worker.
    pub configure: fn(&mut ServiceConfig),
    /// Their path patterns and methods, so that a wrong method is told which ones there are.
    pub methods: Vec<(String, Vec<Method>)>,
}

impl std::fmt::Debug for Face {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Face")
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct RunningServer {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where the counters are.
    pub metrics_addr: Option<SocketAddr>,
    /// What its workers share.
    pub site: Data<Site>,
    handles: Vec<ServerHandle>,
}

impl RunningServer {
    /// Turns `/readyz` red and goes on serving.
    pub fn drain(&self) {
        self.site.drain();
    }

    /// Stops listening; a graceful stop lets running requests end first.
    pub async fn stop(self, graceful: bool) {
        self.site.drain();
        for handle in self.handles {
            handle.stop(graceful).await;
        }
    }
}

/// Starts a server on the current runtime. It runs until [`RunningServer::stop`].
///
/// # Errors
/// When an address cannot be bound.
pub fn start(options: &ServerOptions, service: &Service, faces: &[Face]) -> io::Result<RunningServer> {
    let workers = options.workers.max(1);
    let site = Data::new(Site::new(options.trusted_proxies.clone()));
    site.metrics.register(|registry| {
        lanes::register(registry, service);
        propagation::register(registry, service);
        erasures::register(registry, service);
    });
    if let Some(transactions) = &options.transactions {
        site.metrics.register(|registry| transactions.register(registry));
    }
    let service = Data::new(service.clone());
    let body = Data::new(options.body);
    let doors = Data::new(options.doors.clone());
    let known = Data::new(KnownPaths::new(faces));
    let configure: Vec<fn(&mut ServiceConfig)> = faces.iter().map(|face| face.configure).collect();
    let shared = site.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(service.clone())
            .app_data(shared.clone())
            .app_data(body.clone())
            .app_data(doors.clone())
            .app_data(known.clone())
            .configure(|config| configure.iter().for_each(|add| add(config)))
            .service(web::resource("/healthz").guard(guard::Get()).to(alive))
            .service(web::resource("/readyz").guard(guard::Get()).to(ready))
            .service(assets::style_sheet)
            .service(assets::theme)
            .service(assets::sign)
            .default_service(web::to(nothing_here))
            .wrap(from_fn(errors::in_words))
            .wrap(from_fn(answer_head))
            .wrap(from_fn(observe))
    })
    .workers(workers)
    .max_connections(options.max_connections.div_ceil(workers).max(1))
    .client_request_timeout(options.client_request_timeout)
    .keep_alive(options.keep_alive)
    .shutdown_timeout(options.shutdown_timeout.as_secs())
    .disable_signals()
    .bind(options.bind)?;
    let addr = server.addrs().first().copied().unwrap_or(options.bind);
    let running = server.run();
    let mut handles = vec![running.handle()];
    tokio::spawn(running);

    let mut metrics_addr = None;
    if let Some(bind) = options.metrics_bind {
        let shared = site.clone();
        let server = HttpServer::new(move || {
            App::new().app_data(shared.clone()).service(
                web::resource("/metrics")
                    .route(web::get().to(metrics))
                    .route(web::head().to(metrics)),
            )
        })
        .workers(1)
        .max_connections(64)
        .disable_signals()
        .bind(bind)?;
        metrics_addr = server.addrs().first().copied();
        let running = server.run();
        handles.push(running.handle());
        tokio::spawn(running);
    }
    Ok(RunningServer {
        addr,
        metrics_addr,
        site,
        handles,
    })
}

/// `HEAD` is `GET` without its body (RFC 9110 §9.3.2): every resource answers it with the headers it would give, and the
/// body is left out when the answer is written.
async fn answer_head(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    next.call(request).await
}

/// The process lives.
async fn alive() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// The service can do its work: what it needs answers, and it is not closing.
async fn ready(service: Data<Service>, site: Data<Site>) -> HttpResponse {
    let readiness = service.ready().await;
    let ready = readiness.ready && !site.is_draining();
    let mut checks: Vec<_> = readiness
        .checks
        .iter()
        .map(|(name, good, _)| json!({"name": name, "ready": good}))
        .collect();
    checks.push(json!({"name": "accepting", "ready": !site.is_draining()}));
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    let witnesses = readiness.witnesses;
    let witnesses = json!({
        "known": witnesses.known, "cosigned": witnesses.cosigned, "quorum": witnesses.quorum,
        "quorumMet": witnesses.is_met(),
    });
    response.json(json!({"ready": ready, "checks": checks, "witnesses": witnesses}))
}

async fn metrics(site: Data<Site>) -> HttpResponse {
    match site.metrics.text() {
        Ok(text) => HttpResponse::Ok().content_type(OPEN_METRICS).body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// What no resource answered: an unknown path, or a known one with another method.
async fn nothing_here(request: HttpRequest, known: Data<KnownPaths>) -> Problem {
    match known.methods(request.path()) {
        Some(allow) => Problem::method_not_allowed(allow),
        None => Problem::new(Kind::NotFound),
    }
}

struct KnownPaths(Vec<(ResourceDef, String)>);

impl KnownPaths {
    fn new(faces: &[Face]) -> Self {
        let ours = [
            ("/healthz", "GET, HEAD"),
            ("/readyz", "GET, HEAD"),
            ("/assets/akkoord.css", "GET, HEAD"),
            ("/assets/akkoord.svg", "GET, HEAD"),
            ("/assets/themes/{library}.css", "GET, HEAD"),
        ];
        let theirs = faces
            .iter()
            .flat_map(|face| &face.methods)
            .map(|(pattern, methods)| {
                let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
                if let Some(get) = names.iter().position(|name| *name == "GET") {
                    names.insert(get + 1, "HEAD");
                }
                (ResourceDef::new(pattern.as_str()), names.join(", "))
            });
        let ours = ours
            .into_iter()
            .map(|(path, allow)| (ResourceDef::new(path), allow.to_owned()));
        Self(ours.chain(theirs).collect())
    }

    /// The methods of a path, when it is known with any.
    fn methods(&self, path: &str) -> Option<String> {
        let all: Vec<&str> = self
            .0
            .iter()
            .filter(|(pattern, _)| pattern.is_match(path))
            .map(|(_, methods)| methods.as_str())
            .collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_method_learns_the_right_ones() {
        let face = Face {
            configure: |_| {},
            methods: vec![(
                "/v1/people/{personId}/preferences".to_owned(),
                vec![Method::GET, Method::PUT],
            )],
        };
        let known = KnownPaths::new(&[face]);
        assert_eq!(
            known.methods("/v1/people/x/preferences").as_deref(),
            Some("GET, HEAD, PUT")
        );
        assert_eq!(known.methods("/v1/people/x/preferences/"), None);
        assert_eq!(known.methods("/v1/nothing"), None);
    }
}
