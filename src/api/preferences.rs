//! Preferences: how somebody wants to be reached. They only narrow; they are never a ground for processing.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reading::{Reading, optional};
use super::schema;
use super::wire::{ActorBody, done};
use crate::domain::preference::{Preferences, PurposePreference};
use crate::domain::purpose::Channel;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::verbs::{PreferencesState, ReadPreferences, SetPreferences};
use crate::web::asked::Asked;
use crate::web::auth::Caller;
use crate::web::problem::Problem;

/// New preferences, whole: what is not named is forgotten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "language": "nl", "receiptsByMail": true,
    "purposes": {"newsletter": {"channels": {"email": true}, "topics": ["jeugdboeken"], "frequency": "monthly"}},
    "revision": 7, "actor": {"type": "self"}
}))]
pub struct PreferencesRequest {
    /// Language of everything written to the person.
    #[schema(schema_with = schema::language)]
    pub language: Option<String>,
    /// Whether receipts are mailed.
    #[serde(default)]
    pub receipts_by_mail: bool,
    /// Choices for each purpose, by its id.
    #[serde(default)]
    pub purposes: BTreeMap<String, PurposePreferenceBody>,
    /// The revision that was read before; 409 when somebody else changed something since.
    pub revision: Option<u64>,
    /// Who speaks.
    pub actor: ActorBody,
}

/// Choices for one purpose.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = PurposePreference)]
pub struct PurposePreferenceBody {
    /// Channels switched on or off; one that is not named is on.
    #[serde(default)]
    pub channels: BTreeMap<String, bool>,
    /// No contact before this instant.
    #[serde(default)]
    #[schema(schema_with = schema::optional_moment)]
    pub paused_until: Option<String>,
    /// Topics somebody is interested in.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub topics: Vec<String>,
    /// How often, in the sending system's own word.
    #[serde(default)]
    #[schema(max_length = 40)]
    pub frequency: Option<String>,
}

/// Preferences.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Preferences)]
pub struct PreferencesDocument {
    /// Language of everything written to the person; null when not chosen.
    pub language: Option<&'static str>,
    /// Whether receipts are mailed.
    pub receipts_by_mail: bool,
    /// Choices for each purpose, by its id.
    pub purposes: BTreeMap<String, PurposePreferenceBody>,
    /// Grows with every change of the person.
    pub revision: u64,
}

/// Read preferences
#[utoipa::path(
    tag = "Preferences", operation_id = "readPreferences",
    params(("personId" = String, Path, description = "The calling system's own id of the person")),
    responses(
        (status = 200, description = "The preferences", body = PreferencesDocument),
        (status = 404, description = "No such person for this caller"),
    ),
    security(("clientCredentials" = ["consents:read"]))
)]
#[get("/people/{personId}/preferences")]
pub async fn read(
    caller: Caller,
    person: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::ConsentsRead)?;
    let verb = ReadPreferences {
        person_id: person.into_inner(),
    };
    let state = service.preferences(call, verb).await?;
    Ok(HttpResponse::Ok().json(PreferencesDocument::from(&state)))
}

/// Replace preferences
#[utoipa::path(
    tag = "Preferences", operation_id = "setPreferences", request_body = PreferencesRequest,
    params(("personId" = String, Path, description = "The calling system's own id of the person")),
    responses(
        (status = 200, description = "The preferences as they are now", body = PreferencesDocument),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "Somebody changed something since"),
    ),
    security(("clientCredentials" = ["consents:write"]))
)]
#[put("/people/{personId}/preferences")]
pub async fn set(
    asked: Asked<PreferencesRequest>,
    person: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::ConsentsWrite)?;
    let verb = body.verb(person.into_inner(), Reading::new(&service))?;
    let outcome = service.set_preferences(&call, verb).await?;
    Ok(done(StatusCode::OK, &outcome, |state| {
        PreferencesDocument::from(state)
    }))
}

impl PreferencesRequest {
    fn verb(&self, person_id: String, mut reading: Reading) -> Result<SetPreferences, Problem> {
        let language = optional(self.language.as_deref(), |text| {
            reading.language("/language", text)
        });
        let mut purposes = BTreeMap::new();
        for (name, body) in &self.purposes {
            // The name of an unknown purpose is not repeated: it is the caller's text.
            if let Some(purpose) = reading.purpose("/purposes", name) {
                let pointer = format!("/purposes/{purpose}");
                if let Some(preference) = body.read(&pointer, &mut reading) {
                    purposes.insert(purpose, preference);
                }
            }
        }
        let actor = reading.actor("/actor", &self.actor);
        let verb = (|| {
            Some(SetPreferences {
                person_id,
                preferences: Preferences {
                    language: language?,
                    receipts_by_mail: self.receipts_by_mail,
                    purposes,
                },
                revision: self.revision,
                actor: actor?,
            })
        })();
        reading.finish(verb)
    }
}

impl PurposePreferenceBody {
    fn read(&self, pointer: &str, reading: &mut Reading) -> Option<PurposePreference> {
        let mut channels = BTreeMap::new();
        for (name, on) in &self.channels {
            let channel = reading.word(&format!("{pointer}/channels"), name, Channel::parse, Channel::ALL);
            channels.insert(channel?, *on);
        }
        let paused_until = optional(self.paused_until.as_deref(), |text| {
            reading.moment(&format!("{pointer}/pausedUntil"), text)
        });
        if self.topics.len() > 20 {
            return reading.mistake(
                &format!("{pointer}/topics"),
                "too-many",
                "Give at most 20 topics.",
            );
        }
        let mut topics = Vec::new();
        for (index, topic) in self.topics.iter().enumerate() {
            topics.push(
                reading
                    .text(&format!("{pointer}/topics/{index}"), topic, 60)?
                    .into_inner(),
            );
        }
        let frequency = reading.optional_text(&format!("{pointer}/frequency"), self.frequency.as_deref(), 40);
        Some(PurposePreference {
            channels,
            paused_until: paused_until?,
            topics,
            frequency: frequency?.map(|text| text.into_inner()),
        })
    }
}

impl From<&PreferencesState> for PreferencesDocument {
    fn from(state: &PreferencesState) -> Self {
        let preferences = &state.preferences;
        Self {
            language: preferences.language.map(|language| language.as_str()),
            receipts_by_mail: preferences.receipts_by_mail,
            purposes: preferences
                .purposes
                .iter()
                .map(|(purpose, preference)| (purpose.to_string(), PurposePreferenceBody::from(preference)))
                .collect(),
            revision: state.revision,
        }
    }
}

impl From<&PurposePreference> for PurposePreferenceBody {
    fn from(preference: &PurposePreference) -> Self {
        Self {
            channels: preference
                .channels
                .iter()
                .map(|(channel, on)| (channel.to_string(), *on))
                .collect(),
            paused_until: preference.paused_until.map(|moment| moment.rfc3339()),
            topics: preference.topics.clone(),
            frequency: preference.frequency.clone(),
        }
    }
}
