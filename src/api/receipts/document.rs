//! The JSON of a receipt, its canonical form and its signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::super::decisions::AuditReference;
use super::super::schema;
use super::super::wire::names;
use crate::crypto::PublicKey;
use crate::service::Service;
use crate::service::verbs::Receipt;
pub use crate::web::canonical::canonical;

/// Proof of a recorded word. See `GET /v1/receipts/{receiptId}` for how to verify the signature.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Receipt)]
pub struct ReceiptDocument {
    /// What this is.
    #[serde(rename = "type")]
    #[schema(example = "urn:akkoord:receipt:1")]
    pub kind: &'static str,
    /// Id.
    pub receipt_id: String,
    /// The calling system's own id of the person.
    pub person_id: String,
    /// The library.
    pub organisation: String,
    /// The purpose.
    pub purpose: String,
    /// The status after the act; `requested` when a child's yes waits for a guardian.
    #[schema(schema_with = schema::consent_status)]
    pub status: &'static str,
    /// Whether a guardian must still consent.
    pub awaits_guardian: bool,
    /// The data it covers.
    pub data_scopes: Vec<String>,
    /// The channels it covers.
    #[schema(schema_with = schema::channels)]
    pub channels: Vec<String>,
    /// The notice that was shown; 0 when none was.
    pub notice_version: u32,
    /// SHA-256 of the notice, in hexadecimal; empty when none was shown.
    pub notice_hash: String,
    /// The language.
    #[schema(schema_with = schema::language)]
    pub language: &'static str,
    /// How it was said.
    #[schema(schema_with = schema::indication_method)]
    pub indication_method: &'static str,
    /// Who said it.
    pub actor: ReceiptActor,
    /// When it was said.
    #[schema(schema_with = schema::moment)]
    pub occurred_at: String,
    /// When it was recorded.
    #[schema(schema_with = schema::moment)]
    pub recorded_at: String,
    /// Until when a yes permits; null when it does not.
    #[schema(schema_with = schema::optional_moment)]
    pub valid_until: Option<String>,
    /// The version of the catalogue in force.
    pub policy_version: String,
    /// Where it stands in the audit log.
    pub audit: AuditReference,
    /// The signature over everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required)]
    pub signature: Option<ReceiptSignature>,
}

/// Who spoke.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptActor {
    /// By sort only.
    #[serde(rename = "type")]
    #[schema(schema_with = schema::actor_kind)]
    pub kind: &'static str,
}

/// A signature over the canonical form (RFC 8785) of the document without this member.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptSignature {
    /// Always `Ed25519` (RFC 8032).
    #[schema(example = "Ed25519")]
    pub algorithm: &'static str,
    /// `kid` of the key in `/.well-known/jwks.json`.
    pub key_id: String,
    /// The signature, base64url without padding.
    pub value: String,
}

impl ReceiptDocument {
    /// A receipt before it is signed.
    pub fn of(receipt: &Receipt) -> Self {
        Self {
            kind: "urn:akkoord:receipt:1",
            receipt_id: receipt.id.to_string(),
            person_id: receipt.person_id.clone(),
            organisation: receipt.organisation.to_string(),
            purpose: receipt.purpose.to_string(),
            status: receipt.status.as_str(),
            awaits_guardian: receipt.awaits_guardian,
            data_scopes: names(&receipt.data_scopes),
            channels: names(&receipt.channels),
            notice_version: receipt.notice_version,
            notice_hash: receipt.notice_hash.clone(),
            language: receipt.language.as_str(),
            indication_method: receipt.method.as_str(),
            actor: ReceiptActor {
                kind: receipt.actor.as_str(),
            },
            occurred_at: receipt.occurred_at.rfc3339(),
            recorded_at: receipt.recorded_at.rfc3339(),
            valid_until: receipt.valid_until.map(|at| at.rfc3339()),
            policy_version: receipt.policy_version.clone(),
            audit: AuditReference {
                log: "consent",
                leaf_hash: receipt.leaf_hash.clone(),
            },
            signature: None,
        }
    }
}

/// The document with its signature, in the order of its members.
pub fn signed(document: &ReceiptDocument, service: &Service) -> Value {
    crate::web::receipt::signed(json!(document), service)
}

/// What a check of a receipt found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Ours and unchanged.
    Valid,
    /// There is no signature in it.
    NoSignature,
    /// Signed with a key that is not ours.
    UnknownKey,
    /// Changed after it was signed.
    Changed,
}

impl Verification {
    /// Stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NoSignature => "no-signature",
            Self::UnknownKey => "unknown-key",
            Self::Changed => "changed",
        }
    }

    /// In words.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Valid => "We signed exactly this.",
            Self::NoSignature => {
                "There is no complete Ed25519 signature in it. Send the whole receipt as it was answered."
            }
            Self::UnknownKey => "The signature names a key that is not ours.",
            Self::Changed => "This is not what we signed.",
        }
    }
}

/// Checks a receipt against a JWK set.
pub fn verify(document: &Map<String, Value>, jwks: &Value) -> Verification {
    let mut rest = document.clone();
    let signature = rest.remove("signature").unwrap_or_default();
    let member = |name| signature.get(name).and_then(Value::as_str);
    let (Some("Ed25519"), Some(key_id), Some(value)) =
        (member("algorithm"), member("keyId"), member("value"))
    else {
        return Verification::NoSignature;
    };
    let Ok(value) = URL_SAFE_NO_PAD.decode(value) else {
        return Verification::NoSignature;
    };
    let key = jwks
        .get("keys")
        .and_then(Value::as_array)
        .and_then(|keys| {
            keys.iter()
                .find(|key| key.get("kid").and_then(Value::as_str) == Some(key_id))
        })
        .and_then(|key| key.get("x").and_then(Value::as_str))
        .and_then(|x| URL_SAFE_NO_PAD.decode(x).ok())
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let Some(key) = key else {
        return Verification::UnknownKey;
    };
    if PublicKey::from_bytes(key).verifies(canonical(&Value::Object(rest)).as_bytes(), &value) {
        Verification::Valid
    } else {
        Verification::Changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Secret32, SigningKey};

    #[test]
    fn the_canonical_form_is_sorted_and_compact() {
        let value = json!({"b": [1, {"z": null, "y": "é\n\"\\"}], "a": true});
        assert_eq!(
            canonical(&value),
            r#"{"a":true,"b":[1,{"y":"é\n\"\\","z":null}]}"#
        );
    }

    #[test]
    fn members_get_the_document_that_systems_get() {
        let at = crate::domain::moment::Moment::from_micros(1_700_000_000_000_000);
        let receipt = Receipt {
            id: crate::domain::ids::EventId::from_bytes([1; 16]),
            person_id: "p".to_owned(),
            organisation: "linde".parse().unwrap(),
            purpose: "newsletter".parse().unwrap(),
            status: crate::domain::consent::ConsentStatus::Given,
            awaits_guardian: false,
            data_scopes: ["email".parse().unwrap()].into(),
            channels: [crate::domain::purpose::Channel::Email].into(),
            notice_version: 2,
            notice_hash: "ab".to_owned(),
            language: crate::domain::preference::Language::En,
            method: crate::domain::consent::IndicationMethod::WebForm,
            actor: crate::domain::event::ActorKind::Oneself,
            occurred_at: at,
            recorded_at: at,
            valid_until: Some(at),
            leaf_hash: "cd".to_owned(),
            policy_version: "2026-11-01.1".to_owned(),
        };
        assert_eq!(
            json!(ReceiptDocument::of(&receipt)),
            crate::web::receipt::document(&receipt)
        );
    }

    #[test]
    fn a_changed_receipt_is_found_out() {
        let key = SigningKey::from_seed(Secret32::from_bytes([1; 32])).unwrap();
        let jwks = json!({"keys": [key.public().jwk()]});
        let mut document = Map::new();
        document.insert("receiptId".to_owned(), json!("a"));
        document.insert("status".to_owned(), json!("given"));
        assert_eq!(verify(&document, &jwks), Verification::NoSignature);
        let value = key.sign(canonical(&Value::Object(document.clone())).as_bytes());
        let signature = json!({
            "algorithm": "Ed25519", "keyId": key.public().thumbprint(), "value": URL_SAFE_NO_PAD.encode(value)
        });
        document.insert("signature".to_owned(), signature);
        assert_eq!(verify(&document, &jwks), Verification::Valid);
        assert_eq!(verify(&document, &json!({"keys": []})), Verification::UnknownKey);
        document.insert("status".to_owned(), json!("refused"));
        assert_eq!(verify(&document, &jwks), Verification::Changed);
    }
}
