//! The day of a CRM over HTTP: register, ask, record, ask again, and prove it.

use serde_json::{Value, json};

use crate::support::http::{Api, send};
use crate::support::store::NOW;

pub const LINDE: &str = "bibliotheek-de-linde";

fn registration(number: &str) -> Value {
    json!({"organisation": LINDE, "identifiers": [{"scheme": "member-number", "value": number}],
           "birthDate": "1980-05-01", "language": "nl"})
}

fn question(number: &str) -> Value {
    json!({"person": {"scheme": "member-number", "value": number}, "organisation": LINDE, "purpose": "newsletter",
           "action": "contact", "channel": "email", "dataScopes": ["email", "identity"], "reference": "campaign-1"})
}

pub async fn yes(api: &Api, number: &str) -> Value {
    let version = api.service.catalogue().purposes["newsletter"].purpose.version;
    json!({"person": {"scheme": "member-number", "value": number}, "organisation": LINDE, "purpose": "newsletter",
           "status": "given", "noticeVersion": version, "language": "nl", "indicationMethod": "web-form",
           "actor": {"type": "self"}, "evidence": {"form": "A-17"}})
}

pub async fn registered(api: &Api, number: &str) -> String {
    let answer = api.post("/v1/people", &registration(number)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["personId"].as_str().unwrap().to_owned()
}

#[track_caller]
fn decisive(decision: &Value) -> &str {
    decision["reasons"][0]["code"].as_str().unwrap()
}

both_engines! {
    async fn a_decision_follows_what_somebody_said(engine) {
        let api = Api::start(engine).await;
        let unknown = api.post("/v1/decisions", &question("2000123456")).await;
        assert_eq!(unknown.status, 200, "{unknown:?}");
        assert_eq!(decisive(&unknown.json()), "deny-unknown-subject");

        let person = registered(&api, "2000123456").await;
        let again = api.post("/v1/people", &registration("2000 123 456")).await;
        assert_eq!((again.status, again.json()["personId"].as_str()), (200, Some(person.as_str())));
        let never = api.post("/v1/decisions", &question("2000123456")).await.json();
        assert_eq!(decisive(&never), "deny-no-consent");
        assert!(never["captureUrl"].as_str().unwrap().ends_with("/k/bibliotheek-de-linde.newsletter"));
        assert_eq!(never.as_object().unwrap().keys().count(), unknown.json().as_object().unwrap().keys().count());

        let receipt = api.post("/v1/consents", &yes(&api, "2000123456").await).await;
        assert_eq!(receipt.status, 201, "{receipt:?}");
        let permit = api.post("/v1/decisions", &question("2000123456")).await;
        let decision = permit.json();
        assert_eq!((&decision["decision"], decisive(&decision)), (&json!("permit"), "permit-consent"));
        assert_eq!(decision["dataScopes"], json!(["email", "identity"]));
        assert_eq!(decision["captureUrl"], Value::Null);
        let order = ["decisionId", "decision", "reasons", "dataScopes", "withheldDataScopes", "validUntil",
                     "obligations", "captureUrl", "legalBasis", "policyVersion", "audit"];
        let places: Vec<usize> = order.iter().map(|name| permit.body.find(&format!("\"{name}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{}", permit.body);
        assert_eq!(decision["obligations"][0]["type"], "list-unsubscribe");
        let english = [("Content-Type", "application/json"), ("Accept-Language", "en")];
        let reason = api.send("POST", "/v1/decisions", &english, &question("2000123456").to_string()).await.json();
        assert!(reason["reasons"][0]["text"].as_str().unwrap().starts_with("This member"));

        let by_id = json!({"person": {"personId": person}, "organisation": LINDE, "purpose": "newsletter",
                           "action": "contact", "channel": "email"});
        assert_eq!(api.post("/v1/decisions", &by_id).await.json()["decision"], "permit");

        let url = decision["obligations"][0]["url"].as_str().unwrap();
        let path = url.strip_prefix(api.service.public_base()).unwrap();
        for _ in 0..2 {
            let page = send(api.server.addr, "GET", path, &[], b"").await;
            assert_eq!(page.status, 200);
            assert!(page.body.contains("Bibliotheek De Linde") && page.body.contains("<form method=\"post\">"));
            assert!(page.header("content-security-policy").unwrap().contains("style-src 'self'"));
        }
        assert_eq!(api.post("/v1/decisions", &question("2000123456")).await.json()["decision"], "permit");
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        for _ in 0..2 {
            let done = send(api.server.addr, "POST", path, &form, b"List-Unsubscribe=One-Click").await;
            assert_eq!((done.status, done.header("set-cookie"), done.header("location")), (200, None, None));
        }
        let denied = api.post("/v1/decisions", &question("2000123456")).await.json();
        assert_eq!(denied["decision"], "deny");
        let strange = send(api.server.addr, "POST", "/u/nonsense", &form, b"").await;
        assert_eq!(strange.status, 404);
        let other = send(api.server.addr, "GET", "/u/other", &[], b"").await;
        assert_eq!(strange.body.replace("nonsense", "other"), other.body);
    }

    async fn a_past_instant_is_answered_as_it_was(engine) {
        let api = Api::start(engine).await;
        registered(&api, "2000123456").await;
        api.world.turn_to(NOW.plus_seconds(60));
        api.post("/v1/consents", &yes(&api, "2000123456").await).await;
        api.world.turn_to(NOW.plus_seconds(120));
        let mut past = question("2000123456");
        past["at"] = json!(NOW.plus_seconds(30).rfc3339());
        let then = api.post("/v1/decisions", &past).await.json();
        assert_eq!((decisive(&then), &then["pointInTime"]), ("deny-no-consent", &json!(true)), "{then}");
        let now = api.post("/v1/decisions", &question("2000123456")).await.json();
        assert_eq!((decisive(&now), now.get("pointInTime")), ("permit-consent", None));
    }

    async fn a_repeated_request_has_its_effect_once(engine) {
        let api = Api::start(engine).await;
        registered(&api, "2000123456").await;
        let body = yes(&api, "2000123456").await.to_string();
        let keyed = |key| [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        let first = api.send("POST", "/v1/consents", &keyed("\"k-1\""), &body).await;
        assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{first:?}");
        let second = api.send("POST", "/v1/consents", &keyed("k-1"), &body).await;
        assert_eq!((second.status, second.header("idempotency-replayed")), (201, Some("true")));
        assert_eq!(first.json(), second.json());
        let other = body.replace("A-17", "A-18");
        let refused = api.send("POST", "/v1/consents", &keyed("k-1"), &other).await;
        assert_eq!((refused.status, refused.problem().0.as_str()), (422, "idempotency-key-reused"));
        let bad = api.send("POST", "/v1/consents", &keyed("a b"), &body).await;
        assert_eq!((bad.status, bad.problem().1), (400, vec!["Idempotency-Key".to_owned()]));
    }

    async fn a_receipt_proves_what_was_said_in_every_form(engine) {
        let api = Api::start(engine).await;
        let person = registered(&api, "2000123456").await;
        let receipt = api.post("/v1/consents", &yes(&api, "2000123456").await).await.json();
        let path = format!("/v1/receipts/{}", receipt["receiptId"].as_str().unwrap());
        assert_eq!(api.get(&path).await.json(), receipt);
        assert_eq!(receipt["signature"]["algorithm"], "Ed25519");
        let valid = api.post("/v1/receipt-verifications", &receipt).await.json();
        assert_eq!((&valid["valid"], &valid["code"]), (&json!(true), &json!("valid")));
        let mut changed = receipt.clone();
        changed["status"] = json!("refused");
        let invalid = api.post("/v1/receipt-verifications", &changed).await.json();
        assert_eq!((&invalid["valid"], &invalid["code"]), (&json!(false), &json!("changed")));

        let form = async |accept: &str| api.send("GET", &path, &[("Accept", accept)], "").await;
        let linked = form("application/ld+json").await;
        assert_eq!(linked.header("content-type"), Some("application/ld+json"));
        assert_eq!(linked.json()["@type"], "dpv:ConsentReceipt");
        let record = &linked.json()["dpv:hasRecordOfActivity"][0];
        assert_eq!(record["dpv:hasConsentStatus"][0]["@type"], "dpv:ConsentGiven");
        assert_eq!(record["dpv:hasProcess"][0]["dpv:hasLegalBasis"]["@id"], "eu-gdpr:A6-1-a");
        let text = form("text/plain").await;
        assert!(text.body.contains("Keuze: Ja"), "{}", text.body);
        let html = form("text/html").await;
        assert!(html.body.contains("<dt>Keuze</dt><dd>Ja</dd>"));
        assert!(form("application/pdf").await.body.contains("(Bewijs van je keuze) Tj"));
        assert_eq!(form("image/png").await.status, 406);
        let kantara = api.get(&format!("{path}?profile=kantara-1.1")).await.json();
        assert_eq!((&kantara["version"], kantara["consentReceiptID"].as_str()),
                   (&json!("KI-CR-v1.1.0"), receipt["receiptId"].as_str()));
        assert_eq!(api.get(&format!("{path}?profile=other")).await.status, 400);
        assert_eq!(api.get("/v1/receipts/00000000000000000000000000000000").await.status, 404);
        assert_eq!(api.get("/v1/receipts/x").await.status, 404);

        let now = api.get(&format!("/v1/people/{person}/consents")).await.json();
        assert_eq!((&now["consents"][0]["effective"], &now["consents"][0]["receiptId"]),
                   (&json!("permit-consent"), &receipt["receiptId"]));
        let all = api.get(&format!("/v1/people/{person}/consent-events")).await.json();
        let kinds: Vec<&str> = all["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds.last(), Some(&"consent.given"));
        let page = api.get(&format!("/v1/people/{person}/consent-events?limit=1")).await.json();
        let next = page["nextCursor"].as_str().unwrap();
        let rest = api.get(&format!("/v1/people/{person}/consent-events?cursor={next}")).await.json();
        assert_eq!(1 + rest["items"].as_array().unwrap().len(), kinds.len());
        assert_eq!(rest["nextCursor"], Value::Null);
    }

    async fn people_identifiers_guardians_and_merges(engine) {
        let api = Api::start(engine).await;
        let parent = registered(&api, "2000000001").await;
        let child = json!({"organisation": LINDE, "identifiers": [{"scheme": "member-number", "value": "2000000002"}],
                           "birthDate": "2016-05-01"});
        let child = api.post("/v1/people", &child).await.json()["personId"].as_str().unwrap().to_owned();
        let found = api.post("/v1/people/lookups", &json!({"scheme": "member-number", "value": "2000000001"})).await;
        assert_eq!((found.status, found.json()["personId"].as_str()), (200, Some(parent.as_str())));
        let nobody = api.post("/v1/people/lookups", &json!({"scheme": "member-number", "value": "2999999999"})).await;
        assert_eq!((nobody.status, nobody.problem().0.as_str()), (404, "not-found"));

        let address = json!({"scheme": "email", "value": "Parent@Example.org"});
        let added = api.post(&format!("/v1/people/{parent}/identifiers"), &address).await;
        assert_eq!(added.status, 201, "{added:?}");
        let id = added.json()["identifierId"].as_str().unwrap().to_owned();
        assert_eq!(api.send("DELETE", &format!("/v1/people/{parent}/identifiers/{id}"), &[], "").await.status, 200);
        assert_eq!(api.send("DELETE", &format!("/v1/people/{parent}/identifiers/{id}"), &[], "").await.status, 404);

        let link = json!({"guardian": {"personId": parent}, "verification": "desk", "evidence": {"form": "G-3"}});
        let linked = api.post(&format!("/v1/people/{child}/guardians"), &link).await;
        assert_eq!((linked.status, linked.json()["guardianId"].as_str()), (201, Some(parent.as_str())), "{linked:?}");
        let gone = api.send("DELETE", &format!("/v1/people/{child}/guardians/{parent}"), &[], "").await;
        assert_eq!(gone.status, 200, "{gone:?}");

        let same = json!({"keep": parent, "merge": parent, "reason": "twice"});
        assert_eq!(api.post("/v1/people/merges", &same).await.status, 409);
        let other = registered(&api, "2000000003").await;
        let merge = json!({"keep": parent, "merge": other, "reason": "twice"});
        assert_eq!(api.post("/v1/people/merges", &merge).await.status, 201);
    }

    async fn objections_restrictions_preferences_and_source_notices(engine) {
        let api = Api::start(engine).await;
        let person = registered(&api, "2000123456").await;
        api.post("/v1/consents", &yes(&api, "2000123456").await).await;
        let who = json!({"scheme": "member-number", "value": "2000123456"});
        let objection = json!({"person": who, "organisation": LINDE, "directMarketing": true,
                               "indicationMethod": "phone", "actor": {"type": "self"}});
        assert_eq!(api.post("/v1/objections", &objection).await.status, 201);
        assert_eq!(decisive(&api.post("/v1/decisions", &question("2000123456")).await.json()), "deny-objection");
        assert_eq!(api.post("/v1/objection-liftings", &objection).await.status, 201);
        let restriction = json!({"person": who, "organisation": LINDE, "ground": "accuracy", "actor": {"type": "self"}});
        assert_eq!(api.post("/v1/restrictions", &restriction).await.status, 201);
        assert_eq!(decisive(&api.post("/v1/decisions", &question("2000123456")).await.json()), "deny-restricted");
        let lifting = json!({"person": who, "organisation": LINDE, "actor": {"type": "staff"}, "evidence": {}});
        assert_eq!(api.post("/v1/restriction-liftings", &lifting).await.problem().1, ["/evidence"]);
        let lifting = json!({"person": who, "organisation": LINDE, "actor": {"type": "staff"},
                             "evidence": {"letter": "B-12"}});
        assert_eq!(api.post("/v1/restriction-liftings", &lifting).await.status, 201);
        assert_eq!(api.post("/v1/decisions", &question("2000123456")).await.json()["decision"], "permit");

        let path = format!("/v1/people/{person}/preferences");
        let revision = api.get(&path).await.json()["revision"].as_u64().unwrap();
        let wish = json!({"language": "en", "purposes": {"newsletter": {"channels": {"email": false}, "topics": ["a"]}},
                          "revision": revision, "actor": {"type": "self"}});
        let json_type = [("Content-Type", "application/json")];
        let set = api.send("PUT", &path, &json_type, &wish.to_string()).await;
        assert_eq!((set.status, &set.json()["language"]), (200, &json!("en")), "{set:?}");
        let stale = api.send("PUT", &path, &json_type, &wish.to_string()).await;
        assert_eq!((stale.status, stale.problem().0.as_str()), (409, "revision-changed"));
        assert_eq!(api.get(&path).await.json(), set.json());
        assert_eq!(decisive(&api.post("/v1/decisions", &question("2000123456")).await.json()), "deny-channel");
    }

    async fn purposes_and_notices_are_read_as_published(engine) {
        let api = Api::start(engine).await;
        let page = api.get("/v1/purposes?limit=2").await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), 2);
        let next = page["nextCursor"].as_str().unwrap().to_owned();
        let rest = api.get(&format!("/v1/purposes?cursor={next}")).await.json();
        let all = 2 + rest["items"].as_array().unwrap().len();
        assert_eq!(all, api.service.catalogue().purposes.len());
        let entry = api.service.catalogue().purposes["newsletter"].clone();
        let version = entry.purpose.version;
        let one = api.get(&format!("/v1/purposes/newsletter/versions/{version}")).await;
        assert_eq!((one.status, &one.json()["legalBasis"]), (200, &json!("consent")));
        assert_eq!(api.get("/v1/purposes/newsletter/versions/9999").await.status, 404);

        let path = format!("/v1/notices/newsletter/{version}/nl");
        let notice = send(api.server.addr, "GET", &path, &[], b"").await;
        assert_eq!(notice.body.as_bytes(), &*entry.notices["nl"].bytes);
        let tag = notice.header("etag").unwrap();
        assert!(notice.header("cache-control").unwrap().contains("immutable"));
        let known = send(api.server.addr, "GET", &path, &[("If-None-Match", tag)], b"").await;
        assert_eq!((known.status, known.body.as_str()), (304, ""));
        assert_eq!(send(api.server.addr, "GET", "/v1/notices/newsletter/1000/nl", &[], b"").await.status, 404);
    }

    async fn authzen_asks_the_same_engine(engine) {
        let api = Api::start(engine).await;
        let person = registered(&api, "2000123456").await;
        api.post("/v1/consents", &yes(&api, "2000123456").await).await;
        let evaluation = json!({"subject": {"type": "system", "id": "crm"}, "resource": {"type": "profile", "id": person},
            "action": {"name": "contact", "properties": {"purpose": "newsletter", "channel": "email",
                       "dataScopes": ["email"]}}, "context": {"organisation": LINDE}, "unknown": 1});
        let ask = async |path: &str, body: &Value| api.post(path, body).await;
        let permit = ask("/access/v1/evaluation", &evaluation).await;
        assert_eq!((permit.status, &permit.json()["decision"]), (200, &json!(true)), "{permit:?}");
        assert_eq!(permit.json()["context"]["reasons"][0]["code"], "permit-consent");
        let mut foreign = evaluation.clone();
        foreign["subject"]["id"] = json!("mailer");
        assert_eq!(ask("/access/v1/evaluation", &foreign).await.json()["decision"], false);
        let mut bare = evaluation.clone();
        bare["context"] = json!({});
        assert_eq!(ask("/access/v1/evaluation", &bare).await.problem().1, ["/context/organisation"]);
        let wrong = api.send("POST", "/access/v1/evaluation", &[("Content-Type", "text/plain")], "{}").await;
        assert_eq!(wrong.status, 400);

        let mut batch = evaluation.clone();
        batch["evaluations"] = json!([{}, {"resource": {"type": "profile", "id": "nobody"}}, {"action": {"name": 1}}]);
        let answers = ask("/access/v1/evaluations", &batch).await.json();
        let decisions: Vec<&Value> = answers["evaluations"].as_array().unwrap().iter().map(|a| &a["decision"]).collect();
        assert_eq!(decisions, [&json!(true), &json!(false), &json!(false)], "{answers}");
        batch["options"] = json!({"evaluations_semantic": "permit_on_first_permit"});
        let answers = ask("/access/v1/evaluations", &batch).await.json();
        assert_eq!(answers["evaluations"].as_array().unwrap().len(), 1);
        let id = [("Content-Type", "application/json"), ("X-Request-ID", "abc-1")];
        let echoed = api.send("POST", "/access/v1/evaluation", &id, &evaluation.to_string()).await;
        assert_eq!(echoed.header("x-request-id"), Some("abc-1"));
        let metadata = send(api.server.addr, "GET", "/.well-known/authzen-configuration", &[], b"").await.json();
        assert_eq!(metadata["policy_decision_point"], api.service.public_base());
    }
}
