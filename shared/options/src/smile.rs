//! A smooth smile through implied volatilities.

/// Beyond this many deviations from the forward the smile is flat.
const REACH: f64 = 3.0;
/// Coefficients of the polynomial: at most a cubic.
const COEFFICIENTS: usize = 4;
/// Points for each coefficient beyond the first.
const POINTS_EACH: usize = 2;

/// Volatility by standardised moneyness `ln(K/F) / (sigma_atm sqrt(t))`: a
/// polynomial of at most the third degree, by weighted least squares; flat
/// beyond 3 deviations and beyond the points it was fitted to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smile {
    coefficients: [f64; COEFFICIENTS],
    from: f64,
    to: f64,
}

impl Smile {
    /// Fits points (moneyness, volatility, weight). Absent without a point.
    pub fn fit(points: impl Iterator<Item = (f64, f64, f64)> + Clone) -> Option<Self> {
        let points = points.filter(|(moneyness, volatility, weight)| {
            moneyness.abs() <= REACH && volatility.is_finite() && *weight > 0.0 && weight.is_finite()
        });
        let count = points.clone().count();
        let (from, to) = points
            .clone()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), (at, _, _)| {
                (from.min(at), to.max(at))
            });
        for degree in (1..=COEFFICIENTS.min(1 + count.saturating_sub(1) / POINTS_EACH)).rev() {
            if let Some(coefficients) = least_squares(points.clone(), degree) {
                return (count > 0).then_some(Self {
                    coefficients,
                    from,
                    to,
                });
            }
        }
        None
    }

    /// The volatility there, per sqrt(year).
    pub fn volatility(&self, moneyness: f64) -> f64 {
        let at = moneyness.clamp(self.from, self.to);
        let value = self.coefficients.iter().rev().fold(0.0, |sum, c| sum * at + c);
        // A cubic may dip where there is hardly a point.
        value.max(1e-4)
    }
}

/// The first `size` coefficients by the normal equations; absent where they
/// have no one solution.
fn least_squares(points: impl Iterator<Item = (f64, f64, f64)>, size: usize) -> Option<[f64; COEFFICIENTS]> {
    let mut rows = [[0.0; COEFFICIENTS + 1]; COEFFICIENTS];
    for (at, value, weight) in points {
        let powers = [1.0, at, at * at, at * at * at];
        for (row, left) in rows.iter_mut().zip(powers).take(size) {
            for (cell, right) in row.iter_mut().zip(powers).take(size) {
                *cell += weight * left * right;
            }
            row[COEFFICIENTS] += weight * left * value;
        }
    }
    // Positive definite, so the diagonal is a pivot; it shrinks where points coincide.
    for at in 0..size {
        let pivot = rows[at][at];
        let original = rows[at][at].max(rows[0][0]);
        if pivot.is_nan() || pivot <= 1e-9 * original {
            return None;
        }
        let pivot_row = rows[at].map(|cell| cell / pivot);
        for (other, row) in rows.iter_mut().enumerate().take(size) {
            if other != at {
                let factor = row[at];
                for (cell, above) in row.iter_mut().zip(pivot_row) {
                    *cell -= factor * above;
                }
            }
        }
        rows[at] = pivot_row;
    }
    let mut coefficients = [0.0; COEFFICIENTS];
    for (coefficient, row) in coefficients.iter_mut().zip(rows).take(size) {
        *coefficient = row[COEFFICIENTS];
    }
    Some(coefficients)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cubic_is_found_again() {
        let cubic = |x: f64| 0.2 - 0.03 * x + 0.01 * x * x + 0.002 * x * x * x;
        let points = (-10..=10).map(|at| f64::from(at) * 0.25);
        let smile = Smile::fit(points.map(|x| (x, cubic(x), 1.0 + x.abs()))).unwrap();
        for x in [-2.5, -1.1, 0.0, 0.7, 2.5] {
            assert!((smile.volatility(x) - cubic(x)).abs() < 1e-12, "{x}");
        }
        assert_eq!(smile.volatility(9.0), smile.volatility(2.5));
    }

    #[test]
    fn few_points_make_a_simpler_smile() {
        let check = |points: &[(f64, f64, f64)], at: f64, expected: Option<f64>| {
            let found = Smile::fit(points.iter().copied()).map(|smile| smile.volatility(at));
            assert!(
                match (found, expected) {
                    (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
                    (found, expected) => found == expected,
                },
                "{points:?}: {found:?}"
            );
        };
        check(&[], 0.0, None);
        check(&[(0.0, f64::NAN, 1.0), (9.0, 0.2, 1.0)], 0.0, None);
        check(&[(0.5, 0.2, 1.0)], 0.0, Some(0.2));
        check(&[(-0.5, 0.3, 1.0), (0.5, 0.2, 1.0)], 0.0, Some(0.25));
        check(
            &[(-0.5, 0.3, 1.0), (0.0, 0.25, 1.0), (0.5, 0.2, 1.0)],
            0.25,
            Some(0.225),
        );
        // Three prices at one strike are one point.
        check(
            &[(0.5, 0.2, 1.0), (0.5, 0.2, 1.0), (0.5, 0.2, 1.0)],
            0.1,
            Some(0.2),
        );
    }
}
