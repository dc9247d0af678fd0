//! What many runs came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::fault::{Coverage, Fault};
use crate::run::Outcome;
use crate::truth::Violation;

/// A seed that failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What was wrong.
    pub violation: Option<Violation>,
    /// Arguments that run it again.
    pub replay: String,
    /// Arguments of the smallest run found that fails in the same way.
    pub shrunk: Option<String>,
    /// What was wrong in that one.
    pub shrunk_violation: Option<Violation>,
}

/// Sums over runs.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Runs.
    pub seeds: u64,
    /// Simulated seconds with faults.
    pub seconds: f64,
    /// Simulated seconds until all was quiet, those included.
    pub seconds_whole: f64,
    /// Processor time of the runs.
    pub cpu: Duration,
    /// How often each fault acted.
    pub coverage: Coverage,
    /// In how many runs each did.
    pub acted_in: BTreeMap<Fault, u64>,
    /// The fewest kinds that acted in a run that went to its end.
    pub kinds_min: Option<usize>,
    /// Seeds in whose runs fewer acted than are wanted.
    pub too_calm: Vec<u64>,
    /// Segments committed.
    pub segments: u64,
    /// Ticks in the logs.
    pub ticks: u64,
    /// Signals in the logs.
    pub signals: u64,
    /// Those that correct a bar.
    pub corrections: u64,
    /// Posts to connections.
    pub posts: u64,
    /// Items that clients took.
    pub items: u64,
    /// Connections made.
    pub connections: u64,
    /// Resumes because of a hole.
    pub resumes: u64,
    /// Messages set aside.
    pub parked: u64,
    /// Blocks of bars that were compacted.
    pub compacted: u64,
    /// Bars that history told.
    pub bars_told: u64,
    /// Seeds that failed.
    pub failures: Vec<Failure>,
}

impl Summary {
    /// Adds a run.
    pub fn add(&mut self, seed: u64, outcome: &Outcome, cpu: Duration) {
        self.seeds += 1;
        self.seconds += outcome.seconds;
        self.seconds_whole += outcome.seconds_whole;
        self.cpu += cpu;
        self.coverage.add(&outcome.coverage);
        for fault in Fault::ALL
            .into_iter()
            .filter(|fault| outcome.coverage.of(*fault) > 0)
        {
            *self.acted_in.entry(fault).or_default() += 1;
        }
        if outcome.violations.is_empty() {
            let kinds = outcome.coverage.kinds();
            self.kinds_min = Some(self.kinds_min.map_or(kinds, |least| least.min(kinds)));
            if outcome.too_calm {
                self.too_calm.push(seed);
            }
        }
        self.segments += outcome.segments;
        self.ticks += outcome.ticks;
        self.signals += outcome.signals;
        self.corrections += outcome.corrections;
        self.posts += outcome.posts;
        self.items += outcome.items;
        self.connections += outcome.connections;
        self.resumes += outcome.resumes;
        self.parked += outcome.parked;
        self.compacted += outcome.compacted;
        self.bars_told += outcome.bars_told;
    }

    /// Simulated seconds a second of processor time.
    pub fn speed(&self) -> f64 {
        self.seconds / self.cpu.as_secs_f64().max(1e-9)
    }

    /// For machines.
    pub fn to_json(&self) -> serde_json::Value {
        let faults: BTreeMap<&str, serde_json::Value> = Fault::ALL
            .into_iter()
            .map(|fault| {
                let runs = self.acted_in.get(&fault).copied().unwrap_or(0);
                (
                    fault.as_str(),
                    serde_json::json!({"acted": self.coverage.of(fault), "seeds": runs}),
                )
            })
            .collect();
        serde_json::json!({
            "seeds": self.seeds,
            "failures": self.failures,
            "simulated_s": self.seconds,
            "simulated_whole_s": self.seconds_whole,
            "cpu_s": self.cpu.as_secs_f64(),
            "simulated_s_per_cpu_s": self.speed(),
            "faults": faults,
            "fault_kinds_min": self.kinds_min,
            "seeds_too_calm": self.too_calm,
            "segments": self.segments,
            "ticks": self.ticks,
            "signals": self.signals,
            "corrections": self.corrections,
            "posts": self.posts,
            "items": self.items,
            "connections": self.connections,
            "resumes": self.resumes,
            "parked": self.parked,
            "compacted": self.compacted,
            "bars_told": self.bars_told,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seeds            {}, {} failed",
            self.seeds,
            self.failures.len()
        )?;
        writeln!(
            f,
            "simulated        {:.0} s with faults ({:.0} s until all was quiet), {:.1} s of processor time: {:.0} to 1",
            self.seconds,
            self.seconds_whole,
            self.cpu.as_secs_f64(),
            self.speed()
        )?;
        writeln!(
            f,
            "logs             {} ticks, {} signals ({} corrections of bars) in {} segments",
            self.ticks, self.signals, self.corrections, self.segments
        )?;
        writeln!(
            f,
            "clients          {} items in {} posts, {} connections, {} resumes because of a hole",
            self.items, self.posts, self.connections, self.resumes
        )?;
        writeln!(
            f,
            "history          {} bars told, {} blocks compacted",
            self.bars_told, self.compacted
        )?;
        writeln!(f, "dead letters     {}", self.parked)?;
        if let Some(kinds) = self.kinds_min {
            writeln!(f, "kinds of faults  {kinds} at least acted in each seed")?;
        }
        if !self.too_calm.is_empty() {
            writeln!(
                f,
                "too calm         fewer kinds of faults acted than are wanted in seeds {:?}",
                self.too_calm
            )?;
        }
        writeln!(f, "\n{:<22}{:>12}{:>12}", "fault", "acted", "in seeds")?;
        for fault in Fault::ALL {
            let runs = self.acted_in.get(&fault).copied().unwrap_or(0);
            writeln!(f, "{fault:<22}{:>12}{runs:>12}", self.coverage.of(fault))?;
        }
        for failure in &self.failures {
            write!(f, "\n{failure}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} fails: {}", self.seed, said(self.violation.as_ref()))?;
        writeln!(f, "  again:  {}", self.replay)?;
        if let Some(shrunk) = &self.shrunk {
            writeln!(f, "  shrunk: {shrunk}")?;
            writeln!(f, "          {}", said(self.shrunk_violation.as_ref()))?;
        }
        Ok(())
    }
}

fn said(violation: Option<&Violation>) -> String {
    violation.map_or_else(String::new, |violation| {
        let seconds = violation.at as f64 / 1e9;
        format!("{:?} at {seconds:.3} s: {}", violation.promise, violation.what)
    })
}
