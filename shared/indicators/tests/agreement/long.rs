//! Columns so long that they are computed by parts.

use tickwire_indicators::registry;

use crate::{Bar, batch, next, nothing, parameters, state};

fn walk(bars: usize) -> Vec<Bar> {
    let mut state = 7_u64;
    let mut noise = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut close = 100.0;
    (0..bars)
        .map(|at| {
            // Every third bar repeats a price, so that there are ties.
            let open = close;
            if at % 3 > 0 {
                close = f64::clamp(open * (1.0 + 0.02 * (noise() - 0.5)), 10.0, 1_000.0);
            }
            Bar {
                open,
                high: open.max(close) * (1.0 + 0.005 * noise()),
                low: open.min(close) * (1.0 - 0.005 * noise()),
                close,
                volume: (1e6 * noise()).floor(),
                day: (at / 10) as f64,
            }
        })
        .collect()
}

/// Rows and the state after them, from one call and bar by bar.
#[expect(clippy::unwrap_used, reason = "a helper of tests: a panic is the report")]
fn check(bars: &[Bar], names: &[&str], parameters: impl Fn(&tickwire_indicators::Definition) -> Vec<f64>) {
    for definition in registry() {
        if !names.is_empty() && !names.contains(&definition.name) {
            continue;
        }
        let mut whole = definition.build(&parameters(definition)).unwrap();
        let mut stream = whole.clone();
        let rows = batch(&mut *whole, definition, bars);
        for (at, (bar, row)) in bars.iter().zip(&rows).enumerate() {
            assert_eq!(
                &next(&mut *stream, definition, bar),
                row,
                "{} {at}",
                definition.name
            );
        }
        assert_eq!(state(&*whole), state(&*stream), "{}", definition.name);
    }
}

/// What is cut into parts.
const CUT: [&str; 10] = [
    "bbands", "cci", "mfi", "mom", "roc", "sma", "stddev", "stoch", "willr", "wma",
];

/// Every indicator, continued from its exported state at every bar.
#[test]
fn state_is_exported_and_imported_at_every_bar() {
    let bars = walk(150);
    for definition in registry() {
        let cold = definition.build(&definition.defaults()).unwrap();
        let (mut whole, mut continued) = (cold.clone(), cold.clone());
        let most = definition.state_bytes_max(&definition.defaults());
        for (at, bar) in bars.iter().enumerate() {
            let exported = state(&*continued);
            assert!(exported.len() <= most, "{} {at}", definition.name);
            continued = cold.clone();
            continued.import(&exported).unwrap();
            assert_eq!(state(&*continued), exported, "{} {at}", definition.name);
            let row = next(&mut *continued, definition, bar);
            assert_eq!(
                row,
                next(&mut *whole, definition, bar),
                "{} {at}",
                definition.name
            );
        }
        assert_eq!(state(&*continued), state(&*whole), "{}", definition.name);
    }
}

/// Every indicator over the first bars alone, however many those are.
#[test]
fn every_prefix_gives_the_first_rows() {
    let bars = walk(130);
    for definition in registry() {
        let cold = definition.build(&definition.defaults()).unwrap();
        let whole = batch(&mut *cold.clone(), definition, &bars);
        for count in 0..bars.len() {
            let part = batch(&mut *cold.clone(), definition, &bars[..count]);
            assert_eq!(part[..], whole[..count], "{} {count}", definition.name);
        }
    }
}

#[test]
fn a_long_column_gives_what_a_stream_gives() {
    let mut bars = walk(530);
    for seed in [0, 3] {
        check(&bars, &CUT, |definition| parameters(definition, seed));
    }
    bars[333] = nothing();
    check(&bars, &[], |definition| parameters(definition, 1));
}

#[test]
fn so_do_many_parts_of_one() {
    let mut bars = walk(9_000);
    check(&bars, &CUT, |definition| definition.defaults());
    bars.truncate(4_200);
    bars[4_150] = nothing();
    check(&bars, &CUT, |definition| definition.defaults());
}
