//! Runs seeds of the simulation: `cargo run --release -p tickwire-simulation -- --help`.

mod arguments;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use arguments::Arguments;
use clap::Parser as _;
use indicatif::{ProgressBar, ProgressStyle};
use tickwire_simulation::{Failure, Outcome, Summary, run, shrink};

/// When nobody watches, progress is a line so often.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Processor time of this thread; where the system does not tell, `None`.
fn cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// What has come of the seeds so far, and how it is shown.
struct Progress {
    summary: Mutex<Summary>,
    bar: ProgressBar,
    plain: bool,
    said_at: Mutex<Instant>,
}

impl Progress {
    fn new(seeds: Option<u64>) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bar = match (plain, seeds) {
            (true, _) => ProgressBar::hidden(),
            (false, Some(seeds)) => ProgressBar::new(seeds),
            (false, None) => ProgressBar::no_length(),
        };
        let template = "{elapsed_precise} {wide_bar} {pos}/{len} seeds, {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            summary: Mutex::default(),
            bar,
            plain,
            said_at: Mutex::new(Instant::now()),
        }
    }

    fn add(&self, seed: u64, outcome: &Outcome, cpu: Duration, failure: Option<Failure>) {
        let mut summary = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        summary.add(seed, outcome, cpu);
        if let Some(failure) = failure {
            self.bar.suspend(|| eprint!("{failure}"));
            summary.failures.push(failure);
        }
        self.bar.inc(1);
        self.bar.set_message(format!(
            "{} failed, {:.0} to 1",
            summary.failures.len(),
            summary.speed()
        ));
        let mut said_at = self.said_at.lock().unwrap_or_else(PoisonError::into_inner);
        if self.plain && said_at.elapsed() >= LINE_EVERY {
            *said_at = Instant::now();
            eprintln!("{} seeds, {} failed", summary.seeds, summary.failures.len());
        }
    }
}

fn work(arguments: &Arguments, next: &AtomicU64, stop: &AtomicBool, progress: &Progress) {
    let began = Instant::now();
    loop {
        let nth = next.fetch_add(1, Ordering::Relaxed);
        let over = match (arguments.seeds(), arguments.duration) {
            (_, Some(duration)) => began.elapsed() >= duration,
            (seeds, None) => nth >= seeds,
        };
        if over || stop.load(Ordering::Relaxed) {
            return;
        }
        let scenario = arguments.scenario(arguments.first() + nth);
        let (wall, before) = (Instant::now(), cpu());
        let outcome = run(&scenario);
        let spent = before
            .zip(cpu())
            .map_or_else(|| wall.elapsed(), |(before, after)| after.saturating_sub(before));
        let failure = outcome.violations.first().map(|violation| {
            let shrunk = if arguments.no_shrink {
                None
            } else {
                shrink(&scenario)
            };
            Failure {
                seed: scenario.seed,
                violation: Some(violation.clone()),
                replay: arguments.replay(&scenario, false),
                shrunk: shrunk
                    .as_ref()
                    .map(|shrunk| arguments.replay(&shrunk.scenario, true)),
                shrunk_violation: shrunk.and_then(|shrunk| shrunk.outcome.violations.into_iter().next()),
            }
        });
        if failure.is_some() && !arguments.keep_going {
            stop.store(true, Ordering::Relaxed);
        }
        progress.add(scenario.seed, &outcome, spent, failure);
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let progress = Progress::new(arguments.duration.is_none().then(|| arguments.seeds()));
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs() {
            scope.spawn(|| work(&arguments, &next, &stop, &progress));
        }
    });
    progress.bar.finish_and_clear();
    let summary = progress
        .summary
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let text = if arguments.json {
        format!("{:#}\n", summary.to_json())
    } else {
        summary.to_string()
    };
    // Whoever reads may be gone; the exit code says it too.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if summary.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
