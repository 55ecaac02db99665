//! The public part of an audit entry: the exact bytes of one line of JSON, without personal data.
//!
//! What is hashed is what is seen: an auditor hashes the line of the export as it stands, with no need to understand it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::line::Line;
pub use super::word::{EntryId, NotAWord, Word};
use crate::crypto::sha256_parts;

/// The version of the format, the `v` of every line.
pub const VERSION: u8 = 1;

/// The outcome of a bulk check: how many persons, without saying who.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bulk<'a> {
    /// Persons asked about.
    pub checked: u64,
    /// Persons denied, by decisive reason.
    pub denied: BTreeMap<Word<'a>, u64>,
    /// Persons permitted.
    pub permitted: u64,
}

/// One entry of a log. Fields stand in the order of their keys on the line, which is alphabetical.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// `a`: what the system wants to do.
    pub action: Option<Word<'a>>,
    /// `b`: the counts of a bulk check.
    pub bulk: Option<Bulk<'a>>,
    /// `c`: the system that called; never a person.
    pub system: Word<'a>,
    /// `ch`: the channel.
    pub channel: Option<Word<'a>>,
    /// `id`: the identity of this entry.
    pub id: EntryId,
    /// `k`: what happened (`decision`, `consent.given`, `key.rotated`).
    pub kind: Word<'a>,
    /// `n`: the node that wrote the entry.
    pub node: Cow<'a, str>,
    /// `o`: `permit`, `deny` or `ok`.
    pub outcome: Option<Word<'a>>,
    /// `org`: the library concerned; none for the network as a whole.
    pub organisation: Option<Word<'a>>,
    /// `p`: the purpose.
    pub purpose: Option<Word<'a>>,
    /// `pc`: the commitment to the private part (see [`super::private`]).
    pub commitment: Option<[u8; 32]>,
    /// `pol`: the version of the policies that was applied.
    pub policy: Cow<'a, str>,
    /// `r`: reason codes, the decisive one first. Left out when empty.
    pub reasons: Vec<Word<'a>>,
    /// `s`: data scopes. Left out when empty.
    pub scopes: Vec<Word<'a>>,
    /// `st`: the subject tag, another one in each entry of a person.
    pub subject: Option<[u8; 16]>,
    /// `t`: when, in milliseconds since 1970 UTC.
    pub millis: i64,
    /// `x`: further facts of an administrative entry, such as the reason an officer gave. Never personal data.
    pub extra: BTreeMap<Word<'a>, Cow<'a, str>>,
}

/// Why bytes are no leaf. `at` is the byte at which reading stopped, counted from 0; what is wrong is there or shortly
/// before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Not JSON, or without the fields of a leaf, or with others.
    #[error("byte {at}: not an entry of this format")]
    Form {
        /// Where.
        at: usize,
    },
    /// It means a leaf, and is not written as one is: white space, order, an escape too many, an empty list.
    #[error("byte {at}: not in canonical form")]
    NotCanonical {
        /// Where.
        at: usize,
    },
}

impl<'a> Leaf<'a> {
    /// An entry with the facts that every entry has.
    pub fn new(
        kind: impl Into<Word<'a>>,
        id: EntryId,
        millis: i64,
        system: impl Into<Word<'a>>,
        node: impl Into<Cow<'a, str>>,
        policy: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self {
            action: None,
            bulk: None,
            system: system.into(),
            channel: None,
            id,
            kind: kind.into(),
            node: node.into(),
            outcome: None,
            organisation: None,
            purpose: None,
            commitment: None,
            policy: policy.into(),
            reasons: Vec::new(),
            scopes: Vec::new(),
            subject: None,
            millis,
            extra: BTreeMap::new(),
        }
    }

    /// The line, without a newline: what is stored, hashed and shown.
    pub fn encode(&self) -> Vec<u8> {
        let mut line = Line::new();
        line.word("a", self.action.as_ref());
        if let Some(bulk) = &self.bulk {
            line.bulk(bulk);
        }
        line.word("c", Some(&self.system));
        line.word("ch", self.channel.as_ref());
        line.hex("id", self.id.as_bytes());
        line.word("k", Some(&self.kind));
        line.string("n", &self.node);
        line.word("o", self.outcome.as_ref());
        line.word("org", self.organisation.as_ref());
        line.word("p", self.purpose.as_ref());
        line.base64::<43>("pc", self.commitment.as_ref().map(<[u8; 32]>::as_slice));
        line.string("pol", &self.policy);
        line.words("r", &self.reasons);
        line.words("s", &self.scopes);
        line.base64::<22>("st", self.subject.as_ref().map(<[u8; 16]>::as_slice));
        line.key("t");
        line.integer(self.millis);
        line.key("v");
        line.integer(VERSION.into());
        if !self.extra.is_empty() {
            line.extra(&self.extra);
        }
        line.finish()
    }

    /// Reads a line. Only the very bytes that [`Leaf::encode`] writes are accepted, so a leaf has one form.
    ///
    /// # Errors
    /// [`LeafError`] with the position of the first byte that is wrong.
    pub fn parse(line: &[u8]) -> Result<Leaf<'static>, LeafError> {
        let wire: Wire = serde_json::from_slice(line).map_err(|error| LeafError::Form {
            at: error.column().saturating_sub(1).min(line.len()),
        })?;
        let leaf = wire.leaf().ok_or(LeafError::Form { at: 0 })?;
        let canonical = leaf.encode();
        if canonical == line {
            return Ok(leaf);
        }
        let same = canonical.iter().zip(line).take_while(|(a, b)| a == b);
        Err(LeafError::NotCanonical { at: same.count() })
    }
}

/// The hash of an entry in the tree: SHA-256 of a zero byte and the line (RFC 6962, section 2.1).
pub fn leaf_hash(line: &[u8]) -> [u8; 32] {
    sha256_parts(&[&[0], line])
}

/// The line as JSON has it; [`Leaf::parse`] compares the rest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    a: Option<String>,
    b: Option<WireBulk>,
    c: String,
    ch: Option<String>,
    id: String,
    k: String,
    n: String,
    o: Option<String>,
    org: Option<String>,
    p: Option<String>,
    pc: Option<String>,
    pol: String,
    #[serde(default)]
    r: Vec<String>,
    #[serde(default)]
    s: Vec<String>,
    st: Option<String>,
    t: i64,
    v: u8,
    #[serde(default)]
    x: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBulk {
    checked: u64,
    denied: BTreeMap<String, u64>,
    permitted: u64,
}

impl Wire {
    fn leaf(self) -> Option<Leaf<'static>> {
        if self.v != VERSION {
            return None;
        }
        Some(Leaf {
            action: optional_word(self.a)?,
            bulk: match self.b {
                Some(bulk) => Some(bulk.counts()?),
                None => None,
            },
            system: Word::parse(self.c).ok()?,
            channel: optional_word(self.ch)?,
            id: EntryId::parse(&self.id)?,
            kind: Word::parse(self.k).ok()?,
            node: self.n.into(),
            outcome: optional_word(self.o)?,
            organisation: optional_word(self.org)?,
            purpose: optional_word(self.p)?,
            commitment: optional_bytes(self.pc)?,
            policy: self.pol.into(),
            reasons: word_list(self.r)?,
            scopes: word_list(self.s)?,
            subject: optional_bytes(self.st)?,
            millis: self.t,
            extra: self
                .x
                .into_iter()
                .map(|(key, value)| Some((Word::parse(key).ok()?, value.into())))
                .collect::<Option<_>>()?,
        })
    }
}

impl WireBulk {
    fn counts(self) -> Option<Bulk<'static>> {
        let reason = |(reason, count): (String, u64)| Some((Word::parse(reason).ok()?, count));
        Some(Bulk {
            checked: self.checked,
            denied: self.denied.into_iter().map(reason).collect::<Option<_>>()?,
            permitted: self.permitted,
        })
    }
}

fn word_list(texts: Vec<String>) -> Option<Vec<Word<'static>>> {
    texts.into_iter().map(|text| Word::parse(text).ok()).collect()
}

/// The outer `None` is a refusal, the inner one an absent field.
fn optional_word(text: Option<String>) -> Option<Option<Word<'static>>> {
    text.map(|text| Word::parse(text).ok())
        .map_or(Some(None), |word| word.map(Some))
}

fn optional_bytes<const N: usize>(text: Option<String>) -> Option<Option<[u8; N]>> {
    let Some(text) = text else { return Some(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    bytes.try_into().ok().map(Some)
}

#[cfg(test)]
mod tests {
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
}
