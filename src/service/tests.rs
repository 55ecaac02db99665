//! The use cases over a real SQLite store, with the clock turned by the test.

use super::test_house::*;
use super::verbs::*;
use crate::domain::consent::ConsentStatus;
use crate::domain::decision::{Effect, ReasonCode};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::purpose::{Action, Channel};

fn adult(number: &str) -> RegisterPerson {
    RegisterPerson {
        birth_date: Some(Personal::new(date("1980-05-01"))),
        ..registration(LINDE, number)
    }
}

fn newsletter(house: &House, number: &str) -> Decide {
    Decide {
        person: person(number),
        question: house.question("newsletter", Action::Contact, Some(Channel::Email)),
        reference: None,
        at: None,
    }
}

async fn answer(house: &House, number: &str) -> (Effect, ReasonCode) {
    let decided = house
        .service
        .decide(&call(), newsletter(house, number))
        .await
        .unwrap();
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
        .record_consent(&call(), house.word("1", "newsletter", ConsentStatus::Given))
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

    house.world.turn_to(moment("2026-11-22T12:01:00+01:00"));
    house
        .service
        .record_consent(&call(), house.word("1", "newsletter", ConsentStatus::Withdrawn))
        .await
        .unwrap();
    assert_eq!(
        answer(&house, "1").await,
        (Effect::Deny, ReasonCode::DenyWithdrawn)
    );

    let past = Decide {
        at: Some(Moment::from_micros(moment(NOON).micros() + 1)),
        ..newsletter(&house, "1")
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
        .record_consent(&call(), house.word("2", "newsletter", ConsentStatus::Given))
        .await
        .unwrap();
    let permit = house
        .service
        .decide(&call(), newsletter(&house, "2"))
        .await
        .unwrap();
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
        .record_consent(&call(), house.word("3", "newsletter", ConsentStatus::Given))
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
        ..newsletter(&house, "3")
    };
    let kept = house.service.decide(&call(), kept).await.unwrap();
    assert_eq!(kept.verdict.decisive(), ReasonCode::DenyErased);
    let asked = ConsentHistory {
        person_id: registered.person_id,
        until: None,
    };
    assert!(house.service.consent_history(&call(), asked).await.is_err());
}
