//! Checkpoints in a directory: one file for each origin. The directory belongs outside the backup of the database; a disk
//! of its own, or one that several nodes share, is better still.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::audit::checkpoint::Checkpoint;
use crate::crypto::note::Note;
use crate::service::sequence::KeepCheckpoints;

const EXTENSION: &str = "checkpoint";

/// A directory of checkpoints.
#[derive(Debug, Clone)]
pub struct CheckpointFiles {
    directory: PathBuf,
}

impl CheckpointFiles {
    /// Opens a directory, making it where it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt;
            builder.mode(0o700);
        }
        builder.recursive(true).create(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    fn file(&self, origin: &str) -> PathBuf {
        self.directory.join(format!("{}.{EXTENSION}", FileName(origin)))
    }

    /// One writer at a time, of all processes that share the directory.
    fn lock(&self) -> io::Result<File> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.directory.join(".lock"))?;
        lock.lock()?;
        Ok(lock)
    }
}

impl KeepCheckpoints for CheckpointFiles {
    fn kept(&self) -> io::Result<Vec<String>> {
        let mut notes = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                notes.push(read(&path)?);
            }
        }
        notes.sort();
        Ok(notes)
    }

    fn keep(&self, checkpoint: &Checkpoint, note: &str) -> io::Result<()> {
        let _lock = self.lock()?;
        let file = self.file(&checkpoint.origin);
        // A leader that was paused must not put an old checkpoint over a newer one.
        match read(&file) {
            Ok(known) if size(&known).is_some_and(|size| size > checkpoint.size) => return Ok(()),
            Ok(known) if known == note => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let beside = file.with_extension("new");
        let mut new = File::create(&beside)?;
        new.write_all(note.as_bytes())?;
        // A crash before the rename leaves the old file, after it the new one, and never a part of either.
        new.sync_all()?;
        fs::rename(&beside, &file)?;
        // Without this a crash could take the rename back.
        File::open(&self.directory)?.sync_all()
    }
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn size(note: &str) -> Option<u64> {
    let checkpoint = Checkpoint::parse_body(Note::parse(note).ok()?.text).ok()?;
    Some(checkpoint.size)
}

/// An origin as the name of a file: what is not a letter, digit, dot or hyphen is written as in a URL.
struct FileName<'a>(&'a str);

impl fmt::Display for FileName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'.' | b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Secret32, SigningKey};

    fn checkpoint(size: u64) -> (Checkpoint, String) {
        let key = SigningKey::from_seed(Secret32::from_bytes([1; 32])).unwrap();
        let checkpoint = Checkpoint {
            origin: "akkoord.example/wise/consent/2027".into(),
            size,
            root: [7; 32],
        };
        let note = checkpoint.sign(&key).unwrap();
        (checkpoint, note)
    }

    #[test]
    fn the_newest_is_kept_and_an_older_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = CheckpointFiles::open(&folder.path().join("a/b")).unwrap();
        assert!(files.kept().unwrap().is_empty());
        let newest = checkpoint(20).1;
        for size in [10, 20, 15, 20] {
            let (checkpoint, note) = checkpoint(size);
            files.keep(&checkpoint, &note).unwrap();
        }
        assert_eq!(files.kept().unwrap(), [newest]);
        let name = folder
            .path()
            .join("a/b/akkoord.example%2Fwise%2Fconsent%2F2027.checkpoint");
        assert!(name.exists());
    }

    #[test]
    fn a_half_written_file_beside_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let files = CheckpointFiles::open(folder.path()).unwrap();
        let (checkpoint, note) = checkpoint(3);
        files.keep(&checkpoint, &note).unwrap();
        fs::write(files.file(&checkpoint.origin).with_extension("new"), "akkoord.ex").unwrap();
        assert_eq!(files.kept().unwrap(), [note]);
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        fs::write(&blocked, "").unwrap();
        assert!(CheckpointFiles::open(&blocked).is_err());
        let files = CheckpointFiles::open(&folder.path().join("gone")).unwrap();
        fs::remove_dir_all(folder.path().join("gone")).unwrap();
        assert!(files.kept().is_err());
        let (checkpoint, note) = checkpoint(1);
        assert!(files.keep(&checkpoint, &note).is_err());
    }
}
