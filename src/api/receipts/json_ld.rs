//! A receipt of ISO/IEC TS 27560 in the Data Privacy Vocabulary 2.3 (W3C DPV guide to 27560, Community Group report of
//! February 2026). Names of the guide that the vocabulary itself does not have are left out.

use serde_json::{Value, json};

use super::Facts;
use crate::domain::event::ActorKind;
use crate::domain::preference::Language;

/// The rights of somebody whose data are processed on consent: DPV `legal_basis_rights_mapping`, row A6-1-a.
const RIGHTS: [&str; 10] = [
    "eu-gdpr:A13",
    "eu-gdpr:A14",
    "eu-gdpr:A15",
    "eu-gdpr:A16",
    "eu-gdpr:A17",
    "eu-gdpr:A18",
    "eu-gdpr:A20",
    "eu-gdpr:A22",
    "eu-gdpr:A7-3",
    "eu-gdpr:A77",
];

pub(super) fn render(facts: &Facts<'_>) -> Value {
    let receipt = facts.receipt;
    json!({
        "@context": {
            "dpv": "https://w3id.org/dpv#",
            "pd": "https://w3id.org/dpv/pd#",
            "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
            "loc": "https://w3id.org/dpv/loc#",
            "dct": "http://purl.org/dc/terms/",
            "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
            "skos": "http://www.w3.org/2004/02/skos/core#",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
            "lib": format!("{}/v1/data-scopes#", facts.base),
        },
        "@id": format!("{}/v1/receipts/{}", facts.base, receipt.id),
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": {"@id": "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr"},
        "dct:identifier": receipt.id.to_string(),
        "dct:created": date_time(receipt.recorded_at.rfc3339()),
        "dpv:hasRecordOfActivity": [record(facts)],
    })
}

fn record(facts: &Facts<'_>) -> Value {
    let receipt = facts.receipt;
    let child = matches!(receipt.actor, ActorKind::Guardian) || receipt.awaits_guardian;
    json!({
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": {"@id": "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"},
        "dct:identifier": receipt.id.to_string(),
        "dpv:hasDataSubject": {
            "@type": if child { "dpv:Child" } else { "dpv:DataSubject" },
            "dct:identifier": receipt.person_id,
        },
        "dpv:hasDataController": {
            "@type": "dpv:DataController",
            "@id": format!("urn:nld:kvknr:{}", facts.organisation.kvk),
            "dct:identifier": receipt.organisation.as_str(),
            "dpv:hasName": facts.organisation.legal_name,
            "dpv:hasAddress": facts.organisation.address,
            "dpv:hasContact": [facts.organisation.email, facts.organisation.phone, facts.organisation.website],
        },
        "dpv:hasDataProcessor": {
            "@type": "dpv:DataProcessor",
            "dpv:hasName": facts.catalogue.network.processor.name,
            "dpv:hasAddress": facts.catalogue.network.processor.address,
            "dpv:hasContact": [facts.catalogue.network.processor.email, facts.catalogue.network.processor.phone],
        },
        "dpv:hasAuthority": {
            "@type": "dpv:DataProtectionAuthority",
            "dpv:hasName": facts.catalogue.network.authority.name,
            "dpv:hasContact": [facts.catalogue.network.authority.url, facts.catalogue.network.authority.phone],
        },
        "dpv:hasJurisdiction": {"@id": "loc:NL"},
        "dpv:hasApplicableLaw": {"@id": "http://data.europa.eu/eli/reg/2016/679/oj"},
        "dpv:hasNotice": {
            "@type": "dpv:ConsentNotice",
            "@id": facts.notice_url(),
            "dct:identifier": receipt.notice_hash,
            "dct:language": receipt.language.as_str(),
        },
        "dpv:hasProcess": [process(facts)],
        "dpv:hasConsentStatus": [status(facts)],
    })
}

fn process(facts: &Facts<'_>) -> Value {
    let receipt = facts.receipt;
    let register = &facts.purpose.register;
    let purpose = &facts.purpose.purpose;
    let data: Vec<Value> = receipt
        .data_scopes
        .iter()
        .map(|scope| id(&facts.term(scope)))
        .collect();
    let recipients: Vec<Value> = purpose
        .recipients
        .iter()
        .filter_map(|system| facts.catalogue.systems.get(system))
        .map(|system| json!({"@type": "dpv:Recipient", "dpv:hasName": system.recipient}))
        .collect();
    let rights: Vec<Value> = RIGHTS
        .iter()
        .map(|right| {
            json!({
                "@type": ["dpv:DataSubjectRight", right],
                "dpv:isExercisedAt": facts.organisation.website,
            })
        })
        .collect();
    json!({
        "@type": "dpv:Process",
        "dct:identifier": format!("{}/v1/purposes/{}/versions/{}", facts.base, receipt.purpose, purpose.version),
        "dct:title": {"@language": "nl", "@value": facts.title(Language::Nl)},
        "dpv:hasPurpose": id(&register.dpv),
        "dpv:hasPersonalData": data,
        "dpv:hasProcessing": [id("dpv:Use")],
        "dpv:hasLegalBasis": id(purpose.legal_basis.dpv_term()),
        "dpv:hasRecipient": recipients,
        "dpv:hasStorageCondition": [
            {"@type": "dpv:StorageLocation", "dpv:hasLocation": id("loc:NL")},
            {"@type": "dpv:StorageDuration", "dpv:hasDuration": {
                "@type": "dpv:UntilEventDuration", "rdf:value": register.retention
            }},
        ],
        "dpv:hasConsentControl": {
            "@type": ["dpv:ProvideConsent", "dpv:WithdrawConsent"],
            "dpv:isExercisedAt": facts.organisation.website,
        },
        "dpv:hasRight": rights,
    })
}

fn status(facts: &Facts<'_>) -> Value {
    let receipt = facts.receipt;
    let by = match receipt.actor {
        ActorKind::Guardian => "dpv:GuardianOfDataSubject",
        ActorKind::Oneself | ActorKind::Import => "dpv:DataSubject",
        ActorKind::Staff | ActorKind::System => "dpv:DataController",
    };
    let mut status = json!({
        "@type": receipt.status.dpv_term(),
        "dpv:isIndicatedBy": id(by),
        "dpv:isIndicatedAtTime": date_time(receipt.occurred_at.rfc3339()),
        "dpv:hasIndicationMethod": receipt.method.as_str(),
    });
    if let (Some(until), Value::Object(members)) = (receipt.valid_until, &mut status) {
        let duration = json!({"@type": "dpv:UntilTimeDuration", "rdf:value": date_time(until.rfc3339())});
        members.insert("dpv:hasDuration".to_owned(), duration);
    }
    status
}

fn id(term: &str) -> Value {
    json!({"@id": term})
}

fn date_time(text: String) -> Value {
    json!({"@type": "xsd:dateTime", "@value": text})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Every term this file writes is a term of the vocabulary, where the list of terms is beside the checkout.
    #[test]
    fn the_vocabulary_has_every_term() {
        let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/dpv-2.3-terms.txt");
        let Ok(list) = std::fs::read_to_string(list) else {
            eprintln!("not checked: {list} is not there");
            return;
        };
        let known: BTreeSet<&str> = list.lines().map(str::trim).collect();
        let source = include_str!("json_ld.rs").split("#[cfg(test)]").next().unwrap();
        let used = source.split('"').filter(|text| {
            text.split_once(':').is_some_and(|(prefix, name)| {
                ["dpv", "pd", "eu-gdpr"].contains(&prefix)
                    && name.starts_with(|c: char| c.is_ascii_alphabetic())
            })
        });
        for term in used {
            assert!(known.contains(term), "the vocabulary has no {term}");
        }
    }
}
