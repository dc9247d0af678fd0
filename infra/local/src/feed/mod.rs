//! Where ticks come from on one machine: files, the bundled sample, a
//! simulated market.

pub mod file;
pub mod sample;
pub mod simulate;
