//! ferro-ta's core: batches that return new columns.

use ferro_ta_core::{extended, momentum, overlap, statistic, volatility, volume};

use crate::{Columns, Kept};

/// The plain average among its kinds.
const SIMPLE: u8 = 0;

/// A batch of one series, and its last value; none for what it does not know.
pub(crate) fn batch(name: &str, columns: &Columns, kept: &mut Kept) -> Option<f64> {
    let Columns {
        high,
        low,
        close,
        volume: traded,
        ..
    } = columns;
    let [a, b, c] = &mut kept.values;
    match name {
        "sma" => *a = overlap::sma(close, 20),
        "ema" => *a = overlap::ema(close, 20),
        "wma" => *a = overlap::wma(close, 20),
        "dema" => *a = overlap::dema(close, 20),
        "kama" => *a = overlap::kama(close, 20),
        "macd" => (*a, *b, *c) = overlap::macd(close, 12, 26, 9),
        "bbands" => (*a, *b, *c) = overlap::bbands(close, 20, 2.0, 2.0, SIMPLE),
        "rsi" => *a = momentum::rsi(close, 14),
        "adx" => *a = momentum::adx(high, low, close, 14),
        "stoch" => (*a, *b) = momentum::stoch(high, low, close, 14, 3, SIMPLE, 3, SIMPLE),
        "cci" => *a = momentum::cci(high, low, close, 20),
        "willr" => *a = momentum::willr(high, low, close, 14),
        "roc" => *a = momentum::roc(close, 10),
        "mom" => *a = momentum::mom(close, 10),
        "atr" => *a = volatility::atr(high, low, close, 14),
        "natr" => *a = volatility::natr(high, low, close, 14),
        "obv" => *a = volume::obv(close, traded),
        "mfi" => *a = volume::mfi(high, low, close, traded, 14),
        "stddev" => *a = statistic::stddev(close, 20, 1.0),
        "supertrend" => (*a, kept.signs) = extended::supertrend(high, low, close, 10, 3.0),
        _ => return None,
    }
    a.last().copied()
}
