//! Replay: folds a log again, and verifies that every signal is the stored one
//! to the bit.

use tickwire_market::UnixNanos;
use tickwire_signals::Signal;
use tickwire_streams::{GroupKey, Offset};
use tickwire_wire::{BinaryError, Segment, decode};

use crate::explain_signal::{ExplainPorts, same_bits};
use crate::group::{ApplyError, GroupState, Settlement};
use crate::load_group::{LoadError, check_follows, newest_checkpoint};
use crate::ports::{Checkpoints, PortError};

/// Bytes of log read in one call.
const READ_BYTES: usize = 1_048_576;
/// How late a signal of a span may stand in the log.
pub const LATE_NANOS_MAX: i64 = 60 * UnixNanos::PER_SECOND;

/// Why a log could not be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log cannot be read, has a hole, or does not fold.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The log does not reach back so far.
    #[error(
        "the log begins at segment {first}, what was before has expired: {}",
        .from.map_or("there is no checkpoint to begin at".to_owned(), |from| format!("it can be replayed from {from} on"))
    )]
    Expired {
        /// The first segment that it has.
        first: u64,
        /// From when on it can be replayed.
        from: Option<UnixNanos>,
    },
    /// What was replayed could not be written.
    #[error("failed to write: {0}")]
    Write(String),
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
    /// Segments.
    pub segments: u64,
    /// Events in them.
    pub events: u64,
    /// Signals.
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
        let (settlement, stored) = self.fold(number, segment)?;
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
        Ok(stored)
    }

    /// Folds the next segment and counts it; gives what that leads to, and the stored signals.
    fn fold(&mut self, number: u64, segment: &Segment) -> Result<(Settlement, Vec<Signal>), VerifyError> {
        let settlement = self.state.apply(number, segment)?;
        let stored = segment.signals(number);
        self.verified.segments += 1;
        self.verified.events += segment.events_len() as u64;
        self.verified.signals += stored.len() as u64;
        Ok((settlement, stored))
    }
}

/// Which part of a log is asked for, by exchange time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Signals of this time or later; from the beginning of the log without it.
    pub from: Option<UnixNanos>,
    /// Signals before this time; to the end of the log without it.
    pub to: Option<UnixNanos>,
}

impl Span {
    /// Whether a signal of `time` is in it.
    pub fn holds(&self, time: UnixNanos) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }
}

/// Folds the log of a group again; `each` sees the signals of `span`, with the
/// state after their segment. With `verify` every signal is compared with the
/// folded one to the bit, those before the span included.
///
/// Begins at the newest checkpoint before the span, and ends when the group's
/// time is [`LATE_NANOS_MAX`] past it: what came later than that is not seen.
///
/// # Errors
/// At the first segment that is not what it should be, or when what lies before the oldest
/// checkpoint is needed and has expired.
pub async fn replay(
    ports: &ExplainPorts,
    group: &GroupKey,
    span: Span,
    verify: bool,
    mut each: impl FnMut(&GroupState, &Signal) -> Result<(), VerifyError>,
) -> Result<Verified, VerifyError> {
    let state = match span.from {
        Some(from) => before(&*ports.checkpoints, group, from).await?,
        None => GroupState::default(),
    };
    let mut verifier = Verifier {
        state,
        verified: Verified::default(),
    };
    let end = span.to.map(|to| to.saturating_add(LATE_NANOS_MAX));
    loop {
        let stored = ports
            .log
            .read(group, verifier.state.segment + 1, READ_BYTES)
            .await?;
        if stored.is_empty() {
            return Ok(verifier.verified);
        }
        for stored in stored {
            match check_follows(verifier.state.segment, stored.number) {
                Err(LoadError::Expired { first }) => {
                    let from = oldest_time(&*ports.checkpoints, group).await?;
                    return Err(VerifyError::Expired { first, from });
                }
                followed => followed?,
            }
            let is_past = |time: UnixNanos| end.is_some_and(|end| time >= end);
            if verifier.state.engine.watermark().is_some_and(is_past) {
                return Ok(verifier.verified);
            }
            let segment: Segment = decode(&stored.bytes)?;
            let signals = if verify {
                verifier.next(stored.number, &segment)?
            } else {
                verifier.fold(stored.number, &segment)?.1
            };
            for signal in signals {
                if span.holds(signal.exchange_time) {
                    each(&verifier.state, &signal)?;
                }
            }
        }
    }
}

/// The time of the oldest checkpoint.
async fn oldest_time(
    checkpoints: &dyn Checkpoints,
    group: &GroupKey,
) -> Result<Option<UnixNanos>, LoadError> {
    let (mut time, mut segment_max) = (None, u64::MAX);
    while let Some((manifest, state)) = newest_checkpoint(checkpoints, group, segment_max).await? {
        time = state.engine.watermark();
        segment_max = manifest.segment.saturating_sub(1);
    }
    Ok(time)
}

/// The newest state whose time is not past `from`: that of a checkpoint, or
/// that of the beginning.
async fn before(
    checkpoints: &dyn Checkpoints,
    group: &GroupKey,
    from: UnixNanos,
) -> Result<GroupState, LoadError> {
    let mut segment_max = u64::MAX;
    while let Some((manifest, state)) = newest_checkpoint(checkpoints, group, segment_max).await? {
        if state.engine.watermark().is_none_or(|time| time <= from) {
            return Ok(state);
        }
        segment_max = manifest.segment.saturating_sub(1);
    }
    Ok(GroupState::default())
}
