//! Parts that several indicators share.

use crate::StateError;
use crate::lane::Lane;
use crate::smoothing::Smoothing;
use crate::state::{State, StateReader, StateWriter, state};
use crate::window::{Highest, Lag, Linear, Lowest, Previous, Recent, Sum};

state! {
    /// The true range: from the second bar on.
    TrueRange<L> { close: Previous<L> }
}

impl<L: Lane> TrueRange<L> {
    pub(crate) fn new() -> Self {
        Self {
            close: Previous::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L, close: L) -> Option<L> {
        let previous = self.close.push(close)?;
        Some(
            (high - low)
                .max((high - previous).abs())
                .max((low - previous).abs()),
        )
    }
}

state! {
    /// Lets pass what comes after the first inputs.
    Late { ; left: u32 }
}

impl Late {
    pub(crate) fn by(bars: u32) -> Self {
        Self { left: bars }
    }

    #[inline(always)]
    pub(crate) fn pass(&mut self) -> bool {
        if self.left == 0 {
            return true;
        }
        self.left -= 1;
        false
    }
}

/// Any of the averages that a parameter may choose.
#[derive(Clone)]
pub(crate) enum Average<L> {
    Simple(Sum<L>),
    Exponential(Smoothing<L>),
    Weighted(Linear<L>),
}

impl<L: Lane> Average<L> {
    /// By TA-Lib's number: 0 simple, 1 exponential, 2 weighted.
    pub(crate) fn new(number: u32, period: u32) -> Self {
        match number {
            0 => Self::Simple(Sum::new(period)),
            1 => Self::Exponential(Smoothing::exponential(period)),
            _ => Self::Weighted(Linear::new(period)),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, input: L) -> Option<L> {
        match self {
            Self::Simple(window) => window.push(input).map(|window| window.mean()),
            Self::Exponential(average) => average.next(input),
            Self::Weighted(window) => window.push(input).map(|window| window.weighted_mean()),
        }
    }
}

impl State for Average<f64> {
    fn write(&self, into: &mut StateWriter<'_>) {
        match self {
            Self::Simple(window) => window.write(into),
            Self::Exponential(average) => average.write(into),
            Self::Weighted(window) => window.write(into),
        }
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        match self {
            Self::Simple(window) => window.read(from),
            Self::Exponential(average) => average.read(from),
            Self::Weighted(window) => window.read(from),
        }
    }

    fn bytes_max(&self) -> usize {
        match self {
            Self::Simple(window) => window.bytes_max(),
            Self::Exponential(average) => average.bytes_max(),
            Self::Weighted(window) => window.bytes_max(),
        }
    }
}

state! {
    /// A fast exponential average less a slow one. The fast one begins late, so that
    /// both have their first value at the same bar: TA-Lib's way.
    Difference<L> { ; late: Late, fast: Smoothing<L>, slow: Smoothing<L> }
}

impl<L: Lane> Difference<L> {
    pub(crate) fn new(fast: u32, slow: u32) -> Self {
        Self {
            late: Late::by(slow.saturating_sub(fast)),
            fast: Smoothing::exponential(fast),
            slow: Smoothing::exponential(slow),
        }
    }

    /// Both averages.
    #[inline(always)]
    pub(crate) fn averages(&mut self, input: L) -> Option<(L, L)> {
        let fast = if self.late.pass() {
            self.fast.next(input)
        } else {
            None
        };
        let slow = self.slow.next(input);
        Some((fast?, slow?))
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, input: L) -> Option<L> {
        self.averages(input).map(|(fast, slow)| fast - slow)
    }
}

state! {
    /// The greatest and the least of the last values.
    Range<L> { highest: Highest<L>, lowest: Lowest<L> }
}

impl<L: Lane> Range<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            highest: Highest::new(period),
            lowest: Lowest::new(period),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L) -> Option<(L, L)> {
        let high = self.highest.push(high);
        let low = self.lowest.push(low);
        Some((high?.value(), low?.value()))
    }
}

state! {
    /// Wilder's average of the true range.
    AverageRange<L> { range: TrueRange<L>, average: Smoothing<L> }
}

impl<L: Lane> AverageRange<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            range: TrueRange::new(),
            average: Smoothing::wilder(period),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L, close: L) -> Option<L> {
        let range = self.range.next(high, low, close)?;
        self.average.next(range)
    }
}

state! {
    /// Kaufman's efficiency ratio: how straight the way over `period` bars was.
    Efficiency<L> { previous: Previous<L>, old: Lag<L>, way: Sum<L> }
}

impl<L: Lane> Efficiency<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            previous: Previous::new(),
            old: Lag::new(period),
            way: Sum::new(period),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, x: L) -> Option<L> {
        let before = self.previous.push(x);
        let old = self.old.push(x);
        let way = self.way.push((x - before?).abs())?.sum();
        let change = x - old?;
        // A flat window is as straight as can be.
        Some(change.zip(way, |change, way| {
            if way <= 0.0 || way <= change {
                1.0
            } else {
                (change / way).abs().min(1.0)
            }
        }))
    }
}

state! {
    /// The mean price of what was traded so far.
    TradedMean<L> { price: L, volume: L }
}

impl<L: Lane> TradedMean<L> {
    pub(crate) fn new() -> Self {
        Self {
            price: L::zero(),
            volume: L::zero(),
        }
    }

    /// Moves the mean by the new volume's share, which keeps a flat price flat to the
    /// bit, and does not lose small prices in large sums. Absent before anything was
    /// traded.
    #[inline(always)]
    pub(crate) fn next(&mut self, price: L, volume: L) -> L {
        self.volume = self.volume + volume;
        self.price = self.price + (price - self.price) * volume.over(self.volume);
        self.price.zip(
            self.volume,
            |price, volume| {
                if volume == 0.0 { f64::NAN } else { price }
            },
        )
    }
}

/// Weeks from Monday, counted from the week of 1970-01-01, of a day counted from then.
pub(crate) fn week(day: f64) -> f64 {
    ((day + 3.0) / 7.0).floor()
}

/// Months counted from 0000-03 of a day counted from 1970-01-01 (Hinnant's
/// `civil_from_days`).
pub(crate) fn month(day: f64) -> f64 {
    let day = day + 719_468.0;
    let era = (day / 146_097.0).floor();
    let of_era = day - era * 146_097.0;
    let year = ((of_era - (of_era / 1_460.0).floor() + (of_era / 36_524.0).floor()
        - (of_era / 146_096.0).floor())
        / 365.0)
        .floor();
    let of_year = of_era - (365.0 * year + (year / 4.0).floor() - (year / 100.0).floor());
    (era * 400.0 + year) * 12.0 + ((5.0 * of_year + 2.0) / 153.0).floor()
}

impl<L: Lane> Difference<L> {
    /// Both averages from the first input on.
    pub(crate) fn plain(fast: u32, slow: u32) -> Self {
        Self::of(0, Smoothing::exponential(fast), Smoothing::exponential(slow))
    }

    /// Of these averages, the fast one `late` bars late.
    pub(crate) fn of(late: u32, fast: Smoothing<L>, slow: Smoothing<L>) -> Self {
        Self {
            late: Late::by(late),
            fast,
            slow,
        }
    }
}

state! {
    /// A fast and a slow average of a kind that a parameter chooses.
    Averages<L> { ; fast: Average<L>, slow: Average<L> }
}

impl<L: Lane> Averages<L> {
    pub(crate) fn new(fast: u32, slow: u32, number: u32) -> Self {
        Self {
            fast: Average::new(number, fast),
            slow: Average::new(number, slow),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, input: L) -> Option<(L, L)> {
        let fast = self.fast.next(input);
        let slow = self.slow.next(input);
        fast.zip(slow)
    }
}

state! {
    /// The place of the close within the range of the last bars, in percent; 0 in a flat
    /// window.
    Stochastic<L> { range: Range<L> }
}

impl<L: Lane> Stochastic<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            range: Range::new(period),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L, close: L) -> Option<L> {
        let (highest, lowest) = self.range.next(high, low)?;
        // What differs by rounding alone is flat.
        Some((close - lowest).zip3(highest, lowest, |place, highest, lowest| {
            let range = highest - lowest;
            if range <= 1e-14 * (highest.abs() + lowest.abs()) {
                0.0
            } else {
                100.0 * (place / range)
            }
        }))
    }
}

state! {
    /// Double-smoothed changes over double-smoothed magnitudes of changes.
    Strength<L> { previous: Previous<L>, changes: [Smoothing<L>; 2], moves: [Smoothing<L>; 2] }
}

impl<L: Lane> Strength<L> {
    pub(crate) fn new(first: u32, second: u32) -> Self {
        let averages = || [first, second].map(Smoothing::exponential);
        Self {
            previous: Previous::new(),
            changes: averages(),
            moves: averages(),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, x: L) -> Option<L> {
        let change = x - self.previous.push(x)?;
        let [first, second] = &mut self.changes;
        let changes = first.next(change).and_then(|once| second.next(once));
        let [first, second] = &mut self.moves;
        let moves = first.next(change.abs()).and_then(|once| second.next(once));
        Some(changes?.over(moves?))
    }
}

state! {
    /// The average weighted 1 2 2 1.
    Symmetric<L> { window: Lag<L> }
}

impl<L: Lane> Symmetric<L> {
    pub(crate) fn new() -> Self {
        Self { window: Lag::new(3) }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, x: L) -> Option<L> {
        let middle = {
            let mut older = self.window.iter();
            older.next();
            older.next().zip(older.next())
        };
        let oldest = self.window.push(x)?;
        let (second, third) = middle?;
        Some((oldest + (second + third).scale(2.0) + x).scale(1.0 / 6.0))
    }
}

state! {
    /// Wilder's sum: what is there less its period's part, and the new. Seeded by the
    /// plain sum of one input less than the period.
    WilderSum<L> { seed: u32, keep: f64; seen: u32, value: L }
}

impl<L: Lane> WilderSum<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            seed: period - 1,
            keep: f64::from(period - 1) / f64::from(period),
            seen: 0,
            value: L::zero(),
        }
    }

    /// With the seed as the first value.
    #[inline(always)]
    pub(crate) fn next(&mut self, input: L) -> Option<L> {
        if self.seen < self.seed {
            self.seen += 1;
            self.value = self.value + input;
            return (self.seen == self.seed).then_some(self.value);
        }
        self.value = self.value.mul_add(self.keep, input);
        Some(self.value)
    }
}

state! {
    /// Wilder's directional movement of a bar: up, down.
    Directions<L> { high: Previous<L>, low: Previous<L> }
}

impl<L: Lane> Directions<L> {
    pub(crate) fn new() -> Self {
        Self {
            high: Previous::new(),
            low: Previous::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L) -> Option<(L, L)> {
        let before = self.high.push(high).zip(self.low.push(low));
        let (before_high, before_low) = before?;
        let (up, down) = (high - before_high, before_low - low);
        let greater = |a: f64, b: f64| if a > 0.0 && a > b { a } else { 0.0 };
        Some((up.zip(down, greater), down.zip(up, greater)))
    }
}

state! {
    /// Wilder's sums of movement up, movement down and true range.
    Movement<L> { directions: Directions<L>, range: TrueRange<L>, seeded: Late, sums: [WilderSum<L>; 3] }
}

impl<L: Lane> Movement<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            directions: Directions::new(),
            range: TrueRange::new(),
            // The seeds themselves are not shown.
            seeded: Late::by(period - 1),
            sums: std::array::from_fn(|_| WilderSum::new(period)),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L, close: L) -> Option<[L; 3]> {
        let range = self.range.next(high, low, close);
        let (plus, minus) = self.directions.next(high, low)?;
        let [p, m, r] = &mut self.sums;
        let (plus, minus, range) = (p.next(plus), m.next(minus), r.next(range?));
        if !self.seeded.pass() {
            return None;
        }
        Some([plus?, minus?, range?])
    }

    /// The directional movement index: NaN where there is no movement.
    #[inline(always)]
    pub(crate) fn index(&mut self, high: L, low: L, close: L) -> Option<L> {
        let [plus, minus, range] = self.next(high, low, close)?;
        Some(plus.zip3(minus, range, |plus, minus, range| {
            let sum = plus + minus;
            if range == 0.0 || sum == 0.0 {
                f64::NAN
            } else {
                100.0 * ((plus - minus).abs() / sum)
            }
        }))
    }
}

state! {
    /// Wilder's average of the directional movement index.
    TrendStrength<L> { period: u32; movement: Movement<L>, seen: u32, value: L }
}

impl<L: Lane> TrendStrength<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            period,
            movement: Movement::new(period),
            seen: 0,
            value: L::zero(),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L, close: L) -> Option<L> {
        let index = self.movement.index(high, low, close)?;
        let share = 1.0 / f64::from(self.period);
        if self.seen < self.period {
            self.seen += 1;
            self.value = index.zip(
                self.value,
                |index, sum| {
                    if index.is_nan() { sum } else { index * share + sum }
                },
            );
            return (self.seen == self.period).then_some(self.value);
        }
        let keep = 1.0 - share;
        self.value = index.zip(self.value, |index, old| {
            if index.is_nan() {
                old
            } else {
                old.mul_add(keep, index * share)
            }
        });
        Some(self.value)
    }
}

state! {
    /// How recent the highest high and the lowest low are: 100 now, 0 a period ago.
    Ages<L> { period: f64; highs: Recent<L>, lows: Recent<L> }
}

impl<L: Lane> Ages<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            period: f64::from(period),
            highs: Recent::new(period + 1),
            lows: Recent::new(period + 1),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L) -> Option<(L, L)> {
        let highs = self.highs.push(high);
        let lows = self.lows.push(low);
        let up = newest(highs?, |value, best| value >= best);
        let down = newest(lows?, |value, best| value <= best);
        Some((up.scale(100.0 / self.period), down.scale(100.0 / self.period)))
    }
}

/// The place, from the oldest, of the newest value that is at least as good as any.
#[inline(always)]
fn newest<L: Lane>(window: &Lag<L>, better: impl Fn(f64, f64) -> bool + Copy) -> L {
    let (mut best, mut place) = (None, L::zero());
    for (at, value) in window.iter().enumerate() {
        let old = best.unwrap_or(value);
        place = value.zip3(
            old,
            place,
            |value, best, place| {
                if better(value, best) { at as f64 } else { place }
            },
        );
        best = Some(value.zip(old, |value, best| if better(value, best) { value } else { best }));
    }
    place
}

/// Chaikin's money flow of a bar; 0 without range.
#[inline(always)]
pub(crate) fn money_flow<L: Lane>(high: L, low: L, close: L, volume: L) -> L {
    ((close - low) - (high - close)).over(high - low) * volume
}

/// `next` where it is within what an input may be, else `old`: so that nothing runs
/// away.
#[inline(always)]
pub(crate) fn bounded<L: Lane>(next: L, old: L) -> L {
    next.zip(old, |next, old| if next.abs() <= RUNAWAY { next } else { old })
}

/// Beyond this a cumulative value stays where it is.
const RUNAWAY: f64 = 1e200;

/// ln(a / b); no value unless both are positive.
#[inline(always)]
pub(crate) fn log_ratio(a: f64, b: f64) -> f64 {
    if a > 0.0 && b > 0.0 {
        (a / b).ln()
    } else {
        f64::NAN
    }
}

/// Sums of the second, third and fourth powers of deviations from the mean.
#[inline(always)]
pub(crate) fn moments<L: Lane>(window: &Lag<L>, count: f64) -> [L; 3] {
    let first = window.newest();
    let sum = window.iter().fold(L::zero(), |sum, value| sum + (value - first));
    let mean = first + sum.scale(1.0 / count);
    window.iter().fold([L::zero(); 3], |[m2, m3, m4], value| {
        let deviation = value - mean;
        let square = deviation * deviation;
        [m2 + square, m3 + square * deviation, m4 + square * square]
    })
}

/// The last values, in order of arrival and sorted.
#[derive(Clone)]
pub(crate) struct Sorted {
    oldest: Lag<f64>,
    sorted: Vec<f64>,
}

impl Sorted {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            oldest: Lag::new(period),
            sorted: Vec::with_capacity(period as usize + 1),
        }
    }

    pub(crate) fn push(&mut self, value: f64) -> Option<&Self> {
        if let Some(old) = self.oldest.push(value) {
            let at = self.below(old);
            self.sorted.remove(at.min(self.sorted.len() - 1));
        }
        let at = self.below(value);
        self.sorted.insert(at, value);
        (self.sorted.len() == self.oldest.period() as usize).then_some(self)
    }

    /// How many are less than `value`.
    pub(crate) fn below(&self, value: f64) -> usize {
        self.sorted.partition_point(|known| *known < value)
    }

    /// At `q` from 0 to 1, linearly between neighbours.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let last = self.sorted.len() - 1;
        let place = q * last as f64;
        let at = (place as usize).min(last);
        let (low, high) = (self.sorted[at], self.sorted[(at + 1).min(last)]);
        low + (high - low) * (place - at as f64)
    }
}

impl State for Sorted {
    fn write(&self, into: &mut StateWriter<'_>) {
        self.oldest.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.oldest.read(from)?;
        self.sorted = self.oldest.held().collect();
        self.sorted.sort_by(f64::total_cmp);
        Ok(())
    }

    fn bytes_max(&self) -> usize {
        self.oldest.bytes_max()
    }
}
