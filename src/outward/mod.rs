//! What the service fetches from outside; it implements traits that `service` declares.

pub mod jwks;
