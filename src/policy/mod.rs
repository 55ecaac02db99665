//! Policies: files of a privacy officer, checked as a whole, become one immutable catalogue; decisions are a pure and
//! total function of that catalogue, a person's record and a question.

mod assemble;
pub mod catalogue;
mod check;
pub mod document;
pub mod evaluate;
#[cfg(test)]
mod evaluate_tests;
pub mod examples;
pub mod explain;
pub mod finding;
#[cfg(test)]
mod fixture;
mod hard_words;
pub mod load;
pub mod meaning;
pub mod plain_language;
pub mod plan;
pub mod source;
pub mod theme;
