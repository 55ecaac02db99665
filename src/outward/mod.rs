//! What the service fetches from outside, or keeps there; it implements traits that `service` declares. Also the client of
//! another Akkoord.

pub mod bulk;
pub mod checkpoint_file;
pub mod jwks;
pub mod mail;
pub mod oidc;
pub mod webhook;
pub mod witness;
