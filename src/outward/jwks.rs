//! The key sets of other issuers: fetched over HTTPS or read from a file, kept, and renewed.
//!
//! Keys are renewed every five minutes while calls go on with those that are known, and at most every thirty seconds
//! when a token names an unknown key. When that fails the known keys stay, for a day.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::ring as tls;
use url::Url;

use crate::crypto::jwt::{JwksError, parse_jwks};
use crate::crypto::sha256;
use crate::domain::moment::Moment;
use crate::service::access::issuer::{
    ExternalIssuer, IssuerMistake, IssuerSettings, KeySource, Keys, KeysFuture, KeysUnavailable, Wanted,
    is_loopback,
};

/// Seconds after which known keys are renewed.
const RENEW_AFTER: i64 = 300;
/// Seconds between two attempts to get newer keys for a token, or any keys at all.
const RETRY_AFTER: i64 = 30;
/// Seconds for which keys that cannot be renewed still count: a day.
const STALE_AFTER: i64 = 86_400;
/// How long one fetch may take, from name to last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes that are read.
const MAX_BYTES: usize = 512 * 1024;

/// The issuers of the configuration. Files with keys are read now, so that a mistake is seen at the start; key servers
/// are first asked when a token comes, so that the service starts without them.
///
/// # Errors
/// [`IssuerMistake`].
pub fn issuers(settings: Vec<IssuerSettings>, audience: &str) -> Result<Vec<ExternalIssuer>, IssuerMistake> {
    settings
        .into_iter()
        .map(|settings| {
            let algorithms = settings.check()?;
            let id = settings.id.clone();
            let place = match (settings.jwks_uri, settings.jwks_file) {
                (Some(url), None) => Place::url(url)?,
                (None, Some(path)) => {
                    let place = Place::File(path);
                    place
                        .file()
                        .map_err(|error| IssuerMistake::File(id, error.to_string()))?;
                    place
                }
                _ => return Err(IssuerMistake::Source(id)),
            };
            Ok(ExternalIssuer {
                id: settings.id,
                issuer: settings.issuer,
                audience: settings.audience.unwrap_or_else(|| audience.to_owned()),
                algorithms,
                client_claim: settings.client_claim,
                keys: Arc::new(RenewedKeys::new(place)),
            })
        })
        .collect()
}

/// The keys that are served at an address; nobody is asked yet.
///
/// # Errors
/// When no connection can be prepared.
pub fn key_source(url: Url) -> Result<Arc<dyn KeySource>, IssuerMistake> {
    Ok(Arc::new(RenewedKeys::new(Place::url(url)?)))
}

/// Where a key set is.
#[derive(Debug)]
enum Place {
    Url(Url, reqwest::Client),
    File(PathBuf),
}

/// Why a key set was not read. The issuer's words are never repeated.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("it cannot be read: {0}")]
    File(#[from] std::io::Error),
    #[error("it cannot be fetched")]
    Http(#[from] reqwest::Error),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("it is larger than 512 KiB")]
    TooLarge,
    #[error("{0}")]
    Keys(#[from] JwksError),
    #[error("it has no key that verifies a signature we accept")]
    NoKeys,
}

impl Place {
    fn url(url: Url) -> Result<Self, IssuerMistake> {
        // Another part of the process may have been first; then it is the same provider.
        let _ = tls::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // Connections belong to the worker thread that opened them: none is kept for another.
            .pool_max_idle_per_host(0);
        if is_loopback(&url) {
            client = client.no_proxy();
        } else {
            client = client.https_only(true);
        }
        let client = client
            .build()
            .map_err(|error| IssuerMistake::Http(error.to_string()))?;
        Ok(Self::Url(url, client))
    }

    async fn read(&self) -> Result<Fetched, FetchError> {
        let Self::Url(url, client) = self else {
            return self.file();
        };
        let mut response = client.get(url.clone()).send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Fetched::read(&body)
    }

    /// A small file of the operator, read where it is needed.
    fn file(&self) -> Result<Fetched, FetchError> {
        use std::io::Read;
        let Self::File(path) = self else {
            return Err(FetchError::NoKeys);
        };
        let mut body = Vec::new();
        let limit = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
        std::fs::File::open(path)?.take(limit).read_to_end(&mut body)?;
        if body.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        Fetched::read(&body)
    }

    fn name(&self) -> String {
        match self {
            Self::Url(url, _) => url.to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Keys, with the hash of the document they were in.
struct Fetched {
    hash: [u8; 32],
    keys: Keys,
}

impl Fetched {
    fn read(body: &[u8]) -> Result<Self, FetchError> {
        let keys = parse_jwks(body)?;
        // An issuer without keys is broken, not one that has withdrawn them all: those that are known stay, for a day.
        if keys.is_empty() {
            return Err(FetchError::NoKeys);
        }
        Ok(Self {
            hash: sha256(body),
            keys: keys.into(),
        })
    }
}

/// Keys that are kept and renewed. Clones share them.
#[derive(Debug, Clone)]
struct RenewedKeys(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    place: Place,
    held: Mutex<Held>,
    fetching: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Clone, Default)]
struct Held {
    /// The keys, their document's hash, and when they were last known to be the issuer's.
    keys: Option<(Keys, [u8; 32], Moment)>,
    tried_at: Option<Moment>,
}

impl Held {
    fn keys(&self, now: Moment) -> Option<Keys> {
        let (keys, _, seen_at) = self.keys.as_ref()?;
        (since(now, *seen_at) < STALE_AFTER).then(|| Arc::clone(keys))
    }

    /// Whether the issuer is to be asked, and may be asked so soon.
    fn due(&self, now: Moment, wanted: Wanted) -> bool {
        let wait = match (self.keys(now), wanted) {
            (Some(_), Wanted::Known) => RENEW_AFTER,
            _ => RETRY_AFTER,
        };
        self.tried_at.is_none_or(|tried_at| since(now, tried_at) >= wait)
    }
}

/// Seconds from an instant until now. After a clock was set back: so many that everything is due.
fn since(now: Moment, then: Moment) -> i64 {
    let seconds = now.seconds().saturating_sub(then.seconds());
    if seconds < 0 { i64::MAX } else { seconds }
}

impl RenewedKeys {
    fn new(place: Place) -> Self {
        Self(Arc::new(Shared {
            place,
            held: Mutex::new(Held::default()),
            fetching: Arc::default(),
        }))
    }

    fn held(&self) -> Held {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the issuer, once for all who wait.
    async fn renew(&self, now: Moment, wanted: Wanted) {
        let turn = Arc::clone(&self.0.fetching).lock_owned().await;
        if self.held().due(now, wanted) {
            self.fetch(now).await;
        }
        drop(turn);
    }

    async fn fetch(&self, now: Moment) {
        let held = || self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        held().tried_at = Some(now);
        match self.0.place.read().await {
            Ok(fetched) => {
                let mut held = held();
                let keys = match held.keys.take() {
                    Some((keys, hash, _)) if hash == fetched.hash => keys,
                    _ => fetched.keys,
                };
                held.keys = Some((keys, fetched.hash, now));
            }
            Err(error) => {
                tracing::warn!(from = %self.0.place.name(), %error, "the key set of an issuer was not renewed");
            }
        }
    }
}

impl KeySource for RenewedKeys {
    fn keys(&self, now: Moment, wanted: Wanted) -> KeysFuture<'_> {
        Box::pin(async move {
            let held = self.held();
            if held.due(now, wanted) {
                match (held.keys(now), wanted) {
                    (Some(_), Wanted::Known) => {
                        let keys = self.clone();
                        tokio::spawn(async move { keys.renew(now, wanted).await });
                    }
                    _ => self.renew(now, wanted).await,
                }
            } else if held.keys(now).is_none() || wanted == Wanted::Newer {
                // Somebody may be fetching at this moment.
                drop(self.0.fetching.lock().await);
            }
            self.held().keys(now).ok_or(KeysUnavailable)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A key server of one page that counts its visitors.
    struct Server {
        url: Url,
        visits: Arc<AtomicUsize>,
        page: Arc<Mutex<String>>,
    }

    impl Server {
        async fn start(page: String) -> Self {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .unwrap();
            let at: SocketAddr = listener.local_addr().unwrap();
            let server = Self {
                url: format!("http://{at}/keys").parse().unwrap(),
                visits: Arc::default(),
                page: Arc::new(Mutex::new(page)),
            };
            let (visits, page) = (Arc::clone(&server.visits), Arc::clone(&server.page));
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    visits.fetch_add(1, Ordering::SeqCst);
                    let page = page.lock().unwrap().clone();
                    tokio::spawn(async move {
                        let mut buffer = [0; 4096];
                        let _ = stream.read(&mut buffer).await;
                        let _ = stream.write_all(page.as_bytes()).await;
                        if page.is_empty() {
                            std::future::pending::<()>().await;
                        }
                    });
                }
            });
            server
        }

        fn visits(&self) -> usize {
            self.visits.load(Ordering::SeqCst)
        }

        fn serve(&self, page: String) {
            *self.page.lock().unwrap() = page;
        }

        fn keys(&self) -> RenewedKeys {
            RenewedKeys::new(Place::url(self.url.clone()).unwrap())
        }
    }

    fn ok(body: &str) -> String {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    fn jwks(kid: &str) -> String {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{kid}"}}]}}"#)
    }

    fn at(seconds: i64) -> Moment {
        Moment::from_micros(0).plus_seconds(1_800_000_000 + seconds)
    }

    fn kid(keys: &Result<Keys, KeysUnavailable>) -> Option<&str> {
        keys.as_ref().unwrap()[0].kid()
    }

    #[tokio::test]
    async fn keys_are_fetched_once_and_renewed_without_waiting() {
        let server = Server::start(ok(&jwks("a"))).await;
        let keys = server.keys();
        let first = keys.keys(at(0), Wanted::Known).await.unwrap();
        let again = keys.keys(at(299), Wanted::Known).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(server.visits(), 1);
        server.serve(ok(&jwks("b")));
        assert_eq!(kid(&keys.keys(at(300), Wanted::Known).await), Some("a"));
        while kid(&keys.keys(at(300), Wanted::Known).await) != Some("b") {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.visits(), 2);
        // The same document gives the very same keys.
        let before = keys.keys(at(300), Wanted::Known).await.unwrap();
        keys.renew(at(600), Wanted::Known).await;
        assert_eq!(server.visits(), 3);
        assert!(Arc::ptr_eq(
            &before,
            &keys.keys(at(600), Wanted::Known).await.unwrap()
        ));
    }

    #[tokio::test]
    async fn an_unknown_key_makes_it_ask_again_but_not_often() {
        let server = Server::start(ok(&jwks("a"))).await;
        let keys = server.keys();
        assert_eq!(kid(&keys.keys(at(0), Wanted::Known).await), Some("a"));
        server.serve(ok(&jwks("b")));
        for second in 0..30 {
            assert_eq!(kid(&keys.keys(at(second), Wanted::Newer).await), Some("a"));
        }
        assert_eq!(server.visits(), 1);
        assert_eq!(kid(&keys.keys(at(30), Wanted::Newer).await), Some("b"));
        let many = (0..50).map(|_| keys.keys(at(31), Wanted::Newer));
        futures_util::future::join_all(many).await;
        assert_eq!(server.visits(), 2);
    }

    #[tokio::test]
    async fn known_keys_stay_for_a_day_when_the_issuer_is_gone() {
        let server = Server::start(ok(&jwks("a"))).await;
        let keys = server.keys();
        assert_eq!(kid(&keys.keys(at(0), Wanted::Known).await), Some("a"));
        server.serve("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned());
        assert_eq!(kid(&keys.keys(at(60), Wanted::Newer).await), Some("a"));
        assert_eq!(
            kid(&keys.keys(at(STALE_AFTER - 1), Wanted::Newer).await),
            Some("a")
        );
        assert!(keys.keys(at(STALE_AFTER), Wanted::Known).await.is_err());
        assert_eq!(server.visits(), 3, "asked too often");
        server.serve(ok(&jwks("b")));
        assert!(keys.keys(at(STALE_AFTER + 1), Wanted::Known).await.is_err());
        assert_eq!(
            kid(&keys.keys(at(STALE_AFTER + 30), Wanted::Known).await),
            Some("b")
        );
    }

    #[tokio::test]
    async fn answers_that_are_no_good_key_set_are_refused() {
        let huge = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(10 * 1024 * 1024));
        let private = jwks("a").replace("\"kid\"", "\"d\":\"AA\",\"kid\"");
        let other = Server::start(ok(&jwks("a"))).await;
        let redirect = format!(
            "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
            other.url
        );
        for page in [
            ok(&huge),
            ok(&private),
            ok("{\"keys\":[]}"),
            ok("not json"),
            ok(""),
            redirect,
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\nconnection: close\r\n\r\n{\"keys\"".to_owned(),
            "SSH-2.0-OpenSSH\r\n".to_owned(),
        ] {
            let server = Server::start(page.clone()).await;
            assert!(
                server.keys().keys(at(0), Wanted::Known).await.is_err(),
                "{page:.60}"
            );
            assert_eq!(server.visits(), 1);
        }
        assert_eq!(other.visits(), 0);
    }

    #[tokio::test]
    async fn a_silent_server_is_given_five_seconds() {
        let server = Server::start(String::new()).await;
        let started = std::time::Instant::now();
        assert!(server.keys().keys(at(0), Wanted::Known).await.is_err());
        assert!(started.elapsed() < Duration::from_secs(8));
    }

    #[tokio::test]
    async fn keys_come_from_a_file_that_is_checked_at_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("keys.json");
        let settings = |file: &std::path::Path| {
            let mut settings: IssuerSettings =
                toml::from_str("id = \"idp\"\nissuer = \"https://id.example\"\nalgorithms = [\"EdDSA\"]")
                    .unwrap();
            settings.jwks_file = Some(file.to_owned());
            vec![settings]
        };
        assert!(matches!(
            issuers(settings(&file), "us"),
            Err(IssuerMistake::File(..))
        ));
        std::fs::write(&file, jwks("a")).unwrap();
        let issuers = issuers(settings(&file), "us").unwrap();
        assert_eq!(issuers[0].audience, "us");
        assert_eq!(kid(&issuers[0].keys.keys(at(0), Wanted::Known).await), Some("a"));
        std::fs::write(&file, jwks("b")).unwrap();
        assert_eq!(kid(&issuers[0].keys.keys(at(30), Wanted::Newer).await), Some("b"));
        std::fs::write(&file, " ".repeat(MAX_BYTES + 1)).unwrap();
        assert_eq!(kid(&issuers[0].keys.keys(at(60), Wanted::Newer).await), Some("b"));
    }
}
