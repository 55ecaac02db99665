//! A receiver of webhooks on loopback, in threads of its own: it keeps what it got and answers as it is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use akkoord::crypto::WebhookSecret;
use serde_json::Value;

/// One request.
#[derive(Debug, Clone)]
pub struct Got {
    pub at: Instant,
    pub path: String,
    headers: Vec<(String, String)>,
    pub raw: Vec<u8>,
    /// What it was answered.
    pub status: u16,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.raw).unwrap()
    }

    /// The last part of its type: `consent-withdrawn`.
    pub fn kind(&self) -> String {
        let kind = self.event()["type"].as_str().unwrap().to_owned();
        kind.split('.').nth(2).unwrap().to_owned()
    }

    pub fn person(&self) -> String {
        self.event()["data"]["personId"].as_str().unwrap().to_owned()
    }

    /// How many of its signatures this secret made.
    pub fn signed_by(&self, secret: &str) -> usize {
        let secret = WebhookSecret::parse(secret).unwrap();
        let timestamp = self.header("webhook-timestamp").parse().unwrap();
        let ours = secret.sign(self.id(), timestamp, &self.raw);
        self.header("webhook-signature")
            .split(' ')
            .filter(|signature| *signature == ours)
            .count()
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: String,
    /// Before the answer.
    pub delay: Duration,
    /// Go on with the body for ever.
    pub endless: bool,
}

impl Reply {
    pub fn status(status: u16) -> Reply {
        Reply {
            status,
            headers: String::new(),
            delay: Duration::ZERO,
            endless: false,
        }
    }
}

type Answering = dyn Fn(&Got) -> Reply + Send + Sync;

struct Shared {
    got: Mutex<Vec<Got>>,
    more: Condvar,
    answering: Mutex<Arc<Answering>>,
}

/// The receiver.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// One that takes everything.
    pub fn start() -> Receiver {
        Receiver::at("127.0.0.1:0")
    }

    pub fn at(address: &str) -> Receiver {
        let listener = TcpListener::bind(address).unwrap();
        let shared = Arc::new(Shared {
            got: Mutex::default(),
            more: Condvar::new(),
            answering: Mutex::new(Arc::new(|_: &Got| Reply::status(204))),
        });
        let receiver = Receiver {
            address: listener.local_addr().unwrap(),
            shared: Arc::clone(&shared),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn answer(&self, answering: impl Fn(&Got) -> Reply + Send + Sync + 'static) {
        *self.shared.answering.lock().unwrap() = Arc::new(answering);
    }

    pub fn answer_always(&self, status: u16) {
        self.answer(move |_| Reply::status(status));
    }

    pub fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap().clone()
    }

    /// Waits until what was got is enough.
    #[track_caller]
    pub fn wait(&self, within: Duration, enough: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        let until = Instant::now() + within;
        let mut got = self.shared.got.lock().unwrap();
        while !enough(&got) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not in {within:?}; got {}: {got:#?}", got.len());
            got = self.shared.more.wait_timeout(got, left).unwrap().0;
        }
        got.clone()
    }

    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Got> {
        self.wait(Duration::from_secs(30), |got| got.len() >= count)
    }
}

fn serve(stream: &TcpStream, shared: &Shared) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap_or("").to_owned();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end().split_once(':') {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
                None => break,
            }
        }
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(0);
        let mut raw = vec![0; length];
        if reader.read_exact(&mut raw).is_err() {
            return;
        }
        let mut got = Got {
            at: Instant::now(),
            path,
            headers,
            raw,
            status: 0,
        };
        let answering = Arc::clone(&shared.answering.lock().unwrap());
        let reply = answering(&got);
        got.status = reply.status;
        shared.got.lock().unwrap().push(got);
        shared.more.notify_all();
        std::thread::sleep(reply.delay);
        let length = if reply.endless { 1_000_000_000_000 } else { 0_u64 };
        let length = if reply.status == 204 {
            String::new()
        } else {
            format!("Content-Length: {length}\r\n")
        };
        let head = format!("HTTP/1.1 {} Word\r\n{length}{}\r\n", reply.status, reply.headers);
        let mut stream = stream;
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        if reply.endless {
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
            return;
        }
    }
}
