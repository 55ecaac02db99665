//! Reading the list: cut into lines as it arrives, and lines into chunks. Nothing that is wrong with a line concerns
//! another one.

use std::borrow::Cow;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::web::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::{Sleep, sleep, timeout};

use crate::policy::catalogue::{Catalogue, Scheme};
use crate::service::bulk::{CHUNK, ListOf, Listed};
use crate::web::cells;
use crate::web::problem::{Kind, Problem};

/// Longest line, in bytes.
const LONGEST: usize = 4_096;
/// Longest identifier and longest reference, in characters.
const MOST_CHARACTERS: (usize, usize) = (254, 200);
/// How long a chunk that is not full waits for more lines: a slow list is still answered as it goes.
const LINGER: Duration = Duration::from_secs(1);

/// The form of a list and of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Ndjson,
    Csv,
}

impl Format {
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// How the values of a list are made equal before they are looked up.
#[derive(Debug, Clone)]
pub(super) enum Names {
    Scheme(Box<Scheme>),
    PersonIds,
    /// The catalogue has lost the scheme since the question was read: nobody can be named.
    Nothing,
}

impl Names {
    pub(super) fn of(catalogue: &Catalogue, list: &ListOf) -> Self {
        match list {
            ListOf::PersonIds => Self::PersonIds,
            ListOf::Scheme(id) => catalogue
                .schemes
                .get(id)
                .map_or(Self::Nothing, |scheme| Self::Scheme(Box::new(scheme.clone()))),
        }
    }

    fn normalise<'v>(&self, value: &'v str) -> Option<Cow<'v, str>> {
        match self {
            Self::Scheme(_) if value.chars().count() > MOST_CHARACTERS.0 => None,
            Self::Scheme(scheme) => scheme.normalise(value).map(Cow::Owned),
            Self::PersonIds => {
                let fits = (1..=200).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
                fits.then_some(Cow::Borrowed(value))
            }
            Self::Nothing => None,
        }
    }
}

/// One line as it was read, in few bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Where its texts begin, and how long they are.
    from: u32,
    value: Option<u16>,
    reference: Option<u16>,
    /// How many lines after the first of the chunk it stands.
    behind: u32,
    /// Whether it names somebody, who is then asked about.
    pub(super) names: bool,
}

/// The lines of one chunk.
#[derive(Default)]
pub(super) struct Lines {
    text: String,
    pub(super) lines: Vec<Line>,
    /// The number of the first line in the list, from 1.
    first: u64,
    /// Those who are asked about.
    pub(super) listed: Listed,
}

impl Lines {
    pub(super) fn value(&self, line: &Line) -> Option<&str> {
        self.text(usize::try_from(line.from).ok()?, line.value?)
    }

    pub(super) fn reference(&self, line: &Line) -> Option<&str> {
        let from = usize::try_from(line.from).ok()? + usize::from(line.value?);
        self.text(from, line.reference?)
    }

    /// Its number in the list, from 1.
    pub(super) fn number(&self, line: &Line) -> u64 {
        self.first + u64::from(line.behind)
    }

    fn text(&self, from: usize, length: u16) -> Option<&str> {
        self.text.get(from..from + usize::from(length))
    }

    fn malformed(&mut self, number: u64) {
        self.push(number, None, None, false);
    }

    /// Its texts have few bytes, and a chunk is far from four gigabytes: they were counted.
    fn push(&mut self, number: u64, value: Option<&str>, reference: Option<&str>, names: bool) {
        if self.lines.is_empty() {
            self.first = number;
        }
        let length = |text: &str| u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.lines.push(Line {
            from: u32::try_from(self.text.len()).unwrap_or(u32::MAX),
            value: value.map(length),
            reference: reference.map(length),
            behind: u32::try_from(number - self.first).unwrap_or(u32::MAX),
            names,
        });
        self.text.push_str(value.unwrap_or_default());
        self.text.push_str(reference.unwrap_or_default());
    }

    fn add(&mut self, number: u64, names: &Names, value: &str, reference: Option<&str>) {
        let decent = |text: &str, most| text.chars().count() <= most && !text.chars().any(char::is_control);
        if !decent(value, MOST_CHARACTERS.0) || reference.is_some_and(|text| !decent(text, MOST_CHARACTERS.1))
        {
            return self.malformed(number);
        }
        let normal = names.normalise(value);
        self.push(number, Some(value), reference, normal.is_some());
        if let Some(normal) = normal {
            self.listed.push(&normal);
        }
    }
}

/// The columns of a CSV list.
#[derive(Debug, Clone, Copy)]
struct Columns {
    delimiter: char,
    reference: bool,
}

/// Reads a list out of a body.
pub(super) struct ListReader {
    payload: Payload,
    format: Format,
    names: Names,
    /// Longest time between two pieces of the body.
    pause: Duration,
    columns: Option<Columns>,
    piece: Bytes,
    /// Where the next line begins in the piece.
    at: usize,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// The line is too long: the rest of it is not kept.
    too_long: bool,
    ended: bool,
    number: u64,
    chunk: Lines,
    linger: Pin<Box<Sleep>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    value: Cow<'a, str>,
    #[serde(rename = "ref", default)]
    reference: Option<String>,
}

impl ListReader {
    pub(super) fn new(payload: Payload, format: Format, names: Names, pause: Duration) -> Self {
        Self {
            payload,
            format,
            names,
            pause,
            columns: None,
            piece: Bytes::new(),
            at: 0,
            begun: Vec::new(),
            too_long: false,
            ended: false,
            number: 0,
            chunk: Lines::default(),
            linger: Box::pin(sleep(LINGER)),
        }
    }

    /// Reads what stands before the first line; answers what stands between the columns of a CSV list.
    pub(super) async fn begin(&mut self) -> Result<char, Problem> {
        if self.format == Format::Ndjson {
            return Ok(',');
        }
        loop {
            if let Some(line) = self.cut() {
                let columns = header(&line).ok_or_else(|| {
                    let detail = "The first line of a CSV list is its header: `value` or `value,ref`.";
                    Problem::new(Kind::InvalidInput).saying(detail)
                })?;
                self.columns = Some(columns);
                return Ok(columns.delimiter);
            }
            if self.ended {
                let detail = "The list is empty: not even the header `value` or `value,ref` is there.";
                return Err(Problem::new(Kind::InvalidInput).saying(detail));
            }
            self.receive().await?;
        }
    }

    /// The next chunk; none at the end. Nothing is lost when the future is dropped and made again.
    pub(super) async fn next(&mut self) -> Result<Option<Lines>, Problem> {
        loop {
            while self.chunk.lines.len() < CHUNK {
                let was_empty = self.chunk.lines.is_empty();
                let Some(line) = self.cut() else { break };
                self.read(&line);
                if was_empty {
                    self.linger = Box::pin(sleep(LINGER));
                }
            }
            let full = self.chunk.lines.len() >= CHUNK;
            if full || self.ended && !self.chunk.lines.is_empty() {
                return Ok(Some(std::mem::take(&mut self.chunk)));
            }
            if self.ended {
                return Ok(None);
            }
            if self.chunk.lines.is_empty() {
                self.receive().await?;
                continue;
            }
            let mut linger = std::mem::replace(&mut self.linger, Box::pin(sleep(LINGER)));
            let waited = tokio::select! {
                () = &mut linger => true,
                received = self.receive() => {
                    received?;
                    false
                }
            };
            self.linger = linger;
            if waited {
                return Ok(Some(std::mem::take(&mut self.chunk)));
            }
        }
    }

    async fn receive(&mut self) -> Result<(), Problem> {
        let piece = timeout(self.pause, self.payload.next()).await;
        match piece.map_err(|_| Problem::new(Kind::BodyTimeout))? {
            Some(Ok(piece)) => {
                self.piece = piece;
                self.at = 0;
                Ok(())
            }
            Some(Err(_)) => {
                Err(Problem::new(Kind::InvalidInput).saying("The list broke off before its end."))
            }
            None => {
                self.ended = true;
                Ok(())
            }
        }
    }

    /// The next whole line of what was received.
    fn cut(&mut self) -> Option<Cut> {
        let rest = self.piece.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            if self.begun.len() + rest.len() > LONGEST {
                self.too_long = true;
                self.begun.clear();
            } else {
                self.begun.extend_from_slice(rest);
            }
            self.piece = Bytes::new();
            self.at = 0;
            // The last line needs no end.
            let last = self.ended && (self.too_long || !self.begun.is_empty());
            return last.then(|| self.complete(Bytes::new()));
        };
        let line = self.piece.slice(self.at..self.at + length);
        self.at += length + 1;
        Some(self.complete(line))
    }

    fn complete(&mut self, end: Bytes) -> Cut {
        self.number += 1;
        let too_long = std::mem::take(&mut self.too_long);
        let bytes = if self.begun.is_empty() {
            end
        } else {
            let mut whole = std::mem::take(&mut self.begun);
            whole.extend_from_slice(&end);
            Bytes::from(whole)
        };
        let fits = !too_long && bytes.len() <= LONGEST;
        Cut(fits.then_some(bytes))
    }

    fn read(&mut self, line: &Cut) {
        let number = self.number;
        let Some(bytes) = &line.0 else {
            return self.chunk.malformed(number);
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.chunk.malformed(number);
        };
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.trim_matches([' ', '\t']).is_empty() {
            return;
        }
        match self.columns {
            None => match serde_json::from_str::<Wire<'_>>(text) {
                Ok(wire) => self
                    .chunk
                    .add(number, &self.names, &wire.value, wire.reference.as_deref()),
                Err(_) => self.chunk.malformed(number),
            },
            Some(columns) => match (cells::read(text, columns.delimiter).as_deref(), columns.reference) {
                (Some([value]), _) => self.chunk.add(number, &self.names, value, None),
                (Some([value, reference]), true) => {
                    let reference = Some(reference.as_ref()).filter(|text| !text.is_empty());
                    self.chunk.add(number, &self.names, value, reference);
                }
                _ => self.chunk.malformed(number),
            },
        }
    }
}

/// A line without its end; none when it was too long.
struct Cut(Option<Bytes>);

fn header(line: &Cut) -> Option<Columns> {
    let text = std::str::from_utf8(line.0.as_ref()?).ok()?;
    // Spreadsheets write a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let plain = text.trim_end_matches('\r').replace('"', "").to_ascii_lowercase();
    let (delimiter, reference) = match plain.trim() {
        "value" => (',', false),
        "value,ref" => (',', true),
        "value;ref" => (';', true),
        _ => return None,
    };
    Some(Columns { delimiter, reference })
}

#[cfg(test)]
mod tests {
    use actix_web::error::PayloadError;
    use futures_util::stream;

    use super::*;

    fn reader(format: Format, pieces: Vec<Vec<u8>>) -> ListReader {
        let pieces = stream::iter(
            pieces
                .into_iter()
                .map(|piece| Ok::<_, PayloadError>(Bytes::from(piece))),
        );
        let payload = Payload::Stream {
            payload: pieces.boxed_local(),
        };
        ListReader::new(payload, format, Names::PersonIds, Duration::from_secs(5))
    }

    /// Each line as `value/ref`, or its number when it is malformed.
    async fn all(mut reader: ListReader) -> Vec<String> {
        reader.begin().await.unwrap();
        let mut found = Vec::new();
        while let Some(lines) = reader.next().await.unwrap() {
            assert_eq!(
                lines.listed.len(),
                lines.lines.iter().filter(|line| line.names).count()
            );
            found.extend(
                lines
                    .lines
                    .iter()
                    .map(|line| match (lines.value(line), line.names) {
                        (Some(value), true) => {
                            format!("{value}/{}", lines.reference(line).unwrap_or_default())
                        }
                        _ => lines.number(line).to_string(),
                    }),
            );
        }
        found
    }

    #[actix_web::test]
    async fn lines_are_cut_wherever_the_body_is() {
        let body =
            "{\"value\":\"a\"}\n\r\n{\"value\":\"b\",\"ref\":\"één\"}\r\n{\"value\":\"c\",\"ref\":null}";
        for size in 1..body.len() {
            let pieces = body.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(
                all(reader(Format::Ndjson, pieces)).await,
                ["a/", "b/één", "c/"],
                "{size}"
            );
        }
    }

    #[actix_web::test]
    async fn whatever_is_wrong_with_a_line_stays_with_it() {
        let long = format!("{{\"value\":\"{}\"}}", "x".repeat(5_000));
        let bad: [&[u8]; 10] = [
            b"{\"value\":1}",
            b"{\"value\":\"a\",\"more\":1}",
            b"{\"value\":\"a\",\"value\":\"b\"}",
            b"{\"ref\":\"a\"}",
            b"[]",
            b"\xff\xfe",
            b"{\"value\":\"a b\"}",
            b"{\"value\":\"a\",\"ref\":\"\\u0007\"}",
            b"{\"value\":\"a\"",
            long.as_bytes(),
        ];
        for line in bad {
            let body = [b"{\"value\":\"x\"}\n", line, b"\n{\"value\":\"y\"}\n"].concat();
            for size in [1, 7, 4_000, 100_000] {
                let pieces = body.chunks(size).map(<[u8]>::to_vec).collect();
                let found = all(reader(Format::Ndjson, pieces)).await;
                assert_eq!(found, ["x/", "2", "y/"], "{}", String::from_utf8_lossy(line));
            }
        }
    }

    #[actix_web::test]
    async fn csv_has_a_header_quotes_and_either_delimiter() {
        let body =
            "\u{feff}value,ref\r\na,1\r\n\"b\",\"x \"\"y\"\", z\"\r\nc\r\nd,\r\n\"e\"f,1\r\ng,1,2\r\n\"h\r\n";
        let found = all(reader(Format::Csv, vec![body.into()])).await;
        assert_eq!(found, ["a/1", "b/x \"y\", z", "c/", "d/", "6", "7", "8"]);
        assert_eq!(
            all(reader(Format::Csv, vec!["value;ref\na;1,5\n".into()])).await,
            ["a/1,5"]
        );
        assert_eq!(
            all(reader(Format::Csv, vec!["VALUE\na\nb,1\n".into()])).await,
            ["a/", "3"]
        );
        for bad in ["", "number\na\n", "a,b\n"] {
            assert!(reader(Format::Csv, vec![bad.into()]).begin().await.is_err());
        }
    }

    #[actix_web::test]
    async fn chunks_are_of_bounded_size_and_a_slow_list_is_not_held() {
        let body = "{\"value\":\"a\"}\n".repeat(CHUNK + 10);
        let mut full = reader(Format::Ndjson, vec![body.into()]);
        assert_eq!(full.next().await.unwrap().unwrap().lines.len(), CHUNK);
        assert_eq!(full.next().await.unwrap().unwrap().lines.len(), 10);
        assert!(full.next().await.unwrap().is_none());

        let first = stream::once(async { Ok::<_, PayloadError>(Bytes::from_static(b"{\"value\":\"a\"}\n")) });
        let payload = Payload::Stream {
            payload: first.chain(stream::pending()).boxed_local(),
        };
        let mut slow = ListReader::new(
            payload,
            Format::Ndjson,
            Names::PersonIds,
            Duration::from_millis(1_500),
        );
        assert_eq!(slow.next().await.unwrap().unwrap().lines.len(), 1);
        let stalled = slow.next().await.map(|_| ()).unwrap_err();
        assert_eq!(stalled.kind(), Kind::BodyTimeout);
    }
}
