//! The entries of the people in the line of a bulk check. A campaign asks about a million people; a row and an index
//! entry for each would cost more than all the rest, so the entries of one line are packed:
//!
//! ```text
//! secret     = HMAC(audit tag key of the person, "akkoord/bulk/v1" | line id)                        32 bytes
//! outcome    = reason code 1 | bit i of byte i/8: data scope i of the line was permitted              1 + ⌈scopes/8⌉
//! entry      = secret[0..8] | outcome XOR secret[8..] | SHA-256("akkoord/bulk/entry/v1" | secret | line id | outcome)[0..20]
//! entries    = all entries, sorted, each once
//! context    = salt 32 | JSON that holds for the whole line (client, reference, trace)
//! commitment = root (RFC 6962) over SHA-256("akkoord/bulk/context/v1" | context) and then each entry
//! ```
//!
//! Whoever has the person's key makes the secret with one HMAC and finds the entry by binary search. Whoever has not sees
//! bytes that are as good as random, other ones in each line; once the key is destroyed nobody can find, read or link
//! them, so erasing a person leaves the line, the entries and every proof as they are. To open one entry to an auditor,
//! show the secret and the outcome: the secret begins with the tag and hashes to the commitment, and an inclusion proof
//! leads from the entry to the line, without any other person.

use super::leaf::EntryId;
use super::tree::{CompactRange, Hash};
use crate::crypto::{Secret32, mac, sha256_parts};
use crate::domain::decision::ReasonCode;

/// Most data scopes of one line.
pub const MOST_SCOPES: usize = 56;

const TAG: usize = 8;
const COMMITMENT: usize = 20;
const WIDEST: usize = TAG + 1 + MOST_SCOPES / 8 + COMMITMENT;
const LABEL: &[u8] = b"akkoord/bulk/v1";
const ENTRY_LABEL: &[u8] = b"akkoord/bulk/entry/v1";
const CONTEXT_LABEL: &[u8] = b"akkoord/bulk/context/v1";

/// What was answered about one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkOutcome {
    /// The decisive reason; permit or deny follows from it.
    pub reason: ReasonCode,
    /// Which data may be used: bit i stands for the ith data scope of the line.
    pub scopes: u64,
}

/// What finds and opens the entry of one person in one line, and nothing else.
#[derive(Clone)]
pub struct BulkSecret {
    line: EntryId,
    bytes: [u8; 32],
}

impl std::fmt::Debug for BulkSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BulkSecret(…)")
    }
}

/// The number of a reason in an entry. Numbers are for ever: a new code takes the next one.
const fn number(reason: ReasonCode) -> u8 {
    use ReasonCode as Code;
    match reason {
        Code::PermitConsent => 1,
        Code::PermitContract => 2,
        Code::PermitLegalObligation => 3,
        Code::PermitPublicTask => 4,
        Code::PermitLegitimateInterest => 5,
        Code::PermitCustomerException => 6,
        Code::DenyNoConsent => 7,
        Code::DenyRefused => 8,
        Code::DenyWithdrawn => 9,
        Code::DenyExpired => 10,
        Code::DenyNoticeOutdated => 11,
        Code::DenyGuardianRequired => 12,
        Code::DenyGuardianAuthorityEnded => 13,
        Code::DenyReconfirmDue => 14,
        Code::DenyObjection => 15,
        Code::DenyRestricted => 16,
        Code::DenyErased => 17,
        Code::DenyPurposeInactive => 18,
        Code::DenyScope => 19,
        Code::DenyChannel => 20,
        Code::DenyController => 21,
        Code::DenyCustomerExceptionIncomplete => 22,
        Code::DenyArt14NoticeDue => 23,
        Code::DenySchoolDomain => 24,
        Code::DenyUnknownSubject => 25,
    }
}

impl BulkOutcome {
    fn to_bytes(self, length: usize) -> Vec<u8> {
        let scopes = self.scopes.to_le_bytes();
        let mut bytes = Vec::with_capacity(length);
        bytes.push(number(self.reason));
        bytes.extend(scopes.into_iter().take(length.saturating_sub(1)));
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (code, mask) = bytes.split_first()?;
        let reason = ReasonCode::ALL.iter().find(|reason| number(**reason) == *code)?;
        let mut scopes = [0; 8];
        for (to, from) in scopes.iter_mut().zip(mask) {
            *to = *from;
        }
        Some(Self {
            reason: *reason,
            scopes: u64::from_le_bytes(scopes),
        })
    }
}

/// How long one entry of a line with so many data scopes is, in bytes.
pub const fn width(scopes: usize) -> usize {
    TAG + outcome_len(scopes) + COMMITMENT
}

const fn outcome_len(scopes: usize) -> usize {
    1 + if scopes < MOST_SCOPES { scopes } else { MOST_SCOPES }.div_ceil(8)
}

impl BulkSecret {
    /// Of a person, by the key that [`crate::crypto::PersonKeys::audit_tag`] gives.
    pub fn derive(tag_key: &Secret32, line: EntryId) -> Self {
        Self {
            line,
            bytes: mac(tag_key, &[LABEL, line.as_bytes()]),
        }
    }

    /// The secret itself, to be shown in an opening.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }

    fn commitment(&self, outcome: &[u8]) -> [u8; 32] {
        sha256_parts(&[ENTRY_LABEL, &self.bytes, self.line.as_bytes(), outcome])
    }

    fn hide<'o>(&'o self, outcome: &'o [u8]) -> impl Iterator<Item = u8> + 'o {
        let pad = self.bytes.iter().skip(TAG);
        outcome.iter().zip(pad).map(|(byte, pad)| byte ^ pad)
    }

    /// The outcome in the entry of this person, if the line has one. `entries` is sorted and each is `width` bytes long.
    pub fn find(&self, entries: &[u8], width: usize) -> Option<BulkOutcome> {
        let (tag, _) = self.bytes.split_first_chunk::<TAG>()?;
        let count = entries.len().checked_div(width)?;
        let entry = |at: usize| entries.get(at.checked_mul(width)?..at.checked_add(1)?.checked_mul(width)?);
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            if entry(middle)?.get(..TAG)? < tag.as_slice() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low..count)
            .map_while(|at| entry(at).filter(|entry| entry.starts_with(tag)))
            .find_map(|entry| self.open(entry))
    }

    /// The outcome in an entry, if it is this person's.
    fn open(&self, entry: &[u8]) -> Option<BulkOutcome> {
        let (tag, rest) = entry.split_first_chunk::<TAG>()?;
        let (hidden, commitment) = rest.split_last_chunk::<COMMITMENT>()?;
        let outcome: Vec<u8> = self.hide(hidden).collect();
        let ours = self.bytes.starts_with(tag) && self.commitment(&outcome).starts_with(commitment);
        ours.then(|| BulkOutcome::of_bytes(&outcome)).flatten()
    }
}

/// The entries of one line while it is made.
#[derive(Debug)]
pub struct Packing {
    outcome_len: usize,
    entries: Vec<[u8; WIDEST]>,
}

impl Packing {
    /// For a line that asked for so many data scopes, [`MOST_SCOPES`] at most, about so many people.
    pub fn new(scopes: usize, people: usize) -> Self {
        Self {
            outcome_len: outcome_len(scopes),
            entries: Vec::with_capacity(people),
        }
    }

    /// Adds what was answered about the person of a secret.
    pub fn add(&mut self, secret: &BulkSecret, outcome: BulkOutcome) {
        let outcome = outcome.to_bytes(self.outcome_len);
        let tag = secret.bytes.iter().take(TAG).copied();
        let commitment = secret.commitment(&outcome).into_iter().take(COMMITMENT);
        let mut entry = [0; WIDEST];
        for (to, from) in entry
            .iter_mut()
            .zip(tag.chain(secret.hide(&outcome)).chain(commitment))
        {
            *to = from;
        }
        self.entries.push(entry);
    }

    /// The entries as they are stored. Somebody who stood in the list twice has one.
    pub fn finish(mut self) -> Vec<u8> {
        self.entries.sort_unstable();
        self.entries.dedup();
        let width = TAG + self.outcome_len + COMMITMENT;
        let mut packed = Vec::with_capacity(self.entries.len().saturating_mul(width));
        for entry in &self.entries {
            packed.extend(entry.iter().take(width));
        }
        packed
    }
}

/// The commitment in the line of a bulk check.
pub fn bulk_commitment(context: &[u8], entries: &[u8], width: usize) -> Hash {
    let mut tree = CompactRange::new();
    let first = sha256_parts(&[CONTEXT_LABEL, context]);
    tree.append(sha256_parts(&[&[0], &first]));
    for entry in entries.chunks_exact(width.max(1)) {
        tree.append(sha256_parts(&[&[0], entry]));
    }
    tree.root()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::audit::leaf::leaf_hash;
    use crate::audit::proof;
    use crate::audit::tree::Node;
    use crate::audit::tree::tests::mth;
    use crate::crypto::PersonKeys;

    const LINE: EntryId = EntryId::from_bytes([9; 16]);

    fn secret(person: u32, line: EntryId) -> BulkSecret {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&person.to_be_bytes());
        let keys = PersonKeys::derive(&Secret32::from_bytes(key));
        BulkSecret::derive(&keys.audit_tag(), line)
    }

    fn outcome(person: u32) -> BulkOutcome {
        let reason = ReasonCode::ALL[person as usize % ReasonCode::ALL.len()];
        BulkOutcome {
            reason,
            scopes: u64::from(person % 4),
        }
    }

    fn packed(people: std::ops::Range<u32>, line: EntryId) -> Vec<u8> {
        let mut packing = Packing::new(2, people.len());
        people.for_each(|person| packing.add(&secret(person, line), outcome(person)));
        packing.finish()
    }

    #[test]
    fn everybody_finds_their_own_entry_and_nobody_another() {
        let entries = packed(0..1000, LINE);
        assert_eq!(entries.len(), 1000 * width(2));
        assert_eq!(width(2), 30);
        for person in 0..1000 {
            assert_eq!(
                secret(person, LINE).find(&entries, width(2)),
                Some(outcome(person))
            );
        }
        for stranger in 1000..2000 {
            assert_eq!(secret(stranger, LINE).find(&entries, width(2)), None);
        }
        let elsewhere = EntryId::from_bytes([8; 16]);
        assert_eq!(secret(1, elsewhere).find(&entries, width(2)), None);
        assert_eq!(secret(1, LINE).find(&[], width(2)), None);
        assert_eq!(secret(1, LINE).find(&entries, 0), None);
    }

    #[test]
    fn lines_about_the_same_people_have_no_bytes_in_common() {
        let lines: Vec<Vec<u8>> = (0..2)
            .map(|n| packed(0..500, EntryId::from_bytes([n; 16])))
            .collect();
        let words: Vec<HashSet<&[u8]>> = lines
            .iter()
            .map(|line| line.chunks(30).flat_map(|entry| entry.windows(6)).collect())
            .collect();
        assert!(words[0].is_disjoint(&words[1]));
        // All have the same outcome, and it does not show.
        let mut packing = Packing::new(2, 300);
        for person in 0..300 {
            packing.add(&secret(person, LINE), outcome(0));
        }
        let hidden: HashSet<Vec<u8>> = packing.finish().chunks(30).map(|e| e[8..10].to_vec()).collect();
        assert!(hidden.len() > 250);
    }

    #[test]
    fn somebody_who_stands_in_the_list_twice_has_one_entry() {
        let mut packing = Packing::new(2, 2);
        packing.add(&secret(1, LINE), outcome(1));
        packing.add(&secret(1, LINE), outcome(1));
        assert_eq!(packing.finish(), packed(1..2, LINE));
    }

    #[test]
    fn numbers_of_reasons_are_distinct_and_stay() {
        let numbers: HashSet<u8> = ReasonCode::ALL.iter().map(|reason| number(*reason)).collect();
        assert_eq!(numbers.len(), ReasonCode::ALL.len());
        assert_eq!(number(ReasonCode::DenyUnknownSubject), 25);
    }

    #[test]
    fn the_construction_is_the_published_one() {
        let secret = secret(7, LINE);
        let mut packing = Packing::new(9, 1);
        let outcome = BulkOutcome {
            reason: ReasonCode::DenyWithdrawn,
            scopes: 0x102,
        };
        packing.add(&secret, outcome);
        let entry = packing.finish();
        assert_eq!(entry.len(), 8 + 3 + 20);
        assert_eq!(entry[..8], secret.expose()[..8]);
        let plain: Vec<u8> = (8..11).map(|i| entry[i] ^ secret.expose()[i]).collect();
        assert_eq!(plain, [9, 0x02, 0x01]);
        let hash = sha256_parts(&[b"akkoord/bulk/entry/v1", secret.expose(), &[9; 16], &plain]);
        assert_eq!(entry[11..], hash[..20]);
    }

    #[test]
    fn one_entry_is_proved_without_the_others() {
        let entries = packed(0..5, LINE);
        let first = sha256_parts(&[b"akkoord/bulk/context/v1", b"salt and json"]);
        let mut hashes = vec![leaf_hash(&first)];
        hashes.extend(entries.chunks(30).map(leaf_hash));
        let read = |node: Node| {
            let from = (node.index << node.level) as usize;
            Ok::<_, ()>(mth(&hashes[from..from + (1 << node.level)]))
        };
        let made = proof::inclusion(3, 6).unwrap().prove(read).unwrap();
        let root = bulk_commitment(b"salt and json", &entries, 30);
        assert_eq!(proof::verify_inclusion(3, 6, &hashes[3], &made, &root), Ok(()));
        assert_ne!(bulk_commitment(b"salt and json.", &entries, 30), root);
        assert_ne!(bulk_commitment(b"salt and json", &entries[30..], 30), root);
    }

    proptest! {
        #[test]
        fn any_flipped_bit_hides_the_entry(at in 0_usize..30, bit in 0_u8..8) {
            let mut entries = packed(3..4, LINE);
            entries[at] ^= 1 << bit;
            prop_assert_eq!(secret(3, LINE).find(&entries, 30), None);
        }

        #[test]
        fn every_outcome_comes_back(person: u32, code in 0..ReasonCode::ALL.len(), scopes: u64, count in 0_usize..=56) {
            let kept = if count == 0 { 0 } else { scopes & (u64::MAX >> (64 - count.div_ceil(8) * 8)) };
            let said = BulkOutcome { reason: ReasonCode::ALL[code], scopes: kept };
            let mut packing = Packing::new(count, 1);
            packing.add(&secret(person, LINE), said);
            prop_assert_eq!(secret(person, LINE).find(&packing.finish(), width(count)), Some(said));
        }
    }
}
