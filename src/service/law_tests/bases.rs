//! The other legal bases: GDPR art. 6(1)(b), (c), (e), (f), 9, 21(1) and 22 (R38–R43).

use crate::crypto::sha256;
use crate::domain::consent::ConsentStatus;
use crate::domain::decision::{HumanPart, ReasonCode};
use crate::domain::moment::Moment;
use crate::domain::purpose::{Action, Channel, LegalBasis};
use crate::policy::load::{Files, inspect};
use crate::service::refusal::{Conflict, Refusal};
use crate::service::test_house::*;

use ConsentStatus::{Given, Withdrawn};

fn mistakes(files: &Files) -> Vec<&'static str> {
    let found = inspect(&locked(files), None, &sha256).findings;
    found
        .iter()
        .filter(|finding| finding.is_error())
        .map(|finding| finding.code)
        .collect()
}

#[tokio::test]
async fn r38_a_withdrawal_never_falls_back_on_another_basis() {
    let house = house();
    // Every fact of the customer exception holds, and the newsletter still rests on consent alone.
    house.member("1", "1980-05-01", customer()).await;
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyNoConsent);
    house.says("1", "newsletter", Given).await;
    house.says("1", "newsletter", Withdrawn).await;
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::DenyWithdrawn);
    assert_eq!(
        house.mail("1", "member-offers").await,
        ReasonCode::PermitCustomerException
    );
    let word = house.word("1", "member-offers", Given);
    assert_eq!(
        house.say(word).await,
        Err(Refusal::Conflict(Conflict::NotConsent))
    );
    // Another basis is another meaning: the same version cannot have it.
    let file = "purposes/keep-loan-history.toml";
    let other = changed(&shipped(), file, "explicit = true", "explicit = false");
    let other = changed(
        &other,
        file,
        "legal_basis = \"consent\"",
        "legal_basis = \"contract\"",
    );
    let found = inspect(&other, None, &sha256).findings;
    assert!(
        found.iter().any(|finding| finding.code == "meaning-changed"),
        "{found:?}"
    );
}

#[test]
fn r39_a_basis_without_its_reference_is_not_published() {
    for purpose in [
        "statistics",
        "rights-and-proof",
        "satisfaction-research",
        "member-offers",
    ] {
        let file = format!("purposes/{purpose}.toml");
        let bare = changed(&shipped(), &file, "basis_reference = ", "# ");
        assert!(mistakes(&bare).contains(&"basis-reference"), "{purpose}");
    }
}

#[tokio::test]
async fn r40_an_objection_stops_the_processing_from_its_receipt() {
    let house = house();
    house.adult("1").await;
    assert_eq!(
        house.does("1", "statistics", Action::Process).await,
        ReasonCode::PermitPublicTask
    );
    house.objects("1", Some("statistics"), true).await.unwrap();
    assert_eq!(
        house.does("1", "statistics", Action::Process).await,
        ReasonCode::DenyObjection
    );
    house
        .objects("1", Some("satisfaction-research"), true)
        .await
        .unwrap();
    assert_eq!(
        house.mail("1", "satisfaction-research").await,
        ReasonCode::DenyObjection
    );
    assert_eq!(
        house.does("1", "ido-help", Action::Process).await,
        ReasonCode::PermitPublicTask,
        "only that"
    );
}

#[tokio::test]
async fn r41_who_may_object_follows_the_basis() {
    let house = house();
    house.adult("1").await;
    for (id, entry) in &house.service.catalogue().purposes {
        let by_basis = matches!(
            entry.purpose.legal_basis,
            LegalBasis::PublicTask | LegalBasis::LegitimateInterest | LegalBasis::CustomerException
        );
        let expected = if by_basis || entry.purpose.is_promotional() {
            Ok(())
        } else {
            Err(Refusal::Conflict(Conflict::NoObjection))
        };
        assert_eq!(
            house.objects("1", Some(id.as_str()), true).await,
            expected,
            "{id}"
        );
    }
}

#[test]
fn r42_no_computer_decides_alone_without_a_ground_for_it() {
    let alone = |purpose: &str| {
        let file = format!("purposes/{purpose}.toml");
        let automated = "automated_decision = ";
        changed(
            &shipped(),
            &file,
            &format!("{automated}\"none\""),
            &format!("{automated}\"solely-automated\""),
        )
    };
    for purpose in [
        "statistics",
        "satisfaction-research",
        "member-offers",
        "newsletter",
    ] {
        assert!(
            mistakes(&alone(purpose)).contains(&"solely-automated"),
            "{purpose}"
        );
    }
    // With explicit consent, by contract or by law it may (GDPR art. 22(2)).
    for purpose in ["profile-enrichment", "lending", "rights-and-proof"] {
        assert!(
            !mistakes(&alone(purpose)).contains(&"solely-automated"),
            "{purpose}"
        );
    }
}

#[tokio::test]
async fn r42_the_answer_says_the_part_of_a_person_in_a_profile() {
    let told = async |automated: &str, action: Action| {
        let file = "purposes/reading-tips.toml";
        let files = changed(
            &shipped(),
            file,
            "automated_decision = \"none\"",
            &format!("automated_decision = \"{automated}\""),
        );
        let house = house_with(&locked(&files));
        house.adult("1").await;
        let channel = (action == Action::Contact).then_some(Channel::Email);
        let question = house.question("reading-tips", action, channel);
        let decided = house.decided(person("1"), question).await;
        decided.human
    };
    assert_eq!(told("none", Action::Profile).await, Some(HumanPart::NoDecision));
    assert_eq!(
        told("human-review", Action::Profile).await,
        Some(HumanPart::Required)
    );
    assert_eq!(
        told("solely-automated", Action::Profile).await,
        Some(HumanPart::None)
    );
    assert_eq!(
        told("human-review", Action::Contact).await,
        None,
        "nothing follows from a letter"
    );
}

#[test]
fn r43_special_categories_need_explicit_consent_and_there_is_no_citizen_number() {
    let special = |scope: &str| {
        let id = format!("id = \"{scope}\"\n");
        changed(
            &shipped(),
            "data-scopes.toml",
            &id,
            &format!("{id}special_category = true\n"),
        )
    };
    assert!(mistakes(&special("opinion")).contains(&"special-category-basis"));
    let file = "purposes/share-municipality.toml";
    assert!(!mistakes(&special("question")).contains(&"explicit-missing"));
    let implied = changed(&special("question"), file, "explicit = true", "explicit = false");
    assert!(mistakes(&implied).contains(&"explicit-missing"));
    let bsn = changed(&shipped(), "data-scopes.toml", "id = \"opinion\"", "id = \"bsn\"");
    assert!(mistakes(&bsn).contains(&"citizen-number"));
}

#[tokio::test]
async fn r60_under_a_restriction_only_proof_and_rights_go_on() {
    let house = house();
    house.member("1", "1980-05-01", customer()).await;
    house.says("1", "newsletter", Given).await;
    house.restricts("1", Some("accuracy"), None).await.unwrap();
    for (id, entry) in &house.service.catalogue().purposes {
        for action in &entry.purpose.actions {
            let channel = entry
                .purpose
                .channels
                .first()
                .copied()
                .filter(|_| *action == Action::Contact);
            let question = house.question(id.as_str(), *action, channel);
            let code = house.ask("1", question).await.decisive();
            if id.as_str() == "rights-and-proof" {
                assert_eq!(code, ReasonCode::PermitLegalObligation);
            } else {
                assert_eq!(code, ReasonCode::DenyRestricted, "{id} {action}");
            }
        }
    }
    // The person is told before it is lifted (GDPR art. 18(3)).
    assert_eq!(
        mistake(house.restricts("1", None, None).await),
        "evidence-required"
    );
    house
        .restricts("1", None, form("letter of 20 November"))
        .await
        .unwrap();
    assert_eq!(house.mail("1", "newsletter").await, ReasonCode::PermitConsent);
}

#[tokio::test]
async fn r67_an_answer_is_in_the_log_before_it_is_given() {
    let house = house();
    house.adult("1").await;
    house.says("1", "newsletter", Given).await;
    for number in ["1", "404"] {
        let question = house.question("newsletter", Action::Contact, Some(Channel::Email));
        let decided = house.decided(person(number), question).await;
        let batches = house
            .service
            .0
            .store
            .read("test_log", |tx| {
                let (first, last) = (Moment::from_micros(0), Moment::from_micros(i64::MAX));
                tx.batches_between("decision", first, last, None, 100)
            })
            .map_err(|error: crate::store::StoreError| error)
            .unwrap();
        let logged = batches.iter().any(|stored| {
            let hashes = stored.leaf_hashes.chunks_exact(32);
            hashes.into_iter().any(|hash| hash == decided.leaf_hash)
        });
        assert!(logged, "{number}");
    }
}
