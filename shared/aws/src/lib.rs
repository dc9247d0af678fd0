//! The ports on AWS: DynamoDB, SQS, API Gateway, Secrets Manager; and the
//! system's clock and entropy.
//!
//! The tables run on the real service and on the embedded engine alike: all
//! they need is a client of the SDK.

#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "dynamodb")]
mod error;
mod limits;
mod park;
mod system;

#[cfg(feature = "dynamodb")]
pub use dynamodb::{Dynamo, TABLES, TableDefinition};
pub use limits::*;
pub use park::park_attributes;
pub use system::{OsEntropy, SystemClock};
