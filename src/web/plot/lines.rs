//! Shares over time: a step line for each, told apart by dashes, marks and a number at its end.

use std::fmt::Write as _;

use super::Caption;
use super::frame::{Picture, WIDTH, escaped, length};

const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 44.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 34.0;
/// Dashes of the lines, in their order; the numbers at the ends tell apart where dashes repeat.
const DASHES: [&str; 6] = ["", "9 5", "2 4", "14 4 2 4", "5 2", "1 6"];

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What it is called in the list under the plot.
    pub name: String,
    /// Of a thousand, at each place; none where the figure is hidden, which breaks the line.
    pub tenths: Vec<Option<u64>>,
}

/// Lines over the same places. Each has its number in the order given, from 1.
pub fn lines(caption: &Caption, places: &[String], rows: &[Series]) -> String {
    let mut picture = Picture::new(caption, HEIGHT);
    let (floor, span) = (HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP);
    let height = |tenths: u64| floor - span * length(tenths.min(1_000)) / 1_000.0;
    for percent in [0, 25, 50, 75, 100] {
        let y = height(percent * 10);
        let class = if percent == 0 { "plot-axis" } else { "plot-grid" };
        picture.rule(class, (LEFT, y), (WIDTH - RIGHT, y));
        picture.words(
            (LEFT - 8.0, y + 5.0),
            "end",
            "plot-axis-label",
            &format!("{percent}%"),
        );
    }
    let count = length(places.len().max(1) as u64);
    let step = (WIDTH - LEFT - RIGHT) / count;
    let every = (76.0 / step).ceil().max(1.0) as usize;
    for (at, place) in places
        .iter()
        .enumerate()
        .filter(|(at, _)| at.is_multiple_of(every))
    {
        let x = LEFT + step * length(at as u64) + 2.0;
        picture.words((x, HEIGHT - 10.0), "start", "plot-axis-label", place);
    }
    for (number, row) in rows.iter().enumerate() {
        let (mut path, mut drawn, mut last) = (String::new(), false, None);
        for (at, tenths) in row.tenths.iter().enumerate() {
            let x = LEFT + step * length(at as u64);
            match tenths {
                Some(tenths) => {
                    let y = height(*tenths);
                    let word = if drawn { 'L' } else { 'M' };
                    let _ = write!(path, "{word}{x:.1} {y:.1}H{:.1}", x + step);
                    (drawn, last) = (true, Some((x + step, y)));
                }
                None => drawn = false,
            }
        }
        let dash = DASHES.get(number % DASHES.len()).copied().unwrap_or_default();
        picture.raw(&format!(
            "<path class=\"plot-line plot-line-{}\" fill=\"none\" stroke-dasharray=\"{dash}\" d=\"{}\"/>",
            number % DASHES.len(),
            escaped(&path)
        ));
        if let Some((x, y)) = last {
            picture.words(
                (x + 6.0, y + 5.0),
                "start",
                "plot-figure",
                &(number + 1).to_string(),
            );
        }
    }
    picture.finish()
}
