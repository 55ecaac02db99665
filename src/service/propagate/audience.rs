//! Which system must know what: of the libraries it works for, what touches a purpose it may act on.

use crate::domain::ids::{OrganisationId, PurposeId};
use crate::policy::catalogue::{Catalogue, System};

/// Kinds of message that are told; what else happens to a person is nobody else's business. The words are those of
/// audit leaves.
const TOLD: [&str; 14] = [
    "consent.given",
    "consent.refused",
    "consent.withdrawn",
    "consent.renewed",
    "consent.requested",
    "consent.revoked",
    "consent.expiring",
    "objection.made",
    "objection.ended",
    "restriction.set",
    "restriction.ended",
    "preferences.set",
    "person.merged",
    "person.erased",
];

/// Whether other systems hear of it at all.
pub(crate) fn is_told(kind: &str) -> bool {
    TOLD.contains(&kind)
}

/// Whether a system must know something about a purpose, or about all of them, at a library.
pub(crate) fn concerns(
    catalogue: &Catalogue,
    system: &System,
    organisation: &str,
    purpose: Option<&str>,
) -> bool {
    let Ok(organisation) = organisation.parse::<OrganisationId>() else {
        return false;
    };
    if !catalogue.organisations.contains_key(&organisation) || !system.serves(&organisation) {
        return false;
    }
    let Some(purpose) = purpose else { return true };
    let Ok(purpose) = purpose.parse::<PurposeId>() else {
        return false;
    };
    system
        .grants
        .iter()
        .any(|grant| grant.purposes.contains(&purpose))
}
