//! What the service asks of whoever sends webhooks; `outward` does it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use url::Url;

/// A webhook that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRequest {
    /// Where to.
    pub url: Url,
    /// Header `webhook-id`.
    pub id: String,
    /// Header `webhook-timestamp`: seconds since 1970.
    pub timestamp: i64,
    /// Header `webhook-signature`: one or two signatures, separated by a space.
    pub signature: String,
    /// The CloudEvent.
    pub body: Vec<u8>,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The receiver has it: a status from 200 to 299.
    Delivered(u16),
    /// The receiver wants no more: 410.
    Gone,
    /// Any other status. A redirect is one too.
    Refused {
        /// The status.
        status: u16,
        /// What `Retry-After` asks for.
        retry_after: Option<Duration>,
    },
    /// There was no answer; why, in a word or two.
    Failed(&'static str),
}

/// Why nothing is sent to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlMistake {
    /// Not `https`.
    #[error("a webhook goes to an https:// address")]
    NotHttps,
    /// With a user or password.
    #[error("a webhook address has no user, password or fragment")]
    Credentials,
    /// No host.
    #[error("a webhook address names a host")]
    NoHost,
    /// The name leads nowhere.
    #[error("the name of the host cannot be resolved; publish it in the DNS first")]
    Unresolved,
    /// It leads into a network that is not the public internet.
    #[error(
        "the host has an address in a private, loopback or link-local network; the operator can allow these with webhooks.allow_private"
    )]
    Private,
}

impl UrlMistake {
    /// A stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotHttps => "not-https",
            Self::Credentials => "credentials-in-url",
            Self::NoHost => "no-host",
            Self::Unresolved => "unresolved-host",
            Self::Private => "private-address",
        }
    }
}

/// The answer to [`SendWebhooks::check`].
pub type CheckUrl<'s> = Pin<Box<dyn Future<Output = Result<(), UrlMistake>> + Send + 's>>;
/// The answer to [`SendWebhooks::send`].
pub type Sending<'s> = Pin<Box<dyn Future<Output = Sent> + Send + 's>>;

/// Sends webhooks.
pub trait SendWebhooks: Send + Sync + std::fmt::Debug {
    /// Whether webhooks may be sent to this address, as its name resolves now.
    fn check<'s>(&'s self, url: &'s Url) -> CheckUrl<'s>;

    /// Sends one. Ends within a bounded time.
    fn send(&self, request: WebhookRequest) -> Sending<'_>;
}
