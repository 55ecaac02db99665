//! What the tests stand on: databases, and source text as data for the gates.

#[macro_use]
pub mod engine;
pub mod http;
pub mod log;
pub mod postgres;
pub mod program;
pub mod service;
pub mod source;
pub mod store;
