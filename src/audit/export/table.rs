//! One entry as the cells of a row.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::audit::leaf::{Leaf, leaf_hash};
use crate::domain::hex::hex;

/// What stands above the columns.
pub const COLUMNS: [&str; 21] = [
    "index",
    "recordedAt",
    "kind",
    "system",
    "organisation",
    "purpose",
    "action",
    "channel",
    "outcome",
    "reasonCodes",
    "dataScopes",
    "policyVersion",
    "checked",
    "permitted",
    "denied",
    "node",
    "entryId",
    "subjectTag",
    "commitment",
    "facts",
    "leafHash",
];

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Empty,
    /// A count.
    Number(u64),
    /// An instant, in milliseconds since 1970 UTC.
    Time(i64),
    /// Words. They may begin with anything, also with what a spreadsheet takes for a formula.
    Text(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    fn optional(text: Option<impl ToString>) -> Self {
        text.map_or(Self::Empty, |text| Self::text(text.to_string()))
    }

    fn text(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::Empty
        } else {
            Self::Text(text)
        }
    }

    fn list<T: ToString>(words: &[T]) -> Self {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        Self::text(words.join(" "))
    }
}

/// The row of the entry at `index`. A line that is no entry, because somebody changed the database, keeps its row: its
/// text stands among the facts.
pub fn row(index: u64, line: &[u8]) -> [Cell<'_>; COLUMNS.len()] {
    let hash = Cell::text(hex(&leaf_hash(line)));
    let Ok(leaf) = Leaf::parse(line) else {
        let mut cells = [const { Cell::Empty }; COLUMNS.len()];
        let known = [
            (0, Cell::Number(index)),
            (2, Cell::text("(not an entry of this format)")),
            (19, Cell::Text(String::from_utf8_lossy(line))),
            (20, hash),
        ];
        for (column, cell) in known {
            if let Some(place) = cells.get_mut(column) {
                *place = cell;
            }
        }
        return cells;
    };
    let denied = leaf.bulk.as_ref().map_or_else(String::new, |bulk| {
        let counts: Vec<String> = bulk
            .denied
            .iter()
            .map(|(code, n)| format!("{code}={n}"))
            .collect();
        counts.join(" ")
    });
    let facts = if leaf.extra.is_empty() {
        String::new()
    } else {
        let pairs = leaf
            .extra
            .iter()
            .map(|(name, fact)| (name.to_string(), fact.as_ref()));
        serde_json::Value::from_iter(pairs).to_string()
    };
    [
        Cell::Number(index),
        Cell::Time(leaf.millis),
        Cell::text(leaf.kind.to_string()),
        Cell::text(leaf.system.to_string()),
        Cell::optional(leaf.organisation.as_ref()),
        Cell::optional(leaf.purpose.as_ref()),
        Cell::optional(leaf.action.as_ref()),
        Cell::optional(leaf.channel.as_ref()),
        Cell::optional(leaf.outcome.as_ref()),
        Cell::list(&leaf.reasons),
        Cell::list(&leaf.scopes),
        Cell::text(leaf.policy.into_owned()),
        leaf.bulk
            .as_ref()
            .map_or(Cell::Empty, |bulk| Cell::Number(bulk.checked)),
        leaf.bulk
            .as_ref()
            .map_or(Cell::Empty, |bulk| Cell::Number(bulk.permitted)),
        Cell::text(denied),
        Cell::text(leaf.node.into_owned()),
        Cell::text(leaf.id.to_string()),
        leaf.subject.map_or(Cell::Empty, |tag| Cell::text(hex(&tag))),
        leaf.commitment.map_or(Cell::Empty, |pc| Cell::text(hex(&pc))),
        Cell::text(facts),
        hash,
    ]
}

/// An instant as RFC 3339 in UTC; one outside the calendar as its number.
pub fn rfc3339(millis: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(millis).map_or_else(
        || millis.to_string(),
        |at| at.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::leaf::{Bulk, EntryId, Word};

    #[test]
    fn a_row_shows_every_field() {
        let mut leaf = Leaf::new(
            "decision",
            EntryId::from_bytes([1; 16]),
            1_700_000_000_123,
            "crm",
            "node",
            "2026.1",
        );
        leaf.reasons = vec!["permit-consent".into()];
        leaf.bulk = Some(Bulk {
            checked: 3,
            denied: [(Word::from("deny-objection"), 1)].into(),
            permitted: 2,
        });
        leaf.extra = [(Word::from("reason"), "=1+1".into())].into();
        let line = leaf.encode();
        let cells = row(7, &line);
        assert_eq!(cells[0], Cell::Number(7));
        assert_eq!(cells[1], Cell::Time(1_700_000_000_123));
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(cells[2], Cell::Text("decision".into()));
        assert_eq!(cells[4], Cell::Empty);
        assert_eq!(
            cells[12..15],
            [
                Cell::Number(3),
                Cell::Number(2),
                Cell::Text("deny-objection=1".into())
            ]
        );
        assert_eq!(cells[16], Cell::Text("01".repeat(16).into()));
        assert_eq!(cells[19], Cell::Text(r#"{"reason":"=1+1"}"#.into()));
    }

    #[test]
    fn a_line_that_is_no_entry_keeps_its_row() {
        let cells = row(7, b"{}");
        assert_eq!(cells[0], Cell::Number(7));
        assert_eq!(cells[19], Cell::Text("{}".into()));
        assert_eq!(cells[20], Cell::Text(hex(&leaf_hash(b"{}")).into()));
    }
}
