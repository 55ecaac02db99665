//! Choosing: the overview, one question a page, the receipt, stopping everything.

pub mod overview;
pub mod question;
pub mod receipt;
pub mod state;
pub mod stop;
