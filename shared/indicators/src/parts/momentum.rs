//! Rises and falls, and how straight they are.

use crate::lane::Lane;
use crate::smoothing::Smoothing;
use crate::state::state;
use crate::window::{Lag, Previous, Sum};

state! {
    /// Kaufman's efficiency ratio: how straight the way over `period` bars was.
    Efficiency<L> { previous: Previous<L>, old: Lag<L>, way: Sum<L> }
}

impl<L: Lane> Efficiency<L> {
    pub(crate) fn new(period: u32) -> Self {
        Self {
            previous: Previous::new(),
            old: Lag::new(period),
            way: Sum::new(period),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, x: L) -> Option<L> {
        let before = self.previous.push(x);
        let old = self.old.push(x);
        let way = self.way.push((x - before?).abs())?.sum();
        let change = x - old?;
        // A flat window is as straight as can be.
        let ratio = (change / way).abs();
        Some(ratio.zip3(change, way, |ratio, change, way| {
            if (way <= 0.0) | (way <= change) | (ratio > 1.0) {
                1.0
            } else {
                ratio
            }
        }))
    }
}

state! {
    /// Double-smoothed changes over double-smoothed magnitudes of changes.
    Strength<L> { previous: Previous<L>, changes: [Smoothing<L>; 2], moves: [Smoothing<L>; 2] }
}

impl<L: Lane> Strength<L> {
    pub(crate) fn new(first: u32, second: u32) -> Self {
        let averages = || [first, second].map(Smoothing::exponential);
        Self {
            previous: Previous::new(),
            changes: averages(),
            moves: averages(),
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, x: L) -> Option<L> {
        let change = x - self.previous.push(x)?;
        let [first, second] = &mut self.changes;
        let changes = first.next(change).and_then(|once| second.next(once));
        let [first, second] = &mut self.moves;
        let moves = first.next(change.abs()).and_then(|once| second.next(once));
        Some(changes?.over(moves?))
    }
}

state! {
    /// Wilder's averages of rises and falls.
    Moves<L> { previous: Previous<L>, gains: Smoothing<L>, losses: Smoothing<L> }
}

impl<L: Lane> Moves<L> {
    pub(crate) fn new(period: u32) -> Self {
        let average = Smoothing::wilder(period);
        Self {
            previous: Previous::new(),
            gains: average.clone(),
            losses: average,
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, x: L) -> Option<(L, L)> {
        let change = x - self.previous.push(x)?;
        let gain = change.positive();
        let gains = self.gains.next(gain);
        let losses = self.losses.next(gain - change);
        gains.zip(losses)
    }
}
