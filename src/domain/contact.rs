//! Contacts that systems say they made, and whether they asked before.

use super::purpose::words;

/// What a reported contact was matched with: the last answer that the system got before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContactMatch {
    /// The system asked, and might.
    Permit,
    /// The system asked, might not, and made contact all the same.
    Deny,
    /// The system did not ask.
    None,
}

words!(ContactMatch { Permit => "permit", Deny => "deny", None => "none" });
