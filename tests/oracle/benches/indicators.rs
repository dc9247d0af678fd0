//! Indicators against the Rust crate of TA-Lib, in one run: `cargo bench -p tickwire-oracle`.
//!
//! A set over 500 instruments of 300 bars, many at once against TA-Lib's batch, with what a side
//! left in the caches itself and with what the other left; single series of 1,000 and 1,000,000
//! bars; and bars one by one, 500 streams in turn. Both sides keep every value. Nanoseconds a bar,
//! medians of several rounds of each in turn.

use std::hint::black_box;
use std::time::Instant;

use ndarray::Array2;
use ta_lib::{Core, MAType};
use tickwire_indicators::{Definition, Input, Series, find};

const ROUNDS: usize = 9;
/// Runs of a side before the other has its turn.
const IN_A_ROW: usize = 4;

struct Columns {
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    volume: Vec<f64>,
}

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
    };
    let mut close = 100.0_f64;
    for _ in 0..bars {
        let open = close;
        close = (close * (1.0 + 0.02 * (noise() - 0.5))).clamp(10.0, 1_000.0);
        columns.high.push(open.max(close) * (1.0 + 0.005 * noise()));
        columns.low.push(open.min(close) * (1.0 - 0.005 * noise()));
        columns.close.push(close);
        columns.volume.push((1e6 * noise()).floor() + 1.0);
    }
    columns
}

/// Median seconds of several rounds of each, in turn, so that both meet the same moods of the
/// machine. Of several runs `in_a_row` the first, which finds the other's data in the caches, is
/// not counted; of one it is.
fn medians(in_a_row: usize, mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (f64, f64) {
    let mut seconds = [const { Vec::new() }; 2];
    for round in 0..=ROUNDS {
        let both: [&mut dyn FnMut(); 2] = [&mut ours, &mut theirs];
        for (seconds, once) in seconds.iter_mut().zip(both) {
            for run in 1..=in_a_row {
                let start = Instant::now();
                once();
                if round > 0 && (run > 1 || in_a_row == 1) {
                    seconds.push(start.elapsed().as_secs_f64());
                }
            }
        }
    }
    let [ours, theirs] = seconds.map(|mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    });
    (ours, theirs)
}

/// TA-Lib's batch of one series; false for what it does not know.
fn theirs(name: &str, columns: &Columns, out: &mut [Vec<f64>; 3], whole: &mut [i32]) -> bool {
    let core = Core::new();
    let Columns {
        high,
        low,
        close,
        volume,
    } = columns;
    let last = close.len() - 1;
    let [a, b, c] = out;
    match name {
        "sma" => core.sma(0, last, close, 20, a).is_ok(),
        "ema" => core.ema(0, last, close, 20, a).is_ok(),
        "wma" => core.wma(0, last, close, 20, a).is_ok(),
        "rsi" => core.rsi(0, last, close, 14, a).is_ok(),
        "macd" => core.macd(0, last, close, 12, 26, 9, a, b, c).is_ok(),
        "bbands" => core
            .bbands(0, last, close, 20, 2.0, 2.0, MAType::SMA, a, b, c)
            .is_ok(),
        "atr" => core.atr(0, last, high, low, close, 14, a).is_ok(),
        "adx" => core.adx(0, last, high, low, close, 14, a).is_ok(),
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
            .is_ok(),
        "obv" => core.obv(0, last, close, volume, a).is_ok(),
        "supertrend" => core
            .supertrend(0, last, high, low, close, 10, 3.0, a, whole)
            .is_ok(),
        "cci" => core.cci(0, last, high, low, close, 20, a).is_ok(),
        "mfi" => core.mfi(0, last, high, low, close, volume, 14, a).is_ok(),
        "kama" => core.kama(0, last, close, 20, a).is_ok(),
        "roc" => core.roc(0, last, close, 10, a).is_ok(),
        "mom" => core.mom(0, last, close, 10, a).is_ok(),
        "willr" => core.willr(0, last, high, low, close, 14, a).is_ok(),
        "stddev" => core.stddev(0, last, close, 20, 1.0, a).is_ok(),
        "dema" => core.dema(0, last, close, 20, a).is_ok(),
        "natr" => core.natr(0, last, high, low, close, 14, a).is_ok(),
        _ => false,
    }
}

const SET: [(&str, &[f64]); 20] = [
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

fn column<'a>(columns: &'a Columns, input: &Input) -> &'a [f64] {
    match input {
        Input::Fixed(Series::High) => &columns.high,
        Input::Fixed(Series::Low) => &columns.low,
        Input::Fixed(Series::Volume) => &columns.volume,
        _ => &columns.close,
    }
}

fn set(instruments: usize, bars: usize, in_a_row: usize) -> Result<(), Box<dyn std::error::Error>> {
    let walks: Vec<Columns> = (0..instruments as u64).map(|seed| walk(seed, bars)).collect();
    let cells = (instruments * bars) as f64;
    println!(
        "{instruments} instruments x {bars} bars, {in_a_row} in a row: ns a bar, many at once, TA-Lib, ratio"
    );
    let (mut ours_all, mut theirs_all) = (0.0, 0.0);
    for (name, parameters) in SET {
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
        let mut done = Ok(());
        let mut kept: Vec<([Vec<f64>; 3], Vec<i32>)> =
            vec![(std::array::from_fn(|_| vec![0.0; bars]), vec![0; bars]); instruments];
        let (ours, theirs) = medians(
            in_a_row,
            || {
                let mut into: Vec<_> = outputs.iter_mut().map(|output| output.view_mut()).collect();
                done = definition.many(parameters, black_box(&views), &mut into);
            },
            || {
                for (walk, (out, whole)) in walks.iter().zip(&mut kept) {
                    black_box(theirs(name, black_box(walk), out, whole));
                }
            },
        );
        done?;
        println!(
            "{name:12} {:7.3} {:7.3} {:6.2}",
            ours / cells * 1e9,
            theirs / cells * 1e9,
            ours / theirs
        );
        (ours_all, theirs_all) = (ours_all + ours, theirs_all + theirs);
    }
    println!("whole set: {:.2} times as fast as TA-Lib", theirs_all / ours_all);
    Ok(())
}

fn single(bars: usize) -> Result<(), Box<dyn std::error::Error>> {
    let columns = walk(7, bars);
    println!("one series of {bars} bars: ns a bar, batch, TA-Lib, ratio");
    let mut ratios = Vec::new();
    for (name, parameters) in SET {
        let definition = find(name).ok_or("no such indicator")?;
        let views: Vec<_> = definition
            .inputs
            .iter()
            .map(|input| ndarray::ArrayView1::from(column(&columns, input)))
            .collect();
        let mut outputs = Array2::<f64>::zeros((definition.outputs.len(), bars));
        let mut done = Ok(());
        let repeats = (100_000 / bars).clamp(1, 100);
        let (mut out, mut whole) = (std::array::from_fn(|_| vec![0.0; bars]), vec![0; bars]);
        let (ours, theirs) = medians(
            IN_A_ROW,
            || {
                for _ in 0..repeats {
                    let mut into: Vec<_> = outputs.rows_mut().into_iter().collect();
                    done = definition
                        .build(parameters)
                        .map_err(|error| error.to_string())
                        .and_then(|mut running| {
                            running
                                .batch_into(black_box(&views), &mut into)
                                .map_err(|error| error.to_string())
                        });
                }
            },
            || {
                for _ in 0..repeats {
                    black_box(theirs(name, black_box(&columns), &mut out, &mut whole));
                }
            },
        );
        done?;
        let cells = (bars * repeats) as f64;
        println!(
            "{name:12} {:7.3} {:7.3} {:6.2}",
            ours / cells * 1e9,
            theirs / cells * 1e9,
            ours / theirs
        );
        ratios.push(ours / theirs);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}", ratios[ratios.len() / 2]);
    Ok(())
}

/// Takes a bar: high, low, close, volume. The sum of its values, so that none is left out.
type Stream = Box<dyn FnMut([f64; 4]) -> f64>;

/// TA-Lib's stream, warmed up on the first bars of a series.
fn their_stream(name: &str, columns: &Columns, bars: usize) -> Option<Stream> {
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
fn stream(instruments: usize, bars: usize) -> Result<(), Box<dyn std::error::Error>> {
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
    println!("bars one by one, {instruments} streams: ns a bar, ours, TA-Lib, ratio");
    let mut ratios = Vec::new();
    let run = |streams: &mut [Stream], values: &mut [f64]| {
        for (rows, values) in rows.chunks(instruments).zip(values.chunks_mut(instruments)) {
            for ((stream, row), value) in streams.iter_mut().zip(rows).zip(values) {
                *value = stream(*row);
            }
        }
        black_box(&*values);
    };
    let mut values = [vec![0.0; rows.len()], vec![0.0; rows.len()]];
    for (name, parameters) in SET {
        let definition = find(name).ok_or("no such indicator")?;
        let mut ours: Vec<Stream> = walks
            .iter()
            .filter_map(|walk| our_stream(definition, parameters, walk, WARM_UP))
            .collect();
        let mut theirs: Vec<Stream> = walks
            .iter()
            .filter_map(|walk| their_stream(name, walk, WARM_UP))
            .collect();
        if ours.len() != instruments || theirs.len() != instruments {
            return Err(format!("{name} has no stream").into());
        }
        let [our_values, their_values] = &mut values;
        let (ours, theirs) = medians(
            IN_A_ROW,
            || run(&mut ours, our_values),
            || run(&mut theirs, their_values),
        );
        let cells = rows.len() as f64;
        println!(
            "{name:12} {:7.3} {:7.3} {:6.2}",
            ours / cells * 1e9,
            theirs / cells * 1e9,
            ours / theirs
        );
        ratios.push(ours / theirs);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "median ratio {:.2}, greatest {:.2}",
        ratios[ratios.len() / 2],
        ratios[ratios.len() - 1]
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    set(500, 300, IN_A_ROW)?;
    set(500, 300, 1)?;
    single(1_000)?;
    single(1_000_000)?;
    stream(500, 300)
}
