//! The calling systems: a grant may only name what its purposes have, and whoever gets data is named to the members.

use super::super::document::{GrantEntry, PurposeFile};
use super::super::finding::{Finding, Report};
use super::super::load::Documents;
use super::{Known, doubles};
use crate::domain::ids::SystemId;
use crate::domain::purpose::Action;

pub(super) fn check(documents: &Documents, known: &Known<'_>, found: &mut Vec<Finding>) {
    let parsed = &documents.systems;
    let report = &mut Report {
        file: &parsed.file,
        lines: &parsed.lines,
        found,
    };
    let systems = &parsed.value.systems;
    for (index, id) in doubles(systems.iter().map(|s| &s.id)) {
        let message = format!("the system {id} is there twice");
        report.error(
            format!("system.{index}.id"),
            "duplicate-id",
            message,
            "give each its own id",
        );
    }
    for (index, system) in systems.iter().enumerate() {
        let place = format!("system.{index}");
        report.titled(&format!("{place}.title"), &system.title, &known.languages);
        report.filled(&format!("{place}."), [("recipient", system.recipient.as_str())]);
        check_organisations(&system.organisations, &place, known, report);
        for scheme in &system.identifier_schemes {
            if !known.schemes.contains(scheme) {
                let at = format!("{place}.identifier_schemes={scheme}");
                report.unknown(at, "unknown-scheme", "identifier scheme", scheme, &known.schemes);
            }
        }
        let limits = &system.limits;
        if limits.per_second == 0 || limits.burst == 0 {
            let message = "a limit of nothing lets nothing through";
            report.error(
                format!("{place}.limits"),
                "limits",
                message,
                "use 1 or more for per_second and burst",
            );
        }
        for (number, grant) in system.grants.iter().enumerate() {
            check_grant(
                &system.id,
                grant,
                &format!("{place}.may.{number}"),
                documents,
                known,
                report,
            );
        }
    }
}

fn check_organisations(named: &[String], place: &str, known: &Known<'_>, report: &mut Report<'_>) {
    if named.is_empty() || (named.len() > 1 && named.iter().any(|id| id == "*")) {
        let message = "organisations is [\"*\"] for all libraries, or names libraries";
        report.error(
            format!("{place}.organisations"),
            "organisations",
            message,
            "choose one of the two",
        );
        return;
    }
    for id in named.iter().filter(|id| *id != "*") {
        if !known.organisations.iter().any(|known| known.as_str() == id) {
            let at = format!("{place}.organisations={id}");
            report.unknown(
                at,
                "unknown-organisation",
                "organisation",
                id,
                &known.organisations,
            );
        }
    }
}

fn check_grant(
    system: &SystemId,
    grant: &GrantEntry,
    place: &str,
    documents: &Documents,
    known: &Known<'_>,
    report: &mut Report<'_>,
) {
    for (what, empty) in [
        ("purposes", grant.purposes.is_empty()),
        ("actions", grant.actions.is_empty()),
    ] {
        if empty {
            let message = format!("this grant of {system} has no {what}");
            report.error(
                format!("{place}.{what}"),
                "grant-empty",
                message,
                "name them or remove the grant",
            );
        }
    }
    let contact = grant.actions.contains(&Action::Contact);
    if contact && grant.channels.is_empty() {
        let message = format!("{system} may contact, but by no channel");
        report.error(place, "grant-channels", message, "add channels = […]");
    }
    if !contact && !grant.channels.is_empty() {
        let message = "this grant has channels, but contact is not among its actions";
        let remedy = "remove the channels, or give contact a grant of its own";
        report.error(format!("{place}.channels"), "grant-channels", message, remedy);
    }
    for scope in grant
        .data_scopes
        .iter()
        .filter(|scope| !known.scopes.contains(scope))
    {
        let at = format!("{place}.data_scopes={scope}");
        report.unknown(at, "unknown-scope", "data scope", scope, &known.scopes);
    }
    for id in &grant.purposes {
        match documents.purposes.get(id) {
            Some(purpose) => check_fits(system, grant, &purpose.value, place, known, report),
            None if known.purposes.contains(id) => {}
            None => {
                let at = format!("{place}.purposes={id}");
                report.unknown(at, "unknown-purpose", "purpose", id, &known.purposes);
            }
        }
    }
}

fn check_fits(
    system: &SystemId,
    grant: &GrantEntry,
    purpose: &PurposeFile,
    place: &str,
    known: &Known<'_>,
    report: &mut Report<'_>,
) {
    let id = &purpose.id;
    let remedy = format!("take it out of the grant, or add it to purposes/{id}.toml");
    for action in grant.actions.difference(&purpose.actions) {
        let message = format!("{system} may {action} for {id}, but {id} has no {action}");
        report.error(
            format!("{place}.actions={action}"),
            "grant-action",
            message,
            &remedy,
        );
    }
    for channel in grant.channels.difference(&purpose.channels) {
        let message = format!("{system} may use {channel} for {id}, but {id} does not go by {channel}");
        report.error(
            format!("{place}.channels={channel}"),
            "grant-channel",
            message,
            &remedy,
        );
    }
    for scope in grant
        .data_scopes
        .difference(&purpose.data_scopes)
        .filter(|s| known.scopes.contains(s))
    {
        let message = format!("{system} may use {scope} for {id}, but {id} does not use {scope}");
        report.error(
            format!("{place}.data_scopes={scope}"),
            "grant-scope",
            message,
            &remedy,
        );
    }
    // GDPR art. 13(1)(e): members are told who gets their data.
    if !grant.data_scopes.is_empty() && !purpose.recipients.contains(system) {
        let message = format!("{system} gets data for {id}, but is not among its recipients");
        let remedy =
            format!("add {system} to recipients in purposes/{id}.toml, or take the purpose out of the grant");
        report.error(
            format!("{place}.purposes={id}"),
            "undisclosed-recipient",
            message,
            remedy,
        );
    }
}
