//! Functions of any bytes that panic where a promise is broken: for cargo-fuzz, and for a
//! bounded run in the tests.
//!
//! ```text
//! cargo test -p tickwire-fuzz                       # bounded, and what failed once
//! cd tests/fuzz && cargo +nightly fuzz run expression      # or another of TARGETS
//! ```

#![expect(clippy::panic, reason = "a panic is how a fuzzer is told")]

mod bars;
mod bytes;
mod expression;
mod options;
mod state;

pub use bars::bars;
pub use expression::expression;
pub use options::{chain, contract};
pub use state::state;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its folder of regressions.
pub const TARGETS: [(&str, Target); 5] = [
    ("expression", expression),
    ("bars", bars),
    ("state", state),
    ("contract", contract),
    ("chain", chain),
];
