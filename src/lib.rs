//! Akkoord.
