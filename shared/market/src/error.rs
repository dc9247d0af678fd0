//! What can be wrong with the nouns, and what to do about it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Calendar, Tick, Timeframe};

/// Why a text is not a canonical instrument key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InstrumentKeyError {
    /// Nothing but white space.
    #[error("instrument key is empty: write EXCHANGE@SYMBOL@PRODUCT, for instance NSE@NIFTY@IDX")]
    Empty,
    /// Longer than a key may be.
    #[error(
        "instrument key has {bytes} bytes: at most {} are allowed",
        crate::InstrumentKey::BYTES_MAX
    )]
    TooLong {
        /// Length found.
        bytes: usize,
    },
    /// A part holds a character that it may not, or starts with the wrong one.
    #[error("instrument key {text:?}: {part} {found:?} must be {rule}")]
    Part {
        /// The whole text.
        text: String,
        /// Which part: exchange, symbol, expiry, strike.
        part: &'static str,
        /// The part as found.
        found: String,
        /// What the part must be.
        rule: &'static str,
    },
    /// A product that does not exist.
    #[error("instrument key {text:?}: unknown product {found:?}: write one of IDX EQ FUT OPT SPOT PERP")]
    UnknownProduct {
        /// The whole text.
        text: String,
        /// The part as found.
        found: String,
    },
    /// Parts missing or too many for the product.
    #[error("instrument key {text:?} has {found} parts: write {shape}")]
    PartCount {
        /// The whole text.
        text: String,
        /// Parts found.
        found: usize,
        /// The shape that the product has.
        shape: &'static str,
    },
    /// The meaning is plain, the spelling is not canonical.
    #[error("instrument key {text:?} is not canonical: write {canonical}")]
    NotCanonical {
        /// The whole text.
        text: String,
        /// How to spell it.
        canonical: String,
    },
    /// Neither a key nor a known alias.
    #[error("{text:?} is neither an instrument key nor a known alias: write {suggestion}")]
    UnknownAlias {
        /// The whole text.
        text: String,
        /// What would be right.
        suggestion: String,
    },
}

/// Why a text or a number is not a timeframe.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TimeframeError {
    /// No timeframe at all.
    #[error("{text:?} is not a timeframe: write tick, minutes (5m), hours (4h) or 1d")]
    Unreadable {
        /// How the text begins.
        text: String,
    },
    /// Too short or too long.
    #[error("a timeframe of {minutes} minutes does not exist: use 1 to 1440 minutes, or tick")]
    OutOfRange {
        /// Minutes asked for.
        minutes: u64,
    },
    /// The meaning is plain, the spelling is not canonical.
    #[error("timeframe {text:?} is not canonical: write {canonical}")]
    NotCanonical {
        /// How the text begins.
        text: String,
        /// How to spell it.
        canonical: Timeframe,
    },
}

/// Why a calendar cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SessionError {
    /// No calendar is known for the exchange.
    #[error(
        "no calendar for exchange {exchange}: known are {}",
        Calendar::known_exchanges()
    )]
    UnknownExchange {
        /// The exchange asked for.
        exchange: String,
    },
    /// The calendar's table does not cover the day.
    #[error("{calendar} sessions are known from {first} to {last}, not for {day}: extend the table")]
    OutsideSpan {
        /// Which calendar.
        calendar: Calendar,
        /// The day asked for.
        day: Date,
        /// First day of the table.
        first: Date,
        /// Last day of the table.
        last: Date,
    },
}

/// A time outside what nanoseconds in 64 bits can hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{time} does not fit nanoseconds since 1970 in 64 bits: use a time from 1677-09-22 to 2262-04-11")]
pub struct TimeError {
    /// The time that does not fit.
    pub time: Timestamp,
}

/// Why a tick is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Error)]
#[serde(rename_all = "snake_case")]
pub enum TickRefusal {
    /// The price is 0 or below.
    #[error("price must be above 0")]
    PriceNotPositive,
    /// The price is infinite or not a number.
    #[error("price must be a finite number")]
    PriceNotFinite,
    /// The price is above what the product can cost.
    #[error(
        "price is above the bound for the product (index {}, option {}, other {})",
        Tick::INDEX_PRICE_MAX,
        Tick::OPTION_PRICE_MAX,
        Tick::PRICE_MAX
    )]
    PriceOutOfBounds,
    /// The size is below 0 or not finite.
    #[error("size must be a finite number, 0 or above, or absent")]
    SizeNegative,
    /// The volume is below 0 or not finite.
    #[error("volume must be a finite number, 0 or above, or absent")]
    VolumeNegative,
    /// The open interest is below 0 or not finite.
    #[error("open interest must be a finite number, 0 or above, or absent")]
    OpenInterestNegative,
    /// A bid or ask has a price not above 0, or a size below 0.
    #[error("bids and asks need a finite price above 0, and a size of 0 or above or absent")]
    QuoteInvalid,
    /// More levels of depth than allowed.
    #[error("depth has more than {} levels on a side", Tick::DEPTH_LEVELS_MAX)]
    DepthTooDeep,
    /// The exchange time is ahead of the receive time.
    #[error(
        "exchange time is more than {} s ahead of the receive time",
        Tick::AHEAD_SECONDS_MAX
    )]
    TimeInFuture,
    /// The exchange time is too far behind the receive time.
    #[error(
        "exchange time is more than {} s behind the receive time; a replay stamps both alike",
        Tick::BEHIND_SECONDS_MAX
    )]
    TimeTooOld,
    /// The instrument is not in the group's table.
    #[error("instrument is not known here: add it to the group's table first")]
    UnknownInstrument,
    /// The tick cannot be read.
    #[error("tick cannot be read")]
    Malformed,
    /// The exchange's calendar does not cover the tick's day.
    #[error("the exchange's calendar does not cover the day: extend its table")]
    OutsideCalendar,
    /// The group already holds as many instruments as it may.
    #[error("the group holds as many instruments as it may")]
    InstrumentTooMany,
}

impl TickRefusal {
    /// Every refusal.
    pub const ALL: [Self; 14] = [
        Self::OutsideCalendar,
        Self::PriceNotPositive,
        Self::PriceNotFinite,
        Self::PriceOutOfBounds,
        Self::SizeNegative,
        Self::VolumeNegative,
        Self::OpenInterestNegative,
        Self::QuoteInvalid,
        Self::DepthTooDeep,
        Self::TimeInFuture,
        Self::TimeTooOld,
        Self::UnknownInstrument,
        Self::Malformed,
        Self::InstrumentTooMany,
    ];

    /// The stable code, as serialised.
    pub fn code(self) -> &'static str {
        match self {
            Self::PriceNotPositive => "price_not_positive",
            Self::PriceNotFinite => "price_not_finite",
            Self::PriceOutOfBounds => "price_out_of_bounds",
            Self::SizeNegative => "size_negative",
            Self::VolumeNegative => "volume_negative",
            Self::OpenInterestNegative => "open_interest_negative",
            Self::QuoteInvalid => "quote_invalid",
            Self::DepthTooDeep => "depth_too_deep",
            Self::TimeInFuture => "time_in_future",
            Self::TimeTooOld => "time_too_old",
            Self::UnknownInstrument => "unknown_instrument",
            Self::Malformed => "malformed",
            Self::OutsideCalendar => "outside_calendar",
            Self::InstrumentTooMany => "instrument_too_many",
        }
    }
}

/// Why a bar is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Error)]
#[serde(rename_all = "snake_case")]
pub enum BarRefusal {
    /// The bar ends before or where it starts.
    #[error("bar must end after it starts")]
    SpanEmpty,
    /// A price is infinite or not a number.
    #[error("bar prices must be finite numbers")]
    PriceNotFinite,
    /// A price is 0 or below.
    #[error("bar prices must be above 0")]
    PriceNotPositive,
    /// The low is above the high.
    #[error("bar's low is above its high")]
    LowAboveHigh,
    /// The open or the close is outside low to high.
    #[error("bar's open and close must be between its low and its high")]
    OutsideRange,
    /// The volume is below 0 or not finite.
    #[error("bar's volume must be a finite number, 0 or above, or absent")]
    VolumeNegative,
    /// The open interest is below 0 or not finite.
    #[error("bar's open interest must be a finite number, 0 or above, or absent")]
    OpenInterestNegative,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tick_refusals_serialise_as_their_code() {
        for refusal in TickRefusal::ALL {
            let text = serde_json::to_string(&refusal).unwrap();
            assert_eq!(text, format!("\"{}\"", refusal.code()));
            assert_eq!(serde_json::from_str::<TickRefusal>(&text).unwrap(), refusal);
        }
    }
}
