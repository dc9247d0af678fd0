//! The tables.
//!
//! One file a table says what its rows look like; [`calls`] holds what they
//! share: one call each, its capacity counted, its failure translated.

mod access;
mod bars;
mod calls;
mod checkpoints;
mod connections;
mod grants;
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
    TableDefinition {
        table: Table::Grants,
        sort_key: Some(KeyType::S),
        time_to_live: None,
    },
    TableDefinition {
        table: Table::Access,
        sort_key: Some(KeyType::S),
        time_to_live: Some(EXPIRES),
    },
];

/// Partition key of every table.
pub const PARTITION_KEY: &str = "pk";
/// Sort key of every table that has one.
pub const SORT_KEY: &str = "sk";
/// End of a row's life.
const EXPIRES: &str = "expires";

/// The ports `Log`, `Groups`, `Checkpoints`, `Bars`, `Connections`, `Tickets`,
/// `Grants` and those of access on DynamoDB.
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

    #[cfg(feature = "remote")]
    mod remote {
        use tickwire_entitlements::{Proof, Tier};
        use tickwire_service::ports::{
            Appended, ConnectionRow, Connections, Log as _, PortError, Subscribed, Subscription,
        };
        use tickwire_streams::Universe;

        use super::super::*;
        use crate::SystemClock;
        use crate::testing::{Canned, aws};

        fn dynamo(http: &Canned) -> Dynamo {
            aws(http).dynamo(Arc::default(), Arc::new(SystemClock))
        }

        fn failure(code: &str) -> String {
            format!(
                r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"account 123456789012"}}"#
            )
        }

        #[tokio::test]
        async fn an_append_is_one_conditional_put() {
            let http = Canned::answering(&[(200, r#"{"ConsumedCapacity":{"CapacityUnits":1.0}}"#)]);
            let dynamo = dynamo(&http);
            let group = "live/NIFTY".parse().unwrap();
            assert_eq!(
                dynamo.append(&group, 7, b"segment").await.unwrap(),
                Appended::Committed
            );
            assert_eq!(http.requests(), 1);
            let request = http.request(0);
            assert_eq!(request.header("x-amz-target"), "DynamoDB_20120810.PutItem");
            assert_eq!(request.json["TableName"], "tickwire-test-log");
            assert_eq!(request.json["ConditionExpression"], "attribute_not_exists(pk)");
            let item = serde_json::json!({
                "pk": {"S": "live/NIFTY"}, "sk": {"N": "7"}, "bytes": {"B": "c2VnbWVudA=="}
            });
            assert_eq!(request.json["Item"], item);
            assert_eq!(dynamo.meter.snapshot().write_units(), 1.0);
        }

        /// Writes a connection with one subscriber and takes another away.
        async fn update(http: &Canned) -> Result<bool, PortError> {
            let row = ConnectionRow {
                connection: "c1".to_owned(),
                user: "asha".to_owned(),
                tier: Tier::Free,
                universe: Universe::live(),
                opened_at: UnixNanos(0),
                expires_at: UnixNanos(UnixNanos::PER_SECOND),
                proof: Proof::default(),
                request_id: 8,
                subscriptions: Vec::new(),
                owed: None,
                left: Default::default(),
                changes: Default::default(),
            };
            let price = Subscription {
                key: "public:NSE@NIFTY@IDX:tick:price".to_owned(),
                s: 1,
                last: false,
            };
            let subscribed = [("live/NIFTY", vec![price]), ("live/TCS", Vec::new())];
            let subscribed = subscribed.map(|(group, subscriptions)| Subscribed {
                group: group.parse().unwrap(),
                shard: 0,
                subscriptions,
            });
            Connections::update(&dynamo(http), &row, 7, &subscribed).await
        }

        #[tokio::test]
        async fn a_connection_goes_with_its_subscribers_and_the_versions_behind_them() {
            let one = r#"{"Attributes":{"version":{"N":"7"}},"ConsumedCapacity":{"CapacityUnits":1.0}}"#;
            let http = Canned::answering(&[
                (200, r#"{"ConsumedCapacity":[{"CapacityUnits":6.0}]}"#),
                (200, one),
                (200, one),
            ]);
            assert!(update(&http).await.unwrap());
            let called: Vec<String> = (0..http.requests())
                .map(|n| {
                    http.request(n)
                        .header("x-amz-target")
                        .replace("DynamoDB_20120810.", "")
                })
                .collect();
            assert_eq!(called, ["TransactWriteItems", "UpdateItem", "UpdateItem"]);
            let parts = http.request(0).json["TransactItems"].clone();
            let stands = "request_id = :was AND attribute_not_exists(is_closing)";
            assert_eq!(parts[0]["Put"]["ConditionExpression"], stands);
            assert_eq!(parts[0]["Put"]["ExpressionAttributeValues"][":was"]["N"], "7");
            assert_eq!(parts[1]["Put"]["Item"]["pk"]["S"], "s#live/NIFTY#0");
            let gone = serde_json::json!({"pk": {"S": "s#live/TCS#0"}, "sk": {"S": "c1"}});
            assert_eq!(parts[2]["Delete"]["Key"], gone);
        }

        #[tokio::test]
        async fn a_version_of_before_changes_were_named_is_read() {
            let read = async |attributes: &str| {
                let item = format!(r#"{{"Item":{{"pk":{{"S":"v#live/NIFTY#0"}},{attributes}}}}}"#);
                let group = "live/NIFTY".parse().unwrap();
                let dynamo = dynamo(&Canned::answering(&[(200, &item)]));
                dynamo.shard_version(&group, 0).await.unwrap()
            };
            let older = read(r#""version":{"N":"40"}"#).await;
            assert_eq!((older.version, older.unnamed), (40, 40));
            let named = r#""named":{"N":"1"},"c:c1":{"N":"41"}"#;
            let next = read(&format!(r#""version":{{"N":"41"}},{named}"#)).await;
            assert_eq!(next.changed_since(&older).unwrap(), ["c1"]);
            // Then the older build raised it again.
            let mixed = read(&format!(r#""version":{{"N":"42"}},{named}"#)).await;
            assert_eq!(mixed.changed_since(&next), None);
        }

        #[tokio::test]
        async fn a_transaction_that_is_cancelled_writes_nothing() {
            let cancelled = async |code: &str| {
                let reasons = format!(r#"[{{"Code":"None"}},{{"Code":"{code}"}},{{"Code":"None"}}]"#);
                let failure = failure("TransactionCanceledException");
                let body = failure.replacen('}', &format!(r#","CancellationReasons":{reasons}}}"#), 1);
                let http = Canned::answering(&[(400, &body)]);
                let updated = update(&http).await;
                assert_eq!(http.requests(), 1, "{code}: no version is raised");
                updated
            };
            assert!(!cancelled("TransactionConflict").await.unwrap());
            assert!(!cancelled("ConditionalCheckFailed").await.unwrap());
            for (code, is_transient) in [("ThrottlingError", true), ("ValidationError", false)] {
                let error = cancelled(code).await.unwrap_err();
                assert_eq!(error.is_transient(), is_transient, "{code}: {error}");
            }
        }

        #[tokio::test]
        async fn what_is_too_large_never_leaves() {
            let http = Canned::default();
            let group = "live/NIFTY".parse().unwrap();
            let appended = dynamo(&http)
                .append(&group, 7, &vec![0; crate::item_bytes_max])
                .await;
            assert!(matches!(appended, Err(PortError::Refused { .. })));
            assert_eq!(http.requests(), 0);
        }

        #[tokio::test]
        async fn failures_are_told_apart() {
            let check = async |status: u16, code: &str, expected: &str, requests: usize| {
                let body = failure(code);
                let http = Canned::answering(&[(status, &body), (status, &body), (status, &body)]);
                let error = dynamo(&http)
                    .head(&"live/NIFTY".parse().unwrap())
                    .await
                    .unwrap_err();
                let kind = match &error {
                    PortError::Throttled { .. } => "throttled",
                    PortError::Unavailable { .. } => "unavailable",
                    PortError::Refused { .. } => "refused",
                };
                assert_eq!((kind, http.requests()), (expected, requests), "{code}: {error}");
                error.to_string()
            };
            check(400, "ProvisionedThroughputExceededException", "throttled", 3).await;
            check(400, "ThrottlingException", "throttled", 3).await;
            check(500, "InternalServerError", "unavailable", 3).await;
            check(400, "ResourceNotFoundException", "refused", 1).await;
            check(400, "ValidationException", "refused", 1).await;
            check(400, "ExpiredTokenException", "unavailable", 1).await;
            check(400, "TransactionConflictException", "unavailable", 1).await;
            let text = check(400, "AccessDeniedException", "refused", 1).await;
            assert!(!text.contains("123456789012"), "{text}");
        }

        #[tokio::test]
        async fn a_connection_that_breaks_says_nothing_of_the_effect() {
            let http = Canned::default();
            let error = dynamo(&http)
                .head(&"live/NIFTY".parse().unwrap())
                .await
                .unwrap_err();
            assert!(matches!(error, PortError::Unavailable { .. }), "{error}");
            assert_eq!(http.requests(), 3, "tried again");
        }
    }
}
