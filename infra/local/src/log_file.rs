//! The log beside the data: a file that is turned over when it is full, and a
//! few old ones, none of them readable by others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Folder of the log in the data directory.
pub const LOG_DIRECTORY: &str = "logs";

/// File that is written.
const NAME: &str = "tickwire.log";

/// Bytes of a file from which on the next one is begun.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const log_file_bytes_max: u64 = 8 * 1_024 * 1_024;

/// Files kept, the one that is written included.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const log_files_max: usize = 5;

/// A log that takes whole lines and never more than its bounds.
#[derive(Debug)]
pub struct LogFile {
    directory: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
}

impl LogFile {
    /// Goes on with the log of `directory`, which is made if there is none.
    ///
    /// # Errors
    /// When the directory or the file cannot be opened.
    pub fn open(directory: &Path) -> io::Result<Self> {
        Self::bounded(directory, log_file_bytes_max)
    }

    fn bounded(directory: &Path, bytes_max: u64) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
        let file = open(&directory.join(NAME))?;
        Ok(Self {
            directory: directory.to_owned(),
            bytes: file.metadata()?.len(),
            file,
            bytes_max,
        })
    }

    fn old(&self, age: usize) -> PathBuf {
        self.directory.join(format!("{NAME}.{age}"))
    }

    /// Begins a new file. The oldest is lost: renaming replaces it.
    fn turn_over(&mut self) -> io::Result<()> {
        for age in (1..log_files_max - 1).rev() {
            match fs::rename(self.old(age), self.old(age + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(self.directory.join(NAME), self.old(1))?;
        self.file = open(&self.directory.join(NAME))?;
        self.bytes = 0;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Write for LogFile {
    /// Takes a line whole, or none of it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if line.len() as u64 > self.bytes_max {
            return Ok(line.len());
        }
        if self.bytes + line.len() as u64 > self.bytes_max {
            self.turn_over()?;
        }
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_private_and_goes_on() {
        const BYTES_MAX: u64 = 100;
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join(LOG_DIRECTORY);
        for run in 0..3 {
            let mut log = LogFile::bounded(&directory, BYTES_MAX).unwrap();
            for line in 0..40 {
                writeln!(log, "run {run} line {line:02}").unwrap();
            }
            log.write_all(&[b'x'; 101]).unwrap();
        }
        let mut names: Vec<String> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "tickwire.log",
                "tickwire.log.1",
                "tickwire.log.2",
                "tickwire.log.3",
                "tickwire.log.4"
            ]
        );
        let newest = fs::read_to_string(directory.join(NAME)).unwrap();
        assert!(newest.ends_with("run 2 line 39\n"), "{newest}");
        for name in &names {
            let path = directory.join(name);
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                text.len() as u64 <= BYTES_MAX && text.lines().all(|line| line.len() == 13),
                "{text}"
            );
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            }
        }
    }
}
