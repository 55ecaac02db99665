//! Proposals to change the policies, as two officers make them: draft, check, plan, what-if, replay, approval by another,
//! in force; and what is refused.

use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::decision::{Effect, Question, ReasonCode};
use akkoord::domain::event::ActorKind;
use akkoord::domain::moment::Moment;
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::domain::purpose::{Action, Channel};
use akkoord::policy::load::Files;
use akkoord::service::Service;
use akkoord::service::apply::PlanMistake;
use akkoord::service::call::{Call, Principal, Scope};
use akkoord::service::proposals::{
    AskReplay, Changed, EndProposal, Proposal, ProposalMistake, ProposalState, SaveDraft, TryPerson,
};
use akkoord::service::refusal::{Conflict, Forbidden, Refusal};
use akkoord::service::search::SearchEntries;
use akkoord::service::verbs::{ActorRef, Decide, PersonRef, RecordConsent, RegisterPerson};
use akkoord::world::World as _;
use serde_json::json;

use crate::support::engine::TestStorage;
use crate::support::service::{clock, node};

const LINDE: &str = "bibliotheek-de-linde";
const NEWSLETTER: &str = "purposes/newsletter.toml";

/// An officer of the whole network.
pub fn officer(name: &str) -> Call {
    let principal = Principal {
        client: format!("officer:{name}"),
        system: "console".parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect(),
    };
    Call::new(principal, Language::Nl)
}

fn crm() -> Call {
    let principal = Principal {
        client: "crm-1".to_owned(),
        system: "crm".parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect(),
    };
    Call::new(principal, Language::Nl)
}

pub fn person(number: u32) -> PersonRef {
    PersonRef::Identifier {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new(number.to_string()),
    }
}

/// An adult member who says something about the newsletter in some way.
pub async fn member(service: &Service, number: u32, said: &[(ConsentStatus, IndicationMethod)]) {
    let verb = RegisterPerson {
        organisation: LINDE.parse().unwrap(),
        identifiers: vec![(
            "member-number".parse().unwrap(),
            Personal::new(number.to_string()),
        )],
        birth_date: Some(Personal::new("1980-05-01".parse().unwrap())),
        language: None,
        membership: None,
    };
    service.register_person(&crm(), verb).await.unwrap();
    for (status, method) in said {
        say(service, number, *status, *method).await;
    }
}

pub async fn say(service: &Service, number: u32, status: ConsentStatus, method: IndicationMethod) {
    let version = service.catalogue().purposes["newsletter"].purpose.version;
    let verb = RecordConsent {
        person: person(number),
        organisation: LINDE.parse().unwrap(),
        purpose: "newsletter".parse().unwrap(),
        status,
        data_scopes: None,
        channels: None,
        notice_version: Some(version),
        language: Some(Language::Nl),
        method,
        actor: ActorRef::plain(ActorKind::Oneself),
        evidence: Some(Personal::new(serde_json::Map::from_iter([(
            "formNumber".to_owned(),
            "F-1".into(),
        )]))),
        occurred_at: None,
    };
    service.record_consent(&crm(), verb).await.unwrap();
}

pub fn question() -> Question {
    Question {
        system: "crm".parse().unwrap(),
        organisation: LINDE.parse().unwrap(),
        purpose: "newsletter".parse().unwrap(),
        action: Action::Contact,
        channel: Some(Channel::Email),
        data_scopes: ["email".parse().unwrap()].into(),
        data_source: None,
    }
}

pub async fn decide(service: &Service, number: u32) -> ReasonCode {
    let verb = Decide {
        person: person(number),
        question: question(),
        reference: None,
        at: None,
    };
    service.decide(&crm(), verb).await.unwrap().verdict.decisive()
}

/// The newsletter with another meaning: everybody who said yes is asked again.
fn reworded(base: &Files, from: &str, to: &str, version: bool) -> Changed {
    let mut text = base.text(NEWSLETTER).unwrap().to_owned();
    assert!(text.contains(from), "{from}");
    text = text.replacen(from, to, 1);
    if version {
        text = text.replacen("version = 3\nmaterial = true", "version = 4\nmaterial = true", 1);
    }
    Changed::default().with(base, NEWSLETTER, Some(text))
}

fn draft(files: Changed, by: &str) -> SaveDraft {
    SaveDraft {
        draft: None,
        title: "Elke week een nieuwsbrief".to_owned(),
        why: "De redactie wil vaker mailen.".to_owned(),
        files,
        officer: by.to_owned(),
    }
}

/// The kinds of what stands in the log `admin`, oldest first, with what is sealed in each.
async fn acts(service: &Service, call: &Call) -> Vec<(String, String)> {
    let asked = SearchEntries {
        log: "admin".to_owned(),
        from: Moment::from_micros(0),
        to: service.world().now().plus_seconds(60),
        system: Some("console".parse().unwrap()),
        organisation: None,
        purpose: None,
        outcome: None,
        reason: None,
        id: None,
        cursor: None,
        limit: 100,
    };
    let mut found: Vec<(String, String)> = service
        .search_entries(call, asked)
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|item| {
            let private = item.private.map(|private| private.reveal().clone());
            (item.leaf.kind.to_string(), private.unwrap_or_default())
        })
        .collect();
    found.reverse();
    found
}

async fn proposed(service: &Service, call: &Call, id: akkoord::domain::ids::ProposalId) -> Proposal {
    service.proposal(call, id).await.unwrap()
}

both_engines! {
    async fn a_proposal_is_drafted_checked_planned_tried_and_approved_by_another(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "here");
        let (anna, bram) = (officer("anna"), officer("bram"));
        let yes = [(ConsentStatus::Given, IndicationMethod::WebForm)];
        for number in 1..=12 {
            member(&service, number, if number <= 7 { &yes } else { &[] }).await;
        }
        for number in [1, 2, 3, 8] {
            decide(&service, number).await;
        }
        let base = service.policy_files().unwrap();
        let asks = "Mogen we je onze nieuwsbrief mailen?";
        let weekly = "Mogen we je elke week onze nieuwsbrief mailen?";

        // A draft may have mistakes; the check tells them, and it cannot be proposed.
        let id = service.save_draft(&anna, draft(reworded(&base, asks, weekly, false), "Anna")).await.unwrap();
        let wrong = proposed(&service, &bram, id).await;
        assert_eq!((wrong.state, wrong.revision), (ProposalState::Draft, 1));
        let inspected = service.inspect_proposal(&wrong).unwrap();
        assert!(!inspected.clean && inspected.findings.iter().any(|finding| finding.file == NEWSLETTER), "{inspected:?}");
        let refused = service.submit_proposal(&anna, id, 1, "Anna").await.unwrap_err();
        assert!(matches!(refused, ProposalMistake::Plan(PlanMistake::Mistakes(_))), "{refused}");

        // Nobody else changes it; at another revision nobody does.
        let better = |revision, by: &str| SaveDraft {
            draft: Some((id, revision)),
            ..draft(reworded(&base, asks, weekly, true), by)
        };
        let other = service.save_draft(&bram, better(1, "Bram")).await.unwrap_err();
        assert_eq!(other, Refusal::Forbidden(Forbidden::SameOfficer));
        assert_eq!(service.save_draft(&anna, better(9, "Anna")).await.unwrap_err(), Refusal::Conflict(Conflict::Revision));
        service.save_draft(&anna, better(1, "Anna")).await.unwrap();
        let clean = proposed(&service, &anna, id).await;
        let inspected = service.inspect_proposal(&clean).unwrap();
        assert!(inspected.clean && inspected.examples > 20, "{:?}", inspected.findings);
        let preview = service.preview(&clean).unwrap();
        assert_eq!(preview.choose_again().collect::<Vec<_>>(), ["newsletter"]);

        // The plan counts in the records: seven said yes.
        service.submit_proposal(&anna, id, 2, "Anna").await.unwrap();
        let waits = proposed(&service, &bram, id).await;
        let plan = waits.plan.clone().unwrap();
        let impact = plan.impact.clone().unwrap();
        assert_eq!((impact.people, impact.ended["newsletter"].yeses), (12, 7));
        assert!(plan.to_string().contains("newsletter: 7 members of 1 library who said yes must choose again"));
        assert!(plan.flips.iter().any(|flip| flip.purpose == "newsletter" && flip.after.0 == "deny"));
        assert!(waits.possible(&bram).decide && !waits.possible(&anna).decide && waits.possible(&anna).withdraw);

        // What would it answer? To somebody described, and to a member, who is looked up with a reason.
        let described = serde_json::from_value(json!({
            "purpose": "newsletter", "when": {"age": 40, "state": "given"},
            "ask": {"system": "crm", "action": "contact", "channel": "email", "data_scopes": ["email"]},
        })).unwrap();
        let answer = service.imagine(&waits, &described).unwrap();
        assert_eq!(answer.before.unwrap().decisive(), ReasonCode::PermitConsent);
        assert_eq!(answer.after.unwrap().decisive(), ReasonCode::DenyNoticeOutdated);
        let ask = |reason: &str| TryPerson {
            person: person(1), question: question(), reason: Personal::new(reason.to_owned()), officer: "Bram".to_owned(),
        };
        let mute = service.try_person(&bram, &waits, ask(" ")).await.unwrap_err();
        assert!(matches!(mute, ProposalMistake::Refused(Refusal::Invalid(_))), "{mute}");
        // The console asks nothing itself; about what the CRM may, it asks as the CRM.
        let answer = service.try_person(&bram, &waits, ask("Vraag van de redactie")).await.unwrap();
        assert_eq!(answer.before.unwrap().effect, Effect::Permit);
        assert_eq!(answer.after.unwrap().decisive(), ReasonCode::DenyNoticeOutdated);

        // The checks of today, put again: three of the four flip.
        let now = world.now();
        let replay = {
            let (service, bram, waits) = (service.clone(), bram.clone(), waits.clone());
            let time = AskReplay { from: now.plus_seconds(-86_400), to: now.plus_seconds(60), most: 1_000 };
            tokio::task::spawn_blocking(move || service.replay(&bram, &waits, time)).await.unwrap().unwrap()
        };
        assert_eq!((replay.checks, replay.answered_otherwise(), replay.more), (4, 3, false), "{replay:?}");
        let (difference, count) = replay.changed.first_key_value().unwrap();
        assert_eq!((difference.system.as_str(), difference.after.1.as_str(), *count), ("crm", "deny-notice-outdated", 3));

        // One person alone never changes the policies, under whatever name; nor somebody of one library.
        let alone = service.approve_proposal(&anna, id, 3, "Somebody else").await.unwrap_err();
        assert!(matches!(alone, ProposalMistake::Plan(PlanMistake::SamePerson(_))), "{alone}");
        let namesake = service.approve_proposal(&officer("anna2"), id, 3, "anna").await.unwrap_err();
        assert!(matches!(namesake, ProposalMistake::Plan(PlanMistake::SamePerson(_))), "{namesake}");
        let local = officer("carla").within([LINDE.parse().unwrap()].into());
        let local = service.approve_proposal(&local, id, 3, "Carla").await.unwrap_err();
        assert!(matches!(local, ProposalMistake::Refused(Refusal::Forbidden(Forbidden::Organisation))), "{local}");
        let stale = service.approve_proposal(&bram, id, 2, "Bram").await.unwrap_err();
        assert!(matches!(stale, ProposalMistake::Refused(Refusal::Conflict(Conflict::Revision))), "{stale}");
        assert_eq!(decide(&service, 1).await, ReasonCode::PermitConsent);

        let version = service.approve_proposal(&bram, id, 3, "Bram").await.unwrap();
        assert_eq!(service.catalogue().version, version);
        assert_eq!(decide(&service, 1).await, ReasonCode::DenyNoticeOutdated);
        let done = proposed(&service, &anna, id).await;
        assert_eq!((done.state, done.applied.as_deref()), (ProposalState::Applied, Some(version.as_str())));
        assert_eq!(done.ended_by.unwrap().0, "Bram");
        let twice = service.approve_proposal(&bram, id, 4, "Bram").await.unwrap_err();
        assert!(matches!(twice, ProposalMistake::Refused(Refusal::Conflict(Conflict::StepNotPossible))), "{twice}");

        // Every step stands in the log, who took it sealed.
        let acts = acts(&service, &anna).await;
        let kinds: Vec<&str> = acts.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["policy.drafted", "policy.drafted", "policy.proposed", "console.looked", "policy.applied"]
        );
        assert!(acts[3].1.contains("Vraag van de redactie") && acts[3].1.contains("Bram"), "{acts:?}");
        assert!(acts[2].1.contains("Anna"), "{acts:?}");
        service.stop();
    }

    async fn a_proposal_that_was_overtaken_refused_or_withdrawn_never_comes_into_force(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "here");
        let (anna, bram) = (officer("anna"), officer("bram"));
        let base = service.policy_files().unwrap();
        let asks = "Mogen we je onze nieuwsbrief mailen?";
        let mut ids = Vec::new();
        for words in ["Mogen we je elke week onze nieuwsbrief mailen?", "Mogen we je elke maand onze nieuwsbrief mailen?"] {
            let id = service.save_draft(&anna, draft(reworded(&base, asks, words, true), "Anna")).await.unwrap();
            service.submit_proposal(&anna, id, 1, "Anna").await.unwrap();
            ids.push(id);
        }
        // The first wins; the second was made of a text that is no longer in force.
        service.approve_proposal(&bram, ids[0], 2, "Bram").await.unwrap();
        let moved = service.approve_proposal(&bram, ids[1], 2, "Bram").await.unwrap_err();
        assert!(matches!(moved, ProposalMistake::Plan(PlanMistake::Moved { .. })), "{moved}");
        let overtaken = service.submit_proposal(&anna, ids[1], 2, "Anna").await.unwrap_err();
        assert!(matches!(overtaken, ProposalMistake::Overtaken { .. }), "{overtaken}");
        // Its proposer does not refuse it, and nobody else withdraws it.
        let end = |refuse, why: &str| EndProposal {
            id: ids[1], revision: 2, refuse, why: why.to_owned(), officer: "X".to_owned(),
        };
        for (call, refuse) in [(&anna, true), (&bram, false)] {
            let no = service.end_proposal(call, end(refuse, "Toch niet")).await.unwrap_err();
            assert_eq!(no, Refusal::Conflict(Conflict::StepNotPossible));
        }
        assert!(matches!(service.end_proposal(&bram, end(true, " ")).await.unwrap_err(), Refusal::Invalid(_)));
        service.end_proposal(&bram, end(true, "Ingehaald")).await.unwrap();
        let refused = proposed(&service, &anna, ids[1]).await;
        assert_eq!((refused.state, refused.ended_by), (ProposalState::Refused, Some(("X".to_owned(), Some("Ingehaald".to_owned())))));
        assert!(service.end_proposal(&anna, EndProposal { revision: 3, ..end(false, "x") }).await.is_err());

        // What is no policy file, or by somebody of one library, or without the scope, is not even a draft.
        let strange = Changed::default().with(&base, "../passwd", Some("x".to_owned()));
        assert!(matches!(service.save_draft(&anna, draft(strange, "Anna")).await.unwrap_err(), Refusal::Invalid(_)));
        let local = officer("carla").within([LINDE.parse().unwrap()].into());
        let files = reworded(&base, asks, "Mogen we je?", true);
        let no = service.save_draft(&local, draft(files.clone(), "Carla")).await.unwrap_err();
        assert_eq!(no, Refusal::Forbidden(Forbidden::Organisation));
        let mut reader = officer("dirk");
        reader.principal.scopes.remove(&Scope::PoliciesManage);
        let no = service.save_draft(&reader, draft(files, "Dirk")).await.unwrap_err();
        assert_eq!(no, Refusal::Forbidden(Forbidden::Scope));
        service.stop();
    }
}
