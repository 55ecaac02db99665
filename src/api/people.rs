//! People, what systems know them by, their guardians, and records that turn out to be one person.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reading::{Reading, optional};
use super::schema;
use super::wire::{IdentifierBody, PersonReference, RecordedAnswer, done, recorded};
use crate::domain::ids::IdentifierId;
use crate::domain::person::{GuardianVerification, Membership, MembershipKind};
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::verbs::{
    AddIdentifier, LinkGuardian, LookUpPerson, MergePeople, RegisterPerson, RemoveIdentifier, UnlinkGuardian,
};
use crate::web::asked::Asked;
use crate::web::auth::Caller;
use crate::web::problem::{Kind, Problem};

/// Somebody a library knows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "organisation": "bibliotheek-de-linde", "identifiers": [{"scheme": "member-number", "value": "2000123456"}],
    "birthDate": "1990-05-01", "language": "nl",
    "membership": {"kind": "adult", "since": "2020-01-15", "paying": true, "contactFromSale": true, "optOutOffered": true}
}))]
pub struct PersonRegistration {
    /// The library.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// What systems know the person by.
    #[schema(min_items = 1, max_items = 20)]
    pub identifiers: Vec<IdentifierBody>,
    /// Birth date; without it somebody counts as under 16.
    #[schema(schema_with = schema::date)]
    pub birth_date: Option<String>,
    /// Language of what is written to the person.
    #[schema(schema_with = schema::language)]
    pub language: Option<String>,
    /// Membership.
    pub membership: Option<MembershipBody>,
}

/// Membership of a library, with the facts the customer exception asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Membership)]
pub struct MembershipBody {
    /// Kind.
    #[schema(schema_with = schema::membership_kind)]
    pub kind: String,
    /// First day.
    #[schema(schema_with = schema::date)]
    pub since: Option<String>,
    /// Last day, when it ended.
    #[schema(schema_with = schema::date)]
    pub until: Option<String>,
    /// Whether the member pays.
    #[serde(default)]
    pub paying: bool,
    /// Whether the contact details were obtained in the sale of the membership.
    #[serde(default)]
    pub contact_from_sale: bool,
    /// Whether a way to say no was offered at that time.
    #[serde(default)]
    pub opt_out_offered: bool,
}

/// The calling system's own id of a person at a library. Another system, or the same at another library, gets another.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonIdentity {
    /// The id.
    pub person_id: String,
}

/// Register somebody at a library
///
/// Adds to what is known when an identifier already belongs to a person.
#[utoipa::path(
    tag = "People", operation_id = "registerPerson", request_body = PersonRegistration,
    responses(
        (status = 201, description = "The library did not know this person before", body = PersonIdentity),
        (status = 200, description = "The library knew this person already", body = PersonIdentity),
        (status = 409, description = "The identifiers belong to different people"),
    ),
    security(("clientCredentials" = ["people:write"]))
)]
#[post("/people")]
pub async fn register(
    asked: Asked<PersonRegistration>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::PeopleWrite)?;
    let verb = body.verb(Reading::new(&service))?;
    let outcome = service.register_person(&call, verb).await?;
    let status = if outcome.answer.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(done(status, &outcome, |answer| PersonIdentity {
        person_id: answer.person_id.clone(),
    }))
}

impl PersonRegistration {
    fn verb(&self, mut reading: Reading) -> Result<RegisterPerson, Problem> {
        let organisation = reading.organisation("/organisation", &self.organisation);
        if !(1..=20).contains(&self.identifiers.len()) {
            reading.mistake::<()>("/identifiers", "invalid-length", "Give 1 to 20 identifiers.");
        }
        let identifiers: Vec<_> = self
            .identifiers
            .iter()
            .enumerate()
            .take(20)
            .filter_map(|(index, identifier)| {
                reading.identifier(&format!("/identifiers/{index}"), identifier)
            })
            .collect();
        let birth_date = optional(self.birth_date.as_deref(), |text| {
            reading.past_date("/birthDate", text)
        });
        let language = optional(self.language.as_deref(), |text| {
            reading.language("/language", text)
        });
        let membership = optional(self.membership.as_ref(), |body| body.read(&mut reading));
        let verb = (|| {
            Some(RegisterPerson {
                organisation: organisation?,
                identifiers,
                birth_date: birth_date?.map(Personal::new),
                language: language?,
                membership: membership?,
            })
        })();
        reading.finish(verb)
    }
}

impl MembershipBody {
    fn read(&self, reading: &mut Reading) -> Option<Membership> {
        let kind = reading.word(
            "/membership/kind",
            &self.kind,
            MembershipKind::parse,
            MembershipKind::ALL,
        );
        let since = optional(self.since.as_deref(), |text| {
            reading.date("/membership/since", text)
        });
        let until = optional(self.until.as_deref(), |text| {
            reading.date("/membership/until", text)
        });
        if let (Some(Some(since)), Some(Some(until))) = (since, until)
            && until < since
        {
            reading.mistake::<()>(
                "/membership/until",
                "before-start",
                "The last day may not be before the first.",
            );
        }
        Some(Membership {
            kind: kind?,
            since: since?,
            until: until?,
            paying: self.paying,
            contact_from_sale: self.contact_from_sale,
            opt_out_offered: self.opt_out_offered,
        })
    }
}

/// An identifier to find somebody by.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({"scheme": "member-number", "value": "2000123456", "organisation": "bibliotheek-de-linde"}))]
pub struct PersonLookup {
    /// Kind.
    #[schema(max_length = 64)]
    pub scheme: String,
    /// Value.
    #[schema(max_length = 254)]
    pub value: String,
    /// The library; may be absent when only one of the caller's libraries knows the person.
    #[schema(max_length = 64)]
    pub organisation: Option<String>,
}

/// Find somebody by an identifier
#[utoipa::path(
    tag = "People", operation_id = "lookUpPerson", request_body = PersonLookup,
    responses(
        (status = 200, description = "The person", body = PersonIdentity),
        (status = 404, description = "Nobody here by that identifier"),
    ),
    security(("clientCredentials" = ["people:write"]))
)]
#[post("/people/lookups")]
pub async fn look_up(asked: Asked<PersonLookup>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::PeopleWrite)?;
    let mut reading = Reading::new(&service);
    let identifier = IdentifierBody {
        scheme: body.scheme,
        value: body.value,
    };
    let found = reading.identifier("", &identifier);
    let organisation = optional(body.organisation.as_deref(), |text| {
        reading.organisation("/organisation", text)
    });
    let verb = found
        .zip(organisation)
        .map(|((scheme, value), organisation)| LookUpPerson {
            scheme,
            value,
            organisation,
        });
    let person_id = service.look_up_person(&call, reading.finish(verb)?).await?;
    Ok(HttpResponse::Ok().json(PersonIdentity { person_id }))
}

/// The identifier that was added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentifierIdentity {
    /// Its id, to remove it by.
    pub identifier_id: String,
}

/// Add an identifier
#[utoipa::path(
    tag = "People", operation_id = "addIdentifier", request_body = IdentifierBody,
    params(("personId" = String, Path, description = "The calling system's own id of the person")),
    responses(
        (status = 201, description = "Added", body = IdentifierIdentity),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "The identifier belongs to another person"),
    ),
    security(("clientCredentials" = ["people:write"]))
)]
#[post("/people/{personId}/identifiers")]
pub async fn add_identifier(
    asked: Asked<IdentifierBody>,
    person: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::PeopleWrite)?;
    let mut reading = Reading::new(&service);
    let identifier = reading.identifier("", &body);
    let (scheme, value) = reading.finish(identifier)?;
    let verb = AddIdentifier {
        person_id: person.into_inner(),
        scheme,
        value,
    };
    let outcome = service.add_identifier(&call, verb).await?;
    Ok(done(StatusCode::CREATED, &outcome, |answer| IdentifierIdentity {
        identifier_id: answer.identifier_id.to_string(),
    }))
}

/// Remove an identifier
#[utoipa::path(
    tag = "People", operation_id = "removeIdentifier",
    params(
        ("personId" = String, Path, description = "The calling system's own id of the person"),
        ("identifierId" = String, Path, description = "The identifier"),
    ),
    responses(
        (status = 200, description = "Removed", body = RecordedAnswer),
        (status = 404, description = "No such person or identifier for this caller"),
    ),
    security(("clientCredentials" = ["people:write"]))
)]
#[delete("/people/{personId}/identifiers/{identifierId}")]
pub async fn remove_identifier(
    caller: Caller,
    path: Path<(String, String)>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::PeopleWrite)?;
    let (person_id, identifier) = path.into_inner();
    let identifier_id: IdentifierId = identifier.parse().map_err(|_| Problem::new(Kind::NotFound))?;
    let verb = RemoveIdentifier {
        person_id,
        identifier_id,
    };
    Ok(recorded(
        StatusCode::OK,
        &service.remove_identifier(call, verb).await?,
    ))
}

/// A guardian of a child.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "guardian": {"scheme": "member-number", "value": "2000654321"}, "verification": "desk",
    "evidence": {"form": "G-3"}
}))]
pub struct GuardianLink {
    /// The guardian; known at the same library.
    pub guardian: PersonReference,
    /// How it was verified.
    #[schema(schema_with = schema::guardian_verification)]
    pub verification: String,
    /// Proof.
    #[schema(schema_with = schema::evidence)]
    pub evidence: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The guardian that was linked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardianIdentity {
    /// The calling system's own id of the guardian.
    pub guardian_id: String,
}

/// Link a guardian to a child
///
/// From the 16th birthday on a guardian has no say any more; the link ends by itself.
#[utoipa::path(
    tag = "People", operation_id = "linkGuardian", request_body = GuardianLink,
    params(("personId" = String, Path, description = "The calling system's own id of the child")),
    responses(
        (status = 201, description = "Linked", body = GuardianIdentity),
        (status = 404, description = "No such child or guardian for this caller"),
        (status = 409, description = "Not a child, or the same person"),
    ),
    security(("clientCredentials" = ["people:write"]))
)]
#[post("/people/{personId}/guardians")]
pub async fn link_guardian(
    asked: Asked<GuardianLink>,
    child: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::PeopleWrite)?;
    let mut reading = Reading::new(&service);
    let guardian = reading.person("/guardian", &body.guardian);
    let verification = reading.word(
        "/verification",
        &body.verification,
        GuardianVerification::parse,
        GuardianVerification::ALL,
    );
    let evidence = optional(body.evidence.as_ref(), |facts| {
        reading.evidence("/evidence", facts)
    });
    let child = child.into_inner();
    let verb = (|| {
        Some(LinkGuardian {
            child,
            guardian: guardian?,
            verification: verification?,
            evidence: evidence?,
        })
    })();
    let outcome = service.link_guardian(&call, reading.finish(verb)?).await?;
    Ok(done(StatusCode::CREATED, &outcome, |answer| GuardianIdentity {
        guardian_id: answer.guardian_id.clone(),
    }))
}

/// Unlink a guardian
#[utoipa::path(
    tag = "People", operation_id = "unlinkGuardian",
    params(
        ("personId" = String, Path, description = "The calling system's own id of the child"),
        ("guardianId" = String, Path, description = "The calling system's own id of the guardian"),
    ),
    responses(
        (status = 200, description = "Unlinked", body = RecordedAnswer),
        (status = 404, description = "No such child or link for this caller"),
    ),
    security(("clientCredentials" = ["people:write"]))
)]
#[delete("/people/{personId}/guardians/{guardianId}")]
pub async fn unlink_guardian(
    caller: Caller,
    path: Path<(String, String)>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::PeopleWrite)?;
    let (child, guardian) = path.into_inner();
    let outcome = service
        .unlink_guardian(call, UnlinkGuardian { child, guardian })
        .await?;
    Ok(recorded(StatusCode::OK, &outcome))
}

/// Two records that are one person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PersonMerge {
    /// The id that stays.
    #[schema(max_length = 200)]
    pub keep: String,
    /// The id that ends.
    #[schema(max_length = 200)]
    pub merge: String,
    /// Why.
    #[schema(example = "Twee keer ingeschreven", max_length = 200)]
    pub reason: String,
}

/// Merge two records of one person
///
/// The stricter state wins per purpose.
#[utoipa::path(
    tag = "People", operation_id = "mergePeople", request_body = PersonMerge,
    responses(
        (status = 201, description = "Merged", body = RecordedAnswer),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "The same person twice"),
    ),
    security(("clientCredentials" = ["people:write"]))
)]
#[post("/people/merges")]
pub async fn merge(asked: Asked<PersonMerge>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::PeopleWrite)?;
    let mut reading = Reading::new(&service);
    let keep = reading.person_id("/keep", &body.keep);
    let merge = reading.person_id("/merge", &body.merge);
    let reason = reading.text("/reason", &body.reason, 200);
    let verb = (|| {
        Some(MergePeople {
            keep: keep?,
            merge: merge?,
            reason: reason?,
        })
    })();
    let outcome = service.merge_people(&call, reading.finish(verb)?).await?;
    Ok(recorded(StatusCode::CREATED, &outcome))
}
