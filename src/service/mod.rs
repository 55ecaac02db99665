//! The use cases. This room alone opens transactions; everything that is recorded goes through lanes that commit many
//! requests at once (`lane`), in units of work that are decided in memory (`work`).

pub mod access;
mod admin;
pub mod apply;
pub mod bulk;
pub mod call;
pub mod catalogue;
pub mod chores;
mod consent;
pub mod console;
pub mod contacts;
mod contract;
mod counting;
mod decide;
pub mod desk;
pub mod epochs;
mod erase;
pub mod erasures;
mod everybody;
pub mod exports;
pub mod family;
mod guardians;
mod history;
mod impact;
pub mod keys;
mod lane;
mod merge;
mod once;
pub mod own;
mod people;
pub mod post;
pub mod propagate;
pub mod proposals;
pub mod prune;
mod readiness;
pub mod refusal;
mod remembered;
pub mod reports;
pub mod retention;
pub mod rights;
pub mod search;
pub mod sequence;
pub mod sessions;
pub mod shared;
pub mod signing;
pub mod stops;
pub mod test_subjects;
pub mod tidings;
mod unsubscribe;
pub mod verbs;
mod wishes;
mod work;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::access::issuer::IssuerMistake;
use self::access::register::StoreRegister;
use self::access::{Access, AccessOptions};
use self::bulk::Pool;
use self::call::Call;
use self::catalogue::CatalogueError;
use self::chores::Chores;
use self::keys::{Keyring, KeyringError};
pub use self::lane::LaneFigures;
use self::lane::{Lane, Verb};
use self::once::Once;
use self::propagate::Propagation;
pub use self::readiness::Readiness;
use self::refusal::Refusal;
use self::remembered::Remembered;
pub use self::remembered::RememberedFigures;
use self::sequence::{
    KeepCheckpoints, Pace, SequenceError, SequencerOptions, Sequencing, WitnessPlan, Witnessing,
};
use self::shared::{Policies, Shared};
use self::verbs::*;
pub use self::wishes::RESTRICTION_GROUNDS;
use self::work::{Stop, Subjects, Work};
use crate::crypto::RootKey;
use crate::domain::ids::{OrganisationId, PersonId, PurposeId};
use crate::policy::catalogue::{Catalogue, PurposeEntry};
use crate::policy::load::Files;
use crate::store::{Store, StoreError};
use crate::world::World;

/// What a service is made of.
#[derive(Debug)]
pub struct ServiceOptions {
    /// The database.
    pub store: Store,
    /// The policy files; they become the first catalogue of an empty database and are not looked at otherwise.
    pub files: Files,
    /// The key that wraps all other keys.
    pub root_key: RootKey,
    /// Clock and randomness.
    pub world: Arc<dyn World>,
    /// The name of this node in audit entries: lower-case letters, digits and hyphens.
    pub node: String,
    /// Where people reach this service, without a slash at the end (`https://privacy.example`).
    pub public_base: String,
    /// Whether the scheme `test` is magic.
    pub test_subjects: bool,
    /// How many requests may wait for a lane.
    pub queue: usize,
    /// How many bytes of people who were read before are kept, sealed, to be read again only where they changed.
    pub remember: usize,
    /// How long a caller waits for a commit before hearing that it is unknown.
    pub deadline: Duration,
    /// Where the checkpoints of the audit logs are kept outside the database. Without it, a database that was rolled
    /// back is not recognised after a restart.
    pub checkpoints: Option<Arc<dyn KeepCheckpoints>>,
    /// Who cosigns them.
    pub witnesses: WitnessPlan,
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Policies.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// Issuers of tokens.
    #[error(transparent)]
    Issuer(#[from] IssuerMistake),
    /// The node's name is no name.
    #[error("the node name must be 1 to 32 lower-case letters, digits and hyphens")]
    Node,
    /// The audit logs.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// A thread could not be started.
    #[error("a thread could not be started")]
    Thread(#[from] std::io::Error),
}

/// Threads of each lane on PostgreSQL: while one waits for the database, another works. SQLite has one writer.
const LANE_THREADS: usize = 2;

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    store: Store,
    checks: Lane,
    /// Where changes go: the same lane on SQLite, which has one writer; another one on PostgreSQL, so that a check never
    /// waits for a change that waits for another node.
    changes: Option<Lane>,
    /// Where bulk checks go.
    bulk: Pool,
    /// After the lanes, so that it is dropped after them.
    sequencing: Sequencing,
    witnessing: Witnessing,
    readers: Semaphore,
    access: Arc<Access>,
    chores: Chores,
    exports: Arc<Semaphore>,
    propagation: OnceLock<Propagation>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("shared", &self.0.shared)
            .finish_non_exhaustive()
    }
}

/// How many reads run at the same time.
const READERS: usize = 64;

impl Service {
    /// Starts the service over an open store; it lets in its own tokens only.
    pub fn start(options: ServiceOptions) -> Result<Self, StartError> {
        let access = AccessOptions::new(options.public_base.clone());
        Self::start_with(options, access)
    }

    /// Starts the service over an open store.
    pub fn start_with(options: ServiceOptions, access: AccessOptions) -> Result<Self, StartError> {
        let node_fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=32).contains(&options.node.len()) || !options.node.bytes().all(node_fits) {
            return Err(StartError::Node);
        }
        let world = options.world;
        let policies = catalogue::open(&options.store, &options.files, options.test_subjects, &*world)?;
        let keys = Keyring::open(&options.store, &options.root_key, &policies.current, &*world)?;
        let token_keys = keys.signing().token_keys(world.now(), access.token_lifetime)?;
        let register = Arc::new(StoreRegister(options.store.clone()));
        let access = Arc::new(Access::new(access, Arc::clone(&world), register, token_keys)?);
        let sequencer = sequence::prepare(&keys, &options.public_base, |keys| SequencerOptions {
            store: options.store.clone(),
            keys,
            outside: options.checkpoints,
            world: Arc::clone(&world),
            node: options.node.clone(),
            pace: Pace::default(),
            stop_after: None,
        })?;
        let shared = Arc::new(Shared {
            policies: ArcSwap::from_pointee(policies),
            keys,
            world,
            node: options.node,
            public_base: options.public_base,
            test_subjects: options.test_subjects,
            standing: Arc::default(),
            news: propagate::News::default(),
            remembered: Remembered::new(options.remember),
            erasures: erasures::ErasureFigures::default(),
        });
        // Before the lanes: a database that was rolled back must not answer a single question.
        let sequencing = Sequencing::start(sequencer, &shared.standing, Pace::default())?;
        let clock = Arc::clone(&shared.world);
        let now = move || clock.now();
        let witnessing = Witnessing::start(options.witnesses, &options.store, &shared.standing, now)?;
        let postgres = options.store.is_postgres();
        let lane = |name| {
            Lane::start(
                name,
                if postgres { LANE_THREADS } else { 1 },
                &shared,
                &options.store,
                options.queue,
                options.deadline,
            )
        };
        let checks = lane("checks")?;
        let changes = postgres.then(|| lane("changes")).transpose()?;
        let bulk = Pool::start(&shared, &options.store, options.deadline)?;
        let readers = Semaphore::new(READERS);
        let chores = chores::of_service(&shared, &options.store, &access);
        let chores = Chores::start(chores, &shared)?;
        Ok(Self(Arc::new(Inner {
            shared,
            store: options.store,
            checks,
            changes,
            bulk,
            sequencing,
            witnessing,
            readers,
            exports: Arc::new(Semaphore::new(exports::AT_ONCE)),
            access,
            chores,
            propagation: OnceLock::new(),
        })))
    }

    /// Finishes what was taken, puts it in order, and ends the threads.
    pub fn stop(&self) {
        self.0.chores.stop();
        self.0.checks.stop();
        if let Some(changes) = &self.0.changes {
            changes.stop();
        }
        self.0.bulk.stop();
        self.0.sequencing.stop();
        self.0.witnessing.stop();
        self.stop_propagation();
    }

    /// The catalogue in force.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.0.shared.policies.load().current)
    }

    /// The catalogue in force with everything ever published.
    pub fn policies(&self) -> Arc<Policies> {
        self.0.shared.policies.load_full()
    }

    /// Any version of a purpose that was ever in force.
    pub fn purpose_version(&self, id: &PurposeId, version: u32) -> Option<Arc<PurposeEntry>> {
        self.0
            .shared
            .policies
            .load()
            .versions
            .get(&(id.clone(), version))
            .cloned()
    }

    /// Clock and randomness.
    pub fn world(&self) -> &dyn World {
        &*self.0.shared.world
    }

    /// Where people reach this service.
    pub fn public_base(&self) -> &str {
        &self.0.shared.public_base
    }

    /// Whether the scheme `test` is magic here.
    pub fn has_test_subjects(&self) -> bool {
        self.0.shared.test_subjects
    }

    /// What every request shares, for the rooms of this one.
    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// The store, for the rooms of this one.
    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// The threads of bulk checks, for the rooms of this one.
    pub(crate) fn bulk_pool(&self) -> &Pool {
        &self.0.bulk
    }

    /// A turn to read.
    pub(crate) fn reader(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.0.readers.try_acquire().map_err(|_| Refusal::Busy)
    }

    /// The keys, for the rooms of this one.
    pub(crate) fn keys(&self) -> &Keyring {
        &self.0.shared.keys
    }

    /// Our public keys as a JWK set (RFC 7517).
    pub fn jwks(&self) -> serde_json::Value {
        self.access().jwks()
    }

    /// The pseudonym by which a calling system knows a person at a library.
    pub fn pairwise(&self, call: &Call, organisation: &OrganisationId, person: PersonId) -> String {
        self.keys().pairwise(&call.principal.system, organisation, person)
    }

    /// What the lanes have done, by name.
    pub fn lanes(&self) -> Vec<(&'static str, &LaneFigures)> {
        let changes = self.0.changes.as_ref().map(|lane| ("changes", lane.figures()));
        [
            ("checks", self.0.checks.figures()),
            ("bulk", self.0.bulk.figures()),
        ]
        .into_iter()
        .chain(changes)
        .collect()
    }

    /// Where changes go.
    fn lane_of_changes(&self) -> &Lane {
        self.0.changes.as_ref().unwrap_or(&self.0.checks)
    }

    async fn change<V>(&self, call: &Call, verb: V) -> Result<Done<V::Answer>, Refusal>
    where
        V: Verb,
        V::Answer: serde::Serialize + serde::de::DeserializeOwned,
    {
        self.lane_of_changes().submit(call, Once(verb)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        call: &Call,
        read: impl Fn(&Call, &mut Work<'_, '_>) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, Refusal> {
        // What a rolled-back database says about somebody may have been withdrawn since.
        if self.0.shared.standing.is_halted() {
            return Err(Refusal::Unavailable);
        }
        let _permit = self.reader()?;
        let (service, call) = (self.clone(), call.clone());
        let done = tokio::task::spawn_blocking(move || {
            service.0.store.read("read", |tx| {
                let shared = &*service.0.shared;
                catalogue::refresh(shared, tx)?;
                let policies = shared.policies.load_full();
                let mut work = Work::begin(shared, policies, tx, &[], &Subjects::default())?;
                read(&call, &mut work)
            })
        });
        match done.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Stop::Refused(refusal))) => Err(refusal),
            Ok(Err(Stop::Store(error))) => {
                tracing::error!(error = %error, "a read failed");
                Err(Refusal::Unavailable)
            }
            Err(_) => Err(Refusal::Unavailable),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(_: StoreError) -> Self {
        Self::Unavailable
    }
}

#[cfg(test)]
mod law_tests;
#[cfg(test)]
mod past_tests;
#[cfg(test)]
mod test_house;
#[cfg(test)]
mod tests;
