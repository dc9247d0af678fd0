//! What goes in: series of a bar, and what makes a bar usable.

use std::fmt;

use multiversion::multiversion;
use tickwire_market::Bar;

/// Greatest magnitude of an input. Beyond it squares and sums could overflow, so
/// it is refused as a non-finite value is.
pub const MAGNITUDE_MAX: f64 = 1e100;

/// A series of the bars. What a bar does not tell is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Series {
    /// First price.
    Open,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// Last price.
    Close,
    /// Quantity traded.
    Volume,
    /// (high + low) / 2.
    Hl2,
    /// (high + low + close) / 3.
    Hlc3,
    /// (open + high + low + close) / 4.
    Ohlc4,
    /// Open interest.
    OpenInterest,
    /// Best bid. Ticks tell it, bars do not.
    Bid,
    /// Best ask. Ticks tell it, bars do not.
    Ask,
}

impl Series {
    /// All of them, in the order of the documents.
    pub const ALL: [Self; 11] = [
        Self::Open,
        Self::High,
        Self::Low,
        Self::Close,
        Self::Volume,
        Self::Hl2,
        Self::Hlc3,
        Self::Ohlc4,
        Self::OpenInterest,
        Self::Bid,
        Self::Ask,
    ];

    /// Its name in an expression.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
            Self::Hl2 => "hl2",
            Self::Hlc3 => "hlc3",
            Self::Ohlc4 => "ohlc4",
            Self::OpenInterest => "oi",
            Self::Bid => "bid",
            Self::Ask => "ask",
        }
    }

    /// The series of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|series| series.name() == name)
    }

    /// Its value in a bar; absent when the bar does not tell.
    #[must_use]
    pub fn of(self, bar: &Bar) -> Option<f64> {
        let Bar {
            open,
            high,
            low,
            close,
            volume,
            open_interest,
            ..
        } = *bar;
        match self {
            Self::Open => Some(open),
            Self::High => Some(high),
            Self::Low => Some(low),
            Self::Close => Some(close),
            Self::Volume => volume,
            Self::Hl2 => Some((high + low) / 2.0),
            Self::Hlc3 => Some((high + low + close) / 3.0),
            Self::Ohlc4 => Some((open + high + low + close) / 4.0),
            Self::OpenInterest => open_interest,
            Self::Bid | Self::Ask => None,
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One input column of an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Any series or nested expression; `close` unless the expression names another.
    Chosen,
    /// Always this series of the bar.
    Fixed(Series),
    /// A whole number that grows from one session to the next (days since an epoch).
    SessionDay,
}

impl Input {
    /// Whether an expression may choose the series.
    #[must_use]
    pub fn is_selectable(self) -> bool {
        self == Self::Chosen
    }
}

/// False for NaN and the infinities too.
pub(crate) fn is_usable(value: f64) -> bool {
    value.abs() <= MAGNITUDE_MAX
}

/// Greatest bits of a number that is not negative and can be used: the order of such numbers
/// is that of their bits.
const BITS_MAX: u64 = MAGNITUDE_MAX.to_bits();

/// Whether a bar can be used: finite, at most [`MAGNITUDE_MAX`], consistent.
///
/// By the bits of one value after the other: compared as numbers they would be loaded two at a
/// time, and wait until what was written one by one has reached the cache.
#[inline(always)]
pub(crate) fn is_valid<const I: usize>(inputs: [Input; I], row: [f64; I]) -> bool {
    const NEGATIVE_ZERO: u64 = (-0.0_f64).to_bits();
    let (mut low, mut high) = (0, u64::MAX);
    for (input, value) in inputs.into_iter().zip(row) {
        let bits = value.to_bits();
        let valid = match input {
            Input::Chosen => bits & !NEGATIVE_ZERO <= BITS_MAX,
            Input::Fixed(Series::Volume) => bits <= BITS_MAX || bits == NEGATIVE_ZERO,
            Input::Fixed(series) => {
                match series {
                    Series::Low => low = bits,
                    Series::High => high = bits,
                    _ => {}
                }
                // 0 becomes the greatest.
                bits.wrapping_sub(1) < BITS_MAX
            }
            Input::SessionDay => is_usable(value) && value.fract() == 0.0,
        };
        if !valid {
            return false;
        }
    }
    low <= high
}

/// Whether every bar can be used, for columns of as many. Where it says so, [`is_valid`] does of
/// each; where not, one is invalid, or at least rare (a volume of -0).
///
/// The order of positive numbers is that of their bits, so differences of bits tell it by
/// their signs: that takes few instructions.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
pub(crate) fn are_valid(inputs: &[Input], columns: &[&[f64]]) -> bool {
    // What makes the sum overflow beyond the greatest.
    const BEYOND: i64 = i64::MAX - BITS_MAX as i64;
    let of = |series| inputs.iter().position(|input| *input == Input::Fixed(series));
    let range = of(Series::High).zip(of(Series::Low));
    let mut sign = 0;
    if let Some((high, low)) = range {
        // What is above a low that is there and below a high that is not too great is both.
        for (high, low) in columns[high].iter().zip(columns[low]) {
            let (high, low) = (high.to_bits() as i64, low.to_bits() as i64);
            sign |= high | high.wrapping_add(BEYOND) | low.wrapping_add(-1) | high.wrapping_sub(low);
        }
    }
    for (at, (input, column)) in inputs.iter().zip(columns).enumerate() {
        if range.is_some_and(|(high, low)| at == high || at == low) {
            continue;
        }
        sign |= match input {
            Input::Chosen => signs(column, |bits| (bits & i64::MAX).wrapping_add(BEYOND)),
            Input::Fixed(Series::Volume) => signs(column, |bits| bits | bits.wrapping_add(BEYOND)),
            Input::Fixed(_) => signs(column, |bits| bits.wrapping_add(-1) | bits.wrapping_add(BEYOND)),
            Input::SessionDay => signs(column, |bits| {
                let day = f64::from_bits(bits as u64);
                if is_usable(day) && day.fract() == 0.0 {
                    0
                } else {
                    -1
                }
            }),
        };
    }
    sign >= 0
}

/// The signs of a function of each value's bits, together. Over numbers and not over rows of lanes,
/// which the compiler would first put into columns.
#[inline(always)]
fn signs(column: &[f64], of: impl Fn(i64) -> i64) -> i64 {
    column
        .iter()
        .fold(0, |signs, value| signs | of(value.to_bits() as i64))
}

/// Whether every value is finite.
#[inline(always)]
pub(crate) fn are_finite(values: &[f64]) -> bool {
    const INFINITY: i64 = f64::INFINITY.to_bits() as i64;
    let mut sign = 0;
    for value in values {
        sign |= INFINITY - 1 - (value.to_bits() as i64 & i64::MAX);
    }
    sign >= 0
}

const OPEN: Input = Input::Fixed(Series::Open);
const HIGH: Input = Input::Fixed(Series::High);
const LOW: Input = Input::Fixed(Series::Low);
pub(crate) const CLOSE: Input = Input::Fixed(Series::Close);
pub(crate) const VOLUME: Input = Input::Fixed(Series::Volume);

/// One series of the user's choice.
pub(crate) const CHOSEN: [Input; 1] = [Input::Chosen];
/// Two series of the user's choice.
pub(crate) const CHOSEN_TWO: [Input; 2] = [Input::Chosen; 2];
/// A series of the user's choice, and volume.
pub(crate) const CHOSEN_VOLUME: [Input; 2] = [Input::Chosen, VOLUME];
/// Volume alone.
pub(crate) const VOLUME_ONLY: [Input; 1] = [VOLUME];
pub(crate) const OPEN_CLOSE: [Input; 2] = [OPEN, CLOSE];
pub(crate) const HIGH_LOW: [Input; 2] = [HIGH, LOW];
pub(crate) const HIGH_LOW_VOLUME: [Input; 3] = [HIGH, LOW, VOLUME];
pub(crate) const HLC: [Input; 3] = [HIGH, LOW, CLOSE];
pub(crate) const HLCV: [Input; 4] = [HIGH, LOW, CLOSE, VOLUME];
pub(crate) const OHLC: [Input; 4] = [OPEN, HIGH, LOW, CLOSE];
/// Prices, volume, and the day of the session.
pub(crate) const HLCV_DAY: [Input; 5] = [HIGH, LOW, CLOSE, VOLUME, Input::SessionDay];
/// Prices, and the day of the session.
pub(crate) const HLC_DAY: [Input; 4] = [HIGH, LOW, CLOSE, Input::SessionDay];

#[cfg(test)]
mod tests {
    use super::*;

    /// At the edges of what is valid, and on both sides of each.
    const EDGES: [f64; 13] = [
        f64::NEG_INFINITY,
        -MAGNITUDE_MAX,
        -f64::MIN_POSITIVE,
        -0.0,
        0.0,
        f64::from_bits(1),
        1.0,
        2.0,
        MAGNITUDE_MAX,
        MAGNITUDE_MAX.next_up(),
        f64::INFINITY,
        f64::NAN,
        -f64::NAN,
    ];

    #[test]
    fn columns_are_valid_where_each_bar_is() {
        for high in EDGES {
            for low in EDGES {
                for close in EDGES {
                    let row = [high, low, close];
                    let columns = row.each_ref().map(std::slice::from_ref);
                    for inputs in [HLC, [LOW, HIGH, CLOSE], [HIGH, OPEN, CLOSE], [Input::Chosen; 3]] {
                        assert_eq!(
                            are_valid(&inputs, &columns),
                            is_valid(inputs, row),
                            "{inputs:?} {row:?}"
                        );
                    }
                }
            }
        }
    }

    /// A volume of -0 is rare enough to be looked at by itself.
    #[test]
    fn columns_of_volume_are_valid_where_each_bar_is() {
        for volume in EDGES {
            let valid = is_valid([VOLUME], [volume]) && volume.to_bits() != (-0.0_f64).to_bits();
            assert_eq!(are_valid(&[VOLUME], &[&[volume]]), valid, "{volume}");
        }
    }

    /// As long as what is done several at a time, and a part of it.
    #[test]
    fn one_bar_that_is_not_valid_is_found_wherever_it_stands() {
        for bars in 1..70 {
            let (low, mut high) = (vec![1.0; bars], vec![2.0; bars]);
            assert!(are_valid(&HIGH_LOW, &[&high, &low]));
            for at in 0..bars {
                high[at] = 0.5;
                assert!(!are_valid(&HIGH_LOW, &[&high, &low]), "{at} of {bars}");
                high[at] = 2.0;
            }
        }
    }
}
