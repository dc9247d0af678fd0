//! The ports on AWS: DynamoDB, SQS, API Gateway, Secrets Manager; and the
//! system's clock, timer and entropy.
//!
//! The tables run on the real service and on the embedded engine alike: all
//! they need is a client of the SDK.

#[cfg(feature = "remote")]
pub mod config;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "dynamodb")]
mod error;
#[cfg(feature = "events")]
pub mod event;
#[cfg(feature = "key-sets")]
mod key_sets;
mod limits;
mod park;
#[cfg(feature = "remote")]
mod push;
#[cfg(feature = "remote")]
mod queue;
#[cfg(feature = "remote")]
mod rotation;
#[cfg(feature = "remote")]
mod secrets;
mod system;
#[cfg(all(test, feature = "remote"))]
mod testing;
#[cfg(feature = "remote")]
mod traffic;

#[cfg(feature = "remote")]
pub use config::{Aws, ConfigError, Need};
#[cfg(feature = "dynamodb")]
pub use dynamodb::{Dynamo, TABLES, TableDefinition};
#[cfg(feature = "key-sets")]
pub use key_sets::{HttpKeySet, KeySetAddressError};
pub use limits::*;
pub use park::park_attributes;
#[cfg(feature = "remote")]
pub use push::Posts;
#[cfg(feature = "remote")]
pub use queue::{QueueUrls, Queues};
#[cfg(feature = "remote")]
pub use rotation::RemoteRotation;
#[cfg(feature = "remote")]
pub use secrets::RemoteSecrets;
pub use system::{OsEntropy, SystemClock, TokioTimer};
