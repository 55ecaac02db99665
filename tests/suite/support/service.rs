//! The service itself, with the shipped policies and a clock that the test turns.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use akkoord::crypto::{RootKey, Secret32};
use akkoord::outward::checkpoint_file::CheckpointFiles;
use akkoord::policy::load::{Files, read_folder};
use akkoord::service::access::AccessOptions;
use akkoord::service::{Service, ServiceOptions};
use akkoord::store::{Store, StoreOptions};
use akkoord::world::TurnedWorld;

use super::engine::TestStorage;
use super::store::NOW;

/// Where the service of a test says that it is.
pub const PUBLIC_BASE: &str = "https://akkoord.example";

/// A clock that stands at [`NOW`].
pub fn clock() -> Arc<TurnedWorld> {
    Arc::new(TurnedWorld::starting(NOW))
}

/// Where a node keeps its checkpoints: on a disk of its own, as it were.
pub fn checkpoints(storage: &TestStorage, name: &str) -> CheckpointFiles {
    CheckpointFiles::open(&storage.directory().join(format!("checkpoints-{name}"))).unwrap()
}

/// A node of a service over this storage. Nodes of one storage are one service.
pub fn node(storage: &TestStorage, world: &Arc<TurnedWorld>, name: &str) -> Service {
    node_with(storage, world, name, AccessOptions::new(PUBLIC_BASE))
}

/// The same, with other settings of access.
pub fn node_with(
    storage: &TestStorage,
    world: &Arc<TurnedWorld>,
    name: &str,
    access: AccessOptions,
) -> Service {
    node_of(storage, world, name, access, shipped())
}

/// The policies that are shipped.
pub fn shipped() -> Files {
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).unwrap()
}

/// The same, with other policies.
pub fn node_of(
    storage: &TestStorage,
    world: &Arc<TurnedWorld>,
    name: &str,
    access: AccessOptions,
    files: Files,
) -> Service {
    Service::start_with(options_of(storage, world, name, files), access).unwrap()
}

/// What such a node is made of.
pub fn options(storage: &TestStorage, world: &Arc<TurnedWorld>, name: &str) -> ServiceOptions {
    options_of(storage, world, name, shipped())
}

fn options_of(storage: &TestStorage, world: &Arc<TurnedWorld>, name: &str, files: Files) -> ServiceOptions {
    let options = StoreOptions {
        network: "bibliotheken-merwedeland".to_owned(),
        ..super::store::options(storage)
    };
    ServiceOptions {
        store: Store::open(options).unwrap(),
        files,
        root_key: RootKey::new(Secret32::from_bytes([1; 32])),
        world: Arc::clone(world) as _,
        node: name.to_owned(),
        public_base: PUBLIC_BASE.to_owned(),
        test_subjects: true,
        queue: 1024,
        remember: 64 << 20,
        deadline: Duration::from_secs(10),
        checkpoints: Some(Arc::new(checkpoints(storage, name))),
        witnesses: akkoord::service::sequence::WitnessPlan::default(),
    }
}
