//! What holds for every indicator of the registry: stream, peek, batch, restored
//! state and prefixes agree bit for bit; nothing refused leaves a trace.

use ndarray::{Array1, Array2, ArrayView1};
use proptest::prelude::*;
use tickwire_indicators::{
    Definition, Input, MAGNITUDE_MAX, ParameterKind, Running, STATE_BYTES_FIXED_MAX, Series, StateError,
    registry,
};

#[derive(Clone, Copy, Debug)]
struct Bar {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    day: f64,
}

fn row(definition: &Definition, bar: &Bar) -> Vec<f64> {
    let column = |input: &Input| match input {
        Input::Chosen | Input::Fixed(Series::Close) => bar.close,
        Input::Fixed(Series::High) => bar.high,
        Input::Fixed(Series::Low) => bar.low,
        Input::Fixed(Series::Volume) => bar.volume,
        Input::Fixed(_) => bar.open,
        Input::SessionDay => bar.day,
    };
    definition.inputs.iter().map(column).collect()
}

type Row = Vec<Option<u64>>;

/// Bits, so that equal means equal, after a check that every value is finite.
fn bits(output: &[Option<f64>]) -> Row {
    assert!(
        output.iter().flatten().all(|value| value.is_finite()),
        "{output:?}"
    );
    output.iter().map(|value| value.map(f64::to_bits)).collect()
}

fn next(running: &mut dyn Running, definition: &Definition, bar: &Bar) -> Row {
    let mut output = vec![Some(f64::MAX); definition.outputs.len()];
    running.next(&row(definition, bar), &mut output);
    bits(&output)
}

fn peek(running: &dyn Running, definition: &Definition, bar: &Bar) -> Row {
    let mut output = vec![Some(f64::MAX); definition.outputs.len()];
    running.peek(&row(definition, bar), &mut output);
    bits(&output)
}

fn state(running: &dyn Running) -> Vec<u8> {
    let mut bytes = Vec::new();
    running.export(&mut bytes);
    bytes
}

#[expect(clippy::unwrap_used, reason = "a helper of tests: a panic is the report")]
fn batch(running: &mut dyn Running, definition: &'static Definition, bars: &[Bar]) -> Vec<Row> {
    let rows: Vec<Vec<f64>> = bars.iter().map(|bar| row(definition, bar)).collect();
    let columns: Vec<Array1<f64>> = (0..definition.inputs.len())
        .map(|at| rows.iter().map(|row| row[at]).collect())
        .collect();
    let views: Vec<ArrayView1<'_, f64>> = columns.iter().map(|column| column.view()).collect();
    let values = running.batch(&views).unwrap();
    assert_eq!(values.dim(), (definition.outputs.len(), bars.len()));
    let cell = |value: &f64| (!value.is_nan()).then_some(*value);
    values
        .columns()
        .into_iter()
        .map(|row| bits(&row.iter().map(cell).collect::<Vec<_>>()))
        .collect()
}

/// Walks with jumps, flat stretches, quiet bars, and several bars a day.
fn bars() -> impl Strategy<Value = Vec<Bar>> {
    let step = prop_oneof![
        6 => -0.02..0.02_f64,
        1 => -0.3..0.4_f64,
        2 => Just(0.0),
    ];
    let volume = prop_oneof![4 => 0.0..1e7_f64, 1 => Just(0.0)];
    let bar = (
        step,
        0.0..0.01_f64,
        0.0..0.01_f64,
        volume,
        any::<prop::sample::Index>(),
    );
    (1e-4..1e6_f64, prop::collection::vec(bar, 1..150)).prop_map(|(start, steps)| {
        let (mut close, mut day) = (start, 20_000.0);
        steps
            .into_iter()
            .map(|(step, above, below, volume, index)| {
                close *= 1.0 + step;
                day += f64::from(u8::from(index.index(6) == 0));
                let spread = if step == 0.0 { 0.0 } else { 1.0 };
                let (high, low) = (close * (1.0 + spread * above), close * (1.0 - spread * below));
                Bar {
                    open: low + (high - low) * 0.3,
                    high,
                    low,
                    close,
                    volume,
                    day,
                }
            })
            .collect()
    })
}

/// Small periods, so that windows turn over many times within a test.
fn parameters(definition: &Definition, seed: u32) -> Vec<f64> {
    let value = |(at, parameter): (usize, &tickwire_indicators::Parameter)| match parameter.kind {
        ParameterKind::Bars => {
            (parameter.minimum + f64::from(seed % 7) + 7.0 * at as f64).min(parameter.maximum)
        }
        ParameterKind::Real => (0.5 * f64::from(seed % 7)).clamp(parameter.minimum, parameter.maximum),
    };
    definition.parameters.iter().enumerate().map(value).collect()
}

/// What must be refused, made of a bar that would be taken.
fn refused(definition: &Definition, bar: Bar, kind: usize) -> Bar {
    let poison = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, MAGNITUDE_MAX * 1.01][kind % 4];
    let takes = |series| definition.inputs.contains(&Input::Fixed(series));
    match kind / 4 {
        1 if takes(Series::High) => Bar {
            high: bar.low / 2.0,
            ..bar
        },
        2 if takes(Series::Low) => Bar { low: 0.0, ..bar },
        3 if takes(Series::Volume) => Bar { volume: -1.0, ..bar },
        4 if takes(Series::Volume) => Bar {
            volume: poison,
            ..bar
        },
        5 if definition.inputs.contains(&Input::SessionDay) => Bar {
            day: bar.day - 1e6,
            ..bar
        },
        6 if definition.inputs.contains(&Input::SessionDay) => Bar {
            day: bar.day + 0.5,
            ..bar
        },
        _ => Bar { close: poison, ..bar },
    }
}

/// A bar that nothing takes.
fn nothing() -> Bar {
    let nan = f64::NAN;
    Bar {
        open: nan,
        high: nan,
        low: nan,
        close: nan,
        volume: nan,
        day: nan,
    }
}

/// Whether what is wrong with a bar is in a column that the indicator takes.
fn is_refused(definition: &Definition, bar: &Bar) -> bool {
    let takes = |series| definition.inputs.contains(&Input::Fixed(series));
    let columns = row(definition, bar);
    let positive = definition
        .inputs
        .iter()
        .zip(&columns)
        .all(|(input, value)| match input {
            Input::Fixed(Series::Volume) => *value >= 0.0,
            Input::Fixed(_) => *value > 0.0,
            _ => true,
        });
    columns
        .iter()
        .any(|value| !value.is_finite() || value.abs() > MAGNITUDE_MAX)
        || !positive
        || (takes(Series::High) && takes(Series::Low) && bar.low > bar.high)
        || definition.inputs.contains(&Input::SessionDay)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn all_ways_agree(
        bars in bars(),
        seed in any::<u32>(),
        cut in any::<prop::sample::Index>(),
        bad in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(bars.len());
        for definition in registry() {
            let parameters = parameters(definition, seed);
            let cold = definition.build(&parameters).unwrap();

            let mut stream = cold.clone();
            let mut expected = Vec::new();
            for (at, bar) in bars.iter().enumerate() {
                let before = state(&*stream);
                prop_assert!(before.len() <= definition.state_bytes_max(&parameters));
                let peeked = peek(&*stream, definition, bar);

                let wrong = refused(definition, *bar, bad.index(28) + at % 28);
                let wrong = if at > 0 && is_refused(definition, &wrong) { wrong } else { nothing() };
                prop_assert!(next(&mut *stream, definition, &wrong).iter().all(Option::is_none));
                prop_assert!(peek(&*stream, definition, &wrong).iter().all(Option::is_none));
                prop_assert_eq!(&before, &state(&*stream), "{}: refused {:?}", definition.name, wrong);

                expected.push(next(&mut *stream, definition, bar));
                prop_assert_eq!(&peeked, &expected[at], "{}: peek", definition.name);
            }

            prop_assert_eq!(&batch(&mut *cold.clone(), definition, &bars), &expected, "{}: batch", definition.name);

            // The first bars alone give the first rows: nothing looks ahead.
            let prefix = batch(&mut *cold.clone(), definition, &bars[..cut]);
            prop_assert_eq!(&prefix[..], &expected[..cut], "{}: prefix", definition.name);

            let mut first = cold.clone();
            batch(&mut *first, definition, &bars[..cut]);
            let exported = state(&*first);
            let mut second = cold.clone();
            second.import(&exported).unwrap();
            prop_assert_eq!(&state(&*second), &exported, "{}: state", definition.name);
            let rest = batch(&mut *second, definition, &bars[cut..]);
            prop_assert_eq!(&rest[..], &expected[cut..], "{}: restored", definition.name);
        }
    }

    #[test]
    fn any_values_stay_finite(
        values in prop::collection::vec(prop_oneof![any::<f64>(), -1e100..1e100_f64, Just(0.0), Just(1e100)], 1..60),
        seed in any::<u32>(),
    ) {
        for definition in registry() {
            let mut running = definition.build(&parameters(definition, seed)).unwrap();
            let mut output = vec![None; definition.outputs.len()];
            for (at, value) in values.iter().enumerate() {
                let magnitude = value.abs();
                let day = (at / 7) as f64;
                let bar = Bar { open: magnitude, high: magnitude, low: magnitude / 2.0, close: *value, volume: magnitude, day };
                running.next(&row(definition, &bar), &mut output);
                bits(&output);
                let bar = Bar { close: magnitude, ..bar };
                running.next(&row(definition, &bar), &mut output);
                bits(&output);
            }
        }
    }

    #[test]
    fn no_bytes_panic(bars in bars(), seed in any::<u32>(), damage in any::<(prop::sample::Index, u8)>()) {
        for definition in registry() {
            let mut running = definition.build(&parameters(definition, seed)).unwrap();
            batch(&mut *running, definition, &bars);
            let whole = state(&*running);
            for cut in 0..whole.len() {
                prop_assert!(running.import(&whole[..cut]).is_err());
            }
            prop_assert_eq!(running.import(&[&whole[..], &[0]].concat()), Err(StateError::Damaged));
            prop_assert_eq!(&state(&*running), &whole, "{}: a refused import leaves a trace", definition.name);

            let mut damaged = whole.clone();
            let at = damage.0.index(damaged.len());
            damaged[at] = damaged[at].wrapping_add(damage.1);
            if running.import(&damaged).is_ok() {
                for bar in &bars {
                    next(&mut *running, definition, bar);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 8, ..ProptestConfig::default() })]

    /// Instruments side by side give the bits of a stream of each, also where one of
    /// them has a bar that is refused.
    #[test]
    fn many_instruments_agree(
        walks in prop::collection::vec(bars(), 1..20),
        seed in any::<u32>(),
        refused in any::<Option<prop::sample::Index>>(),
    ) {
        let rows = walks.iter().map(Vec::len).min().unwrap_or(0);
        let mut walks: Vec<Vec<Bar>> = walks.into_iter().map(|walk| walk[..rows].to_vec()).collect();
        if let Some(refused) = refused {
            let at = refused.index(walks.len());
            walks[at][rows / 2] = nothing();
        }
        for definition in registry() {
            let parameters = parameters(definition, seed);
            let columns: Vec<Vec<Vec<f64>>> = walks
                .iter()
                .map(|walk| walk.iter().map(|bar| row(definition, bar)).collect())
                .collect();
            let inputs: Vec<Array2<f64>> = (0..definition.inputs.len())
                .map(|at| Array2::from_shape_fn((rows, walks.len()), |(bar, walk)| columns[walk][bar][at]))
                .collect();
            let mut outputs = vec![Array2::zeros((rows, walks.len())); definition.outputs.len()];
            let views: Vec<_> = inputs.iter().map(|input| input.view()).collect();
            let mut into: Vec<_> = outputs.iter_mut().map(|output| output.view_mut()).collect();
            definition.many(&parameters, &views, &mut into).unwrap();
            for (at, walk) in walks.iter().enumerate() {
                let expected = batch(&mut *definition.build(&parameters).unwrap(), definition, walk);
                for (bar, expected) in expected.iter().enumerate() {
                    let found: Vec<Option<u64>> = outputs
                        .iter()
                        .map(|output| (!output[(bar, at)].is_nan()).then(|| output[(bar, at)].to_bits()))
                        .collect();
                    prop_assert_eq!(&found, expected, "{} {} {}", definition.name, at, bar);
                }
            }
        }
    }
}

/// Some of their outputs have no value by design: that of the other side, or what the
/// market has not made yet.
const SIDED: [&str; 12] = [
    "hilo",
    "qqe",
    "fractal",
    "fvg",
    "order_block",
    "pivots",
    "pivots_camarilla",
    "pivots_fibonacci",
    "pivots_woodie",
    "swing",
    "vwap_swing",
    "zigzag",
];

#[test]
fn warm_up_and_settle_are_what_the_definition_says() {
    let bar = |at: usize| {
        let close = 100.0 + (at as f64 * 0.7).sin();
        Bar {
            open: close + 0.5,
            high: close + 1.0,
            low: close - 1.0,
            close,
            volume: 10.0,
            day: 1.0,
        }
    };
    for definition in registry() {
        for parameters in [
            definition.defaults(),
            parameters(definition, 0),
            parameters(definition, 3),
        ] {
            let warm_up = definition.warm_up(&parameters);
            let mut running = definition.build(&parameters).unwrap();
            for at in 0..warm_up {
                let row = next(&mut *running, definition, &bar(at));
                assert!(
                    SIDED.contains(&definition.name) || row.iter().any(Option::is_none),
                    "{} has a value too early",
                    definition.name
                );
            }
            let row = next(&mut *running, definition, &bar(warm_up));
            let there = SIDED.contains(&definition.name) || row.iter().all(Option::is_some);
            assert!(there, "{} is late", definition.name);
            assert!(definition.settle(&parameters) > warm_up, "{}", definition.name);
        }
    }
}

#[test]
fn seeding_from_history_gives_what_a_long_run_gives() {
    let bar = |at: usize| {
        let close = 100.0 + (at as f64 * 0.7).sin() + (at as f64 * 0.01).cos() * 20.0;
        Bar {
            open: close + 0.5,
            high: close + 1.0,
            low: close - 1.0,
            close,
            volume: 10.0,
            day: 1.0,
        }
    };
    let bars: Vec<Bar> = (0..3_000).map(bar).collect();
    // A cumulative form never forgets its first bar.
    for definition in registry()
        .iter()
        .filter(|definition| definition.settle(&definition.defaults()) < 1_000)
    {
        let parameters = definition.defaults();
        let fed = definition.settle(&parameters);
        let mut long = definition.build(&parameters).unwrap();
        let mut seeded = long.clone();
        let all = batch(&mut *long, definition, &bars);
        let few = batch(&mut *seeded, definition, &bars[bars.len() - fed..]);
        for (long, seeded) in all[all.len() - 1].iter().zip(&few[few.len() - 1]) {
            let [long, seeded] = [long, seeded].map(|value| f64::from_bits(value.unwrap()));
            assert!(
                (long - seeded).abs() < 1e-6,
                "{}: {long} {seeded}",
                definition.name
            );
        }
    }
}

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

#[test]
fn state_of_others_is_refused() {
    let build = |name: &str, parameters: &[f64]| {
        tickwire_indicators::find(name)
            .unwrap()
            .build(parameters)
            .unwrap()
    };
    let ema = state(&*build("ema", &[9.0]));
    assert_eq!(ema.len(), 17);
    assert_eq!(build("ema", &[10.0]).import(&ema), Err(StateError::Foreign));
    assert_eq!(build("sma", &[9.0]).import(&ema), Err(StateError::Foreign));
    assert_eq!(build("ema", &[9.0]).import(&[]), Err(StateError::Damaged));
    let mut newer = ema.clone();
    newer[0] += 1;
    assert_eq!(
        build("ema", &[9.0]).import(&newer),
        Err(StateError::Version {
            found: 3,
            expected: 2
        })
    );
}

/// Stored state must stay readable: these bytes are the second version's form.
#[test]
fn the_form_of_the_state_is_fixed() {
    let check = |name: &str, parameters: &[f64], expected: &str| {
        let definition = tickwire_indicators::find(name).unwrap();
        let mut running = definition.build(parameters).unwrap();
        for at in 0..3 {
            let close = 10.0 + f64::from(at);
            next(
                &mut *running,
                definition,
                &Bar {
                    open: 10.0,
                    high: 13.0,
                    low: 9.0,
                    close,
                    volume: 2.0,
                    day: 5.0,
                },
            );
        }
        let bytes = state(&*running);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{name}");
        let mut restored = definition.build(parameters).unwrap();
        restored.import(&bytes).unwrap();
    };
    check(
        "sma",
        &[2.0],
        "0294c750990100000001000000000000284000000000000026400000000000002640",
    );
    check("ema", &[2.0], "02a2a2ecbb020000000000000000002740");
    check(
        "rsi",
        &[2.0],
        "0281a8307001000000000000284002000000000000000000f03f020000000000000000000000",
    );
    check(
        "macd",
        &[2.0, 3.0, 1.0],
        "02519aa4310000000002000000000000000000274003000000000000000000264001000000000000000000e03f",
    );
    check(
        "atr",
        &[2.0],
        "020ec1ff30010000000000002840020000000000000000001040",
    );
    check(
        "bbands",
        &[2.0, 2.0, 2.0],
        "026fa6063f0100000001000000000000284000000000000026400000000000002640",
    );
    check("vwap", &[], "02037f808b00000000000026400000000000001840");
    check(
        "vwap_session",
        &[],
        "02b0cdffa601000000000000144000000000000026400000000000001840",
    );
}

#[test]
fn the_registry_is_in_order() {
    let mut names: Vec<&str> = Vec::new();
    for definition in registry() {
        names.push(definition.name);
        names.extend(definition.aliases);
        assert!(
            !definition.outputs.is_empty() && !definition.summary.is_empty() && !definition.source.is_empty()
        );
        let chosen = definition
            .inputs
            .iter()
            .take_while(|input| input.is_selectable())
            .count();
        assert_eq!(
            chosen,
            definition.chosen_inputs(),
            "{}: chosen inputs come first",
            definition.name
        );
        definition.check(&definition.defaults()).unwrap();
        assert!(definition.check(&[0.0; 9]).is_err());
        for (at, parameter) in definition.parameters.iter().enumerate() {
            for wrong in [
                parameter.minimum - 1.0,
                parameter.maximum + 1.0,
                f64::NAN,
                f64::INFINITY,
            ] {
                let mut parameters = definition.defaults();
                parameters[at] = wrong;
                let error = definition.check(&parameters).unwrap_err();
                assert_eq!(error.parameter(), Some(parameter.name), "{error}");
            }
        }
        let most: Vec<f64> = definition
            .parameters
            .iter()
            .map(|parameter| parameter.maximum)
            .collect();
        assert!(definition.settle(&most) <= 120_000, "{}", definition.name);
        // The longest window, for each input and part that holds one.
        assert!(definition.state_bytes_max(&most) <= 8 * 150_000 + STATE_BYTES_FIXED_MAX);
        let defaults = definition.defaults();
        let bars: f64 = definition
            .parameters
            .iter()
            .map(|parameter| parameter.default)
            .sum();
        let held = 8.0 * (bars + 64.0) * 6.0;
        assert!(
            (definition.state_bytes_max(&defaults) as f64) < held,
            "{}",
            definition.name
        );
    }
    let lower = names.iter().all(|name| {
        name.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    });
    assert!(lower, "{names:?}");
    let series = Series::ALL.map(Series::name);
    assert!(
        names
            .iter()
            .all(|name| !series.contains(name) && !["and", "or", "not", "if", "shift"].contains(name))
    );
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name is taken twice");
}
