//! Kills the stack and its sender again and again, and checks that nothing is
//! missing, doubled or out of order: in the log, and at its clients.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tickwire_end_to_end::Failure;
use tickwire_end_to_end::kill::{Outcome, Trial, kill_live, kill_replay};
use tickwire_end_to_end::python::usable;
use tickwire_end_to_end::ticks::INSTRUMENTS;

/// Of so many kills one is of a replay.
const REPLAY_ONE_IN: usize = 6;

/// Proof by killing
#[derive(Parser)]
#[command(name = "kill_proof", about)]
struct Arguments {
    /// Kills of the stack and its sender; a sixth as many more of a replay
    #[arg(long, value_name = "N", default_value_t = 300)]
    kills: usize,
    /// Where the random numbers start
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Ticks in one file that is sent
    #[arg(long, value_name = "N", default_value_t = 3_000)]
    ticks: usize,
    /// Instruments in them
    #[arg(long, value_name = "N", default_value_t = INSTRUMENTS)]
    instruments: usize,
    /// The Python client takes part
    #[arg(long)]
    python: bool,
    /// The Python that runs it
    #[arg(long, value_name = "PATH", default_value = "python3", requires = "python")]
    interpreter: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let _ = tickwire_telemetry::logging::init(tickwire_telemetry::logging::Format::Text, "warn");
    let python = (arguments.python && usable(&arguments.interpreter)).then_some(arguments.interpreter);
    if arguments.python && python.is_none() {
        println!("SKIPPED python: it cannot import websockets; name another with --interpreter");
    }
    let trial = Trial {
        seed: arguments.seed,
        kills: arguments.kills,
        ticks_per_file: arguments.ticks,
        instruments: arguments.instruments,
        python,
    };
    let replay = Trial {
        kills: trial.kills / REPLAY_ONE_IN,
        ..trial.clone()
    };
    match run(&trial, &replay).await {
        Ok((live, replayed)) => {
            println!(
                "sent into a stack, seed {}\n{live}\n\nreplayed by a stack\n{replayed}",
                trial.seed
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("seed {}: {failure}", trial.seed);
            ExitCode::FAILURE
        }
    }
}

async fn run(live: &Trial, replay: &Trial) -> Result<(Outcome, Outcome), Failure> {
    let home = || tempfile::tempdir().map_err(Failure::of("make a temporary directory"));
    // On a failure the directories stay, to be looked at.
    let (first, second) = (home()?.keep(), home()?.keep());
    let outcome = async {
        Ok((
            kill_live(&first, live).await?,
            kill_replay(&second, replay).await?,
        ))
    }
    .await;
    match &outcome {
        Ok(_) => {
            for home in [&first, &second] {
                std::fs::remove_dir_all(home).map_err(Failure::of("remove a temporary directory"))?;
            }
        }
        Err(_) => eprintln!(
            "what is left stands in {} and {}",
            first.display(),
            second.display()
        ),
    }
    outcome
}
