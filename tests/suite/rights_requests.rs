//! Rights requests over HTTP: received with their term, handled step by step, answered with letters, and still right when
//! the person is a child, turns out to be somebody else, or is gone.

use akkoord::domain::ids::PersonId;
use akkoord::domain::moment::Moment;
use akkoord::service::call::{Call, Principal, Scope};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::engine::{Engine, TestStorage};
use crate::support::http::{Answer, Api};
use crate::support::store::NOW;

pub const LINDE: &str = "bibliotheek-de-linde";
const PATH: &str = "/v1/rights-requests";

pub fn member(number: &str) -> Value {
    json!({"scheme": "member-number", "value": number})
}

pub async fn register(api: &Api, number: &str, born: Option<&str>) -> String {
    let mut body = json!({"organisation": LINDE, "identifiers": [member(number)], "language": "nl"});
    if let Some(born) = born {
        body["birthDate"] = json!(born);
    }
    let answer = api.post("/v1/people", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["personId"].as_str().unwrap().to_owned()
}

/// A request with more members than the three that every request has.
pub async fn enter(api: &Api, number: &str, kind: &str, more: Value) -> Answer {
    let mut body = json!({"person": member(number), "organisation": LINDE, "type": kind});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    api.post(PATH, &body).await
}

pub async fn entered(api: &Api, number: &str, kind: &str, more: Value) -> Value {
    let answer = enter(api, number, kind, more).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// A step at the revision of `request`.
pub async fn step(api: &Api, request: &Value, step: Value) -> Answer {
    let mut body = json!({"revision": request["revision"], "officer": "B-17"});
    for (name, value) in step.as_object().unwrap() {
        body[name] = value.clone();
    }
    let path = format!("{PATH}/{}", request["requestId"].as_str().unwrap());
    let headers = [("Content-Type", "application/json")];
    api.send("PATCH", &path, &headers, &body.to_string()).await
}

pub async fn stepped(api: &Api, request: &Value, what: Value) -> Value {
    let answer = step(api, request, what).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.problem().0.as_str()),
        (status, code),
        "{answer:?}"
    );
}

async fn read(api: &Api, request: &Value) -> Value {
    let answer = api
        .get(&format!("{PATH}/{}", request["requestId"].as_str().unwrap()))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn ids(api: &Api, query: &str) -> Vec<String> {
    let answer = api.get(&format!("{PATH}?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    let items = answer.json()["items"].as_array().unwrap().clone();
    items
        .iter()
        .map(|item| item["requestId"].as_str().unwrap().to_owned())
        .collect()
}

fn id(request: &Value) -> String {
    request["requestId"].as_str().unwrap().to_owned()
}

/// What may be mailed to somebody: the decisive reason.
async fn newsletter(api: &Api, number: &str) -> String {
    let ask = json!({"person": member(number), "organisation": LINDE, "purpose": "newsletter", "action": "contact",
                     "channel": "email", "dataScopes": ["email"]});
    let decision = api.post("/v1/decisions", &ask).await.json();
    decision["reasons"][0]["code"].as_str().unwrap().to_owned()
}

pub async fn says_yes(api: &Api, number: &str) {
    let version = api.service.catalogue().purposes["newsletter"].purpose.version;
    let yes = json!({"person": member(number), "organisation": LINDE, "purpose": "newsletter", "status": "given",
                     "noticeVersion": version, "language": "nl", "indicationMethod": "web-form", "actor": {"type": "self"}});
    assert_eq!(api.post("/v1/consents", &yes).await.status, 201);
}

/// The text of a letter, in a language.
async fn letter(api: &Api, request: &Value, kind: &str, language: &str) -> String {
    let path = format!("{PATH}/{}/letters/{kind}?language={language}", id(request));
    let answer = api.send("GET", &path, &[("Accept", "text/plain")], "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-language"), Some(language));
    answer.body
}

/// Lines of the database.
fn lines(storage: &TestStorage, in_sqlite: &str, in_postgres: &str) -> Vec<String> {
    match storage.engine() {
        Engine::Postgres => storage.psql(in_postgres).lines().map(str::to_owned).collect(),
        Engine::Sqlite => {
            use diesel::prelude::*;
            #[derive(QueryableByName)]
            struct Line {
                #[diesel(sql_type = diesel::sql_types::Text)]
                line: String,
            }
            let file = storage.directory().join("akkoord.db");
            let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
            let lines: Vec<Line> = diesel::sql_query(in_sqlite).load(&mut connection).unwrap();
            lines.into_iter().map(|line| line.line).collect()
        }
    }
}

fn people(storage: &TestStorage) -> Vec<PersonId> {
    let ids = lines(
        storage,
        "SELECT lower(hex(id)) AS line FROM person WHERE state = 'active'",
        "SELECT encode(id, 'hex') FROM person WHERE state = 'active'",
    );
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

async fn erase_everybody(api: &Api) {
    let call = Call::new(
        Principal {
            client: "officer".to_owned(),
            system: "crm".parse().unwrap(),
            scopes: Scope::ALL.iter().copied().collect(),
        },
        akkoord::domain::preference::Language::Nl,
    );
    for person in people(api.storage()) {
        api.service.erase_now(&call, person).await.unwrap();
    }
}

both_engines! {
    async fn r55_a_request_has_its_term_and_its_way(engine) {
        let api = Api::start(engine).await;
        let person = register(&api, "2000100001", Some("1980-05-01")).await;
        // Three members are enough; a repeated key gives the same request again.
        let body = json!({"person": member("2000100001"), "organisation": LINDE, "type": "access"});
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "letter-1")];
        let first = api.send("POST", PATH, &headers, &body.to_string()).await;
        assert_eq!(first.status, 201, "{first:?}");
        let again = api.send("POST", PATH, &headers, &body.to_string()).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
        assert_eq!(first.json()["requestId"], again.json()["requestId"]);
        let request = first.json();
        assert_eq!(request["personId"], json!(person));
        assert_eq!((&request["state"], &request["status"], &request["right"]),
                   (&json!("initiated"), &json!("dpv:RequestInitiated"), &json!("eu-gdpr:A15")));
        // 1 March 2027, noon: to the end of Thursday 1 April, in summer time.
        assert_eq!(NOW.rfc3339(), "2027-03-01T12:00:00.000Z");
        assert_eq!((&request["dueAt"], &request["dueOn"]), (&json!("2027-04-01T21:59:59.999Z"), &json!("2027-04-01")));
        assert_eq!(request["overdue"], json!(false));
        assert_eq!(request["history"].as_array().unwrap().len(), 1);

        let request = stepped(&api, &request, json!({"acknowledge": true})).await;
        let request = stepped(&api, &request, json!({"assign": "B-22"})).await;
        assert_eq!((&request["assignee"], &request["state"]), (&json!("B-22"), &json!("acknowledged")));
        let request = stepped(&api, &request, json!({"accept": true})).await;
        refused(&step(&api, &request, json!({"acknowledge": true})).await, 409, "step-not-possible");
        let more = json!({"extend": {"months": 2, "reason": "complexity", "explanation": "We zoeken ook in het archief."}});
        let request = stepped(&api, &request, more.clone()).await;
        assert_eq!((&request["state"], &request["dueOn"]), (&json!("action-delayed"), &json!("2027-06-01")));
        refused(&step(&api, &request, more).await, 409, "already-extended");
        let text = letter(&api, &request, "extension", "nl").await;
        for part in ["We zoeken ook in het archief.", "1 april 2027", "1 juni 2027", "artikel 12 lid 3"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let done = stepped(&api, &request, json!({"complete": {"explanation": "Het bestand is opgehaald."}})).await;
        assert_eq!((&done["state"], &done["endedAt"]), (&json!("fulfilled"), &json!(NOW.rfc3339())));
        refused(&step(&api, &done, json!({"close": {"explanation": "toch niet"}})).await, 409, "request-ended");
        let steps: Vec<&str> = done["history"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
        assert_eq!(steps, ["received", "acknowledged", "assigned", "accepted", "extended", "completed"]);
        assert_eq!(done["history"][4]["justification"], json!("eu-gdpr:JustificationA12Complexity"));
        assert_eq!(done["history"][1]["officer"], json!("B-17"));
        assert_eq!(read(&api, &done).await, done);

        // Every step is in the log of choices, and what it said is opened for an officer with a reason.
        let path = format!("/v1/audit-entries?personId={person}&reason=control&open=true&limit=100");
        let entries = api.get(&path).await.json();
        let kinds: Vec<&str> = entries["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
        for kind in ["rights.received", "rights.assigned", "rights.extended", "rights.completed"] {
            assert!(kinds.contains(&kind), "{kinds:?}");
        }
        assert!(entries.to_string().contains("We zoeken ook in het archief."));
    }

    async fn r55_what_is_late_is_shown_and_cannot_be_extended(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000100001", Some("1980-05-01")).await;
        // A letter that lay in a drawer: the term runs from the day it came.
        let late = entered(&api, "2000100001", "access", json!({"receivedAt": "2027-01-04T10:00:00Z", "indicationMethod": "paper",
            "actor": {"type": "self", "staff": "B-3"}})).await;
        assert_eq!((&late["dueOn"], &late["overdue"]), (&json!("2027-02-04"), &json!(true)));
        let extend = |months: u32| json!({"extend": {"months": months, "reason": "number", "explanation": "Veel vragen."}});
        refused(&step(&api, &late, extend(1)).await, 409, "too-late-to-extend");
        let fresh = entered(&api, "2000100001", "portability", json!({})).await;
        for months in [0, 3] {
            let answer = step(&api, &fresh, extend(months)).await;
            assert_eq!((answer.status, answer.problem().1), (400, vec!["/extend/months".to_owned()]));
        }
        // On the last day of the first month it still can.
        let last = entered(&api, "2000100001", "erasure", json!({"receivedAt": "2027-02-01T10:00:00Z"})).await;
        assert_eq!(last["dueOn"], json!("2027-03-01"));
        assert_eq!(stepped(&api, &last, extend(2)).await["dueOn"], json!("2027-05-03"));

        assert_eq!(ids(&api, "overdue=true").await, [id(&late)]);
        assert_eq!(ids(&api, "dueBefore=2027-04-02T00:00:00Z").await, [id(&late), id(&fresh)]);
        assert_eq!(ids(&api, &format!("organisation={LINDE}&type=portability&state=initiated")).await, [id(&fresh)]);
        assert_eq!(ids(&api, "organisation=bibliotheek-het-kompas").await, Vec::<String>::new());
        let first = api.get(&format!("{PATH}?limit=2")).await.json();
        assert_eq!(first["items"].as_array().unwrap().len(), 2);
        assert!(first["items"][0]["history"].is_null() && first["items"][0]["received"].is_null());
        let cursor = first["nextCursor"].as_str().unwrap();
        let second = api.get(&format!("{PATH}?limit=2&cursor={cursor}")).await.json();
        assert_eq!((second["items"].as_array().unwrap().len(), &second["nextCursor"]), (1, &Value::Null));
        stepped(&api, &late, json!({"close": {"explanation": "Telefonisch ingetrokken."}})).await;
        assert_eq!(ids(&api, "overdue=true").await, Vec::<String>::new());
    }

    async fn what_makes_no_request_is_refused(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000100001", Some("1980-05-01")).await;
        for (kind, more, pointer) in [
            ("inzage", json!({}), "/type"),
            ("access", json!({"receivedAt": "2027-03-02T12:00:00Z"}), "/receivedAt"),
            ("access", json!({"indicationMethod": "pigeon"}), "/indicationMethod"),
            ("access", json!({"text": ""}), "/text"),
            ("access", json!({"text": "x".repeat(2_001)}), "/text"),
            ("access", json!({"language": "fy"}), "/language"),
            ("access", json!({"purpose": "newsletter"}), "/type"),
            ("access", json!({"ground": "accuracy"}), "/type"),
            ("objection", json!({"purpose": "newsletter", "directMarketing": true}), ""),
            ("objection", json!({"directMarketing": false}), "/directMarketing"),
            ("objection", json!({"purpose": "nieuwsbrief"}), "/purpose"),
            ("restriction", json!({"ground": "boredom"}), "/ground"),
            ("rectification", json!({"correction": {}}), "/correction"),
            ("rectification", json!({"correction": {"birthDate": "1980-02-30"}}), "/correction/birthDate"),
            ("rectification", json!({"correction": {"addIdentifiers": [{"scheme": "shoe", "value": "1"}]}}),
             "/correction/addIdentifiers/0/scheme"),
            ("access", json!({"actor": {"type": "system"}}), "/actor/type"),
            ("access", json!({"actor": {"type": "import"}}), "/actor/type"),
            ("access", json!({"organisation": "bibliotheek-atlantis"}), "/organisation"),
            ("access", json!({"persoon": 1}), "/persoon"),
        ] {
            let answer = enter(&api, "2000100001", kind, more.clone()).await;
            assert_eq!((answer.status, answer.problem().1), (400, vec![pointer.to_owned()]), "{kind} {more}");
        }
        refused(&enter(&api, "2000999999", "access", json!({})).await, 404, "not-found");
        let request = entered(&api, "2000100001", "access", json!({})).await;
        for (body, pointer) in [
            (json!({}), ""),
            (json!({"accept": true, "acknowledge": true}), ""),
            (json!({"accept": false}), "/accept"),
            (json!({"assign": ""}), "/assign"),
            (json!({"askIdentity": {}}), "/askIdentity/doubt"),
            (json!({"askIdentity": {"doubt": ""}}), "/askIdentity/doubt"),
            (json!({"extend": {"months": 1, "reason": "holiday", "explanation": "x"}}), "/extend/reason"),
            (json!({"extend": {"months": 1, "reason": "number"}}), "/extend/explanation"),
            (json!({"reject": {"ground": "legally-required", "explanation": "x"}}), "/reject/ground"),
            (json!({"reject": {"ground": "no", "explanation": "x"}}), "/reject/ground"),
            (json!({"reject": {"ground": "manifestly-unfounded", "explanation": ""}}), "/reject/explanation"),
            (json!({"complete": {"correction": {"language": "en"}}}), "/complete"),
            (json!({"officer": "", "accept": true}), "/officer"),
            (json!({"revision": "1", "accept": true}), "/revision"),
        ] {
            let answer = step(&api, &request, body.clone()).await;
            assert_eq!((answer.status, answer.problem().1), (400, vec![pointer.to_owned()]), "{body}");
        }
        for path in ["nothing", "00000000000000000000000000000000"] {
            refused(&api.get(&format!("{PATH}/{path}")).await, 404, "not-found");
        }
        for (query, pointer) in [
            ("type=inzage", "?type"), ("state=open", "?state"), ("overdue=yes", "?overdue"), ("dueBefore=soon", "?dueBefore"),
            ("cursor=x", "?cursor"), ("limit=0", "?limit"), ("person=1", "?person"),
        ] {
            let answer = api.get(&format!("{PATH}?{query}")).await;
            assert_eq!((answer.status, answer.problem().1), (400, vec![pointer.to_owned()]), "{query}");
        }
        // Nothing of all that left a trace.
        assert_eq!(read(&api, &request).await["revision"], json!(1));
        assert_eq!(ids(&api, "").await, [id(&request)]);
    }

    async fn only_one_of_two_officers_is_first(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000100001", Some("1980-05-01")).await;
        let request = entered(&api, "2000100001", "access", json!({})).await;
        let both = futures_util::future::join(
            step(&api, &request, json!({"assign": "B-1"})),
            step(&api, &request, json!({"assign": "B-2"})),
        ).await;
        let mut outcomes = [both.0.status, both.1.status];
        outcomes.sort_unstable();
        assert_eq!(outcomes, [200, 409], "{both:?}");
        assert_eq!(read(&api, &request).await["revision"], json!(2));
        refused(&step(&api, &request, json!({"accept": true})).await, 409, "revision-changed");
    }

    async fn r56_a_refusal_says_why_and_where_to_go(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000100001", Some("1980-05-01")).await;
        let request = entered(&api, "2000100001", "erasure", json!({"text": "Wis alles <b>nu</b>."})).await;
        refused(&api.send("GET", &format!("{PATH}/{}/letters/rejection", id(&request)), &[("Accept", "text/plain")], "").await,
                404, "not-found");
        let no = json!({"reject": {"ground": "legal-claims",
            "explanation": "Er loopt een zaak over een boete van <meer dan> 50 euro. Daarna wissen we alles."}});
        let request = stepped(&api, &request, no).await;
        assert_eq!((&request["state"], &request["status"]), (&json!("rejected"), &json!("dpv:RequestRejected")));
        let last = &request["history"][1];
        assert_eq!((&last["reason"], &last["justification"]),
                   (&json!("legal-claims"), &json!("eu-gdpr:JustificationA17LegalClaims")));
        let paths: Vec<&str> = request["letters"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
        assert_eq!(paths.len(), 2);
        let dutch = letter(&api, &request, "rejection", "nl").await;
        for part in [
            "We doen niet wat je vroeg", "artikel 17 lid 3 onder e van de AVG", "een boete van <meer dan> 50 euro",
            "Autoriteit Persoonsgegevens", "https://autoriteitpersoonsgegevens.nl", "088-1805250", "rechtbank",
            "binnen zes weken", "kost je niets", "privacy@delinde.example", "fg@merwedeland.example", &id(&request),
        ] {
            assert!(dutch.contains(part), "{part}: {dutch}");
        }
        let english = letter(&api, &request, "rejection", "en").await;
        for part in ["We will not do what you asked", "article 17(3)(e)", "district court", "six weeks", "costs you nothing"] {
            assert!(english.contains(part), "{part}: {english}");
        }
        let path = format!("{PATH}/{}/letters/rejection", id(&request));
        let page = api.send("GET", &path, &[("Accept", "text/html")], "").await;
        assert!(page.body.contains("<html lang=\"nl\">") && page.body.contains("&lt;meer dan&gt; 50 euro."), "{}", page.body);
        let none = api.send("GET", &path, &[("Accept", "image/png")], "").await;
        refused(&none, 406, "not-acceptable");

        // An independent reader finds the same text in the PDF.
        let mut client = Client::new(api.server.addr, api.token.clone());
        let pdf = client.send("GET", &path, &[("Accept", "application/pdf")], None).await.unwrap();
        assert_eq!(pdf.header("content-type"), Some("application/pdf"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("letter.pdf");
        std::fs::write(&file, &pdf.body).unwrap();
        if let Ok(read) = std::process::Command::new("pdftotext").arg("-layout").arg(&file).arg("-").output() {
            assert!(read.status.success() && read.stderr.is_empty(), "{}", String::from_utf8_lossy(&read.stderr));
            let text = String::from_utf8(read.stdout).unwrap();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in ["We doen niet wat je vroeg", "een boete van <meer dan> 50 euro.", "binnen zes weken", "Pagina 1 van"] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }

        // Nothing outweighs an objection to direct marketing.
        let objection = entered(&api, "2000100001", "objection", json!({"directMarketing": true})).await;
        let no = json!({"reject": {"ground": "compelling-grounds", "explanation": "Wij willen toch mailen."}});
        let answer = step(&api, &objection, no).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains("it knows identity-not-established\""), "{answer:?}");
    }

    async fn r56_only_a_recorded_doubt_allows_to_ask_who_it_is(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000100001", Some("1980-05-01")).await;
        let request = entered(&api, "2000100001", "access", json!({"indicationMethod": "phone"})).await;
        refused(&step(&api, &request, json!({"confirmIdentity": {"how": "x"}})).await, 409, "step-not-possible");
        let doubt = json!({"askIdentity": {"doubt": "Onbekend telefoonnummer."}});
        let request = stepped(&api, &request, doubt.clone()).await;
        assert_eq!(request["status"], json!("dpv:RequestRequiresAction"));
        refused(&step(&api, &request, doubt).await, 409, "step-not-possible");
        refused(&step(&api, &request, json!({"complete": {}})).await, 409, "action-required");
        // Nothing leaves the house meanwhile.
        refused(&api.get(&format!("{PATH}/{}/package", id(&request))).await, 409, "action-required");
        let text = letter(&api, &request, "received", "nl").await;
        assert!(text.contains("Stuur ons geen kopie van je paspoort"), "{text}");
        // The term goes on.
        assert_eq!(request["dueOn"], json!("2027-04-01"));
        let request = stepped(&api, &request, json!({"confirmIdentity": {"how": "Toonde de pas aan de balie."}})).await;
        assert_eq!(request["status"], json!("dpv:RequestRequiredActionPerformed"));
        let done = stepped(&api, &request, json!({"complete": {}})).await;
        assert_eq!(done["state"], json!("fulfilled"));
        let text = letter(&api, &done, "completed", "en").await;
        assert!(text.contains("overview.html") && text.contains("Autoriteit Persoonsgegevens"), "{text}");
    }

    async fn completing_a_request_does_what_was_asked(engine) {
        let api = Api::start(engine).await;
        for number in ["2000100001", "2000100002", "2000100003"] {
            register(&api, number, Some("1980-05-01")).await;
            says_yes(&api, number).await;
            assert_eq!(newsletter(&api, number).await, "permit-consent");
        }
        let objection = entered(&api, "2000100001", "objection", json!({"directMarketing": true, "indicationMethod": "paper"})).await;
        // It stops from its receipt, before anybody has looked at it.
        assert_eq!(newsletter(&api, "2000100001").await, "deny-objection");
        stepped(&api, &objection, json!({"complete": {}})).await;
        assert_eq!(newsletter(&api, "2000100001").await, "deny-objection");
        let text = letter(&api, &objection, "completed", "nl").await;
        assert!(text.contains("geen reclame meer"), "{text}");

        // What the request did not say, the officer says; a purpose without a right to object is refused, and nothing done.
        let vague = entered(&api, "2000100002", "objection", json!({"text": "Stop met mailen"})).await;
        let answer = step(&api, &vague, json!({"complete": {}})).await;
        assert_eq!((answer.status, answer.problem().1), (400, vec!["/complete/purpose".to_owned()]));
        refused(&step(&api, &vague, json!({"complete": {"purpose": "lending"}})).await, 409, "no-right-to-object");
        let vague = read(&api, &vague).await;
        assert_eq!(vague["revision"], json!(1));
        let done = stepped(&api, &vague, json!({"complete": {"purpose": "newsletter"}})).await;
        assert_eq!(done["history"][1]["done"], json!({"purpose": "newsletter"}));
        assert_eq!(newsletter(&api, "2000100002").await, "deny-objection");

        let restriction = entered(&api, "2000100003", "restriction", json!({"ground": "accuracy"})).await;
        stepped(&api, &restriction, json!({"complete": {"explanation": "We zoeken het uit."}})).await;
        assert_eq!(newsletter(&api, "2000100003").await, "deny-restricted");
    }

    async fn r58_a_correction_is_made_and_told(engine) {
        let api = Api::start(engine).await;
        let person = register(&api, "2000100001", Some("1980-05-01")).await;
        let request = entered(&api, "2000100001", "rectification", json!({"correction": {"birthDate": "1981-05-01", "language": "en",
            "addIdentifiers": [{"scheme": "member-number", "value": "2000100009"}],
            "removeIdentifiers": [member("2000100001")]}})).await;
        let done = stepped(&api, &request, json!({"complete": {}})).await;
        assert_eq!(done["history"][1]["done"]["correction"]["birthDate"], json!("1981-05-01"));
        let look = |number: &str| json!({"scheme": "member-number", "value": number, "organisation": LINDE});
        assert_eq!(api.post("/v1/people/lookups", &look("2000100009")).await.json()["personId"], json!(person));
        assert_eq!(api.post("/v1/people/lookups", &look("2000100001")).await.status, 404);
        let events = api.get(&format!("/v1/people/{person}/consent-events")).await.json();
        let last = events["items"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["kind"], &last["actor"]), (&json!("person.registered"), &json!("staff")));
        // It waits for the systems that must hear of it: three changes, each in the outbox of its own transaction.
        let told = lines(api.storage(), "SELECT kind AS line FROM outbox", "SELECT kind FROM outbox");
        for kind in ["identifier.added", "identifier.removed", "person.registered"] {
            assert!(told.iter().any(|told| told == kind), "{kind}: {told:?}");
        }
        // Somebody else's number cannot be taken, and then nothing is corrected.
        register(&api, "2000100002", Some("1980-05-01")).await;
        let theft = entered(&api, "2000100009", "rectification", json!({"correction": {"language": "nl",
            "addIdentifiers": [member("2000100002")]}})).await;
        refused(&step(&api, &theft, json!({"complete": {}})).await, 409, "identifiers-of-different-people");
        assert_eq!(read(&api, &theft).await["state"], json!("initiated"));
        // Corrected in another system: completed without a correction here.
        let elsewhere = entered(&api, "2000100009", "rectification", json!({"text": "Mijn naam is fout gespeld."})).await;
        stepped(&api, &elsewhere, json!({"complete": {"explanation": "Verbeterd in het bibliotheeksysteem."}})).await;
    }

    async fn r63_a_guardian_stands_behind_the_request_of_a_child(engine) {
        let api = Api::start(engine).await;
        let child = register(&api, "2000100001", Some("2017-05-01")).await;
        register(&api, "2000100002", Some("1985-05-01")).await;
        let teen = register(&api, "2000100003", Some("2010-05-01")).await;
        register(&api, "2000100004", None).await;
        let as_guardian = json!({"actor": {"type": "guardian", "guardian": member("2000100002")}});
        refused(&enter(&api, "2000100001", "access", as_guardian.clone()).await, 403, "no-guardian-authority");

        // A child alone is heard, and waits; so does somebody whose age is not known.
        for number in ["2000100001", "2000100004"] {
            let alone = entered(&api, number, "access", json!({})).await;
            assert_eq!(alone["state"], json!("requires-action"));
            let text = letter(&api, &alone, "received", "nl").await;
            assert!(text.contains("Een ouder of verzorger moet"), "{text}");
            refused(&api.get(&format!("{PATH}/{}/package", id(&alone))).await, 409, "action-required");
        }
        let alone = ids(&api, "state=requires-action&limit=1").await;
        let alone = json!({"requestId": alone[0], "revision": 1});
        let confirm = json!({"confirmGuardian": member("2000100002")});
        refused(&step(&api, &alone, confirm.clone()).await, 403, "no-guardian-authority");
        // An officer who is sure who the child is, is not sure of a guardian.
        let sure = stepped(&api, &alone, json!({"confirmIdentity": {"how": "Aan de balie."}})).await;
        refused(&step(&api, &sure, json!({"complete": {}})).await, 409, "guardian-required");

        // The no of a child is honoured at once.
        let no = entered(&api, "2000100001", "objection", json!({"directMarketing": true})).await;
        assert_eq!(no["state"], json!("initiated"));
        stepped(&api, &no, json!({"complete": {}})).await;

        let link = json!({"guardian": member("2000100002"), "verification": "desk"});
        assert_eq!(api.post(&format!("/v1/people/{child}/guardians"), &link).await.status, 201);
        let own = entered(&api, "2000100001", "erasure", json!({})).await;
        let confirmed = stepped(&api, &own, confirm).await;
        assert_eq!(confirmed["state"], json!("required-action-performed"));
        assert!(confirmed["guardianId"].is_string());
        let by = entered(&api, "2000100001", "access", as_guardian.clone()).await;
        assert_eq!((&by["state"], &by["received"]["actor"]), (&json!("initiated"), &json!("guardian")));
        assert!(letter(&api, &by, "received", "en").await.contains("as parent or guardian of a child"));
        // Whoever is 16 asks alone, and the guardian's day is over.
        refused(&enter(&api, "2000100003", "access", as_guardian).await, 403, "no-guardian-authority");
        assert_eq!(entered(&api, "2000100003", "access", json!({})).await["personId"], json!(teen));
        // A guardian who is unlinked meanwhile does not get the answer.
        let guardian = by["guardianId"].as_str().unwrap();
        assert_eq!(api.send("DELETE", &format!("/v1/people/{child}/guardians/{guardian}"), &[], "").await.status, 200);
        refused(&step(&api, &by, json!({"complete": {}})).await, 403, "no-guardian-authority");
        refused(&api.get(&format!("{PATH}/{}/package", id(&by))).await, 403, "no-guardian-authority");
    }

    async fn r40_an_officer_weighs_an_objection_with_reasons_and_never_that_of_a_child(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000100001", Some("1980-05-01")).await;
        register(&api, "2000100002", Some("2015-05-01")).await;
        let counts = async |number: &str| {
            let ask = json!({"person": member(number), "organisation": LINDE, "purpose": "statistics", "action": "process"});
            api.post("/v1/decisions", &ask).await.json()["reasons"][0]["code"].as_str().unwrap().to_owned()
        };
        assert_eq!(counts("2000100001").await, "permit-public-task");
        let objects = json!({"purpose": "statistics", "text": "Ik wil niet geteld worden"});
        let objection = entered(&api, "2000100001", "objection", objects.clone()).await;
        assert_eq!(counts("2000100001").await, "deny-objection");
        // Not known who it is: what was stopped stays stopped.
        let unknown = entered(&api, "2000100001", "objection", objects.clone()).await;
        let not_known = json!({"reject": {"ground": "identity-not-established", "explanation": "Niemand reageerde."}});
        stepped(&api, &unknown, not_known).await;
        assert_eq!(counts("2000100001").await, "deny-objection");
        // Without a reason nothing is outweighed.
        let bare = json!({"reject": {"ground": "compelling-grounds", "explanation": ""}});
        assert_eq!(step(&api, &objection, bare).await.status, 400);
        assert_eq!(counts("2000100001").await, "deny-objection");
        let grounds = json!({"reject": {"ground": "compelling-grounds", "explanation": "De wet verplicht ons te tellen hoeveel mensen lenen."}});
        stepped(&api, &objection, grounds.clone()).await;
        assert_eq!(counts("2000100001").await, "permit-public-task");
        let text = letter(&api, &objection, "rejection", "nl").await;
        assert!(text.contains("een reden die hier zwaarder weegt") && text.contains("De wet verplicht ons"), "{text}");
        // Both stand in the history, with the request they follow from.
        let person = api.post("/v1/people/lookups", &json!({"scheme": "member-number", "value": "2000100001", "organisation": LINDE})).await;
        let path = format!("/v1/people/{}/consent-events", person.json()["personId"].as_str().unwrap());
        let history = api.get(&path).await.body;
        assert_eq!(history.matches("objection.made").count(), 1, "{history}");
        assert_eq!(history.matches("objection.ended").count(), 1);
        // Whoever objects anew is weighed anew.
        entered(&api, "2000100001", "objection", objects.clone()).await;
        assert_eq!(counts("2000100001").await, "deny-objection");

        // The no of a child is not outweighed, nor one to advertising in general or to one such purpose.
        let of_child = entered(&api, "2000100002", "objection", objects).await;
        let answer = step(&api, &of_child, grounds.clone()).await;
        assert_eq!((answer.status, answer.problem().1), (400, vec!["/reject/ground".to_owned()]));
        for wish in [json!({"directMarketing": true}), json!({"purpose": "member-offers"})] {
            let objection = entered(&api, "2000100001", "objection", wish).await;
            assert_eq!(step(&api, &objection, grounds.clone()).await.status, 400);
        }
        assert_eq!(counts("2000100002").await, "deny-objection");
    }

    async fn a_request_follows_whoever_turns_out_to_be_somebody_else(engine) {
        let api = Api::start(engine).await;
        let gone = register(&api, "2000100001", Some("1980-05-01")).await;
        let kept = register(&api, "2000100002", Some("1980-05-01")).await;
        says_yes(&api, "2000100002").await;
        let request = entered(&api, "2000100001", "objection", json!({"directMarketing": true, "text": "Geen reclame"})).await;
        let merge = json!({"keep": kept, "merge": gone, "reason": "dubbel ingeschreven"});
        assert_eq!(api.post("/v1/people/merges", &merge).await.status, 201);
        let after = read(&api, &request).await;
        assert_eq!((&after["personId"], &after["received"]["text"]), (&json!(kept), &json!("Geen reclame")));
        let after = stepped(&api, &after, json!({"accept": true})).await;
        let done = stepped(&api, &after, json!({"complete": {"explanation": "Gedaan."}})).await;
        assert_eq!(done["history"][2]["explanation"], json!("Gedaan."));
        assert_eq!(newsletter(&api, "2000100001").await, "deny-objection");
        erase_everybody(&api).await;
        let after = read(&api, &request).await;
        assert_eq!((&after["personErased"], &after["received"]), (&json!(true), &Value::Null));
    }

    async fn of_an_erased_person_the_way_stays_and_the_words_go(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000100001", Some("1980-05-01")).await;
        let access = entered(&api, "2000100001", "access", json!({"text": "Wat weten jullie?"})).await;
        let access = stepped(&api, &access, json!({"assign": "B-22"})).await;
        let erasure = entered(&api, "2000100001", "erasure", json!({"text": "Wis mij"})).await;
        refused(&step(&api, &erasure, json!({"complete": {}})).await, 409, "erasure-not-finished");
        erase_everybody(&api).await;

        let closed = read(&api, &access).await;
        assert_eq!((&closed["personErased"], &closed["state"], &closed["assignee"]),
                   (&json!(true), &json!("unfulfilled"), &json!("B-22")));
        assert!(!closed.to_string().contains("Wat weten jullie"));
        let steps: Vec<&str> = closed["history"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
        assert_eq!(steps, ["received", "assigned", "closed"]);
        refused(&step(&api, &closed, json!({"accept": true})).await, 409, "request-ended");
        refused(&api.get(&format!("{PATH}/{}/package", id(&access))).await, 409, "person-erased");

        // The erasure answered the request for it.
        let done = read(&api, &erasure).await;
        assert_eq!((&done["state"], &done["endedAt"]), (&json!("fulfilled"), &json!(NOW.rfc3339())));
        assert!(letter(&api, &done, "completed", "nl").await.contains("We hebben de gegevens gewist."));
        assert_eq!(ids(&api, "state=fulfilled").await, [id(&erasure)]);
        refused(&enter(&api, "2000100001", "access", json!({})).await, 404, "not-found");
    }

    async fn r55_a_term_is_over_at_midnight(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000100001", Some("1980-05-01")).await;
        let request = entered(&api, "2000100001", "access", json!({})).await;
        let due = Moment::parse_rfc3339(request["dueAt"].as_str().unwrap()).unwrap();
        for (at, overdue) in [(due, false), (Moment::from_micros(due.micros() + 1_000), true)] {
            api.world.turn_to(at);
            let token = api.service.access().token_of("crm-test").await.unwrap().access_token;
            let mut client = Client::new(api.server.addr, token);
            let page = client.get(&format!("{PATH}?overdue=true")).await.expect(200);
            assert_eq!(page["items"].as_array().unwrap().len(), usize::from(overdue));
            let read = client.get(&format!("{PATH}/{}", id(&request))).await.expect(200);
            assert_eq!(read["overdue"], json!(overdue));
        }
    }
}
