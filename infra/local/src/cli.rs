//! The command `tickwire`.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tickwire_telemetry::logging::complain;

use crate::commands;

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
    /// Put the ticks of a file into the queue of a running stack
    Send(commands::send::SendArgs),
    /// Show streams live
    Watch(commands::watch::WatchArgs),
    /// Connect many clients, and check and measure what they receive
    Load(commands::load::LoadArgs),
    /// Print a development token for a stack on this machine
    Token(commands::token::TokenArgs),
    /// Make, list and take back API keys
    Keys(commands::access::KeysArgs),
    /// Make, list, show, publish and retire products of the marketplace
    Products(commands::products::ProductsArgs),
    /// Give, list and take back grants of products
    Grants(commands::access::GrantsArgs),
    /// Take back identities; see bans, and who changed what
    Access(commands::access::AccessArgs),
    /// Show from what a signal came, folded again from the log
    Explain(commands::explain::ExplainArgs),
    /// Look at what was set aside, and send it back
    DeadLetters(commands::dead_letters::DeadLettersArgs),
    /// Fold the stored log again, compare every signal to the bit, and write them
    Replay(commands::replay::ReplayArgs),
    /// Name who received leaked values of paid streams
    Trace(commands::trace::TraceArgs),
    /// Say whose frames or rows of paid streams these are, by their signatures
    Verify(commands::verify::VerifyArgs),
    /// Print what AWS would cost a month, from the reports of runs
    Cost(commands::cost::CostArgs),
    /// Put the bars of a file into the stored history
    Backfill(commands::backfill::BackfillArgs),
    /// Compute expressions over the bars in a file
    Compute(commands::compute::ComputeArgs),
    /// List the indicators, or explain one
    Indicators(commands::indicators::IndicatorsArgs),
    /// Prices and Greeks of the options in a CSV file
    Greeks(commands::options::rows::GreeksArgs),
    /// Implied volatilities of the prices in a CSV file
    Iv(commands::options::rows::IvArgs),
    /// An option chain: volatilities, Greeks, forwards, analytics
    Chain(commands::options::chain::ChainArgs),
    /// Print a script that completes commands in your shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Runs the command that the process was given.
#[tokio::main]
pub async fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let _ = tickwire_telemetry::logging::init(tickwire_telemetry::logging::Format::Text, "warn");
    match command {
        Command::Up(args) => ended(commands::up::run(args).await),
        Command::Send(args) => ended(commands::send::run(args).await),
        Command::Watch(args) => commands::watch::run(args).await,
        Command::Load(args) => commands::load::run(args).await,
        Command::Token(args) => commands::token::run(&args),
        Command::Keys(args) => commands::access::run_keys(args).await,
        Command::Products(args) => commands::products::run(args).await,
        Command::Grants(args) => commands::access::run_grants(args).await,
        Command::Access(args) => commands::access::run_access(args).await,
        Command::Explain(args) => commands::explain::run(args).await,
        Command::DeadLetters(args) => commands::dead_letters::run(args).await,
        Command::Replay(args) => commands::replay::run(args).await,
        Command::Trace(args) => commands::trace::run(args).await,
        Command::Verify(args) => commands::verify::run(args).await,
        Command::Cost(args) => ended(commands::cost::run(&args)),
        Command::Backfill(args) => commands::backfill::run(args).await,
        Command::Compute(args) => commands::compute::run(&args),
        Command::Indicators(args) => commands::indicators::run(&args),
        Command::Greeks(args) => commands::options::rows::run_greeks(&args),
        Command::Iv(args) => commands::options::rows::run_iv(&args),
        Command::Chain(args) => commands::options::chain::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "tickwire", &mut std::io::stdout());
            ExitCode::SUCCESS
        }
    }
}

fn ended(outcome: Result<(), commands::up::UpError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format!("tickwire: {error}"));
            match error {
                commands::up::UpError::Usage(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_of_a_command_is_there_twice() {
        Cli::command().debug_assert();
    }
}
