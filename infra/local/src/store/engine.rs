//! The engine: one SQLite database a table, each with its own lock and its own
//! write-ahead log, so that a commit to the log waits for no other table.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use dynoxide::{Database, DynoxideError};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tickwire_aws::dynamodb::{PARTITION_KEY, SORT_KEY};
use tickwire_aws::{TABLES, TableDefinition};
use tickwire_telemetry::metrics::Table;

use super::connector::Connector;
use super::directory::{DataDirectory, StoreError};

/// `PRAGMA synchronous` that syncs the write-ahead log on every commit.
const SYNCHRONOUS_FULL: i64 = 2;

/// The embedded engine with all tables.
#[derive(Clone)]
pub struct Engine {
    databases: Arc<HashMap<String, Database>>,
}

impl Engine {
    /// On files in `directory`. A write is answered when it is on the disk.
    ///
    /// # Errors
    /// A file cannot be opened, holds another shape, or would be written
    /// without syncing.
    pub fn open(directory: &DataDirectory) -> Result<Self, StoreError> {
        Self::with(|definition| {
            let name = format!("{}.db", definition.table.as_str());
            if definition.table == Table::Connections && directory.is_ours() {
                // Connections ended with the process that held them, which may have been killed:
                // their rows would count against their users until they expire.
                for end in ["-wal", "-shm", ""] {
                    directory.remove_file(&format!("{name}{end}"))?;
                }
            }
            let path = directory.private_file(&name)?;
            let database = path
                .to_str()
                .ok_or_else(|| not_unicode(&path))
                .and_then(|text| Database::new(text).map_err(|e| engine_error("open", &path, &e)))?;
            check_durability(&path)?;
            Ok((path, database))
        })
    }

    /// In memory.
    ///
    /// # Errors
    /// The engine cannot start.
    pub fn memory() -> Result<Self, StoreError> {
        Self::with(|_| {
            let path = PathBuf::from(":memory:");
            Database::memory()
                .map_err(|e| engine_error("open", &path, &e))
                .map(|database| (path, database))
        })
    }

    fn with(
        open: impl Fn(&TableDefinition) -> Result<(PathBuf, Database), StoreError>,
    ) -> Result<Self, StoreError> {
        let mut databases = HashMap::new();
        for definition in &TABLES {
            let (path, database) = open(definition)?;
            create_table(&database, definition)
                .map_err(|e| engine_error("create the table of", &path, &e))?;
            databases.insert(definition.table.as_str().to_owned(), database);
        }
        Ok(Self {
            databases: Arc::new(databases),
        })
    }

    /// A client of the SDK that talks to this engine.
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(Connector::new(Arc::clone(&self.databases)))
            .endpoint_url("http://embedded.invalid")
            .region(Region::from_static("embedded"))
            .allow_no_auth()
            // Nothing is lost on the way: a failure here is one that stays.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    /// Deletes rows whose life has ended; returns how many. Blocks.
    ///
    /// # Errors
    /// The engine failed; the next sweep finds what is left.
    pub fn sweep(&self) -> Result<usize, StoreError> {
        let mut deleted = 0;
        for definition in TABLES
            .iter()
            .filter(|definition| definition.time_to_live.is_some())
        {
            let name = definition.table.as_str();
            if let Some(database) = self.databases.get(name) {
                deleted += database
                    .sweep_ttl()
                    .map_err(|e| engine_error("sweep table", Path::new(name), &e))?;
            }
        }
        Ok(deleted)
    }

    /// Sweeps every `period`, until the future is dropped.
    pub async fn sweep_every(&self, period: std::time::Duration) {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let engine = self.clone();
            match tokio::task::spawn_blocking(move || engine.sweep()).await {
                Ok(Ok(0)) => {}
                Ok(Ok(deleted)) => tracing::debug!(deleted, "expired rows were deleted"),
                Ok(Err(error)) => tracing::warn!(%error, "expired rows could not be deleted"),
                Err(error) => tracing::error!(%error, "the sweep of expired rows broke"),
            }
        }
    }
}

/// Creates the table, or checks that the one there is keyed as it should be.
fn create_table(database: &Database, definition: &TableDefinition) -> Result<(), DynoxideError> {
    let name = definition.table.as_str();
    let mut attributes = vec![json!({"AttributeName": PARTITION_KEY, "AttributeType": "S"})];
    let mut keys = vec![json!({"AttributeName": PARTITION_KEY, "KeyType": "HASH"})];
    if let Some(sort_key) = definition.sort_key {
        attributes.push(json!({"AttributeName": SORT_KEY, "AttributeType": sort_key.as_str()}));
        keys.push(json!({"AttributeName": SORT_KEY, "KeyType": "RANGE"}));
    }
    let there = database.get_table_metadata(name)?;
    if let Some(there) = &there {
        let stored = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
        if stored(&there.key_schema) != json!(keys)
            || stored(&there.attribute_definitions) != json!(attributes)
        {
            return Err(DynoxideError::ValidationException(format!(
                "table {name} is keyed otherwise: the data directory was written by another version"
            )));
        }
    } else {
        database.create_table(request(json!({
            "TableName": name,
            "AttributeDefinitions": attributes,
            "KeySchema": keys,
            "BillingMode": "PAY_PER_REQUEST",
        }))?)?;
    }
    // A start that was cut short may have left a table without it.
    let expires = there.is_some_and(|there| there.ttl_enabled);
    if let Some(attribute) = definition.time_to_live.filter(|_| !expires) {
        database.update_time_to_live(request(json!({
            "TableName": name,
            "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
        }))?)?;
    }
    Ok(())
}

fn request<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, DynoxideError> {
    serde_json::from_value(value).map_err(|e| DynoxideError::ValidationException(e.to_string()))
}

/// Checks that a commit is synced. The engine sets its database to write-ahead
/// logging, which the file remembers, and leaves `synchronous` at the default
/// of the SQLite that it was built with, which every new connection of this
/// process shows alike.
fn check_durability(path: &Path) -> Result<(), StoreError> {
    let failed = |why: String| StoreError::Engine {
        action: "check the durability of",
        path: path.to_owned(),
        why,
    };
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(|e| failed(e.to_string()))?;
    let journal: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(|e| failed(e.to_string()))?;
    let synchronous: i64 = connection
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .map_err(|e| failed(e.to_string()))?;
    if journal != "wal" || synchronous < SYNCHRONOUS_FULL {
        return Err(failed(format!(
            "journal_mode is {journal} and synchronous is {synchronous}, where wal and {SYNCHRONOUS_FULL} are needed"
        )));
    }
    Ok(())
}

fn engine_error(action: &'static str, path: &Path, error: &DynoxideError) -> StoreError {
    StoreError::Engine {
        action,
        path: path.to_owned(),
        why: error.to_string(),
    }
}

fn not_unicode(path: &Path) -> StoreError {
    StoreError::Engine {
        action: "open",
        path: path.to_owned(),
        why: "the path is not Unicode".into(),
    }
}

#[cfg(test)]
mod tests {
    use tickwire_aws::{Dynamo, SystemClock};
    use tickwire_entitlements::{Proof, Tier};
    use tickwire_market::UnixNanos;
    use tickwire_service::ports::{ConnectionRow, Connections};
    use tickwire_streams::Universe;
    use tickwire_telemetry::Meter;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn connections_end_with_the_process() {
        let home = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(home.path()).unwrap();
        let store = || {
            let engine = Engine::open(&directory).unwrap();
            Dynamo::new(
                engine.client(),
                "",
                Arc::<Meter>::default(),
                Arc::new(SystemClock),
            )
        };
        let first = store();
        let row = ConnectionRow {
            connection: "a".into(),
            user: "reader".into(),
            tier: Tier::Free,
            universe: Universe::live(),
            opened_at: UnixNanos(0),
            expires_at: crate::now().saturating_add(3_600 * UnixNanos::PER_SECOND),
            request_id: 0,
            subscriptions: Vec::new(),
            owed: None,
            proof: Proof::default(),
            left: Default::default(),
            changes: Default::default(),
        };
        first.open(&row).await.unwrap();
        assert_eq!(first.connections_of("reader").await.unwrap(), [row.of_user()]);
        drop(first);
        let second = store();
        assert_eq!(second.connections_of("reader").await.unwrap(), []);
        assert_eq!(second.connection("a").await.unwrap(), None);
    }
}
