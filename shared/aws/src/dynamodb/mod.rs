//! The tables.
//!
//! One file a table says what its rows look like; [`calls`] holds what they
//! share: one call each, its capacity counted, its failure translated.

mod bars;
mod calls;
mod checkpoints;
mod connections;
mod groups;
mod item;
mod log;
mod tickets;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use tickwire_market::UnixNanos;
use tickwire_service::ports::Clock;
use tickwire_streams::GroupKey;
use tickwire_telemetry::metrics::{Meter, Table};

/// Type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// Text.
    S,
    /// Number.
    N,
}

impl KeyType {
    /// As DynamoDB writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
        }
    }
}

/// How a table is keyed. The partition key is text in attribute `pk` always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    /// Which table.
    pub table: Table,
    /// Type of the sort key, in attribute `sk`.
    pub sort_key: Option<KeyType>,
    /// Attribute that holds the end of a row's life, in seconds of Unix time.
    pub time_to_live: Option<&'static str>,
}

/// All tables. They are created from it in the embedded engine, and the
/// template is tested against it.
pub const TABLES: [TableDefinition; Table::ALL.len()] = [
    TableDefinition {
        table: Table::Log,
        sort_key: Some(KeyType::N),
        time_to_live: None,
    },
    TableDefinition {
        table: Table::Groups,
        sort_key: Some(KeyType::S),
        time_to_live: Some(EXPIRES),
    },
    TableDefinition {
        table: Table::Checkpoints,
        sort_key: Some(KeyType::S),
        time_to_live: None,
    },
    TableDefinition {
        table: Table::Bars,
        sort_key: Some(KeyType::S),
        time_to_live: None,
    },
    TableDefinition {
        table: Table::Connections,
        sort_key: Some(KeyType::S),
        time_to_live: Some(EXPIRES),
    },
    TableDefinition {
        table: Table::Tickets,
        sort_key: None,
        time_to_live: Some(EXPIRES),
    },
];

/// Partition key of every table.
pub const PARTITION_KEY: &str = "pk";
/// Sort key of every table that has one.
pub const SORT_KEY: &str = "sk";
/// End of a row's life.
const EXPIRES: &str = "expires";

/// The ports `Log`, `Groups`, `Checkpoints`, `Bars`, `Connections` and
/// `Tickets` on DynamoDB.
pub struct Dynamo {
    client: Client,
    /// Names of the tables, in the order of [`Table::ALL`].
    names: [String; Table::ALL.len()],
    meter: Arc<Meter>,
    clock: Arc<dyn Clock>,
    /// When this process last listed a group as active.
    listed: Mutex<HashMap<GroupKey, UnixNanos>>,
}

impl Dynamo {
    /// On `client`; tables are named `{prefix}{table}`.
    pub fn new(client: Client, prefix: &str, meter: Arc<Meter>, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            names: Table::ALL.map(|table| format!("{prefix}{}", table.as_str())),
            meter,
            clock,
            listed: Mutex::default(),
        }
    }

    fn name(&self, table: Table) -> &str {
        &self.names[table as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_defined_once() {
        assert_eq!(TABLES.map(|t| t.table), Table::ALL);
    }
}
