//! What the public part of an entry is made of: words and identities that cannot be about a person.

use crate::domain::hex::write_hex;
use std::borrow::Cow;
use std::fmt;

use crate::domain::decision::{Effect, ReasonCode};
use crate::domain::ids::{DataScopeId, DecisionId, EventId, OrganisationId, PurposeId, SystemId};
use crate::domain::purpose::{Action, Channel};

const MAX_WORD: usize = 64;

/// A value that cannot be about a person: a text written in the source, an id of the catalogue, or a text that was
/// checked to be at most 64 lower-case letters, digits, dots and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word<'a>(Cow<'a, str>);

/// Why a text is no word of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a word is 1 to 64 lower-case letters, digits, dots and hyphens")]
pub struct NotAWord;

impl<'a> Word<'a> {
    /// A word from a text that is known only at run time.
    ///
    /// # Errors
    /// [`NotAWord`].
    pub fn parse(text: impl Into<Cow<'a, str>>) -> Result<Self, NotAWord> {
        let text = text.into();
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
        if (1..=MAX_WORD).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text))
        } else {
            Err(NotAWord)
        }
    }

    /// The word as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text in the source; it must keep to the alphabet of [`Word::parse`], or the leaf will not parse.
impl From<&'static str> for Word<'_> {
    fn from(text: &'static str) -> Self {
        debug_assert!(Self::parse(text).is_ok(), "`{text}` in the source is no word");
        Self(Cow::Borrowed(text))
    }
}

macro_rules! word_of_id {
    ($($id:ty),+) => {$(
        impl<'a> From<&'a $id> for Word<'a> {
            fn from(id: &'a $id) -> Self {
                Self(Cow::Borrowed(id.as_str()))
            }
        }
    )+};
}
word_of_id!(SystemId, OrganisationId, PurposeId, DataScopeId);

macro_rules! word_of_enum {
    ($($word:ty),+) => {$(
        impl From<$word> for Word<'_> {
            fn from(word: $word) -> Self {
                Self(Cow::Borrowed(word.as_str()))
            }
        }
    )+};
}
word_of_enum!(Action, Channel, Effect, ReasonCode);

/// The identity of an entry: random, and the same as the decision's or the event's that it records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId([u8; 16]);

impl EntryId {
    /// From 16 random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<DecisionId>().ok().map(Self::from)
    }
}

impl From<DecisionId> for EntryId {
    fn from(id: DecisionId) -> Self {
        Self(*id.as_bytes())
    }
}

impl From<EventId> for EntryId {
    fn from(id: EventId) -> Self {
        Self(*id.as_bytes())
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_no_addresses_or_names() {
        for text in [
            "",
            "jan@example.nl",
            "Jan",
            "a b",
            "a_b",
            "é",
            "a\"b",
            &"a".repeat(65),
        ] {
            assert_eq!(Word::parse(text), Err(NotAWord), "{text}");
        }
        assert_eq!(Word::parse("consent.given").unwrap(), Word::from("consent.given"));
    }

    #[test]
    fn every_word_of_the_domain_is_a_word_of_a_leaf() {
        let words = (ReasonCode::ALL.iter().map(|w| Word::from(*w)))
            .chain(Channel::ALL.iter().map(|w| Word::from(*w)))
            .chain(Action::ALL.iter().map(|w| Word::from(*w)))
            .chain(Effect::ALL.iter().map(|w| Word::from(*w)));
        for word in words {
            assert_eq!(Word::parse(word.as_str()), Ok(word.clone()));
        }
    }

    #[test]
    fn an_entry_has_the_identity_of_what_it_records() {
        let id = EntryId::from(DecisionId::from_bytes([0xab; 16]));
        assert_eq!(id.to_string(), "ab".repeat(16));
        assert_eq!(EntryId::parse(&"ab".repeat(16)), Some(id));
        assert_eq!(EntryId::parse(&"AB".repeat(16)), None);
        assert_eq!(EntryId::from(EventId::from_bytes([0xab; 16])), id);
    }
}
