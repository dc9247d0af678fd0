//! A client of `tickwire.v1`.
//!
//! [`Session`] is the protocol without a socket or a clock; [`Client`] drives one
//! over a WebSocket.

mod connect;
mod driver;
mod message;
mod notes;
mod session;
mod stream;

#[cfg(test)]
mod tests;

pub use connect::{ConnectError, Endpoint, TokenSource, fixed_token, http};
pub use driver::{Client, ClientError};
pub use message::{Item, ItemKind, Output, Text, outputs};
pub use notes::{
    Action, Counts, Ended, Note, Receive, ask_again_wait, hole_wait, items_held_max, overlap_wait,
    pull_pause, reconnect_wait_max, reconnect_wait_min, reply_wait, streams_per_request_max,
};
pub use session::Session;
