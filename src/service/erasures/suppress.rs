//! Objections that outlive the data of who made them (R59): a keyed hash of each identifier, and which library and
//! purpose. Somebody who is registered anew with the same identifier has objected already.

use super::super::work::{Circumstances, Stop, Work};
use crate::domain::consent::IndicationMethod;
use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::{OrganisationId, PersonId, PurposeId, SchemeId};
use crate::domain::moment::Moment;
use crate::domain::person::PersonRecord;
use crate::domain::personal::Personal;
use crate::service::call::Call;
use crate::service::keys::Keyring;
use crate::service::shared::TEST_SCHEME;
use crate::store::{StoreError, SuppressionRow};

/// What stands for all direct marketing in the place of a purpose.
const MARKETING: &str = "";

/// The objections of a record, under a hash of each identifier. `objects` adds one to direct marketing at every library:
/// the erasure itself was asked for because of it.
pub(crate) fn of_record(
    keys: &Keyring,
    record: &PersonRecord,
    objects: Option<Moment>,
) -> Vec<SuppressionRow> {
    let mut objections: Vec<(&OrganisationId, &str, Moment)> = Vec::new();
    for (library, standing) in &record.standings {
        if let Some(since) = standing.marketing_objection.or(objects) {
            objections.push((library, MARKETING, since));
        }
        let single = standing.objections.iter();
        objections.extend(single.map(|(purpose, since)| (library, purpose.as_str(), *since)));
    }
    let mut rows = Vec::new();
    for identifier in record
        .identifiers
        .iter()
        .filter(|i| i.scheme.as_str() != TEST_SCHEME)
    {
        let Some(hash) = keys.suppression_hash(&identifier.scheme, identifier.value.reveal()) else {
            continue;
        };
        rows.extend(objections.iter().map(|(library, purpose, since)| SuppressionRow {
            hash,
            organisation: library.to_string(),
            purpose: (*purpose).to_owned(),
            since: *since,
        }));
    }
    rows
}

impl Work<'_, '_> {
    /// Records again what somebody with this identifier objected to at a library before being erased.
    pub(crate) fn object_as_before(
        &mut self,
        call: &Call,
        person: PersonId,
        organisation: &OrganisationId,
        scheme: &SchemeId,
        value: &Personal<String>,
    ) -> Result<(), Stop> {
        let hashes = self.shared.keys.suppression_hashes(scheme, value.reveal());
        for row in self.tx().suppressions(&hashes)? {
            if row.organisation != organisation.as_str() {
                continue;
            }
            let purpose: Option<PurposeId> = match row.purpose.as_str() {
                MARKETING => None,
                purpose => Some(purpose.parse().map_err(|_| StoreError::Corrupt)?),
            };
            let standing = self.standing(person, organisation);
            let known = match &purpose {
                None => standing.marketing_objection.is_some(),
                Some(purpose) => standing.objections.contains_key(purpose),
            };
            if !known {
                let circumstances = Circumstances {
                    organisation,
                    occurred_at: Some(row.since),
                    actor: Actor::plain(ActorKind::System),
                    evidence: None,
                };
                let method = IndicationMethod::Import;
                self.record(call, person, circumstances, Change::Objected { purpose, method })?;
            }
        }
        Ok(())
    }

    /// Forgets an objection that the person lifts. The last act of a request: it is not undone when the request is refused.
    pub(crate) fn forget_objection(
        &mut self,
        person: PersonId,
        organisation: &OrganisationId,
        purpose: Option<&PurposeId>,
    ) -> Result<(), Stop> {
        let record = std::sync::Arc::clone(&self.member(person)?.record);
        let keys = &self.shared.keys;
        let hashes: Vec<[u8; 16]> = record
            .identifiers
            .iter()
            .flat_map(|known| keys.suppression_hashes(&known.scheme, known.value.reveal()))
            .collect();
        let purpose = purpose.map_or(MARKETING, PurposeId::as_str);
        self.tx()
            .forget_suppressions(&hashes, organisation.as_str(), purpose)?;
        Ok(())
    }
}
