//! What a seed stands for: who takes part, for how long, and what goes wrong.

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::fault::{Fault, Faults, generator};
use crate::planted::Bug;

/// Kinds of faults that are active in a run, at least.
pub const FAULTS_MIN: usize = 3;
/// Simulated seconds of a run with its faults, at least; what follows until all is quiet is not counted.
pub const SECONDS_MIN: u32 = 60;
/// Instruments of a run, at most.
const INSTRUMENTS_MAX: u32 = 50;
/// Clients of a run, at most.
const CLIENTS_MAX: u32 = 200;

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// All that is random is made of it.
    pub seed: u64,
    /// Simulated seconds with faults.
    pub seconds: u32,
    /// Instruments.
    pub instruments: u32,
    /// Groups they are hashed into.
    pub groups: u16,
    /// Clients.
    pub clients: u32,
    /// Kinds of faults that are active.
    pub faults: Faults,
    /// Multiplies their chances.
    pub intensity: f64,
    /// Shards of connections.
    pub shards: u16,
    /// Consumers of ticks and of signals.
    pub consumers: (u32, u32),
    /// How long a lease of a message holds, in seconds.
    pub lease_seconds: u32,
    /// How long the queue knows a message again, in seconds.
    pub deduplication_seconds: u32,
    /// How long a sender gathers ticks, in milliseconds.
    pub flush_ms: u32,
    /// Ticks of an instrument a second.
    pub ticks_per_second: f64,
    /// Frames that a deliverer may post a second; 0: as many as it likes.
    pub posts_per_second: u32,
    /// A frame to someone whose grant has ended is a violation, also where the
    /// grant held when the stream was subscribed to.
    pub strict_entitlement: bool,
    /// A bug to be found.
    pub bug: Option<Bug>,
}

impl Scenario {
    /// What a seed stands for.
    pub fn of(seed: u64) -> Self {
        let mut random = generator(seed, 1);
        let mut kinds = Fault::ALL;
        kinds.shuffle(&mut random);
        let active = random.random_range(FAULTS_MIN + 1..=Fault::ALL.len());
        // Most runs are small: what goes wrong among many goes wrong among few.
        let mut log_uniform = |max: u32| {
            let exponent: f64 = random.random_range(0.0..1.0);
            (f64::from(max).powf(exponent).round() as u32).clamp(1, max)
        };
        let (instruments, clients) = (log_uniform(INSTRUMENTS_MAX), log_uniform(CLIENTS_MAX));
        let pick = |random: &mut rand_pcg::Pcg64Mcg, from: &[u32]| from[random.random_range(0..from.len())];
        let faults: Faults = kinds.into_iter().take(active).collect();
        let mut scenario = Self {
            seed,
            seconds: random.random_range(SECONDS_MIN..=SECONDS_MIN + 30),
            instruments,
            groups: random.random_range(1..=4),
            clients,
            faults,
            intensity: [0.5, 1.0, 2.5][random.random_range(0..3)],
            shards: random.random_range(1..=2),
            consumers: (random.random_range(1..=3), random.random_range(1..=3)),
            lease_seconds: pick(&mut random, &[4, 10, 20]),
            deduplication_seconds: pick(&mut random, &[2, 30, 300]),
            flush_ms: pick(&mut random, &[100, 250, 500]),
            ticks_per_second: [0.3, 1.0, 2.0][random.random_range(0..3)],
            posts_per_second: pick(&mut random, &[0, 0, 5, 40]),
            strict_entitlement: true,
            bug: None,
        };
        // One alone never meets another.
        if faults.has(Fault::TwoConsumers) && scenario.consumers == (1, 1) {
            scenario.consumers = (2, 2);
        }
        scenario
    }

    /// The same with no more instruments and clients than these.
    pub fn at_most(self, instruments: u32, clients: u32) -> Self {
        Self {
            instruments: self.instruments.min(instruments),
            clients: self.clients.min(clients),
            ..self
        }
    }
}
