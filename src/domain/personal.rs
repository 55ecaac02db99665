//! Personal data have a type that cannot be printed by accident.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Something about a person. It has no `Display`, and its `Debug` shows nothing. It serialises, because sealed records
/// are made of it; log lines and error texts take `Display` or `Debug`, and there it stays silent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Encode, Decode)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Personal<T>(#[n(0)] T);

impl<T> Personal<T> {
    /// Marks a value as personal.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Reads the value. Call this where it is sealed, compared or answered to somebody entitled to it, never to log it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Takes the value out, under the same duty.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}
