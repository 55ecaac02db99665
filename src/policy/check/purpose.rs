//! What the law asks of one purpose.

use super::super::document::{AutomatedDecision, ControllerRole, FailMode, PurposeFile};
use super::super::finding::Report;
use super::super::load::Documents;
use super::{Known, is_term};
use crate::domain::age::AGE_OF_CONSENT;
use crate::domain::ids::NotAnId;
use crate::domain::moment::Period;
use crate::domain::purpose::{Action, Channel, CommunicationClass, LegalBasis, OnAgeOfConsent};

pub(super) fn check(
    purpose: &PurposeFile,
    documents: &Documents,
    known: &Known<'_>,
    report: &mut Report<'_>,
) {
    check_references(purpose, known, report);
    check_facts(purpose, report);
    check_basis(purpose, report);
    check_consent(purpose, report);
    check_messages(purpose, report);
    check_data(purpose, documents, report);
    check_age(purpose, report);
    check_roles(purpose, report);
}

fn check_references(purpose: &PurposeFile, known: &Known<'_>, report: &mut Report<'_>) {
    for scope in purpose
        .data_scopes
        .iter()
        .filter(|scope| !known.scopes.contains(scope))
    {
        report.unknown(
            format!("data_scopes={scope}"),
            "unknown-scope",
            "data scope",
            scope,
            &known.scopes,
        );
    }
    for system in purpose
        .recipients
        .iter()
        .filter(|system| !known.systems.contains(system))
    {
        report.unknown(
            format!("recipients={system}"),
            "unknown-system",
            "system",
            system,
            &known.systems,
        );
    }
}

fn check_facts(purpose: &PurposeFile, report: &mut Report<'_>) {
    let texts = [
        ("basis_reference", &purpose.basis_reference),
        ("class_motivation", &purpose.class_motivation),
        ("dpia", &purpose.dpia),
        ("joint_arrangement", &purpose.joint_arrangement),
    ];
    let given = texts
        .into_iter()
        .filter_map(|(key, text)| Some((key, text.as_deref()?)));
    report.filled("", given);
    report.filled("approved.", [("by", purpose.approved.by.as_str())]);
    if purpose.version == 0 {
        report.error(
            "version",
            "version-zero",
            "versions begin at 1",
            "use version = 1",
        );
    }
    if purpose.actions.is_empty() {
        report.error(
            "actions",
            "no-actions",
            "a purpose without actions permits nothing",
            "name its actions",
        );
    }
    if !is_term(&purpose.dpv, &["dpv"]) {
        let message = format!(
            "{:?} is not a purpose of the Data Privacy Vocabulary",
            purpose.dpv
        );
        report.error(
            "dpv",
            "dpv-term",
            message,
            "use a term that begins with dpv:, such as dpv:DirectMarketing",
        );
    }
    if !is_retention(&purpose.retention) {
        let message = format!("{:?} is not a retention", purpose.retention);
        let remedy = "use a period such as P13M, or an event with or without a period: until-withdrawn, membership-end+P2Y";
        report.error("retention", "retention", message, remedy);
    }
    if purpose.approved.date().is_none() {
        report.error(
            "approved.on",
            "approval-date",
            "this is not a date",
            "write it as 2026-10-01",
        );
    }
}

/// A period, an event, or an event and a period after it.
fn is_retention(text: &str) -> bool {
    let is_period = |text: &str| text.parse::<Period>().is_ok();
    let is_event = |text: &str| text.parse::<crate::domain::ids::PurposeId>() != Err(NotAnId);
    match text.split_once('+') {
        Some((event, period)) => is_event(event) && is_period(period),
        None => is_period(text) || is_event(text),
    }
}

fn check_basis(purpose: &PurposeFile, report: &mut Report<'_>) {
    let basis = purpose.legal_basis;
    // R39: the law for 6(1)(c), the public task for (e), the balancing test for (f).
    if !matches!(basis, LegalBasis::Consent | LegalBasis::Contract) && purpose.basis_reference.is_none() {
        let what = match basis {
            LegalBasis::PublicTask => "the law that gives the public task",
            LegalBasis::LegalObligation => "the law",
            _ => "the balancing test",
        };
        let message = format!("the basis {basis} has no reference");
        report.error(
            "legal_basis",
            "basis-reference",
            message,
            format!("add basis_reference with {what}"),
        );
    }
    let exception = basis == LegalBasis::CustomerException;
    match &purpose.customer_exception {
        None if exception => {
            let message = "the customer exception lacks its facts";
            report.error(
                "legal_basis",
                "customer-exception",
                message,
                "add a table [customer_exception]",
            );
        }
        Some(_) if !exception => {
            let message = format!("[customer_exception] belongs to that basis, not to {basis}");
            report.error(
                "customer_exception",
                "customer-exception",
                message,
                "remove the table or correct legal_basis",
            );
        }
        Some(entry) if entry.similar_offer.trim().is_empty() => {
            let message = "nothing says why these are own, similar products or services (Tw 11.7(3))";
            report.error(
                "customer_exception.similar_offer",
                "customer-exception",
                message,
                "say why",
            );
        }
        _ => {}
    }
    // GDPR art. 22(2): only for a contract, by law, or with explicit consent.
    let ground = match basis {
        LegalBasis::Contract | LegalBasis::LegalObligation => true,
        LegalBasis::Consent => purpose.explicit,
        _ => false,
    };
    if purpose.automated_decision == AutomatedDecision::SolelyAutomated && !ground {
        let message =
            format!("decisions by a computer alone are not allowed on the basis {basis} (GDPR art. 22)");
        let remedy =
            "let a person decide (human-review), or rest it on a contract, a law or explicit consent";
        report.error("automated_decision", "solely-automated", message, remedy);
    }
    // GDPR art. 18(2): under a restriction only storage, proof and legal claims go on.
    let may_be_exempt = matches!(
        basis,
        LegalBasis::LegalObligation | LegalBasis::LegitimateInterest
    ) && purpose.communication_class != Some(CommunicationClass::Promotional);
    if purpose.restriction_exempt && !may_be_exempt {
        let message = "only proof and legal claims go on under a restriction (GDPR art. 18(2))";
        report.error(
            "restriction_exempt",
            "restriction-exempt",
            message,
            "set it to false",
        );
    }
}

fn check_consent(purpose: &PurposeFile, report: &mut Report<'_>) {
    if purpose.legal_basis == LegalBasis::Consent {
        if purpose.validity.is_none() {
            let message = "a consent must end some day (R11)";
            report.error(
                "legal_basis",
                "validity-missing",
                message,
                "add validity, such as \"P24M\"",
            );
        }
        return;
    }
    let given = [
        ("validity", purpose.validity.is_some()),
        ("reask_not_before", purpose.reask_not_before.is_some()),
        ("explicit", purpose.explicit),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        let message = format!("{key} is for consent, not for {}", purpose.legal_basis);
        report.error(key, "consent-only-key", message, "remove the key");
    }
}

fn check_messages(purpose: &PurposeFile, report: &mut Report<'_>) {
    // R27: the class is fixed here, with its motivation, and never by the caller.
    let contact = purpose.actions.contains(&Action::Contact);
    if contact && purpose.communication_class.is_none() {
        let message = "messages have no class";
        let remedy = "add communication_class: service, promotional or research";
        report.error("actions=contact", "class-missing", message, remedy);
    }
    if purpose.communication_class.is_some() && purpose.class_motivation.is_none() {
        let message = "the class of the messages has no motivation (R27)";
        report.error(
            "communication_class",
            "class-motivation",
            message,
            "add class_motivation",
        );
    }
    if contact && purpose.channels.is_empty() {
        let message = "contact without a channel reaches nobody";
        report.error("actions=contact", "channels-missing", message, "add channels");
    }
    // Tw 11.7 (R28, R31): the engine would deny these; better said when the file is written.
    let asks_first = purpose.legal_basis == LegalBasis::Consent;
    let excepted = purpose.legal_basis == LegalBasis::CustomerException;
    let refused = |channel: &Channel| match channel {
        Channel::Email | Channel::Sms | Channel::Push => !asks_first && !excepted,
        Channel::Phone => !asks_first,
        Channel::Post | Channel::Portal | Channel::Desk => false,
    };
    let advertises = contact && purpose.communication_class == Some(CommunicationClass::Promotional);
    for channel in purpose.channels.iter().filter(|c| advertises && refused(c)) {
        let message = format!(
            "advertising by {channel} is not allowed on the basis {}",
            purpose.legal_basis
        );
        let remedy = "ask consent for it, or take the channel out (Tw 11.7)";
        report.error(
            format!("channels={channel}"),
            "advertising-basis",
            message,
            remedy,
        );
    }
    // R74: only what members need may go on without an answer.
    let promotional = purpose.communication_class == Some(CommunicationClass::Promotional);
    let asked = matches!(
        purpose.legal_basis,
        LegalBasis::Consent | LegalBasis::CustomerException
    );
    if purpose.fail_mode == FailMode::Service && (promotional || asked) {
        let message = "without an answer, only service may go on; consent and promotion may not (R74)";
        report.error("fail_mode", "fail-mode", message, "use fail_mode = \"closed\"");
    }
}

fn check_data(purpose: &PurposeFile, documents: &Documents, report: &mut Report<'_>) {
    let consent = purpose.legal_basis == LegalBasis::Consent;
    let enrich = purpose.actions.contains(&Action::Enrich);
    if enrich && purpose.enrichment_sources.is_empty() {
        let message = "data are added, but from which sources is not said";
        report.error(
            "actions=enrich",
            "enrichment-sources",
            message,
            "add enrichment_sources",
        );
    }
    if !enrich && !purpose.enrichment_sources.is_empty() {
        let message = "there are sources, but enrich is not among the actions";
        report.error(
            "enrichment_sources",
            "enrichment-sources",
            message,
            "remove the key or add the action",
        );
    }
    let used = documents
        .data_scopes
        .value
        .data_scopes
        .iter()
        .filter(|scope| purpose.data_scopes.contains(&scope.id));
    let mut telling = false;
    for scope in used.filter(|scope| scope.sensitive || scope.special_category) {
        telling = true;
        let place = format!("data_scopes={}", scope.id);
        if consent && !purpose.explicit {
            let message = format!("{} says much about people, so consent must be explicit", scope.id);
            report.error(place, "explicit-missing", message, "add explicit = true");
        } else if !consent && scope.special_category {
            let message = format!(
                "{} is a special category, which needs explicit consent (R43)",
                scope.id
            );
            let remedy = "ask consent for it in a purpose of its own, or take the scope out";
            report.error(place, "special-category-basis", message, remedy);
        }
    }
    // R71: GDPR art. 35.
    let because = if purpose.actions.contains(&Action::Profile) {
        Some(("actions=profile", "profiling"))
    } else if enrich {
        Some(("actions=enrich", "adding data from elsewhere"))
    } else {
        telling.then_some(("data_scopes", "data that say much about people"))
    };
    if let Some((place, because)) = because.filter(|_| purpose.dpia.is_none()) {
        let message = format!("{because} needs a data protection impact assessment (R71)");
        report.error(place, "dpia-missing", message, "add dpia with its number");
    }
}

fn check_age(purpose: &PurposeFile, report: &mut Report<'_>) {
    let Some(age) = &purpose.age else {
        if purpose.legal_basis == LegalBasis::Consent {
            let message = "nothing says from which age members decide themselves";
            report.error(
                "legal_basis",
                "age-missing",
                message,
                "add age = { self_from = 16, … }",
            );
        }
        return;
    };
    if purpose.legal_basis == LegalBasis::Consent && age.self_from != AGE_OF_CONSENT {
        let message = format!(
            "members decide from {AGE_OF_CONSENT}, not from {} (UAVG art. 5)",
            age.self_from
        );
        report.error(
            "age.self_from",
            "age-of-consent",
            message,
            format!("use self_from = {AGE_OF_CONSENT}"),
        );
    }
    if age.minimum > 120 {
        let message = format!("nobody is {} years old", age.minimum);
        report.error("age.minimum", "age-minimum", message, "correct it");
    }
    if !age.child_may_withdraw {
        let message = "a child's own no is always honoured (R19)";
        report.error(
            "age.child_may_withdraw",
            "child-withdrawal",
            message,
            "set it to true",
        );
    }
    let reconfirm = age.on_age_of_consent == Some(OnAgeOfConsent::RequireReconfirm);
    if reconfirm && age.reconfirm_within.is_none() {
        let message = "young people must confirm, but within which time is not said";
        report.error(
            "age.on_age_of_consent",
            "reconfirm-within",
            message,
            "add reconfirm_within = \"P60D\"",
        );
    }
}

fn check_roles(purpose: &PurposeFile, report: &mut Report<'_>) {
    let joint = purpose.controller_role == ControllerRole::Joint;
    if joint && purpose.joint_arrangement.is_none() {
        let message = "joint controllers need an arrangement (GDPR art. 26)";
        report.error(
            "controller_role",
            "joint-arrangement",
            message,
            "add joint_arrangement",
        );
    }
    if !joint && purpose.joint_arrangement.is_some() {
        let message = format!(
            "an arrangement is for joint controllers, not for a {}",
            purpose.controller_role.as_str()
        );
        report.error(
            "joint_arrangement",
            "joint-arrangement",
            message,
            "remove it or correct controller_role",
        );
    }
}
