//! `akkoord audit export` beside a service that serves, on both engines, and `akkoord audit verify` of what it wrote.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::cli_serve::serving;
use crate::support::engine::TestStorage;
use crate::support::program::{get, run};

both_engines! {
    fn an_operator_exports_and_an_auditor_verifies(engine) {
        let storage = TestStorage::new(engine);
        let (running, address) = serving(&storage, "");
        let folder = storage.directory();
        let config = folder.join("akkoord.toml");
        let config = config.to_str().unwrap();
        let added = run(&[
            "client", "add", "crm-one", "--system", "crm", "--scope", "decisions:check", "--config", config,
        ]);
        assert_eq!(added.code, 0, "{}", added.stderr);

        let bundle = folder.join("admin.zip");
        let bundle = bundle.to_str().unwrap();
        let export = |more: &[&str]| {
            let mut all = vec!["audit", "export", "--config", config, "--log", "admin", "--output", bundle];
            all.extend_from_slice(more);
            run(&all)
        };
        let without = export(&["--reason", " "]);
        assert_eq!(without.code, 1, "{}", without.stderr);
        assert!(!std::path::Path::new(bundle).exists());
        let wrong = export(&["--reason", "audit", "--format", "pdf"]);
        assert_eq!(wrong.code, 2, "{}", wrong.stderr);

        let ended = export(&["--reason", "yearly audit", "--format", "csv", "--openings", "--json"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stderr.contains(" steps"), "{}", ended.stderr);
        let told: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((&told["log"], &told["openings"], &told["firstIndex"]), (&"admin".into(), &true.into(), &0.into()));
        assert!(told["entries"].as_u64().unwrap() >= 1, "{told}");
        assert_eq!(std::fs::metadata(bundle).unwrap().permissions().mode() & 0o077, 0);

        let vkey = get(&address, "/log/admin/vkey").unwrap().1;
        assert_eq!(told["verifierKey"].as_str(), Some(vkey.trim()));
        let ended = run(&["audit", "verify", bundle, "--key", vkey.trim()]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout.starts_with("In order: "), "{}", ended.stdout);
        let other = get(&address, "/log/consent/vkey").unwrap().1;
        let ended = run(&["audit", "verify", bundle, "--key", other.trim()]);
        assert_eq!(ended.code, 1, "{}", ended.stdout);

        let again = export(&["--reason", "yearly audit"]);
        assert_eq!(again.code, 1);
        assert!(again.stderr.contains("exists already"), "{}", again.stderr);
        drop(running);
    }
}
