//! What people must hear without having asked: that the text they said yes to has changed, so that their yes no longer counts
//! (R53), and on their 16th birthday that from now on they choose themselves (R22). Everybody is looked at once after a change
//! of texts and once a day, a page at a time, by whichever node comes first. Whom a page concerns and how far the round is are
//! written down together, so that nobody hears something twice and nobody is passed over when a node stops.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Service;
use super::post::Letter;
use super::refusal::Refusal;
use super::work::{PersonState, Stop, Work};
use crate::domain::age::{self, AGE_OF_CONSENT};
use crate::domain::consent::Party;
use crate::domain::hex::hex;
use crate::domain::ids::{OrganisationId, PersonId, PurposeId};
use crate::domain::person::{PersonRecord, Standing};
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::domain::purpose::{LegalBasis, PurposeStatus};
use crate::policy::catalogue::Catalogue;
use crate::store::{MailRow, StoreError, Tx};
use crate::world::random;

/// People who are looked at in one go.
const PAGE: u32 = 200;
/// Under what the database knows how far it is.
const NAME: &str = "tidings";

/// What somebody must hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The texts of these purposes changed so much that an earlier yes does not count.
    Changed {
        /// The purposes.
        purposes: Vec<PurposeId>,
        /// Whether it was said for a child.
        child: bool,
    },
    /// They are 16; these are the purposes that a parent said yes to.
    Sixteen(Vec<PurposeId>),
}

/// Something for somebody at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiding {
    /// Who hears it.
    pub person: PersonId,
    /// Where.
    pub address: Personal<String>,
    /// In which language, where that is known.
    pub language: Option<Language>,
    /// From which library.
    pub organisation: OrganisationId,
    /// What.
    pub what: What,
}

/// The next people, and what those among them must hear.
#[derive(Debug)]
pub struct Page {
    /// What must be said.
    pub tidings: Vec<Tiding>,
    before: Progress,
    after: Progress,
}

/// How far everybody was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// Of which texts: the version of each purpose from which a yes counts.
    texts: BTreeMap<PurposeId, u32>,
    /// Until which day 16th birthdays.
    day: NaiveDate,
    /// A round that is under way.
    round: Option<Round>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Round {
    texts: BTreeMap<PurposeId, u32>,
    day: NaiveDate,
    /// The last person who was looked at, in hexadecimal; empty at the beginning.
    place: String,
}

impl Progress {
    fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn write(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|_| StoreError::Corrupt)
    }

    /// The round under way, or the next one when there is something to say.
    fn round(&self, texts: BTreeMap<PurposeId, u32>, day: NaiveDate) -> Option<Round> {
        let due = self.day < day || self.texts != texts;
        self.round.clone().or_else(|| {
            due.then_some(Round {
                texts,
                day,
                place: String::new(),
            })
        })
    }
}

/// From which version a yes to each purpose counts.
fn texts(catalogue: &Catalogue) -> BTreeMap<PurposeId, u32> {
    let asked = catalogue.purposes.values().filter(|entry| {
        entry.purpose.legal_basis == LegalBasis::Consent && entry.purpose.status == PurposeStatus::Active
    });
    asked
        .map(|entry| (entry.purpose.id.clone(), entry.purpose.consent_valid_from))
        .collect()
}

impl Service {
    /// The next people who must hear something; none when everybody heard everything. What was there before the first call
    /// over a database is no news.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn next_tidings(&self) -> Result<Option<Page>, Refusal> {
        let now = self.world().now();
        let catalogue = self.catalogue();
        let (texts, day) = (texts(&catalogue), now.date(catalogue.network.zone));
        let known = self.look("tidings", |tx| tx.meta(NAME)).await?;
        let Some(before) = known.as_deref().and_then(Progress::read) else {
            let first = Progress {
                texts,
                day,
                round: None,
            };
            let text = first.write().map_err(|_| Refusal::Unavailable)?;
            self.sessions("tidings", move |tx| tx.put_meta(NAME, &text))
                .await?;
            return Ok(None);
        };
        let Some(round) = before.round(texts, day) else {
            return Ok(None);
        };
        let told = before.clone();
        self.read(&self.operator()?, move |_, work| page(work, &told, round.clone()))
            .await
            .map(Some)
    }

    /// Puts the letters about a page in the post and goes on to the next one; `false` when another node did that meanwhile.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn tell(&self, page: Page, letters: Vec<(PersonId, Letter)>) -> Result<bool, Refusal> {
        let now = self.world().now();
        let mut rows = Vec::new();
        for (person, letter) in &letters {
            let id = random::<16>(self.world());
            rows.push(MailRow {
                id,
                person_id: Some(*person),
                sealed: self.sealed_letter(&id, letter)?,
                attempts: 0,
                created_at: now,
                due_at: now,
            });
        }
        self.sessions("tidings", move |tx: &mut Tx<'_>| {
            let current = tx.lock_meta(NAME, "")?;
            if Progress::read(&current).as_ref() != Some(&page.before) {
                return Ok(false);
            }
            for row in &rows {
                tx.add_mail(row)?;
            }
            tx.put_meta(NAME, &page.after.write()?)?;
            Ok(true)
        })
        .await
    }
}

fn page(work: &mut Work<'_, '_>, told: &Progress, round: Round) -> Result<Page, Stop> {
    let place = u128::from_str_radix(&round.place, 16).ok();
    let place = place.map(|id| PersonId::from_bytes(id.to_be_bytes()));
    let people = work.tx().people_after(place, PAGE)?;
    work.read_by_id(&people)?;
    let mut tidings = Vec::new();
    for person in &people {
        tidings.extend(of_person(work, told, &round, *person)?);
    }
    let after = match people.last() {
        Some(last) => Progress {
            round: Some(Round {
                place: hex(last.as_bytes()),
                ..round
            }),
            ..told.clone()
        },
        None => Progress {
            texts: round.texts,
            day: round.day,
            round: None,
        },
    };
    Ok(Page {
        tidings,
        before: told.clone(),
        after,
    })
}

fn of_person(
    work: &mut Work<'_, '_>,
    told: &Progress,
    round: &Round,
    person: PersonId,
) -> Result<Vec<Tiding>, Stop> {
    let Some(found) = work.person_as_stored(person)? else {
        return Ok(Vec::new());
    };
    if found.state != PersonState::Active || found.is_test_subject() {
        return Ok(Vec::new());
    }
    let record = std::sync::Arc::clone(&found.record);
    let zone = work.catalogue().network.zone;
    let now = work.now;
    let mut tidings = Vec::new();
    for (organisation, standing) in &record.standings {
        let grown = age::has_reached(standing.birth(), AGE_OF_CONSENT, now, zone);
        if let Some(address) = address(&record)
            && turned_sixteen(standing, told, round)
        {
            let inherited = inherited(standing);
            if !inherited.is_empty() {
                tidings.push(Tiding {
                    person,
                    address,
                    language: standing.preferences.language,
                    organisation: organisation.clone(),
                    what: What::Sixteen(inherited),
                });
            }
        }
        for (by, purposes) in changed(standing, told, round, grown) {
            let (hears, language) = match by {
                None => (Some((person, address(&record))), standing.preferences.language),
                Some(guardian) => {
                    let theirs = work.person(guardian)?;
                    let theirs = theirs.filter(|found| found.state == PersonState::Active);
                    let language = theirs.and_then(|found| {
                        let at = found.record.standings.get(organisation)?;
                        at.preferences.language
                    });
                    (theirs.map(|found| (found.id, address(&found.record))), language)
                }
            };
            if let Some((hears, Some(address))) = hears {
                tidings.push(Tiding {
                    person: hears,
                    address,
                    language,
                    organisation: organisation.clone(),
                    what: What::Changed {
                        purposes,
                        child: by.is_some(),
                    },
                });
            }
        }
    }
    Ok(tidings)
}

fn turned_sixteen(standing: &Standing, told: &Progress, round: &Round) -> bool {
    standing
        .birth()
        .map(|birth| age::birthday(birth, AGE_OF_CONSENT))
        .is_some_and(|birthday| told.day < birthday && birthday <= round.day)
}

/// What a parent said yes to and the young person said nothing about since.
fn inherited(standing: &Standing) -> Vec<PurposeId> {
    let theirs = standing
        .consents
        .iter()
        .filter(|(_, consent)| consent.status.is_yes() && matches!(consent.by, Party::Guardian(_)));
    theirs.map(|(purpose, _)| purpose.clone()).collect()
}

/// The purposes with a yes that stopped counting since everybody was told last, by whose yes it was: their own, or that of a
/// guardian who still chooses for them.
fn changed(
    standing: &Standing,
    told: &Progress,
    round: &Round,
    grown: bool,
) -> BTreeMap<Option<PersonId>, Vec<PurposeId>> {
    let mut found: BTreeMap<Option<PersonId>, BTreeSet<PurposeId>> = BTreeMap::new();
    for (purpose, consent) in &standing.consents {
        let since = round.texts.get(purpose).copied().unwrap_or_default();
        let news = told.texts.get(purpose).is_none_or(|before| *before < since);
        if news && consent.status.is_yes() && consent.notice_version < since {
            let by = match consent.by {
                Party::Guardian(guardian) if !grown => Some(guardian),
                _ => None,
            };
            found.entry(by).or_default().insert(purpose.clone());
        }
    }
    found
        .into_iter()
        .map(|(by, purposes)| (by, purposes.into_iter().collect()))
        .collect()
}

/// The address that a library recorded.
fn address(record: &PersonRecord) -> Option<Personal<String>> {
    let mut all = record.identifiers.iter();
    all.find(|identifier| identifier.scheme.as_str() == "email")
        .map(|identifier| identifier.value.clone())
}
