//! One person at one library, as somebody sees them who speaks or writes for them: a guardian, and the desk. And who the
//! children of a guardian are.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::Service;
use super::call::{Call, Scope};
use super::refusal::Refusal;
use super::work::Stop;
use crate::domain::age::{self, AGE_OF_CONSENT};
use crate::domain::consent::Consent;
use crate::domain::ids::{OrganisationId, PersonId, PurposeId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;

/// A person at a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// The person.
    pub person: PersonId,
    /// The library.
    pub organisation: OrganisationId,
    /// Member number there.
    pub number: Option<Personal<String>>,
    /// Age in whole years; `None` when the birth date is unknown.
    pub age: Option<u32>,
    /// Whether they speak for themselves alone.
    pub is_sixteen: bool,
    /// The day on which they do.
    pub sixteen_on: Option<NaiveDate>,
    /// Verified guardians.
    pub guardians: BTreeSet<PersonId>,
    /// The word on each purpose.
    pub consents: BTreeMap<PurposeId, Consent>,
    /// Objections to single purposes.
    pub objections: BTreeMap<PurposeId, Moment>,
    /// Objection to all direct marketing.
    pub marketing_objection: Option<Moment>,
    /// The language they are written to.
    pub language: Option<Language>,
    /// Whether receipts are mailed.
    pub receipts: bool,
    /// Counts what was recorded at this library: a form that shows another number is old.
    pub revision: u64,
}

impl Service {
    /// A person by the pseudonym by which the calling page knows them.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for any text that is no such pseudonym, and for who is not known there.
    pub async fn near(&self, call: &Call, text: &str) -> Result<Near, Refusal> {
        let text = text.to_owned();
        self.read(call, move |call, work| {
            call.require(Scope::ConsentsRead)?;
            let (person, organisation) = work.find_pairwise(call, &text)?;
            let zone = work.catalogue().network.zone;
            let found = work.member(person)?;
            let number = found
                .record
                .identifiers
                .iter()
                .find(|identifier| {
                    identifier.scheme.as_str() == "member-number" && identifier.organisation == organisation
                })
                .or_else(|| {
                    let mut all = found.record.identifiers.iter();
                    all.find(|identifier| identifier.scheme.as_str() == "member-number")
                })
                .map(|identifier| identifier.value.clone());
            let standing = work.standing(person, &organisation);
            let birth = standing.birth();
            let today = work.now.date(zone);
            Ok::<_, Stop>(Near {
                person,
                organisation,
                number,
                age: birth.and_then(|birth| today.years_since(birth)),
                is_sixteen: age::has_reached(birth, AGE_OF_CONSENT, work.now, zone),
                sixteen_on: birth.map(|birth| age::birthday(birth, AGE_OF_CONSENT)),
                guardians: standing.guardians.iter().map(|link| link.guardian).collect(),
                consents: standing.consents,
                objections: standing.objections,
                marketing_objection: standing.marketing_objection,
                language: standing.preferences.language,
                receipts: standing.preferences.receipts_by_mail,
                revision: standing.revision,
            })
        })
        .await
    }

    /// The children of a guardian, one entry for each library. Who is 16 is not among them: that day the guardian's
    /// authority ends (R21).
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn children(&self, call: &Call, guardian: PersonId) -> Result<Vec<Near>, Refusal> {
        let wards = self
            .read(call, move |_, work| {
                let found = work.person(guardian)?.cloned();
                let mut wards: Vec<(PersonId, OrganisationId)> = Vec::new();
                for (organisation, standing) in found.iter().flat_map(|found| &found.record.standings) {
                    wards.extend(standing.wards.iter().map(|child| (*child, organisation.clone())));
                }
                Ok::<_, Stop>(wards)
            })
            .await?;
        let mut children = Vec::new();
        for (child, organisation) in wards {
            let text = self.pairwise(call, &organisation, child);
            match self.near(call, &text).await {
                Ok(near) if near.guardians.contains(&guardian) && !near.is_sixteen => children.push(near),
                // Unlinked on the other side, or erased since.
                Ok(_) | Err(Refusal::NotFound | Refusal::Conflict(_)) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        children.sort_by_key(|near| (near.person, near.organisation.clone()));
        Ok(children)
    }

    /// A child of a guardian, by pseudonym. Everybody else's child, one who is 16, and no child at all are the same answer.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn child(&self, call: &Call, guardian: PersonId, text: &str) -> Result<Near, Refusal> {
        let near = self.near(call, text).await?;
        if near.guardians.contains(&guardian) && !near.is_sixteen {
            return Ok(near);
        }
        Err(Refusal::NotFound)
    }

    /// Whether what a form asks was done before: it was sent twice, and is answered again.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn was_done(&self, call: &Call) -> Result<bool, Refusal> {
        let Some(idempotency) = call.idempotency else {
            return Ok(false);
        };
        let client = call.principal.client.clone();
        let found = self.look("was_done", move |tx| {
            tx.find_idempotency(&[(client.as_str(), idempotency.key)])
        });
        Ok(found
            .await?
            .iter()
            .any(|row| row.request_hash == idempotency.request))
    }
}
