//! The store: DynamoDB's tables on an embedded engine, in a directory of files
//! or in memory.

mod connector;
mod directory;
mod engine;

pub use directory::{DataDirectory, StoreError};
pub use engine::Engine;
