//! What privacy officers see of reported contacts: how many by system, library and purpose, and which ones rest on no check
//! or on a no. Nobody is named: the person stands in the entry of the audit log.

use std::collections::BTreeMap;

use crate::audit::leaf::EntryId;
use crate::domain::contact::ContactMatch;
use crate::domain::ids::SystemId;
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::refusal::Refusal;
use crate::service::work::Work;
use crate::store::{ContactFilter, ContactRow};

/// Most contacts that are listed.
pub const MOST_LISTED: u32 = 5_000;

/// What one system reported for one library and purpose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactTotal {
    /// The system.
    pub system: String,
    /// The library.
    pub organisation: String,
    /// The purpose.
    pub purpose: String,
    /// Contacts after an answer that permits.
    pub permitted: u64,
    /// Contacts after an answer that denies.
    pub denied: u64,
    /// Contacts without any check.
    pub unchecked: u64,
}

impl ContactTotal {
    /// All contacts that were reported.
    pub const fn reported(&self) -> u64 {
        self.permitted + self.denied + self.unchecked
    }
}

/// One reported contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactLine {
    /// Who made it.
    pub system: String,
    /// For which library.
    pub organisation: String,
    /// For which purpose.
    pub purpose: String,
    /// By which channel.
    pub channel: String,
    /// What it was matched with.
    pub matched: ContactMatch,
    /// Its entry in the log `decision`.
    pub entry: EntryId,
    /// When it was made.
    pub occurred_at: Moment,
}

/// Reported contacts of a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contacts {
    /// By system, library and purpose.
    pub totals: Vec<ContactTotal>,
    /// Single ones, newest first; those that were asked for.
    pub lines: Vec<ContactLine>,
    /// Whether there are more than are listed.
    pub more: bool,
}

impl Service {
    /// How many contacts were reported in a time, at the libraries of the caller.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the scope.
    pub async fn contact_totals(
        &self,
        call: &Call,
        time: (Moment, Moment),
    ) -> Result<Vec<ContactTotal>, Refusal> {
        self.read(call, move |call, work| {
            call.require(Scope::AuditRead)
                .or_else(|_| call.require(Scope::PoliciesRead))?;
            let mut totals: BTreeMap<(String, String, String), ContactTotal> = BTreeMap::new();
            let own = own(call, work);
            for count in work.tx().count_contacts((time.0.micros(), time.1.micros()))? {
                if !own.contains(&count.organisation) {
                    continue;
                }
                let key = (
                    count.system.clone(),
                    count.organisation.clone(),
                    count.purpose.clone(),
                );
                let total = totals.entry(key).or_insert_with(|| ContactTotal {
                    system: count.system,
                    organisation: count.organisation,
                    purpose: count.purpose,
                    ..ContactTotal::default()
                });
                match ContactMatch::parse(&count.matched).ok_or(Refusal::Unavailable)? {
                    ContactMatch::Permit => total.permitted += count.n,
                    ContactMatch::Deny => total.denied += count.n,
                    ContactMatch::None => total.unchecked += count.n,
                }
            }
            Ok(totals.into_values().collect())
        })
        .await
    }

    /// The same with the contacts that were matched in one way, newest first, at most [`MOST_LISTED`].
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the scope.
    pub async fn contacts(
        &self,
        call: &Call,
        time: (Moment, Moment),
        (system, matched): (Option<SystemId>, ContactMatch),
    ) -> Result<Contacts, Refusal> {
        let totals = self.contact_totals(call, time).await?;
        let rows = self
            .read(call, move |call, work| {
                call.require(Scope::AuditRead)?;
                let filter = ContactFilter {
                    system: system.as_ref().map(ToString::to_string),
                    organisations: own(call, work),
                    matched: Some(matched.to_string()),
                    time: (time.0.micros(), time.1.micros()),
                };
                Ok(work.tx().contacts(&filter, MOST_LISTED + 1)?)
            })
            .await?;
        let most = usize::try_from(MOST_LISTED).unwrap_or(usize::MAX);
        Ok(Contacts {
            totals,
            more: rows.len() > most,
            lines: rows.into_iter().take(most).filter_map(line).collect(),
        })
    }
}

/// The libraries of the caller.
fn own(call: &Call, work: &Work<'_, '_>) -> Vec<String> {
    let catalogue = work.catalogue();
    let own = catalogue
        .organisations
        .keys()
        .filter(|id| call.serves(catalogue, id));
    own.map(ToString::to_string).collect()
}

fn line(row: ContactRow) -> Option<ContactLine> {
    Some(ContactLine {
        matched: ContactMatch::parse(&row.matched)?,
        entry: EntryId::from_bytes(row.entry),
        system: row.system,
        organisation: row.organisation,
        purpose: row.purpose,
        channel: row.channel,
        occurred_at: row.occurred_at,
    })
}
