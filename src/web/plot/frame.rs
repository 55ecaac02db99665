//! What every plot has: the picture with its name and sentence, axes, and texts that are escaped.

use std::fmt::Write as _;

use super::Caption;

/// Width of every plot, in units of the picture; a page makes it as wide as there is room.
pub(super) const WIDTH: f64 = 720.0;
/// Size of letters, in the same units.
pub(super) const LETTER: f64 = 15.0;

/// A picture in the making.
pub(super) struct Picture {
    svg: String,
}

impl Picture {
    /// A picture of a height, with its name and sentence for those who hear it.
    pub(super) fn new(caption: &Caption, height: f64) -> Self {
        let (id, title) = (escaped(&caption.id), escaped(&caption.title));
        let sentence = escaped(&caption.sentence);
        let svg = format!(
            "<svg class=\"plot\" role=\"img\" aria-labelledby=\"{id}-title {id}-sentence\" viewBox=\"0 0 {WIDTH} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\"><title id=\"{id}-title\">{title}</title>\
             <desc id=\"{id}-sentence\">{sentence}</desc>"
        );
        Self { svg }
    }

    /// Patterns of bars: hatched one way, the other way, dotted. Ids are the plot's own, so that two plots fit on a page.
    pub(super) fn patterns(&mut self, id: &str) {
        let id = escaped(id);
        let _ = write!(
            self.svg,
            "<defs>\
             <pattern id=\"{id}-p0\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">\
             <rect class=\"plot-fill-0\" width=\"8\" height=\"8\"/></pattern>\
             <pattern id=\"{id}-p1\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">\
             <rect class=\"plot-fill-1\" width=\"8\" height=\"8\"/><path class=\"plot-hatch\" d=\"M-2 10L10 -2M-2 2L2 -2M6 10L10 6\"/></pattern>\
             <pattern id=\"{id}-p2\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">\
             <rect class=\"plot-fill-2\" width=\"8\" height=\"8\"/><circle class=\"plot-dot\" cx=\"4\" cy=\"4\" r=\"2\"/></pattern>\
             </defs>"
        );
    }

    /// A line of an axis or a grid.
    pub(super) fn rule(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = write!(
            self.svg,
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    /// Words at a place; `anchor` is `start`, `middle` or `end`.
    pub(super) fn words(&mut self, (x, y): (f64, f64), anchor: &str, class: &str, text: &str) {
        let _ = write!(
            self.svg,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{LETTER}\" text-anchor=\"{anchor}\">{}</text>",
            escaped(text)
        );
    }

    /// A bar filled with a pattern of [`Self::patterns`].
    pub(super) fn bar(&mut self, id: &str, pattern: usize, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let _ = write!(
            self.svg,
            "<rect class=\"plot-bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"url(#{}-p{pattern})\"/>",
            width.max(0.0),
            height.max(0.0),
            escaped(id)
        );
    }

    /// Anything else, already made.
    pub(super) fn raw(&mut self, svg: &str) {
        self.svg.push_str(svg);
    }

    /// The picture.
    pub(super) fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }
}

/// A text as it may stand in an element or an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

/// A number as a length; figures of members are far below where that loses anything.
pub(super) fn length(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A round number not under `most`, for the end of an axis.
pub(super) fn round_up(most: u64) -> u64 {
    let mut step = 1_u64;
    loop {
        for end in [step, step.saturating_mul(2), step.saturating_mul(5)] {
            if end.saturating_mul(4) >= most {
                return end.saturating_mul(4);
            }
        }
        step = step.saturating_mul(10);
    }
}
