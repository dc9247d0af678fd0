//! Wickra's core: streams, and batches by its quick form where it has one.

use wickra_core::{
    Adx, Atr, BollingerBands, Candle, Cci, Dema, Ema, Indicator, Kama, MacdIndicator, Mfi, Mom, Natr, Obv,
    Roc, Rsi, Sma, StdDev, Stochastic, SuperTrend, WilliamsR, Wma,
};

use crate::{Columns, Kept, Stream};

/// A batch of one series, and its last value; none for what it does not know.
pub(crate) fn batch(name: &str, columns: &Columns, kept: &mut Kept) -> Option<f64> {
    /// An indicator of one output.
    fn plain<I: Indicator<Output = f64>>(mut indicator: I, inputs: &[I::Input], out: &mut [f64])
    where
        I::Input: Copy,
    {
        indicator.batch_fast_into(inputs, out);
    }
    let Columns {
        high,
        low,
        close,
        candles,
        ..
    } = columns;
    let Kept {
        values: [a, b, _],
        rows,
        ..
    } = kept;
    match name {
        "sma" => plain(Sma::new(20).ok()?, close, a),
        "ema" => plain(Ema::new(20).ok()?, close, a),
        "wma" => plain(Wma::new(20).ok()?, close, a),
        "dema" => plain(Dema::new(20).ok()?, close, a),
        "kama" => plain(Kama::new(20, 2, 30).ok()?, close, a),
        "rsi" => plain(Rsi::new(14).ok()?, close, a),
        "roc" => plain(Roc::new(10).ok()?, close, a),
        "mom" => plain(Mom::new(10).ok()?, close, a),
        "stddev" => plain(StdDev::new(20).ok()?, close, a),
        "natr" => plain(Natr::new(14).ok()?, candles, a),
        "cci" => plain(Cci::new(20).ok()?, candles, a),
        "mfi" => plain(Mfi::new(14).ok()?, candles, a),
        "willr" => plain(WilliamsR::new(14).ok()?, candles, a),
        "obv" => {
            plain(Obv::new(), candles, a);
            // It begins at 0, the others with the first volume.
            return Some(a.last()? + columns.volume.first()?);
        }
        "atr" => Atr::new(14).ok()?.batch_atr_fast_into(high, low, close, a),
        // These two write rows: their first column is what the others write first.
        "macd" => {
            rows.resize(3 * close.len(), 0.0);
            MacdIndicator::new(12, 26, 9)
                .ok()?
                .batch_macd_fast_into(close, rows);
            return rows.get(rows.len() - 3).copied();
        }
        "bbands" => {
            rows.resize(4 * close.len(), 0.0);
            BollingerBands::new(20, 2.0)
                .ok()?
                .batch_bands_fast_into(close, rows);
            return rows.get(rows.len() - 4).copied();
        }
        "adx" => {
            let mut adx = Adx::new(14).ok()?;
            for (candle, a) in candles.iter().zip(&mut *a) {
                *a = adx.update(*candle).map_or(f64::NAN, |output| output.adx);
            }
        }
        "supertrend" => {
            let mut trend = SuperTrend::new(10, 3.0).ok()?;
            for ((candle, a), b) in candles.iter().zip(&mut *a).zip(b) {
                (*a, *b) = trend
                    .update(*candle)
                    .map_or((f64::NAN, f64::NAN), |output| (output.value, output.direction));
            }
        }
        "stoch" => {
            let (mut quick, mut slow) = (Stochastic::new(14, 3).ok()?, Sma::new(3).ok()?);
            for ((candle, a), b) in candles.iter().zip(&mut *a).zip(b) {
                *a = quick.update(*candle).map_or(f64::NAN, |output| output.d);
                *b = slow.update(*a).unwrap_or(f64::NAN);
            }
        }
        _ => return None,
    }
    a.last().copied()
}

/// A stream, warmed up on the first bars of a series.
pub(crate) fn stream(name: &str, columns: &Columns, bars: usize) -> Option<Stream> {
    macro_rules! stream {
        ($new:expr, |$output:ident| $sum:expr, $input:expr) => {{
            let mut indicator = $new;
            let mut next =
                move |bar: [f64; 4]| indicator.update($input(bar)).map_or(f64::NAN, |$output| $sum);
            for at in 0..bars {
                next(columns.bar(at));
            }
            Box::new(next)
        }};
    }
    fn candle([high, low, close, volume]: [f64; 4]) -> Candle {
        Candle::new_unchecked(close, high, low, close, volume, 0)
    }
    fn close(bar: [f64; 4]) -> f64 {
        bar[2]
    }
    Some(match name {
        "sma" => stream!(Sma::new(20).ok()?, |a| a, close),
        "ema" => stream!(Ema::new(20).ok()?, |a| a, close),
        "wma" => stream!(Wma::new(20).ok()?, |a| a, close),
        "dema" => stream!(Dema::new(20).ok()?, |a| a, close),
        "kama" => stream!(Kama::new(20, 2, 30).ok()?, |a| a, close),
        "rsi" => stream!(Rsi::new(14).ok()?, |a| a, close),
        "roc" => stream!(Roc::new(10).ok()?, |a| a, close),
        "mom" => stream!(Mom::new(10).ok()?, |a| a, close),
        "stddev" => stream!(StdDev::new(20).ok()?, |a| a, close),
        "macd" => stream!(
            MacdIndicator::new(12, 26, 9).ok()?,
            |a| a.macd + a.signal + a.histogram,
            close
        ),
        "bbands" => stream!(
            BollingerBands::new(20, 2.0).ok()?,
            |a| a.upper + a.middle + a.lower,
            close
        ),
        "natr" => stream!(Natr::new(14).ok()?, |a| a, candle),
        "atr" => stream!(Atr::new(14).ok()?, |a| a, candle),
        "cci" => stream!(Cci::new(20).ok()?, |a| a, candle),
        "mfi" => stream!(Mfi::new(14).ok()?, |a| a, candle),
        "willr" => stream!(WilliamsR::new(14).ok()?, |a| a, candle),
        "obv" => stream!(Obv::new(), |a| a, candle),
        "adx" => stream!(Adx::new(14).ok()?, |a| a.adx, candle),
        "supertrend" => stream!(SuperTrend::new(10, 3.0).ok()?, |a| a.value + a.direction, candle),
        "stoch" => {
            let mut slow = Sma::new(3).ok()?;
            stream!(
                Stochastic::new(14, 3).ok()?,
                |a| a.d + slow.update(a.d).unwrap_or(f64::NAN),
                candle
            )
        }
        _ => return None,
    })
}
