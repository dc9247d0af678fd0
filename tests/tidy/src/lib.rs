//! The structure of the house, as a test.
//!
//! Each rule is a function from data to what it finds, so that its own tests
//! can plant what it must find. `tests/house.rs` runs them on the house.

mod imports;
mod logs;
mod manifests;
mod source;
mod tree;

pub use imports::{Import, LAYERS, imports_down, imports_of, narrow, pure_imports};
pub use logs::{listed, log_fields};
pub use manifests::{FOLLOWERS, member, pins};
pub use source::{PURE, literals, main_is_short, purity};
pub use tree::{TOP_LEVEL, file_bytes_max, main_lines_max, rooms, sizes, top_level};

/// What a rule found: where, and what is to be done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// File, crate or entry.
    pub at: String,
    /// What is wrong with it.
    pub what: String,
}

impl Finding {
    fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            what: what.into(),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// Why the house could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum TidyError {
    /// cargo does not tell what the workspace is.
    #[error("failed to read cargo metadata: {0}")]
    Metadata(#[from] cargo_metadata::Error),
    /// A manifest is no TOML.
    #[error("failed to read {at}: {why}")]
    Manifest {
        /// Its path.
        at: String,
        /// The parser's words.
        why: String,
    },
}

#[cfg(test)]
fn places(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.at.as_str()).collect()
}
