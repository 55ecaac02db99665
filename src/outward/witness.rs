//! Witnesses over HTTPS.

use std::time::Duration;

use rustls::crypto::ring as tls;
use url::Url;

use crate::audit::witness::WitnessKey;
use crate::service::access::issuer::is_loopback;
use crate::service::sequence::{AskWitness, WitnessAnswer, WitnessFuture};

/// How long a witness may take, from name to last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer that are read.
const MAX_BYTES: usize = 16 * 1024;

/// A witness at an address.
#[derive(Debug)]
pub struct HttpWitness {
    key: WitnessKey,
    url: Url,
    client: reqwest::Client,
}

impl HttpWitness {
    /// A witness by its key; `base` is the address below which it answers to `add-checkpoint`: HTTPS, or a loopback
    /// address.
    ///
    /// # Errors
    /// A sentence when the address cannot be used.
    pub fn new(key: WitnessKey, base: &Url) -> Result<Self, String> {
        if base.scheme() != "https" && !is_loopback(base) {
            return Err(format!("{base} is neither HTTPS nor on this machine"));
        }
        // Another part of the process may have been first; then it is the same provider.
        let _ = tls::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0);
        if is_loopback(base) {
            client = client.no_proxy();
        }
        let address = format!("{}/add-checkpoint", base.as_str().trim_end_matches('/'));
        Ok(Self {
            key,
            url: Url::parse(&address).map_err(|error| format!("{address}: {error}"))?,
            client: client.build().map_err(|error| error.to_string())?,
        })
    }

    async fn ask(&self, body: String) -> Result<WitnessAnswer, String> {
        // The words of an error may repeat an address, never the body.
        let away = |error: reqwest::Error| format!("it cannot be reached: {error}");
        let sent = self.client.post(self.url.clone()).body(body).send().await;
        let mut response = sent.map_err(away)?;
        let status = response.status().as_u16();
        if !matches!(status, 200 | 409) {
            return Ok(WitnessAnswer::Refused(status));
        }
        let mut said = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(away)? {
            if said.len() + chunk.len() > MAX_BYTES {
                return Err("its answer is longer than 16 KiB".to_owned());
            }
            said.extend_from_slice(&chunk);
        }
        let said = String::from_utf8(said).map_err(|_| "its answer is no text".to_owned())?;
        if status == 200 {
            return Ok(WitnessAnswer::Cosigned(said));
        }
        let size = said.trim_end_matches('\n').parse();
        size.map(WitnessAnswer::LastSeen)
            .map_err(|_| "its answer of status 409 is no number of entries".to_owned())
    }
}

impl AskWitness for HttpWitness {
    fn key(&self) -> &WitnessKey {
        &self.key
    }

    fn add_checkpoint(&self, body: String) -> WitnessFuture<'_> {
        Box::pin(self.ask(body))
    }
}
