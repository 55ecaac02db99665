//! `akkoord retention`: what is past its written term, and its removal. The service does it every day by itself.

use clap::{Args, Subcommand};

use super::client::{PlaceArguments, with_service};
use super::{Failure, columns, say};
use crate::service::retention::RetentionReport;

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum RetentionCommand {
    /// Says what is past its term, and removes nothing
    Plan(RetentionArguments),
    /// Removes what is past its term and reminds systems of what ends soon; the service does so every day by itself
    Run(RetentionArguments),
}

/// Arguments of both.
#[derive(Debug, Args)]
pub struct RetentionArguments {
    #[command(flatten)]
    place: PlaceArguments,
}

/// Does what was asked.
pub fn run(command: &RetentionCommand) -> Result<(), Failure> {
    let (arguments, dry) = match command {
        RetentionCommand::Plan(arguments) => (arguments, true),
        RetentionCommand::Run(arguments) => (arguments, false),
    };
    let report = with_service(&arguments.place, async |service| {
        Ok(service.apply_retention(dry).await?)
    })?;
    if arguments.place.is_json() {
        say(&serde_json::to_string(&report).unwrap_or_default());
    } else {
        say(&text(&report));
    }
    let unfinished = report.unreadable + report.postponed;
    if unfinished > 0 {
        return Err(Failure::Imperfect(format!(
            "{} people cannot be read, so nothing of them was removed: restore their keys. {} people were being changed \
             at that moment: run it again.",
            report.unreadable, report.postponed
        )));
    }
    Ok(())
}

fn text(report: &RetentionReport) -> String {
    let mut text = format!(
        "{} people looked at, {} kept by a hold, a restriction or a running request.",
        report.people, report.held
    );
    if report.lines.is_empty() {
        return text + "\nNothing is past its term.";
    }
    let rows = report.lines.iter().map(|line| {
        [
            line.organisation.clone(),
            line.term.to_string(),
            line.purpose.clone().unwrap_or_default(),
            line.people.to_string(),
            line.events.to_string(),
        ]
    });
    text.push('\n');
    text.push_str(&columns(
        ["library", "term", "purpose", "people", "events"],
        rows.collect(),
    ));
    text.push_str(if report.dry_run {
        "\nNothing was removed: this is a plan."
    } else {
        "\nDone."
    });
    text
}
