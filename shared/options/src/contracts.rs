//! Contracts as columns.

use std::ops::Range;

use tickwire_market::Right;

use crate::greeks::sign;

/// Strikes and rights of contracts, as columns.
#[derive(Clone, Debug, Default)]
pub struct ContractColumns {
    strikes: Vec<f64>,
    signs: Vec<f64>,
}

/// A strike that is none.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the strike is {0}: give a number above 0")]
pub struct StrikeError(pub f64);

impl ContractColumns {
    /// Adds a contract as the last row.
    ///
    /// # Errors
    /// When the strike is no number above 0.
    pub fn push(&mut self, strike: f64, right: Right) -> Result<(), StrikeError> {
        if !(strike.is_normal() && strike > 0.0) {
            return Err(StrikeError(strike));
        }
        self.strikes.push(strike);
        self.signs.push(sign(right));
        Ok(())
    }

    /// How many.
    pub fn rows(&self) -> usize {
        self.strikes.len()
    }

    pub(crate) fn set_right(&mut self, row: usize, right: Right) {
        if let Some(at) = self.signs.get_mut(row) {
            *at = sign(right);
        }
    }

    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        self.strikes.clear();
        self.signs.clear();
    }

    /// Those of some rows; none where there are no such rows.
    pub fn rows_of(&self, rows: Range<usize>) -> Contracts<'_> {
        Contracts {
            strikes: self.strikes.get(rows.clone()).unwrap_or_default(),
            signs: self.signs.get(rows).unwrap_or_default(),
        }
    }

    /// All of them.
    pub fn all(&self) -> Contracts<'_> {
        self.rows_of(0..self.rows())
    }
}

/// Contracts of one expiry, out of [`ContractColumns`].
#[derive(Clone, Copy, Debug)]
pub struct Contracts<'a> {
    pub(crate) strikes: &'a [f64],
    pub(crate) signs: &'a [f64],
}

impl<'a> Contracts<'a> {
    /// Their strikes.
    pub fn strikes(self) -> &'a [f64] {
        self.strikes
    }

    /// +1 for each call, -1 for each put.
    pub fn signs(self) -> &'a [f64] {
        self.signs
    }
}
