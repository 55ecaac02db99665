//! Contacts that systems report afterwards. Each is matched with the last answer that the system was given about that
//! person, purpose and channel within a day before, and stands in the log `decision` with what was found; so that a contact
//! without a check, or after a no, is seen by the privacy officer and by whoever looks at what was done with a member.

mod find;
mod look;

use self::find::Found;
pub use self::look::{ContactLine, ContactTotal, Contacts, MOST_LISTED};
use super::Service;
use super::call::{Call, Scope};
use super::decide::look_at;
use super::lane::Verb;
use super::refusal::Refusal;
use super::shared::Shared;
use super::verbs::PersonRef;
use super::work::{self, Log, Stop, Subjects, Work};
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::domain::contact::ContactMatch;
use crate::domain::ids::{DecisionId, OrganisationId, PurposeId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::purpose::{Action, Channel};
use crate::store::ContactRow;

/// Most contacts of one report.
pub const MOST_REPORTED: usize = 1_000;
/// A contact is matched with an answer that was given at most this long before it, in seconds: a day.
pub const MATCHED_WITHIN: i64 = 24 * 3_600;
/// Clocks of systems differ: an answer counts as before a contact when it is at most so many seconds after it.
pub const CLOCKS_DIFFER: i64 = 10;
/// How far back a reported contact may lie, in seconds: 31 days.
pub const REPORTED_WITHIN: i64 = 31 * 86_400;
/// What the entry of a reported contact is called.
pub const CONTACT_REPORTED: &str = "contact.reported";
/// The fact of that entry that tells what it was matched with.
pub const CHECK: &str = "check";
/// Contacts that are written down in one transaction.
const STEP: usize = 100;

/// Report contacts that were made.
#[derive(Debug, Clone)]
pub struct ReportContacts {
    /// For which library.
    pub organisation: OrganisationId,
    /// For which purpose.
    pub purpose: PurposeId,
    /// The campaign or case.
    pub reference: Option<Personal<String>>,
    /// The contacts, at most [`MOST_REPORTED`].
    pub contacts: Vec<ContactMade>,
}

/// One contact.
#[derive(Debug, Clone)]
pub struct ContactMade {
    /// The system's own id of it, by which it is written down once.
    pub id: Personal<String>,
    /// With whom.
    pub person: PersonRef,
    /// How.
    pub channel: Channel,
    /// When.
    pub occurred_at: Moment,
    /// The check that it rests on, single or bulk; when absent, the last one of the day before.
    pub decision: Option<DecisionId>,
}

/// What was found about one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactReported {
    /// The system's own id of it.
    pub id: Personal<String>,
    /// What it was matched with.
    pub matched: ContactMatch,
    /// Whether it was reported before; what was found then stays.
    pub repeated: bool,
}

/// Some of a report, matched, to be written down in one transaction.
struct WriteContacts {
    organisation: OrganisationId,
    purpose: PurposeId,
    reference: Option<Personal<String>>,
    contacts: Vec<(ContactMade, Found)>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Private<'a> {
    client: &'a str,
    contact: &'a Personal<String>,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a Personal<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a Personal<String>>,
}

impl Verb for WriteContacts {
    type Answer = Vec<ContactReported>;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        for (contact, _) in &self.contacts {
            look_at(
                shared,
                &call.principal.system,
                &self.organisation,
                &contact.person,
                into,
            );
        }
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Vec<ContactReported>, Stop> {
        call.require(Scope::DecisionsCheck)?;
        work.require_organisation(call, &self.organisation)?;
        let mut reported = Vec::with_capacity(self.contacts.len());
        for (contact, found) in &self.contacts {
            reported.push(self.write(call, work, contact, found)?);
        }
        Ok(reported)
    }
}

impl WriteContacts {
    fn write(
        &self,
        call: &Call,
        work: &mut Work<'_, '_>,
        contact: &ContactMade,
        found: &Found,
    ) -> Result<ContactReported, Stop> {
        let (system, organisation) = (&call.principal.system, &self.organisation);
        let answer = |matched, repeated| ContactReported {
            id: contact.id.clone(),
            matched,
            repeated,
        };
        let hashes = work
            .shared
            .keys
            .contact_hashes(system, organisation, contact.id.reveal());
        let known = work
            .tx()
            .contact(system.as_str(), organisation.as_str(), &hashes)?;
        if let Some(row) = known {
            let matched = ContactMatch::parse(&row.matched).ok_or(Refusal::Unavailable)?;
            return Ok(answer(matched, true));
        }
        // Whom it is about is found before anything is written: a refusal then leaves nothing behind.
        let person = match work.find(system, organisation, &contact.person)? {
            work::Found::Known(id) => Some(work.member(id)?.clone()),
            work::Found::Unknown | work::Found::Erased(_) => None,
        };
        let id = EntryId::from_bytes(work.dated_id());
        let new = work.tx().insert_contact(&ContactRow {
            system: system.to_string(),
            organisation: organisation.to_string(),
            key_hash: *hashes.first().ok_or(Refusal::Unavailable)?,
            purpose: self.purpose.to_string(),
            channel: contact.channel.to_string(),
            matched: found.matched.to_string(),
            entry: *id.as_bytes(),
            occurred_at: contact.occurred_at,
        })?;
        if !new {
            // Another node wrote it down meanwhile, from the same report.
            return Ok(answer(found.matched, true));
        }
        let policies = std::sync::Arc::clone(&work.policies);
        let mut leaf = Leaf::new(
            CONTACT_REPORTED,
            id,
            work.now.millis(),
            system,
            work.shared.node.as_str(),
            policies.current.version.as_str(),
        );
        leaf.organisation = Some(organisation.into());
        leaf.purpose = Some((&self.purpose).into());
        leaf.action = Some(Action::Contact.into());
        leaf.channel = Some(contact.channel.into());
        leaf.outcome = Some("ok".into());
        leaf.extra = [
            (Word::from("at"), contact.occurred_at.rfc3339().into()),
            (Word::from(CHECK), found.matched.as_str().into()),
        ]
        .into_iter()
        .collect();
        // The public line of somebody unknown and of somebody known have the same shape.
        match person.and_then(|person| Some((person.keys.clone()?, person))) {
            Some((keys, person)) => {
                let private = Private {
                    client: &call.principal.client,
                    contact: &contact.id,
                    at: contact.occurred_at.rfc3339(),
                    decision: found.decision.map(|id| id.to_string()),
                    reference: self.reference.as_ref(),
                    trace: call.trace.as_ref(),
                };
                let private = serde_json::to_vec(&private).map_err(|_| Refusal::Unavailable)?;
                work.stage_leaf_about(Log::Decision, &person, &keys, leaf, &private)?;
            }
            None => {
                work.stage_leaf_about_nobody(Log::Decision, leaf);
            }
        }
        Ok(answer(found.matched, false))
    }
}

impl Service {
    /// Writes down contacts that a system made, each matched with the answer it was given before. A contact that was
    /// reported before is not written down again.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a library that the system does not work for, or an identifier it may not use;
    /// [`Refusal::Unavailable`].
    pub async fn report_contacts(
        &self,
        call: &Call,
        report: ReportContacts,
    ) -> Result<Vec<ContactReported>, Refusal> {
        call.require(Scope::DecisionsCheck)?;
        // Outside the lane: a day of campaigns is looked through, and no check waits for that.
        let asked = report.clone();
        let found = self
            .read(call, move |call, work| find::all(call, work, &asked))
            .await?;
        let mut contacts = report.contacts.into_iter().zip(found);
        let mut reported = Vec::new();
        loop {
            let some: Vec<(ContactMade, Found)> = contacts.by_ref().take(STEP).collect();
            if some.is_empty() {
                return Ok(reported);
            }
            let write = WriteContacts {
                organisation: report.organisation.clone(),
                purpose: report.purpose.clone(),
                reference: report.reference.clone(),
                contacts: some,
            };
            reported.extend(self.lane_of_changes().submit(call, write).await?);
        }
    }
}
