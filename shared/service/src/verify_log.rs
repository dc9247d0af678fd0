//! Verify: folds a whole log again, from its first segment, and compares every
//! signal with the stored one to the bit.

use tickwire_signals::Signal;
use tickwire_streams::{GroupKey, Offset};
use tickwire_wire::{BinaryError, Segment, decode};

use crate::explain_signal::same_bits;
use crate::group::{ApplyError, GroupState};
use crate::load_group::LoadError;
use crate::ports::{Log, PortError};

/// Bytes of log read in one call.
const READ_BYTES: usize = 1_048_576;

/// Why a log could not be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log cannot be read, has a hole, or does not fold.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A signal that folding does not give.
    #[error(
        "the signal at {offset} of {stream} is not what its events fold to: the log is damaged or the engine has changed"
    )]
    Differs {
        /// Where.
        offset: Offset,
        /// Of which stream.
        stream: String,
    },
}

impl From<PortError> for VerifyError {
    fn from(error: PortError) -> Self {
        Self::Load(error.into())
    }
}

impl From<ApplyError> for VerifyError {
    fn from(error: ApplyError) -> Self {
        Self::Load(error.into())
    }
}

impl From<BinaryError> for VerifyError {
    fn from(error: BinaryError) -> Self {
        Self::Load(error.into())
    }
}

/// What was verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Segments, which is the number of the last one.
    pub segments: u64,
    /// Events in them.
    pub events: u64,
    /// Signals, every one the same to the bit.
    pub signals: u64,
}

/// Folds segment after segment.
#[derive(Debug, Default)]
pub struct Verifier {
    state: GroupState,
    verified: Verified,
}

impl Verifier {
    /// The state after the last segment.
    pub fn state(&self) -> &GroupState {
        &self.state
    }

    /// What is verified so far.
    pub fn verified(&self) -> Verified {
        self.verified
    }

    /// Folds the next segment; gives its signals.
    ///
    /// # Errors
    /// When the segment does not follow, does not fold, or holds other signals
    /// than its events give.
    pub fn next(&mut self, number: u64, segment: &Segment) -> Result<Vec<Signal>, VerifyError> {
        let settlement = self.state.apply(number, segment)?;
        let stored = segment.signals(number);
        if stored.len() != settlement.signals.len() {
            return Err(ApplyError::Parity {
                segment: number,
                what: "the number of signals that can be read",
            }
            .into());
        }
        if let Some((stored, _)) = stored
            .iter()
            .zip(&settlement.signals)
            .find(|(a, b)| !same_bits(a, b))
        {
            let streams = self.state.engine.streams();
            let stream = streams.get(stored.stream as usize);
            return Err(VerifyError::Differs {
                offset: stored.offset,
                stream: stream.map_or_else(
                    || format!("stream {}", stored.stream),
                    |stream| stream.key.to_string(),
                ),
            });
        }
        self.verified.segments += 1;
        self.verified.events += segment.events_len() as u64;
        self.verified.signals += stored.len() as u64;
        Ok(stored)
    }
}

/// Verifies the log of a group; `each` sees every segment when it is verified,
/// with its signals and the state after it.
///
/// # Errors
/// At the first segment that is not what it should be. A log whose beginning
/// has expired has a hole there.
pub async fn verify_log(
    log: &dyn Log,
    group: &GroupKey,
    mut each: impl FnMut(&GroupState, &Segment, &[Signal]),
) -> Result<Verified, VerifyError> {
    let mut verifier = Verifier::default();
    loop {
        let expected = verifier.state.segment + 1;
        let stored = log.read(group, expected, READ_BYTES).await?;
        if stored.is_empty() {
            return Ok(verifier.verified);
        }
        for (expected, stored) in (expected..).zip(stored) {
            if stored.number != expected {
                return Err(LoadError::Hole {
                    found: stored.number,
                    expected,
                }
                .into());
            }
            let segment: Segment = decode(&stored.bytes)?;
            let signals = verifier.next(stored.number, &segment)?;
            each(&verifier.state, &segment, &signals);
        }
    }
}
