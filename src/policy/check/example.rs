//! The examples name things that exist and do not contradict themselves; whether they come true is for `examples`.

use super::super::document::{Example, PurposeFile};
use super::super::examples::MARKETING;
use super::super::finding::Report;
use super::Known;
use crate::domain::decision::Effect;
use crate::domain::ids::PurposeId;

/// At least this many a purpose.
const FEWEST: usize = 3;

pub(super) fn check(purpose: &PurposeFile, known: &Known<'_>, report: &mut Report<'_>) {
    let examples = &purpose.examples;
    if examples.len() < FEWEST {
        let message = format!("there are {} examples", examples.len());
        report.error(
            "example",
            "examples-few",
            message,
            format!("write at least {FEWEST}"),
        );
    } else if examples
        .iter()
        .all(|example| example.then.decision == Effect::Permit)
    {
        let message = "no example is a denial";
        report.error(
            "example",
            "examples-few",
            message,
            "add the denials that are typical of this purpose",
        );
    }
    for (index, example) in examples.iter().enumerate() {
        check_example(example, &format!("example.{index}"), known, report);
    }
}

fn check_example(example: &Example, place: &str, known: &Known<'_>, report: &mut Report<'_>) {
    let (when, ask, then) = (&example.when, &example.ask, &example.then);
    report.filled(&format!("{place}."), [("name", example.name.as_str())]);
    if then.reason.effect() != then.decision {
        let message = format!("{} is no reason to {}", then.reason, then.decision);
        report.error(
            format!("{place}.then"),
            "example-contradiction",
            message,
            "correct decision or reason",
        );
    }
    if !known.systems.contains(&ask.system) {
        let at = format!("{place}.ask.system");
        report.unknown(at, "unknown-system", "system", &ask.system, &known.systems);
    }
    let organisations = [
        ("ask.organisation", &ask.organisation),
        ("when.member_of", &when.member_of),
    ];
    for (key, id) in organisations {
        if let Some(id) = id.as_ref().filter(|id| !known.organisations.contains(id)) {
            let at = format!("{place}.{key}");
            report.unknown(
                at,
                "unknown-organisation",
                "organisation",
                id,
                &known.organisations,
            );
        }
    }
    let scopes = [
        ("ask.data_scopes", Some(&ask.data_scopes)),
        ("when.enriched", Some(&when.enriched)),
    ];
    for (key, set) in scopes
        .into_iter()
        .chain([("then.data_scopes", then.data_scopes.as_ref())])
    {
        for scope in set
            .into_iter()
            .flatten()
            .filter(|scope| !known.scopes.contains(scope))
        {
            let at = format!("{place}.{key}={scope}");
            report.unknown(at, "unknown-scope", "data scope", scope, &known.scopes);
        }
    }
    for objection in when.objections.iter().filter(|word| *word != MARKETING) {
        let exists = objection
            .parse::<PurposeId>()
            .is_ok_and(|id| known.purposes.contains(&id));
        if !exists {
            let at = format!("{place}.when.objections={objection}");
            report.unknown(at, "unknown-purpose", "purpose", objection, &known.purposes);
        }
    }
}
