//! The API document: what is committed is what the program describes, and what it describes keeps the house rules.

use serde_json::Value;

use crate::support::source::root;

#[test]
fn the_committed_document_is_the_described_one() {
    let path = root().join("openapi/v1.json");
    let fresh = akkoord::api::openapi::text();
    // As values: a package of the tests keeps members of examples in another order than the program does.
    let same = || {
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let value = |text: &str| serde_json::from_str::<Value>(text).ok();
        value(&committed) == value(fresh)
    };
    if std::env::var_os("BLESS").is_some() && !same() {
        std::fs::write(&path, fresh).unwrap();
    }
    assert!(
        same(),
        "openapi/v1.json is stale: run this test with BLESS=1 and read the difference"
    );
}

#[test]
fn every_answer_names_its_version_and_every_error_is_a_problem() {
    each_operation(|name, operation| {
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            assert!(response["headers"]["API-Version"].is_object(), "{name} {status}");
            if status.starts_with(['4', '5']) {
                assert!(
                    response["content"]["application/problem+json"].is_object(),
                    "{name} {status}"
                );
            }
        }
        assert!(
            responses.contains_key("503") && responses.contains_key("429"),
            "{name}"
        );
        assert!(
            operation["security"] == serde_json::json!([{}]) || responses.contains_key("401"),
            "{name}"
        );
    });
}

#[test]
fn every_operation_is_described() {
    each_operation(|name, operation| {
        for member in ["operationId", "summary", "tags", "security"] {
            assert!(!operation[member].is_null(), "{name} has no {member}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(
                parameter["description"].is_string(),
                "{name}: {}",
                parameter["name"]
            );
        }
    });
}

#[test]
fn every_body_refuses_unknown_members() {
    let document = document();
    each_operation(|name, operation| {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let Some(schema) = body
            .as_str()
            .and_then(|r| r.strip_prefix("#/components/schemas/"))
        else {
            return;
        };
        if schema != "ReceiptVerificationRequest" {
            let schema = &document["components"]["schemas"][schema];
            assert_eq!(schema["additionalProperties"], Value::Bool(false), "{name}");
        }
    });
}

#[test]
fn no_property_is_without_a_description() {
    let document = document();
    let mut bare = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (property, described) in schema["properties"].as_object().into_iter().flatten() {
            let named_elsewhere = !described["$ref"].is_null() || !described["oneOf"].is_null();
            if described["description"].is_null() && !named_elsewhere {
                bare.push(format!("{name}.{property}"));
            }
        }
    }
    assert_eq!(bare, Vec::<String>::new());
}

fn document() -> Value {
    serde_json::from_str(akkoord::api::openapi::text()).unwrap()
}

fn each_operation(check: impl Fn(&str, &Value)) {
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            check(&format!("{method} {path}"), operation);
        }
    }
}
