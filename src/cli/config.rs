//! `akkoord config`: writes a configuration to start from, checks one, shows one.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::embedded::POLICIES;
use super::{Failure, RootKeyArguments, serve};
use crate::config::{Config, root_key};
use crate::crypto::sha256;
use crate::outward;
use crate::policy::load::{Files, inspect, read_folder};
use crate::store::{Rehearsal, Store};
use crate::world::RealWorld;

/// The sample with which `config init` begins.
const SAMPLE: &str = include_str!("../../docs/samples/akkoord.toml");

/// What can be done with configurations.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Writes a commented configuration, a fresh root key (mode 0600) and the shipped policies; overwrites nothing
    Init(InitArguments),
    /// Checks everything a configuration names: root key, policies, database
    Check(CheckArguments),
    /// Shows a configuration with its defaults, without passwords
    Show(ShowArguments),
}

/// Arguments of `config init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// The folder to write to; it is made when it is not there
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

/// Arguments of `config check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The configuration
    file: PathBuf,
    #[command(flatten)]
    root_key: RootKeyArguments,
}

/// Arguments of `config show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The configuration
    file: PathBuf,
}

/// Does what was asked.
pub fn run(command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Init(arguments) => init(&arguments.dir),
        ConfigCommand::Check(arguments) => check(&arguments.file, &arguments.root_key),
        ConfigCommand::Show(arguments) => show(&arguments.file),
    }
}

fn init(folder: &Path) -> Result<(), Failure> {
    let key = root_key::fresh(&RealWorld);
    let policies = POLICIES
        .iter()
        .map(|(path, text)| (Path::new("policies").join(path), *text, 0o644));
    let files: Vec<(PathBuf, &str, u32)> = [
        (PathBuf::from("akkoord.toml"), SAMPLE, 0o644),
        (PathBuf::from("root.key"), key.as_str(), 0o600),
    ]
    .into_iter()
    .chain(policies)
    .collect();
    if let Some((path, ..)) = files
        .iter()
        .find(|(path, ..)| folder.join(path).symlink_metadata().is_ok())
    {
        return Err(Failure::Refused(format!(
            "{} is there already, and nothing is overwritten. Choose another folder with --dir.",
            folder.join(path).display()
        )));
    }
    for (path, text, mode) in &files {
        let path = folder.join(path);
        write_new(&path, text, *mode)
            .map_err(|error| Failure::Refused(format!("cannot write {}: {error}", path.display())))?;
    }
    super::say(&format!(
        "Written to {}: akkoord.toml, root.key and policies/.\n\
         Keep a copy of root.key in a safe place that is not the place of your backups: without it nothing can be read.\n\
         Next: akkoord config check {1} && akkoord serve --config {1}",
        folder.display(),
        folder.join("akkoord.toml").display(),
    ));
    Ok(())
}

/// Fails when the file is there: `O_EXCL` also where two do this at once.
pub fn write_new(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// What is in the folder, or how many mistakes; `policy check` says which.
fn policies(files: &Files) -> Result<String, String> {
    let inspection = inspect(files, None, &sha256);
    let mistakes = inspection
        .findings
        .iter()
        .filter(|finding| finding.is_error())
        .count();
    match &inspection.checked {
        Some(checked) if mistakes == 0 => {
            let catalogue = &checked.catalogue;
            let (purposes, libraries) = (catalogue.purposes.len(), catalogue.organisations.len());
            Ok(format!("{purposes} purposes, {libraries} organisations"))
        }
        _ => Err(format!("{mistakes} mistakes; `akkoord policy check` names them")),
    }
}

/// Opens the database as `serve` would, and changes nothing.
fn database(config: &Config, files: &Files) -> Result<String, String> {
    let options = serve::store_options(config, files, &RealWorld).map_err(|failure| failure.to_string())?;
    match Store::rehearse(&options) {
        Ok(Rehearsal::New) => Ok(format!(
            "{} does not exist yet; the first start makes it",
            config.database
        )),
        Ok(Rehearsal::Current) => Ok(format!("{} answers", config.database)),
        Ok(Rehearsal::Behind { steps }) => Ok(format!(
            "{} answers; the next start brings its schema up to date ({steps} steps)",
            config.database
        )),
        Err(error) => Err(error.to_string()),
    }
}

fn show(file: &Path) -> Result<(), Failure> {
    super::say(Config::load(file)?.shown().trim_end());
    Ok(())
}

fn check(file: &Path, root_key: &RootKeyArguments) -> Result<(), Failure> {
    let config = Config::load(file)?;
    let mut findings = Vec::new();
    let mut judge = |what: &str, outcome: Result<String, String>| {
        let (mark, text) = match &outcome {
            Ok(text) => ("ok   ", text),
            Err(text) => ("WRONG", text),
        };
        super::say(&format!("{mark} {what}: {text}"));
        findings.extend(outcome.err());
    };
    judge("configuration", Ok(file.display().to_string()));
    judge(
        "root key",
        root_key
            .source(&config)
            .and_then(|source| source.read())
            .map(|_| "32 bytes".to_owned())
            .map_err(|error| error.to_string()),
    );
    let files = read_folder(&config.policies).map_err(|error| error.to_string());
    judge(
        "policies",
        files.as_ref().map_err(String::clone).and_then(policies),
    );
    judge(
        "token issuers",
        outward::jwks::issuers(config.issuers.clone(), &config.base())
            .map(|issuers| format!("Akkoord itself and {} more", issuers.len()))
            .map_err(|error| error.to_string()),
    );
    judge(
        "login",
        config.login.doors(&config.base()).map(|doors| {
            let offered = [
                (doors.members.is_some(), "members with an account"),
                (doors.links, "members with a link by mail"),
                (doors.staff.is_some(), "staff with an account"),
            ];
            let offered: Vec<&str> = offered
                .iter()
                .filter(|(is, _)| *is)
                .map(|(_, who)| *who)
                .collect();
            if offered.is_empty() {
                "nobody can log in to the pages; [login] opens them".to_owned()
            } else {
                offered.join(", ")
            }
        }),
    );
    judge(
        "mail",
        config.mail.as_ref().map_or_else(
            || Ok("none is sent".to_owned()),
            |mail| mail.postman().map(|_| format!("sent from {}", mail.from)),
        ),
    );
    judge(
        "database",
        files
            .map_err(|_| "not tried: the policies say which network it belongs to".to_owned())
            .and_then(|files| database(&config, &files)),
    );
    if config.database.has_password() {
        super::say(
            "note  database: a password stands in the configuration; AKKOORD_DATABASE or PGPASSFILE keeps it out of \
             files that get copied",
        );
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::Refused("1 mistake".to_owned())),
        several => Err(Failure::Refused(format!("{several} mistakes"))),
    }
}
