//! Pages of bars: what the blocks of past days are compacted into, and history goes into.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tickwire_market::{Bar, UnixNanos};

use crate::binary::Shape;
use crate::columns::{Integers, Runs, Times};
use crate::segment::Bars;

/// Where a bar comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BarOrigin {
    /// The log closed it.
    Log,
    /// It was told of a time of which the log has no such bar.
    History,
}

/// Bars of one instrument and timeframe, a day of minutes or a year of days.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarPage {
    /// Ascending by end, one an end.
    pub bars: Vec<(Bar, BarOrigin)>,
}

impl Shape for BarPage {
    const NAME: &'static str = "a page of bars";
    const VERSION: u8 = 1;
}

/// As it is written, a column a field.
#[derive(Serialize, Deserialize)]
struct StoredPage {
    /// Of all bars.
    first_end: UnixNanos,
    /// The one column that knows how many bars there are.
    origin: Runs<BarOrigin>,
    bars: Bars,
}

impl Serialize for BarPage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bars: Vec<Bar> = self.bars.iter().map(|(bar, _)| *bar).collect();
        let first_end = bars.first().map_or(UnixNanos(0), |bar| bar.end);
        let mut origin = Runs::default();
        self.bars.iter().for_each(|(_, from)| origin.push(*from));
        StoredPage {
            first_end,
            origin,
            bars: Bars::pack(&bars, &vec![first_end.0; bars.len()]),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for BarPage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StoredPage {
            first_end,
            origin,
            bars,
        } = StoredPage::deserialize(deserializer)?;
        let mut next = bars.reader();
        let bars: Option<_> = origin
            .reader()
            .map(|from| Some((next(first_end.0)?, from)))
            .collect();
        let bars = bars.ok_or_else(|| D::Error::custom("a column ends early"))?;
        Ok(Self { bars })
    }
}

/// Names of blocks whose bars are in pages now: when the first bar of each ended, and its
/// number. From them is known still where a time lies in the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlockNames {
    /// Ascending.
    pub names: Vec<(UnixNanos, u64)>,
}

impl Shape for BlockNames {
    const NAME: &'static str = "names of blocks of bars";
    const VERSION: u8 = 1;
}

#[derive(Serialize, Deserialize)]
struct StoredNames {
    count: u32,
    ends: Times,
    /// The first, then each less the one before.
    numbers: Integers,
}

impl Serialize for BlockNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ends: Vec<i64> = self.names.iter().map(|(end, _)| end.0).collect();
        let mut before = 0_u64;
        let numbers: Vec<i64> = self
            .names
            .iter()
            .map(|(_, number)| number.wrapping_sub(std::mem::replace(&mut before, *number)) as i64)
            .collect();
        StoredNames {
            count: u32::try_from(ends.len()).map_err(serde::ser::Error::custom)?,
            ends: Times::after(&ends),
            numbers: Integers::pack(&numbers),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for BlockNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StoredNames { count, ends, numbers } = StoredNames::deserialize(deserializer)?;
        let (mut ends, mut numbers) = (ends.reader(), numbers.reader());
        let mut before = 0_u64;
        let mut names = Vec::new();
        for _ in 0..count {
            let (Some(end), Some(less)) = (ends.next(0), numbers.next()) else {
                return Err(D::Error::custom("a column ends early"));
            };
            before = before.wrapping_add(less as u64);
            names.push((UnixNanos(end), before));
        }
        Ok(Self { names })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::binary::{decode, encode};

    fn minute(at: i64, price: f64, from: BarOrigin) -> (Bar, BarOrigin) {
        let start = UnixNanos(1_790_000_000_000_000_000 + at * UnixNanos::PER_MINUTE);
        let bar = Bar {
            start,
            end: start.saturating_add(UnixNanos::PER_MINUTE),
            open: price,
            high: price + 0.5,
            low: price - 0.25,
            close: price + 0.25,
            volume: Some(100.0 + at as f64),
            open_interest: None,
            ticks: 4,
        };
        (bar, from)
    }

    #[test]
    fn a_day_of_minutes_is_small() {
        // Prices in steps of a twentieth, as they are quoted.
        let price = |at: i64| 24_000.0 + (at * 7_919 % 400) as f64 * 0.05;
        let bars = (0..375).map(|at| minute(at, price(at), BarOrigin::Log)).collect();
        let bytes = encode(&BarPage { bars }).unwrap().len();
        assert!(bytes < 375 * 12, "{bytes} bytes");
    }

    proptest! {
        #[test]
        fn pages_come_back(rows in prop::collection::vec((0.5..1e6f64, any::<bool>()), 0..60)) {
            let origin = |log: bool| if log { BarOrigin::Log } else { BarOrigin::History };
            let bars = (0..).zip(rows).map(|(at, (price, log))| minute(at, price, origin(log))).collect();
            let page = BarPage { bars };
            prop_assert_eq!(&decode::<BarPage>(&encode(&page).unwrap()).unwrap(), &page);
        }

        #[test]
        fn names_come_back(names in prop::collection::vec((any::<i64>(), any::<u64>()), 0..60)) {
            let names = names.into_iter().map(|(end, number)| (UnixNanos(end), number)).collect();
            let names = BlockNames { names };
            prop_assert_eq!(&decode::<BlockNames>(&encode(&names).unwrap()).unwrap(), &names);
        }
    }
}
