//! Erasing somebody on request: two officers, one task for each system that received a permit, and a certificate that
//! anybody verifies offline.

use serde_json::{Value, json};

use crate::support::office::{CRM, LINDE, MAILER, OTHER, Office, person};
use crate::support::rows::Rows;

const ANNA: &str = "2000000001";
const BERT: &str = "2000000002";

fn none() -> Value {
    json!({})
}

both_engines! {
    async fn two_officers_erase_somebody_and_every_recipient_answers(engine) {
        let office = Office::open(engine).await;
        let (crm, mailer) = (CRM, MAILER);
        let anna = office.member(ANNA).await;
        office.member(BERT).await;
        office.consent(ANNA).await;
        office.consent(BERT).await;
        assert_eq!(office.decide(crm, ANNA).await, "permit-consent");
        // The mail system asks in a list only, and about Bert too.
        office.check(mailer, &[ANNA, BERT]).await;

        let id = office.propose(ANNA, &none()).await;
        let proposed = office.erasure(&id).await;
        assert_eq!((&proposed["state"], &proposed["personId"]), (&json!("proposed"), &json!(anna)));
        assert_eq!(proposed["proposed"]["officer"], "j.bakker");
        assert_eq!(proposed["organisations"], json!([LINDE]));
        let exceptions = proposed["exceptions"].as_array().unwrap();
        let what = |what: &str| exceptions.iter().find(|exception| exception["what"] == what);
        assert_eq!(what("log-entries").unwrap()["ground"], "gdpr-5-2");
        assert!(what("log-entries").unwrap()["until"].as_str().unwrap() > "2031");
        assert!(what("legal-retention").is_some_and(|kept| kept["ground"] == "17-3-b" && kept["term"].is_string()));
        assert_eq!(office.decide(crm, ANNA).await, "permit-consent", "nothing happened yet");

        // One person cannot do both: not under another name, and not through another client.
        let approvals = format!("/v1/erasures/{id}/approvals");
        for (token, officer) in [(crm, "m.visser"), (OTHER, "J.Bakker ")] {
            let refused = office.ask(token, "POST", &approvals, Some(&json!({ "officer": officer }))).await;
            assert_eq!((refused.status, refused.problem().0.as_str()), (403, "another-officer-needed"));
        }
        let again = json!({ "person": person(ANNA), "organisation": LINDE, "ground": "17-1-a", "officer": "x" });
        assert_eq!(office.post("/v1/erasures", &again).await.problem().0, "erasure-under-way");
        let early = office.get(&format!("/v1/erasures/{id}/certificate")).await;
        assert_eq!((early.status, early.problem().0.as_str()), (409, "not-erased-yet"));

        office.approve(&id).await;
        assert_eq!(office.decide(crm, ANNA).await, "deny-restricted", "denied at once");
        let twice = office.ask(OTHER, "POST", &approvals, Some(&json!({ "officer": "m.visser" }))).await;
        assert_eq!((twice.status, twice.problem().0.as_str()), (409, "erasure-state"));
        office.pass(11).await;
        let erased = office.erasure(&id).await;
        assert_eq!(erased["state"], "erased", "{erased}");
        assert!(erased["erasedAt"].is_string() && erased["keyDeletedAt"].is_string());
        assert!(matches!(office.decide(crm, ANNA).await.as_str(), "deny-erased" | "deny-unknown-subject"));
        assert_eq!(office.decide(crm, BERT).await, "permit-consent");
        let lookup = json!({ "organisation": LINDE, "scheme": "member-number", "value": ANNA });
        assert_eq!(office.post("/v1/people/lookups", &lookup).await.status, 404);
        assert_ne!(office.get(&format!("/v1/people/{anna}/consents")).await.status, 200);
        let withdrawn = office.delete(&format!("/v1/erasures/{id}")).await;
        assert_eq!((withdrawn.status, withdrawn.problem().0.as_str()), (409, "erasure-state"));

        // One task for each system that really received a permit, by its own ids.
        let tasks = async |token: &str| -> Vec<Value> {
            let page = office.ask(token, "GET", "/v1/erasure-tasks", None).await.json();
            page["items"].as_array().unwrap().clone()
        };
        let (of_crm, of_mailer) = (tasks(crm).await, tasks(mailer).await);
        assert_eq!((of_crm.len(), of_mailer.len()), (1, 1), "{of_crm:?} {of_mailer:?}");
        assert_eq!(of_crm[0]["people"], json!([{ "organisation": LINDE, "personId": anna }]));
        assert_ne!(of_mailer[0]["people"], of_crm[0]["people"]);
        assert_eq!(of_mailer[0]["state"], "pending");
        assert!(of_crm[0].get("erasureId").is_none(), "two systems cannot join their tasks");
        let acknowledge = async |token: &str, task: &Value, body: Value| {
            let path = format!("/v1/erasure-tasks/{}/acknowledgements", task["id"].as_str().unwrap());
            office.ask(token, "POST", &path, Some(&body)).await
        };
        let erased = json!({ "outcome": "erased" });
        assert_eq!(acknowledge(crm, &of_mailer[0], erased.clone()).await.status, 404, "another system's task");
        let kept = json!({ "outcome": "kept", "ground": "17-3-b", "until": "2034-01-01" });
        assert_eq!(acknowledge(crm, &of_crm[0], json!({ "outcome": "kept" })).await.problem().1, ["/ground"]);
        assert_eq!(acknowledge(crm, &of_crm[0], json!({ "outcome": "impossible" })).await.problem().1, ["/outcome"]);
        let first = acknowledge(crm, &of_crm[0], kept.clone()).await;
        assert_eq!((first.status, &first.json()["keptUntil"]), (200, &json!("2033-12-31T23:00:00.000Z")));
        let written = || Rows::open(office.api.storage().url()).written();
        let before = written();
        let second = acknowledge(crm, &of_crm[0], kept).await;
        assert_eq!((second.status, second.json()), (200, first.json()), "the same answer again changes nothing");
        assert_eq!(written(), before);
        assert_eq!(acknowledge(crm, &of_crm[0], json!({ "outcome": "not-held" })).await.status, 409);
        assert_eq!(acknowledge(crm, &of_crm[0], erased.clone()).await.status, 200, "later it is erased too");

        let interim = office.certificate(&id).await;
        assert_eq!((&interim["state"], &interim["epochDestroyedAt"]), (&json!("erased"), &Value::Null));
        let (code, said) = office.verify(&interim).await;
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("1 without an answer") && said.contains("epoch key destroyed    not yet"), "{said}");

        assert_eq!(acknowledge(mailer, &of_mailer[0], erased).await.status, 200);
        office.turn_epoch().await;
        office.pass(1).await;
        let complete = office.erasure(&id).await;
        assert_eq!(complete["state"], "complete", "{complete}");
        assert_eq!(office.decide(crm, BERT).await, "permit-consent", "everybody else is readable");

        let certificate = office.certificate(&id).await;
        let (code, said) = office.verify(&certificate).await;
        assert_eq!(code, 0, "{said}");
        for kind in [
            "erasure.proposed", "erasure.approved", "erasure.key-deleted", "key.epoch-destroyed", "erasure.acknowledged",
            "erasure.completed",
        ] {
            assert!(said.contains(kind), "{kind}: {said}");
        }
        assert!(!certificate.to_string().contains("bakker"), "officers are not for members");
        for (member, value) in [
            ("/keyDeletedAt", json!("2027-01-01T00:00:00Z")), ("/recipients/0/outcome", json!("not-held")),
            ("/entries/0/kind", json!("erasure.refused")), ("/organisation", json!("bibliotheek-de-rietkraag")),
        ] {
            let mut changed = certificate.clone();
            *changed.pointer_mut(member).unwrap() = value;
            let (code, said) = office.verify(&changed).await;
            assert_eq!(code, 1, "{member}: {said}");
        }
        let mut unsigned = certificate.clone();
        unsigned.as_object_mut().unwrap().remove("signature");
        assert_eq!(office.verify(&unsigned).await.0, 1);
        let pdf = office.api.send("GET", &format!("/v1/erasures/{id}/certificate"), &[("Accept", "application/pdf")], "").await;
        assert_eq!((pdf.status, pdf.header("content-type")), (200, Some("application/pdf")));
        assert!(pdf.body.starts_with("%PDF-"));

        // Officers list erasures by state.
        let listed = office.get("/v1/erasures?state=complete").await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        assert_eq!(office.get("/v1/erasures?state=proposed").await.json()["items"], json!([]));
        assert_eq!(office.get("/v1/erasures?state=gone").await.status, 400);
    }

    async fn what_was_proposed_is_withdrawn_refused_or_waits(engine) {
        let office = Office::open(engine).await;
        let crm = CRM;
        office.member(ANNA).await;
        office.consent(ANNA).await;

        let id = office.propose(ANNA, &json!({ "coolingOffDays": 7 })).await;
        office.approve(&id).await;
        assert_eq!(office.erasure(&id).await["state"], "cooling-off");
        office.pass(6 * 86_400).await;
        assert_eq!(office.erasure(&id).await["state"], "cooling-off");
        assert_eq!(office.decide(crm, ANNA).await, "deny-restricted");
        let withdrawn = office.delete(&format!("/v1/erasures/{id}")).await;
        assert_eq!((withdrawn.status, &withdrawn.json()["state"]), (200, &json!("withdrawn")), "{withdrawn:?}");
        assert_eq!(office.decide(crm, ANNA).await, "permit-consent", "it is as before");
        office.pass(30 * 86_400).await;
        assert_eq!(office.erasure(&id).await["state"], "withdrawn");

        let id = office.propose(ANNA, &none()).await;
        let refusal = json!({ "officer": "m.visser", "ground": "17-3-e", "reason": "A claim is before the court.",
            "until": "2028-06-01" });
        let path = format!("/v1/erasures/{id}/refusals");
        let refused = office.ask(OTHER, "POST", &path, Some(&refusal)).await;
        assert_eq!((refused.status, &refused.json()["state"]), (201, &json!("refused")), "{refused:?}");
        let refused = office.erasure(&id).await;
        assert_eq!(refused["refused"], json!({ "ground": "17-3-e", "until": "2028-05-31T22:00:00.000Z" }));
        office.pass(86_400).await;
        assert_eq!(office.decide(crm, ANNA).await, "permit-consent");
        let approval = json!({ "officer": "m.visser" });
        let late = office.ask(OTHER, "POST", &format!("/v1/erasures/{id}/approvals"), Some(&approval)).await;
        assert_eq!(late.problem().0, "erasure-state");

        // A legal hold lets it wait, denied, until the hold ends.
        let hold = json!({ "person": person(ANNA), "organisation": LINDE, "reason": "lost books" });
        assert_eq!(office.post("/v1/retention-holds", &hold).await.status, 201);
        let id = office.propose(ANNA, &none()).await;
        office.approve(&id).await;
        office.pass(60).await;
        let waits = office.erasure(&id).await;
        assert_eq!(waits["state"], "approved");
        let exceptions = waits["exceptions"].as_array().unwrap();
        assert!(exceptions.iter().any(|exception| exception["what"] == "legal-hold" && exception["blocks"] == true), "{waits}");
        assert_eq!(office.decide(crm, ANNA).await, "deny-restricted");
        assert_eq!(office.delete(&format!("/v1/erasures/{id}")).await.status, 200);

        // A restriction of the person's own stays when an erasure is withdrawn.
        let own = json!({ "person": person(ANNA), "organisation": LINDE, "ground": "accuracy", "actor": { "type": "self" } });
        assert_eq!(office.post("/v1/restrictions", &own).await.status, 201);
        let id = office.propose(ANNA, &none()).await;
        office.approve(&id).await;
        assert_eq!(office.delete(&format!("/v1/erasures/{id}")).await.status, 200);
        assert_eq!(office.decide(crm, ANNA).await, "deny-restricted");

        for (body, pointer) in [
            (json!({ "ground": "17" }), "/ground"), (json!({ "coolingOffDays": 29 }), "/coolingOffDays"),
            (json!({ "officer": " " }), "/officer"), (json!({ "rightsRequestId": "x" }), "/rightsRequestId"),
        ] {
            let mut whole = json!({ "person": person(ANNA), "organisation": LINDE, "ground": "17-1-b", "officer": "x" });
            for (name, value) in body.as_object().unwrap() {
                whole[name] = value.clone();
            }
            assert_eq!(office.post("/v1/erasures", &whole).await.problem().1, [pointer]);
        }
        for path in ["/v1/erasures/x", "/v1/erasures/8f14e45fceea167a5a36dedd4bea2543"] {
            assert_eq!(office.get(path).await.status, 404);
        }
    }

    async fn a_guardian_goes_and_the_children_stay(engine) {
        let office = Office::open(engine).await;
        let crm = CRM;
        let child = office.register(BERT, "2020-05-01").await;
        office.member(ANNA).await;
        let link = json!({ "guardian": person(ANNA), "verification": "desk" });
        assert_eq!(office.post(&format!("/v1/people/{child}/guardians"), &link).await.status, 201);
        let id = office.propose(ANNA, &none()).await;
        let proposed = office.erasure(&id).await;
        let exceptions = proposed["exceptions"].as_array().unwrap();
        let guardian = exceptions.iter().find(|exception| exception["what"] == "guardian-of-children").unwrap();
        assert_eq!((&guardian["count"], &guardian["ground"]), (&json!(1), &json!("gdpr-8")));
        office.approve(&id).await;
        office.pass(11).await;
        assert_eq!(office.erasure(&id).await["state"], "erased");
        let events = office.get(&format!("/v1/people/{child}/consent-events")).await;
        assert!(events.body.contains("guardian-unlinked") || events.body.contains("guardian.unlinked"), "{}", events.body);
        // Another guardian can be linked, and the child can be asked about.
        assert!(office.decide(crm, BERT).await.starts_with("deny-"));
        office.member("2000000003").await;
        let link = json!({ "guardian": person("2000000003"), "verification": "desk" });
        assert_eq!(office.post(&format!("/v1/people/{child}/guardians"), &link).await.status, 201);

        // A child goes, and the guardian no longer has it.
        let id = office.erase(BERT, &none()).await;
        assert_eq!(office.erasure(&id).await["state"], "erased");
        let id = office.propose("2000000003", &none()).await;
        let text = office.erasure(&id).await.to_string();
        assert!(!text.contains("guardian-of-children"), "{text}");
    }

    async fn who_was_merged_goes_with_the_survivor(engine) {
        let office = Office::open(engine).await;
        let (keep, gone) = (office.member(ANNA).await, office.member(BERT).await);
        office.consent(BERT).await;
        assert_eq!(office.decide(MAILER, BERT).await, "permit-consent");
        let id = office.propose(BERT, &none()).await;
        let merge = json!({ "keep": keep, "merge": gone, "reason": "same person" });
        assert_eq!(office.post("/v1/people/merges", &merge).await.status, 201);
        office.approve(&id).await;
        office.pass(11).await;
        let erased = office.erasure(&id).await;
        assert_eq!((&erased["state"], &erased["personId"]), (&json!("erased"), &json!(keep)));
        // The mail system knew the merged one: it is told both ids.
        let tasks = office.ask(MAILER, "GET", "/v1/erasure-tasks?state=pending", None).await.json();
        assert_eq!(tasks["items"][0]["people"].as_array().unwrap().len(), 2, "{tasks}");
        for number in [ANNA, BERT] {
            assert!(office.decide(MAILER, number).await.starts_with("deny-"));
        }
        let mut rows = Rows::open(office.api.storage().url());
        for table in ["person_record", "person_identifier", "consent_event", "keystore.person_key", "idempotency"] {
            assert_eq!(rows.count_of(table, "person_id IN (SELECT id FROM person)"), 0, "{table}");
        }
    }

    async fn an_objection_outlives_the_data(engine) {
        let office = Office::open(engine).await;
        let crm = CRM;
        office.member(ANNA).await;
        office.consent(ANNA).await;
        let objection = json!({ "person": person(ANNA), "organisation": LINDE, "directMarketing": true,
            "indicationMethod": "phone", "actor": { "type": "self" } });
        assert_eq!(office.post("/v1/objections", &objection).await.status, 201);
        office.erase(ANNA, &none()).await;
        let kept = || Rows::open(office.api.storage().url()).count_of("suppression", "1 = 1");
        assert_eq!(kept(), 2, "a hash of each identifier");

        // The same member number comes back from an import, with another address.
        let again = json!({ "organisation": LINDE, "identifiers": [{ "scheme": "member-number", "value": ANNA }], "birthDate": "1980-05-01" });
        assert_eq!(office.post("/v1/people", &again).await.status, 201);
        office.consent(ANNA).await;
        assert_eq!(office.decide(crm, ANNA).await, "deny-objection");
        // The old address alone is recognised too.
        let address = json!({ "organisation": LINDE, "identifiers": [{ "scheme": "member-number", "value": BERT }], "birthDate": "1980-05-01" });
        let bert = office.post("/v1/people", &address).await.json()["personId"].as_str().unwrap().to_owned();
        office.consent(BERT).await;
        assert_eq!(office.decide(crm, BERT).await, "permit-consent");
        let address = json!({ "scheme": "email", "value": format!("lid{ANNA}@voorbeeld.example") });
        assert_eq!(office.post(&format!("/v1/people/{bert}/identifiers"), &address).await.status, 201);
        assert_eq!(office.decide(crm, BERT).await, "deny-objection");

        // Who lifts it is not caught by it again.
        let lift = json!({ "person": person(BERT), "organisation": LINDE, "directMarketing": true,
            "indicationMethod": "phone", "actor": { "type": "self" } });
        assert_eq!(office.post("/v1/objection-liftings", &lift).await.status, 201);
        assert_eq!(kept(), 1);
        assert_eq!(office.decide(crm, BERT).await, "permit-consent");

        // Who asks to be erased because of an objection has objected, also without a word before.
        office.member("2000000003").await;
        office.erase("2000000003", &json!({ "ground": "17-1-c" })).await;
        office.member("2000000003").await;
        office.consent("2000000003").await;
        assert_eq!(office.decide(crm, "2000000003").await, "deny-objection");
        // Who had not objected begins anew.
        office.member("2000000004").await;
        office.erase("2000000004", &none()).await;
        office.member("2000000004").await;
        office.consent("2000000004").await;
        assert_eq!(office.decide(crm, "2000000004").await, "permit-consent");
    }

    async fn a_system_that_does_not_answer_is_reported(engine) {
        let office = Office::open(engine).await;
        office.member(ANNA).await;
        office.consent(ANNA).await;
        office.decide(MAILER, ANNA).await;
        let id = office.erase(ANNA, &none()).await;
        office.turn_epoch().await;
        assert_eq!(office.erasure(&id).await["state"], "epoch-destroyed");
        office.pass(13 * 86_400).await;
        assert_eq!(office.erasure(&id).await["tasks"][0]["state"], "pending");
        office.pass(86_400).await;
        let late = office.erasure(&id).await;
        assert_eq!((&late["tasks"][0]["state"], &late["state"]), (&json!("escalated"), &json!("epoch-destroyed")));
        assert!(late["tasks"][0]["escalatedAt"].is_string());
        let answers = format!("/v1/erasures/{id}/tasks/{}/answers", late["tasks"][0]["id"].as_str().unwrap());
        assert_eq!(office.post(&answers, &json!({ "outcome": "erased" })).await.status, 400, "not an officer's word");
        let told = office.post(&answers, &json!({ "outcome": "told-otherwise" })).await;
        assert_eq!(told.status, 200, "{}", told.body);
        office.pass(1).await;
        assert_eq!(office.erasure(&id).await["state"], "complete");
        let (code, said) = office.verify(&office.certificate(&id).await).await;
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("erasure.escalated"), "{said}");
    }

    async fn a_running_request_is_answered_first(engine) {
        let office = Office::open(engine).await;
        office.member(ANNA).await;
        let enter = async |kind: &str| {
            let body = json!({ "person": person(ANNA), "organisation": LINDE, "type": kind });
            let entered = office.post("/v1/rights-requests", &body).await;
            assert_eq!(entered.status, 201, "{}", entered.body);
            entered.json()
        };
        let (access, erasure) = (enter("access").await, enter("erasure").await);
        let other = json!({ "person": person(ANNA), "organisation": LINDE, "ground": "17-1-b", "officer": "j.bakker",
            "rightsRequestId": access["requestId"] });
        assert_eq!(office.post("/v1/erasures", &other).await.problem().1, ["/rightsRequestId"], "not one for erasure");
        let id = office.propose(ANNA, &json!({ "rightsRequestId": erasure["requestId"] })).await;
        let proposed = office.erasure(&id).await;
        assert_eq!(proposed["rightsRequestId"], erasure["requestId"]);
        let exceptions = proposed["exceptions"].as_array().unwrap();
        let waits = exceptions.iter().find(|exception| exception["what"] == "open-rights-request").unwrap();
        assert_eq!((&waits["count"], &waits["blocks"], &waits["until"]), (&json!(1), &json!(true), &access["dueAt"]));
        office.approve(&id).await;
        office.pass(60).await;
        assert_eq!(office.erasure(&id).await["state"], "approved", "it waits for the answer");

        // Read again: the restriction of the approval may have moved it on.
        let path = format!("/v1/rights-requests/{}", access["requestId"].as_str().unwrap());
        let revision = office.get(&path).await.json()["revision"].clone();
        let closed = json!({ "revision": revision, "officer": "j.bakker", "close": { "explanation": "Taken back by telephone." } });
        let answer = office.ask(CRM, "PATCH", &path, Some(&closed)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        office.pass(1).await;
        assert_eq!(office.erasure(&id).await["state"], "erased");
        let path = format!("/v1/rights-requests/{}", erasure["requestId"].as_str().unwrap());
        let done = office.get(&path).await.json();
        assert_eq!((&done["state"], &done["personErased"]), (&json!("fulfilled"), &json!(true)), "{done}");
    }

    async fn two_nodes_and_a_node_that_died_halfway(engine) {
        let office = Office::open(engine).await;
        let storage = office.api.storage();
        for number in [ANNA, BERT] {
            office.member(number).await;
            office.consent(number).await;
            office.decide(MAILER, number).await;
        }
        let b = crate::support::service::node(storage, &office.api.world, "node-b");
        let chores = async |service: &akkoord::service::Service| {
            let service = service.clone();
            tokio::task::spawn_blocking(move || service.do_chores().unwrap()).await.unwrap()
        };
        let id = office.propose(ANNA, &none()).await;
        office.approve(&id).await;
        office.api.world.turn_to(office.api.service.world().now().plus_seconds(11));
        // Both at once; one has the turn.
        let (here, there) = tokio::join!(chores(&office.api.service), chores(&b));
        assert!(here > 0 || there > 0);
        assert_eq!(office.erasure(&id).await["state"], "erased");
        let mut rows = Rows::open(storage.url());
        assert_eq!(rows.count_of("erasure_task", "1 = 1"), 1);
        assert_eq!(rows.count_of("erasure_entry", "kind = 'erasure.key-deleted'"), 1);

        // A node took the turn, began, and died before the rows were gone: another one goes on when the turn is over.
        let id = office.propose(BERT, &none()).await;
        office.approve(&id).await;
        rows.run("UPDATE erasure SET state = 'executing' WHERE state = 'approved'");
        rows.run("UPDATE meta SET value = 'node-dead~' || (SELECT max(proposed_at) + 70000000 FROM erasure) WHERE key = 'turn:erasures'");
        office.pass(20).await;
        assert_eq!(office.erasure(&id).await["state"], "executing", "the other node may still be at it");
        office.api.world.turn_to(office.api.service.world().now().plus_seconds(60));
        chores(&b).await;
        assert_eq!(office.erasure(&id).await["state"], "erased");

        // It died after the rows went, and the commit of the key store was lost: the key goes all the same.
        rows.run("INSERT INTO keystore.person_key (person_id, version, epoch, wrapped, kcv) \
                  SELECT person_id, 1, 1, person_id, person_id FROM erasure");
        assert_eq!(rows.count_of("keystore.person_key", "person_id IN (SELECT person_id FROM erasure)"), 2);
        rows.run("UPDATE erasure SET state = 'executing', key_deleted_at = NULL");
        office.api.world.turn_to(office.api.service.world().now().plus_seconds(61));
        chores(&office.api.service).await;
        assert_eq!(rows.count_of("erasure", "state = 'erased' AND key_deleted_at IS NOT NULL"), 2);
        assert_eq!(rows.count_of("keystore.person_key", "person_id IN (SELECT person_id FROM erasure)"), 0);
        let service = b.clone();
        tokio::task::spawn_blocking(move || service.stop()).await.unwrap();
    }
}
