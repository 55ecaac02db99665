//! A bulk check from its first line to its last: reads ahead by a few chunks, sends answers in order, and lets neither
//! side run away from the other.

use std::collections::VecDeque;
use std::time::Duration;

use actix_web::web::Bytes;
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::answer::Answering;
use super::lines::{Lines, ListReader};
use crate::service::bulk::{AHEAD, BulkAnswer, BulkCheck, Pending};
use crate::service::refusal::Refusal;
use crate::web::problem::Problem;

/// Pieces of the answer that may wait for the caller to read them, some 600 kB each: a caller that sends a list of a
/// hundred thousand lines before it reads anything is still served.
pub(super) const PIECES: usize = 16;

/// How long a caller may read nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A bulk check that runs.
pub(super) struct Run {
    check: BulkCheck,
    list: ListReader,
    answering: Answering,
    out: Sender<Bytes>,
}

/// A chunk on its way; one without anybody to ask about needs no check.
struct Under {
    lines: Lines,
    pending: Option<Pending>,
}

/// The caller is gone, or reads nothing.
struct Gone;

impl Run {
    pub(super) const fn new(
        check: BulkCheck,
        list: ListReader,
        answering: Answering,
        out: Sender<Bytes>,
    ) -> Self {
        Self {
            check,
            list,
            answering,
            out,
        }
    }

    /// Runs to the end. When the caller is gone nothing more is read or recorded.
    pub(super) async fn run(mut self) {
        let ended = self.answer_all().await;
        let last = match ended {
            Ok(None) => self.answering.summary(self.check.id().to_string()),
            Ok(Some(problem)) => self.answering.error(&problem),
            Err(Gone) => return,
        };
        let _ = send(&self.out, last).await;
    }

    /// Answers; says what stopped it before the end of the list.
    async fn answer_all(&mut self) -> Result<Option<Problem>, Gone> {
        let Self {
            check,
            list,
            answering,
            out,
        } = self;
        send(out, answering.head()).await?;
        let mut under: VecDeque<Under> = VecDeque::with_capacity(AHEAD);
        let (mut ended, mut fault) = (false, None);
        loop {
            if ended && under.is_empty() {
                return Ok(fault);
            }
            tokio::select! {
                () = out.closed() => return Err(Gone),
                answers = first(&mut under), if !under.is_empty() => {
                    let answers = match answers {
                        Ok(answers) => answers,
                        Err(refusal) => return Ok(Some(refusal.into())),
                    };
                    if let Some(done) = under.pop_front() {
                        send(out, answering.chunk(&done.lines, &answers, check.question())).await?;
                    }
                }
                read = list.next(), if !ended && under.len() < AHEAD => match read {
                    Ok(Some(mut lines)) => match hand_in(check, &mut lines) {
                        Ok(pending) => under.push_back(Under { lines, pending }),
                        Err(refusal) => (ended, fault) = (true, Some(refusal.into())),
                    },
                    Ok(None) => ended = true,
                    // What was read before is still answered.
                    Err(problem) => (ended, fault) = (true, Some(problem)),
                },
            }
        }
    }
}

fn hand_in(check: &mut BulkCheck, lines: &mut Lines) -> Result<Option<Pending>, Refusal> {
    if lines.listed.is_empty() {
        return Ok(None);
    }
    check.submit(std::mem::take(&mut lines.listed)).map(Some)
}

async fn first(under: &mut VecDeque<Under>) -> Result<Vec<BulkAnswer>, Refusal> {
    match under.front_mut().and_then(|chunk| chunk.pending.as_mut()) {
        Some(pending) => pending.answers().await,
        None => Ok(Vec::new()),
    }
}

async fn send(out: &Sender<Bytes>, piece: Vec<u8>) -> Result<(), Gone> {
    if piece.is_empty() {
        return Ok(());
    }
    match timeout(PATIENCE, out.send(Bytes::from(piece))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}
