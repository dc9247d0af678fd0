//! The forward that a chain implies.

/// The strikes that are looked at lie within this part of the underlying's price.
pub const WINDOW: f64 = 0.10;

/// A strike where both rights have a price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParityPoint {
    /// The strike.
    pub strike: f64,
    /// Price of the call less price of the put.
    pub difference: f64,
    /// Ask less bid of both together; absent where a price is a last one.
    pub spread: Option<f64>,
}

/// A fitted forward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forward {
    /// The price.
    pub price: f64,
    /// Strikes it was fitted to.
    pub strikes: usize,
}

/// The forward by put-call parity, `C - P = discount (F - K)`: the weighted
/// least squares over the strikes within [`WINDOW`] of `underlying`, weights
/// 1 / spread^2. Points without a spread count only where no point has one.
pub fn fit_forward(
    points: impl Iterator<Item = ParityPoint> + Clone,
    underlying: f64,
    discount: f64,
) -> Option<Forward> {
    let near = points.filter(|point| (point.strike / underlying - 1.0).abs() <= WINDOW);
    let has_spreads = near.clone().any(|point| point.spread.is_some());
    // No spread is narrower than what rounding leaves of it.
    let least = underlying * 1e-7;
    let (mut sum, mut weights, mut strikes) = (0.0, 0.0, 0);
    for point in near {
        let weight = match point.spread {
            Some(spread) => spread.max(least).powi(-2),
            None if has_spreads => continue,
            None => 1.0,
        };
        // Relative to the underlying, which keeps the digits.
        sum += weight * (point.difference / discount + (point.strike - underlying));
        weights += weight;
        strikes += 1;
    }
    let price = underlying + sum / weights;
    (strikes > 0 && price.is_normal() && price > 0.0).then_some(Forward { price, strikes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parity_gives_the_forward() {
        let discount = 0.99;
        let point = |strike: f64, noise: f64, spread| ParityPoint {
            strike,
            difference: discount * (24_100.0 - strike) + noise,
            spread,
        };
        let check = |points: &[ParityPoint], expected: f64, strikes| {
            let found = fit_forward(points.iter().copied(), 24_000.0, discount).unwrap();
            assert!((found.price - expected).abs() < 1e-6, "{found:?}");
            assert_eq!(found.strikes, strikes);
        };
        check(
            &[point(23_000.0, 0.0, Some(1.0)), point(25_000.0, 0.0, Some(2.0))],
            24_100.0,
            2,
        );
        // A wide spread counts little; what is far away or has no spread, not at all.
        check(
            &[
                point(24_000.0, 0.0, Some(1.0)),
                point(24_050.0, 99.0, Some(1e6)),
                point(30_000.0, 500.0, Some(0.1)),
                point(24_100.0, 500.0, None),
            ],
            24_100.0,
            2,
        );
        check(&[point(24_000.0, 0.0, None)], 24_100.0, 1);
        assert_eq!(fit_forward([].into_iter(), 24_000.0, discount), None);
        assert_eq!(
            fit_forward([point(48_000.0, 0.0, None)].into_iter(), 24_000.0, discount),
            None
        );
    }
}
