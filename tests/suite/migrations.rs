//! Both engines migrate in the same steps: the same numbers, names and files. That the steps also lead to the same
//! columns is compared where the schemas are, beside `store`.

use std::collections::BTreeSet;

use crate::support::source::{files, root};

#[test]
fn both_engines_have_the_same_migrations() {
    // A store without migrations is a mistake; without a store there is nothing to migrate.
    if !root().join("src/store").exists() && !root().join("src/store.rs").exists() {
        return;
    }
    let steps = |engine: &str| -> Vec<String> {
        let folder = format!("migrations/{engine}/");
        files(&folder)
            .into_iter()
            .map(|(path, _)| path.replacen(&folder, "", 1))
            .collect()
    };
    let found = differences(&steps("sqlite"), &steps("postgres"));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What is wrong with the files of the two folders, as paths relative to their folder: `0001_people/up.sql`.
fn differences(sqlite: &[String], postgres: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (engine, steps, others) in [("sqlite", sqlite, postgres), ("postgres", postgres, sqlite)] {
        if steps.is_empty() {
            found.push(format!("migrations/{engine} is empty"));
        }
        found.extend(
            steps
                .iter()
                .filter(|step| !others.contains(step))
                .map(|step| format!("only {engine} has {step}")),
        );
        let names: BTreeSet<&str> = steps.iter().filter_map(|step| step.split('/').next()).collect();
        let numbers: BTreeSet<&str> = names.iter().filter_map(|name| name.split('_').next()).collect();
        if numbers.len() != names.len() {
            found.push(format!("migrations/{engine} uses a number twice"));
        }
        found.extend(
            names
                .iter()
                .filter(|name| !steps.iter().any(|step| *step == format!("{name}/up.sql")))
                .map(|name| format!("migrations/{engine}/{name} has no up.sql")),
        );
    }
    found
}

mod checker {
    use super::differences;

    fn found(sqlite: &[&str], postgres: &[&str]) -> Vec<String> {
        let owned = |steps: &[&str]| -> Vec<String> { steps.iter().map(|step| (*step).to_owned()).collect() };
        differences(&owned(sqlite), &owned(postgres))
    }

    #[test]
    fn folders_that_differ_are_refused() {
        let both = ["0001_people/up.sql", "0002_audit/up.sql"];
        assert_eq!(found(&both, &both), Vec::<String>::new());
        assert_eq!(found(&both, &both[..1]), ["only sqlite has 0002_audit/up.sql"]);
        assert_eq!(found(&both[..1], &["0001_persons/up.sql"]).len(), 2);
        assert_eq!(
            found(&both[..1], &["0001_people/up.sql", "0001_people/down.sql"]).len(),
            1
        );
        assert_eq!(found(&[], &[]).len(), 2);
        let twice = ["0001_people/up.sql", "0001_audit/up.sql"];
        assert_eq!(found(&twice, &twice).len(), 2);
        let empty = ["0001_people/down.sql"];
        assert_eq!(found(&empty, &empty).len(), 2);
    }
}
