//! The whole stack, tried from outside: its processes are killed, and what they
//! leave behind is compared with what went in.

pub mod check;
pub mod client;
pub mod data;
pub mod identities;
pub mod kill;
pub mod processes;
pub mod python;
pub mod socket;
pub mod ticks;

/// Why a trial failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The trial itself could not go on.
    #[error("failed to {doing}: {why}")]
    Trial {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        why: String,
    },
    /// The stack broke a promise.
    #[error(transparent)]
    Broken(#[from] check::Violation),
    /// A process did not do what it should.
    #[error("{0}")]
    Process(String),
}

impl Failure {
    /// For `map_err`: what was being done.
    pub fn of<E: std::fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Trial {
            doing,
            why: error.to_string(),
        }
    }
}
