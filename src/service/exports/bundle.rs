//! The bundle as a ZIP that is written from its beginning to its end: each file is one pass over the log, and the
//! manifest, which holds the hash of every other file, comes last.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::pieces::{Piece, Pieces};
use super::{ExportError, ExportFormat, ExportPlan};
use crate::audit::export::table::row;
use crate::audit::export::workbook::Workbook;
use crate::audit::export::{csv, ldv};
use crate::audit::leaf::Leaf;
use crate::audit::manifest::{COMPRESSION, FORMAT, FileFact, Manifest, file};
use crate::audit::tree::Hash;
use crate::crypto::Sha256;
use crate::domain::hex::hex;
use crate::service::Service;
use crate::service::sequence::{checkpoint_of, cover_of};
use crate::store::StoreError;

/// What the line of an erasure holds, and no other.
const ERASURE: &[u8] = br#""k":"erasure."#;

/// Small writes are put together before they are compressed.
const BUFFER: usize = 64 << 10;

pub(super) fn write<W: Write>(
    service: &Service,
    plan: &ExportPlan,
    into: W,
    progress: &dyn Fn(u64),
) -> Result<W, ExportError> {
    let key = service.log_key(&plan.log)?;
    let (checkpoint, vkey, left, right) =
        service
            .store()
            .read("export_frame", |tx| -> Result<_, StoreError> {
                let rows = tx.audit_logs()?;
                let origin = rows
                    .into_iter()
                    .find(|row| row.id == plan.log_id)
                    .ok_or(StoreError::Corrupt)?;
                let checkpoint = checkpoint_of(tx, &origin, plan.size, &key)?;
                let left = cover_of(tx, plan.log_id, 0, plan.from)?;
                let right = cover_of(tx, plan.log_id, plan.to, plan.size)?;
                Ok((checkpoint, origin.vkey, left, right))
            })?;

    let mut bundle = Bundle::new(into);
    bundle.file(file::CHECKPOINT, |to| Ok(to.write_all(checkpoint.as_bytes())?))?;
    bundle.file(file::VKEY, |to| Ok(writeln!(to, "{vkey}")?))?;

    let witnesses = service.witnesses();
    if !witnesses.is_empty() {
        bundle.file(file::WITNESSES, |to| Ok(to.write_all(witnesses.as_bytes())?))?;
    }

    let mut erasures = Vec::new();
    let pass = Pass {
        service,
        plan,
        progress,
    };
    bundle.file(file::LEAVES, |to| {
        pass.each(|piece| {
            let mut erased = false;
            for entry in piece.lines() {
                let (_, line) = entry?;
                to.write_all(line)?;
                to.write_all(b"\n")?;
                erased |= is_erasure(line);
            }
            if erased {
                erasures.push(piece.span());
            }
            Ok(())
        })
    })?;
    bundle.stored(file::HASHES, |to| {
        pass.each(|piece| piece.hashes().try_for_each(|hash| Ok(to.write_all(hash)?)))
    })?;
    bundle.file(file::ERASURES, |to| {
        // Only the pieces in which there are any: memory does not grow with how many there are.
        for (from, until) in &erasures {
            let mut pieces = Pieces::between(service, plan, *from, *until);
            while let Some(piece) = pieces.next()? {
                for entry in piece.lines() {
                    let (index, line) = entry?;
                    if is_erasure(line) {
                        erasure(to, index, line)?;
                    }
                }
            }
        }
        Ok(())
    })?;
    if plan.openings {
        bundle.file(file::OPENINGS, |to| {
            pass.each(|piece| {
                for opening in piece.openings(service, plan)? {
                    let line = opening.encode().map_err(|_| StoreError::Corrupt)?;
                    to.write_all(&line)?;
                    to.write_all(b"\n")?;
                }
                Ok(())
            })
        })?;
    }
    render(&mut bundle, &pass)?;

    let text = |hashes: Vec<Hash>| hashes.into_iter().map(|hash| STANDARD.encode(hash)).collect();
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        log: plan.log.clone(),
        origin: plan.origin().to_owned(),
        from: plan.from,
        to: plan.to,
        size: plan.size,
        created_at: plan.made_at().rfc3339(),
        left: text(left),
        right: text(right),
        files: std::mem::take(&mut bundle.files),
        signature: String::new(),
    };
    let signed = manifest.sign(&key).map_err(|_| StoreError::Corrupt)?;
    bundle.file(file::MANIFEST, |to| Ok(to.write_all(&signed)?))?;
    bundle.finish()
}

/// The same entries in a further form.
fn render<W: Write>(bundle: &mut Bundle<W>, pass: &Pass<'_>) -> Result<(), ExportError> {
    let plan = pass.plan;
    match plan.format {
        ExportFormat::Ndjson => Ok(()),
        ExportFormat::Csv => bundle.file(file::CSV, |to| {
            to.write_all(&csv::head())?;
            let mut text = Vec::new();
            pass.lines(|index, line| {
                text.clear();
                csv::push(&mut text, &row(index, line));
                to.write_all(&text)
            })
        }),
        // A workbook is compressed already.
        ExportFormat::Xlsx => bundle.stored(file::XLSX, |to| {
            let mut workbook = Workbook::begin(to, &plan.log, plan.entries())?;
            pass.lines(|index, line| workbook.push(&row(index, line)))?;
            workbook.finish()?;
            Ok(())
        }),
        ExportFormat::Ldv => bundle.file(file::LDV, |to| {
            let base = pass.service.public_base();
            pass.lines(|index, line| {
                to.write_all(&ldv::line(base, &plan.log, index, line))?;
                to.write_all(b"\n")
            })
        }),
    }
}

fn is_erasure(line: &[u8]) -> bool {
    line.windows(ERASURE.len()).any(|window| window == ERASURE)
}

/// Which entry it is and what it tells: `{"i":7,"id":"…","k":"erasure.key-deleted","t":…}`.
fn erasure(to: &mut dyn Write, index: u64, line: &[u8]) -> Result<(), ExportError> {
    let Ok(leaf) = Leaf::parse(line) else {
        return Ok(());
    };
    let (id, kind) = (leaf.id.to_string(), leaf.kind.to_string());
    if !kind.starts_with("erasure.") {
        return Ok(());
    }
    let told = serde_json::json!({ "i": index, "id": id, "k": kind, "t": leaf.millis });
    Ok(writeln!(to, "{told}")?)
}

/// One way through the entries of a plan.
struct Pass<'p> {
    service: &'p Service,
    plan: &'p ExportPlan,
    progress: &'p dyn Fn(u64),
}

impl Pass<'_> {
    fn each(&self, mut take: impl FnMut(&Piece) -> Result<(), ExportError>) -> Result<(), ExportError> {
        let mut pieces = Pieces::of(self.service, self.plan);
        while let Some(piece) = pieces.next()? {
            take(&piece)?;
            (self.progress)(piece.entries());
        }
        Ok(())
    }

    fn lines(&self, mut take: impl FnMut(u64, &[u8]) -> io::Result<()>) -> Result<(), ExportError> {
        self.each(|piece| {
            for entry in piece.lines() {
                let (index, line) = entry?;
                take(index, line)?;
            }
            Ok(())
        })
    }
}

/// A ZIP that is written as it goes.
struct Bundle<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    files: BTreeMap<String, FileFact>,
}

impl<W: Write> Bundle<W> {
    fn new(into: W) -> Self {
        Self {
            zip: ZipWriter::new_stream(into),
            files: BTreeMap::new(),
        }
    }

    fn file(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        self.add(name, CompressionMethod::Deflated, Some(COMPRESSION), fill)
    }

    fn stored(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        self.add(name, CompressionMethod::Stored, None, fill)
    }

    fn add(
        &mut self,
        name: &str,
        method: CompressionMethod,
        level: Option<i64>,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .compression_level(level)
            // How long it becomes is not known when it begins: room for more than 4 GiB.
            .large_file(true);
        self.zip.start_file(name, options).map_err(io::Error::from)?;
        let counted = Counted {
            into: &mut self.zip,
            hash: Sha256::new(),
            bytes: 0,
        };
        let mut buffered = BufWriter::with_capacity(BUFFER, counted);
        fill(&mut buffered)?;
        let counted = buffered.into_inner().map_err(|error| error.into_error())?;
        let fact = FileFact {
            bytes: counted.bytes,
            sha256: hex(&counted.hash.finish()),
        };
        self.files.insert(name.to_owned(), fact);
        Ok(())
    }

    fn finish(self) -> Result<W, ExportError> {
        Ok(self.zip.finish().map_err(io::Error::from)?.into_inner())
    }
}

/// Counts and hashes what goes through.
struct Counted<W> {
    into: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.into.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(u64::try_from(written).unwrap_or(0));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}
