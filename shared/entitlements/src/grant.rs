//! Grants: products that a user may read for a time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;

use crate::Product;

/// A product that a user may read in `[from, until)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The user.
    pub user: String,
    /// The product, as in `marketplace/{product}`.
    pub product: String,
    /// First moment at which it holds.
    pub from: UnixNanos,
    /// First moment at which it no longer holds.
    pub until: UnixNanos,
    /// Given for trial. A trial opens the same streams.
    pub trial: bool,
    /// The product's newest version when it was given; 0 where that is not known.
    pub version: u32,
}

impl Grant {
    /// Whether it holds at `at`.
    pub fn is_valid(&self, at: UnixNanos) -> bool {
        self.from <= at && at < self.until
    }
}

/// What a look at the grants of a user gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantsRead {
    /// All of the user's grants, and the products of those that have not ended; one that is
    /// missing is none.
    Read {
        /// The grants.
        grants: Vec<Grant>,
        /// The products.
        products: Vec<Arc<Product>>,
    },
    /// They could not be read: what needs one is denied.
    Unreadable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_from_its_first_moment_to_before_its_end() {
        let check = |from, until, at, expected| {
            let grant = Grant {
                user: "u".into(),
                product: "p".into(),
                from: UnixNanos(from),
                until: UnixNanos(until),
                trial: false,
                version: 1,
            };
            assert_eq!(
                grant.is_valid(UnixNanos(at)),
                expected,
                "[{from}, {until}) at {at}"
            );
        };
        check(10, 20, 9, false);
        check(10, 20, 10, true);
        check(10, 20, 19, true);
        check(10, 20, 20, false);
        check(10, 10, 10, false);
        check(20, 10, 15, false);
    }
}
