//! The command `tickwire`: all of it is the library's, since what a binary waits for is
//! compiled again in the binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    tickwire::cli::main()
}
