//! Words of the contract as schemas, each in one place.

use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{Array, RefOr};

use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::contact::ContactMatch;
use crate::domain::decision::{CustomerFact, Effect, HumanPart, ReasonCode};
use crate::domain::event::ActorKind;
use crate::domain::person::{GuardianVerification, MembershipKind};
use crate::domain::purpose::{Action, Channel, CommunicationClass, LegalBasis};
use crate::domain::rights::{ExtensionReason, RejectionGround, RequestState, RequestType, StepKind};
use crate::service::erasures::{ErasureGround, ErasureState, KeepGround, TaskOutcome};
use crate::service::exports::ExportFormat;
use crate::service::reports::{RegisterView, ReportFormat, ReportKind};

macro_rules! words_schema {
    ($($name:ident: $type:ident, $text:literal;)+) => {$(
        pub(super) fn $name() -> Object {
            words($type::ALL.iter().map(|word| word.as_str()), $text)
        }
    )+};
}

words_schema! {
    action: Action, "What the system wants to do.";
    channel: Channel, "By which way somebody is contacted; required for the action `contact`.";
    effect: Effect, "Yes or no.";
    contact_match: ContactMatch, "The check it was matched with: one that permitted, one that denied, or none.";
    human_part: HumanPart, "`required`: a person decides; `none`: a computer decides alone, on a ground of GDPR art. 22(2); `no-decision`: \
        nothing that matters to somebody is decided by it.";
    reason_code: ReasonCode, "Why; stable, to be compared by programs.";
    customer_fact: CustomerFact, "A fact that the customer exception needs.";
    legal_basis: LegalBasis, "The legal basis of the purpose.";
    consent_status: ConsentStatus, "What somebody said, or what happened to it.";
    indication_method: IndicationMethod, "How somebody let it be known.";
    actor_kind: ActorKind, "Who speaks.";
    membership_kind: MembershipKind, "What kind of member somebody is.";
    export_format: ExportFormat, "A further form of the entries beside the lines: none (`ndjson`), a table, a workbook, or the \
        Logboek Dataverwerkingen.";
    report_kind: ReportKind, "Which report.";
    report_format: ReportFormat, "In which form: a table in CSV for each part, a workbook, JSON, or PDF to print.";
    register_view: RegisterView, "Whose register: of the controllers (GDPR art. 30(1)) or of the processor (art. 30(2)).";
    request_type: RequestType, "The right that is exercised: GDPR art. 15, 16, 17, 18, 20, 21.";
    request_state: RequestState, "Where a rights request stands, by the words of the Data Privacy Vocabulary.";
    step_kind: StepKind, "What was done with a rights request.";
    extension_reason: ExtensionReason, "Why a term is extended; the law knows no other reason (GDPR art. 12(3)).";
    rejection_ground: RejectionGround, "On which ground a request is refused; not every ground fits every type.";
    erasure_ground: ErasureGround, "The ground of GDPR art. 17(1): no longer necessary (a), consent withdrawn (b), objection (c), \
        unlawful (d), a law demands it (e), collected from a child (f).";
    keep_ground: KeepGround, "The ground of GDPR art. 17(3): expression (a), a law or public task (b), public health (c), \
        archiving (d), claims (e).";
    guardian_verification: GuardianVerification, "How it was verified that this is a guardian.";
}

pub(super) fn communication_class() -> Object {
    let list: Vec<&str> = CommunicationClass::ALL
        .iter()
        .map(|class| class.as_str())
        .collect();
    ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::from_iter([
            Type::String,
            Type::Null,
        ]))
        .description(Some(format!(
            "The class of its messages: {}; null when it sends none.",
            list.join(", ")
        )))
        .build()
}

pub(super) fn channels() -> Array {
    list(
        words(Channel::ALL.iter().map(|c| c.as_str()), "A channel."),
        "Channels.",
    )
}

pub(super) fn actions() -> Array {
    list(
        words(Action::ALL.iter().map(|a| a.as_str()), "An action."),
        "Permitted actions.",
    )
}

pub(super) fn missing_facts() -> Array {
    list(
        customer_fact(),
        "Facts of the customer exception that are missing.",
    )
}

pub(super) fn language() -> Object {
    words(["nl", "en"].into_iter(), "A language: `nl` or `en`.")
}

pub(super) fn erasure_state() -> Object {
    words(
        ErasureState::ALL.iter().map(|word| word.as_str()),
        "Where it stands. From `cooling-off` and `approved` on every check denies; `erased` is gone here, `epoch-destroyed` \
         also from older backups, and `complete` everywhere.",
    )
}

pub(super) fn task_outcome() -> Object {
    words(
        TaskOutcome::OF_SYSTEMS.iter().map(|word| word.as_str()),
        "What the system did.",
    )
}

pub(super) fn task_outcome_of_officers() -> Object {
    words(
        TaskOutcome::OF_OFFICERS.iter().map(|word| word.as_str()),
        "What came of telling the recipient (GDPR art. 19).",
    )
}

pub(super) fn restriction_ground() -> Object {
    words(
        crate::service::RESTRICTION_GROUNDS.into_iter(),
        "The ground of GDPR art. 18(1): accuracy contested (a), unlawful (b), needed for a claim (c), objection being \
         weighed (d).",
    )
}

pub(super) fn figure() -> Object {
    ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::from_iter([
            Type::Integer,
            Type::String,
        ]))
        .description(Some("How many, from ten on; `<10` for fewer and for none."))
        .examples([serde_json::json!(25), serde_json::json!("<10")])
        .build()
}

pub(super) fn moment() -> Object {
    instant("An instant (RFC 3339), answered in UTC with `Z`.")
}

fn instant(text: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some(text))
        .examples(["2026-11-22T12:00:00.000Z"])
        .build()
}

pub(super) fn optional_moment() -> Object {
    ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::from_iter([
            Type::String,
            Type::Null,
        ]))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("An instant (RFC 3339) in UTC, or null."))
        .build()
}

pub(super) fn date() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
        .description(Some("A day, YYYY-MM-DD."))
        .examples(["1990-05-01"])
        .build()
}

pub(super) fn evidence() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(
            "Facts that prove the act, in your own words: at most 20 members, each a text of at most 200 characters, a \
             number or a boolean.",
        ))
        .additional_properties(Some(RefOr::T(Schema::Object(
            ObjectBuilder::new()
                .schema_type(utoipa::openapi::schema::SchemaType::from_iter([
                    Type::String,
                    Type::Number,
                    Type::Boolean,
                ]))
                .build(),
        ))))
        .examples([serde_json::json!({"form": "A-17"})])
        .build()
}

fn words<'w>(list: impl Iterator<Item = &'w str>, text: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(list))
        .description(Some(text))
        .build()
}

fn list(items: Object, text: &str) -> Array {
    ArrayBuilder::new()
        .items(RefOr::T(Schema::Object(items)))
        .description(Some(text))
        .build()
}
