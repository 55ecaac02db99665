//! What the pages of the console are built of: the same few blocks everywhere, so that an officer learns them once.

use actix_web::HttpResponse;
use askama::Template;

use crate::web::page::{Page, show};

/// How loud something is said; always in words too, never by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Neutral.
    #[default]
    Plain,
    /// Good.
    Good,
    /// Look at it.
    Warning,
    /// Wrong.
    Wrong,
}

impl Tone {
    /// The class of the style sheet.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Plain => "info",
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Wrong => "error",
        }
    }

    /// Whether it interrupts who listens.
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Wrong)
    }
}

/// A part of a page.
#[derive(Debug, Clone)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// The first sentence of a page.
    Lead(String),
    /// A paragraph.
    Text(String),
    /// A paragraph of less weight.
    Quiet(String),
    /// Something to know first.
    Alert(Tone, String),
    /// Large numbers.
    Numbers(Vec<Number>),
    /// Names with their values.
    Facts(Vec<(String, String)>),
    /// Links: where to, and words.
    Links(Vec<(String, String)>),
    /// Links as buttons: downloads and ways on.
    Buttons(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// A plot.
    Plot(Plot),
    /// What happened: when, what, and more about it.
    Timeline(Vec<(String, String, String)>),
    /// A text to copy, with its name.
    Code(String, String),
    /// Lines that came and went: class and line.
    Difference(String, Vec<(&'static str, String)>),
    /// Something long that opens.
    More(String, String),
    /// Two texts beside each other, each with a heading.
    Beside((String, Vec<String>), (String, Vec<String>)),
    /// A form.
    Form(Form),
}

/// A large number.
#[derive(Debug, Clone, Default)]
pub struct Number {
    /// The number.
    pub value: String,
    /// Of what.
    pub name: String,
    /// Where it is told further.
    pub to: Option<String>,
    /// More about it.
    pub note: String,
}

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its name.
    pub caption: String,
    /// Heads of the columns.
    pub head: Vec<Cell>,
    /// Rows.
    pub rows: Vec<Vec<Cell>>,
    /// What is said when there are none.
    pub empty: String,
    /// Whether its name stands above it already.
    pub named: bool,
}

/// A cell.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Its words.
    pub text: String,
    /// Where it leads.
    pub to: Option<String>,
    /// Whether it is a figure.
    pub figure: bool,
    /// Whether it is a badge.
    pub badge: bool,
    /// How loud.
    pub tone: Tone,
}

/// A cell with words.
pub fn cell(text: impl Into<String>) -> Cell {
    Cell {
        text: text.into(),
        ..Cell::default()
    }
}

/// A cell with a figure.
pub fn figure(text: impl ToString) -> Cell {
    Cell {
        text: text.to_string(),
        figure: true,
        ..Cell::default()
    }
}

/// A cell that leads somewhere.
pub fn link(to: impl Into<String>, text: impl Into<String>) -> Cell {
    Cell {
        text: text.into(),
        to: Some(to.into()),
        ..Cell::default()
    }
}

/// A cell with a state.
pub fn badge(tone: Tone, text: impl Into<String>) -> Cell {
    Cell {
        text: text.into(),
        badge: true,
        tone,
        ..Cell::default()
    }
}

/// A plot with what it says.
#[derive(Debug, Clone, Default)]
pub struct Plot {
    /// The picture.
    pub svg: String,
    /// What it shows.
    pub sentence: String,
    /// Names of numbered lines.
    pub key: Vec<String>,
}

/// A form.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// Begins the ids of its fields.
    pub id: &'static str,
    /// Heading.
    pub title: String,
    /// What it does.
    pub intro: String,
    /// Where it is sent.
    pub action: String,
    /// Whether it changes something, or looks somebody up.
    pub post: bool,
    /// Fields nobody fills in.
    pub hidden: Vec<(&'static str, String)>,
    /// Fields.
    pub fields: Vec<Field>,
    /// The words of its button.
    pub button: String,
    /// Whether the button is the second choice.
    pub second: bool,
    /// Whether it is opened before it is filled in: one of many steps.
    pub folded: bool,
}

impl Form {
    /// The method.
    pub const fn method(&self) -> &'static str {
        if self.post { "post" } else { "get" }
    }
}

/// A field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// Words above it.
    pub label: String,
    /// How to fill it in.
    pub hint: String,
    /// Whether it must be filled in.
    pub required: bool,
    /// Longest text, in characters.
    pub longest: usize,
    /// What sort.
    pub sort: Sort,
}

/// What sort of field.
#[derive(Debug, Clone)]
pub enum Sort {
    /// One line, with what is in it.
    Line(String),
    /// A day.
    Date(String),
    /// Some lines, and how many are shown.
    Lines(String, usize),
    /// One of these: value and words; and the chosen one.
    Choice(Vec<(String, String)>, String),
}

impl Field {
    /// One line that must be filled in.
    pub fn line(name: &'static str, label: String, value: &str) -> Self {
        Self {
            name,
            label,
            hint: String::new(),
            required: true,
            longest: 200,
            sort: Sort::Line(value.to_owned()),
        }
    }

    /// A day.
    pub fn date(name: &'static str, label: String, value: &str) -> Self {
        Self {
            sort: Sort::Date(value.to_owned()),
            ..Self::line(name, label, "")
        }
    }

    /// Some lines.
    pub fn lines(name: &'static str, label: String, value: &str, rows: usize) -> Self {
        Self {
            longest: 60_000,
            sort: Sort::Lines(value.to_owned(), rows),
            ..Self::line(name, label, "")
        }
    }

    /// One of these.
    pub fn choice(name: &'static str, label: String, options: Vec<(String, String)>, chosen: &str) -> Self {
        Self {
            sort: Sort::Choice(options, chosen.to_owned()),
            ..Self::line(name, label, "")
        }
    }

    /// The same, with how to fill it in.
    #[must_use]
    pub fn hinted(self, hint: String) -> Self {
        Self { hint, ..self }
    }

    /// The same, that may stay empty.
    #[must_use]
    pub fn optional(self) -> Self {
        Self {
            required: false,
            ..self
        }
    }
}

#[derive(Template)]
#[template(path = "officer/page.html")]
struct Shown<'a> {
    page: &'a Page,
    csrf: &'a str,
    blocks: &'a [Block],
}

/// Whether a value is a code that no line holds: it may break anywhere.
pub fn is_code(value: &str) -> bool {
    value.split_whitespace().any(|word| word.chars().count() > 24)
}

/// The page as an answer.
pub fn answer(page: &Page, csrf: &str, mut blocks: Vec<Block>) -> HttpResponse {
    let mut heading = page.title.clone();
    for block in &mut blocks {
        match block {
            Block::Heading(text) => heading.clone_from(text),
            Block::Table(table) => table.named = table.caption == heading,
            _ => {}
        }
    }
    let blocks = &blocks;
    show(&Shown { page, csrf, blocks })
}
