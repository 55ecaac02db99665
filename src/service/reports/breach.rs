//! Who was affected when a system was breached between two instants (GDPR art. 33(3), 34; R70): what it was answered, about
//! how many people, and for authorised readers who they are, by the reader's own ids. Both single checks and lines of
//! bulk checks count; of the latter the people are found by trying the key of everybody.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::table::{Cell, Report, Table, text};
use crate::audit::bulk::BulkSecret;
use crate::audit::bundle;
use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::decision::Effect;
use crate::domain::ids::{OrganisationId, PersonId, SystemId};
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::Call;
use crate::service::contacts::CONTACT_REPORTED;
use crate::service::search::may_see;
use crate::service::work::{PersonState, Subjects, Work};
use crate::store::{BulkRow, SearchFrom, StoreError, StoredBatch};

/// Batches that are read at a time.
const STEP: u32 = 64;
/// People that are read at a time.
const PAGE: u32 = 1_000;
/// Bytes of lines of bulk checks that are held at a time.
const HELD: usize = 64 << 20;

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct AskBreach {
    pub(super) system: SystemId,
    pub(super) from: Moment,
    pub(super) to: Moment,
    pub(super) organisations: Vec<OrganisationId>,
}

/// What one person is affected by, at one library.
#[derive(Debug, Clone, Default)]
struct Affected {
    answers: u64,
    permits: u64,
    first: i64,
    last: i64,
    purposes: BTreeSet<u16>,
}

impl Affected {
    fn add(&mut self, line: &Line) {
        self.answers += 1;
        self.permits += u64::from(line.permit);
        self.first = if self.answers == 1 {
            line.millis
        } else {
            self.first.min(line.millis)
        };
        self.last = self.last.max(line.millis);
        self.purposes.extend(line.purpose);
    }
}

/// What of an entry counts.
#[derive(Debug, Clone, Copy)]
struct Line {
    organisation: u16,
    purpose: Option<u16>,
    permit: bool,
    millis: i64,
}

/// A line of a bulk check with its packed entries.
struct Packed {
    id: EntryId,
    width: usize,
    entries: Vec<u8>,
    checked: u64,
    line: Line,
}

#[derive(Default)]
struct Counts {
    answers: u64,
    permits: u64,
    changes: u64,
}

struct Inquiry<'i> {
    service: &'i Service,
    call: &'i Call,
    asked: &'i AskBreach,
    words: Vec<String>,
    counts: BTreeMap<(u16, Option<u16>), Counts>,
    people: HashMap<(PersonId, u16), Affected>,
    /// Entries about somebody who cannot be told: unknown then, erased since, or beyond the term of private parts.
    nobody: u64,
    packed: Vec<Packed>,
    held: usize,
}

/// Makes the report. Blocks.
pub(super) fn report(service: &Service, call: &Call, asked: &AskBreach) -> Result<Report, StoreError> {
    let mut inquiry = Inquiry {
        service,
        call,
        asked,
        words: Vec::new(),
        counts: BTreeMap::new(),
        people: HashMap::new(),
        nobody: 0,
        packed: Vec::new(),
        held: 0,
    };
    for log in ["decision", "consent"] {
        inquiry.log(log)?;
    }
    inquiry.unpack()?;
    inquiry.finish()
}

impl Inquiry<'_> {
    fn log(&mut self, log: &str) -> Result<(), StoreError> {
        let mut before: Option<SearchFrom> = None;
        loop {
            let (from, to) = (self.asked.from, self.asked.to);
            let read = self
                .service
                .store()
                .read("breach", |tx| -> Result<_, StoreError> {
                    let batches = tx.batches_between(log, from, to, before.as_ref(), STEP)?;
                    let mut found = Vec::with_capacity(batches.len());
                    for batch in batches {
                        let people = tx.people_of_batch(log, &batch.node, batch.node_seq)?;
                        let bulk = tx.bulk_of_batch(log, &batch.node, batch.node_seq)?;
                        found.push((batch, people, bulk));
                    }
                    Ok(found)
                })?;
            let Some((last, ..)) = read.last() else {
                return Ok(());
            };
            before = Some(SearchFrom {
                created_at: last.created_at,
                node: last.node.clone(),
                node_seq: last.node_seq,
            });
            for (batch, people, bulk) in read {
                self.batch(&batch, people, bulk)?;
            }
            if self.held > HELD {
                self.unpack()?;
            }
        }
    }

    fn batch(
        &mut self,
        batch: &StoredBatch,
        people: Vec<(u32, PersonId)>,
        bulk: Vec<BulkRow>,
    ) -> Result<(), StoreError> {
        let catalogue = self.service.catalogue();
        let mut people: BTreeMap<usize, PersonId> = people
            .into_iter()
            .filter_map(|(off, person)| Some((usize::try_from(off).ok()?, person)))
            .collect();
        let mut bulk: BTreeMap<usize, BulkRow> = bulk
            .into_iter()
            .filter_map(|row| Some((usize::try_from(row.off).ok()?, row)))
            .collect();
        let lines = bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)?;
        for (offset, line) in lines.iter().enumerate() {
            let leaf = Leaf::parse(line).map_err(|_| StoreError::Corrupt)?;
            if leaf.system.as_str() != self.asked.system.as_str()
                || !(Work::is_own(self.call) || may_see(self.call, &catalogue, &leaf))
                || !self.asks_for(&leaf)
            {
                continue;
            }
            // A report of a contact that was made: nothing was answered and nothing changed.
            if leaf.kind.as_str() == CONTACT_REPORTED {
                continue;
            }
            let what = self.line(&leaf);
            let counts = self.counts.entry((what.organisation, what.purpose)).or_default();
            if let Some(known) = &leaf.bulk {
                counts.answers += known.checked;
                counts.permits += known.permitted;
                match bulk.remove(&offset) {
                    Some(row) => self.keep(what, row, known.checked),
                    None => self.nobody += known.checked,
                }
                continue;
            }
            if leaf.kind.as_str().starts_with("decision") {
                counts.answers += 1;
                counts.permits += u64::from(what.permit);
            } else {
                counts.changes += 1;
            }
            match people.remove(&offset) {
                Some(person) => self
                    .people
                    .entry((person, what.organisation))
                    .or_default()
                    .add(&what),
                None => self.nobody += u64::from(leaf.subject.is_some()),
            }
        }
        Ok(())
    }

    fn asks_for(&self, leaf: &Leaf<'_>) -> bool {
        let asked = &self.asked.organisations;
        leaf.organisation
            .as_ref()
            .is_some_and(|word| asked.iter().any(|one| one.as_str() == word.as_str()))
    }

    fn line(&mut self, leaf: &Leaf<'_>) -> Line {
        let organisation = leaf
            .organisation
            .as_ref()
            .map_or("", |word| word.as_str())
            .to_owned();
        let purpose = leaf.purpose.as_ref().map(|word| word.as_str().to_owned());
        Line {
            organisation: self.word(organisation),
            purpose: purpose.map(|purpose| self.word(purpose)),
            permit: leaf
                .outcome
                .as_ref()
                .is_some_and(|word| word.as_str() == "permit"),
            millis: leaf.millis,
        }
    }

    /// Words as numbers: there are few of them and many people.
    fn word(&mut self, word: String) -> u16 {
        let at = self
            .words
            .iter()
            .position(|known| *known == word)
            .unwrap_or_else(|| {
                self.words.push(word);
                self.words.len() - 1
            });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    fn named(&self, word: u16) -> &str {
        self.words.get(usize::from(word)).map_or("", String::as_str)
    }

    fn keep(&mut self, line: Line, row: BulkRow, checked: u64) {
        let count = usize::try_from(row.n).unwrap_or(0);
        self.held += row.entries.len();
        self.packed.push(Packed {
            id: EntryId::from_bytes(row.line),
            width: row.entries.len().checked_div(count).unwrap_or(0),
            entries: row.entries,
            checked,
            line,
        });
    }

    /// Tries the key of everybody on the lines that are held.
    fn unpack(&mut self) -> Result<(), StoreError> {
        let packed = std::mem::take(&mut self.packed);
        self.held = 0;
        if packed.is_empty() {
            return Ok(());
        }
        let checked: u64 = packed.iter().map(|line| line.checked).sum();
        let mut found = 0_u64;
        let shared = self.service.shared();
        let mut after = None;
        loop {
            let people = self
                .service
                .store()
                .read("breach_people", |tx| -> Result<_, StoreError> {
                    let mut ids = tx.people_after(after, PAGE)?;
                    let last = ids.last().copied();
                    let merged = tx.all_merged_into(&ids)?;
                    ids.extend(merged.iter().map(|(gone, _)| *gone));
                    let subjects = Subjects {
                        people: ids.clone(),
                        ..Subjects::default()
                    };
                    let policies = shared.policies.load_full();
                    let mut work = Work::begin(shared, policies, tx, &[], &subjects)?;
                    let mut tags = Vec::with_capacity(ids.len());
                    for id in ids {
                        let keys = work.person_as_stored(id)?.and_then(|person| person.keys.clone());
                        tags.extend(keys.map(|keys| (id, keys.audit_tag())));
                    }
                    Ok((last, tags))
                })?;
            for (person, tag) in people.1 {
                for line in &packed {
                    let outcome = BulkSecret::derive(&tag, line.id).find(&line.entries, line.width);
                    if let Some(outcome) = outcome {
                        found += 1;
                        let what = Line {
                            permit: outcome.reason.effect() == Effect::Permit,
                            ..line.line
                        };
                        self.people
                            .entry((person, line.line.organisation))
                            .or_default()
                            .add(&what);
                    }
                }
            }
            match people.0 {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        self.nobody += checked.saturating_sub(found);
        Ok(())
    }

    /// People as they are now: merged records are one person, and who was erased has no id any more.
    fn present(&mut self) -> Result<BTreeMap<(u16, PersonId), Affected>, StoreError> {
        let mut people: Vec<((PersonId, u16), Affected)> = self.people.drain().collect();
        people.sort_by_key(|(key, _)| *key);
        let mut present: BTreeMap<(u16, PersonId), Affected> = BTreeMap::new();
        let shared = self.service.shared();
        for page in people.chunks(usize::try_from(PAGE).unwrap_or(1)) {
            let ids: Vec<PersonId> = page.iter().map(|((person, _), _)| *person).collect();
            let now = self
                .service
                .store()
                .read("breach_present", |tx| -> Result<_, StoreError> {
                    let subjects = Subjects {
                        people: ids.clone(),
                        ..Subjects::default()
                    };
                    let mut work = Work::begin(shared, shared.policies.load_full(), tx, &[], &subjects)?;
                    let mut now = Vec::with_capacity(ids.len());
                    for id in &ids {
                        let person = work.person(*id)?;
                        now.push(person.filter(|p| p.state != PersonState::Erased).map(|p| p.id));
                    }
                    Ok(now)
                })?;
            for (((_, organisation), affected), now) in page.iter().zip(now) {
                let Some(now) = now else {
                    self.nobody += affected.answers;
                    continue;
                };
                let known = present.entry((*organisation, now)).or_default();
                known.first = if known.answers == 0 {
                    affected.first
                } else {
                    known.first.min(affected.first)
                };
                known.last = known.last.max(affected.last);
                known.answers += affected.answers;
                known.permits += affected.permits;
                known.purposes.extend(&affected.purposes);
            }
        }
        Ok(present)
    }

    fn finish(mut self) -> Result<Report, StoreError> {
        let present = self.present()?;
        let distinct: BTreeSet<PersonId> = present.keys().map(|(_, person)| *person).collect();
        let counts = self.counts.iter().map(|((organisation, purpose), counts)| {
            let of_purpose = present.iter().filter(|((of, _), affected)| {
                of == organisation && purpose.is_some_and(|purpose| affected.purposes.contains(&purpose))
            });
            vec![
                text(self.named(*organisation)),
                text(purpose.map(|purpose| self.named(purpose)).unwrap_or_default()),
                Cell::Number(counts.answers),
                Cell::Number(counts.permits),
                Cell::Number(counts.changes),
                Cell::Number(u64::try_from(of_purpose.count()).unwrap_or(0)),
            ]
        });
        let counts: Vec<Vec<Cell<'static>>> = counts.collect();
        let reader = &self.call.principal.system;
        let keys = self.service.keys();
        let mut rows = Vec::with_capacity(present.len());
        for ((organisation, person), affected) in &present {
            let Ok(library) = self.named(*organisation).parse::<OrganisationId>() else {
                continue;
            };
            let purposes: Vec<&str> = affected
                .purposes
                .iter()
                .map(|purpose| self.named(*purpose))
                .collect();
            rows.push(vec![
                text(library.as_str()),
                text(keys.pairwise(reader, &library, *person)),
                Cell::Number(affected.answers),
                Cell::Number(affected.permits),
                Cell::Time(affected.first),
                Cell::Time(affected.last),
                text(purposes.join(" ")),
            ]);
        }
        // In no order that says who was registered when.
        rows.sort_by_key(|row| row.iter().take(2).map(super::table::shown).collect::<Vec<_>>());
        Ok(Report {
            title: "Who was affected by a breach, art. 33 and 34 GDPR",
            facts: vec![
                ("system", self.asked.system.to_string()),
                ("people", distinct.len().to_string()),
                ("entriesWithoutPerson", self.nobody.to_string()),
            ],
            notes: vec![
                "People are named by the ids of the system that asked for this report, one for each library.",
                "Entries without a person are about somebody who was unknown then, was erased since, stood twice in one \
                 list, or whose private part is past its term.",
                "A permit tells that data were released to the system; a deny tells that it asked.",
            ],
            tables: vec![
                Table {
                    name: "counts",
                    title: "By library and purpose",
                    columns: vec![
                        "organisation",
                        "purpose",
                        "answers",
                        "permits",
                        "changes",
                        "people",
                    ],
                    rows: counts,
                },
                Table {
                    name: "people",
                    title: "People",
                    columns: vec![
                        "organisation",
                        "personId",
                        "entries",
                        "permits",
                        "firstAt",
                        "lastAt",
                        "purposes",
                    ],
                    rows,
                },
            ],
        })
    }
}
