//! `akkoord check` against a service that runs: rows come back as they were, sorted by the answer; and what is interrupted
//! goes on where it was.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use akkoord::service::access::client::ClientId;
use akkoord::service::access::{Credential, NewClient};
use akkoord::service::call::Scope;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::support::engine::Engine;
use crate::support::http::Api;
use crate::support::program::{Ended, akkoord};

async fn api_with_members() -> (Api, String) {
    let api = Api::with(Engine::Sqlite, |options| {
        options.body.deadline = Duration::from_secs(3)
    })
    .await;
    let notice = api.service.catalogue().purposes["newsletter"].purpose.version;
    for number in ["2000000001", "2000000002"] {
        let body = json!({ "organisation": "bibliotheek-de-linde", "birthDate": "1980-05-01",
            "identifiers": [{ "scheme": "member-number", "value": number }] });
        assert_eq!(api.post("/v1/people", &body).await.status, 201);
    }
    let body = json!({ "person": { "scheme": "member-number", "value": "2000000001" }, "organisation": "bibliotheek-de-linde",
        "purpose": "newsletter", "status": "given", "noticeVersion": notice, "language": "nl",
        "indicationMethod": "web-form", "actor": { "type": "self" } });
    assert_eq!(api.post("/v1/consents", &body).await.status, 201);
    let new = NewClient {
        id: ClientId::parse("campaigns").unwrap(),
        system: "crm".parse().unwrap(),
        scopes: [Scope::DecisionsCheck].into(),
        credential: Credential::Secret,
    };
    let added = api
        .service
        .add_client(&api.service.operator().unwrap(), new)
        .await
        .unwrap();
    let secret = added.secret.unwrap().reveal().to_string();
    (api, secret)
}

/// Runs `akkoord check` in a folder.
async fn check(api: &Api, secret: &str, folder: &Path, more: &[&str]) -> Ended {
    let url = format!("http://{}", api.server.addr);
    let mut arguments = vec![
        "check",
        "--organisation",
        "bibliotheek-de-linde",
        "--purpose",
        "newsletter",
        "--channel",
        "email",
        "--data-scopes",
        "email",
        "--output",
        "allowed.csv",
        "--denied",
        "denied.csv",
        "--client-id",
        "campaigns",
        "--url",
        &url,
    ];
    arguments.extend_from_slice(more);
    let mut command = akkoord(&arguments);
    command
        .current_dir(folder)
        .env("AKKOORD_CLIENT_SECRET", secret)
        .stdin(Stdio::null());
    spawn_blocking(move || command.output().unwrap().into())
        .await
        .unwrap()
}

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[actix_web::test]
async fn rows_come_back_as_they_were_sorted_by_the_answer() {
    let (api, secret) = api_with_members().await;
    let folder = tempfile::tempdir().unwrap();
    let list = "\u{feff}Naam;Nummer\r\n\"de Wit; Anna\";2000000001\r\nBert;2000 000 002\r\n\r\nC;2999999999\r\nD\r\nE;2000000001";
    std::fs::write(folder.path().join("list.csv"), list).unwrap();
    let arguments = ["--input", "list.csv", "--column", "nummer"];
    let done = check(&api, &secret, folder.path(), &arguments).await;
    assert_eq!(done.code, 3, "{} {}", done.stdout, done.stderr);
    assert_eq!(
        done.stdout.trim(),
        "5 rows answered: 2 permitted, 2 denied, 1 malformed."
    );
    assert_eq!(
        text(folder.path(), "allowed.csv"),
        "Naam;Nummer;reason;dataScopes\r\n\"de Wit; Anna\";2000000001;permit-consent;email\r\nE;2000000001;permit-consent;email\r\n"
    );
    assert_eq!(
        text(folder.path(), "denied.csv"),
        "Naam;Nummer;reason\r\nBert;2000 000 002;deny-no-consent\r\nC;2999999999;deny-unknown-subject\r\nD;malformed\r\n"
    );
    assert!(!folder.path().join("allowed.csv.progress").exists());

    let again = check(&api, &secret, folder.path(), &arguments).await;
    assert_eq!(again.code, 1, "{}", again.stderr);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    let forced = check(
        &api,
        &secret,
        folder.path(),
        &[&arguments[..], &["--force"]].concat(),
    )
    .await;
    assert_eq!(forced.code, 3, "{}", forced.stderr);
    let wrong = check(
        &api,
        "wrong",
        folder.path(),
        &[&arguments[..], &["--force"]].concat(),
    )
    .await;
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("secret"), "{}", wrong.stderr);
}

#[actix_web::test]
async fn mistakes_are_said_in_words() {
    let (api, secret) = api_with_members().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.csv"), "value\n2000000001\n").unwrap();
    for (more, said) in [
        (&["--input", "nothing.csv"][..], "cannot read nothing.csv"),
        (
            &["--input", "list.csv", "--column", "nummer"],
            "names no column `nummer`",
        ),
        (&["--input", "list.csv", "--scheme", "bsn"], "scheme: "),
        (&["--input", "list.csv", "--resume"], "leave --resume out"),
    ] {
        let ended = check(&api, &secret, folder.path(), more).await;
        assert_eq!(ended.code, 1, "{more:?} {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{more:?} {}", ended.stderr);
    }
    let ended = check(
        &api,
        &secret,
        folder.path(),
        &[
            "--input",
            "list.csv",
            "--url",
            "http://privacy.example",
            "--force",
        ],
    )
    .await;
    assert_eq!(ended.code, 2, "an option twice: {}", ended.stderr);
}

#[actix_web::test]
async fn what_was_interrupted_goes_on_where_it_was() {
    let (api, secret) = api_with_members().await;
    let folder = tempfile::tempdir().unwrap();
    // Four chunks. A trigger lets two of them be recorded and then no more.
    let mut list = "value,name\n".to_owned();
    for row in 0..30_000 {
        list.push_str(&format!(
            "{},row {row}\n",
            if row % 2 == 0 {
                2_000_000_001_u64
            } else {
                2_999_999_999
            }
        ));
    }
    std::fs::write(folder.path().join("list.csv"), &list).unwrap();
    sql(
        &api,
        "CREATE TRIGGER full BEFORE INSERT ON audit_bulk WHEN (SELECT count(*) FROM audit_bulk) >= 2 \
               BEGIN SELECT RAISE(ABORT, 'full'); END",
    );
    let broken = check(&api, &secret, folder.path(), &["--input", "list.csv"]).await;
    assert_eq!(broken.code, 1, "{} {}", broken.stdout, broken.stderr);
    let rows: usize = broken
        .stderr
        .split(". ")
        .last()
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(rows <= 16_384, "{}", broken.stderr);
    assert_eq!(text(folder.path(), "allowed.csv").lines().count(), 1 + rows / 2);
    let again = check(&api, &secret, folder.path(), &["--input", "list.csv"]).await;
    assert!(again.stderr.contains("go on with --resume"), "{}", again.stderr);
    let other = check(
        &api,
        &secret,
        folder.path(),
        &["--input", "list.csv", "--reference", "x", "--resume"],
    )
    .await;
    assert!(other.stderr.contains("asked something else"), "{}", other.stderr);
    // Bytes behind what was noted are of a run that was killed: they are cut off.
    let torn = text(folder.path(), "denied.csv") + "2999999999,to";
    std::fs::write(folder.path().join("denied.csv"), torn).unwrap();

    sql(&api, "DROP TRIGGER full");
    let done = check(&api, &secret, folder.path(), &["--input", "list.csv", "--resume"]).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.starts_with("30000 rows answered"), "{}", done.stdout);
    let (allowed, denied) = (
        text(folder.path(), "allowed.csv"),
        text(folder.path(), "denied.csv"),
    );
    let names = |text: &str| -> Vec<String> {
        text.lines()
            .skip(1)
            .map(|line| line.split(',').nth(1).unwrap().to_owned())
            .collect()
    };
    let wanted =
        |odd: usize| -> Vec<String> { (0..15_000).map(|at| format!("row {}", at * 2 + odd)).collect() };
    assert_eq!(names(&allowed), wanted(0));
    assert_eq!(names(&denied), wanted(1));

    std::fs::write(folder.path().join("allowed.csv.progress"), "{").unwrap();
    let damaged = check(&api, &secret, folder.path(), &["--input", "list.csv", "--resume"]).await;
    assert!(damaged.stderr.contains("is damaged"), "{}", damaged.stderr);
}

/// Does something to the database from outside.
fn sql(api: &Api, text: &str) {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    let file = api.storage().directory().join("akkoord.db");
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    connection
        .batch_execute(&format!("PRAGMA busy_timeout = 5000; {text}"))
        .unwrap();
}
