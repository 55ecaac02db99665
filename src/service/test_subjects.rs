//! The ten magic test subjects: ordinary records, made through the ordinary use cases, so that a caller can try every
//! sort of answer without a member. Only Akkoord itself may write them.

use std::collections::BTreeSet;

use chrono::{Months, NaiveDate};

use super::Service;
use super::call::{Call, Principal, Scope};
use super::refusal::{Conflict, Refusal};
use super::shared::{OWN_CLIENT, TEST_SCHEME};
use super::verbs::{
    ActorRef, CurrentConsents, LookUpPerson, PersonRef, RecordConsent, RecordObjection, RecordRestriction,
    RegisterPerson,
};
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::decision::ReasonCode;
use crate::domain::event::ActorKind;
use crate::domain::ids::{OrganisationId, PurposeId, SchemeId, SystemId};
use crate::domain::moment::{Moment, Period};
use crate::domain::person::{Membership, MembershipKind};
use crate::domain::personal::Personal;
use crate::domain::preference::Language;

/// The subjects and what each one's decision rests on, for purpose `newsletter`, action `contact`, channel `email`.
pub const TEST_SUBJECTS: [(&str, ReasonCode); 10] = [
    ("granted", ReasonCode::PermitConsent),
    ("refused", ReasonCode::DenyRefused),
    ("withdrawn", ReasonCode::DenyWithdrawn),
    ("expired", ReasonCode::DenyExpired),
    ("never-asked", ReasonCode::DenyNoConsent),
    ("child-needs-guardian", ReasonCode::DenyGuardianRequired),
    ("objected", ReasonCode::DenyObjection),
    ("restricted", ReasonCode::DenyRestricted),
    ("erased", ReasonCode::DenyErased),
    ("unknown", ReasonCode::DenyUnknownSubject),
];

/// The purpose they are about.
const PURPOSE: &str = "newsletter";

impl Service {
    /// Makes the test subjects that are not there yet, at every library. Where they are all there, nothing is written.
    ///
    /// # Errors
    /// What a use case refused: [`Refusal::Unavailable`] when the database cannot be used.
    pub async fn ensure_test_subjects(&self) -> Result<(), Refusal> {
        let Some(seeder) = Seeder::new(self) else {
            return Ok(());
        };
        let mut lacking = Vec::new();
        for library in self.catalogue().organisations.keys() {
            if !seeder.complete(library).await? {
                lacking.push(library.clone());
            }
        }
        for library in &lacking {
            seeder.register(library).await?;
        }
        if !lacking.is_empty() {
            seeder.erase().await?;
        }
        for library in &lacking {
            seeder.speak(library).await?;
        }
        Ok(())
    }
}

struct Seeder<'s> {
    service: &'s Service,
    call: Call,
    scheme: SchemeId,
    purpose: PurposeId,
    /// Version of the notice, and how long a consent lasts.
    notice: u32,
    validity: Period,
}

impl<'s> Seeder<'s> {
    /// None where the catalogue has no such purpose, or no system that serves every library.
    fn new(service: &'s Service) -> Option<Self> {
        let catalogue = service.catalogue();
        let entry = catalogue
            .purposes
            .values()
            .find(|entry| entry.purpose.id.as_str() == PURPOSE)?;
        let system = catalogue
            .systems
            .values()
            .find(|system| system.organisations.is_none())?;
        Some(Self {
            service,
            call: own_call(system.id.clone()),
            scheme: TEST_SCHEME.parse().ok()?,
            purpose: entry.purpose.id.clone(),
            notice: entry.purpose.version,
            validity: entry.purpose.validity?,
        })
    }

    /// `granted` is made last, so where it has consented everything is there.
    async fn complete(&self, library: &OrganisationId) -> Result<bool, Refusal> {
        let found = LookUpPerson {
            scheme: self.scheme.clone(),
            value: Personal::new("granted".to_owned()),
            organisation: Some(library.clone()),
        };
        let person_id = match self.service.look_up_person(&self.call, found).await {
            Ok(person_id) => person_id,
            Err(Refusal::NotFound) => return Ok(false),
            Err(refusal) => return Err(refusal),
        };
        let state = self
            .service
            .current_consents(&self.call, CurrentConsents { person_id })
            .await?;
        Ok(state
            .consents
            .iter()
            .any(|consent| consent.purpose == self.purpose))
    }

    async fn register(&self, library: &OrganisationId) -> Result<(), Refusal> {
        for (subject, _) in TEST_SUBJECTS.iter().filter(|(subject, _)| *subject != "unknown") {
            let is_child = *subject == "child-needs-guardian";
            let person = RegisterPerson {
                organisation: library.clone(),
                identifiers: vec![(self.scheme.clone(), Personal::new((*subject).to_owned()))],
                birth_date: self.born(if is_child { 14 } else { 40 }),
                language: Some(Language::Nl),
                membership: Some(membership(is_child)),
            };
            match self.service.register_person(&self.call, person).await {
                // Erased at an earlier start: that is what it is for.
                Ok(_) | Err(Refusal::Conflict(Conflict::Erased)) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(())
    }

    async fn erase(&self) -> Result<(), Refusal> {
        let found = LookUpPerson {
            scheme: self.scheme.clone(),
            value: Personal::new("erased".to_owned()),
            organisation: self.service.catalogue().organisations.keys().next().cloned(),
        };
        let person_id = match self.service.look_up_person(&self.call, found).await {
            Ok(person_id) => person_id,
            Err(Refusal::NotFound | Refusal::Conflict(Conflict::Erased)) => return Ok(()),
            Err(refusal) => return Err(refusal),
        };
        let system = &self.call.principal.system;
        let catalogue = self.service.catalogue();
        let person = catalogue
            .organisations
            .keys()
            .find_map(|library| self.service.keys().open_pairwise(system, library, &person_id))
            .ok_or(Refusal::NotFound)?;
        self.service.erase_now(&self.call, person).await?;
        Ok(())
    }

    async fn speak(&self, library: &OrganisationId) -> Result<(), Refusal> {
        use ConsentStatus::{Given, Refused, Withdrawn};
        self.consent(library, "refused", Refused, None).await?;
        self.consent(library, "withdrawn", Given, None).await?;
        self.consent(library, "withdrawn", Withdrawn, None).await?;
        self.consent(library, "expired", Given, self.past_its_validity())
            .await?;
        self.consent(library, "child-needs-guardian", Given, None).await?;
        self.consent(library, "objected", Given, None).await?;
        self.object(library).await?;
        self.consent(library, "restricted", Given, None).await?;
        self.restrict(library).await?;
        self.consent(library, "granted", Given, None).await
    }

    /// A word of the person; on paper when it lies in the past.
    async fn consent(
        &self,
        library: &OrganisationId,
        subject: &str,
        status: ConsentStatus,
        occurred_at: Option<Moment>,
    ) -> Result<(), Refusal> {
        let on_paper = occurred_at.is_some();
        let evidence = serde_json::Map::from_iter([("form".to_owned(), "test".into())]);
        let consent = RecordConsent {
            person: self.person(subject),
            organisation: library.clone(),
            purpose: self.purpose.clone(),
            status,
            data_scopes: None,
            channels: None,
            notice_version: Some(self.notice),
            language: Some(Language::Nl),
            method: if on_paper {
                IndicationMethod::Paper
            } else {
                IndicationMethod::WebForm
            },
            actor: ActorRef::plain(ActorKind::Oneself),
            evidence: on_paper.then(|| Personal::new(evidence)),
            occurred_at,
        };
        self.service.record_consent(&self.call, consent).await.map(|_| ())
    }

    async fn object(&self, library: &OrganisationId) -> Result<(), Refusal> {
        let objection = RecordObjection {
            person: self.person("objected"),
            organisation: library.clone(),
            purpose: None,
            made: true,
            method: IndicationMethod::WebForm,
            actor: ActorRef::plain(ActorKind::Oneself),
            evidence: None,
            occurred_at: None,
        };
        self.service
            .record_objection(&self.call, objection)
            .await
            .map(|_| ())
    }

    async fn restrict(&self, library: &OrganisationId) -> Result<(), Refusal> {
        let restriction = RecordRestriction {
            person: self.person("restricted"),
            organisation: library.clone(),
            ground: Some("accuracy".to_owned()),
            actor: ActorRef::plain(ActorKind::Oneself),
            evidence: None,
        };
        self.service
            .record_restriction(&self.call, restriction)
            .await
            .map(|_| ())
    }

    fn person(&self, subject: &str) -> PersonRef {
        PersonRef::Identifier {
            scheme: self.scheme.clone(),
            value: Personal::new(subject.to_owned()),
        }
    }

    /// A birth date that makes somebody so old for the coming half year.
    fn born(&self, age: u32) -> Option<Personal<NaiveDate>> {
        let today = self
            .service
            .world()
            .now()
            .date(self.service.catalogue().network.zone);
        today
            .checked_sub_months(Months::new(age * 12 + 6))
            .map(Personal::new)
    }

    /// Two months before a yes would have to be given to be valid still.
    fn past_its_validity(&self) -> Option<Moment> {
        let (now, zone) = (self.service.world().now(), self.service.catalogue().network.zone);
        (1..=50)
            .filter_map(|years| now.utc().checked_sub_months(Months::new(years * 12 + 2)))
            .map(|at| Moment::from_micros(at.timestamp_micros()))
            .find(|at| at.plus(self.validity, zone) < now)
    }
}

/// A call of Akkoord itself.
fn own_call(system: SystemId) -> Call {
    let principal = Principal {
        client: OWN_CLIENT.to_owned(),
        system,
        scopes: Scope::ALL.iter().copied().collect::<BTreeSet<_>>(),
    };
    Call::new(principal, Language::Nl)
}

fn membership(is_child: bool) -> Membership {
    Membership {
        kind: if is_child {
            MembershipKind::Youth
        } else {
            MembershipKind::Adult
        },
        since: None,
        until: None,
        paying: !is_child,
        contact_from_sale: !is_child,
        opt_out_offered: !is_child,
    }
}
