//! A witness for the audit logs of others (C2SP tlog-witness): a library or a national body runs it for a network that
//! runs Akkoord. It cosigns a checkpoint when it has seen proof that the log only grew since the last one, and never two
//! histories of one log. It learns the sizes and roots of the logs, and nothing about any person.
//!
//! It needs one folder: its key, the keys of the logs it watches, and the last checkpoint of each.

mod door;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub use door::{RunningWitness, serve};

use crate::audit::add_checkpoint::{AddCheckpoint, NotCosigned, Seen};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::witness::{WitnessKey, cosign};
use crate::crypto::note::{Note, NoteError, VerifierKey};
use crate::crypto::{Secret32, SigningKey};
use crate::outward::checkpoint_file::CheckpointFiles;
use crate::service::sequence::KeepCheckpoints as _;

const KEY: &str = "key";
const LOGS: &str = "logs";
const SEEN: &str = "seen";

/// Why a witness cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// A file or folder.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is a witness already.
    #[error(
        "{0} is there already: a witness keeps its key for life, because those who rely on it know it by that"
    )]
    Exists(PathBuf),
    /// The key file is not one.
    #[error(
        "{0} is no key of a witness; restore it from the backup, or make a new witness in another folder"
    )]
    Key(PathBuf),
    /// The name is no name.
    #[error("the name of a witness is like an address without scheme, such as witness.example/akkoord: {0}")]
    Name(NoteError),
    /// A line of the list of logs.
    #[error(
        "{path}: line {line}: expected the verifier key of a log as name+id+key, as the log shows at /log/NAME/vkey"
    )]
    Log {
        /// The list.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// What was seen last cannot be read.
    #[error(
        "{0} holds something that is no checkpoint; a witness that forgot what it saw must not go on: restore the folder"
    )]
    Seen(PathBuf),
    /// Somebody else works with this folder.
    #[error("another witness runs on {0}; two on one folder would cosign two histories")]
    Running(PathBuf),
}

/// A witness at work. One process at a time, so that what it has seen only grows.
#[derive(Debug)]
pub struct Witness {
    name: String,
    key: SigningKey,
    folder: PathBuf,
    files: CheckpointFiles,
    seen: Mutex<BTreeMap<String, Seen>>,
    _lock: File,
}

/// A log that is watched, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The origin.
    pub origin: String,
    /// Entries of the checkpoint that was cosigned last.
    pub size: u64,
}

/// Why a request was not answered with a cosignature.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] NotCosigned),
    /// What was seen could not be kept, or the list of logs not be read.
    #[error(transparent)]
    Failed(#[from] WitnessError),
}

impl Witness {
    /// Makes a witness in a folder; answers its public key.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing is left behind.
    pub fn init(folder: &Path, name: &str, seed: Secret32) -> Result<WitnessKey, WitnessError> {
        let encoded = STANDARD.encode(seed.expose());
        let key = SigningKey::from_seed(seed).map_err(|_| WitnessError::Key(folder.join(KEY)))?;
        let public = WitnessKey::new(name, key.public()).map_err(WitnessError::Name)?;
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| WitnessError::File { path, error }
        };
        let mut builder = fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(at(folder))?;
        let path = folder.join(KEY);
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let mut file = match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(WitnessError::Exists(path));
            }
            made => made.map_err(at(&path))?,
        };
        file.write_all(format!("{name} {encoded}\n").as_bytes())
            .map_err(at(&path))?;
        file.sync_all().map_err(at(&path))?;
        let logs = folder.join(LOGS);
        if !logs.exists() {
            let text = "# The verifier keys of the logs that this witness watches, one on a line, as each log shows at /log/NAME/vkey.\n";
            fs::write(&logs, text).map_err(at(&logs))?;
        }
        Ok(public)
    }

    /// Opens the witness of a folder.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub fn open(folder: &Path) -> Result<Self, WitnessError> {
        let path = folder.join(KEY);
        let text = fs::read_to_string(&path).map_err(|error| WitnessError::File {
            path: path.clone(),
            error,
        })?;
        let parsed = text.trim_end().split_once(' ').and_then(|(name, encoded)| {
            let seed: [u8; 32] = STANDARD.decode(encoded).ok()?.try_into().ok()?;
            let key = SigningKey::from_seed(Secret32::from_bytes(seed)).ok()?;
            WitnessKey::new(name, key.public()).ok()?;
            Some((name.to_owned(), key))
        });
        let (name, key) = parsed.ok_or(WitnessError::Key(path))?;
        let directory = folder.join(SEEN);
        let kept = |error| WitnessError::File {
            path: folder.join(SEEN),
            error,
        };
        let files = CheckpointFiles::open(&directory).map_err(kept)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(".running"))
            .map_err(kept)?;
        lock.try_lock()
            .map_err(|_| WitnessError::Running(folder.to_owned()))?;
        let mut seen = BTreeMap::new();
        for note in files.kept().map_err(kept)? {
            let checkpoint = Note::parse(&note)
                .ok()
                .and_then(|note| Checkpoint::parse_body(note.text).ok());
            let Checkpoint { origin, size, root } =
                checkpoint.ok_or(WitnessError::Seen(directory.clone()))?;
            seen.insert(origin, Seen { size, root });
        }
        let witness = Self {
            name,
            key,
            folder: folder.to_owned(),
            files,
            seen: Mutex::new(seen),
            _lock: lock,
        };
        witness.logs()?;
        Ok(witness)
    }

    /// The key by which others know this witness.
    ///
    /// # Errors
    /// None for a witness that is open.
    pub fn public(&self) -> Result<WitnessKey, WitnessError> {
        WitnessKey::new(&self.name, self.key.public()).map_err(WitnessError::Name)
    }

    /// The logs that are watched, and how far.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn watched(&self) -> Result<Vec<Watched>, WitnessError> {
        let logs = self.logs()?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(logs
            .iter()
            .map(|log| Watched {
                origin: log.name().to_owned(),
                size: seen.get(log.name()).map_or(0, |seen| seen.size),
            })
            .collect())
    }

    /// Answers the body of an `add-checkpoint` request at a time in seconds since 1970 UTC: the signature line. What was
    /// seen is durable before the signature exists.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn answer(&self, body: &str, seconds: u64) -> Result<String, NoAnswer> {
        let asked = AddCheckpoint::parse(body).map_err(NotCosigned::from)?;
        let logs = self.logs()?;
        let origin = asked.origin().unwrap_or_default();
        let known = logs.iter().find(|log| log.name() == origin);
        let known = known.ok_or(NotCosigned::UnknownLog)?;
        // One at a time, from looking to keeping.
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.get(origin).copied().unwrap_or_else(Seen::nothing);
        let checkpoint = asked.verify(known, seen)?;
        let kept = self.files.keep(&checkpoint, &asked.checkpoint);
        kept.map_err(|error| WitnessError::File {
            path: self.folder.join(SEEN),
            error,
        })?;
        let Checkpoint { size, root, .. } = checkpoint;
        all.insert(origin.to_owned(), Seen { size, root });
        let line = cosign(&checkpoint.body(), &self.name, &self.key, seconds).map_err(WitnessError::Name)?;
        Ok(line)
    }

    /// The list is read anew each time, so that a log can be added without a restart.
    fn logs(&self) -> Result<Vec<VerifierKey>, WitnessError> {
        let path = self.folder.join(LOGS);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return Err(WitnessError::File { path, error }),
        };
        let lines = (1..).zip(text.lines().map(str::trim));
        lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(number, line)| {
                VerifierKey::parse(line).map_err(|_| WitnessError::Log {
                    path: path.clone(),
                    line: number,
                })
            })
            .collect()
    }
}
