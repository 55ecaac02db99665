//! The package that answers a request for access or portability: a ZIP that opens on any computer, with a page to read,
//! everything for machines, and tables for a spreadsheet.

mod facts;
mod overview;
mod plain;
mod portable;
mod tables;
mod words;

use std::io::{Cursor, Write};

use serde::Serialize;
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use self::facts::Facts;
use super::bare::html;
use crate::domain::preference::Language;
use crate::domain::rights::RequestType;
use crate::service::rights::Gathered;

/// The bytes of the package, its words in a language.
///
/// # Errors
/// None that can occur: it is written into memory.
pub fn zip(gathered: &Gathered, language: Language) -> ZipResult<Vec<u8>> {
    let mut package = Package(ZipWriter::new(Cursor::new(Vec::new())));
    if gathered.request.kind == RequestType::Portability {
        let data = portable::Portable::of(gathered, language);
        package.file(
            "overview.html",
            html(&portable::page(&data, language), language).as_bytes(),
        )?;
        package.json("data.json", &data)?;
        package.file("choices.csv", &tables::portable_choices(&data))?;
        package.file("data.csv", &tables::portable_data(&data))?;
    } else {
        let facts = Facts::of(gathered, language);
        package.file(
            "overview.html",
            html(&overview::page(&facts, language), language).as_bytes(),
        )?;
        package.json("data.json", &facts)?;
        package.file("choices.csv", &tables::choices(&facts))?;
        package.file("history.csv", &tables::history(&facts))?;
        package.file("decisions.csv", &tables::decisions(&facts))?;
        package.file("contacts.csv", &tables::contacts(&facts))?;
        package.file("recipients.csv", &tables::recipients(&facts))?;
        for (name, bytes) in words::texts_as_shown(gathered) {
            package.file(&format!("texts/{name}.json"), &bytes)?;
        }
    }
    Ok(package.0.finish()?.into_inner())
}

struct Package(ZipWriter<Cursor<Vec<u8>>>);

impl Package {
    fn file(&mut self, name: &str, bytes: &[u8]) -> ZipResult<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        self.0.start_file(name, options)?;
        self.0.write_all(bytes)?;
        Ok(())
    }

    fn json(&mut self, name: &str, content: &impl Serialize) -> ZipResult<()> {
        let bytes = serde_json::to_vec_pretty(content).map_err(std::io::Error::from)?;
        self.file(name, &bytes)
    }
}
