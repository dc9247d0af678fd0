//! What goes in: series of a bar, and the typed inputs made of them.

use std::fmt;

use tickwire_market::Bar;

/// Greatest magnitude of an input. Beyond it squares and sums could overflow, so
/// it is refused as a non-finite value is.
pub const MAGNITUDE_MAX: f64 = 1e100;

/// A series that every bar has.
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
}

impl Series {
    /// All of them, in the order of the documents.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::High,
        Self::Low,
        Self::Close,
        Self::Volume,
        Self::Hl2,
        Self::Hlc3,
        Self::Ohlc4,
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

/// The input of one bar, typed.
pub trait Sample: Copy + Send + Sync {
    /// How many columns it is made of.
    const COLUMNS: usize;

    /// From one row of columns, unchecked; a missing column is read as NaN.
    fn read(columns: &[f64]) -> Self;

    /// Whether it can be used: finite, at most [`MAGNITUDE_MAX`], consistent.
    fn is_valid(self) -> bool;
}

fn column(columns: &[f64], at: usize) -> f64 {
    columns.get(at).copied().unwrap_or(f64::NAN)
}

/// False for NaN and the infinities too.
pub(crate) fn is_usable(value: f64) -> bool {
    value.abs() <= MAGNITUDE_MAX
}

impl Sample for f64 {
    const COLUMNS: usize = 1;

    fn read(columns: &[f64]) -> Self {
        column(columns, 0)
    }

    fn is_valid(self) -> bool {
        is_usable(self)
    }
}

/// Prices of a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HighLowClose {
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
}

impl Sample for HighLowClose {
    const COLUMNS: usize = 3;

    fn read(columns: &[f64]) -> Self {
        Self {
            high: column(columns, 0),
            low: column(columns, 1),
            close: column(columns, 2),
        }
    }

    fn is_valid(self) -> bool {
        let Self { high, low, close } = self;
        low > 0.0 && low <= high && close > 0.0 && is_usable(high) && is_usable(close)
    }
}

/// Prices and volume of a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HighLowCloseVolume {
    /// The prices.
    pub prices: HighLowClose,
    /// Quantity traded.
    pub volume: f64,
}

impl HighLowCloseVolume {
    /// (high + low + close) / 3.
    #[must_use]
    pub fn typical_price(self) -> f64 {
        (self.prices.high + self.prices.low + self.prices.close) / 3.0
    }
}

impl Sample for HighLowCloseVolume {
    const COLUMNS: usize = 4;

    fn read(columns: &[f64]) -> Self {
        Self {
            prices: HighLowClose::read(columns),
            volume: column(columns, 3),
        }
    }

    fn is_valid(self) -> bool {
        self.prices.is_valid() && self.volume >= 0.0 && is_usable(self.volume)
    }
}

/// Prices, volume, and the session they belong to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionBar {
    /// Prices and volume.
    pub bar: HighLowCloseVolume,
    /// A whole number that grows from one session to the next.
    pub day: f64,
}

impl Sample for SessionBar {
    const COLUMNS: usize = 5;

    fn read(columns: &[f64]) -> Self {
        Self {
            bar: HighLowCloseVolume::read(columns),
            day: column(columns, 4),
        }
    }

    fn is_valid(self) -> bool {
        self.bar.is_valid() && is_usable(self.day) && self.day.fract() == 0.0
    }
}
