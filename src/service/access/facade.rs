//! Access as the service offers it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::client::Client;
use super::register::{ClientChange, ClientWriter, RegisterError, Writing};
use super::{Access, AccessError, Added, ClientMistake, IssuedToken, NewClient, TokenRequest};
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::call::{Call, Principal};
use crate::service::lane::{Lane, Verb};
use crate::service::refusal::Refusal;
use crate::service::shared::{OWN_CLIENT, Shared};
use crate::service::work::{Stop, Subjects, Work};

impl Service {
    /// Who is calling with this bearer token.
    ///
    /// # Errors
    /// [`AccessError::InvalidToken`] or [`AccessError::Unavailable`].
    pub async fn authenticate(&self, bearer: &str) -> Result<Arc<Principal>, AccessError> {
        self.access().authenticate(bearer).await
    }

    /// Issues a token to a client that proves itself.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn issue_token(&self, request: TokenRequest) -> Result<IssuedToken, AccessError> {
        self.access().issue_token(request).await
    }

    /// A call of the operator at the command line.
    ///
    /// # Errors
    /// None that can occur: the name of the system is fixed.
    pub fn operator(&self) -> Result<Call, Refusal> {
        let principal = Principal {
            client: OWN_CLIENT.to_owned(),
            system: "operator".parse().map_err(|_| Refusal::Unavailable)?,
            scopes: BTreeSet::new(),
        };
        Ok(Call::new(principal, Language::default()))
    }

    /// Adds a client, and records that.
    ///
    /// # Errors
    /// [`ClientMistake`].
    pub async fn add_client(&self, call: &Call, new: NewClient) -> Result<Added, ClientMistake> {
        if !self.catalogue().systems.contains_key(&new.system) {
            return Err(ClientMistake::UnknownSystem(new.system));
        }
        self.access().add_client(&self.recorder(call), new).await
    }

    /// All clients, by name.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub async fn clients(&self) -> Result<Vec<Client>, RegisterError> {
        self.access().clients().await
    }

    /// Gives a client a new secret, and records that; see [`Access::rotate_client`].
    ///
    /// # Errors
    /// [`ClientMistake`].
    pub async fn rotate_client(&self, call: &Call, id: &str, drop_old: bool) -> Result<Added, ClientMistake> {
        self.access()
            .rotate_client(&self.recorder(call), id, drop_old)
            .await
    }

    /// Ends a client for good, and records that; see [`Access::revoke_client`].
    ///
    /// # Errors
    /// [`ClientMistake`].
    pub async fn revoke_client(&self, call: &Call, id: &str) -> Result<Client, ClientMistake> {
        self.access().revoke_client(&self.recorder(call), id).await
    }

    /// Clients and tokens.
    pub fn access(&self) -> &Access {
        &self.0.access
    }

    fn recorder<'s>(&'s self, call: &'s Call) -> Recorder<'s> {
        let lane = self.0.changes.as_ref().unwrap_or(&self.0.checks);
        Recorder { lane, call }
    }
}

/// Writes changes of clients through the lane, which also writes the admin log.
struct Recorder<'s> {
    lane: &'s Lane,
    call: &'s Call,
}

impl ClientWriter for Recorder<'_> {
    fn write(&self, change: ClientChange) -> Writing<'_> {
        Box::pin(async move {
            let written = self.lane.submit(self.call, WriteClient(change)).await;
            written.map_err(|_| RegisterError)
        })
    }
}

struct WriteClient(ClientChange);

impl Verb for WriteClient {
    type Answer = bool;

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<bool, Stop> {
        let change = &self.0;
        // Looked at first: a statement that fails would fail everybody else's requests in this transaction too. Two
        // nodes that do this at the same moment do meet in a failure, and the second run then sees the other's work.
        let there = work.tx().client(&change.row.client_id)?;
        if there.map(|row| row.changed_at) != change.seen {
            return Ok(false);
        }
        match change.seen {
            None => work.tx().insert_client(&change.row)?,
            Some(seen) if !work.tx().update_client(&change.row, seen)? => return Ok(false),
            Some(_) => {}
        }
        let id = EntryId::from_bytes(work.random());
        let policies = Arc::clone(&work.policies);
        let node = work.shared.node.as_str();
        let version = policies.current.version.as_str();
        let mut leaf = Leaf::new(
            change.kind,
            id,
            work.now.millis(),
            &call.principal.system,
            node,
            version,
        );
        leaf.outcome = Some("ok".into());
        leaf.extra = change
            .facts
            .iter()
            .map(|(name, fact)| (Word::from(*name), fact.as_str().into()))
            .collect();
        work.stage_admin_leaf(&leaf);
        Ok(true)
    }
}
