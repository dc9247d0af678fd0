//! What holds for every indicator of the registry: stream, peek, batch, restored
//! state and prefixes agree bit for bit; nothing refused leaves a trace.

mod accuracy;
mod catalogue;
mod long;
mod state;

use ndarray::{Array1, Array2, ArrayView1, ShapeBuilder as _};
use proptest::prelude::*;
use tickwire_indicators::{Definition, Input, MAGNITUDE_MAX, ParameterKind, Running, Series, registry};

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

}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 8, ..ProptestConfig::default() })]

    /// Instruments side by side give the bits of a stream of each, also where one of
    /// them has a bar that is refused, and whichever way the arrays lie in memory.
    #[test]
    fn many_instruments_agree(
        walks in prop::collection::vec(bars(), 1..20),
        seed in any::<u32>(),
        refused in any::<Option<prop::sample::Index>>(),
        copies in 1_usize..6,
        turned in any::<bool>(),
    ) {
        let rows = walks.iter().map(Vec::len).min().unwrap_or(0);
        let instruments = walks.len() * copies;
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
                .map(|at| {
                    Array2::from_shape_fn((rows, instruments).set_f(turned), |(bar, walk)| {
                        columns[walk % columns.len()][bar][at]
                    })
                })
                .collect();
            let outputs = Array2::zeros((rows, instruments).set_f(turned));
            let mut outputs = vec![outputs; definition.outputs.len()];
            let views: Vec<_> = inputs.iter().map(|input| input.view()).collect();
            let mut into: Vec<_> = outputs.iter_mut().map(|output| output.view_mut()).collect();
            definition.many(&parameters, &views, &mut into).unwrap();
            for (first, walk) in walks.iter().enumerate() {
                let expected = batch(&mut *definition.build(&parameters).unwrap(), definition, walk);
                for (bar, expected) in expected.iter().enumerate() {
                    for at in (first..instruments).step_by(walks.len()) {
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
}
