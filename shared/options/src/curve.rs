//! The rate by time to expiry.

/// Days in a year, as everywhere in this crate.
const DAYS_PER_YEAR: f64 = 365.0;

/// Points of a curve.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const curve_points_max: usize = 64;

/// Continuous rates per year by days to expiry: on the line between two
/// points, that of the nearest beyond them.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve(Vec<(f64, f64)>);

/// Points that make no curve.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "a curve is of 1 to {} pairs of days and rate per year, days from 0 on and ascending",
    curve_points_max
)]
pub struct CurveError;

impl Curve {
    /// Through points of (days to expiry, continuous rate per year), ascending by days.
    ///
    /// # Errors
    /// When there is none, there are too many, or they are no numbers in order.
    pub fn new(points: &[(f64, f64)]) -> Result<Self, CurveError> {
        let numbers = points
            .iter()
            .all(|(days, rate)| days.is_finite() && *days >= 0.0 && rate.is_finite());
        let ordered = points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if (1..=curve_points_max).contains(&points.len()) && numbers && ordered {
            Ok(Self(points.to_vec()))
        } else {
            Err(CurveError)
        }
    }

    /// One rate for all times.
    pub fn flat(rate: f64) -> Self {
        Self(vec![(0.0, rate)])
    }

    /// The rate for a time in years.
    pub fn rate(&self, years: f64) -> f64 {
        let days = years * DAYS_PER_YEAR;
        let after = self.0.partition_point(|(at, _)| *at < days);
        match (
            after.checked_sub(1).and_then(|before| self.0.get(before)),
            self.0.get(after),
        ) {
            (Some((from, low)), Some((to, high))) => low + (high - low) * (days - from) / (to - from),
            (Some((_, rate)), None) | (None, Some((_, rate))) => *rate,
            (None, None) => f64::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lies_between_its_points_and_is_flat_beyond() {
        let curve = Curve::new(&[(30.0, 0.06), (90.0, 0.09)]).unwrap();
        let check = |days: f64, expected: f64| {
            let rate = curve.rate(days / 365.0);
            assert!((rate - expected).abs() < 1e-15, "{days}: {rate}");
        };
        check(0.0, 0.06);
        check(30.0, 0.06);
        check(60.0, 0.075);
        check(90.0, 0.09);
        check(900.0, 0.09);
        assert_eq!(Curve::flat(0.065).rate(3.0), 0.065);
    }

    #[test]
    fn points_are_numbers_in_order() {
        for points in [
            &[][..],
            &[(1.0, f64::NAN)],
            &[(-1.0, 0.1)],
            &[(2.0, 0.1), (1.0, 0.1)],
            &[(1.0, 0.1), (1.0, 0.2)],
        ] {
            assert_eq!(Curve::new(points), Err(CurveError), "{points:?}");
        }
    }
}
