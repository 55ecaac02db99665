//! What is true without a computer: identities, purposes, consents and decisions. No input or output, no clock.

pub mod age;
mod compact;
pub mod consent;
pub mod contact;
pub mod decision;
pub mod event;
pub mod hex;
pub mod ids;
mod merge;
pub mod moment;
pub mod person;
pub mod personal;
pub mod preference;
pub mod purpose;
pub mod rights;
pub mod working_days;
