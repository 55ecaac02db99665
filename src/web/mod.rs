//! What the faces share: problem documents, strict bodies, headers, limits, traces, metrics and the server.

pub mod accept;
pub mod asked;
pub mod auth;
pub mod body;
pub mod cells;
pub mod erasures;
pub mod form;
pub mod headers;
pub mod idempotency;
pub mod json;
mod lanes;
pub mod language;
pub mod limit;
pub mod metrics;
pub mod pdf;
pub mod plot;
pub mod problem;
pub mod propagation;
pub mod query;
pub mod report;
pub mod server;
pub mod session;
pub mod site;
pub mod trace;
pub mod transactions;
mod unread;
