//! Tokens whose signature was verified, so that it is done once per token.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::issuer::Keys;
use super::table::Known;
use crate::domain::moment::Moment;
use crate::service::call::{Principal, Scope};

/// Most tokens that are remembered: two generations of half as many.
pub(super) const CAPACITY: usize = 10_000;

/// What was concluded from a token. It holds as long as the keys and the client are the very same values.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    /// The key set that verified it.
    pub(super) keys: Keys,
    /// Which issuer: `None` for ourselves, else its place in the list.
    pub(super) issuer: Option<usize>,
    /// The scopes that the token names.
    pub(super) scopes: BTreeSet<Scope>,
    /// `iat`, in seconds; 0 if it has none.
    pub(super) issued_at: i64,
    /// `exp`, in seconds.
    pub(super) expires_at: i64,
    /// The client.
    pub(super) known: Arc<Known>,
    /// Who is calling.
    pub(super) principal: Arc<Principal>,
}

/// Verified tokens by SHA-256. Bounded: when half of it is full, what was not used since the last time goes.
#[derive(Debug, Default)]
pub(super) struct TokenCache(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<[u8; 32], Arc<Verified>>,
    old: HashMap<[u8; 32], Arc<Verified>>,
}

impl TokenCache {
    /// The token, unless it is unknown or has expired.
    pub(super) fn find(&self, token: &[u8; 32], now: Moment) -> Option<Arc<Verified>> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match generations.young.get(token) {
            Some(found) => Arc::clone(found),
            None => {
                let found = generations.old.remove(token)?;
                generations.keep(*token, Arc::clone(&found));
                found
            }
        };
        if found.expires_at <= now.seconds() {
            generations.young.remove(token);
            return None;
        }
        Some(found)
    }

    /// Remembers a token.
    pub(super) fn keep(&self, token: [u8; 32], verified: Arc<Verified>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .keep(token, verified);
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let generations = self.0.lock().unwrap();
        generations.young.len() + generations.old.len()
    }
}

impl Generations {
    fn keep(&mut self, token: [u8; 32], verified: Arc<Verified>) {
        if self.young.len() >= CAPACITY / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, verified);
    }
}
