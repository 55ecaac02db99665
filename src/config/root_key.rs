//! Where the root key comes from: a file, the environment, or a command such as the client of Vault or OpenBao.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::crypto::{RootKey, Secret32};

/// How long a command may take to print the key.
const COMMAND_TIME: Duration = Duration::from_secs(30);
/// A key is 43 to 64 characters; nobody needs to read a gigabyte to see that it is none.
const LONGEST: u64 = 4_096;

/// Where the root key is: 32 bytes in base64 (44 characters) or hexadecimal (64 digits).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Table", rename_all = "lowercase")]
pub enum RootKeySource {
    /// In a file of mode 0600 that belongs to the user who runs the service.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
    /// On the standard output of a command: program and arguments, no shell, 30 seconds.
    Command(Vec<String>),
}

/// As it is written: a table of which one entry is there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    file: Option<PathBuf>,
    env: Option<String>,
    command: Option<Vec<String>>,
}

impl TryFrom<Table> for RootKeySource {
    type Error = &'static str;

    fn try_from(table: Table) -> Result<Self, Self::Error> {
        match table {
            Table {
                file: Some(path),
                env: None,
                command: None,
            } => Ok(Self::File(path)),
            Table {
                file: None,
                env: Some(name),
                command: None,
            } => Ok(Self::Env(name)),
            Table {
                file: None,
                env: None,
                command: Some(words),
            } => Ok(Self::Command(words)),
            _ => Err("`root_key` has exactly one of file, env and command"),
        }
    }
}

/// Why there is no root key, and what to do. Never part of the key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// Nobody said where it is.
    #[error(
        "no root key is named: set `root_key` in the configuration, --root-key-file, or AKKOORD_ROOT_KEY. \
         `akkoord config init` makes one."
    )]
    Absent,
    /// The file cannot be read.
    #[error("cannot read the root key file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read the file.
    #[error(
        "the root key file {} has mode {mode:04o}: others could read it. Run `chmod 600 {}`, and make a new key if \
         somebody might have read this one.",
        path.display(), path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file belongs to somebody else.
    #[error(
        "the root key file {} belongs to user {owner} and the service runs as user {us}: whoever owns it can change it. \
         Run `chown {us} {}`.",
        path.display(), path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// The path is no file.
    #[error("the root key {} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The variable is not set, or not text.
    #[error("the environment variable {0} with the root key is not set")]
    NoVariable(String),
    /// The command is empty.
    #[error(
        "`root_key.command` is empty: give a program and its arguments, such as [\"vault\", \"kv\", \"get\", …]"
    )]
    NoCommand,
    /// The command could not be started.
    #[error("cannot start the root key command `{program}`: {source}")]
    CommandUnusable {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The command failed.
    #[error("the root key command `{program}` ended with {status}; what it said is above")]
    CommandFailed {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The command took too long.
    #[error("the root key command `{0}` printed no key within 30 seconds")]
    CommandSlow(String),
    /// Not 32 bytes.
    #[error(
        "the root key in {0} is not 32 bytes as base64 (44 characters) or hexadecimal (64 digits). \
         `openssl rand -base64 32` prints one."
    )]
    Malformed(String),
}

impl RootKeySource {
    /// Fetches the key.
    ///
    /// # Errors
    /// [`RootKeyError`], which says what to do.
    pub fn read(&self) -> Result<RootKey, RootKeyError> {
        match self {
            Self::File(path) => from_file(path),
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| RootKeyError::NoVariable(name.clone()))?;
                decode(&Zeroizing::new(text), || {
                    format!("the environment variable {name}")
                })
            }
            Self::Command(words) => from_command(words),
        }
    }
}

fn from_file(path: &Path) -> Result<RootKey, RootKeyError> {
    let unreadable = |source| RootKeyError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // Of the opened file, not of the path: nobody can exchange it in between.
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() {
        return Err(RootKeyError::NotAFile {
            path: path.to_owned(),
        });
    }
    if facts.mode() & 0o077 != 0 {
        return Err(RootKeyError::Open {
            path: path.to_owned(),
            mode: facts.mode() & 0o7777,
        });
    }
    let us = rustix::process::geteuid().as_raw();
    if facts.uid() != us {
        return Err(RootKeyError::Foreign {
            path: path.to_owned(),
            owner: facts.uid(),
            us,
        });
    }
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize));
    file.take(LONGEST).read_to_string(&mut text).map_err(unreadable)?;
    decode(&text, || format!("the file {}", path.display()))
}

fn from_command(words: &[String]) -> Result<RootKey, RootKeyError> {
    let (program, arguments) = words.split_first().ok_or(RootKeyError::NoCommand)?;
    let unusable = |source| RootKeyError::CommandUnusable {
        program: program.clone(),
        source,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(unusable)?;
    let mut output = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize));
        let read = output
            .as_mut()
            .map(|output| output.take(LONGEST).read_to_string(&mut text));
        sender.send((text, read)).ok();
    });
    let Ok((text, _)) = receiver.recv_timeout(COMMAND_TIME) else {
        child.kill().ok();
        child.wait().ok();
        return Err(RootKeyError::CommandSlow(program.clone()));
    };
    let status = child.wait().map_err(unusable)?;
    if !status.success() {
        return Err(RootKeyError::CommandFailed {
            program: program.clone(),
            status,
        });
    }
    decode(&text, || format!("the output of `{program}`"))
}

/// 32 bytes from base64 (either alphabet, with or without `=`) or hexadecimal.
fn decode(text: &str, place: impl Fn() -> String) -> Result<RootKey, RootKeyError> {
    let text = text.trim();
    let bytes = Zeroizing::new(if text.len() == 64 {
        hexadecimal(text)
    } else {
        [&alphabet::STANDARD, &alphabet::URL_SAFE]
            .into_iter()
            .find_map(|alphabet| {
                let config =
                    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
                GeneralPurpose::new(alphabet, config).decode(text).ok()
            })
            .unwrap_or_default()
    });
    Secret32::from_slice(&bytes)
        .map(RootKey::new)
        .ok_or_else(|| RootKeyError::Malformed(place()))
}

fn hexadecimal(text: &str) -> Vec<u8> {
    let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes()
        .chunks(2)
        .map_while(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

/// Text of a new root key, as a root key file holds it.
pub fn fresh(world: &dyn crate::world::World) -> Zeroizing<String> {
    let bytes = Zeroizing::new(crate::world::random::<32>(world));
    let mut text = Zeroizing::new(String::with_capacity(48));
    base64::engine::general_purpose::STANDARD.encode_string(bytes.as_slice(), &mut text);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::world::RealWorld;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn key() -> RootKey {
        RootKey::new(Secret32::from_bytes(std::array::from_fn(|i| {
            u8::try_from(i).unwrap()
        })))
    }

    fn place() -> String {
        "x".to_owned()
    }

    #[test]
    fn both_ways_to_write_a_key_mean_the_same() {
        for text in [
            HEX,
            &HEX.to_uppercase(),
            BASE64,
            BASE64.trim_end_matches('='),
            &format!(" {BASE64}\n"),
        ] {
            assert_eq!(decode(text, place).unwrap(), key(), "{text}");
        }
        for text in [
            "",
            "secret",
            BASE64.trim_start_matches("AA"),
            &HEX.replace('0', "g"),
            &format!("{BASE64}{BASE64}"),
        ] {
            let error = decode(text, place).unwrap_err().to_string();
            assert!(error.contains("32 bytes"), "{error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        let (one, two) = (fresh(&RealWorld), fresh(&RealWorld));
        assert_ne!(decode(&one, place).unwrap(), decode(&two, place).unwrap());
    }

    #[test]
    fn a_file_must_be_ours_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let source = RootKeySource::File(path.clone());
        assert!(source.read().unwrap_err().to_string().contains("cannot read"));
        std::fs::write(&path, BASE64).unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let error = source.read().unwrap_err().to_string();
        assert!(
            error.contains("mode 0644") && error.contains("chmod 600"),
            "{error}"
        );
        mode(0o600);
        assert_eq!(source.read().unwrap(), key());
        mode(0o400);
        assert_eq!(source.read().unwrap(), key());
        let error = RootKeySource::File(directory.path().to_owned())
            .read()
            .unwrap_err();
        assert!(
            matches!(
                error,
                RootKeyError::NotAFile { .. } | RootKeyError::Unreadable { .. }
            ),
            "{error}"
        );
        // Only root can give a file away.
        if std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() {
            let error = source.read().unwrap_err().to_string();
            assert!(error.contains("belongs to user 12345"), "{error}");
        }
    }

    #[test]
    fn a_command_prints_the_key() {
        let command =
            |words: &[&str]| RootKeySource::Command(words.iter().map(|w| (*w).to_owned()).collect()).read();
        assert_eq!(command(&["echo", HEX]).unwrap(), key());
        for (words, expected) in [
            (&[][..], "is empty"),
            (&["/nowhere/vault"], "cannot start"),
            (&["sh", "-c", "exit 3"], "exit status: 3"),
            (&["echo", "no key"], "not 32 bytes"),
        ] {
            let error = command(words).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let error = RootKeySource::Env("AKKOORD_NO_SUCH_VARIABLE".to_owned())
            .read()
            .unwrap_err();
        assert!(error.to_string().contains("AKKOORD_NO_SUCH_VARIABLE"));
    }
}
