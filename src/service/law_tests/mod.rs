//! The law as tests: each named after the rule it proves. `docs/LAW.md` lists every rule with its tests.

mod bases;
mod children;
mod consent;
mod folding;
mod limits;
mod marketing;
