//! The configuration of `akkoord serve`: one TOML file in which every name must be known. Secrets are not in it; it says
//! where they are. `docs/samples/` has examples that a test reads.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::service::access::issuer::IssuerSettings;
use crate::telemetry::{self, Log};

pub mod people;
pub mod root_key;
pub mod secret;
pub mod witnesses;

pub use people::{Login, Mail};
pub use root_key::{RootKeyError, RootKeySource};
pub use witnesses::Witnesses;

/// Everything `akkoord serve` is told. Paths are relative to the folder of the configuration file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept: `sqlite:///path/akkoord.db`, or `postgres://…` as libpq reads it. Required.
    /// `AKKOORD_DATABASE` in the environment wins, so that a password need not stand here.
    pub database: DatabaseUrl,
    /// The folder with the policies. Default `policies`.
    #[serde(default = "default_policies")]
    pub policies: PathBuf,
    /// The folder for the newest checkpoint of each audit log, outside the database and its backups: by it a database that
    /// was rolled back is recognised. Default: `checkpoints` beside an SQLite database, else beside this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<PathBuf>,
    /// Name of this node in audit leaves, lower-case letters, digits and hyphens; every node has its own. Default `node-1`.
    #[serde(default = "default_node")]
    pub node: String,
    /// Address and port of the API. Default `127.0.0.1:8080`: a proxy that speaks TLS stands in front of it.
    #[serde(default = "default_bind")]
    pub bind: SocketAddr,
    /// Address and port of `/metrics`, never the public one. Default: no metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_bind: Option<SocketAddr>,
    /// The address by which the outside world reaches the API: in unsubscribe links, and the issuer of tokens. Required.
    pub public_base: Url,
    /// Where the root key is. Required, unless the command line or the environment names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_key: Option<RootKeySource>,
    /// Whether identifiers of the scheme `test` are the ten magic subjects; for staging, not for members. Default `false`.
    #[serde(default)]
    pub test_subjects: bool,
    /// PostgreSQL with a synchronous standby: refuse to start without one. Default `false`.
    #[serde(default)]
    pub replicated: bool,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
    /// Log lines.
    #[serde(default)]
    pub log: Log,
    /// Organisations that cosign the audit logs.
    #[serde(default, skip_serializing_if = "Witnesses::is_default")]
    pub witnesses: Witnesses,
    /// Webhooks that are sent.
    #[serde(default)]
    pub webhooks: Webhooks,
    /// How people log in to the pages.
    #[serde(default, skip_serializing_if = "Login::is_default")]
    pub login: Login,
    /// How mail to members is sent; without it none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Mail>,
    /// Other issuers of tokens than Akkoord itself, one `[[issuer]]` each.
    #[serde(default, rename = "issuer", skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<IssuerSettings>,
}

/// Bounds that keep the service standing under load.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once; more are not accepted until one ends. Default 10,000.
    pub max_connections: usize,
    /// Bytes of a request body; more is answered 413. Default 1,048,576.
    pub body_bytes: usize,
    /// Seconds within which a request body must have arrived. Default 10.
    pub body_read_seconds: u64,
    /// Requests that wait for the lane; more are answered 503. Default 4,096.
    pub queue: usize,
    /// Milliseconds a request waits for its record before it is answered 503. Default 5,000.
    pub deadline_ms: u64,
    /// Connections to the database. Default 8.
    pub pool_size: u32,
    /// Seconds between a red `/readyz` and the closed door when the service stops: the time a load balancer needs to look
    /// away. Default 0.
    pub drain_seconds: u64,
    /// Mebibytes of people who were read before that are kept in memory, as sealed as the database holds them: about a
    /// thousand people each. A check asks the database only whether they are still the same. 0 keeps nobody. Default 64.
    pub remember_mib: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            body_bytes: 1_048_576,
            body_read_seconds: 10,
            queue: 4_096,
            deadline_ms: 5_000,
            pool_size: 8,
            drain_seconds: 0,
            remember_mib: 64,
        }
    }
}

/// Webhooks that are sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Whether they may go to private, loopback and link-local addresses, and over plain http. Whoever may manage webhooks
    /// can then make this service call whatever it can reach. Default `false`.
    pub allow_private: bool,
    /// Seconds within which a receiver must answer. Default 15.
    pub timeout_seconds: u64,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            allow_private: false,
            timeout_seconds: 15,
        }
    }
}

/// The URL of a database. Neither `Debug` nor `Display` shows its password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// From a text, unchecked: the store says what is wrong with it.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole URL, to connect with.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The path of an SQLite database.
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.0.strip_prefix("sqlite://").map(Path::new)
    }

    /// Whether a password stands in it: before the host, or as a parameter.
    pub fn has_password(&self) -> bool {
        self.redacted() != self.0
    }

    /// The URL with `…` for the password.
    pub fn redacted(&self) -> String {
        let (before, query) = self.0.split_once('?').unwrap_or((&self.0, ""));
        let mut shown = match before.split_once("://") {
            Some((scheme, rest)) => match rest.rsplit_once('@') {
                Some((user, host)) => match user.split_once(':') {
                    Some((name, _)) => format!("{scheme}://{name}:…@{host}"),
                    None => before.to_owned(),
                },
                None => before.to_owned(),
            },
            // Something like `user=a password=b`: nothing of it can be trusted to be harmless.
            None => "…".to_owned(),
        };
        for (number, part) in query.split('&').filter(|part| !part.is_empty()).enumerate() {
            shown.push(if number == 0 { '?' } else { '&' });
            match part.split_once('=') {
                Some((name, _)) if name.to_ascii_lowercase().contains("password") => {
                    shown.push_str(name);
                    shown.push_str("=…");
                }
                _ => shown.push_str(part),
            }
        }
        shown
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.redacted())
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

/// Why a configuration cannot be used. Nothing of the file's content is in it but names.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {}: {source}. `akkoord config init` writes one.", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what was expected.
    #[error("{}{}: {what}", path.display(), line.map(|n| format!(":{n}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, where one is to blame.
        line: Option<usize>,
        /// What is wrong, and what to do.
        what: String,
    },
}

impl Config {
    /// Reads a file, makes its paths absolute, and applies `AKKOORD_DATABASE`.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read, or says something that cannot be.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Self::parse(&text, path)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        config.policies = folder.join(&config.policies);
        if let Some(RootKeySource::File(file)) = &mut config.root_key {
            *file = folder.join(&*file);
        }
        config.login.below(&folder);
        if let Some(mail) = &mut config.mail {
            mail.below(&folder);
        }
        for file in config
            .issuers
            .iter_mut()
            .filter_map(|issuer| issuer.jwks_file.as_mut())
        {
            *file = folder.join(&*file);
        }
        if let Some(file) = config.database.sqlite_path() {
            config.database = DatabaseUrl(format!("sqlite://{}", folder.join(file).display()));
        }
        if let Ok(url) = std::env::var("AKKOORD_DATABASE") {
            config.database = DatabaseUrl(url);
        }
        config.checkpoints = Some(match (config.checkpoints, config.database.sqlite_path()) {
            (Some(named), _) => folder.join(named),
            (None, Some(database)) => database.with_file_name("checkpoints"),
            (None, None) => folder.join("checkpoints"),
        });
        Ok(config)
    }

    /// Reads a text; `path` is for messages only.
    ///
    /// # Errors
    /// [`ConfigError::Malformed`] with the line to blame.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        // Not the whole message of the parser: it quotes the line, and a password may stand in it.
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::Malformed {
            path: path.to_owned(),
            line: error.span().map(|span| line_of(text, span.start)),
            what: error.message().to_owned(),
        })?;
        match config.mistakes().into_iter().next() {
            None => Ok(config),
            Some((key, what)) => Err(ConfigError::Malformed {
                path: path.to_owned(),
                line: text
                    .lines()
                    .position(|line| line.trim_start().starts_with(key))
                    .map(|n| n + 1),
                what,
            }),
        }
    }

    /// What is well formed and cannot be: the key to blame and a sentence with the remedy.
    fn mistakes(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let mut wrong = |bad: bool, key: &'static str, what: &str| {
            if bad {
                found.push((key, what.to_owned()));
            }
        };
        let known = ["sqlite://", "postgres://", "postgresql://"];
        wrong(
            !known.iter().any(|scheme| self.database.0.starts_with(scheme)),
            "database",
            "`database` begins with sqlite:// or postgres://",
        );
        wrong(
            self.node.is_empty()
                || self.node.len() > 32
                || !self
                    .node
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
            "node",
            "`node` is 1 to 32 lower-case letters, digits and hyphens",
        );
        let base = &self.public_base;
        let loopback = matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        wrong(
            base.host_str().is_none()
                || base.query().is_some()
                || base.fragment().is_some()
                || base.path() != "/",
            "public_base",
            "`public_base` is a scheme and a host, such as https://privacy.example",
        );
        wrong(
            !(base.scheme() == "https" || (base.scheme() == "http" && loopback)),
            "public_base",
            "`public_base` must be https; http only for 127.0.0.1, ::1 and localhost",
        );
        wrong(
            !base.username().is_empty() || base.password().is_some(),
            "public_base",
            "`public_base` has no user and no password",
        );
        wrong(
            self.metrics_bind == Some(self.bind),
            "metrics_bind",
            "`metrics_bind` must differ from `bind`: metrics are not for the public address",
        );
        wrong(
            self.replicated && self.database.sqlite_path().is_some(),
            "replicated",
            "`replicated` is for PostgreSQL; SQLite has no standby: remove it, or choose postgres://",
        );
        let Limits {
            max_connections,
            body_bytes,
            body_read_seconds,
            queue,
            deadline_ms,
            pool_size,
            drain_seconds,
            remember_mib,
        } = self.limits;
        for (key, value, least, most) in [
            ("max_connections", max_connections as u64, 1, 1_000_000),
            ("body_bytes", body_bytes as u64, 1_024, 16_777_216),
            ("body_read_seconds", body_read_seconds, 1, 300),
            ("queue", queue as u64, 1, 1_000_000),
            ("deadline_ms", deadline_ms, 50, 60_000),
            ("pool_size", pool_size.into(), 2, 1_000),
            ("drain_seconds", drain_seconds, 0, 300),
            ("remember_mib", remember_mib as u64, 0, 1_000_000),
        ] {
            wrong(
                !(least..=most).contains(&value),
                key,
                &format!("`limits.{key}` is from {least} to {most}"),
            );
        }
        wrong(
            !(1..=30).contains(&self.webhooks.timeout_seconds),
            "timeout_seconds",
            "`webhooks.timeout_seconds` is from 1 to 30",
        );
        wrong(
            telemetry::filter(&self.log.level).is_none(),
            "level",
            "`log.level` is error, warn, info or debug, or such a word per room: info,akkoord::store=debug",
        );
        for mistake in self.issuers.iter().filter_map(|issuer| issuer.check().err()) {
            wrong(true, "[[issuer]]", &mistake.to_string());
        }
        if let Some(what) = self.login.mistake(self.mail.is_some(), &self.base()) {
            wrong(true, "[login", &what);
        }
        if let Some(what) = self.mail.as_ref().and_then(Mail::mistake) {
            wrong(true, "[mail]", &what);
        }
        if let Err(what) = self.witnesses.plan() {
            wrong(true, "[witnesses]", &what);
        }
        found
    }

    /// `public_base` without a slash at its end.
    pub fn base(&self) -> String {
        self.public_base.as_str().trim_end_matches('/').to_owned()
    }

    /// The configuration with its defaults, as TOML, without passwords.
    pub fn shown(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

fn default_policies() -> PathBuf {
    PathBuf::from("policies")
}

fn default_node() -> String {
    "node-1".to_owned()
}

fn default_bind() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        "database = \"sqlite:///var/lib/akkoord/akkoord.db\"\npublic_base = \"https://privacy.example\"\n";

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("akkoord.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn two_lines_are_enough_and_the_rest_has_defaults() {
        let config = parse(LEAST).unwrap();
        assert_eq!(config.bind.to_string(), "127.0.0.1:8080");
        assert_eq!(config.limits, Limits::default());
        assert!(!config.test_subjects && !config.replicated && config.metrics_bind.is_none());
        // What is shown can be read again.
        let again = parse(&config.shown()).unwrap();
        assert_eq!(again.shown(), config.shown());
    }

    #[test]
    fn an_unknown_name_is_refused_with_its_line_and_without_quoting_it() {
        let error = parse(&format!("{LEAST}databse = \"postgres://u:hunter2@h/d\"\n")).unwrap_err();
        assert!(
            error.starts_with("akkoord.toml:3: unknown field `databse`"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn every_impossible_value_names_its_line() {
        for (line, words) in [
            ("node = \"Node 1\"", "lower-case"),
            ("metrics_bind = \"127.0.0.1:8080\"", "must differ"),
            ("replicated = true", "SQLite has no standby"),
            ("[limits]\nqueue = 0", "from 1 to"),
            ("[limits]\nqueues = 1", "unknown field"),
            ("[log]\nlevel = \"akkoord=loud\"", "log.level"),
            ("[log]\nformat = \"xml\"", "unknown variant"),
            ("[login]\nmail_links = true", "needs a section [mail]"),
            (
                "[mail]\nfrom = \"a@b.example\"",
                "exactly one of server and folder",
            ),
            (
                "[login.members.provider]\nissuer = \"http://accounts.example\"\nclient_id = \"akkoord\"",
                "must begin with https://",
            ),
            ("root_key = { file = \"a\", env = \"B\" }", "root_key"),
        ] {
            let error = parse(&format!("{LEAST}{line}\n")).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
            assert!(error.starts_with("akkoord.toml:"), "{line}: {error}");
        }
        for base in [
            "http://privacy.example",
            "https://privacy.example/x",
            "https://a:b@privacy.example",
        ] {
            let error = parse(&format!("database = \"sqlite://x\"\npublic_base = \"{base}\"\n")).unwrap_err();
            assert!(error.starts_with("akkoord.toml:2: `public_base`"), "{error}");
        }
        let error = parse("database = \"mysql://x\"\npublic_base = \"https://privacy.example\"").unwrap_err();
        assert!(
            error.starts_with("akkoord.toml:1: `database` begins with"),
            "{error}"
        );
    }

    #[test]
    fn a_password_in_a_url_is_never_shown() {
        for (url, shown) in [
            (
                "postgres://akkoord:hunter2@db.example/akkoord",
                "postgres://akkoord:…@db.example/akkoord",
            ),
            (
                "postgres://akkoord:hun@ter2@db.example/akkoord",
                "postgres://akkoord:…@db.example/akkoord",
            ),
            (
                "postgres://akkoord@%2Ftmp/akkoord",
                "postgres://akkoord@%2Ftmp/akkoord",
            ),
            (
                "postgres:///akkoord?host=/tmp&sslpassword=hunter2&password=hunter2",
                "postgres:///akkoord?host=/tmp&sslpassword=…&password=…",
            ),
            ("user=akkoord password=hunter2", "…"),
            ("sqlite:///var/lib/akkoord.db", "sqlite:///var/lib/akkoord.db"),
        ] {
            let url = DatabaseUrl::new(url);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("{shown:?}"));
            assert_eq!(url.has_password(), url.expose().contains("hun"));
        }
    }
}
