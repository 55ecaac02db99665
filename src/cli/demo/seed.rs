//! Carries out the year's plan through the ordinary use cases of a service whose clock is turned along. What happens at
//! about the same time is submitted together, so that the lanes commit it together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt as _;

use super::history::{Act, What};
use super::members::Member;
use crate::cli::progress::Progress;
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::decision::Question;
use crate::domain::event::ActorKind;
use crate::domain::ids::{OrganisationId, SchemeId, SystemId};
use crate::domain::person::GuardianVerification;
use crate::domain::personal::Personal;
use crate::domain::preference::{Preferences, PurposePreference};
use crate::service::Service;
use crate::service::call::{Call, Principal, Scope};
use crate::service::refusal::Refusal;
use crate::service::verbs::{
    ActorRef, Decide, Evidence, LinkGuardian, LookUpPerson, PersonRef, RecordConsent, RecordObjection,
    RecordRestriction, RegisterPerson, SetPreferences,
};
use crate::world::TurnedWorld;

/// Acts within so many seconds are submitted together, and get the time of the first.
const TOGETHER_SECONDS: i64 = 3 * 3_600;
/// At most so many at once.
const AT_ONCE: usize = 512;
/// Reads are not batched; the service admits fewer of them at once.
const READS_AT_ONCE: usize = 32;

/// What was done.
#[derive(Debug, Default)]
pub struct Seeded {
    /// Acts that were recorded.
    pub done: usize,
    /// Acts that a use case refused, which a plan should not contain.
    pub refused: Vec<(Refusal, What)>,
}

/// Carries out the plan.
///
/// # Errors
/// When the service cannot record: [`Refusal::Unavailable`] or [`Refusal::Busy`].
pub async fn carry_out(
    service: &Service,
    world: &TurnedWorld,
    members: &[Member],
    plan: &[Act],
    progress: &Progress,
) -> Result<Seeded, Refusal> {
    let seeder = Seeder {
        service,
        members,
        known: Mutex::default(),
        reads: tokio::sync::Semaphore::new(READS_AT_ONCE),
    };
    let seeder = &seeder;
    let mut seeded = Seeded::default();
    let mut rest = plan;
    while let Some(first) = rest.first() {
        let (now, later) = rest.split_at(together(rest));
        world.turn_to(first.at);
        let mut outcomes = futures_util::stream::iter(now)
            .map(|act| async move { (act, seeder.act(act).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((act, outcome)) = outcomes.next().await {
            match outcome {
                Ok(()) => seeded.done += 1,
                Err(refusal @ (Refusal::Unavailable | Refusal::Busy)) => return Err(refusal),
                Err(refusal) => seeded.refused.push((refusal, act.what.clone())),
            }
        }
        progress.advance(now.len());
        rest = later;
    }
    Ok(seeded)
}

/// How many of the next acts happen together: close in time, and for each person only acts of one moment, which do not
/// depend on each other.
fn together(acts: &[Act]) -> usize {
    let Some(first) = acts.first() else { return 0 };
    let end = first.at.plus_seconds(TOGETHER_SECONDS);
    let mut moments = BTreeMap::new();
    acts.iter()
        .take(AT_ONCE)
        .take_while(|act| act.at < end && *moments.entry(act.member).or_insert(act.at) == act.at)
        .count()
        .max(1)
}

struct Seeder<'a> {
    service: &'a Service,
    members: &'a [Member],
    /// By which id the library system knows a member of a library.
    known: Mutex<BTreeMap<(usize, OrganisationId), String>>,
    reads: tokio::sync::Semaphore,
}

impl Seeder<'_> {
    async fn act(&self, act: &Act) -> Result<(), Refusal> {
        let member = self.members.get(act.member).ok_or(Refusal::NotFound)?;
        match &act.what {
            What::Register => self.register(act, member).await,
            What::LinkGuardian => self.link_guardian(act, member).await,
            What::Consent { .. } => self.consent(act, member).await,
            What::Objection { purpose, made } => {
                let objection = RecordObjection {
                    person: by_number(member)?,
                    organisation: act.library.clone(),
                    purpose: purpose.clone(),
                    made: *made,
                    method: IndicationMethod::WebForm,
                    actor: ActorRef::plain(ActorKind::Oneself),
                    evidence: None,
                    occurred_at: None,
                };
                self.service.record_objection(&call("portal")?, objection).await?;
                Ok(())
            }
            What::Restriction { set } => {
                let restriction = RecordRestriction {
                    person: by_number(member)?,
                    organisation: act.library.clone(),
                    ground: set.then(|| "accuracy".to_owned()),
                    actor: by_staff(),
                    evidence: Some(evidence(if *set {
                        "brief"
                    } else {
                        "afgehandeld, lid geïnformeerd"
                    })),
                };
                self.service
                    .record_restriction(&call("desk")?, restriction)
                    .await?;
                Ok(())
            }
            What::Preference { .. } => self.prefer(act, member).await,
            What::Question { .. } => self.ask(act, member).await,
        }
    }

    async fn register(&self, act: &Act, member: &Member) -> Result<(), Refusal> {
        let email = member.email.clone().map(|email| ("email", email));
        let identifiers = [Some(("member-number", member.number.clone())), email]
            .into_iter()
            .flatten()
            .map(|(scheme, value)| Ok((scheme_id(scheme)?, Personal::new(value))))
            .collect::<Result<_, Refusal>>()?;
        let person = RegisterPerson {
            organisation: act.library.clone(),
            identifiers,
            birth_date: Some(Personal::new(member.birth)),
            language: Some(member.language),
            membership: Some(member.membership.clone()),
        };
        let done = self.service.register_person(&call("wise")?, person).await?;
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((act.member, act.library.clone()), done.answer.person_id);
        Ok(())
    }

    async fn link_guardian(&self, act: &Act, member: &Member) -> Result<(), Refusal> {
        let guardian = member
            .guardian
            .and_then(|at| self.members.get(at))
            .ok_or(Refusal::NotFound)?;
        let child = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(act.member, act.library.clone()))
            .cloned()
            .ok_or(Refusal::NotFound)?;
        let link = LinkGuardian {
            child,
            guardian: by_number(guardian)?,
            verification: GuardianVerification::ParentAccount,
            evidence: None,
        };
        self.service.link_guardian(&call("wise")?, link).await?;
        Ok(())
    }

    async fn consent(&self, act: &Act, member: &Member) -> Result<(), Refusal> {
        let What::Consent {
            purpose,
            status,
            method,
            by_guardian,
        } = &act.what
        else {
            return Ok(());
        };
        let catalogue = self.service.catalogue();
        let version = catalogue.purposes.get(purpose).map(|entry| entry.purpose.version);
        // A click in a mail shows no notice.
        let shown = !(*status == ConsentStatus::Withdrawn && *method == IndicationMethod::OneClick);
        let (system, mut actor) = match method {
            IndicationMethod::Desk => ("desk", by_staff()),
            IndicationMethod::OneClick => ("mailer", ActorRef::plain(ActorKind::Oneself)),
            _ => ("portal", ActorRef::plain(ActorKind::Oneself)),
        };
        if *by_guardian {
            let guardian = member
                .guardian
                .and_then(|at| self.members.get(at))
                .ok_or(Refusal::NotFound)?;
            actor = ActorRef {
                kind: ActorKind::Guardian,
                guardian: Some(by_number(guardian)?),
                staff: actor.staff,
            };
        }
        let consent = RecordConsent {
            person: by_number(member)?,
            organisation: act.library.clone(),
            purpose: purpose.clone(),
            status: *status,
            data_scopes: None,
            channels: None,
            notice_version: version.filter(|_| shown),
            language: Some(member.language),
            method: *method,
            actor,
            evidence: (*method == IndicationMethod::Desk).then(|| evidence("B-7")),
            occurred_at: None,
        };
        self.service.record_consent(&call(system)?, consent).await?;
        Ok(())
    }

    async fn prefer(&self, act: &Act, member: &Member) -> Result<(), Refusal> {
        let What::Preference { purpose, paused_days } = &act.what else {
            return Ok(());
        };
        let portal = call("portal")?;
        let find = LookUpPerson {
            scheme: scheme_id("member-number")?,
            value: Personal::new(member.number.clone()),
            organisation: Some(act.library.clone()),
        };
        let reading = self.reads.acquire().await;
        let person_id = self.service.look_up_person(&portal, find).await?;
        drop(reading);
        let choice = PurposePreference {
            paused_until: paused_days.map(|days| act.at.plus_seconds(i64::from(days) * 86_400)),
            frequency: paused_days.is_none().then(|| "monthly".to_owned()),
            ..PurposePreference::default()
        };
        let preferences = Preferences {
            language: Some(member.language),
            purposes: BTreeMap::from([(purpose.clone(), choice)]),
            ..Preferences::default()
        };
        let wish = SetPreferences {
            person_id,
            preferences,
            revision: None,
            actor: ActorRef::plain(ActorKind::Oneself),
        };
        self.service.set_preferences(&portal, wish).await?;
        Ok(())
    }

    async fn ask(&self, act: &Act, member: &Member) -> Result<(), Refusal> {
        let What::Question {
            system,
            purpose,
            action,
            channel,
            data_scopes,
            source,
        } = &act.what
        else {
            return Ok(());
        };
        let question = Decide {
            person: by_number(member)?,
            question: Question {
                system: system_id(system)?,
                organisation: act.library.clone(),
                purpose: purpose.clone(),
                action: *action,
                channel: *channel,
                data_scopes: data_scopes
                    .iter()
                    .filter_map(|scope| scope.parse().ok())
                    .collect(),
                data_source: source.clone(),
            },
            reference: None,
            at: None,
        };
        self.service.decide(&call(system)?, question).await?;
        Ok(())
    }
}

/// A call of a system of the shipped catalogue, with every scope.
pub fn call(system: &str) -> Result<Call, Refusal> {
    let principal = Principal {
        client: system.to_owned(),
        system: system_id(system)?,
        scopes: Scope::ALL.iter().copied().collect::<BTreeSet<_>>(),
    };
    Ok(Call::new(principal, crate::domain::preference::Language::Nl))
}

fn by_number(member: &Member) -> Result<PersonRef, Refusal> {
    Ok(PersonRef::Identifier {
        scheme: scheme_id("member-number")?,
        value: Personal::new(member.number.clone()),
    })
}

fn by_staff() -> ActorRef {
    ActorRef {
        kind: ActorKind::Staff,
        guardian: None,
        staff: Some(Personal::new("12".to_owned())),
    }
}

fn evidence(form: &str) -> Evidence {
    Personal::new(serde_json::Map::from_iter([("form".to_owned(), form.into())]))
}

fn system_id(text: &str) -> Result<SystemId, Refusal> {
    text.parse().map_err(|_| Refusal::NotFound)
}

fn scheme_id(text: &str) -> Result<SchemeId, Refusal> {
    text.parse().map_err(|_| Refusal::NotFound)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use chrono::NaiveDate;

    use super::*;
    use crate::cli::demo::{history, members, shipped};
    use crate::crypto::{RootKey, Secret32};
    use crate::domain::moment::Moment;
    use crate::service::ServiceOptions;
    use crate::store::{Store, StoreOptions};

    /// Whole households, the cast among them.
    const SOME: usize = 400;

    async fn refused_when_made_on(date: NaiveDate) -> Vec<(Refusal, What)> {
        let directory = tempfile::tempdir().unwrap();
        let zone = chrono_tz::Europe::Amsterdam;
        let world = Arc::new(TurnedWorld::starting(
            Moment::start_of(date, zone).plus_seconds(40_000),
        ));
        let store = Store::open(StoreOptions {
            url: format!("sqlite://{}/demo.db", directory.path().display())
                .parse()
                .unwrap(),
            pool_size: 4,
            busy_timeout: Duration::from_secs(5),
            require_synchronous_standby: false,
            create: true,
            installation_id: [1; 16],
            network: crate::cli::network(&shipped()).unwrap(),
            now: Moment::start_of(date, zone),
            observer: None,
        })
        .unwrap();
        let service = Service::start(ServiceOptions {
            store,
            files: shipped(),
            root_key: RootKey::new(Secret32::from_bytes([7; 32])),
            world: Arc::clone(&world) as Arc<dyn crate::world::World>,
            node: "demo".to_owned(),
            public_base: "http://127.0.0.1:1".to_owned(),
            test_subjects: true,
            queue: 4_096,
            remember: 64 << 20,
            deadline: Duration::from_secs(60),
            checkpoints: None,
            witnesses: crate::service::sequence::WitnessPlan::default(),
        })
        .unwrap();
        let catalogue = service.catalogue();
        let libraries: Vec<_> = catalogue.organisations.keys().cloned().collect();
        let people: Vec<_> = members::everybody(date, &libraries)
            .into_iter()
            .take(SOME)
            .collect();
        let plan = history::year(date, &people, &catalogue);
        let seeded = carry_out(
            &service,
            &world,
            &people,
            &plan,
            &Progress::of(plan.len(), "acts"),
        )
        .await
        .unwrap();
        assert_eq!(seeded.done + seeded.refused.len(), plan.len());
        service.stop();
        seeded.refused
    }

    #[tokio::test]
    async fn a_year_that_ends_on_any_date_has_nothing_the_use_cases_refuse() {
        for (year, month, day) in [(2026, 11, 22), (2028, 2, 29), (2027, 3, 29)] {
            let date = NaiveDate::from_ymd_opt(year, month, day).unwrap();
            let refused = refused_when_made_on(date).await;
            assert!(refused.is_empty(), "{date}: {refused:?}");
        }
    }

    #[test]
    fn what_depends_on_each_other_does_not_happen_together() {
        let act = |member, seconds| Act {
            at: Moment::from_micros(0).plus_seconds(seconds),
            member,
            library: "a".parse().unwrap(),
            what: What::LinkGuardian,
        };
        assert_eq!(together(&[act(1, 0), act(2, 5), act(1, 0), act(1, 9)]), 3);
        assert_eq!(together(&[act(1, 0), act(2, TOGETHER_SECONDS)]), 1);
        assert_eq!(together(&[]), 0);
    }
}
