//! Log lines on standard error, JSON or text. What may stand in them is a list: a field that is not on it is dropped, and
//! messages of libraries are withheld, so that nothing personal gets into a log by accident. `docs/OPERATIONS.md` says
//! what each field means.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::world::{RealWorld, World};

/// The fields that are printed; units are in their names. A test compares this list with the source.
pub const FIELDS: [&str; 54] = [
    "address",
    "alarm",
    "attempt",
    "audience",
    "batch_size",
    "bytes",
    "catalogue_version",
    "check",
    "client",
    "code",
    "connections",
    "count",
    "decision",
    "duration_ms",
    "duration_us",
    "endpoint",
    "engine",
    "error",
    "events",
    "file",
    "from",
    "issuer",
    "job",
    "key",
    "key_version",
    "kid",
    "lane",
    "leaf_index",
    "limit",
    "log",
    "method",
    "migration",
    "node",
    "organisation",
    "path",
    "policy_version",
    "pool_size",
    "purpose",
    "queue",
    "reason",
    "retries",
    "route",
    "scope",
    "signal",
    "state",
    "status",
    "system",
    "trace_id",
    "transaction",
    "tree_size",
    "version",
    "waited_ms",
    "witness",
    "written",
];

/// The longest value, in characters; the rest is cut.
const LONGEST_VALUE: usize = 300;

/// How log lines look and which there are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `json` for machines, `text` for people. Default `json`.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, or per room: `info,akkoord::store=debug`. `RUST_LOG` in the environment wins.
    /// Default `info`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            level: "info".to_owned(),
        }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// One line of text.
    Text,
}

/// Starts logging for the whole process. `RUST_LOG` in the environment wins over the configured level. A second call
/// changes nothing.
pub fn start(log: &Log) {
    let chosen = std::env::var("RUST_LOG").ok().and_then(|text| filter(&text));
    let filter = chosen
        .or_else(|| filter(&log.level))
        .unwrap_or_else(|| EnvFilter::new("info"));
    let lines = Lines {
        format: log.format,
        world: Box::new(RealWorld),
        write: Box::new(|line| {
            // A log that cannot be written must not stop a service that works.
            std::io::stderr().lock().write_all(line.as_bytes()).ok();
        }),
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    tracing::subscriber::set_global_default(subscriber).ok();
}

/// A filter from its text: a level, or levels per room. `None` when it is no filter.
pub fn filter(text: &str) -> Option<EnvFilter> {
    let known = |word: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&word);
    // EnvFilter reads any lone word as the name of a target; a misspelt level would silence everything.
    let words = text
        .split(',')
        .map(|part| part.rsplit_once('=').map_or(part, |(_, level)| level));
    if !words.clone().all(|word| known(word.trim())) {
        return None;
    }
    EnvFilter::try_new(text).ok()
}

/// Switches off core dumps, which would hold keys: no core file, and no dump to a collector that ignores that limit.
///
/// # Errors
/// When the system refuses; the service should then not start.
pub fn no_core_dumps() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// The layer that makes lines.
struct Lines {
    format: LogFormat,
    world: Box<dyn World>,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut kept = Kept::default();
            attributes.record(&mut kept);
            span.extensions_mut().insert(kept);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(kept) = span.extensions_mut().get_mut::<Kept>()
        {
            values.record(kept);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // What a library says below a warning is worth nothing without its words.
        if !is_ours(event.metadata().target()) && *event.metadata().level() > Level::WARN {
            return;
        }
        let mut kept = Kept::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .iter()
            .rev()
        {
            if let Some(of_span) = span.extensions().get::<Kept>() {
                kept.fields.extend(of_span.fields.clone());
            }
        }
        event.record(&mut kept);
        let line = self.line(event.metadata(), kept);
        (self.write)(&line);
    }
}

impl Lines {
    fn line(&self, about: &Metadata<'_>, mut kept: Kept) -> String {
        if !is_ours(about.target()) {
            kept = Kept::default();
        }
        let message = kept.message.unwrap_or_else(|| withheld(about));
        let at = self.world.now().rfc3339();
        let level = level(*about.level());
        match self.format {
            LogFormat::Json => {
                let mut line = Map::new();
                line.insert("at".to_owned(), at.into());
                line.insert("level".to_owned(), level.into());
                line.insert("target".to_owned(), about.target().into());
                line.insert("message".to_owned(), message.into());
                line.extend(kept.fields);
                format!("{}\n", Value::Object(line))
            }
            LogFormat::Text => {
                // Escaped: a line break in a value must not look like another line.
                let mut line = format!("{at} {level:<5} {}", message.escape_debug());
                for (name, value) in kept.fields {
                    let value = match value {
                        Value::String(text) => text.escape_debug().to_string(),
                        other => other.to_string(),
                    };
                    write!(line, " {name}={value}").ok();
                }
                line.push('\n');
                line
            }
        }
    }
}

fn is_ours(target: &str) -> bool {
    target == "akkoord" || target.starts_with("akkoord::")
}

/// What stands in a line whose message is not ours: where it came from, which is enough to look it up.
fn withheld(about: &Metadata<'_>) -> String {
    let file = about
        .file()
        .and_then(|file| file.rsplit('/').next())
        .unwrap_or("?");
    format!(
        "{file}:{} (message of a library withheld)",
        about.line().unwrap_or(0)
    )
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The message and the fields that are on the list.
#[derive(Debug, Default)]
struct Kept {
    message: Option<String>,
    fields: Map<String, Value>,
}

impl Kept {
    fn keep(&mut self, field: &Field, value: Value) {
        if FIELDS.contains(&field.name()) {
            self.fields.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Kept {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = format!("{value:?}");
        if let Some((cut, _)) = text.char_indices().nth(LONGEST_VALUE) {
            text.truncate(cut);
            text.push('…');
        }
        if field.name() == "message" {
            self.message = Some(text);
        } else {
            self.keep(field, text.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::domain::moment::Moment;
    use crate::world::TurnedWorld;

    fn lines(format: LogFormat, act: impl FnOnce()) -> String {
        let written = Arc::new(Mutex::new(String::new()));
        let into = Arc::clone(&written);
        let lines = Lines {
            format,
            world: Box::new(TurnedWorld::starting(Moment::from_micros(0))),
            write: Box::new(move |line| into.lock().unwrap().push_str(line)),
        };
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, act);
        written.lock().unwrap().clone()
    }

    #[test]
    fn only_listed_fields_are_printed() {
        let json = lines(LogFormat::Json, || {
            let span = tracing::info_span!(
                "request",
                route = "/v1/decisions",
                email = "a@b.example",
                status = tracing::field::Empty
            );
            let _entered = span.enter();
            span.record("status", 200);
            tracing::info!(duration_ms = 3, member = "2000123456", "request served");
        });
        assert_eq!(
            json,
            "{\"at\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"target\":\"akkoord::telemetry::tests\",\
             \"message\":\"request served\",\"route\":\"/v1/decisions\",\"status\":200,\"duration_ms\":3}\n"
        );
    }

    #[test]
    fn text_is_one_line_whatever_is_in_it() {
        let text = lines(LogFormat::Text, || tracing::warn!(reason = "a\nb", "two\nlines"));
        assert_eq!(text, "1970-01-01T00:00:00.000Z warn  two\\nlines reason=a\\nb\n");
        let long = lines(LogFormat::Text, || {
            tracing::warn!(reason = "é".repeat(1_000), "long")
        });
        assert!(long.ends_with("é…\n") && long.chars().count() < 400, "{long}");
    }

    #[test]
    fn what_libraries_say_is_withheld() {
        let json = lines(LogFormat::Json, || {
            tracing::error!(target: "hyper::client", error = "GET /?email=a@b.example", "connecting to a@b.example failed");
        });
        assert!(
            json.contains("withheld") && json.contains("hyper::client"),
            "{json}"
        );
        assert!(!json.contains("b.example"), "{json}");
        let quiet = lines(
            LogFormat::Json,
            || tracing::info!(target: "hyper", "connected to a@b.example"),
        );
        assert_eq!(quiet, "");
    }

    #[test]
    fn filters_are_levels_per_room() {
        for good in ["info", "warn,akkoord::store=debug", "off"] {
            assert!(filter(good).is_some(), "{good}");
        }
        for bad in ["", "loud", "akkoord=loud", "akkoord"] {
            assert!(filter(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(FIELDS.is_sorted());
    }
}
