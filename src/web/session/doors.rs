//! The ways in: the account of a library for members, the account of an employer for staff, and a link by mail.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::domain::ids::{OrganisationId, SchemeId};
use crate::domain::personal::Personal;
use crate::outward::oidc::RelyingParty;
use crate::policy::catalogue::Catalogue;
use crate::service::sessions::staff::{Reach, Role, StaffIdentity};

/// Longest pseudonym and name of staff that is taken over, in characters.
const LONGEST: usize = 64;

/// Which ways in there are.
#[derive(Debug, Clone, Default)]
pub struct Doors {
    /// For members with an account.
    pub members: Option<MemberDoor>,
    /// For staff.
    pub staff: Option<StaffDoor>,
    /// Whether members may ask for a link by mail.
    pub links: bool,
}

/// The provider of the accounts of members.
#[derive(Debug, Clone)]
pub struct MemberDoor {
    /// The provider.
    pub party: RelyingParty,
    /// The claim with the number that the library knows the member by.
    pub number_claim: String,
    /// What kind of number it is.
    pub scheme: SchemeId,
    /// The claim with the library, when the provider says it: then the member must be known there.
    pub library_claim: Option<String>,
}

/// The provider of the accounts of staff.
#[derive(Debug, Clone)]
pub struct StaffDoor {
    /// The provider.
    pub party: RelyingParty,
    /// The claim that stands in the log as the one who acted.
    pub subject_claim: String,
    /// The claim with the name to show.
    pub name_claim: String,
    /// The claim with the roles: a word or a list of words; `a.b` is the member `b` of the claim `a`.
    pub role_claim: String,
    /// What the provider's words for roles mean; words that are not among them are those of [`Role`].
    pub roles: BTreeMap<String, Role>,
    /// The claim with the ids of the libraries somebody works for: a word or a list; `*` is all of them.
    pub organisations_claim: String,
}

/// Who a provider says that a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedMember {
    /// Their number.
    pub number: Personal<String>,
    /// Their library, when the provider says it.
    pub library: Option<OrganisationId>,
}

impl MemberDoor {
    /// Who the claims say it is. `None` when they do not say.
    pub fn member(&self, claims: &Map<String, Value>, catalogue: &Catalogue) -> Option<ClaimedMember> {
        let [number] = words(claims, &self.number_claim).try_into().ok()?;
        let number = catalogue.schemes.get(&self.scheme)?.normalise(&number)?;
        let library = match &self.library_claim {
            None => None,
            Some(claim) => {
                let [library] = words(claims, claim).try_into().ok()?;
                Some(library.parse().ok()?)
            }
        };
        Some(ClaimedMember {
            number: Personal::new(number),
            library,
        })
    }
}

impl StaffDoor {
    /// Who the claims say it is. `None` for somebody without a role or a library: having an account is not enough.
    pub fn staff(&self, claims: &Map<String, Value>, catalogue: &Catalogue) -> Option<StaffIdentity> {
        let [subject] = words(claims, &self.subject_claim).try_into().ok()?;
        let name = words(claims, &self.name_claim)
            .pop()
            .unwrap_or_else(|| subject.clone());
        let role = words(claims, &self.role_claim)
            .iter()
            .filter_map(|word| self.roles.get(word).copied().or_else(|| Role::parse(word)))
            // Of several roles the one that may do most of what a person does here.
            .max_by_key(|role| weight(*role))?;
        let named = words(claims, &self.organisations_claim);
        let reach = if named.iter().any(|word| word == "*") {
            Reach::All
        } else {
            let known = |id: &OrganisationId| catalogue.organisations.contains_key(id);
            let these: BTreeSet<OrganisationId> = named
                .iter()
                .filter_map(|word| word.parse().ok())
                .filter(known)
                .collect();
            if these.is_empty() {
                return None;
            }
            Reach::These(these)
        };
        Some(StaffIdentity {
            subject: Personal::new(short(&subject)?),
            name: Personal::new(short(&name)?),
            role,
            reach,
        })
    }
}

const fn weight(role: Role) -> u8 {
    match role {
        Role::Auditor => 0,
        Role::Desk => 1,
        Role::Assistant => 2,
        Role::Administrator => 3,
        Role::Officer => 4,
    }
}

fn short(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The words of a claim: a text, a number, or a list of texts.
fn words(claims: &Map<String, Value>, path: &str) -> Vec<String> {
    let mut parts = path.split('.');
    let first = parts.next().and_then(|name| claims.get(name));
    // A claim may have a dot in its own name (a URL); then it is looked for as a whole.
    let found = claims
        .get(path)
        .or_else(|| parts.try_fold(first?, |value, name| value.get(name)));
    let word = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match found {
        Some(Value::Array(many)) => many.iter().filter_map(word).collect(),
        Some(one) => word(one).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_read_from_claims_as_providers_write_them() {
        let claims = json!({
            "number": 2_000_100_001, "roles": ["desk", "", 7], "realm_access": {"roles": ["officer"]},
            "https://example/library": "bibliotheek-de-linde", "flag": true,
        });
        let claims = claims.as_object().unwrap();
        assert_eq!(words(claims, "number"), ["2000100001"]);
        assert_eq!(words(claims, "roles"), ["desk", "7"]);
        assert_eq!(words(claims, "realm_access.roles"), ["officer"]);
        assert_eq!(words(claims, "https://example/library"), ["bibliotheek-de-linde"]);
        for nothing in ["flag", "nothing", "number.x", "realm_access.x", ""] {
            assert!(words(claims, nothing).is_empty(), "{nothing}");
        }
        assert_eq!(short("  a\u{7}b "), Some("ab".to_owned()));
        assert_eq!(short(" \n"), None);
    }
}
