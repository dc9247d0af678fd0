//! Makes a run that fails smaller, as long as it breaks the same promise.

use crate::fault::Faults;
use crate::run::{Outcome, run};
use crate::scenario::Scenario;
use crate::truth::Promise;

/// Runs that a shrinking takes, at most.
const RUNS_MAX: usize = 300;
/// A smaller run takes another course, on which the same fault may not come up: so many are tried.
const COURSES_MAX: u64 = 3;

/// A run that fails, as small as it was found to be.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// What is left.
    pub scenario: Scenario,
    /// What comes of it.
    pub outcome: Outcome,
    /// Runs it took.
    pub runs: usize,
}

struct Search {
    promise: Promise,
    best: Shrunk,
}

impl Search {
    /// Takes a smaller scenario if it still fails.
    fn take(&mut self, smaller: Scenario) -> bool {
        let first = smaller.seed;
        smaller != self.best.scenario
            && (0..COURSES_MAX).any(|course| {
                self.fails(Scenario {
                    seed: first.wrapping_add(course),
                    ..smaller.clone()
                })
            })
    }

    fn fails(&mut self, smaller: Scenario) -> bool {
        if self.best.runs >= RUNS_MAX {
            return false;
        }
        self.best.runs += 1;
        let outcome = run(&smaller);
        let fails = outcome
            .violations
            .first()
            .is_some_and(|violation| violation.promise == self.promise);
        if fails {
            (self.best.scenario, self.best.outcome) = (smaller, outcome);
        }
        fails
    }

    /// Takes the least of a count that still fails, by halving what can be taken away.
    fn reduce(&mut self, count: impl Fn(&mut Scenario) -> &mut u32, least: u32) -> bool {
        let mut reduced = false;
        let mut step = *count(&mut self.best.scenario.clone());
        while step > 0 {
            let mut smaller = self.best.scenario.clone();
            let value = count(&mut smaller);
            *value = value.saturating_sub(step).max(least);
            if self.take(smaller) {
                reduced = true;
            } else {
                step /= 2;
            }
        }
        reduced
    }

    fn pass(&mut self) -> bool {
        // Clients first: the fewer faults are left, the rarer is a course on which they meet one of few.
        let mut reduced = self.reduce(|scenario| &mut scenario.clients, 1);
        // Without faults at all first: then they have nothing to do with it.
        for without in std::iter::once(None).chain(self.best.scenario.faults.iter().map(Some)) {
            let faults =
                without.map_or_else(Faults::default, |fault| self.best.scenario.faults.without(fault));
            reduced |= self.take(Scenario {
                faults,
                ..self.best.scenario.clone()
            });
        }
        reduced |= self.reduce(|scenario| &mut scenario.instruments, 1);
        reduced |= self.reduce(|scenario| &mut scenario.seconds, 5);
        let now = self.best.scenario.clone();
        reduced |= self.take(Scenario { groups: 1, ..now });
        let now = self.best.scenario.clone();
        reduced |= self.take(Scenario { shards: 1, ..now });
        let now = self.best.scenario.clone();
        reduced |= self.take(Scenario {
            posts_per_second: 0,
            ..now
        });
        reduced |= self.reduce(|scenario| &mut scenario.consumers.0, 1);
        reduced |= self.reduce(|scenario| &mut scenario.consumers.1, 1);
        reduced
    }
}

/// Shrinks a scenario that fails; `None` if it does not.
pub fn shrink(scenario: &Scenario) -> Option<Shrunk> {
    let outcome = run(scenario);
    let promise = outcome.violations.first()?.promise;
    let best = Shrunk {
        scenario: scenario.clone(),
        outcome,
        runs: 1,
    };
    let mut search = Search { promise, best };
    while search.pass() {}
    Some(search.best)
}
