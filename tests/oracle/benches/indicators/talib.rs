//! TA-Lib in Rust.

use ta_lib::{Core, MAType};

use crate::{Columns, Kept, Stream};

/// A batch of one series, and its last value; none for what it does not know.
pub(crate) fn batch(name: &str, columns: &Columns, kept: &mut Kept) -> Option<f64> {
    let core = Core::new();
    let Columns {
        high,
        low,
        close,
        volume,
        ..
    } = columns;
    let last = close.len() - 1;
    let Kept {
        values: [a, b, c],
        whole,
        ..
    } = kept;
    let written = match name {
        "sma" => core.sma(0, last, close, 20, a).ok()?,
        "ema" => core.ema(0, last, close, 20, a).ok()?,
        "wma" => core.wma(0, last, close, 20, a).ok()?,
        "rsi" => core.rsi(0, last, close, 14, a).ok()?,
        "macd" => core.macd(0, last, close, 12, 26, 9, a, b, c).ok()?,
        "bbands" => core
            .bbands(0, last, close, 20, 2.0, 2.0, MAType::SMA, a, b, c)
            .ok()?,
        "atr" => core.atr(0, last, high, low, close, 14, a).ok()?,
        "adx" => core.adx(0, last, high, low, close, 14, a).ok()?,
        "stoch" => core
            .stoch(
                0,
                last,
                high,
                low,
                close,
                14,
                3,
                MAType::SMA,
                3,
                MAType::SMA,
                a,
                b,
            )
            .ok()?,
        "obv" => core.obv(0, last, close, volume, a).ok()?,
        "supertrend" => core
            .supertrend(0, last, high, low, close, 10, 3.0, a, whole)
            .ok()?,
        "cci" => core.cci(0, last, high, low, close, 20, a).ok()?,
        "mfi" => core.mfi(0, last, high, low, close, volume, 14, a).ok()?,
        "kama" => core.kama(0, last, close, 20, a).ok()?,
        "roc" => core.roc(0, last, close, 10, a).ok()?,
        "mom" => core.mom(0, last, close, 10, a).ok()?,
        "willr" => core.willr(0, last, high, low, close, 14, a).ok()?,
        "stddev" => core.stddev(0, last, close, 20, 1.0, a).ok()?,
        "dema" => core.dema(0, last, close, 20, a).ok()?,
        "natr" => core.natr(0, last, high, low, close, 14, a).ok()?,
        _ => return None,
    };
    Some(a[written.count - 1])
}

/// A stream, warmed up on the first bars of a series.
pub(crate) fn stream(name: &str, columns: &Columns, bars: usize) -> Option<Stream> {
    macro_rules! stream {
        ($open:expr, |$value:pat_param| $sum:expr, $($at:literal)+) => {{
            let (mut stream, _) = $open.ok()?;
            Box::new(move |bar: [f64; 4]| match stream.update($(bar[$at]),+) {
                Ok($value) => $sum,
                Err(_) => f64::NAN,
            })
        }};
    }
    let core = Core::new();
    let (high, low) = (&columns.high[..bars], &columns.low[..bars]);
    let (close, volume) = (&columns.close[..bars], &columns.volume[..bars]);
    Some(match name {
        "sma" => stream!(core.sma_open(close, 20), |a| a, 2),
        "ema" => stream!(core.ema_open(close, 20), |a| a, 2),
        "wma" => stream!(core.wma_open(close, 20), |a| a, 2),
        "rsi" => stream!(core.rsi_open(close, 14), |a| a, 2),
        "macd" => stream!(core.macd_open(close, 12, 26, 9), |(a, b, c)| a + b + c, 2),
        "bbands" => stream!(
            core.bbands_open(close, 20, 2.0, 2.0, MAType::SMA),
            |(a, b, c)| a + b + c,
            2
        ),
        "atr" => stream!(core.atr_open(high, low, close, 14), |a| a, 0 1 2),
        "adx" => stream!(core.adx_open(high, low, close, 14), |a| a, 0 1 2),
        "stoch" => stream!(
            core.stoch_open(high, low, close, 14, 3, MAType::SMA, 3, MAType::SMA),
            |(a, b)| a + b,
            0 1 2
        ),
        "obv" => stream!(core.obv_open(close, volume), |a| a, 2 3),
        "supertrend" => stream!(
            core.supertrend_open(high, low, close, 10, 3.0),
            |(a, b)| a + f64::from(b),
            0 1 2
        ),
        "cci" => stream!(core.cci_open(high, low, close, 20), |a| a, 0 1 2),
        "mfi" => stream!(core.mfi_open(high, low, close, volume, 14), |a| a, 0 1 2 3),
        "kama" => stream!(core.kama_open(close, 20), |a| a, 2),
        "roc" => stream!(core.roc_open(close, 10), |a| a, 2),
        "mom" => stream!(core.mom_open(close, 10), |a| a, 2),
        "willr" => stream!(core.willr_open(high, low, close, 14), |a| a, 0 1 2),
        "stddev" => stream!(core.stddev_open(close, 20, 1.0), |a| a, 2),
        "dema" => stream!(core.dema_open(close, 20), |a| a, 2),
        "natr" => stream!(core.natr_open(high, low, close, 14), |a| a, 0 1 2),
        _ => return None,
    })
}
