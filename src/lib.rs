//! Akkoord: consent and preference service for public-library networks. The rooms, in the order in which they may see
//! each other; `docs/ARCHITECTURE.md` is the map and `tests/suite/rooms.rs` guards it.

// What many threads allocate and free all the time is half of what a check costs beside the database.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod api;
pub mod audit;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod officer;
pub mod outward;
pub mod policy;
pub mod portal;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod witness;
pub mod world;
