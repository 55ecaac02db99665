//! Identities. Wire strings become these types at the edge; inner rooms never see a bare string that means something.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use minicbor::encode::{self, Write};
use minicbor::{Decode, Decoder, Encode, Encoder, decode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no identifier of the catalogue: lower-case words and digits joined by hyphens, at most 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is lower-case letters and digits in words joined by single hyphens, 1 to 64 characters")]
pub struct NotAnId;

fn is_slug(text: &str) -> bool {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= 64 && text.split('-').all(word)
}

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                if is_slug(text) { Ok(Self(text.into())) } else { Err(NotAnId) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.str(&self.0).map(|_| ())
            }
        }

        impl<C> Decode<'_, C> for $name {
            fn decode(d: &mut Decoder<'_>, _: &mut C) -> Result<Self, decode::Error> {
                let at = d.position();
                let id = d.str()?.parse();
                id.map_err(|error: NotAnId| decode::Error::message(error).at(at))
            }
        }
    };
}

slug!(
    /// A library: a controller of the network.
    OrganisationId
);
slug!(
    /// What data are used for; one entry of the catalogue.
    PurposeId
);
slug!(
    /// A calling system: CRM, mailer, library management system.
    SystemId
);
slug!(
    /// A kind of data (`email`, `loan-history`).
    DataScopeId
);
slug!(
    /// A kind of identifier (`member-number`, `email`, in demos `test`).
    SchemeId
);
slug!(
    /// Where enriched data come from (`lending-system`).
    DataSourceId
);

/// A random 128-bit identity, written as 32 hexadecimal digits. Never derived from anything about a person.
macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// From 16 random bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes, as stored.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// From stored bytes; `None` unless there are 16.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                super::hex::write_hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = NotARandomId;
            fn from_str(text: &str) -> Result<Self, NotARandomId> {
                parse_hex16(text).map(Self).ok_or(NotARandomId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0).map(|_| ())
            }
        }

        impl<C> Decode<'_, C> for $name {
            fn decode(d: &mut Decoder<'_>, _: &mut C) -> Result<Self, decode::Error> {
                let at = d.position();
                Self::from_slice(d.bytes()?)
                    .ok_or_else(|| decode::Error::message("expected 16 bytes").at(at))
            }
        }
    };
}

/// Why a text is no random identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 lower-case hexadecimal digits")]
pub struct NotARandomId;

fn parse_hex16(text: &str) -> Option<[u8; 16]> {
    let digits: [u8; 32] = text.as_bytes().try_into().ok()?;
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut out = [0; 16];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(out)
}

random_id!(
    /// A person inside Akkoord. It never leaves the service: systems see a pairwise pseudonym.
    PersonId
);
random_id!(
    /// One recorded event about a person; also the id of its receipt.
    EventId
);
random_id!(
    /// One decision.
    DecisionId
);
random_id!(
    /// One identifier of a person, so that it can be removed without naming it.
    IdentifierId
);
random_id!(
    /// One rights request.
    RightsRequestId
);
random_id!(
    /// A request to erase somebody.
    ErasureId
);
random_id!(
    /// A proposed change of the policies.
    ProposalId
);
random_id!(
    /// What one system must do about an erasure (GDPR art. 19).
    ErasureTaskId
);
