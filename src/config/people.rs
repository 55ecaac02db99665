//! `[login]` and `[mail]` of the configuration: how people come in, and how mail to them goes out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::secret::SecretSource;
use crate::crypto::jwt::SignatureAlgorithm;
use crate::outward::mail::{Carrier, Postman};
use crate::outward::oidc::{RelyingParty, RelyingPartySettings};
use crate::service::sessions::staff::Role;
use crate::web::session::doors::{Doors, MemberDoor, StaffDoor};

/// How people log in to the pages. Without this section nobody can.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Login {
    /// Whether members may ask for a link by mail; needs `[mail]`. Default `false`.
    pub mail_links: bool,
    /// The provider of the accounts of members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Members>,
    /// The provider of the accounts of staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staff: Option<Staff>,
}

/// A provider of accounts (OpenID Connect), whoever's they are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// Its address: the `iss` of its tokens, byte for byte.
    pub issuer: String,
    /// Our name there. The address to send people back to is `<public_base>/inloggen/terug`.
    pub client_id: String,
    /// Where our secret is. Without it we are a public client, which PKCE alone protects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretSource>,
    /// What is asked for. Default `openid`.
    #[serde(default = "openid")]
    pub scope: String,
    /// Accepted algorithms of id tokens out of `EdDSA`, `ES256`, `PS256` and `RS256`. Default: `ES256` and `RS256`.
    #[serde(default = "usual_algorithms")]
    pub algorithms: Vec<String>,
    /// Allows `http://` to this very machine. For trying out.
    #[serde(default)]
    pub allow_loopback_http: bool,
}

/// `[login.members]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// The provider: `[login.members.provider]`, `[login.staff.provider]`.
    pub provider: ProviderSettings,
    /// The claim with the number of the member. Default `member_number`.
    #[serde(default = "member_number")]
    pub number_claim: String,
    /// What kind of number that is, of the schemes in the policies. Default `member-number`.
    #[serde(default = "number_scheme")]
    pub number_scheme: String,
    /// The claim with the id of the library; when it is named, the member must be known there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library_claim: Option<String>,
}

/// `[login.staff]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Staff {
    /// The provider: `[login.members.provider]`, `[login.staff.provider]`.
    pub provider: ProviderSettings,
    /// The claim that stands in the log as the one who acted. Default `sub`.
    #[serde(default = "sub")]
    pub subject_claim: String,
    /// The claim with the name to show. Default `name`.
    #[serde(default = "name")]
    pub name_claim: String,
    /// The claim with the roles. Default `roles`; `realm_access.roles` is where Keycloak has them.
    #[serde(default = "roles")]
    pub role_claim: String,
    /// What the provider's words for roles mean: `desk`, `assistant`, `officer`, `auditor` or `administrator`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Role>,
    /// The claim with the ids of the libraries; `*` in it is all of the network. Default `libraries`.
    #[serde(default = "libraries")]
    pub organisations_claim: String,
}

fn openid() -> String {
    "openid".to_owned()
}
fn usual_algorithms() -> Vec<String> {
    vec!["ES256".to_owned(), "RS256".to_owned()]
}
fn member_number() -> String {
    "member_number".to_owned()
}
fn number_scheme() -> String {
    "member-number".to_owned()
}
fn sub() -> String {
    "sub".to_owned()
}
fn name() -> String {
    "name".to_owned()
}
fn roles() -> String {
    "roles".to_owned()
}
fn libraries() -> String {
    "libraries".to_owned()
}

/// `[mail]`: how mail to members is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// From whom: an address, or a name with an address in `<>`.
    pub from: String,
    /// The mail server: `smtps://host`, or `smtp://host:587` with STARTTLS. Or `folder`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Url>,
    /// The account at the mail server, when it asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where its password is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// A folder that mail is written to as files instead. For trying out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

impl ProviderSettings {
    fn party(&self, base: &str) -> Result<RelyingParty, String> {
        let secret = self.client_secret.as_ref().map(SecretSource::read).transpose()?;
        RelyingParty::new(RelyingPartySettings {
            client_secret: secret,
            ..self.settings(base)?
        })
    }

    fn settings(&self, base: &str) -> Result<RelyingPartySettings, String> {
        let algorithms: Option<Vec<SignatureAlgorithm>> = self
            .algorithms
            .iter()
            .map(|name| SignatureAlgorithm::parse(name))
            .collect();
        let algorithms = algorithms.filter(|some| !some.is_empty()).ok_or(
            "`algorithms` of a login must name at least one of EdDSA, ES256, PS256, RS256, and nothing else",
        )?;
        Ok(RelyingPartySettings {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: None,
            redirect_uri: format!("{base}/inloggen/terug"),
            scope: self.scope.clone(),
            algorithms,
            allow_loopback_http: self.allow_loopback_http,
        })
    }
}

impl Login {
    /// Whether nothing is said about it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn below(&mut self, folder: &Path) {
        let members = self.members.as_mut().map(|members| &mut members.provider);
        let staff = self.staff.as_mut().map(|staff| &mut staff.provider);
        for provider in members.into_iter().chain(staff) {
            if let Some(secret) = &mut provider.client_secret {
                secret.below(folder);
            }
        }
    }

    /// The first thing that cannot be, without reading a secret.
    pub(super) fn mistake(&self, has_mail: bool, base: &str) -> Option<String> {
        if self.mail_links && !has_mail {
            return Some("`login.mail_links` needs a section [mail]: who sends the links?".to_owned());
        }
        let members = self.members.as_ref().map(|members| &members.provider);
        let staff = self.staff.as_ref().map(|staff| &staff.provider);
        if let Some(members) = &self.members
            && members
                .number_scheme
                .parse::<crate::domain::ids::SchemeId>()
                .is_err()
        {
            return Some("`login.members.number_scheme` is the id of a scheme in the policies".to_owned());
        }
        members
            .into_iter()
            .chain(staff)
            .find_map(|provider| provider.settings(base).and_then(RelyingParty::new).err())
    }

    /// The ways in. Nobody is asked anything yet.
    ///
    /// # Errors
    /// A sentence about the first thing that cannot be.
    pub fn doors(&self, base: &str) -> Result<Doors, String> {
        let members = match &self.members {
            None => None,
            Some(members) => Some(MemberDoor {
                party: members.provider.party(base)?,
                number_claim: members.number_claim.clone(),
                scheme: members
                    .number_scheme
                    .parse()
                    .map_err(|_| "`login.members.number_scheme` is the id of a scheme".to_owned())?,
                library_claim: members.library_claim.clone(),
            }),
        };
        let staff = match &self.staff {
            None => None,
            Some(staff) => Some(StaffDoor {
                party: staff.provider.party(base)?,
                subject_claim: staff.subject_claim.clone(),
                name_claim: staff.name_claim.clone(),
                role_claim: staff.role_claim.clone(),
                roles: staff.roles.clone(),
                organisations_claim: staff.organisations_claim.clone(),
            }),
        };
        Ok(Doors {
            members,
            staff,
            links: self.mail_links,
        })
    }
}

impl Mail {
    pub(super) fn below(&mut self, folder: &Path) {
        if let Some(secret) = &mut self.password {
            secret.below(folder);
        }
        if let Some(outbox) = &mut self.folder {
            *outbox = folder.join(&*outbox);
        }
    }

    /// The first thing that cannot be, without reading a secret.
    pub(super) fn mistake(&self) -> Option<String> {
        if self.server.is_some() == self.folder.is_some() {
            return Some("`mail` has exactly one of server and folder".to_owned());
        }
        if self.user.is_some() != self.password.is_some() {
            return Some("`mail.user` and `mail.password` belong together".to_owned());
        }
        None
    }

    /// Who carries the mail.
    ///
    /// # Errors
    /// A sentence about the first thing that cannot be.
    pub fn postman(&self) -> Result<Postman, String> {
        let carrier = match (&self.server, &self.folder) {
            (Some(server), None) => {
                let account = match (&self.user, &self.password) {
                    (Some(user), Some(password)) => Some((user.clone(), password.read()?)),
                    _ => None,
                };
                Carrier::Smtp(server.clone(), account)
            }
            (None, Some(folder)) => Carrier::Folder(folder.clone()),
            _ => return Err("`mail` has exactly one of server and folder".to_owned()),
        };
        Postman::new(&self.from, carrier)
    }
}
