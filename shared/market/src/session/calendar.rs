//! Which sessions a market holds.

use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::table::Table;
use super::{Session, mcx, nse, us_equities};
use crate::{InstrumentKey, SessionError, Timeframe, UnixNanos};

static KOLKATA: TimeZone = jiff::tz::get!("Asia/Kolkata");
static NEW_YORK: TimeZone = jiff::tz::get!("America/New_York");
static UTC: TimeZone = TimeZone::UTC;

/// Days that the foreign exchange calendar answers for. It has no table, only
/// the zone's rules.
const FX_SPAN: (Date, Date) = (Date::constant(2000, 1, 1), Date::constant(2037, 12, 31));
/// When a trading day in foreign exchange ends and the next begins, New York.
const FX_ROLL: Time = Time::constant(17, 0, 0, 0);
/// Days that the crypto calendar answers for.
const CRYPTO_SPAN: (Date, Date) = (Date::constant(2000, 1, 1), Date::constant(2199, 12, 31));
/// How many days ahead the next session is looked for.
const NEXT_SESSION_DAYS_MAX: u32 = 31;

/// Which sessions a market holds, by a dated table with a stated span. A day
/// outside the span is an error, never a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    /// NSE and BSE with their derivatives, 09:15-15:30 in India.
    Nse,
    /// MCX commodities, 09:00-23:30 in India.
    Mcx,
    /// Shares and their options in the United States, 09:30-16:00 New York.
    UsEquities,
    /// Foreign exchange: around the clock from Sunday to Friday, 17:00 New
    /// York. A trading day is named after the day it ends. No holidays: there
    /// are quotes on most.
    Fx,
    /// Crypto: around the clock, UTC days.
    Crypto,
}

impl Calendar {
    /// Every calendar.
    pub const ALL: [Self; 5] = [Self::Nse, Self::Mcx, Self::UsEquities, Self::Fx, Self::Crypto];

    /// The calendar of the instrument's exchange.
    pub fn of(instrument: &InstrumentKey) -> Result<Self, SessionError> {
        let exchange = instrument.exchange();
        let mut calendars = Self::ALL.into_iter();
        calendars
            .find(|calendar| calendar.exchanges().contains(&exchange))
            .ok_or_else(|| SessionError::UnknownExchange {
                exchange: exchange.to_owned(),
            })
    }

    /// The exchanges that it answers for.
    pub fn exchanges(self) -> &'static [&'static str] {
        match self {
            Self::Nse => &["NSE", "BSE", "NFO", "BFO"],
            Self::Mcx => &["MCX"],
            Self::UsEquities => &["NYSE", "NASDAQ", "ARCA", "AMEX", "BATS", "IEX", "CBOE", "OPRA"],
            Self::Fx => &["FX", "FXCM", "OANDA"],
            Self::Crypto => &[
                "BINANCE", "BITFINEX", "BITSTAMP", "BYBIT", "COINBASE", "DERIBIT", "KRAKEN", "OKX",
            ],
        }
    }

    /// Every exchange with a calendar, separated by blanks.
    pub(crate) fn known_exchanges() -> String {
        Self::ALL.map(|calendar| calendar.exchanges().join(" ")).join(" ")
    }

    /// The name, as serialised.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nse => "nse",
            Self::Mcx => "mcx",
            Self::UsEquities => "us_equities",
            Self::Fx => "fx",
            Self::Crypto => "crypto",
        }
    }

    /// First and last day that the calendar answers for.
    pub fn span(self) -> (Date, Date) {
        match self.table() {
            Some(table) => table.span(),
            None if self == Self::Fx => FX_SPAN,
            None => CRYPTO_SPAN,
        }
    }

    /// The zone that its days and hours are told in.
    pub fn time_zone(self) -> TimeZone {
        self.zone().clone()
    }

    /// The session named after `day`, if it has one.
    pub fn session_on(self, day: Date) -> Result<Option<Session>, SessionError> {
        let (first, last) = self.span();
        let outside_span = || SessionError::OutsideSpan {
            calendar: self,
            day,
            first,
            last,
        };
        if day < first || day > last {
            return Err(outside_span());
        }
        let (open, close) = match self {
            Self::Crypto => (day.at(0, 0, 0, 0), day.saturating_add(1.day()).at(0, 0, 0, 0)),
            Self::Fx => match day.weekday() {
                Weekday::Saturday | Weekday::Sunday => return Ok(None),
                _ => (
                    day.saturating_sub(1.day()).to_datetime(FX_ROLL),
                    day.to_datetime(FX_ROLL),
                ),
            },
            Self::Nse | Self::Mcx | Self::UsEquities => match self.table().and_then(|table| table.hours(day))
            {
                Some(hours) => (day.to_datetime(hours.open), day.to_datetime(hours.close)),
                None => return Ok(None),
            },
        };
        // Spans and zones are such that every session fits; were one not to,
        // the day would not be answered for.
        let time = |local| {
            let time = self.zone().to_timestamp(local).map_err(|_| outside_span())?;
            UnixNanos::try_from(time).map_err(|_| outside_span())
        };
        Ok(Some(Session {
            day,
            open: time(open)?,
            close: time(close)?,
        }))
    }

    /// The session that `time` is in; `None` when the market is closed then.
    pub fn session_at(self, time: UnixNanos) -> Result<Option<Session>, SessionError> {
        let session = self.session_on(self.day_of(time))?;
        Ok(session.filter(|session| session.contains(time)))
    }

    /// The first session that opens after `after`.
    pub fn next_session(self, after: UnixNanos) -> Result<Session, SessionError> {
        let mut day = self.day_of(after);
        for _ in 0..NEXT_SESSION_DAYS_MAX {
            if let Some(session) = self.session_on(day)?
                && session.open > after
            {
                return Ok(session);
            }
            day = day.saturating_add(1.day());
        }
        let (first, last) = self.span();
        Err(SessionError::OutsideSpan {
            calendar: self,
            day,
            first,
            last,
        })
    }

    /// How many bars of `timeframe` its sessions have that end in `(from, to]`.
    ///
    /// # Errors
    /// When a day of them is outside the span.
    pub fn bars_between(
        self,
        timeframe: Timeframe,
        from: UnixNanos,
        to: UnixNanos,
    ) -> Result<u64, SessionError> {
        let mut bars = 0;
        if from >= to {
            return Ok(bars);
        }
        // A bar that ends with a session's close ends on the next day, where there is no pause.
        let (mut day, last) = (self.day_of(from.saturating_add(-1)), self.day_of(to));
        while day <= last {
            if let Some(session) = self.session_on(day)? {
                bars += session.bars_by(timeframe, to) - session.bars_by(timeframe, from);
            }
            day = day.saturating_add(1.day());
        }
        Ok(bars)
    }

    /// The trading day that `time` would belong to, whether or not there is a
    /// session then.
    fn day_of(self, time: UnixNanos) -> Date {
        let local = self.zone().to_datetime(Timestamp::from(time));
        if self == Self::Fx && local.time() >= FX_ROLL {
            return local.date().saturating_add(1.day());
        }
        local.date()
    }

    fn zone(self) -> &'static TimeZone {
        match self {
            Self::Nse | Self::Mcx => &KOLKATA,
            Self::UsEquities | Self::Fx => &NEW_YORK,
            Self::Crypto => &UTC,
        }
    }

    fn table(self) -> Option<&'static Table> {
        match self {
            Self::Nse => Some(&nse::TABLE),
            Self::Mcx => Some(&mcx::TABLE),
            Self::UsEquities => Some(&us_equities::TABLE),
            Self::Fx | Self::Crypto => None,
        }
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
