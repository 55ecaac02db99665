//! Reports as files, in a ZIP with a signed manifest.

mod paper;

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use self::paper::paper;
use crate::audit::export::csv;
use crate::audit::export::workbook::{Sheet, Workbook};
use crate::audit::manifest::{COMPRESSION, FileFact};
use crate::audit::report::FILE;
use crate::crypto::sha256;
use crate::domain::hex::hex;
use crate::policy::catalogue::Catalogue;
use crate::service::Service;
use crate::service::call::Call;
use crate::service::refusal::Refusal;
use crate::service::reports::table::Cell;
use crate::service::reports::{Report, ReportFormat, ReportPlan};

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The report cannot be made.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The file cannot be written.
    #[error("the report cannot be written: {0}")]
    Write(#[from] io::Error),
    /// The bundle cannot be written.
    #[error("the report cannot be packed: {0}")]
    Zip(#[from] zip::result::ZipError),
}

/// Makes the report of a ticket: the bytes of its bundle.
///
/// # Errors
/// [`ReportError`].
pub async fn bundle(service: &Service, call: &Call, plan: &ReportPlan) -> Result<Vec<u8>, ReportError> {
    let report = service.make_report(call, plan).await?;
    let files = files(&report, plan, &service.catalogue())?;
    let facts = files.iter().map(|(name, bytes)| {
        let fact = FileFact {
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: hex(&sha256(bytes)),
        };
        (name.clone(), fact)
    });
    let manifest = service.sign_report(plan, facts.collect())?;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(COMPRESSION));
    for (name, bytes) in files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes))
        .chain([(FILE, &manifest)])
    {
        zip.start_file(name, options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The files of a report in one form, without the manifest.
///
/// # Errors
/// Those of writing.
pub fn files(
    report: &Report,
    plan: &ReportPlan,
    catalogue: &Catalogue,
) -> io::Result<BTreeMap<String, Vec<u8>>> {
    Ok(match plan.format {
        ReportFormat::Csv => csv_files(report),
        ReportFormat::Xlsx => [("report.xlsx".to_owned(), workbook(report)?)].into(),
        ReportFormat::Json => [(
            "report.json".to_owned(),
            report.to_json().to_string().into_bytes(),
        )]
        .into(),
        ReportFormat::Pdf => [("report.pdf".to_owned(), paper(report, plan, catalogue))].into(),
    })
}

/// A file for each table.
pub fn csv_files(report: &Report) -> BTreeMap<String, Vec<u8>> {
    let tables = report.tables.iter().map(|table| {
        let mut text = Vec::new();
        let head: Vec<Cell<'_>> = table
            .columns
            .iter()
            .map(|name| Cell::Text((*name).into()))
            .collect();
        csv::push(&mut text, &head);
        table.rows.iter().for_each(|row| csv::push(&mut text, row));
        (format!("{}.csv", table.name), text)
    });
    tables.collect()
}

/// A sheet for each table, and one that says what it is about.
pub fn workbook(report: &Report) -> io::Result<Vec<u8>> {
    let about: Vec<Vec<Cell<'_>>> = report
        .facts
        .iter()
        .map(|(name, fact)| vec![Cell::Text((*name).into()), Cell::Text(fact.as_str().into())])
        .chain(
            report
                .notes
                .iter()
                .map(|note| vec![Cell::Empty, Cell::Text((*note).into())]),
        )
        .collect();
    let head = ["about", report.title];
    let rows = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let sheets: Vec<Sheet> = [Sheet::new("report", &head, rows(about.len()))]
        .into_iter()
        .chain(
            report
                .tables
                .iter()
                .map(|table| Sheet::new(table.name, &table.columns, rows(table.rows.len()))),
        )
        .collect();
    let mut workbook = Workbook::of_sheets(Vec::new(), sheets)?;
    about.iter().try_for_each(|row| workbook.push(row))?;
    for table in &report.tables {
        workbook.begin_sheet()?;
        table.rows.iter().try_for_each(|row| workbook.push(row))?;
    }
    workbook.finish()
}
