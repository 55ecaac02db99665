//! One run: rows go out by one task, answers come in by another, and each answer meets the row it is about.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use tokio::sync::mpsc::{Sender, channel};

use super::CheckArguments;
use super::progress::{Bar, Standing, file};
use super::table::{Header, bare, is_blank, row};
use crate::cli::{Failure, say};
use crate::crypto::{Sha256, sha256};
use crate::domain::hex::hex;
use crate::outward::bulk::{Answers, BulkClient, BulkError};

/// Rows between two times that the files are brought to disk.
const KEEP_EVERY: u64 = 20_000;
/// Bytes of one piece of the list.
const PIECE: usize = 64 * 1024;

/// Rows that were sent and are not answered yet.
type Waiting = Arc<Mutex<VecDeque<Vec<u8>>>>;

/// Checks a list.
pub(super) async fn check(arguments: &CheckArguments) -> Result<(), Failure> {
    let secret = arguments.secret()?;
    // Everything that can be wrong without a file being touched comes first.
    let (mut list, first) = List::open(&arguments.input, &arguments.column)?;
    let client = BulkClient::connect(&arguments.url, &arguments.client_id, &secret)
        .await
        .map_err(said)?;

    let mut outputs = Outputs::open(arguments)?;
    let before = outputs.standing.rows;
    match before {
        0 => outputs.begin(&list.header, &first)?,
        _ => list.go_on(&mut outputs)?,
    }
    outputs.list_bytes = list.bytes;

    let (sender, receiver) = channel(8);
    let waiting = Waiting::default();
    let header = list.header.clone();
    let sending = {
        let waiting = Arc::clone(&waiting);
        tokio::task::spawn_blocking(move || list.send(&sender, &waiting))
    };
    let query = arguments.query();
    let mut bar = Bar::of(outputs.list_bytes);
    let ended = match client.begin(&query, receiver).await {
        Ok(answers) => {
            outputs
                .take(answers, &header, &waiting, &mut bar, &arguments.output)
                .await
        }
        Err(error) => Err(said(error)),
    };
    bar.finish();
    let kept = outputs.keep(&arguments.output);
    let standing = outputs.standing;
    if let Err(failure) = ended {
        // What cannot be sent is why there is no answer.
        let failure = match sending.await {
            Ok(Err(first)) => first,
            Ok(Ok(())) | Err(_) => failure,
        };
        if standing.rows == 0 {
            for path in [&arguments.output, &arguments.denied, &file(&arguments.output)] {
                std::fs::remove_file(path).ok();
            }
            return Err(failure);
        }
        kept.map_err(|error| Failure::Refused(format!("cannot write the outputs: {error}")))?;
        return Err(Failure::Refused(format!(
            "{failure}. {} rows are answered and in the files; run the same command with --resume for the rest",
            standing.rows
        )));
    }
    kept.map_err(|error| Failure::Refused(format!("cannot write the outputs: {error}")))?;
    std::fs::remove_file(file(&arguments.output)).ok();
    say(&format!(
        "{} rows answered{}: {} permitted, {} denied, {} malformed.",
        standing.rows,
        if before > 0 {
            format!(", {before} of them before")
        } else {
            String::new()
        },
        standing.permitted,
        standing.rows - standing.permitted - standing.malformed,
        standing.malformed,
    ));
    match standing.malformed {
        0 => Ok(()),
        some => Err(Failure::Imperfect(format!(
            "{some} rows name nobody that the service could look up; they are in {} with the reason malformed",
            arguments.denied.display()
        ))),
    }
}

fn said(error: BulkError) -> Failure {
    Failure::Refused(error.to_string())
}

/// The list, from where it goes on.
struct List {
    reader: BufReader<File>,
    header: Header,
    bytes: u64,
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::Refused(format!("cannot read the list: {error}"))
}

impl List {
    /// A list with its header, which is also given as it stands.
    fn open(path: &Path, column: &str) -> Result<(Self, Vec<u8>), Failure> {
        let cannot = |error| Failure::Refused(format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).map_err(cannot)?;
        let bytes = file.metadata().map_err(cannot)?.len();
        let mut reader = BufReader::new(file);
        let first = row(&mut reader)?.ok_or_else(|| Failure::Refused("the list is empty".to_owned()))?;
        let header = Header::read(bare(&first), column)?;
        Ok((
            Self {
                reader,
                header,
                bytes,
            },
            first,
        ))
    }

    /// Goes to where an earlier run was, if this is the same list as far as that.
    fn go_on(&mut self, outputs: &mut Outputs) -> Result<(), Failure> {
        self.reader
            .seek(SeekFrom::Start(0))
            .map_err(|error| unreadable(&error))?;
        let mut left = outputs.standing.input_bytes;
        let mut piece = vec![0; 1 << 16];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let part = piece.get_mut(..most).unwrap_or_default();
            let read = self.reader.read(part).map_err(|error| unreadable(&error))?;
            if read == 0 {
                break;
            }
            outputs.hash.update(part.get(..read).unwrap_or_default());
            left = left.saturating_sub(u64::try_from(read).unwrap_or(left));
        }
        if hex(&outputs.hash.clone().finish()) == outputs.standing.input_hash {
            return Ok(());
        }
        Err(Failure::Refused(
            "the list is not the one that was interrupted; begin anew with --force".to_owned(),
        ))
    }

    /// Sends every row. Ends early when nobody takes any more, which is told elsewhere.
    fn send(&mut self, sender: &Sender<Vec<u8>>, waiting: &Waiting) -> Result<(), Failure> {
        let mut piece = Vec::with_capacity(PIECE + 1024);
        let mut rows = Vec::new();
        loop {
            let next = row(&mut self.reader)?;
            if let Some(row) = &next {
                if !is_blank(row) {
                    let value = serde_json::json!({ "value": self.header.value(bare(row)) });
                    piece.extend_from_slice(value.to_string().as_bytes());
                    piece.push(b'\n');
                }
                rows.push(row.clone());
            }
            if piece.len() >= PIECE || next.is_none() {
                waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(rows.drain(..));
                if !piece.is_empty() && sender.blocking_send(std::mem::take(&mut piece)).is_err() {
                    return Ok(());
                }
            }
            if next.is_none() {
                return Ok(());
            }
        }
    }
}

/// The files that are written, and where they stand.
struct Outputs {
    allowed: BufWriter<File>,
    denied: BufWriter<File>,
    hash: Sha256,
    list_bytes: u64,
    standing: Standing,
}

/// A line of the answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(default)]
    decision: &'a str,
    #[serde(default)]
    reason: &'a str,
    #[serde(default, borrow)]
    data_scopes: Vec<&'a str>,
    #[serde(default)]
    summary: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    detail: String,
}

impl Outputs {
    fn open(arguments: &CheckArguments) -> Result<Self, Failure> {
        let question = hex(&sha256(
            format!("{:?} {}", arguments.query(), arguments.column).as_bytes(),
        ));
        let earlier = Standing::read(&arguments.output)?.filter(|_| !arguments.force);
        let standing = match (earlier, arguments.resume) {
            (Some(earlier), true) if earlier.question == question => earlier,
            (Some(_), true) => {
                return Err(Failure::Refused(
                    "the run that was interrupted asked something else; ask the same, or begin anew with --force".to_owned(),
                ));
            }
            (Some(_), false) => {
                return Err(Failure::Refused(
                    "an earlier run was interrupted; go on with --resume, or begin anew with --force"
                        .to_owned(),
                ));
            }
            (None, true) => {
                return Err(Failure::Refused(
                    "there is no interrupted run to go on with; leave --resume out".to_owned(),
                ));
            }
            (None, false) => Standing {
                question,
                ..Standing::default()
            },
        };
        let open = |path: &Path, bytes: u64| {
            let there = path.exists();
            if there && !arguments.force && !arguments.resume {
                return Err(Failure::Refused(format!(
                    "{} is there already; say --force to write over it",
                    path.display()
                )));
            }
            let opened = (|| {
                let mut file = File::options()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .open(path)?;
                file.set_len(bytes)?;
                file.seek(SeekFrom::End(0))?;
                Ok(BufWriter::new(file))
            })();
            opened.map_err(|error: std::io::Error| {
                Failure::Refused(format!("cannot write {}: {error}", path.display()))
            })
        };
        Ok(Self {
            allowed: open(&arguments.output, standing.allowed_bytes)?,
            denied: open(&arguments.denied, standing.denied_bytes)?,
            hash: Sha256::new(),
            list_bytes: 0,
            standing,
        })
    }

    /// The headers of both files.
    fn begin(&mut self, header: &Header, first: &[u8]) -> Result<(), Failure> {
        let Header { text, delimiter, .. } = header;
        let allowed = format!("{text}{delimiter}reason{delimiter}dataScopes\r\n");
        let denied = format!("{text}{delimiter}reason\r\n");
        self.write(true, &[allowed.as_bytes()])?;
        self.write(false, &[denied.as_bytes()])?;
        self.count(first);
        Ok(())
    }

    fn write(&mut self, permitted: bool, parts: &[&[u8]]) -> Result<(), Failure> {
        let (file, length) = if permitted {
            (&mut self.allowed, &mut self.standing.allowed_bytes)
        } else {
            (&mut self.denied, &mut self.standing.denied_bytes)
        };
        for part in parts {
            file.write_all(part)
                .map_err(|error| Failure::Refused(format!("cannot write the outputs: {error}")))?;
            *length += part.len() as u64;
        }
        Ok(())
    }

    fn count(&mut self, row: &[u8]) {
        self.hash.update(row);
        self.standing.input_bytes += row.len() as u64;
    }

    /// Takes in the whole answer.
    async fn take(
        &mut self,
        mut answers: Answers,
        header: &Header,
        waiting: &Waiting,
        bar: &mut Bar,
        output: &Path,
    ) -> Result<(), Failure> {
        let broken = |why: &str| Failure::Refused(format!("the answer {why}"));
        let mut kept = self.standing.rows;
        while let Some(lines) = answers.lines().await.map_err(said)? {
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let answer: Answer<'_> =
                    serde_json::from_slice(line).map_err(|_| broken("cannot be understood"))?;
                if let Some(fault) = answer.error {
                    return Err(Failure::Refused(format!(
                        "the service stopped: {}",
                        fault.detail.trim_end_matches('.')
                    )));
                }
                if answer.summary.is_some() {
                    return self.rest(waiting);
                }
                let row = self
                    .next(waiting)
                    .ok_or_else(|| broken("has more lines than the list"))?;
                self.one(header, &row, &answer)?;
            }
            bar.at(self.standing.input_bytes, self.standing.rows);
            if self.standing.rows - kept >= KEEP_EVERY {
                kept = self.standing.rows;
                self.keep(output)
                    .map_err(|error| Failure::Refused(format!("cannot write the outputs: {error}")))?;
            }
        }
        Err(broken("broke off before its end"))
    }

    /// The row that an answer is about; blank rows before it have none.
    fn next(&mut self, waiting: &Waiting) -> Option<Vec<u8>> {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let row = waiting.pop_front()?;
            if !is_blank(&row) {
                return Some(row);
            }
            self.count(&row);
        }
    }

    /// Nothing but blank rows may be left at the end.
    fn rest(&mut self, waiting: &Waiting) -> Result<(), Failure> {
        match self.next(waiting) {
            None => Ok(()),
            Some(_) => Err(Failure::Refused(
                "the answer has fewer lines than the list".to_owned(),
            )),
        }
    }

    fn one(&mut self, header: &Header, row: &[u8], answer: &Answer<'_>) -> Result<(), Failure> {
        let permitted = answer.decision == "permit";
        let between = [u8::try_from(header.delimiter).unwrap_or(b',')];
        let scopes = answer.data_scopes.join(" ");
        if permitted {
            self.standing.permitted += 1;
            let parts = [
                bare(row),
                &between,
                answer.reason.as_bytes(),
                &between,
                scopes.as_bytes(),
                b"\r\n",
            ];
            self.write(true, &parts)?;
        } else {
            self.standing.malformed += u64::from(answer.reason == "malformed");
            self.write(false, &[bare(row), &between, answer.reason.as_bytes(), b"\r\n"])?;
        }
        self.standing.rows += 1;
        self.count(row);
        Ok(())
    }

    /// Brings everything to disk, and notes where it stands.
    fn keep(&mut self, output: &Path) -> std::io::Result<()> {
        for file in [&mut self.allowed, &mut self.denied] {
            file.flush()?;
            file.get_ref().sync_all()?;
        }
        self.standing.input_hash = hex(&self.hash.clone().finish());
        self.standing.keep(output)
    }
}
