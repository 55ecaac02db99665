//! A person: identifiers, and one standing per library. Libraries never see each other's standing (R50).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::NaiveDate;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::consent::Consent;
use super::ids::{DataScopeId, DataSourceId, IdentifierId, OrganisationId, PersonId, PurposeId, SchemeId};
use super::moment::Moment;
use super::personal::Personal;
use super::preference::Preferences;

/// Everything current about a person; sealed as one record, and always equal to the fold of the person's events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PersonRecord {
    /// What systems know the person by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    /// One standing per library.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub standings: BTreeMap<OrganisationId, Standing>,
}

/// One identifier. The value is kept so that an access request can show it; it is looked up by its blind index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// Its own id.
    pub id: IdentifierId,
    /// Kind.
    pub scheme: SchemeId,
    /// Normalised value.
    pub value: Personal<String>,
    /// The library that recorded it.
    pub organisation: OrganisationId,
}

/// What is current about a person at one library.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Membership.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<Membership>,
    /// Birth date; unknown counts as under 16 (R23).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<Personal<NaiveDate>>,
    /// The word on each purpose.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consents: BTreeMap<PurposeId, Consent>,
    /// Objection to all direct marketing (GDPR art. 21(2)): when it was last made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marketing_objection: Option<Moment>,
    /// Objections to single purposes (GDPR art. 21(1)): when they were last made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objections: BTreeMap<PurposeId, Moment>,
    /// Restriction of processing (GDPR art. 18): since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted: Option<Moment>,
    /// A legal hold: nothing of this standing is removed at the end of its term while it lasts (GDPR art. 17(3)(e)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Moment>,
    /// Preferences.
    #[serde(default)]
    pub preferences: Preferences,
    /// Verified guardians.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardians: Vec<GuardianLink>,
    /// Children of whom this person is guardian.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub wards: BTreeSet<PersonId>,
    /// Data that came from elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enrichments: Vec<Enrichment>,
    /// Counts the events at this library, so that a count that moves says nothing about another one (R50).
    #[serde(default)]
    pub revision: u64,
}

/// What kind of member somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipKind {
    /// Adult member.
    Adult,
    /// Youth member, free.
    Youth,
    /// Profile that a school made (R49).
    School,
    /// Visitor of activities, no member.
    Visitor,
}

super::purpose::words!(MembershipKind { Adult => "adult", Youth => "youth", School => "school", Visitor => "visitor" });

/// Membership of a library, with the facts the customer exception asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Kind.
    pub kind: MembershipKind,
    /// First day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<NaiveDate>,
    /// Last day, when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
    /// Whether the member pays.
    #[serde(default)]
    pub paying: bool,
    /// Whether the contact details were obtained in the sale of the membership.
    #[serde(default)]
    pub contact_from_sale: bool,
    /// Whether a way to say no was offered at that time.
    #[serde(default)]
    pub opt_out_offered: bool,
}

/// How a guardian was verified (R18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuardianVerification {
    /// Both came to the desk.
    Desk,
    /// The child was enrolled from the parent's own account.
    ParentAccount,
    /// A confirmation by e-mail.
    EmailConfirmation,
}

super::purpose::words!(GuardianVerification {
    Desk => "desk", ParentAccount => "parent-account", EmailConfirmation => "email-confirmation",
});

/// A verified guardian of a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardianLink {
    /// The guardian.
    pub guardian: PersonId,
    /// How the link was verified.
    pub verification: GuardianVerification,
    /// Since when.
    pub since: Moment,
}

/// Data that were added from another source under one purpose (R46).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrichment {
    /// Under which purpose.
    pub purpose: PurposeId,
    /// From where.
    pub source: DataSourceId,
    /// Which data.
    pub data_scopes: BTreeSet<DataScopeId>,
    /// Since when; the notice is due at first contact and at the latest one month later (GDPR art. 14(3)).
    pub since: Moment,
    /// When the person was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Moment>,
}

impl PersonRecord {
    /// Reads a record of which one library's standing matters and nothing else: a bulk check looks at a million.
    ///
    /// # Errors
    /// For anything that is no record in JSON.
    pub fn at(organisation: &OrganisationId, json: &[u8]) -> serde_json::Result<Self> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let record = Only(organisation).deserialize(&mut reader)?;
        reader.end()?;
        Ok(record)
    }
}

/// A record with the standing at one library.
struct Only<'o>(&'o OrganisationId);

/// The standings of a record, all but one of which are skipped.
struct OnlyStanding<'o>(&'o OrganisationId);

impl<'de> DeserializeSeed<'de> for Only<'_> {
    type Value = PersonRecord;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<PersonRecord, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Only<'_> {
    type Value = PersonRecord;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the record of a person")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PersonRecord, A::Error> {
        let mut record = PersonRecord::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "standings" {
                record.standings = map.next_value_seed(OnlyStanding(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(record)
    }
}

impl<'de> DeserializeSeed<'de> for OnlyStanding<'_> {
    type Value = BTreeMap<OrganisationId, Standing>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OnlyStanding<'_> {
    type Value = BTreeMap<OrganisationId, Standing>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a standing per library")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut standings = BTreeMap::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.0.as_str() {
                standings.insert(self.0.clone(), map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(standings)
    }
}

impl Standing {
    /// The birth date, to compare with.
    pub fn birth(&self) -> Option<NaiveDate> {
        self.birth_date.as_ref().map(|date| *date.reveal())
    }

    /// Whether a person is a verified guardian here.
    pub fn has_guardian(&self, guardian: PersonId) -> bool {
        self.guardians.iter().any(|link| link.guardian == guardian)
    }

    /// Whether the profile belongs to a school.
    pub fn is_school(&self) -> bool {
        self.membership
            .as_ref()
            .is_some_and(|m| m.kind == MembershipKind::School)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_librarys_standing_is_read_and_the_rest_skipped() {
        let mut record = PersonRecord::default();
        let [here, there]: [OrganisationId; 2] = ["linde", "kompas"].map(|id| id.parse().unwrap());
        let standing = |revision| Standing {
            revision,
            birth_date: Some(Personal::new("1980-05-01".parse().unwrap())),
            ..Standing::default()
        };
        record.standings.insert(here.clone(), standing(1));
        record.standings.insert(there.clone(), standing(2));
        record.identifiers.push(Identifier {
            id: IdentifierId::from_bytes([1; 16]),
            scheme: "email".parse().unwrap(),
            value: Personal::new("\"a\"@b".to_owned()),
            organisation: there,
        });
        let json = serde_json::to_vec(&record).unwrap();
        let read = PersonRecord::at(&here, &json).unwrap();
        assert_eq!(read.standings, BTreeMap::from([(here.clone(), standing(1))]));
        assert!(read.identifiers.is_empty());
        let nowhere = PersonRecord::at(&"elders".parse().unwrap(), &json).unwrap();
        assert_eq!(nowhere, PersonRecord::default());
        assert!(PersonRecord::at(&here, &json[..json.len() - 1]).is_err());
        assert!(PersonRecord::at(&here, b"{} {}").is_err());
    }
}
