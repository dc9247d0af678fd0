//! Exponential, logarithm and the tail of the normal distribution.
//!
//! Coefficients were fitted with 60 digits: interpolation at Chebyshev nodes,
//! of the rational ones in `(z - 4) / (z + 4)`.

use crate::lanes::Real;

/// 1 / sqrt(2 pi).
pub(crate) const INVERSE_SQRT_TAU: f64 = 0.398_942_280_401_432_7;

/// Numerator and denominator of `mills`: relative error 2.2e-17 on [0, inf).
const MILLS: ([f64; 11], [f64; 12]) = (
    [
        1.2533141373155003,
        2.1579260283216843,
        1.8349106192623743,
        0.9988352702071057,
        0.3824005361129063,
        0.10719830603144209,
        0.022272312377164878,
        0.003393812407902026,
        0.00036480677892731237,
        2.520291757586895e-05,
        8.634943994072101e-07,
    ],
    [
        1.0,
        2.5196604221553853,
        2.9744450028664335,
        2.176350294818652,
        1.0994979979374775,
        0.4039518693304244,
        0.11054171261622948,
        0.022635392167119316,
        0.0034190153254793935,
        0.000365670273326713,
        2.5202917575868965e-05,
        8.634943994072101e-07,
    ],
);

/// Numerator and denominator of `slope`: relative error 1.2e-16 on [-0.25, inf).
const SLOPE: ([f64; 11], [f64; 13]) = (
    [
        1.0,
        1.4300284317565317,
        1.0328019539157143,
        0.48598809331661763,
        0.16323161000150424,
        0.040657793089803156,
        0.007588963221025579,
        0.0010489810803540156,
        0.00010316384499709491,
        6.57110602266676e-06,
        2.0901875422984647e-07,
    ],
    [
        1.0,
        2.6833425690720323,
        3.3958731309941856,
        2.685398396507167,
        1.4812085088801201,
        0.6019436070174895,
        0.1853882943502287,
        0.04376530971632451,
        0.007897200643195974,
        0.0010686943984244178,
        0.0001037909012597745,
        6.5711060226667755e-06,
        2.0901875422984647e-07,
    ],
);

/// `(atanh(w) - w) / w^3` in `w^2`, for |w| <= 0.2: 5e-19 of w.
const ATANH: [f64; 8] = [
    0.3333333333333333,
    0.20000000000004042,
    0.1428571428360593,
    0.1111111152950313,
    0.090908683956487,
    0.07694450556844562,
    0.06604527040902493,
    0.06807023520520665,
];

/// `(e^r - 1 - r) / r^2`, for |r| <= ln(2) / 2: 1.3e-17 of e^r.
const EXP: [f64; 10] = [
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662413,
    0.008333333333330062,
    0.0013888888917213717,
    0.00019841269863053618,
    2.4801521295954376e-05,
    2.7557268459997064e-06,
    2.7620088445409746e-07,
    2.510038549551032e-08,
];

/// ln(2) in two parts; the first has 32 bits, so its multiples are exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// 1.5 * 2^52: a number near 0 plus this is rounded to an integer.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Below this `exp` is 0: the result would not be normal.
const EXP_MIN: f64 = -708.0;

/// The polynomial with these coefficients, lowest first: even and odd powers
/// apart, which halves the time that one waits for the other.
#[inline(always)]
pub(crate) fn polynomial<V: Real, const N: usize>(coefficients: &[f64; N], x: V) -> V {
    let square = x * x;
    let mut even = x.like(coefficients[(N - 1) & !1]);
    let mut odd = x.like(coefficients[(N - 2) | 1]);
    let mut at = (N - 1) & !1;
    while at > 0 {
        at -= 2;
        even = even.fma(square, x.like(coefficients[at]));
    }
    let mut at = (N - 2) | 1;
    while at > 1 {
        at -= 2;
        odd = odd.fma(square, x.like(coefficients[at]));
    }
    odd.fma(x, even)
}

/// `e^y`, within 1 ulp, for y <= 709; 0 below -708.
#[inline(always)]
pub(crate) fn exp<V: Real>(y: V) -> V {
    let shifted = y.fma(y.like(std::f64::consts::LOG2_E), y.like(ROUND));
    let count = shifted - y.like(ROUND);
    let r = count.fma(y.like(-LN_2_HIGH), y);
    let r = count.fma(y.like(-LN_2_LOW), r);
    let near_one = polynomial(&EXP, r).fma(r * r, r) + y.like(1.0);
    V::pick(
        y.below(y.like(EXP_MIN)),
        y.like(0.0),
        near_one.exponent_from(shifted),
    )
}

/// `ln((a + a_low) / b)`, relatively exact also where it is near 0; `a_low` is
/// what rounding took from `a`. Both must be normal and above 0.
#[inline(always)]
pub(crate) fn ln_ratio<V: Real>(a: V, a_low: V, b: V) -> V {
    let (count, b) = a.align(b);
    // Within a factor of 2 the difference is exact.
    let w = ((a - b) + a_low) / (a + b);
    let square = w * w;
    let twice = w + w;
    let tail = polynomial(&ATANH, square) * square * twice;
    let small = count.fma(w.like(LN_2_LOW), tail);
    count.fma(w.like(LN_2_HIGH), twice + small)
}

/// Mills' ratio N(-z) / n(z) for z >= 0: about 1 / z far out.
#[inline(always)]
pub(crate) fn mills<V: Real>(z: V) -> V {
    polynomial(&MILLS.0, z) / polynomial(&MILLS.1, z)
}

/// `1 - z mills(z)`, which is minus the slope of Mills' ratio, for
/// z >= -0.25: about 1 / z^2 far out, without cancellation.
#[inline(always)]
pub(crate) fn slope<V: Real>(z: V) -> V {
    polynomial(&SLOPE.0, z) / polynomial(&SLOPE.1, z)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_and_logarithm_are_within_two_ulp() {
        for step in -70_000..70_000 {
            let y = f64::from(step) * 0.01;
            let (found, expected) = (exp(y), y.exp());
            assert!(
                (found / expected - 1.0).abs() < 4.5e-16,
                "exp {y}: {found} {expected}"
            );
            let a = (f64::from(step) * 0.001).exp();
            let (found, expected) = (ln_ratio(a, 0.0, 3.0), (a / 3.0).ln());
            assert!(
                (found - expected).abs() < 4.5e-16 * (1.0 + expected.abs()),
                "ln {a}: {found}"
            );
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-709.0), 0.0);
        assert_eq!(ln_ratio(7.0, 0.0, 7.0), 0.0);
        let near = (1.0_f64 + 1e-15) - 1.0;
        assert!((ln_ratio(1.0 + 1e-15, 0.0, 1.0) / near.ln_1p() - 1.0).abs() < 4e-16);
    }

    #[test]
    fn tails() {
        // N(-z) / n(z) to 20 digits.
        let check = |z: f64, expected: f64| {
            let found = mills(z);
            assert!((found / expected - 1.0).abs() < 4e-16, "{z}: {found}");
            let cancels = 4e-16 * (1.0 + 2.0 * z * mills(z) / slope(z));
            assert!(
                (slope(z) / (1.0 - z * mills(z)) - 1.0).abs() < cancels,
                "{z}: {}",
                slope(z)
            );
        };
        check(0.0, 1.253_314_137_315_500_3);
        check(1.0, 0.655_679_542_418_798_5);
        check(5.0, 0.192_808_104_715_315_76);
        check(38.0, 0.026_297_602_974_252_963);
    }
}
