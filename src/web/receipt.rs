//! A receipt as signed JSON, for whoever may have it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::canonical::canonical;
use crate::service::Service;
use crate::service::verbs::Receipt;

/// The members of a receipt, before it is signed: those of the schema `Receipt` of the API, which a test compares.
pub fn document(receipt: &Receipt) -> Value {
    let data: Vec<String> = receipt.data_scopes.iter().map(ToString::to_string).collect();
    let channels: Vec<&str> = receipt.channels.iter().map(|channel| channel.as_str()).collect();
    json!({
        "type": "urn:akkoord:receipt:1",
        "receiptId": receipt.id.to_string(),
        "personId": receipt.person_id,
        "organisation": receipt.organisation.to_string(),
        "purpose": receipt.purpose.to_string(),
        "status": receipt.status.as_str(),
        "awaitsGuardian": receipt.awaits_guardian,
        "dataScopes": data,
        "channels": channels,
        "noticeVersion": receipt.notice_version,
        "noticeHash": receipt.notice_hash,
        "language": receipt.language.as_str(),
        "indicationMethod": receipt.method.as_str(),
        "actor": {"type": receipt.actor.as_str()},
        "occurredAt": receipt.occurred_at.rfc3339(),
        "recordedAt": receipt.recorded_at.rfc3339(),
        "validUntil": receipt.valid_until.map(|at| at.rfc3339()),
        "policyVersion": receipt.policy_version,
        "audit": {"log": "consent", "leafHash": receipt.leaf_hash},
    })
}

/// The document with its signature, in the order of its members.
pub fn signed(mut document: Value, service: &Service) -> Value {
    let (signature, key_id) = service.sign(canonical(&document).as_bytes());
    if let Value::Object(members) = &mut document {
        let signature = json!({
            "algorithm": "Ed25519",
            "keyId": key_id,
            "value": URL_SAFE_NO_PAD.encode(signature),
        });
        members.insert("signature".to_owned(), signature);
    }
    document
}
