//! One call each: its capacity counted, its size bounded, its pages followed,
//! its failure translated.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, Delete, DeleteRequest, KeysAndAttributes, Put, ReturnConsumedCapacity,
    ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, WriteRequest,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tickwire_service::ports::{PortError, PortResult};
use tickwire_telemetry::metrics::{StoreCall, Table};

use super::Dynamo;
use super::item::Item;
use crate::error::port_error;
use crate::limits::item_bytes_max;

/// Items of one BatchWriteItem.
const BATCH_WRITE_ITEMS_MAX: usize = 25;
/// Keys of one BatchGetItem. The service takes 100 and answers 16 MB; pages of
/// 256 KB make that 64.
const BATCH_GET_ITEMS_MAX: usize = 64;
/// Rounds in which a batch must get on.
const BATCH_ROUNDS_MAX: usize = 8;

/// What became of a conditional write.
pub(super) enum Written {
    /// It took place.
    Done,
    /// Its condition failed; the row that stands, if there is one.
    Not(Option<Item>),
}

/// What becomes of a row beside a conditional one.
pub(super) enum Change {
    Put(Item),
    /// By its key.
    Delete(Item),
}

/// A condition, or a filter: an expression over attributes, `#names` of some, and `:values`.
#[derive(Clone, Default)]
pub(super) struct Expression {
    text: Cow<'static, str>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expression {
    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Names an attribute that the text cannot.
    pub(super) fn name(mut self, name: &str, attribute: String) -> Self {
        self.names.insert(name.to_owned(), attribute);
        self
    }

    pub(super) fn text(self, name: &str, value: &str) -> Self {
        self.value(name, AttributeValue::S(value.to_owned()))
    }

    pub(super) fn number(self, name: &str, value: impl ToString) -> Self {
        self.value(name, AttributeValue::N(value.to_string()))
    }

    pub(super) fn flag(self, name: &str, value: bool) -> Self {
        self.value(name, AttributeValue::Bool(value))
    }

    fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }
}

/// As the service takes them: none rather than an empty list.
fn listed<V>(entries: HashMap<String, V>) -> Option<HashMap<String, V>> {
    (!entries.is_empty()).then_some(entries)
}

/// A query of one partition.
#[derive(Clone, Default)]
pub(super) struct Query {
    /// Condition on the key.
    pub(super) key: Expression,
    /// Attributes wanted, all if none.
    pub(super) projection: Option<&'static str>,
    /// From the greatest sort key down.
    pub(super) descending: bool,
    /// At most so many rows.
    pub(super) limit: Option<usize>,
    /// Stops after so many bytes, with one row at least.
    pub(super) bytes_max: Option<usize>,
    /// Strongly consistent.
    pub(super) consistent: bool,
}

impl Dynamo {
    fn count(&self, table: Table, call: StoreCall, capacity: Option<&ConsumedCapacity>) {
        self.meter.store(
            table,
            call,
            capacity.and_then(ConsumedCapacity::capacity_units).unwrap_or(0.0),
        );
    }

    fn failed<E: ProvideErrorMetadata>(
        &self,
        what: &'static str,
        (table, call): (Table, StoreCall),
        error: &SdkError<E, HttpResponse>,
    ) -> PortError {
        let error = port_error(what, error);
        if matches!(error, PortError::Throttled { .. }) {
            self.meter.store_throttled(table, call);
        }
        error
    }

    /// Puts `item`, under `condition` if there is one.
    pub(super) async fn put(
        &self,
        what: &'static str,
        table: Table,
        item: Item,
        condition: Option<Expression>,
    ) -> PortResult<Written> {
        let size = bounded(what, &item)?;
        let mut request = self
            .client
            .put_item()
            .table_name(self.name(table))
            .set_item(Some(item.0))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(condition) = condition {
            request = request
                .condition_expression(condition.text)
                .set_expression_attribute_names(listed(condition.names))
                .set_expression_attribute_values(listed(condition.values))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        }
        match request.send().await {
            Ok(answer) => {
                self.count(table, StoreCall::Put, answer.consumed_capacity());
                Ok(Written::Done)
            }
            Err(error) => match error.as_service_error() {
                Some(
                    aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(e),
                ) => {
                    let stands = e.item().map(|item| Item(item.clone()));
                    // What stands is what is billed.
                    self.meter.condition_failed(
                        table,
                        StoreCall::Put,
                        stands.as_ref().map_or(size, Item::size),
                    );
                    Ok(Written::Not(stands))
                }
                _ => Err(self.failed(what, (table, StoreCall::Put), &error)),
            },
        }
    }

    /// Puts `item` under `condition`, and with it changes others of the table: all or nothing.
    /// That someone else is writing one of the rows counts as a condition that failed.
    pub(super) async fn put_with(
        &self,
        what: &'static str,
        table: Table,
        item: Item,
        condition: Expression,
        others: Vec<Change>,
    ) -> PortResult<Written> {
        let unbuilt = |e: BuildError| PortError::Refused {
            what,
            why: e.to_string(),
        };
        let place = (table, StoreCall::TransactWrite);
        let size = bounded(what, &item)?;
        let first = Put::builder()
            .table_name(self.name(table))
            .set_item(Some(item.0))
            .condition_expression(condition.text)
            .set_expression_attribute_names(listed(condition.names))
            .set_expression_attribute_values(listed(condition.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut request = self
            .client
            .transact_write_items()
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .transact_items(
                TransactWriteItem::builder()
                    .put(first.build().map_err(unbuilt)?)
                    .build(),
            );
        for change in others {
            let written = TransactWriteItem::builder();
            request = request.transact_items(match change {
                Change::Put(item) => {
                    bounded(what, &item)?;
                    let put = Put::builder().table_name(self.name(table)).set_item(Some(item.0));
                    written.put(put.build().map_err(unbuilt)?).build()
                }
                Change::Delete(key) => {
                    let delete = Delete::builder()
                        .table_name(self.name(table))
                        .set_key(Some(key.0));
                    written.delete(delete.build().map_err(unbuilt)?).build()
                }
            });
        }
        let error = match request.send().await {
            Ok(answer) => {
                self.count(table, place.1, answer.consumed_capacity().first());
                return Ok(Written::Done);
            }
            Err(error) => error,
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
        else {
            return Err(self.failed(what, place, &error));
        };
        let reasons = cancelled.cancellation_reasons();
        let has = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
        if has("ConditionalCheckFailed") || has("TransactionConflict") {
            let stands = reasons.iter().find_map(|reason| reason.item().cloned().map(Item));
            self.meter
                .condition_failed(table, place.1, stands.as_ref().map_or(size, Item::size));
            return Ok(Written::Not(stands));
        }
        if has("ThrottlingError") || has("ProvisionedThroughputExceeded") {
            self.meter.store_throttled(table, place.1);
            return Err(PortError::Throttled { what });
        }
        Err(self.failed(what, place, &error))
    }

    /// Updates the row at `key`; the update's names and values and the
    /// condition's share one list. Returns the row as it then is, none if its condition failed.
    pub(super) async fn update(
        &self,
        what: &'static str,
        table: Table,
        key: Item,
        update: Expression,
        condition: Option<&str>,
    ) -> PortResult<Option<Item>> {
        let request = self
            .client
            .update_item()
            .table_name(self.name(table))
            .set_key(Some(key.0))
            .update_expression(update.text)
            .set_expression_attribute_names(listed(update.names))
            .set_expression_attribute_values(listed(update.values))
            .set_condition_expression(condition.map(str::to_owned))
            .return_values(ReturnValue::AllNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(answer) => {
                self.count(table, StoreCall::Update, answer.consumed_capacity());
                Ok(Some(Item(answer.attributes.unwrap_or_default())))
            }
            Err(error) => match error.as_service_error() {
                Some(
                    aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(_),
                ) => {
                    self.meter.condition_failed(table, StoreCall::Update, 0);
                    Ok(None)
                }
                _ => Err(self.failed(what, (table, StoreCall::Update), &error)),
            },
        }
    }

    /// Deletes the row at `key`; returns what it was.
    pub(super) async fn delete_row(
        &self,
        what: &'static str,
        table: Table,
        key: Item,
    ) -> PortResult<Option<Item>> {
        let answer = self
            .client
            .delete_item()
            .table_name(self.name(table))
            .set_key(Some(key.0))
            .return_values(ReturnValue::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| self.failed(what, (table, StoreCall::Delete), &e))?;
        self.count(table, StoreCall::Delete, answer.consumed_capacity());
        Ok(answer.attributes.map(Item))
    }

    /// The row at `key`, strongly consistent.
    pub(super) async fn get(&self, what: &'static str, table: Table, key: Item) -> PortResult<Option<Item>> {
        let answer = self
            .client
            .get_item()
            .table_name(self.name(table))
            .set_key(Some(key.0))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| self.failed(what, (table, StoreCall::Get), &e))?;
        self.count(table, StoreCall::Get, answer.consumed_capacity());
        Ok(answer.item.map(Item))
    }

    /// The rows that `query` finds, through all pages it needs.
    pub(super) async fn query(
        &self,
        what: &'static str,
        table: Table,
        query: Query,
    ) -> PortResult<Vec<Item>> {
        let mut rows: Vec<Item> = Vec::new();
        let mut bytes = 0;
        let mut start = None;
        loop {
            let wanted = query.limit.map(|limit| limit - rows.len());
            if wanted == Some(0) {
                return Ok(rows);
            }
            let answer = self
                .client
                .query()
                .table_name(self.name(table))
                .key_condition_expression(query.key.text.clone())
                .set_expression_attribute_names(listed(query.key.names.clone()))
                .set_expression_attribute_values(listed(query.key.values.clone()))
                .set_projection_expression(query.projection.map(str::to_owned))
                .scan_index_forward(!query.descending)
                .set_limit(wanted.map(|n| i32::try_from(n).unwrap_or(i32::MAX)))
                .consistent_read(query.consistent)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|e| self.failed(what, (table, StoreCall::Query), &e))?;
            self.count(table, StoreCall::Query, answer.consumed_capacity());
            for row in answer.items.unwrap_or_default() {
                let row = Item(row);
                bytes += row.size();
                if query.bytes_max.is_some_and(|most| bytes > most) && !rows.is_empty() {
                    return Ok(rows);
                }
                rows.push(row);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// The rows at `keys` that exist, in no order, strongly consistent.
    pub(super) async fn get_many(
        &self,
        what: &'static str,
        table: Table,
        keys: Vec<Item>,
    ) -> PortResult<Vec<Item>> {
        let name = self.name(table);
        let mut rows = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(BATCH_GET_ITEMS_MAX) {
            let mut rest: Vec<_> = chunk.iter().map(|key| key.0.clone()).collect();
            // The service answers what it could read and names the rest.
            for _ in 0..BATCH_ROUNDS_MAX {
                let wanted = KeysAndAttributes::builder()
                    .set_keys(Some(std::mem::take(&mut rest)))
                    .consistent_read(true)
                    .build()
                    .map_err(|e| PortError::Refused {
                        what,
                        why: e.to_string(),
                    })?;
                let mut answer = self
                    .client
                    .batch_get_item()
                    .request_items(name, wanted)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await
                    .map_err(|e| self.failed(what, (table, StoreCall::BatchGet), &e))?;
                self.count(table, StoreCall::BatchGet, answer.consumed_capacity().first());
                if let Some(found) = answer.responses.as_mut().and_then(|tables| tables.remove(name)) {
                    rows.extend(found.into_iter().map(Item));
                }
                if let Some(left) = answer
                    .unprocessed_keys
                    .as_mut()
                    .and_then(|tables| tables.remove(name))
                {
                    rest = left.keys;
                }
                if rest.is_empty() {
                    break;
                }
            }
            if !rest.is_empty() {
                self.meter.store_throttled(table, StoreCall::BatchGet);
                return Err(PortError::Throttled { what });
            }
        }
        Ok(rows)
    }

    /// Deletes the rows at `keys`.
    pub(super) async fn delete_many(
        &self,
        what: &'static str,
        table: Table,
        keys: Vec<Item>,
    ) -> PortResult<()> {
        let deletions = keys.into_iter().map(|key| {
            let request = DeleteRequest::builder().set_key(Some(key.0)).build();
            request.map(|request| WriteRequest::builder().delete_request(request).build())
        });
        let deletions: Result<Vec<_>, _> = deletions.collect();
        let deletions = deletions.map_err(|e| PortError::Refused {
            what,
            why: e.to_string(),
        })?;
        for chunk in deletions.chunks(BATCH_WRITE_ITEMS_MAX) {
            self.write_batch(what, table, chunk.to_vec()).await?;
        }
        Ok(())
    }

    async fn write_batch(
        &self,
        what: &'static str,
        table: Table,
        mut rest: Vec<WriteRequest>,
    ) -> PortResult<()> {
        let name = self.name(table);
        for _ in 0..BATCH_ROUNDS_MAX {
            let mut answer = self
                .client
                .batch_write_item()
                .request_items(name, std::mem::take(&mut rest))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|e| self.failed(what, (table, StoreCall::BatchWrite), &e))?;
            self.count(table, StoreCall::BatchWrite, answer.consumed_capacity().first());
            rest = answer
                .unprocessed_items
                .as_mut()
                .and_then(|tables| tables.remove(name))
                .unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
        }
        self.meter.store_throttled(table, StoreCall::BatchWrite);
        Err(PortError::Throttled { what })
    }
}

/// Its size, if a table can hold it.
fn bounded(what: &'static str, item: &Item) -> PortResult<usize> {
    let size = item.size();
    if size > item_bytes_max {
        let why = format!("the row has {size} bytes; at most {item_bytes_max} can be stored");
        return Err(PortError::Refused { what, why });
    }
    Ok(size)
}
