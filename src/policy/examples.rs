//! The examples of the policy files, executed: each describes a person, a question and the answer that must come out.

use std::collections::BTreeSet;

use chrono::{Months, NaiveDate};
use serde::Deserialize;

use super::catalogue::{Catalogue, PurposeEntry};
use super::document::{Ask, Example, MembershipEntry, State, Then, When};
use super::evaluate::{Subject, evaluate};
use super::finding::{Finding, Report};
use super::load::Documents;
use crate::domain::age;
use crate::domain::consent::{Consent, ConsentStatus, IndicationMethod, Party};
use crate::domain::decision::{Question, Verdict};
use crate::domain::ids::{DataSourceId, EventId, OrganisationId, PersonId, PurposeId};
use crate::domain::moment::{Moment, Period};
use crate::domain::person::{
    Enrichment, GuardianLink, GuardianVerification, Membership, MembershipKind, PersonRecord, Standing,
};
use crate::domain::personal::Personal;
use crate::domain::preference::{Language, PurposePreference};

/// In `objections`: all direct marketing.
pub(super) const MARKETING: &str = "direct-marketing";

/// How long ago people of the examples made their choices, in days: two months.
const CHOSEN_DAYS_AGO: u32 = 61;
/// How long ago their last birthday was. A choice of two months ago was made at the age they have now.
const BIRTHDAY_DAYS_AGO: u32 = 200;
/// The same for who just turned 16 after a guardian said yes: the choice was made at 15, and there is time to confirm.
const JUST_TURNED_DAYS_AGO: u32 = 10;
/// The same for who should have confirmed by now.
const LONG_TURNED_DAYS_AGO: u32 = 364;

const GUARDIAN: PersonId = PersonId::from_bytes([2; 16]);

/// Runs every example and adds those that come out otherwise.
pub(super) fn check(documents: &Documents, catalogue: &Catalogue, found: &mut Vec<Finding>) {
    let now = instant(catalogue);
    let Some(home) = documents.home() else { return };
    for (id, parsed) in &documents.purposes {
        let Some(entry) = catalogue.purposes.get(id) else {
            continue;
        };
        let mut report = Report {
            file: &parsed.file,
            lines: &parsed.lines,
            found,
        };
        for (index, example) in parsed.value.examples.iter().enumerate() {
            let verdict = Case::of(example, entry, catalogue, home, now).verdict(catalogue, now);
            if let Some(difference) = difference(&example.then, &verdict) {
                let message = format!("\"{}\": {difference}", example.name);
                let reasons: Vec<&str> = verdict
                    .reasons
                    .iter()
                    .map(|reason| reason.code.as_str())
                    .collect();
                let remedy = format!(
                    "correct the example or the files it rests on (all reasons: {})",
                    reasons.join(", ")
                );
                report.error(format!("example.{index}.then"), "example-failed", message, remedy);
            }
        }
    }
}

/// When the examples take place: noon of the catalogue's own date, so that they come out the same on every day.
pub(super) fn instant(catalogue: &Catalogue) -> Moment {
    let date = catalogue
        .version
        .get(..10)
        .and_then(|date| date.parse().ok())
        .unwrap_or_default();
    Moment::start_of(date, catalogue.network.zone).plus_seconds(12 * 3600)
}

fn difference(then: &Then, verdict: &Verdict) -> Option<String> {
    let (decision, reason) = (verdict.effect, verdict.decisive());
    if (then.decision, then.reason) != (decision, reason) {
        let (wanted, because) = (then.decision, then.reason);
        return Some(format!(
            "expected {wanted} {because}, but it is {decision} {reason}"
        ));
    }
    if let Some(scopes) = then
        .data_scopes
        .as_ref()
        .filter(|scopes| **scopes != verdict.data_scopes)
    {
        let (wanted, got) = (listed(scopes), listed(&verdict.data_scopes));
        return Some(format!("expected the data {wanted}, but they are {got}"));
    }
    let missing: BTreeSet<_> = verdict
        .reasons
        .first()
        .map(|r| r.missing.iter().copied().collect())
        .unwrap_or_default();
    if let Some(facts) = then.missing.as_ref().filter(|facts| **facts != missing) {
        return Some(format!(
            "expected {} to be missing, but it is {}",
            listed(facts),
            listed(&missing)
        ));
    }
    None
}

fn listed<T: std::fmt::Display>(items: &BTreeSet<T>) -> String {
    let words: Vec<String> = items.iter().map(T::to_string).collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

/// A person and a question as an officer describes them, in the words of the examples: `when` and `ask`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imagined {
    purpose: PurposeId,
    #[serde(default)]
    when: When,
    ask: Ask,
}

impl Imagined {
    /// The answer of `catalogue`, about a person who chose under `chosen`; none where either does not know the purpose.
    pub fn answer(&self, chosen: &Catalogue, catalogue: &Catalogue, now: Moment) -> Option<Verdict> {
        catalogue.purposes.get(&self.purpose)?;
        let entry = chosen
            .purposes
            .get(&self.purpose)
            .or_else(|| catalogue.purposes.get(&self.purpose))?;
        let home = chosen.organisations.keys().next()?;
        let case = Case::described(&self.when, &self.ask, entry, chosen, home, now);
        Some(case.verdict(catalogue, now))
    }
}

/// An example as a person and a question.
#[derive(Debug)]
pub(super) struct Case {
    record: Option<PersonRecord>,
    erased: bool,
    /// What is asked.
    pub question: Question,
}

impl Case {
    /// Makes the person as the purpose stands in a catalogue. `home` is the library that asks where none is named.
    pub fn of(
        example: &Example,
        entry: &PurposeEntry,
        catalogue: &Catalogue,
        home: &OrganisationId,
        now: Moment,
    ) -> Self {
        Self::described(&example.when, &example.ask, entry, catalogue, home, now)
    }

    fn described(
        when: &When,
        ask: &Ask,
        entry: &PurposeEntry,
        catalogue: &Catalogue,
        home: &OrganisationId,
        now: Moment,
    ) -> Self {
        let organisation = ask.organisation.clone().unwrap_or_else(|| home.clone());
        let person = Person {
            when,
            entry,
            catalogue,
            now,
        };
        // Who is no member of the library that asks, and of no other one either, has no standing anywhere.
        let library = match (&when.member_of, when.member) {
            (Some(other), _) => Some(other.clone()),
            (None, Some(false)) => None,
            (None, _) => Some(organisation.clone()),
        };
        let record = PersonRecord {
            identifiers: Vec::new(),
            standings: library
                .map(|library| (library, person.standing()))
                .into_iter()
                .collect(),
        };
        Self {
            record: when.known.unwrap_or(true).then_some(record),
            erased: when.erased,
            question: Question {
                system: ask.system.clone(),
                organisation,
                purpose: entry.purpose.id.clone(),
                action: ask.action,
                channel: ask.channel,
                data_scopes: ask.data_scopes.clone(),
                data_source: ask.data_source.clone(),
            },
        }
    }

    /// The answer of a catalogue.
    pub fn verdict(&self, catalogue: &Catalogue, now: Moment) -> Verdict {
        let subject = match &self.record {
            _ if self.erased => Subject::Erased,
            Some(record) => Subject::Known(record),
            None => Subject::Unknown,
        };
        evaluate(catalogue, subject, &self.question, now)
    }
}

/// The person that `when` describes.
struct Person<'a> {
    when: &'a When,
    entry: &'a PurposeEntry,
    catalogue: &'a Catalogue,
    now: Moment,
}

impl Person<'_> {
    fn standing(&self) -> Standing {
        let (when, purpose) = (self.when, &self.entry.purpose);
        let chosen = self.days_ago(CHOSEN_DAYS_AGO);
        let mut standing = Standing {
            membership: Some(self.membership()),
            birth_date: self.birth().map(Personal::new),
            consents: self
                .consent()
                .map(|c| (purpose.id.clone(), c))
                .into_iter()
                .collect(),
            restricted: when.restricted.then_some(chosen),
            ..Standing::default()
        };
        for objection in &when.objections {
            if objection == MARKETING {
                standing.marketing_objection = Some(chosen);
            } else if let Ok(purpose) = objection.parse() {
                standing.objections.insert(purpose, chosen);
            }
        }
        if when.guardian || self.spoke_as_guardian() {
            standing.guardians.push(GuardianLink {
                guardian: GUARDIAN,
                verification: GuardianVerification::Desk,
                since: self.days_ago(10 * CHOSEN_DAYS_AGO),
            });
        }
        if when.paused || !when.channels_off.is_empty() {
            let preference = PurposePreference {
                channels: when
                    .channels_off
                    .iter()
                    .map(|channel| (*channel, false))
                    .collect(),
                paused_until: when
                    .paused
                    .then(|| self.now.plus(Period::months(1), self.catalogue.network.zone)),
                ..PurposePreference::default()
            };
            standing
                .preferences
                .purposes
                .insert(purpose.id.clone(), preference);
        }
        standing.enrichments.extend(self.enrichment());
        standing
    }

    fn enrichment(&self) -> Option<Enrichment> {
        let elsewhere = || "elsewhere".parse::<DataSourceId>().ok();
        let source = self
            .entry
            .purpose
            .enrichment_sources
            .first()
            .cloned()
            .or_else(elsewhere)?;
        (!self.when.enriched.is_empty()).then(|| Enrichment {
            purpose: self.entry.purpose.id.clone(),
            source,
            data_scopes: self.when.enriched.clone(),
            since: self.days_ago(CHOSEN_DAYS_AGO),
            told_at: None,
        })
    }

    fn membership(&self) -> Membership {
        let young = self.when.age.is_some_and(|age| age < 18);
        let usual = if young {
            MembershipKind::Youth
        } else {
            MembershipKind::Adult
        };
        let given = self.when.membership.as_ref();
        let fact = |of: fn(&MembershipEntry) -> bool| given.is_some_and(of);
        let kind = given.and_then(|m| m.kind).unwrap_or(usual);
        let ended = given.and_then(|m| m.ended_days_ago);
        Membership {
            kind: if self.when.school {
                MembershipKind::School
            } else {
                kind
            },
            since: Some(self.date_ago(2 * 365)),
            until: ended.map(|days| self.date_ago(days)),
            paying: fact(|m| m.paying),
            contact_from_sale: fact(|m| m.contact_from_sale),
            opt_out_offered: fact(|m| m.opt_out_offered),
        }
    }

    fn birth(&self) -> Option<NaiveDate> {
        let years = self.when.age?;
        let just_decides = years == self.entry.purpose.age.self_from;
        let since_birthday = match self.when.state {
            State::GuardianGivenReconfirmDue if just_decides => LONG_TURNED_DAYS_AGO,
            State::GivenByGuardian if just_decides => JUST_TURNED_DAYS_AGO,
            _ => BIRTHDAY_DAYS_AGO,
        };
        let months = Months::new(years.saturating_mul(12));
        Some(
            self.date_ago(since_birthday)
                .checked_sub_months(months)
                .unwrap_or(NaiveDate::MIN),
        )
    }

    fn spoke_as_guardian(&self) -> bool {
        matches!(
            self.when.state,
            State::GivenByGuardian | State::GuardianGivenReconfirmDue
        )
    }

    fn consent(&self) -> Option<Consent> {
        let purpose = &self.entry.purpose;
        let chosen = self.days_ago(CHOSEN_DAYS_AGO);
        let (status, occurred_at) = match self.when.state {
            State::None => return None,
            State::Requested | State::ChildSaidYes => (ConsentStatus::Requested, chosen),
            State::Refused => (ConsentStatus::Refused, chosen),
            State::Withdrawn => (ConsentStatus::Withdrawn, chosen),
            State::Given | State::GivenByGuardian | State::Outdated => (ConsentStatus::Given, chosen),
            State::Expired => (ConsentStatus::Given, self.before_validity()),
            State::GuardianGivenReconfirmDue => (ConsentStatus::Given, self.while_a_child()),
        };
        let notice_version = if self.when.state == State::Outdated {
            purpose.consent_valid_from.saturating_sub(1)
        } else {
            purpose.version
        };
        Some(Consent {
            status,
            occurred_at,
            by: self.speaker(occurred_at),
            notice_version,
            language: Language::Nl,
            data_scopes: purpose.data_scopes.clone(),
            channels: self.when.consent_channels.clone(),
            method: IndicationMethod::WebForm,
            event: EventId::from_bytes([1; 16]),
            awaits_guardian: self.when.state == State::ChildSaidYes,
            withdrawn_by_guardian: std::collections::BTreeMap::new(),
            reminded: None,
        })
    }

    /// Who spoke. In states that are about something else than age, a child's word is that of the guardian.
    fn speaker(&self, at: Moment) -> Party {
        let own = || {
            age::has_reached(
                self.birth(),
                self.entry.purpose.age.self_from,
                at,
                self.catalogue.network.zone,
            )
        };
        match self.when.state {
            State::GivenByGuardian | State::GuardianGivenReconfirmDue => Party::Guardian(GUARDIAN),
            State::Expired | State::Outdated if !own() => Party::Guardian(GUARDIAN),
            State::Requested => Party::Controller,
            _ => Party::Oneself,
        }
    }

    /// A month and more before the last instant whose consents are still valid.
    fn before_validity(&self) -> Moment {
        let zone = self.catalogue.network.zone;
        let ended = |at: Moment| {
            self.entry
                .purpose
                .validity
                .is_none_or(|v| at.plus(v, zone) < self.now)
        };
        (2..1200)
            .map(|month| self.days_ago(month * 30))
            .find(|at| ended(*at))
            .unwrap_or(Moment::from_micros(0))
    }

    /// A month before the birthday from which young people decide.
    fn while_a_child(&self) -> Moment {
        let birth = self.birth().unwrap_or_else(|| self.date_ago(BIRTHDAY_DAYS_AGO));
        age::reaches(
            birth,
            self.entry.purpose.age.self_from,
            self.catalogue.network.zone,
        )
        .plus_seconds(-30 * 86_400)
    }

    fn days_ago(&self, days: u32) -> Moment {
        self.now.plus_seconds(-i64::from(days) * 86_400)
    }

    fn date_ago(&self, days: u32) -> NaiveDate {
        self.days_ago(days).date(self.catalogue.network.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{findings, folder, replace};

    /// A person and the answer about the reading tips: consent, required again at 16.
    const CASES: &[(&str, &str)] = &[
        ("{ age = 40, known = false }", "deny-unknown-subject"),
        ("{ age = 40, erased = true }", "deny-erased"),
        (
            "{ age = 40, state = \"given\", restricted = true }",
            "deny-restricted",
        ),
        (
            "{ age = 40, state = \"given\", school = true }",
            "deny-school-domain",
        ),
        (
            "{ age = 40, state = \"given\", objections = [\"tips\"] }",
            "deny-objection",
        ),
        (
            "{ age = 40, state = \"given\", objections = [\"offers\"] }",
            "permit-consent",
        ),
        (
            "{ age = 40, state = \"given\", member = false }",
            "deny-unknown-subject",
        ),
        (
            "{ age = 40, state = \"given\", member_of = \"kompas\" }",
            "deny-unknown-subject",
        ),
        ("{ age = 40, state = \"requested\" }", "deny-no-consent"),
        ("{ age = 40, state = \"refused\" }", "deny-refused"),
        ("{ age = 40, state = \"withdrawn\" }", "deny-withdrawn"),
        ("{ age = 40, state = \"expired\" }", "deny-expired"),
        ("{ age = 40, state = \"outdated\" }", "deny-notice-outdated"),
        (
            "{ age = 40, state = \"given\", consent_channels = [\"post\"] }",
            "deny-channel",
        ),
        (
            "{ age = 40, state = \"given\", channels_off = [\"email\"] }",
            "deny-channel",
        ),
        ("{ age = 40, state = \"given\", paused = true }", "deny-channel"),
        (
            "{ age = 40, state = \"given\", enriched = [\"email\"] }",
            "deny-art14-notice-due",
        ),
        (
            "{ age = 40, state = \"given\", enriched = [\"loan-history\"] }",
            "permit-consent",
        ),
        ("{ state = \"given\" }", "deny-guardian-required"),
        ("{ age = 14, state = \"given\" }", "deny-guardian-required"),
        (
            "{ age = 14, state = \"child-said-yes\" }",
            "deny-guardian-required",
        ),
        ("{ age = 14, state = \"given-by-guardian\" }", "permit-consent"),
        ("{ age = 14, state = \"expired\" }", "deny-expired"),
        ("{ age = 14, state = \"outdated\" }", "deny-notice-outdated"),
        ("{ age = 16, state = \"given\" }", "permit-consent"),
        ("{ age = 16, state = \"given-by-guardian\" }", "permit-consent"),
        (
            "{ age = 16, state = \"guardian-given-reconfirm-due\" }",
            "deny-reconfirm-due",
        ),
        (
            "{ age = 17, state = \"guardian-given-reconfirm-due\" }",
            "deny-reconfirm-due",
        ),
        (
            "{ age = 17, state = \"given-by-guardian\" }",
            "deny-guardian-authority-ended",
        ),
    ];

    #[test]
    fn every_state_is_the_person_it_says() {
        for (when, reason) in CASES {
            let mut files = folder();
            replace(
                &mut files,
                "purposes/tips.toml",
                "when = { age = 40 }",
                &format!("when = {when}"),
            );
            let decision = reason.split('-').next().unwrap();
            let then = format!("then = {{ decision = \"{decision}\", reason = \"{reason}\" }}");
            replace(
                &mut files,
                "purposes/tips.toml",
                "then = { decision = \"deny\", reason = \"deny-no-consent\" }",
                &then,
            );
            let found = findings(&files);
            assert!(found.is_empty(), "{when}: {found:#?}");
        }
    }

    #[test]
    fn a_failing_example_says_what_was_expected_and_what_came_out() {
        let mut files = folder();
        replace(
            &mut files,
            "purposes/tips.toml",
            "when = { age = 40 }",
            "when = { age = 40, state = \"refused\", paused = true }",
        );
        let found = findings(&files);
        assert_eq!(
            found[0]
                .to_string()
                .split(": ")
                .skip(1)
                .collect::<Vec<_>>()
                .join(": "),
            "error[example-failed]: \"no choice yet\": expected deny deny-no-consent, but it is deny deny-refused — correct the \
             example or the files it rests on (all reasons: deny-refused, deny-channel)"
        );
    }
}
