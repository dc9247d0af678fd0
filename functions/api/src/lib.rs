//! Lambda function `api`: the HTTP API.
//!
//! One [`router`] serves both: as a function it is driven by [`handle`] with the
//! events of an HTTP API (payload 2.0), and the embedded host mounts it on a listener.

mod event;
mod router;

pub use event::handle;
pub use router::{Api, body_bytes_max, router};
