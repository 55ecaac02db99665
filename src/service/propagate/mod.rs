//! A choice that stays inside Akkoord helps nobody: everything that other systems must know is told to them.
//!
//! 1. A change writes its message to the `outbox`, in its own transaction.
//! 2. The postman of any node takes messages out and gives them places in the feed, one node at a time; what must be
//!    delivered to receivers of webhooks is written down in the same transaction (`postman`).
//! 3. Systems read the feed from the place where they were (`feed`), or have it delivered (`dispatch`).
//!
//! Nothing is lost when a node dies at any point between these: each step leaves rows that the next one begins with.

pub(crate) mod audience;
mod dispatch;
mod endpoints;
mod feed;
mod figures;
mod message;
mod news;
mod postman;
mod send;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use self::dispatch::{Dispatcher, Event};
pub use self::endpoints::{
    AddWebhook, ChangeWebhook, Delivery, DeliveryPage, ListDeliveries, MAX_ENDPOINTS, Webhook, WebhookAdded,
    WebhookState,
};
pub use self::feed::{ChangePage, LONGEST_WAIT, ReadChanges};
pub use self::figures::PropagationFigures;
pub use self::message::Told;
pub(crate) use self::news::News;
use self::postman::Postman;
pub use self::send::{CheckUrl, SendWebhooks, Sending, Sent, UrlMistake, WebhookRequest};
use super::Service;
use super::shared::Shared;

/// How long messages and deliveries are kept, in seconds: 30 days. A cursor of the feed that is older begins anew.
pub const KEPT: i64 = 30 * 86_400;

/// How fast and how long it is tried to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tempo {
    /// How often a node looks for what other nodes have written.
    pub poll: Duration,
    /// After the first failure of a delivery. Each next one waits four times as long, give or take a fifth.
    pub first_retry: Duration,
    /// The longest wait between two attempts.
    pub longest_retry: Duration,
    /// How long a delivery is tried before it is given up; it can still be replayed.
    pub give_up: Duration,
    /// How many failures in a row make a receiver count as down. From then on one delivery at a time finds out whether
    /// it works again.
    pub down_after: u64,
    /// The first pause of a receiver that is down; each next one is twice as long.
    pub first_rest: Duration,
    /// Its longest pause.
    pub longest_rest: Duration,
    /// How long a node keeps a receiver to itself; when it dies another one takes over after this.
    pub lease: Duration,
    /// Deliveries to one receiver at a time, of different people.
    pub at_a_time: usize,
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(250),
            first_retry: Duration::from_secs(5),
            longest_retry: Duration::from_secs(2 * 3_600),
            give_up: Duration::from_secs(3 * 86_400),
            down_after: 3,
            first_rest: Duration::from_secs(5),
            longest_rest: Duration::from_secs(300),
            lease: Duration::from_secs(10),
            at_a_time: 16,
        }
    }
}

/// What telling needs.
#[derive(Debug, Clone)]
pub struct PropagationOptions {
    /// Who sends.
    pub sender: Arc<dyn SendWebhooks>,
    /// How fast.
    pub tempo: Tempo,
}

/// The running threads.
pub(crate) struct Propagation {
    shared: Arc<Shared>,
    sender: Arc<dyn SendWebhooks>,
    figures: Arc<PropagationFigures>,
    events: Sender<Event>,
    threads: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Service {
    /// Begins to tell other systems what they must know. Before this, changes wait in the outbox, and webhooks can be
    /// neither made nor changed. A second call changes nothing.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start_propagation(&self, options: PropagationOptions) -> std::io::Result<()> {
        if self.0.propagation.get().is_some() {
            return Ok(());
        }
        let figures = Arc::new(PropagationFigures::default());
        let (events, inbox) = channel();
        let dispatcher = Dispatcher::new(
            Arc::clone(&self.0.shared),
            self.0.store.clone(),
            &options,
            Arc::clone(&figures),
            (events.clone(), inbox),
        )?;
        let postman = Postman {
            shared: Arc::clone(&self.0.shared),
            store: self.0.store.clone(),
            figures: Arc::clone(&figures),
            poll: options.tempo.poll,
            dispatcher: events.clone(),
        };
        let bell = self.0.shared.news.listen();
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let threads = vec![
            named("postman").spawn(move || postman.run(&bell))?,
            named("webhooks").spawn(move || dispatcher.run())?,
        ];
        let running = Propagation {
            shared: Arc::clone(&self.0.shared),
            sender: options.sender,
            figures,
            events,
            threads: std::sync::Mutex::new(threads),
        };
        // If two came at the same moment, the threads of the second end with it.
        drop(self.0.propagation.set(running));
        Ok(())
    }

    /// Answers everybody who waits for news of the feed, and lets nobody wait any more: the service is about to stop.
    pub fn end_waits(&self) {
        self.0.shared.news.close();
    }

    /// What was told, if this node tells.
    pub fn propagation(&self) -> Option<&PropagationFigures> {
        self.0.propagation.get().map(|running| &*running.figures)
    }

    pub(super) fn stop_propagation(&self) {
        if let Some(running) = self.0.propagation.get() {
            running.stop();
        }
    }

    fn telling(&self) -> Option<&Propagation> {
        self.0.propagation.get()
    }
}

impl Propagation {
    fn stop(&self) {
        self.shared.news.stop();
        // The dispatcher may have ended already.
        let _ = self.events.send(Event::Stop);
        let threads = self.threads.lock().ok().map(|mut all| std::mem::take(&mut *all));
        for thread in threads.into_iter().flatten() {
            let _ = thread.join();
        }
    }

    /// There is something new to deliver, or to deliver to.
    fn ring(&self) {
        let _ = self.events.send(Event::Rung);
    }
}

impl Drop for Propagation {
    fn drop(&mut self) {
        self.stop();
    }
}
