//! Every indicator, one file each, by kind.

use crate::Definition;
use crate::many::Many;
use crate::registry::Build;

mod average;
mod candle;
mod momentum;
mod price;
mod statistics;
mod structure;
mod trend;
mod volatility;
mod volume;

/// Tables of equal order from one list: what describes an indicator, what builds it, and
/// what computes many instruments of it. They are apart so that a program that looks up
/// names does not link a kernel, and one that streams does not link lanes.
macro_rules! catalogue {
    ($($kind:ident: $($($module:ident)::+),+;)+) => {
        const COUNT: usize = [$($(stringify!($($module)::+)),+),+].len();

        /// All of them, in the order of the documents.
        pub(crate) static REGISTRY: [Definition; COUNT] =
            numbered([$($($kind::$($module)::+::DEFINITION),+),+]);

        /// What builds each.
        pub(crate) static BUILDS: [Build; COUNT] = [$($($kind::$($module)::+::KERNEL.build),+),+];

        /// What computes many instruments of each.
        pub(crate) static MANY: [Option<Many>; COUNT] = [$($($kind::$($module)::+::KERNEL.many),+),+];

        /// The family of each: the folder of its file.
        pub(crate) static FAMILIES: [&str; COUNT] =
            [$($(first(stringify!($kind), stringify!($($module)::+))),+),+];
    };
}

const fn first(kind: &'static str, _module: &str) -> &'static str {
    kind
}

/// Each with its place in the tables.
const fn numbered(mut definitions: [Definition; COUNT]) -> [Definition; COUNT] {
    let mut place = 0;
    while place < COUNT {
        definitions[place].place = place;
        place += 1;
    }
    definitions
}

catalogue! {
    average:
        accbands, alma, bbands, dema, donchian, ema, hilo, hma, ht_trendline, ichimoku, kama, kc,
        linearreg, mama, mcgd, midpoint, midprice, rma, sar, sma, ssf, supertrend, t3, tema, trima,
        vidya, vwap, vwap_anchored::session, vwap_anchored::week, vwap_anchored::month, vwma, wma,
        zlema;
    momentum:
        ao, apo, bop, cci, cmo, coppock, cti, dpo, er, eri, fisher, kdj, kst, macd, macdfix, mom,
        pgo, ppo, qqe, roc, rocp, rocr, rocr100, rsi, rvgi, smi, squeeze, stc, stoch, stochf,
        stochrsi, stochrsi_k, trix, tsi, ultosc, willr;
    volatility:
        atr, bandwidth, ce, chop, cksp, garman_klass, hvol, massi, natr, parkinson, percent_b, rvi,
        trange, ui, yang_zhang;
    trend:
        adx, adxr, aroon, aroonosc, dx, ht_dcperiod, ht_sine, ht_trendmode, linearreg_angle,
        linearreg_intercept, linearreg_slope, minus_di, minus_dm, plus_di, plus_dm, qstick, tsf,
        vhf, vortex;
    volume:
        ad, adosc, cmf, efi, eom, kvo, mfi, nvi, obv, pvi, pvo, pvt, rvol;
    statistics:
        beta, correl, drawdown, entropy, kurtosis, log_return, mad, max, median, min,
        percent_return, percentrank, quantile, skew, stddev, stddev_sample, sum, var, zscore;
    price:
        avgprice, ha, medprice, typprice, wclprice;
    candle:
        cdl2crows, cdl3blackcrows, cdl3inside, cdl3linestrike, cdl3outside, cdl3starsinsouth,
        cdl3whitesoldiers, cdlabandonedbaby, cdladvanceblock, cdlbelthold, cdlbreakaway,
        cdlclosingmarubozu, cdlconcealbabyswall, cdlcounterattack, cdldarkcloudcover, cdldoji,
        cdldojistar, cdldragonflydoji, cdlengulfing, cdleveningdojistar, cdleveningstar,
        cdlgapsidesidewhite, cdlgravestonedoji, cdlhammer, cdlhangingman, cdlharami, cdlharamicross,
        cdlhighwave, cdlhikkake, cdlhikkakemod, cdlhomingpigeon, cdlidentical3crows, cdlinneck,
        cdlinvertedhammer, cdlkicking, cdlkickingbylength, cdlladderbottom, cdllongleggeddoji,
        cdllongline, cdlmarubozu, cdlmatchinglow, cdlmathold, cdlmorningdojistar, cdlmorningstar,
        cdlonneck, cdlpiercing, cdlrickshawman, cdlrisefall3methods, cdlseparatinglines,
        cdlshootingstar, cdlshortline, cdlspinningtop, cdlstalledpattern, cdlsticksandwich,
        cdltakuri, cdltasukigap, cdlthrusting, cdltristar, cdlunique3river, cdlupsidegap2crows,
        cdlxsidegap3methods;
    structure:
        bos, choch, fractal, fvg, order_block, pivots, pivots_camarilla,
        pivots_fibonacci, pivots_woodie, swing, volume_profile, vwap_swing, zigzag;
}
