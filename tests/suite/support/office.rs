//! Two officers, two systems and some members, over HTTP: what the tests of erasures stand on.

use std::time::Duration;

use akkoord::service::call::Scope;
use serde_json::{Value, json};

use super::engine::Engine;
use super::http::{Answer, Api, client, send};
use super::program::run;

pub const LINDE: &str = "bibliotheek-de-linde";

/// The client of the first officer and of the CRM.
pub const CRM: &str = "crm-test";
/// The client of the second officer.
pub const OTHER: &str = "officer-two";
/// The client of the mail system.
pub const MAILER: &str = "mailer-test";

/// A running node with the clients of an erasure.
pub struct Office {
    pub api: Api,
}

impl Office {
    pub async fn open(engine: Engine) -> Office {
        let api = Api::start(engine).await;
        for (id, system) in [(OTHER, "crm"), (MAILER, "mailer")] {
            client(&api.service, id, system, Scope::ALL.iter().copied().collect()).await;
        }
        Office { api }
    }

    async fn token(&self, client: &str) -> String {
        // The clock of these tests is faster than tokens live.
        self.api
            .service
            .access()
            .token_of(client)
            .await
            .unwrap()
            .access_token
    }

    /// A request as a client.
    pub async fn ask(&self, client: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token(client).await);
        let mut headers = vec![("Authorization", bearer.as_str())];
        let text = body.map(Value::to_string).unwrap_or_default();
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        send(self.api.server.addr, method, path, &headers, text.as_bytes()).await
    }

    /// A request as the first officer.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(CRM, "GET", path, None).await
    }

    /// A request as the first officer.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(CRM, "POST", path, Some(body)).await
    }

    /// A request as the first officer.
    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(CRM, "DELETE", path, None).await
    }

    /// Registers an adult with a member number and an e-mail address; the CRM's id.
    pub async fn member(&self, number: &str) -> String {
        self.register(number, "1980-05-01").await
    }

    pub async fn register(&self, number: &str, born: &str) -> String {
        let body = json!({ "organisation": LINDE, "birthDate": born, "identifiers": [
            { "scheme": "member-number", "value": number },
            { "scheme": "email", "value": format!("lid{number}@voorbeeld.example") },
        ] });
        let answer = self.post("/v1/people", &body).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
        answer.json()["personId"].as_str().unwrap().to_owned()
    }

    pub async fn consent(&self, number: &str) {
        let notice = self.api.service.catalogue().purposes["newsletter"]
            .purpose
            .version;
        let body = json!({ "person": person(number), "organisation": LINDE, "purpose": "newsletter", "status": "given",
            "noticeVersion": notice, "language": "nl", "indicationMethod": "web-form", "actor": { "type": "self" } });
        let answer = self.post("/v1/consents", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// May the newsletter be mailed? The decisive reason.
    pub async fn decide(&self, client: &str, number: &str) -> String {
        let body = json!({ "person": person(number), "organisation": LINDE, "purpose": "newsletter", "action": "contact",
            "channel": "email", "dataScopes": ["email"] });
        let answer = self.ask(client, "POST", "/v1/decisions", Some(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["reasons"][0]["code"].as_str().unwrap().to_owned()
    }

    /// A bulk check as the mail system.
    pub async fn check(&self, client: &str, numbers: &[&str]) {
        let path = format!(
            "/v1/decision-batches?organisation={LINDE}&purpose=newsletter&action=contact&channel=email&dataScopes=email&scheme=member-number"
        );
        let bearer = format!("Bearer {}", self.token(client).await);
        let list: String = numbers
            .iter()
            .map(|number| format!("{{\"value\":\"{number}\"}}\n"))
            .collect();
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/x-ndjson"),
        ];
        let answer = send(self.api.server.addr, "POST", &path, &headers, list.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Proposes as the first officer; the id.
    pub async fn propose(&self, number: &str, more: &Value) -> String {
        let mut body = json!({ "person": person(number), "organisation": LINDE, "ground": "17-1-b", "officer": "j.bakker" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = self.post("/v1/erasures", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Approves as the second officer.
    pub async fn approve(&self, id: &str) {
        let path = format!("/v1/erasures/{id}/approvals");
        let answer = self
            .ask(OTHER, "POST", &path, Some(&json!({ "officer": "m.visser" })))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    pub async fn erasure(&self, id: &str) -> Value {
        self.get(&format!("/v1/erasures/{id}")).await.json()
    }

    /// Lets seconds pass, and does what is due.
    pub async fn pass(&self, seconds: i64) {
        let now = self.api.service.world().now();
        self.api.world.turn_to(now.plus_seconds(seconds));
        let service = self.api.service.clone();
        tokio::task::spawn_blocking(move || service.do_chores().unwrap())
            .await
            .unwrap();
    }

    /// Proposed, approved and carried out.
    pub async fn erase(&self, number: &str, more: &Value) -> String {
        let id = self.propose(number, more).await;
        self.approve(&id).await;
        self.pass(11).await;
        let erasure = self.erasure(&id).await;
        assert_eq!(erasure["state"], "erased", "{erasure}");
        id
    }

    /// A new epoch, and what follows of it.
    pub async fn turn_epoch(&self) {
        let service = self.api.service.clone();
        let turned =
            tokio::task::spawn_blocking(move || service.turn_epoch(&service.operator().unwrap(), false));
        let turned = turned.await.unwrap().unwrap();
        assert_eq!(turned.destroyed.len(), 1, "{turned:?}");
        self.pass(1).await;
    }

    /// The certificate, once the log covers it.
    pub async fn certificate(&self, id: &str) -> Value {
        let path = format!("/v1/erasures/{id}/certificate");
        for _ in 0..200 {
            let answer = self.get(&path).await;
            if answer.status == 200 {
                return answer.json();
            }
            assert_eq!(answer.status, 404, "{}", answer.body);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no checkpoint covers the entries");
    }

    /// `akkoord erasure verify` of a certificate: its exit code and what it says.
    pub async fn verify(&self, certificate: &Value) -> (i32, String) {
        let folder = self.api.storage().directory();
        let file = folder.join("certificate.json");
        std::fs::write(&file, certificate.to_string()).unwrap();
        let mut arguments = vec![
            "erasure".to_owned(),
            "verify".to_owned(),
            file.display().to_string(),
        ];
        for log in ["consent", "admin"] {
            arguments.extend([
                "--key".to_owned(),
                self.api
                    .get(&format!("/log/{log}/vkey"))
                    .await
                    .body
                    .trim()
                    .to_owned(),
            ]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = run(&arguments);
        (ended.code, format!("{}{}", ended.stdout, ended.stderr))
    }
}

pub fn person(number: &str) -> Value {
    json!({ "scheme": "member-number", "value": number })
}
