//! People who work for a library: what their provider of accounts says about them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::ids::OrganisationId;
use crate::domain::personal::Personal;
use crate::domain::purpose::words;

/// What somebody of staff may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Works at the desk: records what members say there.
    Desk,
    /// Prepares rights requests for an officer.
    Assistant,
    /// Privacy officer: handles rights requests and erasures, and reports.
    Officer,
    /// Looks at everything and changes nothing.
    Auditor,
    /// Manages policies and clients.
    Administrator,
}

words!(Role {
    Desk => "desk",
    Assistant => "assistant",
    Officer => "officer",
    Auditor => "auditor",
    Administrator => "administrator",
});

/// For which libraries somebody works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// All of the network.
    All,
    /// These.
    These(BTreeSet<OrganisationId>),
}

impl Reach {
    /// Whether a library is within it.
    pub fn covers(&self, organisation: &OrganisationId) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => these.contains(organisation),
        }
    }

    /// Of some libraries, those within it.
    pub fn of<'o>(&self, all: impl IntoIterator<Item = &'o OrganisationId>) -> Vec<OrganisationId> {
        all.into_iter()
            .filter(|organisation| self.covers(organisation))
            .cloned()
            .collect()
    }
}

/// Somebody of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffIdentity {
    /// By what the provider knows them: a pseudonym that stands in the log as the one who acted. At most 64 characters.
    pub subject: Personal<String>,
    /// Their name, to show to themselves and in letters.
    pub name: Personal<String>,
    /// What they may do.
    pub role: Role,
    /// Where.
    pub reach: Reach,
}
