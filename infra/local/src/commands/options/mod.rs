//! Options offline: `tickwire greeks`, `tickwire iv`, `tickwire chain`.

pub mod chain;
mod chain_json;
mod chain_page;
mod chain_text;
mod quotes;
pub mod rows;
pub(in crate::commands) mod sheet;

use clap::ValueEnum;
use tickwire_options::Greek;

/// In which units values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Units {
    /// Per year, per 1.00 of volatility, per 1.00 of rate
    Raw,
    /// Per calendar day, per point of volatility, per point of rate
    Trader,
}

impl Units {
    /// What a raw value is multiplied by.
    fn factor(self, greek: Greek) -> f64 {
        match self {
            Self::Raw => 1.0,
            Self::Trader => greek.trader_factor(),
        }
    }
}

/// Why a command on options failed.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The input cannot be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The output cannot be written.
    #[error("failed to write {path}: {source}")]
    Write {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A column that is needed is not there.
    #[error("{path} has no column {column}: its columns are {found}")]
    NoColumn {
        /// Which file.
        path: String,
        /// Which column.
        column: &'static str,
        /// Those that are there.
        found: String,
    },
    /// What is needed to value a chain is not known.
    #[error("{0}")]
    Usage(String),
    /// No row can be used.
    #[error("{path} has no row that can be used{first}")]
    NoRows {
        /// Which file.
        path: String,
        /// What was wrong with the first.
        first: String,
    },
    /// The chain cannot be built.
    #[error(transparent)]
    Chain(#[from] tickwire_options::ChainError),
}
