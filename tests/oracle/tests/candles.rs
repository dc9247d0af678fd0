//! Candle patterns against the Rust crate of TA-Lib, on bars made so that each is found.

use ndarray::ArrayView1;
use ta_lib::Core;
use tickwire_indicators::{find, registry};

const BARS: usize = 100_000;

/// Columns: open, high, low, close.
type Columns = [Vec<f64>; 4];

/// Candles with bodies and shadows of all sizes, gaps, ties and runs of one colour. Prices
/// are multiples of 1/64, so that sums are exact in whatever order they are made.
fn candles() -> Columns {
    let mut state = 7_u64;
    let mut below = move |count: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % count
    };
    let mut columns = Columns::default();
    let mut close = 100.0_f64;
    let mut up = true;
    for _ in 0..BARS {
        let mut size = |choices: [u64; 4]| {
            let most = choices[below(4) as usize];
            below(most + 1) as f64 / 64.0
        };
        let (gap, body) = (size([0, 1, 8, 200]), size([0, 8, 32, 128]));
        let (above, under) = (size([0, 0, 16, 256]), size([0, 0, 16, 256]));
        if below(3) == 0 {
            up = !up;
        }
        // Back towards 100.
        let drift = if close > 150.0 {
            -1.0
        } else if close < 60.0 {
            1.0
        } else {
            0.0
        };
        let gap = if below(2) == 0 { gap } else { -gap };
        let open = close + gap + drift;
        close = if up { open + body } else { open - body };
        columns[0].push(open);
        columns[1].push(open.max(close) + above);
        columns[2].push(open.min(close) - under);
        columns[3].push(close);
    }
    columns
}

macro_rules! theirs {
    ($name:expr, $columns:expr, $parameters:expr; $($plain:ident)*; $($deep:ident)*) => {{
        let [open, high, low, close] = $columns;
        let mut output = vec![0; close.len()];
        let core = Core::new();
        let range = match $name {
            $(stringify!($plain) => core.$plain(0, close.len() - 1, open, high, low, close, &mut output),)*
            $(stringify!($deep) => {
                core.$deep(0, close.len() - 1, open, high, low, close, $parameters[0], &mut output)
            })*
            other => panic!("no candle pattern is called {other}"),
        };
        let range = range.unwrap();
        let mut column = vec![f64::NAN; range.beg_idx];
        column.extend(output[..range.count].iter().map(|&value| f64::from(value)));
        column
    }};
}

fn theirs(name: &str, columns: &Columns, parameters: &[f64]) -> Vec<f64> {
    theirs!(name, columns, parameters;
        cdl2crows cdl3blackcrows cdl3inside cdl3linestrike cdl3outside cdl3starsinsouth
        cdl3whitesoldiers cdladvanceblock cdlbelthold cdlbreakaway cdlclosingmarubozu
        cdlconcealbabyswall cdlcounterattack cdldoji cdldojistar cdldragonflydoji cdlengulfing
        cdlgapsidesidewhite cdlgravestonedoji cdlhammer cdlhangingman cdlharami cdlharamicross
        cdlhighwave cdlhikkake cdlhikkakemod cdlhomingpigeon cdlidentical3crows cdlinneck
        cdlinvertedhammer cdlkicking cdlkickingbylength cdlladderbottom cdllongleggeddoji
        cdllongline cdlmarubozu cdlmatchinglow cdlonneck cdlpiercing cdlrickshawman
        cdlrisefall3methods cdlseparatinglines cdlshootingstar cdlshortline cdlspinningtop
        cdlstalledpattern cdlsticksandwich cdltakuri cdltasukigap cdlthrusting cdltristar
        cdlunique3river cdlupsidegap2crows cdlxsidegap3methods;
        cdlabandonedbaby cdldarkcloudcover cdleveningdojistar cdleveningstar cdlmathold
        cdlmorningdojistar cdlmorningstar)
}

#[test]
fn every_pattern_is_found_where_ta_lib_finds_it() {
    let columns = candles();
    let views: Vec<ArrayView1<'_, f64>> = columns.iter().map(|column| column[..].into()).collect();
    let names = registry().iter().map(|definition| definition.name);
    let names: Vec<&str> = names.filter(|name| name.starts_with("cdl")).collect();
    assert_eq!(names.len(), 61);
    for name in names {
        let definition = find(name).unwrap();
        let defaults = definition.defaults();
        let deeper = defaults.iter().map(|penetration| penetration / 4.0).collect();
        let found = [defaults, deeper].map(|parameters: Vec<f64>| {
            let ours = definition.build(&parameters).unwrap().batch(&views).unwrap();
            let theirs = theirs(name, &columns, &parameters);
            assert_eq!(
                definition.warm_up(&parameters),
                theirs.iter().take_while(|value| value.is_nan()).count(),
                "{name}: warm-up"
            );
            for (bar, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                assert!(
                    ours == theirs || (ours.is_nan() && theirs.is_nan()),
                    "{name} at {bar}: {ours} against {theirs}"
                );
            }
            theirs.iter().any(|value| *value != 0.0 && !value.is_nan())
        });
        assert!(found.contains(&true), "{name} is never found");
    }
}
