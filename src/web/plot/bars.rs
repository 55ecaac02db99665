//! Horizontal bars with their figure at the end: reasons, channels, campaigns, lead times.

use super::Caption;
use super::frame::{LETTER, Picture, WIDTH, length};

/// Height of a row.
const ROW: f64 = 40.0;
/// Room for a figure behind the longest bar.
const FIGURE: f64 = 110.0;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What it is about.
    pub name: String,
    /// How long it is; none where the figure is hidden, which is drawn as an empty place.
    pub value: Option<u64>,
    /// The figure as it is shown.
    pub figure: String,
    /// Whether it stands on the wrong side of a line, such as the month in which to answer.
    pub beyond: bool,
}

/// Bars below each other, in the order given.
pub fn bars(caption: &Caption, rows: &[Bar]) -> String {
    let count = f64::from(u32::try_from(rows.len()).unwrap_or(u32::MAX));
    let mut picture = Picture::new(caption, count.max(1.0) * ROW + 12.0);
    picture.patterns(&caption.id);
    let most = rows.iter().filter_map(|row| row.value).max().unwrap_or(0).max(1);
    let room = WIDTH - FIGURE;
    let mut y = 4.0;
    for row in rows {
        picture.words((0.0, y + LETTER - 2.0), "start", "plot-label", &row.name);
        let width = match row.value {
            None | Some(0) => 0.0,
            Some(value) => (room * length(value) / length(most)).max(2.0),
        };
        if width > 0.0 {
            let pattern = usize::from(row.beyond);
            picture.bar(&caption.id, pattern, (0.0, y + LETTER + 3.0), (width, 14.0));
        }
        let behind = (width + 8.0 * f64::from(u8::from(width > 0.0)), y + LETTER + 15.0);
        picture.words(behind, "start", "plot-figure", &row.figure);
        y += ROW;
    }
    picture.finish()
}
