//! Where a secret is that is no key: a password of a mail server, the secret of a client. Never in the configuration itself.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Longest secret, in bytes.
const LONGEST: usize = 4_096;

/// A file that only this user can read, or an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum SecretSource {
    /// In a file, its first line.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
}

impl SecretSource {
    /// The same with its file below a folder.
    pub(super) fn below(&mut self, folder: &Path) {
        if let Self::File(file) = self {
            *file = folder.join(&*file);
        }
    }

    /// The secret.
    ///
    /// # Errors
    /// A sentence that says what to do, and nothing of the secret.
    pub fn read(&self) -> Result<Zeroizing<String>, String> {
        let text = match self {
            Self::Env(name) => Zeroizing::new(
                std::env::var(name)
                    .map_err(|_| format!("the environment variable {name} with a secret is not set"))?,
            ),
            Self::File(path) => {
                use std::os::unix::fs::MetadataExt as _;
                let unreadable =
                    |error: std::io::Error| format!("cannot read the secret in {}: {error}", path.display());
                let facts = std::fs::metadata(path).map_err(unreadable)?;
                if facts.mode() & 0o077 != 0 {
                    return Err(format!(
                        "others could read the secret in {}: run `chmod 600` on it",
                        path.display()
                    ));
                }
                Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?)
            }
        };
        let secret = Zeroizing::new(text.lines().next().unwrap_or_default().trim().to_owned());
        if secret.is_empty() || secret.len() > LONGEST {
            return Err("a secret is empty or longer than 4096 characters".to_owned());
        }
        Ok(secret)
    }
}
