//! Tickwire whole on one machine: the embedded host and what it stands on.

pub mod faults;
pub mod feed;
pub mod push;
pub mod queue;
pub mod secrets;
pub mod store;
