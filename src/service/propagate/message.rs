//! A message as one system reads it: thin, with that system's own ids and nothing that another system could join.

use serde_json::{Map, Value, json};

use crate::domain::ids::{OrganisationId, SystemId};
use crate::domain::moment::Moment;
use crate::service::keys::Keyring;
use crate::store::MessageRow;

/// What one system is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The id of the message, for this system alone; the same each time it is told.
    pub id: String,
    /// What happened, as `nl.akkoord.consent-withdrawn.v1`.
    pub kind: String,
    /// The system's own id of the person.
    pub person_id: String,
    /// The system's own id of the record that ended, in a merge.
    pub merged_person_id: Option<String>,
    /// The library.
    pub organisation: String,
    /// The purpose, where it is about one.
    pub purpose: Option<String>,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// Its place. Of two messages about one person the one with the higher place is the later one.
    pub seq: u64,
}

impl Told {
    /// A message for a system; `None` when the library's name cannot be read.
    pub(crate) fn to(keys: &Keyring, system: &SystemId, row: &MessageRow) -> Option<Self> {
        let organisation: OrganisationId = row.organisation.parse().ok()?;
        Some(Self {
            id: keys.message_id(system, row.event_id),
            kind: format!("nl.akkoord.{}.v1", row.kind.replace('.', "-")),
            person_id: keys.pairwise(system, &organisation, row.person_id),
            merged_person_id: row
                .other_id
                .map(|other| keys.pairwise(system, &organisation, other)),
            organisation: row.organisation.clone(),
            purpose: row.purpose.clone(),
            recorded_at: row.recorded_at,
            seq: row.seq,
        })
    }

    /// The place as text that sorts as it counts (CloudEvents extension `sequence`).
    pub fn sequence(&self) -> String {
        format!("{:020}", self.seq)
    }

    /// The message as a CloudEvent 1.0, structured mode. The same bytes each time. `source` is the address of the service.
    pub(crate) fn cloud_event(&self, source: &str) -> Vec<u8> {
        let mut data = Map::new();
        data.insert("personId".to_owned(), Value::from(self.person_id.as_str()));
        if let Some(merged) = &self.merged_person_id {
            data.insert("mergedPersonId".to_owned(), Value::from(merged.as_str()));
        }
        data.insert("organisation".to_owned(), Value::from(self.organisation.as_str()));
        if let Some(purpose) = &self.purpose {
            data.insert("purpose".to_owned(), Value::from(purpose.as_str()));
        }
        json!({
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": self.kind,
            "subject": self.person_id,
            "time": self.recorded_at.rfc3339(),
            "sequence": self.sequence(),
            "datacontenttype": "application/json",
            "data": data,
        })
        .to_string()
        .into_bytes()
    }
}
