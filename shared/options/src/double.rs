//! Numbers of twice the precision, for what is judged exactly: whether a price
//! lies above what exercise is worth, and by how much.

use crate::lanes::{Lanes, on_lanes};

/// `high + low`, with `low` below half a unit of `high`'s last place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Double {
    pub(crate) high: f64,
    pub(crate) low: f64,
}

/// ln(2) beyond the first 53 bits, and beyond those.
const LN_2_MORE: f64 = 2.319_046_813_846_299_6e-17;
/// How often the argument of the exponential is halved.
const HALVINGS: i32 = 5;
/// 1/6 and 1/24.
const INVERSE_6: Double = Double {
    high: 0.16666666666666666,
    low: 9.25185853854297e-18,
};
const INVERSE_24: Double = Double {
    high: 0.041666666666666664,
    low: 2.3129646346357427e-18,
};

#[inline(always)]
fn two_sum(a: f64, b: f64) -> Double {
    let high = a + b;
    let other = high - a;
    Double {
        high,
        low: (a - (high - other)) + (b - other),
    }
}

#[inline(always)]
fn quick_two_sum(a: f64, b: f64) -> Double {
    let high = a + b;
    Double {
        high,
        low: b - (high - a),
    }
}

impl Double {
    #[inline(always)]
    pub(crate) fn of(high: f64) -> Self {
        Self { high, low: 0.0 }
    }

    /// The exact product of two numbers.
    #[inline(always)]
    pub(crate) fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self {
            high,
            low: a.mul_add(b, -high),
        }
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        let high = two_sum(self.high, other.high);
        let low = two_sum(self.low, other.low);
        let sum = quick_two_sum(high.high, high.low + low.high);
        quick_two_sum(sum.high, sum.low + low.low)
    }

    #[inline(always)]
    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(other.times(-1.0))
    }

    #[inline(always)]
    pub(crate) fn times(self, other: f64) -> Self {
        let product = Self::product(self.high, other);
        quick_two_sum(product.high, self.low.mul_add(other, product.low))
    }

    #[inline(always)]
    fn times_double(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        let cross = self.high.mul_add(other.low, self.low * other.high);
        quick_two_sum(product.high, product.low + cross)
    }

    /// The quotient, to about 85 bits.
    pub(crate) fn ratio(self, divisor: Self) -> Self {
        on_lanes!(Lanes::detect(), simd => {
            let _ = simd;
            let high = self.high / divisor.high;
            let rest = self.minus(divisor.times(high));
            let low = rest.high / divisor.high;
            let sum = quick_two_sum(high, low);
            quick_two_sum(sum.high, sum.low + (rest.minus(divisor.times(low))).high / divisor.high)
        })
    }

    /// The sum with a `larger` number.
    #[inline(always)]
    fn plus_smaller(self, larger: Self) -> Self {
        let sum = quick_two_sum(larger.high, self.high);
        quick_two_sum(sum.high, sum.low + (larger.low + self.low))
    }

    /// `e^self`, to about 85 bits; 0 or infinite where that is not normal.
    pub(crate) fn exp(self) -> Self {
        on_lanes!(Lanes::detect(), simd => {
            let _ = simd;
            self.exp_here()
        })
    }

    #[inline(always)]
    fn exp_here(self) -> Self {
        if self.high == 0.0 {
            return Self::of(1.0).plus(Self::of(self.low));
        }
        if self.high.abs() > 700.0 {
            return Self::of(if self.high < 0.0 { 0.0 } else { f64::INFINITY });
        }
        let count = (self.high * std::f64::consts::LOG2_E).round();
        let r = self
            .minus(Self::product(count, std::f64::consts::LN_2))
            .minus(Self::product(count, LN_2_MORE));
        let r = r.times(0.5_f64.powi(HALVINGS));
        // e^r - 1, so that squaring it costs no digits; beyond the fourth power
        // one double is enough.
        let x = r.high;
        let eighth = x.mul_add(x.mul_add(1.0 / 3_628_800.0, 1.0 / 362_880.0), 1.0 / 40_320.0);
        let sixth = x.mul_add(x.mul_add(eighth, 1.0 / 5_040.0), 1.0 / 720.0);
        let fifth = x.mul_add(sixth, 1.0 / 120.0);
        let mut less_one = r.times(fifth).plus_smaller(INVERSE_24);
        for coefficient in [INVERSE_6, Self::of(0.5), Self::of(1.0)] {
            less_one = less_one.times_double(r).plus_smaller(coefficient);
        }
        less_one = less_one.times_double(r);
        for _ in 0..HALVINGS {
            let square = less_one.times_double(less_one);
            less_one = square.plus_smaller(Self {
                high: 2.0 * less_one.high,
                low: 2.0 * less_one.low,
            });
        }
        // |count| <= 1,010: the product stays normal.
        let scale = f64::from_bits(((count as i64 + 1_023) as u64) << 52);
        Self::of(1.0).plus(less_one).times(scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_has_85_bits() {
        // High and low parts of e^y, by mpmath.
        let check = |y: f64, high: f64, low: f64| {
            let found = Double::of(y).exp();
            assert_eq!(found.high, high, "{y}");
            assert!(
                (found.low - low).abs() < 2e-26 * high,
                "{y}: {:e} {low:e}",
                found.low
            );
        };
        check(0.05, 1.0512710963760241, -7.41210218253265e-17);
        check(-0.1, 0.9048374180359595, 5.055984668733208e-17);
        check(1.0, std::f64::consts::E, 1.4456468917292502e-16);
        check(-3.7, 0.024723526470339388, -1.294857794723138e-18);
        check(50.0, 5.184705528587072e+21, 419031.45332293346);
        check(-300.0, 5.148200222412013e-131, 2.962376373372979e-147);
        check(1e-09, 1.000000001, -8.224037093664211e-17);
    }
}
