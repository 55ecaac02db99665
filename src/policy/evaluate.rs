//! The decision: a pure and total function. Default is deny; every deny rule wins over every permit rule; all reasons
//! are collected in a fixed order, the first is decisive.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::catalogue::{Catalogue, Grant, PurposeEntry, System};
use crate::domain::age::{self, AGE_OF_CONSENT};
use crate::domain::consent::{Consent, ConsentStatus, Party};
use crate::domain::decision::{CustomerFact, Effect, Question, Reason, ReasonCode, Verdict};
use crate::domain::ids::DataScopeId;
use crate::domain::moment::Moment;
use crate::domain::person::{Membership, PersonRecord, Standing};
use crate::domain::purpose::{Action, Channel, LegalBasis, OnAgeOfConsent, Purpose, PurposeStatus};

/// How long a permit may be acted on, in seconds: later checks are promised to see every withdrawal, acts are not.
pub const ACT_WITHIN_SECONDS: i64 = 30;

/// In the register: a computer decides alone, with effects that matter (GDPR art. 22(1)).
const SOLELY_AUTOMATED: &str = "solely-automated";

/// About whom the question is.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// Nobody here by that identifier.
    Unknown,
    /// Somebody who was erased.
    Erased,
    /// Somebody.
    Known(&'a PersonRecord),
}

/// Answers a question. Whatever is wrong or missing is a deny with its reason, never an error.
pub fn evaluate(catalogue: &Catalogue, subject: Subject<'_>, question: &Question, now: Moment) -> Verdict {
    let Some(entry) = catalogue.purposes.get(&question.purpose) else {
        return deny(
            vec![Reason::plain(ReasonCode::DenyPurposeInactive)],
            LegalBasis::Consent,
            0,
            question,
        );
    };
    let purpose = &entry.purpose;
    let stop = |code| {
        deny(
            vec![Reason::plain(code)],
            purpose.legal_basis,
            purpose.version,
            question,
        )
    };

    // A system that may not ask learns nothing about the person, not even whether we know them (R50, R64).
    let grants = match registered(catalogue, purpose, question) {
        Some(grants) => grants,
        None => return stop(ReasonCode::DenyController),
    };
    if purpose.status != PurposeStatus::Active || !purpose.actions.contains(&question.action) {
        return stop(ReasonCode::DenyPurposeInactive);
    }
    let record = match subject {
        Subject::Unknown => return stop(ReasonCode::DenyUnknownSubject),
        Subject::Erased => return stop(ReasonCode::DenyErased),
        Subject::Known(record) => record,
    };
    // A member of another library is as unknown here as anybody (R50).
    let Some(standing) = record.standings.get(&question.organisation) else {
        return stop(ReasonCode::DenyUnknownSubject);
    };

    let case = Case {
        catalogue,
        entry,
        purpose,
        standing,
        question,
        grants: &grants,
        now,
    };
    let scopes = case.permitted_scopes();
    let reasons: Vec<Reason> = [
        case.restriction(),
        case.school(),
        case.objection(),
        case.legal_basis(),
        case.minor(),
        case.advertising(),
        case.channel(),
        case.untold_enrichment(),
        case.scope(&scopes),
    ]
    .into_iter()
    .flatten()
    .collect();
    if reasons.is_empty() {
        case.permit(scopes)
    } else {
        deny(reasons, purpose.legal_basis, purpose.version, question)
    }
}

/// Why a consent purpose is not permitted to somebody now, looking at nothing but the consent; `None` when it is.
pub fn consent_reason(
    catalogue: &Catalogue,
    entry: &PurposeEntry,
    standing: &Standing,
    now: Moment,
) -> Option<ReasonCode> {
    let voice = Voice {
        catalogue,
        purpose: &entry.purpose,
        standing,
        now,
    };
    voice.consent_missing().map(|reason| reason.code)
}

/// The instant from which a yes no longer permits: its validity is over, or a young person had to confirm a guardian's yes
/// by then (R11, R22). `None` when there is no yes, or nothing ends it.
pub fn consent_ends(catalogue: &Catalogue, entry: &PurposeEntry, standing: &Standing) -> Option<Moment> {
    let voice = Voice {
        catalogue,
        purpose: &entry.purpose,
        standing,
        now: Moment::from_micros(0),
    };
    voice
        .consent()
        .filter(|consent| consent.status.is_yes())
        .and_then(|consent| voice.ends(consent))
}

fn deny(reasons: Vec<Reason>, legal_basis: LegalBasis, purpose_version: u32, question: &Question) -> Verdict {
    Verdict {
        effect: Effect::Deny,
        reasons,
        data_scopes: BTreeSet::new(),
        withheld: question.data_scopes.clone(),
        valid_until: None,
        legal_basis,
        unsubscribe: false,
        purpose_version,
    }
}

/// The grants under which a system may ask this at all; `None` when there are none.
fn registered<'c>(
    catalogue: &'c Catalogue,
    purpose: &Purpose,
    question: &Question,
) -> Option<Vec<&'c Grant>> {
    let system: &System = catalogue.systems.get(&question.system)?;
    if !system.serves(&question.organisation) || !catalogue.organisations.contains_key(&question.organisation)
    {
        return None;
    }
    let grants: Vec<&Grant> = system.grants_for(&purpose.id, question.action).collect();
    (!grants.is_empty()).then_some(grants)
}

/// One question about one known person, with everything the rules look at.
struct Case<'a> {
    catalogue: &'a Catalogue,
    entry: &'a PurposeEntry,
    purpose: &'a Purpose,
    standing: &'a Standing,
    question: &'a Question,
    grants: &'a [&'a Grant],
    now: Moment,
}

impl Case<'_> {
    fn permit(&self, data_scopes: BTreeSet<DataScopeId>) -> Verdict {
        let purpose = self.purpose;
        let code = ReasonCode::permit(purpose.legal_basis);
        let consent = self.consent();
        let soon = self.now.plus_seconds(ACT_WITHIN_SECONDS);
        let reason = match consent {
            Some(consent) if purpose.legal_basis == LegalBasis::Consent => {
                Reason::on(code, self.date(consent.occurred_at))
            }
            _ => Reason::plain(code),
        };
        let expiry = consent
            .filter(|_| purpose.legal_basis == LegalBasis::Consent)
            .and_then(|c| self.voice().ends(c));
        Verdict {
            effect: Effect::Permit,
            reasons: vec![reason],
            withheld: self
                .question
                .data_scopes
                .difference(&data_scopes)
                .cloned()
                .collect(),
            data_scopes,
            valid_until: Some(expiry.map_or(soon, |end| end.min(soon))),
            legal_basis: purpose.legal_basis,
            unsubscribe: purpose.is_promotional() && self.question.action == Action::Contact,
            purpose_version: purpose.version,
        }
    }

    /// GDPR art. 18: nothing but storage, proof and legal claims (R60).
    fn restriction(&self) -> Vec<Reason> {
        match self.standing.restricted {
            Some(since) if !self.purpose.restriction_exempt => {
                vec![self.dated(ReasonCode::DenyRestricted, since)]
            }
            _ => Vec::new(),
        }
    }

    /// A school's profile serves the school only, and the school's purpose serves no other profile (R49).
    fn school(&self) -> Vec<Reason> {
        let fits = self.standing.is_school() == self.purpose.school_domain;
        if fits || self.purpose.restriction_exempt {
            Vec::new()
        } else {
            vec![Reason::plain(ReasonCode::DenySchoolDomain)]
        }
    }

    /// GDPR art. 21: absolute for direct marketing and its profiling (R33), and from receipt for other purposes (R40).
    fn objection(&self) -> Vec<Reason> {
        let marketing = self
            .standing
            .marketing_objection
            .filter(|_| self.purpose.is_promotional());
        let single = self.standing.objections.get(&self.purpose.id).copied();
        let since = marketing.or(single);
        since
            .map(|since| self.dated(ReasonCode::DenyObjection, since))
            .into_iter()
            .collect()
    }

    fn legal_basis(&self) -> Vec<Reason> {
        match self.purpose.legal_basis {
            LegalBasis::Consent => self.voice().consent_missing().into_iter().collect(),
            LegalBasis::CustomerException => self.customer_facts_missing().into_iter().collect(),
            LegalBasis::Contract
            | LegalBasis::LegalObligation
            | LegalBasis::PublicTask
            | LegalBasis::LegitimateInterest => Vec::new(),
        }
    }

    fn consent(&self) -> Option<&Consent> {
        self.standing.consents.get(&self.purpose.id)
    }

    const fn voice(&self) -> Voice<'_> {
        Voice {
            catalogue: self.catalogue,
            purpose: self.purpose,
            standing: self.standing,
            now: self.now,
        }
    }

    /// Tw 11.7(3): every fact must be there (R28, R29).
    fn customer_facts_missing(&self) -> Option<Reason> {
        let exception = self.purpose.customer_exception.as_ref();
        let membership = self.standing.membership.as_ref();
        let fact = |holds: fn(&Membership) -> bool| membership.is_some_and(holds);
        let customer_until = |m: &Membership| match (m.until, exception) {
            (None, _) => true,
            (Some(end), Some(exception)) => self.today() <= exception.after_membership.after(end),
            (Some(end), None) => self.today() <= end,
        };
        let facts = [
            (
                CustomerFact::OwnCustomer,
                fact(|m| m.paying) && membership.is_some_and(customer_until),
            ),
            (CustomerFact::ContactFromSale, fact(|m| m.contact_from_sale)),
            (
                CustomerFact::SimilarOffer,
                exception.is_some_and(|e| !e.similar_offer.is_empty()),
            ),
            (CustomerFact::OptOutOffered, fact(|m| m.opt_out_offered)),
            (CustomerFact::Adult, self.has_reached(18, self.now)),
        ];
        let missing: Vec<CustomerFact> = facts
            .into_iter()
            .filter(|(_, holds)| !holds)
            .map(|(fact, _)| fact)
            .collect();
        (!missing.is_empty()).then_some(Reason {
            code: ReasonCode::DenyCustomerExceptionIncomplete,
            on: None,
            missing,
        })
    }

    /// Rules for minors on top of those of the basis (R25): no computer alone decides about a child (GDPR recital 71), no
    /// profiling for marketing without a guardian's explicit consent, and a minimum age.
    fn minor(&self) -> Vec<Reason> {
        let purpose = self.purpose;
        let child = !self.has_reached(AGE_OF_CONSENT, self.now);
        let computer_alone = self.entry.register.automated_decision == SOLELY_AUTOMATED;
        let profiled = self.question.action == Action::Profile && purpose.is_promotional();
        let explicit_consent = purpose.legal_basis == LegalBasis::Consent && purpose.explicit;
        // Consent looks at the age of the person who spoke, when they spoke.
        let asked = purpose.legal_basis == LegalBasis::Consent;
        let too_young = !asked && !self.has_reached(purpose.age.minimum, self.now);
        if (child && (computer_alone || profiled && !explicit_consent)) || too_young {
            vec![Reason::plain(ReasonCode::DenyGuardianRequired)]
        } else {
            Vec::new()
        }
    }

    /// Tw 11.7: advertising by an electronic message rests on consent or on the customer exception (R28, R30), by telephone
    /// on consent alone (R31), whatever ground the processing itself has.
    fn advertising(&self) -> Vec<Reason> {
        let basis = self.purpose.legal_basis;
        let allowed = match self.question.channel {
            Some(Channel::Email | Channel::Sms | Channel::Push) => {
                matches!(basis, LegalBasis::Consent | LegalBasis::CustomerException)
            }
            Some(Channel::Phone) => basis == LegalBasis::Consent,
            Some(Channel::Post | Channel::Portal | Channel::Desk) | None => true,
        };
        let advertises = self.purpose.is_promotional() && self.question.action == Action::Contact;
        if advertises && !allowed {
            vec![Reason::plain(ReasonCode::DenyNoConsent)]
        } else {
            Vec::new()
        }
    }

    fn channel(&self) -> Vec<Reason> {
        let Some(channel) = self.question.channel else {
            // Only contact has a way in which it arrives; a contact without one cannot be judged.
            let lacks = self.question.action == Action::Contact;
            return if lacks {
                vec![Reason::plain(ReasonCode::DenyChannel)]
            } else {
                Vec::new()
            };
        };
        let consented = match self
            .consent()
            .filter(|_| self.purpose.legal_basis == LegalBasis::Consent)
        {
            Some(consent) => consent.channels.is_empty() || consent.channels.contains(&channel),
            None => true,
        };
        let preferences = &self.standing.preferences;
        let open = self.purpose.channels.contains(&channel)
            && self.grants.iter().any(|grant| grant.channels.contains(&channel))
            && consented
            && !preferences.is_off(&self.purpose.id, channel);
        if !open {
            return vec![Reason::plain(ReasonCode::DenyChannel)];
        }
        // A pause is about being contacted.
        let paused = preferences
            .paused_until(&self.purpose.id, self.now)
            .filter(|_| self.question.action == Action::Contact);
        paused
            .map(|until| self.dated(ReasonCode::DenyChannel, until))
            .into_iter()
            .collect()
    }

    /// GDPR art. 14: nobody is contacted with data they do not know we have (R46).
    fn untold_enrichment(&self) -> Vec<Reason> {
        let untold = self.question.action == Action::Contact
            && self.standing.enrichments.iter().any(|enrichment| {
                enrichment.told_at.is_none()
                    && !enrichment.data_scopes.is_disjoint(&self.question.data_scopes)
            });
        if untold {
            vec![Reason::plain(ReasonCode::DenyArt14NoticeDue)]
        } else {
            Vec::new()
        }
    }

    /// What was asked for, what the purpose has, what the system may see, and what the person said yes to (R45). Of
    /// several grants the one that gives most counts: data are granted together or not at all.
    fn permitted_scopes(&self) -> BTreeSet<DataScopeId> {
        let fits = |grant: &&&Grant| self.question.channel.is_none_or(|c| grant.channels.contains(&c));
        let consented = self
            .consent()
            .filter(|_| self.purpose.legal_basis == LegalBasis::Consent);
        let asked: BTreeSet<&DataScopeId> = self
            .question
            .data_scopes
            .iter()
            .filter(|scope| self.purpose.data_scopes.contains(*scope))
            .filter(|scope| consented.is_none_or(|consent| consent.data_scopes.contains(*scope)))
            .collect();
        let given_by = |grant: &&Grant| -> BTreeSet<DataScopeId> {
            let granted = asked.iter().filter(|scope| grant.data_scopes.contains(**scope));
            granted.map(|scope| (*scope).clone()).collect()
        };
        self.grants
            .iter()
            .filter(fits)
            .map(given_by)
            .reduce(|most, next| if next.len() > most.len() { next } else { most })
            .unwrap_or_default()
    }

    fn scope(&self, permitted: &BTreeSet<DataScopeId>) -> Vec<Reason> {
        let nothing_left = permitted.is_empty() && !self.question.data_scopes.is_empty();
        let wrong_source = self.question.action == Action::Enrich
            && self
                .question
                .data_source
                .as_ref()
                .is_none_or(|source| !self.purpose.enrichment_sources.contains(source));
        // Lending behaviour is never used under the customer exception (R36).
        let sensitive = self.purpose.legal_basis == LegalBasis::CustomerException
            && self
                .question
                .data_scopes
                .iter()
                .any(|s| self.catalogue.data_scopes.get(s).is_none_or(|d| d.sensitive));
        if nothing_left || wrong_source || sensitive {
            vec![Reason::plain(ReasonCode::DenyScope)]
        } else {
            Vec::new()
        }
    }

    fn has_reached(&self, age: u32, at: Moment) -> bool {
        age::has_reached(self.standing.birth(), age, at, self.catalogue.network.zone)
    }

    fn today(&self) -> NaiveDate {
        self.date(self.now)
    }

    fn date(&self, at: Moment) -> NaiveDate {
        at.date(self.catalogue.network.zone)
    }

    fn dated(&self, code: ReasonCode, at: Moment) -> Reason {
        Reason::on(code, self.date(at))
    }
}

/// Whether the word we have is a valid consent.
struct Voice<'a> {
    catalogue: &'a Catalogue,
    purpose: &'a Purpose,
    standing: &'a Standing,
    now: Moment,
}

impl Voice<'_> {
    fn consent(&self) -> Option<&Consent> {
        self.standing.consents.get(&self.purpose.id)
    }

    /// Why there is no valid consent; `None` when there is one.
    fn consent_missing(&self) -> Option<Reason> {
        use ReasonCode as Code;
        let Some(consent) = self.consent() else {
            return Some(Reason::plain(Code::DenyNoConsent));
        };
        let at = consent.occurred_at;
        match consent.status {
            // Who has turned 16 since no longer waits for anybody, and has not spoken yet (R21).
            ConsentStatus::Requested
                if consent.awaits_guardian && !self.has_reached(self.purpose.age.self_from, self.now) =>
            {
                return Some(Reason::plain(Code::DenyGuardianRequired));
            }
            ConsentStatus::Requested => return Some(Reason::plain(Code::DenyNoConsent)),
            ConsentStatus::Refused => return Some(self.dated(Code::DenyRefused, at)),
            ConsentStatus::Withdrawn | ConsentStatus::Revoked => {
                return Some(self.dated(Code::DenyWithdrawn, at));
            }
            ConsentStatus::Given | ConsentStatus::Renewed => {}
        }
        if consent.notice_version < self.purpose.consent_valid_from
            || consent.notice_version > self.purpose.version
        {
            return Some(Reason::plain(Code::DenyNoticeOutdated));
        }
        if let Some(end) = self.expiry(consent).filter(|end| *end <= self.now) {
            return Some(self.dated(Code::DenyExpired, end));
        }
        self.voice_missing(consent)
    }

    /// The instant a consent ends; `None` without a validity, which the catalogue check refuses for consent.
    fn expiry(&self, consent: &Consent) -> Option<Moment> {
        self.purpose
            .validity
            .map(|validity| consent.occurred_at.plus(validity, self.catalogue.network.zone))
    }

    /// The instant from which a yes no longer permits.
    fn ends(&self, consent: &Consent) -> Option<Moment> {
        let expiry = self.expiry(consent);
        let reconfirm = match consent.by {
            Party::Guardian(_) => self.reconfirm_due(),
            Party::Oneself | Party::Controller => None,
        };
        match (expiry, reconfirm) {
            (Some(expiry), Some(reconfirm)) => Some(expiry.min(reconfirm)),
            (expiry, reconfirm) => expiry.or(reconfirm),
        }
    }

    /// Whether the right person spoke: GDPR art. 8, UAVG art. 5, R17, R21–R23.
    fn voice_missing(&self, consent: &Consent) -> Option<Reason> {
        use ReasonCode as Code;
        let rule = &self.purpose.age;
        let own_voice = |at: Moment| self.has_reached(rule.self_from, at);
        if !self.has_reached(rule.minimum, consent.occurred_at) {
            return Some(Reason::plain(Code::DenyNoConsent));
        }
        match consent.by {
            Party::Oneself if own_voice(consent.occurred_at) => None,
            Party::Oneself => Some(Reason::plain(Code::DenyGuardianRequired)),
            // The controller's own word is no consent.
            Party::Controller => Some(Reason::plain(Code::DenyNoConsent)),
            Party::Guardian(_) if own_voice(consent.occurred_at) => {
                Some(Reason::plain(Code::DenyGuardianAuthorityEnded))
            }
            Party::Guardian(_) => self
                .reconfirm_due()
                .filter(|due| *due <= self.now)
                .map(|due| self.dated(Code::DenyReconfirmDue, due)),
        }
    }

    /// Until when a guardian's yes stands without the young person's own word; `None` where it stays (R22).
    fn reconfirm_due(&self) -> Option<Moment> {
        let rule = &self.purpose.age;
        let zone = self.catalogue.network.zone;
        let birth = self
            .standing
            .birth()
            .filter(|_| rule.on_age_of_consent == OnAgeOfConsent::RequireReconfirm)?;
        Some(age::reaches(birth, rule.self_from, zone).plus(rule.reconfirm_within, zone))
    }

    fn has_reached(&self, age: u32, at: Moment) -> bool {
        age::has_reached(self.standing.birth(), age, at, self.catalogue.network.zone)
    }

    fn dated(&self, code: ReasonCode, at: Moment) -> Reason {
        Reason::on(code, at.date(self.catalogue.network.zone))
    }
}

impl std::fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case")
            .field("purpose", &self.entry.purpose.id)
            .finish_non_exhaustive()
    }
}
