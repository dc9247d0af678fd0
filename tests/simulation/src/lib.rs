//! The whole service in one thread, with everything that can happen to it.
//!
//! A seed stands for a [`Scenario`]: instruments, clients, processes, and what
//! goes wrong among them. [`run`] lets the real use cases and the real state
//! machine of the client work on queues, tables, connections and clocks of the
//! simulation's own, and checks all the time what must hold. Nothing but the
//! seed decides what happens, so a run can be repeated to the bit.

mod bars;
mod client;
mod fault;
mod market;
mod planted;
mod ports;
mod queue;
mod report;
mod run;
mod scenario;
mod shrink;
mod tasks;
mod truth;
mod world;

pub use fault::{Coverage, Fault, Faults, UnknownFault};
pub use planted::{Bug, UnknownBug};
pub use report::{Failure, Summary};
pub use run::{Outcome, run};
pub use scenario::{FAULTS_MIN, SECONDS_MIN, Scenario};
pub use shrink::{Shrunk, shrink};
pub use truth::{Promise, Violation};
