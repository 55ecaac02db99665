//! A mistake in the policy files: where it is, what is wrong, and what to do about it.

use std::fmt;

use super::source::Lines;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The folder cannot become a catalogue.
    Error,
    /// Worth a look; nothing is refused.
    Warning,
}

/// One finding of the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the policy folder.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// How bad.
    pub severity: Severity,
    /// What sort of mistake, for filters and tests.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Finding {
    /// A mistake.
    pub fn error(
        file: impl Into<String>,
        line: usize,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (file, message, remedy) = (file.into(), message.into(), remedy.into());
        Self {
            file,
            line,
            severity: Severity::Error,
            code,
            message,
            remedy,
        }
    }

    /// Whether it stops the folder from becoming a catalogue.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Self {
            file,
            line,
            code,
            message,
            remedy,
            ..
        } = self;
        write!(f, "{file}:{line}: {severity}[{code}]: {message} — {remedy}")
    }
}

/// Collects the findings of one file.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub file: &'a str,
    pub lines: &'a Lines,
    pub found: &'a mut Vec<Finding>,
}

impl Report<'_> {
    /// A mistake at a place of the document, such as `notice.nl.title` or `recipients=crm`.
    pub fn error(
        &mut self,
        place: impl AsRef<str>,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.error_on_line(self.lines.of(place.as_ref()), code, message, remedy);
    }

    /// A mistake on a line.
    pub fn error_on_line(
        &mut self,
        line: usize,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.found
            .push(Finding::error(self.file, line, code, message, remedy));
    }
}
