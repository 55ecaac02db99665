//! The tables of a package as CSV (RFC 4180), safe to open in a spreadsheet: no cell is a formula.

use super::facts::Facts;
use super::portable::Portable;
use crate::audit::export::csv::push_text;

fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Vec<u8> {
    let mut out = Vec::new();
    push_row(&mut out, head);
    for row in rows {
        push_row(&mut out, row.each_ref().map(String::as_str));
    }
    out
}

fn push_row<const N: usize>(out: &mut Vec<u8>, cells: [&str; N]) {
    for (column, cell) in cells.iter().enumerate() {
        if column > 0 {
            out.push(b',');
        }
        push_text(out, cell);
    }
    out.extend_from_slice(b"\r\n");
}

fn or_empty(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

pub(super) fn choices(facts: &Facts) -> Vec<u8> {
    let head = [
        "purpose",
        "title",
        "status",
        "effective",
        "saidAt",
        "validUntil",
        "data",
        "channels",
        "textVersion",
        "textFile",
        "receiptId",
    ];
    let rows = facts.choices.iter().map(|choice| {
        [
            choice.purpose.clone(),
            choice.title.clone(),
            choice.status.to_owned(),
            choice.effective.to_owned(),
            choice.said_at.clone(),
            or_empty(choice.valid_until.as_ref()),
            choice.data.join("; "),
            choice.channels.join("; "),
            choice
                .text
                .as_ref()
                .map(|text| text.version.to_string())
                .unwrap_or_default(),
            choice
                .text
                .as_ref()
                .map(|text| text.file.clone())
                .unwrap_or_default(),
            choice.receipt_id.clone(),
        ]
    });
    table(head, rows)
}

pub(super) fn history(facts: &Facts) -> Vec<u8> {
    let head = [
        "happenedAt",
        "recordedAt",
        "kind",
        "purpose",
        "title",
        "status",
        "actor",
        "system",
        "recordedBy",
        "textFile",
        "evidence",
        "eventId",
    ];
    let rows = facts.history.iter().map(|event| {
        let evidence = event.evidence.iter().flatten().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}: {value}")
        });
        [
            event.happened_at.clone(),
            event.recorded_at.clone(),
            event.kind.to_owned(),
            or_empty(event.purpose.as_ref()),
            or_empty(event.title.as_ref()),
            event.status.unwrap_or_default().to_owned(),
            event.actor.to_owned(),
            event.system.clone(),
            event.recorded_by.clone(),
            event
                .text
                .as_ref()
                .map(|text| text.file.clone())
                .unwrap_or_default(),
            evidence.collect::<Vec<_>>().join("; "),
            event.event_id.clone(),
        ]
    });
    table(head, rows)
}

pub(super) fn decisions(facts: &Facts) -> Vec<u8> {
    let head = [
        "askedAt",
        "system",
        "askedBy",
        "purpose",
        "title",
        "action",
        "channel",
        "decision",
        "reasons",
        "data",
        "reference",
        "inBulk",
        "decisionId",
    ];
    let rows = facts.decisions.iter().map(|decision| {
        let codes: Vec<&str> = decision
            .reasons
            .iter()
            .map(|reason| reason.code.as_str())
            .collect();
        [
            decision.asked_at.clone(),
            decision.system.clone(),
            decision.asked_by.clone(),
            or_empty(decision.purpose.as_ref()),
            or_empty(decision.title.as_ref()),
            or_empty(decision.action.as_ref()),
            or_empty(decision.channel.as_ref()),
            decision.decision.to_owned(),
            codes.join("; "),
            decision.data.join("; "),
            or_empty(decision.reference.as_ref()),
            decision.in_bulk.to_string(),
            decision.decision_id.clone(),
        ]
    });
    table(head, rows)
}

pub(super) fn contacts(facts: &Facts) -> Vec<u8> {
    let head = ["at", "system", "by", "purpose", "channel", "check", "reference"];
    let rows = facts.contacts.iter().map(|contact| {
        [
            contact.at.clone(),
            contact.system.clone(),
            contact.by.clone(),
            or_empty(contact.purpose.as_ref()),
            or_empty(contact.channel.as_ref()),
            contact.check.clone(),
            or_empty(contact.reference.as_ref()),
        ]
    });
    table(head, rows)
}

pub(super) fn recipients(facts: &Facts) -> Vec<u8> {
    let head = [
        "name",
        "system",
        "systemTitle",
        "purposes",
        "data",
        "firstAt",
        "lastAt",
        "times",
    ];
    let rows = facts.recipients.iter().map(|recipient| {
        [
            recipient.name.clone(),
            recipient.system.clone(),
            recipient.system_title.clone(),
            recipient.purposes.join("; "),
            recipient.data.join("; "),
            recipient.first_at.clone(),
            recipient.last_at.clone(),
            recipient.times.to_string(),
        ]
    });
    table(head, rows)
}

pub(super) fn portable_choices(data: &Portable) -> Vec<u8> {
    let head = ["saidAt", "kind", "purpose", "title", "data", "channels", "by"];
    let rows = data.choices.iter().map(|word| {
        [
            word.said_at.clone(),
            word.kind.to_owned(),
            or_empty(word.purpose.as_ref()),
            or_empty(word.title.as_ref()),
            word.data.join("; "),
            word.channels.join("; "),
            word.by.to_owned(),
        ]
    });
    table(head, rows)
}

pub(super) fn portable_data(data: &Portable) -> Vec<u8> {
    let identifiers = data
        .identifiers
        .iter()
        .map(|identifier| [identifier.scheme.clone(), identifier.value.clone()]);
    let more = [
        ("birth-date", data.birth_date.clone()),
        ("language", data.language.map(str::to_owned)),
    ];
    let more = more
        .into_iter()
        .filter_map(|(name, value)| Some([name.to_owned(), value?]));
    table(["name", "value"], identifiers.chain(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_runs_as_a_formula() {
        let rows = [[
            "=HYPERLINK(\"http://x\",\"y\")".to_owned(),
            "a,\"b\"\nc".to_owned(),
        ]];
        let text = String::from_utf8(table(["one", "two"], rows)).unwrap();
        assert_eq!(
            text,
            "\"one\",\"two\"\r\n\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",\"a,\"\"b\"\"\nc\"\r\n"
        );
    }
}
