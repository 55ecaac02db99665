//! `GET /v1/changes`: the feed as one system reads it, from where it was, waiting for more if it likes.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::audience;
use super::message::Told;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::refusal::{Forbidden, Invalid, Refusal};
use crate::service::work::{Stop, Work};

/// How long a caller may wait for news, in seconds.
pub const LONGEST_WAIT: u64 = 30;
/// How many callers wait at a time on one node; more are answered at once.
const WAITING: usize = 1_024;
static SEATS: Semaphore = Semaphore::const_new(WAITING);
/// How many places are looked at for one page, most of which may be about other libraries.
const STEP: u32 = 1_000;
const STEPS: usize = 10;

/// Read the feed.
#[derive(Debug, Clone)]
pub struct ReadChanges {
    /// The cursor of the page before; absent for the oldest that is kept.
    pub after: Option<String>,
    /// Nothing old: begin at the end.
    pub from_now: bool,
    /// Messages on a page.
    pub limit: usize,
    /// How long to wait when there is nothing.
    pub wait: Duration,
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// Messages, oldest first.
    pub items: Vec<Told>,
    /// Where the next page begins.
    pub cursor: String,
    /// Whether there is more already.
    pub more: bool,
}

impl Service {
    /// Reads the feed of the calling system.
    ///
    /// # Errors
    /// [`Refusal`]; [`Invalid`] `cursor-expired` when what came after the cursor is no longer kept.
    pub async fn changes(&self, call: &Call, verb: ReadChanges) -> Result<ChangePage, Refusal> {
        call.require(Scope::ChangesRead)?;
        let until = Instant::now() + verb.wait;
        // Before the first look: what comes between the look and the wait is seen.
        let mut news = self.shared().news.follow();
        let seat = SEATS.try_acquire();
        let mut place = Place::of(&verb)?;
        loop {
            let end = *news.borrow_and_update();
            let limit = verb.limit;
            let page = self
                .read(call, move |call, work| read(call, work, place, limit))
                .await?;
            let done = !page.items.is_empty() || page.more || end.closed || seat.is_err();
            if done || verb.wait.is_zero() {
                return Ok(page);
            }
            place = Place::After(parse(&page.cursor).unwrap_or(0));
            match timeout_at(until, news.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Ok(page),
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Oldest,
    End,
    After(u64),
}

impl Place {
    fn of(verb: &ReadChanges) -> Result<Self, Refusal> {
        match (&verb.after, verb.from_now) {
            (None, false) => Ok(Self::Oldest),
            (None, true) => Ok(Self::End),
            (Some(text), _) => parse(text).map(Self::After).ok_or_else(|| unknown().into()),
        }
    }
}

fn read(call: &Call, work: &mut Work<'_, '_>, place: Place, limit: usize) -> Result<ChangePage, Stop> {
    let system = work
        .catalogue()
        .systems
        .get(&call.principal.system)
        .cloned()
        .ok_or(Refusal::Forbidden(Forbidden::Organisation))?;
    let ends = work.tx().feed_ends()?;
    let mut place = match place {
        Place::Oldest => ends.oldest - 1,
        Place::End => ends.next - 1,
        Place::After(place) if place + 1 < ends.oldest => {
            return Err(Refusal::from(Invalid::new(
                "?after",
                "cursor-expired",
                "What came after this cursor is no longer kept: messages are kept for 30 days. Read the state of the \
                 people you know again, and go on with ?after=latest.",
            ))
            .into());
        }
        Place::After(place) if place >= ends.next => return Err(Refusal::from(unknown()).into()),
        Place::After(place) => place,
    };
    let mut items = Vec::new();
    'looking: for _ in 0..STEPS {
        let rows = work.tx().messages_after(place, STEP)?;
        let last = rows.len() < STEP as usize;
        for row in &rows {
            if items.len() == limit {
                break 'looking;
            }
            place = row.seq;
            let purpose = row.purpose.as_deref();
            if audience::concerns(work.catalogue(), &system, &row.organisation, purpose) {
                items.extend(Told::to(&work.shared.keys, &system.id, row));
            }
        }
        if last {
            break;
        }
    }
    Ok(ChangePage {
        items,
        cursor: text(place),
        more: place + 1 < ends.next,
    })
}

fn unknown() -> Invalid {
    Invalid::new(
        "?after",
        "invalid-cursor",
        "Give the `nextCursor` of the page before, `latest`, or nothing to begin with the oldest.",
    )
}

fn text(place: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("feed/1/{place}"))
}

fn parse(text: &str) -> Option<u64> {
    if text.len() > 64 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let place = std::str::from_utf8(&bytes).ok()?.strip_prefix("feed/1/")?;
    // One place, one cursor.
    let canonical = place.len() == 1 || !place.starts_with('0');
    let digits = place.bytes().all(|byte| byte.is_ascii_digit());
    let place: u64 = place.parse().ok()?;
    (canonical && digits && i64::try_from(place).is_ok()).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_no_other_text_does() {
        for place in [0, 1, 10, 12_345_678_901] {
            assert_eq!(parse(&text(place)), Some(place));
        }
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for wrong in [
            "",
            "AAAA",
            "latest",
            &encode("feed/1/"),
            &encode("feed/1/-1"),
            &encode("feed/1/+1"),
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        for wrong in [
            "feed/1/007",
            "feed/2/7",
            "feed/1/18446744073709551615",
            "feed/1/7 ",
        ] {
            assert_eq!(parse(&encode(wrong)), None, "{wrong}");
        }
    }
}
