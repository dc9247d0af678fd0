//! Runs: one feed played once into one universe, and how far it came.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tickwire_service::placement::Placement;
use tickwire_streams::Universe;

use crate::store::{DataDirectory, StoreError};

/// File of the data directory that holds the runs.
const FILE: &str = "runs.json";
/// Version of that file.
const VERSION: u32 = 2;
/// Runs remembered; the oldest finished ones go first.
const RUNS_MAX: usize = 64;

/// One feed played once into one universe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What is played: the content hash of a file, or the seed of a simulation.
    pub feed: String,
    /// How often this feed was begun.
    pub number: u32,
    /// The universe it is played into.
    pub universe: Universe,
    /// Ticks of the feed whose message was acknowledged, counted from its beginning.
    pub acknowledged: u64,
    /// How its instruments are grouped.
    pub baskets: Placement,
    /// The feed has been played to its end.
    pub finished: bool,
}

/// The runs of a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    version: u32,
    runs: Vec<Run>,
}

/// Which world a feed is played into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// What was recorded.
    Replay,
    /// What is made up.
    Simulation,
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            version: VERSION,
            runs: Vec::new(),
        }
    }
}

impl Runs {
    /// Those of the data directory at `path`; none if it has none yet.
    ///
    /// # Errors
    /// When the file cannot be read, or is of another version.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let path = path.join(FILE);
        let failed = |why: String| StoreError::Engine {
            action: "read",
            path: path.clone(),
            why,
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error.to_string())),
        };
        let runs: Self = serde_json::from_slice(&bytes).map_err(|e| failed(e.to_string()))?;
        if runs.version == VERSION {
            Ok(runs)
        } else {
            Err(failed(format!(
                "it has version {}, and {VERSION} is read",
                runs.version
            )))
        }
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, directory: &DataDirectory) -> Result<(), StoreError> {
        // This type always has a JSON form.
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        directory.replace_file(FILE, &bytes)
    }

    /// The run to go on with: the last of this feed if it is not finished, else
    /// a new one. Says whether the one before was finished.
    pub fn resume(&mut self, feed: &str, world: World, baskets: &Placement) -> (Run, bool) {
        let last = self.runs.iter().rev().find(|run| run.feed == feed);
        if let Some(run) = last.filter(|run| !run.finished) {
            return (run.clone(), false);
        }
        let number = last.map_or(1, |run| run.number + 1);
        let short: String = feed
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(12)
            .collect();
        let kind = match world {
            World::Replay => "replay",
            World::Simulation => "sim",
        };
        let name = format!("{kind}-{}-{number}", short.to_ascii_lowercase());
        // Letters, digits and dashes: always a universe.
        let universe = name.parse().unwrap_or_else(|_| Universe::live());
        let was_finished = last.is_some();
        let run = Run {
            feed: feed.to_owned(),
            number,
            universe,
            acknowledged: 0,
            baskets: baskets.clone(),
            finished: false,
        };
        self.put(run.clone());
        (run, was_finished)
    }

    /// The run that was begun last.
    pub fn newest(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// The universe that is asked for, or else that of the newest run, or else the live one.
    pub fn universe_or_newest(&self, asked: Option<&Universe>) -> Universe {
        let newest = self.newest().map(|run| &run.universe);
        asked.or(newest).cloned().unwrap_or_else(Universe::live)
    }

    /// How the instruments of a universe are grouped, as far as its run says.
    pub fn placement_of(&self, universe: &Universe) -> Placement {
        let run = self.of(universe);
        run.map(|run| run.baskets.clone()).unwrap_or_default()
    }

    /// The run of a universe.
    pub fn of(&self, universe: &Universe) -> Option<&Run> {
        self.runs.iter().find(|run| run.universe == *universe)
    }

    /// Notes how far a run came.
    pub fn put(&mut self, run: Run) {
        match self.runs.iter_mut().find(|known| known.universe == run.universe) {
            Some(known) => *known = run,
            None => self.runs.push(run),
        }
        while self.runs.len() > RUNS_MAX {
            let Some(oldest) = self.runs.iter().position(|run| run.finished) else {
                return;
            };
            self.runs.remove(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_run_goes_on_and_a_finished_one_begins_anew() {
        let mut runs = Runs::default();
        let (mut run, again) = runs.resume("abcdef0123456789", World::Replay, &Placement::default());
        assert_eq!((run.universe.as_str(), again), ("replay-abcdef012345-1", false));
        run.acknowledged = 10;
        runs.put(run.clone());
        assert_eq!(
            runs.resume("abcdef0123456789", World::Replay, &Placement::default()),
            (run.clone(), false)
        );
        run.finished = true;
        runs.put(run);
        let (next, again) = runs.resume("abcdef0123456789", World::Replay, &Placement::default());
        assert_eq!(
            (next.universe.as_str(), next.acknowledged, again),
            ("replay-abcdef012345-2", 0, true)
        );
        assert_eq!(
            runs.resume("seed 7", World::Simulation, &Placement::default())
                .0
                .universe
                .as_str(),
            "sim-seed7-1"
        );
    }
}
