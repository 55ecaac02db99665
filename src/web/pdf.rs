//! Documents to print or keep: A4 pages with a title, headings, paragraphs, rows of name and value, tables and page
//! numbers. The letters are those every reader has (Helvetica, ISO 32000-1 §9.6.2.2) in the alphabet of Windows-1252, which
//! holds Dutch and English; other letters lose their accents, and those without a likeness become a question mark. The
//! same content always makes the same bytes. Tags for screen readers are not written: the HTML of the same says the same.

mod widths;

use pdf_writer::types::PageMode;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use self::widths::{Face, width};
use crate::domain::preference::Language;

/// Media type.
pub const PDF: &str = "application/pdf";

/// A4 in points.
const PAGE: (f32, f32) = (595.28, 841.89);
const MARGIN: f32 = 62.0;
const BODY: f32 = 11.0;
const SMALL: f32 = 9.0;
/// Line to line, as a multiple of the size.
const LEADING: f32 = 1.4;
/// Between the columns of a table.
const GUTTER: f32 = 10.0;
/// Between a row of a table and the line under it.
const RULED: f32 = 3.5;
/// How thick the lines of a table are, and how dark: 0 is black.
const RULE: f32 = 0.5;
const RULE_GREY: f32 = 0.6;
/// The share of a page's width for the names of rows.
const NAMES: f32 = 0.34;

/// A document in the making.
#[derive(Debug)]
pub struct Document {
    title: String,
    language: Language,
    /// Stands beside the number of each page.
    footer: String,
    pages: Vec<Page>,
    /// Where the next line begins, from the bottom.
    y: f32,
}

#[derive(Debug, Default)]
struct Page {
    lines: Vec<Line>,
    /// How high the lines of tables stand.
    rules: Vec<f32>,
}

/// A run of letters at its place.
#[derive(Debug)]
struct Line {
    x: f32,
    y: f32,
    size: f32,
    face: Face,
    text: Vec<u8>,
}

impl Document {
    /// A document that begins with its title.
    pub fn new(title: &str, language: Language) -> Self {
        let mut document = Self {
            title: title.to_owned(),
            language,
            footer: String::new(),
            pages: vec![Page::default()],
            y: PAGE.1 - MARGIN,
        };
        document.block(title, (20.0, Face::Bold), (MARGIN, column()));
        document.y -= 8.0;
        document
    }

    /// Words for the foot of every page, beside its number.
    #[must_use]
    pub fn with_footer(mut self, text: &str) -> Self {
        self.footer = format!(" | {text}");
        self
    }

    /// A heading. It stays with what follows.
    pub fn heading(&mut self, text: &str) {
        self.y -= 10.0;
        self.keep(3.0 * 14.0 * LEADING);
        self.block(text, (14.0, Face::Bold), (MARGIN, column()));
        self.y -= 2.0;
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.block(text, (BODY, Face::Regular), (MARGIN, column()));
        self.y -= 6.0;
    }

    /// A row: what, and its value beside it.
    pub fn row(&mut self, name: &str, value: &str) {
        let names = column() * NAMES;
        let cells = [
            (name, Face::Bold, MARGIN, names - GUTTER),
            (value, Face::Regular, MARGIN + names, column() - names),
        ];
        self.cells(&cells, BODY);
        self.y -= 3.0;
    }

    /// A table; the head is repeated on every page. Columns are as wide as their longest cell asks, as far as there is room.
    pub fn table<'t>(&mut self, head: impl AsRef<[&'t str]>, rows: &[impl AsRef<[String]>]) {
        let head = head.as_ref();
        let widths = columns(head, rows);
        let mut x = MARGIN;
        let places: Vec<(f32, f32)> = widths
            .iter()
            .map(|width| {
                let place = (x, *width);
                x += width + GUTTER;
                place
            })
            .collect();
        let header: Vec<Cell<'_>> = head
            .iter()
            .zip(&places)
            .map(|(text, (x, width))| (*text, Face::Bold, *x, *width))
            .collect();
        self.keep(3.0 * SMALL * LEADING);
        self.cells(&header, SMALL);
        self.rule();
        for row in rows {
            let cells: Vec<Cell<'_>> = row
                .as_ref()
                .iter()
                .zip(&places)
                .map(|(text, (x, width))| (text.as_str(), Face::Regular, *x, *width))
                .collect();
            let before = self.pages.len();
            self.keep(height(&cells, SMALL) + RULED);
            if self.pages.len() > before {
                self.cells(&header, SMALL);
                self.rule();
            }
            self.cells(&cells, SMALL);
            self.rule();
        }
        self.y -= 6.0;
    }

    /// The bytes of the file.
    pub fn finish(self) -> Vec<u8> {
        let (catalogue, tree, info) = (Ref::new(1), Ref::new(2), Ref::new(3));
        let fonts = [(Face::Regular, Ref::new(4)), (Face::Bold, Ref::new(5))];
        let count = i32::try_from(self.pages.len()).unwrap_or(i32::MAX);
        let page_ref = |number: i32| (Ref::new(4 + 2 * number), Ref::new(5 + 2 * number));
        let mut pdf = Pdf::new();
        let mut root = pdf.catalog(catalogue);
        root.pages(tree).page_mode(PageMode::UseNone);
        root.lang(TextStr(self.language.as_str()));
        root.viewer_preferences().display_doc_title(true);
        root.finish();
        pdf.document_info(info)
            .title(TextStr(&self.title))
            .producer(TextStr("Akkoord"));
        pdf.pages(tree)
            .kids((1..=count).map(|number| page_ref(number).0))
            .count(count);
        for (number, drawn) in (1..=count).zip(&self.pages) {
            let (page_id, content_id) = page_ref(number);
            let mut page = pdf.page(page_id);
            page.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1))
                .parent(tree)
                .contents(content_id);
            let mut resources = page.resources();
            let mut names = resources.fonts();
            for (face, id) in fonts {
                names.pair(face.name(), id);
            }
            names.finish();
            resources.finish();
            page.finish();
            let word = match self.language {
                Language::Nl => format!("Pagina {number} van {count}"),
                Language::En => format!("Page {number} of {count}"),
            };
            let footer = Line {
                x: MARGIN,
                y: MARGIN / 2.0,
                size: SMALL,
                face: Face::Regular,
                text: windows_1252(&format!("{word}{}", self.footer)),
            };
            let mut content = Content::new();
            content.set_line_width(RULE).set_stroke_gray(RULE_GREY);
            for y in &drawn.rules {
                content
                    .move_to(MARGIN, *y)
                    .line_to(MARGIN + column(), *y)
                    .stroke();
            }
            for line in drawn.lines.iter().chain([&footer]) {
                content
                    .begin_text()
                    .set_font(line.face.name(), line.size)
                    .next_line(line.x, line.y)
                    .show(Str(&line.text))
                    .end_text();
            }
            pdf.stream(content_id, &content.finish());
        }
        for (face, id) in fonts {
            pdf.type1_font(id)
                .base_font(face.base_font())
                .encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        pdf.finish()
    }

    /// A new page, unless so much still fits on this one.
    fn keep(&mut self, height: f32) {
        if self.y - height < MARGIN && self.pages.last().is_some_and(|page| !page.lines.is_empty()) {
            self.pages.push(Page::default());
            self.y = PAGE.1 - MARGIN;
        }
    }

    fn block(&mut self, text: &str, (size, face): (f32, Face), (x, width): (f32, f32)) {
        for text in wrap(text, size, face, width) {
            self.keep(size * LEADING);
            self.y -= size * LEADING;
            self.put(Line {
                x,
                y: self.y,
                size,
                face,
                text,
            });
        }
    }

    /// Cells beside each other, together on one page where a page can hold them.
    fn cells(&mut self, cells: &[Cell<'_>], size: f32) {
        self.keep(height(cells, size));
        let wrapped: Vec<(Vec<Vec<u8>>, Face, f32)> = cells
            .iter()
            .map(|(text, face, x, width)| (wrap(text, size, *face, *width), *face, *x))
            .collect();
        let most = wrapped.iter().map(|(lines, ..)| lines.len()).max().unwrap_or(0);
        for at in 0..most {
            self.keep(size * LEADING);
            self.y -= size * LEADING;
            for (lines, face, x) in &wrapped {
                if let Some(text) = lines.get(at) {
                    let (text, face, x, y) = (text.clone(), *face, *x, self.y);
                    self.put(Line {
                        x,
                        y,
                        size,
                        face,
                        text,
                    });
                }
            }
        }
    }

    fn put(&mut self, line: Line) {
        if let Some(page) = self.pages.last_mut() {
            page.lines.push(line);
        }
    }

    /// A line under what was written last.
    fn rule(&mut self) {
        self.y -= RULED;
        if let Some(page) = self.pages.last_mut() {
            page.rules.push(self.y);
        }
    }
}

/// A text, its face, where it begins and how wide it may be.
type Cell<'a> = (&'a str, Face, f32, f32);

/// The width that text may have.
fn column() -> f32 {
    PAGE.0 - 2.0 * MARGIN
}

fn height(cells: &[Cell<'_>], size: f32) -> f32 {
    let lines = cells
        .iter()
        .map(|(text, face, _, width)| wrap(text, size, *face, *width).len());
    // A cell is some lines; more than a page holds is split anyway.
    let most = u16::try_from(lines.max().unwrap_or(0)).unwrap_or(u16::MAX);
    f32::from(most) * size * LEADING
}

/// How wide each column is.
fn columns(head: &[&str], rows: &[impl AsRef<[String]>]) -> Vec<f32> {
    let mut wanted: Vec<f32> = head
        .iter()
        .map(|text| length(&windows_1252(text), SMALL, Face::Bold))
        .collect();
    for row in rows {
        for (width, text) in wanted.iter_mut().zip(row.as_ref()) {
            *width = width.max(length(&windows_1252(text), SMALL, Face::Regular));
        }
    }
    let gutters: f32 = wanted.iter().skip(1).map(|_| GUTTER).sum();
    let (room, sum) = (column() - gutters, wanted.iter().sum::<f32>());
    if sum > room {
        // Narrow columns keep what they need; the wide ones share the rest by what they ask.
        let fair = wanted.iter().map(|_| 1.0).sum::<f32>();
        let fair = room / fair.max(1.0);
        let spared: f32 = wanted.iter().filter(|width| **width <= fair).sum();
        let asked: f32 = wanted.iter().filter(|width| **width > fair).sum();
        for width in wanted.iter_mut().filter(|width| **width > fair) {
            *width *= (room - spared) / asked;
        }
    }
    // Rounding must not break what fits.
    wanted.into_iter().map(|width| width + 0.5).collect()
}

fn length(text: &[u8], size: f32, face: Face) -> f32 {
    text.iter().map(|byte| width(face, *byte)).sum::<f32>() * size / 1_000.0
}

/// The lines of a text within a width: broken at spaces, and within a word that is wider than a line.
fn wrap(text: &str, size: f32, face: Face, room: f32) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for part in text.lines() {
        let mut line: Vec<u8> = Vec::new();
        for word in part.split_whitespace() {
            let word = windows_1252(word);
            let gap = if line.is_empty() {
                0.0
            } else {
                length(b" ", size, face)
            };
            if !line.is_empty() && length(&line, size, face) + gap + length(&word, size, face) > room {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(b' ');
            }
            for byte in word {
                if !line.is_empty() && length(&line, size, face) + length(&[byte], size, face) > room {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(byte);
            }
        }
        lines.push(line);
    }
    lines
}

/// A text in Windows-1252.
fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(letter).collect()
}

fn letter(c: char) -> u8 {
    const HIGH: [(char, u8); 27] = [
        ('€', 0x80),
        ('‚', 0x82),
        ('ƒ', 0x83),
        ('„', 0x84),
        ('…', 0x85),
        ('†', 0x86),
        ('‡', 0x87),
        ('ˆ', 0x88),
        ('‰', 0x89),
        ('Š', 0x8a),
        ('‹', 0x8b),
        ('Œ', 0x8c),
        ('Ž', 0x8e),
        ('‘', 0x91),
        ('’', 0x92),
        ('“', 0x93),
        ('”', 0x94),
        ('•', 0x95),
        ('–', 0x96),
        ('—', 0x97),
        ('˜', 0x98),
        ('™', 0x99),
        ('š', 0x9a),
        ('›', 0x9b),
        ('œ', 0x9c),
        ('ž', 0x9e),
        ('Ÿ', 0x9f),
    ];
    // Letters of names in the Netherlands that Windows-1252 does not have, by what they look like.
    const ALIKE: [(&str, u8); 26] = [
        ("ĀĂĄ", b'A'),
        ("āăą", b'a'),
        ("ĆĈĊČ", b'C'),
        ("ćĉċč", b'c'),
        ("ĎĐ", b'D'),
        ("ďđ", b'd'),
        ("ĒĔĖĘĚ", b'E'),
        ("ēĕėęě", b'e'),
        ("ĜĞĠĢ", b'G'),
        ("ĝğġģ", b'g'),
        ("ĨĪĬĮİ", b'I'),
        ("ĩīĭįı", b'i'),
        ("ĹĻĽĿŁ", b'L'),
        ("ĺļľŀł", b'l'),
        ("ŃŅŇ", b'N'),
        ("ńņň", b'n'),
        ("ŌŎŐ", b'O'),
        ("ōŏő", b'o'),
        ("ŔŖŘ", b'R'),
        ("ŕŗř", b'r'),
        ("ŚŜŞȘ", b'S'),
        ("śŝşș", b's'),
        ("ŢŤŦȚ", b'T'),
        ("ţťŧț", b't'),
        ("ŨŪŬŮŰŲ", b'U'),
        ("ũūŭůűų", b'u'),
    ];
    let code = u32::from(c);
    match code {
        0x20..=0x7e | 0xa0..=0xff => u8::try_from(code).unwrap_or(b'?'),
        _ => HIGH
            .iter()
            .find(|(known, _)| *known == c)
            .map(|(_, byte)| *byte)
            .or_else(|| {
                ALIKE
                    .iter()
                    .find(|(letters, _)| letters.contains(c))
                    .map(|(_, byte)| *byte)
            })
            .unwrap_or(b'?'),
    }
}

#[cfg(test)]
mod tests;
