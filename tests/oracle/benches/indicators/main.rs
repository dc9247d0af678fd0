//! Indicators against other libraries, in one run: `cargo bench -p tickwire-oracle --bench indicators`,
//! with names behind `--` for some of the set only.
//!
//! A set over 500 instruments of 300 bars, many at once against the others' batches, with what a
//! side left in the caches itself and with what the other left; single series of 1,000 and
//! 1,000,000 bars; and bars one by one, 500 streams in turn. All sides keep every value, and their
//! last values are compared. Nanoseconds a bar, medians of several rounds of each in turn, and ours
//! as a part of the others'. The floor looks at the inputs and writes the outputs, in order.

mod ferro;
mod talib;
mod wickra;

use std::hint::black_box;
use std::time::Instant;

use ndarray::{Array2, ArrayView1};
use tickwire_indicators::{Definition, Input, Series, find};
use wickra_core::Candle;

/// Why nothing is measured.
type Failure = Box<dyn std::error::Error>;

const ROUNDS: usize = 9;
/// Runs of a side before the other has its turn.
const IN_A_ROW: usize = 4;

/// One series, as libraries want it.
pub(crate) struct Columns {
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    volume: Vec<f64>,
    candles: Vec<Candle>,
}

/// Where a library writes.
pub(crate) struct Kept {
    values: [Vec<f64>; 3],
    whole: Vec<i32>,
    signs: Vec<i8>,
    rows: Vec<f64>,
}

impl Kept {
    fn of(bars: usize) -> Self {
        Self {
            values: std::array::from_fn(|_| vec![0.0; bars]),
            whole: vec![0; bars],
            signs: Vec::new(),
            rows: Vec::new(),
        }
    }
}

/// Takes a bar: high, low, close, volume. The sum of its values, so that none is left out.
pub(crate) type Stream = Box<dyn FnMut([f64; 4]) -> f64>;

/// Another library.
struct Rival {
    name: &'static str,
    /// The last value of the first output; none where it has not the indicator.
    batch: fn(&str, &Columns, &mut Kept) -> Option<f64>,
    stream: fn(&str, &Columns, usize) -> Option<Stream>,
}

const RIVALS: [Rival; 3] = [
    Rival {
        name: "TA-Lib",
        batch: talib::batch,
        stream: talib::stream,
    },
    Rival {
        name: "wickra",
        batch: wickra::batch,
        stream: wickra::stream,
    },
    Rival {
        name: "ferro-ta",
        batch: ferro::batch,
        // Its streams are not measured.
        stream: |_, _, _| None,
    },
];

/// A walk of its own for each seed.
fn walk(seed: u64, bars: usize) -> Columns {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut columns = Columns {
        high: Vec::new(),
        low: Vec::new(),
        close: Vec::new(),
        volume: Vec::new(),
        candles: Vec::new(),
    };
    let mut close = 100.0_f64;
    for _ in 0..bars {
        let open = close;
        close = (close * (1.0 + 0.02 * (noise() - 0.5))).clamp(10.0, 1_000.0);
        let high = open.max(close) * (1.0 + 0.005 * noise());
        let low = open.min(close) * (1.0 - 0.005 * noise());
        let volume = (1e6 * noise()).floor() + 1.0;
        columns.high.push(high);
        columns.low.push(low);
        columns.close.push(close);
        columns.volume.push(volume);
        columns
            .candles
            .push(Candle::new_unchecked(open, high, low, close, volume, 0));
    }
    columns
}

/// An indicator of the set, and its parameters.
type Chosen = (&'static str, &'static [f64]);

const SET: [Chosen; 20] = [
    ("sma", &[20.0]),
    ("ema", &[20.0]),
    ("rsi", &[14.0]),
    ("macd", &[12.0, 26.0, 9.0]),
    ("bbands", &[20.0, 2.0, 2.0]),
    ("atr", &[14.0]),
    ("adx", &[14.0]),
    ("stoch", &[14.0, 3.0, 3.0]),
    ("obv", &[]),
    ("supertrend", &[10.0, 3.0]),
    ("cci", &[20.0]),
    ("mfi", &[14.0]),
    ("kama", &[20.0]),
    ("wma", &[20.0]),
    ("roc", &[10.0]),
    ("mom", &[10.0]),
    ("willr", &[14.0]),
    ("stddev", &[20.0, 1.0]),
    ("dema", &[20.0]),
    ("natr", &[14.0]),
];

/// What is run; none where a library has it not.
type Side<'a> = Option<Box<dyn FnMut() + 'a>>;

/// Median seconds of several rounds of each, in turn, so that all meet the same moods of the
/// machine. Of several runs `in_a_row` the first, which finds another's data in the caches, is
/// not counted; of one it is.
fn medians(in_a_row: usize, mut sides: Vec<Side<'_>>) -> Vec<Option<f64>> {
    let mut seconds = vec![Vec::new(); sides.len()];
    for round in 0..=ROUNDS {
        for (seconds, once) in seconds.iter_mut().zip(&mut sides) {
            let Some(once) = once else { continue };
            for run in 1..=in_a_row {
                let start = Instant::now();
                once();
                if round > 0 && (run > 1 || in_a_row == 1) {
                    seconds.push(start.elapsed().as_secs_f64());
                }
            }
        }
    }
    seconds
        .into_iter()
        .map(|mut seconds: Vec<f64>| {
            seconds.sort_by(f64::total_cmp);
            seconds.get(seconds.len() / 2).copied()
        })
        .collect()
}

/// A row of a table: numbers, or that there is none.
fn print_row(name: &str, cells: impl IntoIterator<Item = Option<f64>>) {
    print!("| {name:10} |");
    for cell in cells {
        match cell {
            Some(value) if value >= 10.0 => print!(" {value:8.1} |"),
            Some(value) => print!(" {value:8.2} |"),
            None => print!(" {:>8} |", "-"),
        }
    }
    println!();
}

fn print_head(title: &str, columns: &[&str]) {
    println!("\n{title}\n");
    print!("| {:10} |", "");
    columns.iter().for_each(|column| print!(" {column:>8} |"));
    print!("\n| ---------- |");
    columns.iter().for_each(|_| print!(" -------: |"));
    println!();
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// What nobody can do without: looks at each cache line of the inputs, and writes the outputs.
fn least(inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
    /// Numbers of a cache line.
    const LINE: usize = 8;
    let [first, others @ ..] = inputs else { return };
    for output in outputs {
        output.copy_from_slice(first);
    }
    for input in others {
        black_box(
            input
                .iter()
                .step_by(LINE)
                .fold(0, |bits, value| bits ^ value.to_bits()),
        );
    }
}

fn column<'a>(columns: &'a Columns, input: &Input) -> &'a [f64] {
    match input {
        Input::Fixed(Series::High) => &columns.high,
        Input::Fixed(Series::Low) => &columns.low,
        Input::Fixed(Series::Volume) => &columns.volume,
        _ => &columns.close,
    }
}

/// The others' batches, each over all series so many times.
fn batches<'a>(
    name: &'static str,
    walks: &'a [Columns],
    kept: &'a mut [Vec<Kept>],
    repeats: usize,
) -> impl Iterator<Item = Side<'a>> {
    RIVALS.into_iter().zip(kept).map(move |(rival, kept)| {
        (rival.batch)(name, walks.first()?, kept.first_mut()?)?;
        let side: Box<dyn FnMut()> = Box::new(move || {
            for _ in 0..repeats {
                for (walk, kept) in walks.iter().zip(&mut *kept) {
                    black_box((rival.batch)(name, black_box(walk), kept));
                }
            }
        });
        Some(side)
    })
}

/// Where the others write all series.
fn kept(walks: &[Columns]) -> Vec<Vec<Kept>> {
    let of_each = || walks.iter().map(|walk| Kept::of(walk.close.len())).collect();
    RIVALS.iter().map(|_| of_each()).collect()
}

/// Whether the others compute the same: the last value of a long series hardly depends on how it
/// began.
fn compare(name: &str, walk: &Columns, ours: Option<f64>) -> Result<(), Failure> {
    let ours = ours.ok_or("there is no value")?;
    for rival in RIVALS {
        let mut kept = Kept::of(walk.close.len());
        if let Some(theirs) = (rival.batch)(name, walk, &mut kept)
            && (ours - theirs).abs() > 1e-5 * ours.abs().max(1.0)
        {
            return Err(format!("{name} is {ours} here and {theirs} by {}", rival.name).into());
        }
    }
    Ok(())
}

fn set(chosen: &[Chosen], instruments: usize, bars: usize) -> Result<(), Failure> {
    let walks: Vec<Columns> = (0..instruments as u64).map(|seed| walk(seed, bars)).collect();
    let cells = (instruments * bars) as f64;
    let [talib, wickra, ferro] = RIVALS.map(|rival| rival.name);
    print_head(
        &format!("{instruments} instruments x {bars} bars, many at once: ns, and as a part of the others'"),
        &["ns", "floor", talib, "cold", wickra, ferro],
    );
    let mut sums = [[0.0; 2]; 4];
    for &(name, parameters) in chosen {
        let definition = find(name).ok_or("no such indicator")?;
        let inputs: Vec<Array2<f64>> = definition
            .inputs
            .iter()
            .map(|input| {
                Array2::from_shape_fn((bars, instruments), |(bar, at)| column(&walks[at], input)[bar])
            })
            .collect();
        let views: Vec<_> = inputs.iter().map(|input| input.view()).collect();
        let mut outputs = vec![Array2::<f64>::zeros((bars, instruments)); definition.outputs.len()];
        let mut others = outputs.clone();
        let mut kept = kept(&walks);
        let mut many = || {
            let mut into: Vec<_> = outputs.iter_mut().map(|output| output.view_mut()).collect();
            definition.many(parameters, black_box(&views), &mut into)
        };
        many()?;
        let mut floor = || {
            let mut into: Vec<_> = others
                .iter_mut()
                .filter_map(|output| output.as_slice_mut())
                .collect();
            let columns: Vec<_> = inputs.iter().filter_map(|input| input.as_slice()).collect();
            least(black_box(&columns), &mut into);
        };
        let mut sides: Vec<Side<'_>> = vec![
            Some(Box::new(|| _ = black_box(many()))),
            Some(Box::new(&mut floor)),
        ];
        sides.extend(batches(name, &walks, &mut kept, 1));
        let seconds = medians(IN_A_ROW, sides);
        let cold: Vec<Side<'_>> =
            std::iter::once(Some(Box::new(|| _ = black_box(many())) as Box<dyn FnMut()>))
                .chain(batches(name, &walks, &mut kept, 1).take(1))
                .collect();
        let cold = medians(1, cold);
        compare(name, &walks[0], outputs[0].column(0).last().copied())?;

        let [ours, floor, talib, wickra, ferro] = seconds[..] else {
            return Err("sides are missing".into());
        };
        let pairs = [(ours, talib), (cold[0], cold[1]), (ours, wickra), (ours, ferro)];
        for (sum, (ours, theirs)) in sums.iter_mut().zip(pairs) {
            if let Some((ours, theirs)) = ours.zip(theirs) {
                *sum = [sum[0] + ours, sum[1] + theirs];
            }
        }
        let part = pairs.map(|(ours, theirs)| Some(ours? / theirs?));
        let bar = |seconds: Option<f64>| Some(seconds? / cells * 1e9);
        print_row(name, [&[bar(ours), bar(floor)][..], &part[..]].concat());
    }
    let times = sums.map(|[ours, theirs]| theirs / ours);
    println!(
        "\ntimes as fast: {talib} {:.2}, cold {:.2}, {wickra} {:.2}, {ferro} {:.2}",
        times[0], times[1], times[2], times[3]
    );
    Ok(())
}

fn single(chosen: &[Chosen], bars: usize) -> Result<(), Failure> {
    let walks = [walk(7, bars)];
    let repeats = (100_000 / bars).clamp(1, 100);
    let cells = (bars * repeats) as f64;
    let names = RIVALS.map(|rival| rival.name);
    print_head(
        &format!("one series of {bars} bars: ns, and as a part of the others'"),
        &["ns", "floor", names[0], names[1], names[2]],
    );
    let mut parts = [const { Vec::new() }; 3];
    for &(name, parameters) in chosen {
        let definition = find(name).ok_or("no such indicator")?;
        let columns: Vec<&[f64]> = definition
            .inputs
            .iter()
            .map(|input| column(&walks[0], input))
            .collect();
        let views: Vec<_> = columns.iter().map(|column| ArrayView1::from(*column)).collect();
        let mut outputs = Array2::<f64>::zeros((definition.outputs.len(), bars));
        let mut others = outputs.clone();
        let mut kept = kept(&walks);
        let mut batch = || -> Result<(), Failure> {
            for _ in 0..repeats {
                let mut into: Vec<_> = outputs.rows_mut().into_iter().collect();
                definition
                    .build(parameters)?
                    .batch_into(black_box(&views), &mut into)?;
            }
            Ok(())
        };
        batch()?;
        let mut sides: Vec<Side<'_>> = vec![
            Some(Box::new(|| _ = black_box(batch()))),
            Some(Box::new(|| {
                for _ in 0..repeats {
                    let mut into: Vec<_> = others
                        .rows_mut()
                        .into_iter()
                        .filter_map(|row| row.into_slice())
                        .collect();
                    least(black_box(&columns), &mut into);
                }
            })),
        ];
        sides.extend(batches(name, &walks, &mut kept, repeats));
        let seconds = medians(IN_A_ROW, sides);
        compare(name, &walks[0], outputs.row(0).last().copied())?;
        let part: Vec<Option<f64>> = seconds[2..]
            .iter()
            .map(|theirs| Some(seconds[0]? / (*theirs)?))
            .collect();
        for (parts, part) in parts.iter_mut().zip(&part) {
            parts.extend(*part);
        }
        let bar = seconds[..2].iter().map(|seconds| Some((*seconds)? / cells * 1e9));
        print_row(name, bar.chain(part));
    }
    print_row("median", [None, None].into_iter().chain(parts.map(median)));
    Ok(())
}

/// Our stream, warmed up as TA-Lib's.
fn our_stream(
    definition: &'static Definition,
    parameters: &[f64],
    columns: &Columns,
    bars: usize,
) -> Option<Stream> {
    macro_rules! stream {
        ($outputs:literal, $($at:literal)+) => {{
            let mut running = definition.build(parameters).ok()?;
            let mut next = move |bar: [f64; 4]| {
                let mut output = [None; $outputs];
                running.next(&[$(bar[$at]),+], &mut output);
                output.into_iter().map(|value| value.unwrap_or(f64::NAN)).sum()
            };
            for at in 0..bars {
                next([columns.high[at], columns.low[at], columns.close[at], columns.volume[at]]);
            }
            Box::new(next)
        }};
    }
    Some(match (definition.inputs.len(), definition.outputs.len()) {
        (1, 1) => stream!(1, 2),
        (1, 3) => stream!(3, 2),
        (2, 1) => stream!(1, 2 3),
        (3, 1) => stream!(1, 0 1 2),
        (3, 2) => stream!(2, 0 1 2),
        (4, 1) => stream!(1, 0 1 2 3),
        _ => return None,
    })
}

/// Bars one by one, each to all instruments in turn, as a market gives them.
fn stream(chosen: &[Chosen], instruments: usize, bars: usize) -> Result<(), Failure> {
    const WARM_UP: usize = 100;
    let walks: Vec<Columns> = (0..instruments as u64)
        .map(|seed| walk(seed, WARM_UP + bars))
        .collect();
    let rows: Vec<[f64; 4]> = (WARM_UP..WARM_UP + bars)
        .flat_map(|at| {
            walks
                .iter()
                .map(move |walk| [walk.high[at], walk.low[at], walk.close[at], walk.volume[at]])
        })
        .collect();
    let [talib, wickra, _] = RIVALS;
    print_head(
        &format!("bars one by one, {instruments} streams: ns, and as a part of the others'"),
        &["ns", talib.name, wickra.name],
    );
    let rows = &rows;
    let run = |mut streams: Vec<Stream>| -> Side<'_> {
        let mut values = vec![0.0; rows.len()];
        (streams.len() == instruments).then(|| {
            let side: Box<dyn FnMut()> = Box::new(move || {
                for (rows, values) in rows.chunks(instruments).zip(values.chunks_mut(instruments)) {
                    for ((stream, row), value) in streams.iter_mut().zip(rows).zip(values) {
                        *value = stream(*row);
                    }
                }
                black_box(&values);
            });
            side
        })
    };
    let mut parts = [const { Vec::new() }; 2];
    for &(name, parameters) in chosen {
        let definition = find(name).ok_or("no such indicator")?;
        let all = |open: &dyn Fn(&Columns) -> Option<Stream>| walks.iter().filter_map(open).collect();
        let seconds = medians(
            IN_A_ROW,
            vec![
                run(all(&|walk| our_stream(definition, parameters, walk, WARM_UP))),
                run(all(&|walk| (talib.stream)(name, walk, WARM_UP))),
                run(all(&|walk| (wickra.stream)(name, walk, WARM_UP))),
            ],
        );
        let part: Vec<Option<f64>> = seconds[1..]
            .iter()
            .map(|theirs| Some(seconds[0]? / (*theirs)?))
            .collect();
        for (parts, part) in parts.iter_mut().zip(&part) {
            parts.extend(*part);
        }
        let bar = seconds[0].map(|seconds| seconds / rows.len() as f64 * 1e9);
        print_row(name, std::iter::once(bar).chain(part));
    }
    print_row(
        "greatest",
        std::iter::once(None).chain(
            parts
                .each_ref()
                .map(|parts| parts.iter().copied().reduce(f64::max)),
        ),
    );
    print_row("median", std::iter::once(None).chain(parts.map(median)));
    Ok(())
}

fn main() -> Result<(), Failure> {
    // Cargo adds flags of its own.
    let names: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    if let Some(unknown) = names
        .iter()
        .find(|name| SET.iter().all(|(known, _)| known != name))
    {
        return Err(format!(
            "{unknown} is not in the set: {}",
            SET.map(|(name, _)| name).join(", ")
        )
        .into());
    }
    let chosen: Vec<Chosen> = SET
        .into_iter()
        .filter(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name))
        .collect();
    set(&chosen, 500, 300)?;
    single(&chosen, 1_000)?;
    single(&chosen, 1_000_000)?;
    stream(&chosen, 500, 300)
}
