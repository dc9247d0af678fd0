//! `tickwire token`: a development token for a stack on this machine.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tickwire_entitlements::Tier;
use tickwire_service::authenticate::Role;

use super::client_args::{Failure, make_token_of};

/// Prints a development token that the stack of a data directory accepts.
#[derive(Args, Clone, Debug)]
pub struct TokenArgs {
    /// Name of the user: 1 to 64 of A-Z a-z 0-9 - _ .
    #[arg(long, value_name = "NAME", default_value = "developer")]
    pub user: String,
    /// Tier: free, standard, premium or enterprise
    #[arg(long, default_value_t = Tier::Enterprise)]
    pub tier: Tier,
    /// Role: user, or admin, who manages the access of others
    #[arg(long, default_value_t = Role::User, value_parser = parse_role)]
    pub role: Role,
    /// Hours it lives, at most 24
    #[arg(long, value_name = "H", default_value_t = 12)]
    pub hours: u32,
    /// Data directory of the stack
    #[arg(long, value_name = "DIR", default_value = "tickwire-data")]
    pub data: PathBuf,
}

fn parse_role(text: &str) -> Result<Role, &'static str> {
    text.parse().map_err(|()| "write user or admin")
}

/// Runs the command: nothing but the token goes to standard output.
pub fn run(args: &TokenArgs) -> ExitCode {
    let lifetime = Duration::from_secs(u64::from(args.hours) * 3_600);
    match make_token_of(&args.data, &args.user, args.tier, args.role, lifetime) {
        Ok(token) => {
            println!("{token}");
            ExitCode::SUCCESS
        }
        Err(why) => Failure::usage(format!("failed to make a token: {why}")).report(),
    }
}
