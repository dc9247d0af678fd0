//! The engine, event by event.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up its case must fail"
)]

mod agreement;
mod bars;
mod bench;
mod elsewhere;
mod late;
mod old_state;
mod options;
mod properties;
mod streams;
