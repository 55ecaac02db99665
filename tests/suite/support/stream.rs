//! A request whose body is sent in pieces while its answer is read: HTTP/1.1 with chunks both ways.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// The half that sends.
pub struct Sending(OwnedWriteHalf);

/// The half that reads.
pub struct Reading {
    reader: BufReader<OwnedReadHalf>,
    rest: Vec<u8>,
    ended: bool,
    pub status: u16,
    pub head: String,
}

/// Opens a POST and sends its head.
pub async fn open(addr: SocketAddr, path: &str, token: &str, content_type: &str) -> (Sending, OwnedReadHalf) {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (read, mut write) = stream.into_split();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nContent-Type: {content_type}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    write.write_all(head.as_bytes()).await.unwrap();
    (Sending(write), read)
}

impl Sending {
    /// Sends a piece; says whether the other side still takes any.
    pub async fn send(&mut self, piece: &str) -> bool {
        let framed = format!("{:x}\r\n{piece}\r\n", piece.len());
        self.0.write_all(framed.as_bytes()).await.is_ok()
    }

    /// Ends the body.
    pub async fn end(&mut self) {
        self.0.write_all(b"0\r\n\r\n").await.unwrap();
    }
}

impl Reading {
    /// Waits for the head of the answer.
    pub async fn begin(half: OwnedReadHalf) -> Reading {
        let mut reader = BufReader::new(half);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).await.unwrap(), 0, "{head}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reading {
            reader,
            rest: Vec::new(),
            ended: false,
            status,
            head: head.to_ascii_lowercase(),
        }
    }

    /// The next line of the body, without its end.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=at).collect();
                return Some(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            if self.ended {
                return None;
            }
            let mut size = String::new();
            if self.reader.read_line(&mut size).await.unwrap_or(0) == 0 {
                self.ended = true;
                continue;
            }
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let mut piece = vec![0; size + 2];
            self.reader.read_exact(&mut piece).await.unwrap();
            self.ended = size == 0;
            self.rest.extend_from_slice(&piece[..size]);
        }
    }

    /// All lines that are left.
    pub async fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        lines
    }
}
