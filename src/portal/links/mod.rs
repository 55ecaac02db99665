//! Links that are shown or printed.

pub mod capture;
