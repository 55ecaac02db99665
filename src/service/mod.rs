//! The use cases. This room alone opens transactions; everything that is recorded goes through one lane per node that
//! commits many requests at once.

pub mod call;
pub mod refusal;
pub mod verbs;
