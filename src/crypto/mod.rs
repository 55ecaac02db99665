//! Bytes to bytes: keys, sealing, pseudonyms, tokens and signatures, all on `ring`.
//!
//! Nothing here reads a clock, a file or a source of randomness; time, nonces and new keys come in
//! as arguments. How the keys hang together is in `docs/ARCHITECTURE.md`.

mod aead;
pub mod blind_index;
pub mod derive;
pub mod frame;
pub mod jwt;
pub mod keyring;
pub mod note;
pub mod pairwise;
pub mod person_key;
pub mod root_key;
pub mod seal;
pub mod secret;
pub mod sign;
pub mod token;
pub mod webhook;

pub use derive::{PersonKeys, Sha256, constant_time_eq, mac, mac_framed, sha256, sha256_parts};
pub use frame::Frame;
pub use keyring::{KeyName, Standing, TenantKeys};
pub use pairwise::PairwiseKey;
pub use person_key::{KeyError, PersonKey, PersonKeyPlace, WrappedPersonKey};
pub use root_key::RootKey;
pub use seal::{PAD_BUCKET, Place, SealError, key_version_of, open, pad, seal, unpad};
pub use secret::{Secret32, SecretBytes};
pub use sign::{PublicKey, SigningKey};
pub use webhook::WebhookSecret;
