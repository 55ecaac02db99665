//! Rows as a workbook (ECMA-376, `.xlsx`), written as they come: nothing is kept but the row at hand.
//!
//! Texts are inline strings, which no program evaluates. A sheet holds 1,048,576 rows; more entries go to further
//! sheets, each with the head. How many there are must be known at the start, because the list of sheets comes first.

use std::io::{self, Write};

use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::table::{COLUMNS, Cell};

/// Most rows of a sheet, the head included.
pub const SHEET_ROWS: u64 = 1_048_576;
/// Most characters of a cell.
const LONGEST: usize = 32_767;
/// Days from the epoch of a workbook, 1899-12-30, to that of Unix.
const EPOCH_DAYS: f64 = 25_569.0;
const DAY_MILLIS: f64 = 86_400_000.0;

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

/// One sheet of a workbook to come.
#[derive(Debug, Clone)]
pub struct Sheet {
    title: String,
    head: Vec<String>,
    /// Rows below the head.
    rows: u64,
}

impl Sheet {
    /// A sheet with these columns and so many rows below them. The title is a word of ours, without characters of XML.
    pub fn new(title: &str, head: &[&str], rows: u64) -> Self {
        Self {
            title: title.to_owned(),
            head: head.iter().map(|name| (*name).to_owned()).collect(),
            rows,
        }
    }
}

/// A workbook that is being written.
pub struct Workbook<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    sheets: Vec<Sheet>,
    /// The sheet that is open, from 1; 0 before the first.
    sheet: usize,
    /// Rows in it, the head included.
    rows: u64,
    buffer: Vec<u8>,
}

impl<W: Write> std::fmt::Debug for Workbook<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workbook")
            .field("sheet", &self.sheet)
            .finish_non_exhaustive()
    }
}

impl<W: Write> Workbook<W> {
    /// Begins a workbook for `entries` rows; its sheets are called after `name`.
    ///
    /// # Errors
    /// Those of writing.
    pub fn begin(into: W, name: &str, entries: u64) -> io::Result<Self> {
        Self::with_sheets_of(SHEET_ROWS, into, name, entries)
    }

    fn with_sheets_of(rows: u64, into: W, name: &str, entries: u64) -> io::Result<Self> {
        Self::of(into, split(vec![Sheet::new(name, &COLUMNS, entries)], rows))
    }

    /// Begins a workbook of these sheets. Rows are pushed sheet by sheet; one with more rows than a sheet can have goes on
    /// in further ones.
    ///
    /// # Errors
    /// Those of writing.
    pub fn of_sheets(into: W, sheets: Vec<Sheet>) -> io::Result<Self> {
        Self::of(into, split(sheets, SHEET_ROWS))
    }

    fn of(into: W, sheets: Vec<Sheet>) -> io::Result<Self> {
        let mut workbook = Self {
            zip: ZipWriter::new_stream(into),
            sheets,
            sheet: 0,
            rows: 0,
            buffer: Vec::new(),
        };
        workbook.parts()?;
        workbook.next_sheet()?;
        Ok(workbook)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Those of writing; also for more rows than were announced.
    pub fn push(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if self.open().is_some_and(|sheet| self.rows > sheet.rows) {
            self.next_sheet()?;
        }
        self.row(cells)
    }

    /// Goes on with the next of the sheets that were announced.
    ///
    /// # Errors
    /// Those of writing; also for more sheets than were announced.
    pub fn begin_sheet(&mut self) -> io::Result<()> {
        self.next_sheet()
    }

    fn open(&self) -> Option<&Sheet> {
        self.sheet.checked_sub(1).and_then(|at| self.sheets.get(at))
    }

    /// Ends the workbook, and gives back what it was written into.
    ///
    /// # Errors
    /// Those of writing; also for fewer sheets than were announced.
    pub fn finish(mut self) -> io::Result<W> {
        if self.sheet != self.sheets.len() {
            return Err(io::Error::other("a workbook ends before its last sheet"));
        }
        self.end_sheet()?;
        Ok(self.zip.finish()?.into_inner())
    }

    fn parts(&mut self) -> io::Result<()> {
        let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml";
        let mut types = format!(
            "{HEAD}<Types xmlns=\"{PACKAGE}/content-types\">\
             <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
             <Override PartName=\"/xl/workbook.xml\" ContentType=\"{kind}.sheet.main+xml\"/>\
             <Override PartName=\"/xl/styles.xml\" ContentType=\"{kind}.styles+xml\"/>"
        );
        let mut sheets = String::new();
        let mut relations = format!(
            "{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\">\
             <Relationship Id=\"styles\" Type=\"{RELATIONS}/styles\" Target=\"styles.xml\"/>"
        );
        for (sheet, Sheet { title, .. }) in (1..).zip(&self.sheets) {
            let sheet: usize = sheet;
            types += &format!(
                "<Override PartName=\"/xl/worksheets/sheet{sheet}.xml\" ContentType=\"{kind}.worksheet+xml\"/>"
            );
            sheets += &format!("<sheet name=\"{title}\" sheetId=\"{sheet}\" r:id=\"sheet{sheet}\"/>");
            relations += &format!(
                "<Relationship Id=\"sheet{sheet}\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet{sheet}.xml\"/>"
            );
        }
        self.part("[Content_Types].xml", &(types + "</Types>"))?;
        self.part(
            "_rels/.rels",
            &format!(
                "{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"workbook\" \
                 Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        )?;
        self.part(
            "xl/workbook.xml",
            &format!("{HEAD}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets>{sheets}</sheets></workbook>"),
        )?;
        self.part("xl/_rels/workbook.xml.rels", &(relations + "</Relationships>"))?;
        // Style 1 is an instant, style 2 the head.
        self.part(
            "xl/styles.xml",
            &format!(
                "{HEAD}<styleSheet xmlns=\"{MAIN}\">\
                 <numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd hh:mm:ss.000\"/></numFmts>\
                 <fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font>\
                 <font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>\
                 <fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>\
                 <fill><patternFill patternType=\"gray125\"/></fill></fills>\
                 <borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
                 <cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
                 <cellXfs count=\"3\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>\
                 <xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>\
                 <xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\"/></cellXfs>\
                 </styleSheet>"
            ),
        )
    }

    fn part(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.zip.start_file(name, options())?;
        self.zip.write_all(text.as_bytes())
    }

    fn next_sheet(&mut self) -> io::Result<()> {
        let Some(Sheet { head, .. }) = self.sheets.get(self.sheet).cloned() else {
            return Err(io::Error::other("a workbook got more rows than were announced"));
        };
        if self.sheet > 0 {
            self.end_sheet()?;
        }
        self.sheet += 1;
        self.rows = 0;
        let name = format!("xl/worksheets/sheet{}.xml", self.sheet);
        self.zip.start_file(name, options())?;
        write!(
            self.zip,
            "{HEAD}<worksheet xmlns=\"{MAIN}\"><sheetViews><sheetView workbookViewId=\"0\">\
             <pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews>\
             <cols><col min=\"1\" max=\"1\" width=\"10\" customWidth=\"1\"/>\
             <col min=\"2\" max=\"{}\" width=\"22\" customWidth=\"1\"/></cols><sheetData>",
            head.len().max(2)
        )?;
        let head: Vec<Cell<'_>> = head.iter().map(|name| Cell::Text(name.as_str().into())).collect();
        self.row(&head)
    }

    fn end_sheet(&mut self) -> io::Result<()> {
        self.zip.write_all(b"</sheetData></worksheet>")
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.rows += 1;
        let (row, buffer) = (self.rows, &mut self.buffer);
        buffer.clear();
        write!(buffer, "<row r=\"{row}\">")?;
        for (cell, column) in cells.iter().zip(b'A'..=b'Z') {
            let column = char::from(column);
            match cell {
                Cell::Empty => {}
                Cell::Number(number) => write!(buffer, "<c r=\"{column}{row}\"><v>{number}</v></c>")?,
                Cell::Time(millis) => write!(
                    buffer,
                    "<c r=\"{column}{row}\" s=\"1\"><v>{}</v></c>",
                    days(*millis)
                )?,
                Cell::Text(text) => {
                    let style = if row == 1 { " s=\"2\"" } else { "" };
                    write!(
                        buffer,
                        "<c r=\"{column}{row}\"{style} t=\"inlineStr\"><is><t xml:space=\"preserve\">"
                    )?;
                    escape(buffer, text)?;
                    buffer.extend_from_slice(b"</t></is></c>");
                }
            }
        }
        buffer.extend_from_slice(b"</row>");
        self.zip.write_all(buffer)
    }
}

/// Sheets of at most so many rows, the head included; what goes on in further ones is numbered.
fn split(sheets: Vec<Sheet>, most: u64) -> Vec<Sheet> {
    let most = most.saturating_sub(1).max(1);
    let mut all = Vec::with_capacity(sheets.len());
    for sheet in sheets {
        let (mut left, mut number) = (sheet.rows, 1);
        loop {
            let title = match number {
                1 => sheet.title.clone(),
                _ => format!("{} {number}", sheet.title),
            };
            all.push(Sheet {
                title,
                head: sheet.head.clone(),
                rows: left.min(most),
            });
            left = left.saturating_sub(most);
            number += 1;
            if left == 0 {
                break;
            }
        }
    }
    all
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(super::super::manifest::COMPRESSION))
}

/// An instant as a workbook counts it: days with a fraction.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of this age are exact in 53 bits"
)]
fn days(millis: i64) -> f64 {
    millis as f64 / DAY_MILLIS + EPOCH_DAYS
}

/// XML text; a character that XML cannot hold becomes the replacement character.
fn escape(buffer: &mut Vec<u8>, text: &str) -> io::Result<()> {
    for character in text.chars().take(LONGEST) {
        match character {
            '&' => buffer.extend_from_slice(b"&amp;"),
            '<' => buffer.extend_from_slice(b"&lt;"),
            '>' => buffer.extend_from_slice(b"&gt;"),
            '\t' | '\n' => write!(buffer, "{character}")?,
            '\u{fffe}' | '\u{ffff}' => write!(buffer, "\u{fffd}")?,
            _ if character.is_control() => write!(buffer, "\u{fffd}")?,
            _ => write!(buffer, "{character}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use calamine::{Data, Reader, Xlsx};

    use super::*;

    #[test]
    fn another_reader_finds_what_was_written() {
        let mut workbook = Workbook::with_sheets_of(3, Vec::new(), "decision", 5).unwrap();
        for number in 0..5 {
            let cells = [
                Cell::Number(number),
                Cell::Time(1_700_000_000_000),
                Cell::Text("=1+<&>\u{1}\n\"x\"".into()),
                Cell::Empty,
                Cell::Text(" @ ".into()),
            ];
            workbook.push(&cells).unwrap();
        }
        let bytes = workbook.finish().unwrap();
        let mut read: Xlsx<_> = Xlsx::new(io::Cursor::new(bytes)).unwrap();
        assert_eq!(read.sheet_names(), ["decision", "decision 2", "decision 3"]);
        let mut indices = Vec::new();
        for name in read.sheet_names() {
            assert!(
                read.worksheet_formula(&name)
                    .unwrap()
                    .used_cells()
                    .next()
                    .is_none()
            );
            let range = read.worksheet_range(&name).unwrap();
            let mut rows = range.rows();
            assert_eq!(rows.next().unwrap()[1], Data::String("recordedAt".into()));
            for row in rows {
                indices.push(row[0].to_string());
                let Data::DateTime(at) = &row[1] else {
                    panic!("{:?}", row[1])
                };
                assert!((at.as_f64() - 45_244.925_925_925_9).abs() < 1e-6);
                assert_eq!(row[2], Data::String("=1+<&>\u{fffd}\n\"x\"".into()));
                assert_eq!(row[4], Data::String(" @ ".into()));
            }
        }
        assert_eq!(indices, ["0", "1", "2", "3", "4"]);
    }

    #[test]
    fn as_many_rows_as_announced() {
        let mut workbook = Workbook::with_sheets_of(3, Vec::new(), "decision", 2).unwrap();
        workbook.push(&[Cell::Empty]).unwrap();
        workbook.push(&[Cell::Empty]).unwrap();
        assert!(workbook.push(&[Cell::Empty]).is_err());
        let workbook = Workbook::with_sheets_of(3, Vec::new(), "decision", 3).unwrap();
        assert!(workbook.finish().is_err());
        let empty = Workbook::begin(Vec::new(), "decision", 0)
            .unwrap()
            .finish()
            .unwrap();
        let mut read: Xlsx<_> = Xlsx::new(io::Cursor::new(empty)).unwrap();
        assert_eq!(read.worksheet_range("decision").unwrap().rows().count(), 1);
    }
}
