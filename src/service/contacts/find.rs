//! Which answer a contact rests on: the last one that the system was given about the person, the purpose and the channel,
//! alone or in a list.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{CLOCKS_DIFFER, ContactMade, MATCHED_WITHIN, ReportContacts};
use crate::audit::bulk::BulkSecret;
use crate::audit::bundle;
use crate::audit::leaf::{EntryId, Leaf};
use crate::crypto::PersonKeys;
use crate::domain::contact::ContactMatch;
use crate::domain::decision::Effect;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;
use crate::domain::purpose::Action;
use crate::service::call::Call;
use crate::service::work::{self, Stop, Work, dated};
use crate::store::{LeafPlace, StoreError, StoredBatch};

/// The log of answers.
const LOG: &str = "decision";
/// Batches that are held at a time.
const HELD: usize = 256;

/// The answer that a contact rests on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) matched: ContactMatch,
    pub(super) decision: Option<EntryId>,
    millis: i64,
}

impl Found {
    const NOTHING: Self = Self {
        matched: ContactMatch::None,
        decision: None,
        millis: i64::MIN,
    };

    /// The later of the two.
    fn or_later(&mut self, effect: Effect, leaf: &Leaf<'_>) {
        if leaf.millis >= self.millis {
            *self = Self {
                matched: match effect {
                    Effect::Permit => ContactMatch::Permit,
                    Effect::Deny => ContactMatch::Deny,
                },
                decision: Some(leaf.id),
                millis: leaf.millis,
            };
        }
    }
}

/// The answers that all contacts of a report rest on, in their order. Reads only.
pub(super) fn all(call: &Call, work: &mut Work<'_, '_>, report: &ReportContacts) -> Result<Vec<Found>, Stop> {
    work.require_organisation(call, &report.organisation)?;
    let mut batches = Batches::default();
    let mut found = vec![Found::NOTHING; report.contacts.len()];
    let mut keys: Vec<Vec<Arc<PersonKeys>>> = vec![Vec::new(); report.contacts.len()];
    for ((contact, found), keys) in report.contacts.iter().zip(&mut found).zip(&mut keys) {
        let case = Case {
            call,
            report,
            contact,
        };
        match work.find(&call.principal.system, &report.organisation, &contact.person)? {
            work::Found::Known(id) => {
                let mut people = work.tx().merged_into(id)?;
                people.push(id);
                *keys = keys_of(work, &people)?;
                case.single(work, &mut batches, &people, found)?;
            }
            work::Found::Unknown | work::Found::Erased(_) => case.about_nobody(work, found)?,
        }
    }
    in_lists(call, work, report, &keys, &mut found)?;
    Ok(found)
}

fn keys_of(work: &mut Work<'_, '_>, people: &[PersonId]) -> Result<Vec<Arc<PersonKeys>>, StoreError> {
    let mut keys = Vec::with_capacity(people.len());
    for person in people {
        keys.extend(
            work.person_as_stored(*person)?
                .and_then(|person| person.keys.clone()),
        );
    }
    Ok(keys)
}

/// One contact of a report.
struct Case<'a> {
    call: &'a Call,
    report: &'a ReportContacts,
    contact: &'a ContactMade,
}

impl Case<'_> {
    /// From when until when an answer counts.
    fn time(&self) -> (Moment, Moment) {
        let at = self.contact.occurred_at;
        (at.plus_seconds(-MATCHED_WITHIN), at.plus_seconds(CLOCKS_DIFFER))
    }

    /// Whether a line is an answer to the question that this contact needed.
    fn fits(&self, leaf: &Leaf<'_>) -> bool {
        let (from, to) = self.time();
        let word = |word: Option<&crate::audit::leaf::Word<'_>>, wanted: &str| {
            word.is_some_and(|word| word.as_str() == wanted)
        };
        leaf.kind.as_str().starts_with("decision")
            && leaf.system.as_str() == self.call.principal.system.as_str()
            && word(leaf.organisation.as_ref(), self.report.organisation.as_str())
            && word(leaf.purpose.as_ref(), self.report.purpose.as_str())
            && word(leaf.action.as_ref(), Action::Contact.as_str())
            && word(leaf.channel.as_ref(), self.contact.channel.as_str())
            && (from.millis()..=to.millis()).contains(&leaf.millis)
            && self
                .contact
                .decision
                .is_none_or(|wanted| is_of(leaf, EntryId::from(wanted)))
    }

    /// Single checks about a person.
    fn single(
        &self,
        work: &mut Work<'_, '_>,
        batches: &mut Batches,
        people: &[PersonId],
        found: &mut Found,
    ) -> Result<(), Stop> {
        for (node, seq, off) in work.tx().leaves_about(LOG, people, self.time())? {
            let Some(leaf) = batches.leaf(work, &(node, seq, off))? else {
                continue;
            };
            let effect = leaf
                .outcome
                .as_ref()
                .and_then(|word| Effect::parse(word.as_str()));
            if let Some(effect) = effect.filter(|_| leaf.bulk.is_none() && self.fits(&leaf)) {
                found.or_later(effect, &leaf);
            }
        }
        Ok(())
    }

    /// Somebody unknown or erased: the answer to a check is a no, in a line that is about nobody. It is found by its id.
    fn about_nobody(&self, work: &mut Work<'_, '_>, found: &mut Found) -> Result<(), Stop> {
        let Some(id) = self.contact.decision.map(EntryId::from) else {
            return Ok(());
        };
        let (from, to) = dated(*id.as_bytes());
        for batch in work.tx().batches_between(LOG, from, to, None, u32::MAX)? {
            let people = work.tx().people_of_batch(LOG, &batch.node, batch.node_seq)?;
            for (off, leaf) in (0..).zip(leaves(&batch)?) {
                let nobody = !people.iter().any(|(place, _)| *place == off);
                let denied = leaf
                    .outcome
                    .as_ref()
                    .is_some_and(|word| word.as_str() == Effect::Deny.as_str());
                if leaf.id == id && nobody && denied && self.fits(&leaf) {
                    found.or_later(Effect::Deny, &leaf);
                }
            }
        }
        Ok(())
    }
}

/// Bulk checks: each line of the time is read once, and the keys of those who were contacted are tried on it.
fn in_lists(
    call: &Call,
    work: &mut Work<'_, '_>,
    report: &ReportContacts,
    keys: &[Vec<Arc<PersonKeys>>],
    found: &mut [Found],
) -> Result<(), Stop> {
    let cases = report.contacts.iter().map(|contact| Case {
        call,
        report,
        contact,
    });
    let cases: Vec<Case<'_>> = cases.collect();
    let first = cases.iter().map(|case| case.time().0).min();
    let last = cases.iter().map(|case| case.time().1).max();
    let Some(time) = first.zip(last) else {
        return Ok(());
    };
    for (node, seq, off) in work.tx().bulk_lines(LOG, time)? {
        let Some(leaf) = Batches::default().leaf(work, &(node.clone(), seq, off))? else {
            continue;
        };
        if !cases.iter().any(|case| case.fits(&leaf)) {
            continue;
        }
        let rows = work.tx().bulk_of_batch(LOG, &node, seq)?;
        let Some(row) = rows.into_iter().find(|row| row.off == off) else {
            continue;
        };
        let line = EntryId::from_bytes(row.line);
        let count = usize::try_from(row.n).map_err(|_| StoreError::Corrupt)?;
        let width = row.entries.len().checked_div(count).unwrap_or(0);
        for ((case, keys), found) in cases.iter().zip(keys).zip(found.iter_mut()) {
            if leaf.millis < found.millis || !case.fits(&leaf) {
                continue;
            }
            let outcome = keys
                .iter()
                .find_map(|keys| BulkSecret::derive(&keys.audit_tag(), line).find(&row.entries, width));
            if let Some(outcome) = outcome {
                found.or_later(outcome.reason.effect(), &leaf);
            }
        }
    }
    Ok(())
}

/// Whether an entry is the check of this id, or a line of the bulk check of this id.
fn is_of(leaf: &Leaf<'_>, wanted: EntryId) -> bool {
    let batch = leaf.extra.iter().find(|(key, _)| key.as_str() == "batch");
    leaf.id == wanted || batch.and_then(|(_, id)| EntryId::parse(id)) == Some(wanted)
}

fn leaves(batch: &StoredBatch) -> Result<Vec<Leaf<'static>>, StoreError> {
    let lines = bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)?;
    lines
        .into_iter()
        .map(|line| Leaf::parse(line).map_err(|_| StoreError::Corrupt))
        .collect()
}

/// Batches that were read: the checks before a mailing stand together.
#[derive(Default)]
struct Batches(BTreeMap<(String, u64), Vec<Leaf<'static>>>);

impl Batches {
    fn leaf(
        &mut self,
        work: &mut Work<'_, '_>,
        (node, seq, off): &LeafPlace,
    ) -> Result<Option<Leaf<'static>>, StoreError> {
        let key = (node.clone(), *seq);
        if self.0.len() > HELD {
            self.0.clear();
        }
        if !self.0.contains_key(&key) {
            let read = work.tx().batches_of_node(LOG, node, *seq, 1)?;
            let own = read.first().filter(|batch| batch.node_seq == *seq);
            let own = own.map(leaves).transpose()?.unwrap_or_default();
            self.0.insert(key.clone(), own);
        }
        let leaves = self.0.get(&key);
        let off = usize::try_from(*off).map_err(|_| StoreError::Corrupt)?;
        Ok(leaves.and_then(|leaves| leaves.get(off)).cloned())
    }
}
