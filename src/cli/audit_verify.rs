//! `akkoord audit verify BUNDLE --key VKEY`: checks an export with nothing but the file and the key of the log, in constant
//! memory, and says exactly where it breaks. Every byte is read and decompressed once.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::audit::manifest::{FileFact, Manifest, ManifestError, file};
use crate::audit::tree::Hash;
use crate::audit::verify::{Break, Verified, Verifier};
use crate::crypto::Sha256;
use crate::crypto::note::VerifierKey;
use crate::domain::hex::hex;

/// The longest line: an entry is at most 65,535 bytes, and an opening may be longer.
const LONGEST_LINE: u64 = 1 << 20;
/// The largest manifest or checkpoint.
const LARGEST_SMALL: u64 = 1 << 20;
/// Bytes that are decompressed at a time.
const BUFFER: usize = 64 << 10;

/// Why a bundle is not in order, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The key is no verifier key.
    #[error("the key is not a verifier key; give the line of /log/NAME/vkey, or a file that holds it")]
    Key,
    /// The file cannot be read.
    #[error("the bundle cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The file is no ZIP.
    #[error("the bundle is not a complete ZIP file: {0}")]
    Zip(ZipError),
    /// A file that must be there is not.
    #[error("{0}: not in the bundle")]
    Absent(String),
    /// The manifest.
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    /// The ZIP is damaged within a file.
    #[error("{file}, byte {byte}: the ZIP file is damaged here ({why})")]
    Damaged {
        /// Which file.
        file: String,
        /// Bytes of it that could be read.
        byte: u64,
        /// What is wrong.
        why: String,
    },
    /// A file is not the one the manifest describes.
    #[error("{file}: not the file that was signed: it has {found} bytes, and {signed} were signed{}",
        if found == signed { "; their content differs" } else { "" })]
    File {
        /// Which.
        file: String,
        /// How long it is.
        found: u64,
        /// How long it was.
        signed: u64,
    },
    /// The bundle holds a file that the manifest does not name.
    #[error("{0}: not named in the manifest")]
    Unnamed(String),
    /// A line is longer than any can be.
    #[error("{file}, line {line}: longer than any line can be")]
    Line {
        /// Which file.
        file: &'static str,
        /// Which line, from 1.
        line: u64,
    },
    /// The manifest and the checkpoint speak of different logs.
    #[error("manifest.json and checkpoint are not about the same state of the same log")]
    OtherLog,
    /// Leaves, order, hashes or openings.
    #[error("{0}")]
    Break(#[from] Break),
}

impl VerifyError {
    /// Whether the question could not be asked at all, which says nothing about the bundle.
    pub const fn is_unreadable(&self) -> bool {
        matches!(self, Self::Key | Self::Read(_))
    }
}

/// What was proved of a bundle.
#[derive(Debug)]
pub struct Report {
    /// The checkpoint as a note, with the lines of its witnesses.
    note: String,
    manifest: Manifest,
    verified: Verified,
    took: Duration,
}

impl Report {
    /// What was proved.
    pub const fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The checkpoint as a note, with the lines of its witnesses, which are not verified yet.
    pub fn note(&self) -> &str {
        &self.note
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verified {
            checkpoint,
            from,
            to,
            openings,
        } = &self.verified;
        let entries = to - from;
        writeln!(f, "In order: {entries} entries of {}", checkpoint.origin)?;
        writeln!(f, "  entries      {from} up to {to} of {}", checkpoint.size)?;
        writeln!(f, "  root         {}", STANDARD.encode(checkpoint.root))?;
        writeln!(f, "  openings     {openings}")?;
        writeln!(f, "  made         {}", self.manifest.created_at)?;
        write!(f, "  time         {:.2} s", self.took.as_secs_f64())
    }
}

/// Verifies a bundle with a verifier key, or the path of a file that holds it.
///
/// # Errors
/// [`VerifyError`]: the first thing that is wrong.
pub fn verify(bundle: &Path, key: &str) -> Result<Report, VerifyError> {
    let started = Instant::now();
    let key = verifier_key(key)?;
    let open = || -> Result<_, VerifyError> {
        ZipArchive::new(BufReader::new(File::open(bundle)?)).map_err(|error| match error {
            ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => error.into(),
            other => VerifyError::Zip(other),
        })
    };
    let mut zips = [open()?, open()?, open()?];
    let [zip, ..] = &mut zips;
    let manifest = Manifest::open(&small(zip, file::MANIFEST)?, key.key())?;
    every_file_is_named(zip, &manifest)?;
    let checkpoint = String::from_utf8_lossy(&small(zip, file::CHECKPOINT)?).into_owned();
    let (verified, read) = entries(&mut zips, &manifest, &checkpoint, &key)?;
    if verified.checkpoint.origin != manifest.origin || verified.checkpoint.size != manifest.size {
        return Err(VerifyError::OtherLog);
    }
    // Last, because a line that was changed is better told by its place in the log.
    let [zip, ..] = &mut zips;
    for (name, signed) in &manifest.files {
        let found = match read.get(name.as_str()) {
            Some(found) => found.clone(),
            None => fact(zip, name)?,
        };
        if found != *signed {
            return Err(VerifyError::File {
                file: name.clone(),
                found: found.bytes,
                signed: signed.bytes,
            });
        }
    }
    Ok(Report {
        note: checkpoint,
        manifest,
        verified,
        took: started.elapsed(),
    })
}

/// A verifier key, or the path of a file that holds one.
pub(super) fn verifier_key(text: &str) -> Result<VerifierKey, VerifyError> {
    if let Ok(key) = VerifierKey::parse(text.trim()) {
        return Ok(key);
    }
    let file = std::fs::read_to_string(text).map_err(|_| VerifyError::Key)?;
    VerifierKey::parse(file.trim()).map_err(|_| VerifyError::Key)
}

type Zip = ZipArchive<BufReader<File>>;

fn every_file_is_named(zip: &Zip, manifest: &Manifest) -> Result<(), VerifyError> {
    for name in zip.file_names() {
        let name = name.map_err(VerifyError::Zip)?;
        if name != file::MANIFEST && !manifest.files.contains_key(name.as_ref()) {
            return Err(VerifyError::Unnamed(name.into_owned()));
        }
    }
    let required = [file::LEAVES, file::CHECKPOINT];
    match required.iter().find(|name| !manifest.files.contains_key(**name)) {
        Some(name) => Err(VerifyError::Absent((*name).to_owned())),
        None => Ok(()),
    }
}

fn small(zip: &mut Zip, name: &str) -> Result<Vec<u8>, VerifyError> {
    let mut source = Source::open(zip, name)?;
    let mut bytes = Vec::new();
    (&mut source).take(LARGEST_SMALL).read_to_end(&mut bytes)?;
    source.whole()?;
    Ok(bytes)
}

/// Length and hash of a file.
fn fact(zip: &mut Zip, name: &str) -> Result<FileFact, VerifyError> {
    let mut source = Source::open(zip, name)?;
    let mut buffer = vec![0; BUFFER];
    while source.read(&mut buffer)? > 0 {}
    source.whole()
}

/// The leaves with their hashes and openings, three files of the bundle read side by side; also what was read of each.
fn entries(
    zips: &mut [Zip; 3],
    manifest: &Manifest,
    checkpoint: &str,
    key: &VerifierKey,
) -> Result<(Verified, BTreeMap<&'static str, FileFact>), VerifyError> {
    let [first, second, third] = zips;
    let has = |name: &str| manifest.files.contains_key(name);
    let mut leaves = Lines::open(first, file::LEAVES)?;
    let mut hashes = match has(file::HASHES) {
        true => Some(BufReader::with_capacity(
            BUFFER,
            Source::open(second, file::HASHES)?,
        )),
        false => None,
    };
    let mut openings = match has(file::OPENINGS) {
        true => Some(Lines::open(third, file::OPENINGS)?),
        false => None,
    };
    let (left, right) = (beside(&manifest.left)?, beside(&manifest.right)?);
    let mut verifier = Verifier::new(checkpoint, key)?.part(manifest.from, manifest.to, left, right)?;
    if hashes.is_none() {
        verifier = verifier.inspecting();
    }
    // What is wrong with an opening is told when the lines are known to be right: it may be the line that was changed, or
    // one that is missing.
    let mut opened = Ok(());
    while let Some(line) = leaves.next()? {
        if opened.is_ok()
            && verifier.wants_opening()
            && let Some(openings) = &mut openings
            && let Some(opening) = openings.next()?
        {
            opened = verifier.opening(opening);
        }
        let listed = hashes.as_mut().and_then(next_hash);
        verifier.leaf(line, listed.as_ref())?;
    }
    // A file that ends too early, because the ZIP is damaged, is told as such; one whose checksum alone is wrong was read
    // to its end, and the line that was changed can be named.
    leaves.reader.get_ref().not_cut()?;
    if let Some(hashes) = &mut hashes {
        while let Some(hash) = next_hash(hashes) {
            verifier.hash_without_line(&hash)?;
        }
        hashes.get_ref().not_cut()?;
    }
    if let Some(openings) = &mut openings {
        while let Some(opening) = openings.next()? {
            opened = opened.and_then(|()| verifier.opening(opening));
        }
        openings.reader.get_ref().not_cut()?;
    }
    let verified = verifier.finish()?;
    opened?;
    let mut read = BTreeMap::from([(file::LEAVES, leaves.reader.into_inner().whole()?)]);
    if let Some(hashes) = hashes {
        read.insert(file::HASHES, hashes.into_inner().whole()?);
    }
    if let Some(openings) = openings {
        read.insert(file::OPENINGS, openings.reader.into_inner().whole()?);
    }
    Ok((verified, read))
}

fn beside(hashes: &[String]) -> Result<Vec<Hash>, VerifyError> {
    let decode = |text: &String| STANDARD.decode(text).ok()?.try_into().ok();
    hashes
        .iter()
        .map(decode)
        .collect::<Option<_>>()
        .ok_or(VerifyError::Manifest(ManifestError::Form))
}

/// The next whole hash. What is left of one at the end of the list shows as a missing hash, or in the length of the file.
fn next_hash<R: Read>(from: &mut BufReader<R>) -> Option<Hash> {
    let mut hash = [0; 32];
    from.read_exact(&mut hash).ok()?;
    Some(hash)
}

/// A file of the bundle: hashed while it is read, and remembering where it turned out to be damaged.
struct Source<'z> {
    name: String,
    inner: zip::read::ZipFile<'z, BufReader<File>>,
    hash: Sha256,
    bytes: u64,
    damage: Option<String>,
}

impl<'z> Source<'z> {
    fn open(zip: &'z mut Zip, name: &str) -> Result<Self, VerifyError> {
        let inner = zip.by_name(name).map_err(|error| match error {
            ZipError::FileNotFound => VerifyError::Absent(name.to_owned()),
            other => VerifyError::Damaged {
                file: name.to_owned(),
                byte: 0,
                why: other.to_string(),
            },
        })?;
        Ok(Self {
            name: name.to_owned(),
            inner,
            hash: Sha256::new(),
            bytes: 0,
            damage: None,
        })
    }

    /// An error, if the file could not be read to its end.
    fn not_cut(&self) -> Result<(), VerifyError> {
        match &self.damage {
            Some(why) if self.bytes < self.inner.size() => Err(self.damaged(why)),
            _ => Ok(()),
        }
    }

    /// What was read, if nothing was damaged.
    fn whole(self) -> Result<FileFact, VerifyError> {
        match &self.damage {
            Some(why) => Err(self.damaged(why)),
            None => Ok(FileFact {
                bytes: self.bytes,
                sha256: hex(&self.hash.finish()),
            }),
        }
    }

    fn damaged(&self, why: &str) -> VerifyError {
        VerifyError::Damaged {
            file: self.name.clone(),
            byte: self.bytes,
            why: why.to_owned(),
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.damage.is_some() {
            return Ok(0);
        }
        match self.inner.read(buffer) {
            Ok(read) => {
                self.hash.update(buffer.get(..read).unwrap_or_default());
                self.bytes = self.bytes.saturating_add(u64::try_from(read).unwrap_or(0));
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.damage = Some(error.to_string());
                Ok(0)
            }
        }
    }
}

/// Lines of one file, of bounded length.
struct Lines<'z> {
    file: &'static str,
    reader: BufReader<Source<'z>>,
    line: Vec<u8>,
    number: u64,
}

impl<'z> Lines<'z> {
    fn open(zip: &'z mut Zip, file: &'static str) -> Result<Self, VerifyError> {
        Ok(Self {
            file,
            reader: BufReader::with_capacity(BUFFER, Source::open(zip, file)?),
            line: Vec::new(),
            number: 0,
        })
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
