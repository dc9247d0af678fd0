//! The volatility that a price implies, to the last digit that the price holds.
//!
//! With x = |ln(F/K)|, s = sigma sqrt(t), h = x/s and Mills' ratio M, the time
//! value over `e^(-rt) sqrt(FK)` is
//! `b(s) = n(sqrt(h^2 + s^2/4)) (M(h - s/2) - M(h + s/2))`.
//! For small s the difference cancels; there it is the integral of minus M's
//! slope, which is positive everywhere, by six Gauss-Legendre nodes.
//!
//! First guess: the volatility of Bachelier's model, by a rational function,
//! corrected to the second order. Then Householder steps of the fourth order,
//! the last with the exact difference. Rows that have not settled, or whose
//! digits cancelled, go to a bracketed Newton iteration on the logarithm of
//! the price, or of what it lacks to its bound, which are known to 85 bits.

use std::cell::Cell;

use tickwire_market::Right;

use crate::contracts::Contracts;
use crate::double::Double;
use crate::expiry::{Expiry, Terms};
use crate::functions::{INVERSE_SQRT_TAU, exp, ln_ratio, mills, polynomial, slope};
use crate::greeks::sign;
use crate::lanes::{Lanes, Real, all_below, map_rows, on_lanes};

/// Why there is no implied volatility.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unsolved {
    /// The price is below what exercise is worth.
    #[error("below_intrinsic")]
    BelowIntrinsic,
    /// The price is exactly what exercise is worth: any small volatility gives it.
    #[error("at_intrinsic")]
    AtIntrinsic,
    /// The price is not below the most that the option can be worth.
    #[error("above_max")]
    AboveMax,
    /// No time is left.
    #[error("expired")]
    Expired,
    /// The underlying has no price.
    #[error("no_underlying")]
    NoUnderlying,
    /// The underlying's price is too old.
    #[error("stale_underlying")]
    StaleUnderlying,
    /// An input is absent or no number that it could be.
    #[error("bad_input")]
    BadInput,
}

impl Unsolved {
    /// The name, as in columns of tables; solved rows have `ok` there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BelowIntrinsic => "below_intrinsic",
            Self::AtIntrinsic => "at_intrinsic",
            Self::AboveMax => "above_max",
            Self::Expired => "expired",
            Self::NoUnderlying => "no_underlying",
            Self::StaleUnderlying => "stale_underlying",
            Self::BadInput => "bad_input",
        }
    }
}

/// s / (b + m) by `ln((b + m) / b)` in Bachelier's model, m the moneyness:
/// within 2.3e-5 up to 80. Fitted as the other functions are.
const BACHELIER: ([f64; 6], [f64; 6]) = (
    [
        2.506595193331821,
        0.6018671349561087,
        0.11023109608040431,
        0.019247834543779624,
        0.0006795276378430763,
        1.5167651257173423e-06,
    ],
    [
        1.0,
        0.7397580590590822,
        0.24489281602087742,
        0.04528759136002418,
        0.006384209498528281,
        7.118255101129781e-05,
    ],
);

/// Nodes and weights of the Gauss-Legendre rule of six, the positive half.
const NODES: [(f64, f64); 3] = [
    (0.932_469_514_203_152, 0.171_324_492_379_170_36),
    (0.661_209_386_466_264_5, 0.360_761_573_048_138_6),
    (0.238_619_186_083_196_9, 0.467_913_934_572_691_04),
];

/// Up to this s/2 the six nodes are exact to 1e-17.
const QUADRATURE_MAX: f64 = 0.165;
/// Time value over price below which too many digits have cancelled for lanes.
const TIME_VALUE_MIN: f64 = 1.0 / 1_073_741_824.0;
/// Above this part of the most that it can be, a price is left to the scalar solver.
const PART_OF_MAX: f64 = 0.75;
/// The most steps in lanes before the last.
const STEPS_MAX: usize = 4;
/// A step below this, times s / (1 + h^2), leaves an error below 1e-7.
const STEP_SMALL: f64 = 0.02;
/// The last Newton step must be below this, times s / (1 + h^2): what follows leaves 1e-19.
const LAST_STEP_MAX: f64 = 1.5e-5;

/// What is solved: the time value `price` over `e^(-rt) sqrt(FK)`.
#[derive(Clone, Copy)]
struct Normalised<V> {
    /// |ln(F/K)|.
    x: V,
    /// |F - K| / sqrt(FK).
    moneyness: V,
    price: V,
    /// The most that `price` can be: e^(-x/2).
    most: V,
}

#[inline(always)]
fn guess<V: Real>(of: &Normalised<V>) -> V {
    let one = of.x.like(1.0);
    let sum = of.price + of.moneyness;
    let depth = ln_ratio(sum, of.x.like(0.0), of.price);
    let bachelier = sum * polynomial(&BACHELIER.0, depth) / polynomial(&BACHELIER.1, depth);
    let square = of.x * of.x;
    // ln(F/K) sqrt(FK) / (F - K), inverted.
    let skew = square.fma(square.fma(of.x.like(1.0 / 1920.0), of.x.like(1.0 / 24.0)), one);
    let total = bachelier * bachelier * of.x.like(1.0 / 24.0) + one;
    bachelier * total / skew
}

/// The density that turns differences of Mills' ratio into prices.
#[inline(always)]
fn density<V: Real>(h: V, half: V) -> V {
    let exponent = h.fma(h, half * half) * h.like(-0.5);
    exp(exponent) * h.like(INVERSE_SQRT_TAU)
}

/// (price - b(s)) / b'(s), by the difference of Mills' ratios.
#[inline(always)]
fn newton_step<V: Real>(of: &Normalised<V>, h: V, half: V, density: V) -> V {
    let d1 = half - h;
    let is_out = half.below(h);
    let near = mills(d1.abs());
    let far = mills(half + h);
    let lacking = V::pick(is_out, of.price, of.price - of.most) / density;
    lacking - (V::pick(is_out, near, -near) - far)
}

/// The integral of minus M's slope from h - s/2 to h + s/2.
#[inline(always)]
fn quadrature<V: Real>(h: V, half: V) -> V {
    let mut sum = h.like(0.0);
    for (node, weight) in NODES {
        let offset = half * h.like(node);
        sum = (slope(h - offset) + slope(h + offset)).fma(h.like(weight), sum);
    }
    sum * half
}

/// The step of the fourth order that Newton's step leads to.
#[inline(always)]
fn householder<V: Real>(newton: V, h: V, s: V) -> V {
    let one = s.like(1.0);
    let relative = h * h / s;
    let second = s.fma(s.like(-0.25), relative);
    let third = second.fma(second, s.like(-0.25)) - relative * s.like(3.0) / s;
    let above = (newton * second).fma(s.like(0.5), one);
    let below = newton.fma(newton.fma(third * s.like(1.0 / 6.0), second), one);
    newton * above / below
}

/// s, and whether it has settled.
#[inline(always)]
fn solve<V: Real>(of: &Normalised<V>) -> (V, V::Mask) {
    let one = of.x.like(1.0);
    let mut s = guess(of);
    let mut moves = one.below(one + one);
    for _ in 0..STEPS_MAX {
        let (h, half) = (of.x / s, s * of.x.like(0.5));
        let step = householder(newton_step(of, h, half, density(h, half)), h, s);
        let (least, most) = (s * of.x.like(0.5), s + s);
        let next = s + step;
        let next = V::pick(least.below(next), next, least);
        let next = V::pick(next.below(most), next, most);
        s = V::pick(moves, next, s);
        let is_large = (s * s.like(STEP_SMALL)).below(step.abs() * h.fma(h, one));
        moves = V::both(moves, is_large);
        if !V::any(moves) {
            break;
        }
    }
    let (h, half) = (of.x / s, s * of.x.like(0.5));
    let density = density(h, half);
    let mut newton = of.price / density - quadrature(h, half);
    let is_wide = s.like(QUADRATURE_MAX).below(half);
    if V::any(is_wide) {
        newton = V::pick(is_wide, newton_step(of, h, half, density), newton);
    }
    let step = householder(newton, h, s);
    // Judged by Newton's step: where that is out of all bounds, the step of the
    // fourth order can be nothing at all, its divisor having overflowed.
    let settled = (newton.abs() * h.fma(h, one)).below(s * s.like(LAST_STEP_MAX));
    (s + step, settled)
}

/// The volatility, and whether it is one; the rest is for the scalar solver.
#[inline(always)]
fn in_lanes<V: Real>(terms: &Terms<V>, strike: V, sign: V, price: V) -> (V, V::Mask) {
    let zero = strike.like(0.0);
    let strike_value = strike * terms.discount;
    let ahead = ((terms.forward - strike) + terms.forward_low) * terms.discount;
    let exercise = sign * ahead;
    let is_in = zero.below(exercise);
    let time_value = V::pick(is_in, price - exercise, price);
    let scale = (terms.carried * strike_value).sqrt();
    let inverse_scale = strike.like(1.0) / scale;
    let log_moneyness = ln_ratio(terms.forward, terms.forward_low, strike).abs();
    let most = V::pick(terms.carried.below(strike_value), terms.carried, strike_value) * inverse_scale;
    let of = Normalised {
        x: log_moneyness,
        moneyness: ahead.abs() * inverse_scale,
        price: time_value * inverse_scale,
        most,
    };
    let (s, settled) = solve(&of);
    let has_digits = (price * price.like(TIME_VALUE_MIN)).below(time_value);
    let is_usual = V::both(
        of.price.below(of.most * of.most.like(PART_OF_MAX)),
        of.x.like(1e-280).below(of.price),
    );
    let volatility = s / terms.sqrt_time;
    let is_volatility = V::both(zero.below(volatility), volatility.below(zero.like(f64::INFINITY)));
    let ok = V::both(V::both(settled, has_digits), V::both(is_usual, is_volatility));
    (volatility, ok)
}

#[inline(always)]
fn or_zero<V: Real>(mask: V::Mask, value: V) -> V {
    V::pick(mask, value, value.like(0.0))
}

/// The most steps of the bracketed iteration; it halves at least every third.
const SCALAR_STEPS_MAX: usize = 400;
/// A relative step below this, over 1 + h^2, is the last.
const SCALAR_STEP_SMALL: f64 = 1e-9;
/// Below this logarithms are taken of parts, not of their product.
const PRODUCT_MIN: f64 = 1e-290;
/// 2^1000, for numbers that are not normal.
const LIFT: f64 = 1.071_508_607_186_267_3e301;

/// `ln(value)`, also of what is not normal.
fn ln(value: f64) -> f64 {
    if value < f64::MIN_POSITIVE {
        ln_ratio(value * LIFT, 0.0, 1.0) - 1_000.0 * std::f64::consts::LN_2
    } else {
        ln_ratio(value, 0.0, 1.0)
    }
}

/// ln(wanted / (density * part)), to the last digit also where it is small.
fn log_gap(wanted: f64, h: f64, half: f64, part: f64) -> f64 {
    let product = density(h, half) * part;
    if wanted > PRODUCT_MIN && product > PRODUCT_MIN {
        ln_ratio(wanted, 0.0, product)
    } else {
        let log_density = -0.5 * h.fma(h, half * half) + ln(INVERSE_SQRT_TAU);
        ln(wanted) - log_density - ln(part)
    }
}

/// s, from everywhere; `lacking` is what the price lacks to its most.
#[inline(always)]
fn solve_bracketed(of: &Normalised<f64>, lacking: f64) -> f64 {
    let is_lower = of.price <= lacking;
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut s = guess(of);
    if !(s > 1e-150 && s < 1e3) {
        s = 1.0;
    }
    for _ in 0..SCALAR_STEPS_MAX {
        let (h, half) = (of.x / s, 0.5 * s);
        // The step in ln(s), and its sign where the step itself is out of reach.
        let step = if is_lower {
            let part = if half <= QUADRATURE_MAX {
                quadrature(h, half)
            } else if half < h {
                mills(h - half) - mills(h + half)
            } else {
                of.most / density(h, half) - mills(half - h) - mills(half + h)
            };
            log_gap(of.price, h, half, part) * (part / s)
        } else if half < h {
            f64::INFINITY
        } else {
            let part = mills(half - h) + mills(half + h);
            -log_gap(lacking, h, half, part) * (part / s)
        };
        if step > 0.0 {
            low = s;
        } else {
            high = s;
        }
        if step.abs() * h.fma(h, 1.0) < SCALAR_STEP_SMALL {
            return s.fma(step, s);
        }
        let next = s * exp(step.clamp(-30.0, 30.0));
        s = if low < next && next < high {
            next
        } else if high == f64::INFINITY {
            s * 4.0
        } else if low == 0.0 {
            s * 0.25
        } else {
            (low * high).sqrt()
        };
        if high <= low * (1.0 + 2.0 * f64::EPSILON) {
            break;
        }
    }
    s
}

/// One price, judged and solved with 85 bits where that matters.
fn solve_one(expiry: &Expiry, lanes: Lanes, strike: f64, sign: f64, price: f64) -> Result<f64, Unsolved> {
    if !(strike.is_normal() && strike > 0.0 && price.is_finite()) {
        return Err(Unsolved::BadInput);
    }
    if expiry.terms.time <= 0.0 {
        return Err(Unsolved::Expired);
    }
    let strike_value = expiry.discount.times(strike);
    let (own, other) = if sign > 0.0 {
        (expiry.carried, strike_value)
    } else {
        (strike_value, expiry.carried)
    };
    let exercise = own.minus(other);
    let price = Double::of(price);
    let time_value = if exercise.high > 0.0 {
        price.minus(exercise)
    } else {
        price
    };
    let lacking = own.minus(price);
    if time_value.high < 0.0 {
        return Err(Unsolved::BelowIntrinsic);
    }
    if time_value.high == 0.0 {
        return Err(Unsolved::AtIntrinsic);
    }
    if lacking.high <= 0.0 {
        return Err(Unsolved::AboveMax);
    }
    let scale = (expiry.carried.high * strike_value.high).sqrt();
    let terms = &expiry.terms;
    let s = on_lanes!(lanes, simd => {
        let _ = simd;
        let of = Normalised {
            x: ln_ratio(terms.forward, terms.forward_low, strike).abs(),
            moneyness: exercise.high.abs() / scale,
            price: time_value.high / scale,
            most: own.high.min(other.high) / scale,
        };
        solve_bracketed(&of, lacking.high / scale)
    });
    let volatility = s / terms.sqrt_time;
    if volatility > 0.0 && volatility.is_finite() {
        Ok(volatility)
    } else {
        Err(Unsolved::BadInput)
    }
}

impl Expiry {
    /// The volatility per sqrt(year) that a discounted `price` implies. The
    /// same bits as [`ImpliedColumns`] has. About 100 ns.
    ///
    /// # Errors
    /// Why there is none.
    pub fn implied_volatility(
        &self,
        lanes: Lanes,
        strike: f64,
        right: Right,
        price: f64,
    ) -> Result<f64, Unsolved> {
        let sign = sign(right);
        if self.terms.time > 0.0 && strike.is_normal() && strike > 0.0 {
            let (volatility, ok) = on_lanes!(lanes, simd => {
                let _ = simd;
                in_lanes(&self.terms, strike, sign, price)
            });
            if ok {
                return Ok(volatility);
            }
        }
        solve_one(self, lanes, strike, sign, price)
    }
}

/// Columns of implied volatilities. They are kept between passes, so that a
/// chain that does not grow allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct ImpliedColumns {
    volatility: Vec<f64>,
    unsolved: Vec<Option<Unsolved>>,
}

impl ImpliedColumns {
    /// Per sqrt(year); NaN where there is none.
    pub fn volatility(&self) -> &[f64] {
        &self.volatility
    }

    /// Why there is none, where there is none.
    pub fn unsolved(&self) -> &[Option<Unsolved>] {
        &self.unsolved
    }

    /// The volatility of a contract, or why there is none.
    pub fn get(&self, row: usize) -> Result<f64, Unsolved> {
        match (self.volatility.get(row), self.unsolved.get(row)) {
            (Some(volatility), Some(None)) => Ok(*volatility),
            (_, Some(Some(why))) => Err(*why),
            _ => Err(Unsolved::BadInput),
        }
    }

    /// Makes room for `rows` contracts.
    pub fn resize(&mut self, rows: usize) {
        self.volatility.resize(rows, f64::NAN);
        self.unsolved.resize(rows, Some(Unsolved::BadInput));
    }

    /// Says of the rows from `from` on, `rows` of them, why they have none.
    pub fn refuse(&mut self, from: usize, rows: usize, why: Unsolved) {
        self.volatility[from..from + rows].fill(f64::NAN);
        self.unsolved[from..from + rows].fill(Some(why));
    }

    /// Solves the discounted `prices` of the rows from `from` on, as many as
    /// there are contracts; there must be room for them (see
    /// [`resize`](Self::resize)). Returns how many of them went to the scalar
    /// solver.
    pub fn compute(
        &mut self,
        lanes: Lanes,
        expiry: &Expiry,
        contracts: Contracts<'_>,
        prices: &[f64],
        from: usize,
    ) -> usize {
        let rows = contracts.strikes.len();
        if expiry.terms.time <= 0.0 {
            self.refuse(from, rows, Unsolved::Expired);
            return 0;
        }
        let volatility = &mut self.volatility[from..from + rows];
        let unsolved = &mut self.unsolved[from..from + rows];
        unsolved.fill(None);
        let doubt = Cell::new(false);
        let terms = &expiry.terms;
        let inputs = [contracts.strikes, contracts.signs, prices];
        let padding = [terms.forward, 1.0, 0.1 * terms.carried];
        on_lanes!(lanes, simd => map_rows(
            simd,
            inputs,
            [&mut *volatility],
            padding,
            #[inline(always)]
            |[strike, sign, price]| {
                let (volatility, ok) = in_lanes(&terms.like(strike), strike, sign, price);
                let found = or_zero(ok, volatility);
                if !all_below(found.like(0.0), found) {
                    doubt.set(true);
                }
                [found]
            },
        ));
        let mut doubtful = 0;
        if doubt.get() {
            for row in 0..rows {
                if volatility[row] == 0.0 {
                    doubtful += 1;
                    let (strike, sign) = (contracts.strikes[row], contracts.signs[row]);
                    match solve_one(expiry, lanes, strike, sign, prices[row]) {
                        Ok(found) => volatility[row] = found,
                        Err(why) => {
                            volatility[row] = f64::NAN;
                            unsolved[row] = Some(why);
                        }
                    }
                }
            }
        }
        doubtful
    }
}
