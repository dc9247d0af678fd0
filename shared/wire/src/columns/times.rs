use serde::{Deserialize, Serialize};

use super::{Integers, IntegersReader};

/// Times in nanoseconds, told from the time before or from another time of the
/// same row, whichever takes fewer bytes. What unit they are whole multiples
/// of need not be known: differences have it as their common step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Times {
    /// The first, then each less the one before.
    After { first: i64, gaps: Integers },
    /// Each less the time beside it.
    Beside(Integers),
}

impl Default for Times {
    fn default() -> Self {
        Self::Beside(Integers::default())
    }
}

impl Times {
    /// Told from the time before only.
    pub(crate) fn after(times: &[i64]) -> Self {
        let Some(&first) = times.first() else {
            return Self::default();
        };
        let gaps: Vec<i64> = times
            .windows(2)
            .map(|pair| pair[1].wrapping_sub(pair[0]))
            .collect();
        Self::After {
            first,
            gaps: Integers::pack(&gaps),
        }
    }

    /// `beside` has one time for each of `times`.
    pub(crate) fn pack(times: &[i64], beside: &[i64]) -> Self {
        let less: Vec<i64> = times
            .iter()
            .zip(beside)
            .map(|(time, beside)| time.wrapping_sub(*beside))
            .collect();
        let less = Integers::pack(&less);
        if less.bytes() == 0 {
            return Self::Beside(less);
        }
        match Self::after(times) {
            // The first takes as much as several differences.
            Self::After { first, gaps } if gaps.bytes() + size_of::<i64>() < less.bytes() => {
                Self::After { first, gaps }
            }
            _ => Self::Beside(less),
        }
    }

    pub(crate) fn reader(&self) -> TimesReader<'_> {
        let (told, differences) = match self {
            Self::After { first, gaps } => (Told::First(*first), gaps),
            Self::Beside(differences) => (Told::Beside, differences),
        };
        TimesReader {
            told,
            differences: differences.reader(),
        }
    }
}

/// Gives one time after the other.
pub(crate) struct TimesReader<'a> {
    told: Told,
    differences: IntegersReader<'a>,
}

/// From what the next time is told.
enum Told {
    First(i64),
    After(i64),
    Beside,
}

impl TimesReader<'_> {
    /// `beside` is the time that the column was packed with at this row.
    pub(crate) fn next(&mut self, beside: i64) -> Option<i64> {
        let from = match self.told {
            Told::First(first) => {
                self.told = Told::After(first);
                return Some(first);
            }
            Told::After(last) => last,
            Told::Beside => beside,
        };
        let time = from.wrapping_add(self.differences.next()?);
        if let Told::After(last) = &mut self.told {
            *last = time;
        }
        Some(time)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_smaller_way_is_taken() {
        let check = |times: &[i64], beside: &[i64], expected: &Times| {
            assert_eq!(Times::pack(times, beside), *expected, "{times:?} {beside:?}");
        };
        check(&[], &[], &Times::default());
        check(&[7, 9], &[7, 9], &Times::Beside(Integers::Same(0)));
        // A thousand to the second, beside times that lie days apart.
        let times: Vec<i64> = (0..20).map(|at| at * 1_000_000).collect();
        let days: Vec<i64> = (0..20).map(|at| at * at % 7 * 86_400_000_000_001).collect();
        check(
            &times,
            &days,
            &Times::After {
                first: 0,
                gaps: Integers::Same(1_000_000),
            },
        );
    }

    proptest! {
        #[test]
        fn any_times_come_back(rows in prop::collection::vec(
            (any::<i64>(), prop_oneof![any::<i64>(), Just(0)]), 0..30
        )) {
            let (times, beside): (Vec<i64>, Vec<i64>) = rows.into_iter().unzip();
            for packed in [Times::pack(&times, &beside), Times::after(&times)] {
                let mut reader = packed.reader();
                let read: Option<Vec<i64>> = beside.iter().map(|beside| reader.next(*beside)).collect();
                prop_assert_eq!(read.as_ref(), Some(&times));
            }
        }
    }
}
