//! Timeframes: how much time a bar spans.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::TimeframeError;
use crate::text::FromStrVisitor;

/// How much time a bar spans: a tick, or 1 to 1440 minutes. Bars are aligned
/// to the session's open, and `1d` (1440 minutes) means one session, however
/// long it is.
///
/// One canonical text each: `tick`, `5m`, `90m`, `1h`, `4h`, `1d`. Multiples
/// of 60 are written as hours. Ordered by length, `tick` first.
///
/// ```
/// # use tickwire_market::Timeframe;
/// assert_eq!(Timeframe::minutes(240)?.to_string(), "4h");
/// assert_eq!("60m".parse::<Timeframe>().unwrap_err().to_string(), "timeframe \"60m\" is not canonical: write 1h");
/// # Ok::<(), tickwire_market::TimeframeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeframe(u16);

impl Timeframe {
    /// Every tick by itself.
    pub const TICK: Self = Self(0);
    /// One minute.
    pub const MINUTE: Self = Self(1);
    /// One trading day (session) of the instrument's exchange.
    pub const DAY: Self = Self(Self::MINUTES_MAX);
    /// The longest timeframe in minutes.
    pub const MINUTES_MAX: u16 = 1440;

    /// A timeframe of `minutes`, 1 to [`MINUTES_MAX`](Self::MINUTES_MAX).
    pub fn minutes(minutes: u16) -> Result<Self, TimeframeError> {
        match minutes {
            1..=Self::MINUTES_MAX => Ok(Self(minutes)),
            _ => Err(TimeframeError::OutOfRange {
                minutes: minutes.into(),
            }),
        }
    }

    /// Its length in minutes (1440 for a day), absent for a tick.
    pub fn as_minutes(self) -> Option<u16> {
        (self != Self::TICK).then_some(self.0)
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => formatter.write_str("tick"),
            Self::MINUTES_MAX => formatter.write_str("1d"),
            minutes if minutes % 60 == 0 => write!(formatter, "{}h", minutes / 60),
            minutes => write!(formatter, "{minutes}m"),
        }
    }
}

impl fmt::Debug for Timeframe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Timeframe {
    type Err = TimeframeError;

    /// Reads the canonical text only; the error names it.
    fn from_str(text: &str) -> Result<Self, TimeframeError> {
        let timeframe = read(text)?;
        if timeframe.to_string() == text {
            Ok(timeframe)
        } else {
            Err(TimeframeError::NotCanonical {
                text: quoted(text),
                canonical: timeframe,
            })
        }
    }
}

/// How much of a text an error quotes, in characters.
const QUOTED_CHARS_MAX: usize = 16;

fn quoted(text: &str) -> String {
    text.chars().take(QUOTED_CHARS_MAX).collect()
}

/// Reads any spelling whose meaning is plain.
fn read(text: &str) -> Result<Timeframe, TimeframeError> {
    let unreadable = || TimeframeError::Unreadable { text: quoted(text) };
    if text.eq_ignore_ascii_case("tick") {
        return Ok(Timeframe::TICK);
    }
    let unit_at = text
        .find(|letter: char| !letter.is_ascii_digit())
        .ok_or_else(unreadable)?;
    let (count, unit) = text.split_at(unit_at);
    let minutes_per_unit = match unit {
        "m" | "M" => 1,
        "h" | "H" => 60,
        "d" | "D" => u64::from(Timeframe::MINUTES_MAX),
        _ => return Err(unreadable()),
    };
    let count: u32 = count.parse().map_err(|_| unreadable())?;
    let minutes = u64::from(count) * minutes_per_unit;
    let fitting = u16::try_from(minutes).map_err(|_| TimeframeError::OutOfRange { minutes })?;
    Timeframe::minutes(fitting)
}

impl Serialize for Timeframe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timeframe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("a timeframe such as tick, 5m, 1h or 1d"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text() {
        let check = |minutes, expected: &str| {
            let timeframe = Timeframe::minutes(minutes).unwrap();
            assert_eq!(timeframe.to_string(), expected);
            assert_eq!(expected.parse(), Ok(timeframe));
            assert_eq!(timeframe.as_minutes(), Some(minutes));
        };
        check(1, "1m");
        check(5, "5m");
        check(59, "59m");
        check(60, "1h");
        check(90, "90m");
        check(240, "4h");
        check(1380, "23h");
        check(1439, "1439m");
        check(1440, "1d");
        assert_eq!("tick".parse(), Ok(Timeframe::TICK));
        assert_eq!(Timeframe::TICK.as_minutes(), None);
    }

    #[test]
    fn every_timeframe_comes_back() {
        for minutes in 1..=Timeframe::MINUTES_MAX {
            let timeframe = Timeframe::minutes(minutes).unwrap();
            assert_eq!(timeframe.to_string().parse(), Ok(timeframe));
        }
    }

    #[test]
    fn refusals_say_what_to_write() {
        let check = |text: &str, expected: &str| {
            let error = text.parse::<Timeframe>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("60m", "write 1h");
        check("24h", "write 1d");
        check("1440m", "write 1d");
        check("05m", "write 5m");
        check("5M", "write 5m");
        check("TICK", "write tick");
        check("0m", "1 to 1440 minutes");
        check("2d", "1 to 1440 minutes");
        check("1441m", "1 to 1440 minutes");
        check("4294967295d", "1 to 1440 minutes");
        check("99999999999999m", "not a timeframe");
        for text in [
            "", "5", "m", "5 m", " 5m", "-5m", "+5m", "1.5h", "5min", "1w", "\u{661}m",
        ] {
            check(text, "not a timeframe");
        }
        assert!(Timeframe::minutes(0).is_err());
        assert!(Timeframe::minutes(1441).is_err());
    }

    #[test]
    fn ordered_by_length() {
        assert!(Timeframe::TICK < Timeframe::minutes(1).unwrap());
        assert!(Timeframe::minutes(90).unwrap() < Timeframe::DAY);
    }

    #[test]
    fn serde_as_text() {
        let hour = Timeframe::minutes(60).unwrap();
        assert_eq!(serde_json::to_string(&hour).unwrap(), "\"1h\"");
        assert_eq!(serde_json::from_str::<Timeframe>("\"1h\"").unwrap(), hour);
        assert!(serde_json::from_str::<Timeframe>("\"60m\"").is_err());
        let bytes = postcard::to_allocvec(&hour).unwrap();
        assert_eq!(postcard::from_bytes::<Timeframe>(&bytes).unwrap(), hour);
    }
}
