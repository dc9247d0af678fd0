//! Numbers one at a time or several at once, with the same bits.
//!
//! Every formula of this crate is written once, over [`Real`]. It uses
//! additions, multiplications, divisions, square roots and fused
//! multiply-adds, each rounded once as IEEE 754 says, and no function of the
//! platform. So one contract and a whole chain, AVX-512, AVX2, NEON and the
//! portable path give the same bits.

use std::ops::{Add, Div, Mul, Neg, Sub};

use fearless_simd::{Bytes, Level, Select, Simd, SimdBase, SimdFloat, SimdMask};

/// One number, or a vector of them.
pub(crate) trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// Of each lane, yes or no.
    type Mask: Copy;

    /// `value` in every lane.
    fn like(self, value: f64) -> Self;
    /// `self * b + c`, rounded once.
    fn fma(self, b: Self, c: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Without its sign.
    fn abs(self) -> Self;
    /// Negated where `sign` is negative.
    fn flip(self, sign: Self) -> Self;
    /// `self < other`.
    fn below(self, other: Self) -> Self::Mask;
    /// `yes` where the mask holds, else `no`.
    fn pick(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// Both masks hold.
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// Whether the mask holds somewhere.
    fn any(mask: Self::Mask) -> bool;
    /// Whether the mask holds everywhere.
    fn all(mask: Self::Mask) -> bool;
    /// Shifts the low 12 bits of `shift` into the exponent: with
    /// `shift = 1.5 * 2^52 + n` this is `self * 2^n`, if that is normal.
    fn exponent_from(self, shift: Self) -> Self;
    /// `(e, other * 2^e)` such that the second lies within a factor of 1.5 of
    /// `self`. Both must be normal and above 0.
    fn align(self, other: Self) -> (Self, Self);
}

const SIGN: u64 = 1 << 63;
const EXPONENT_MASK: u64 = 0xFFF0_0000_0000_0000;
const HALF_EXPONENT: u64 = 1 << 51;
/// Bits of 2^52: an integer in its low bits is that much more.
const TWO_52: f64 = 4_503_599_627_370_496.0;
const EXPONENT_SIGN: u64 = 0x800;

impl Real for f64 {
    type Mask = bool;

    #[inline(always)]
    fn like(self, value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn flip(self, sign: Self) -> Self {
        f64::from_bits(self.to_bits() ^ (sign.to_bits() & SIGN))
    }
    #[inline(always)]
    fn below(self, other: Self) -> bool {
        self < other
    }
    #[inline(always)]
    fn pick(mask: bool, yes: Self, no: Self) -> Self {
        if mask { yes } else { no }
    }
    #[inline(always)]
    fn both(a: bool, b: bool) -> bool {
        a & b
    }
    #[inline(always)]
    fn any(mask: bool) -> bool {
        mask
    }
    #[inline(always)]
    fn all(mask: bool) -> bool {
        mask
    }
    #[inline(always)]
    fn exponent_from(self, shift: Self) -> Self {
        f64::from_bits(self.to_bits().wrapping_add(shift.to_bits() << 52))
    }
    #[inline(always)]
    fn align(self, other: Self) -> (Self, Self) {
        let (mine, theirs) = (self.to_bits(), other.to_bits());
        let exponent = mine.wrapping_sub(theirs).wrapping_add(HALF_EXPONENT) & EXPONENT_MASK;
        let scaled = f64::from_bits(theirs.wrapping_add(exponent));
        let count = f64::from_bits(((exponent >> 52) ^ EXPONENT_SIGN) | TWO_52.to_bits());
        (count - (TWO_52 + 2_048.0), scaled)
    }
}

/// Whether `a < b` in every lane.
#[inline(always)]
pub(crate) fn all_below<V: Real>(a: V, b: V) -> bool {
    V::all(a.below(b))
}

/// A vector of the width that the instruction set has.
#[derive(Clone, Copy)]
pub(crate) struct Vector<S: Simd>(pub(crate) S::f64s);

macro_rules! operator {
    ($trait:ident, $name:ident) => {
        impl<S: Simd> $trait for Vector<S> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                Self($trait::$name(self.0, other.0))
            }
        }
    };
}
operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<S: Simd> Neg for Vector<S> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl<S: Simd> Real for Vector<S> {
    type Mask = S::mask64s;

    #[inline(always)]
    fn like(self, value: f64) -> Self {
        Self(S::f64s::splat(fearless_simd::ExtractToken::token(&self.0), value))
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        Self(self.0.mul_add_precise(b.0, c.0))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.sqrt())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.abs())
    }
    #[inline(always)]
    fn flip(self, sign: Self) -> Self {
        let bits: S::u64s = self.0.bitcast();
        let sign: S::u64s = sign.0.bitcast();
        Self((bits ^ (sign & SIGN)).bitcast())
    }
    #[inline(always)]
    fn below(self, other: Self) -> S::mask64s {
        self.0.simd_lt(other.0)
    }
    #[inline(always)]
    fn pick(mask: S::mask64s, yes: Self, no: Self) -> Self {
        Self(mask.select(yes.0, no.0))
    }
    #[inline(always)]
    fn both(a: S::mask64s, b: S::mask64s) -> S::mask64s {
        a & b
    }
    #[inline(always)]
    fn any(mask: S::mask64s) -> bool {
        mask.any_true()
    }
    #[inline(always)]
    fn all(mask: S::mask64s) -> bool {
        mask.all_true()
    }
    #[inline(always)]
    fn exponent_from(self, shift: Self) -> Self {
        let bits: S::u64s = self.0.bitcast();
        let shift: S::u64s = shift.0.bitcast();
        Self((bits + (shift << 52)).bitcast())
    }
    #[inline(always)]
    fn align(self, other: Self) -> (Self, Self) {
        let mine: S::u64s = self.0.bitcast();
        let theirs: S::u64s = other.0.bitcast();
        let exponent = (mine - theirs + HALF_EXPONENT) & EXPONENT_MASK;
        let scaled: S::f64s = (theirs + exponent).bitcast();
        let count: S::f64s = (((exponent >> 52) ^ EXPONENT_SIGN) | TWO_52.to_bits()).bitcast();
        (Self(count - (TWO_52 + 2_048.0)), Self(scaled))
    }
}

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug)]
pub struct Lanes(pub(crate) Level);

impl Lanes {
    /// The widest that this machine has.
    pub fn detect() -> Self {
        Self(Level::new())
    }

    /// Every path that this machine can take, the widest first. All give the
    /// same bits; the portable one emulates what it lacks and is slow.
    pub fn available() -> Vec<Self> {
        let best = Level::new();
        #[cfg(target_arch = "x86_64")]
        let all = [
            best.as_avx512().map(Level::Avx512),
            best.as_avx2().map(Level::Avx2),
            best.as_sse2().map(Level::Sse2),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let all = [Some(best)];
        all.into_iter().flatten().map(Self).collect()
    }

    /// What the path is called.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Level::Neon(_) => "neon",
            _ => "portable",
        }
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self::detect()
    }
}

/// Runs `$body` with the instructions of `$lanes`, once compiled for each set.
macro_rules! on_lanes {
    ($lanes:expr, $simd:ident => $body:expr) => {{
        #[cfg(target_arch = "x86_64")]
        use fearless_simd::{Level, Simd};
        match $lanes.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512($simd) => $simd.vectorize(
                #[inline(always)]
                || $body,
            ),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2($simd) => $simd.vectorize(
                #[inline(always)]
                || $body,
            ),
            #[cfg(target_arch = "x86_64")]
            other => match other.as_sse2() {
                Some($simd) => $simd.vectorize(
                    #[inline(always)]
                    || $body,
                ),
                None => unreachable!("every x86-64 has SSE2"),
            },
            #[cfg(not(target_arch = "x86_64"))]
            other => fearless_simd::dispatch!(other, $simd => $body),
        }
    }};
}
pub(crate) use on_lanes;

/// The most lanes of any path.
const LANES_MAX: usize = 8;

/// Applies `formula` to rows of `inputs`, as many at once as there are lanes.
/// Columns shorter than the first input are left out from their end on. What
/// is beyond the last row is computed from `padding` and dropped.
#[inline(always)]
pub(crate) fn map_rows<S: Simd, const I: usize, const O: usize>(
    simd: S,
    mut inputs: [&[f64]; I],
    outputs: [&mut [f64]; O],
    padding: [f64; I],
    formula: impl Fn([Vector<S>; I]) -> [Vector<S>; O],
) {
    let lanes = S::f64s::LEN;
    let rows = inputs
        .iter()
        .map(|column| column.len())
        .chain(outputs.iter().map(|column| column.len()))
        .min()
        .unwrap_or(0);
    for column in &mut inputs {
        *column = &column[..rows];
    }
    let mut row = [Vector(S::f64s::splat(simd, 0.0)); I];
    let mut at = 0;
    // Indices, not iterators: closures would not be compiled with the
    // instructions of the path. The last vector overlaps the one before.
    while rows >= lanes && at < rows {
        at = at.min(rows - lanes);
        for column in 0..I {
            row[column] = Vector(S::f64s::from_slice(simd, &inputs[column][at..at + lanes]));
        }
        let found = formula(row);
        for column in 0..O {
            found[column].0.store_slice(&mut outputs[column][at..at + lanes]);
        }
        at += lanes;
    }
    if rows < lanes {
        for column in 0..I {
            let mut padded = [padding[column]; LANES_MAX];
            padded[..rows].copy_from_slice(&inputs[column][..rows]);
            row[column] = Vector(S::f64s::from_slice(simd, &padded[..lanes]));
        }
        let found = formula(row);
        for column in 0..O {
            outputs[column][..rows].copy_from_slice(&found[column].0.as_slice()[..rows]);
        }
    }
}
