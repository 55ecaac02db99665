//! Decisions about any purpose, person, question and instant: what always holds, and rules of the law that no shipped
//! purpose can break, tried on purposes that would.

mod always;
mod law;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use chrono::{Days, NaiveDate};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::Config;

use super::catalogue::{Catalogue, Grant};
use super::evaluate::{ACT_WITHIN_SECONDS, Subject, consent_ends, consent_reason, evaluate};
use super::fixture::{compiled, folder};
use crate::domain::age;
use crate::domain::consent::{Consent, ConsentAct, ConsentStatus, IndicationMethod, Party};
use crate::domain::decision::{CustomerFact, Effect, Question, ReasonCode, Verdict};
use crate::domain::ids::{DataScopeId, EventId, PersonId};
use crate::domain::moment::{Moment, Period};
use crate::domain::person::{Enrichment, Membership, MembershipKind, PersonRecord, Standing};
use crate::domain::personal::Personal;
use crate::domain::preference::{Language, Preferences, PurposePreference};
use crate::domain::purpose::{
    Action, AgeRule, Channel, CommunicationClass, CustomerException, LegalBasis, OnAgeOfConsent, Purpose,
    PurposeStatus,
};

/// Noon in Amsterdam, 22 November 2026.
const NOON: Moment = Moment::from_micros(1_795_345_200_000_000);

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| compiled(&folder()).catalogue);

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn scopes(ids: &[&str]) -> BTreeSet<DataScopeId> {
    ids.iter().map(|scope| id(scope)).collect()
}

/// A world of one purpose, `tips`, that one system, `crm`, may ask about for one library, `linde`.
#[derive(Debug, Clone)]
struct World {
    purpose: Purpose,
    automated_decision: &'static str,
    grants: Vec<Grant>,
    standing: Standing,
    question: Question,
    now: Moment,
}

impl World {
    fn catalogue(&self) -> Catalogue {
        let mut catalogue = CATALOGUE.clone();
        let entry = catalogue.purposes.get_mut("tips").unwrap();
        let entry = Arc::make_mut(entry);
        entry.purpose = self.purpose.clone();
        entry.register.automated_decision = self.automated_decision.to_owned();
        catalogue
            .systems
            .get_mut("crm")
            .unwrap()
            .grants
            .clone_from(&self.grants);
        catalogue
    }

    fn verdict(&self) -> Verdict {
        self.verdict_about(&self.standing)
    }

    fn verdict_about(&self, standing: &Standing) -> Verdict {
        let record = PersonRecord {
            identifiers: Vec::new(),
            standings: [(id("linde"), standing.clone())].into(),
        };
        evaluate(
            &self.catalogue(),
            Subject::Known(&record),
            &self.question,
            self.now,
        )
    }
}

fn some_scopes() -> BoxedStrategy<BTreeSet<DataScopeId>> {
    subsequence(vec!["email", "loan-history", "health"], 0..=3)
        .prop_map(|some| scopes(&some))
        .boxed()
}

fn some_channels(least: usize) -> BoxedStrategy<BTreeSet<Channel>> {
    subsequence(Channel::ALL.to_vec(), least..=Channel::ALL.len())
        .prop_map(|some| some.into_iter().collect())
        .boxed()
}

fn some_actions() -> BoxedStrategy<BTreeSet<Action>> {
    subsequence(Action::ALL.to_vec(), 3..=5)
        .prop_map(|some| some.into_iter().collect())
        .boxed()
}

fn an_instant() -> BoxedStrategy<Moment> {
    (-1200..=0_i64, prop_oneof![Just(0), -86_400..86_400_i64])
        .prop_map(|(days, seconds)| NOON.plus_seconds(days * 86_400 + seconds))
        .boxed()
}

fn a_purpose() -> BoxedStrategy<Purpose> {
    let rules = (
        select(LegalBasis::ALL),
        option::weighted(0.9, select(CommunicationClass::ALL)),
        prop_oneof![9 => Just(PurposeStatus::Active), 1 => Just(PurposeStatus::Draft), 1 => Just(PurposeStatus::Ended)],
        any::<bool>(),
        proptest::bool::weighted(0.1),
        proptest::bool::weighted(0.1),
        select(vec![0, 12, 16, 18]),
        any::<bool>(),
    );
    let data = (
        some_actions(),
        some_scopes(),
        some_channels(3),
        1..=3_u32,
        option::of(Just("alike")),
    );
    (rules, data)
        .prop_map(|(rules, data)| {
            let (
                legal_basis,
                communication_class,
                status,
                explicit,
                restriction_exempt,
                school_domain,
                minimum,
                reconfirm,
            ) = rules;
            let (actions, data_scopes, channels, consent_valid_from, alike) = data;
            Purpose {
                id: id("tips"),
                version: 3,
                consent_valid_from,
                status,
                legal_basis,
                explicit,
                communication_class,
                actions,
                data_scopes,
                enrichment_sources: [id("lending-system")].into(),
                channels,
                recipients: BTreeSet::new(),
                validity: Some(Period::months(24)),
                reask_not_before: Some(Period::months(6)),
                age: AgeRule {
                    self_from: 16,
                    minimum,
                    child_may_withdraw: true,
                    on_age_of_consent: if reconfirm {
                        OnAgeOfConsent::RequireReconfirm
                    } else {
                        OnAgeOfConsent::KeepAndInform
                    },
                    reconfirm_within: Period::days(60),
                },
                customer_exception: alike.map(|alike| CustomerException {
                    similar_offer: alike.to_owned(),
                    after_membership: Period::months(6),
                }),
                restriction_exempt,
                school_domain,
            }
        })
        .boxed()
}

fn a_grant() -> BoxedStrategy<Grant> {
    (some_actions(), some_channels(2), some_scopes())
        .prop_map(|(actions, channels, data_scopes)| Grant {
            purposes: [id("tips")].into(),
            actions,
            channels,
            data_scopes,
        })
        .boxed()
}

fn a_consent() -> BoxedStrategy<Consent> {
    let said = (
        prop_oneof![3 => Just(ConsentStatus::Given), 1 => select(ConsentStatus::ALL)],
        an_instant(),
        prop_oneof![3 => Just(Party::Oneself), 1 => Just(Party::Guardian(PersonId::from_bytes([2; 16]))), 1 => Just(Party::Controller)],
        1..=4_u32,
        any::<bool>(),
    );
    (
        said,
        some_scopes(),
        prop_oneof![Just(BTreeSet::new()), some_channels(1)],
    )
        .prop_map(|(said, data_scopes, channels)| {
            let (status, occurred_at, by, notice_version, awaits_guardian) = said;
            Consent {
                status,
                occurred_at,
                by,
                notice_version,
                language: Language::Nl,
                data_scopes,
                channels,
                method: IndicationMethod::WebForm,
                event: EventId::from_bytes([9; 16]),
                awaits_guardian,
                withdrawn_by_guardian: BTreeMap::new(),
                reminded: None,
            }
        })
        .boxed()
}

fn a_membership() -> BoxedStrategy<Membership> {
    let kind = prop_oneof![6 => Just(MembershipKind::Adult), 1 => select(MembershipKind::ALL)];
    let facts = proptest::bool::weighted(0.8);
    (kind, option::weighted(0.2, 0..900_u64), facts, facts, facts)
        .prop_map(|(kind, ended, paying, sale, offered)| {
            let today = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
            Membership {
                kind,
                since: None,
                until: ended.map(|days| today - Days::new(days)),
                paying,
                contact_from_sale: sale,
                opt_out_offered: offered,
            }
        })
        .boxed()
}

fn a_birth() -> BoxedStrategy<Option<NaiveDate>> {
    let about = |year: i32| {
        (0..700_u64).prop_map(move |days| NaiveDate::from_ymd_opt(year, 1, 1).unwrap() + Days::new(days))
    };
    prop_oneof![
        1 => Just(None),
        3 => about(1980).prop_map(Some),
        1 => about(2007).prop_map(Some),
        2 => about(2010).prop_map(Some),
        1 => about(2015).prop_map(Some),
    ]
    .boxed()
}

fn some_preferences() -> BoxedStrategy<Preferences> {
    let channels = btree_map(select(Channel::ALL), any::<bool>(), 0..3);
    let pause = option::weighted(
        0.2,
        (-86_400..86_400_i64).prop_map(|seconds| NOON.plus_seconds(seconds)),
    );
    (channels, pause)
        .prop_map(|(channels, paused_until)| {
            let preference = PurposePreference {
                channels,
                paused_until,
                ..PurposePreference::default()
            };
            Preferences {
                purposes: [(id("tips"), preference)].into(),
                ..Preferences::default()
            }
        })
        .boxed()
}

fn an_enrichment() -> BoxedStrategy<Enrichment> {
    (some_scopes(), any::<bool>())
        .prop_map(|(data_scopes, told)| Enrichment {
            purpose: id("tips"),
            source: id("lending-system"),
            data_scopes,
            since: NOON.plus_seconds(-864_000),
            told_at: told.then_some(NOON.plus_seconds(-86_400)),
        })
        .boxed()
}

fn a_standing() -> BoxedStrategy<Standing> {
    let rarely = || option::weighted(0.1, an_instant());
    (
        option::weighted(0.8, a_membership()),
        a_birth(),
        option::weighted(0.85, a_consent()),
        (rarely(), rarely(), rarely()),
        some_preferences(),
        vec(an_enrichment(), 0..2),
    )
        .prop_map(
            |(membership, birth, consent, (marketing, objection, restricted), preferences, enrichments)| {
                Standing {
                    membership,
                    birth_date: birth.map(Personal::new),
                    consents: consent.map(|consent| (id("tips"), consent)).into_iter().collect(),
                    marketing_objection: marketing,
                    objections: objection.map(|at| (id("tips"), at)).into_iter().collect(),
                    restricted,
                    preferences,
                    enrichments,
                    ..Standing::default()
                }
            },
        )
        .boxed()
}

fn a_question() -> BoxedStrategy<Question> {
    let asked = btree_set(select(vec!["email", "loan-history", "health", "shoe-size"]), 0..4);
    let source = option::weighted(
        0.9,
        prop_oneof![4 => Just("lending-system"), 1 => Just("social-media")],
    );
    (
        select(Action::ALL),
        option::weighted(0.9, select(Channel::ALL)),
        asked,
        source,
    )
        .prop_map(|(action, channel, asked, source)| Question {
            system: id("crm"),
            organisation: id("linde"),
            purpose: id("tips"),
            action,
            channel,
            data_scopes: asked.into_iter().map(id).collect(),
            data_source: source.map(id),
        })
        .boxed()
}

fn a_world() -> BoxedStrategy<World> {
    let automated = prop_oneof![4 => Just("none"), 1 => Just("human-review"), 1 => Just("solely-automated")];
    let soon = prop_oneof![3 => Just(NOON), 1 => (-86_400..86_400_i64).prop_map(|s| NOON.plus_seconds(s))];
    (
        a_purpose(),
        automated,
        vec(a_grant(), 0..3),
        a_standing(),
        a_question(),
        soon,
    )
        .prop_map(
            |(purpose, automated_decision, grants, standing, question, now)| World {
                purpose,
                automated_decision,
                grants,
                standing,
                question,
                now,
            },
        )
        .boxed()
}

/// A world that permits: everything in its favour, then as little as possible against it.
fn a_permitting_world() -> BoxedStrategy<World> {
    (
        a_world(),
        select(vec![
            LegalBasis::Consent,
            LegalBasis::Consent,
            LegalBasis::Contract,
            LegalBasis::LegitimateInterest,
            LegalBasis::CustomerException,
        ]),
    )
        .prop_map(|(mut world, basis)| {
            let all: BTreeSet<Channel> = Channel::ALL.iter().copied().collect();
            world.purpose.legal_basis = basis;
            world.purpose.status = PurposeStatus::Active;
            world.purpose.school_domain = false;
            world.purpose.explicit = true;
            world.purpose.consent_valid_from = 1;
            world.purpose.actions = Action::ALL.iter().copied().collect();
            world.purpose.channels.clone_from(&all);
            world.purpose.communication_class =
                (basis == LegalBasis::Consent).then_some(CommunicationClass::Promotional);
            world.purpose.customer_exception = Some(CustomerException {
                similar_offer: "alike".to_owned(),
                after_membership: Period::months(6),
            });
            world.automated_decision = "none";
            world.purpose.data_scopes = scopes(&["email", "loan-history"]);
            world.grants = vec![Grant {
                purposes: [id("tips")].into(),
                actions: world.purpose.actions.clone(),
                channels: all,
                data_scopes: scopes(&["email", "loan-history", "health"]),
            }];
            world.question.data_scopes = scopes(&["email", "shoe-size"]);
            world.question.data_source = Some(id("lending-system"));
            world.question.channel = world.question.channel.or(Some(Channel::Email));
            let consent = Consent {
                status: ConsentStatus::Given,
                occurred_at: world.now.plus_seconds(-86_400 * 500),
                by: Party::Oneself,
                notice_version: 3,
                language: Language::Nl,
                data_scopes: scopes(&["email", "loan-history"]),
                channels: BTreeSet::new(),
                method: IndicationMethod::WebForm,
                event: EventId::from_bytes([9; 16]),
                awaits_guardian: false,
                withdrawn_by_guardian: BTreeMap::new(),
                reminded: None,
            };
            world.standing = Standing {
                membership: Some(Membership {
                    kind: MembershipKind::Adult,
                    since: None,
                    until: None,
                    paying: true,
                    contact_from_sale: true,
                    opt_out_offered: true,
                }),
                birth_date: Some(Personal::new(NaiveDate::from_ymd_opt(1980, 5, 1).unwrap())),
                consents: [(id("tips"), consent)].into(),
                ..Standing::default()
            };
            world
        })
        .boxed()
}

fn either_world() -> BoxedStrategy<World> {
    prop_oneof![a_world(), a_permitting_world()].boxed()
}
