//! Who calls, and why that is known: built only by authentication.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::ids::{OrganisationId, SystemId};
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::domain::purpose::words;
use crate::policy::catalogue::Catalogue;

/// What a client may do; the scopes of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Ask for decisions.
    DecisionsCheck,
    /// Register people and their identifiers.
    PeopleWrite,
    /// Read consents.
    ConsentsRead,
    /// Record consents, objections, restrictions and preferences.
    ConsentsWrite,
    /// Enter rights requests.
    RightsWrite,
    /// Handle rights requests and erasures.
    RightsManage,
    /// Read the feed of changes.
    ChangesRead,
    /// Manage webhooks.
    WebhooksManage,
    /// Read the audit logs and past states.
    AuditRead,
    /// Read policies and registers.
    PoliciesRead,
    /// Change policies.
    PoliciesManage,
}

words!(Scope {
    DecisionsCheck => "decisions:check",
    PeopleWrite => "people:write",
    ConsentsRead => "consents:read",
    ConsentsWrite => "consents:write",
    RightsWrite => "rights:write",
    RightsManage => "rights:manage",
    ChangesRead => "changes:read",
    WebhooksManage => "webhooks:manage",
    AuditRead => "audit:read",
    PoliciesRead => "policies:read",
    PoliciesManage => "policies:manage",
});

/// Who is calling: a client of a system, with its scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The OAuth client.
    pub client: String,
    /// The system of the catalogue it acts for.
    pub system: SystemId,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
}

/// One call: who, and what belongs to the call rather than to its content.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who.
    pub principal: Principal,
    /// The caller's trace (W3C `traceparent`), kept in the private part of audit entries only.
    pub trace: Option<Personal<String>>,
    /// Language of reasons.
    pub language: Language,
    /// The `Idempotency-Key`, hashed, with the hash of the request it came with.
    pub idempotency: Option<Idempotency>,
    /// Only these libraries, of those that the system works for: staff of one library act through a system of all.
    pub within: Option<Arc<BTreeSet<OrganisationId>>>,
}

/// A request that must have its effect once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotency {
    /// SHA-256 of the key.
    pub key: [u8; 32],
    /// SHA-256 of method, path and body.
    pub request: [u8; 32],
}

impl Call {
    /// Refuses a call whose token lacks a scope.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), super::refusal::Refusal> {
        if self.principal.scopes.contains(&scope) {
            return Ok(());
        }
        Err(super::refusal::Refusal::Forbidden(
            super::refusal::Forbidden::Scope,
        ))
    }

    /// A call without trace or idempotency key.
    pub const fn new(principal: Principal, language: Language) -> Self {
        Self {
            principal,
            trace: None,
            language,
            idempotency: None,
            within: None,
        }
    }

    /// The same for some libraries only.
    #[must_use]
    pub fn within(self, libraries: BTreeSet<OrganisationId>) -> Self {
        Self {
            within: Some(Arc::new(libraries)),
            ..self
        }
    }

    /// Whether it may be about a library: its system works for it, and so does who acts.
    pub(crate) fn serves(&self, catalogue: &Catalogue, organisation: &OrganisationId) -> bool {
        let system = catalogue.systems.get(&self.principal.system);
        let within = self.within.as_ref();
        system.is_some_and(|system| system.serves(organisation))
            && within.is_none_or(|libraries| libraries.contains(organisation))
    }

    /// Whether it may be about every library, and about what is of none.
    pub(crate) fn serves_all(&self, catalogue: &Catalogue) -> bool {
        let system = catalogue.systems.get(&self.principal.system);
        self.within.is_none() && system.is_some_and(|system| system.organisations.is_none())
    }
}
