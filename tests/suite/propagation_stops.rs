//! `akkoord stops export`, as cron runs it beside the service: who must be left alone, in a file that can be verified.

use akkoord::crypto::{PublicKey, sha256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::support::app::{LIBRARY, notice, registration, word};
use crate::support::engine::TestStorage;
use crate::support::program::run;
use crate::support::serving::Installation;

both_engines! {
    fn a_file_names_who_must_be_left_alone_and_is_signed(engine) {
        let storage = TestStorage::new(engine);
        let installation = Installation::new(storage.url(), storage.directory(), 1, "");
        let serving = installation.start();
        let (ids, jwks) = actix_web::rt::System::new().block_on(async {
            let mut client = installation.client(0, serving.address);
            let notice = notice(&mut client).await;
            let mut ids = Vec::new();
            for (number, words) in [
                ("2000003001", ["given", "withdrawn"].as_slice()),
                ("2000003002", &["given"]),
                ("2000003003", &["refused"]),
                ("2000003004", &[]),
            ] {
                let registered = client.post("/v1/people", &registration(number)).await.expect(201);
                ids.push(registered["personId"].as_str().unwrap().to_owned());
                for status in words {
                    client.post("/v1/consents", &word(number, status, notice)).await.expect(201);
                }
            }
            (ids, client.get("/.well-known/jwks.json").await.expect(200))
        });
        let output = storage.directory().join("out");
        std::fs::create_dir(&output).unwrap();
        let export = |system: &str, more: &[&str]| {
            let mut arguments = vec!["stops", "export", "--config", installation.configuration(), "--system", system];
            arguments.extend(["--output", output.to_str().unwrap(), "--json"]);
            arguments.extend(more);
            run(&arguments)
        };
        let ended = export("crm", &["--scheme", "member-number"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let manifest: Value = serde_json::from_str(&ended.stdout).unwrap();
        let file = output.join(manifest["file"].as_str().unwrap());
        let bytes = std::fs::read(&file).unwrap();
        let hash: String = sha256(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(manifest["sha256"], hash);

        let text = String::from_utf8(bytes).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
        assert_eq!(manifest["rows"], rows.len());
        let newsletter = |id: &str| {
            let mut found = rows.iter().filter(|row| row[0] == id && row[3] == "newsletter");
            found.next().map(|row| (row[1], row[2], row[4], row[6], !row[5].is_empty()))
        };
        assert_eq!(newsletter(&ids[0]), Some(("2000003001", LIBRARY, "email", "deny-withdrawn", true)));
        assert_eq!(newsletter(&ids[1]), None);
        assert_eq!(newsletter(&ids[2]), Some(("2000003003", LIBRARY, "email", "deny-refused", true)));
        assert_eq!(newsletter(&ids[3]), None, "who was never asked has stopped nothing");

        // The manifest on disk is the one that was shown, and verifies with the published key alone.
        let kept = std::fs::read_to_string(file.with_extension("json")).unwrap();
        assert_eq!(kept, ended.stdout.trim_end());
        let (unsigned, _) = kept.rsplit_once(",\"signature\"").unwrap();
        let message = format!("akkoord-stops/1\n{unsigned}}}");
        let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == manifest["keyId"]).unwrap();
        let key = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
        let key = PublicKey::from_bytes(key.try_into().unwrap());
        let signature = STANDARD.decode(manifest["signature"].as_str().unwrap()).unwrap();
        assert!(key.verifies(message.as_bytes(), &signature));
        assert!(!key.verifies(format!("{message} ").as_bytes(), &signature));

        for (system, more, words) in [
            ("nobody", [].as_slice(), "no system `nobody`"),
            ("crm", &["--scheme", "card-number"], "may not use identifiers of the scheme `card-number`"),
        ] {
            let refused = export(system, more);
            assert_eq!(refused.code, 1);
            assert!(refused.stderr.contains(words), "{}", refused.stderr);
        }
        drop(serving);
    }
}
