//! What always holds of a decision.

use super::*;

/// Everything that may speak against a permit, one at a time. Absent where it speaks for one: that a profile is the
/// school's serves the school's own purpose, and a guardian's word needs somebody young.
fn against(world: &World, which: usize) -> Option<World> {
    let mut world = world.clone();
    let at = world.now.plus_seconds(-60);
    let by_guardian = |consent: &Consent| matches!(consent.by, Party::Guardian(_));
    match which {
        13 if world.purpose.school_domain => return None,
        19 if world.standing.is_school() => return None,
        17 if world.standing.consents.values().any(by_guardian) => return None,
        0 => world.standing.restricted = Some(at),
        1 => world.standing.marketing_objection = Some(at),
        2 => {
            world.standing.objections.insert(id("tips"), at);
        }
        3 => {
            let preference = world.standing.preferences.purposes.entry(id("tips")).or_default();
            preference.paused_until = Some(world.now.plus_seconds(60));
        }
        4 => {
            let preference = world.standing.preferences.purposes.entry(id("tips")).or_default();
            preference
                .channels
                .extend(Channel::ALL.iter().map(|channel| (*channel, false)));
        }
        5 => world.grants.clear(),
        6 => world.question.system = id("nobody"),
        7 => world.question.organisation = id("atlantis"),
        8 => world.question.purpose = id("horoscope"),
        9 => world.purpose.status = PurposeStatus::Ended,
        10 => world.purpose.actions.clear(),
        11 => world.purpose.channels.clear(),
        12 => world.purpose.data_scopes.clear(),
        13 => world.standing.membership.as_mut()?.kind = MembershipKind::School,
        14 => world.standing.enrichments.push(Enrichment {
            purpose: id("tips"),
            source: id("lending-system"),
            data_scopes: world.question.data_scopes.clone(),
            since: at,
            told_at: None,
        }),
        15 => world.standing.consents.get_mut("tips")?.status = ConsentStatus::Withdrawn,
        16 => {
            world.standing.consents.remove("tips");
        }
        17 => world.standing.birth_date = None,
        18 => world.purpose.consent_valid_from = 4,
        19 => world.standing.membership = None,
        20 => world.purpose.customer_exception = None,
        _ => world.automated_decision = "solely-automated",
    }
    Some(world)
}

/// What of `against` denies in any case: for a contact, with data, on consent.
const ALWAYS_FATAL: [usize; 11] = [2, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16];

fn withdrawal(by: Party) -> ConsentAct {
    ConsentAct {
        purpose: id("tips"),
        status: ConsentStatus::Withdrawn,
        by,
        notice_version: 0,
        notice_hash: String::new(),
        language: Language::Nl,
        data_scopes: BTreeSet::new(),
        channels: BTreeSet::new(),
        method: IndicationMethod::OneClick,
        awaits_guardian: false,
    }
}

proptest! {
    #![proptest_config(Config { cases: 2048, failure_persistence: None, ..Config::default() })]

    #[test]
    fn every_question_gets_a_verdict_that_agrees_with_itself(world in either_world()) {
        let verdict = world.verdict();
        prop_assert!(!verdict.reasons.is_empty());
        prop_assert_eq!(verdict.decisive(), verdict.reasons[0].code);
        for reason in &verdict.reasons {
            prop_assert_eq!(reason.code.effect(), verdict.effect);
        }
        let union: BTreeSet<_> = verdict.data_scopes.union(&verdict.withheld).cloned().collect();
        prop_assert_eq!(&union, &world.question.data_scopes);
        prop_assert!(verdict.data_scopes.is_disjoint(&verdict.withheld));
        match verdict.effect {
            Effect::Permit => {
                prop_assert_eq!(verdict.reasons.len(), 1);
                prop_assert_eq!(verdict.decisive(), ReasonCode::permit(world.purpose.legal_basis));
                let until = verdict.valid_until.unwrap();
                prop_assert!(world.now < until && until <= world.now.plus_seconds(ACT_WITHIN_SECONDS));
                let advertises = world.purpose.is_promotional() && world.question.action == Action::Contact;
                prop_assert_eq!(verdict.unsubscribe, advertises);
            }
            Effect::Deny => {
                prop_assert!(verdict.data_scopes.is_empty());
                prop_assert_eq!(verdict.valid_until, None);
                prop_assert!(!verdict.unsubscribe);
            }
        }
    }

    #[test]
    fn everybody_gets_an_answer_at_any_time(world in a_world(), micros in any::<i64>()) {
        let catalogue = world.catalogue();
        let record = PersonRecord { identifiers: Vec::new(), standings: [(id("linde"), world.standing.clone())].into() };
        let now = Moment::from_micros(micros);
        for subject in [Subject::Unknown, Subject::Erased, Subject::Known(&record)] {
            prop_assert!(!evaluate(&catalogue, subject, &world.question, now).reasons.is_empty());
        }
        let entry = &catalogue.purposes["tips"];
        let _ = (consent_reason(&catalogue, entry, &world.standing, now), consent_ends(&catalogue, entry, &world.standing));
    }

    #[test]
    fn default_is_deny(world in either_world()) {
        let mut world = world;
        world.standing = Standing::default();
        let verdict = world.verdict();
        let asks = matches!(world.purpose.legal_basis, LegalBasis::Consent | LegalBasis::CustomerException);
        prop_assert!(!asks || verdict.effect == Effect::Deny);
        let nobody = evaluate(&world.catalogue(), Subject::Unknown, &world.question, world.now);
        prop_assert_eq!(nobody.effect, Effect::Deny);
        let gone = evaluate(&world.catalogue(), Subject::Erased, &world.question, world.now);
        prop_assert_eq!(gone.effect, Effect::Deny);
    }

    #[test]
    fn nothing_that_speaks_against_ever_turns_a_deny_into_a_permit(world in either_world(), which in 0..22_usize) {
        if let Some(spoiled) = against(&world, which) {
            let (before, after) = (world.verdict(), spoiled.verdict());
            prop_assert!(before.effect == Effect::Permit || after.effect == Effect::Deny, "{}: {:?}", which, after);
            prop_assert!(after.data_scopes.is_subset(&world.question.data_scopes));
        }
    }

    #[test]
    fn a_deny_rule_is_never_outvoted(world in a_permitting_world(), which in select(ALWAYS_FATAL.to_vec())) {
        let mut world = world;
        world.purpose.legal_basis = LegalBasis::Consent;
        world.question.action = Action::Contact;
        prop_assert_eq!(world.verdict().effect, Effect::Permit);
        prop_assert_eq!(against(&world, which).unwrap().verdict().effect, Effect::Deny, "{}", which);
        let restricted = against(&world, 0).unwrap().verdict();
        prop_assert_eq!(restricted.effect == Effect::Permit, world.purpose.restriction_exempt);
    }

    #[test]
    fn after_a_withdrawal_every_question_is_denied(
        world in either_world(), at in an_instant(), by_guardian in any::<bool>(), question in a_question(), later in 0..90_000_000_i64,
    ) {
        let by = if by_guardian { Party::Guardian(PersonId::from_bytes([2; 16])) } else { Party::Oneself };
        let mut world = world;
        world.purpose.legal_basis = LegalBasis::Consent;
        let before = world.standing.consents.get("tips");
        let withdrawn = withdrawal(by).apply(before, at, EventId::from_bytes([8; 16])).unwrap();
        world.standing.consents.insert(id("tips"), withdrawn);
        prop_assert_eq!(world.verdict().effect, Effect::Deny);
        world.question = question;
        world.now = world.now.plus_seconds(later);
        prop_assert_eq!(world.verdict().effect, Effect::Deny);
    }

    #[test]
    fn only_data_that_everybody_agreed_to(world in either_world()) {
        let verdict = world.verdict();
        let permitted = &verdict.data_scopes;
        prop_assert!(permitted.is_subset(&world.question.data_scopes));
        prop_assert!(permitted.is_subset(&world.purpose.data_scopes));
        if verdict.effect == Effect::Permit {
            let question = &world.question;
            let whole = world.grants.iter().any(|grant| {
                grant.actions.contains(&question.action)
                    && question.channel.is_none_or(|channel| grant.channels.contains(&channel))
                    && permitted.is_subset(&grant.data_scopes)
            });
            prop_assert!(whole, "the answer fits inside one grant as a whole");
            prop_assert!(!permitted.is_empty() || world.question.data_scopes.is_empty());
        }
        if let Some(consent) = world.standing.consents.get("tips").filter(|_| world.purpose.legal_basis == LegalBasis::Consent) {
            prop_assert!(permitted.is_subset(&consent.data_scopes));
        }
    }

    #[test]
    fn a_narrower_consent_never_permits_more(world in either_world(), keep in some_scopes(), channels in some_channels(1)) {
        let mut narrower = world.clone();
        let Some(consent) = narrower.standing.consents.get_mut("tips") else { return Ok(()) };
        consent.data_scopes.retain(|scope| keep.contains(scope));
        consent.channels = match consent.channels.is_empty() {
            true => channels,
            false => match consent.channels.intersection(&channels).copied().collect::<BTreeSet<_>>() {
                none if none.is_empty() => return Ok(()),
                some => some,
            },
        };
        let (wide, narrow) = (world.verdict(), narrower.verdict());
        prop_assert!(wide.effect == Effect::Permit || narrow.effect == Effect::Deny);
        prop_assert!(narrow.data_scopes.is_subset(&wide.data_scopes) || wide.effect == Effect::Deny);
    }

    #[test]
    fn a_permit_never_outlives_its_consent(world in either_world(), seconds_left in -5..60_i64) {
        let mut world = world;
        world.purpose.legal_basis = LegalBasis::Consent;
        let catalogue = world.catalogue();
        let Some(end) = consent_ends(&catalogue, &catalogue.purposes["tips"], &world.standing) else { return Ok(()) };
        world.now = end.plus_seconds(-seconds_left);
        let verdict = world.verdict();
        prop_assert!(verdict.effect == Effect::Deny || seconds_left > 0);
        prop_assert!(verdict.valid_until.is_none_or(|until| until <= end));
    }

    #[test]
    fn a_merge_is_never_less_strict_than_either_part(
        world in either_world(), other in a_standing(), question in a_question(), same in any::<bool>(),
    ) {
        let mut world = world;
        if same {
            world.question = question;
        }
        let mut ours = reachable(world.standing.clone());
        // The same person was born once, and is the school's or ours in both.
        let mut theirs = Standing { birth_date: ours.birth_date.clone(), ..other };
        theirs = reachable(theirs);
        if ours.is_school() != theirs.is_school() {
            return Ok(());
        }
        let merged = merge(&ours, &theirs);
        let verdict = world.verdict_about(&merged);
        // Who was never asked has said nothing: the one word there is counts for both. The same with a membership.
        for (one, another) in [(&mut ours, &theirs.clone()), (&mut theirs, &merged)] {
            for (purpose, consent) in &another.consents {
                one.consents.entry(purpose.clone()).or_insert_with(|| consent.clone());
            }
            one.membership = one.membership.clone().or_else(|| another.membership.clone());
        }
        for part in [&ours, &theirs] {
            let of_part = world.verdict_about(part);
            prop_assert!(of_part.effect == Effect::Permit || verdict.effect == Effect::Deny, "{:?}", of_part.reasons);
            prop_assert!(verdict.data_scopes.is_subset(&of_part.data_scopes));
        }
    }
}

fn merge(ours: &Standing, theirs: &Standing) -> Standing {
    let record = |standing: &Standing| PersonRecord {
        identifiers: Vec::new(),
        standings: [(id("linde"), standing.clone())].into(),
    };
    record(ours)
        .merged_with(&record(theirs))
        .standings
        .remove("linde")
        .unwrap()
}

/// As the service records it: who speaks may speak at that age, and of no notice that was never published.
fn reachable(mut standing: Standing) -> Standing {
    let birth = standing.birth();
    for consent in standing.consents.values_mut() {
        let grown = age::has_reached(birth, 16, consent.occurred_at, CATALOGUE.network.zone);
        consent.notice_version = consent.notice_version.min(3);
        consent.awaits_guardian = false;
        consent.by = match consent.status {
            ConsentStatus::Given | ConsentStatus::Renewed if grown => Party::Oneself,
            ConsentStatus::Given | ConsentStatus::Renewed => Party::Guardian(PersonId::from_bytes([2; 16])),
            _ => consent.by,
        };
    }
    standing
}
