//! Who is told that there is something new: the postman by a bell, and everybody who waits for the feed by its end.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// The end of the feed as this node last saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// The last place.
    pub(crate) last: u64,
    /// Nobody waits any more.
    pub(crate) closed: bool,
}

/// The bell and the end.
#[derive(Debug)]
pub(crate) struct News {
    bell: Mutex<Option<SyncSender<Ring>>>,
    end: watch::Sender<End>,
}

/// One ring of the bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ring {
    /// Look.
    Look,
}

impl Default for News {
    fn default() -> Self {
        let (end, _) = watch::channel(End {
            last: 0,
            closed: false,
        });
        Self {
            bell: Mutex::new(None),
            end,
        }
    }
}

impl News {
    /// Says that messages were committed. Costs next to nothing; a bell that has rung already need not ring again.
    pub(crate) fn ring(&self) {
        let bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = &*bell {
            match bell.try_send(Ring::Look) {
                Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        }
    }

    /// The postman listens from here on.
    pub(crate) fn listen(&self) -> Receiver<Ring> {
        let (sender, receiver) = sync_channel(1);
        *self.bell.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Ends the postman.
    pub(crate) fn stop(&self) {
        *self.bell.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.close();
    }

    /// Says where the feed ends.
    pub(crate) fn announce(&self, last: u64) {
        self.end.send_if_modified(|end| {
            let news = end.last != last;
            end.last = last;
            news
        });
    }

    /// Sends everybody away who waits.
    pub(crate) fn close(&self) {
        self.end.send_modify(|end| end.closed = true);
    }

    /// To wait for news.
    pub(crate) fn follow(&self) -> watch::Receiver<End> {
        self.end.subscribe()
    }
}
