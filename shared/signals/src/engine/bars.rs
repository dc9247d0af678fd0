//! Bars by the time: closed when it has come, corrected by ticks that come late, settled
//! when none corrects them any longer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tickwire_market::{Bar, InstrumentKey, Timeframe, UnixNanos};

use super::{ClosedBar, Engine, Fold, Folded, LATENESS_NANOS};
use crate::graph::{GraphInput, Place};
use crate::instrument::is_stored;
use crate::value::SignalValue;

/// How long after its end (and the lateness) a late tick corrects a minute, and the longer bars
/// that it is in.
pub const CORRECTABLE_NANOS: i64 = UnixNanos::PER_MINUTE;
/// Bars that end within it of each other would make a correction of one that is not its
/// stream's newest. None is shorter than a minute.
const _: () = assert!(CORRECTABLE_NANOS <= UnixNanos::PER_MINUTE);
/// The first engine that corrects bars, and takes a bar's ticks in the order of the exchange's times.
const CORRECTS_SINCE: u32 = 5;

impl Engine {
    pub(super) fn fold_clock(&mut self, time: UnixNanos, fold: &mut Fold) -> Folded {
        // A clock that closes nothing leaves no trace: it is not in the log, so
        // it must not move the watermark either.
        if self.next_end.is_none_or(|end| time < end) {
            return Folded::Unchanged;
        }
        fold.receive_time = time.saturating_add(LATENESS_NANOS);
        self.advance(time, fold);
        Folded::Changed
    }

    /// By when bars are settled that end then.
    pub(super) fn settled(&self, fold: &Fold) -> UnixNanos {
        let watermark = self.header.watermark.unwrap_or(UnixNanos(i64::MIN));
        match fold.engine_version >= CORRECTS_SINCE {
            true => watermark.saturating_add(-CORRECTABLE_NANOS),
            false => watermark,
        }
    }

    /// Raises the watermark and closes what is due, earliest end first, then by instrument.
    pub(super) fn advance(&mut self, to: UnixNanos, fold: &mut Fold) {
        if self.header.watermark.is_some_and(|watermark| watermark >= to) {
            return;
        }
        let before = self.header.watermark.replace(to);
        if self.next_end.is_none_or(|end| to < end) {
            return;
        }
        let closed_before = before.unwrap_or(UnixNanos(i64::MIN));
        let mut open = BinaryHeap::new();
        for (index, instrument) in self.instruments.iter().enumerate() {
            open.extend(
                instrument
                    .ends(closed_before)
                    .map(|(end, timeframe)| Reverse((end, timeframe, index as u32))),
            );
        }
        // Bars that end at one time are all closed before anything is computed on them.
        let mut closing: Vec<(Place, GraphInput)> = Vec::new();
        let mut closed: Vec<u32> = Vec::new();
        let mut last_end = None;
        self.next_end = None;
        while let Some(Reverse((end, timeframe, index))) = open.pop() {
            if last_end.replace(end) != Some(end) {
                self.compute(&mut closing, fold);
            }
            if end > to {
                self.next_end = Some(end);
                break;
            }
            let instrument = &mut self.instruments[index as usize];
            if let Some(close) = instrument.close(timeframe, end) {
                // A minute opens longer bars, which may be due at once.
                open.extend(
                    close
                        .opened
                        .iter()
                        .map(|(end, timeframe)| Reverse((*end, *timeframe, index))),
                );
                self.dirty[index as usize] = true;
                self.header.counters.bars += 1;
                if let Some(bar) = close.stored {
                    let key = instrument.known.key.clone();
                    fold.bars.push(ClosedBar {
                        instrument: key,
                        timeframe,
                        bar,
                    });
                }
                let place = Place::bars(index, timeframe);
                closing.push((place, close.input));
                closed.push(index);
            }
        }
        self.compute(&mut closing, fold);
        let settled = self.settled(fold);
        for index in closed {
            self.instruments[index as usize].settle(settled);
        }
    }

    /// Computes on bars that end at one time, and tells of them: by length, then by instrument.
    fn compute(&mut self, closing: &mut Vec<(Place, GraphInput)>, fold: &mut Fold) {
        self.graph.close(closing);
        for (place, input) in closing.drain(..) {
            self.emit_all(place, &input.bar, fold);
        }
    }

    /// Tells of the closed bars that a late tick has changed, and has them stored. What was
    /// computed on them stands.
    pub(super) fn correct(&mut self, index: u32, minute: UnixNanos, fold: &mut Fold) {
        let watermark = self.header.watermark.unwrap_or(UnixNanos(i64::MIN));
        let instrument = &mut self.instruments[index as usize];
        let corrected = instrument.corrected(minute, watermark);
        if let Some((end, _)) = instrument.ends(watermark).min() {
            self.expect_end(end);
        }
        for (timeframe, bar) in corrected {
            self.correct_bar(index, timeframe, bar, fold);
        }
    }

    fn correct_bar(&mut self, index: u32, timeframe: Timeframe, bar: Bar, fold: &mut Fold) {
        let instrument = &self.instruments[index as usize];
        if is_stored(timeframe) {
            let closed = ClosedBar {
                instrument: instrument.known.key.clone(),
                timeframe,
                bar,
            };
            let before = |other: &&mut ClosedBar| {
                (&other.instrument, other.timeframe, other.bar.end)
                    == (&closed.instrument, timeframe, bar.end)
            };
            // A block has no bar twice.
            match fold.bars.iter_mut().rev().find(before) {
                Some(stored) => *stored = closed,
                None => fold.bars.push(closed),
            }
        }
        let stream = instrument.frame_of(timeframe).and_then(|frame| frame.bars_stream);
        if let Some(stream) = stream {
            let told = instrument.in_shares_of_today(&bar);
            let mock = instrument.known.mock;
            self.emit(stream, bar.end, mock, SignalValue::CorrectedBar(told), fold);
        }
    }

    /// When the first of an instrument's minutes begins that are closed and may still be
    /// corrected. The engine holds them and all later ones; longer bars that are forming are
    /// seeded with those before.
    pub fn unsettled(&self, instrument: &InstrumentKey) -> Option<UnixNanos> {
        let index = self.by_key.get(instrument)?;
        self.instruments[*index as usize].unsettled(self.header.watermark?)
    }

    /// A bar ends then.
    pub(super) fn expect_end(&mut self, end: UnixNanos) {
        self.next_end = Some(self.next_end.map_or(end, |next| next.min(end)));
    }

    pub(crate) fn earliest_end(&self) -> Option<UnixNanos> {
        let watermark = self.header.watermark.unwrap_or(UnixNanos(i64::MIN));
        self.instruments
            .iter()
            .flat_map(|instrument| instrument.ends(watermark).map(|(end, _)| end))
            .min()
    }
}
