//! Secrets of one machine: made at the first start, kept in a private file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
pub use tickwire_service::authenticate::JWT_KEY;
use tickwire_service::ports::{Entropy, PortError, PortResult, Secret, SecretVersions, Secrets};
use tickwire_service::watermark::WATERMARK_KEY;

use crate::store::{DataDirectory, StoreError};

/// The file in the data directory.
const FILE: &str = "secrets.json";
/// Version of the file's shape.
const VERSION: u32 = 1;
/// The secrets that a first start makes: random keys of 32 bytes.
const MADE: [&str; 2] = [JWT_KEY, WATERMARK_KEY];

/// The file, keys in URL-safe base64.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    secrets: BTreeMap<String, StoredVersions>,
}

#[derive(Clone, Serialize, Deserialize)]
struct StoredVersions {
    current: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
}

/// The machine's secrets.
pub struct LocalSecrets {
    /// None in memory.
    directory: Option<Arc<DataDirectory>>,
    entropy: Arc<dyn Entropy>,
    secrets: Mutex<BTreeMap<String, StoredVersions>>,
}

impl LocalSecrets {
    /// From the file in `directory`, which the first start makes.
    ///
    /// # Errors
    /// The file cannot be read or written, or is not one of this version.
    pub fn open(directory: Arc<DataDirectory>, entropy: Arc<dyn Entropy>) -> Result<Self, StoreError> {
        let stored = load(directory.path())?.unwrap_or_default();
        Self::with(stored, entropy, Some(directory))
    }

    /// The secrets of the stack whose data is at `path`, to read only: the
    /// stack may be running.
    ///
    /// # Errors
    /// The file cannot be read, is not one of this version, or is not there.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let stored = load(path)?.ok_or_else(|| StoreError::Engine {
            action: "read",
            path: path.join(FILE),
            why: "there is none: start the stack with this --data first, or name its directory".into(),
        })?;
        Ok(Self {
            directory: None,
            entropy: Arc::new(tickwire_aws::OsEntropy),
            secrets: Mutex::new(stored),
        })
    }

    /// In memory, new with every start.
    ///
    /// # Errors
    /// The system gives no entropy.
    pub fn memory(entropy: Arc<dyn Entropy>) -> Result<Self, StoreError> {
        Self::with(BTreeMap::new(), entropy, None)
    }

    fn with(
        mut secrets: BTreeMap<String, StoredVersions>,
        entropy: Arc<dyn Entropy>,
        directory: Option<Arc<DataDirectory>>,
    ) -> Result<Self, StoreError> {
        let mut made = false;
        for name in MADE
            .iter()
            .filter(|name| !secrets.contains_key(**name))
            .collect::<Vec<_>>()
        {
            let current = new_key(&*entropy).map_err(|e| StoreError::Engine {
                action: "make",
                path: FILE.into(),
                why: e.to_string(),
            })?;
            secrets.insert(
                (*name).to_owned(),
                StoredVersions {
                    current,
                    previous: None,
                },
            );
            made = true;
        }
        if let Some(directory) = directory.as_ref().filter(|_| made) {
            write(directory, &secrets)?;
        }
        Ok(Self {
            directory,
            entropy,
            secrets: Mutex::new(secrets),
        })
    }

    /// Makes a new current version; the one that was becomes the previous.
    ///
    /// # Errors
    /// There is no such secret, or the file cannot be written: then nothing changed.
    pub fn rotate(&self, name: &str) -> PortResult<()> {
        let what = "secrets.rotate";
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = secrets.clone();
        let versions = next.get_mut(name).ok_or_else(|| unknown(what, name))?;
        versions.previous = Some(std::mem::replace(&mut versions.current, new_key(&*self.entropy)?));
        if let Some(directory) = &self.directory {
            write(directory, &next).map_err(|e| PortError::Unavailable {
                what,
                why: e.to_string(),
            })?;
        }
        *secrets = next;
        Ok(())
    }
}

fn new_key(entropy: &dyn Entropy) -> PortResult<String> {
    entropy.bytes().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

fn load(directory: &Path) -> Result<Option<BTreeMap<String, StoredVersions>>, StoreError> {
    let path = directory.join(FILE);
    let failed = |why: String| StoreError::Engine {
        action: "read",
        path: path.clone(),
        why,
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    // The parser's own words could quote a key.
    let stored: Stored = serde_json::from_slice(&bytes).map_err(|e| {
        failed(format!(
            "it is damaged at line {}: restore it, or delete it to end all identities",
            e.line()
        ))
    })?;
    if stored.version != VERSION {
        return Err(failed(format!(
            "it has version {}, and {VERSION} is read",
            stored.version
        )));
    }
    Ok(Some(stored.secrets))
}

fn write(directory: &DataDirectory, secrets: &BTreeMap<String, StoredVersions>) -> Result<(), StoreError> {
    let stored = Stored {
        version: VERSION,
        secrets: secrets.clone(),
    };
    let text = serde_json::to_vec_pretty(&stored).map_err(|e| StoreError::Engine {
        action: "write",
        path: directory.path().join(FILE),
        why: e.to_string(),
    })?;
    directory.replace_file(FILE, &text)
}

fn unknown(what: &'static str, name: &str) -> PortError {
    PortError::Refused {
        what,
        why: format!("there is no secret {name}"),
    }
}

#[async_trait]
impl Secrets for LocalSecrets {
    async fn secret(&self, name: &str) -> PortResult<SecretVersions> {
        let what = "secrets.secret";
        let versions = {
            let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            secrets.get(name).cloned().ok_or_else(|| unknown(what, name))?
        };
        let decode = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text);
            let bytes = bytes.map_err(|_| PortError::Refused {
                what,
                why: format!("secret {name} is damaged"),
            });
            bytes.map(Secret::new)
        };
        Ok(SecretVersions {
            current: decode(&versions.current)?,
            previous: versions.previous.as_deref().map(decode).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_aws::OsEntropy;

    #[tokio::test]
    async fn a_key_is_made_once_and_rotates() {
        let home = tempfile::tempdir().unwrap();
        let open = || {
            let directory = Arc::new(DataDirectory::open(home.path()).unwrap());
            LocalSecrets::open(directory, Arc::new(OsEntropy)).unwrap()
        };
        let secrets = open();
        let first = secrets.secret(JWT_KEY).await.unwrap();
        assert!(first.current.expose().len() == 32 && first.previous.is_none());
        drop(secrets);
        let secrets = open();
        assert_eq!(
            secrets.secret(JWT_KEY).await.unwrap().current.expose(),
            first.current.expose()
        );
        secrets.rotate(JWT_KEY).unwrap();
        drop(secrets);
        let rotated = open().secret(JWT_KEY).await.unwrap();
        assert_ne!(rotated.current.expose(), first.current.expose());
        assert_eq!(rotated.previous.unwrap().expose(), first.current.expose());
    }

    #[tokio::test]
    async fn what_is_not_there_is_refused() {
        let secrets = LocalSecrets::memory(Arc::new(OsEntropy)).unwrap();
        assert!(matches!(
            secrets.secret("other").await,
            Err(PortError::Refused { .. })
        ));
        assert!(secrets.rotate("other").is_err());
    }

    #[test]
    fn a_damaged_file_is_an_error_that_quotes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let directory = Arc::new(DataDirectory::open(home.path()).unwrap());
        directory
            .replace_file(FILE, br#"{"version":1,"secrets":"c2VjcmV0"}"#)
            .unwrap();
        let Err(error) = LocalSecrets::open(directory, Arc::new(OsEntropy)) else {
            panic!("opened")
        };
        let error = error.to_string();
        assert!(
            error.contains("damaged") && !error.contains("c2VjcmV0"),
            "{error}"
        );
    }
}
