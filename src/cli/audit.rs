//! `akkoord audit`: what an operator does with the audit logs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Failure, RootKeyArguments, say, serve};
use crate::config::Config;
use crate::policy::load::read_folder;
use crate::service::Service;

/// What can be done with the audit logs.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// After a database was rolled back for good: closes each log that contradicts a checkpoint and opens it under a new
    /// name that quotes it
    Reopen(ReopenArguments),
}

/// Arguments of `audit reopen`.
#[derive(Debug, Args)]
pub struct ReopenArguments {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Says that the entries are lost for good: no newer database can be restored, and withdrawals may be among them
    #[arg(long)]
    accept_loss: bool,
    #[command(flatten)]
    root_key: RootKeyArguments,
}

/// Does what was asked.
pub fn run(command: &AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Reopen(arguments) => reopen(arguments),
    }
}

fn reopen(arguments: &ReopenArguments) -> Result<(), Failure> {
    if !arguments.accept_loss {
        return Err(Failure::Refused(
            "entries that were acknowledged are missing from the database, perhaps withdrawals. Restore the newest \
             database if there is one; if there is none, say --accept-loss."
                .to_owned(),
        ));
    }
    let config = Config::load(&arguments.config)?;
    serve::no_core_dumps()?;
    let root_key = arguments.root_key.source(&config)?.read()?;
    let files = read_folder(&config.policies).map_err(|error| Failure::Misconfigured(error.to_string()))?;
    let reopened = Service::reopen(serve::service_options(&config, root_key, files)?)?;
    for log in &reopened {
        say(&format!(
            "{}: closed {} with {} entries; a checkpoint of {} was signed. Goes on as {}.",
            log.log, log.closed, log.found, log.kept, log.opened
        ));
    }
    match reopened.len() {
        0 => Err(Failure::Refused(
            "no log contradicts a checkpoint, so nothing was changed".to_owned(),
        )),
        _ => {
            say("Start the service again. What people said in the time that was lost must be asked again.");
            Ok(())
        }
    }
}
