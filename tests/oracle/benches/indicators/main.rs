//! Indicators against other libraries, in one run: `cargo bench -p tickwire-oracle --bench indicators`,
//! with names behind `--` for some of the set only.
//!
//! A set over 500 instruments of 300 bars, many at once against the others' batches, with what a
//! side left in the caches itself and with what the other left; single series of 1,000 and
//! 1,000,000 bars; and bars one by one, 500 streams in turn. All sides keep every value, and the
//! last ones of batches are compared. Nanoseconds a bar, medians of several rounds of each in turn,
//! and ours as a part of the others'. The floor looks at the inputs and writes the outputs, in order.

mod batch;
mod ferro;
mod stream;
mod talib;
mod wickra;

use std::time::Instant;

use tickwire_indicators::{Input, Series};
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

impl Columns {
    /// What an indicator takes.
    fn of(&self, input: Input) -> &[f64] {
        match input {
            Input::Fixed(Series::High) => &self.high,
            Input::Fixed(Series::Low) => &self.low,
            Input::Fixed(Series::Volume) => &self.volume,
            _ => &self.close,
        }
    }

    /// High, low, close and volume.
    fn bar(&self, at: usize) -> [f64; 4] {
        [self.high[at], self.low[at], self.close[at], self.volume[at]]
    }
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

/// Ours as a part of each of the others'.
fn parts_of(ours: Option<f64>, others: &[Option<f64>]) -> Vec<Option<f64>> {
    others.iter().map(|other| Some(ours? / (*other)?)).collect()
}

/// The greatest and the median of each column of parts, behind so many columns that have none.
fn print_summary(skipped: usize, rows: &[Vec<Option<f64>>]) {
    let columns = rows.first().map_or(0, Vec::len);
    let mut sorted: Vec<Vec<f64>> = (0..columns)
        .map(|at| rows.iter().filter_map(|row| row[at]).collect())
        .collect();
    sorted.iter_mut().for_each(|parts| parts.sort_by(f64::total_cmp));
    let none = std::iter::repeat_n(None, skipped);
    let of = |at: fn(usize) -> usize| {
        sorted
            .iter()
            .map(move |parts| parts.get(at(parts.len())).copied())
    };
    print_row("median", none.clone().chain(of(|parts| parts / 2)));
    print_row("greatest", none.chain(of(|parts| parts.saturating_sub(1))));
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
    batch::many(&chosen, 500, 300)?;
    batch::single(&chosen, 1_000)?;
    batch::single(&chosen, 1_000_000)?;
    stream::measure(&chosen, 500, 300)
}
