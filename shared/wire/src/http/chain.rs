//! Option chains, and Greeks beside other rows. Units are raw: per year, per 1.00 of
//! volatility, per 1.00 of rate.

use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;

/// Volatility and Greeks; null where there are none, with the reason in `iv_status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GreeksRow {
    /// Implied volatility, per square root of a year.
    pub iv: Option<f64>,
    /// `ok`, or why there is none.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub iv_status: String,
    /// By the underlying's price.
    pub delta: Option<f64>,
    /// Delta's change by the underlying's price.
    pub gamma: Option<f64>,
    /// By time that passes, per year of 365 days.
    pub theta_per_year: Option<f64>,
    /// By volatility, per 1.00.
    pub vega_per_one: Option<f64>,
    /// By the rate, per 1.00.
    pub rho_per_one: Option<f64>,
}

/// A forward price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ForwardBody {
    /// The price.
    pub price: f64,
    /// `parity`: fitted to calls and puts; `carry`: from the underlying and the rates.
    pub from: String,
    /// Strikes that it was fitted to.
    pub strikes: Option<u64>,
}

/// One contract of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SideRow {
    /// Instrument key.
    pub key: String,
    /// Best bid.
    pub bid: Option<f64>,
    /// Best ask.
    pub ask: Option<f64>,
    /// Last price.
    pub last: Option<f64>,
    /// When it was told, nanoseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub t: Option<UnixNanos>,
    /// Contracts traded in the session.
    pub volume: Option<f64>,
    /// Open contracts.
    pub open_interest: Option<f64>,
    /// Volatility of the strike, and Greeks.
    #[serde(flatten)]
    pub greeks: GreeksRow,
    /// Price by the fitted smile.
    pub theoretical: Option<f64>,
    /// (market - theoretical) / theoretical.
    pub premium: Option<f64>,
    /// LOW, MEDIUM, HIGH or EXTREME.
    pub severity: Option<String>,
}

/// One strike of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChainRow {
    /// The strike.
    pub strike: f64,
    /// ln(K / F) / (sigma_atm sqrt(t)).
    pub moneyness: Option<f64>,
    /// CE or PE: on which side the volatility was solved.
    pub solved_on: Option<String>,
    /// `mid` or `last`: from which price.
    pub price_source: Option<String>,
    /// The call, if it is known.
    pub call: Option<SideRow>,
    /// The put, if it is known.
    pub put: Option<SideRow>,
}

/// A strike that stands for a moneyness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BucketRow {
    /// Delta that was looked for: 0.5 at the money.
    pub delta: f64,
    /// CE or PE.
    pub right: String,
    /// The strike nearest to it.
    pub strike: f64,
    /// Volatility and Greeks there.
    #[serde(flatten)]
    pub greeks: GreeksRow,
}

/// The chain of one expiry. Times are nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChainBody {
    /// Instrument key of the underlying.
    pub underlying: String,
    /// Time of the newest price in it; null without one.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub t: Option<UnixNanos>,
    /// The underlying's price.
    pub spot: Option<f64>,
    /// The expiry, YYYY-MM-DD.
    pub expiry: String,
    /// All expiries that are known.
    pub expiries: Vec<String>,
    /// When trading ends.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub close: UnixNanos,
    /// Years of 365 days until then.
    pub years: f64,
    /// Continuous rate per year.
    pub rate_per_year: f64,
    /// Whether the options may be exercised early; values are those of European ones.
    pub early_exercise: bool,
    /// `ok`, or why nothing was valued.
    pub status: String,
    /// The forward price.
    pub forward: Option<ForwardBody>,
    /// e^(-rate time).
    pub discount: Option<f64>,
    /// Volatility at the forward.
    pub atm_iv: Option<f64>,
    /// Volatility of the 25-delta put less that of the 25-delta call.
    pub skew_25d: Option<f64>,
    /// Mean of those two less that at the forward.
    pub butterfly_25d: Option<f64>,
    /// Open interest of puts over that of calls.
    pub pcr_oi: Option<f64>,
    /// Volume of puts over that of calls.
    pub pcr_volume: Option<f64>,
    /// The strike at which holders would be paid least.
    pub max_pain: Option<f64>,
    /// Strikes at the money and at deltas of 25, 10 and 5 %.
    pub buckets: Vec<BucketRow>,
    /// Strikes, ascending.
    pub strikes: Vec<ChainRow>,
}
