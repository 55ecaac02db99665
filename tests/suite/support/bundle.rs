//! Bundles of audit exports in the hands of a test: taken apart, changed, and put together again.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use akkoord::cli::audit_verify::{Report, VerifyError, verify};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The files of a bundle.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Takes a ZIP apart.
pub fn files(zip: &[u8]) -> Files {
    let mut zip = ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = Files::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        files.insert(file.name().unwrap().into_owned(), bytes);
    }
    files
}

/// Puts it together again, as whoever changed it would: as a ZIP it is without fault.
pub fn zipped(files: &Files) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Verifies a bundle with the verifier of the program.
pub fn verified(folder: &Path, zip: &[u8], vkey: &str) -> Result<Report, VerifyError> {
    verify(&kept(folder, zip), vkey)
}

/// Verifies files that are put together for it.
pub fn verified_files(folder: &Path, files: &Files, vkey: &str) -> Result<Report, VerifyError> {
    verified(folder, &zipped(files), vkey)
}

/// The bundle as a file.
pub fn kept(folder: &Path, zip: &[u8]) -> PathBuf {
    let path = folder.join("bundle.zip");
    std::fs::write(&path, zip).unwrap();
    path
}
