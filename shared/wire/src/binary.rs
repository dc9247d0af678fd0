//! The frame of every binary shape: version, content, checksum.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why stored bytes were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// Too short to be anything, or the checksum does not fit.
    #[error("{shape} is damaged: its checksum does not fit")]
    Damaged {
        /// Which shape.
        shape: &'static str,
    },
    /// Written by a newer version.
    #[error("{shape} has version {version}, this build reads up to {version_max}: deploy a newer build")]
    Newer {
        /// Which shape.
        shape: &'static str,
        /// The version found.
        version: u8,
        /// The newest that is known.
        version_max: u8,
    },
    /// The content does not fit its version.
    #[error("{shape} cannot be read: {why}")]
    Content {
        /// Which shape.
        shape: &'static str,
        /// The decoder's words.
        why: String,
    },
}

/// A binary shape.
pub trait Shape {
    /// Its name in messages.
    const NAME: &'static str;
    /// The version that is written.
    const VERSION: u8;

    /// Reads the content of an older version; absent where there was none such, or the
    /// content does not fit it.
    fn read_older(version: u8, content: &[u8]) -> Option<Self>
    where
        Self: Sized,
    {
        let _ = (version, content);
        None
    }
}

/// Encodes with version and checksum.
///
/// # Errors
/// When the content cannot be encoded; no shape of this crate is such.
pub fn encode<T: Serialize + Shape>(content: &T) -> Result<Vec<u8>, BinaryError> {
    let mut bytes = postcard::to_extend(content, vec![T::VERSION]).map_err(|e| BinaryError::Content {
        shape: T::NAME,
        why: e.to_string(),
    })?;
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// Decodes what [`encode`] wrote.
///
/// # Errors
/// When the bytes are damaged or newer than this build.
pub fn decode<T: DeserializeOwned + Shape>(bytes: &[u8]) -> Result<T, BinaryError> {
    let damaged = BinaryError::Damaged { shape: T::NAME };
    let Some((content, checksum)) = bytes.split_last_chunk::<4>() else {
        return Err(damaged);
    };
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return Err(damaged);
    }
    match content.split_first() {
        Some((version, _)) if *version > T::VERSION => Err(BinaryError::Newer {
            shape: T::NAME,
            version: *version,
            version_max: T::VERSION,
        }),
        Some((version, content)) if *version == T::VERSION => match postcard::take_from_bytes(content) {
            Ok((content, [])) => Ok(content),
            Ok((_, rest)) => Err(BinaryError::Content {
                shape: T::NAME,
                why: format!("{} bytes are left over", rest.len()),
            }),
            Err(e) => Err(BinaryError::Content {
                shape: T::NAME,
                why: e.to_string(),
            }),
        },
        Some((version, content)) => T::read_older(*version, content).ok_or_else(|| BinaryError::Content {
            shape: T::NAME,
            why: format!("version {version} was never written, or its content does not fit it"),
        }),
        None => Err(damaged),
    }
}
