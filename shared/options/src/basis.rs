//! What the values of a contract follow from.

use tickwire_market::Right;

use crate::expiry::{Expiry, ExpiryError};
use crate::greeks::Greeks;
use crate::implied_volatility::Unsolved;
use crate::lanes::Lanes;

/// What leads from the underlying's price to the forward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Carry {
    /// A continuous yield per year.
    Yield(f64),
    /// The forward itself, as fitted by parity.
    Forward(f64),
    /// Nothing: the underlying is a future.
    Future,
}

/// What all contracts of one expiry are valued with at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// The underlying's price.
    pub spot: f64,
    /// Continuous, per year.
    pub rate: f64,
    /// What leads to the forward.
    pub carry: Carry,
    /// Years of 365 days to expiry.
    pub time: f64,
}

impl Conditions {
    /// The expiry of which they are.
    ///
    /// # Errors
    /// When a number is none, or out of its bounds.
    pub fn expiry(&self) -> Result<Expiry, ExpiryError> {
        match self.carry {
            Carry::Yield(yielded) => Expiry::on_spot(self.spot, self.rate, yielded, self.time),
            Carry::Forward(forward) => Expiry::fitted(self.spot, forward, self.rate, self.time),
            Carry::Future => Expiry::on_future(self.spot, self.rate, self.time),
        }
    }
}

/// All that the volatility and the Greeks of a contract follow from, to the bit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Basis {
    /// Underlying, rate, carry and time.
    pub conditions: Conditions,
    /// Strike.
    pub strike: f64,
    /// Call or put.
    pub right: Right,
    /// The right of this strike whose price was solved.
    pub solved: Right,
    /// That price.
    pub price: f64,
}

impl Basis {
    /// Values the contract; `expiry` is that of its [`conditions`](Self::conditions).
    ///
    /// # Errors
    /// When its price has no volatility.
    pub fn value(&self, lanes: Lanes, expiry: &Expiry) -> Result<(f64, Greeks), Unsolved> {
        let sigma = expiry.implied_volatility(lanes, self.strike, self.solved, self.price)?;
        Ok((sigma, expiry.greeks(lanes, self.strike, self.right, sigma)))
    }
}
