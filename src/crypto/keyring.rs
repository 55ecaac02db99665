//! The keys of one library network, by name and version.

use std::collections::BTreeMap;
use std::fmt;

use super::aead::NONCE_LEN;
use super::blind_index::{BlindIndexer, blind_index};
use super::pairwise::{self, PairwiseKey};
use super::person_key::KeyError;
use super::seal::SealError;
use super::secret::{Secret32, SecretBytes};
use super::sign::SigningKey;
use super::token;

/// What a tenant key is for. `Display` and [`KeyName::parse`] give the form that is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyName {
    /// Blind index of one identifier scheme, such as `card-number`.
    BlindIndex(String),
    /// Pseudonyms for calling systems.
    Pairwise,
    /// Sealed tokens in links.
    Token,
    /// Ed25519 seed that signs access tokens and receipts.
    Signing,
    /// Ed25519 seed that signs the checkpoints of one log.
    LogSigning(String),
}

impl KeyName {
    /// Reads the stored form; `None` for a name that this version does not know.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            Some(("blind-index", scheme)) if !scheme.is_empty() => Some(Self::BlindIndex(scheme.to_owned())),
            Some(("log-signing", log)) if !log.is_empty() => Some(Self::LogSigning(log.to_owned())),
            Some(_) => None,
            None => match text {
                "pairwise" => Some(Self::Pairwise),
                "token" => Some(Self::Token),
                "signing" => Some(Self::Signing),
                _ => None,
            },
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlindIndex(scheme) => write!(f, "blind-index/{scheme}"),
            Self::Pairwise => f.write_str("pairwise"),
            Self::Token => f.write_str("token"),
            Self::Signing => f.write_str("signing"),
            Self::LogSigning(log) => write!(f, "log-signing/{log}"),
        }
    }
}

/// Whether a version of a key is used to make new things. A new key is first readable on every
/// node and only then made current, so that no node meets something that it cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Opens and verifies what was made with it.
    Readable,
    /// Also makes new things; each name has one such version at most.
    Current,
}

/// The keys of one network in memory. The current version of a name makes, all versions read.
#[derive(Clone, Debug, Default)]
pub struct TenantKeys {
    by_name: BTreeMap<KeyName, Versions>,
}

#[derive(Clone, Debug, Default)]
struct Versions {
    current: Option<u8>,
    keys: BTreeMap<u8, Secret32>,
}

impl TenantKeys {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a version of a key. One that is added as current takes the place of the former
    /// current version, which stays readable.
    pub fn insert(&mut self, name: KeyName, version: u8, standing: Standing, key: Secret32) {
        let versions = self.by_name.entry(name).or_default();
        versions.keys.insert(version, key);
        match standing {
            Standing::Current => versions.current = Some(version),
            Standing::Readable if versions.current == Some(version) => versions.current = None,
            Standing::Readable => {}
        }
    }

    /// The version that makes new things, if there is one.
    #[must_use]
    pub fn current(&self, name: &KeyName) -> Option<(u8, &Secret32)> {
        let versions = self.by_name.get(name)?;
        let version = versions.current?;
        Some((version, versions.keys.get(&version)?))
    }

    /// One version of a key, if it is there.
    #[must_use]
    pub fn version(&self, name: &KeyName, version: u8) -> Option<&Secret32> {
        self.by_name.get(name)?.keys.get(&version)
    }

    /// All versions of a key, oldest first.
    pub fn versions(&self, name: &KeyName) -> impl Iterator<Item = (u8, &Secret32)> {
        self.by_name
            .get(name)
            .into_iter()
            .flat_map(|versions| versions.keys.iter().map(|(version, key)| (*version, key)))
    }

    /// The blind index to store for an identifier, with the version of its key; `None` if the
    /// scheme has no current key yet, in which case one is to be made.
    #[must_use]
    pub fn blind_index(&self, scheme: &str, normalised: &str) -> Option<(u8, [u8; 16])> {
        let (version, key) = self.current(&KeyName::BlindIndex(scheme.to_owned()))?;
        Some((version, blind_index(key, normalised)))
    }

    /// The blind indexes under which an identifier may be stored, one for each key version.
    #[must_use]
    pub fn blind_indexes(&self, scheme: &str, normalised: &str) -> Vec<(u8, [u8; 16])> {
        self.versions(&KeyName::BlindIndex(scheme.to_owned()))
            .map(|(version, key)| (version, blind_index(key, normalised)))
            .collect()
    }

    /// What makes the blind indexes of many identifiers of a scheme.
    #[must_use]
    pub fn blind_indexer(&self, scheme: &str) -> BlindIndexer {
        BlindIndexer::new(
            self.versions(&KeyName::BlindIndex(scheme.to_owned()))
                .map(|(_, key)| key),
        )
    }

    /// The key that makes pseudonyms for `system` acting for `organisation`. To be kept by the
    /// caller as long as the network's keys do not change.
    #[must_use]
    pub fn pairwise(&self, system: &str, organisation: &str) -> Option<PairwiseKey> {
        let (version, key) = self.current(&KeyName::Pairwise)?;
        Some(PairwiseKey::derive(key, version, system, organisation))
    }

    /// The key that opens this pseudonym, which may be of an older version.
    #[must_use]
    pub fn pairwise_of(&self, system: &str, organisation: &str, text: &str) -> Option<PairwiseKey> {
        let version = pairwise::version_of(text)?;
        let key = self.version(&KeyName::Pairwise, version)?;
        Some(PairwiseKey::derive(key, version, system, organisation))
    }

    /// Seals a token under the current `token` key; `Ok(None)` if there is none. See
    /// [`token::seal_token`].
    ///
    /// # Errors
    /// [`SealError::TooLong`].
    pub fn seal_token(
        &self,
        label: &str,
        nonce: [u8; NONCE_LEN],
        payload: &[u8],
    ) -> Result<Option<String>, SealError> {
        self.current(&KeyName::Token)
            .map(|(version, key)| token::seal_token(key, version, label, nonce, payload))
            .transpose()
    }

    /// Opens a token under whichever version it was made with. See [`token::open_token`].
    #[must_use]
    pub fn open_token(&self, label: &str, text: &str) -> Option<SecretBytes> {
        token::open_token(|version| self.version(&KeyName::Token, version), label, text)
    }

    /// The current key that signs tokens and receipts.
    ///
    /// # Errors
    /// None that can occur: every 32 bytes are a seed.
    pub fn signing(&self) -> Result<Option<SigningKey>, KeyError> {
        self.signing_key(&KeyName::Signing)
    }

    /// The current key that signs the checkpoints of `log`.
    ///
    /// # Errors
    /// None that can occur: every 32 bytes are a seed.
    pub fn log_signing(&self, log: &str) -> Result<Option<SigningKey>, KeyError> {
        self.signing_key(&KeyName::LogSigning(log.to_owned()))
    }

    fn signing_key(&self, name: &KeyName) -> Result<Option<SigningKey>, KeyError> {
        self.current(name)
            .map(|(_, seed)| SigningKey::from_seed(seed.clone()))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Secret32 {
        Secret32::from_bytes([byte; 32])
    }

    #[test]
    fn key_names_keep_their_stored_form() {
        for text in [
            "blind-index/card",
            "pairwise",
            "token",
            "signing",
            "log-signing/consent",
        ] {
            assert_eq!(KeyName::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "blind-index",
            "blind-index/",
            "log-signing/",
            "other",
            "token/x",
        ] {
            assert_eq!(KeyName::parse(text), None);
        }
    }

    #[test]
    fn a_new_key_is_readable_before_it_is_current() {
        let mut keys = TenantKeys::new();
        keys.insert(KeyName::Token, 1, Standing::Current, secret(1));
        keys.insert(KeyName::Token, 2, Standing::Readable, secret(2));
        let old = keys.seal_token("unsubscribe", [0; 12], b"x").unwrap().unwrap();
        assert_eq!(keys.current(&KeyName::Token), Some((1, &secret(1))));

        keys.insert(KeyName::Token, 2, Standing::Current, secret(2));
        assert_eq!(keys.current(&KeyName::Token), Some((2, &secret(2))));
        assert_eq!(&*keys.open_token("unsubscribe", &old).unwrap(), b"x");
        let new = keys.seal_token("unsubscribe", [0; 12], b"y").unwrap().unwrap();
        assert_eq!(&*keys.open_token("unsubscribe", &new).unwrap(), b"y");
        assert_eq!(keys.versions(&KeyName::Token).count(), 2);

        keys.insert(KeyName::Token, 2, Standing::Readable, secret(2));
        assert_eq!(keys.current(&KeyName::Token), None);
        assert_eq!(keys.seal_token("unsubscribe", [0; 12], b"z"), Ok(None));
    }

    #[test]
    fn pseudonyms_of_an_older_key_stay_readable() {
        let mut keys = TenantKeys::new();
        keys.insert(KeyName::Pairwise, 1, Standing::Current, secret(1));
        let old = keys.pairwise("crm", "oba").unwrap().pseudonym(&[5; 16]).unwrap();
        keys.insert(KeyName::Pairwise, 2, Standing::Current, secret(2));
        let new = keys.pairwise("crm", "oba").unwrap().pseudonym(&[5; 16]).unwrap();
        assert_ne!(old, new);
        for text in [&old, &new] {
            assert_eq!(
                keys.pairwise_of("crm", "oba", text).unwrap().open(text),
                Some([5; 16])
            );
        }
        assert!(keys.pairwise_of("crm", "oba", "nonsense").is_none());
    }

    #[test]
    fn an_identifier_is_looked_up_under_every_version() {
        let mut keys = TenantKeys::new();
        assert_eq!(keys.blind_index("card", "123"), None);
        let name = KeyName::BlindIndex("card".to_owned());
        keys.insert(name.clone(), 1, Standing::Current, secret(1));
        let stored = keys.blind_index("card", "123").unwrap();
        keys.insert(name, 2, Standing::Current, secret(2));
        assert!(keys.blind_indexes("card", "123").contains(&stored));
        assert_eq!(
            keys.blind_index("card", "123").map(|(version, _)| version),
            Some(2)
        );
        assert_eq!(keys.blind_index("mail", "123"), None);
    }

    #[test]
    fn keys_are_never_printed() {
        let mut keys = TenantKeys::new();
        keys.insert(KeyName::Signing, 1, Standing::Current, secret(0xab));
        let shown = format!("{keys:?}");
        assert!(
            !shown.contains("171") && !shown.to_lowercase().contains("abab"),
            "{shown}"
        );
        assert!(keys.signing().unwrap().is_some());
        assert!(keys.log_signing("consent").unwrap().is_none());
    }
}
