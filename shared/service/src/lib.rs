//! The use cases, over narrow ports.

pub mod authenticate;
pub mod entitle;
pub mod ports;
