//! How many ticks per second the simulated market makes on one core:
//! `cargo run --release -p tickwire --example simulate_rate`.

use std::time::Instant;

use tickwire::feed::simulate::{Mix, Simulator, SimulatorError, SimulatorOptions};

const TICKS: u32 = 5_000_000;

fn main() -> Result<(), SimulatorError> {
    for mix in [Mix::IndexAndOptions, Mix::Equities] {
        let simulator = Simulator::new(SimulatorOptions {
            mix,
            ..SimulatorOptions::default()
        })?;
        let started = Instant::now();
        // The sum keeps the ticks from being optimised away.
        let sum: f64 = simulator.take(TICKS as usize).map(|tick| tick.price).sum();
        let per_second = f64::from(TICKS) / started.elapsed().as_secs_f64();
        println!(
            "{mix:?}: {per_second:.0} ticks/s (mean price {:.2})",
            sum / f64::from(TICKS)
        );
    }
    Ok(())
}
