//! How many values name their receiver, attack by attack: tried, not derived.

use tickwire_market::InstrumentKey;
use tickwire_streams::Offset;

use super::trace::{FALSE_POSITIVE_MAX, Leaked, Original, Trace};
use super::{Marker, WatermarkKey, tick_min};

/// What is done to values before they are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Nothing; order and time play no part at all.
    Copy,
    /// Every second row dropped.
    HalfDropped,
    /// One digit rounded off.
    OneDigit,
    /// Two digits rounded off.
    TwoDigits,
    /// Rows of two copies in turn.
    MixedRows,
    /// The same, one digit rounded off.
    MixedRowsOneDigit,
    /// The average of two copies.
    Average,
    /// The average of three copies.
    AverageOfThree,
    /// Noise as large as the mark.
    Noise,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Copy,
        Self::HalfDropped,
        Self::OneDigit,
        Self::TwoDigits,
        Self::MixedRows,
        Self::MixedRowsOneDigit,
        Self::Average,
        Self::AverageOfThree,
        Self::Noise,
    ];

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "a copy, in any order, its times shifted or gone",
            Self::HalfDropped => "every second row dropped",
            Self::OneDigit => "one digit rounded off",
            Self::TwoDigits => "two digits rounded off",
            Self::MixedRows => "rows of two copies mixed",
            Self::MixedRowsOneDigit => "rows of two copies mixed, one digit rounded off",
            Self::Average => "the average of two copies",
            Self::AverageOfThree => "the average of three copies",
            Self::Noise => "noise as large as the mark",
        }
    }
}

/// Decimals of the values that are tried: averages of an index around 24,000.
const DECIMALS: usize = 6;
/// Half a cell of those.
const HALF_CELL: f64 = 0.000_5;
/// Copies that are averaged at the most.
const COPIES_MAX: usize = 3;

/// What is tried with: a key, and a stream.
struct Bench {
    key: WatermarkKey,
    instrument: InstrumentKey,
}

impl Bench {
    fn marker(&self, subscriber: &str) -> Marker {
        const PRODUCT: &str = "marketplace/gold";
        const STREAM: &str = "marketplace/gold:NSE@NIFTY@IDX:1m:ema(close,20)";
        self.key.marker(subscriber, PRODUCT, STREAM, &self.instrument)
    }
}

/// How many leaked values it took until the receiver of the first copy was named among
/// so many `candidates`: for each of `tries` receivers, ascending; `None` where
/// `values_max` did not do.
pub fn needed(
    attack: Attack,
    key: &WatermarkKey,
    instrument: &InstrumentKey,
    candidates: usize,
    tries: usize,
    values_max: usize,
) -> Vec<Option<usize>> {
    let bench = Bench {
        key: key.clone(),
        instrument: instrument.clone(),
    };
    let mut counts: Vec<Option<usize>> = (0..tries)
        .map(|receiver| one(attack, &bench, candidates, receiver, values_max))
        .collect();
    counts.sort_unstable_by_key(|count| count.unwrap_or(usize::MAX));
    counts
}

fn one(
    attack: Attack,
    bench: &Bench,
    candidates: usize,
    receiver: usize,
    values_max: usize,
) -> Option<usize> {
    let originals = originals(receiver, 2 * values_max, &bench.instrument);
    let markers: Vec<Marker> = (0..COPIES_MAX)
        .map(|copy| bench.marker(&format!("receiver-{receiver}-{copy}")))
        .collect();
    let leaked: Vec<Leaked> = originals
        .iter()
        .enumerate()
        .filter(|(row, _)| attack != Attack::HalfDropped || row % 2 == 0)
        .filter_map(|(row, original)| Leaked::parse(&altered(attack, &markers, row, original)))
        .take(values_max)
        .collect();
    let named = |values: usize| {
        let trace = Trace::new(&originals, &leaked[..values]);
        let accused = std::iter::once(("receiver", vec![markers[0].clone()]));
        let verdict = trace.ask_among(accused, candidates);
        verdict
            .named
            .iter()
            .any(|finding| finding.false_positive < FALSE_POSITIVE_MAX)
    };
    // The last count at which they are not named yet: from there on they always are.
    let (mut low, mut high) = (0, leaked.len());
    if !named(high) {
        return None;
    }
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if named(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

fn altered(attack: Attack, markers: &[Marker], row: usize, original: &Original) -> String {
    let copy = |copy: usize| markers[copy].mark(original.offset, 0, original.value);
    let average = |copies: usize| (0..copies).map(copy).sum::<f64>() / copies as f64;
    let (value, decimals) = match attack {
        Attack::Copy | Attack::HalfDropped => (copy(0), DECIMALS),
        Attack::OneDigit => (copy(0), DECIMALS - 1),
        Attack::TwoDigits => (copy(0), DECIMALS - 2),
        Attack::MixedRows => (copy(row % 2), DECIMALS),
        Attack::MixedRowsOneDigit => (copy(row % 2), DECIMALS - 1),
        Attack::Average => (average(2), DECIMALS + 1),
        Attack::AverageOfThree => (average(3), DECIMALS + 1),
        Attack::Noise => (copy(0) + 2.0 * HALF_CELL * chance(row as u64 ^ 0x5eed), DECIMALS),
    };
    format!("{value:.decimals$}")
}

/// A walk of an average around the price of an index.
fn originals(walk: usize, rows: usize, instrument: &InstrumentKey) -> Vec<Original> {
    let mut value = 24_000.0;
    (0..rows)
        .map(|row| {
            value += 7.0 * chance(((walk as u64) << 32) + row as u64);
            Original {
                stream: 0,
                offset: Offset::new(1_000 + row as u64, 7),
                output: 0,
                value,
                tick: tick_min(instrument),
            }
        })
        .collect()
}

/// From -0.5 to 0.5, as by chance (SplitMix64).
fn chance(at: u64) -> f64 {
    let z = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}
