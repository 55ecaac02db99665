//! What the service fetches from outside, or keeps there; it implements traits that `service` declares.

pub mod checkpoint_file;
pub mod jwks;
pub mod witness;
