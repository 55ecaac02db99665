//! How far a check is: in a terminal a bar, elsewhere a line for every tenth part; and, in a file beside the output, what
//! is needed to go on after an interruption.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::cli::Failure;

/// A bar over the bytes of the list.
#[derive(Debug)]
pub(super) struct Bar {
    bar: Option<ProgressBar>,
    total: u64,
    done: u64,
}

impl Bar {
    pub(super) fn of(total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:40} {percent}% {msg} {eta}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style)
        });
        Self { bar, total, done: 0 }
    }

    /// So many bytes of the list, in so many rows, are answered.
    pub(super) fn at(&mut self, bytes: u64, rows: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(bytes);
                bar.set_message(format!("{rows} rows"));
            }
            None => {
                let tenth = |bytes: u64| bytes.saturating_mul(10).checked_div(self.total).unwrap_or(10);
                if tenth(bytes) > tenth(self.done) {
                    writeln!(std::io::stderr(), "{rows} rows answered").ok();
                }
            }
        }
        self.done = bytes;
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Where a check stands: everything up to here is answered, and on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// What was asked.
    pub(super) question: String,
    /// Bytes of the list that are answered, its header among them, and their SHA-256.
    pub(super) input_bytes: u64,
    pub(super) input_hash: String,
    /// Lengths of the outputs.
    pub(super) allowed_bytes: u64,
    pub(super) denied_bytes: u64,
    /// Rows answered.
    pub(super) rows: u64,
    pub(super) permitted: u64,
    pub(super) malformed: u64,
}

/// The file it is kept in.
pub(super) fn file(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".progress");
    PathBuf::from(name)
}

impl Standing {
    /// What an earlier run kept; none when there was none, or it ended.
    pub(super) fn read(output: &Path) -> Result<Option<Self>, Failure> {
        let path = file(output);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => {
                read.map_err(|error| Failure::Refused(format!("cannot read {}: {error}", path.display())))?
            }
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|_| Failure::Refused(format!("{} is damaged; begin anew with --force", path.display())))
    }

    /// Keeps it: first beside, then in its place, so that no crash leaves half of it.
    pub(super) fn keep(&self, output: &Path) -> std::io::Result<()> {
        let path = file(output);
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        let text = serde_json::to_vec(self)?;
        let mut new = std::fs::File::create(&beside)?;
        new.write_all(&text)?;
        new.sync_all()?;
        std::fs::rename(&beside, &path)
    }
}
