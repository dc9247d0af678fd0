//! Replays the sample events, and speaks the protocol over twins of all ports.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set up its case must fail"
)]

mod client;
mod connections;
mod costs;
mod exactness;
mod matrix;
mod pace;
mod restored;
mod revoked;
mod rolled;
mod streams;
mod watermarks;
mod world;
