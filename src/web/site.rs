//! What all workers of one server share.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::limit::Limits;
use super::metrics::Metrics;

/// The site: its limits, its counters, and whether it is closing.
#[derive(Debug)]
pub struct Site {
    /// Reverse proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpAddr>,
    /// Rate limits.
    pub limits: Limits,
    /// Counters.
    pub metrics: Metrics,
    draining: AtomicBool,
}

impl Site {
    /// A site behind some proxies.
    pub fn new(trusted_proxies: Vec<IpAddr>) -> Self {
        Self {
            trusted_proxies,
            limits: Limits::default(),
            metrics: Metrics::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// The site a request came to.
    pub fn of(request: &HttpRequest) -> Option<&Self> {
        request.app_data::<Data<Self>>().map(|site| site.get_ref())
    }

    /// From now on `/readyz` is red, so that a load balancer sends no more work.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether it is closing.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// The address a request came from; what a proxy says counts only when we trust that proxy (ASVS V4.1.3).
    pub fn peer(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        if !self.trusted_proxies.contains(&peer) {
            return Some(peer);
        }
        let forwarded = request
            .headers()
            .get("x-forwarded-for")
            .and_then(|v| v.to_str().ok());
        let last = forwarded.and_then(|list| list.rsplit(',').next());
        Some(last.and_then(|ip| ip.trim().parse().ok()).unwrap_or(peer))
    }
}
