//! What is built into Akkoord: every package's licence, source and version against the lists of `deny.toml`, the same
//! file cargo-deny reads.

use std::fs;
use std::process::Command;

use semver::{Version, VersionReq};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

use crate::support::source::root;

#[test]
fn every_package_is_allowed() {
    let rules: Rules = toml::from_str(&fs::read_to_string(root().join("deny.toml")).unwrap()).unwrap();
    // Not `--offline`: a fresh machine has not downloaded the packages of other platforms, and they are judged as well.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    assert!(metadata.packages.len() > 1);
    let found: Vec<String> = metadata
        .packages
        .iter()
        .flat_map(|package| rules.violations(package))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize, Clone)]
struct Package {
    name: String,
    version: Version,
    license: Option<String>,
    /// `registry+…` or `git+…`; none for our own package.
    source: Option<String>,
}

#[derive(Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    name: String,
    #[serde(default)]
    version: VersionReq,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

impl Rules {
    fn violations(&self, package: &Package) -> Vec<String> {
        let checks = [self.licence(package), self.source(package), self.ban(package)];
        checks
            .into_iter()
            .flatten()
            .map(|why| format!("{} {}: {why}", package.name, package.version))
            .collect()
    }

    fn licence(&self, package: &Package) -> Option<String> {
        let Some(licence) = &package.license else {
            return Some("it states no licence".to_owned());
        };
        // Lax: older packages write `MIT/Apache-2.0`.
        let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
            return Some(format!("its licence `{licence}` is not an SPDX expression"));
        };
        let allowed: Vec<Licensee> = self
            .licenses
            .allow
            .iter()
            .map(|name| Licensee::parse(name).unwrap())
            .collect();
        let fits = expression.evaluate(|wanted| allowed.iter().any(|licence| licence.satisfies(wanted)));
        (!fits).then(|| format!("its licence `{licence}` is not allowed"))
    }

    fn source(&self, package: &Package) -> Option<String> {
        let source = package.source.as_ref()?;
        let known = source.strip_prefix("registry+").is_some_and(|registry| {
            self.sources
                .allow_registry
                .iter()
                .any(|allowed| allowed == registry)
        });
        (!known).then(|| format!("its source `{source}` is not allowed"))
    }

    fn ban(&self, package: &Package) -> Option<String> {
        let ban = self
            .bans
            .deny
            .iter()
            .find(|ban| ban.name == package.name && ban.version.matches(&package.version))?;
        Some(format!("it is banned: {}", ban.reason))
    }
}

mod checker {
    use super::*;

    const RULES: &str = r#"
        [licenses]
        allow = ["MIT", "ISC"]
        [bans]
        deny = [{ name = "rsa", reason = "timing" }, { name = "h2", version = "<0.4.16", reason = "advisory" }]
        [sources]
        allow-registry = ["https://index.example"]
    "#;

    fn package(name: &str, version: &str, licence: &str, source: Option<&str>) -> Package {
        let version = Version::parse(version).unwrap();
        Package {
            name: name.to_owned(),
            version,
            license: Some(licence.to_owned()),
            source: source.map(str::to_owned),
        }
    }

    fn found(package: &Package) -> Vec<String> {
        toml::from_str::<Rules>(RULES).unwrap().violations(package)
    }

    const KNOWN: Option<&str> = Some("registry+https://index.example");

    #[test]
    fn licences_are_weighed_as_expressions() {
        for licence in ["MIT", "MIT/Apache-2.0", "GPL-3.0-only OR ISC", "MIT AND ISC"] {
            assert!(
                found(&package("a", "1.0.0", licence, KNOWN)).is_empty(),
                "{licence}"
            );
        }
        for licence in [
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MIT WITH LLVM-exception",
            "proprietary",
            "",
        ] {
            assert_eq!(
                found(&package("a", "1.0.0", licence, KNOWN)).len(),
                1,
                "{licence}"
            );
        }
        let silent = Package {
            license: None,
            ..package("a", "1.0.0", "MIT", KNOWN)
        };
        assert_eq!(found(&silent), ["a 1.0.0: it states no licence"]);
    }

    #[test]
    fn only_the_known_registry_is_a_source() {
        for source in [
            "git+https://index.example/a",
            "registry+https://mirror.example",
            "path",
        ] {
            assert_eq!(
                found(&package("a", "1.0.0", "MIT", Some(source))).len(),
                1,
                "{source}"
            );
        }
        assert!(found(&package("akkoord", "1.0.0", "MIT", None)).is_empty());
    }

    #[test]
    fn bans_hold_for_their_versions() {
        assert_eq!(
            found(&package("rsa", "0.10.0", "MIT", KNOWN)),
            ["rsa 0.10.0: it is banned: timing"]
        );
        assert_eq!(found(&package("h2", "0.4.15", "MIT", KNOWN)).len(), 1);
        assert!(found(&package("h2", "0.4.16", "MIT", KNOWN)).is_empty());
    }
}
