//! Rules of the law on purposes that would break them.

use super::*;

/// A purpose that permits, with the customer exception, for an adult customer.
fn permitting(basis: LegalBasis, class: CommunicationClass, channel: Channel) -> World {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut world = a_permitting_world().new_tree(&mut runner).unwrap().current();
    world.now = NOON;
    world.purpose.restriction_exempt = false;
    world.purpose.legal_basis = basis;
    world.purpose.communication_class = Some(class);
    world.purpose.age.minimum = 0;
    world.question.action = Action::Contact;
    world.question.channel = Some(channel);
    world.question.data_scopes = scopes(&["email"]);
    world
}

const PROMOTIONAL: CommunicationClass = CommunicationClass::Promotional;

#[test]
fn r28_advertising_by_electronic_message_needs_consent_or_the_exception() {
    for channel in [Channel::Email, Channel::Sms, Channel::Push] {
        for basis in LegalBasis::ALL {
            let verdict = permitting(*basis, PROMOTIONAL, channel).verdict();
            let allowed = matches!(basis, LegalBasis::Consent | LegalBasis::CustomerException);
            let expected = if allowed {
                ReasonCode::permit(*basis)
            } else {
                ReasonCode::DenyNoConsent
            };
            assert_eq!(verdict.decisive(), expected, "{channel} {basis}");
        }
    }
    let mut unlike = permitting(LegalBasis::CustomerException, PROMOTIONAL, Channel::Email);
    unlike.purpose.customer_exception = None;
    assert_eq!(unlike.verdict().reasons[0].missing, [CustomerFact::SimilarOffer]);
}

#[test]
fn r31_advertising_by_telephone_needs_consent() {
    for basis in LegalBasis::ALL {
        let verdict = permitting(*basis, PROMOTIONAL, Channel::Phone).verdict();
        let allowed = *basis == LegalBasis::Consent;
        let expected = if allowed {
            ReasonCode::PermitConsent
        } else {
            ReasonCode::DenyNoConsent
        };
        assert_eq!(verdict.decisive(), expected, "{basis}");
    }
    let service = permitting(LegalBasis::Contract, CommunicationClass::Service, Channel::Phone);
    assert_eq!(service.verdict().decisive(), ReasonCode::PermitContract);
}

#[test]
fn r32_a_letter_needs_no_consent_and_heeds_an_objection() {
    let mut letter = permitting(LegalBasis::LegitimateInterest, PROMOTIONAL, Channel::Post);
    assert_eq!(letter.verdict().decisive(), ReasonCode::PermitLegitimateInterest);
    letter.standing.marketing_objection = Some(NOON);
    assert_eq!(letter.verdict().decisive(), ReasonCode::DenyObjection);
}

#[test]
fn r25_a_computer_alone_never_decides_about_a_child() {
    for basis in LegalBasis::ALL {
        let mut world = permitting(*basis, CommunicationClass::Service, Channel::Post);
        let guardian = Party::Guardian(PersonId::from_bytes([2; 16]));
        world.standing.consents.get_mut("tips").unwrap().by = guardian;
        let permitted = *basis != LegalBasis::CustomerException;
        for (birth, automated, permits) in [
            (Some((2014, 6, 1)), "none", permitted),
            (Some((2014, 6, 1)), "human-review", permitted),
            (Some((2014, 6, 1)), "solely-automated", false),
            (None, "solely-automated", false),
        ] {
            world.standing.birth_date =
                birth.map(|(y, m, d)| Personal::new(NaiveDate::from_ymd_opt(y, m, d).unwrap()));
            world.automated_decision = automated;
            assert_eq!(
                world.verdict().effect == Effect::Permit,
                permits,
                "{basis} {birth:?} {automated}"
            );
        }
    }
}

#[test]
fn r25_no_profile_of_a_child_for_advertising_without_explicit_consent() {
    for (basis, explicit, permits) in [
        (LegalBasis::Consent, true, true),
        (LegalBasis::Consent, false, false),
        (LegalBasis::Contract, false, false),
        (LegalBasis::PublicTask, false, false),
        (LegalBasis::LegitimateInterest, false, false),
    ] {
        let mut world = permitting(basis, PROMOTIONAL, Channel::Post);
        world.question.action = Action::Profile;
        world.purpose.explicit = explicit;
        assert_eq!(world.verdict().effect, Effect::Permit, "{basis}: an adult");
        let child = NaiveDate::from_ymd_opt(2014, 6, 1).unwrap();
        world.standing.birth_date = Some(Personal::new(child));
        world.standing.consents.get_mut("tips").unwrap().by = Party::Guardian(PersonId::from_bytes([2; 16]));
        assert_eq!(
            world.verdict().effect == Effect::Permit,
            permits,
            "{basis} {explicit}"
        );
    }
}

#[test]
fn r45_data_of_two_grants_are_not_added_up() {
    let mut world = permitting(LegalBasis::Contract, CommunicationClass::Service, Channel::Email);
    let grant = world.grants[0].clone();
    world.grants = vec![
        Grant {
            data_scopes: scopes(&["email"]),
            ..grant.clone()
        },
        Grant {
            data_scopes: scopes(&["loan-history"]),
            ..grant
        },
    ];
    world.question.data_scopes = scopes(&["email", "loan-history"]);
    let verdict = world.verdict();
    assert_eq!(
        (verdict.data_scopes, verdict.withheld),
        (scopes(&["email"]), scopes(&["loan-history"]))
    );
}
