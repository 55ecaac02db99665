//! Where the database is: `sqlite:///path/file.db`, `sqlite://relative/file.db` or `postgres://…`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::StoreError;

/// A database URL of an engine we know. It may hold a password, which neither `Debug` nor `Display` shows.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Location);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Location {
    Sqlite(Files),
    Postgres(String),
}

/// The two files of an SQLite store. Keys are kept apart, so that a backup of the data is not one of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) data: PathBuf,
    pub(super) keys: PathBuf,
}

/// What libpq is told unless the URL says otherwise: notice a dead server within seconds, in either direction.
const DEFAULTS: [(&str, &str); 7] = [
    ("connect_timeout", "5"),
    ("keepalives", "1"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "15000"),
    ("application_name", "akkoord"),
];

impl DatabaseUrl {
    pub(super) const fn location(&self) -> &Location {
        &self.0
    }

    /// Whether the data is in files of this machine, which one process at a time serves.
    pub const fn is_sqlite(&self) -> bool {
        matches!(self.0, Location::Sqlite(_))
    }
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        match scheme {
            "sqlite" => Files::named(rest).map(|files| Self(Location::Sqlite(files))),
            "postgres" | "postgresql" if !rest.is_empty() => Ok(Self(Location::Postgres(with_defaults(text)))),
            "postgres" | "postgresql" => Err(StoreError::Misconfigured(
                "The database URL names no server. Write postgres://user@host/database.".to_owned(),
            )),
            _ => Err(StoreError::Misconfigured(
                "The database URL is of no known kind. Write sqlite:///path/to/akkoord.db for one machine, or \
                 postgres://user@host/database."
                    .to_owned(),
            )),
        }
    }
}

impl Files {
    fn named(path: &str) -> Result<Self, StoreError> {
        let wrong = |why: &str| {
            StoreError::Misconfigured(format!(
                "The database URL {why}. Write sqlite:///path/to/akkoord.db, or sqlite://akkoord.db for a file in the \
                 working directory."
            ))
        };
        if path.is_empty() || path.ends_with('/') || path.starts_with(':') {
            return Err(wrong("names no file"));
        }
        if path.contains(['?', '#', '\0']) {
            return Err(wrong("has options, which SQLite files do not take"));
        }
        // Absolute, so that a later change of directory changes nothing and SQLite never reads it as one of its URIs.
        let data = std::path::absolute(path).map_err(|_| wrong("cannot be resolved"))?;
        let name = data
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| wrong("names no file"))?;
        let keys = data.with_file_name(format!("{}-keys.db", name.strip_suffix(".db").unwrap_or(name)));
        Ok(Self { data, keys })
    }

    pub(super) fn text(path: &Path) -> Result<&str, StoreError> {
        path.to_str().ok_or_else(|| {
            StoreError::Misconfigured(
                "The path of the database is not text in UTF-8; choose another directory.".to_owned(),
            )
        })
    }
}

/// Textual, because libpq takes URLs that no URL parser does: several hosts, or a socket's directory as host.
fn with_defaults(url: &str) -> String {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let given = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let mut whole = url.to_owned();
    for (name, value) in DEFAULTS.iter().filter(|(name, _)| !given(name)) {
        whole.push(if whole.contains('?') { '&' } else { '?' });
        whole.push_str(name);
        whole.push('=');
        whole.push_str(value);
    }
    whole
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Location::Sqlite(files) => write!(f, "sqlite://{}", files.data.display()),
            Location::Postgres(url) => {
                // Up to the last `@` there may be user and password, behind `?` options with secrets; when it is not
                // clear which is which, nothing is shown.
                let address = url.split_once("://").map_or("", |(_, rest)| rest);
                let (address, options) = address.split_once('?').unwrap_or((address, ""));
                match address.rsplit_once('@') {
                    _ if options.contains('@') => f.write_str("postgres://…"),
                    Some((_, host)) => write!(f, "postgres://…@{host}"),
                    None => write!(f, "postgres://{address}"),
                }
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn sqlite_keeps_keys_in_a_file_beside_the_data() {
        let Location::Sqlite(files) = url("sqlite:///var/lib/akkoord/akkoord.db").0 else {
            panic!()
        };
        assert_eq!(files.data, Path::new("/var/lib/akkoord/akkoord.db"));
        assert_eq!(files.keys, Path::new("/var/lib/akkoord/akkoord-keys.db"));
        let Location::Sqlite(files) = url("sqlite://data/store").0 else {
            panic!()
        };
        assert_eq!(files.data, std::env::current_dir().unwrap().join("data/store"));
        assert!(files.keys.ends_with("data/store-keys.db"));
    }

    #[test]
    fn unknown_urls_are_refused_with_a_remedy() {
        for text in [
            "",
            "mysql://host/db",
            "akkoord.db",
            "sqlite:",
            "sqlite://",
            "sqlite://:memory:",
            "sqlite:///tmp/",
            "sqlite:///a.db?mode=ro",
            "postgres:",
            "postgres://",
        ] {
            let refusal = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(refusal.contains("Write "), "{text}: {refusal}");
        }
    }

    #[test]
    fn what_the_url_says_wins_over_our_defaults() {
        let Location::Postgres(whole) = url("postgres://db/akkoord?connect_timeout=1&sslmode=require").0
        else {
            panic!()
        };
        assert!(whole.starts_with("postgres://db/akkoord?connect_timeout=1&sslmode=require&keepalives=1&"));
        assert_eq!(whole.matches("connect_timeout").count(), 1);
        let Location::Postgres(plain) = url("postgresql://a,b:5433/akkoord").0 else {
            panic!()
        };
        assert!(plain.starts_with("postgresql://a,b:5433/akkoord?connect_timeout=5&"));
        assert!(plain.ends_with("&tcp_user_timeout=15000&application_name=akkoord"));
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgres://akkoord:s3cret@db:5432/akkoord?sslmode=require",
            "postgres://akkoord:s3cr/et@db/akkoord",
            "postgres://akkoord:s3?cret@db/akkoord",
            "postgres://db/akkoord?password=s3cret",
            "postgres://u@db/akkoord?password=s3@cret",
            "postgres://akkoord:s3c@ret@db/akkoord",
        ] {
            let shown = format!("{:?} {}", url(text), url(text));
            assert!(!shown.contains("s3") && !shown.contains("ret"), "{shown}");
            assert!(shown.contains("postgres://"), "{shown}");
        }
        let shown = url("postgres://u:p@db:5432/akkoord?sslmode=require").to_string();
        assert_eq!(shown, "postgres://…@db:5432/akkoord");
    }
}
