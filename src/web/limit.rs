//! How many requests a client may make: its system's limits in the catalogue; for those without a client, the network
//! they come from. Time is the limiter's own monotonic clock: a turned test clock neither fills nor empties a bucket.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::problem::Problem;
use super::site::Site;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Requests a second and at once from one network without a client.
const ANONYMOUS: (u32, u32) = (20, 100);
/// Most networks and clients remembered; beyond it, all others share one bucket.
const MOST_KEYS: usize = 20_000;

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;
type Networks = RateLimiter<Network, DashMapStateStore<Network>, DefaultClock, StateInformationMiddleware>;

/// All buckets of a server.
#[derive(Debug)]
pub struct Limits {
    clients: Mutex<HashMap<String, Arc<ClientBucket>>>,
    networks: Networks,
}

#[derive(Debug)]
struct ClientBucket {
    per_second: u32,
    burst: u32,
    bucket: Bucket,
}

/// A network: the first 24 bits of an IPv4 address, the first 56 of an IPv6 address; no single person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    V4(u32),
    V6(u64),
    Others,
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits() >> 8),
            IpAddr::V6(v6) => Self::V6(u64::try_from(v6.to_bits() >> 72).unwrap_or_default()),
        }
    }
}

/// What is left, for the headers `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    name: &'static str,
    per_second: u32,
    burst: u32,
    remaining: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: Mutex::default(),
            networks: RateLimiter::dashmap(quota(ANONYMOUS)).with_middleware(),
        }
    }
}

fn quota((per_second, burst): (u32, u32)) -> Quota {
    let positive = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(positive(per_second)).allow_burst(positive(burst))
}

impl Limits {
    /// Counts one request of a client, under the limits of its system as they are now.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn client(&self, client: &str, per_second: u32, burst: u32) -> Result<Allowance, Refused> {
        let bucket = self.bucket(client, per_second, burst);
        let allowance = |remaining| Allowance {
            name: "client",
            per_second,
            burst,
            remaining,
        };
        match bucket.bucket.check() {
            Ok(state) => Ok(allowance(state.remaining_burst_capacity())),
            Err(not_until) => Err(Refused {
                allowance: allowance(0),
                wait: seconds(not_until.wait_time_from(DefaultClock::default().now())),
            }),
        }
    }

    fn bucket(&self, client: &str, per_second: u32, burst: u32) -> Arc<ClientBucket> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(client)
            && known.per_second == per_second
            && known.burst == burst
        {
            return Arc::clone(known);
        }
        if clients.len() >= MOST_KEYS {
            clients.clear();
        }
        let bucket = Arc::new(ClientBucket {
            per_second,
            burst,
            bucket: RateLimiter::direct(quota((per_second, burst))).with_middleware(),
        });
        clients.insert(client.to_owned(), Arc::clone(&bucket));
        bucket
    }

    /// Counts one request from an address without a client.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn address(&self, address: IpAddr) -> Result<Allowance, Refused> {
        let mut key = Network::from(address);
        if self.networks.len() >= MOST_KEYS {
            self.networks.retain_recent();
            if self.networks.len() >= MOST_KEYS {
                key = Network::Others;
            }
        }
        let allowance = |remaining| Allowance {
            name: "network",
            per_second: ANONYMOUS.0,
            burst: ANONYMOUS.1,
            remaining,
        };
        match self.networks.check_key(&key) {
            Ok(state) => Ok(allowance(state.remaining_burst_capacity())),
            Err(not_until) => Err(Refused {
                allowance: allowance(0),
                wait: seconds(not_until.wait_time_from(DefaultClock::default().now())),
            }),
        }
    }
}

/// One request too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// What is left: nothing.
    pub allowance: Allowance,
    /// Seconds to wait, rounded up.
    pub wait: u32,
}

fn seconds(wait: std::time::Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1_000))
        .unwrap_or(u32::MAX)
        .max(1)
}

/// Remembers the outcome for the headers of the answer, and makes a refusal a problem.
///
/// # Errors
/// 429 when it was a refusal.
pub fn note(request: &HttpRequest, outcome: Result<Allowance, Refused>) -> Result<(), Problem> {
    let (allowance, answer) = match outcome {
        Ok(allowance) => (allowance, Ok(())),
        Err(refused) => (refused.allowance, Err(Problem::too_many(refused.wait))),
    };
    request.extensions_mut().insert(allowance);
    answer
}

/// Counts a request that needs no token.
///
/// # Errors
/// 429 when its network made too many.
pub fn anonymous(request: &HttpRequest) -> Result<(), Problem> {
    let outcome = Site::of(request).and_then(|site| Some(site.limits.address(site.peer(request)?)));
    outcome.map_or(Ok(()), |outcome| note(request, outcome))
}

impl Allowance {
    /// Puts `RateLimit` and `RateLimit-Policy` on an answer.
    pub fn put(&self, headers: &mut HeaderMap) {
        let (rate, burst) = (self.per_second.max(1), self.burst.max(1));
        let window = burst.div_ceil(rate).max(1);
        let refill = burst.saturating_sub(self.remaining).div_ceil(rate);
        let values = [
            (
                RATE_LIMIT_POLICY,
                format!("\"{}\";q={burst};w={window}", self.name),
            ),
            (
                RATE_LIMIT,
                format!("\"{}\";r={};t={refill}", self.name, self.remaining),
            ),
        ];
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_spends_its_burst_and_then_waits() {
        let limits = Limits::default();
        for left in (0..3).rev() {
            assert_eq!(limits.client("crm-1", 1, 3).unwrap().remaining, left);
        }
        assert_eq!(limits.client("crm-1", 1, 3).unwrap_err().wait, 1);
        assert!(limits.client("crm-2", 1, 3).is_ok());
        assert!(limits.client("crm-1", 10, 30).is_ok(), "new limits count at once");
    }

    #[test]
    fn neighbours_share_a_bucket_and_others_do_not() {
        let limits = Limits::default();
        let address = |text: &str| limits.address(text.parse().unwrap()).unwrap().remaining;
        let first = address("192.0.2.1");
        assert!(address("192.0.2.200") < first);
        assert_eq!(address("192.0.3.1"), first);
        assert_eq!(address("2001:db8::1"), first);
        assert!(address("2001:db8:0:ff::1") < first);
        assert!(address("::ffff:192.0.2.7") < first - 1);
    }

    #[test]
    fn the_headers_say_what_is_left() {
        let mut headers = HeaderMap::new();
        let allowance = Allowance {
            name: "client",
            per_second: 500,
            burst: 1_000,
            remaining: 400,
        };
        allowance.put(&mut headers);
        assert_eq!(headers.get("ratelimit-policy").unwrap(), "\"client\";q=1000;w=2");
        assert_eq!(headers.get("ratelimit").unwrap(), "\"client\";r=400;t=2");
    }
}
