//! A bulk check answers about everybody what a single check answers: every purpose, action and channel, asked by every
//! system that may, about people of every kind.

use std::collections::BTreeSet;

use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::decision::{Question, ReasonCode};
use akkoord::domain::event::ActorKind;
use akkoord::domain::person::{GuardianVerification, Membership, MembershipKind};
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::{Language, Preferences, PurposePreference};
use akkoord::domain::purpose::{Action, Channel};
use akkoord::service::Service;
use akkoord::service::bulk::{BulkAnswer, BulkQuestion, ListOf, Listed};
use akkoord::service::call::{Call, Principal, Scope};
use akkoord::service::test_subjects::TEST_SUBJECTS;
use akkoord::service::verbs::{
    ActorRef, Decide, LinkGuardian, MergePeople, PersonRef, RecordConsent, RecordObjection,
    RecordRestriction, RegisterPerson, SetPreferences,
};
use futures_util::future::join_all;

use crate::support::engine::TestStorage;
use crate::support::service::{clock, node};

const LINDE: &str = "bibliotheek-de-linde";
const KOMPAS: &str = "bibliotheek-het-kompas";

fn call(system: &str) -> Call {
    let principal = Principal {
        client: format!("{system}-1"),
        system: system.parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect(),
    };
    Call::new(principal, Language::Nl)
}

fn someone(scheme: &str, value: &str) -> PersonRef {
    PersonRef::Identifier {
        scheme: scheme.parse().unwrap(),
        value: Personal::new(value.to_owned()),
    }
}

fn address(number: &str) -> String {
    format!("{number}@lid.example")
}

/// The people, each made through the use cases.
struct Cast<'s> {
    service: &'s Service,
    numbers: Vec<String>,
}

impl Cast<'_> {
    async fn at(
        &mut self,
        library: &str,
        birth: Option<&str>,
        membership: Option<Membership>,
    ) -> (String, String) {
        let number = format!("20000{:05}", self.numbers.len() + 1);
        let verb = RegisterPerson {
            organisation: library.parse().unwrap(),
            identifiers: vec![
                ("member-number".parse().unwrap(), Personal::new(number.clone())),
                ("email".parse().unwrap(), Personal::new(address(&number))),
            ],
            birth_date: birth.map(|birth| Personal::new(birth.parse().unwrap())),
            language: None,
            membership,
        };
        let done = self.service.register_person(&call("crm"), verb).await.unwrap();
        self.numbers.push(number.clone());
        (number, done.answer.person_id)
    }

    async fn born(&mut self, birth: &str) -> (String, String) {
        self.at(LINDE, Some(birth), None).await
    }

    async fn says(
        &self,
        number: &str,
        purpose: &str,
        status: ConsentStatus,
        guardian: Option<&str>,
        channels: &[Channel],
    ) {
        let catalogue = self.service.catalogue();
        let actor = match guardian {
            Some(guardian) => ActorRef {
                guardian: Some(someone("member-number", guardian)),
                ..ActorRef::plain(ActorKind::Guardian)
            },
            None => ActorRef::plain(ActorKind::Oneself),
        };
        let verb = RecordConsent {
            person: someone("member-number", number),
            organisation: LINDE.parse().unwrap(),
            purpose: purpose.parse().unwrap(),
            status,
            data_scopes: None,
            channels: (!channels.is_empty()).then(|| channels.iter().copied().collect()),
            notice_version: Some(catalogue.purposes[purpose].purpose.version),
            language: Some(Language::Nl),
            method: IndicationMethod::WebForm,
            actor,
            evidence: None,
            occurred_at: None,
        };
        self.service.record_consent(&call("crm"), verb).await.unwrap();
    }

    async fn objects(&self, number: &str, purpose: Option<&str>) {
        let verb = RecordObjection {
            person: someone("member-number", number),
            organisation: LINDE.parse().unwrap(),
            purpose: purpose.map(|purpose| purpose.parse().unwrap()),
            made: true,
            method: IndicationMethod::WebForm,
            actor: ActorRef::plain(ActorKind::Oneself),
            evidence: None,
            occurred_at: None,
        };
        self.service.record_objection(&call("crm"), verb).await.unwrap();
    }

    async fn fill(&mut self) {
        let consent_purposes: Vec<String> = self
            .service
            .catalogue()
            .purposes
            .values()
            .filter(|entry| entry.purpose.legal_basis.as_str() == "consent" && entry.purpose.age.minimum == 0)
            .map(|entry| entry.purpose.id.to_string())
            .collect();
        use ConsentStatus::{Given, Refused, Withdrawn};
        // An adult for each last word, about everything.
        for words in [&[][..], &[Given], &[Refused], &[Given, Withdrawn]] {
            let (number, _) = self.born("1980-05-01").await;
            for purpose in &consent_purposes {
                for word in words {
                    self.says(&number, purpose, *word, None, &[]).await;
                }
            }
        }
        let (by_mail, _) = self.born("1980-05-01").await;
        self.says(&by_mail, "newsletter", Given, None, &[Channel::Email])
            .await;
        // Children: waiting, confirmed by a guardian, and grown over the years that follow.
        for birth in ["2019-05-01", "2011-06-01"] {
            let (_, _) = self.born(birth).await;
            let (child, id) = self.born(birth).await;
            let (parent, _) = self.born("1980-01-01").await;
            let link = LinkGuardian {
                child: id,
                guardian: someone("member-number", &parent),
                verification: GuardianVerification::Desk,
                evidence: None,
            };
            self.service.link_guardian(&call("crm"), link).await.unwrap();
            self.says(&child, "newsletter", Given, Some(&parent), &[]).await;
            self.says(&child, "event-invitations", Given, Some(&parent), &[])
                .await;
            let (waiting, _) = self.born(birth).await;
            self.says(&waiting, "newsletter", ConsentStatus::Requested, None, &[])
                .await;
        }
        let _ = self.at(LINDE, None, None).await;
        let _ = self.at(KOMPAS, Some("1980-01-01"), None).await;
        for (kind, paying) in [
            (MembershipKind::Adult, true),
            (MembershipKind::Adult, false),
            (MembershipKind::School, false),
        ] {
            let membership = Membership {
                kind,
                since: Some("2020-01-01".parse().unwrap()),
                until: None,
                paying,
                contact_from_sale: paying,
                opt_out_offered: paying,
            };
            let _ = self.at(LINDE, Some("1985-01-01"), Some(membership)).await;
        }
        let (objector, _) = self.born("1980-05-01").await;
        self.says(&objector, "newsletter", Given, None, &[]).await;
        self.objects(&objector, None).await;
        let (single, _) = self.born("1980-05-01").await;
        self.objects(&single, Some("satisfaction-research")).await;
        let (restricted, _) = self.born("1980-05-01").await;
        let verb = RecordRestriction {
            person: someone("member-number", &restricted),
            organisation: LINDE.parse().unwrap(),
            ground: Some("accuracy".to_owned()),
            actor: ActorRef::plain(ActorKind::Oneself),
            evidence: None,
        };
        self.service.record_restriction(&call("crm"), verb).await.unwrap();
        // A channel off, and a pause.
        let (choosy, id) = self.born("1980-05-01").await;
        self.says(&choosy, "newsletter", Given, None, &[]).await;
        let mut preferences = Preferences::default();
        let newsletter = PurposePreference {
            channels: [(Channel::Email, false)].into(),
            ..PurposePreference::default()
        };
        preferences
            .purposes
            .insert("newsletter".parse().unwrap(), newsletter);
        let verb = SetPreferences {
            person_id: id,
            preferences,
            revision: None,
            actor: ActorRef::plain(ActorKind::Oneself),
        };
        self.service.set_preferences(&call("crm"), verb).await.unwrap();
        // Two that turned out to be one: the stricter word wins, and both numbers lead there.
        let (kept, keep) = self.born("1980-05-01").await;
        let (_, merge) = self.born("1980-05-01").await;
        self.says(&kept, "newsletter", Given, None, &[]).await;
        let reason = Personal::new("same person".to_owned());
        self.service
            .merge_people(&call("crm"), MergePeople { keep, merge, reason })
            .await
            .unwrap();
        self.numbers.push("2999999999".to_owned());
    }
}

/// The answers of a bulk check about all values.
async fn in_bulk(service: &Service, asked: BulkQuestion, values: &[String]) -> Vec<BulkAnswer> {
    let call = call(asked.question.system.as_str());
    let mut check = service.begin_bulk(&call, asked).unwrap();
    let mut answers = Vec::new();
    for part in values.chunks(7) {
        let mut listed = Listed::default();
        part.iter().for_each(|value| listed.push(value));
        answers.extend(check.submit(listed).unwrap().answers().await.unwrap());
    }
    answers
}

async fn compare(
    service: &Service,
    question: &Question,
    scheme: &str,
    values: &[String],
) -> BTreeSet<ReasonCode> {
    let call = call(question.system.as_str());
    let single = join_all(values.iter().map(|value| {
        let verb = Decide {
            person: someone(scheme, value),
            question: question.clone(),
            reference: None,
            at: None,
        };
        service.decide(&call, verb)
    }))
    .await;
    let asked = BulkQuestion {
        question: question.clone(),
        list: ListOf::Scheme(scheme.parse().unwrap()),
        reference: None,
    };
    let bulk = in_bulk(service, asked, values).await;
    assert_eq!(single.len(), bulk.len());
    let mut seen = BTreeSet::new();
    for ((value, single), bulk) in values.iter().zip(single).zip(bulk) {
        let verdict = single.unwrap().verdict;
        let scopes: BTreeSet<_> = bulk.scopes(question).cloned().collect();
        assert_eq!(
            (bulk.effect(), bulk.reason(), scopes),
            (
                verdict.effect,
                verdict.decisive().as_str(),
                verdict.data_scopes.clone()
            ),
            "{value} {question:?}"
        );
        seen.insert(verdict.decisive());
    }
    seen
}

both_engines! {
    async fn as_one_by_one(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "node-a");
        service.ensure_test_subjects().await.unwrap();
        let mut cast = Cast { service: &service, numbers: Vec::new() };
        cast.fill().await;
        let numbers = cast.numbers;
        let addresses: Vec<String> = numbers.iter().map(|number| address(number)).collect();
        let subjects: Vec<String> = TEST_SUBJECTS.iter().map(|(value, _)| (*value).to_owned()).collect();
        let catalogue = service.catalogue();
        let mut seen = BTreeSet::new();
        for turned in ["2027-03-01T12:00:00Z", "2028-02-01T12:00:00Z"] {
            world.turn_to(akkoord::domain::moment::Moment::parse_rfc3339(turned).unwrap());
            for system in catalogue.systems.values() {
                let scheme = if system.schemes.contains("member-number") { "member-number" } else { "email" };
                let values = if scheme == "email" { &addresses } else { &numbers };
                for purpose in catalogue.purposes.values().map(|entry| &entry.purpose) {
                    for action in Action::ALL.iter().copied().filter(|action| *action != Action::Enrich) {
                        // Who may not ask is answered the same about everybody: once is enough.
                        let may = system.grants_for(&purpose.id, action).next().is_some();
                        if !may && (system.id.as_str() != "crm" || action != Action::Contact) {
                            continue;
                        }
                        let channels: Vec<Option<Channel>> = match action {
                            Action::Contact => Channel::ALL.iter().copied().map(Some).collect(),
                            _ => vec![None],
                        };
                        for channel in channels {
                            let question = Question {
                                system: system.id.clone(),
                                organisation: LINDE.parse().unwrap(),
                                purpose: purpose.id.clone(),
                                action,
                                channel,
                                data_scopes: purpose.data_scopes.clone(),
                                data_source: None,
                            };
                            seen.extend(compare(&service, &question, scheme, values).await);
                            if system.id.as_str() == "crm" {
                                seen.extend(compare(&service, &question, "test", &subjects).await);
                            }
                        }
                    }
                }
            }
        }
        use ReasonCode as Code;
        for code in [
            Code::PermitConsent, Code::PermitCustomerException, Code::DenyNoConsent, Code::DenyRefused,
            Code::DenyWithdrawn, Code::DenyGuardianRequired, Code::DenyObjection, Code::DenyRestricted, Code::DenyErased,
            Code::DenyChannel, Code::DenyController, Code::DenyCustomerExceptionIncomplete, Code::DenySchoolDomain,
            Code::DenyUnknownSubject, Code::DenyReconfirmDue,
        ] {
            assert!(seen.contains(&code), "nobody was answered {code}");
        }
        service.stop();
    }

    async fn also_by_the_callers_own_ids(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "node-a");
        let mut cast = Cast { service: &service, numbers: Vec::new() };
        let (number, id) = cast.born("1980-05-01").await;
        cast.says(&number, "newsletter", ConsentStatus::Given, None, &[]).await;
        let question = Question {
            system: "crm".parse().unwrap(),
            organisation: LINDE.parse().unwrap(),
            purpose: "newsletter".parse().unwrap(),
            action: Action::Contact,
            channel: Some(Channel::Email),
            data_scopes: BTreeSet::from(["email".parse().unwrap()]),
            data_source: None,
        };
        let asked = BulkQuestion { question, list: ListOf::PersonIds, reference: None };
        let foreign = service.pairwise(&call("mailer"), &LINDE.parse().unwrap(), akkoord::domain::ids::PersonId::from_bytes([1; 16]));
        let answers = in_bulk(&service, asked, &[foreign, id, "nonsense".to_owned()]).await;
        let reasons: Vec<&str> = answers.iter().map(|answer| answer.reason()).collect();
        assert_eq!(reasons, ["deny-unknown-subject", "permit-consent", "deny-unknown-subject"]);
        service.stop();
    }
}
