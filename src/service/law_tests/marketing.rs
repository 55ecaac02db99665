//! Direct marketing: GDPR art. 21(2)–(4), Telecommunicatiewet art. 11.7 (R27–R37).

use crate::crypto::sha256;
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::decision::{CustomerFact, Question, ReasonCode};
use crate::domain::event::ActorKind;
use crate::domain::person::Membership;
use crate::domain::purpose::{Action, Channel};
use crate::policy::load::{Files, inspect};
use crate::service::test_house::*;
use crate::service::verbs::*;

use ConsentStatus::{Given, Withdrawn};

/// The codes of what is wrong with policies, apart from what follows from the lock being older.
fn mistakes(files: &Files) -> Vec<&'static str> {
    let found = inspect(&locked(files), None, &sha256).findings;
    found
        .iter()
        .filter(|finding| finding.is_error())
        .map(|finding| finding.code)
        .collect()
}

#[tokio::test]
async fn r27_the_class_of_a_message_is_the_catalogues_and_motivated() {
    let house = house();
    for (id, entry) in &house.service.catalogue().purposes {
        if entry.purpose.actions.contains(&Action::Contact) {
            assert!(entry.purpose.communication_class.is_some(), "{id}");
            assert!(entry.register.class_motivation.is_some(), "{id}");
            assert!(!entry.register.approved_by.is_empty(), "{id}");
        }
    }
    let silent = changed(
        &shipped(),
        "purposes/newsletter.toml",
        "class_motivation = ",
        "# ",
    );
    assert!(mistakes(&silent).contains(&"class-motivation"));
}

#[tokio::test]
async fn r28_without_consent_every_fact_of_the_customer_exception_must_be_there() {
    let house = house();
    house.member("1", "1980-05-01", customer()).await;
    assert_eq!(
        house.mail("1", "member-offers").await,
        ReasonCode::PermitCustomerException
    );
    let lacking = [
        (
            Membership {
                paying: false,
                ..customer()
            },
            CustomerFact::OwnCustomer,
        ),
        (
            Membership {
                contact_from_sale: false,
                ..customer()
            },
            CustomerFact::ContactFromSale,
        ),
        (
            Membership {
                opt_out_offered: false,
                ..customer()
            },
            CustomerFact::OptOutOffered,
        ),
    ];
    let question = || house.question("member-offers", Action::Contact, Some(Channel::Email));
    for (membership, fact) in lacking {
        house.member("1", "1980-05-01", membership).await;
        let verdict = house.ask("1", question()).await;
        assert_eq!(
            verdict.decisive(),
            ReasonCode::DenyCustomerExceptionIncomplete,
            "{fact}"
        );
        assert_eq!(verdict.reasons[0].missing, [fact]);
    }
    house.adult("2").await;
    let missing = house.ask("2", question()).await.reasons[0].missing.clone();
    assert_eq!(
        missing,
        [
            CustomerFact::OwnCustomer,
            CustomerFact::ContactFromSale,
            CustomerFact::OptOutOffered
        ]
    );
    // That the offer is alike is a fact of the purpose; without it the purpose is not published.
    let unlike = changed(
        &shipped(),
        "purposes/member-offers.toml",
        "similar_offer = \"",
        "similar_offer = \"\" # \"",
    );
    assert!(mistakes(&unlike).contains(&"customer-exception"));
}

#[test]
fn r28_no_other_basis_carries_advertising_by_electronic_message() {
    let file = "purposes/satisfaction-research.toml";
    let research = changed(
        &shipped(),
        file,
        "communication_class = \"research\"",
        "communication_class = \"promotional\"",
    );
    assert!(mistakes(&research).contains(&"advertising-basis"));
}

#[tokio::test]
async fn r29_not_for_minors_and_not_long_after_the_membership() {
    let house = house();
    // Eighteen on 1 March 2030, born on 29 February.
    house.member("1", "2012-02-29", customer()).await;
    house.turn("2030-02-28T23:59:59+01:00");
    let question = house.question("member-offers", Action::Contact, Some(Channel::Email));
    assert_eq!(
        house.ask("1", question).await.reasons[0].missing,
        [CustomerFact::Adult]
    );
    house.turn("2030-03-01T00:00:00+01:00");
    assert_eq!(
        house.mail("1", "member-offers").await,
        ReasonCode::PermitCustomerException
    );

    let ended = Membership {
        until: Some(date("2030-03-31")),
        ..customer()
    };
    house.member("2", "1980-05-01", ended).await;
    house.turn("2030-09-30T23:59:59+02:00");
    assert_eq!(
        house.mail("2", "member-offers").await,
        ReasonCode::PermitCustomerException
    );
    house.turn("2030-10-01T00:00:00+02:00");
    let question = house.question("member-offers", Action::Contact, Some(Channel::Email));
    assert_eq!(
        house.ask("2", question).await.reasons[0].missing,
        [CustomerFact::OwnCustomer]
    );
}

#[tokio::test]
async fn r30_asking_for_a_gift_needs_consent_too() {
    let house = house();
    house.member("1", "1980-05-01", customer()).await;
    assert_eq!(
        house.mail("1", "donations-friends").await,
        ReasonCode::DenyNoConsent
    );
    assert_eq!(
        house.contact("1", "donations-friends", Channel::Post).await,
        ReasonCode::DenyNoConsent
    );
    house.says("1", "donations-friends", Given).await;
    assert_eq!(
        house.mail("1", "donations-friends").await,
        ReasonCode::PermitConsent
    );
}

#[test]
fn r31_by_telephone_the_customer_exception_does_not_count() {
    let file = "purposes/member-offers.toml";
    let by_phone = changed(
        &shipped(),
        file,
        "channels = [\"email\"]",
        "channels = [\"email\", \"phone\"]",
    );
    assert!(mistakes(&by_phone).contains(&"advertising-basis"));
}

#[tokio::test]
async fn r33_an_objection_to_marketing_is_absolute_until_the_person_lifts_it() {
    let house = house();
    house.member("1", "1980-05-01", customer()).await;
    let catalogue = house.service.catalogue();
    let promotional = || {
        catalogue
            .purposes
            .values()
            .map(|entry| &entry.purpose)
            .filter(|p| p.is_promotional())
    };
    for purpose in promotional().filter(|p| p.validity.is_some()) {
        house.says("1", purpose.id.as_str(), Given).await;
    }
    house.objects("1", None, true).await.unwrap();
    // A new yes does not undo it.
    house.says("1", "newsletter", Given).await;
    for purpose in promotional() {
        for action in &purpose.actions {
            let channel = purpose
                .channels
                .first()
                .copied()
                .filter(|_| *action == Action::Contact);
            let question = house.question(purpose.id.as_str(), *action, channel);
            assert_eq!(
                house.ask("1", question).await.decisive(),
                ReasonCode::DenyObjection,
                "{} {action}",
                purpose.id
            );
        }
    }
    assert_eq!(
        house.mail("1", "service-messages").await,
        ReasonCode::PermitContract,
        "never service"
    );
    assert_eq!(
        house.mail("1", "satisfaction-research").await,
        ReasonCode::PermitLegitimateInterest
    );

    let by_program = RecordObjection {
        made: false,
        actor: ActorRef::plain(ActorKind::System),
        ..objection("1", None)
    };
    let refused = house.service.record_objection(&call(), by_program).await;
    assert_eq!(mistake(refused), "not-a-voice");
    house.objects("1", None, false).await.unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
    assert_eq!(
        house.mail("1", "member-offers").await,
        ReasonCode::PermitCustomerException
    );
}

#[tokio::test]
async fn r33_a_letter_that_arrives_late_does_not_lift_a_later_objection() {
    let house = house();
    house.member("1", "1980-05-01", customer()).await;
    house.objects("1", None, true).await.unwrap();
    house
        .objects("1", Some("satisfaction-research"), true)
        .await
        .unwrap();
    for purpose in [None, Some("satisfaction-research")] {
        let late = RecordObjection {
            made: false,
            method: IndicationMethod::Paper,
            occurred_at: Some(moment("2026-11-20T12:00:00+01:00")),
            ..objection("1", purpose)
        };
        house.service.record_objection(&call(), late).await.unwrap();
    }
    assert_eq!(house.mail("1", "member-offers").await, ReasonCode::DenyObjection);
    assert_eq!(
        house.mail("1", "satisfaction-research").await,
        ReasonCode::DenyObjection
    );
}

#[tokio::test]
async fn r34_every_advertisement_carries_a_link_that_ends_exactly_that() {
    let house = house();
    house.member("1", "1980-05-01", customer()).await;
    house.says("1", "newsletter", Given).await;
    house.says("1", "event-invitations", Given).await;
    let token = async |purpose: &str| {
        let question = house.question(purpose, Action::Contact, Some(Channel::Email));
        house.decided(person("1"), question).await.unsubscribe
    };
    let newsletter = token("newsletter").await.unwrap();
    let offers = token("member-offers").await.unwrap();
    assert_eq!(token("service-messages").await, None);
    assert_eq!(token("satisfaction-research").await, None);

    house.service.unsubscribe_page(&newsletter).await.unwrap();
    assert_eq!(
        house.mail("1", "newsletter").await,
        ReasonCode::PermitConsent,
        "looking changes nothing"
    );
    for _ in 0..2 {
        house.service.unsubscribe(&newsletter).await.unwrap();
        assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyWithdrawn);
    }
    assert_eq!(
        house.mail("1", "event-invitations").await,
        ReasonCode::PermitConsent,
        "only that"
    );
    assert_eq!(
        house.mail("1", "member-offers").await,
        ReasonCode::PermitCustomerException,
        "only that"
    );
    for _ in 0..2 {
        house.service.unsubscribe(&offers).await.unwrap();
        assert_eq!(house.mail("1", "member-offers").await, ReasonCode::DenyObjection);
    }
    assert_eq!(
        house.mail("1", "event-invitations").await,
        ReasonCode::PermitConsent
    );
    // A link with one letter changed is nobody's.
    let mut forged = newsletter.into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    assert!(
        house
            .service
            .unsubscribe(&String::from_utf8(forged).unwrap())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn r35_what_one_can_object_to_says_so_in_the_notice() {
    let house = house();
    for (id, entry) in &house.service.catalogue().purposes {
        let words = ["nl", "en"].map(|language| entry.notices[language].object.is_some());
        let may_object = entry.purpose.allows_objection();
        // With consent the way out is the withdrawal; whoever also wants no marketing at all finds that in every notice.
        if may_object && entry.purpose.validity.is_none() {
            assert_eq!(words, [true, true], "{id}");
        }
    }
}

#[tokio::test]
async fn r36_what_somebody_borrowed_is_never_used_for_offers() {
    let house = house();
    house.member("1", "1980-05-01", customer()).await;
    let offers = house.question("member-offers", Action::Contact, Some(Channel::Email));
    for scopes in [
        &["loan-history"][..],
        &["email", "loan-history"],
        &["email", "current-loans"],
    ] {
        let question = Question {
            data_scopes: set(scopes),
            ..offers.clone()
        };
        assert_eq!(
            house.ask("1", question).await.decisive(),
            ReasonCode::DenyScope,
            "{scopes:?}"
        );
    }
    // With consent for reading tips it may.
    house.says("1", "reading-tips", Given).await;
    assert_eq!(
        house.does("1", "reading-tips", Action::Profile).await,
        ReasonCode::PermitConsent
    );
    house.says("1", "reading-tips", Withdrawn).await;
    assert_eq!(
        house.does("1", "reading-tips", Action::Profile).await,
        ReasonCode::DenyWithdrawn
    );
}

#[tokio::test]
async fn r37_the_library_that_sends_is_named() {
    let house = house();
    house.adult("1").await;
    house
        .registered(RegisterPerson {
            birth_date: None,
            ..registration(KOMPAS, "1")
        })
        .await;
    house.says("1", "newsletter", Given).await;
    let question = house.question("newsletter", Action::Contact, Some(Channel::Email));
    let token = house
        .decided(person("1"), question.clone())
        .await
        .unsubscribe
        .unwrap();
    let page = house.service.unsubscribe_page(&token).await.unwrap();
    assert_eq!(page.organisation, "Bibliotheek De Linde");
    let elsewhere = Question {
        organisation: KOMPAS.parse().unwrap(),
        ..question
    };
    assert_eq!(
        house.ask("1", elsewhere).await.decisive(),
        ReasonCode::DenyNoConsent
    );
}
