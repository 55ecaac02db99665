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
#[path = "leaf_tests.rs"]
mod tests;
