//! An entry as a line of the Logboek Dataverwerkingen (Logius, `sections/specificaties.md`): what was processed, for which
//! entry of the register of processing, about whom.
//!
//! The standard does not say how a line is carried; this is its record as JSON with its own member names, times in
//! milliseconds since 1970 and ids in hexadecimal, one line per entry. About whom is said with the tag of the entry, which
//! is another one in each entry, so that the lines of one person are not linked. A caller's trace is personal data and
//! stays in the private part: `trace_id` is the id of the entry, `span_id` the first half of its hash.

use serde_json::{Map, Value, json};

use crate::audit::leaf::{Leaf, leaf_hash};
use crate::domain::hex::hex;

/// What the tag of a person in one entry is called where the standard asks for the type of the id.
const SUBJECT_TYPE: &str = "akkoord-entry-tag";

/// The line of the entry at `index`, without a newline. `base` is the public address of the service, by which entries of
/// the register are named: the purpose, in the version of the policies that was applied.
pub fn line(base: &str, log: &str, index: u64, line: &[u8]) -> Vec<u8> {
    let hash = leaf_hash(line);
    let (span, _) = hash.split_at(8);
    let mut attributes = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            attributes.insert(name.to_owned(), value);
        }
    };
    put("akkoord.log", log.into());
    put("akkoord.index", index.into());
    put("akkoord.leaf_hash", hex(&hash).into());
    let Ok(leaf) = Leaf::parse(line) else {
        put("akkoord.line", String::from_utf8_lossy(line).into());
        return json!({ "status": "Unset", "span_id": hex(span), "attributes": attributes })
            .to_string()
            .into_bytes();
    };
    let text = |word: Option<&dyn ToString>| word.map_or(Value::Null, |word| word.to_string().into());
    let words = |words: Vec<String>| {
        if words.is_empty() {
            Value::Null
        } else {
            words.into()
        }
    };
    let activity = match &leaf.purpose {
        Some(purpose) => format!("{base}/v1/purposes#{purpose}@{}", leaf.policy),
        // What is done to keep and protect the register itself.
        None => format!("{base}/v1/purposes#{}@{}", leaf.kind, leaf.policy),
    };
    put("dpl.core.processing_activity_id", activity.into());
    if let Some(tag) = leaf.subject {
        put("dpl.core.data_subject_id", hex(&tag).into());
        put("dpl.core.data_subject_id_type", SUBJECT_TYPE.into());
    }
    put("akkoord.system", leaf.system.to_string().into());
    put(
        "akkoord.organisation",
        text(leaf.organisation.as_ref().map(|w| w as _)),
    );
    put("akkoord.action", text(leaf.action.as_ref().map(|w| w as _)));
    put("akkoord.channel", text(leaf.channel.as_ref().map(|w| w as _)));
    put("akkoord.outcome", text(leaf.outcome.as_ref().map(|w| w as _)));
    put(
        "akkoord.reason_codes",
        words(leaf.reasons.iter().map(ToString::to_string).collect()),
    );
    put(
        "akkoord.data_scopes",
        words(leaf.scopes.iter().map(ToString::to_string).collect()),
    );
    put("akkoord.policy_version", leaf.policy.as_ref().into());
    if let Some(bulk) = &leaf.bulk {
        put("akkoord.checked", bulk.checked.into());
        put("akkoord.permitted", bulk.permitted.into());
    }
    json!({
        "trace_id": leaf.id.to_string(),
        "span_id": hex(span),
        // A deny is an answer like any other: the processing itself went well.
        "status": "Ok",
        "name": leaf.kind.to_string(),
        "start_time": leaf.millis,
        "end_time": leaf.millis,
        "resource": { "attributes": { "service.name": "akkoord", "service.instance.id": leaf.node } },
        "attributes": attributes,
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::leaf::EntryId;

    #[test]
    fn a_line_has_the_mandatory_fields() {
        let mut leaf = Leaf::new(
            "decision",
            EntryId::from_bytes([1; 16]),
            1_700_000_000_123,
            "crm",
            "node",
            "2026.1",
        );
        leaf.purpose = Some("newsletter".into());
        leaf.subject = Some([2; 16]);
        let encoded = leaf.encode();
        let made: Value =
            serde_json::from_slice(&line("https://a.example", "decision", 4, &encoded)).unwrap();
        assert_eq!(made["trace_id"], "01".repeat(16));
        assert_eq!(made["span_id"].as_str().unwrap().len(), 16);
        assert_eq!(made["status"], "Ok");
        assert_eq!(made["name"], "decision");
        assert_eq!(made["start_time"], 1_700_000_000_123_i64);
        assert_eq!(made["end_time"], made["start_time"]);
        let attributes = &made["attributes"];
        assert_eq!(
            attributes["dpl.core.processing_activity_id"],
            "https://a.example/v1/purposes#newsletter@2026.1"
        );
        assert_eq!(attributes["dpl.core.data_subject_id"], "02".repeat(16));
        assert_eq!(attributes["akkoord.index"], 4);
        assert!(attributes.get("akkoord.channel").is_none());
    }
}
