//! Valid consent: GDPR art. 4(11), 6(1)(a) and 7 (R1–R16).

use crate::crypto::sha256;
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::decision::ReasonCode;
use crate::domain::event::{ActorKind, Change};
use crate::domain::hex::hex;
use crate::domain::preference::Language;
use crate::domain::purpose::{Action, Channel, LegalBasis};
use crate::service::refusal::{Conflict, Refusal};
use crate::service::test_house::*;
use crate::service::verbs::*;

use ConsentStatus::{Given, Refused, Renewed, Requested, Revoked, Withdrawn};

#[tokio::test]
async fn r1_nothing_is_permitted_before_somebody_says_yes() {
    let house = house();
    let id = house.adult("1").await;
    assert!(house.current(&id).await.consents.is_empty());
    let catalogue = house.service.catalogue();
    let by_consent = catalogue
        .purposes
        .values()
        .filter(|entry| entry.purpose.legal_basis == LegalBasis::Consent);
    for entry in by_consent {
        let purpose = &entry.purpose;
        for action in &purpose.actions {
            let channel = purpose
                .channels
                .first()
                .copied()
                .filter(|_| *action == Action::Contact);
            let question = house.question(purpose.id.as_str(), *action, channel);
            assert_eq!(
                house.ask("1", question).await.decisive(),
                ReasonCode::DenyNoConsent,
                "{} {action}",
                purpose.id
            );
        }
    }
}

#[tokio::test]
async fn r1_no_program_and_no_silence_says_yes() {
    let house = house();
    house.adult("1").await;
    for status in [Given, Renewed, Refused, Withdrawn] {
        let by_program = RecordConsent {
            actor: ActorRef::plain(ActorKind::System),
            ..house.word("1", "newsletter", status)
        };
        assert_eq!(mistake(house.say(by_program).await), "not-a-voice");
    }
    // Asked is not answered.
    house.says("1", "newsletter", Requested).await;
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyNoConsent);
}

#[tokio::test]
async fn r2_each_purpose_has_a_word_of_its_own() {
    let house = house();
    let id = house.adult("1").await;
    for purpose in ["newsletter", "event-invitations", "donations-friends"] {
        house.says("1", purpose, Given).await;
    }
    house.says("1", "reading-tips", Refused).await;
    house.says("1", "newsletter", Withdrawn).await;
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyWithdrawn);
    assert_eq!(house.mail("1", "reading-tips").await, ReasonCode::DenyRefused);
    assert_eq!(
        house.mail("1", "event-invitations").await,
        ReasonCode::PermitConsent
    );
    assert_eq!(
        house.mail("1", "donations-friends").await,
        ReasonCode::PermitConsent
    );
    let words = house.history(&id).await;
    let words = words
        .iter()
        .filter(|event| matches!(event.change, Change::Consent(_)));
    assert_eq!(words.count(), 5, "one event for each word");
}

#[tokio::test]
async fn r3_a_yes_rests_on_the_published_text_that_was_shown() {
    let house = house();
    house.adult("1").await;
    let word = |version, language| RecordConsent {
        notice_version: version,
        language,
        ..house.word("1", "newsletter", Given)
    };
    for version in [None, Some(0), Some(2), Some(4)] {
        let refused = house.say(word(version, Some(Language::Nl))).await;
        assert_eq!(mistake(refused), "notice-outdated", "{version:?}");
    }
    assert_eq!(mistake(house.say(word(Some(3), None)).await), "required");

    let receipt = house.say(word(Some(3), Some(Language::En))).await.unwrap();
    let newsletter = "newsletter".parse().unwrap();
    let shown = |house: &House| {
        let entry = house.service.purpose_version(&newsletter, 3).unwrap();
        entry.notices["en"].bytes.to_vec()
    };
    let before = shown(&house);
    assert_eq!(receipt.notice_hash, hex(&sha256(&before)));
    house.publish(&newer_newsletter(true));
    house.mail("1", "newsletter").await;
    assert_eq!(house.service.catalogue().purposes[&newsletter].purpose.version, 4);
    assert_eq!(
        shown(&house),
        before,
        "the text that was shown is kept byte for byte"
    );
}

/// Version 4 of the newsletter with another meaning, or with nothing but other words.
fn newer_newsletter(material: bool) -> crate::policy::load::Files {
    let file = "purposes/newsletter.toml";
    let files = changed(
        &shipped(),
        file,
        "version = 3\nmaterial = true",
        &format!("version = 4\nmaterial = {material}"),
    );
    changed(&files, file, "Je krijgt dan nieuws", "Je krijgt dan graag nieuws")
}

#[tokio::test]
async fn r4_at_any_past_instant_who_said_what_when_and_how() {
    let house = house();
    let id = house.adult("1").await;
    house.turn("2026-12-01T10:00:00+01:00");
    let desk = RecordConsent {
        method: IndicationMethod::Desk,
        actor: ActorRef {
            staff: Some(crate::domain::personal::Personal::new("m-42".into())),
            ..ActorRef::plain(ActorKind::Staff)
        },
        evidence: form("B-3"),
        ..house.word("1", "newsletter", Given)
    };
    let given = house.say(desk).await.unwrap();
    house.turn("2026-12-24T10:00:00+01:00");
    house.says("1", "newsletter", Withdrawn).await;

    let asked = ConsentHistory {
        person_id: id.clone(),
        until: Some(moment("2026-12-24T09:59:59+01:00")),
    };
    let history = house.service.consent_history(&call(), asked).await.unwrap();
    let event = &history.last().unwrap().event;
    let Change::Consent(act) = &event.change else {
        panic!("{event:?}")
    };
    assert_eq!(
        (act.status, act.notice_version, act.method),
        (Given, 3, IndicationMethod::Desk)
    );
    assert_eq!(act.notice_hash, given.notice_hash);
    assert_eq!(event.actor.kind, ActorKind::Staff);
    assert_eq!(event.actor.staff.as_ref().unwrap().reveal(), "m-42");
    assert_eq!(event.evidence, form("B-3"));
    assert_eq!(event.occurred_at, moment("2026-12-01T10:00:00+01:00"));

    for (at, expected) in [
        ("2026-12-01T09:59:59+01:00", ReasonCode::DenyNoConsent),
        ("2026-12-10T00:00:00+01:00", ReasonCode::PermitConsent),
        ("2026-12-24T10:00:00+01:00", ReasonCode::DenyWithdrawn),
    ] {
        let past = Decide {
            person: person("1"),
            question: house.question("newsletter", Action::Contact, Some(Channel::Email)),
            reference: None,
            at: Some(moment(at)),
        };
        let decided = house.service.decide(&call(), past).await.unwrap();
        assert_eq!(
            (decided.verdict.decisive(), decided.point_in_time),
            (expected, true),
            "{at}"
        );
    }
}

#[tokio::test]
async fn r4_a_merge_loses_no_history_and_no_receipt() {
    let house = house();
    let (keep, gone) = (house.adult("1").await, house.adult("2").await);
    let receipt = house.says("2", "newsletter", Given).await;
    house.turn("2026-12-01T10:00:00+01:00");
    house.says("1", "newsletter", Refused).await;
    let merge = MergePeople {
        keep: keep.clone(),
        merge: gone,
        reason: crate::domain::personal::Personal::new("double".into()),
    };
    house.service.merge_people(&call(), merge).await.unwrap();

    let again = house
        .service
        .receipt(&call(), FetchReceipt { id: receipt.id })
        .await
        .unwrap();
    assert_eq!(again, receipt);
    let words: Vec<ConsentStatus> = house
        .history(&keep)
        .await
        .iter()
        .filter_map(|event| match &event.change {
            Change::Consent(act) => Some(act.status),
            _ => None,
        })
        .collect();
    assert_eq!(words, [Given, Refused]);
    assert_eq!(house.mail("2", "newsletter").await, ReasonCode::DenyRefused);
}

#[tokio::test]
async fn r5_every_check_after_an_acknowledged_withdrawal_denies() {
    let house = house();
    house.adult("1").await;
    let question = house.question("newsletter", Action::Contact, Some(Channel::Email));
    let by_mailer = crate::domain::decision::Question {
        system: "mailer".parse().unwrap(),
        ..question.clone()
    };
    for _ in 0..50 {
        house.says("1", "newsletter", Given).await;
        assert_eq!(
            house.ask("1", question.clone()).await.decisive(),
            ReasonCode::PermitConsent
        );
        house.says("1", "newsletter", Withdrawn).await;
        let (one, other) = tokio::join!(
            house.ask("1", question.clone()),
            house.ask("1", by_mailer.clone())
        );
        assert_eq!(one.decisive(), ReasonCode::DenyWithdrawn);
        assert_eq!(other.decisive(), ReasonCode::DenyWithdrawn);
    }
}

#[tokio::test]
async fn r6_a_no_asks_for_nothing_that_a_yes_does_not() {
    let house = house();
    house.adult("1").await;
    let bare = RecordConsent {
        notice_version: None,
        language: None,
        ..house.word("1", "newsletter", Withdrawn)
    };
    let methods = [
        IndicationMethod::WebForm,
        IndicationMethod::MailLink,
        IndicationMethod::Desk,
        IndicationMethod::Paper,
        IndicationMethod::Phone,
        IndicationMethod::OneClick,
        IndicationMethod::Api,
    ];
    for method in methods {
        house.says("1", "newsletter", Given).await;
        let no = RecordConsent {
            method,
            ..bare.clone()
        };
        assert_eq!(house.say(no).await.unwrap().status, Withdrawn);
        assert_eq!(
            house.mail("1", "newsletter").await,
            ReasonCode::DenyWithdrawn,
            "{method}"
        );
    }
    // Nor is it refused for what was shown or agreed when the yes was said.
    let older = [
        RecordConsent {
            notice_version: Some(1),
            ..bare.clone()
        },
        RecordConsent {
            data_scopes: Some(set(&["email", "loan-history"])),
            ..bare.clone()
        },
        RecordConsent {
            channels: Some([Channel::Email, Channel::Sms].into()),
            ..bare.clone()
        },
    ];
    for no in older {
        house.says("1", "newsletter", Given).await;
        house.say(no).await.unwrap();
        assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyWithdrawn);
    }
    let beyond = RecordConsent {
        data_scopes: Some(set(&["email", "loan-history"])),
        ..house.word("1", "newsletter", Given)
    };
    assert_eq!(mistake(house.say(beyond).await), "scope-not-in-purpose");
}

#[tokio::test]
async fn r7_a_withdrawal_does_not_rewrite_what_went_before() {
    let house = house();
    let id = house.adult("1").await;
    let given = house.says("1", "newsletter", Given).await;
    let before = house.history(&id).await;
    house.turn("2027-03-01T09:00:00+01:00");
    house.says("1", "newsletter", Withdrawn).await;
    let after = house.history(&id).await;
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after.len(), before.len() + 1);
    let again = house
        .service
        .receipt(&call(), FetchReceipt { id: given.id })
        .await
        .unwrap();
    assert_eq!(again, given);
}

#[tokio::test]
async fn r8_a_withdrawal_leaves_a_message_for_those_who_must_know() {
    let house = house();
    let id = house.adult("1").await;
    house.says("1", "newsletter", Given).await;
    house.says("1", "newsletter", Withdrawn).await;
    let store = house.service.0.store.clone();
    let messages = store
        .read("test_outbox", |tx| tx.outbox(100))
        .map_err(|error: crate::store::StoreError| error)
        .unwrap();
    let told = messages
        .iter()
        .find(|row| row.kind == "consent.withdrawn")
        .unwrap();
    assert_eq!(told.person_id, house.id_of(&id));
    assert_eq!(told.purpose.as_deref(), Some("newsletter"));
}

#[tokio::test]
async fn r9_the_service_of_the_library_never_depends_on_consent() {
    let house = house();
    house.adult("1").await;
    let services = ["lending", "membership-admin", "payments", "activity-registration"];
    let all_go_on = async || {
        for purpose in services {
            let action = Action::Process;
            assert_eq!(
                house.does("1", purpose, action).await,
                ReasonCode::PermitContract,
                "{purpose}"
            );
        }
        assert_eq!(
            house.mail("1", "service-messages").await,
            ReasonCode::PermitContract
        );
    };
    all_go_on().await;
    let catalogue = house.service.catalogue();
    for status in [Refused, Given, Withdrawn] {
        for (id, entry) in &catalogue.purposes {
            if entry.purpose.legal_basis == LegalBasis::Consent {
                house.says("1", id.as_str(), status).await;
            }
        }
        all_go_on().await;
    }
}

#[tokio::test]
async fn r10_another_meaning_ends_earlier_consents() {
    let house = house();
    let id = house.adult("1").await;
    house.says("1", "newsletter", Given).await;
    house.publish(&newer_newsletter(true));
    assert_eq!(
        house.mail("1", "newsletter").await,
        ReasonCode::DenyNoticeOutdated
    );
    assert_eq!(
        house.current(&id).await.consents[0].effective,
        ReasonCode::DenyNoticeOutdated
    );
    // A form that was signed before is kept as what it is: a yes to the older text.
    house.turn("2026-11-23T12:00:00+01:00");
    let form = RecordConsent {
        notice_version: Some(3),
        ..house.paper("1", "newsletter", Given, "2026-11-22T18:00:00+01:00")
    };
    house.say(form).await.unwrap();
    assert_eq!(
        house.mail("1", "newsletter").await,
        ReasonCode::DenyNoticeOutdated
    );
    let old_text = RecordConsent {
        notice_version: Some(3),
        ..house.word("1", "newsletter", Given)
    };
    assert_eq!(mistake(house.say(old_text).await), "notice-outdated");
    house.says("1", "newsletter", Renewed).await;
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
}

#[tokio::test]
async fn r10_other_words_with_the_same_meaning_keep_consents() {
    let house = house();
    house.adult("1").await;
    house.says("1", "newsletter", Given).await;
    house.publish(&newer_newsletter(false));
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
    assert_eq!(house.says("1", "newsletter", Renewed).await.notice_version, 4);
}

#[tokio::test]
async fn r11_a_consent_ends_to_the_second() {
    let house = house();
    house.adult("1").await;
    let given = house.says("1", "newsletter", Given).await;
    let end = moment("2028-11-22T12:00:00+01:00");
    assert_eq!(given.valid_until, Some(end));
    house.turn("2028-11-22T11:59:50+01:00");
    let question = house.question("newsletter", Action::Contact, Some(Channel::Email));
    let verdict = house.ask("1", question).await;
    assert_eq!(verdict.decisive(), ReasonCode::PermitConsent);
    assert_eq!(
        verdict.valid_until,
        Some(end),
        "a permit does not outlive its consent"
    );
    house
        .world
        .turn_to(crate::domain::moment::Moment::from_micros(end.micros() - 1));
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
    house.world.turn_to(end);
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyExpired);
    house.says("1", "newsletter", Renewed).await;
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
}

#[tokio::test]
async fn r11_a_term_keeps_the_calendar_and_the_clock_of_the_wall() {
    let house = house();
    let terms = [
        // 29 February plus two years is 28 February.
        ("1", "2028-02-29T10:00:00+01:00", "2030-02-28T10:00:00+01:00"),
        // Given in summer time, ended in winter time at the same hour.
        ("2", "2028-10-20T10:00:00+02:00", "2030-10-20T10:00:00+02:00"),
        // Half past two does not exist on 25 March 2029: the clock skips to three.
        ("3", "2027-03-25T02:30:00+01:00", "2029-03-25T03:30:00+02:00"),
        // Half past two happens twice on 27 October 2030: the first one counts.
        ("4", "2028-10-27T02:30:00+02:00", "2030-10-27T02:30:00+02:00"),
    ];
    for (number, given, ends) in terms {
        house.turn(given);
        house.adult(number).await;
        assert_eq!(
            house.says(number, "newsletter", Given).await.valid_until,
            Some(moment(ends)),
            "{given}"
        );
    }
}

#[tokio::test]
async fn r12_nobody_is_asked_again_soon_after_a_no() {
    let house = house();
    house.adult("1").await;
    house.says("1", "newsletter", Refused).await;
    let ask_again = || RecordConsent {
        actor: ActorRef::plain(ActorKind::System),
        ..house.word("1", "newsletter", Requested)
    };
    let too_soon = Err(Refusal::Conflict(Conflict::ReaskTooSoon));
    assert_eq!(house.say(ask_again()).await, too_soon);
    // Ending what was never given does not make the no forgotten.
    let revoked = RecordConsent {
        actor: ActorRef::plain(ActorKind::System),
        ..house.word("1", "newsletter", Revoked)
    };
    house.say(revoked).await.unwrap();
    assert_eq!(house.say(ask_again()).await, too_soon);
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyRefused);
    house.turn("2027-05-22T11:59:59+02:00");
    assert_eq!(house.say(ask_again()).await, too_soon);
    house.turn("2027-05-22T12:00:00+02:00");
    house.say(ask_again()).await.unwrap();
    house.says("1", "newsletter", Given).await;
    assert_eq!(
        house.say(ask_again()).await,
        Err(Refusal::Conflict(Conflict::AlreadyGiven))
    );
    // The person may always speak without being asked.
    house.says("1", "newsletter", Withdrawn).await;
    house.says("1", "newsletter", Given).await;
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
}

#[tokio::test]
async fn r13_yes_and_no_are_the_same_call() {
    let house = house();
    house.adult("1").await;
    for status in [Refused, Given, Withdrawn, Given, Refused] {
        assert_eq!(house.says("1", "newsletter", status).await.status, status);
    }
    let catalogue = house.service.catalogue();
    for entry in catalogue.purposes.values() {
        if entry.purpose.legal_basis == LegalBasis::Consent {
            for (variant, notice) in &entry.notices {
                assert!(
                    notice.yes.is_some() && notice.no.is_some(),
                    "{} {variant}",
                    entry.purpose.id
                );
            }
        }
    }
}

#[tokio::test]
async fn r14_consent_is_not_asked_by_mail_or_text_message() {
    let house = house();
    house.adult("1").await;
    let portal = house.question("rights-and-proof", Action::Contact, Some(Channel::Portal));
    assert_eq!(
        house.ask("1", portal.clone()).await.decisive(),
        ReasonCode::PermitLegalObligation
    );
    for channel in [Channel::Email, Channel::Sms, Channel::Push, Channel::Phone] {
        let question = crate::domain::decision::Question {
            channel: Some(channel),
            ..portal.clone()
        };
        assert_eq!(
            house.ask("1", question).await.decisive(),
            ReasonCode::DenyChannel,
            "{channel}"
        );
    }
    // And a mail for the newsletter cannot do it either: it needs the very consent it would ask for.
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyNoConsent);
}

#[tokio::test]
async fn r16_an_import_without_proof_is_no_consent() {
    let house = house();
    house.adult("1").await;
    let import = RecordConsent {
        method: IndicationMethod::Import,
        actor: ActorRef::plain(ActorKind::Import),
        occurred_at: Some(moment("2026-01-10T12:00:00+01:00")),
        ..house.word("1", "newsletter", Given)
    };
    assert_eq!(mistake(house.say(import.clone()).await), "evidence-required");
    let empty = RecordConsent {
        evidence: Some(crate::domain::personal::Personal::new(serde_json::Map::new())),
        ..import.clone()
    };
    assert_eq!(mistake(house.say(empty).await), "evidence-required");
    let without_text = RecordConsent {
        evidence: form("old system, 2026-01"),
        notice_version: None,
        ..import.clone()
    };
    assert_eq!(mistake(house.say(without_text).await), "notice-outdated");
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyNoConsent);
    let proven = RecordConsent {
        evidence: form("old system, 2026-01"),
        ..import
    };
    house.say(proven).await.unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
}
