//! The command's arguments.

use std::time::Duration;

use clap::Parser;
use tickwire::commands::feed_args::parse_duration;
use tickwire_simulation::{Bug, Faults, Scenario, UnknownFault};

/// Seeds that are run unless told otherwise.
const SEEDS_DEFAULT: u64 = 100;

/// Runs the whole service in one thread, by seed, with everything that can
/// happen to it. Exits with 0 if every promise was kept, with 1 if one was
/// broken, with 2 if the arguments are wrong.
#[derive(Debug, Parser)]
#[command(name = "tickwire-simulation", max_term_width = 100)]
pub(crate) struct Arguments {
    /// Runs this seed alone.
    #[arg(long, conflicts_with_all = ["seeds", "duration", "from"])]
    seed: Option<u64>,
    /// How many seeds are run [default: 100].
    #[arg(long)]
    seeds: Option<u64>,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Runs seeds for so long, as 90s, 10m or 2h.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, conflicts_with = "seeds")]
    pub(crate) duration: Option<Duration>,
    /// Seeds that are run at once [default: as many as there are processors].
    #[arg(long)]
    jobs: Option<usize>,
    /// Goes on after a seed that failed.
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Does not look for a smaller run that fails in the same way.
    #[arg(long)]
    pub(crate) no_shrink: bool,
    /// Instead of what the seed says: simulated seconds with faults.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: Option<u32>,
    /// Instead of what the seed says: instruments.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    instruments: Option<u32>,
    /// Instead of what the seed says: groups that those are hashed into.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    groups: Option<u16>,
    /// Instead of what the seed says: clients.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: Option<u32>,
    /// Instead of what the seed says: shards of connections.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=16))]
    shards: Option<u16>,
    /// Instead of what the seed says: consumers of ticks.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=16))]
    ingesters: Option<u32>,
    /// Instead of what the seed says: consumers of signals.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=16))]
    deliverers: Option<u32>,
    /// Instead of what the seed says: ticks of an instrument a second.
    #[arg(long)]
    ticks_per_second: Option<f64>,
    /// Instead of what the seed says: frames that a deliverer may post a second; 0 for any number.
    #[arg(long)]
    posts_per_second: Option<u32>,
    /// Instead of what the seed says: kinds of faults, with commas between; «none» for none.
    #[arg(long, value_parser = read_faults)]
    faults: Option<Faults>,
    /// Lets a stream go on whose grant ended after it was subscribed to.
    #[arg(long)]
    lenient_entitlement: bool,
    /// Plants a bug.
    #[arg(long)]
    bug: Option<Bug>,
    /// The report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn read_faults(text: &str) -> Result<Faults, UnknownFault> {
    text.split(',')
        .filter(|name| *name != "none")
        .map(str::parse)
        .collect()
}

impl Arguments {
    pub(crate) fn seeds(&self) -> u64 {
        if self.seed.is_some() {
            1
        } else {
            self.seeds.unwrap_or(SEEDS_DEFAULT)
        }
    }

    pub(crate) fn first(&self) -> u64 {
        self.seed.unwrap_or(self.from)
    }

    pub(crate) fn jobs(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.unwrap_or_else(all).max(1)
    }

    /// What a seed stands for, with what was said instead.
    pub(crate) fn scenario(&self, seed: u64) -> Scenario {
        let of_seed = Scenario::of(seed);
        Scenario {
            seconds: self.seconds.unwrap_or(of_seed.seconds),
            instruments: self.instruments.unwrap_or(of_seed.instruments),
            groups: self.groups.unwrap_or(of_seed.groups),
            clients: self.clients.unwrap_or(of_seed.clients),
            shards: self.shards.unwrap_or(of_seed.shards),
            consumers: (
                self.ingesters.unwrap_or(of_seed.consumers.0),
                self.deliverers.unwrap_or(of_seed.consumers.1),
            ),
            ticks_per_second: self.ticks_per_second.unwrap_or(of_seed.ticks_per_second),
            posts_per_second: self.posts_per_second.unwrap_or(of_seed.posts_per_second),
            faults: self.faults.unwrap_or(of_seed.faults),
            strict_entitlement: !self.lenient_entitlement,
            bug: self.bug,
            ..of_seed
        }
    }

    /// The arguments that run a scenario again.
    pub(crate) fn replay(&self, scenario: &Scenario, shrunk: bool) -> String {
        let mut text = format!("--seed {}", scenario.seed);
        let of_seed = told(&Scenario::of(scenario.seed));
        for ((name, value), (_, usual)) in told(scenario).iter().zip(&of_seed) {
            if value != usual {
                text.push_str(&format!(" --{name} {value}"));
            }
        }
        if !scenario.strict_entitlement {
            text.push_str(" --lenient-entitlement");
        }
        if shrunk {
            text.push_str(" --no-shrink");
        }
        text
    }
}

/// What arguments may change of what a seed makes, by their names.
fn told(scenario: &Scenario) -> [(&'static str, String); 11] {
    let faults = if scenario.faults.is_empty() {
        "none".to_owned()
    } else {
        scenario.faults.to_string()
    };
    [
        ("seconds", scenario.seconds.to_string()),
        ("instruments", scenario.instruments.to_string()),
        ("groups", scenario.groups.to_string()),
        ("clients", scenario.clients.to_string()),
        ("shards", scenario.shards.to_string()),
        ("ingesters", scenario.consumers.0.to_string()),
        ("deliverers", scenario.consumers.1.to_string()),
        ("ticks-per-second", scenario.ticks_per_second.to_string()),
        ("posts-per-second", scenario.posts_per_second.to_string()),
        ("faults", faults),
        ("bug", scenario.bug.map_or("", Bug::as_str).to_owned()),
    ]
}
