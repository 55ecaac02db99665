//! Children and their guardians: GDPR art. 8, UAVG art. 5 (R17–R26).

use crate::domain::age;
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::decision::ReasonCode;
use crate::domain::event::Change;
use crate::domain::hex::hex;
use crate::domain::moment::Moment;
use crate::domain::person::GuardianVerification;
use crate::domain::personal::Personal;
use crate::domain::preference::Preferences;
use crate::domain::purpose::{Action, Channel};
use crate::service::refusal::{Conflict, Refusal};
use crate::service::test_house::*;
use crate::service::verbs::*;

use ConsentStatus::{Given, Refused, Renewed, Requested, Withdrawn};

/// Sixteen on 23 November 2026, the day after every house opens.
const SIXTEEN_TOMORROW: &str = "2010-11-23";

#[tokio::test]
async fn r17_a_childs_yes_waits_for_a_guardian() {
    let house = house();
    house.child("1", "2014-06-01", &["8"]).await;
    let receipt = house.says("1", "newsletter", Given).await;
    assert_eq!((receipt.status, receipt.awaits_guardian), (Requested, true));
    assert_eq!(receipt.valid_until, None);
    assert_eq!(
        house.mail("1", "newsletter").await,
        ReasonCode::DenyGuardianRequired
    );
    let word = house.word_of("8", "1", "newsletter", Given);
    assert_eq!(house.say(word).await.unwrap().status, Given);
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
}

#[tokio::test]
async fn r17_the_age_on_the_day_of_the_word_counts() {
    let house = house();
    house.born("1", Some(SIXTEEN_TOMORROW)).await;
    house.turn("2026-11-23T12:00:00+01:00");
    // A form that was signed the evening before the birthday is a child's.
    let form = house.paper("1", "newsletter", Given, "2026-11-22T20:00:00+01:00");
    assert_eq!(house.say(form).await.unwrap().status, Requested);
    assert_eq!(
        house.mail("1", "newsletter").await,
        ReasonCode::DenyNoConsent,
        "nobody is waited for any more: the young person has not spoken as one who may"
    );
    house.says("1", "newsletter", Given).await;
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
}

#[tokio::test]
async fn r18_who_is_guardian_was_verified_and_how_is_kept() {
    let house = house();
    let child = house.born("1", Some("2014-06-01")).await;
    house.adult("8").await;
    let stranger = house.word_of("8", "1", "newsletter", Given);
    assert_eq!(house.say(stranger.clone()).await, Err(NO_AUTHORITY));
    let verb = LinkGuardian {
        child: child.clone(),
        guardian: person("8"),
        verification: GuardianVerification::ParentAccount,
        evidence: form("C-1"),
    };
    let linked = house.service.link_guardian(&call(), verb).await.unwrap().answer;
    house.say(stranger.clone()).await.unwrap();
    let history = house.history(&child).await;
    let kept = history.iter().find_map(|event| match event.change {
        Change::GuardianLinked { verification, .. } => Some((verification, event.evidence.clone())),
        _ => None,
    });
    assert_eq!(kept, Some((GuardianVerification::ParentAccount, form("C-1"))));
    let unlink = UnlinkGuardian {
        child,
        guardian: linked.guardian_id,
    };
    house.service.unlink_guardian(&call(), unlink).await.unwrap();
    assert_eq!(house.say(stranger).await, Err(NO_AUTHORITY));
}

#[tokio::test]
async fn r18_a_guardian_found_twice_stays_guardian() {
    let house = house();
    house.child("1", "2014-06-01", &["8"]).await;
    let (keep, gone) = (house.adult("9").await, house.adult("8").await);
    let merge = MergePeople {
        keep,
        merge: gone,
        reason: Personal::new("double".into()),
    };
    house.service.merge_people(&call(), merge).await.unwrap();
    for number in ["8", "9"] {
        let word = house.word_of(number, "1", "newsletter", Given);
        assert_eq!(house.say(word).await.unwrap().status, Given);
    }
}

#[tokio::test]
async fn r19_a_child_says_no_alone_and_at_once() {
    let house = house();
    house.child("1", "2018-06-01", &["8"]).await;
    let yes = house.word_of("8", "1", "newsletter", Given);
    house.say(yes.clone()).await.unwrap();
    house.says("1", "newsletter", Withdrawn).await;
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyWithdrawn);
    house.say(yes).await.unwrap();
    house
        .say(house.word_of("8", "1", "newsletter", Withdrawn))
        .await
        .unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyWithdrawn);
    house.objects("1", None, true).await.unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyObjection);
}

#[tokio::test]
async fn r20_where_guardians_disagree_the_no_wins_that_day() {
    let house = house();
    house.child("1", "2014-06-01", &["8", "9"]).await;
    let yes = |guardian| house.word_of(guardian, "1", "newsletter", Given);
    let disagree = Err(Refusal::Conflict(Conflict::GuardiansDisagree));
    house.say(yes("8")).await.unwrap();
    house
        .say(house.word_of("9", "1", "newsletter", Withdrawn))
        .await
        .unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyWithdrawn);
    house.turn("2026-11-22T23:59:59+01:00");
    assert_eq!(house.say(yes("8")).await, disagree);
    // Who said no may come back on it; the other one's no of today still stands in the way.
    house
        .say(house.word_of("8", "1", "newsletter", Refused))
        .await
        .unwrap();
    assert_eq!(house.say(yes("8")).await, disagree);
    assert_eq!(house.say(yes("9")).await, disagree);
    house.turn("2026-11-23T00:00:00+01:00");
    house.say(yes("8")).await.unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
}

#[tokio::test]
async fn r21_at_the_first_second_of_16_the_guardians_authority_ends() {
    let house = house();
    let child = house.child("1", SIXTEEN_TOMORROW, &["8"]).await;
    house.turn("2026-11-22T23:59:59+01:00");
    house
        .say(house.word_of("8", "1", "newsletter", Given))
        .await
        .unwrap();
    house
        .say(house.word_of("8", "1", "newsletter", Withdrawn))
        .await
        .unwrap();
    house
        .say(house.word_of("8", "1", "newsletter", Given))
        .await
        .unwrap();

    house.turn("2026-11-23T00:00:00+01:00");
    for status in [Given, Renewed, Refused, Withdrawn] {
        let word = house.word_of("8", "1", "newsletter", status);
        assert_eq!(house.say(word).await, Err(NO_AUTHORITY), "{status}");
    }
    // Also with a form that was signed while there was authority.
    let form = RecordConsent {
        actor: guardian("8"),
        ..house.paper("1", "newsletter", Withdrawn, "2026-11-22T20:00:00+01:00")
    };
    assert_eq!(house.say(form).await, Err(NO_AUTHORITY));
    let objects = RecordObjection {
        actor: guardian("8"),
        ..objection("1", None)
    };
    let refused = house.service.record_objection(&call(), objects).await;
    assert_eq!(refused, Err(NO_AUTHORITY));
    let prefers = SetPreferences {
        person_id: child.clone(),
        preferences: Preferences::default(),
        revision: None,
        actor: guardian("8"),
    };
    assert_eq!(
        house.service.set_preferences(&call(), prefers).await,
        Err(NO_AUTHORITY)
    );
    let restricts = RecordRestriction {
        person: person("1"),
        organisation: LINDE.parse().unwrap(),
        ground: Some("accuracy".into()),
        actor: guardian("8"),
        evidence: None,
    };
    assert_eq!(
        house.service.record_restriction(&call(), restricts).await,
        Err(NO_AUTHORITY)
    );
    // And it cannot be had again.
    assert_eq!(
        house.link(&child, "8").await,
        Err(Refusal::Conflict(Conflict::NotAChild))
    );
}

#[test]
fn r21_a_birthday_begins_at_midnight_in_amsterdam() {
    let zone = chrono_tz::Europe::Amsterdam;
    let sixteen = |birth| age::reaches(date(birth), 16, zone);
    assert_eq!(sixteen(SIXTEEN_TOMORROW), moment("2026-11-22T23:00:00Z"));
    assert_eq!(
        sixteen("2011-06-01"),
        moment("2027-05-31T22:00:00Z"),
        "summer time"
    );
    // Born on 29 February: on 29 February where there is one, else on 1 March.
    assert_eq!(sixteen("2012-02-29"), moment("2028-02-29T00:00:00+01:00"));
    assert_eq!(sixteen("2084-02-29"), moment("2100-03-01T00:00:00+01:00"));
    assert_eq!(
        age::reaches(date("2012-02-29"), 18, zone),
        moment("2030-03-01T00:00:00+01:00")
    );
    let just_before = Moment::from_micros(moment("2100-03-01T00:00:00+01:00").micros() - 1);
    assert!(!age::has_reached(Some(date("2084-02-29")), 16, just_before, zone));
}

#[tokio::test]
async fn r22_a_guardians_yes_to_the_newsletter_stays() {
    let house = house();
    house.child("1", SIXTEEN_TOMORROW, &["8"]).await;
    house
        .say(house.word_of("8", "1", "newsletter", Given))
        .await
        .unwrap();
    for at in [
        "2026-11-23T00:00:00+01:00",
        "2027-06-01T12:00:00+02:00",
        "2028-11-22T11:59:59+01:00",
    ] {
        house.turn(at);
        assert_eq!(
            house.mail("1", "newsletter").await,
            ReasonCode::PermitConsent,
            "{at}"
        );
    }
    house.turn("2028-11-22T12:00:00+01:00");
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyExpired);
}

#[tokio::test]
async fn r22_a_guardians_yes_to_reading_tips_must_be_confirmed_in_60_days() {
    let house = house();
    let child = house.child("1", SIXTEEN_TOMORROW, &["8"]).await;
    let given = house
        .say(house.word_of("8", "1", "reading-tips", Given))
        .await
        .unwrap();
    assert_eq!(given.status, Given);
    let due = moment("2027-01-22T00:00:00+01:00");
    assert_eq!(house.current(&child).await.consents[0].valid_until, Some(due));
    house.turn("2027-01-21T23:59:50+01:00");
    let question = house.question("reading-tips", Action::Contact, Some(Channel::Email));
    let verdict = house.ask("1", question).await;
    assert_eq!(verdict.decisive(), ReasonCode::PermitConsent);
    assert_eq!(
        verdict.valid_until,
        Some(due),
        "a permit does not outlive the time to confirm"
    );
    house.world.turn_to(due);
    assert_eq!(
        house.mail("1", "reading-tips").await,
        ReasonCode::DenyReconfirmDue
    );
    house.says("1", "reading-tips", Renewed).await;
    assert_eq!(house.mail("1", "reading-tips").await, ReasonCode::PermitConsent);
}

#[tokio::test]
async fn r23_an_unknown_birth_date_counts_as_a_child() {
    let house = house();
    let child = house.born("1", None).await;
    assert_eq!(house.says("1", "newsletter", Given).await.status, Requested);
    assert_eq!(
        house.mail("1", "newsletter").await,
        ReasonCode::DenyGuardianRequired
    );
    house.adult("8").await;
    house.link(&child, "8").await.unwrap();
    house
        .say(house.word_of("8", "1", "newsletter", Given))
        .await
        .unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
    // A guardian's word for somebody who turns out to be grown up was nobody's to say.
    house.born("1", Some("1990-01-01")).await;
    assert_eq!(
        house.mail("1", "newsletter").await,
        ReasonCode::DenyGuardianAuthorityEnded
    );
}

#[tokio::test]
async fn r24_free_help_needs_no_guardian() {
    let house = house();
    house.born("1", Some("2016-01-01")).await;
    assert_eq!(
        house.does("1", "ido-help", Action::Process).await,
        ReasonCode::PermitPublicTask
    );
    assert_eq!(
        house.does("1", "lending", Action::Process).await,
        ReasonCode::PermitContract
    );
}

#[tokio::test]
async fn r25_children_are_told_in_their_own_words() {
    let house = house();
    house.child("1", "2017-06-01", &["8"]).await;
    house.born("2", Some("2012-06-01")).await;
    let entry = house
        .service
        .purpose_version(&"newsletter".parse().unwrap(), 3)
        .unwrap();
    let hash = |variant: &str| hex(&entry.notices[variant].hash);
    assert_ne!(hash("nl"), hash("nl-child"));
    assert_eq!(
        house.says("1", "newsletter", Given).await.notice_hash,
        hash("nl-child")
    );
    assert_eq!(
        house.says("2", "newsletter", Given).await.notice_hash,
        hash("nl"),
        "from twelve"
    );
    let by_guardian = house.word_of("8", "1", "newsletter", Given);
    assert_eq!(
        house.say(by_guardian).await.unwrap().notice_hash,
        hash("nl"),
        "the guardian's text"
    );
}

#[tokio::test]
async fn r25_no_profile_of_a_child_without_a_guardians_explicit_yes() {
    let house = house();
    house.child("1", "2013-06-01", &["8"]).await;
    house.says("1", "event-invitations", Given).await;
    let profile = Action::Profile;
    assert_eq!(
        house.does("1", "event-invitations", profile).await,
        ReasonCode::DenyGuardianRequired
    );
    house
        .say(house.word_of("8", "1", "event-invitations", Given))
        .await
        .unwrap();
    assert_eq!(
        house.does("1", "event-invitations", profile).await,
        ReasonCode::PermitConsent
    );
    // Enrichment is not for children at all.
    let word = house.word_of("8", "1", "profile-enrichment", Given);
    assert_eq!(
        house.say(word).await,
        Err(Refusal::Conflict(Conflict::MinimumAge))
    );
    assert_eq!(
        house.does("1", "profile-enrichment", profile).await,
        ReasonCode::DenyNoConsent
    );
}

#[tokio::test]
async fn r26_from_16_the_young_person_decides_alone() {
    let house = house();
    let young = house.born("1", Some("2010-06-01")).await;
    house.adult("8").await;
    assert_eq!(
        house.link(&young, "8").await,
        Err(Refusal::Conflict(Conflict::NotAChild))
    );
    assert_eq!(house.says("1", "reading-tips", Given).await.status, Given);
    assert_eq!(house.mail("1", "reading-tips").await, ReasonCode::PermitConsent);
    let by_parent = RecordConsent {
        method: IndicationMethod::Desk,
        ..house.word_of("8", "1", "reading-tips", Withdrawn)
    };
    assert_eq!(house.say(by_parent).await, Err(NO_AUTHORITY));
}
