//! `akkoord policy plan` and `apply` beside a node that serves, on both engines.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli_serve::serving;
use crate::support::engine::TestStorage;
use crate::support::http::send;
use crate::support::program::{Ended, run};
use crate::support::source::root;

const NEWSLETTER: &str = "purposes/newsletter.toml";

/// A copy of the shipped policies beside the database.
fn copy(storage: &TestStorage) -> PathBuf {
    let folder = storage.directory().join("next");
    for inner in ["purposes", "themes"] {
        std::fs::create_dir_all(folder.join(inner)).unwrap();
    }
    for part in ["", "purposes", "themes"] {
        for entry in std::fs::read_dir(root().join("policies").join(part)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), folder.join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    folder
}

fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    std::fs::write(folder.join(file), text.replacen(from, to, 1)).unwrap();
}

both_engines! {
    async fn a_plan_is_shown_approved_by_another_and_in_force_on_the_node_that_serves(engine) {
        let storage = TestStorage::new(engine);
        let (_running, address) = serving(&storage, "test_subjects = true\n");
        let config = storage.directory().join("akkoord.toml").display().to_string();
        let policy = |arguments: &[&str]| -> Ended {
            let mut all = vec!["policy"];
            all.extend_from_slice(arguments);
            all.extend_from_slice(&["--config", &config]);
            run(&all)
        };
        let added = run(&[
            "client", "add", "crm-1", "--system", "crm", "--scope", "decisions:check", "--scope", "people:write", "--json",
            "--config", &config,
        ]);
        let secret = serde_json::from_str::<Value>(&added.stdout).unwrap()["secret"].as_str().unwrap().to_owned();
        let addr = address.parse().unwrap();
        let basic = {
            use base64::Engine as _;
            let pair = format!("crm-1:{secret}");
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        };
        let form = [("Authorization", basic.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        let token = send(addr, "POST", "/oauth2/token", &form, b"grant_type=client_credentials").await.json();
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let post = async |path: &str, body: Value| {
            let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
            send(addr, "POST", path, &headers, body.to_string().as_bytes()).await
        };
        let asked = async || {
            let answer = post("/v1/decisions", json!({
                "person": {"scheme": "test", "value": "granted"}, "organisation": "bibliotheek-de-linde",
                "purpose": "newsletter", "action": "contact", "channel": "email", "dataScopes": ["email"],
            })).await.json();
            (answer["reasons"][0]["code"].as_str().unwrap().to_owned(), answer["policyVersion"].clone())
        };
        assert_eq!(asked().await.0, "permit-consent");

        // Nothing changed, nothing to do.
        let folder = copy(&storage);
        let next = folder.to_str().unwrap();
        let nothing = policy(&["plan", "--policies", next]);
        assert_eq!(nothing.code, 0, "{}", nothing.stderr);
        assert!(nothing.stdout.contains("  nothing changes\n"), "{}", nothing.stdout);

        // A changed meaning without a new version is refused, and every finding is told.
        edit(&folder, NEWSLETTER, "Mogen we je onze nieuwsbrief mailen?", "Mogen we je elke week onze nieuwsbrief mailen?");
        let refused = policy(&["plan", "--policies", next]);
        assert_eq!(refused.code, 1);
        assert!(refused.stdout.contains("newsletter.toml:"), "{}", refused.stdout);
        assert!(refused.stderr.contains("mistake"), "{}", refused.stderr);

        // A new version, and a new identifier scheme whose keys are made on the way.
        edit(&folder, NEWSLETTER, "version = 3\n", "version = 4\n");
        edit(
            &folder,
            "network.toml",
            "[[identifier_scheme]]\n",
            "[[identifier_scheme]]\nid = \"app-number\"\ntitle = { nl = \"Nummer van de app\", en = \"Number of the app\" }\n\
             normalise = \"digits\"\nmax_length = 20\n\n[[identifier_scheme]]\n",
        );
        edit(&folder, "systems.toml", "identifier_schemes = [\"member-number\", \"email\"", "identifier_schemes = [\"app-number\", \"member-number\", \"email\"");
        let register = async || {
            post("/v1/people", json!({
                "organisation": "bibliotheek-de-linde", "identifiers": [{"scheme": "app-number", "value": "12"}],
            })).await
        };
        assert_eq!(register().await.status, 400);
        let checked = run(&["policy", "check", next, "--update-lock"]);
        assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
        let plan = storage.directory().join("plan.json");
        let plan = plan.to_str().unwrap();
        let planned = policy(&["plan", "--policies", next, "--proposed-by", "Officer One", "--out", plan]);
        assert_eq!(planned.code, 0, "{}", planned.stderr);
        for words in [
            "  ~ purpose newsletter\n      version: 3 -> 4\n",
            "members who said yes must choose again",
            // The test subject `granted` of every library, and the objector's and restricted one's yes.
            "of 9 libraries who said yes must choose again; denied until then",
            "crm contact newsletter by email: permit (permit-consent) -> deny",
            "Somebody else reads this, and applies it:\n  akkoord policy apply",
        ] {
            assert!(planned.stdout.contains(words), "{words:?} is not in\n{}", planned.stdout);
        }
        assert_eq!(asked().await.0, "permit-consent");

        let same = policy(&["apply", plan, "--approved-by", "officer one"]);
        assert_eq!(same.code, 1);
        assert!(same.stderr.contains("somebody else must approve it"), "{}", same.stderr);
        let whole = std::fs::read_to_string(plan).unwrap();
        let spoilt = storage.directory().join("spoilt.json");
        std::fs::write(&spoilt, whole.replacen("je elke week onze", "je elke dag onze", 1)).unwrap();
        let tampered = policy(&["apply", spoilt.to_str().unwrap(), "--approved-by", "Officer Two"]);
        assert_eq!(tampered.code, 1);
        assert!(tampered.stderr.contains("not those it was made of"), "{}", tampered.stderr);

        let before = asked().await.1;
        let applied = policy(&["apply", plan, "--approved-by", "Officer Two"]);
        assert_eq!(applied.code, 0, "{}", applied.stderr);
        assert!(applied.stdout.ends_with("none needs a restart.\n"), "{}", applied.stdout);
        let (code, version) = asked().await;
        assert!(code.starts_with("deny-"), "{code}");
        assert_ne!(version, before);
        assert!(applied.stdout.contains(version.as_str().unwrap()));
        let (first, second) = (register().await, register().await);
        assert_eq!((first.status, second.status), (201, 200), "{first:?}");
        assert_eq!(first.json()["personId"], second.json()["personId"]);

        let again = policy(&["apply", plan, "--approved-by", "Officer Two"]);
        assert_eq!(again.code, 1);
        assert!(again.stderr.contains("is in force by now; make the plan again"), "{}", again.stderr);
        // There is no way back: the shipped files forget a published version.
        let back = policy(&["plan"]);
        assert_eq!(back.code, 1);
        assert!(back.stdout.contains("versions.lock"), "{}", back.stdout);
    }
}
