//! What a report is made of, before it has a form: facts, notes and tables.

use serde_json::{Map, Value};

pub use crate::audit::export::table::Cell;
use crate::audit::export::table::rfc3339;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name in file names: lower-case words joined by hyphens.
    pub name: &'static str,
    /// What stands above it.
    pub title: &'static str,
    /// What stands above its columns.
    pub columns: Vec<&'static str>,
    /// Its rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell<'static>>>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its title.
    pub title: &'static str,
    /// What it is about.
    pub facts: Vec<(&'static str, String)>,
    /// What one must know to read it.
    pub notes: Vec<&'static str>,
    /// Its tables.
    pub tables: Vec<Table>,
}

impl Report {
    /// The same as JSON: numbers as numbers, instants as RFC 3339, nothing as null.
    pub fn to_json(&self) -> Value {
        let facts: Map<String, Value> = self
            .facts
            .iter()
            .map(|(name, fact)| ((*name).to_owned(), Value::from(fact.as_str())))
            .collect();
        let tables: Map<String, Value> = self
            .tables
            .iter()
            .map(|table| (table.name.to_owned(), table.to_json()))
            .collect();
        serde_json::json!({ "title": self.title, "facts": facts, "notes": self.notes, "tables": tables })
    }
}

impl Table {
    /// The numbers of a column together; nought for a column that is not there.
    pub fn sum(&self, column: &str) -> u64 {
        let Some(at) = self.columns.iter().position(|name| *name == column) else {
            return 0;
        };
        let cells = self.rows.iter().filter_map(|row| row.get(at));
        cells
            .map(|cell| match cell {
                Cell::Number(number) => *number,
                _ => 0,
            })
            .sum()
    }

    fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let members = self.columns.iter().zip(row).map(|(name, cell)| {
                let value = match cell {
                    Cell::Empty => Value::Null,
                    Cell::Number(number) => Value::from(*number),
                    Cell::Time(millis) => Value::from(rfc3339(*millis)),
                    Cell::Text(text) => Value::from(text.as_ref()),
                };
                ((*name).to_owned(), value)
            });
            Value::Object(members.collect())
        });
        Value::Array(rows.collect())
    }
}

/// A cell with words; an empty one without.
pub fn text(words: impl Into<String>) -> Cell<'static> {
    let words = words.into();
    if words.is_empty() {
        Cell::Empty
    } else {
        Cell::Text(words.into())
    }
}

/// A cell as it is shown to people.
pub fn shown(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Number(number) => number.to_string(),
        Cell::Time(millis) => rfc3339(*millis),
        Cell::Text(text) => text.to_string(),
    }
}
