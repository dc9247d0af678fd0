//! A simulated market of which only the options near the money are followed, as a feed of a
//! broker would be that carries so many contracts and no more.

use std::collections::VecDeque;

use jiff::Timestamp;
use tickwire_market::{Calendar, InstrumentKey, Product, Tick};
use tickwire_options::{OptionWindow, WindowChange, WindowSettings};

use super::Simulator;
use super::index::STRIKE_STEP;

/// What comes of a market that is followed in part.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// The window moved: these are followed from now on, and those no longer.
    Moved(WindowChange),
    /// A tick of the underlying, or of a contract in the window.
    Tick(Tick),
}

/// An endless sequence of what is followed; before the underlying's first tick there is nothing.
#[derive(Clone, Debug)]
pub struct Followed {
    simulator: Simulator,
    /// All of them, where there is none.
    window: Option<OptionWindow>,
    listed: Vec<InstrumentKey>,
    waiting: VecDeque<Tick>,
}

impl Followed {
    /// All of a market.
    pub fn whole(simulator: Simulator) -> Self {
        Self {
            simulator,
            window: None,
            listed: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// The underlying of a market and the options near the money: three expiries, ten strikes
    /// on each side, moved with the underlying's price.
    pub fn near_the_money(simulator: Simulator) -> Self {
        let listed = simulator.instruments().into_iter().map(|(key, _)| key);
        Self {
            listed: listed.filter(|key| key.product() == Product::Opt).collect(),
            window: Some(OptionWindow::new(WindowSettings::of_step(STRIKE_STEP as f64))),
            ..Self::whole(simulator)
        }
    }

    /// Takes a tick; gives the window's move if it makes it move.
    fn take(&mut self, tick: &Tick) -> Option<WindowChange> {
        let window = self.window.as_mut()?;
        if tick.instrument.product() == Product::Opt {
            return None;
        }
        let zone = Calendar::of(&tick.instrument).ok()?.time_zone();
        let day = zone.to_datetime(Timestamp::from(tick.exchange_time)).date();
        window.take(tick.price, day, tick.exchange_time, self.listed.iter())
    }

    fn follows(&self, tick: &Tick) -> bool {
        let window = self.window.as_ref();
        tick.instrument.product() != Product::Opt
            || window.is_none_or(|window| window.follows(&tick.instrument))
    }
}

impl Iterator for Followed {
    type Item = Seen;

    fn next(&mut self) -> Option<Seen> {
        if let Some(tick) = self.waiting.pop_front() {
            return Some(Seen::Tick(tick));
        }
        loop {
            let tick = self.simulator.next()?;
            if let Some(change) = self.take(&tick) {
                self.waiting.push_back(tick);
                return Some(Seen::Moved(change));
            }
            if self.follows(&tick) {
                return Some(Seen::Tick(tick));
            }
        }
    }
}
