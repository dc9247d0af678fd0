//! A walk that returns to where it began, moving most at the session's ends.

use rand::RngExt;
use rand_distr::StandardNormal;
use rand_pcg::Pcg64Mcg;
use tickwire_market::{Calendar, Session, UnixNanos};

/// Trading seconds in a year: 252 sessions of six and a quarter hours.
const TRADING_SECONDS_PER_YEAR: f64 = 252.0 * 6.25 * 3600.0;
/// Seconds in which half of a deviation is gone.
const HALF_LIFE_SECONDS: f64 = 3.0 * 3600.0;
/// Length of a made-up session, when the exchange is closed.
const SESSION_NANOS: i64 = 375 * UnixNanos::PER_MINUTE;
/// How often the calendar is asked while the exchange is closed.
const ASK_NANOS: i64 = UnixNanos::PER_MINUTE;

/// Volatility over the session, as a multiple of its mean: 1.8 at the open and
/// close, 0.6 half-way, 1 on average.
pub(super) fn u_shape(share_of_session: f64) -> f64 {
    let from_middle = 2.0 * share_of_session - 1.0;
    0.6 + 1.2 * from_middle * from_middle
}

/// How much of a session has passed. While the exchange is closed, sessions of
/// six and a quarter hours follow one another from the start.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    calendar: Calendar,
    start: UnixNanos,
    session: Option<Session>,
    ask_at: UnixNanos,
}

impl Phase {
    pub(super) fn new(calendar: Calendar, start: UnixNanos) -> Self {
        Self {
            calendar,
            start,
            session: None,
            ask_at: start,
        }
    }

    /// The share of the session that has passed at `time`, 0 to 1.
    pub(super) fn at(&mut self, time: UnixNanos) -> f64 {
        if let Some(session) = self.session.filter(|session| session.contains(time)) {
            return share(
                time.nanos_since(session.open),
                session.close.nanos_since(session.open),
            );
        }
        if time >= self.ask_at {
            self.ask_at = time.saturating_add(ASK_NANOS);
            // A calendar that does not know the day is as good as a closed exchange here.
            self.session = self.calendar.session_at(time).ok().flatten();
            if self.session.is_some() {
                return self.at(time);
            }
        }
        share(
            time.nanos_since(self.start).rem_euclid(SESSION_NANOS),
            SESSION_NANOS,
        )
    }
}

fn share(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}

/// The logarithm of a price relative to where it began: an Ornstein-Uhlenbeck
/// process in steps.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    volatility_per_year: f64,
    deviation: f64,
    last: UnixNanos,
}

impl Walk {
    pub(super) fn new(volatility_per_year: f64, start: UnixNanos) -> Self {
        Self {
            volatility_per_year,
            deviation: 0.0,
            last: start,
        }
    }

    /// Moves on to `now`; `shape` multiplies the volatility.
    pub(super) fn advance(&mut self, now: UnixNanos, shape: f64, random: &mut Pcg64Mcg) -> f64 {
        let seconds = now.nanos_since(self.last).max(0) as f64 / UnixNanos::PER_SECOND as f64;
        self.last = now;
        let shock: f64 = random.sample(StandardNormal);
        let kept = (-std::f64::consts::LN_2 * seconds / HALF_LIFE_SECONDS).exp();
        let spread = self.volatility_per_year * shape * (seconds / TRADING_SECONDS_PER_YEAR).sqrt();
        self.deviation = self.deviation * kept + spread * shock;
        self.deviation
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn volatility_is_highest_at_the_ends() {
        for (share, expected) in [(0.0, 1.8), (0.5, 0.6), (1.0, 1.8)] {
            assert!((u_shape(share) - expected).abs() < 1e-12, "{share}");
        }
        let mean = (0..1000)
            .map(|at| u_shape((f64::from(at) + 0.5) / 1000.0))
            .sum::<f64>()
            / 1000.0;
        assert!((mean - 1.0).abs() < 1e-6, "{mean}");
    }

    #[test]
    fn the_phase_follows_the_calendar_or_repeats() {
        // Monday 2026-01-05, 09:15 in India, and Saturday 2026-01-10.
        let open = UnixNanos(1_767_584_700_000_000_000);
        let hour = 60 * UnixNanos::PER_MINUTE;
        let mut phase = Phase::new(Calendar::Nse, open);
        assert_eq!(phase.at(open), 0.0);
        assert_eq!(phase.at(open.saturating_add(SESSION_NANOS / 2)), 0.5);
        let saturday = open.saturating_add(5 * 24 * hour);
        let mut phase = Phase::new(Calendar::Nse, saturday);
        assert_eq!(phase.at(saturday), 0.0);
        assert_eq!(
            phase.at(saturday.saturating_add(SESSION_NANOS + SESSION_NANOS / 5)),
            0.2
        );
    }

    #[test]
    fn the_walk_returns() {
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let mut walk = Walk::new(0.15, UnixNanos(0));
        let deviations: Vec<f64> = (1..20_000)
            .map(|minute| walk.advance(UnixNanos(minute * UnixNanos::PER_MINUTE), 1.0, &mut random))
            .collect();
        let mean = deviations.iter().sum::<f64>() / deviations.len() as f64;
        let deviation = (deviations.iter().map(|x| x * x).sum::<f64>() / deviations.len() as f64).sqrt();
        assert!(mean.abs() < 0.002, "{mean}");
        // sigma / sqrt(2 kappa) = 0.0055.
        assert!((0.004..0.007).contains(&deviation), "{deviation}");
    }
}
