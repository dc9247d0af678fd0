//! The closed bars that the signals of a segment carry, a column a field.

use serde::{Deserialize, Serialize};
use tickwire_market::{Bar, UnixNanos};

use crate::columns::{Integers, Numbers, Prices, Runs, Times, field};

/// Bars, each with the exchange time of the event that closed it beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bars {
    end: Times,
    /// End less start.
    length: Integers,
    /// The close with open, high and low.
    prices: Prices,
    /// Whether the bar has volume and open interest.
    has: Runs<(bool, bool)>,
    volume: Numbers,
    open_interest: Numbers,
    ticks: Integers,
}

impl Bars {
    /// `caused` has the time of each bar's cause.
    pub(crate) fn pack(bars: &[Bar], caused: &[i64]) -> Self {
        let times: Vec<i64> = bars.iter().map(|bar| bar.end.0).collect();
        let lengths: Vec<i64> = bars
            .iter()
            .map(|bar| bar.end.0.wrapping_sub(bar.start.0))
            .collect();
        let prices: Vec<_> = bars
            .iter()
            .map(|bar| (bar.close, [bar.open, bar.high, bar.low].map(Some)))
            .collect();
        let mut has = Runs::default();
        bars.iter()
            .for_each(|bar| has.push((bar.volume.is_some(), bar.open_interest.is_some())));
        let told = |field: fn(&Bar) -> Option<f64>| {
            Numbers::pack(&bars.iter().filter_map(field).collect::<Vec<_>>())
        };
        let ticks: Vec<i64> = bars.iter().map(|bar| i64::from(bar.ticks)).collect();
        Self {
            end: Times::pack(&times, caused),
            length: Integers::pack(&lengths),
            prices: Prices::pack(&prices),
            has,
            volume: told(|bar| bar.volume),
            open_interest: told(|bar| bar.open_interest),
            ticks: Integers::pack(&ticks),
        }
    }

    /// Gives one bar after the other, each for the time of its cause.
    pub(crate) fn reader(&self) -> impl FnMut(i64) -> Option<Bar> + '_ {
        let (mut end, mut length) = (self.end.reader(), self.length.reader());
        let (mut prices, mut has) = (self.prices.reader(), self.has.reader());
        let (mut volume, mut open_interest) = (self.volume.reader(), self.open_interest.reader());
        let mut ticks = self.ticks.reader();
        move |caused| {
            let end = end.next(caused)?;
            let (has_volume, has_open_interest) = has.next()?;
            Some(Bar {
                start: UnixNanos(end.wrapping_sub(length.next()?)),
                end: UnixNanos(end),
                close: prices.next()?,
                open: prices.other(0)?,
                high: prices.other(1)?,
                low: prices.other(2)?,
                volume: field(has_volume, &mut volume)?,
                open_interest: field(has_open_interest, &mut open_interest)?,
                ticks: u32::try_from(ticks.next()?).ok()?,
            })
        }
    }
}
