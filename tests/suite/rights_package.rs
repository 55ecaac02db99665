//! The package of an access or portability request, opened by readers that are not ours.

use std::process::Command;

use serde_json::{Value, json};

use crate::rights_requests::{LINDE, entered, member, register, says_yes, stepped};
use crate::support::client::Client;
use crate::support::http::Api;

const KOMPAS: &str = "bibliotheek-het-kompas";

/// Opens a package with the readers of Python: the files as text, and the tables as lists of rows by column.
const READER: &str = r#"
import csv, io, json, sys, zipfile
package = zipfile.ZipFile(sys.argv[1])
assert package.testzip() is None
files = {name: package.read(name).decode("utf-8") for name in package.namelist()}
tables = {}
for name, text in files.items():
    if name.endswith(".csv"):
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        assert all(None not in row and None not in row.values() for row in rows), name
        tables[name] = rows
    if name.endswith(".json"):
        json.loads(text)
print(json.dumps({"files": files, "tables": tables, "data": json.loads(files["data.json"])}))
"#;

async fn package(api: &Api, request: &Value, query: &str) -> Value {
    let mut client = Client::new(api.server.addr, api.token.clone());
    let path = format!(
        "/v1/rights-requests/{}/package{query}",
        request["requestId"].as_str().unwrap()
    );
    let answer = client.get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/zip"));
    assert!(
        answer
            .header("content-disposition")
            .unwrap()
            .starts_with("attachment; filename=")
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("package.zip");
    std::fs::write(&file, &answer.body).unwrap();
    let read = Command::new("python3")
        .arg("-c")
        .arg(READER)
        .arg(&file)
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    serde_json::from_slice(&read.stdout).unwrap()
}

/// A member with a year behind them: choices, questions singly and in bulk, somebody who looked, and another library.
async fn lived(api: &Api) -> String {
    let person = register(api, "2000100001", Some("1980-05-01")).await;
    says_yes(api, "2000100001").await;
    let ask = json!({"person": member("2000100001"), "organisation": LINDE, "purpose": "newsletter", "action": "contact",
        "channel": "email", "dataScopes": ["email", "identity"], "reference": "=HYPERLINK(\"http://x\",\"klik\")"});
    assert_eq!(api.post("/v1/decisions", &ask).await.json()["decision"], "permit");
    let mut denied = ask.clone();
    denied["purpose"] = json!("member-offers");
    assert_eq!(
        api.post("/v1/decisions", &denied).await.json()["decision"],
        "deny"
    );
    let path = format!(
        "/v1/decision-batches?organisation={LINDE}&purpose=newsletter&action=contact&channel=email\
                        &dataScopes=email&scheme=member-number&reference=voorjaar"
    );
    let lines = [("Content-Type", "application/x-ndjson")];
    let bulk = api
        .send(
            "POST",
            &path,
            &lines,
            "{\"value\":\"2000100001\"}\n{\"value\":\"2000999999\"}\n",
        )
        .await;
    assert_eq!(bulk.status, 200, "{bulk:?}");
    // The same person at another library, which is nobody's business here.
    let elsewhere = json!({"organisation": KOMPAS, "birthDate": "1980-05-01",
        "identifiers": [member("2000100001"), {"scheme": "email", "value": "kompas@example.org"}]});
    assert!(api.post("/v1/people", &elsewhere).await.status < 300);
    let mut there = ask.clone();
    there["organisation"] = json!(KOMPAS);
    there["reference"] = json!("kompas-campaign");
    api.post("/v1/decisions", &there).await;
    let look = format!("/v1/audit-entries?personId={person}&reason=klacht%2012&open=true");
    assert_eq!(api.get(&look).await.status, 200);
    person
}

fn texts<'v>(rows: &'v Value, column: &str) -> Vec<&'v str> {
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| row[column].as_str().unwrap())
        .collect()
}

both_engines! {
    async fn r57_access_shows_everything_with_names(engine) {
        let api = Api::start(engine).await;
        let person = lived(&api).await;
        let request = entered(&api, "2000100001", "access", json!({"text": "Wat weten <jullie>?",
            "actor": {"type": "self", "staff": "B-99"}, "indicationMethod": "paper"})).await;
        let read = package(&api, &request, "").await;
        let mut files: Vec<&str> = read["files"].as_object().unwrap().keys().map(String::as_str).collect();
        files.sort_unstable();
        assert_eq!(files, ["choices.csv", "contacts.csv", "data.json", "decisions.csv", "history.csv", "overview.html", "recipients.csv",
                           "texts/newsletter-3-nl.json"]);

        // The explanation is byte for byte as it was shown.
        let shown = api.get("/v1/notices/newsletter/3/nl").await.body;
        assert_eq!(read["files"]["texts/newsletter-3-nl.json"], json!(shown));
        let choice = &read["data"]["choices"][0];
        assert_eq!((&choice["purpose"], &choice["status"]), (&json!("newsletter"), &json!("given")));
        assert_eq!(choice["text"]["question"], json!("Mogen we je onze nieuwsbrief mailen?"));
        assert_eq!(read["tables"]["choices.csv"][0]["textFile"], json!("texts/newsletter-3-nl.json"));

        // Every question, singly and in bulk, with who asked, the answer, why, and which data.
        let decisions = read["data"]["decisions"].as_array().unwrap();
        let told: Vec<(&str, bool, &str)> = decisions
            .iter()
            .map(|d| (d["decision"].as_str().unwrap(), d["inBulk"].as_bool().unwrap(), d["reasons"][0]["code"].as_str().unwrap()))
            .collect();
        assert_eq!(told.len(), 3, "{decisions:#?}");
        for expected in [("permit", false, "permit-consent"), ("deny", false, "deny-customer-exception-incomplete"), ("permit", true, "permit-consent")] {
            assert!(told.contains(&expected), "{expected:?}: {told:?}");
        }
        assert!(decisions.iter().all(|d| d["askedBy"] == "Kolibrie Klantzorg BV"));
        let bulk = decisions.iter().find(|d| d["inBulk"] == json!(true)).unwrap();
        assert_eq!((&bulk["reference"], &bulk["data"]), (&json!("voorjaar"), &json!(["Je e-mailadres"])));
        // A cell that a spreadsheet would run is text.
        let references = texts(&read["tables"]["decisions.csv"], "reference");
        assert!(references.contains(&"'=HYPERLINK(\"http://x\",\"klik\")"), "{references:?}");

        // Who really received a permit, by name, and nobody else.
        let recipients = &read["data"]["recipients"];
        assert_eq!(texts(recipients, "name"), ["Kolibrie Klantzorg BV"]);
        assert_eq!((&recipients[0]["times"], &recipients[0]["data"]), (&json!(2), &json!(["Je e-mailadres", "Je naam"])));
        assert_eq!(texts(&read["tables"]["recipients.csv"], "name"), ["Kolibrie Klantzorg BV"]);

        assert_eq!(read["data"]["person"]["birthDate"], json!("1980-05-01"));
        assert_eq!(read["data"]["person"]["identifiers"][0]["value"], json!("2000100001"));
        assert_eq!(read["data"]["sources"][0]["source"], json!("crm"));
        let newsletter = read["data"]["purposes"].as_array().unwrap().iter().find(|p| p["purpose"] == "newsletter").unwrap();
        assert_eq!((&newsletter["legalBasis"], &newsletter["retention"]), (&json!("consent"), &json!("until-withdrawn")));
        assert!(newsletter["recipients"].to_string().contains("Briesje Mail BV"));
        assert_eq!(read["data"]["library"]["authority"], json!("Autoriteit Persoonsgegevens"));
        assert_eq!(read["data"]["requests"][0]["text"], json!("Wat weten <jullie>?"));
        assert_eq!(read["data"]["lookedUp"][0]["reason"], json!("klacht 12"));

        // Not a word of the other library, and no member of staff.
        let whole = read.to_string();
        assert!(!whole.contains("kompas") && !whole.contains("Kompas"), "{whole}");
        assert!(!whole.contains("B-99"));

        let page = read["files"]["overview.html"].as_str().unwrap();
        for part in ["<html lang=\"nl\">", "Wie je gegevens mocht gebruiken", "Kolibrie Klantzorg BV", "Mogen we je onze nieuwsbrief mailen?",
                     "Wat weten &lt;jullie&gt;?", "Autoriteit Persoonsgegevens", "Jouw rechten", "klacht 12", "Je zei ja", "Tot je stopt", "Keek in het logboek"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script") && !page.contains("http-equiv"));
        let english = package(&api, &request, "?language=en").await;
        assert!(english["files"]["overview.html"].as_str().unwrap().contains("Who was allowed to use your data"));
        // That the first package was made stands in the second.
        let looks = texts(&english["data"]["lookedUp"], "kind");
        assert!(looks.contains(&"rights.package-made"), "{looks:?}");
        let entries = api.get(&format!("/v1/audit-entries?personId={person}&reason=x")).await.json();
        assert!(entries.to_string().contains("rights.package-made"));

        // Still there when the request is done; not when it was refused.
        let done = stepped(&api, &request, json!({"complete": {}})).await;
        package(&api, &done, "").await;
        let refused = entered(&api, "2000100001", "access", json!({})).await;
        let refused = stepped(&api, &refused, json!({"reject": {"ground": "manifestly-excessive", "explanation": "Elke dag."}})).await;
        let path = format!("/v1/rights-requests/{}/package", refused["requestId"].as_str().unwrap());
        assert_eq!(api.get(&path).await.problem().0, "request-ended");
        let objection = entered(&api, "2000100001", "objection", json!({"directMarketing": true})).await;
        let path = format!("/v1/rights-requests/{}/package", objection["requestId"].as_str().unwrap());
        assert_eq!(api.get(&path).await.status, 404);
        assert_eq!(api.get(&format!("{path}?language=fy")).await.status, 400);
    }

    async fn r57_of_two_records_that_were_one_nothing_is_left_out(engine) {
        let api = Api::start(engine).await;
        let gone = lived(&api).await;
        let kept = register(&api, "2000100002", Some("1980-05-01")).await;
        let merge = json!({"keep": kept, "merge": gone, "reason": "dubbel"});
        assert_eq!(api.post("/v1/people/merges", &merge).await.status, 201);
        let request = entered(&api, "2000100002", "access", json!({})).await;
        let read = package(&api, &request, "").await;
        assert_eq!(read["data"]["decisions"].as_array().unwrap().len(), 3);
        assert_eq!(texts(&read["data"]["recipients"], "name"), ["Kolibrie Klantzorg BV"]);
        let kinds = texts(&read["data"]["history"], "kind");
        assert!(kinds.contains(&"consent.given") && kinds.contains(&"person.merged"), "{kinds:?}");
    }

    async fn r62_what_somebody_gave_can_be_taken_along(engine) {
        let api = Api::start(engine).await;
        lived(&api).await;
        // What staff recorded is not the person's own word.
        let by_staff = json!({"person": member("2000100001"), "organisation": LINDE, "purpose": "newsletter", "status": "withdrawn",
            "language": "nl", "indicationMethod": "desk", "actor": {"type": "staff", "staff": "B-99"}});
        assert_eq!(api.post("/v1/consents", &by_staff).await.status, 201);
        let request = entered(&api, "2000100001", "portability", json!({"language": "en"})).await;
        let read = package(&api, &request, "").await;
        let mut files: Vec<&str> = read["files"].as_object().unwrap().keys().map(String::as_str).collect();
        files.sort_unstable();
        assert_eq!(files, ["choices.csv", "data.csv", "data.json", "overview.html"]);
        let data = &read["data"];
        assert_eq!(data["type"], json!("urn:akkoord:portability-package:1"));
        assert_eq!(texts(&data["choices"], "kind"), ["consent.given"]);
        assert_eq!(data["birthDate"], json!("1980-05-01"));
        assert_eq!(texts(&read["tables"]["data.csv"], "name"), ["member-number", "birth-date", "language"]);
        assert_eq!(texts(&read["tables"]["choices.csv"], "purpose"), ["newsletter"]);
        for absent in ["decisions", "recipients", "Kolibrie", "B-99", "kompas"] {
            assert!(!data.to_string().contains(absent), "{absent}: {data}");
        }
        assert!(read["files"]["overview.html"].as_str().unwrap().contains("The data you gave us"));
    }
}
