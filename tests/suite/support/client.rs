//! A small HTTP/1.1 client: one connection that is kept open, bounded in time, and exact about how far an exchange got.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// The longest any exchange may take; a test that meets it has found a service that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body, or null when it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }
}

/// How far an exchange got when it broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// There was no connection.
    NotConnected,
    /// The connection ended before the first byte of an answer.
    Unanswered,
    /// An answer began and did not end.
    HalfAnswered,
    /// Nothing happened for a minute.
    Silent,
}

/// A caller with a token and a connection.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    token: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A caller; an empty token sends none.
    pub fn new(address: SocketAddr, token: impl Into<String>) -> Client {
        Client {
            address,
            token: token.into(),
            connection: None,
        }
    }

    /// The same caller at another address: another node, or the same one after a restart.
    pub fn at(&self, address: SocketAddr) -> Client {
        Client::new(address, self.token.clone())
    }

    /// Where it calls.
    pub fn address_called(&self) -> SocketAddr {
        self.address
    }

    /// `GET`; panics when there is no answer.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await.unwrap()
    }

    /// `POST` of JSON; panics when there is no answer.
    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.try_post(path, &[], body).await.unwrap()
    }

    /// `POST` of JSON with headers.
    pub async fn try_post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, Broken> {
        self.send("POST", path, headers, Some(body.to_string().as_bytes()))
            .await
    }

    /// Any request. A body is JSON unless a header says otherwise.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, Broken> {
        let mut message = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if !self.token.is_empty() {
            message.push_str(&format!("Authorization: Bearer {}\r\n", self.token));
        }
        if let Some(body) = body {
            message.push_str(&format!("Content-Length: {}\r\n", body.len()));
            if !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            {
                message.push_str("Content-Type: application/json\r\n");
            }
        }
        for (name, value) in headers {
            message.push_str(&format!("{name}: {value}\r\n"));
        }
        message.push_str("\r\n");
        let mut bytes = message.into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        tokio::time::timeout(PATIENCE, self.exchange(method, &bytes))
            .await
            .unwrap_or(Err(Broken::Silent))
    }

    /// Connects, unless there is a connection.
    pub async fn connect(&mut self) -> Result<(), Broken> {
        if self.connection.is_none() {
            let stream = TcpStream::connect(self.address)
                .await
                .map_err(|_| Broken::NotConnected)?;
            stream.set_nodelay(true).map_err(|_| Broken::NotConnected)?;
            self.connection = Some(BufReader::new(stream));
        }
        Ok(())
    }

    async fn exchange(&mut self, method: &str, bytes: &[u8]) -> Result<Answer, Broken> {
        self.connect().await?;
        let mut stream = self.connection.take().ok_or(Broken::NotConnected)?;
        // A server that refuses a body may answer and close before all of it is sent: what it says still counts.
        let sent = stream.write_all(bytes).await;
        let answer = read(&mut stream, method).await;
        if sent.is_err() && answer.is_err() {
            return Err(Broken::Unanswered);
        }
        let answer = answer?;
        let stays = sent.is_ok()
            && !answer
                .header("connection")
                .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.connection = stays.then_some(stream);
        Ok(answer)
    }
}

async fn read(stream: &mut BufReader<TcpStream>, method: &str) -> Result<Answer, Broken> {
    let mut line = String::new();
    match stream.read_line(&mut line).await {
        Ok(1..) => {}
        Ok(0) | Err(_) if line.is_empty() => return Err(Broken::Unanswered),
        Ok(_) | Err(_) => return Err(Broken::HalfAnswered),
    }
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or(Broken::HalfAnswered)?;
    rest(stream, method, status)
        .await
        .map_err(|_| Broken::HalfAnswered)
}

async fn rest(stream: &mut BufReader<TcpStream>, method: &str, status: u16) -> io::Result<Answer> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    if method == "HEAD" || matches!(status, 204 | 304) {
        return Ok(answer);
    }
    if answer
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).await?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await?;
            chunk.truncate(size);
            answer.body.extend(chunk);
            if size == 0 {
                return Ok(answer);
            }
        }
    }
    let length = answer
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    answer.body.resize(length, 0);
    stream.read_exact(&mut answer.body).await?;
    Ok(answer)
}
