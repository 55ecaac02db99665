//! The third promise: nothing personal is readable at rest. Every operation of the API is driven with canaries in every
//! place a text can stand, right and wrong; then everything the service leaves behind is searched for them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use akkoord::world::{RealWorld, World as _};
use serde_json::{Value, json};

use crate::support::app::{LIBRARY, member, notice};
use crate::support::canaries::{Canaries, search};
use crate::support::client::{Answer, Client};
use crate::support::engine::{Engine, TestStorage};
use crate::support::postgres::Postgres;
use crate::support::rows::Rows;
use crate::support::serving::{Installation, Serving};
use crate::support::source::root;

/// Drives operations and keeps what was answered.
struct Driver {
    client: Client,
    canaries: Canaries,
    /// Operations that were answered with success.
    driven: BTreeSet<&'static str>,
    /// What was sent with success, to be sent again with mistakes.
    sent: Vec<Sent>,
    /// Every answer that is an error, whole.
    errors: String,
    wrong: usize,
}

#[derive(Clone)]
struct Sent {
    method: &'static str,
    path: String,
    body: Option<Value>,
}

impl Driver {
    /// Does an operation of the document, which must succeed.
    async fn drive(
        &mut self,
        operation: &'static str,
        method: &'static str,
        path: impl Into<String>,
        body: Option<Value>,
    ) -> Value {
        let path = path.into();
        let trace = format!("00-{}-00f067aa0ba902b7-01", self.canaries.trace);
        let key = format!("{}-{}", self.canaries.idempotency_key, self.sent.len());
        let headers = [("traceparent", trace.as_str()), ("Idempotency-Key", key.as_str())];
        let bytes = body.as_ref().map(Value::to_string);
        let answer = self
            .client
            .send(method, &path, &headers, bytes.as_deref().map(str::as_bytes))
            .await
            .unwrap();
        assert!(
            (200..300).contains(&answer.status),
            "{operation}: {}",
            answer.text()
        );
        self.driven.insert(operation);
        self.sent.push(Sent { method, path, body });
        answer.json()
    }

    /// Gets the proof of an entry, which exists about a second after the entry.
    async fn prove(&mut self, operation: &'static str, path: String) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.client.get(&path).await.status != 200 {
            assert!(Instant::now() < until, "{operation}: no proof");
            tokio::time::sleep(Duration::from_millis(50)).await; // as `Retry-After` asks, and less
        }
        self.driven.insert(operation);
    }

    /// Does something that may fail; an error is kept.
    async fn try_it(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) {
        let answer = self.client.send(method, path, headers, body).await.unwrap();
        self.keep(&answer);
    }

    fn keep(&mut self, answer: &Answer) {
        assert!(answer.status < 500, "{}", answer.text());
        if answer.status >= 400 {
            self.wrong += 1;
            self.errors
                .push_str(&format!("{:?}\n{}\n", answer.headers, answer.text()));
        }
    }

    fn actor(&self) -> Value {
        json!({"type": "self", "staff": self.canaries.staff})
    }

    fn evidence(&self) -> Value {
        json!({"naam": self.canaries.name, "formulier": self.canaries.evidence})
    }
}

/// Everything a year of a library could hold about a family, through every operation of the document.
async fn live(driver: &mut Driver, second: &mut Client) {
    let canaries = driver.canaries.clone();
    let notice = notice(&mut driver.client).await;
    let (actor, evidence) = (driver.actor(), driver.evidence());
    let person = json!({
        "organisation": LIBRARY,
        "identifiers": [member(&canaries.member_number), {"scheme": "email", "value": canaries.email}],
        "birthDate": canaries.birth_date, "language": "nl",
        "membership": {"kind": "adult", "since": canaries.birth_date, "paying": true, "contactFromSale": true, "optOutOffered": true},
    });
    let registered = driver
        .drive("registerPerson", "POST", "/v1/people", Some(person))
        .await;
    let id = registered["personId"].as_str().unwrap().to_owned();
    let lookup = json!({"scheme": "email", "value": canaries.email, "organisation": LIBRARY});
    driver
        .drive("lookUpPerson", "POST", "/v1/people/lookups", Some(lookup))
        .await;
    let identifier = json!({"scheme": "email", "value": canaries.other_email});
    let path = format!("/v1/people/{id}/identifiers");
    let added = driver
        .drive("addIdentifier", "POST", path.clone(), Some(identifier))
        .await;
    let path = format!("{path}/{}", added["identifierId"].as_str().unwrap());
    driver.drive("removeIdentifier", "DELETE", path, None).await;

    // A child, its guardian, and a second registration of the guardian.
    let of = |number: &str, birth: &str| json!({"organisation": LIBRARY, "identifiers": [member(number)], "birthDate": birth});
    let child = of(&canaries.child_number, &canaries.child_birth_date);
    let child = driver
        .drive("registerPerson", "POST", "/v1/people", Some(child))
        .await;
    let child = child["personId"].as_str().unwrap().to_owned();
    let guardian = of(&canaries.guardian_number, &canaries.birth_date);
    let guardian = driver
        .drive("registerPerson", "POST", "/v1/people", Some(guardian))
        .await;
    let guardian = guardian["personId"].as_str().unwrap().to_owned();
    let link =
        json!({"guardian": member(&canaries.guardian_number), "verification": "desk", "evidence": evidence});
    let path = format!("/v1/people/{child}/guardians");
    let linked = driver
        .drive("linkGuardian", "POST", path.clone(), Some(link))
        .await;
    let by_guardian = json!({
        "person": member(&canaries.child_number), "organisation": LIBRARY, "purpose": "newsletter", "status": "given",
        "noticeVersion": notice, "language": "nl", "indicationMethod": "desk", "evidence": evidence,
        "actor": {"type": "guardian", "guardian": member(&canaries.guardian_number), "staff": canaries.staff},
    });
    let answer = driver.client.post("/v1/consents", &by_guardian).await;
    driver.keep(&answer); // whether the purpose takes a guardian's word is the catalogue's to say
    let path = format!("{path}/{}", linked["guardianId"].as_str().unwrap());
    driver.drive("unlinkGuardian", "DELETE", path, None).await;
    let merge = json!({"keep": id, "merge": guardian, "reason": canaries.name});
    driver
        .drive("mergePeople", "POST", "/v1/people/merges", Some(merge))
        .await;

    // A receiver that never answers: what is to be delivered waits.
    let receiver = json!({"url": "http://127.0.0.1:9/kanarie"});
    driver
        .drive(
            "addWebhookEndpoint",
            "POST",
            "/v1/webhook-endpoints",
            Some(receiver),
        )
        .await;

    // Words.
    let about = member(&canaries.member_number);
    let word = |purpose: &str, version: u64, status: &str| {
        json!({
            "person": about, "organisation": LIBRARY, "purpose": purpose, "status": status, "noticeVersion": version,
            "language": "nl", "indicationMethod": "paper", "actor": actor, "evidence": evidence,
        })
    };
    let receipt = driver
        .drive(
            "recordConsent",
            "POST",
            "/v1/consents",
            Some(word("newsletter", notice, "given")),
        )
        .await;
    let receipt_id = receipt["receiptId"].as_str().unwrap().to_owned();
    driver
        .drive(
            "verifyReceipt",
            "POST",
            "/v1/receipt-verifications",
            Some(receipt),
        )
        .await;
    let path = format!("/v1/receipts/{receipt_id}");
    driver.drive("readReceipt", "GET", path.clone(), None).await;
    driver
        .drive("readReceipt", "GET", format!("{path}?profile=kantara-1.1"), None)
        .await;
    for media in [
        "application/ld+json",
        "text/html",
        "text/plain",
        "application/pdf",
    ] {
        driver.try_it("GET", &path, &[("Accept", media)], None).await;
    }
    let ask = json!({
        "person": about, "organisation": LIBRARY, "purpose": "newsletter", "action": "contact", "channel": "email",
        "dataScopes": ["email"], "reference": canaries.reference,
    });
    let permit = driver
        .drive("decide", "POST", "/v1/decisions", Some(ask.clone()))
        .await;
    assert_eq!(permit["decision"], "permit", "{permit}");
    let decision = permit["decisionId"].as_str().unwrap();
    driver
        .prove("proveDecision", format!("/v1/decisions/{decision}/proof"))
        .await;
    driver
        .prove("proveReceipt", format!("/v1/receipts/{receipt_id}/proof"))
        .await;
    // The same for a list.
    let path = format!(
        "/v1/decision-batches?organisation={LIBRARY}&purpose=newsletter&action=contact&channel=email&dataScopes=email&scheme=email"
    );
    let list = json!({"value": canaries.email, "ref": canaries.reference}).to_string();
    let lines = [("Content-Type", "application/x-ndjson")];
    let answer = driver
        .client
        .send("POST", &path, &lines, Some(list.as_bytes()))
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    driver.driven.insert("decideInBulk");
    let contact = json!({
        "organisation": LIBRARY, "purpose": "newsletter", "reference": canaries.reference,
        "contacts": [{
            "contactId": canaries.idempotency_key, "person": about, "channel": "email", "occurredAt": RealWorld.now().rfc3339(),
        }],
    });
    driver
        .drive("reportContacts", "POST", "/v1/contact-reports", Some(contact))
        .await;
    let unsubscribe = permit["obligations"][0]["url"].as_str().unwrap();
    let unsubscribe = unsubscribe.split_once("/u/").unwrap().1.to_owned();
    let mut unknown = ask.clone();
    unknown["person"] = member("99887766554433");
    driver
        .drive("decide", "POST", "/v1/decisions", Some(unknown))
        .await;

    // Data from elsewhere, and the word that the person was told.
    driver
        .drive(
            "recordConsent",
            "POST",
            "/v1/consents",
            Some(word("profile-enrichment", 1, "given")),
        )
        .await;
    let enrich = json!({
        "person": about, "organisation": LIBRARY, "purpose": "profile-enrichment", "action": "enrich",
        "dataScopes": ["interests"], "dataSource": "event-registration", "reference": canaries.reference,
    });
    let enriched = driver
        .drive("decide", "POST", "/v1/decisions", Some(enrich))
        .await;
    assert_eq!(enriched["decision"], "permit", "{enriched}");
    let told = json!({
        "person": about, "organisation": LIBRARY, "purpose": "profile-enrichment", "dataSource": "event-registration",
    });
    driver
        .drive("recordSourceNotice", "POST", "/v1/source-notices", Some(told))
        .await;

    let objection = json!({
        "person": about, "organisation": LIBRARY, "directMarketing": true, "indicationMethod": "phone", "actor": actor,
        "evidence": evidence,
    });
    driver
        .drive(
            "recordObjection",
            "POST",
            "/v1/objections",
            Some(objection.clone()),
        )
        .await;
    driver
        .drive("liftObjection", "POST", "/v1/objection-liftings", Some(objection))
        .await;
    let restriction = json!({
        "person": about, "organisation": LIBRARY, "ground": "accuracy", "actor": actor, "evidence": evidence,
    });
    driver
        .drive("restrict", "POST", "/v1/restrictions", Some(restriction))
        .await;
    let lifting = json!({"person": about, "organisation": LIBRARY, "actor": actor, "evidence": evidence});
    driver
        .drive(
            "liftRestriction",
            "POST",
            "/v1/restriction-liftings",
            Some(lifting),
        )
        .await;
    let hold = json!({"person": about, "organisation": LIBRARY, "reason": canaries.evidence});
    driver
        .drive(
            "placeRetentionHold",
            "POST",
            "/v1/retention-holds",
            Some(hold.clone()),
        )
        .await;
    driver
        .drive(
            "endRetentionHold",
            "POST",
            "/v1/retention-hold-endings",
            Some(hold),
        )
        .await;
    let wishes = json!({
        "language": "nl", "receiptsByMail": true, "actor": actor,
        "purposes": {"newsletter": {"channels": {"email": true}, "topics": [canaries.topic], "frequency": canaries.frequency}},
    });
    let path = format!("/v1/people/{id}/preferences");
    driver
        .drive("setPreferences", "PUT", path.clone(), Some(wishes))
        .await;
    driver.drive("readPreferences", "GET", path, None).await;
    driver
        .drive(
            "currentConsents",
            "GET",
            format!("/v1/people/{id}/consents"),
            None,
        )
        .await;
    driver
        .drive(
            "consentEvents",
            "GET",
            format!("/v1/people/{id}/consent-events"),
            None,
        )
        .await;

    // What is about nobody.
    driver.drive("listPurposes", "GET", "/v1/purposes", None).await;
    driver
        .drive(
            "readPurposeVersion",
            "GET",
            format!("/v1/purposes/newsletter/versions/{notice}"),
            None,
        )
        .await;
    driver
        .drive(
            "readNotice",
            "GET",
            format!("/v1/notices/newsletter/{notice}/nl"),
            None,
        )
        .await;
    driver
        .drive("readDocument", "GET", "/v1/openapi.json", None)
        .await;

    // The log about this person, opened with a reason, which is itself recorded.
    let path = "/v1/audit-entries";
    driver
        .drive("searchAuditEntries", "GET", format!("{path}?log=consent"), None)
        .await;
    let search = format!("{path}?personId={id}&reason={}&open=true", canaries.reference);
    let opened = driver.drive("searchAuditEntries", "GET", search, None).await;
    assert!(opened.to_string().contains(&canaries.evidence), "{opened}");

    // A bundle of it, opened: what it says of the person is for whoever asked, and for nobody else.
    let export = json!({"log": "consent", "format": "csv", "openings": true, "reason": canaries.reference});
    let export = driver
        .drive("requestAuditExport", "POST", "/v1/audit-exports", Some(export))
        .await;
    let href = export["href"].as_str().unwrap();
    let bundle = driver.client.get(href).await;
    assert_eq!(bundle.status, 200, "{}", bundle.text());
    assert_eq!(bundle.header("content-type"), Some("application/zip"));
    driver.driven.insert("fetchAuditExport");

    let path = "/v1/statistics?from=2026-01&to=2026-02";
    driver.drive("readStatistics", "GET", path, None).await;
    let path = "/v1/records-of-processing?view=processor";
    driver.drive("readRecordsOfProcessing", "GET", path, None).await;
    let report = json!({
        "kind": "breach", "format": "csv", "system": "crm", "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z",
        "reason": canaries.reference,
    });
    let report = driver
        .drive("requestReport", "POST", "/v1/reports", Some(report))
        .await;
    let fetched = driver.client.get(report["href"].as_str().unwrap()).await;
    assert_eq!(fetched.status, 200, "{}", fetched.text());
    driver.driven.insert("fetchReport");

    rights(driver).await;
    webhooks(driver).await;
    erasures(driver, second, notice).await;

    // Beside the document.
    let evaluation = json!({
        "subject": {"type": "system", "id": "crm"}, "resource": {"type": "profile", "id": id},
        "action": {"name": "contact", "properties": {"purpose": "newsletter", "channel": "email", "dataScopes": ["email"]}},
        "context": {"organisation": LIBRARY, "reference": canaries.reference, "name": canaries.name},
    });
    let bytes = evaluation.to_string();
    driver
        .try_it(
            "POST",
            "/access/v1/evaluation",
            &[("X-Request-Id", "1")],
            Some(bytes.as_bytes()),
        )
        .await;
    let path = format!("/u/{unsubscribe}");
    driver.try_it("GET", &path, &[], None).await;
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    driver
        .try_it("POST", &path, &form, Some(b"List-Unsubscribe=One-Click"))
        .await;
    let secret = format!(
        "grant_type=client_credentials&client_id={0}&client_secret={0}",
        canaries.evidence
    );
    driver
        .try_it("POST", "/oauth2/token", &form, Some(secret.as_bytes()))
        .await;
}

/// Rights requests of every type, with a canary in every text.
async fn rights(driver: &mut Driver) {
    let canaries = driver.canaries.clone();
    let (actor, evidence) = (driver.actor(), driver.evidence());
    let about = member(&canaries.member_number);
    let enter = |kind: &str, more: Value| {
        let mut body = json!({
            "person": about, "organisation": LIBRARY, "type": kind, "actor": actor, "evidence": evidence,
            "text": canaries.name, "indicationMethod": "paper",
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let path = "/v1/rights-requests";
    let access = driver
        .drive(
            "enterRightsRequest",
            "POST",
            path,
            Some(enter("access", json!({}))),
        )
        .await;
    let one = format!("{path}/{}", access["requestId"].as_str().unwrap());
    let steps = [
        json!({"assign": canaries.staff}),
        json!({"askIdentity": {"doubt": canaries.name}}),
        json!({"confirmIdentity": {"how": canaries.evidence}}),
        json!({"extend": {"months": 1, "reason": "number", "explanation": canaries.name}}),
    ];
    for (step, revision) in steps.into_iter().zip(1..) {
        let mut body = json!({"revision": revision, "officer": canaries.staff});
        body.as_object_mut()
            .unwrap()
            .extend(step.as_object().unwrap().clone());
        driver
            .drive("changeRightsRequest", "PATCH", one.clone(), Some(body))
            .await;
    }
    driver.drive("listRightsRequests", "GET", path, None).await;
    let read = driver.drive("readRightsRequest", "GET", one.clone(), None).await;
    assert!(read.to_string().contains(&canaries.name), "{read}");
    for letter in ["received", "extension"] {
        let path = format!("{one}/letters/{letter}");
        driver.drive("readRightsLetter", "GET", path.clone(), None).await;
        driver
            .try_it("GET", &path, &[("Accept", "application/pdf")], None)
            .await;
    }
    driver
        .drive("fetchRightsPackage", "GET", format!("{one}/package"), None)
        .await;
    let correction = json!({"correction": {"birthDate": canaries.birth_date, "addIdentifiers": [
        {"scheme": "email", "value": canaries.other_email}]}});
    let correction = driver
        .drive(
            "enterRightsRequest",
            "POST",
            path,
            Some(enter("rectification", correction)),
        )
        .await;
    let one = format!("{path}/{}", correction["requestId"].as_str().unwrap());
    let no = json!({"revision": 1, "officer": canaries.staff,
        "reject": {"ground": "data-correct", "explanation": canaries.name}});
    driver.drive("changeRightsRequest", "PATCH", one, Some(no)).await;
}

/// Everything that was sent, again with canaries where they do not belong.
async fn go_wrong(driver: &mut Driver) {
    let canaries = driver.canaries.clone();
    for sent in driver.sent.clone() {
        let path = sent.path.as_str();
        if let Some(body) = &sent.body {
            let mut bodies = vec![
                canaries.email.clone(),
                format!("{{\"{}", canaries.name),
                json!([canaries.email]).to_string(),
            ];
            for (name, value) in [
                (&canaries.email, &canaries.name),
                (&canaries.name, &canaries.email),
            ] {
                let mut with_more = body.clone();
                with_more[name] = json!(value);
                bodies.push(with_more.to_string());
            }
            bodies.extend(with_each_text_replaced(body, &canaries.name));
            bodies.extend(with_each_text_replaced(body, &canaries.email));
            for body in bodies {
                driver.try_it(sent.method, path, &[], Some(body.as_bytes())).await;
            }
            let twice = body
                .to_string()
                .replacen('{', &format!("{{\"{0}\":1,\"{0}\":2,", canaries.email), 1);
            driver
                .try_it(sent.method, path, &[], Some(twice.as_bytes()))
                .await;
            let typed = [("Content-Type", canaries.email.as_str())];
            driver
                .try_it(sent.method, path, &typed, Some(body.to_string().as_bytes()))
                .await;
            let keyed = [("Idempotency-Key", canaries.name.as_str())];
            driver
                .try_it(sent.method, path, &keyed, Some(body.to_string().as_bytes()))
                .await;
            let key = format!("{}-0", canaries.idempotency_key);
            let keyed = [("Idempotency-Key", key.as_str())];
            driver
                .try_it(sent.method, path, &keyed, Some(body.to_string().as_bytes()))
                .await;
        }
        let segments: Vec<&str> = path.split('/').collect();
        for wrong in 2..segments.len() {
            let mut segments = segments.clone();
            segments[wrong] = &canaries.email;
            driver
                .try_it(
                    sent.method,
                    &segments.join("/"),
                    &[],
                    sent.body.as_ref().map(|_| &b"{}"[..]),
                )
                .await;
        }
        let query = format!(
            "{path}?{0}={0}&until={0}&cursor={0}&limit={0}&profile={0}",
            canaries.email
        );
        driver.try_it("GET", &query, &[], None).await;
        let headers = [
            ("Accept", canaries.email.as_str()),
            ("Accept-Language", canaries.email.as_str()),
            ("User-Agent", canaries.email.as_str()),
            ("X-Request-Id", canaries.email.as_str()),
            ("X-Forwarded-For", canaries.email.as_str()),
            ("traceparent", canaries.email.as_str()),
            ("If-None-Match", canaries.email.as_str()),
        ];
        driver.try_it("GET", path, &headers, None).await;
        driver
            .try_it(
                "KANARIE",
                path,
                &[("X-Http-Method-Override", &canaries.email)],
                None,
            )
            .await;
    }
    // Somebody who is not let in.
    let address = driver.client.address_called();
    let mut stranger = Client::new(address, canaries.email.clone());
    let answer = stranger
        .post("/v1/people/lookups", &member(&canaries.member_number))
        .await;
    assert_eq!(answer.status, 401);
    driver.keep(&answer);
}

/// Four people who are to be erased; two of them are. Nobody else's data go, so that they can be searched for.
async fn erasures(driver: &mut Driver, second: &mut Client, notice: u64) {
    let canaries = driver.canaries.clone();
    let all = "/v1/erasures";
    let mut proposed = Vec::new();
    for number in ["3000000001", "3000000002", "3000000003", "3000000004"] {
        let body =
            json!({"organisation": LIBRARY, "identifiers": [member(number)], "birthDate": "1980-05-01"});
        driver.client.post("/v1/people", &body).await.expect(201);
        let word = crate::support::app::word(number, "given", notice);
        driver.client.post("/v1/consents", &word).await.expect(201);
        let ask = crate::support::app::question(number);
        driver.client.post("/v1/decisions", &ask).await.expect(200);
        let body = json!({
            "person": member(number), "organisation": LIBRARY, "ground": "17-1-b", "officer": canaries.staff,
        });
        let erasure = match number {
            "3000000001" | "3000000002" => second.post(all, &body).await.expect(201),
            _ => driver.drive("proposeErasure", "POST", all, Some(body)).await,
        };
        proposed.push(format!("{all}/{}", erasure["id"].as_str().unwrap()));
    }
    driver.drive("readErasures", "GET", all, None).await;
    driver
        .drive("readErasure", "GET", proposed[0].clone(), None)
        .await;
    let refusal = json!({"officer": canaries.staff, "ground": "17-3-e", "reason": canaries.evidence});
    driver
        .drive(
            "refuseErasure",
            "POST",
            format!("{}/refusals", proposed[2]),
            Some(refusal),
        )
        .await;
    driver
        .drive("withdrawErasure", "DELETE", proposed[3].clone(), None)
        .await;
    for path in &proposed[..2] {
        let approval = json!({"officer": canaries.name});
        driver
            .drive(
                "approveErasure",
                "POST",
                format!("{path}/approvals"),
                Some(approval),
            )
            .await;
    }
    let until = Instant::now() + Duration::from_secs(90);
    let mut tasks = Vec::new();
    for path in &proposed[..2] {
        loop {
            let erasure = driver.client.get(path).await.expect(200);
            if erasure["state"] == "erased" {
                tasks.push(erasure["tasks"][0]["id"].as_str().unwrap().to_owned());
                break;
            }
            assert!(Instant::now() < until, "{erasure}");
            tokio::time::sleep(Duration::from_millis(500)).await; // carried out ten seconds after the approval
        }
    }
    driver
        .drive("readErasureTasks", "GET", "/v1/erasure-tasks", None)
        .await;
    let path = format!("/v1/erasure-tasks/{}/acknowledgements", tasks[0]);
    let erased = json!({"outcome": "erased"});
    driver
        .drive("acknowledgeErasureTask", "POST", path, Some(erased))
        .await;
    let path = format!("{}/tasks/{}/answers", proposed[1], tasks[1]);
    let told = json!({"outcome": "told-otherwise"});
    driver.drive("answerErasureTask", "POST", path, Some(told)).await;
    let path = format!("{}/certificate", proposed[0]);
    driver.prove("readErasureCertificate", path).await;
}

/// What is told to others, and the receiver it is told to.
async fn webhooks(driver: &mut Driver) {
    let all = "/v1/webhook-endpoints";
    let listed = driver.drive("readWebhookEndpoints", "GET", all, None).await;
    let path = format!("{all}/{}", listed["items"][0]["id"].as_str().unwrap());
    let deliveries = format!("{path}/deliveries");
    let until = Instant::now() + Duration::from_secs(20);
    let delivery = loop {
        let page = driver.client.get(&deliveries).await.expect(200);
        if let Some(delivery) = page["items"][0]["id"].as_str() {
            break delivery.to_owned();
        }
        assert!(Instant::now() < until, "nothing is to be delivered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let changes = driver.drive("readChanges", "GET", "/v1/changes", None).await;
    assert!(!changes["items"].as_array().unwrap().is_empty());
    for (operation, method, path, body) in [
        ("readWebhookDeliveries", "GET", deliveries.clone(), None),
        ("readWebhookEndpoint", "GET", path.clone(), None),
        (
            "changeWebhookEndpoint",
            "PATCH",
            path.clone(),
            Some(json!({"state": "active"})),
        ),
        ("rotateWebhookSecret", "POST", format!("{path}/secrets"), None),
        (
            "replayWebhookDelivery",
            "POST",
            format!("{deliveries}/{delivery}/replays"),
            None,
        ),
    ] {
        driver.drive(operation, method, path, body).await;
    }
    // Another one, so that what waits for the first stays to be searched.
    let other = json!({"url": "http://127.0.0.1:9/elders"});
    let other = driver.client.post(all, &other).await.expect(201);
    let path = format!("{all}/{}", other["id"].as_str().unwrap());
    driver.drive("removeWebhookEndpoint", "DELETE", path, None).await;
}

fn with_each_text_replaced(body: &Value, text: &str) -> Vec<String> {
    fn places(value: &Value, here: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) => found.push(here.to_owned()),
            Value::Array(items) => {
                (items.iter().enumerate()).for_each(|(n, item)| places(item, &format!("{here}/{n}"), found))
            }
            Value::Object(map) => map
                .iter()
                .for_each(|(name, item)| places(item, &format!("{here}/{name}"), found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    places(body, "", &mut found);
    found
        .iter()
        .map(|place| {
            let mut changed = body.clone();
            *changed.pointer_mut(place).unwrap() = json!(text);
            changed.to_string()
        })
        .collect()
}

/// The operations of the committed document.
fn operations() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("openapi/v1.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let items = document["paths"].as_object().unwrap().values();
    items
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .map(str::to_owned)
        .collect()
}

fn nothing_personal_is_readable(url: &str, folder: &Path, mut places: Vec<PathBuf>, stop: impl FnOnce()) {
    let canaries = Canaries::new();
    let mut installation =
        Installation::new(url, folder, 2, "queue = 4096\n[webhooks]\nallow_private = true");
    let metrics = installation.serve_metrics();
    let Serving { mut program, address } = installation.start();
    let mut driver = Driver {
        client: installation.client(0, address),
        canaries: canaries.clone(),
        driven: BTreeSet::new(),
        sent: Vec::new(),
        errors: String::new(),
        wrong: 0,
    };
    let mut second = installation.client(1, address);
    let metrics = actix_web::rt::System::new().block_on(async {
        live(&mut driver, &mut second).await;
        let driven: BTreeSet<String> = driver
            .driven
            .iter()
            .map(|operation| (*operation).to_owned())
            .collect();
        assert_eq!(
            driven,
            operations(),
            "an operation of the document is not driven here"
        );
        go_wrong(&mut driver).await;
        assert!(driver.wrong > 400, "{} errors", driver.wrong);
        Client::new(metrics, "").get("/metrics").await.expect(200);
        Client::new(metrics, "").get("/metrics").await.text()
    });
    assert!(metrics.contains("# TYPE"), "{metrics}");

    // What came out of the service stands beside what it stored.
    let captured = tempfile::tempdir().unwrap();
    let searched = tempfile::tempdir().unwrap();
    std::fs::write(captured.path().join("errors"), &driver.errors).unwrap();
    std::fs::write(captured.path().join("metrics"), metrics).unwrap();
    places.push(captured.path().to_owned());

    // While it runs, with its journals; and after everything stopped.
    assert_eq!(
        search(&canaries.all(), &places, searched.path()),
        Vec::<String>::new()
    );
    let rows = Rows::open(url).counts();
    let filled = |table: &str| rows.iter().any(|(name, n)| name.ends_with(table) && *n > 0);
    for table in [
        "person_record",
        "person_identifier",
        "consent_event",
        "audit_private",
        "audit_batch",
        "idempotency",
        "message",
        "webhook_delivery",
        "erasure",
        "erasure_task",
    ] {
        assert!(
            filled(table),
            "{table} is empty: the search proves nothing about it"
        );
    }
    program.signal("TERM");
    assert_eq!(
        program.ended(Duration::from_secs(30)),
        Some(0),
        "{}",
        program.complained()
    );
    let log = program.complained();
    assert!(
        log.lines().count() > 400 && log.contains("\"route\""),
        "the log is too short to prove anything"
    );
    std::fs::write(captured.path().join("log"), log).unwrap();
    std::fs::write(captured.path().join("said"), program.said.join("\n")).unwrap();
    stop();
    assert_eq!(
        search(&canaries.all(), &places, searched.path()),
        Vec::<String>::new()
    );
    let stored: Vec<PathBuf> = places
        .iter()
        .filter(|place| *place != captured.path())
        .cloned()
        .collect();
    assert_eq!(
        search(&[&canaries.trace], &stored, searched.path()),
        Vec::<String>::new()
    );

    // The same search finds what is written there on purpose.
    std::fs::write(
        places[0].join("on-purpose"),
        [b"\0\x01", canaries.email.as_bytes(), b"\xff"].concat(),
    )
    .unwrap();
    assert_eq!(search(&canaries.all(), &places, searched.path()).len(), 1);
}

#[test]
fn nothing_personal_is_readable_on_sqlite() {
    let storage = TestStorage::new(Engine::Sqlite);
    nothing_personal_is_readable(storage.url(), storage.directory(), storage.places(), || {});
}

/// In a cluster of its own, so that it can be stopped before it is searched: tables, write-ahead log, the server's log.
#[test]
fn nothing_personal_is_readable_on_postgres() {
    let postgres = Postgres::private();
    let database = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    // First what would be found if the service stored a canary as it is: otherwise the search below proves nothing.
    let canaries = Canaries::new();
    database.psql(&format!(
        "CREATE TABLE c (a text); INSERT INTO c VALUES ('{}'); CHECKPOINT",
        canaries.email
    ));
    let searched = tempfile::tempdir().unwrap();
    let found = search(
        &canaries.all(),
        &[postgres.directory().to_owned()],
        searched.path(),
    );
    assert!(
        found.iter().any(|line| line.contains("/base/"))
            && found.iter().any(|line| line.contains("/pg_wal/"))
    );
    database.psql("DROP TABLE c");
    let places = vec![folder.path().to_owned(), postgres.directory().to_owned()];
    nothing_personal_is_readable(database.url(), folder.path(), places, || postgres.stop());
}
