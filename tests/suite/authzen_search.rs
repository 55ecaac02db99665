//! AuthZEN searches over HTTP: what they find is what the same question is answered, and is recorded.

use serde_json::{Value, json};

use crate::api_choices::{LINDE, registered, yes};
use crate::support::http::{Api, send};

fn results(answer: &Value) -> &Vec<Value> {
    answer["results"].as_array().unwrap()
}

both_engines! {
    async fn a_search_finds_what_the_question_permits(engine) {
        let api = Api::start(engine).await;
        let person = registered(&api, "2000123456").await;
        let entity = json!({"type": "profile", "id": person});
        let search = json!({"subject": {"type": "system", "id": "crm"}, "resource": entity,
            "context": {"organisation": LINDE, "reference": "r-1"}, "unknown": 1});
        let found = |answer: &Value| -> Vec<String> {
            results(answer).iter().map(|action| {
                let properties = &action["properties"];
                format!("{} {} {}", action["name"].as_str().unwrap(), properties["purpose"].as_str().unwrap(),
                    properties["channel"].as_str().unwrap_or("-"))
            }).collect()
        };
        let actions = async |body: &Value| {
            let answer = api.post("/access/v1/search/action", body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()
        };
        let before = found(&actions(&search).await);
        assert!(before.contains(&"contact service-messages email".to_owned()), "{before:?}");
        assert!(!before.iter().any(|action| action.contains("newsletter")), "{before:?}");
        api.post("/v1/consents", &yes(&api, "2000123456").await).await;
        let answer = actions(&search).await;
        let after = found(&answer);
        assert!(after.contains(&"contact newsletter email".to_owned()), "{after:?}");
        assert!(before.iter().all(|action| after.contains(action)), "a yes takes nothing away");

        // Each finding is a decision of its own in the log, and the single question says the same.
        let newsletter = results(&answer).iter().find(|action| action["properties"]["purpose"] == "newsletter").unwrap();
        let id = newsletter["properties"]["decisionId"].as_str().unwrap();
        let logged = api.get(&format!("/v1/audit-entries?log=decision&entryId={id}")).await;
        assert!(logged.body.contains("permit-consent"), "{logged:?}");
        let evaluation = json!({"subject": {"type": "system", "id": "crm"}, "resource": entity, "action": newsletter,
            "context": {"organisation": LINDE}});
        assert_eq!(api.post("/access/v1/evaluation", &evaluation).await.json()["decision"], true);

        let mut within = search.clone();
        within["context"]["purpose"] = json!("newsletter");
        assert!(found(&actions(&within).await).iter().all(|action| action.contains("newsletter")));
        for (pointer, value) in [("/subject/id", "mailer"), ("/subject/type", "user"), ("/resource/type", "book"),
            ("/resource/id", "nobody")] {
            let mut other = search.clone();
            *other.pointer_mut(pointer).unwrap() = json!(value);
            assert_eq!(actions(&other).await, json!({"results": []}), "{pointer}");
        }

        // Which systems may: ours, or none.
        let mut which = json!({"subject": {"type": "system"}, "resource": entity,
            "action": {"name": "contact", "properties": {"purpose": "newsletter", "channel": "email"}},
            "context": {"organisation": LINDE}});
        let subject = async |body: &Value| api.post("/access/v1/search/subject", body).await.json();
        assert_eq!(subject(&which).await, json!({"results": [{"type": "system", "id": "crm"}]}));
        which["action"]["properties"]["purpose"] = json!("reading-tips");
        assert_eq!(subject(&which).await, json!({"results": []}));

        // People are not listed.
        let refused = api.post("/access/v1/search/resource", &search).await;
        assert_eq!((refused.status, refused.problem().0.as_str()), (501, "not-offered"), "{refused:?}");
        assert!(refused.body.contains("/v1/decision-batches"));

        for (path, member, pointer) in [
            ("action", "context", "/context/organisation"), ("action", "subject", "/subject"), ("subject", "action", "/action"),
        ] {
            let mut bare = if path == "action" { search.clone() } else { which.clone() };
            bare.as_object_mut().unwrap().remove(member);
            let answer = api.post(&format!("/access/v1/search/{path}"), &bare).await;
            assert_eq!((answer.status, answer.problem().1), (400, vec![pointer.to_owned()]));
        }
        let mut second = search.clone();
        second["page"] = json!({"token": "x"});
        assert_eq!(api.post("/access/v1/search/action", &second).await.problem().1, ["/page/token"]);
        let wrong = api.send("POST", "/access/v1/search/action", &[("Content-Type", "text/plain")], "{}").await;
        assert_eq!(wrong.status, 400);
        let metadata = send(api.server.addr, "GET", "/.well-known/authzen-configuration", &[], b"").await.json();
        assert!(metadata["search_action_endpoint"].as_str().unwrap().ends_with("/access/v1/search/action"));
        assert!(metadata["search_subject_endpoint"].is_string());
        assert_eq!(metadata.get("search_resource_endpoint"), None);
    }

    async fn a_receipt_is_also_a_document_to_print(engine) {
        let api = Api::start(engine).await;
        registered(&api, "2000123456").await;
        let receipt = api.post("/v1/consents", &yes(&api, "2000123456").await).await.json();
        let path = format!("/v1/receipts/{}", receipt["receiptId"].as_str().unwrap());
        for (language, title, page) in [("nl", "Bewijs van je keuze", "Pagina 1 van 1"), ("en", "Proof of your choice", "Page 1 of 1")] {
            let headers = [("Accept", "application/pdf"), ("Accept-Language", language)];
            let answer = api.send("GET", &path, &headers, "").await;
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/pdf")));
            assert!(answer.body.starts_with("%PDF-1.7"));
            for words in [title, page, "Bibliotheek De Linde", receipt["receiptId"].as_str().unwrap()] {
                assert!(answer.body.contains(&format!("({words}) Tj")), "{words} is not in {}", answer.body);
            }
        }
        let refused = api.send("GET", &path, &[("Accept", "image/png")], "").await;
        assert_eq!(refused.status, 406);
    }
}
