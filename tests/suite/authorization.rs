//! Every operation, asked by everybody: the table `authorization_matrix.txt` says what each role is answered. A route
//! that is not in it fails here, as does one whose request is not written below. `BLESS=1` rewrites the table; what it may
//! never say is checked besides.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use akkoord::api;
use akkoord::outward::webhook::{WebhookClient, WebhookSettings};
use akkoord::service::Service;
use akkoord::service::access::client::ClientId;
use akkoord::service::access::{AccessOptions, Credential, NewClient};
use akkoord::service::call::Scope;
use akkoord::service::propagate::{PropagationOptions, Tempo};
use akkoord::web::server::{RunningServer, ServerOptions, start};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::engine::{Engine, TestStorage};
use crate::support::http::{Answer, send};
use crate::support::service::{PUBLIC_BASE, clock, node_of, shipped};
use crate::support::source::root;
use crate::support::store::NOW;

const TABLE: &str = "tests/suite/authorization_matrix.txt";
const LINDE: &str = "bibliotheek-de-linde";

/// A system that works for another library than the one that is asked about.
const ELSEWHERE: &str = r#"
[[system]]
id = "rietkraag-crm"
title = { nl = "Klantsysteem van De Rietkraag", en = "Customer system of De Rietkraag" }
recipient = "Kolibrie Klantzorg BV"
organisations = ["bibliotheek-de-rietkraag"]
identifier_schemes = ["member-number", "email"]
limits = { per_second = 500, burst = 1000 }
"#;

/// Operations outside the document, with the scope they need; none when they are for everybody.
const OUTSIDE: [(&str, Option<Scope>); 18] = [
    ("GET /u/{token}", None),
    ("POST /u/{token}", None),
    ("GET /docs", None),
    ("GET /docs/{file}", None),
    ("POST /access/v1/evaluation", Some(Scope::DecisionsCheck)),
    ("POST /access/v1/evaluations", Some(Scope::DecisionsCheck)),
    ("POST /access/v1/search/subject", Some(Scope::DecisionsCheck)),
    ("POST /access/v1/search/action", Some(Scope::DecisionsCheck)),
    ("POST /access/v1/search/resource", Some(Scope::DecisionsCheck)),
    ("GET /.well-known/authzen-configuration", None),
    ("POST /oauth2/token", None),
    ("GET /.well-known/oauth-authorization-server", None),
    ("GET /.well-known/jwks.json", None),
    ("GET /log/{name}/checkpoint", None),
    ("GET /log/{name}/witnessed-checkpoint", None),
    ("GET /log/{name}/minimum-index", None),
    ("GET /log/{name}/vkey", None),
    ("GET /log/{name}/tile/{tile}*", None),
];

/// Who asks. All but the last lack one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// No token.
    Anonymous,
    /// A client that was revoked.
    Revoked,
    /// Every scope but the one that is needed.
    NoScope,
    /// A system that works for another library.
    OtherOrganisation,
    /// The ids by which another system knows the same people.
    ForeignId,
    /// Lacks nothing.
    Right,
}

const ROLES: [(Role, &str); 6] = [
    (Role::Anonymous, "anonymous"),
    (Role::Revoked, "revoked"),
    (Role::NoScope, "no scope"),
    (Role::OtherOrganisation, "other organisation"),
    (Role::ForeignId, "foreign id"),
    (Role::Right, "right"),
];

struct House {
    service: Service,
    world: std::sync::Arc<akkoord::world::TurnedWorld>,
    server: RunningServer,
    _storage: TestStorage,
}

/// The people of one operation, by the ids of one system.
#[derive(Clone)]
struct People {
    person: String,
    other: String,
    child: String,
}

/// What one operation is tried on.
struct Case {
    numbers: [String; 3],
    ours: People,
    theirs: People,
    identifier: String,
    receipt: Value,
    decision: String,
    unsubscribe: String,
    export: String,
    report: String,
    notice: u32,
    /// A rights request, where the operation is about one.
    request: String,
    /// A receiver of webhooks and what waits for it, where the operation is about one.
    webhook: (String, String),
    /// An erasure and its task of the CRM, where the operation is about one.
    erasure: (String, String),
}

impl House {
    async fn start(engine: Engine) -> Self {
        let (storage, world) = (TestStorage::new(engine), clock());
        let mut files = shipped();
        let systems = format!("{}{ELSEWHERE}", files.text("systems.toml").unwrap());
        files.insert("systems.toml", systems);
        let service = node_of(&storage, &world, "node-a", AccessOptions::new(PUBLIC_BASE), files);
        let options = ServerOptions {
            workers: 1,
            ..ServerOptions::at("127.0.0.1:0".parse().unwrap())
        };
        let server = start(&options, &service, &[api::face()]).unwrap();
        // Receivers in this test are on this machine, and none is there.
        let settings = WebhookSettings {
            allow_private: true,
            timeout: std::time::Duration::from_secs(1),
        };
        let options = PropagationOptions {
            sender: std::sync::Arc::new(WebhookClient::new(settings).unwrap()),
            tempo: Tempo::default(),
        };
        service.start_propagation(options).unwrap();
        let house = Self {
            service,
            world,
            server,
            _storage: storage,
        };
        let operator = house.service.operator().unwrap();
        for (id, system) in [
            ("right", "crm"),
            ("revoked", "crm"),
            ("elsewhere", "rietkraag-crm"),
            ("foreign", "mailer"),
        ] {
            let new = NewClient {
                id: ClientId::parse(id).unwrap(),
                system: system.parse().unwrap(),
                scopes: Scope::ALL.iter().copied().collect(),
                credential: Credential::Secret,
            };
            house.service.add_client(&operator, new).await.unwrap();
        }
        house.service.revoke_client(&operator, "revoked").await.unwrap();
        house
    }

    /// A token of a client with every scope but one, signed with the service's own key.
    fn token(&self, client: &str, but: Option<Scope>) -> String {
        let scopes: Vec<&str> = Scope::ALL
            .iter()
            .filter(|s| Some(**s) != but)
            .map(|s| s.as_str())
            .collect();
        let (_, kid) = self.service.sign(b"");
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid });
        let claims = json!({ "iss": PUBLIC_BASE, "aud": PUBLIC_BASE, "sub": client, "client_id": client, "azp": client,
            "iat": NOW.seconds(), "exp": NOW.seconds() + 600, "jti": client, "scope": scopes.join(" ") });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let (signature, _) = self.service.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    async fn send(&self, token: Option<&str>, method: &str, path: &str, body: &Body) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers: Vec<(&str, &str)> = Vec::new();
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        let text = match body {
            Body::None => String::new(),
            Body::Json(value) => {
                headers.push(("Content-Type", "application/json"));
                value.to_string()
            }
            Body::Form(text) => {
                headers.push(("Content-Type", "application/x-www-form-urlencoded"));
                (*text).to_owned()
            }
            Body::Lines(text) => {
                headers.push(("Content-Type", "application/x-ndjson"));
                text.clone()
            }
        };
        send(self.server.addr, method, path, &headers, text.as_bytes()).await
    }

    /// Does something as the right client; it must work.
    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let token = self.token("right", None);
        let answer = self.send(Some(&token), method, path, &Body::Json(body)).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        answer.json()
    }

    async fn register(&self, number: &str, born: &str) -> String {
        let body = json!({ "organisation": LINDE, "identifiers": [{ "scheme": "member-number", "value": number }],
            "birthDate": born, "language": "nl" });
        let registered = self.done("POST", "/v1/people", body).await;
        registered["personId"].as_str().unwrap().to_owned()
    }

    /// Fresh people for one operation, so that no operation stands in the way of another.
    async fn case(&self, at: usize, operation: &str) -> Case {
        let numbers = [1, 2, 3].map(|n| format!("2000{:06}", at * 10 + n));
        let ours = People {
            person: self.register(&numbers[0], "1980-05-01").await,
            other: self.register(&numbers[1], "1985-05-01").await,
            child: self.register(&numbers[2], "2019-05-01").await,
        };
        let theirs = async |number: &str| {
            let body = json!({ "scheme": "member-number", "value": number, "organisation": LINDE });
            let token = self.token("foreign", None);
            let answer = self
                .send(Some(&token), "POST", "/v1/people/lookups", &Body::Json(body))
                .await;
            answer.json()["personId"].as_str().unwrap().to_owned()
        };
        let theirs = People {
            person: theirs(&numbers[0]).await,
            other: theirs(&numbers[1]).await,
            child: theirs(&numbers[2]).await,
        };
        let path = format!("/v1/people/{}/identifiers", ours.person);
        let added = json!({ "scheme": "email", "value": format!("lid{at}@example.org") });
        let identifier = self.done("POST", &path, added).await["identifierId"]
            .as_str()
            .unwrap()
            .to_owned();
        let notice = self.service.catalogue().purposes["newsletter"].purpose.version;
        let yes = consent(&json!({ "personId": ours.other }), notice);
        let receipt = self.done("POST", "/v1/consents", yes).await;
        let decision = self
            .done(
                "POST",
                "/v1/decisions",
                question(&json!({ "personId": ours.other })),
            )
            .await;
        let url = decision["obligations"][0]["url"].as_str().unwrap();
        let export = if operation.contains("/audit-exports/") {
            let export = self.done("POST", "/v1/audit-exports", export()).await;
            export["exportId"].as_str().unwrap().to_owned()
        } else {
            String::new()
        };
        let report = if operation.contains("/reports/") {
            let report = self.done("POST", "/v1/reports", report()).await;
            report["reportId"].as_str().unwrap().to_owned()
        } else {
            String::new()
        };
        let request = match operation.contains("/rights-requests/{") {
            true => self.rights_request(&ours.person).await,
            false => String::new(),
        };
        let case = Case {
            report,
            unsubscribe: url.rsplit('/').next().unwrap().to_owned(),
            ours,
            theirs,
            identifier,
            request,
            webhook: match operation.contains("/webhook-endpoints/{") {
                true => self.webhook(at, receipt["personId"].as_str().unwrap()).await,
                false => Default::default(),
            },
            erasure: match operation.contains("/erasures/{") || operation.contains("/erasure-tasks/{") {
                true => self.erasure(operation, &numbers[1]).await,
                false => Default::default(),
            },
            numbers,
            receipt,
            decision: decision["decisionId"].as_str().unwrap().to_owned(),
            export,
            notice,
        };
        self.before(operation, &case).await;
        case
    }

    /// A request for access.
    async fn rights_request(&self, person: &str) -> String {
        let body = json!({ "person": { "personId": person }, "organisation": LINDE, "type": "access" });
        let request = self.done("POST", "/v1/rights-requests", body).await;
        request["requestId"].as_str().unwrap().to_owned()
    }

    /// A receiver that never answers, with a message that waits for it.
    async fn webhook(&self, at: usize, person: &str) -> (String, String) {
        let url = format!("http://127.0.0.1:9/{at}");
        let endpoint = self
            .done("POST", "/v1/webhook-endpoints", json!({ "url": url }))
            .await;
        let id = endpoint["id"].as_str().unwrap().to_owned();
        let objection = json!({ "person": { "personId": person }, "organisation": LINDE, "directMarketing": true,
            "indicationMethod": "phone", "actor": { "type": "self" } });
        self.done("POST", "/v1/objections", objection).await;
        let token = self.token("right", None);
        let path = format!("/v1/webhook-endpoints/{id}/deliveries");
        loop {
            let page = self.send(Some(&token), "GET", &path, &Body::None).await.json();
            if let Some(delivery) = page["items"][0]["id"].as_str() {
                return (id, delivery.to_owned());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// An erasure that another system proposed; where it matters, carried out.
    async fn erasure(&self, operation: &str, number: &str) -> (String, String) {
        let token = self.token("foreign", None);
        let body = json!({ "person": { "scheme": "member-number", "value": number }, "organisation": LINDE,
            "ground": "17-1-b", "officer": "one" });
        let proposed = self
            .send(Some(&token), "POST", "/v1/erasures", &Body::Json(body))
            .await;
        let id = proposed.json()["id"].as_str().unwrap().to_owned();
        if !operation.contains("task") && !operation.contains("certificate") {
            return (id, String::new());
        }
        let path = format!("/v1/erasures/{id}");
        self.done("POST", &format!("{path}/approvals"), json!({ "officer": "two" }))
            .await;
        self.world.turn_to(self.service.world().now().plus_seconds(11));
        let service = self.service.clone();
        tokio::task::spawn_blocking(move || service.do_chores().unwrap())
            .await
            .unwrap();
        let erased = self.send(Some(&token), "GET", &path, &Body::None).await.json();
        let task = erased["tasks"][0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{erased}"));
        (id, task.to_owned())
    }

    /// What an operation undoes has to be done first.
    async fn before(&self, operation: &str, case: &Case) {
        let first = match operation {
            "DELETE /v1/people/{personId}/guardians/{guardianId}" => "POST /v1/people/{personId}/guardians",
            "POST /v1/objection-liftings" => "POST /v1/objections",
            "POST /v1/restriction-liftings" => "POST /v1/restrictions",
            "POST /v1/source-notices" => return self.enriched(&case.ours.person).await,
            _ => return,
        };
        let Some((path, Body::Json(body))) = request(first, case, Role::Right) else {
            panic!("{first} has a body")
        };
        self.done("POST", &path, body).await;
    }

    /// Data were added to somebody's profile, so that they must be told where these came from.
    async fn enriched(&self, person: &str) {
        let notice = self.service.catalogue().purposes["profile-enrichment"]
            .purpose
            .version;
        let mut yes = consent(&json!({ "personId": person }), notice);
        yes["purpose"] = json!("profile-enrichment");
        self.done("POST", "/v1/consents", yes).await;
        let ask = json!({ "person": { "personId": person }, "organisation": LINDE, "purpose": "profile-enrichment",
            "action": "enrich", "dataScopes": ["interests"], "dataSource": "event-registration" });
        let decision = self.done("POST", "/v1/decisions", ask).await;
        assert_eq!(decision["decision"], "permit", "{decision}");
    }

    async fn ask(&self, operation: &str, scope: Option<Scope>, case: &Case, role: Role) -> Option<Answer> {
        let token = match role {
            Role::Anonymous => None,
            Role::Revoked => Some(self.token("revoked", None)),
            Role::NoScope => Some(self.token("right", Some(scope?))),
            Role::OtherOrganisation => Some(self.token("elsewhere", None)),
            Role::ForeignId | Role::Right => Some(self.token("right", None)),
        };
        let (path, body) = request(operation, case, role)?;
        let (method, _) = operation.split_once(' ').unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.send(token.as_deref(), method, &path, &body).await;
            // What has no proof yet has one soon.
            if answer.status != 404 || answer.header("retry-after").is_none() || Instant::now() > until {
                return Some(answer);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

enum Body {
    None,
    Json(Value),
    Form(&'static str),
    Lines(String),
}

fn question(person: &Value) -> Value {
    json!({ "person": person, "organisation": LINDE, "purpose": "newsletter", "action": "contact", "channel": "email",
        "dataScopes": ["email"] })
}

fn export() -> Value {
    json!({ "log": "decision", "format": "ndjson", "openings": true, "reason": "yearly audit" })
}

fn report() -> Value {
    json!({ "kind": "register", "format": "json", "reason": "yearly audit" })
}

fn consent(person: &Value, notice: u32) -> Value {
    json!({ "person": person, "organisation": LINDE, "purpose": "newsletter", "status": "given", "noticeVersion": notice,
        "language": "nl", "indicationMethod": "web-form", "actor": { "type": "self" }, "evidence": { "form": "A-17" } })
}

fn evaluation(person: &str) -> Value {
    json!({ "subject": { "type": "system", "id": "crm" },
        "action": { "name": "contact", "properties": { "purpose": "newsletter", "channel": "email" } },
        "resource": { "type": "profile", "id": person }, "context": { "organisation": LINDE } })
}

/// The request of an operation; `None` where a role makes no difference to it.
fn request(operation: &str, case: &Case, role: Role) -> Option<(String, Body)> {
    let foreign = role == Role::ForeignId;
    let people = if foreign { &case.theirs } else { &case.ours };
    let People { person, other, child } = people;
    // A system that knows nobody by an id of ours names people as it can.
    let named = |id: &str, number: &str| match role {
        Role::OtherOrganisation => json!({ "scheme": "member-number", "value": number }),
        _ => json!({ "personId": id }),
    };
    let somebody = named(person, &case.numbers[0]);
    let with_consent = named(other, &case.numbers[1]);
    let names_nobody = |path: &str, body: Body| (!foreign).then(|| (path.to_owned(), body));
    let myself = json!({ "type": "self" });
    let (path, body) = match operation {
        "POST /v1/decisions" => ("/v1/decisions".to_owned(), Body::Json(question(&with_consent))),
        "POST /v1/contact-reports" => {
            let contact = json!({ "contactId": format!("{role:?}-{}", case.numbers[0]), "person": with_consent,
                "channel": "email", "occurredAt": NOW.rfc3339() });
            let body = json!({ "organisation": LINDE, "purpose": "newsletter", "contacts": [contact] });
            ("/v1/contact-reports".to_owned(), Body::Json(body))
        }
        "POST /v1/decision-batches" => {
            let ask = "organisation=bibliotheek-de-linde&purpose=newsletter&action=contact&channel=email&dataScopes=email";
            let line = |value: &str| Body::Lines(format!("{{\"value\":\"{value}\"}}\n"));
            match role {
                Role::OtherOrganisation => (
                    format!("/v1/decision-batches?{ask}&scheme=member-number"),
                    line(&case.numbers[1]),
                ),
                _ => (format!("/v1/decision-batches?{ask}&scheme=personId"), line(other)),
            }
        }
        "POST /v1/consents" => (
            "/v1/consents".to_owned(),
            Body::Json(consent(&somebody, case.notice)),
        ),
        "POST /v1/objections" | "POST /v1/objection-liftings" => (
            operation.replacen("POST ", "", 1),
            Body::Json(
                json!({ "person": somebody, "organisation": LINDE, "directMarketing": true,
                "indicationMethod": "phone", "actor": myself }),
            ),
        ),
        "POST /v1/retention-holds" | "POST /v1/retention-hold-endings" => (
            operation.replacen("POST ", "", 1),
            Body::Json(json!({ "person": somebody, "organisation": LINDE, "reason": "complaint 2026-31" })),
        ),
        "POST /v1/restrictions" => (
            "/v1/restrictions".to_owned(),
            Body::Json(
                json!({ "person": somebody, "organisation": LINDE, "ground": "accuracy", "actor": myself }),
            ),
        ),
        "POST /v1/restriction-liftings" => (
            "/v1/restriction-liftings".to_owned(),
            Body::Json(
                json!({ "person": somebody, "organisation": LINDE, "actor": { "type": "staff" },
                "evidence": { "letter": "B-12" } }),
            ),
        ),
        "POST /v1/source-notices" => (
            "/v1/source-notices".to_owned(),
            Body::Json(
                json!({ "person": somebody, "organisation": LINDE, "purpose": "profile-enrichment",
                "dataSource": "event-registration" }),
            ),
        ),
        "POST /v1/people" => {
            return names_nobody(
                "/v1/people",
                Body::Json(json!({ "organisation": LINDE, "language": "nl",
                    "identifiers": [{ "scheme": "member-number", "value": case.numbers[0] }] })),
            );
        }
        "POST /v1/people/lookups" => {
            return names_nobody(
                "/v1/people/lookups",
                Body::Json(
                    json!({ "scheme": "member-number", "value": case.numbers[0], "organisation": LINDE }),
                ),
            );
        }
        "POST /v1/people/merges" => (
            "/v1/people/merges".to_owned(),
            Body::Json(json!({ "keep": person, "merge": other, "reason": "double registration" })),
        ),
        "POST /v1/people/{personId}/identifiers" => (
            format!("/v1/people/{person}/identifiers"),
            Body::Json(
                json!({ "scheme": "email", "value": format!("ander{}@example.org", case.numbers[0]) }),
            ),
        ),
        "DELETE /v1/people/{personId}/identifiers/{identifierId}" => (
            format!("/v1/people/{person}/identifiers/{}", case.identifier),
            Body::None,
        ),
        "POST /v1/people/{personId}/guardians" => (
            format!("/v1/people/{child}/guardians"),
            Body::Json(
                json!({ "guardian": with_consent, "verification": "desk", "evidence": { "form": "G-3" } }),
            ),
        ),
        "DELETE /v1/people/{personId}/guardians/{guardianId}" => {
            (format!("/v1/people/{child}/guardians/{other}"), Body::None)
        }
        "GET /v1/people/{personId}/consents" => (format!("/v1/people/{other}/consents"), Body::None),
        "GET /v1/people/{personId}/consent-events" => {
            (format!("/v1/people/{other}/consent-events"), Body::None)
        }
        "GET /v1/people/{personId}/preferences" => (format!("/v1/people/{person}/preferences"), Body::None),
        "PUT /v1/people/{personId}/preferences" => (
            format!("/v1/people/{person}/preferences"),
            Body::Json(json!({ "actor": myself, "language": "en" })),
        ),
        "GET /v1/receipts/{receiptId}" => {
            let id = if foreign {
                "00000000000000000000000000000000"
            } else {
                case.receipt["receiptId"].as_str()?
            };
            (format!("/v1/receipts/{id}"), Body::None)
        }
        "GET /v1/receipts/{receiptId}/proof" => {
            let id = if foreign {
                "00000000000000000000000000000000"
            } else {
                case.receipt["receiptId"].as_str()?
            };
            (format!("/v1/receipts/{id}/proof"), Body::None)
        }
        "GET /v1/decisions/{decisionId}/proof" => {
            let id = if foreign {
                "00000000000000000000000000000000"
            } else {
                &case.decision
            };
            (format!("/v1/decisions/{id}/proof"), Body::None)
        }
        "POST /v1/receipt-verifications" => {
            return names_nobody("/v1/receipt-verifications", Body::Json(case.receipt.clone()));
        }
        "GET /v1/audit-entries" => (
            format!("/v1/audit-entries?personId={other}&reason=complaint%2012&open=true"),
            Body::None,
        ),
        "POST /v1/audit-exports" => return names_nobody("/v1/audit-exports", Body::Json(export())),
        "GET /v1/audit-exports/{exportId}" => {
            let id = if foreign { "AAAAAAAAAAAAAAAA" } else { &case.export };
            (format!("/v1/audit-exports/{id}"), Body::None)
        }
        "POST /v1/reports" => return names_nobody("/v1/reports", Body::Json(report())),
        "GET /v1/reports/{reportId}" => {
            let id = if foreign { "AAAAAAAAAAAAAAAA" } else { &case.report };
            (format!("/v1/reports/{id}"), Body::None)
        }
        "GET /v1/statistics" => {
            let path = format!("/v1/statistics?from=2027-01&to=2027-01&organisation={LINDE}");
            return names_nobody(&path, Body::None);
        }
        "GET /v1/records-of-processing" => {
            let path = format!("/v1/records-of-processing?organisation={LINDE}");
            return names_nobody(&path, Body::None);
        }
        "GET /v1/changes" => return names_nobody("/v1/changes", Body::None),
        "GET /v1/webhook-endpoints" => return names_nobody("/v1/webhook-endpoints", Body::None),
        "POST /v1/webhook-endpoints" => {
            let body = json!({ "url": "http://127.0.0.1:9/new" });
            return names_nobody("/v1/webhook-endpoints", Body::Json(body));
        }
        "POST /v1/rights-requests" => (
            "/v1/rights-requests".to_owned(),
            Body::Json(json!({ "person": somebody, "organisation": LINDE, "type": "access" })),
        ),
        "GET /v1/rights-requests" => return names_nobody("/v1/rights-requests", Body::None),
        of if of.contains("/v1/rights-requests/{requestId}") => {
            let id = if foreign {
                "00000000000000000000000000000000"
            } else {
                &case.request
            };
            let (method, path) = of.split_once(' ')?;
            let path = path.replace("{requestId}", id).replace("{kind}", "received");
            let step = Body::Json(json!({ "revision": 1, "officer": "B-17", "accept": true }));
            (path, if method == "PATCH" { step } else { Body::None })
        }
        of if of.contains("/v1/webhook-endpoints/{endpointId}") => {
            let (id, delivery) = match role {
                Role::ForeignId => ("00000000000000000000000000000000", "x"),
                _ => (case.webhook.0.as_str(), case.webhook.1.as_str()),
            };
            let (method, path) = of.split_once(' ')?;
            let path = path.replace("{endpointId}", id).replace("{deliveryId}", delivery);
            let change = Body::Json(json!({ "state": "paused" }));
            (path, if method == "PATCH" { change } else { Body::None })
        }
        "POST /v1/erasures" => (
            "/v1/erasures".to_owned(),
            Body::Json(
                json!({ "person": somebody, "organisation": LINDE, "ground": "17-1-b", "officer": "one" }),
            ),
        ),
        "GET /v1/erasures" => return names_nobody("/v1/erasures", Body::None),
        "GET /v1/erasure-tasks" => return names_nobody("/v1/erasure-tasks", Body::None),
        of if of.contains("/v1/erasures/{") || of.contains("/v1/erasure-tasks/{") => {
            let nothing = "00000000000000000000000000000000";
            let (id, task) = match role {
                Role::ForeignId => (nothing, nothing),
                _ => (case.erasure.0.as_str(), case.erasure.1.as_str()),
            };
            let (_, path) = of.split_once(' ')?;
            let body = match path.rsplit('/').next()? {
                "approvals" => json!({ "officer": "two" }),
                "refusals" => json!({ "officer": "two", "ground": "17-3-e", "reason": "a claim" }),
                "acknowledgements" => json!({ "outcome": "erased" }),
                "answers" => json!({ "outcome": "told-otherwise" }),
                _ => Value::Null,
            };
            let path = path.replace("{erasureId}", id).replace("{taskId}", task);
            (
                path,
                if body.is_null() {
                    Body::None
                } else {
                    Body::Json(body)
                },
            )
        }
        "GET /v1/purposes" => return names_nobody("/v1/purposes", Body::None),
        "GET /v1/purposes/{purposeId}/versions/{version}" => {
            return names_nobody(
                &format!("/v1/purposes/newsletter/versions/{}", case.notice),
                Body::None,
            );
        }
        "GET /v1/notices/{purposeId}/{version}/{language}" => {
            return names_nobody(&format!("/v1/notices/newsletter/{}/nl", case.notice), Body::None);
        }
        "GET /v1/openapi.json" => return names_nobody("/v1/openapi.json", Body::None),
        "GET /u/{token}" | "POST /u/{token}" => {
            let token = if foreign {
                "AAAAAAAAAAAAAAAA"
            } else {
                &case.unsubscribe
            };
            let body = if operation.starts_with("POST") {
                Body::Form("List-Unsubscribe=One-Click")
            } else {
                Body::None
            };
            (format!("/u/{token}"), body)
        }
        "GET /docs" => return names_nobody("/docs", Body::None),
        "GET /docs/{file}" => return names_nobody("/docs/swagger-ui.css", Body::None),
        "POST /access/v1/evaluation" => ("/access/v1/evaluation".to_owned(), Body::Json(evaluation(other))),
        "POST /access/v1/evaluations" => (
            "/access/v1/evaluations".to_owned(),
            Body::Json(json!({ "evaluations": [evaluation(other)] })),
        ),
        "POST /access/v1/search/subject" => (
            "/access/v1/search/subject".to_owned(),
            Body::Json(evaluation(other)),
        ),
        "POST /access/v1/search/action" => (
            "/access/v1/search/action".to_owned(),
            Body::Json(evaluation(other)),
        ),
        // It lists nobody, whoever asks.
        "POST /access/v1/search/resource" => {
            return names_nobody("/access/v1/search/resource", Body::Json(evaluation(other)));
        }
        "GET /.well-known/authzen-configuration"
        | "GET /.well-known/oauth-authorization-server"
        | "GET /.well-known/jwks.json" => return names_nobody(operation.strip_prefix("GET ")?, Body::None),
        "GET /log/{name}/checkpoint" => return names_nobody("/log/consent/checkpoint", Body::None),
        // Nobody witnesses this log.
        "GET /log/{name}/witnessed-checkpoint" => {
            return names_nobody("/log/consent/witnessed-checkpoint", Body::None);
        }
        "GET /log/{name}/minimum-index" => return names_nobody("/log/consent/minimum-index", Body::None),
        "GET /log/{name}/vkey" => return names_nobody("/log/consent/vkey", Body::None),
        "GET /log/{name}/tile/{tile}*" => return names_nobody("/log/consent/tile/0/000", Body::None),
        // A token does not buy a token: the client must prove itself.
        "POST /oauth2/token" => {
            return names_nobody("/oauth2/token", Body::Form("grant_type=client_credentials"));
        }
        _ => panic!("{operation} has no request here: write it in tests/suite/authorization.rs"),
    };
    Some((path, body))
}

/// Every operation the program answers, with the scope it needs.
fn operations() -> BTreeMap<String, Option<Scope>> {
    let document: Value = serde_json::from_str(api::openapi::text()).unwrap();
    let mut found = BTreeMap::new();
    for (path, methods) in api::face().methods {
        for method in methods {
            let operation = format!("{method} {path}");
            let described = path
                .strip_prefix("/v1")
                .map(|path| &document["paths"][path][method.as_str().to_lowercase()]);
            let scope = match described {
                Some(described) => {
                    let security = &described["security"];
                    assert!(security.is_array(), "{operation} does not say who may use it");
                    security[0]["clientCredentials"][0]
                        .as_str()
                        .map(|scope| Scope::parse(scope).unwrap())
                }
                None => {
                    let known = OUTSIDE.iter().find(|(known, _)| *known == operation);
                    known
                        .unwrap_or_else(|| panic!("{operation} is not in OUTSIDE of this test"))
                        .1
                }
            };
            found.insert(operation, scope);
        }
    }
    found
}

/// Status, and the word that tells why.
fn cell(answer: &Answer) -> String {
    let status = answer.status;
    match answer.header("content-type") {
        Some("application/problem+json") => format!("{status} {}", answer.problem().0),
        // The first answer of a bulk check, in its first chunk.
        Some("application/x-ndjson") => {
            let line = answer.body.lines().find(|line| line.starts_with('{')).unwrap();
            let first: Value = serde_json::from_str(line).unwrap();
            format!("{status} {}", first["reason"].as_str().unwrap())
        }
        Some(kind) if kind.starts_with("application/json") => {
            let body = answer.json();
            let evaluated = body["evaluations"][0]["decision"]
                .as_bool()
                .or(body["decision"].as_bool())
                // A search that finds nothing.
                .or(body["results"].as_array().map(|results| !results.is_empty()));
            let word = match (
                // Of a report of contacts, what the first was matched with.
                body["reasons"][0]["code"]
                    .as_str()
                    .or(body["contacts"][0]["check"].as_str()),
                evaluated,
                body["error"].as_str(),
            ) {
                (Some(reason), ..) => reason.to_owned(),
                (None, Some(decision), _) => if decision { "permit" } else { "deny" }.to_owned(),
                (None, None, Some(error)) => error.to_owned(),
                _ => String::new(),
            };
            format!("{status} {word}").trim_end().to_owned()
        }
        _ => status.to_string(),
    }
}

/// What the table may never say, whoever blesses it.
fn check(operation: &str, scope: Option<Scope>, cells: &[String]) {
    let [anonymous, revoked, no_scope, other, foreign, right] = cells else {
        panic!("six roles")
    };
    let guarded = scope.is_some();
    if guarded {
        assert_eq!(anonymous, "401 unauthenticated", "{operation}");
        assert_eq!(revoked, "401 unauthenticated", "{operation}");
        assert_eq!(no_scope, "403 insufficient-scope", "{operation}");
        let about_people =
            foreign != "-" || operation.contains("/people") || operation.contains("/decisions");
        let harmless = ["403 ", "404 ", "200 deny"];
        assert!(
            !about_people || harmless.iter().any(|good| other.starts_with(good)),
            "{operation} for another library's system: {other}"
        );
        assert!(
            foreign == "-"
                || ["404 ", "200 deny", "200 none"]
                    .iter()
                    .any(|good| foreign.starts_with(good)),
            "{operation} with another system's id: {foreign}"
        );
    }
    // A log of so few entries has no full tile yet, and a token does not buy a token.
    let nothing_there = [
        "POST /oauth2/token",
        "GET /log/{name}/tile/{tile}*",
        "GET /log/{name}/witnessed-checkpoint",
        "POST /access/v1/search/resource",
    ]
    .contains(&operation);
    assert!(right.starts_with('2') || nothing_there, "{operation}: {right}");
}

fn table(rows: &[(String, Vec<String>)]) -> String {
    let mut all = vec![(
        "operation".to_owned(),
        ROLES
            .iter()
            .map(|(_, name)| (*name).to_owned())
            .collect::<Vec<_>>(),
    )];
    all.extend_from_slice(rows);
    let first = all.iter().map(|(operation, _)| operation.len()).max().unwrap();
    let widths: Vec<usize> = (0..ROLES.len())
        .map(|at| all.iter().map(|(_, cells)| cells[at].len()).max().unwrap())
        .collect();
    let mut text = "What every operation answers to every role: the status and the word that tells why.\n\
        `-` where the role makes no difference. Made by tests/suite/authorization.rs.\n\n"
        .to_owned();
    for (operation, cells) in all {
        let mut line = format!("{operation:first$}");
        for (cell, width) in cells.iter().zip(&widths) {
            line.push_str(&format!("  {cell:width$}"));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

async fn everybody_everywhere(engine: Engine) -> String {
    let house = House::start(engine).await;
    let mut rows = Vec::new();
    for (at, (operation, scope)) in operations().into_iter().enumerate() {
        let case = house.case(at, &operation).await;
        let mut cells = Vec::new();
        for (role, _) in ROLES {
            let answer = house.ask(&operation, scope, &case, role).await;
            cells.push(answer.map_or_else(|| "-".to_owned(), |answer| cell(&answer)));
        }
        check(&operation, scope, &cells);
        rows.push((operation, cells));
    }
    table(&rows)
}

#[test]
fn every_operation_answers_every_role_as_the_table_says() {
    let runtime = actix_web::rt::System::new();
    let fresh = runtime.block_on(everybody_everywhere(Engine::Sqlite));
    let path = root().join(TABLE);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differences: Vec<String> = fresh
        .lines()
        .filter(|line| !committed.lines().any(|other| other == *line))
        .map(str::to_owned)
        .collect();
    assert!(
        committed == fresh,
        "{TABLE} says otherwise; run with BLESS=1 and read the difference:\n{}",
        differences.join("\n")
    );
}

#[test]
fn on_postgresql_everybody_is_answered_the_same() {
    let runtime = actix_web::rt::System::new();
    let fresh = runtime.block_on(everybody_everywhere(Engine::Postgres));
    let committed = std::fs::read_to_string(root().join(TABLE)).unwrap_or_default();
    assert_eq!(committed, fresh);
}
