//! Record a word on consent. The rules are the law's: R1–R4, R10–R20 of the law reference stand beside the lines that
//! keep them.

use std::collections::BTreeSet;

use super::call::{Call, Scope};
use super::decide::look_at;
use super::lane::Verb;
use super::refusal::{Conflict, Forbidden, Invalid, Refusal};
use super::shared::Shared;
use super::verbs::{ActorRef, Receipt, RecordConsent, actor};
use super::work::{Circumstances, Found, Log, Stop, Subjects, Work};
use crate::domain::age::{self, AGE_OF_CONSENT};
use crate::domain::consent::{Consent, ConsentAct, ConsentStatus, IndicationMethod, Party};
use crate::domain::event::{ActorKind, Change};
use crate::domain::hex::hex;
use crate::domain::ids::{DataScopeId, OrganisationId, PersonId};
use crate::domain::moment::Moment;
use crate::domain::person::Standing;
use crate::domain::preference::Language;
use crate::domain::purpose::{Channel, LegalBasis, Purpose};
use crate::policy::catalogue::PurposeEntry;

/// How far a clock of a caller may be ahead of ours.
const CLOCK_TOLERANCE_SECONDS: i64 = 5;

impl Verb for RecordConsent {
    type Answer = Receipt;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at(
            shared,
            &call.principal.system,
            &self.organisation,
            &self.person,
            into,
        );
        if let Some(guardian) = &self.actor.guardian {
            look_at(shared, &call.principal.system, &self.organisation, guardian, into);
        }
    }

    fn fits_one_statement(&self) -> bool {
        true
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Receipt, Stop> {
        call.require(Scope::ConsentsWrite)?;
        work.require_organisation(call, &self.organisation)?;
        let policies = std::sync::Arc::clone(&work.policies);
        let entry = policies
            .current
            .purposes
            .get(&self.purpose)
            .ok_or_else(unknown_purpose)?;
        if entry.purpose.legal_basis != LegalBasis::Consent {
            return Err(Refusal::Conflict(Conflict::NotConsent).into());
        }
        let occurred_at = occurred_at(self.occurred_at, self.method, work.now)?;
        let person = work.find_member(call, &self.organisation, &self.person)?;
        work.require_changeable(call, person)?;
        let guardian = find_guardian(call, work, &self.organisation, &self.actor)?;

        let standing = work.standing(person, &self.organisation);
        let case = Case {
            request: self,
            entry,
            purpose: &entry.purpose,
            standing: &standing,
            guardian,
            occurred_at,
            zone: policies.current.network.zone,
            now: work.now,
        };
        let notice = case.notice(work)?;
        let act = case.act(notice)?;

        let circumstances = Circumstances {
            organisation: &self.organisation,
            occurred_at: Some(occurred_at),
            actor: actor(&self.actor, guardian),
            evidence: self.evidence.clone(),
        };
        let id = work.record(call, person, circumstances, Change::Consent(act.clone()))?;
        let leaf_hash = work.last_leaf(Log::Consent).unwrap_or_default();
        Ok(Receipt {
            id,
            person_id: work
                .shared
                .keys
                .pairwise(&call.principal.system, &self.organisation, person),
            organisation: self.organisation.clone(),
            purpose: self.purpose.clone(),
            status: act.status,
            awaits_guardian: act.awaits_guardian,
            valid_until: valid_until(&act, &entry.purpose, occurred_at, case.zone),
            data_scopes: act.data_scopes,
            channels: if act.channels.is_empty() {
                entry.purpose.channels.clone()
            } else {
                act.channels
            },
            notice_version: act.notice_version,
            notice_hash: act.notice_hash,
            language: act.language,
            method: act.method,
            actor: self.actor.kind,
            occurred_at,
            recorded_at: work.now,
            leaf_hash: hex(&leaf_hash),
            policy_version: policies.current.version.clone(),
        })
    }
}

fn unknown_purpose() -> Refusal {
    Invalid::new(
        "/purpose",
        "unknown-purpose",
        "there is no such purpose; GET /v1/purposes lists them",
    )
    .into()
}

/// Until when a yes permits.
pub(crate) fn valid_until(
    act: &ConsentAct,
    purpose: &Purpose,
    at: Moment,
    zone: chrono_tz::Tz,
) -> Option<Moment> {
    purpose
        .validity
        .filter(|_| act.status.is_yes())
        .map(|validity| at.plus(validity, zone))
}

/// When it happened: never in the future, and in the past only for what came on paper or from elsewhere.
pub(crate) fn occurred_at(
    given: Option<Moment>,
    method: IndicationMethod,
    now: Moment,
) -> Result<Moment, Refusal> {
    let Some(at) = given else { return Ok(now) };
    if at > now.plus_seconds(CLOCK_TOLERANCE_SECONDS) {
        return Err(Invalid::new(
            "/occurredAt",
            "in-the-future",
            "the act cannot lie in the future; give its real time",
        )
        .into());
    }
    let late = at < now.plus_seconds(-300);
    if late && !matches!(method, IndicationMethod::Paper | IndicationMethod::Import) {
        let detail = "only paper and import may lie more than five minutes back; leave occurredAt out or use the method paper";
        return Err(Invalid::new("/occurredAt", "too-long-ago", detail).into());
    }
    Ok(at.min(now))
}

/// The guardian an actor names, known at the same library.
pub(crate) fn find_guardian(
    call: &Call,
    work: &mut Work<'_, '_>,
    organisation: &OrganisationId,
    actor: &ActorRef,
) -> Result<Option<PersonId>, Stop> {
    match (&actor.kind, &actor.guardian) {
        (ActorKind::Guardian, Some(reference)) => {
            match work.find(&call.principal.system, organisation, reference)? {
                Found::Known(guardian) => Ok(Some(guardian)),
                // Whoever it is, it is nobody's guardian here.
                Found::Unknown | Found::Erased(_) => Err(Refusal::Forbidden(Forbidden::Guardian).into()),
            }
        }
        (ActorKind::Guardian, None) => {
            let detail = "name the guardian: `actor.person` with an identifier or `actor.personId`";
            Err(Refusal::from(Invalid::new("/actor", "guardian-required", detail)).into())
        }
        _ => Ok(None),
    }
}

/// Refuses a guardian who has no authority: no verified link, or the child is 16 (R21).
pub(crate) fn require_authority(
    standing: &Standing,
    guardian: Option<PersonId>,
    at: Moment,
    now: Moment,
    zone: chrono_tz::Tz,
) -> Result<(), Refusal> {
    let Some(guardian) = guardian else { return Ok(()) };
    let grown = |at| age::has_reached(standing.birth(), AGE_OF_CONSENT, at, zone);
    if standing.has_guardian(guardian) && !grown(at) && !grown(now) {
        return Ok(());
    }
    Err(Refusal::Forbidden(Forbidden::Guardian))
}

/// One request with everything the rules look at.
struct Case<'a> {
    request: &'a RecordConsent,
    entry: &'a PurposeEntry,
    purpose: &'a Purpose,
    standing: &'a Standing,
    guardian: Option<PersonId>,
    occurred_at: Moment,
    zone: chrono_tz::Tz,
    now: Moment,
}

/// The notice that was shown.
struct Shown {
    version: u32,
    hash: String,
    language: Language,
}

impl Case<'_> {
    fn before(&self) -> Option<&Consent> {
        self.standing.consents.get(&self.purpose.id)
    }

    /// The notice a yes rests on: published, in that language, and the current one unless a paper form is older (R3, R10).
    fn notice(&self, work: &Work<'_, '_>) -> Result<Shown, Refusal> {
        let needed = self.request.status.is_yes() || self.request.status == ConsentStatus::Requested;
        let language = self.request.language.unwrap_or_default();
        let Some(version) = self.request.notice_version else {
            if !needed {
                return Ok(Shown {
                    version: 0,
                    hash: String::new(),
                    language,
                });
            }
            let detail = format!(
                "say which notice was shown: the current version of this purpose is {}",
                self.purpose.version
            );
            return Err(Invalid::new("/noticeVersion", "notice-outdated", detail).into());
        };
        if needed && self.request.language.is_none() {
            return Err(Invalid::new(
                "/language",
                "required",
                "say in which language the notice was shown: nl or en",
            )
            .into());
        }
        let older_paper =
            self.occurred_at < self.now && self.request.method_is_late() && version < self.purpose.version;
        let outdated = needed && version != self.purpose.version && !older_paper;
        let entry = if version == self.purpose.version {
            Some(self.entry)
        } else {
            work.policies
                .versions
                .get(&(self.purpose.id.clone(), version))
                .map(|entry| &**entry)
        };
        let child = !age::has_reached(self.standing.birth(), 12, self.occurred_at, self.zone);
        match entry
            .and_then(|entry| entry.notice(language, child && self.request.actor.kind == ActorKind::Oneself))
        {
            Some(notice) if !outdated => Ok(Shown {
                version,
                hash: hex(&notice.hash),
                language,
            }),
            // A no counts, whatever was shown before it (R6).
            _ if !needed => Ok(Shown {
                version: 0,
                hash: String::new(),
                language,
            }),
            _ => {
                let detail = format!(
                    "this notice was not published, or is not the current one; show version {} and ask again",
                    self.purpose.version
                );
                Err(Invalid::new("/noticeVersion", "notice-outdated", detail).into())
            }
        }
    }

    fn act(&self, shown: Shown) -> Result<ConsentAct, Refusal> {
        self.require_voice()?;
        self.require_proof()?;
        require_authority(
            self.standing,
            self.guardian,
            self.occurred_at,
            self.now,
            self.zone,
        )?;
        let wanted = self.request.status;
        match wanted {
            ConsentStatus::Given => {}
            ConsentStatus::Renewed => self.require_earlier_yes()?,
            ConsentStatus::Requested => self.require_askable()?,
            ConsentStatus::Refused | ConsentStatus::Withdrawn | ConsentStatus::Revoked => {}
        }
        let mut status = wanted;
        let mut awaits_guardian = false;
        if wanted.is_yes() {
            if !self.has_reached(self.purpose.age.minimum) {
                return Err(Refusal::Conflict(Conflict::MinimumAge));
            }
            self.require_no_disagreement()?;
            // The word of a child alone is kept, and waits for a guardian (R17). An unknown age is under 16 (R23).
            if self.guardian.is_none() && !self.has_reached(self.purpose.age.self_from) {
                status = ConsentStatus::Requested;
                awaits_guardian = true;
            }
        }
        let by = match (status, self.guardian) {
            (ConsentStatus::Revoked, _) => Party::Controller,
            (ConsentStatus::Requested, _) if !awaits_guardian => Party::Controller,
            (_, Some(guardian)) => Party::Guardian(guardian),
            (_, None) => Party::Oneself,
        };
        Ok(ConsentAct {
            purpose: self.purpose.id.clone(),
            status,
            by,
            notice_version: shown.version,
            notice_hash: shown.hash,
            language: shown.language,
            data_scopes: self.scopes()?,
            channels: self.channels()?,
            method: self.request.method,
            awaits_guardian,
        })
    }

    /// A yes is somebody's own, explicit word: no program says it for them (R1).
    fn require_voice(&self) -> Result<(), Refusal> {
        let by_program = self.request.actor.kind == ActorKind::System;
        if by_program
            && !matches!(
                self.request.status,
                ConsentStatus::Requested | ConsentStatus::Revoked
            )
        {
            let detail = "a system can only ask or revoke; give the actor whose word it is: self, guardian, staff or import";
            return Err(Invalid::new("/actor/type", "not-a-voice", detail).into());
        }
        Ok(())
    }

    /// A yes on paper or from elsewhere needs its proof; without it nothing is known (R16).
    fn require_proof(&self) -> Result<(), Refusal> {
        let elsewhere = self.request.method_is_late() || self.request.actor.kind == ActorKind::Import;
        let proof = self
            .request
            .evidence
            .as_ref()
            .is_some_and(|evidence| !evidence.reveal().is_empty());
        if self.request.status.is_yes() && elsewhere && !proof {
            let detail =
                "a yes on paper or from an import needs evidence: the form number or where the proof is kept";
            return Err(Invalid::new("/evidence", "evidence-required", detail).into());
        }
        Ok(())
    }

    fn require_earlier_yes(&self) -> Result<(), Refusal> {
        if self.before().is_some_and(|before| before.status.is_yes()) {
            Ok(())
        } else {
            Err(Refusal::Conflict(Conflict::NothingToRenew))
        }
    }

    /// Nobody is asked who said yes, nor soon after a no (R12).
    fn require_askable(&self) -> Result<(), Refusal> {
        let Some(before) = self.before() else {
            return Ok(());
        };
        match before.status {
            ConsentStatus::Given | ConsentStatus::Renewed => {
                let valid = before.notice_version >= self.purpose.consent_valid_from;
                let ends = self
                    .purpose
                    .validity
                    .map(|validity| before.occurred_at.plus(validity, self.zone));
                if valid && ends.is_none_or(|end| self.now < end) {
                    return Err(Refusal::Conflict(Conflict::AlreadyGiven));
                }
                Ok(())
            }
            ConsentStatus::Refused | ConsentStatus::Withdrawn => {
                let again = self
                    .purpose
                    .reask_not_before
                    .map(|period| before.occurred_at.plus(period, self.zone));
                if again.is_some_and(|again| self.now < again) {
                    return Err(Refusal::Conflict(Conflict::ReaskTooSoon));
                }
                Ok(())
            }
            ConsentStatus::Requested | ConsentStatus::Revoked => Ok(()),
        }
    }

    /// Where guardians disagree, the no wins for that day (R20).
    fn require_no_disagreement(&self) -> Result<(), Refusal> {
        let (Some(guardian), Some(before)) = (self.guardian, self.before()) else {
            return Ok(());
        };
        let today = self.occurred_at.date(self.zone);
        let overruled = before
            .withdrawn_by_guardian
            .iter()
            .any(|(other, at)| *other != guardian && at.date(self.zone) == today);
        if overruled {
            return Err(Refusal::Conflict(Conflict::GuardiansDisagree));
        }
        Ok(())
    }

    fn has_reached(&self, years: u32) -> bool {
        age::has_reached(self.standing.birth(), years, self.occurred_at, self.zone)
    }

    fn scopes(&self) -> Result<BTreeSet<DataScopeId>, Refusal> {
        let detail = "consent can only cover data that the purpose has; GET /v1/purposes lists them";
        let given = self.request.data_scopes.as_ref();
        self.within(given, &self.purpose.data_scopes)
            .map(|scopes| scopes.unwrap_or_else(|| self.purpose.data_scopes.clone()))
            .ok_or_else(|| Invalid::new("/dataScopes", "scope-not-in-purpose", detail).into())
    }

    fn channels(&self) -> Result<BTreeSet<Channel>, Refusal> {
        let detail = "consent can only cover channels that the purpose has; GET /v1/purposes lists them";
        let given = self.request.channels.as_ref();
        self.within(given, &self.purpose.channels)
            .map(Option::unwrap_or_default)
            .ok_or_else(|| Invalid::new("/channels", "channel-not-in-purpose", detail).into())
    }

    /// What a word covers of what the purpose has; `None` when it reaches beyond. A no may: it ends the whole purpose, and
    /// is not refused because the purpose has become smaller since the yes (R6).
    fn within<T: Ord + Clone>(
        &self,
        given: Option<&BTreeSet<T>>,
        has: &BTreeSet<T>,
    ) -> Option<Option<BTreeSet<T>>> {
        let Some(given) = given else { return Some(None) };
        let needed = self.request.status.is_yes() || self.request.status == ConsentStatus::Requested;
        if needed && !given.is_subset(has) {
            return None;
        }
        Some(Some(given.intersection(has).cloned().collect()))
    }
}

impl RecordConsent {
    fn method_is_late(&self) -> bool {
        matches!(self.method, IndicationMethod::Paper | IndicationMethod::Import)
    }
}
