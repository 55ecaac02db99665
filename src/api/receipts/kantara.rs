//! A receipt in the form of the Kantara Consent Receipt Specification 1.1.

use serde_json::{Value, json};

use super::Facts;
use crate::domain::preference::Language;

pub(super) fn render(facts: &Facts<'_>) -> Value {
    let receipt = facts.receipt;
    let entry = &facts.purpose;
    let data: Vec<String> = receipt
        .data_scopes
        .iter()
        .map(|scope| facts.term(scope))
        .collect();
    let sensitive: Vec<String> = receipt
        .data_scopes
        .iter()
        .filter(|scope| {
            facts
                .catalogue
                .data_scopes
                .get(*scope)
                .is_some_and(|s| s.special_category)
        })
        .map(|scope| facts.term(scope))
        .collect();
    let third_parties: Vec<&str> = entry
        .purpose
        .recipients
        .iter()
        .filter_map(|system| facts.catalogue.systems.get(system))
        .map(|system| system.recipient.as_str())
        .collect();
    let mut purpose = json!({
        "purpose": facts.title(Language::Nl),
        // A yes is always a clear act here (GDPR art. 4(11)); silence is none.
        "consentType": "EXPLICIT",
        "purposeCategory": [category(entry.purpose.is_promotional())],
        "piiCategory": data,
        "primaryPurpose": false,
        "termination": entry.register.retention,
        "thirdPartyDisclosure": !third_parties.is_empty(),
    });
    if let (false, Value::Object(members)) = (third_parties.is_empty(), &mut purpose) {
        members.insert("thirdPartyName".to_owned(), json!(third_parties.join(", ")));
    }
    json!({
        "version": "KI-CR-v1.1.0",
        "jurisdiction": facts.catalogue.network.jurisdiction,
        "consentTimestamp": receipt.occurred_at.seconds(),
        "collectionMethod": receipt.method.as_str(),
        "consentReceiptID": receipt.id.to_string(),
        "language": receipt.language.as_str(),
        "piiPrincipalId": receipt.person_id,
        "piiControllers": [{
            "piiController": facts.organisation.legal_name,
            "onBehalf": false,
            "contact": facts.organisation.dpo_name,
            "address": {"streetAddress": facts.organisation.address, "addressCountry": "NL"},
            "email": facts.organisation.email,
            "phone": facts.organisation.phone,
            "piiControllerUrl": facts.organisation.website,
        }],
        "policyUrl": facts.notice_url(),
        "services": [{"service": facts.organisation.name, "purposes": [purpose]}],
        "sensitive": !sensitive.is_empty(),
        "spiCat": sensitive,
    })
}

/// The numbered categories of the specification's appendix.
const fn category(promotional: bool) -> &'static str {
    if promotional {
        "6 - Marketing"
    } else {
        "2 - Contracted Service"
    }
}
