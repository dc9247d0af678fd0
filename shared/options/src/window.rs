//! Which contracts of a chain are followed: a window around the money that moves with spot.

use std::collections::BTreeSet;

use jiff::civil::Date;
use tickwire_market::{InstrumentKey, UnixNanos};

/// How wide the window is, and how eagerly it moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowSettings {
    /// Between strikes, in the underlying's currency.
    pub step: f64,
    /// The first so many expiries.
    pub expiries: usize,
    /// Strikes on each side of the money.
    pub levels: u32,
    /// Steps that the money must have moved for the window to follow.
    pub steps_to_move: u32,
    /// Nanoseconds between two moves, at the least.
    pub every: i64,
}

impl WindowSettings {
    /// Three expiries, ten strikes on each side, moved by two steps at most every 300 s.
    pub fn of_step(step: f64) -> Self {
        Self {
            step,
            expiries: 3,
            levels: 10,
            steps_to_move: 2,
            every: 300 * UnixNanos::PER_SECOND,
        }
    }
}

/// What a move asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowChange {
    /// Contracts that came into the window, ascending.
    pub subscribe: Vec<InstrumentKey>,
    /// Contracts that fell out of it, ascending.
    pub unsubscribe: Vec<InstrumentKey>,
}

/// A window over the contracts of one underlying.
#[derive(Clone, Debug)]
pub struct OptionWindow {
    settings: WindowSettings,
    /// The money in steps, and when the window was put there.
    center: Option<(i64, UnixNanos)>,
    followed: BTreeSet<InstrumentKey>,
}

impl OptionWindow {
    /// One that follows nothing yet.
    pub fn new(settings: WindowSettings) -> Self {
        Self {
            settings,
            center: None,
            followed: BTreeSet::new(),
        }
    }

    /// Contracts in it, ascending.
    pub fn followed(&self) -> impl Iterator<Item = &InstrumentKey> {
        self.followed.iter()
    }

    /// Whether a contract is in it.
    pub fn follows(&self, contract: &InstrumentKey) -> bool {
        self.followed.contains(contract)
    }

    /// Takes the underlying's price on `day` at `time`, and moves if it must: the first time, and
    /// when the money, the price rounded to a step, is far enough from the window's center.
    /// `listed` are the options on the underlying.
    pub fn take<'a>(
        &mut self,
        spot: f64,
        day: Date,
        time: UnixNanos,
        listed: impl Iterator<Item = &'a InstrumentKey> + Clone,
    ) -> Option<WindowChange> {
        let steps = (spot / self.settings.step).round();
        if !(steps.is_finite() && steps > 0.0) {
            return None;
        }
        let steps = steps as i64;
        let must_move = self.center.is_none_or(|(center, moved)| {
            steps.abs_diff(center) >= u64::from(self.settings.steps_to_move)
                && time.nanos_since(moved) >= self.settings.every
        });
        if !must_move {
            return None;
        }
        self.center = Some((steps, time));
        let days: BTreeSet<Date> = listed
            .clone()
            .filter_map(InstrumentKey::expiry)
            .filter(|expiry| *expiry >= day)
            .collect();
        let last = days.into_iter().take(self.settings.expiries).next_back();
        let reach = (f64::from(self.settings.levels) + 0.5) * self.settings.step;
        let money = steps as f64 * self.settings.step;
        let is_in = |key: &&InstrumentKey| {
            let near = key.strike().is_some_and(|strike| (strike - money).abs() < reach);
            let soon = key
                .expiry()
                .zip(last)
                .is_some_and(|(at, last)| at >= day && at <= last);
            near && soon
        };
        let followed: BTreeSet<InstrumentKey> = listed.filter(is_in).cloned().collect();
        let change = WindowChange {
            subscribe: followed.difference(&self.followed).cloned().collect(),
            unsubscribe: self.followed.difference(&followed).cloned().collect(),
        };
        self.followed = followed;
        (change != WindowChange::default()).then_some(change)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn it_follows_the_money() {
        let listed: Vec<InstrumentKey> = ["2026-01-06", "2026-01-13", "2026-01-20", "2026-01-27"]
            .into_iter()
            .flat_map(|day| (-40..=40).map(move |level| (day, 24_000 + 50 * level)))
            .flat_map(|(day, strike)| {
                ["CE", "PE"].map(|right| format!("NFO@NIFTY@OPT@{day}@{right}@{strike}"))
            })
            .map(|text| text.parse().unwrap())
            .collect();
        let mut window = OptionWindow::new(WindowSettings::of_step(50.0));
        let day = date(2026, 1, 5);
        let at = |seconds: i64| UnixNanos(seconds * UnixNanos::PER_SECOND);
        let mut take = |spot: f64, seconds: i64| window.take(spot, day, at(seconds), listed.iter());
        let first = take(24_010.0, 0).unwrap();
        assert_eq!((first.subscribe.len(), first.unsubscribe.len()), (126, 0));
        assert_eq!(take(24_060.0, 400), None, "one step is not enough");
        assert_eq!(take(24_110.0, 299), None, "it has just been put there");
        let moved = take(24_110.0, 400).unwrap();
        assert_eq!((moved.subscribe.len(), moved.unsubscribe.len()), (12, 12));
        let strikes = |keys: &[InstrumentKey]| {
            let strikes: BTreeSet<i64> = keys.iter().map(|key| key.strike().unwrap() as i64).collect();
            strikes.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(strikes(&moved.subscribe), [24_550, 24_600]);
        assert_eq!(strikes(&moved.unsubscribe), [23_500, 23_550]);
        assert_eq!(take(f64::NAN, 9_000), None);
        assert_eq!(window.followed().count(), 126);
        // On the day after the first expiry, the next three.
        let next = window
            .take(24_310.0, date(2026, 1, 7), at(90_000), listed.iter())
            .unwrap();
        assert!(
            next.subscribe
                .iter()
                .any(|key| key.expiry() == Some(date(2026, 1, 27)))
        );
        assert!(
            window
                .followed()
                .all(|key| key.expiry() != Some(date(2026, 1, 6)))
        );
    }
}
