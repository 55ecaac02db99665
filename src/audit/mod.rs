//! The log as mathematics: the bytes of an entry, its private part, the Merkle tree over all entries, the signed
//! checkpoint, proofs and their verification. Everything here is a public format, so that an auditor needs none of our
//! software: RFC 6962 (tree), C2SP tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature and tlog-proof.
//!
//! No input or output, no clock, no randomness: those come in as arguments.

pub mod add_checkpoint;
pub mod bulk;
pub mod bundle;
pub mod checkpoint;
pub mod edge;
pub mod export;
pub mod leaf;
mod line;
pub mod manifest;
pub mod opening;
pub mod private;
pub mod proof;
pub mod report;
pub mod tile;
pub mod tlog_proof;
pub mod tree;
pub mod verify;
pub mod witness;
pub mod word;

#[cfg(test)]
mod vectors;
