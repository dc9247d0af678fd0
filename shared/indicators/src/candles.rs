//! What candle patterns are made of: the last candles, and what TA-Lib calls long, short,
//! near or equal beside those before them.
//!
//! A pattern is a function of the last candles alone, at most [`CANDLES`]. Averages are
//! summed afresh from at most [`LONG_BARS`] candles, so nothing drifts.

use std::ops::Index;

use crate::kernel::Kernel;
use crate::sample::OHLC;
use crate::state::{State, StateReader, StateWriter, Warm};
use crate::{Input, StateError};

/// Most candles that a pattern looks at; a power of two, so that places wrap by a mask.
const CANDLES: usize = 16;
/// Candles in the averages of bodies, shadows and, for what is tiny, ranges.
pub(crate) const LONG_BARS: usize = 10;
/// Candles in the averages of ranges that say what is near, far or equal.
pub(crate) const NEAR_BARS: usize = 5;

/// A bar.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Candle {
    pub(crate) open: f64,
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
}

impl Candle {
    /// 1 for a white candle, whose close is not below its open, and -1 for a black one.
    pub(crate) fn sign(&self) -> i32 {
        if self.close >= self.open { 1 } else { -1 }
    }

    pub(crate) fn is_white(&self) -> bool {
        self.sign() == 1
    }

    pub(crate) fn is_black(&self) -> bool {
        self.sign() == -1
    }

    pub(crate) fn top(&self) -> f64 {
        self.open.max(self.close)
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.open.min(self.close)
    }

    pub(crate) fn body(&self) -> f64 {
        (self.close - self.open).abs()
    }

    pub(crate) fn upper(&self) -> f64 {
        self.high - self.top()
    }

    pub(crate) fn lower(&self) -> f64 {
        self.bottom() - self.low
    }

    pub(crate) fn range(&self) -> f64 {
        self.high - self.low
    }

    /// Whether its body lies wholly above (1) or below (-1) the body of `other`.
    pub(crate) fn body_gaps(&self, other: &Self, sign: i32) -> bool {
        if sign > 0 {
            self.bottom() > other.top()
        } else {
            self.top() < other.bottom()
        }
    }

    /// The same with shadows.
    pub(crate) fn gaps(&self, other: &Self, sign: i32) -> bool {
        if sign > 0 {
            self.low > other.high
        } else {
            self.high < other.low
        }
    }

    /// Whether its high and its low are both higher (1) or lower (-1) than those of `other`.
    pub(crate) fn moves(&self, other: &Self, sign: i32) -> bool {
        past(self.high, other.high, sign) && past(self.low, other.low, sign)
    }

    /// Whether a price is within its body, ends left out.
    pub(crate) fn holds(&self, price: f64) -> bool {
        self.bottom() < price && price < self.top()
    }

    /// Its close moved into its body by `share` of that.
    pub(crate) fn pierced(&self, share: f64) -> f64 {
        self.close - f64::from(self.sign()) * self.body() * share
    }
}

/// Whether `price` is above (1) or below (-1) another.
pub(crate) fn past(price: f64, other: f64, sign: i32) -> bool {
    if sign > 0 { price > other } else { price < other }
}

/// Whether `price` is at most `by` away from another.
pub(crate) fn about(price: f64, other: f64, by: f64) -> bool {
    (other - by..=other + by).contains(&price)
}

/// TA-Lib's number: 100 for a bullish pattern, -100 for a bearish one, 0 for none.
pub(crate) fn when(found: bool, sign: i32) -> i32 {
    if found { 100 * sign } else { 0 }
}

/// The last candles: `candles[0]` is the newest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candles {
    ring: [Candle; CANDLES],
    newest: usize,
    /// How deep the third candle has to reach into the first; 0 where nothing asks.
    pub(crate) penetration: f64,
}

impl Index<usize> for Candles {
    type Output = Candle;

    fn index(&self, back: usize) -> &Candle {
        &self.ring[self.newest.wrapping_sub(back) % CANDLES]
    }
}

impl Candles {
    /// The last `N`, oldest first.
    pub(crate) fn last<const N: usize>(&self) -> [&Candle; N] {
        std::array::from_fn(|at| &self[N - 1 - at])
    }

    /// The mean of what `measure` says of the candles before one.
    fn before(&self, back: usize, bars: usize, measure: impl Fn(&Candle) -> f64) -> f64 {
        let sum: f64 = (1..=bars).rev().map(|at| measure(&self[back + at])).sum();
        sum / bars as f64
    }

    fn mean_body(&self, back: usize) -> f64 {
        self.before(back, LONG_BARS, Candle::body)
    }

    /// Whether its body is greater than the mean of those before.
    pub(crate) fn is_long(&self, back: usize) -> bool {
        self[back].body() > self.mean_body(back)
    }

    /// Whether its body is less than the mean of those before.
    pub(crate) fn is_short(&self, back: usize) -> bool {
        self[back].body() < self.mean_body(back)
    }

    /// A tenth of the mean range of those before.
    pub(crate) fn tiny(&self, back: usize) -> f64 {
        0.1 * self.before(back, LONG_BARS, Candle::range)
    }

    pub(crate) fn is_doji(&self, back: usize) -> bool {
        self[back].body() <= self.tiny(back)
    }

    /// What a short shadow is less than: the mean shadow of those before.
    pub(crate) fn short_shadow(&self, back: usize) -> f64 {
        self.before(back, LONG_BARS, |candle| candle.upper() + candle.lower()) / 2.0
    }

    pub(crate) fn no_upper(&self, back: usize) -> bool {
        self[back].upper() < self.tiny(back)
    }

    pub(crate) fn no_lower(&self, back: usize) -> bool {
        self[back].lower() < self.tiny(back)
    }

    /// Whether it has no shadow, or a tiny one, beyond its open.
    pub(crate) fn is_belt_hold(&self, back: usize) -> bool {
        if self[back].is_white() {
            self.no_lower(back)
        } else {
            self.no_upper(back)
        }
    }

    pub(crate) fn is_marubozu(&self, back: usize) -> bool {
        self.no_upper(back) && self.no_lower(back)
    }

    fn mean_range(&self, back: usize) -> f64 {
        self.before(back, NEAR_BARS, Candle::range)
    }

    pub(crate) fn near(&self, back: usize) -> f64 {
        0.2 * self.mean_range(back)
    }

    pub(crate) fn far(&self, back: usize) -> f64 {
        0.6 * self.mean_range(back)
    }

    pub(crate) fn equal(&self, back: usize) -> f64 {
        0.05 * self.mean_range(back)
    }

    /// Morning (1) or evening (-1) star: a long candle the other way, one that gaps on,
    /// and one that reaches back well into the first.
    pub(crate) fn is_star(&self, sign: i32) -> bool {
        let [first, second, third] = self.last();
        first.sign() == -sign
            && third.sign() == sign
            && second.body_gaps(first, -sign)
            && past(third.close, first.pierced(self.penetration), sign)
            && self.is_long(2)
            && self.is_long(0)
    }

    /// Harami: 100 when the newest body is within the one before it, 80 when they share an
    /// end, with the sign against the first.
    pub(crate) fn harami(&self) -> i32 {
        let [first, second] = self.last();
        let (above, below) = (first.top() - second.top(), second.bottom() - first.bottom());
        if above > 0.0 && below > 0.0 {
            -100 * first.sign()
        } else if above >= 0.0 && below >= 0.0 {
            -80 * first.sign()
        } else {
            0
        }
    }

    /// A long candle without shadows, and one of the other colour that gaps away from it.
    pub(crate) fn is_kicking(&self) -> bool {
        let [first, second] = self.last();
        first.sign() == -second.sign()
            && second.gaps(first, second.sign())
            && (0..2).all(|back| self.is_long(back) && self.is_marubozu(back))
    }

    /// Hikkake: 100 on the bar where `found` (given how many bars back) says 1 or -1, 200
    /// on the first of the next three that closes beyond the bar before that.
    pub(crate) fn confirmed(&self, found: impl Fn(usize) -> i32) -> i32 {
        let now = found(0);
        if now != 0 {
            return 100 * now;
        }
        let Some((back, sign)) = (1..=3).map(|back| (back, found(back))).find(|at| at.1 != 0) else {
            return 0;
        };
        let inside = &self[back + 1];
        let bound = if sign > 0 { inside.high } else { inside.low };
        let confirms = |at: usize| past(self[at].close, bound, sign);
        if confirms(0) && !(1..back).any(confirms) {
            200 * sign
        } else {
            0
        }
    }
}

/// Says which pattern the newest candle completes.
pub(crate) type Find = fn(&Candles) -> i32;

/// A pattern at work.
#[derive(Clone)]
pub(crate) struct Pattern {
    find: Find,
    warm_up: usize,
    seen: usize,
    candles: Candles,
}

/// The [`Builder`](crate::registry::Builder) of a pattern. One kernel serves all.
macro_rules! pattern {
    ($find:expr) => {
        Builder {
            inputs: &OHLC,
            build: |definition, parameters| {
                let pattern = Pattern::of($find, definition.warm_up(parameters), parameters);
                $crate::kernel::Scalar::<_, _, _, false>::holding(definition, parameters, pattern, None)
            },
            many: None,
        }
    };
}
pub(crate) use pattern;

impl Pattern {
    /// Cold, over the candle and the `warm_up` before it.
    pub(crate) fn of(find: Find, warm_up: usize, parameters: &[f64]) -> Self {
        Self {
            find,
            warm_up: warm_up.min(CANDLES - 1),
            seen: 0,
            candles: Candles {
                ring: [Candle::default(); CANDLES],
                newest: 0,
                penetration: parameters.first().copied().unwrap_or_default(),
            },
        }
    }
}

impl Kernel<f64, 4, 1> for Pattern {
    const INPUTS: [Input; 4] = OHLC;

    /// The pattern that is never found: [`Pattern::of`] makes the others.
    fn new(parameters: &[f64]) -> Self {
        Self::of(|_| 0, 0, parameters)
    }

    fn step(&mut self, [open, high, low, close]: [f64; 4]) -> [f64; 1] {
        let candles = &mut self.candles;
        candles.newest = (candles.newest + 1) % CANDLES;
        candles.ring[candles.newest] = Candle {
            open,
            high,
            low,
            close,
        };
        if self.seen < self.warm_up {
            self.seen += 1;
            return [f64::NAN];
        }
        [f64::from((self.find)(candles))]
    }
}

impl Warm for Pattern {}

impl State for Pattern {
    fn write(&self, into: &mut StateWriter<'_>) {
        into.count(self.seen as u32);
        for back in (0..self.seen).rev() {
            let Candle {
                open,
                high,
                low,
                close,
            } = self.candles[back];
            [open, high, low, close].write(into);
        }
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.seen = from.count(self.warm_up as u32)? as usize;
        self.candles.newest = self.seen;
        for back in (0..self.seen).rev() {
            let mut candle = [0.0; 4];
            candle.read(from)?;
            let [open, high, low, close] = candle;
            self.candles.ring[(self.seen - back) % CANDLES] = Candle {
                open,
                high,
                low,
                close,
            };
        }
        Ok(())
    }

    fn bytes_max(&self) -> usize {
        4 + 32 * self.warm_up
    }
}
