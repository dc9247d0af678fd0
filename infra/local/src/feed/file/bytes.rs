//! The bytes of a file: as stored (hashed), and as text (unpacked).

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::error::FeedError;
use super::parquet::ParquetText;

/// The most decompressed bytes held in memory, when a file has to be read out
/// of its order.
pub(super) const MEMORY_BYTES_MAX: u64 = 256_000_000;
/// Bytes read ahead by one reader of the whole file.
const READ_AHEAD_BYTES: usize = 64 * 1024;
/// Bytes read ahead by each of many readers of parts of it.
const PART_READ_AHEAD_BYTES: usize = 8 * 1024;
/// The first bytes of a gzip file.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// The first bytes of a Parquet file.
const PARQUET_MAGIC: &[u8] = b"PAR1";

/// How the text of a file is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As it is.
    Plain,
    /// Compressed with gzip.
    Gzip,
    /// As columns.
    Parquet,
}

/// Bytes that can be read at any place, by several readers at once.
#[derive(Clone, Debug)]
pub(super) enum Bytes {
    File(Arc<File>, u64),
    Memory(Arc<[u8]>),
    Static(&'static [u8]),
}

impl Bytes {
    pub(super) fn open(path: &Path) -> Result<Self, FeedError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => FeedError::NotFound { path: path.into() },
            io::ErrorKind::PermissionDenied => FeedError::NoPermission { path: path.into() },
            _ => FeedError::Read {
                path: path.into(),
                source,
            },
        };
        // Asked first: opening a pipe would wait for its writer.
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(FeedError::NotAFile {
                path: path.into(),
                kind: kind_of(&metadata),
            });
        }
        let file = File::open(path).map_err(failed)?;
        Ok(Self::File(Arc::new(file), metadata.len()))
    }

    /// Standard input to its end, at most [`MEMORY_BYTES_MAX`].
    pub(super) fn standard_input() -> Result<Self, FeedError> {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .take(MEMORY_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| FeedError::Read {
                path: "-".into(),
                source,
            })?;
        if bytes.len() as u64 > MEMORY_BYTES_MAX {
            return Err(FeedError::TooLargeToOrder {
                name: "standard input".to_owned(),
                remedy: "give the file by its name",
            });
        }
        Ok(Self::Memory(bytes.into()))
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File(_, bytes) => *bytes,
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Static(bytes) => bytes.len() as u64,
        }
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let memory: &[u8] = match self {
            Self::File(file, _) => return read_file_at(file, at, buffer),
            Self::Memory(bytes) => bytes,
            Self::Static(bytes) => bytes,
        };
        let mut rest = usize::try_from(at)
            .ok()
            .and_then(|at| memory.get(at..))
            .unwrap_or_default();
        rest.read(buffer)
    }

    /// SHA-256 of the bytes, in hexadecimal. `progress` is told bytes done and in all.
    pub(super) fn content_hash(&self, progress: &mut dyn FnMut(u64, u64)) -> io::Result<String> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; READ_AHEAD_BYTES];
        let mut reader = self.part(0, self.len());
        let mut done = 0;
        loop {
            let bytes = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(buffer.get(..bytes).unwrap_or_default());
            done += bytes as u64;
            progress(done, self.len());
        }
        Ok(hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect())
    }

    pub(super) fn packing(&self) -> io::Result<Packing> {
        let mut first = [0; PARQUET_MAGIC.len()];
        let bytes = self.read_at(0, &mut first)?;
        Ok(match &first[..bytes] {
            PARQUET_MAGIC => Packing::Parquet,
            first if first.starts_with(GZIP_MAGIC) => Packing::Gzip,
            _ => Packing::Plain,
        })
    }

    /// The whole as text.
    pub(super) fn text(&self, packing: Packing) -> io::Result<Box<dyn BufRead + Send>> {
        let stored = || BufReader::with_capacity(READ_AHEAD_BYTES, self.part(0, self.len()));
        Ok(match packing {
            Packing::Plain => Box::new(stored()),
            Packing::Gzip => Box::new(BufReader::with_capacity(
                READ_AHEAD_BYTES,
                MultiGzDecoder::new(stored()),
            )),
            Packing::Parquet => Box::new(BufReader::with_capacity(
                READ_AHEAD_BYTES,
                ParquetText::open(self).map_err(io::Error::other)?,
            )),
        })
    }

    /// One stretch of it, as it is.
    pub(super) fn stretch(&self, start: u64, end: u64) -> Box<dyn BufRead + Send> {
        Box::new(BufReader::with_capacity(
            PART_READ_AHEAD_BYTES,
            self.part(start, end),
        ))
    }

    pub(super) fn part(&self, at: u64, end: u64) -> Part {
        Part {
            bytes: self.clone(),
            at,
            end: end.min(self.len()),
        }
    }
}

fn kind_of(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        "a directory"
    } else {
        "no regular file"
    }
}

#[cfg(unix)]
fn read_file_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_file_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

/// A reader of a stretch of the bytes.
pub(super) struct Part {
    bytes: Bytes,
    at: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let bytes = self
            .bytes
            .read_at(self.at, buffer.get_mut(..length).unwrap_or_default())?;
        self.at += bytes as u64;
        Ok(bytes)
    }
}
