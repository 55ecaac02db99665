//! Preferences: how somebody wants to be reached. A preference is never a ground for processing; it only narrows.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::PurposeId;
use super::moment::Moment;
use super::purpose::Channel;

/// A language of notices, reasons and letters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, Encode, Decode,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Dutch.
    #[default]
    #[n(0)]
    Nl,
    /// English.
    #[n(1)]
    En,
}

impl Language {
    /// The code, `nl` or `en`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nl => "nl",
            Self::En => "en",
        }
    }

    /// From a code.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "nl" => Some(Self::Nl),
            "en" => Some(Self::En),
            _ => None,
        }
    }
}

/// All preferences of a person at one organisation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
pub struct Preferences {
    /// Language of everything written to the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(0)]
    pub language: Option<Language>,
    /// Whether receipts are mailed.
    #[serde(default)]
    #[cbor(n(1), skip_if = "std::ops::Not::not")]
    pub receipts_by_mail: bool,
    /// Choices per purpose.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cbor(n(2), skip_if = "BTreeMap::is_empty")]
    pub purposes: BTreeMap<PurposeId, PurposePreference>,
}

/// Preferences for one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
pub struct PurposePreference {
    /// Channels switched on or off; one that is not named is on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cbor(n(0), skip_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<Channel, bool>,
    /// No contact before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(1)]
    pub paused_until: Option<Moment>,
    /// Topics somebody is interested in; for the sending system to use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cbor(n(2), skip_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// How often, in the sending system's own words (`weekly`, `monthly`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(3)]
    pub frequency: Option<String>,
}

impl Preferences {
    /// Whether nothing was ever chosen.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a channel is switched off for a purpose.
    pub fn is_off(&self, purpose: &PurposeId, channel: Channel) -> bool {
        self.purposes
            .get(purpose)
            .is_some_and(|p| p.channels.get(&channel) == Some(&false))
    }

    /// The end of a pause that covers an instant.
    pub fn paused_until(&self, purpose: &PurposeId, now: Moment) -> Option<Moment> {
        self.purposes
            .get(purpose)
            .and_then(|p| p.paused_until)
            .filter(|until| now < *until)
    }
}
