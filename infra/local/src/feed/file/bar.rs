//! How long the bars of a file are, and the ticks that a bar becomes.

use std::time::Duration;

use tickwire_market::{Bar, Tick, Timeframe, UnixNanos};

/// How long before the end of a bar its last tick is. A millisecond, since
/// much of what reads ticks rounds to one, and must not round into the next bar.
const BEFORE_END_NANOS: i64 = UnixNanos::PER_MILLISECOND;
/// A day of the clock.
pub(super) const DAY_NANOS: i64 = 24 * 60 * UnixNanos::PER_MINUTE;

/// How long the bars of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BarLength {
    /// So many nanoseconds from the row's time.
    Nanos(i64),
    /// The exchange's session of the row's day.
    Session,
}

impl BarLength {
    /// The timeframe that it is, if it is one.
    pub(super) fn timeframe(self) -> Option<Timeframe> {
        match self {
            Self::Session => Some(Timeframe::DAY),
            Self::Nanos(nanos) if nanos % UnixNanos::PER_MINUTE == 0 => {
                let minutes = u16::try_from(nanos / UnixNanos::PER_MINUTE).ok()?;
                Timeframe::minutes(minutes).ok()
            }
            Self::Nanos(_) => None,
        }
    }

    /// As a span of time; a session counts as a day.
    pub(super) fn duration(self) -> Duration {
        match self {
            Self::Session => Duration::from_nanos(DAY_NANOS.unsigned_abs()),
            Self::Nanos(nanos) => Duration::from_nanos(nanos.unsigned_abs()),
        }
    }
}

/// A bar as four ticks: the open at the start, then the lowest and the highest
/// price at one and two thirds, in the order that makes the shorter path (the
/// low first if the bar does not fall, else the high first), then the close a
/// millisecond before the end.
pub(super) fn ticks_of(bar: &Bar, blank: &Tick) -> [Tick; 4] {
    let (second, third) = if bar.close >= bar.open {
        (bar.low, bar.high)
    } else {
        (bar.high, bar.low)
    };
    let length = bar.end.nanos_since(bar.start);
    let last = (length - BEFORE_END_NANOS).max(length / 3 * 2);
    let sizes = bar.volume.map(quarters);
    let tick = |at: usize, price: f64, after: i64| {
        let time = bar.start.saturating_add(after);
        let size = sizes.and_then(|sizes| sizes.get(at).copied());
        // Known only at the bar's end.
        let open_interest = bar.open_interest.filter(|_| at == 3);
        Tick {
            exchange_time: time,
            receive_time: time,
            price,
            size,
            open_interest,
            ..blank.clone()
        }
    };
    [
        tick(0, bar.open, 0),
        tick(1, second, length / 3),
        tick(2, third, length / 3 * 2),
        tick(3, bar.close, last),
    ]
}

/// A volume in four sizes whose sum, in order, is the volume exactly: quarters
/// (whole ones of a whole volume), and the remainder last.
fn quarters(volume: f64) -> [f64; 4] {
    let quarter = if volume.fract() == 0.0 {
        (volume / 4.0).floor()
    } else {
        volume / 4.0
    };
    // At least half of the volume and at most all of it (or 0): the difference is exact.
    let three = quarter + quarter + quarter;
    [quarter, quarter, quarter, volume - three]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tickwire_market::InstrumentKey;

    use super::*;

    fn bar(open: f64, high: f64, low: f64, close: f64) -> Vec<(i64, f64, Option<f64>)> {
        let start = UnixNanos(0);
        let end = UnixNanos(UnixNanos::PER_MINUTE);
        let bar = Bar {
            start,
            end,
            open,
            high,
            low,
            close,
            volume: Some(10.0),
            open_interest: None,
            ticks: 4,
        };
        let blank = Tick::at(InstrumentKey::parse("NYSE@A@EQ").unwrap(), start, 0.0);
        ticks_of(&bar, &blank)
            .iter()
            .map(|tick| (tick.exchange_time.millis(), tick.price, tick.size))
            .collect()
    }

    #[test]
    fn bars_take_the_shorter_path() {
        let check = |[open, high, low, close]: [f64; 4], expected: [f64; 4]| {
            let sizes = [2.0, 2.0, 2.0, 4.0];
            let times = [0, 20_000, 40_000, 59_999];
            let expected: Vec<_> = (0..4)
                .map(|at| (times[at], expected[at], Some(sizes[at])))
                .collect();
            assert_eq!(bar(open, high, low, close), expected);
        };
        check([2.0, 5.0, 1.0, 4.0], [2.0, 1.0, 5.0, 4.0]);
        check([4.0, 5.0, 1.0, 2.0], [4.0, 5.0, 1.0, 2.0]);
        check([3.0, 5.0, 1.0, 3.0], [3.0, 1.0, 5.0, 3.0]);
    }

    proptest! {
        #[test]
        fn sizes_sum_to_the_volume(volume in prop_oneof![0.0..1e15f64, (0u64..1 << 53).prop_map(|v| v as f64), 0.0..10.0f64]) {
            let [a, b, c, d] = quarters(volume);
            prop_assert_eq!(0.0 + a + b + c + d, volume);
            prop_assert!([a, b, c, d].iter().all(|size| *size >= 0.0));
        }
    }
}
