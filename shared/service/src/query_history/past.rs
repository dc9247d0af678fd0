//! Signals of a stream's past.
//!
//! The log is ordered by group, not by stream; but every signal names the one of its
//! stream before it, so a page is read from its end, and only segments that hold its
//! signals are read. Where a range ends in the log is known from the blocks of stored
//! bars: a block is named by when its first bar ends and by the segment that closed it, and the
//! name is kept when the block is compacted.

use std::sync::Arc;

use tickwire_entitlements::Identity;
use tickwire_market::{Calendar, Timeframe, UnixNanos};
use tickwire_signals::{CORRECTABLE_NANOS, LATENESS_NANOS, Latest, Signal, StreamId, base_timeframe};
use tickwire_streams::{GroupKey, Offset, StreamKey, Universe};
use tickwire_wire::{ErrorBody, ErrorCode, LatestRow, SignalRow, SignalsPage, decode};

use super::{QueryHistory, TAIL_BYTES_MAX};
use crate::log_reader::Held;
use crate::open_connection::Fault;
use crate::plans::unreadable;
use crate::ports::PortResult;
use crate::stored_bars::{first_name_since, last_name_before, next};
use crate::watermark::{Stamp, is_marked, withheld};

/// Segments of the log that one request for signals of the past reads; a page that would
/// need more ends early.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const past_segments_per_request_max: usize = 1_000;
/// Bytes of log that it reads, encoded.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const past_log_bytes_per_request_max: usize = 4 * 1_024 * 1_024;
/// Time after which it begins no further read.
const TIME_NANOS_MAX: i64 = 3 * UnixNanos::PER_SECOND;
/// Where a stream's signals lie at most so many segments apart, they are read many at a time ...
const APART_MAX: u64 = 4;
/// ... of about so many bytes.
const READ_AHEAD_BYTES: usize = 512 * 1_024;
/// Segments in one read.
const SEGMENTS_PER_READ_MAX: u64 = 64;
/// Places behind the range at which one of the stream's signals is looked for.
const PLACES_TRIED_MAX: usize = 6;
/// Segments read at each.
const SEGMENTS_PER_PLACE: u64 = 8;

/// Which signals are asked for: those of a stream with an exchange time in `(from, to]`.
#[derive(Clone, Debug)]
pub struct PastQuestion {
    /// The world.
    pub universe: Universe,
    /// Which stream.
    pub key: StreamKey,
    /// They are of after this.
    pub from: UnixNanos,
    /// They are of this or before.
    pub to: UnixNanos,
    /// How many, 1 to [`signals_per_page_max`](super::signals_per_page_max).
    pub limit: usize,
    /// `next` of the page before.
    pub position: Option<String>,
}

/// The stream that is asked for.
struct Of<'a> {
    group: GroupKey,
    epoch: Arc<str>,
    id: StreamId,
    key: &'a StreamKey,
}

impl Of<'_> {
    fn signals(&self, held: &Held) -> Vec<Signal> {
        held.segment.signals_where(held.number, |id| id == self.id)
    }
}

impl QueryHistory {
    /// A page of signals of the past, the newest page first; within a page the oldest is first,
    /// in the order of the log. `next` is where the next page ends.
    ///
    /// A tick that came after its minute had closed stands in the log behind what was told
    /// before it; it is in the range if it stands there, and no later one is looked for.
    pub async fn past_signals(
        &self,
        identity: &Identity,
        question: &PastQuestion,
    ) -> Result<SignalsPage, Fault> {
        let key = &question.key;
        let instrument = &key.stream.instrument;
        self.allow(identity, key).await?;
        let mark = self.watermarks.key(is_marked(key)).await;
        if mark.is_none() && is_marked(key) {
            return Err(withheld().into());
        }
        let stamp = mark.and_then(|mark| Stamp::of(&mark, &identity.user, key));
        let (group, plan) = self.known_group(&question.universe, instrument).await?;
        let row = self.ports.groups.group(&group).await?;
        let row = row.ok_or(ErrorCode::InstrumentUnknown)?;
        let id = plan.id(&key.to_string()).ok_or_else(|| {
            let message = "The stream is not being computed: subscribe to it, and it is from then on.";
            ErrorBody::with_message(ErrorCode::NotAvailable, message).about(key.to_string())
        })?;
        let epoch: Arc<str> = row.epoch.as_str().into();
        let of = Of {
            group,
            epoch,
            id,
            key,
        };
        let end = match &question.position {
            Some(position) => Some(read_position(position, &row.epoch).ok_or(ErrorCode::CursorInvalid)?),
            None => self.end_of_range(&of, question.to).await?,
        };
        let (signals, next) = self.walk(&of, end, question).await?;
        let name = key.to_string();
        let signals = signals.into_iter().rev().map(|signal| {
            let marked = stamp
                .as_ref()
                .map(|stamp| stamp.value(signal.offset, &signal.value));
            let latest = Latest {
                offset: signal.offset,
                exchange_time: signal.exchange_time,
                receive_time: signal.receive_time,
                mock: signal.mock,
                value: marked.unwrap_or(signal.value),
            };
            let mut row = SignalRow::of(&name, Some(&latest), plan.outputs(id));
            if let Some(stamp) = &stamp {
                stamp.seal_row(&mut row);
            }
            row
        });
        Ok(SignalsPage {
            instrument: instrument.to_string(),
            signals: signals.collect(),
            next: next.map(|offset| format!("{}:{}", row.epoch, offset.0)),
            epoch: row.epoch,
        })
    }

    /// From the signal at `end` back along the stream: those wanted, newest first, and where
    /// the next page ends.
    async fn walk(
        &self,
        of: &Of<'_>,
        end: Option<Offset>,
        question: &PastQuestion,
    ) -> Result<(Vec<Signal>, Option<Offset>), Fault> {
        let began = self.ports.clock.now();
        let (from, to) = (question.from, question.to);
        let is_ticks = of.key.stream.timeframe == Timeframe::TICK;
        // Bars end one after the other; a late tick may stand behind one of after it.
        let first_segment = if is_ticks {
            self.first_segment(of, from).await?
        } else {
            0
        };
        let mut signals = Vec::new();
        let (mut segments, mut bytes) = (0, 0);
        let mut ahead: Vec<Arc<Held>> = Vec::new();
        let mut last: Option<(u64, usize)> = None;
        let mut place = end;
        while let Some(offset) = place.filter(|offset| offset.segment() >= first_segment) {
            let number = offset.segment();
            if !ahead.iter().any(|held| held.number == number) {
                let took = self.ports.clock.now().nanos_since(began);
                let spent = segments >= past_segments_per_request_max
                    || bytes >= past_log_bytes_per_request_max
                    || took >= TIME_NANOS_MAX;
                if spent && segments > 0 {
                    return Ok((signals, Some(offset)));
                }
                let start = number.saturating_sub(read_ahead(last, number) - 1).max(1);
                ahead = self.reader.between(&of.group, &of.epoch, start, number).await?;
                segments += ahead.len();
                bytes += ahead.iter().map(|held| held.bytes).sum::<usize>();
            }
            let Some(held) = ahead.iter().find(|held| held.number == number) else {
                if signals.is_empty() {
                    return Err(out_of_reach().into());
                }
                return Ok((signals, Some(offset)));
            };
            last = Some((number, held.bytes));
            let mut found = of.signals(held);
            found.retain(|signal| signal.offset <= offset);
            if found.last().is_none_or(|signal| signal.offset != offset) {
                tracing::error!(group = %of.group, %offset, stream = %of.key, "no such signal in the log");
                return Err(ErrorCode::Internal.into());
            }
            for signal in found.into_iter().rev() {
                if !is_ticks && signal.exchange_time <= from {
                    return Ok((signals, None));
                }
                let wanted = signal.exchange_time > from && signal.exchange_time <= to;
                if wanted && signals.len() == question.limit {
                    return Ok((signals, Some(signal.offset)));
                }
                place = signal.previous;
                if wanted {
                    signals.push(signal);
                }
            }
        }
        Ok((signals, None))
    }

    /// A signal of the stream behind which none is in a range that ends at `to`.
    async fn end_of_range(&self, of: &Of<'_>, to: UnixNanos) -> Result<Option<Offset>, Fault> {
        let (timeframe, instrument) = (of.key.stream.timeframe, &of.key.stream.instrument);
        let calendar = Calendar::of(instrument)
            .map_err(|error| ErrorBody::with_message(ErrorCode::InstrumentUnknown, error.to_string()))?;
        let (bars, base) = (&self.ports.bars, base_of(timeframe));
        let mut time = to;
        for _ in 0..PLACES_TRIED_MAX {
            let end = end_behind(calendar, timeframe, time);
            let Some((first_end, block)) = first_name_since(&**bars, &of.group, base, end).await? else {
                break;
            };
            // A bar that ends behind the range closed here, and so all that end in it.
            let number = Offset(block).segment();
            let here = self
                .reader
                .between(&of.group, &of.epoch, number, number + SEGMENTS_PER_PLACE - 1)
                .await?;
            if here.is_empty() {
                return Err(out_of_reach().into());
            }
            if let Some(signal) = here.iter().find_map(|held| of.signals(held).pop()) {
                return Ok(Some(signal.offset));
            }
            time = first_end;
        }
        self.newest_offset(of).await.map_err(Fault::from)
    }

    /// The newest signal of the stream.
    async fn newest_offset(&self, of: &Of<'_>) -> PortResult<Option<Offset>> {
        let latest: LatestRow = match self.ports.groups.latest(&of.group).await? {
            None => LatestRow::default(),
            Some((_, bytes)) => decode(&bytes).map_err(|error| unreadable("latest", &error))?,
        };
        let mut newest = latest.top(of.id);
        let mut from = latest.segment + 1;
        // As long as what was committed since that row was written.
        loop {
            let tail = self
                .reader
                .to_head(&of.group, &of.epoch, from, TAIL_BYTES_MAX)
                .await?;
            let newer = tail.segments.iter().rev();
            let newer = newer.filter_map(|held| of.signals(held).pop()).next();
            newest = newer.map(|signal| signal.offset).or(newest);
            match tail.segments.last() {
                Some(held) if !tail.whole => from = held.number + 1,
                _ => return Ok(newest),
            }
        }
    }

    /// A segment before which every tick is of before `from`.
    async fn first_segment(&self, of: &Of<'_>, from: UnixNanos) -> PortResult<u64> {
        // A bar closes when a tick comes of more than the lateness after its end, and is corrected
        // for some time more.
        let by = next(from.saturating_add(-LATENESS_NANOS - CORRECTABLE_NANOS));
        let minute = base_of(Timeframe::TICK);
        let name = last_name_before(&*self.ports.bars, &of.group, minute, by).await?;
        Ok(name.map_or(0, |(_, block)| Offset(block).segment()))
    }
}

/// What is said of segments that have expired.
fn out_of_reach() -> ErrorBody {
    ErrorBody::with_message(
        ErrorCode::NotAvailable,
        "The log does not hold what lies further back.",
    )
}

/// Of which bars blocks are looked up for a timeframe.
fn base_of(timeframe: Timeframe) -> Timeframe {
    match timeframe {
        Timeframe::TICK => Timeframe::MINUTE,
        other => base_timeframe(other),
    }
}

/// By when everything of `time` or before has been told.
fn end_behind(calendar: Calendar, timeframe: Timeframe, time: UnixNanos) -> UnixNanos {
    if timeframe == Timeframe::TICK {
        // The minute of such a tick ends by then.
        return time.saturating_add(UnixNanos::PER_MINUTE);
    }
    let session = calendar.session_at(time).ok().flatten();
    let bar = session.and_then(|session| session.bar(timeframe, time));
    bar.map_or_else(|| next(time), |(_, end)| end)
}

/// How many segments to read at once for `number`, given the one read before and its size.
fn read_ahead(last: Option<(u64, usize)>, number: u64) -> u64 {
    match last {
        Some((before, bytes)) if before.saturating_sub(number) <= APART_MAX => {
            let segments = READ_AHEAD_BYTES / bytes.max(1);
            (segments as u64).clamp(1, SEGMENTS_PER_READ_MAX)
        }
        _ => 1,
    }
}

/// A position, if it is one of this log.
fn read_position(text: &str, epoch: &str) -> Option<Offset> {
    let (of, offset) = text.rsplit_once(':')?;
    (of == epoch).then_some(())?;
    offset.parse().ok().map(Offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_are_dense_are_read_many_segments_at_a_time() {
        let check =
            |last, number, expected| assert_eq!(read_ahead(last, number), expected, "{last:?} {number}");
        check(None, 9, 1);
        check(Some((10, 1_024)), 9, 64);
        check(Some((10, 128 * 1_024)), 9, 4);
        check(Some((10, 0)), 6, 64);
        check(Some((10, 1_024)), 5, 1);
        check(Some((10, 9 * 1_024 * 1_024)), 9, 1);
    }

    #[test]
    fn a_position_is_of_one_log() {
        assert_eq!(read_position("ab12:65537", "ab12"), Some(Offset::new(1, 1)));
        for other in ["ab13:65537", "65537", "ab12:", "ab12:-1", "ab12:x", ""] {
            assert_eq!(read_position(other, "ab12"), None, "{other}");
        }
    }

    #[test]
    fn what_lies_behind_a_time() {
        let at = |text: &str| UnixNanos::try_from(text.parse::<jiff::Timestamp>().unwrap()).unwrap();
        let check = |timeframe: &str, time: &str, expected: &str| {
            let end = end_behind(Calendar::UsEquities, timeframe.parse().unwrap(), at(time));
            assert_eq!(end, at(expected), "{timeframe} {time}");
        };
        // From 14:30 to 21:00.
        check("5m", "2026-11-18T15:00:00Z", "2026-11-18T15:05:00Z");
        check("5m", "2026-11-18T15:04:59Z", "2026-11-18T15:05:00Z");
        check("1d", "2026-11-18T15:04:59Z", "2026-11-18T21:00:00Z");
        check("1h", "2026-11-18T21:00:00Z", "2026-11-18T21:00:00.000000001Z");
        check("tick", "2026-11-18T15:00:00Z", "2026-11-18T15:01:00Z");
    }
}
