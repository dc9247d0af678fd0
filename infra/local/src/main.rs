//! The command `tickwire`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tickwire::commands;

/// Market ticks in; entitled, ordered, traceable signals out.
#[derive(Parser)]
#[command(name = "tickwire", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole stack on this machine
    Up(commands::up::UpArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let _ = tickwire_telemetry::logging::init(tickwire_telemetry::logging::Format::Text, "warn");
    match command {
        Command::Up(args) => match commands::up::run(args).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("tickwire: {error}");
                ExitCode::FAILURE
            }
        },
    }
}
