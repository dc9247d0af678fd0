//! The engine, event by event.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up its case must fail"
)]

mod bars;
mod bench;
mod properties;
mod streams;
