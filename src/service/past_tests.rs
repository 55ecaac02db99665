//! Questions about the past: under the policies and in the words of then.

use super::call::Scope;
use super::test_house::*;
use super::verbs::{Decide, Decided, MergePeople};
use crate::domain::consent::ConsentStatus::{Given, Withdrawn};
use crate::domain::decision::ReasonCode;
use crate::domain::personal::Personal;
use crate::domain::purpose::{Action, Channel};

async fn as_of(house: &House, number: &str, at: &str) -> Decided {
    let verb = Decide {
        person: person(number),
        question: house.question("newsletter", Action::Contact, Some(Channel::Email)),
        reference: None,
        at: Some(moment(at)),
    };
    assert!(call().principal.scopes.contains(&Scope::AuditRead));
    house.service.decide(&call(), verb).await.unwrap()
}

async fn reason(house: &House, number: &str, at: &str) -> ReasonCode {
    as_of(house, number, at).await.verdict.decisive()
}

#[tokio::test]
async fn the_policies_of_then_decide_about_then() {
    let house = house();
    house.adult("1").await;
    house.says("1", "newsletter", Given).await;
    let first = house.service.catalogue().version.clone();
    house.turn("2026-12-01T10:00:00+01:00");
    let file = "purposes/newsletter.toml";
    let files = changed(
        &changed(
            &shipped(),
            file,
            "version = 3\nmaterial = true",
            "version = 4\nmaterial = true",
        ),
        file,
        "Je krijgt dan nieuws",
        "Je krijgt dan graag nieuws",
    );
    house.publish(&files);
    house.turn("2026-12-02T10:00:00+01:00");
    // Now the yes is to words that count no more; on the day before the change it permitted.
    let now = house.mail("1", "newsletter").await;
    assert_ne!(now, ReasonCode::PermitConsent);
    let second = house.service.catalogue().version.clone();
    assert_ne!(first, second);
    for (at, expected, version) in [
        ("2026-11-30T12:00:00+01:00", ReasonCode::PermitConsent, &first),
        ("2026-12-01T09:59:59+01:00", ReasonCode::PermitConsent, &first),
        ("2026-12-01T10:00:00+01:00", now, &second),
        ("2026-12-02T09:00:00+01:00", now, &second),
    ] {
        let decided = as_of(&house, "1", at).await;
        assert_eq!(decided.verdict.decisive(), expected, "{at}");
        assert_eq!(&decided.policy_version, version, "{at}");
        assert!(decided.point_in_time);
    }
    let nobody = as_of(&house, "999", "2026-11-30T12:00:00+01:00").await;
    assert_eq!(nobody.verdict.decisive(), ReasonCode::DenyUnknownSubject);
    assert_eq!(nobody.policy_version, first);
}

#[tokio::test]
async fn before_a_merge_the_words_of_both_records_count() {
    let house = house();
    let mut ids = Vec::new();
    for number in ["1", "2", "3"] {
        ids.push(house.adult(number).await);
    }
    // 1 never spoke; 2 said yes and stopped; 3 said yes later.
    house.turn("2026-11-24T12:00:00+01:00");
    house.says("2", "newsletter", Given).await;
    house.turn("2026-11-26T12:00:00+01:00");
    house.says("2", "newsletter", Withdrawn).await;
    house.turn("2026-11-28T12:00:00+01:00");
    house.says("3", "newsletter", Given).await;
    let merge = async |keep: usize, gone: usize| {
        let verb = MergePeople {
            keep: ids[keep].clone(),
            merge: ids[gone].clone(),
            reason: Personal::new("same card".into()),
        };
        house.service.merge_people(&call(), verb).await.unwrap();
    };
    // 2 becomes 3, and a day later 3 becomes 1: a merge of a merge.
    house.turn("2026-12-01T12:00:00+01:00");
    merge(2, 1).await;
    house.turn("2026-12-02T12:00:00+01:00");
    merge(0, 2).await;
    house.turn("2026-12-03T12:00:00+01:00");
    let stopped = ReasonCode::DenyWithdrawn;
    for number in ["1", "2", "3"] {
        assert_eq!(house.mail(number, "newsletter").await, stopped, "{number} now");
        for (at, expected) in [
            ("2026-11-23T12:00:00+01:00", ReasonCode::DenyNoConsent),
            ("2026-11-25T12:00:00+01:00", ReasonCode::PermitConsent),
            ("2026-11-27T12:00:00+01:00", stopped),
            ("2026-11-29T12:00:00+01:00", stopped),
            ("2026-12-01T18:00:00+01:00", stopped),
            ("2026-12-02T18:00:00+01:00", stopped),
        ] {
            assert_eq!(reason(&house, number, at).await, expected, "{number} at {at}");
        }
    }
}
