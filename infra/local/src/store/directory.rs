//! The data directory: who may read it, which version wrote it, who has it open.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Version of the directory's layout.
const LAYOUT_VERSION: u32 = 1;
/// Says which layout a directory has.
const VERSION_FILE: &str = "VERSION";
/// Held by the process that has the directory open.
const LOCK_FILE: &str = "lock";

/// A data directory, open for this process alone. Files in it are for the
/// user's eyes only (0600, the directory itself 0700).
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// Unlocked by the operating system when the process ends, however it ends;
    /// none beside a process that has it.
    lock: Option<File>,
}

impl DataDirectory {
    /// Opens `path`, and makes it if it is not there.
    ///
    /// # Errors
    /// Another process has it open; it was written by another version; it
    /// cannot be written to; it holds other files.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        make_directory(&path).map_err(|e| StoreError::io("create the data directory", &path, &e))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = open_private(&lock_path).map_err(|e| StoreError::io("open the lock of", &path, &e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { directory: path }),
            Err(TryLockError::Error(e)) => return Err(StoreError::io("lock", &path, &e)),
        }
        check_version(&path)?;
        Ok(Self {
            path,
            lock: Some(lock),
        })
    }

    /// Opens `path` to read beside the process that has it open, if one has.
    ///
    /// # Errors
    /// It is not there, or was written by another version.
    pub fn beside(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        File::open(path.join(VERSION_FILE)).map_err(|e| StoreError::io("open", &path, &e))?;
        check_version(&path)?;
        Ok(Self { path, lock: None })
    }

    /// Whether this process has it open alone, and may begin anew in it.
    pub fn is_ours(&self) -> bool {
        self.lock.is_some()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, which exists from now on and is private.
    pub fn private_file(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.path.join(name);
        open_private(&path).map_err(|e| StoreError::io("open", &path, &e))?;
        Ok(path)
    }

    /// Replaces a private file as a whole: after a crash the old text or the
    /// new one stands.
    pub fn replace_file(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path.join(name);
        let draft = self.path.join(format!("{name}.draft"));
        let write = || -> io::Result<()> {
            let mut file = open_private(&draft)?;
            file.set_len(0)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|e| StoreError::io("write", &path, &e))
    }

    /// Removes a file, if it is there.
    pub fn remove_file(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(StoreError::io("remove", &path, &e)),
            _ => Ok(()),
        }
    }

    /// Reads a file whole; `None` if there is none.
    pub fn read_file(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io("read", &path, &e)),
        }
    }
}

fn check_version(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join(VERSION_FILE);
    let mut found = String::new();
    match File::open(&path).and_then(|mut file| file.read_to_string(&mut found)) {
        Ok(_) if found.trim() == LAYOUT_VERSION.to_string() => return Ok(()),
        // Cut short at its very first start.
        Ok(_) if found.is_empty() => {}
        Ok(_) => {
            let found = found.trim().chars().take(20).collect();
            return Err(StoreError::Version {
                directory: directory.to_owned(),
                found,
                expected: LAYOUT_VERSION,
            });
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let others = fs::read_dir(directory).map_err(|e| StoreError::io("list", directory, &e))?;
            for entry in others {
                let entry = entry.map_err(|e| StoreError::io("list", directory, &e))?;
                if entry.file_name() != LOCK_FILE {
                    let file = entry.file_name().to_string_lossy().into_owned();
                    return Err(StoreError::NotEmpty {
                        directory: directory.to_owned(),
                        file,
                    });
                }
            }
        }
        Err(e) => return Err(StoreError::io("read", &path, &e)),
    }
    let write = || -> io::Result<()> {
        let mut file = open_private(&path)?;
        writeln!(file, "{LAYOUT_VERSION}")?;
        file.sync_all()?;
        File::open(directory)?.sync_all()
    };
    write().map_err(|e| StoreError::io("write", &path, &e))
}

#[cfg(unix)]
fn make_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn open_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Why the data directory or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("data directory {} is in use: stop the other tickwire, or choose another directory", .directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// Another version wrote it.
    #[error(
        "data directory {} has layout {found:?} and this tickwire reads layout {expected}: \
         start the version that wrote it, or choose a new directory",
        .directory.display()
    )]
    Version {
        /// The directory.
        directory: PathBuf,
        /// What its file says.
        found: String,
        /// What would be read.
        expected: u32,
    },
    /// It holds files, and nothing says that they are ours.
    #[error(
        "directory {} holds other files (such as {file}) and is no data directory: choose an empty or a new one",
        .directory.display()
    )]
    NotEmpty {
        /// The directory.
        directory: PathBuf,
        /// One of the files.
        file: String,
    },
    /// The operating system refused.
    #[error("failed to {action} {}: {why}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why, and what to do where it is known.
        why: String,
    },
    /// The embedded engine refused.
    #[error("failed to {action} {}: {why}", .path.display())]
    Engine {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the engine said.
        why: String,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, error: &io::Error) -> Self {
        let why = match error.kind() {
            ErrorKind::PermissionDenied => "permission denied: choose a directory that you own".to_owned(),
            ErrorKind::ReadOnlyFilesystem => {
                "the file system is read-only: choose another directory".to_owned()
            }
            ErrorKind::StorageFull => "the disk is full: free space, then start again".to_owned(),
            _ => error.to_string(),
        };
        Self::Io {
            action,
            path: path.to_owned(),
            why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_user_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        let first = DataDirectory::open(&path).unwrap();
        let second = DataDirectory::open(&path).unwrap_err();
        assert!(matches!(second, StoreError::InUse { .. }), "{second}");
        drop(first);
        DataDirectory::open(&path).unwrap();
    }

    #[test]
    fn another_version_and_foreign_files_are_refused() {
        let home = tempfile::tempdir().unwrap();
        drop(DataDirectory::open(home.path()).unwrap());
        fs::write(home.path().join(VERSION_FILE), "7\n").unwrap();
        let error = DataDirectory::open(home.path()).unwrap_err().to_string();
        assert!(
            error.contains("layout \"7\"") && error.contains("reads layout 1"),
            "{error}"
        );

        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.tex"), "x").unwrap();
        let error = DataDirectory::open(home.path()).unwrap_err().to_string();
        assert!(error.contains("thesis.tex"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        let directory = DataDirectory::open(&path).unwrap();
        directory.replace_file("secret", b"x").unwrap();
        assert_eq!(directory.read_file("secret").unwrap().as_deref(), Some(&b"x"[..]));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        for name in ["secret", VERSION_FILE, LOCK_FILE] {
            assert_eq!(mode(&path.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error_that_says_so() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "x").unwrap();
        let error = DataDirectory::open(home.path().join("file"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("failed to create the data directory"),
            "{error}"
        );
    }
}
