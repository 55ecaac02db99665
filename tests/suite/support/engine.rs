//! The two database engines a test runs on.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::postgres::{Postgres, TestDatabase};

/// Where the data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Fresh, empty storage for one test, removed with this value.
#[derive(Debug)]
pub struct TestStorage {
    engine: Engine,
    url: String,
    database: Option<TestDatabase>,
    directory: TempDir,
}

impl TestStorage {
    /// An empty database on this engine, and an empty directory beside it.
    pub fn new(engine: Engine) -> TestStorage {
        let directory = tempfile::Builder::new()
            .prefix("akkoord-test-")
            .tempdir()
            .unwrap();
        let database = (engine == Engine::Postgres).then(|| Postgres::shared().database());
        let url = match &database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite://{}", directory.path().join("akkoord.db").display()),
        };
        TestStorage {
            engine,
            url,
            database,
            directory,
        }
    }

    /// The engine it is on.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// `sqlite:///…/akkoord.db` or `postgres://…`, as the configuration takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs SQL in the PostgreSQL database; see [`Postgres::psql`].
    pub fn psql(&self, sql: &str) -> String {
        self.database.as_ref().expect("a PostgreSQL database").psql(sql)
    }

    /// A directory of this test alone: keys, configuration, logs. The SQLite database is in it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Everything that holds what was stored: the directory, and on PostgreSQL the whole cluster with its write-ahead log.
    pub fn places(&self) -> Vec<PathBuf> {
        let mut places = vec![self.directory().to_owned()];
        if self.engine == Engine::Postgres {
            places.push(Postgres::shared().directory().to_owned());
        }
        places
    }
}

/// Makes two tests of one body: `name::sqlite` and `name::postgres`. An `async fn` runs on an actix runtime.
///
/// ```ignore
/// both_engines! {
///     async fn a_consent_survives_a_restart(engine) { … }
/// }
/// ```
macro_rules! both_engines {
    () => {};
    (async fn $name:ident($engine:ident) $body:block $($rest:tt)*) => {
        async fn $name($engine: $crate::support::engine::Engine) $body

        mod $name {
            #[test]
            fn sqlite() {
                actix_web::rt::System::new().block_on(super::$name($crate::support::engine::Engine::Sqlite));
            }

            #[test]
            fn postgres() {
                actix_web::rt::System::new().block_on(super::$name($crate::support::engine::Engine::Postgres));
            }
        }

        both_engines! { $($rest)* }
    };
    (fn $name:ident($engine:ident) $body:block $($rest:tt)*) => {
        fn $name($engine: $crate::support::engine::Engine) $body

        mod $name {
            #[test]
            fn sqlite() {
                super::$name($crate::support::engine::Engine::Sqlite);
            }

            #[test]
            fn postgres() {
                super::$name($crate::support::engine::Engine::Postgres);
            }
        }

        both_engines! { $($rest)* }
    };
}

mod tests {
    use super::*;

    both_engines! {
        async fn storage_is_fresh_and_named_by_its_url(engine) {
            let (one, two) = (TestStorage::new(engine), TestStorage::new(engine));
            assert_eq!(one.engine(), engine);
            assert_ne!(one.url(), two.url());
            let scheme = if engine == Engine::Sqlite { "sqlite:///" } else { "postgres://postgres@%2Ftmp%2F" };
            assert!(one.url().starts_with(scheme), "{}", one.url());
            assert!(actix_web::rt::System::try_current().is_some());
        }

        fn what_was_stored_is_found_on_disk(engine) {
            let storage = TestStorage::new(engine);
            assert_eq!(std::fs::read_dir(storage.directory()).unwrap().count(), 0);
            assert_eq!(storage.places().len(), if engine == Engine::Sqlite { 1 } else { 2 });
            assert!(storage.places().iter().all(|place| place.is_dir()));
        }
    }
}
