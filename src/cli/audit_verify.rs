//! `akkoord audit verify BUNDLE --key VKEY`: checks an export with nothing but the file and the key of the log, in constant
//! memory, and says exactly where it breaks.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::audit::manifest::{Manifest, ManifestError};
use crate::audit::tree::Hash;
use crate::audit::verify::{Break, Verified, Verifier};
use crate::crypto::Sha256;
use crate::crypto::note::VerifierKey;

/// The longest line of an entry, with room for an opening: an entry is at most 65,535 bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Why a bundle is not in order, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The key is no verifier key.
    #[error("the key is not a verifier key; give the line of /log/NAME/vkey, or a file that holds it")]
    Key,
    /// The file cannot be read.
    #[error("the bundle cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The file is no ZIP, or lacks a file.
    #[error("the bundle is not a complete ZIP file: {0}")]
    Zip(#[from] ZipError),
    /// The manifest.
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    /// A file is not the one the manifest describes.
    #[error("{file}: not the file the manifest describes (it has {bytes} bytes)")]
    File {
        /// Which.
        file: String,
        /// How long it is.
        bytes: u64,
    },
    /// The bundle holds a file that the manifest does not name.
    #[error("{0}: not named in the manifest")]
    Unnamed(String),
    /// A line is longer than any entry.
    #[error("{file}, line {line}: longer than any entry can be")]
    Line {
        /// Which file.
        file: &'static str,
        /// Which line, from 1.
        line: u64,
    },
    /// The manifest and the checkpoint speak of different logs.
    #[error("the manifest and the checkpoint are not about the same log")]
    OtherLog,
    /// Leaves, order, hashes or openings.
    #[error("{0}")]
    Break(#[from] Break),
}

/// Verifies, and writes what was proved or where it breaks. Answers whether the bundle is in order.
///
/// # Errors
/// When the outcome cannot be written.
pub fn verify(bundle: &Path, key: &str, out: &mut dyn Write) -> io::Result<bool> {
    let started = Instant::now();
    match check(bundle, key) {
        Ok((manifest, verified)) => {
            let count = verified.to - verified.from;
            writeln!(
                out,
                "In order: {} entries of {}",
                count, verified.checkpoint.origin
            )?;
            writeln!(
                out,
                "  entries      {} up to {} of {}",
                verified.from, verified.to, verified.checkpoint.size
            )?;
            writeln!(
                out,
                "  root         {}",
                STANDARD.encode(verified.checkpoint.root)
            )?;
            writeln!(out, "  openings     {}", verified.openings)?;
            writeln!(out, "  made         {}", manifest.created_at)?;
            writeln!(out, "  time         {:.2} s", started.elapsed().as_secs_f64())?;
            Ok(true)
        }
        Err(error) => {
            writeln!(out, "NOT in order: {error}")?;
            Ok(false)
        }
    }
}

fn check(bundle: &Path, key: &str) -> Result<(Manifest, Verified), VerifyError> {
    let key = verifier_key(key)?;
    let mut zip = ZipArchive::new(BufReader::new(File::open(bundle)?))?;
    let manifest = Manifest::open(&small(&mut zip, "manifest.json")?, key.key())?;
    let named: Vec<String> = zip
        .file_names()
        .map(|name| name.map(std::borrow::Cow::into_owned))
        .collect::<Result<_, _>>()?;
    for name in named.iter().filter(|name| *name != "manifest.json") {
        if !manifest.files.contains_key(name) {
            return Err(VerifyError::Unnamed(name.clone()));
        }
    }
    let checkpoint = String::from_utf8_lossy(&small(&mut zip, "checkpoint")?).into_owned();
    let verified = entries(bundle, &manifest, &checkpoint, &key)?;
    if verified.checkpoint.origin != manifest.origin || verified.checkpoint.size != manifest.size {
        return Err(VerifyError::OtherLog);
    }
    // Last, because a line of the leaves that was changed is better told by its place in the log.
    for (name, fact) in &manifest.files {
        let mut hash = Sha256::new();
        let mut file = zip.by_name(name)?;
        let bytes = copy_into(&mut file, &mut hash)?;
        let digest: String = hash.finish().iter().map(|byte| format!("{byte:02x}")).collect();
        if bytes != fact.bytes || digest != fact.sha256 {
            return Err(VerifyError::File {
                file: name.clone(),
                bytes,
            });
        }
    }
    Ok((manifest, verified))
}

fn verifier_key(text: &str) -> Result<VerifierKey, VerifyError> {
    if let Ok(key) = VerifierKey::parse(text.trim()) {
        return Ok(key);
    }
    let file = std::fs::read_to_string(text).map_err(|_| VerifyError::Key)?;
    VerifierKey::parse(file.trim()).map_err(|_| VerifyError::Key)
}

fn small(zip: &mut ZipArchive<BufReader<File>>, name: &str) -> Result<Vec<u8>, VerifyError> {
    let mut bytes = Vec::new();
    zip.by_name(name)?.take(64 << 20).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn copy_into(from: &mut dyn Read, hash: &mut Sha256) -> Result<u64, VerifyError> {
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0_u64;
    loop {
        let read = from.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
            return Ok(bytes);
        };
        hash.update(part);
        bytes = bytes.saturating_add(u64::try_from(read).unwrap_or(0));
    }
}

/// The leaves with their hashes and openings, three files of the bundle read side by side.
fn entries(
    bundle: &Path,
    manifest: &Manifest,
    checkpoint: &str,
    key: &VerifierKey,
) -> Result<Verified, VerifyError> {
    let open = || -> Result<_, VerifyError> { Ok(ZipArchive::new(BufReader::new(File::open(bundle)?))?) };
    let (mut first, mut second, mut third) = (open()?, open()?, open()?);
    let mut leaves = Lines::new("leaves.ndjson", first.by_name("leaves.ndjson")?);
    let mut hashes = match manifest.files.contains_key("hashes") {
        true => Some(BufReader::with_capacity(1 << 16, second.by_name("hashes")?)),
        false => None,
    };
    let mut openings = match manifest.files.contains_key("openings.ndjson") {
        true => Some(Lines::new("openings.ndjson", third.by_name("openings.ndjson")?)),
        false => None,
    };
    let beside = |hashes: &[String]| -> Result<Vec<Hash>, VerifyError> {
        let decode = |text: &String| STANDARD.decode(text).ok()?.try_into().ok();
        hashes
            .iter()
            .map(decode)
            .collect::<Option<_>>()
            .ok_or(VerifyError::Manifest(ManifestError::Form))
    };
    let (left, right) = (beside(&manifest.left)?, beside(&manifest.right)?);
    let mut verifier = Verifier::new(checkpoint, key)?.part(manifest.from, manifest.to, left, right)?;
    if hashes.is_none() {
        verifier = verifier.inspecting();
    }
    while let Some(line) = leaves.next()? {
        if verifier.wants_opening()
            && let Some(openings) = &mut openings
            && let Some(opening) = openings.next()?
        {
            verifier.opening(opening)?;
        }
        let listed = hashes.as_mut().map(next_hash).transpose()?.flatten();
        verifier.leaf(line, listed.as_ref())?;
    }
    if let Some(hashes) = &mut hashes {
        while let Some(hash) = next_hash(hashes)? {
            verifier.hash_without_line(&hash)?;
        }
    }
    if let Some(openings) = &mut openings {
        while let Some(opening) = openings.next()? {
            verifier.opening(opening)?;
        }
    }
    Ok(verifier.finish()?)
}

fn next_hash(from: &mut impl Read) -> Result<Option<Hash>, VerifyError> {
    let mut hash = [0; 32];
    let mut filled = 0;
    while let Some(rest) = hash.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest)? {
            0 => return Ok(None),
            read => filled += read,
        }
    }
    Ok(Some(hash))
}

/// Lines of one file, of bounded length.
struct Lines<R: Read> {
    file: &'static str,
    reader: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    fn new(file: &'static str, reader: R) -> Self {
        Self {
            file,
            reader: BufReader::with_capacity(1 << 18, reader),
            line: Vec::new(),
            number: 0,
        }
    }

    fn next(&mut self) -> Result<Option<&[u8]>, VerifyError> {
        self.line.clear();
        self.number += 1;
        let read = (&mut self.reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        match self.line.strip_suffix(b"\n") {
            Some(line) => Ok(Some(line)),
            None if u64::try_from(read).unwrap_or(0) == LONGEST_LINE => Err(VerifyError::Line {
                file: self.file,
                line: self.number,
            }),
            None => Ok(Some(&self.line)),
        }
    }
}
