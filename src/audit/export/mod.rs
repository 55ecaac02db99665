//! The entries of a log for people and for other programs: as a table in CSV or in a workbook, and as lines in the shape
//! of the Logboek Dataverwerkingen. The proof is in `leaves.ndjson` beside them; these are made from it and protected by
//! the signature of the manifest.

pub mod csv;
pub mod ldv;
pub mod table;
pub mod workbook;
