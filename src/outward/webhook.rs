//! Sends webhooks over HTTP, to addresses of the public internet only unless the operator allows others.
//!
//! A name is resolved by `Resolver`, which gives the HTTP client nothing but addresses that were looked at: what is
//! checked is what is connected to, so a name that changes its address in between (DNS rebinding) gains nothing.
//! Redirects are never followed, and what a receiver answers is not read beyond its status, but for a little that lets
//! the connection be used again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use rustls::crypto::ring as tls;
use url::{Host, Url};

use crate::service::propagate::{CheckUrl, SendWebhooks, Sending, Sent, UrlMistake, WebhookRequest};

/// Media type of a CloudEvent in structured mode.
const CLOUD_EVENT: &str = "application/cloudevents+json; charset=utf-8";
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long resolving a name may take.
const RESOLVE: Duration = Duration::from_secs(5);
/// How much of an answer is read, and for how long, so that its connection can be used again.
const ANSWER_BYTES: usize = 16 * 1024;
const ANSWER_TIME: Duration = Duration::from_millis(500);

/// How webhooks are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Whether private, loopback and link-local addresses, and `http`, are allowed.
    pub allow_private: bool,
    /// How long one request may take, from the name to the answer's head.
    pub timeout: Duration,
}

/// Sends webhooks.
#[derive(Debug)]
pub struct WebhookClient {
    client: reqwest::Client,
    resolver: Resolver,
    settings: WebhookSettings,
}

impl WebhookClient {
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new(settings: WebhookSettings) -> Result<Self, reqwest::Error> {
        // Another part of the process may have been first; then it is the same provider.
        let _ = tls::default_provider().install_default();
        let resolver = Resolver {
            allow_private: settings.allow_private,
        };
        let client = reqwest::Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(CONNECT.min(settings.timeout))
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!settings.allow_private)
            // A proxy would resolve the name itself, and unseen.
            .no_proxy()
            .dns_resolver(Arc::new(resolver))
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(16)
            .user_agent(concat!("akkoord/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            resolver,
            settings,
        })
    }

    /// What can be seen of an address without asking anybody. The client resolves names only: an address that is written
    /// as such is looked at here.
    fn written(&self, url: &Url) -> Result<(), UrlMistake> {
        let scheme = match url.scheme() {
            "https" => true,
            "http" => self.settings.allow_private,
            _ => false,
        };
        if !scheme {
            return Err(UrlMistake::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlMistake::Credentials);
        }
        let allowed = match url.host() {
            None => return Err(UrlMistake::NoHost),
            Some(Host::Domain(_)) => true,
            Some(Host::Ipv4(address)) => self.resolver.allows(address.into()),
            Some(Host::Ipv6(address)) => self.resolver.allows(address.into()),
        };
        if allowed { Ok(()) } else { Err(UrlMistake::Private) }
    }

    async fn look(&self, url: &Url) -> Result<(), UrlMistake> {
        self.written(url)?;
        if let Some(Host::Domain(name)) = url.host() {
            self.resolver.resolve_name(name).await?;
        }
        Ok(())
    }

    async fn post(&self, request: WebhookRequest) -> Sent {
        if let Err(mistake) = self.written(&request.url) {
            return Sent::Failed(failed(mistake));
        }
        let sent = self
            .client
            .post(request.url)
            .header(CONTENT_TYPE, CLOUD_EVENT)
            .header("webhook-id", request.id)
            .header("webhook-timestamp", request.timestamp)
            .header("webhook-signature", request.signature)
            .body(request.body)
            .send()
            .await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Sent::Failed(why(&error)),
        };
        let status = response.status().as_u16();
        let sent = match status {
            200..=299 => Sent::Delivered(status),
            410 => Sent::Gone,
            _ => Sent::Refused {
                status,
                retry_after: retry_after(response.headers()),
            },
        };
        // The status is all that counts; what follows may be long or never end.
        let _ = tokio::time::timeout(ANSWER_TIME, read_a_little(response)).await;
        sent
    }
}

impl SendWebhooks for WebhookClient {
    fn check<'s>(&'s self, url: &'s Url) -> CheckUrl<'s> {
        Box::pin(self.look(url))
    }

    fn send(&self, request: WebhookRequest) -> Sending<'_> {
        Box::pin(self.post(request))
    }
}

async fn read_a_little(mut response: reqwest::Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > ANSWER_BYTES {
            return;
        }
    }
}

/// Seconds; a date is not worth a parser, and the ordinary pause applies.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn failed(mistake: UrlMistake) -> &'static str {
    match mistake {
        UrlMistake::NotHttps => "the address is not https",
        UrlMistake::Credentials => "the address has a password",
        UrlMistake::NoHost => "the address has no host",
        UrlMistake::Unresolved => "the name cannot be resolved",
        UrlMistake::Private => "the address is private",
    }
}

/// Why there was no answer, without the words of anybody else.
fn why(error: &reqwest::Error) -> &'static str {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(mistake) = cause.downcast_ref::<UrlMistake>() {
            return failed(*mistake);
        }
        source = cause.source();
    }
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    }
}

/// Resolves names to addresses that webhooks may go to.
#[derive(Debug, Clone, Copy)]
struct Resolver {
    allow_private: bool,
}

impl Resolver {
    fn allows(self, address: IpAddr) -> bool {
        self.allow_private || is_public(address)
    }

    /// All addresses of a name; refused when any of them is private, because the others are then no accident either.
    async fn resolve_name(self, name: &str) -> Result<Vec<SocketAddr>, UrlMistake> {
        let found = tokio::time::timeout(RESOLVE, tokio::net::lookup_host((name, 0))).await;
        let Ok(Ok(found)) = found else {
            return Err(UrlMistake::Unresolved);
        };
        let addresses: Vec<SocketAddr> = found.collect();
        if addresses.is_empty() {
            return Err(UrlMistake::Unresolved);
        }
        if addresses.iter().any(|address| !self.allows(address.ip())) {
            return Err(UrlMistake::Private);
        }
        Ok(addresses)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = *self;
        Box::pin(async move {
            let addresses = resolver.resolve_name(name.as_str()).await?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address is one of the public internet (IANA special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127, ..] => true,                   // this network, private, loopback
        [100, second, ..] => second & 0xc0 == 0x40,   // shared by carriers
        [169, 254, ..] => true,                       // link-local: cloud metadata
        [172, second, ..] => second & 0xf0 == 0x10,   // private
        [192, 0, 0 | 2, _] => true,                   // protocol assignments, documentation
        [192, 88, 99, _] => true,                     // old 6to4 relays
        [192, 168, ..] => true,                       // private
        [198, 18 | 19, ..] => true,                   // benchmarks
        [198, 51, 100, _] | [203, 0, 113, _] => true, // documentation
        [first, ..] => first >= 224,                  // multicast, reserved, broadcast
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        (0, 0) if (c, d, e, f) == (0, 0, 0, 0xffff) => v4(g, h), // IPv4 in IPv6
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => v4(g, h), // IPv4 behind NAT64
        (0x2002, _) => v4(b, c),                                 // 6to4
        (0x2001, 0..=0x01ff) => false,                           // Teredo, ORCHID, protocol assignments
        (0x2001, 0x0db8) | (0x3fff, 0..=0x0fff) => false,        // documentation
        _ => a & 0xe000 == 0x2000,                               // global unicast, and nothing else
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(allow_private: bool) -> WebhookClient {
        WebhookClient::new(WebhookSettings {
            allow_private,
            timeout: Duration::from_secs(2),
        })
        .unwrap()
    }

    #[test]
    fn only_the_public_internet_is_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "145.97.20.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "223.255.255.254",
            "2a02:898::1",
            "2001:610::1",
            "2606:4700::1",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn addresses_are_refused_before_anybody_is_asked() {
        let client = client(false);
        for (url, mistake) in [
            ("http://crm.example/", UrlMistake::NotHttps),
            ("ftp://crm.example/", UrlMistake::NotHttps),
            ("https://user:word@crm.example/", UrlMistake::Credentials),
            ("https://127.0.0.1/", UrlMistake::Private),
            ("https://2130706433/", UrlMistake::Private), // 127.0.0.1 as one number
            ("https://0x7f.1/", UrlMistake::Private),
            ("https://0177.0.0.1/", UrlMistake::Private),
            ("https://[::1]/", UrlMistake::Private),
            ("https://[::ffff:169.254.169.254]/", UrlMistake::Private),
            ("https://localhost/", UrlMistake::Private),
            ("https://nobody.invalid/", UrlMistake::Unresolved),
        ] {
            assert_eq!(client.check(&url.parse().unwrap()).await, Err(mistake), "{url}");
        }
        assert_eq!(client.check(&"https://1.1.1.1/x".parse().unwrap()).await, Ok(()));
    }

    #[tokio::test]
    async fn what_is_private_at_the_time_of_sending_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // A name that was public when it was saved, and leads home now: `localhost` stands for it.
        for (host, reason) in [
            ("localhost", "the address is private"),
            ("127.0.0.1", "the address is private"),
        ] {
            let request = WebhookRequest {
                url: format!("https://{host}:{port}/").parse().unwrap(),
                id: "id".to_owned(),
                timestamp: 1,
                signature: "v1,x".to_owned(),
                body: b"{}".to_vec(),
            };
            assert_eq!(client(false).send(request).await, Sent::Failed(reason));
        }
        let nobody = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(nobody.is_err(), "a connection was made");
    }
}
