//! The network, its libraries and identifier schemes; the kinds of data.

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::super::assemble::TEST_SCHEME;
use super::super::document::{DataScopesFile, NetworkFile};
use super::super::finding::{Finding, Report};
use super::super::source::Parsed;
use super::{Known, doubles, is_term};

/// The longest value of an identifier that can be looked up, in characters: a whole e-mail address (RFC 5321 §4.5.3.1.3).
const LONGEST_IDENTIFIER: usize = 254;

pub(super) fn check(parsed: &Parsed<NetworkFile>, found: &mut Vec<Finding>) {
    let report = &mut Report {
        file: &parsed.file,
        lines: &parsed.lines,
        found,
    };
    let network = &parsed.value;
    check_network(network, report);
    check_organisations(network, report);
    check_schemes(network, report);
}

fn check_network(network: &NetworkFile, report: &mut Report<'_>) {
    let texts = [
        ("name", network.name.as_str()),
        ("jurisdiction", &network.jurisdiction),
    ];
    report.filled("", texts);
    let processor = &network.processor;
    let texts = [
        ("id", processor.id.as_str()),
        ("name", &processor.name),
        ("address", &processor.address),
        ("phone", &processor.phone),
    ];
    report.filled("processor.", texts);
    let authority = &network.supervisory_authority;
    let texts = [("name", authority.name.as_str()), ("phone", &authority.phone)];
    report.filled("supervisory_authority.", texts);
    email(report, "processor.email", &processor.email);
    web_address(report, "supervisory_authority.url", &authority.url);
    // The id of the network has the form of every other id; that of a purpose serves to say so.
    if network.id.parse::<crate::domain::ids::PurposeId>().is_err() {
        let message = format!("{:?} is not an id", network.id);
        report.error(
            "id",
            "wrong-value",
            message,
            "use lower-case words joined by hyphens, at most 64 characters",
        );
    }
    if network.version.parse::<NaiveDate>().is_err() {
        let message = format!("the version {:?} is not a date", network.version);
        report.error(
            "version",
            "version-date",
            message,
            "write the date of this catalogue, such as 2026-11-01",
        );
    }
    if network.time_zone.parse::<Tz>().is_err() {
        let message = format!("there is no time zone {:?}", network.time_zone);
        report.error(
            "time_zone",
            "time-zone",
            message,
            "use a name such as Europe/Amsterdam",
        );
    }
    if network.languages.is_empty() {
        report.error(
            "languages",
            "languages",
            "there is no language",
            "name at least nl",
        );
    }
    for (index, language) in doubles(&network.languages) {
        let message = format!("the language {} is named twice", language.as_str());
        report.error(
            format!("languages.{index}"),
            "duplicate-id",
            message,
            "take one out",
        );
    }
}

fn check_organisations(network: &NetworkFile, report: &mut Report<'_>) {
    if network.organisations.is_empty() {
        report.error(
            "organisation",
            "no-organisations",
            "there is no library",
            "add an [[organisation]]",
        );
    }
    for (index, id) in doubles(network.organisations.iter().map(|o| &o.id)) {
        let message = format!("the organisation {id} is there twice");
        report.error(
            format!("organisation.{index}.id"),
            "duplicate-id",
            message,
            "give each its own id",
        );
    }
    for (index, organisation) in network.organisations.iter().enumerate() {
        let prefix = format!("organisation.{index}.");
        let texts = [
            ("name", organisation.name.as_str()),
            ("legal_name", &organisation.legal_name),
            ("address", &organisation.address),
            ("phone", &organisation.phone),
            ("dpo.name", &organisation.dpo.name),
        ];
        report.filled(&prefix, texts);
        email(report, &format!("{prefix}email"), &organisation.email);
        email(report, &format!("{prefix}dpo.email"), &organisation.dpo.email);
        web_address(report, &format!("{prefix}website"), &organisation.website);
        let kvk = &organisation.kvk;
        if kvk.len() != 8 || !kvk.bytes().all(|b| b.is_ascii_digit()) {
            let message = format!("{kvk:?} is not a number of the trade register");
            report.error(format!("{prefix}kvk"), "kvk", message, "write its eight digits");
        }
    }
}

fn check_schemes(network: &NetworkFile, report: &mut Report<'_>) {
    for (index, id) in doubles(network.schemes.iter().map(|s| &s.id)) {
        let message = format!("the identifier scheme {id} is there twice");
        report.error(
            format!("identifier_scheme.{index}.id"),
            "duplicate-id",
            message,
            "give each its own id",
        );
    }
    for (index, scheme) in network.schemes.iter().enumerate() {
        let place = format!("identifier_scheme.{index}");
        report.titled(&format!("{place}.title"), &scheme.title, &network.languages);
        let words = std::iter::once(scheme.id.as_str()).chain(scheme.title.values().map(String::as_str));
        report.no_citizen_number(&format!("{place}.id"), words);
        if scheme.id.as_str() == TEST_SCHEME {
            let message = "the scheme `test` is reserved for the magic subjects of a demo";
            report.error(
                format!("{place}.id"),
                "reserved-scheme",
                message,
                "choose another id",
            );
        }
        if !(1..=LONGEST_IDENTIFIER).contains(&scheme.max_length) {
            let message = format!("max_length is {}", scheme.max_length);
            let remedy = format!("use 1 to {LONGEST_IDENTIFIER}");
            report.error(format!("{place}.max_length"), "max-length", message, remedy);
        }
    }
}

pub(super) fn check_data_scopes(
    parsed: &Parsed<DataScopesFile>,
    known: &Known<'_>,
    found: &mut Vec<Finding>,
) {
    let report = &mut Report {
        file: &parsed.file,
        lines: &parsed.lines,
        found,
    };
    let scopes = &parsed.value.data_scopes;
    for (index, id) in doubles(scopes.iter().map(|s| &s.id)) {
        let message = format!("the data scope {id} is there twice");
        report.error(
            format!("data_scope.{index}.id"),
            "duplicate-id",
            message,
            "give each its own id",
        );
    }
    for (index, scope) in scopes.iter().enumerate() {
        let place = format!("data_scope.{index}");
        report.titled(&format!("{place}.title"), &scope.title, &known.languages);
        let words = [scope.id.as_str(), &scope.term].into_iter();
        report.no_citizen_number(
            &format!("{place}.id"),
            words.chain(scope.title.values().map(String::as_str)),
        );
        if !is_term(&scope.term, &["dpv", "pd", "eu-gdpr", "lib"]) {
            let message = format!("{:?} is not a term", scope.term);
            let remedy = "use a term that begins with dpv:, pd: or eu-gdpr:, or our own with lib:";
            report.error(format!("{place}.term"), "dpv-term", message, remedy);
        }
        let own = scope.term.starts_with("lib:");
        match &scope.broader {
            None if own => {
                let message = format!("our own term {} has no broader term", scope.term);
                report.error(
                    &place,
                    "broader-term",
                    message,
                    "add broader = \"pd:…\" or \"dpv:…\"",
                );
            }
            Some(broader) if !is_term(broader, &["dpv", "pd", "eu-gdpr"]) => {
                let message = format!("{broader:?} is not a term of the Data Privacy Vocabulary");
                report.error(
                    format!("{place}.broader"),
                    "broader-term",
                    message,
                    "use dpv:, pd: or eu-gdpr:",
                );
            }
            _ => {}
        }
    }
}

fn email(report: &mut Report<'_>, place: &str, text: &str) {
    let good = text
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    if !good || text.contains(char::is_whitespace) {
        report.error(
            place,
            "email-address",
            format!("{text:?} is not an e-mail address"),
            "correct it",
        );
    }
}

fn web_address(report: &mut Report<'_>, place: &str, text: &str) {
    let good = url::Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.has_host());
    if !good {
        let message = format!("{text:?} is not a web address");
        report.error(
            place,
            "web-address",
            message,
            "write it whole, beginning with https://",
        );
    }
}
