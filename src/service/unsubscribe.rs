//! The link in every promotional mail: works without login, changes nothing when it is only looked at (RFC 8058, R34).

use super::call::{Call, Principal};
use super::keys::UNSUBSCRIBE;
use super::lane::Verb;
use super::refusal::Refusal;
use super::shared::{OWN_CLIENT, Shared};
use super::work::{Circumstances, PersonState, Stop, Subjects, Work};
use crate::domain::consent::{ConsentAct, ConsentStatus, IndicationMethod, Party};
use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::{OrganisationId, PersonId, PurposeId, SystemId};
use crate::domain::preference::Language;
use crate::domain::purpose::LegalBasis;

/// What a link is about. It holds no name and no address, and is sealed besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) person: PersonId,
    pub(crate) organisation: OrganisationId,
    pub(crate) purpose: PurposeId,
}

impl Link {
    /// For sealing: the person's 16 bytes and the two ids with a newline between.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.person.as_bytes().to_vec();
        bytes.extend_from_slice(self.organisation.as_str().as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(self.purpose.as_str().as_bytes());
        bytes
    }

    /// From an opened token.
    pub(crate) fn open(shared: &Shared, token: &str) -> Option<Self> {
        let bytes = shared.keys.open_token(UNSUBSCRIBE, token)?;
        let (person, rest) = bytes.split_at_checked(16)?;
        let (organisation, purpose) = std::str::from_utf8(rest).ok()?.split_once('\n')?;
        Some(Self {
            person: PersonId::from_slice(person)?,
            organisation: organisation.parse().ok()?,
            purpose: purpose.parse().ok()?,
        })
    }
}

/// Stop what the link is about: the consent is withdrawn, or an objection recorded where there is no consent.
pub(crate) struct Unsubscribe(pub(crate) Link);

impl Unsubscribe {
    /// The call of somebody who pressed the button: nobody but the holder of the link.
    pub(crate) fn call(system: SystemId) -> Call {
        let principal = Principal {
            client: OWN_CLIENT.to_owned(),
            system,
            scopes: std::collections::BTreeSet::new(),
        };
        Call::new(principal, Language::Nl)
    }
}

impl Verb for Unsubscribe {
    type Answer = ();

    fn subjects(&self, _: &Shared, _: &Call, into: &mut Subjects) {
        into.people.push(self.0.person);
    }

    fn fits_one_statement(&self) -> bool {
        true
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(), Stop> {
        let link = &self.0;
        let found = work
            .person(link.person)?
            .map(|person| (person.id, person.state, person.is_test_subject()));
        let person = match found {
            None => return Err(Refusal::NotFound.into()),
            // Erased since the mail: nothing is left that could be sent to.
            Some((_, PersonState::Erased, _)) => return Ok(()),
            Some((_, PersonState::Unreadable, _)) => return Err(Refusal::Unavailable.into()),
            // Pressing the button of a magic test subject works and changes nothing.
            Some((_, _, true)) => return Ok(()),
            Some((id, _, false)) => id,
        };
        let standing = work.standing(person, &link.organisation);
        let entry = work
            .catalogue()
            .purposes
            .get(&link.purpose)
            .cloned()
            .ok_or(Refusal::NotFound)?;
        let method = IndicationMethod::OneClick;
        let change = if entry.purpose.legal_basis == LegalBasis::Consent {
            let before = standing.consents.get(&link.purpose);
            if before.is_some_and(|c| matches!(c.status, ConsentStatus::Withdrawn | ConsentStatus::Refused)) {
                return Ok(());
            }
            Change::Consent(ConsentAct {
                purpose: link.purpose.clone(),
                status: ConsentStatus::Withdrawn,
                by: Party::Oneself,
                notice_version: before.map_or(0, |c| c.notice_version),
                notice_hash: String::new(),
                language: before.map_or(Language::Nl, |c| c.language),
                data_scopes: std::collections::BTreeSet::new(),
                channels: std::collections::BTreeSet::new(),
                method,
                awaits_guardian: false,
            })
        } else if standing.objections.contains_key(&link.purpose) {
            return Ok(());
        } else {
            Change::Objected {
                purpose: Some(link.purpose.clone()),
                method,
            }
        };
        let circumstances = Circumstances {
            organisation: &link.organisation,
            occurred_at: None,
            actor: Actor::plain(ActorKind::Oneself),
            evidence: None,
        };
        work.record(call, person, circumstances, change)?;
        Ok(())
    }
}
