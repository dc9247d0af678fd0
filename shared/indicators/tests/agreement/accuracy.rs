//! Numbers stay what they should be.

use tickwire_indicators::registry;

use crate::{Bar, batch};

#[test]
fn flat_prices_stay_flat_to_the_bit() {
    let bar = Bar {
        open: 78.17,
        high: 78.17,
        low: 78.17,
        close: 78.17,
        volume: 3.0,
        day: 1.0,
    };
    for definition in registry() {
        let mut running = definition.build(&definition.defaults()).unwrap();
        let last = batch(&mut *running, definition, &[bar; 500]).pop().unwrap();
        let expected = match definition.name {
            "sma" | "ema" | "rma" | "wma" | "trima" | "kama" | "vidya" | "bbands" | "donchian"
            | "midpoint" | "linearreg" | "tsf" | "median" | "vwap" | "vwap_session" | "ichimoku" => 78.17_f64,
            "rsi" | "atr" | "macd" | "mom" | "roc" | "stddev" | "cci" | "stoch" | "stochf" | "mfi"
            | "cmo" | "adx" | "trange" | "willr" | "tsi" | "ao" | "aroonosc" => 0.0,
            _ => continue,
        };
        assert!(
            last.iter()
                .all(|value| value.is_some_and(|value| f64::from_bits(value) == expected)),
            "{}: {last:?}",
            definition.name
        );
    }
}

#[test]
fn windows_stay_accurate_over_millions_of_bars() {
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (sma, bbands) = (
        tickwire_indicators::find("sma"),
        tickwire_indicators::find("bbands"),
    );
    let mut sma = sma.unwrap().build(&[20.0]).unwrap();
    let mut bbands = bbands.unwrap().build(&[20.0, 1.0, 1.0]).unwrap();
    let mut last = [0.0; 20];
    for at in 0..2_000_000 {
        // A spike of 1e12 every 100,000 bars, which a running sum would never forget.
        let close = if at % 100_000 == 50_000 {
            1e12
        } else {
            1e-3 * (1.0 + 1e-6 * noise())
        };
        last[at % 20] = close;
        let (mut mean, mut bands) = ([None], [None; 3]);
        sma.next(&[close], &mut mean);
        bbands.next(&[close], &mut bands);
        if at > 1_900_000 && at % 1_000 == 0 {
            let exact = last.iter().sum::<f64>() / 20.0;
            let variance = last.iter().map(|value| (value - exact).powi(2)).sum::<f64>() / 20.0;
            let (mean, upper, middle) = (mean[0].unwrap(), bands[0].unwrap(), bands[1].unwrap());
            assert!((mean - exact).abs() <= 1e-14 * mean, "{at}: {mean}");
            assert_eq!(mean.to_bits(), middle.to_bits());
            assert!(
                (upper - middle - variance.sqrt()).abs() <= 1e-6 * variance.sqrt(),
                "{at}: {upper} {middle}"
            );
        }
    }
}
