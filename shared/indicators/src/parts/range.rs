//! Ranges of bars, and places within them.

use crate::lane::Lane;
use crate::smoothing::Smoothing;
use crate::state::state;
use crate::window::{Highest, Lag, Lowest, Previous, Recent};

state! {
    /// The true range: from the second bar on.
    TrueRange<L> { close: Previous<L> }
}

impl<L: Lane> TrueRange<L> {
    pub(crate) fn new() -> Self {
        Self {
            close: Previous::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L, close: L) -> Option<L> {
        let previous = self.close.push(close)?;
        Some(
            (high - low)
                .max((high - previous).abs())
                .max((low - previous).abs()),
        )
    }
}

state! {
    /// The greatest and the least of the last values.
    Range<L> { highest: Highest<L>, lowest: Lowest<L> }
}

impl<L: Lane> Range<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            highest: Highest::new(period),
            lowest: Lowest::new(period),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L) -> Option<(L, L)> {
        let high = self.highest.push(high);
        let low = self.lowest.push(low);
        Some((high?.value(), low?.value()))
    }
}

state! {
    /// Wilder's average of the true range.
    AverageRange<L> { range: TrueRange<L>, average: Smoothing<L> }
}

impl<L: Lane> AverageRange<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            range: TrueRange::new(),
            average: Smoothing::wilder(period),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L, close: L) -> Option<L> {
        let range = self.range.next(high, low, close)?;
        self.average.next(range)
    }
}

state! {
    /// The place of the close within the range of the last bars, in percent; 0 in a flat
    /// window.
    Stochastic<L> { range: Range<L> }
}

impl<L: Lane> Stochastic<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            range: Range::new(period),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L, close: L) -> Option<L> {
        let (highest, lowest) = self.range.next(high, low)?;
        let range = highest - lowest;
        let place = ((close - lowest) / range).scale(100.0);
        // What differs by rounding alone is flat.
        let noise = (highest.abs() + lowest.abs()).scale(1e-14);
        Some(place.zip3(
            range,
            noise,
            |place, range, noise| {
                if range <= noise { 0.0 } else { place }
            },
        ))
    }
}

state! {
    /// How recent the highest high and the lowest low are: 100 now, 0 a period ago.
    Ages<L> { period: f64; highs: Recent<L>, lows: Recent<L> }
}

impl<L: Lane> Ages<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            period: f64::from(period),
            highs: Recent::new(period + 1),
            lows: Recent::new(period + 1),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L) -> Option<(L, L)> {
        let highs = self.highs.push(high);
        let lows = self.lows.push(low);
        let up = newest(highs?, |value, best| value >= best);
        let down = newest(lows?, |value, best| value <= best);
        Some((up.scale(100.0 / self.period), down.scale(100.0 / self.period)))
    }
}

/// The place, from the oldest, of the newest value that is at least as good as any.
#[inline(always)]
fn newest<L: Lane>(window: &Lag<L>, better: impl Fn(f64, f64) -> bool + Copy) -> L {
    let (mut best, mut place) = (None, L::zero());
    for (at, value) in window.iter().enumerate() {
        let old = best.unwrap_or(value);
        place = value.zip3(
            old,
            place,
            |value, best, place| {
                if better(value, best) { at as f64 } else { place }
            },
        );
        best = Some(value.zip(old, |value, best| if better(value, best) { value } else { best }));
    }
    place
}
