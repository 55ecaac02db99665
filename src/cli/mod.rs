//! The command line. A command reads its arguments, builds what it needs, calls one function, and ends with an exit code:
//! 0 done, 1 not done (the sentence on standard error says why), 2 the command line is wrong, 78 the configuration must
//! be changed before it can work.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, RootKeyError, RootKeySource};
use crate::outward::checkpoint_file::CheckpointFiles;
use crate::policy::load::Files;
use crate::service::StartError;
use crate::service::access::ClientMistake;
use crate::service::refusal::Refusal;
use crate::service::sequence::KeepCheckpoints;
use crate::store::StoreError;
use crate::web::server::Face;

mod audit;
mod audit_export;
mod audit_proof;
pub mod audit_verify;
mod check;
mod client;
mod config;
pub mod demo;
mod embedded;
mod erasure;
mod keys;
pub mod policy;
mod progress;
mod report;
mod retention;
mod serve;
mod stops;
mod witness;

/// Exit code for a configuration that must be changed: `EX_CONFIG` of sysexits.h. A supervisor need not try again.
const EX_CONFIG: u8 = 78;

/// Exit code for what was done and has a part that somebody must look at.
const EX_IMPERFECT: u8 = 3;

/// Consent and preference service for public-library networks
#[derive(Debug, Parser)]
#[command(
    name = "akkoord",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 not done, 2 the command line is wrong, 3 done with a part to look at, \
                  78 the configuration must be changed."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves what a configuration describes, until SIGTERM or SIGINT
    Serve(serve::ServeArguments),
    /// Starts a fictional network of nine libraries and 5,000 members on this machine
    Demo(demo::DemoArguments),
    /// Writes, checks and shows configurations
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Adds, lists, renews and ends the clients of calling systems
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Lists the keys of the network, renews the one that signs receipts and tokens, and turns the key epoch
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Checks the policy files, plans a change of the policies in force, and applies it
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Looks after the audit logs
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Writes files of stops for systems that only take files
    #[command(subcommand)]
    Stops(stops::StopsCommand),
    /// Makes reports for officers, supervisors and boards, and verifies them
    #[command(subcommand)]
    Report(Box<report::ReportCommand>),
    /// Shows and removes what is past its written term
    #[command(subcommand)]
    Retention(retention::RetentionCommand),
    /// Checks certificates of erasures, and erases again after a restore
    #[command(subcommand)]
    Erasure(erasure::ErasureCommand),
    /// Watches the audit logs of another organisation
    #[command(subcommand)]
    Witness(witness::WitnessCommand),
    /// Checks who of a list may be approached, with a service that runs elsewhere
    Check(Box<check::CheckArguments>),
    /// Prints the description of the API (OpenAPI 3.1, JSON)
    Openapi,
}

/// Where the root key is, when not where the configuration says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Root key")]
pub struct RootKeyArguments {
    /// File with the root key, instead of what the configuration names; AKKOORD_ROOT_KEY with the key itself also wins
    #[arg(
        long,
        value_name = "FILE",
        env = "AKKOORD_ROOT_KEY_FILE",
        hide_env_values = true
    )]
    root_key_file: Option<PathBuf>,
}

impl RootKeyArguments {
    /// The place that counts: command line, then environment, then configuration.
    fn source(&self, config: &Config) -> Result<RootKeySource, RootKeyError> {
        const VARIABLE: &str = "AKKOORD_ROOT_KEY";
        let variable = || {
            std::env::var_os(VARIABLE)
                .is_some()
                .then(|| RootKeySource::Env(VARIABLE.to_owned()))
        };
        self.root_key_file
            .clone()
            .map(RootKeySource::File)
            .or_else(variable)
            .or_else(|| config.root_key.clone())
            .ok_or(RootKeyError::Absent)
    }
}

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Said in a sentence.
    #[error("{0}")]
    Refused(String),
    /// Said in a sentence: done, with something to look at.
    #[error("{0}")]
    Imperfect(String),
    /// Said in a sentence: something that must be changed before it can work.
    #[error("{0}")]
    Misconfigured(String),
    /// Said in a sentence: what was given cannot be read, so nothing is known about it.
    #[error("{0}")]
    Unreadable(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A use case said no.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A client.
    #[error(transparent)]
    Client(#[from] ClientMistake),
    /// The root key.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
}

impl Failure {
    const fn exit_code(&self) -> u8 {
        match self {
            Self::Misconfigured(_)
            | Self::Store(StoreError::Misconfigured(_))
            | Self::Start(
                StartError::Catalogue(_) | StartError::Keys(_) | StartError::Issuer(_) | StartError::Node,
            )
            | Self::Config(_)
            | Self::RootKey(_) => EX_CONFIG,
            Self::Unreadable(_) => 2,
            Self::Imperfect(_) => EX_IMPERFECT,
            Self::Refused(_) | Self::Store(_) | Self::Start(_) | Self::Refusal(_) | Self::Client(_) => 1,
        }
    }
}

/// Reads the command line, does it, and says how it went.
pub fn run() -> ExitCode {
    let done = match &Arguments::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Config(command) => config::run(command),
        Command::Client(command) => client::run(command),
        Command::Keys(command) => keys::run(command),
        Command::Policy(command) => policy::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Stops(command) => stops::run(command),
        Command::Report(command) => report::run(command),
        Command::Retention(command) => retention::run(command),
        Command::Erasure(command) => erasure::run(command),
        Command::Witness(command) => witness::run(command),
        Command::Check(arguments) => check::run(arguments),
        Command::Openapi => {
            say(crate::api::openapi::text().trim_end());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            writeln!(std::io::stderr(), "akkoord: {failure}").ok();
            ExitCode::from(failure.exit_code())
        }
    }
}

/// The faces of the service.
fn faces() -> Vec<Face> {
    vec![crate::api::face(), crate::portal::face(), crate::officer::face()]
}

/// Where checkpoints of the audit logs are kept.
fn checkpoints(folder: &Path) -> Result<Arc<dyn KeepCheckpoints>, Failure> {
    match CheckpointFiles::open(folder) {
        Ok(files) => Ok(Arc::new(files)),
        Err(error) => Err(Failure::Misconfigured(format!(
            "the folder for checkpoints {} cannot be made: {error}. Name another one as `checkpoints` in the configuration.",
            folder.display()
        ))),
    }
}

/// The id of the network that policy files describe: a database belongs to one network.
fn network(files: &Files) -> Result<String, Failure> {
    #[derive(serde::Deserialize)]
    struct Network {
        id: String,
    }
    let unreadable = || {
        Failure::Misconfigured(
            "the policies have no network.toml with an `id`; run `akkoord policy check`".to_owned(),
        )
    };
    let text = files.text("network.toml").ok_or_else(unreadable)?;
    toml::from_str(text)
        .map(|network: Network| network.id)
        .map_err(|_| unreadable())
}

/// One or more lines on standard output. Whoever closed it does not want to know.
fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}

/// Rows under their heads, each column as wide as its longest cell.
fn columns<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    let all: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let longest = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..N).map(|column| longest(column).unwrap_or_default()).collect();
    let line = |row: &[String; N]| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
