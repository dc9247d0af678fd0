//! One number, or one number for each of many instruments: what step functions are
//! written in, so that one definition serves both.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::state::Warm;

/// Instruments computed side by side.
pub const LANES: usize = 8;

/// A number (`f64`) or [`LANES`] of them ([`Lanes`]). Operations are lane by lane and
/// in the order written, so the bits do not depend on which of the two is computed.
pub(crate) trait Lane:
    Copy
    + Send
    + Sync
    + Warm
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The same number everywhere.
    fn splat(value: f64) -> Self;

    /// A function of one number.
    fn map(self, f: impl Fn(f64) -> f64) -> Self;

    /// A function of two.
    fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self;

    /// A function of three.
    fn zip3(self, b: Self, c: Self, f: impl Fn(f64, f64, f64) -> f64) -> Self;

    /// A function of four.
    fn zip4(self, b: Self, c: Self, d: Self, f: impl Fn(f64, f64, f64, f64) -> f64) -> Self;

    /// 0.
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }

    /// No value.
    #[inline(always)]
    fn absent() -> Self {
        Self::splat(f64::NAN)
    }

    /// The greater.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    /// The lesser.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    /// The magnitude.
    #[inline(always)]
    fn abs(self) -> Self {
        self.map(f64::abs)
    }

    /// The square root.
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(f64::sqrt)
    }

    /// What is greater than 0, else 0.
    #[inline(always)]
    fn positive(self) -> Self {
        self.map(|a| if a > 0.0 { a } else { 0.0 })
    }

    /// Times a plain number.
    #[inline(always)]
    fn scale(self, by: f64) -> Self {
        self * Self::splat(by)
    }

    /// `self × by + plus`, rounded once: the same bits with and without an instruction for it.
    #[inline(always)]
    fn mul_add(self, by: f64, plus: Self) -> Self {
        self.zip(plus, |a, b| a.mul_add(by, b))
    }

    /// The quotient; 0 where the divisor is 0.
    #[inline(always)]
    fn over(self, divisor: Self) -> Self {
        (self / divisor).zip(divisor, |ratio, b| if b == 0.0 { 0.0 } else { ratio })
    }

    /// The quotient; absent where the divisor is 0.
    #[inline(always)]
    fn over_or_absent(self, divisor: Self) -> Self {
        (self / divisor).zip(divisor, |ratio, b| if b == 0.0 { f64::NAN } else { ratio })
    }
}

/// One number for each of [`LANES`] instruments. By loops: closures for arrays would be compiled
/// for each place where they stand, and took a third of the time.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [f64; LANES]);

impl Lane for f64 {
    #[inline(always)]
    fn splat(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        f(self)
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        f(self, other)
    }

    #[inline(always)]
    fn zip3(self, b: Self, c: Self, f: impl Fn(f64, f64, f64) -> f64) -> Self {
        f(self, b, c)
    }

    #[inline(always)]
    fn zip4(self, b: Self, c: Self, d: Self, f: impl Fn(f64, f64, f64, f64) -> f64) -> Self {
        f(self, b, c, d)
    }
}

impl Lane for Lanes {
    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn map(mut self, f: impl Fn(f64) -> f64) -> Self {
        for a in &mut self.0 {
            *a = f(*a);
        }
        self
    }

    #[inline(always)]
    fn zip(mut self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a = f(*a, *b);
        }
        self
    }

    #[inline(always)]
    fn zip3(mut self, b: Self, c: Self, f: impl Fn(f64, f64, f64) -> f64) -> Self {
        for ((a, b), c) in self.0.iter_mut().zip(&b.0).zip(&c.0) {
            *a = f(*a, *b, *c);
        }
        self
    }

    #[inline(always)]
    fn zip4(mut self, b: Self, c: Self, d: Self, f: impl Fn(f64, f64, f64, f64) -> f64) -> Self {
        for (((a, b), c), d) in self.0.iter_mut().zip(&b.0).zip(&c.0).zip(&d.0) {
            *a = f(*a, *b, *c, *d);
        }
        self
    }
}

macro_rules! operator {
    ($($operator:ident $function:ident $symbol:tt)*) => {$(
        impl $operator for Lanes {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                self.zip(other, |a, b| a $symbol b)
            }
        }
    )*};
}

operator!(Add add + Sub sub - Mul mul * Div div /);

impl Neg for Lanes {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|a| -a)
    }
}

/// From what is there or not to a lane.
pub(crate) trait OrAbsent<L> {
    /// The value, or no value in every lane.
    fn or_absent(self) -> L;
}

impl<L: Lane> OrAbsent<L> for Option<L> {
    #[inline(always)]
    fn or_absent(self) -> L {
        self.unwrap_or_else(L::absent)
    }
}
