//! Figures of a chain at an expiry, or at a constant time to expiry.

use tickwire_market::Right;

use crate::analytics::Bucket;
use crate::chain::{Chain, Slice};
use crate::greeks::Greek;
use crate::implied_volatility::Unsolved;

/// A figure of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Figure {
    /// Volatility at the forward, per sqrt(year).
    AtmIv,
    /// Volatility of the 25-delta put less that of the 25-delta call.
    Skew25d,
    /// Mean of those two less that at the forward.
    Butterfly25d,
    /// Open interest of puts over that of calls.
    PcrOi,
    /// Volume of puts over that of calls.
    PcrVolume,
    /// The strike at which holders of open contracts would be paid least.
    MaxPain,
    /// The forward price.
    Forward,
}

impl Figure {
    /// All of them, in the order of every table.
    pub const ALL: [Self; 7] = [
        Self::AtmIv,
        Self::Skew25d,
        Self::Butterfly25d,
        Self::PcrOi,
        Self::PcrVolume,
        Self::MaxPain,
        Self::Forward,
    ];

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtmIv => "atm_iv",
            Self::Skew25d => "skew_25d",
            Self::Butterfly25d => "butterfly_25d",
            Self::PcrOi => "pcr_oi",
            Self::PcrVolume => "pcr_volume",
            Self::MaxPain => "max_pain",
            Self::Forward => "forward",
        }
    }

    /// Of one expiry.
    fn of(self, slice: &Slice) -> Option<f64> {
        let analytics = slice.analytics();
        match self {
            Self::AtmIv => analytics.atm_volatility,
            Self::Skew25d => analytics.skew_25d,
            Self::Butterfly25d => analytics.butterfly_25d,
            Self::PcrOi => analytics.pcr_open_interest,
            Self::PcrVolume => analytics.pcr_volume,
            Self::MaxPain => analytics.max_pain,
            Self::Forward => slice.terms().map(crate::expiry::Expiry::forward),
        }
    }
}

/// A strike that stands for a moneyness: at the money, or by the delta of the
/// option out of the money there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moneyness {
    /// The call nearest to the forward.
    Atm,
    /// The put whose delta is nearest to -0.25.
    Put25d,
    /// The call whose delta is nearest to 0.25.
    Call25d,
    /// The put whose delta is nearest to -0.10.
    Put10d,
    /// The call whose delta is nearest to 0.10.
    Call10d,
    /// The put whose delta is nearest to -0.05.
    Put5d,
    /// The call whose delta is nearest to 0.05.
    Call5d,
}

impl Moneyness {
    /// All of them, as in [`Analytics::buckets`](crate::Analytics::buckets).
    pub const ALL: [Self; 7] = [
        Self::Atm,
        Self::Put25d,
        Self::Call25d,
        Self::Put10d,
        Self::Call10d,
        Self::Put5d,
        Self::Call5d,
    ];

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Atm => "atm",
            Self::Put25d => "put_25d",
            Self::Call25d => "call_25d",
            Self::Put10d => "put_10d",
            Self::Call10d => "call_10d",
            Self::Put5d => "put_5d",
            Self::Call5d => "call_5d",
        }
    }

    fn is(self, bucket: &Bucket) -> bool {
        let (delta, right) = match self {
            Self::Atm => (0.5, Right::Call),
            Self::Put25d => (0.25, Right::Put),
            Self::Call25d => (0.25, Right::Call),
            Self::Put10d => (0.10, Right::Put),
            Self::Call10d => (0.10, Right::Call),
            Self::Put5d => (0.05, Right::Put),
            Self::Call5d => (0.05, Right::Call),
        };
        bucket.delta == delta && bucket.right == right
    }
}

/// Strike, volatility, delta, gamma, theta, vega, rho.
pub const BUCKET_VALUES: usize = 7;

impl Slice {
    /// A figure, or why there is none: what kept the whole expiry from being
    /// valued, else that its strikes do not tell.
    pub fn figure(&self, figure: Figure) -> Result<f64, Unsolved> {
        figure
            .of(self)
            .ok_or_else(|| self.unvalued().unwrap_or(Unsolved::BadInput))
    }

    /// Strike, volatility and Greeks (raw units) of a bucket, or why there are none.
    pub fn bucket(&self, moneyness: Moneyness) -> Result<[f64; BUCKET_VALUES], Unsolved> {
        let bucket = self
            .analytics()
            .buckets
            .iter()
            .find(|bucket| moneyness.is(bucket));
        let Some(Bucket { right, row, .. }) = bucket.copied() else {
            return Err(self.unvalued().unwrap_or(Unsolved::BadInput));
        };
        let strike = self.strikes().get(row).copied().ok_or(Unsolved::BadInput)?;
        let volatility = self.volatility(row)?;
        let greek = |greek| self.greeks().get(right, greek, row).unwrap_or(f64::NAN);
        Ok([
            strike,
            volatility,
            greek(Greek::Delta),
            greek(Greek::Gamma),
            greek(Greek::Theta),
            greek(Greek::Vega),
            greek(Greek::Rho),
        ])
    }
}

impl Chain {
    /// A figure at a constant time to expiry of `years`, from the last pass.
    ///
    /// Between two expiries volatility is such that variance (volatility
    /// squared, times time) lies on the line between theirs; skew, butterfly
    /// and forward lie on the line themselves. Before the first expiry and
    /// beyond the last they are that one's, the forward on the line from the
    /// underlying's price through its own. Ratios and max pain are those of
    /// the nearest expiry: there is nothing between two. Expiries that have
    /// no such figure are left out.
    ///
    /// # Errors
    /// When none has it: why the first has not.
    pub fn figure_at(&self, figure: Figure, years: f64) -> Result<f64, Unsolved> {
        let known = |slice: &Slice| Some((slice.years(), figure.of(slice)?)).filter(|(time, _)| *time > 0.0);
        let found = self.slices().iter().filter_map(known);
        let below = found.clone().take_while(|(time, _)| *time <= years).last();
        let above = found.clone().find(|(time, _)| *time > years);
        let missing = || {
            let first = self.slices().first();
            first.and_then(Slice::unvalued).unwrap_or(Unsolved::BadInput)
        };
        let (below, above) = match (below, above) {
            (Some(below), Some(above)) => (below, above),
            (Some(only), None) | (None, Some(only)) => {
                let spot = self.spot().filter(|_| figure == Figure::Forward);
                return Ok(spot.map_or(only.1, |spot| spot + (only.1 - spot) * (years / only.0)));
            }
            (None, None) => return Err(missing()),
        };
        let ((near, low), (far, high)) = (below, above);
        let part = (years - near) / (far - near);
        Ok(match figure {
            Figure::AtmIv => {
                let (low, high) = (low * low * near, high * high * far);
                ((low + (high - low) * part) / years).sqrt()
            }
            Figure::Skew25d | Figure::Butterfly25d | Figure::Forward => low + (high - low) * part,
            Figure::PcrOi | Figure::PcrVolume | Figure::MaxPain => {
                if part < 0.5 {
                    low
                } else {
                    high
                }
            }
        })
    }

    /// The expiry whose time is nearest to `years`; the earlier of two.
    pub fn nearest(&self, years: f64) -> Option<&Slice> {
        let left = self.slices().iter().filter(|slice| slice.years() > 0.0);
        left.min_by(|a, b| {
            let distance = |slice: &Slice| (slice.years() - years).abs();
            distance(a).total_cmp(&distance(b))
        })
    }
}
