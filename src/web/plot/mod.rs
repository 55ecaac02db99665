//! Plots as SVG made by the server: no script and no style of their own; classes and attributes only, so that they keep a
//! strict content security policy. Each is readable in print and without colour: lines differ by dashes and marks, bars by
//! patterns, and the figures stand beside them. A plot never stands alone: with it go a sentence, a table and a file.

mod bars;
mod frame;
mod lines;
mod pair;

pub use self::bars::{Bar, bars};
pub use self::lines::{Series, lines};
pub use self::pair::{Pair, pairs};

/// What a plot is called, for those who hear it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// Id of the plot on its page: letters, digits and hyphens.
    pub id: String,
    /// Title.
    pub title: String,
    /// What it shows, in a sentence.
    pub sentence: String,
}

#[cfg(test)]
mod tests;
