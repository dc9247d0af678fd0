//! Traded quantity from cumulative volume.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::tick::is_quantity;

/// What one instrument's ticks say about quantity traded: turns the
/// cumulative volume of a session into the quantity since the tick before.
///
/// Rules, in order:
/// 1. A tick of an earlier session day than the last adds nothing known.
/// 2. Without a cumulative volume, the tick's size is the quantity.
/// 3. The first cumulative volume of a new session day is all new: the
///    exchange counts from 0 each session.
/// 4. The very first cumulative volume says only where to count from, since
///    the feed may have joined mid-session; the quantity is the tick's size.
/// 5. A fall below [`RESTART_FRACTION`](Self::RESTART_FRACTION) of the highest
///    volume so far is a counter that restarted from 0.
/// 6. A smaller fall is a late tick or a correction: its quantity was counted
///    before, so it adds 0 and the highest volume stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TradedVolume {
    day: Option<Date>,
    counted: Option<f64>,
}

impl TradedVolume {
    /// A cumulative volume below this share of the one before has restarted.
    pub const RESTART_FRACTION: f64 = 0.5;

    /// The quantity that the next tick adds, absent when it does not tell.
    /// `day` is the session day of the tick's exchange time. Values that are
    /// negative or not finite count as absent.
    pub fn next(&mut self, day: Date, cumulative: Option<f64>, size: Option<f64>) -> Option<f64> {
        let cumulative = cumulative.filter(|value| is_quantity(*value));
        let size = size.filter(|value| is_quantity(*value));
        if self.day.is_some_and(|last| day < last) {
            return None;
        }
        if self.day.is_some_and(|last| day > last) {
            self.counted = self.counted.map(|_| 0.0);
        }
        self.day = Some(day);
        let Some(cumulative) = cumulative else {
            // Counted here, it must not be counted again by the next difference.
            if let (Some(counted), Some(size)) = (self.counted.as_mut(), size) {
                *counted += size;
            }
            return size;
        };
        let Some(counted) = self.counted.replace(cumulative) else {
            return size;
        };
        if cumulative >= counted {
            Some(cumulative - counted)
        } else if cumulative < counted * Self::RESTART_FRACTION {
            Some(cumulative)
        } else {
            self.counted = Some(counted);
            Some(0.0)
        }
    }

    /// The quantity that a tick adds that is older than one before it: as [`next`](Self::next),
    /// but that a cumulative volume below the highest never restarts: it was counted with a
    /// later tick, and adds 0. A size alone counts on an earlier day too.
    pub fn late(&mut self, day: Date, cumulative: Option<f64>, size: Option<f64>) -> Option<f64> {
        let told = cumulative.filter(|value| is_quantity(*value));
        match (told, self.counted) {
            (Some(told), Some(counted)) if self.day == Some(day) && told < counted => Some(0.0),
            (None, _) if self.day.is_some_and(|last| day < last) => size.filter(|size| is_quantity(*size)),
            _ => self.next(day, cumulative, size),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const TODAY: Date = date(2024, 7, 5);
    const TOMORROW: Date = date(2024, 7, 6);

    /// Day, cumulative volume, size; and the quantity expected.
    type Row = (Date, Option<f64>, Option<f64>, Option<f64>);

    /// Feeds the ticks and compares what each of them adds.
    fn check(ticks: &[Row]) {
        let mut volume = TradedVolume::default();
        for (at, (day, cumulative, size, expected)) in ticks.iter().enumerate() {
            assert_eq!(
                volume.next(*day, *cumulative, *size),
                *expected,
                "tick {at} of {ticks:?}"
            );
        }
    }

    #[test]
    fn differences_of_the_cumulative_volume() {
        check(&[
            // Joined mid-session: what was traded before is not the bar's.
            (TODAY, Some(1_000_000.0), None, None),
            (TODAY, Some(1_000_250.0), Some(25.0), Some(250.0)),
            (TODAY, Some(1_000_250.0), None, Some(0.0)),
            (TODAY, None, None, None),
            (TODAY, Some(1_000_300.0), None, Some(50.0)),
        ]);
    }

    #[test]
    fn the_first_tick_may_tell_its_size() {
        check(&[
            (TODAY, Some(1_000.0), Some(5.0), Some(5.0)),
            (TODAY, Some(1_010.0), Some(5.0), Some(10.0)),
        ]);
    }

    #[test]
    fn a_new_day_counts_from_0() {
        check(&[
            (TODAY, Some(1_000.0), None, None),
            (TOMORROW, Some(40.0), None, Some(40.0)),
            (TOMORROW, Some(5_000.0), None, Some(4_960.0)),
            // Late from the day before.
            (TODAY, Some(1_100.0), Some(3.0), None),
            (TOMORROW, Some(5_001.0), None, Some(1.0)),
        ]);
        // Also when the new day's volume is above the old one's.
        check(&[
            (TODAY, Some(1_000.0), None, None),
            (TOMORROW, Some(1_500.0), None, Some(1_500.0)),
        ]);
        check(&[
            (TODAY, Some(1_000.0), None, None),
            (TOMORROW, None, None, None),
            (TOMORROW, Some(7.0), None, Some(7.0)),
        ]);
    }

    #[test]
    fn a_late_tick_adds_nothing_twice() {
        check(&[
            (TODAY, Some(1_000.0), None, None),
            (TODAY, Some(1_200.0), None, Some(200.0)),
            (TODAY, Some(1_100.0), None, Some(0.0)),
            (TODAY, Some(1_300.0), None, Some(100.0)),
        ]);
    }

    #[test]
    fn an_older_tick_restarts_no_counter() {
        let mut volume = TradedVolume::default();
        volume.next(TODAY, Some(100.0), None);
        assert_eq!(volume.late(TODAY, Some(40.0), None), Some(0.0));
        assert_eq!(volume.next(TODAY, Some(110.0), None), Some(10.0));
        assert_eq!(
            volume.late(TODAY, Some(115.0), None),
            Some(5.0),
            "nothing newer told it"
        );
        assert_eq!(volume.late(TODAY, None, Some(3.0)), Some(3.0));
        volume.next(TOMORROW, Some(7.0), None);
        assert_eq!(volume.late(TODAY, Some(120.0), Some(3.0)), None);
        assert_eq!(volume.late(TODAY, None, Some(3.0)), Some(3.0));
        assert_eq!(volume.next(TOMORROW, Some(9.0), None), Some(2.0));
    }

    #[test]
    fn a_restarted_counter_counts_from_0() {
        check(&[
            (TODAY, Some(1_000.0), None, None),
            (TODAY, Some(100.0), None, Some(100.0)),
            (TODAY, Some(150.0), None, Some(50.0)),
        ]);
    }

    #[test]
    fn sizes_stand_in() {
        check(&[
            (TODAY, None, Some(3.0), Some(3.0)),
            (TODAY, None, None, None),
            (TOMORROW, None, Some(4.0), Some(4.0)),
        ]);
        // Mixed: a size told in between is inside the next difference.
        check(&[
            (TODAY, Some(1_000.0), None, None),
            (TODAY, None, Some(30.0), Some(30.0)),
            (TODAY, Some(1_100.0), None, Some(70.0)),
        ]);
    }

    #[test]
    fn nonsense_is_absent() {
        check(&[
            (TODAY, Some(f64::NAN), Some(-1.0), None),
            (TODAY, Some(-5.0), Some(f64::INFINITY), None),
            (TODAY, Some(10.0), None, None),
            (TODAY, Some(12.0), None, Some(2.0)),
        ]);
    }

    proptest! {
        #[test]
        fn differences_sum_to_the_whole(steps in proptest::collection::vec(0u32..1_000_000, 1..50)) {
            let mut volume = TradedVolume::default();
            let mut cumulative = 1e9;
            volume.next(TODAY, Some(cumulative), None);
            let mut sum = 0.0;
            for step in steps {
                cumulative += f64::from(step);
                sum += volume.next(TODAY, Some(cumulative), None).unwrap();
                let bytes = postcard::to_allocvec(&volume).unwrap();
                volume = postcard::from_bytes(&bytes).unwrap();
            }
            prop_assert_eq!(sum, cumulative - 1e9);
        }

        #[test]
        fn never_negative(ticks in proptest::collection::vec((0i8..3, proptest::option::of(0.0..1e9f64), proptest::option::of(0.0..1e3f64)), 1..50)) {
            let mut volume = TradedVolume::default();
            for (day, cumulative, size) in ticks {
                let traded = volume.next(date(2024, 7, 1 + day), cumulative, size);
                prop_assert!(traded.is_none_or(|traded| traded >= 0.0));
            }
        }
    }
}
