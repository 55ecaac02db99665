//! Opening a store: what is refused, in which words, and many at once.

use akkoord::store::{DatabaseUrl, Store, StoreError, StoreOptions};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::support::engine::{Engine, TestStorage};
use crate::support::store::{open, options};

#[track_caller]
fn refused(options: StoreOptions, because: &str) {
    match Store::open(options) {
        Err(StoreError::Misconfigured(sentence)) => {
            assert!(sentence.contains(because), "{sentence}");
            assert!(sentence.ends_with('.') && !sentence.contains("  "), "{sentence}");
        }
        other => panic!("{other:?}"),
    }
}

/// Runs SQL in the data of a storage that no store has open.
fn execute(storage: &TestStorage, sql: &str) {
    match storage.engine() {
        Engine::Sqlite => sqlite(storage, "akkoord.db", sql),
        Engine::Postgres => {
            storage.psql(sql);
        }
    }
}

fn sqlite(storage: &TestStorage, file: &str, sql: &str) {
    let path = storage.directory().join(file);
    SqliteConnection::establish(path.to_str().unwrap())
        .unwrap()
        .batch_execute(sql)
        .unwrap();
}

both_engines! {
    fn a_store_is_opened_again_with_the_id_it_was_made_with(engine) {
        let storage = TestStorage::new(engine);
        assert_eq!(open(&storage).installation_id(), &[7; 16]);
        let again = Store::open(StoreOptions {
            installation_id: [9; 16],
            create: false,
            ..options(&storage)
        })
        .unwrap();
        assert_eq!(again.installation_id(), &[7; 16]);
        again.ping().unwrap();
    }

    fn a_newer_schema_is_refused(engine) {
        let storage = TestStorage::new(engine);
        drop(open(&storage));
        execute(
            &storage,
            "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')",
        );
        refused(
            options(&storage),
            "has schema 9999, and this program knows schemas up to 00",
        );
    }

    fn another_networks_database_is_refused(engine) {
        let storage = TestStorage::new(engine);
        drop(open(&storage));
        refused(
            StoreOptions {
                network: "other".to_owned(),
                ..options(&storage)
            },
            "belongs to the network wise, and the policies describe the network other",
        );
    }

    fn another_databases_keys_are_refused(engine) {
        let storage = TestStorage::new(engine);
        drop(open(&storage));
        execute(
            &storage,
            "UPDATE meta SET value = '00000000000000000000000000000001' WHERE key = 'installation'",
        );
        refused(options(&storage), "The key store belongs to another database");
    }

    fn keys_of_a_lost_database_are_not_taken_for_a_new_one(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        store
            .change("key", |tx| {
                tx.insert_epoch_key(1, &[1; 60], crate::support::store::NOW)
            })
            .unwrap();
        drop(store);
        execute(&storage, "DELETE FROM meta");
        refused(options(&storage), "The key store belongs to another database");
    }

    fn a_start_that_was_cut_off_between_the_two_halves_goes_on(engine) {
        let storage = TestStorage::new(engine);
        drop(open(&storage));
        execute(&storage, "DELETE FROM meta");
        let store = Store::open(StoreOptions {
            installation_id: [9; 16],
            ..options(&storage)
        })
        .unwrap();
        assert_eq!(store.installation_id(), &[7; 16]);
    }

    fn many_processes_may_start_together_on_an_empty_database(engine) {
        let storage = TestStorage::new(engine);
        let ids: Vec<[u8; 16]> = std::thread::scope(|scope| {
            let starts: Vec<_> = (1..=6)
                .map(|number| {
                    let options = StoreOptions {
                        installation_id: [number; 16],
                        ..options(&storage)
                    };
                    scope.spawn(move || *Store::open(options).unwrap().installation_id())
                })
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    fn a_synchronous_standby_that_is_not_there_is_refused(engine) {
        let storage = TestStorage::new(engine);
        refused(
            StoreOptions {
                require_synchronous_standby: true,
                ..options(&storage)
            },
            "A synchronous standby is required",
        );
    }
}

#[test]
fn files_that_are_missing_are_refused_and_not_made() {
    let storage = TestStorage::new(Engine::Sqlite);
    let missing = || StoreOptions {
        create: false,
        ..options(&storage)
    };
    refused(missing(), "There is no database at ");
    assert_eq!(std::fs::read_dir(storage.directory()).unwrap().count(), 0);

    drop(open(&storage));
    let keys = storage.directory().join("akkoord-keys.db");
    let data = storage.directory().join("akkoord.db");
    std::fs::rename(&keys, storage.directory().join("elsewhere")).unwrap();
    refused(options(&storage), "its key store");
    assert!(!keys.exists());
    std::fs::write(&keys, "").unwrap();
    refused(
        options(&storage),
        "The key store is empty and the database is not",
    );

    std::fs::rename(storage.directory().join("elsewhere"), &keys).unwrap();
    std::fs::remove_file(&data).unwrap();
    refused(options(&storage), "is there and its database");
}

#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let storage = TestStorage::new(Engine::Sqlite);
    let url: DatabaseUrl = format!("sqlite://{}/new/folder/akkoord.db", storage.directory().display())
        .parse()
        .unwrap();
    let _store = Store::open(StoreOptions {
        url,
        ..options(&storage)
    })
    .unwrap();
    for (path, mode) in [
        ("new", 0o700),
        ("new/folder/akkoord.db", 0o600),
        ("new/folder/akkoord-keys.db", 0o600),
    ] {
        let found = std::fs::metadata(storage.directory().join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(found, mode, "{path}: {found:o}");
    }
    for file in std::fs::read_dir(storage.directory().join("new/folder")).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{:?}",
            file.path()
        );
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let storage = TestStorage::new(Engine::Sqlite);
    std::fs::write(storage.directory().join("akkoord.db"), vec![b'x'; 4096]).unwrap();
    std::fs::write(storage.directory().join("akkoord-keys.db"), "").unwrap();
    assert_eq!(Store::open(options(&storage)).unwrap_err(), StoreError::Corrupt);
}

#[test]
fn a_server_that_does_not_answer_is_unavailable_and_shows_no_password() {
    let storage = TestStorage::new(Engine::Sqlite);
    let url = format!(
        "postgres://akkoord:s3cret@{}/x",
        storage.directory().to_str().unwrap().replace('/', "%2F")
    );
    let options = StoreOptions {
        url: url.parse().unwrap(),
        ..options(&storage)
    };
    assert!(!format!("{options:?}").contains("s3cret"));
    let error = Store::open(options).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}
