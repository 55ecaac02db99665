//! The bytes of a line, and what is refused as one.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::decision::{Effect, ReasonCode};
use crate::domain::purpose::{Action, Channel};

fn decision() -> Leaf<'static> {
    Leaf {
        action: Some(Action::Contact.into()),
        channel: Some(Channel::Email.into()),
        outcome: Some(Effect::Deny.into()),
        organisation: Some("bibliotheek-amsterdam".into()),
        purpose: Some("newsletter".into()),
        commitment: Some([0xfb; 32]),
        reasons: vec![ReasonCode::DenyWithdrawn.into(), ReasonCode::DenyChannel.into()],
        scopes: vec!["email".into()],
        subject: Some([0xff; 16]),
        ..Leaf::new(
            "decision",
            EntryId::from_bytes([0xab; 16]),
            1_795_300_000_123,
            "crm",
            "node-2",
            "2027-03#4",
        )
    }
}

#[test]
fn a_decision_is_this_line() {
    let line = concat!(
        r#"{"a":"contact","c":"crm","ch":"email","id":"abababababababababababababababab","#,
        r#""k":"decision","n":"node-2","o":"deny","org":"bibliotheek-amsterdam","p":"newsletter","#,
        r#""pc":"-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s","pol":"2027-03#4","#,
        r#""r":["deny-withdrawn","deny-channel"],"s":["email"],"st":"_____________________w","#,
        r#""t":1795300000123,"v":1}"#,
    );
    assert_eq!(String::from_utf8(decision().encode()).unwrap(), line);
    assert_eq!(Leaf::parse(line.as_bytes()).unwrap(), decision());
}

#[test]
fn a_bulk_check_is_counts_only() {
    let mut leaf = decision();
    leaf.bulk = Some(Bulk {
        checked: 2_000,
        denied: [("deny-withdrawn".into(), 3), ("deny-no-consent".into(), 900)].into(),
        permitted: 1_097,
    });
    let line = leaf.encode();
    let text = String::from_utf8(line.clone()).unwrap();
    let counts =
        r#""b":{"checked":2000,"denied":{"deny-no-consent":900,"deny-withdrawn":3},"permitted":1097}"#;
    assert!(text.contains(counts), "{text}");
    assert_eq!(Leaf::parse(&line).unwrap(), leaf);
}

#[test]
fn the_hash_is_that_of_rfc_6962() {
    // The empty entry of the RFC 6962 test vectors.
    let hex: String = leaf_hash(b"").iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(
        hex,
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
}

#[test]
fn what_means_a_leaf_but_is_not_written_as_one_is_refused() {
    let text = String::from_utf8(decision().encode()).unwrap();
    let changed = [
        (text.replace("{\"a\"", "{ \"a\""), 1),
        (text.replace("crm", "cr\\u006d"), 22),
        (text.replace("\"v\":1", "\"v\":1,\"x\":{}"), text.len() - 1),
        (text.replace("\"a\":\"contact\",", "\"a\":null,"), 2),
        (text.replace("123,", "123 ,"), text.find(",\"v\"").unwrap()),
    ];
    for (line, at) in changed {
        assert_eq!(
            Leaf::parse(line.as_bytes()),
            Err(LeafError::NotCanonical { at }),
            "{line}"
        );
    }
    let not_leaves = [
        text.replace("\"v\":1", "\"v\":2"),
        text.replace("\"v\":1", "\"v\":1,\"zz\":1"),
        text.replace("deny-withdrawn", "Jan de Vries"),
        text.replace("crm", "jan@example.nl"),
        text.replace("abab", "ABAB"),
        text.replace("-_v7-_s\"", "-_v7-_t\""),
        text.replace("-_v7-_s\"", "-_v7-_s=\""),
        text.replace("_____w\"", "_____\""),
        format!("{text}\n{{}}"),
        String::new(),
    ];
    for line in not_leaves {
        let refused = Leaf::parse(line.as_bytes());
        assert!(
            matches!(refused, Err(LeafError::Form { .. })),
            "{line}: {refused:?}"
        );
    }
}

fn word() -> impl Strategy<Value = Word<'static>> {
    "[a-z0-9.-]{1,64}".prop_map(|text| Word::parse(text).unwrap())
}

/// Texts with everything that JSON must escape, and more.
fn hostile() -> impl Strategy<Value = Cow<'static, str>> {
    let odd = r#"[\x00-\x1f"\\/\x7f{}\[\],:a\u{2028}\u{85}é\u{1f600}]{0,12}"#;
    prop_oneof![odd, any::<String>()].prop_map(Cow::Owned)
}

prop_compose! {
    fn leaves()(
        (action, system, channel, id, kind) in
            (option::of(word()), word(), option::of(word()), any::<[u8; 16]>(), word()),
        bulk in option::of((any::<u64>(), btree_map(word(), any::<u64>(), 0..3), any::<u64>())),
        (node, policy) in (hostile(), hostile()),
        (outcome, organisation, purpose) in
            (option::of(word()), option::of(word()), option::of(word())),
        (commitment, subject) in (option::of(any::<[u8; 32]>()), option::of(any::<[u8; 16]>())),
        (reasons, scopes) in (vec(word(), 0..3), vec(word(), 0..3)),
        millis: i64,
        extra in btree_map(word(), hostile(), 0..3),
    ) -> Leaf<'static> {
        Leaf {
            action, system, channel, kind, node, policy, outcome, organisation, purpose,
            commitment, subject, reasons, scopes, millis, extra,
            id: EntryId::from_bytes(id),
            bulk: bulk.map(|(checked, denied, permitted)| Bulk { checked, denied, permitted }),
        }
    }
}

/// The same line made the slow way. `Map` is ordered unless `preserve_order` is on, so order it by hand.
fn by_serde(leaf: &Leaf<'_>) -> Vec<u8> {
    let word = |w: &Option<Word<'_>>| w.as_ref().map(|w| json!(w.as_str()));
    let list = |l: &[Word<'_>]| (!l.is_empty()).then(|| l.iter().map(Word::as_str).collect());
    let map: BTreeMap<&str, Option<Value>> = [
        ("a", word(&leaf.action)),
        ("c", Some(json!(leaf.system.as_str()))),
        ("ch", word(&leaf.channel)),
        ("id", Some(json!(leaf.id.to_string()))),
        ("k", Some(json!(leaf.kind.as_str()))),
        ("n", Some(json!(leaf.node))),
        ("o", word(&leaf.outcome)),
        ("org", word(&leaf.organisation)),
        ("p", word(&leaf.purpose)),
        ("pc", leaf.commitment.map(|c| json!(URL_SAFE_NO_PAD.encode(c)))),
        ("pol", Some(json!(leaf.policy))),
        ("r", list(&leaf.reasons)),
        ("s", list(&leaf.scopes)),
        ("st", leaf.subject.map(|s| json!(URL_SAFE_NO_PAD.encode(s)))),
        ("t", Some(json!(leaf.millis))),
        ("v", Some(json!(1))),
    ]
    .into();
    let map: BTreeMap<_, _> = map.into_iter().filter_map(|(k, v)| Some((k, v?))).collect();
    serde_json::to_vec(&map).unwrap()
}

proptest! {
    #[test]
    fn every_leaf_reads_back(leaf in leaves()) {
        let line = leaf.encode();
        prop_assert!(!line.contains(&b'\n'));
        prop_assert_eq!(Leaf::parse(&line).unwrap(), leaf);
    }

    #[test]
    fn the_writer_agrees_with_serde_json(mut leaf in leaves()) {
        let whole = leaf.encode();
        let extra: BTreeMap<&str, &str> =
            leaf.extra.iter().map(|(k, v)| (k.as_str(), v.as_ref())).collect();
        let extra = serde_json::to_string(&extra).unwrap();
        if !leaf.extra.is_empty() {
            let end = format!(",\"x\":{extra}}}");
            prop_assert!(whole.ends_with(end.as_bytes()));
        }
        leaf.extra.clear();
        leaf.bulk = None;
        prop_assert_eq!(leaf.encode(), by_serde(&leaf));
    }

    #[test]
    fn a_changed_byte_is_never_the_same_leaf(
        leaf in leaves(), at: proptest::sample::Index, bit in 0_u8..8,
    ) {
        let line = leaf.encode();
        let mut changed = line.clone();
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        prop_assert_ne!(leaf_hash(&changed), leaf_hash(&line));
        if let Ok(other) = Leaf::parse(&changed) {
            prop_assert_ne!(other, leaf);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_fail(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(Leaf::parse(&bytes).is_err());
    }
}
