//! Messages of the queue of signals: a committed segment's signals on their way to `deliver`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;
use tickwire_signals::Signal;
use tickwire_streams::GroupKey;

use crate::binary::{BinaryError, Shape, decode, encode};

/// The signals of one segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publication {
    /// Which group.
    pub group: GroupKey,
    /// Shard of connections it is for.
    pub shard: u16,
    /// Epoch of the group's log.
    pub epoch: String,
    /// Number of the segment.
    pub segment: u64,
    /// Version of the plan that its stream ids are of.
    pub plan_version: u64,
    /// When it was committed.
    pub committed_at: UnixNanos,
    /// Names of the sources.
    pub sources: Vec<String>,
    /// The signals.
    pub signals: Vec<Signal>,
}

impl Shape for Publication {
    const NAME: &'static str = "a publication";
    const VERSION: u8 = 1;
}

/// Why a publication was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicationError {
    /// Not base64.
    #[error("a publication is not text of the right form: {0}")]
    Text(String),
    /// Not what it should hold.
    #[error(transparent)]
    Binary(#[from] BinaryError),
}

impl Publication {
    /// As a message's text.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn to_text(&self) -> Result<String, BinaryError> {
        Ok(STANDARD_NO_PAD.encode(encode(self)?))
    }

    /// From a message's text.
    ///
    /// # Errors
    /// When the text is not a publication of a known version.
    pub fn from_text(text: &str) -> Result<Self, PublicationError> {
        let bytes = STANDARD_NO_PAD
            .decode(text)
            .map_err(|e| PublicationError::Text(e.to_string()))?;
        Ok(decode(&bytes)?)
    }
}
