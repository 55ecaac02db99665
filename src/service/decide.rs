//! Ask before you contact or enrich: the answer is in the audit log before the caller hears it.

use std::collections::BTreeSet;

use super::call::{Call, Scope};
use super::keys::UNSUBSCRIBE;
use super::lane::Verb;
use super::refusal::Refusal;
use super::shared::Shared;
use super::unsubscribe::Link;
use super::verbs::{Decide, Decided, PersonRef};
use super::work::{Circumstances, Found, Log, Stop, Subjects, Work, open_event};
use crate::audit::leaf::Leaf;
use crate::domain::decision::{Effect, HumanPart, Question, Verdict};
use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::{DecisionId, OrganisationId, PersonId, SystemId};
use crate::domain::moment::Moment;
use crate::domain::person::PersonRecord;
use crate::domain::purpose::Action;
use crate::policy::catalogue::Catalogue;
use crate::policy::evaluate::{Subject, evaluate};

impl Decide {
    /// The part of a person in what follows from a profile (GDPR art. 22, R42): by the version of the purpose that answers.
    fn human(&self, work: &Work<'_, '_>) -> Option<HumanPart> {
        if self.question.action != Action::Profile {
            return None;
        }
        let policies = &work.policies;
        let catalogue = self.at.map_or(&policies.current, |at| policies.at(at));
        let entry = catalogue.purposes.get(&self.question.purpose)?;
        HumanPart::of(&entry.register.automated_decision)
    }
}

/// The rows a reference leads to.
pub(crate) fn look_at(
    shared: &Shared,
    system: &SystemId,
    organisation: &OrganisationId,
    person: &PersonRef,
    into: &mut Subjects,
) {
    match person {
        PersonRef::Identifier { scheme, value } => {
            into.blind_indexes
                .extend(shared.keys.blind_indexes(scheme, value.reveal()));
        }
        PersonRef::Pairwise(text) => {
            into.people
                .extend(shared.keys.open_pairwise(system, organisation, text))
        }
    }
}

impl Verb for Decide {
    type Answer = Decided;

    fn subjects(&self, shared: &Shared, _: &Call, into: &mut Subjects) {
        look_at(
            shared,
            &self.question.system,
            &self.question.organisation,
            &self.person,
            into,
        );
    }

    /// A permit to enrich also stands in the history of the person.
    fn fits_one_statement(&self) -> bool {
        self.question.action != Action::Enrich
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Decided, Stop> {
        call.require(Scope::DecisionsCheck)?;
        if self.at.is_some() {
            call.require(Scope::AuditRead)?;
        }
        let question = &self.question;
        let found = work.find(&question.system, &question.organisation, &self.person)?;
        let policies = std::sync::Arc::clone(&work.policies);
        let (catalogue, verdict) = match self.at {
            Some(at) => {
                let then = policies.at(at);
                (then, as_of(work, found, question, then, at)?)
            }
            None => (&policies.current, now(work, found, question, &policies.current)?),
        };
        if let (Found::Known(person), None) = (found, self.at) {
            remember_enrichment(call, work, person, question, &verdict)?;
        }
        record(self, call, work, found, (verdict, &catalogue.version))
    }
}

/// As the state is.
pub(crate) fn now(
    work: &Work<'_, '_>,
    found: Found,
    question: &Question,
    catalogue: &Catalogue,
) -> Result<Verdict, Stop> {
    let now = work.now;
    Ok(match found {
        Found::Unknown => evaluate(catalogue, Subject::Unknown, question, now),
        Found::Erased(_) => evaluate(catalogue, Subject::Erased, question, now),
        Found::Known(id) => evaluate(catalogue, Subject::Known(&work.member(id)?.record), question, now),
    })
}

/// As the state was: the events up to that instant, folded again, under the catalogue that was in force then, with the
/// instant as its clock.
fn as_of(
    work: &mut Work<'_, '_>,
    found: Found,
    question: &Question,
    catalogue: &Catalogue,
    at: Moment,
) -> Result<Verdict, Stop> {
    let Found::Known(id) = found else {
        return now(work, found, question, catalogue);
    };
    let record = record_as_of(work, id, at)?;
    Ok(evaluate(catalogue, Subject::Known(&record), question, at))
}

/// What was known of somebody. Records that were merged since were two records then; what either said counts, and the
/// stricter word wins, as it does since the merge.
pub(crate) fn record_as_of(work: &mut Work<'_, '_>, id: PersonId, at: Moment) -> Result<PersonRecord, Stop> {
    let shared = work.shared;
    let mut people = work.tx().merged_into(id)?;
    people.insert(0, id);
    let (mut records, mut absorbed) = (Vec::new(), BTreeSet::new());
    for person in people {
        let rows = work.tx().events_of(person, Some(at))?;
        let Some(stored) = work.person_as_stored(person)? else {
            continue;
        };
        let mut record = PersonRecord::default();
        for row in &rows {
            let event = open_event(shared, stored, row)?;
            if let Change::Merged { from, .. } = &event.change {
                absorbed.insert(*from);
            }
            record.apply(&event);
        }
        records.push((person, record));
    }
    let mut separate = records
        .into_iter()
        .filter(|(person, _)| !absorbed.contains(person))
        .map(|(_, record)| record);
    let first = separate.next().unwrap_or_default();
    Ok(separate.fold(first, |whole, other| whole.merged_with(&other)))
}

/// A permit to enrich means data will come: from then on the person must be told before they are used to make contact
/// (GDPR art. 14(3), R46).
fn remember_enrichment(
    call: &Call,
    work: &mut Work<'_, '_>,
    person: PersonId,
    question: &Question,
    verdict: &Verdict,
) -> Result<(), Stop> {
    let (Effect::Permit, Action::Enrich, Some(source)) =
        (verdict.effect, question.action, &question.data_source)
    else {
        return Ok(());
    };
    let known = work
        .standing(person, &question.organisation)
        .enrichments
        .iter()
        .any(|enrichment| {
            enrichment.purpose == question.purpose
                && enrichment.source == *source
                && verdict.data_scopes.is_subset(&enrichment.data_scopes)
        });
    if known {
        return Ok(());
    }
    let circumstances = Circumstances {
        organisation: &question.organisation,
        occurred_at: None,
        actor: Actor::plain(ActorKind::System),
        evidence: None,
    };
    let change = Change::Enriched {
        purpose: question.purpose.clone(),
        source: source.clone(),
        data_scopes: verdict.data_scopes.clone(),
    };
    work.record(call, person, circumstances, change)?;
    Ok(())
}

#[derive(serde::Serialize)]
struct Private<'a> {
    client: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asked: Vec<&'a str>,
}

fn record(
    decide: &Decide,
    call: &Call,
    work: &mut Work<'_, '_>,
    found: Found,
    (verdict, version): (Verdict, &str),
) -> Result<Decided, Stop> {
    let question = &decide.question;
    let id = DecisionId::from_bytes(work.dated_id());
    let shared = work.shared;
    let mut leaf = Leaf::new(
        "decision",
        id.into(),
        work.now.millis(),
        &question.system,
        shared.node.as_str(),
        version,
    );
    leaf.organisation = Some((&question.organisation).into());
    leaf.purpose = Some((&question.purpose).into());
    leaf.action = Some(question.action.into());
    leaf.channel = question.channel.map(Into::into);
    leaf.outcome = Some(verdict.effect.into());
    leaf.reasons = verdict.reasons.iter().map(|reason| reason.code.into()).collect();
    leaf.scopes = verdict.data_scopes.iter().map(Into::into).collect();

    // The public line of somebody unknown and of somebody known have the same shape.
    let leaf_hash = match found {
        Found::Known(person) => {
            let person = work.member(person)?.clone();
            let keys = person.keys.clone().ok_or(Refusal::Unavailable)?;
            let private = Private {
                client: &call.principal.client,
                reference: decide.reference.as_ref().map(|r| r.reveal().as_str()),
                trace: call.trace.as_ref().map(|t| t.reveal().as_str()),
                source: question.data_source.as_ref().map(|s| s.as_str()),
                at: decide.at.map(Moment::rfc3339),
                asked: question.data_scopes.iter().map(|s| s.as_str()).collect(),
            };
            let bytes = serde_json::to_vec(&private).map_err(|_| Refusal::Unavailable)?;
            work.stage_leaf_about(Log::Decision, &person, &keys, leaf, &bytes)?
        }
        Found::Unknown | Found::Erased(_) => work.stage_leaf_about_nobody(Log::Decision, leaf),
    };
    let unsubscribe = match found {
        Found::Known(person) if verdict.unsubscribe => {
            let nonce = work.random();
            let link = Link {
                person,
                organisation: question.organisation.clone(),
                purpose: question.purpose.clone(),
            };
            Some(
                shared
                    .keys
                    .seal_token(UNSUBSCRIBE, nonce, &link.to_bytes())
                    .ok_or(Refusal::Unavailable)?,
            )
        }
        _ => None,
    };
    Ok(Decided {
        id,
        human: decide.human(work),
        verdict,
        policy_version: version.to_owned(),
        leaf_hash,
        unsubscribe,
        point_in_time: decide.at.is_some(),
    })
}
