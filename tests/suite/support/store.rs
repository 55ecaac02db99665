//! A store for tests that work on rows.

use std::time::Duration;

use akkoord::domain::moment::Moment;
use akkoord::store::{Store, StoreOptions};

use super::engine::TestStorage;

/// 2027-03-01T12:00:00Z.
pub const NOW: Moment = Moment::from_micros(1_803_902_400_000_000);

/// Options for a new store of the network `wise`.
pub fn options(storage: &TestStorage) -> StoreOptions {
    StoreOptions {
        url: storage.url().parse().unwrap(),
        pool_size: 4,
        busy_timeout: Duration::from_secs(5),
        require_synchronous_standby: false,
        create: true,
        installation_id: [7; 16],
        network: "wise".to_owned(),
        now: NOW,
        observer: None,
    }
}

/// A new store of the network `wise`.
pub fn open(storage: &TestStorage) -> Store {
    Store::open(options(storage)).unwrap()
}
