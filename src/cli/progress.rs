//! How far a long command is: a bar in a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Progress through a known number of steps, on standard error.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    total: usize,
    done: AtomicUsize,
    what: &'static str,
}

impl Progress {
    /// Begins; `what` is what the steps are called.
    pub fn of(total: usize, what: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr())
                .with_style(style)
                .with_message(what)
        });
        Self {
            bar,
            total,
            done: AtomicUsize::new(0),
            what,
        }
    }

    /// So many steps further. Outside a terminal every tenth part is a line.
    pub fn advance(&self, steps: usize) {
        let before = self.done.fetch_add(steps, Ordering::Relaxed);
        match &self.bar {
            Some(bar) => bar.inc(steps as u64),
            None => {
                let tenth = |done: usize| (done * 10).checked_div(self.total).unwrap_or(10);
                let now = before + steps;
                if tenth(now) > tenth(before) {
                    writeln!(std::io::stderr(), "{now} of {} {}", self.total, self.what).ok();
                }
            }
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
