//! What the tests stand on: databases, and source text as data for the gates.

pub mod app;
pub mod browser;
pub mod bundle;
pub mod canaries;
pub mod client;
#[macro_use]
pub mod engine;
pub mod http;
pub mod log;
pub mod office;
pub mod people;
pub mod people_site;
pub mod postgres;
pub mod program;
pub mod receiver;
pub mod rows;
pub mod service;
pub mod serving;
pub mod source;
pub mod store;
pub mod stream;
