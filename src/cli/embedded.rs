//! The shipped policies, compiled into the program, so that the demo needs no files and `config init` can write them. A
//! test compares this list with the folder.

/// Every file with its path below `policies/`.
macro_rules! policies {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/", $path)))),+]
    };
}

/// Paths below `policies/`, and texts.
pub const POLICIES: &[(&str, &str)] = policies!(
    "data-scopes.toml",
    "network.toml",
    "purposes/activity-registration.toml",
    "purposes/donations-friends.toml",
    "purposes/event-invitations.toml",
    "purposes/ido-help.toml",
    "purposes/keep-loan-history.toml",
    "purposes/lending.toml",
    "purposes/member-offers.toml",
    "purposes/membership-admin.toml",
    "purposes/national-login-online-library.toml",
    "purposes/newsletter.toml",
    "purposes/payments.toml",
    "purposes/profile-enrichment.toml",
    "purposes/reading-promotion-youth.toml",
    "purposes/reading-tips.toml",
    "purposes/rights-and-proof.toml",
    "purposes/satisfaction-research.toml",
    "purposes/school-library.toml",
    "purposes/service-messages.toml",
    "purposes/share-municipality.toml",
    "purposes/share-network.toml",
    "purposes/statistics.toml",
    "systems.toml",
    "themes/bibliotheek-de-linde.css",
    "themes/bibliotheek-de-vuurtoren.css",
    "themes/bibliotheek-het-kompas.css",
    "themes/bibliotheek-waterpoort.css",
    "versions.lock",
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_policy_file_is_here() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let mut found = BTreeSet::new();
        let mut folders = vec![folder.clone()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_none_or(|extension| extension != "md") {
                    found.insert(path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let here: BTreeSet<_> = POLICIES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(here, found, "keep the list in src/cli/embedded.rs complete");
    }
}
