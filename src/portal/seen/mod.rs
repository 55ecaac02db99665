//! Seeing: who asked about me, and what happened.

pub mod asked;
pub mod history;
