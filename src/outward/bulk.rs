//! A bulk check of another Akkoord, as its client: a list goes out while the answer comes in.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::stream::unfold;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use rustls::crypto::ring as tls;
use serde::Deserialize;
use tokio::sync::mpsc::Receiver;
use url::Url;

use crate::domain::personal::Personal;
use crate::service::access::issuer::is_loopback;

/// How long the service may say nothing.
const SILENCE: Duration = Duration::from_secs(120);

/// Why a bulk check did not get (all of) its answer.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// The address would send a secret in the clear.
    #[error("the service must be reached over https; only this machine itself may be named with http")]
    Insecure,
    /// No connection, or it broke.
    #[error("the service cannot be reached, or the connection broke: {0}")]
    Connection(String),
    /// No token.
    #[error(
        "the service gives no token: the client id or its secret is wrong, or the client may not check decisions"
    )]
    Token,
    /// Refused with this status and sentence.
    #[error("the service refused the check ({0}): {1}")]
    Refused(u16, String),
    /// Too many at once.
    #[error("the service has no room for another check now; try again in {0} seconds")]
    NoRoom(u64),
}

/// Where and as whom to ask.
#[derive(Debug)]
pub struct BulkClient {
    http: reqwest::Client,
    url: Url,
    token: String,
}

/// The answer while it comes in.
#[derive(Debug)]
pub struct Answers {
    response: reqwest::Response,
    rest: Vec<u8>,
}

impl BulkClient {
    /// Gets a token for a client.
    ///
    /// # Errors
    /// [`BulkError`].
    pub async fn connect(url: &Url, id: &str, secret: &Personal<String>) -> Result<Self, BulkError> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: String,
        }
        if url.scheme() != "https" && !is_loopback(url) {
            return Err(BulkError::Insecure);
        }
        // Another part of the process may have been first; then it is the same provider.
        let _ = tls::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(url) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| connection(&error))?;
        let form = [("grant_type", "client_credentials"), ("scope", "decisions:check")];
        let answer = http
            .post(join(url, "oauth2/token")?)
            .basic_auth(id, Some(secret.reveal()))
            .form(&form)
            .send()
            .await
            .map_err(|error| connection(&error))?;
        if !answer.status().is_success() {
            return Err(BulkError::Token);
        }
        let granted: Granted = answer.json().await.map_err(|_| BulkError::Token)?;
        Ok(Self {
            http,
            url: url.clone(),
            token: granted.access_token,
        })
    }

    /// Begins a check with these query parameters; the pieces of `list` are its lines in NDJSON.
    ///
    /// # Errors
    /// [`BulkError`].
    pub async fn begin(&self, query: &[(&str, &str)], list: Receiver<Vec<u8>>) -> Result<Answers, BulkError> {
        let mut url = join(&self.url, "v1/decision-batches")?;
        url.query_pairs_mut().extend_pairs(query);
        let pieces = unfold(list, async |mut list| {
            let piece = list.recv().await?;
            Some((Ok::<_, Infallible>(piece), list))
        });
        let response = self
            .http
            .post(url)
            .bearer_auth(&self.token)
            .header(CONTENT_TYPE, "application/x-ndjson")
            .body(reqwest::Body::wrap_stream(pieces))
            .send()
            .await
            .map_err(|error| connection(&error))?;
        if response.status().is_success() {
            return Ok(Answers {
                response,
                rest: Vec::new(),
            });
        }
        let status = response.status().as_u16();
        let wait = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        if let (429 | 503, Some(seconds)) = (status, wait) {
            return Err(BulkError::NoRoom(seconds));
        }
        Err(BulkError::Refused(status, sentence(response).await))
    }
}

impl Answers {
    /// The next line, without its end; none at the end of the answer.
    ///
    /// # Errors
    /// [`BulkError::Connection`].
    pub async fn line(&mut self) -> Result<Option<Vec<u8>>, BulkError> {
        loop {
            if let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
                let after = self.rest.split_off(at + 1);
                let mut line = std::mem::replace(&mut self.rest, after);
                line.pop();
                return Ok(Some(line));
            }
            let piece = self.response.chunk().await.map_err(|error| connection(&error))?;
            match piece {
                Some(piece) => self.rest.extend_from_slice(&piece),
                None if self.rest.is_empty() => return Ok(None),
                None => return Err(BulkError::Connection("in the middle of a line".to_owned())),
            }
        }
    }

    /// The lines that are there, at least one; none at the end of the answer.
    ///
    /// # Errors
    /// [`BulkError::Connection`].
    pub async fn lines(&mut self) -> Result<Option<Vec<u8>>, BulkError> {
        let Some(mut first) = self.line().await? else {
            return Ok(None);
        };
        first.push(b'\n');
        if let Some(at) = self.rest.iter().rposition(|byte| *byte == b'\n') {
            let after = self.rest.split_off(at + 1);
            first.append(&mut self.rest);
            self.rest = after;
        }
        Ok(Some(first))
    }
}

/// What a problem document says in words.
async fn sentence(response: reqwest::Response) -> String {
    #[derive(Deserialize)]
    struct Document {
        detail: String,
        #[serde(default)]
        errors: Vec<Mistake>,
    }
    #[derive(Deserialize)]
    struct Mistake {
        pointer: String,
        detail: String,
    }
    match response.json::<Document>().await {
        Ok(document) if document.errors.is_empty() => document.detail,
        Ok(document) => {
            let mistakes: Vec<String> = document
                .errors
                .iter()
                .map(|mistake| format!("{}: {}", mistake.pointer.trim_start_matches('?'), mistake.detail))
                .collect();
            mistakes.join(" ")
        }
        Err(_) => "it does not say why".to_owned(),
    }
}

fn join(url: &Url, path: &str) -> Result<Url, BulkError> {
    let mut base = url.clone();
    if !base.path().ends_with('/') {
        let with_end = format!("{}/", base.path());
        base.set_path(&with_end);
    }
    base.join(path)
        .map_err(|error| BulkError::Connection(error.to_string()))
}

/// The innermost cause: what stands around it names the address with its query.
fn connection(error: &reqwest::Error) -> BulkError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    BulkError::Connection(cause.to_string())
}
