//! `akkoord audit`: what an operator does with the audit logs.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::audit_export::{self, ExportArguments};
use super::audit_proof;
use super::audit_verify::verify;
use super::{Failure, RootKeyArguments, say, serve};
use crate::config::Config;
use crate::policy::load::read_folder;
use crate::service::Service;

/// What can be done with the audit logs.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Writes the entries of a log into a bundle that anybody can verify offline; the act is recorded in the admin log
    Export(ExportArguments),
    /// Verifies a bundle with the key of the log and nothing else, and says exactly where it breaks. Exit codes: 0 in order,
    /// 1 broken, 2 bundle or key cannot be read
    Verify(VerifyArguments),
    /// After a database was rolled back for good: closes each log that contradicts a checkpoint and opens it under a new
    /// name that quotes it
    Reopen(ReopenArguments),
    /// Removes what the retention policy of the network no longer keeps; the service does so every day by itself
    Prune(PruneArguments),
}

/// Arguments of `audit prune`.
#[derive(Debug, Args)]
pub struct PruneArguments {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only says what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    root_key: RootKeyArguments,
}

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The bundle, or the proof of one entry (c2sp.org/tlog-proof@v1)
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// The verifier key of the log, or a file that holds it. Have it from elsewhere than from whoever gave you the bundle:
    /// the service publishes it at /log/NAME/vkey
    #[arg(long, value_name = "VKEY")]
    key: String,
    /// The key of a witness that must have cosigned the checkpoint, or a file that holds it; may be given again
    #[arg(long, value_name = "VKEY")]
    witness: Vec<String>,
    /// How many of these witnesses are enough; all of them when not given
    #[arg(long, value_name = "NUMBER", requires = "witness")]
    quorum: Option<usize>,
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
        AuditCommand::Export(arguments) => audit_export::run(arguments),
        AuditCommand::Verify(arguments) => verify_file(arguments),
        AuditCommand::Reopen(arguments) => reopen(arguments),
        AuditCommand::Prune(arguments) => prune(arguments),
    }
}

fn verify_file(arguments: &VerifyArguments) -> Result<(), Failure> {
    let witnesses = audit_proof::witnesses(&arguments.witness)?;
    let quorum = arguments.quorum.unwrap_or(witnesses.len());
    let (report, note) = match audit_proof::read(&arguments.bundle) {
        Some(text) => audit_proof::verify(&text, &arguments.key)?,
        None => verify_bundle(&arguments.bundle, &arguments.key)?,
    };
    let cosigned = audit_proof::cosigned(&note, &witnesses, quorum)?;
    say(&report);
    for line in cosigned {
        say(&line);
    }
    Ok(())
}

/// What is proved of a bundle, and its checkpoint.
fn verify_bundle(bundle: &Path, key: &str) -> Result<(String, String), Failure> {
    match verify(bundle, key) {
        Ok(report) => Ok((report.to_string(), report.note().to_owned())),
        Err(error) if error.is_unreadable() => Err(Failure::Unreadable(error.to_string())),
        Err(error) => Err(Failure::Refused(format!("NOT in order: {error}"))),
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

fn prune(arguments: &PruneArguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.config)?;
    serve::no_core_dumps()?;
    let root_key = arguments.root_key.source(&config)?.read()?;
    let files = read_folder(&config.policies).map_err(|error| Failure::Misconfigured(error.to_string()))?;
    actix_web::rt::System::new().block_on(async {
        let service = serve::open(&config, root_key, files)?;
        let pruning = service.prune(arguments.dry_run).await;
        service.stop();
        let pruning = pruning?;
        let done = if arguments.dry_run {
            "would be removed"
        } else {
            "removed"
        };
        for pruned in &pruning.entries {
            say(&format!(
                "{}: entries {} to {} of {} {done} (kept for {})",
                pruned.log,
                pruned.from,
                pruned.to - 1,
                pruned.origin,
                pruned.policy
            ));
        }
        for private in &pruning.private {
            say(&format!(
                "{}: {} private parts of before {} {done}",
                private.log,
                private.parts,
                private.before.rfc3339()
            ));
        }
        if pruning.items() == 0 {
            say("Nothing is older than the retention policy keeps it.");
        }
        Ok(())
    })
}
