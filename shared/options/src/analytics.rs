//! What a chain says as a whole.

use tickwire_market::Right;

use crate::chain::Quote;
use crate::columns::PairColumns;
use crate::expiry::Expiry;
use crate::greeks::Greek;

/// Figures of one expiry. Absent where what they need is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analytics {
    /// Open interest of puts over that of calls.
    pub pcr_open_interest: Option<f64>,
    /// Volume of puts over that of calls.
    pub pcr_volume: Option<f64>,
    /// The strike at which holders of open contracts would be paid least.
    pub max_pain: Option<f64>,
    /// Volatility at the forward, between the two strikes around it, per sqrt(year).
    pub atm_volatility: Option<f64>,
    /// Volatility of the 25-delta put less that of the 25-delta call.
    pub skew_25d: Option<f64>,
    /// Mean of those two less that at the forward.
    pub butterfly_25d: Option<f64>,
    /// The strikes nearest to the forward and to each delta.
    pub buckets: Vec<Bucket>,
}

/// A strike that stands for a moneyness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Delta of the forward that was looked for: 0.5 at the money.
    pub delta: f64,
    /// Call or put, out of the money.
    pub right: Right,
    /// The row of the strike nearest to it.
    pub row: usize,
}

/// Deltas of the buckets beside the one at the money.
const BUCKET_DELTAS: [f64; 3] = [0.25, 0.10, 0.05];

/// How far a market price is from the theoretical one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Below 3 %.
    Low,
    /// Below 8 %.
    Medium,
    /// Below 15 %.
    High,
    /// More.
    Extreme,
}

impl Severity {
    /// By the premium, (market - theoretical) / theoretical.
    pub fn of(premium: f64) -> Self {
        match premium.abs() {
            size if size < 0.03 => Self::Low,
            size if size < 0.08 => Self::Medium,
            size if size < 0.15 => Self::High,
            _ => Self::Extreme,
        }
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Extreme => "EXTREME",
        }
    }
}

/// (market - theoretical) / theoretical, with its severity.
pub fn premium(market: f64, theoretical: f64) -> Option<(f64, Severity)> {
    let premium = (market - theoretical) / theoretical;
    (theoretical > 0.0 && premium.is_finite()).then(|| (premium, Severity::of(premium)))
}

/// Sum of what is known; absent where nothing is.
fn sum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values
        .flatten()
        .fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

fn ratio(puts: Option<f64>, calls: Option<f64>) -> Option<f64> {
    let ratio = puts? / calls?;
    ratio.is_finite().then_some(ratio)
}

/// A number of contracts; one that is none is not known.
fn count(contracts: Option<f64>) -> Option<f64> {
    contracts.filter(|count| count.is_finite() && *count >= 0.0)
}

/// The strike, of `strikes` in order, that minimises
/// `sum(max(0, S - K) callOI + max(0, K - S) putOI)`; the lower of two that do.
fn max_pain(strikes: &[f64], calls: &[Quote], puts: &[Quote]) -> Option<f64> {
    let known = |quote: &Quote| count(quote.open_interest).unwrap_or(0.0);
    let (mut call_count, mut call_value) = (0.0, 0.0);
    let mut put_count: f64 = puts.iter().map(known).sum();
    let mut put_value: f64 = strikes
        .iter()
        .zip(puts)
        .map(|(strike, put)| strike * known(put))
        .sum();
    let all = put_count + calls.iter().map(known).sum::<f64>();
    if !all.is_finite() || all <= 0.0 {
        return None;
    }
    let mut least: Option<(f64, f64)> = None;
    for (strike, (call, put)) in strikes.iter().zip(calls.iter().zip(puts)) {
        call_count += known(call);
        call_value += strike * known(call);
        put_count -= known(put);
        put_value -= strike * known(put);
        let pain = (strike * call_count - call_value) + (put_value - strike * put_count);
        if least.is_none_or(|(_, known)| pain < known) {
            least = Some((*strike, pain));
        }
    }
    least.map(|(strike, _)| strike)
}

impl Analytics {
    /// Forgets all, and keeps the room.
    pub(crate) fn clear(&mut self) {
        let mut buckets = std::mem::take(&mut self.buckets);
        buckets.clear();
        *self = Self {
            buckets,
            ..Self::default()
        };
    }

    /// What follows from quantities alone.
    pub(crate) fn count(&mut self, strikes: &[f64], [calls, puts]: &[Vec<Quote>; 2]) {
        let open = |quotes: &[Quote]| sum(quotes.iter().map(|quote| count(quote.open_interest)));
        let volume = |quotes: &[Quote]| sum(quotes.iter().map(|quote| count(quote.volume)));
        self.pcr_open_interest = ratio(open(puts), open(calls));
        self.pcr_volume = ratio(volume(puts), volume(calls));
        self.max_pain = max_pain(strikes, calls, puts);
    }

    /// What follows from volatilities.
    pub(crate) fn measure(
        &mut self,
        terms: &Expiry,
        strikes: &[f64],
        volatilities: &[f64],
        greeks: &PairColumns,
    ) {
        let points = strikes.iter().copied().zip(volatilities.iter().copied());
        self.atm_volatility = between(points.filter(|(_, value)| value.is_finite()), terms.forward());
        // The forward's delta: undiscounted, with neither carry nor rate in it.
        let scale = 1.0 / (terms.terms.inverse_spot * terms.terms.carried);
        let delta = |right, row| {
            greeks
                .get(right, Greek::Delta, row)
                .map(|delta: f64| delta.abs() * scale)
        };
        let at_delta = |right: Right, wanted: f64| {
            // Call deltas fall with the strike, put deltas rise.
            let points = (0..strikes.len()).filter_map(|row| {
                Some((delta(right, row)?, volatilities[row])).filter(|(_, value)| value.is_finite())
            });
            between(points, wanted)
        };
        let (call, put) = (at_delta(Right::Call, 0.25), at_delta(Right::Put, 0.25));
        self.skew_25d = call.zip(put).map(|(call, put)| put - call);
        self.butterfly_25d = call
            .zip(put)
            .zip(self.atm_volatility)
            .map(|((call, put), atm)| 0.5 * (call + put) - atm);
        self.buckets.clear();
        let mut nearest = |right, wanted: f64, distance: &dyn Fn(usize) -> Option<f64>| {
            let rows = (0..strikes.len()).filter_map(|row| Some((distance(row)?, row)));
            if let Some((_, row)) = rows.min_by(|(a, _), (b, _)| a.total_cmp(b)) {
                self.buckets.push(Bucket {
                    delta: wanted,
                    right,
                    row,
                });
            }
        };
        let forward = terms.forward();
        nearest(Right::Call, 0.5, &|row| {
            volatilities[row]
                .is_finite()
                .then(|| (strikes[row] - forward).abs())
        });
        for wanted in BUCKET_DELTAS {
            for right in [Right::Put, Right::Call] {
                nearest(right, wanted, &|row| Some((delta(right, row)? - wanted).abs()));
            }
        }
    }

    /// sigma_atm sqrt(t).
    pub(crate) fn atm_deviation(&self, terms: &Expiry) -> Option<f64> {
        let deviation = self.atm_volatility? * terms.time().sqrt();
        (deviation > 0.0).then_some(deviation)
    }
}

/// The value at `wanted`, on the line between the neighbours around it;
/// absent outside of the points.
fn between(points: impl Iterator<Item = (f64, f64)>, wanted: f64) -> Option<f64> {
    let mut before: Option<(f64, f64)> = None;
    for (at, value) in points {
        if at == wanted {
            return Some(value);
        }
        if let Some((from, start)) = before
            && (from - wanted) * (at - wanted) < 0.0
        {
            return Some(start + (value - start) * (wanted - from) / (at - from));
        }
        before = Some((at, value));
    }
    None
}

/// Which bound a trade goes against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Call less put is the discounted forward less the discounted strike.
    Parity,
    /// Two strikes imply the same discount.
    Box,
    /// A call spread is worth from 0 to the discounted distance; a put spread too.
    Vertical,
    /// A butterfly is worth something.
    Butterfly,
}

impl Bound {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parity => "parity",
            Self::Box => "box",
            Self::Vertical => "vertical",
            Self::Butterfly => "butterfly",
        }
    }
}

/// A trade at quoted prices that brings more than spread and costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arbitrage {
    /// Against which bound.
    pub bound: Bound,
    /// The row of the lowest strike in it.
    pub row: usize,
    /// What it brings, in the option's currency.
    pub profit: f64,
}

impl Arbitrage {
    /// Looks at every strike, and at neighbouring two and three.
    pub(crate) fn find(
        found: &mut Vec<Self>,
        terms: &Expiry,
        cost: f64,
        strikes: &[f64],
        quotes: &[Vec<Quote>; 2],
    ) {
        let discount = terms.discount();
        let mut note = |bound, row, profit: Option<f64>| {
            // What rounding leaves is no profit.
            let least = 1e-9 * terms.forward();
            if let Some(profit) = profit.filter(|profit| *profit > least) {
                found.push(Self { bound, row, profit });
            }
        };
        let [calls, puts] = quotes;
        let quoted = |quote: &Quote| quote.bid.zip(quote.ask).filter(|(bid, ask)| bid <= ask);
        for (row, strike) in strikes.iter().enumerate() {
            let worth = discount * (terms.forward() - strike);
            let pair = quoted(&calls[row]).zip(quoted(&puts[row]));
            // Sell the dear side, buy the cheap one.
            note(
                Bound::Parity,
                row,
                pair.map(|((call_bid, call_ask), (put_bid, put_ask))| {
                    (call_bid - put_ask - worth).max(worth - (call_ask - put_bid)) - 2.0 * cost
                }),
            );
            let Some(next) = strikes.get(row + 1) else {
                continue;
            };
            let width = discount * (next - strike);
            let other = quoted(&calls[row + 1]).zip(quoted(&puts[row + 1]));
            note(
                Bound::Box,
                row,
                pair.zip(other)
                    .map(|(((cb, ca), (pb, pa)), ((cb2, ca2), (pb2, pa2)))| {
                        let buy = (ca - pb) - (cb2 - pa2);
                        let sell = (cb - pa) - (ca2 - pb2);
                        (sell - width).max(width - buy) - 4.0 * cost
                    }),
            );
            for (side, falls) in [(calls, true), (puts, false)] {
                // The nearer to the money costs more, by at most the distance.
                let (dear, cheap) = if falls { (row, row + 1) } else { (row + 1, row) };
                let spread = quoted(&side[dear]).zip(quoted(&side[cheap]));
                note(
                    Bound::Vertical,
                    row,
                    spread.map(|((dear_bid, dear_ask), (cheap_bid, cheap_ask))| {
                        (cheap_bid - dear_ask).max(dear_bid - cheap_ask - width) - 2.0 * cost
                    }),
                );
                let Some(last) = strikes.get(row + 2) else {
                    continue;
                };
                let weight = (last - next) / (last - strike);
                let wings = quoted(&side[row]).zip(quoted(&side[row + 2]));
                note(
                    Bound::Butterfly,
                    row,
                    wings.zip(quoted(&side[row + 1])).map(|((low, high), middle)| {
                        middle.0 - weight * low.1 - (1.0 - weight) * high.1 - 2.0 * cost
                    }),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(open_interest: f64) -> Quote {
        Quote {
            open_interest: Some(open_interest),
            ..Quote::default()
        }
    }

    #[test]
    fn max_pain_is_the_least_sum() {
        let strikes = [90.0, 100.0, 110.0, 120.0];
        let calls = [10.0, 50.0, 200.0, 30.0].map(open);
        let puts = [300.0, 80.0, 20.0, 5.0].map(open);
        let pain = |s: f64| -> f64 {
            (0..4)
                .map(|at| {
                    let (call, put) = (calls[at].open_interest.unwrap(), puts[at].open_interest.unwrap());
                    (s - strikes[at]).max(0.0) * call + (strikes[at] - s).max(0.0) * put
                })
                .sum()
        };
        let least = strikes.into_iter().min_by(|a, b| pain(*a).total_cmp(&pain(*b)));
        assert_eq!(max_pain(&strikes, &calls, &puts), least);
        let none = [Quote::default(); 4];
        assert_eq!(max_pain(&strikes, &none, &none), None);
        assert_eq!(max_pain(&strikes, &[open(0.0); 4], &none), None);
    }

    #[test]
    fn ratios_need_both_sides() {
        let mut analytics = Analytics::default();
        analytics.count(
            &[1.0, 2.0],
            &[vec![open(4.0), Quote::default()], vec![open(1.0), open(2.0)]],
        );
        assert_eq!(analytics.pcr_open_interest, Some(0.75));
        assert_eq!(analytics.pcr_volume, None);
        analytics.count(&[1.0], &[vec![open(0.0)], vec![open(1.0)]]);
        assert_eq!(analytics.pcr_open_interest, None);
    }

    #[test]
    fn values_between_points() {
        let points = [(3.0, 30.0), (2.0, 20.0), (1.0, 15.0)];
        let check = |wanted, expected| assert_eq!(between(points.into_iter(), wanted), expected, "{wanted}");
        check(2.5, Some(25.0));
        check(2.0, Some(20.0));
        check(1.2, Some(16.0));
        check(0.9, None);
        check(3.1, None);
    }

    #[test]
    fn severities() {
        let check = |market, expected| assert_eq!(premium(market, 100.0).unwrap().1, expected);
        check(102.9, Severity::Low);
        check(97.0, Severity::Medium);
        check(108.0, Severity::High);
        check(85.0, Severity::Extreme);
        assert_eq!(premium(1.0, 0.0), None);
        assert_eq!(premium(1.0, f64::NAN), None);
    }
}
