//! `akkoord keys`, beside a node that serves.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli_serve::serving;
use crate::support::engine::TestStorage;
use crate::support::program::{get, run};

both_engines! {
    fn a_node_that_serves_takes_a_new_signing_key_over(engine) {
        let storage = TestStorage::new(engine);
        let (_running, address) = serving(&storage, "");
        let config = storage.directory().join("akkoord.toml").display().to_string();
        let published = || -> Vec<String> {
            let jwks: Value = serde_json::from_str(&get(&address, "/.well-known/jwks.json").unwrap().1).unwrap();
            let keys = jwks["keys"].as_array().unwrap();
            keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
        };
        let before = published();
        assert_eq!(before.len(), 1);

        let rotated = run(&["keys", "rotate-signing", "--config", &config]);
        assert_eq!(rotated.code, 0, "{}", rotated.stderr);
        let made = rotated.stdout.strip_prefix("Made signing key ").unwrap();
        let kid = made.split(' ').next().unwrap();
        assert!(rotated.stdout.contains("60 seconds from now"), "{}", rotated.stdout);
        let began = Instant::now();
        while published() != [before[0].as_str(), kid] {
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", published());
            std::thread::sleep(Duration::from_millis(100));
        }

        let again = run(&["keys", "rotate-signing", "--config", &config]);
        assert_eq!(again.code, 1);
        assert!(again.stderr.contains("rotate again after that"), "{}", again.stderr);

        let listed = run(&["keys", "list", "--config", &config]);
        assert_eq!(listed.code, 0, "{}", listed.stderr);
        let of = |kid: &str| listed.stdout.lines().find(|line| line.ends_with(kid)).unwrap().to_owned();
        assert!(of(kid).contains("  coming "), "{}", listed.stdout);
        assert!(of(&before[0]).contains("  current "), "{}", listed.stdout);
        assert!(listed.stdout.contains("blind-index/member-number"), "{}", listed.stdout);
        let json = run(&["keys", "list", "--json", "--config", &config]);
        let all: Value = serde_json::from_str(&json.stdout).unwrap();
        assert!(all.as_array().unwrap().iter().any(|key| key["keyId"] == kid && key["state"] == "coming"));
    }
}
