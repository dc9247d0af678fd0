//! Wilder's directional movement.

use super::{Late, TrueRange};
use crate::lane::Lane;
use crate::smoothing::Seed;
use crate::state::{Warm, state};
use crate::window::Previous;

state! {
    /// Wilder's sum: what is there less its period's part, and the new. Seeded by the
    /// plain sum of one input less than the period.
    WilderSum<L> { keep: f64; seed: Seed, value: L }
}

impl<L: Lane> WilderSum<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            seed: Seed::of(period - 1),
            keep: f64::from(period - 1) / f64::from(period),
            value: L::zero(),
        }
    }

    /// With the seed as the first value.
    #[inline(always)]
    pub(crate) fn next(&mut self, input: L) -> Option<L> {
        if !self.seed.is_warm() {
            self.seed.add();
            self.value = self.value + input;
            return self.seed.is_warm().then_some(self.value);
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
        // One comparison after the other: both at once would become a jump, often mistaken.
        let greater = |a: f64, b: f64| {
            let a = if a > b { a } else { 0.0 };
            if a > 0.0 { a } else { 0.0 }
        };
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
        let sum = plus + minus;
        let index = ((plus - minus).abs() / sum).scale(100.0);
        Some(index.zip3(sum, range, |index, sum, range| {
            if (range == 0.0) | (sum == 0.0) {
                f64::NAN
            } else {
                index
            }
        }))
    }
}

state! {
    /// Wilder's average of the directional movement index.
    TrendStrength<L> { period: u32; movement: Movement<L>, seed: Seed, value: L }
}

impl<L: Lane> TrendStrength<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            period,
            movement: Movement::new(period),
            seed: Seed::of(period),
            value: L::zero(),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L, close: L) -> Option<L> {
        let index = self.movement.index(high, low, close)?;
        let share = 1.0 / f64::from(self.period);
        if !self.seed.is_warm() {
            self.seed.add();
            self.value = index.zip(
                self.value,
                |index, sum| {
                    if index.is_nan() { sum } else { index * share + sum }
                },
            );
            return self.seed.is_warm().then_some(self.value);
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
    /// Wilder's sum of one of the two directions.
    Directed<L> { directions: Directions<L>, sum: WilderSum<L> }
}

impl<L: Lane> Directed<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            directions: Directions::new(),
            sum: WilderSum::new(period),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, high: L, low: L, one: impl Fn((L, L)) -> L) -> Option<L> {
        let both = self.directions.next(high, low)?;
        self.sum.next(one(both))
    }
}
