//! Option prices for the simulation: Black-76 on a made-up smile.
//!
//! Not for analytics. The smile's parameters are plausible for a large index
//! and fitted to nothing.

/// Volatility at the money.
const AT_THE_MONEY: f64 = 0.12;
/// How volatility falls with the strike, per unit of moneyness.
const SKEW: f64 = -0.08;
/// How it rises to both sides, per unit of moneyness squared.
const CURVATURE: f64 = 0.25;
/// Moneyness beyond which the smile is flat.
const MONEYNESS_MAX: f64 = 1.2;
/// How much volatility rises per unit that the index falls.
const LEVERAGE: f64 = 1.5;
/// Bounds of volatility.
const VOLATILITY_RANGE: (f64, f64) = (0.05, 1.5);
/// Interest per year, continuous.
pub const RATE: f64 = 0.065;

/// The forward and the time of one expiry, as far as every strike shares them.
#[derive(Clone, Copy, Debug)]
pub struct Expiry {
    forward: f64,
    ln_forward: f64,
    years: f64,
    sqrt_years: f64,
    discount: f64,
    at_the_money: f64,
}

impl Expiry {
    /// For an index at `spot` that has moved by `deviation` (logarithmic) since
    /// the start, `years` before expiry.
    pub fn new(spot: f64, deviation: f64, years: f64) -> Self {
        let forward = spot * (RATE * years).exp();
        Self {
            forward,
            ln_forward: forward.ln(),
            years,
            sqrt_years: years.sqrt(),
            discount: (-RATE * years).exp(),
            at_the_money: AT_THE_MONEY - LEVERAGE * deviation,
        }
    }

    /// The volatility per year at a strike: quadratic in the moneyness
    /// `ln(K / F) / sqrt(T)`.
    pub fn volatility(&self, ln_strike: f64) -> f64 {
        let moneyness = (ln_strike - self.ln_forward) / self.sqrt_years;
        let moneyness = moneyness.clamp(-MONEYNESS_MAX, MONEYNESS_MAX);
        let volatility = self.at_the_money + SKEW * moneyness + CURVATURE * moneyness * moneyness;
        volatility.clamp(VOLATILITY_RANGE.0, VOLATILITY_RANGE.1)
    }

    /// The price of a call or put (Black 1976) at the smile's volatility.
    pub fn price(&self, strike: f64, ln_strike: f64, is_call: bool) -> f64 {
        let volatility = self.volatility(ln_strike);
        let deviation = volatility * self.sqrt_years;
        let d1 = (self.ln_forward - ln_strike + 0.5 * volatility * volatility * self.years) / deviation;
        let d2 = d1 - deviation;
        let sign = if is_call { 1.0 } else { -1.0 };
        self.discount * sign * (self.forward * normal_cdf(sign * d1) - strike * normal_cdf(sign * d2))
    }
}

/// The standard normal distribution function, to 7.5e-8 (Abramowitz and
/// Stegun, Handbook of Mathematical Functions, 26.2.17).
pub fn normal_cdf(x: f64) -> f64 {
    const P: f64 = 0.231_641_9;
    const B: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    const ONE_BY_SQRT_TWO_PI: f64 = 0.398_942_280_401_432_7;
    let t = 1.0 / (1.0 + P * x.abs());
    let polynomial = B.iter().rev().fold(0.0, |sum, b| (sum + b) * t);
    let tail = ONE_BY_SQRT_TWO_PI * (-0.5 * x * x).exp() * polynomial;
    if x >= 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_distribution() {
        let check = |x: f64, expected: f64| assert!((normal_cdf(x) - expected).abs() < 1e-7, "{x}");
        check(0.0, 0.5);
        check(1.0, 0.841_344_746);
        check(-1.0, 0.158_655_254);
        check(1.96, 0.975_002_105);
        check(-8.0, 0.0);
        check(8.0, 1.0);
    }

    #[test]
    fn calls_and_puts_are_in_parity() {
        let expiry = Expiry::new(24_000.0, 0.0, 7.0 / 365.0);
        for strike in (22_000..26_000).step_by(250).map(f64::from) {
            let (call, put) = (
                expiry.price(strike, strike.ln(), true),
                expiry.price(strike, strike.ln(), false),
            );
            let parity = expiry.discount * (expiry.forward - strike);
            assert!(
                (call - put - parity).abs() < 0.01,
                "{strike}: {call} {put} {parity}"
            );
            assert!(call > -0.01 && put > -0.01, "{strike}: {call} {put}");
        }
    }

    #[test]
    fn the_smile_is_higher_below_and_at_both_ends() {
        let expiry = Expiry::new(24_000.0, 0.0, 7.0 / 365.0);
        let volatility = |strike: f64| expiry.volatility(strike.ln());
        assert!(volatility(23_500.0) > volatility(24_500.0));
        assert!(volatility(22_000.0) > volatility(24_000.0));
        assert!(volatility(26_500.0) > volatility(24_500.0));
        let fallen = Expiry::new(23_500.0, (23_500.0_f64 / 24_000.0).ln(), 7.0 / 365.0);
        assert!(fallen.volatility(fallen.ln_forward) > expiry.volatility(expiry.ln_forward));
    }

    #[test]
    fn calls_fall_and_puts_rise_with_the_strike() {
        let expiry = Expiry::new(24_000.0, 0.0, 7.0 / 365.0);
        let strikes: Vec<f64> = (22_500..25_500).step_by(50).map(f64::from).collect();
        for pair in strikes.windows(2) {
            let price = |strike: f64, is_call| expiry.price(strike, strike.ln(), is_call);
            assert!(price(pair[0], true) > price(pair[1], true), "{pair:?}");
            assert!(price(pair[0], false) < price(pair[1], false), "{pair:?}");
        }
    }
}
