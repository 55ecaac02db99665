//! The pages for people on a service of this process, with the provider of accounts of the demo, mail that is kept, and
//! visitors who have cookies and nothing else of a browser.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::get;
use akkoord::cli::demo::cast;
use akkoord::cli::demo::provider::Provider;
use akkoord::outward::mail::{Carrier, Kept, Postman, Round, start};
use akkoord::service::Service;
use akkoord::web::problem::{Kind, Problem};
use akkoord::web::server::{Face, RunningServer, ServerOptions};
use akkoord::web::session::cookie;
use akkoord::world::World;

use super::app::{Setup, service};

/// A site that runs.
pub struct PeopleSite {
    pub service: Service,
    pub base: String,
    pub provider: Provider,
    pub mail: Kept,
    _round: Round,
    server: RunningServer,
}

/// What a page answered.
#[derive(Debug)]
pub struct Shown {
    pub status: u16,
    pub to: String,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

/// Somebody with a browser.
pub struct Visitor {
    base: String,
    client: reqwest::Client,
    pub cookies: BTreeMap<String, String>,
    /// What the browser says of where a form stood; `None` for an old browser.
    pub fetch_site: Option<&'static str>,
    /// What it says as origin.
    pub origin: Option<String>,
}

impl PeopleSite {
    /// Starts it over the database at a URL.
    pub async fn start(url: &str, world: &Arc<impl World + 'static>) -> PeopleSite {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = free.local_addr().unwrap();
        let base = format!("http://{address}");
        let setup = Setup {
            public_base: base.clone(),
            ..Setup::default()
        };
        let service = service(url, Arc::clone(world) as _, &setup);
        let provider = Provider::start(
            TcpListener::bind("127.0.0.1:0").unwrap(),
            Arc::clone(world) as _,
            cast::clients(&base),
            cast::personas(),
        )
        .unwrap();
        let mail = Kept::default();
        let postman = Postman::new("privacy@merwedeland.example", Carrier::Memory(mail.clone())).unwrap();
        let round = start(service.clone(), postman);
        drop(free);
        let options = ServerOptions {
            workers: 2,
            doors: cast::doors(&base, &provider.issuer).unwrap(),
            ..ServerOptions::at(address)
        };
        let faces = [
            akkoord::api::face(),
            akkoord::portal::face(),
            akkoord::officer::face(),
            broken(),
        ];
        let server = akkoord::web::server::start(&options, &service, &faces).unwrap();
        PeopleSite {
            service,
            base,
            provider,
            mail,
            _round: round,
            server,
        }
    }

    /// Somebody who has never been here.
    pub fn visitor(&self) -> Visitor {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Visitor {
            base: self.base.clone(),
            client,
            cookies: BTreeMap::new(),
            fetch_site: Some("same-origin"),
            origin: None,
        }
    }

    /// Somebody who chose a persona at the provider and came back: where that led.
    pub async fn arrived(&self, subject: &str, from: &str) -> (Visitor, Shown) {
        let mut visitor = self.visitor();
        let back = self.way_back(&mut visitor, subject, from).await;
        let shown = visitor.get(&back).await;
        (visitor, shown)
    }

    /// Goes to the provider, chooses a persona, and gives the address to come back to, without going there.
    pub async fn way_back(&self, visitor: &mut Visitor, subject: &str, from: &str) -> String {
        let leave = visitor.get(from).await;
        assert_eq!(leave.status, 303, "{leave:?}");
        assert!(leave.to.starts_with(&self.provider.issuer), "{leave:?}");
        let chosen = visitor.get(&format!("{}&persona={subject}", leave.to)).await;
        assert_eq!(chosen.status, 303, "{chosen:?}");
        assert!(chosen.to.starts_with(&self.base), "{chosen:?}");
        chosen.to
    }

    /// A visitor who is signed in already, without a provider.
    pub fn with(&self, token: &akkoord::service::sessions::Token) -> Visitor {
        let mut visitor = self.visitor();
        let name = cookie::session_name(&self.service).to_owned();
        visitor.cookies.insert(name, token.reveal().to_owned());
        visitor
    }

    /// Ends it.
    pub async fn stop(self) {
        self.server.stop(true).await;
        self.provider.stop().await;
        let service = self.service;
        tokio::task::spawn_blocking(move || service.stop()).await.unwrap();
    }
}

/// A page that fails, to see what people are told then.
fn broken() -> Face {
    Face {
        configure: |config| {
            let fails = || async { Err::<HttpResponse, Problem>(Problem::new(Kind::Internal)) };
            config.route("/mijn/stuk", get().to(fails));
        },
        methods: vec![("/mijn/stuk".to_owned(), vec![Method::GET])],
    }
}

impl Visitor {
    pub async fn get(&mut self, path: &str) -> Shown {
        let request = self.client.get(self.url(path));
        self.send(request).await
    }

    /// Sends a form; the hidden field stands on the page at the same path.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let shown = self.get(path).await;
        let csrf = shown.field("_csrf");
        self.post(path, &csrf, fields).await
    }

    /// Sends a form with a hidden field.
    pub async fn post(&mut self, path: &str, csrf: &str, fields: &[(&str, &str)]) -> Shown {
        let mut all = vec![("_csrf", csrf)];
        all.extend(fields);
        let mut request = self.client.post(self.url(path)).form(&all);
        if let Some(site) = self.fetch_site {
            request = request.header("sec-fetch-site", site);
        }
        if let Some(origin) = &self.origin {
            request = request.header("origin", origin);
        }
        self.send(request).await
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Shown {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if set.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let headers = answer.headers().clone();
        let to = headers
            .get("location")
            .map_or("", |to| to.to_str().unwrap())
            .to_owned();
        Shown {
            status: answer.status().as_u16(),
            to,
            headers,
            text: answer.text().await.unwrap(),
        }
    }
}

impl Shown {
    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> String {
        let at = format!("name=\"{name}\" value=\"");
        let Some((_, rest)) = self.text.split_once(&at) else {
            panic!("no field {name} on {self:?}")
        };
        rest.split_once('"').unwrap().0.to_owned()
    }
}
