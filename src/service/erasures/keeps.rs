//! What an erasure does not take away, on which ground and until when, and what it brings about for others: shown to the
//! officer who approves, and in the certificate.

use super::organisations;
use crate::domain::ids::{OrganisationId, PersonId};
use crate::domain::moment::Moment;
use crate::domain::person::PersonRecord;
use crate::domain::purpose::LegalBasis;
use crate::domain::rights::RequestType;
use crate::policy::catalogue::Catalogue;
use crate::service::propagate;
use crate::service::work::{PersonState, Stop, Work};
use crate::store::ErasureRow;

/// One of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// What, as a stable word.
    pub what: &'static str,
    /// On which ground, as a stable word.
    pub ground: &'static str,
    /// Until when, where that is an instant.
    pub until: Option<Moment>,
    /// Until when, in words of the register of processing.
    pub term: Option<String>,
    /// How many, where it counts something.
    pub count: Option<usize>,
    /// The library, where it is about one.
    pub organisation: Option<OrganisationId>,
    /// The purpose, where it is about one.
    pub purpose: Option<String>,
    /// Whether the erasure waits for it.
    pub blocks: bool,
}

impl Keep {
    const fn new(what: &'static str, ground: &'static str) -> Self {
        Self {
            what,
            ground,
            until: None,
            term: None,
            count: None,
            organisation: None,
            purpose: None,
            blocks: false,
        }
    }
}

/// What stands about an erasure now.
pub(super) fn keeps(work: &mut Work<'_, '_>, row: &ErasureRow) -> Result<Vec<Keep>, Stop> {
    let catalogue = std::sync::Arc::clone(&work.policies.current);
    let from = row.erased_at.unwrap_or(work.now);
    let zone = catalogue.network.zone;
    let mut kept = vec![
        Keep::new("tombstone", "gdpr-5-2"),
        Keep {
            until: Some(from.plus(catalogue.network.log_retention.consent, zone)),
            ..Keep::new("log-entries", "gdpr-5-2")
        },
        Keep {
            until: Some(from.plus_seconds(propagate::KEPT)),
            ..Keep::new("messages-to-systems", "gdpr-19")
        },
    ];
    for library in organisations(&row.organisations) {
        kept.extend(obligations(&catalogue, &library));
    }
    let found = work.person(row.person_id)?.cloned();
    if let Some(found) = found.filter(|found| found.state == PersonState::Active) {
        kept.extend(of_record(&found.record));
        kept.extend(requests(work, found.id)?);
    }
    Ok(kept)
}

/// What systems of a library must keep by law: they say so when they answer.
fn obligations<'c>(catalogue: &'c Catalogue, library: &'c OrganisationId) -> impl Iterator<Item = Keep> + 'c {
    let by_law = catalogue
        .purposes
        .values()
        .filter(|entry| entry.purpose.legal_basis == LegalBasis::LegalObligation);
    by_law.map(|entry| Keep {
        term: Some(entry.register.retention.clone()),
        organisation: Some(library.clone()),
        purpose: Some(entry.purpose.id.to_string()),
        ..Keep::new("legal-retention", "17-3-b")
    })
}

/// What the person asked for and was not answered yet: after the erasure there would be nobody to answer. The request for
/// the erasure itself is answered by it.
fn requests(work: &mut Work<'_, '_>, person: PersonId) -> Result<Option<Keep>, Stop> {
    let mut people = work.tx().merged_into(person)?;
    people.push(person);
    let rows = work.tx().rights_requests_of(&people)?;
    let open = rows
        .iter()
        .filter(|row| row.ended_at.is_none() && row.kind != RequestType::Erasure.as_str());
    let until = open.clone().map(|row| row.due_at).max();
    Ok(until.map(|until| Keep {
        until: Some(until),
        count: Some(open.count()),
        blocks: true,
        ..Keep::new("open-rights-request", "gdpr-12-3")
    }))
}

fn of_record(record: &PersonRecord) -> Vec<Keep> {
    let mut kept = Vec::new();
    for (library, standing) in &record.standings {
        let at = |keep: Keep| Keep {
            organisation: Some(library.clone()),
            ..keep
        };
        if standing.held.is_some() {
            kept.push(at(Keep {
                blocks: true,
                ..Keep::new("legal-hold", "17-3-e")
            }));
        }
        if standing.marketing_objection.is_some() || !standing.objections.is_empty() {
            kept.push(at(Keep::new("objection-hash", "gdpr-21-3")));
        }
        if !standing.wards.is_empty() {
            kept.push(at(Keep {
                count: Some(standing.wards.len()),
                ..Keep::new("guardian-of-children", "gdpr-8")
            }));
        }
        if !standing.guardians.is_empty() {
            kept.push(at(Keep {
                count: Some(standing.guardians.len()),
                ..Keep::new("child-with-guardians", "gdpr-8")
            }));
        }
    }
    kept
}
