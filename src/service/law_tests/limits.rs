//! Purpose limitation, data minimisation, enrichment, schools and other libraries: GDPR art. 5, 14, 25 and 26 (R44–R51).

use crate::domain::consent::ConsentStatus;
use crate::domain::decision::{Effect, Question, ReasonCode};
use crate::domain::person::{Membership, MembershipKind};
use crate::domain::personal::Personal;
use crate::domain::preference::Preferences;
use crate::domain::purpose::{Action, Channel};
use crate::service::refusal::{Conflict, Refusal};
use crate::service::test_house::*;
use crate::service::verbs::*;

use ConsentStatus::{Given, Withdrawn};

#[tokio::test]
async fn r44_what_is_not_published_is_not_permitted() {
    let draft = changed(
        &shipped(),
        "purposes/lending.toml",
        "status = \"active\"",
        "status = \"draft\"",
    );
    let files = changed(
        &draft,
        "purposes/payments.toml",
        "status = \"active\"",
        "status = \"ended\"",
    );
    let house = house_with(&files);
    house.adult("1").await;
    for purpose in ["lending", "payments"] {
        assert_eq!(
            house.does("1", purpose, Action::Process).await,
            ReasonCode::DenyPurposeInactive
        );
    }
    let mail = house.question("service-messages", Action::Contact, Some(Channel::Email));
    let asked = [
        (
            Question {
                purpose: "horoscope".parse().unwrap(),
                ..mail.clone()
            },
            ReasonCode::DenyPurposeInactive,
        ),
        (
            Question {
                action: Action::Share,
                ..mail.clone()
            },
            ReasonCode::DenyController,
        ),
        (
            Question {
                system: "recommender".parse().unwrap(),
                ..mail.clone()
            },
            ReasonCode::DenyController,
        ),
        (
            Question {
                organisation: "atlantis".parse().unwrap(),
                ..mail.clone()
            },
            ReasonCode::DenyController,
        ),
        (
            Question {
                data_scopes: set(&["birth-date"]),
                ..mail.clone()
            },
            ReasonCode::DenyScope,
        ),
        (
            Question {
                data_scopes: set(&["shoe-size"]),
                ..mail.clone()
            },
            ReasonCode::DenyScope,
        ),
        (
            Question {
                channel: Some(Channel::Phone),
                ..mail.clone()
            },
            ReasonCode::DenyChannel,
        ),
        (
            Question {
                channel: None,
                ..mail.clone()
            },
            ReasonCode::DenyChannel,
        ),
    ];
    for (question, code) in asked {
        assert_eq!(
            house.ask("1", question.clone()).await.decisive(),
            code,
            "{question:?}"
        );
    }
}

#[tokio::test]
async fn r45_only_what_was_asked_for_and_may_be_used() {
    let house = house();
    house.adult("1").await;
    let email_only = RecordConsent {
        data_scopes: Some(set(&["email"])),
        ..house.word("1", "newsletter", Given)
    };
    house.say(email_only).await.unwrap();
    let newsletter = house.question("newsletter", Action::Contact, Some(Channel::Email));
    let cases = [
        (&["email"][..], &["email"][..], &[][..]),
        (&["email", "identity"], &["email"], &["identity"]),
        (
            &["email", "loan-history", "shoe-size"],
            &["email"],
            &["loan-history", "shoe-size"],
        ),
        (&[], &[], &[]),
    ];
    for (asked, permitted, withheld) in cases {
        let question = Question {
            data_scopes: set(asked),
            ..newsletter.clone()
        };
        let verdict = house.ask("1", question).await;
        assert_eq!(verdict.effect, Effect::Permit, "{asked:?}");
        assert_eq!(
            (verdict.data_scopes, verdict.withheld),
            (set(permitted), set(withheld))
        );
    }
    let identity = Question {
        data_scopes: set(&["identity"]),
        ..newsletter
    };
    let verdict = house.ask("1", identity).await;
    assert_eq!(
        (verdict.decisive(), verdict.data_scopes.len()),
        (ReasonCode::DenyScope, 0)
    );
}

/// The person is told where data came from.
async fn told(house: &House, source: &str, at: Option<&str>) -> Result<(), Refusal> {
    let verb = RecordSourceNotice {
        person: person("1"),
        organisation: LINDE.parse().unwrap(),
        purpose: "profile-enrichment".parse().unwrap(),
        source: source.parse().unwrap(),
        occurred_at: at.map(moment),
    };
    house
        .service
        .record_source_notice(&call(), verb)
        .await
        .map(|_| ())
}

#[tokio::test]
async fn r46_nobody_is_contacted_with_data_they_were_not_told_of() {
    let house = house();
    house.adult("1").await;
    for purpose in ["profile-enrichment", "event-invitations", "newsletter"] {
        house.says("1", purpose, Given).await;
    }
    let enrich = |source: &str, scopes: &[&str]| Question {
        data_source: Some(source.parse().unwrap()),
        data_scopes: set(scopes),
        ..house.question("profile-enrichment", Action::Enrich, None)
    };
    let invite = house.question("event-invitations", Action::Contact, Some(Channel::Email));
    assert!(invite.data_scopes.contains("interests"));
    assert_eq!(house.ask("1", invite.clone()).await.effect, Effect::Permit);
    assert_eq!(
        told(&house, "survey", None).await,
        Err(Refusal::NotFound),
        "nothing came from there"
    );

    let survey = enrich("survey", &["interests"]);
    assert_eq!(
        house.ask("1", survey.clone()).await.decisive(),
        ReasonCode::PermitConsent
    );
    assert_eq!(
        house.ask("1", invite.clone()).await.decisive(),
        ReasonCode::DenyArt14NoticeDue
    );
    assert_eq!(
        house.mail("1", "newsletter").await,
        ReasonCode::PermitConsent,
        "it uses none of those data"
    );
    let without = Question {
        data_scopes: set(&["email"]),
        ..invite.clone()
    };
    assert_eq!(house.ask("1", without).await.effect, Effect::Permit);
    // Told before there was anything to tell is not told.
    told(&house, "survey", Some("2026-11-21T12:00:00+01:00"))
        .await
        .unwrap();
    assert_eq!(
        house.ask("1", invite.clone()).await.decisive(),
        ReasonCode::DenyArt14NoticeDue
    );
    house.turn("2026-11-23T12:00:00+01:00");
    told(&house, "survey", None).await.unwrap();
    assert_eq!(house.ask("1", invite.clone()).await.effect, Effect::Permit);
    // The same data again is nothing new; another source is.
    assert_eq!(house.ask("1", survey).await.effect, Effect::Permit);
    assert_eq!(house.ask("1", invite.clone()).await.effect, Effect::Permit);
    let clicks = enrich("newsletter-clicks", &["interests", "clicks"]);
    assert_eq!(house.ask("1", clicks).await.effect, Effect::Permit);
    assert_eq!(
        house.ask("1", invite).await.decisive(),
        ReasonCode::DenyArt14NoticeDue
    );
    // From a source that members were never asked about: no.
    assert_eq!(
        house
            .ask("1", enrich("social-media", &["interests"]))
            .await
            .decisive(),
        ReasonCode::DenyScope
    );
}

#[tokio::test]
async fn r47_data_of_the_national_library_need_a_ground_of_their_own() {
    let house = house();
    house.adult("1").await;
    house.says("1", "reading-tips", Given).await;
    let from_kb = |question: Question| Question {
        data_source: Some("kb-online-library".parse().unwrap()),
        ..question
    };
    let tips = house.question("reading-tips", Action::Enrich, None);
    assert_eq!(
        house.ask("1", tips.clone()).await.effect,
        Effect::Permit,
        "our own lending system"
    );
    assert_eq!(
        house.ask("1", from_kb(tips)).await.decisive(),
        ReasonCode::DenyScope
    );
    let enrich = from_kb(house.question("profile-enrichment", Action::Enrich, None));
    assert_eq!(
        house.ask("1", enrich.clone()).await.decisive(),
        ReasonCode::DenyNoConsent
    );
    house.says("1", "profile-enrichment", Given).await;
    assert_eq!(house.ask("1", enrich).await.effect, Effect::Permit);
}

#[tokio::test]
async fn r48_what_somebody_read_is_not_kept_unless_they_say_so() {
    let house = house();
    house.member("1", "1980-05-01", customer()).await;
    assert_eq!(
        house.does("1", "keep-loan-history", Action::Process).await,
        ReasonCode::DenyNoConsent
    );
    let lending = Question {
        data_scopes: set(&["loan-history"]),
        ..house.question("lending", Action::Process, None)
    };
    assert_eq!(house.ask("1", lending).await.decisive(), ReasonCode::DenyScope);
    house.says("1", "keep-loan-history", Given).await;
    assert_eq!(
        house.does("1", "keep-loan-history", Action::Process).await,
        ReasonCode::PermitConsent
    );
    house.says("1", "keep-loan-history", Withdrawn).await;
    assert_eq!(
        house.does("1", "keep-loan-history", Action::Process).await,
        ReasonCode::DenyWithdrawn
    );
}

#[tokio::test]
async fn r49_a_profile_of_the_school_is_the_schools() {
    let house = house();
    let school = Membership {
        kind: MembershipKind::School,
        paying: false,
        ..customer()
    };
    let pupil = house.member("1", "2014-06-01", school).await;
    let catalogue = house.service.catalogue();
    for (id, entry) in &catalogue.purposes {
        for action in &entry.purpose.actions {
            let channel = entry
                .purpose
                .channels
                .first()
                .copied()
                .filter(|_| *action == Action::Contact);
            let code = house
                .ask("1", house.question(id.as_str(), *action, channel))
                .await
                .decisive();
            match id.as_str() {
                "school-library" => assert_eq!(code, ReasonCode::PermitPublicTask),
                "rights-and-proof" => assert_eq!(code, ReasonCode::PermitLegalObligation),
                _ => assert_eq!(code, ReasonCode::DenySchoolDomain, "{id} {action}"),
            }
        }
    }
    let own = house.born("2", Some("2014-06-01")).await;
    assert_eq!(
        house.does("2", "school-library", Action::Process).await,
        ReasonCode::DenySchoolDomain
    );
    let merge = MergePeople {
        keep: own,
        merge: pupil,
        reason: Personal::new("same child".into()),
    };
    let refused = house.service.merge_people(&call(), merge).await;
    assert_eq!(refused, Err(Refusal::Conflict(Conflict::SchoolProfile)));
}

#[tokio::test]
async fn r50_a_second_library_learns_nothing_of_the_first() {
    let first = changed(
        &shipped(),
        "systems.toml",
        "recipient = \"Leesvonk BV\"\norganisations = [\"*\"]",
        &format!("recipient = \"Leesvonk BV\"\norganisations = [\"{KOMPAS}\"]"),
    );
    let house = house_with(&first);
    let here = house.adult("1").await;
    let receipt = house.says("1", "newsletter", Given).await;
    let there = |question: Question| Question {
        organisation: KOMPAS.parse().unwrap(),
        ..question
    };
    let mail = house.question("newsletter", Action::Contact, Some(Channel::Email));
    let foreign = house.ask("1", there(mail.clone())).await;
    let nobody = house.ask("404", there(mail.clone())).await;
    assert_eq!(
        foreign, nobody,
        "a member of another library is as unknown as anybody"
    );
    assert_eq!(foreign.decisive(), ReasonCode::DenyUnknownSubject);
    // The pseudonym of one library opens nothing at another.
    let by_pseudonym = house
        .decided(PersonRef::Pairwise(here.clone()), there(mail.clone()))
        .await;
    assert_eq!(by_pseudonym.verdict.decisive(), ReasonCode::DenyUnknownSubject);

    let elsewhere = house.registered(registration(KOMPAS, "1")).await;
    assert_ne!(elsewhere, here);
    assert_eq!(
        house.ask("1", there(mail)).await.decisive(),
        ReasonCode::DenyNoConsent
    );
    let before = house.current(&elsewhere).await;
    assert!(before.consents.is_empty());
    house.says("1", "reading-tips", Given).await;
    house.objects("1", None, true).await.unwrap();
    assert_eq!(house.current(&elsewhere).await, before, "not even a count moves");
    let verb = ConsentHistory {
        person_id: elsewhere.clone(),
        until: None,
    };
    let history = house.service.consent_history(&call(), verb).await.unwrap();
    assert!(
        history
            .iter()
            .all(|item| item.event.organisation.as_str() == KOMPAS)
    );
    let numbers: Vec<u64> = history.iter().map(|item| item.sequence).collect();
    assert_eq!(
        numbers,
        (1..=history.len() as u64).collect::<Vec<_>>(),
        "no gaps to count"
    );

    // A system that works for the second library only.
    let recommender = call_of("recommender");
    let fetched = house
        .service
        .receipt(&recommender, FetchReceipt { id: receipt.id })
        .await;
    assert_eq!(fetched, Err(Refusal::NotFound));
    let found = LookUpPerson {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new("1".into()),
        organisation: None,
    };
    let theirs = house.service.look_up_person(&recommender, found).await.unwrap();
    assert!(
        theirs != here && theirs != elsewhere,
        "two systems cannot join what they know"
    );
    let refused = house
        .service
        .record_consent(&recommender, house.word("1", "newsletter", Withdrawn))
        .await;
    assert!(refused.is_err());
    let stale = SetPreferences {
        person_id: elsewhere,
        preferences: Preferences::default(),
        revision: Some(before.revision),
        actor: oneself(),
    };
    house.service.set_preferences(&call(), stale).await.unwrap();
}

#[tokio::test]
async fn r51_one_act_for_the_network_is_a_word_to_each_library() {
    let house = house();
    house.adult("1").await;
    house
        .registered(RegisterPerson {
            birth_date: Some(Personal::new(date("1980-05-01"))),
            ..registration(KOMPAS, "1")
        })
        .await;
    let mail = house.question("newsletter", Action::Contact, Some(Channel::Email));
    let at = |library: &str| Question {
        organisation: library.parse().unwrap(),
        ..mail.clone()
    };
    let word = |library: &str, status| RecordConsent {
        organisation: library.parse().unwrap(),
        ..house.word("1", "newsletter", status)
    };
    let one = house.say(word(LINDE, Given)).await.unwrap();
    assert_eq!(
        house.ask("1", at(KOMPAS)).await.decisive(),
        ReasonCode::DenyNoConsent
    );
    let other = house.say(word(KOMPAS, Given)).await.unwrap();
    assert_ne!(one.id, other.id);
    house.say(word(LINDE, Withdrawn)).await.unwrap();
    assert_eq!(
        house.ask("1", at(LINDE)).await.decisive(),
        ReasonCode::DenyWithdrawn
    );
    assert_eq!(
        house.ask("1", at(KOMPAS)).await.decisive(),
        ReasonCode::PermitConsent
    );
}
