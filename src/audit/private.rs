//! The private part of an audit entry: what the public line may not say, and what binds the two together.
//!
//! ```text
//! salt   = HMAC(audit salt key of the person, entry id)
//! padded = length u32 BE | private JSON | zeros, to a multiple of 128 bytes
//! pc     = HMAC(salt, "audit/pc/v1" | entry id | padded)          in the public line, hiding and binding
//! st     = HMAC(audit tag key of the person, entry id)[0..16]     in the public line, another one in each entry
//! sealed = AES-256-GCM(audit key of the person, padded)           in `audit_private`, bound to its place
//! ```
//!
//! Both `pc` and `st` hang on the person key. Once that is destroyed, nobody can open or guess the first or find two
//! of the second that belong together, and the public line, the tree and every proof stay as they are. The commitment
//! is to the plaintext and not to the sealed bytes: those change when a key is rotated, and AES-GCM alone does not
//! bind a ciphertext to one plaintext.

use crate::crypto::{
    PAD_BUCKET, PersonKeys, Place, SealError, Secret32, SecretBytes, constant_time_eq, mac, open, pad, seal,
    unpad,
};

use super::leaf::EntryId;

const TABLE: &str = "audit_private";
const COLUMN: &str = "sealed";
const COMMITMENT: &[u8] = b"audit/pc/v1";

/// Where the private part of entries of one person in one log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrivatePlace<'a> {
    /// The library network.
    pub tenant: &'a str,
    /// The name of the log: `consent`, `decision` or `admin`.
    pub log: &'a str,
    /// The person, by the random identity that never leaves the service.
    pub person: &'a [u8; 16],
    /// The version of the person key.
    pub key_version: u32,
}

/// What a public line carries of its private part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// The subject tag, for [`super::leaf::Leaf::subject`].
    pub st: [u8; 16],
    /// The commitment, for [`super::leaf::Leaf::commitment`].
    pub pc: [u8; 32],
}

/// The private part of one entry, ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateEntry {
    /// The subject tag of the public line.
    pub st: [u8; 16],
    /// The commitment of the public line.
    pub pc: [u8; 32],
    /// What goes into `audit_private.sealed`.
    pub sealed: Vec<u8>,
}

/// The keys of one person with which audit entries are made, derived once for a whole batch.
#[derive(Debug)]
pub struct AuditKeys {
    enc: Secret32,
    salt: Secret32,
    tag: Secret32,
}

/// Why a private part was not made or not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrivateError {
    /// Not sealed or not opened: too long, moved, changed, or another key.
    #[error("private part of an audit entry: {0}")]
    Seal(#[from] SealError),
    /// It opens, and is not what the public line commits to.
    #[error("private part of an audit entry is not the one that its public line commits to")]
    Commitment,
}

impl AuditKeys {
    /// The audit keys of a person.
    pub fn derive(keys: &PersonKeys) -> Self {
        Self {
            enc: keys.audit_enc(),
            salt: keys.audit_salt(),
            tag: keys.audit_tag(),
        }
    }

    /// The subject tag of an entry: finds the entries of this person among lines that show no person.
    pub fn tag_for(&self, id: EntryId) -> [u8; 16] {
        let [tag, _] = halves(mac(&self.tag, &[id.as_bytes()]));
        tag
    }

    /// The salt of an entry. With the private JSON it is an opening that anybody can check against the public line.
    pub fn salt_for(&self, id: EntryId) -> Secret32 {
        Secret32::from_bytes(mac(&self.salt, &[id.as_bytes()]))
    }

    /// Makes the private part of the entry `id`. `nonce` must be fresh random bytes.
    ///
    /// # Errors
    /// [`SealError::TooLong`], for a text of 4 GiB.
    pub fn make(
        &self,
        place: &PrivatePlace<'_>,
        id: EntryId,
        nonce: [u8; 12],
        private_json: &[u8],
    ) -> Result<PrivateEntry, SealError> {
        let padded = pad(private_json, PAD_BUCKET)?;
        let row = place.row(id);
        let sealed = seal(&self.enc, &place.sealed(&row), nonce, &padded)?;
        let pc = commitment(&self.salt_for(id), id, &padded);
        Ok(PrivateEntry {
            st: self.tag_for(id),
            pc,
            sealed,
        })
    }

    /// Opens the private part of the entry `id` and checks it against the commitment in its public line.
    ///
    /// # Errors
    /// [`PrivateError`] for anything but what was made for this entry.
    pub fn open(
        &self,
        place: &PrivatePlace<'_>,
        id: EntryId,
        pc: &[u8; 32],
        sealed: &[u8],
    ) -> Result<SecretBytes, PrivateError> {
        let row = place.row(id);
        let padded = open(&self.enc, &place.sealed(&row), sealed)?;
        if !constant_time_eq(&commitment(&self.salt_for(id), id, &padded), pc) {
            return Err(PrivateError::Commitment);
        }
        Ok(SecretBytes::new(unpad(&padded, PAD_BUCKET)?.to_vec()))
    }
}

impl PrivatePlace<'_> {
    /// The log and the entry: an entry moved to another log does not open.
    fn row(&self, id: EntryId) -> Vec<u8> {
        [self.log.as_bytes(), id.as_bytes()].concat()
    }

    fn sealed<'p>(&'p self, row: &'p [u8]) -> Place<'p> {
        Place {
            tenant: self.tenant,
            table: TABLE,
            column: COLUMN,
            row,
            person: self.person,
            key_version: self.key_version,
            revision: 0,
        }
    }
}

/// The marks of an entry about nobody we know, from 48 fresh random bytes. Without them, whoever reads the log would
/// see which checks were about a member.
pub fn decoy(random: &[u8; 48]) -> Marks {
    let mut marks = Marks {
        st: [0; 16],
        pc: [0; 32],
    };
    for (to, from) in marks.st.iter_mut().chain(&mut marks.pc).zip(random) {
        *to = *from;
    }
    marks
}

/// Whether `private_json` is what the public line of entry `id` commits to. Needs no key of ours: an auditor who was
/// given the salt and the JSON can do the same with any HMAC-SHA-256.
pub fn verify_opening(pc: &[u8; 32], salt: &[u8; 32], id: EntryId, private_json: &[u8]) -> bool {
    let Ok(padded) = pad(private_json, PAD_BUCKET) else {
        return false;
    };
    constant_time_eq(&commitment(&Secret32::from_bytes(*salt), id, &padded), pc)
}

/// The commitment of the line of an entry to a private part that belongs to no person, with a salt of its own.
///
/// # Errors
/// [`SealError::TooLong`], for a text of 4 GiB.
pub fn commit(salt: &Secret32, id: EntryId, private_json: &[u8]) -> Result<[u8; 32], SealError> {
    Ok(commitment(salt, id, &pad(private_json, PAD_BUCKET)?))
}

fn commitment(salt: &Secret32, id: EntryId, padded: &[u8]) -> [u8; 32] {
    mac(salt, &[COMMITMENT, id.as_bytes(), padded])
}

fn halves(hash: [u8; 32]) -> [[u8; 16]; 2] {
    let mut out = [[0; 16]; 2];
    for (to, from) in out.iter_mut().flatten().zip(hash) {
        *to = from;
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const PERSON: [u8; 16] = [3; 16];
    const PLACE: PrivatePlace<'_> = PrivatePlace {
        tenant: "net",
        log: "decision",
        person: &PERSON,
        key_version: 2,
    };

    fn keys(secret: u8) -> AuditKeys {
        AuditKeys::derive(&PersonKeys::derive(&Secret32::from_bytes([secret; 32])))
    }

    fn id(byte: u8) -> EntryId {
        EntryId::from_bytes([byte; 16])
    }

    #[test]
    fn the_construction_is_the_published_one() {
        let person = PersonKeys::derive(&Secret32::from_bytes([7; 32]));
        let made = keys(7).make(&PLACE, id(9), [1; 12], b"{}").unwrap();

        let salt = mac(&person.audit_salt(), &[&[9; 16]]);
        let mut padded = vec![0, 0, 0, 2, b'{', b'}'];
        padded.resize(128, 0);
        let message = [&b"audit/pc/v1"[..], &[9; 16], &padded].concat();
        assert_eq!(made.pc, mac(&Secret32::from_bytes(salt), &[&message]));
        assert_eq!(made.st, mac(&person.audit_tag(), &[&[9; 16]])[..16]);
        assert!(verify_opening(&made.pc, &salt, id(9), b"{}"));
        assert_eq!(keys(7).salt_for(id(9)).expose(), &salt);

        let row = [&b"decision"[..], &[9; 16]].concat();
        let place = Place {
            tenant: "net",
            table: "audit_private",
            column: "sealed",
            row: &row,
            person: &PERSON,
            key_version: 2,
            revision: 0,
        };
        assert_eq!(
            &*open(&person.audit_enc(), &place, &made.sealed).unwrap(),
            &padded[..]
        );
    }

    #[test]
    fn an_entry_opens_in_its_place_only() {
        let made = keys(7).make(&PLACE, id(9), [1; 12], b"{\"who\":1}").unwrap();
        let opened = keys(7).open(&PLACE, id(9), &made.pc, &made.sealed).unwrap();
        assert_eq!(&*opened, b"{\"who\":1}");

        let refused = Err(PrivateError::Seal(SealError::Refused));
        assert_eq!(keys(8).open(&PLACE, id(9), &made.pc, &made.sealed), refused);
        assert_eq!(keys(7).open(&PLACE, id(8), &made.pc, &made.sealed), refused);
        let elsewhere = [
            PrivatePlace {
                log: "consent",
                ..PLACE
            },
            PrivatePlace {
                tenant: "other",
                ..PLACE
            },
            PrivatePlace {
                person: &[4; 16],
                ..PLACE
            },
        ];
        for place in elsewhere {
            assert_eq!(keys(7).open(&place, id(9), &made.pc, &made.sealed), refused);
        }
        // Another text sealed in the same place by somebody who holds the keys: the line gives it away.
        let other = keys(7).make(&PLACE, id(9), [2; 12], b"{\"who\":2}").unwrap();
        let swapped = keys(7).open(&PLACE, id(9), &made.pc, &other.sealed);
        assert_eq!(swapped, Err(PrivateError::Commitment));
    }

    #[test]
    fn tags_of_one_person_have_nothing_in_common() {
        let tags: HashSet<_> = (0..200).map(|n| keys(7).tag_for(id(n))).collect();
        assert_eq!(tags.len(), 200);
        assert_ne!(keys(7).tag_for(id(1)), keys(8).tag_for(id(1)));
    }

    #[test]
    fn a_decoy_is_the_random_bytes() {
        let mut random = [0; 48];
        random[16..].fill(1);
        assert_eq!(
            decoy(&random),
            Marks {
                st: [0; 16],
                pc: [1; 32]
            }
        );
    }

    proptest! {
        #[test]
        fn what_is_made_opens_and_verifies(
            json in proptest::collection::vec(any::<u8>(), 0..400), entry: [u8; 16], nonce: [u8; 12],
        ) {
            let id = EntryId::from_bytes(entry);
            let made = keys(7).make(&PLACE, id, nonce, &json).unwrap();
            prop_assert_eq!(&*keys(7).open(&PLACE, id, &made.pc, &made.sealed).unwrap(), &json[..]);
            prop_assert!(verify_opening(&made.pc, keys(7).salt_for(id).expose(), id, &json));
        }

        #[test]
        fn any_flipped_bit_fails(
            json in proptest::collection::vec(any::<u8>(), 1..100),
            at: proptest::sample::Index, bit in 0_u8..8, part in 0..5,
        ) {
            let entry = id(9);
            let made = keys(7).make(&PLACE, entry, [1; 12], &json).unwrap();
            let (mut pc, mut salt) = (made.pc, *keys(7).salt_for(entry).expose());
            let (mut eid, mut json, mut sealed) = (*entry.as_bytes(), json, made.sealed);
            let changed: &mut [u8] = match part {
                0 => &mut pc,
                1 => &mut salt,
                2 => &mut eid,
                3 => &mut json,
                _ => &mut sealed,
            };
            let at = at.index(changed.len());
            changed[at] ^= 1 << bit;
            let eid = EntryId::from_bytes(eid);
            if part < 4 {
                prop_assert!(!verify_opening(&pc, &salt, eid, &json));
            }
            if [0, 2, 4].contains(&part) {
                prop_assert!(keys(7).open(&PLACE, eid, &pc, &sealed).is_err());
            }
        }
    }
}
