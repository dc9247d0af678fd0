//! Volume: what was traded at what price, since when.

use crate::lane::Lane;
use crate::state::state;
use crate::window::Previous;

state! {
    /// The mean price of what was traded so far.
    TradedMean<L> { price: L, volume: L }
}

impl<L: Lane> TradedMean<L> {
    pub(crate) fn new() -> Self {
        Self {
            price: L::zero(),
            volume: L::zero(),
        }
    }

    /// Moves the mean by the new volume's share, which keeps a flat price flat to the
    /// bit, and does not lose small prices in large sums. Absent before anything was
    /// traded.
    #[inline(always)]
    pub(crate) fn next(&mut self, price: L, volume: L) -> L {
        self.volume = self.volume + volume;
        self.price = self.price + (price - self.price) * volume.over(self.volume);
        self.price.zip(
            self.volume,
            |price, volume| {
                if volume == 0.0 { f64::NAN } else { price }
            },
        )
    }
}

/// Weeks from Monday, counted from the week of 1970-01-01, of a day counted from then.
pub(crate) fn week(day: f64) -> f64 {
    ((day + 3.0) / 7.0).floor()
}

/// Months counted from 0000-03 of a day counted from 1970-01-01 (Hinnant's
/// `civil_from_days`).
pub(crate) fn month(day: f64) -> f64 {
    let day = day + 719_468.0;
    let era = (day / 146_097.0).floor();
    let of_era = day - era * 146_097.0;
    let year = ((of_era - (of_era / 1_460.0).floor() + (of_era / 36_524.0).floor()
        - (of_era / 146_096.0).floor())
        / 365.0)
        .floor();
    let of_year = of_era - (365.0 * year + (year / 4.0).floor() - (year / 100.0).floor());
    (era * 400.0 + year) * 12.0 + ((5.0 * of_year + 2.0) / 153.0).floor()
}

/// Chaikin's money flow of a bar; 0 without range.
#[inline(always)]
pub(crate) fn money_flow<L: Lane>(high: L, low: L, close: L, volume: L) -> L {
    ((close - low) - (high - close)).over(high - low) * volume
}

/// `next` where it is within what an input may be, else `old`: so that nothing runs
/// away.
#[inline(always)]
pub(crate) fn bounded<L: Lane>(next: L, old: L) -> L {
    next.zip(old, |next, old| if next.abs() <= RUNAWAY { next } else { old })
}

/// Beyond this a cumulative value stays where it is.
const RUNAWAY: f64 = 1e200;

state! {
    /// Grows from 1000 as a price does, on some bars.
    VolumeIndex<L> { previous: Previous<L>, volume: Previous<L>, value: L }
}

impl<L: Lane> VolumeIndex<L> {
    pub(crate) fn new() -> Self {
        Self {
            previous: Previous::new(),
            volume: Previous::new(),
            value: L::splat(1000.0),
        }
    }

    /// Grows where `counts` says so of the volume and that of the bar before.
    #[inline(always)]
    pub(crate) fn next(&mut self, x: L, volume: L, counts: impl Fn(f64, f64) -> bool) -> L {
        if let Some((before, less)) = self.previous.push(x).zip(self.volume.push(volume)) {
            let growth =
                (x - before).over(before).zip3(
                    volume,
                    less,
                    |growth, volume, less| {
                        if counts(volume, less) { growth } else { 0.0 }
                    },
                );
            self.value = bounded(self.value + growth * self.value, self.value);
        }
        self.value
    }
}
