//! The template and the bootstraps, tried on an emulator of AWS: tools from PyPI
//! in an environment of their own, the emulator on a free port, and a stack that
//! `sam build` and `sam deploy` put there.

pub mod bootstraps;
pub mod emulator;
pub mod http;
pub mod interface;
pub mod stack;
pub mod tools;

pub use tickwire_end_to_end::Failure;

/// Variable that names the folder with the functions' binaries. Without it the suites that need them are skipped.
pub const BOOTSTRAPS: &str = "TICKWIRE_BOOTSTRAPS";

/// What to say where [`BOOTSTRAPS`] is not set.
pub const SKIPPED: &str = "SKIPPED: the functions' binaries were not given. To run this suite:
    cargo build --release --bins -p tickwire-api -p tickwire-authorize -p tickwire-deliver \\
        -p tickwire-entitle -p tickwire-ingest -p tickwire-schedule -p tickwire-socket
    TICKWIRE_BOOTSTRAPS=$PWD/target/release cargo test -p tickwire-aws-api";

/// The functions, by the names of their binaries.
pub const FUNCTIONS: [&str; 7] = [
    "api",
    "authorize",
    "deliver",
    "entitle",
    "ingest",
    "schedule",
    "socket",
];
