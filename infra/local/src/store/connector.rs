//! The SDK's requests, handed to the embedded engine in this process: no
//! socket, no signature.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::{Database, DynoxideError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Names an operation in a request.
const TARGET_HEADER: &str = "x-amz-target";
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// Answers the SDK from the databases, one a table.
#[derive(Clone)]
pub(super) struct Connector {
    databases: Arc<HashMap<String, Database>>,
}

impl Connector {
    pub(super) fn new(databases: Arc<HashMap<String, Database>>) -> Self {
        Self { databases }
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("tables", &self.databases.len())
            .finish()
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let databases = Arc::clone(&self.databases);
        // SQLite blocks, on its lock and on the disk.
        let answer = tokio::task::spawn_blocking(move || answer(&databases, &request));
        HttpConnectorFuture::new(async move {
            answer
                .await
                .unwrap_or_else(|e| Err(ConnectorError::other(e.into(), None)))
        })
    }
}

fn answer(
    databases: &HashMap<String, Database>,
    request: &HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let operation = request
        .headers()
        .get(TARGET_HEADER)
        .and_then(|target| target.strip_prefix(TARGET_PREFIX));
    let (Some(operation), Some(body)) = (operation, request.body().bytes()) else {
        return Err(ConnectorError::user(
            "the request names no operation or its body is a stream".into(),
        ));
    };
    let (status, body) = match dispatch(databases, operation, body) {
        Ok(body) => (200, body),
        Err(error) => {
            let error = explain(error);
            (error.status_code(), error.to_json().into_bytes())
        }
    };
    let status = StatusCode::try_from(status).map_err(|e| ConnectorError::other(e.into(), None))?;
    Ok(HttpResponse::new(status, SdkBody::from(body)))
}

/// Puts errors of the disk in words that say what to do.
fn explain(error: DynoxideError) -> DynoxideError {
    let DynoxideError::SqliteError(rusqlite::Error::SqliteFailure(failure, _)) = &error else {
        return error;
    };
    match failure.code {
        rusqlite::ErrorCode::DiskFull => {
            DynoxideError::InternalServerError("the disk is full: free space, and work goes on".into())
        }
        rusqlite::ErrorCode::ReadOnly => {
            DynoxideError::InternalServerError("the data directory has become read-only".into())
        }
        _ => error,
    }
}

/// The table that a request is about.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct About<'a> {
    #[serde(borrow)]
    table_name: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    request_items: Option<HashMap<std::borrow::Cow<'a, str>, &'a serde_json::value::RawValue>>,
    /// The parts of a transaction, each under the name of what it does.
    #[serde(borrow)]
    transact_items: Option<Vec<HashMap<std::borrow::Cow<'a, str>, About<'a>>>>,
}

impl<'a> About<'a> {
    fn tables(&self) -> BTreeSet<&str> {
        let of_batch = self.request_items.iter().flatten().map(|(name, _)| &**name);
        let parts = self.transact_items.iter().flatten().flat_map(HashMap::values);
        let of_parts = parts.filter_map(|part| part.table_name.as_deref());
        self.table_name
            .as_deref()
            .into_iter()
            .chain(of_batch)
            .chain(of_parts)
            .collect()
    }
}

fn dispatch(
    databases: &HashMap<String, Database>,
    operation: &str,
    body: &[u8],
) -> Result<Vec<u8>, DynoxideError> {
    let about: About<'_> = read(body)?;
    let tables = about.tables();
    // Every table has its own engine, and no batch of ours spans two.
    let (Some(table), 1) = (tables.first().copied(), tables.len()) else {
        return Err(DynoxideError::ValidationException(
            "a request here names one table".into(),
        ));
    };
    let database = databases
        .get(table)
        .ok_or_else(|| DynoxideError::ResourceNotFoundException(format!("there is no table {table}")))?;
    match operation {
        "PutItem" => run(body, |r| database.put_item(r)),
        "GetItem" => run(body, |r| database.get_item(r)),
        "Query" => run(body, |r| database.query(r)),
        "UpdateItem" => run(body, |r| database.update_item(r)),
        "DeleteItem" => run(body, |r| database.delete_item(r)),
        "BatchGetItem" => run(body, |r| database.batch_get_item(r)),
        "BatchWriteItem" => run(body, |r| database.batch_write_item(r)),
        "TransactWriteItems" => run(body, |mut r: TransactWriteItemsRequest| {
            // Here no request comes twice. A token would be kept for ten minutes, and all that are
            // kept looked through with each.
            r.client_request_token = None;
            database.transact_write_items(r)
        }),
        "CreateTable" => run(body, |r| database.create_table(r)),
        "DescribeTable" => run(body, |r| database.describe_table(r)),
        "UpdateTimeToLive" => run(body, |r| database.update_time_to_live(r)),
        _ => Err(DynoxideError::ValidationException(format!(
            "operation {operation} is not embedded"
        ))),
    }
}

/// Reads a request, runs it, writes the answer.
fn run<Request: DeserializeOwned, Response: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Request) -> Result<Response, DynoxideError>,
) -> Result<Vec<u8>, DynoxideError> {
    let response = operation(read(body)?)?;
    serde_json::to_vec(&response).map_err(|e| DynoxideError::InternalServerError(e.to_string()))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|e| DynoxideError::ValidationException(e.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failed(databases: &HashMap<String, Database>, operation: &str, body: &str) -> String {
        let error = dispatch(databases, operation, body.as_bytes()).unwrap_err();
        format!("{} {error}", error.status_code())
    }

    #[test]
    fn what_is_not_embedded_is_refused() {
        let databases = HashMap::from([("log".to_owned(), Database::memory().unwrap())]);
        assert_eq!(
            failed(&databases, "PutItem", "{"),
            "400 EOF while parsing an object at line 1 column 1"
        );
        assert_eq!(
            failed(&databases, "PutItem", r#"{"TableName":"other"}"#),
            "400 there is no table other"
        );
        assert_eq!(
            failed(&databases, "Scan", r#"{"TableName":"log"}"#),
            "400 operation Scan is not embedded"
        );
        let two = r#"{"RequestItems":{"log":{},"bars":{}}}"#;
        assert_eq!(
            failed(&databases, "BatchGetItem", two),
            "400 a request here names one table"
        );
        let two = r#"{"TransactItems":[{"Put":{"TableName":"log"}},{"Delete":{"TableName":"bars"}}]}"#;
        assert_eq!(
            failed(&databases, "TransactWriteItems", two),
            "400 a request here names one table"
        );
    }

    #[test]
    fn a_transaction_is_carried_out_each_time_and_not_remembered() {
        let database = Database::memory().unwrap();
        let table = json!({
            "TableName": "log",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        database
            .create_table(serde_json::from_value(table).unwrap())
            .unwrap();
        let databases = HashMap::from([("log".to_owned(), database)]);
        let put = json!({
            "TableName": "log",
            "Item": {"pk": {"S": "a"}},
            "ConditionExpression": "attribute_not_exists(pk)",
        });
        let body = json!({"TransactItems": [{"Put": put}], "ClientRequestToken": "the-same"}).to_string();
        dispatch(&databases, "TransactWriteItems", body.as_bytes()).unwrap();
        let again = failed(&databases, "TransactWriteItems", &body);
        assert!(again.contains("ConditionalCheckFailed"), "{again}");
    }

    #[test]
    fn errors_of_the_disk_say_what_to_do() {
        let check = |code, expected: &str| {
            let failure = rusqlite::ffi::Error::new(code);
            let error = explain(DynoxideError::SqliteError(rusqlite::Error::SqliteFailure(
                failure, None,
            )));
            assert_eq!(error.status_code(), 500);
            assert!(error.to_string().contains(expected), "{error}");
        };
        check(rusqlite::ffi::SQLITE_FULL, "free space");
        check(rusqlite::ffi::SQLITE_READONLY, "read-only");
        check(rusqlite::ffi::SQLITE_BUSY, "locked");
    }
}
