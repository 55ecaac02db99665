//! The ten magic test subjects: what each one answers, at every library, on both engines; and that nobody but Akkoord
//! writes them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use akkoord::crypto::{RootKey, Secret32};
use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::decision::{Question, ReasonCode};
use akkoord::domain::event::ActorKind;
use akkoord::domain::ids::OrganisationId;
use akkoord::domain::moment::Moment;
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::domain::purpose::{Action, Channel};
use akkoord::policy::load::read_folder;
use akkoord::service::call::{Call, Principal, Scope};
use akkoord::service::refusal::{Forbidden, Refusal};
use akkoord::service::test_subjects::TEST_SUBJECTS;
use akkoord::service::verbs::{ActorRef, Decide, PersonRef, RecordConsent, RegisterPerson};
use akkoord::service::{Service, ServiceOptions};
use akkoord::store::{Store, StoreOptions};
use akkoord::world::{TurnedWorld, World};

use crate::support::engine::TestStorage;
use crate::support::source::root;
use crate::support::store::options;

fn service(storage: &TestStorage, world: &Arc<TurnedWorld>, test_subjects: bool) -> Service {
    let store = Store::open(StoreOptions {
        network: "bibliotheken-merwedeland".to_owned(),
        now: world.now(),
        ..options(storage)
    })
    .unwrap();
    Service::start(ServiceOptions {
        store,
        files: read_folder(&root().join("policies")).unwrap(),
        root_key: RootKey::new(Secret32::from_bytes([7; 32])),
        world: Arc::clone(world) as Arc<dyn World>,
        node: "test".to_owned(),
        public_base: "https://privacy.example".to_owned(),
        test_subjects,
        queue: 4_096,
        remember: 64 << 20,
        deadline: Duration::from_secs(20),
        checkpoints: None,
        witnesses: akkoord::service::sequence::WitnessPlan::default(),
    })
    .unwrap()
}

fn call(system: &str) -> Call {
    let principal = Principal {
        client: format!("{system}-1"),
        system: system.parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect::<BTreeSet<_>>(),
    };
    Call::new(principal, Language::Nl)
}

fn subject(value: &str) -> PersonRef {
    PersonRef::Identifier {
        scheme: "test".parse().unwrap(),
        value: Personal::new(value.to_owned()),
    }
}

async fn decisive(service: &Service, library: &OrganisationId, value: &str) -> Result<ReasonCode, Refusal> {
    let verb = Decide {
        person: subject(value),
        question: Question {
            system: "crm".parse().unwrap(),
            organisation: library.clone(),
            purpose: "newsletter".parse().unwrap(),
            action: Action::Contact,
            channel: Some(Channel::Email),
            data_scopes: BTreeSet::from(["email".parse().unwrap()]),
            data_source: None,
        },
        reference: None,
        at: None,
    };
    Ok(service.decide(&call("crm"), verb).await?.verdict.decisive())
}

fn at(text: &str) -> Moment {
    Moment::parse_rfc3339(text).unwrap()
}

both_engines! {
    async fn each_answers_with_its_own_reason_at_every_library(engine) {
        let storage = TestStorage::new(engine);
        let world = Arc::new(TurnedWorld::starting(at("2028-02-29T11:00:00Z")));
        let service = service(&storage, &world, true);
        service.ensure_test_subjects().await.unwrap();
        let written = requests(&service);
        // A year later, and after a restart that has nothing to do.
        for now in ["2028-02-29T11:00:01Z", "2029-03-01T00:00:00Z"] {
            world.turn_to(at(now));
            for library in service.catalogue().organisations.keys() {
                for (value, reason) in TEST_SUBJECTS {
                    assert_eq!(decisive(&service, library, value).await.unwrap(), reason, "{library} {value} {now}");
                }
            }
        }
        let asked = requests(&service);
        assert_eq!(asked - written, 2 * 9 * 10);
        service.ensure_test_subjects().await.unwrap();
        assert_eq!(requests(&service), asked, "what is there is not made again");
        service.stop();
    }

    async fn nobody_else_writes_them(engine) {
        let storage = TestStorage::new(engine);
        let world = Arc::new(TurnedWorld::starting(at("2027-03-01T12:00:00Z")));
        let service = service(&storage, &world, true);
        service.ensure_test_subjects().await.unwrap();
        let library: OrganisationId = "bibliotheek-de-linde".parse().unwrap();
        let withdrawal = RecordConsent {
            person: subject("granted"),
            organisation: library.clone(),
            purpose: "newsletter".parse().unwrap(),
            status: ConsentStatus::Withdrawn,
            data_scopes: None,
            channels: None,
            notice_version: None,
            language: None,
            method: IndicationMethod::WebForm,
            actor: ActorRef::plain(ActorKind::Oneself),
            evidence: None,
            occurred_at: None,
        };
        let refused = service.record_consent(&call("crm"), withdrawal).await.unwrap_err();
        assert_eq!(refused, Refusal::Forbidden(Forbidden::TestSubject));
        let registration = RegisterPerson {
            organisation: library.clone(),
            identifiers: vec![("test".parse().unwrap(), Personal::new("mine".to_owned()))],
            birth_date: None,
            language: None,
            membership: None,
        };
        assert!(service.register_person(&call("crm"), registration).await.is_err());
        assert_eq!(decisive(&service, &library, "granted").await.unwrap(), ReasonCode::PermitConsent);
        service.stop();
    }

    async fn without_the_setting_the_scheme_is_unknown(engine) {
        let storage = TestStorage::new(engine);
        let world = Arc::new(TurnedWorld::starting(at("2027-03-01T12:00:00Z")));
        let service = service(&storage, &world, false);
        let library: OrganisationId = "bibliotheek-de-linde".parse().unwrap();
        let answer = decisive(&service, &library, "granted").await;
        assert!(matches!(answer, Err(Refusal::Invalid(_))), "{answer:?}");
        service.stop();
    }
}

/// How many requests the lanes committed.
fn requests(service: &Service) -> u64 {
    service
        .lanes()
        .iter()
        .map(|(_, figures)| figures.requests.load(std::sync::atomic::Ordering::SeqCst))
        .sum()
}
