//! A person: identifiers, and one standing per library. Libraries never see each other's standing (R50).

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use minicbor::{Decode, Decoder, Encode, decode};
use serde::{Deserialize, Serialize};

use super::consent::Consent;
use super::ids::{DataScopeId, DataSourceId, IdentifierId, OrganisationId, PersonId, PurposeId, SchemeId};
use super::moment::Moment;
use super::personal::Personal;
use super::preference::Preferences;

/// Bytes that are no stored record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no record of a person")]
pub struct NotARecord;

/// Everything current about a person; sealed as one record, and always equal to the fold of the person's events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
pub struct PersonRecord {
    /// What systems know the person by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cbor(n(0), skip_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    /// One standing per library.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cbor(n(1), skip_if = "BTreeMap::is_empty")]
    pub standings: BTreeMap<OrganisationId, Standing>,
}

/// One identifier. The value is kept so that an access request can show it; it is looked up by its blind index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Identifier {
    /// Its own id.
    #[n(0)]
    pub id: IdentifierId,
    /// Kind.
    #[n(1)]
    pub scheme: SchemeId,
    /// Normalised value.
    #[n(2)]
    pub value: Personal<String>,
    /// The library that recorded it.
    #[n(3)]
    pub organisation: OrganisationId,
}

/// What is current about a person at one library.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
pub struct Standing {
    /// Membership.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(0)]
    pub membership: Option<Membership>,
    /// Birth date; unknown counts as under 16 (R23).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cbor(n(1), with = "super::compact", skip_if = "Option::is_none")]
    pub birth_date: Option<Personal<NaiveDate>>,
    /// The word on each purpose.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cbor(n(2), skip_if = "BTreeMap::is_empty")]
    pub consents: BTreeMap<PurposeId, Consent>,
    /// Objection to all direct marketing (GDPR art. 21(2)): when it was last made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(3)]
    pub marketing_objection: Option<Moment>,
    /// Objections to single purposes (GDPR art. 21(1)): when they were last made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cbor(n(4), skip_if = "BTreeMap::is_empty")]
    pub objections: BTreeMap<PurposeId, Moment>,
    /// Restriction of processing (GDPR art. 18): since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(5)]
    pub restricted: Option<Moment>,
    /// A legal hold: nothing of this standing is removed at the end of its term while it lasts (GDPR art. 17(3)(e)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(6)]
    pub held: Option<Moment>,
    /// Preferences.
    #[serde(default)]
    #[cbor(n(7), skip_if = "Preferences::is_default")]
    pub preferences: Preferences,
    /// Verified guardians.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cbor(n(8), skip_if = "Vec::is_empty")]
    pub guardians: Vec<GuardianLink>,
    /// Children of whom this person is guardian.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[cbor(n(9), skip_if = "BTreeSet::is_empty")]
    pub wards: BTreeSet<PersonId>,
    /// Data that came from elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cbor(n(10), skip_if = "Vec::is_empty")]
    pub enrichments: Vec<Enrichment>,
    /// Counts the events at this library, so that a count that moves says nothing about another one (R50).
    #[serde(default)]
    #[n(11)]
    pub revision: u64,
}

/// What kind of member somebody is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipKind {
    /// Adult member.
    #[n(0)]
    Adult,
    /// Youth member, free.
    #[n(1)]
    Youth,
    /// Profile that a school made (R49).
    #[n(2)]
    School,
    /// Visitor of activities, no member.
    #[n(3)]
    Visitor,
}

super::purpose::words!(MembershipKind { Adult => "adult", Youth => "youth", School => "school", Visitor => "visitor" });

/// Membership of a library, with the facts the customer exception asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
pub struct Membership {
    /// Kind.
    #[n(0)]
    pub kind: MembershipKind,
    /// First day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cbor(n(1), with = "super::compact", skip_if = "Option::is_none")]
    pub since: Option<NaiveDate>,
    /// Last day, when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cbor(n(2), with = "super::compact", skip_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
    /// Whether the member pays.
    #[serde(default)]
    #[n(3)]
    pub paying: bool,
    /// Whether the contact details were obtained in the sale of the membership.
    #[serde(default)]
    #[n(4)]
    pub contact_from_sale: bool,
    /// Whether a way to say no was offered at that time.
    #[serde(default)]
    #[n(5)]
    pub opt_out_offered: bool,
}

/// How a guardian was verified (R18).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum GuardianVerification {
    /// Both came to the desk.
    #[n(0)]
    Desk,
    /// The child was enrolled from the parent's own account.
    #[n(1)]
    ParentAccount,
    /// A confirmation by e-mail.
    #[n(2)]
    EmailConfirmation,
}

super::purpose::words!(GuardianVerification {
    Desk => "desk", ParentAccount => "parent-account", EmailConfirmation => "email-confirmation",
});

/// A verified guardian of a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct GuardianLink {
    /// The guardian.
    #[n(0)]
    pub guardian: PersonId,
    /// How the link was verified.
    #[n(1)]
    pub verification: GuardianVerification,
    /// Since when.
    #[n(2)]
    pub since: Moment,
}

/// Data that were added from another source under one purpose (R46).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Enrichment {
    /// Under which purpose.
    #[n(0)]
    pub purpose: PurposeId,
    /// From where.
    #[n(1)]
    pub source: DataSourceId,
    /// Which data.
    #[n(2)]
    pub data_scopes: BTreeSet<DataScopeId>,
    /// Since when; the notice is due at first contact and at the latest one month later (GDPR art. 14(3)).
    #[n(3)]
    pub since: Moment,
    /// When the person was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(4)]
    pub told_at: Option<Moment>,
}

impl PersonRecord {
    /// Its stored form: CBOR (RFC 8949) with numbered fields, less than half as long as the same in JSON.
    ///
    /// # Errors
    /// None that can occur: memory takes everything, and no field refuses to be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NotARecord> {
        minicbor::to_vec(self).map_err(|_| NotARecord)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// For anything that is no record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotARecord> {
        Self::read(bytes, |d| d.decode())
    }

    /// Reads a stored record of which one library's standing matters and nothing else: a bulk check looks at a million.
    ///
    /// # Errors
    /// For anything that is no record.
    pub fn at(organisation: &OrganisationId, bytes: &[u8]) -> Result<Self, NotARecord> {
        Self::read(bytes, |d| {
            let mut record = Self::default();
            for _ in 0..length(d.map()?)? {
                if d.u32()? != STANDINGS {
                    d.skip()?;
                    continue;
                }
                for _ in 0..length(d.map()?)? {
                    if d.str()? == organisation.as_str() {
                        record.standings.insert(organisation.clone(), d.decode()?);
                    } else {
                        d.skip()?;
                    }
                }
            }
            Ok(record)
        })
    }

    fn read(
        bytes: &[u8],
        decode: impl FnOnce(&mut Decoder<'_>) -> Result<Self, decode::Error>,
    ) -> Result<Self, NotARecord> {
        // Records of before were JSON; each is written anew at its next change.
        if bytes.first() == Some(&b'{') {
            return serde_json::from_slice(bytes).map_err(|_| NotARecord);
        }
        let mut decoder = Decoder::new(bytes);
        let record = decode(&mut decoder).map_err(|_| NotARecord)?;
        if decoder.position() == bytes.len() {
            Ok(record)
        } else {
            Err(NotARecord)
        }
    }
}

/// The number of [`PersonRecord::standings`].
const STANDINGS: u32 = 1;

/// How many entries; all are counted beforehand here.
fn length(of: Option<u64>) -> Result<u64, decode::Error> {
    of.ok_or_else(|| decode::Error::message("a map without a length"))
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

    use crate::domain::consent::{ConsentStatus, IndicationMethod, Party};
    use crate::domain::hex::hex;
    use crate::domain::ids::EventId;
    use crate::domain::preference::{Language, PurposePreference};
    use crate::domain::purpose::Channel;

    fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().unwrap()
    }

    /// Somebody of whom everything is known that can be known.
    fn everything() -> PersonRecord {
        let [one, two] = [
            Moment::from_micros(1_790_000_000_000_000),
            Moment::from_micros(-1),
        ];
        let consent = |by, withdrawn_by_guardian| Consent {
            status: ConsentStatus::Withdrawn,
            occurred_at: one,
            by,
            notice_version: 3,
            language: Language::En,
            data_scopes: [id("email"), id("identity")].into(),
            channels: [Channel::Email, Channel::Desk].into(),
            method: IndicationMethod::OneClick,
            event: EventId::from_bytes([9; 16]),
            awaits_guardian: true,
            withdrawn_by_guardian,
            reminded: Some(two),
        };
        let guardian = PersonId::from_bytes([3; 16]);
        let membership = Membership {
            kind: MembershipKind::School,
            since: Some(id("2019-02-28")),
            until: Some(id("1969-12-31")),
            paying: true,
            contact_from_sale: true,
            opt_out_offered: true,
        };
        let choice = PurposePreference {
            channels: [(Channel::Sms, false), (Channel::Post, true)].into(),
            paused_until: Some(one),
            topics: vec!["Één".to_owned()],
            frequency: Some("weekly".to_owned()),
        };
        let standing = Standing {
            membership: Some(membership),
            birth_date: Some(Personal::new(id("1980-05-01"))),
            consents: [
                (
                    id("newsletter"),
                    consent(Party::Guardian(guardian), [(guardian, one)].into()),
                ),
                (id("reading-tips"), consent(Party::Oneself, BTreeMap::new())),
                (id("surveys"), consent(Party::Controller, BTreeMap::new())),
            ]
            .into(),
            marketing_objection: Some(one),
            objections: [(id("statistics"), two)].into(),
            restricted: Some(one),
            held: Some(two),
            preferences: Preferences {
                language: Some(Language::Nl),
                receipts_by_mail: true,
                purposes: [(id("newsletter"), choice)].into(),
            },
            guardians: vec![GuardianLink {
                guardian,
                verification: GuardianVerification::EmailConfirmation,
                since: one,
            }],
            wards: [PersonId::from_bytes([4; 16])].into(),
            enrichments: vec![Enrichment {
                purpose: id("reading-tips"),
                source: id("lending-system"),
                data_scopes: [id("loan-history")].into(),
                since: one,
                told_at: Some(two),
            }],
            revision: u64::MAX,
        };
        let identifier = Identifier {
            id: IdentifierId::from_bytes([1; 16]),
            scheme: id("email"),
            value: Personal::new("\"a\"@b".to_owned()),
            organisation: id("linde"),
        };
        PersonRecord {
            identifiers: vec![identifier],
            standings: [(id("linde"), standing), (id("kompas"), Standing::default())].into(),
        }
    }

    #[test]
    fn a_stored_record_reads_back_whole() {
        for record in [everything(), PersonRecord::default()] {
            let bytes = record.to_bytes().unwrap();
            assert_eq!(PersonRecord::from_bytes(&bytes), Ok(record));
            for end in 0..bytes.len() {
                assert_eq!(
                    PersonRecord::from_bytes(bytes.get(..end).unwrap()),
                    Err(NotARecord)
                );
            }
            assert!(PersonRecord::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
        }
    }

    #[test]
    fn a_record_that_was_stored_as_json_is_read() {
        let record = everything();
        let json = serde_json::to_vec(&record).unwrap();
        assert_eq!(PersonRecord::from_bytes(&json), Ok(record.clone()));
        let here = PersonRecord::at(&id("linde"), &json).unwrap();
        assert_eq!(here.standings.get("linde"), record.standings.get("linde"));
        assert!(record.to_bytes().unwrap().len() * 2 < json.len());
    }

    /// [`everything`] as it is stored.
    const STORED: &str = "\
        a2008184500101010101010101010101010101010165656d61696c652261224062656c696e646501a2666b6f6d706173a10b0065\
        6c696e6465ac00a6000201194623022003f504f505f501190ebd02a36a6e6577736c6574746572ac0002011b00065bfeda25e000\
        02820181500303030303030303030303030303030303030401058265656d61696c686964656e7469747906820006070508500909\
        090909090909090909090909090909f50aa150030303030303030303030303030303031b00065bfeda25e0000b206c7265616469\
        6e672d74697073ab0002011b00065bfeda25e0000282008003030401058265656d61696c686964656e7469747906820006070508\
        500909090909090909090909090909090909f50b206773757276657973ab0002011b00065bfeda25e00002820280030304010582\
        65656d61696c686964656e7469747906820006070508500909090909090909090909090909090909f50b20031b00065bfeda25e0\
        0004a16a7374617469737469637320051b00065bfeda25e000062007a3000001f502a16a6e6577736c6574746572a400a201f404\
        f5011b00065bfeda25e000028165c389c3a96e03667765656b6c790881835003030303030303030303030303030303021b00065b\
        feda25e000098150040404040404040404040404040404040a81856c72656164696e672d746970736e6c656e64696e672d737973\
        74656d816c6c6f616e2d686973746f72791b00065bfeda25e000200b1bffffffffffffffff";

    /// Records outlive programs: whoever changes this form must still read what was stored.
    #[test]
    fn the_stored_form_stays() {
        assert_eq!(hex(&everything().to_bytes().unwrap()), STORED);
    }

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
        let bytes = record.to_bytes().unwrap();
        let read = PersonRecord::at(&here, &bytes).unwrap();
        assert_eq!(read.standings, BTreeMap::from([(here.clone(), standing(1))]));
        assert!(read.identifiers.is_empty());
        let nowhere = PersonRecord::at(&"elders".parse().unwrap(), &bytes).unwrap();
        assert_eq!(nowhere, PersonRecord::default());
        assert!(PersonRecord::at(&here, &bytes[..bytes.len() - 1]).is_err());
        assert!(PersonRecord::at(&here, b"{} {}").is_err());
    }
}
