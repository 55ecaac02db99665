//! Policies: files of a privacy officer, checked as a whole, become one immutable catalogue; decisions are a pure and
//! total function of that catalogue, a person's record and a question.

pub mod catalogue;
pub mod evaluate;
pub mod explain;
