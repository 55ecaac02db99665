//! The record is the fold of the events, in whatever order people speak, write letters and turn out to be one.

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::decision::ReasonCode;
use crate::domain::event::{ActorKind, Change};
use crate::domain::person::PersonRecord;
use crate::domain::personal::Personal;
use crate::domain::preference::Preferences;
use crate::domain::purpose::{Action, Channel};
use crate::service::test_house::*;
use crate::service::verbs::*;
use crate::service::work::{PersonState, open_event};

use ConsentStatus::{Given, Refused, Renewed, Requested, Revoked, Withdrawn};

/// One act of one of four people: 1 and 2 are grown up, 3 is a child of 2, 4 has no birth date.
#[derive(Debug, Clone)]
enum Act {
    Word {
        who: u8,
        purpose: usize,
        status: usize,
        guardian: bool,
        days_ago: u32,
    },
    Objection {
        who: u8,
        purpose: Option<usize>,
        made: bool,
        days_ago: u32,
    },
    Restriction {
        who: u8,
        set: bool,
    },
    Pause {
        who: u8,
    },
    Enrichment {
        who: u8,
        told: bool,
    },
    Elsewhere {
        who: u8,
    },
    Link {
        who: u8,
        linked: bool,
    },
    Merge {
        keep: u8,
        gone: u8,
    },
    Days(u32),
}

const PURPOSES: [&str; 3] = ["newsletter", "reading-tips", "profile-enrichment"];
const STATUSES: [ConsentStatus; 6] = [Given, Refused, Withdrawn, Renewed, Requested, Revoked];

fn act() -> impl Strategy<Value = Act> {
    let who = 1..=4_u8;
    prop_oneof![
        6 => (who.clone(), 0..3_usize, 0..6_usize, any::<bool>(), 0..40_u32)
            .prop_map(|(who, purpose, status, guardian, days_ago)| Act::Word { who, purpose, status, guardian, days_ago }),
        2 => (who.clone(), proptest::option::of(0..3_usize), any::<bool>(), 0..40_u32)
            .prop_map(|(who, purpose, made, days_ago)| Act::Objection { who, purpose, made, days_ago }),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, set)| Act::Restriction { who, set }),
        1 => who.clone().prop_map(|who| Act::Pause { who }),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, told)| Act::Enrichment { who, told }),
        1 => who.clone().prop_map(|who| Act::Elsewhere { who }),
        1 => (3..=4_u8, any::<bool>()).prop_map(|(who, linked)| Act::Link { who, linked }),
        1 => (who.clone(), who).prop_map(|(keep, gone)| Act::Merge { keep, gone }),
        2 => (1..60_u32).prop_map(Act::Days),
    ]
}

/// Does an act; that the law or the state refuses some is part of the play.
async fn play(house: &House, ids: &[String; 4], act: &Act) {
    let now = house.world_now();
    let ago = |days: u32| (days > 0).then(|| now.plus_seconds(-86_400 * i64::from(days)));
    let id = |who: u8| ids[usize::from(who) - 1].clone();
    match act {
        Act::Word {
            who,
            purpose,
            status,
            guardian: by_guardian,
            days_ago,
        } => {
            let number = who.to_string();
            let verb = RecordConsent {
                occurred_at: ago(*days_ago),
                method: IndicationMethod::Paper,
                evidence: form("A-1"),
                actor: if *by_guardian { guardian("2") } else { oneself() },
                ..house.word(&number, PURPOSES[*purpose], STATUSES[*status])
            };
            let _ = house.say(verb).await;
        }
        Act::Objection {
            who,
            purpose,
            made,
            days_ago,
        } => {
            let verb = RecordObjection {
                made: *made,
                method: IndicationMethod::Paper,
                occurred_at: ago(*days_ago),
                ..objection(&who.to_string(), purpose.map(|p| PURPOSES[p]))
            };
            let _ = house.service.record_objection(&call(), verb).await;
        }
        Act::Restriction { who, set } => {
            let ground = set.then_some("accuracy");
            let _ = house
                .restricts(&who.to_string(), ground, form("told by letter"))
                .await;
        }
        Act::Pause { who } => {
            let mut preferences = Preferences::default();
            let pause = preferences
                .purposes
                .entry("newsletter".parse().unwrap())
                .or_default();
            pause.paused_until = Some(now.plus_seconds(86_400));
            let verb = SetPreferences {
                person_id: id(*who),
                preferences,
                revision: None,
                actor: ActorRef::plain(ActorKind::Staff),
            };
            let _ = house.service.set_preferences(&call(), verb).await;
        }
        Act::Enrichment { who, told: false } => {
            house
                .does(&who.to_string(), "profile-enrichment", Action::Enrich)
                .await;
        }
        Act::Enrichment { who, told: true } => {
            let question = house.question("profile-enrichment", Action::Enrich, None);
            let verb = RecordSourceNotice {
                person: person(&who.to_string()),
                organisation: LINDE.parse().unwrap(),
                purpose: "profile-enrichment".parse().unwrap(),
                source: question.data_source.unwrap(),
                occurred_at: None,
            };
            let _ = house.service.record_source_notice(&call(), verb).await;
        }
        Act::Elsewhere { who } => {
            house.registered(registration(KOMPAS, &who.to_string())).await;
        }
        Act::Link { who, linked: true } => {
            let _ = house.link(&id(*who), "2").await;
        }
        Act::Link { who, linked: false } => {
            let verb = UnlinkGuardian {
                child: id(*who),
                guardian: id(2),
            };
            let _ = house.service.unlink_guardian(&call(), verb).await;
        }
        Act::Merge { keep, gone } => {
            let verb = MergePeople {
                keep: id(*keep),
                merge: id(*gone),
                reason: Personal::new("double".into()),
            };
            let _ = house.service.merge_people(&call(), verb).await;
        }
        Act::Days(days) => house.world.turn_to(now.plus_seconds(86_400 * i64::from(*days))),
    }
}

impl House {
    fn world_now(&self) -> crate::domain::moment::Moment {
        use crate::world::World;
        self.world.now()
    }

    /// What is stored about somebody, and what their events add up to; `None` for who was merged into another.
    async fn stored_and_folded(&self, person_id: &str) -> Option<(PersonRecord, PersonRecord, u64)> {
        let id = self.id_of(person_id);
        let call = call();
        let read = self.service.read(&call, move |_, work| {
            let rows = work.tx().events_of(id, None)?;
            let shared = work.shared;
            let found = work.person_as_stored(id)?.unwrap().clone();
            let mut folded = PersonRecord::default();
            for row in &rows {
                folded.apply(&open_event(shared, &found, row)?);
            }
            assert_eq!(
                found.revision,
                rows.len() as u64 + u64::from(found.state != PersonState::Active)
            );
            let record = (*found.record).clone();
            Ok((found.state == PersonState::Active).then_some((record, folded, found.revision)))
        });
        read.await.unwrap()
    }
}

proptest! {
    #![proptest_config(Config { cases: 8, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_stored_record_is_the_fold_of_the_stored_events(acts in proptest::collection::vec(act(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = house();
            let ids = [
                house.adult("1").await,
                house.adult("2").await,
                house.born("3", Some("2014-06-01")).await,
                house.born("4", None).await,
            ];
            house.link(&ids[2], "2").await.unwrap();
            for act in &acts {
                play(&house, &ids, act).await;
            }
            for id in &ids {
                if let Some((stored, folded, _)) = house.stored_and_folded(id).await {
                    assert_eq!(stored, folded);
                }
            }
            house.service.stop();
        });
    }
}

#[tokio::test]
async fn a_paper_yes_that_arrives_late_never_overrides_a_later_no() {
    let house = house();
    let id = house.adult("1").await;
    house.turn("2026-12-01T12:00:00+01:00");
    house.says("1", "newsletter", Refused).await;
    house.turn("2026-12-05T12:00:00+01:00");
    let late = house.paper("1", "newsletter", Given, "2026-11-30T12:00:00+01:00");
    house.say(late).await.unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyRefused);
    assert_eq!(house.current(&id).await.consents[0].status, Refused);
    let kept = house.history(&id).await;
    let words = kept
        .iter()
        .filter(|event| matches!(event.change, Change::Consent(_)));
    assert_eq!(words.count(), 2, "it is kept all the same");
    // A letter that was written after the no is a change of mind.
    let later = house.paper("1", "newsletter", Given, "2026-12-02T12:00:00+01:00");
    house.say(later).await.unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
    // A no counts whenever it was written.
    let old_no = house.paper("1", "newsletter", Withdrawn, "2026-11-25T12:00:00+01:00");
    house.say(old_no).await.unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyWithdrawn);
}

#[tokio::test]
async fn of_two_records_of_one_person_the_stricter_word_stays() {
    let house = house();
    let (keep, gone) = (
        house.member("1", "1980-05-01", customer()).await,
        house
            .member(
                "2",
                "1980-05-01",
                crate::domain::person::Membership {
                    until: Some(date("2026-01-31")),
                    ..customer()
                },
            )
            .await,
    );
    house.says("1", "newsletter", Given).await;
    house.says("2", "newsletter", Withdrawn).await;
    house.says("1", "reading-tips", Given).await;
    house.says("2", "event-invitations", Given).await;
    house
        .objects("2", Some("satisfaction-research"), true)
        .await
        .unwrap();
    assert_eq!(
        house.mail("1", "member-offers").await,
        ReasonCode::PermitCustomerException
    );
    let verb = MergePeople {
        keep: keep.clone(),
        merge: gone,
        reason: Personal::new("double".into()),
    };
    house.service.merge_people(&call(), verb).await.unwrap();
    for number in ["1", "2"] {
        assert_eq!(house.mail(number, "newsletter").await, ReasonCode::DenyWithdrawn);
        assert_eq!(
            house.mail(number, "satisfaction-research").await,
            ReasonCode::DenyObjection
        );
        assert_eq!(
            house.mail(number, "member-offers").await,
            ReasonCode::DenyCustomerExceptionIncomplete
        );
        // Not having been asked is no word: what was said once stays said.
        assert_eq!(
            house.mail(number, "reading-tips").await,
            ReasonCode::PermitConsent
        );
        assert_eq!(
            house.contact(number, "event-invitations", Channel::Push).await,
            ReasonCode::PermitConsent
        );
    }
    house.restricts("1", Some("accuracy"), None).await.unwrap();
    assert_eq!(
        house.mail("2", "service-messages").await,
        ReasonCode::DenyRestricted
    );
}
