//! Search the audit logs: by time, system, library, purpose, outcome and reason; one entry by its id; and, with a reason
//! that is itself recorded, what was asked about one person.

use std::collections::BTreeMap;

use super::call::{Call, Scope};
use super::exports;
use super::keys::LOGS;
use super::lane::Verb;
use super::people::look_at_pairwise;
use super::refusal::{Invalid, Refusal};
use super::shared::Shared;
use super::work::{Log, Stop, Subjects, Work, dated};
use crate::audit::bulk::BulkOutcome;
use crate::audit::bundle;
use crate::audit::leaf::{EntryId, Leaf, leaf_hash};
use crate::audit::private::{AuditKeys, PrivatePlace};
use crate::crypto::PersonKeys;
use crate::domain::decision::{Effect, ReasonCode};
use crate::domain::ids::{OrganisationId, PersonId, PurposeId, SystemId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::policy::catalogue::Catalogue;
use crate::store::{PrivateEntry, SearchFrom, StoreError, StoredBatch};

/// How many batches are read at a time.
const STEP: u32 = 256;

/// How many entries are looked at for one page: a search for something rare answers with a cursor instead of for ever.
const LOOK_AT: usize = 200_000;

/// What to search for; what is absent is not looked at.
#[derive(Debug, Clone)]
pub struct SearchEntries {
    /// `consent`, `decision` or `admin`.
    pub log: String,
    /// Not before.
    pub from: Moment,
    /// Not after.
    pub to: Moment,
    /// The calling system.
    pub system: Option<SystemId>,
    /// The library.
    pub organisation: Option<OrganisationId>,
    /// The purpose.
    pub purpose: Option<PurposeId>,
    /// Permit or deny.
    pub outcome: Option<Effect>,
    /// A reason code, decisive or not.
    pub reason: Option<ReasonCode>,
    /// One entry.
    pub id: Option<EntryId>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1,000.
    pub limit: usize,
}

/// An entry as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEntry {
    /// The log.
    pub log: String,
    /// The leaf.
    pub leaf: Leaf<'static>,
    /// Its hash.
    pub leaf_hash: [u8; 32],
    /// Its index in the log, once it is in the tree.
    pub index: Option<u64>,
    /// The private part, where it was asked for and can be opened.
    pub private: Option<Personal<String>>,
    /// What was answered about the person who was looked up, in the line of a bulk check.
    pub about: Option<BulkOutcome>,
}

/// A page of entries, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEntries {
    /// Entries.
    pub items: Vec<FoundEntry>,
    /// Where the next page begins; absent at the end.
    pub next_cursor: Option<String>,
}

/// What was asked and recorded about one person.
#[derive(Debug, Clone)]
pub struct SearchPerson {
    /// Pairwise id.
    pub person_id: String,
    /// Why the officer looks; recorded, sealed for the person.
    pub reason: Personal<String>,
    /// Whether to open the private parts.
    pub open: bool,
    /// At most this many, newest first.
    pub limit: usize,
}

impl SearchEntries {
    /// Reads only.
    pub(crate) fn read(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<FoundEntries, Stop> {
        call.require(Scope::AuditRead)?;
        if !LOGS.contains(&self.log.as_str()) {
            let detail = "the log is one of consent, decision, admin";
            return Err(Refusal::from(Invalid::new("/log", "unknown-log", detail)).into());
        }
        let page = self.page(call, work, self.span(), false)?;
        match self.id {
            // A bulk check answers the id of the whole, which each of its lines names; the first follows within a minute.
            Some(id) if page.items.is_empty() && page.next_cursor.is_none() => {
                let (first, _) = dated(*id.as_bytes());
                self.page(call, work, (first, first.plus_seconds(60)), true)
            }
            _ => Ok(page),
        }
    }

    fn page(
        &self,
        call: &Call,
        work: &mut Work<'_, '_>,
        (from, to): (Moment, Moment),
        of_bulk: bool,
    ) -> Result<FoundEntries, Stop> {
        let mut place = self.cursor.as_deref().map(Cursor::parse).transpose()?;
        let (mut items, mut looked) = (Vec::new(), 0_usize);
        loop {
            let before = place.as_ref().map(|cursor| cursor.batch.clone());
            // The batch the cursor is in was not finished: it is read again, and its first entries are skipped.
            let batches = match &place {
                Some(cursor) if cursor.skip > 0 => {
                    let at = cursor.batch.created_at;
                    let same = work.tx().batches_between(&self.log, at, at, None, u32::MAX)?;
                    let own =
                        |b: &StoredBatch| b.node == cursor.batch.node && b.node_seq == cursor.batch.node_seq;
                    same.into_iter().filter(own).collect()
                }
                _ => work
                    .tx()
                    .batches_between(&self.log, from, to, before.as_ref(), STEP)?,
            };
            if batches.is_empty() {
                return Ok(FoundEntries {
                    items,
                    next_cursor: None,
                });
            }
            for batch in &batches {
                let skip = place.as_ref().map_or(0, |cursor| cursor.skip);
                let batch_place = SearchFrom {
                    created_at: batch.created_at,
                    node: batch.node.clone(),
                    node_seq: batch.node_seq,
                };
                // A line of a bulk check is alone in its batch.
                let worth = !of_bulk || batch.n == 1;
                let lines = if worth {
                    bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)?
                } else {
                    Vec::new()
                };
                for (done, (offset, line)) in lines.iter().enumerate().rev().enumerate().skip(skip) {
                    let leaf = Leaf::parse(line).map_err(|_| StoreError::Corrupt)?;
                    if self.wants(&leaf, of_bulk) && may_see(call, work.catalogue(), &leaf) {
                        let reason = exports::reason_of(&work.shared.keys, 0, &leaf);
                        let private = reason.map(|opening| {
                            Personal::new(String::from_utf8_lossy(&opening.private).into_owned())
                        });
                        items.push(FoundEntry {
                            private,
                            ..found(&self.log, batch, offset, line, leaf)
                        });
                    }
                    looked += 1;
                    if items.len() >= self.limit || looked >= LOOK_AT {
                        let next = Cursor {
                            batch: batch_place,
                            skip: done + 1,
                            of: lines.len(),
                        };
                        return Ok(FoundEntries {
                            items,
                            next_cursor: Some(next.to_text()),
                        });
                    }
                }
                place = Some(Cursor {
                    batch: batch_place,
                    skip: 0,
                    of: lines.len(),
                });
            }
        }
    }

    /// An entry's id says when it was made.
    fn span(&self) -> (Moment, Moment) {
        match self.id {
            None => (self.from, self.to),
            Some(id) => {
                let (first, last) = dated(*id.as_bytes());
                (first.max(self.from), last.min(self.to))
            }
        }
    }

    fn wants(&self, leaf: &Leaf<'_>, of_bulk: bool) -> bool {
        fn same(wanted: Option<&str>, found: Option<&str>) -> bool {
            wanted.is_none_or(|wanted| found == Some(wanted))
        }
        same(
            self.system.as_ref().map(|s| s.as_str()),
            Some(leaf.system.as_str()),
        ) && same(
            self.organisation.as_ref().map(|o| o.as_str()),
            leaf.organisation.as_ref().map(|w| w.as_str()),
        ) && same(
            self.purpose.as_ref().map(|p| p.as_str()),
            leaf.purpose.as_ref().map(|w| w.as_str()),
        ) && self.outcome.is_none_or(|wanted| has_outcome(leaf, wanted))
            && self.reason.is_none_or(|wanted| has_reason(leaf, wanted))
            && self.id.is_none_or(|id| {
                let own = if of_bulk { batch_of(leaf) } else { Some(leaf.id) };
                own == Some(id)
            })
    }
}

/// The line of a bulk check has the outcomes of all its people.
fn has_outcome(leaf: &Leaf<'_>, wanted: Effect) -> bool {
    match &leaf.bulk {
        None => leaf
            .outcome
            .as_ref()
            .is_some_and(|found| found.as_str() == wanted.as_str()),
        Some(bulk) => match wanted {
            Effect::Permit => bulk.permitted > 0,
            Effect::Deny => !bulk.denied.is_empty(),
        },
    }
}

fn has_reason(leaf: &Leaf<'_>, wanted: ReasonCode) -> bool {
    let denied = leaf.bulk.iter().flat_map(|bulk| bulk.denied.keys());
    leaf.reasons
        .iter()
        .chain(denied)
        .any(|found| found.as_str() == wanted.as_str())
}

/// The bulk check that a line belongs to.
fn batch_of(leaf: &Leaf<'_>) -> Option<EntryId> {
    let named = leaf.extra.iter().find(|(key, _)| key.as_str() == "batch");
    named.and_then(|(_, id)| EntryId::parse(id))
}

/// A reader sees the entries of the libraries it works for, and those of no library if it works for all (R50).
pub(crate) fn may_see(call: &Call, catalogue: &Catalogue, leaf: &Leaf<'_>) -> bool {
    match leaf.organisation.as_ref().map(|word| word.as_str().parse()) {
        Some(Ok(organisation)) => call.serves(catalogue, &organisation),
        Some(Err(_)) => false,
        None => call.serves_all(catalogue),
    }
}

pub(super) fn found(
    log: &str,
    batch: &StoredBatch,
    offset: usize,
    line: &[u8],
    leaf: Leaf<'static>,
) -> FoundEntry {
    let start = batch.start_index.and_then(|start| u64::try_from(start).ok());
    FoundEntry {
        log: log.to_owned(),
        leaf_hash: leaf_hash(line),
        index: start.and_then(|start| start.checked_add(u64::try_from(offset).ok()?)),
        leaf,
        private: None,
        about: None,
    }
}

/// Where a page ended: a batch, and how many of its entries were looked at.
struct Cursor {
    batch: SearchFrom,
    skip: usize,
    of: usize,
}

impl Cursor {
    fn to_text(&self) -> String {
        // A finished batch is left behind.
        let skip = if self.skip >= self.of { 0 } else { self.skip };
        format!(
            "{}~{}~{}~{skip}",
            self.batch.created_at.micros(),
            self.batch.node,
            self.batch.node_seq
        )
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        let wrong = || {
            Invalid::new(
                "/cursor",
                "unknown-cursor",
                "give the nextCursor of the page before, unchanged",
            )
        };
        let mut parts = text.split('~');
        let mut next = || parts.next().ok_or_else(wrong);
        let created_at = Moment::from_micros(next()?.parse().map_err(|_| wrong())?);
        let node = next()?.to_owned();
        let node_seq = next()?.parse().map_err(|_| wrong())?;
        let skip = next()?.parse().map_err(|_| wrong())?;
        if parts.next().is_some() {
            return Err(wrong().into());
        }
        Ok(Self {
            batch: SearchFrom {
                created_at,
                node,
                node_seq,
            },
            skip,
            of: usize::MAX,
        })
    }
}

impl Verb for SearchPerson {
    type Answer = Vec<FoundEntry>;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at_pairwise(shared, call, &self.person_id, into);
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Vec<FoundEntry>, Stop> {
        call.require(Scope::AuditRead)?;
        if self.reason.reveal().trim().is_empty() {
            let detail = "say why you look up what is known about this person; the reason is recorded";
            return Err(Refusal::from(Invalid::new("/reason", "required", detail)).into());
        }
        let (id, organisation) = work.find_pairwise(call, &self.person_id)?;
        let person = work.member(id)?.clone();
        let keys = person.keys.clone().ok_or(Refusal::NotFound)?;
        let mut items = entries_about(call, work, id, &keys, self.open)?;
        items.sort_by_key(|item| std::cmp::Reverse((item.leaf.millis, item.leaf.id.to_string())));
        items.truncate(self.limit);
        self.record(call, work, &organisation, &person, &keys)?;
        Ok(items)
    }
}

/// Every entry of every log that was made under somebody's key and that the caller may see, in no order. Reads only.
pub(super) fn entries_about(
    call: &Call,
    work: &mut Work<'_, '_>,
    id: PersonId,
    keys: &PersonKeys,
    open: bool,
) -> Result<Vec<FoundEntry>, Stop> {
    let rows = work.tx().audit_private_of(id)?;
    entries_of_rows(call, work, id, keys, open, rows)
}

/// Those entries of one log that were written in a span of time, the last instant not included.
pub(super) fn entries_between(
    call: &Call,
    work: &mut Work<'_, '_>,
    id: PersonId,
    keys: &PersonKeys,
    (log, from, before): (&str, Moment, Moment),
) -> Result<Vec<FoundEntry>, Stop> {
    let rows = work.tx().audit_private_between(log, id, from, before)?;
    entries_of_rows(call, work, id, keys, false, rows)
}

fn entries_of_rows(
    call: &Call,
    work: &mut Work<'_, '_>,
    id: PersonId,
    keys: &PersonKeys,
    open: bool,
    rows: Vec<PrivateEntry>,
) -> Result<Vec<FoundEntry>, Stop> {
    let audit_keys = AuditKeys::derive(keys);

    let mut batches: BTreeMap<(String, String, u64), Option<StoredBatch>> = BTreeMap::new();
    let mut items = Vec::new();
    for entry in rows {
        let key = (entry.log.clone(), entry.node.clone(), entry.node_seq);
        if !batches.contains_key(&key) {
            let read = work
                .tx()
                .batches_of_node(&entry.log, &entry.node, entry.node_seq, 1)?;
            let own = read
                .into_iter()
                .next()
                .filter(|batch| batch.node_seq == entry.node_seq);
            batches.insert(key.clone(), own);
        }
        let Some(Some(batch)) = batches.get(&key) else {
            continue;
        };
        let lines = bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)?;
        let offset = usize::try_from(entry.off).map_err(|_| StoreError::Corrupt)?;
        let line = lines.get(offset).ok_or(StoreError::Corrupt)?;
        let leaf = Leaf::parse(line).map_err(|_| StoreError::Corrupt)?;
        if !may_see(call, work.catalogue(), &leaf) {
            continue;
        }
        let place = PrivatePlace {
            tenant: work.shared.keys.tenant(),
            log: &entry.log,
            person: id.as_bytes(),
            key_version: entry.key_version,
        };
        let opened = match leaf.commitment.filter(|_| open) {
            // What does not open or does not match its public line is an alarm, not an empty answer.
            Some(pc) => Some(
                audit_keys
                    .open(&place, leaf.id, &pc, &entry.sealed)
                    .map_err(|_| StoreError::Corrupt)?,
            ),
            None => None,
        };
        let private = opened.map(|bytes| Personal::new(String::from_utf8_lossy(&bytes).into_owned()));
        items.push(FoundEntry {
            private,
            ..found(&entry.log, batch, offset, line, leaf)
        });
    }
    Ok(items)
}

impl SearchPerson {
    /// Looking somebody up is itself recorded, with its reason, where the person can see it later (R72).
    fn record(
        &self,
        call: &Call,
        work: &mut Work<'_, '_>,
        organisation: &OrganisationId,
        person: &super::work::Person,
        keys: &PersonKeys,
    ) -> Result<(), Stop> {
        let policies = std::sync::Arc::clone(&work.policies);
        let id = EntryId::from_bytes(work.dated_id());
        let node = work.shared.node.as_str();
        let version = policies.current.version.as_str();
        let kind = if self.open {
            "audit.person-opened"
        } else {
            "audit.person-read"
        };
        let mut leaf = Leaf::new(kind, id, work.now.millis(), &call.principal.system, node, version);
        leaf.organisation = Some(organisation.into());
        leaf.outcome = Some("ok".into());
        let private = serde_json::json!({ "reason": self.reason.reveal(), "client": call.principal.client });
        work.stage_leaf_about(Log::Admin, person, keys, leaf, private.to_string().as_bytes())?;
        Ok(())
    }
}
