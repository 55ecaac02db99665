//! The use cases over a real SQLite store, with the clock turned by the test.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, Principal, Scope};
use super::verbs::*;
use super::{Service, ServiceOptions};
use crate::crypto::{RootKey, Secret32};
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::decision::{Effect, Question, ReasonCode};
use crate::domain::event::ActorKind;
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::domain::purpose::{Action, Channel};
use crate::policy::load::read_folder;
use crate::store::{Store, StoreOptions};
use crate::world::TurnedWorld;

struct House {
    service: Service,
    world: Arc<TurnedWorld>,
    _folder: tempfile::TempDir,
}

const NOON: i64 = 1_795_345_200_000_000;

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(TurnedWorld::starting(Moment::from_micros(NOON)));
    let url = format!("sqlite://{}/akkoord.db", folder.path().display());
    let store = Store::open(StoreOptions {
        url: url.parse().unwrap(),
        pool_size: 4,
        busy_timeout: Duration::from_secs(5),
        require_synchronous_standby: false,
        create: true,
        installation_id: [7; 16],
        network: "bibliotheken-merwedeland".into(),
        now: Moment::from_micros(NOON),
        observer: None,
    })
    .unwrap();
    let policies = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let service = Service::start(ServiceOptions {
        store,
        files: read_folder(&policies).unwrap(),
        root_key: RootKey::new(Secret32::from_bytes([1; 32])),
        world: world.clone(),
        node: "test".into(),
        public_base: "https://privacy.example".into(),
        test_subjects: false,
        queue: 1024,
        deadline: Duration::from_secs(10),
        checkpoints: None,
    })
    .unwrap();
    House {
        service,
        world,
        _folder: folder,
    }
}

fn call() -> Call {
    let principal = Principal {
        client: "crm-1".into(),
        system: "crm".parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect(),
    };
    Call::new(principal, Language::Nl)
}

fn person(number: &str) -> PersonRef {
    PersonRef::Identifier {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new(number.to_owned()),
    }
}

fn adult(number: &str) -> RegisterPerson {
    RegisterPerson {
        organisation: "bibliotheek-de-linde".parse().unwrap(),
        identifiers: vec![("member-number".parse().unwrap(), Personal::new(number.to_owned()))],
        birth_date: Some(Personal::new(
            chrono::NaiveDate::from_ymd_opt(1980, 5, 1).unwrap(),
        )),
        language: Some(Language::Nl),
        membership: None,
    }
}

fn consent(number: &str, status: ConsentStatus) -> RecordConsent {
    RecordConsent {
        person: person(number),
        organisation: "bibliotheek-de-linde".parse().unwrap(),
        purpose: "newsletter".parse().unwrap(),
        status,
        data_scopes: None,
        channels: None,
        notice_version: Some(3),
        language: Some(Language::Nl),
        method: IndicationMethod::WebForm,
        actor: ActorRef::plain(ActorKind::Oneself),
        evidence: None,
        occurred_at: None,
    }
}

fn newsletter(number: &str) -> Decide {
    Decide {
        person: person(number),
        question: Question {
            system: "crm".parse().unwrap(),
            organisation: "bibliotheek-de-linde".parse().unwrap(),
            purpose: "newsletter".parse().unwrap(),
            action: Action::Contact,
            channel: Some(Channel::Email),
            data_scopes: ["email", "identity"]
                .iter()
                .map(|s| s.parse().unwrap())
                .collect::<BTreeSet<_>>(),
            data_source: None,
        },
        reference: None,
        at: None,
    }
}

async fn answer(house: &House, number: &str) -> (Effect, ReasonCode) {
    let decided = house.service.decide(&call(), newsletter(number)).await.unwrap();
    (decided.verdict.effect, decided.verdict.decisive())
}

#[tokio::test]
async fn withdrawn_is_withdrawn() {
    let house = house();
    assert_eq!(
        answer(&house, "1").await,
        (Effect::Deny, ReasonCode::DenyUnknownSubject)
    );
    let registered = house.service.register_person(&call(), adult("1")).await.unwrap();
    assert!(registered.answer.created);
    assert_eq!(
        answer(&house, "1").await,
        (Effect::Deny, ReasonCode::DenyNoConsent)
    );
    let given = house
        .service
        .record_consent(&call(), consent("1", ConsentStatus::Given))
        .await
        .unwrap()
        .answer;
    assert_eq!(
        answer(&house, "1").await,
        (Effect::Permit, ReasonCode::PermitConsent)
    );
    let again = house
        .service
        .receipt(&call(), FetchReceipt { id: given.id })
        .await
        .unwrap();
    assert_eq!(again, given, "a receipt read again is the receipt that was given");

    house.world.turn_to(Moment::from_micros(NOON + 60_000_000));
    house
        .service
        .record_consent(&call(), consent("1", ConsentStatus::Withdrawn))
        .await
        .unwrap();
    assert_eq!(
        answer(&house, "1").await,
        (Effect::Deny, ReasonCode::DenyWithdrawn)
    );

    let past = Decide {
        at: Some(Moment::from_micros(NOON + 1)),
        ..newsletter("1")
    };
    let past = house.service.decide(&call(), past).await.unwrap();
    assert_eq!(
        (past.verdict.decisive(), past.point_in_time),
        (ReasonCode::PermitConsent, true)
    );
}

#[tokio::test]
async fn the_link_in_a_mail_withdraws_without_login() {
    let house = house();
    house.service.register_person(&call(), adult("2")).await.unwrap();
    house
        .service
        .record_consent(&call(), consent("2", ConsentStatus::Given))
        .await
        .unwrap();
    let permit = house.service.decide(&call(), newsletter("2")).await.unwrap();
    let token = permit.unsubscribe.unwrap();
    assert_eq!(
        house.service.unsubscribe_page(&token).await.unwrap().organisation,
        "Bibliotheek De Linde"
    );
    assert_eq!(
        answer(&house, "2").await.0,
        Effect::Permit,
        "looking at the page changes nothing"
    );
    house.service.unsubscribe(&token).await.unwrap();
    house.service.unsubscribe(&token).await.unwrap();
    assert_eq!(
        answer(&house, "2").await,
        (Effect::Deny, ReasonCode::DenyWithdrawn)
    );
}

#[tokio::test]
async fn an_erased_person_is_denied_and_unreadable() {
    let house = house();
    let registered = house
        .service
        .register_person(&call(), adult("3"))
        .await
        .unwrap()
        .answer;
    house
        .service
        .record_consent(&call(), consent("3", ConsentStatus::Given))
        .await
        .unwrap();
    let organisation = "bibliotheek-de-linde".parse().unwrap();
    let system = "crm".parse().unwrap();
    let id = house
        .service
        .keys()
        .open_pairwise(&system, &organisation, &registered.person_id)
        .unwrap();
    house.service.erase_now(&call(), id).await.unwrap();
    assert_eq!(
        answer(&house, "3").await,
        (Effect::Deny, ReasonCode::DenyUnknownSubject)
    );
    let kept = Decide {
        person: PersonRef::Pairwise(registered.person_id.clone()),
        ..newsletter("3")
    };
    let kept = house.service.decide(&call(), kept).await.unwrap();
    assert_eq!(kept.verdict.decisive(), ReasonCode::DenyErased);
    let asked = ConsentHistory {
        person_id: registered.person_id,
        until: None,
    };
    assert!(house.service.consent_history(&call(), asked).await.is_err());
}
