//! Quotes of a chain, from a CSV file.

use jiff::Timestamp;
use jiff::civil::Date;
use tickwire_market::{Calendar, InstrumentKey, Right, UnixNanos};
use tickwire_options::{Quote, expiry_close};

use super::OptionsError;
use super::rows::parse_right;
use super::sheet::Sheet;

/// A quoted contract.
pub(super) struct QuoteRow {
    pub(super) close: UnixNanos,
    pub(super) strike: f64,
    pub(super) right: Right,
    pub(super) quote: Quote,
}

/// What a file of quotes says.
#[derive(Default)]
pub(super) struct Quotes {
    pub(super) rows: Vec<QuoteRow>,
    /// The last price of the underlying in it.
    pub(super) underlying: Option<f64>,
    /// The newest time in it.
    pub(super) newest: Option<UnixNanos>,
    /// Rows that could not be used.
    pub(super) refused: u64,
    /// What was wrong with the first of those.
    pub(super) first_refusal: Option<String>,
    pub(super) name: Option<String>,
}

/// Closes of expiry days, looked up once each.
#[derive(Default)]
struct Closes(Vec<(String, UnixNanos)>);

impl Closes {
    /// A day, whose close the exchange's calendar knows, or a time.
    fn of(&mut self, text: &str, calendar: Option<Calendar>) -> Result<UnixNanos, String> {
        if let Some((_, close)) = self.0.iter().find(|(known, _)| known == text) {
            return Ok(*close);
        }
        let close = if let Ok(day) = text.parse::<Date>()
            && !text.contains(':')
        {
            let calendar = calendar.ok_or(
                "an expiry that is a day needs its exchange's close: give --exchange, such as NSE or CBOE",
            )?;
            expiry_close(calendar, day)
                .map_err(|error| format!("{error}; or write the expiry as a time, such as {day}T10:00:00Z"))?
        } else {
            time(text).ok_or_else(|| {
                format!("the expiry {text:?} is neither 2026-11-26 nor 2026-11-26T10:00:00Z")
            })?
        };
        self.0.push((text.to_owned(), close));
        Ok(close)
    }
}

/// A time with its offset.
pub(super) fn time(text: &str) -> Option<UnixNanos> {
    let text = text.trim();
    if let Ok(epoch) = text.parse::<i64>() {
        // Seconds, milliseconds or nanoseconds by magnitude, as elsewhere.
        let unit = match epoch.unsigned_abs() {
            0..=99_999_999_999 => UnixNanos::PER_SECOND,
            100_000_000_000..=99_999_999_999_999 => UnixNanos::PER_MILLISECOND,
            100_000_000_000_000..=99_999_999_999_999_999 => 1_000,
            _ => 1,
        };
        return epoch.checked_mul(unit).map(UnixNanos);
    }
    let time: Timestamp = text.replacen(' ', "T", 1).parse().ok()?;
    UnixNanos::try_from(time).ok()
}

/// Reads a file; `calendar` for expiries that are days.
pub(super) fn read(sheet: &mut Sheet, calendar: Option<Calendar>) -> Result<Quotes, OptionsError> {
    let instrument = sheet.column(&["instrument", "instrument_key", "key"]);
    let (expiry, strike, right) = match instrument {
        Some(_) => (None, None, None),
        None => (
            Some(sheet.needed(&["expiry", "expiration", "expiry_date"])?),
            Some(sheet.needed(&["strike", "K", "strike_price"])?),
            Some(sheet.needed(&["right", "flag", "type", "option_type", "call_put"])?),
        ),
    };
    let bid = sheet.column(&["bid", "bid_price", "best_bid"]);
    let ask = sheet.column(&["ask", "ask_price", "best_ask", "offer"]);
    let last = sheet.column(&["last", "price", "ltp", "last_price", "close"]);
    let volume = sheet.column(&["volume", "volume_traded"]);
    let open_interest = sheet.column(&["open_interest", "oi", "openinterest"]);
    let spot = sheet.column(&["underlying", "spot", "underlying_price", "underlying_last", "S"]);
    let at = sheet.column(&["time", "timestamp", "quote_time", "at"]);
    if bid.zip(ask).is_none() && last.is_none() {
        sheet.needed(&["bid and ask, or last"])?;
    }
    let mut quotes = Quotes::default();
    let mut closes = Closes::default();
    let mut line = 1_u64;
    while sheet.advance()? {
        line += 1;
        if let Some(price) = sheet.number_of(spot).filter(|price| *price > 0.0) {
            quotes.underlying = Some(price);
        }
        if let Some(time) = at.and_then(|column| time(sheet.text(column))) {
            quotes.newest = quotes.newest.max(Some(time));
        }
        let contract = match (instrument, expiry, strike, right) {
            (Some(column), ..) => from_key(sheet.text(column), calendar, &mut closes, &mut quotes.name),
            (_, Some(expiry), Some(strike), Some(right)) => {
                closes.of(sheet.text(expiry), calendar).and_then(|close| {
                    let strike = sheet
                        .number(strike)
                        .filter(|strike| strike.is_normal() && *strike > 0.0);
                    let right = parse_right(sheet.text(right)).ok_or("the right is neither call nor put")?;
                    Ok(Some((
                        close,
                        strike.ok_or("the strike is no number above 0")?,
                        right,
                    )))
                })
            }
            _ => Ok(None),
        };
        match contract {
            Ok(Some((close, strike, right))) => quotes.rows.push(QuoteRow {
                close,
                strike,
                right,
                quote: Quote {
                    // A bid or ask of 0 is none.
                    bid: sheet.number_of(bid).filter(|price| *price > 0.0),
                    ask: sheet.number_of(ask).filter(|price| *price > 0.0),
                    last: sheet.number_of(last).filter(|price| *price > 0.0),
                    volume: sheet.number_of(volume),
                    open_interest: sheet.number_of(open_interest),
                },
            }),
            // The underlying's own row.
            Ok(None) => {
                let mid = sheet
                    .number_of(bid)
                    .zip(sheet.number_of(ask))
                    .map(|(bid, ask)| 0.5 * (bid + ask));
                let price = sheet.number_of(last).or(mid).filter(|price| *price > 0.0);
                quotes.underlying = price.or(quotes.underlying);
            }
            Err(why) => {
                quotes.refused += 1;
                quotes.first_refusal.get_or_insert(format!("line {line}: {why}"));
            }
        }
    }
    Ok(quotes)
}

type Contract = (UnixNanos, f64, Right);

/// The contract of an instrument key; none for the underlying itself.
fn from_key(
    text: &str,
    calendar: Option<Calendar>,
    closes: &mut Closes,
    name: &mut Option<String>,
) -> Result<Option<Contract>, String> {
    let key = InstrumentKey::parse(text).map_err(|error| error.to_string())?;
    let (Some(right), Some(strike), Some(expiry)) = (key.right(), key.strike(), key.expiry()) else {
        return Ok(None);
    };
    name.get_or_insert_with(|| format!("{}@{}", key.exchange(), key.symbol()));
    let calendar = match calendar {
        Some(calendar) => calendar,
        None => Calendar::of(&key).map_err(|error| error.to_string())?,
    };
    let close = closes.of(&expiry.to_string(), Some(calendar))?;
    Ok(Some((close, strike, right)))
}
