//! Latencies, as quantiles over all of them.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest latency told apart, in microseconds: an hour.
const MICROS_MAX: u64 = 3_600_000_000;
/// Digits that are exact.
const DIGITS: u8 = 3;

/// Records latencies from 1 µs to an hour, to three digits.
pub struct LatencyRecorder {
    /// None where its bounds are refused, which the constants rule out.
    histogram: Option<Histogram<u64>>,
    negative: u64,
    beyond: u64,
}

impl Default for LatencyRecorder {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, MICROS_MAX, DIGITS).ok();
        Self {
            histogram,
            negative: 0,
            beyond: 0,
        }
    }
}

impl LatencyRecorder {
    /// Records one, in nanoseconds. One below nothing (clocks differ) or above an
    /// hour (a stamp of the past) is counted apart.
    pub fn record(&mut self, nanos: i64) {
        let Ok(micros) = u64::try_from(nanos).map(|nanos| nanos.div_ceil(1_000)) else {
            self.negative += 1;
            return;
        };
        let recorded = self
            .histogram
            .as_mut()
            .and_then(|histogram| histogram.record(micros.max(1)).ok());
        if recorded.is_none() || micros > MICROS_MAX {
            self.beyond += 1;
        }
    }

    /// What was recorded; `None` if nothing was.
    pub fn summary(&self) -> Option<Latency> {
        let histogram = self
            .histogram
            .as_ref()
            .filter(|histogram| !histogram.is_empty())?;
        let ms = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Some(Latency {
            count: histogram.len(),
            p50_ms: ms(0.50),
            p95_ms: ms(0.95),
            p99_ms: ms(0.99),
            max_ms: histogram.max() as f64 / 1_000.0,
            negative: self.negative,
            beyond_an_hour: self.beyond,
        })
    }
}

/// Quantiles of latencies, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// Half took at most so long.
    pub p50_ms: f64,
    /// 95 of 100 did.
    pub p95_ms: f64,
    /// 99 of 100 did.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// Left out: below nothing, since clocks differ.
    pub negative: u64,
    /// Left out: the stamp is of the past.
    pub beyond_an_hour: u64,
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            p50_ms,
            p95_ms,
            p99_ms,
            max_ms,
            ..
        } = self;
        write!(
            f,
            "p50 {p50_ms:.1}  p95 {p95_ms:.1}  p99 {p99_ms:.1}  max {max_ms:.1} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_was_recorded() {
        let mut recorder = LatencyRecorder::default();
        assert_eq!(recorder.summary(), None);
        for ms in 1..=100 {
            recorder.record(ms * 1_000_000);
        }
        recorder.record(-1);
        recorder.record(i64::MAX);
        let summary = recorder.summary().unwrap();
        assert_eq!(
            (summary.count, summary.negative, summary.beyond_an_hour),
            (100, 1, 1)
        );
        let near =
            |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-3, "{found} {expected}");
        near(summary.p50_ms, 50.0);
        near(summary.p95_ms, 95.0);
        near(summary.p99_ms, 99.0);
        near(summary.max_ms, 100.0);
    }
}
