//! Bars up and down from one line: given against withdrawn, week by week.

use super::Caption;
use super::frame::{Picture, WIDTH, length, round_up};

const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 34.0;
/// What the name of a place takes, in units of the picture.
const ROOM_OF_A_NAME: f64 = 64.0;

/// One place on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// What stands under it.
    pub name: String,
    /// Up; none where the figure is hidden.
    pub up: Option<u64>,
    /// Down.
    pub down: Option<u64>,
}

/// Pairs beside each other. `names` are what up and down are called.
pub fn pairs(caption: &Caption, names: (&str, &str), rows: &[Pair]) -> String {
    let mut picture = Picture::new(caption, HEIGHT);
    picture.patterns(&caption.id);
    let most = |of: fn(&Pair) -> Option<u64>| rows.iter().filter_map(of).max().unwrap_or(0);
    let end = round_up(most(|row| row.up).max(most(|row| row.down)).max(1));
    let middle = TOP + (HEIGHT - TOP - BOTTOM) / 2.0;
    let half = (HEIGHT - TOP - BOTTOM) / 2.0;
    // Names of the two sides, with the pattern beside them.
    picture.bar(&caption.id, 0, (LEFT, 4.0), (16.0, 14.0));
    picture.words((LEFT + 22.0, 16.0), "start", "plot-label", names.0);
    let second = LEFT + 22.0 + 9.0 * length(names.0.chars().count() as u64) + 24.0;
    picture.bar(&caption.id, 1, (second, 4.0), (16.0, 14.0));
    picture.words((second + 22.0, 16.0), "start", "plot-label", names.1);
    for (share, way) in [(1.0, -1.0), (0.5, -1.0), (0.5, 1.0), (1.0, 1.0)] {
        let y = middle + way * share * half;
        picture.rule("plot-grid", (LEFT, y), (WIDTH, y));
        let figure = if share < 1.0 { end / 2 } else { end };
        picture.words(
            (LEFT - 8.0, y + 5.0),
            "end",
            "plot-axis-label",
            &figure.to_string(),
        );
    }
    let count = length(rows.len().max(1) as u64);
    let step = (WIDTH - LEFT) / count;
    // As many names as there is room for.
    let every = (ROOM_OF_A_NAME / step).ceil().max(1.0) as usize;
    let mut x = LEFT;
    for (at, row) in rows.iter().enumerate() {
        let width = (step - 4.0).max(2.0);
        let up = half * length(row.up.unwrap_or(0)) / length(end);
        picture.bar(&caption.id, 0, (x + 2.0, middle - up), (width, up));
        let down = half * length(row.down.unwrap_or(0)) / length(end);
        picture.bar(&caption.id, 1, (x + 2.0, middle), (width, down));
        // A name that does not fit whole at the edge is left out; the table has it.
        if at.is_multiple_of(every) && x + ROOM_OF_A_NAME <= WIDTH {
            picture.words((x + 2.0, HEIGHT - 10.0), "start", "plot-axis-label", &row.name);
        }
        x += step;
    }
    picture.rule("plot-axis", (LEFT, middle), (WIDTH, middle));
    picture.words((LEFT - 8.0, middle + 5.0), "end", "plot-axis-label", "0");
    picture.finish()
}
