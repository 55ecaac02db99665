//! The key that signs receipts and tokens, the ones before it, and the next one.
//!
//! A new key has its turn a minute after it was made. Every node looks for new keys far more often, so that all of them
//! publish the key before the first signature is made with it; nobody restarts anything. Old keys are published for
//! ever, because a receipt must verify as long as somebody keeps it; tokens made with them count until the last of them
//! has expired.

use std::sync::Arc;
use std::time::Duration;

use super::Service;
use super::access::TokenKeys;
use super::call::Call;
use super::keys::{Keyring, KeyringError};
use super::lane::Verb;
use super::refusal::Refusal;
use super::shared::Shared;
use super::work::{Stop, Subjects, Work};
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::crypto::{KeyName, PublicKey, Secret32, SigningKey};
use crate::domain::moment::Moment;
use crate::store::{Store, StoreError, TenantKeyRow};
use crate::world::random;

/// Seconds between the making of a key and its turn.
pub const LEAD: i64 = 60;
/// How often a node looks for new keys: several times within [`LEAD`].
pub(crate) const LOOK: Duration = Duration::from_secs(5);
/// What stands before the instant in the state of a key that has a turn.
const FROM: &str = "current from ";

/// When a key of the network began to make new things, as its stored state tells; `None` for one that only reads. The
/// state is `current`, `current from` an instant, or `readable`.
pub(crate) fn turn(row: &TenantKeyRow) -> Option<Moment> {
    match row.state.as_str() {
        "current" => Some(row.created_at),
        state => state.strip_prefix(FROM).and_then(Moment::parse_rfc3339),
    }
}

/// One key that signs, signed or will sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningTurn {
    /// Its version: 1, 2, …
    pub version: u8,
    /// Its public half.
    pub public: PublicKey,
    /// When it was made.
    pub created_at: Moment,
    /// From when it signs.
    pub from: Moment,
    /// When another took its place, or will.
    pub replaced_at: Option<Moment>,
}

/// What may be told of a key of the network: never its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// What it is for, such as `signing` or `blind-index/email`.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// When it was made.
    pub created_at: Moment,
    /// From when it makes new things; absent for a key that only reads.
    pub from: Option<Moment>,
    /// When the next version took its place, or will.
    pub replaced_at: Option<Moment>,
    /// Its `kid` in `/.well-known/jwks.json`, for a key that signs receipts and tokens.
    pub key_id: Option<String>,
    now: Moment,
}

impl KeyFacts {
    /// In a word: `current`, `coming`, `replaced` or `readable`.
    pub fn state(&self) -> &'static str {
        match (self.from, self.replaced_at) {
            (None, _) => "readable",
            (Some(from), _) if from > self.now => "coming",
            (_, Some(replaced)) if replaced <= self.now => "replaced",
            (Some(_), _) => "current",
        }
    }
}

/// The keys as they stand at one instant.
#[derive(Debug)]
pub(crate) struct Signing {
    current: SigningKey,
    /// By the beginning of their turns, oldest first.
    turns: Vec<SigningTurn>,
}

impl Signing {
    /// Those of the rows, at an instant. `open` unwraps a row.
    pub(crate) fn of(
        rows: &[TenantKeyRow],
        now: Moment,
        open: impl Fn(&TenantKeyRow) -> Result<(u8, Secret32), KeyringError>,
    ) -> Result<Self, KeyringError> {
        let name = KeyName::Signing.to_string();
        let unreadable = || KeyringError::Unreadable(name.clone());
        let mut found = Vec::new();
        for row in rows.iter().filter(|row| row.name == name) {
            let Some(from) = turn(row) else { continue };
            let (version, seed) = open(row)?;
            let key = SigningKey::from_seed(seed).map_err(|_| unreadable())?;
            let public = key.public();
            let turn = SigningTurn {
                version,
                public,
                created_at: row.created_at,
                from,
                replaced_at: None,
            };
            found.push((turn, key));
        }
        found.sort_by_key(|(turn, _)| (turn.from, turn.version));
        let mut turns: Vec<SigningTurn> = found.iter().map(|(turn, _)| turn.clone()).collect();
        let begins: Vec<Moment> = turns.iter().skip(1).map(|turn| turn.from).collect();
        for (turn, next) in turns.iter_mut().zip(begins) {
            turn.replaced_at = Some(next);
        }
        // A clock that is a little behind still has a key: the oldest there is.
        let last = found.iter().rposition(|(turn, _)| turn.from <= now).unwrap_or(0);
        let (_, current) = found.into_iter().nth(last).ok_or_else(unreadable)?;
        Ok(Self { current, turns })
    }

    /// The key that signs now.
    pub(crate) const fn current(&self) -> &SigningKey {
        &self.current
    }

    /// The keys of access tokens that live `lifetime` seconds: tokens count that the current key made, the next one will
    /// make, or an earlier one made so shortly before its end that they still live. All keys are published.
    pub(crate) fn token_keys(&self, now: Moment, lifetime: i64) -> Result<TokenKeys, KeyringError> {
        let counts = |turn: &&SigningTurn| {
            turn.replaced_at
                .is_none_or(|at| at.plus_seconds(lifetime.saturating_add(LEAD)) > now)
        };
        let newest_first = || self.turns.iter().rev();
        let counting: Vec<PublicKey> = newest_first().filter(counts).map(|turn| turn.public).collect();
        let all: Vec<PublicKey> = newest_first().map(|turn| turn.public).collect();
        let current = SigningKey::from_seed(self.current.seed().clone())
            .map_err(|_| KeyringError::Unreadable(KeyName::Signing.to_string()))?;
        Ok(TokenKeys::new(current, &counting).publishing(&all))
    }
}

impl Keyring {
    /// Reads the signing keys again, which another node or the command line may have added to.
    pub(crate) fn look_for_signing_keys(&self, store: &Store, now: Moment) -> Result<(), KeyringError> {
        let rows = store.read("signing_keys", |tx| tx.tenant_keys())?;
        let signing = Signing::of(&rows, now, |row| self.open_tenant_key(row))?;
        let before = self.signing();
        if before.current().public() != signing.current().public() {
            tracing::info!(
                kid = signing.current().public().thumbprint(),
                "another key signs from here on"
            );
        }
        self.replace_signing(signing);
        Ok(())
    }
}

/// Makes the next signing key.
struct RotateSigning {
    seed: Secret32,
    nonce: [u8; 12],
}

impl Verb for RotateSigning {
    type Answer = Result<SigningTurn, Moment>;

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Self::Answer, Stop> {
        let (now, shared) = (work.now, work.shared);
        let name = KeyName::Signing.to_string();
        let rows = work.tx().tenant_keys()?;
        let ours = rows.iter().filter(|row| row.name == name);
        let newest = ours.clone().map(|row| row.version).max().unwrap_or(0);
        let from = ours.filter_map(turn).max().unwrap_or(now).max(now);
        if from > now {
            return Ok(Err(from));
        }
        let from = now.plus_seconds(LEAD);
        let version = u8::try_from(newest.saturating_add(1)).map_err(|_| Refusal::Unavailable)?;
        let public = SigningKey::from_seed(self.seed.clone())
            .map_err(|_| Refusal::Unavailable)?
            .public();
        let wrapped = shared
            .keys
            .wrap_tenant_key(&KeyName::Signing, version, self.nonce, &self.seed)
            .ok_or(Refusal::Unavailable)?;
        work.tx().insert_tenant_key(&TenantKeyRow {
            name,
            version: version.into(),
            wrapped,
            state: format!("{FROM}{}", from.rfc3339()),
            created_at: now,
        })?;
        let policies = Arc::clone(&work.policies);
        let id = EntryId::from_bytes(work.dated_id());
        let mut leaf = Leaf::new(
            "key.signing-rotated",
            id,
            now.millis(),
            &call.principal.system,
            shared.node.as_str(),
            policies.current.version.as_str(),
        );
        leaf.outcome = Some("ok".into());
        let (kid, at) = (public.thumbprint(), from.rfc3339());
        leaf.extra = [("key-id", kid.as_str()), ("from", at.as_str())]
            .into_iter()
            .map(|(name, fact)| (Word::from(name), fact.into()))
            .collect();
        work.stage_admin_leaf(&leaf);
        Ok(Ok(SigningTurn {
            version,
            public,
            created_at: now,
            from,
            replaced_at: None,
        }))
    }
}

/// Why no signing key was made.
#[derive(Debug, thiserror::Error)]
pub enum RotateMistake {
    /// The one before has not had its turn yet.
    #[error("the last new signing key signs from {} on; rotate again after that", .0.rfc3339())]
    Waits(Moment),
    /// It could not be recorded.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Service {
    /// Signs bytes as this service: an Ed25519 signature and the id of the key.
    pub fn sign(&self, bytes: &[u8]) -> ([u8; 64], String) {
        let signing = self.keys().signing();
        let key = signing.current();
        (key.sign(bytes), key.public().thumbprint())
    }

    /// The keys that sign, signed or will sign, oldest first, as this node knows them.
    pub fn signing_turns(&self) -> Vec<SigningTurn> {
        self.keys().signing().turns.clone()
    }

    /// Makes the next signing key, and records that. Its turn comes [`LEAD`] seconds later, on every node.
    ///
    /// # Errors
    /// [`RotateMistake`].
    pub async fn rotate_signing(&self, call: &Call) -> Result<SigningTurn, RotateMistake> {
        let world = self.world();
        let verb = RotateSigning {
            seed: Secret32::filled(&|bytes| world.fill(bytes)),
            nonce: random(world),
        };
        let lane = self.0.changes.as_ref().unwrap_or(&self.0.checks);
        let turn = lane.submit(call, verb).await?.map_err(RotateMistake::Waits)?;
        let service = self.clone();
        let looked = tokio::task::spawn_blocking(move || service.look_for_signing_keys());
        if !matches!(looked.await, Ok(Ok(()))) {
            tracing::warn!("the new signing key is made, and is taken over a little later here");
        }
        Ok(turn)
    }

    /// All keys of the network, by name and version. Blocks.
    ///
    /// # Errors
    /// When the key store cannot be read.
    pub fn key_facts(&self) -> Result<Vec<KeyFacts>, StoreError> {
        let rows = self.0.store.read("key_facts", |tx| tx.tenant_keys())?;
        let (turns, now) = (self.signing_turns(), self.world().now());
        let facts = rows.into_iter().map(|row| {
            let signs = row.name == KeyName::Signing.to_string();
            let turn = turns
                .iter()
                .find(|turn| signs && u32::from(turn.version) == row.version);
            KeyFacts {
                from: super::signing::turn(&row),
                name: row.name,
                version: row.version,
                created_at: row.created_at,
                replaced_at: turn.and_then(|turn| turn.replaced_at),
                key_id: turn.map(|turn| turn.public.thumbprint()),
                now,
            }
        });
        Ok(facts.collect())
    }

    /// Takes over signing keys that were added elsewhere, and turns that have come. Blocks. Every node does this all the
    /// time by itself.
    ///
    /// # Errors
    /// When the key store cannot be read, or a key does not open; then the keys stay as they were.
    pub fn look_for_signing_keys(&self) -> Result<(), KeyringError> {
        look(&self.0.shared, &self.0.store, self.access())
    }
}

/// See [`Service::look_for_signing_keys`].
pub(crate) fn look(
    shared: &Shared,
    store: &Store,
    access: &super::access::Access,
) -> Result<(), KeyringError> {
    let now = shared.world.now();
    shared.keys.look_for_signing_keys(store, now)?;
    let keys = shared
        .keys
        .signing()
        .token_keys(now, access.options().token_lifetime)?;
    access.replace_keys(keys);
    Ok(())
}

impl From<KeyringError> for StoreError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Store(error) => error,
            KeyringError::WrongRootKey | KeyringError::Unreadable(_) => Self::Corrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(version: u32, state: &str, created_at: i64) -> TenantKeyRow {
        TenantKeyRow {
            name: "signing".into(),
            version,
            wrapped: vec![],
            state: state.into(),
            created_at: Moment::from_micros(created_at),
        }
    }

    fn signing(rows: &[TenantKeyRow], now: Moment) -> Signing {
        Signing::of(rows, now, |row| {
            let version = u8::try_from(row.version).unwrap();
            Ok((version, Secret32::from_bytes([version; 32])))
        })
        .unwrap()
    }

    #[test]
    fn each_key_has_its_turn_and_ends_when_the_next_one_begins() {
        let at = |seconds: i64| Moment::from_micros(seconds * 1_000_000);
        let rows = [
            row(1, "current", 0),
            row(2, &format!("current from {}", at(100).rfc3339()), 0),
            row(3, "readable", 0),
        ];
        let key = |version: u8| {
            SigningKey::from_seed(Secret32::from_bytes([version; 32]))
                .unwrap()
                .public()
        };
        for (now, expected) in [(at(-5), 1), (at(99), 1), (at(100), 2), (at(1_000), 2)] {
            let signing = signing(&rows, now);
            assert_eq!(signing.current().public(), key(expected), "{now:?}");
            let turns: Vec<_> = signing
                .turns
                .iter()
                .map(|t| (t.version, t.from, t.replaced_at))
                .collect();
            assert_eq!(turns, [(1, at(0), Some(at(100))), (2, at(100), None)]);
        }
    }

    #[test]
    fn no_key_that_signs_is_a_key_store_that_cannot_be_used() {
        for rows in [
            vec![],
            vec![row(1, "readable", 0)],
            vec![row(1, "current from never", 0)],
        ] {
            let opened = Signing::of(&rows, Moment::from_micros(1), |_| {
                Ok((1, Secret32::from_bytes([1; 32])))
            });
            assert!(matches!(opened, Err(KeyringError::Unreadable(_))));
        }
    }
}
