//! What every request shares: catalogue, keys, clock and names.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::erasures::ErasureFigures;
use super::keys::Keyring;
use super::propagate::News;
use super::remembered::Remembered;
use super::sequence::Standing;
use crate::domain::ids::PurposeId;
use crate::domain::moment::Moment;
use crate::policy::catalogue::{Catalogue, PurposeEntry};
use crate::world::World;

/// The client name of Akkoord's own acts; no outside client can have it.
pub const OWN_CLIENT: &str = "akkoord";

/// The identifier scheme of magic test subjects.
pub const TEST_SCHEME: &str = "test";

/// The catalogue in force with everything that was ever published.
#[derive(Debug)]
pub struct Policies {
    /// Its place in the sequence of catalogues; grows by one.
    pub sequence: u64,
    /// In force.
    pub current: Arc<Catalogue>,
    /// Every purpose version that was ever in force.
    pub versions: HashMap<(PurposeId, u32), Arc<PurposeEntry>>,
    /// Every catalogue that was ever in force and from when, oldest first.
    pub history: Vec<(Moment, Arc<Catalogue>)>,
}

impl Policies {
    /// The catalogue that was in force at an instant; before the first one, the first.
    pub fn at(&self, instant: Moment) -> &Arc<Catalogue> {
        let then = self.history.iter().rev().find(|(from, _)| *from <= instant);
        then.or_else(|| self.history.first())
            .map_or(&self.current, |(_, catalogue)| catalogue)
    }
}

/// What every request shares.
pub(crate) struct Shared {
    pub(crate) policies: ArcSwap<Policies>,
    pub(crate) keys: Keyring,
    pub(crate) world: Arc<dyn World>,
    pub(crate) node: String,
    pub(crate) public_base: String,
    pub(crate) test_subjects: bool,
    /// Whether anything may be recorded, and the bell of the sequencer.
    pub(crate) standing: Arc<Standing>,
    /// The bell of whoever tells other systems, and the end of the feed for those who wait for it.
    pub(crate) news: News,
    /// Whom this node has read before.
    pub(crate) remembered: Remembered,
    /// What stands open of erasures.
    pub(crate) erasures: ErasureFigures,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
