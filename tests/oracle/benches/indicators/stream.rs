//! Bars one by one.

use std::hint::black_box;

use tickwire_indicators::{Definition, Running, find};

use crate::{
    Chosen, Columns, Failure, IN_A_ROW, RIVALS, Rival, Side, medians, parts_of, print_head, print_row,
    print_summary, walk,
};

/// Bars before those that are measured.
const WARM_UP: usize = 100;

/// Bars one by one, each to all streams in turn; the streams are warmed up on the first bars of
/// their series. A bar is high, low, close and volume; a stream gives the sum of its values.
fn in_turn<'a, S: 'a>(
    walks: &[Columns],
    rows: &'a [[f64; 4]],
    open: impl Fn(&Columns) -> Option<S>,
    next: impl Fn(&mut S, [f64; 4]) -> f64 + 'a,
) -> Side<'a> {
    let mut streams: Vec<S> = walks.iter().map(open).collect::<Option<_>>()?;
    let mut values = vec![0.0; rows.len()];
    Some(Box::new(move || {
        let turns = rows
            .chunks(streams.len())
            .zip(values.chunks_mut(rows.len().min(streams.len())));
        for (rows, values) in turns {
            for ((stream, row), value) in streams.iter_mut().zip(rows).zip(values) {
                *value = next(stream, *row);
            }
        }
        black_box(&values);
    }))
}

/// Our streams, as an engine holds them.
fn ours<'a>(
    definition: &'static Definition,
    parameters: &'static [f64],
    walks: &[Columns],
    rows: &'a [[f64; 4]],
) -> Side<'a> {
    macro_rules! side {
        ($outputs:literal, $($at:literal)+) => {{
            fn next(running: &mut Box<dyn Running>, bar: [f64; 4]) -> f64 {
                let mut output = [None; $outputs];
                running.next(&[$(bar[$at]),+], &mut output);
                output.into_iter().map(|value| value.unwrap_or(f64::NAN)).sum()
            }
            let open = |walk: &Columns| {
                let mut running = definition.build(parameters).ok()?;
                (0..WARM_UP).for_each(|at| _ = next(&mut running, walk.bar(at)));
                Some(running)
            };
            in_turn(walks, rows, open, next)
        }};
    }
    match (definition.inputs.len(), definition.outputs.len()) {
        (1, 1) => side!(1, 2),
        (1, 3) => side!(3, 2),
        (2, 1) => side!(1, 2 3),
        (3, 1) => side!(1, 0 1 2),
        (3, 2) => side!(2, 0 1 2),
        (4, 1) => side!(1, 0 1 2 3),
        _ => None,
    }
}

/// Bars one by one, each to all instruments in turn, as a market gives them.
pub(crate) fn measure(chosen: &[Chosen], instruments: usize, bars: usize) -> Result<(), Failure> {
    let walks: Vec<Columns> = (0..instruments as u64)
        .map(|seed| walk(seed, WARM_UP + bars))
        .collect();
    let rows: Vec<[f64; 4]> = (WARM_UP..WARM_UP + bars)
        .flat_map(|at| walks.iter().map(move |walk| walk.bar(at)))
        .collect();
    let [talib, wickra, _] = RIVALS;
    print_head(
        &format!("bars one by one, {instruments} streams: ns, and as a part of the others'"),
        &["ns", talib.name, wickra.name],
    );
    let mut parts = Vec::new();
    for &(name, parameters) in chosen {
        let definition = find(name).ok_or("no such indicator")?;
        let theirs = |rival: &Rival| {
            let open = rival.stream;
            in_turn(
                &walks,
                &rows,
                move |walk| open(name, walk, WARM_UP),
                |stream, bar| stream(bar),
            )
        };
        let sides = vec![
            ours(definition, parameters, &walks, &rows),
            theirs(&talib),
            theirs(&wickra),
        ];
        let seconds = medians(IN_A_ROW, sides);
        let bar =
            Some(seconds[0].ok_or("no stream of so many inputs and outputs")? / rows.len() as f64 * 1e9);
        let of = parts_of(seconds[0], &seconds[1..]);
        print_row(name, std::iter::once(bar).chain(of.iter().copied()));
        parts.push(of);
    }
    print_summary(1, &parts);
    Ok(())
}
