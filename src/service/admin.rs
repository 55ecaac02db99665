//! Acts of administration, recorded in their own log.

use std::collections::BTreeMap;

use super::Service;
use super::call::Call;
use super::lane::Verb;
use super::refusal::Refusal;
use super::shared::Shared;
use super::work::{Stop, Subjects, Work};
use crate::audit::leaf::{EntryId, Leaf, Word};

/// Record an act of administration: what was done, with facts that are never about a person.
struct RecordAdmin {
    kind: &'static str,
    facts: BTreeMap<&'static str, String>,
}

impl Verb for RecordAdmin {
    type Answer = [u8; 32];

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<[u8; 32], Stop> {
        let policies = std::sync::Arc::clone(&work.policies);
        let id = EntryId::from_bytes(work.dated_id());
        let node = work.shared.node.as_str();
        let version = policies.current.version.as_str();
        let mut leaf = Leaf::new(
            self.kind,
            id,
            work.now.millis(),
            &call.principal.system,
            node,
            version,
        );
        leaf.outcome = Some("ok".into());
        leaf.extra = self
            .facts
            .iter()
            .map(|(name, fact)| (Word::from(*name), fact.as_str().into()))
            .collect();
        Ok(work.stage_admin_leaf(&leaf))
    }
}

impl Service {
    /// Records an act of administration in the `admin` log; durable when this returns. `kind` is a word like
    /// `client.added`; `facts` must hold nothing about a person. Answers the hash of the leaf.
    pub async fn record_admin_event(
        &self,
        call: &Call,
        kind: &'static str,
        facts: &[(&'static str, String)],
    ) -> Result<[u8; 32], Refusal> {
        let verb = RecordAdmin {
            kind,
            facts: facts.iter().cloned().collect(),
        };
        self.0.checks.submit(call, verb).await
    }
}
