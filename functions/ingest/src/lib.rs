//! Lambda function `ingest`: a batch of the queue of events in, the messages
//! that are to come back out.
//!
//! Event source: `ticks.fifo` with `ReportBatchItemFailures`. A message that
//! can never be worked on is parked in the dead-letter queue with its reason;
//! only passing faults are reported as failures, with all that follows in the
//! same message group, so that order is kept.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use tickwire_service::ingest_ticks::{Ingest, TickMessage};

/// Handles one batch. It never fails as a whole: a failure of the handler
/// would bring back messages that are committed already.
pub async fn handle(ingest: &Ingest, event: SqsEvent) -> SqsBatchResponse {
    let messages = event.records.into_iter().filter_map(message).collect();
    let failed = ingest.ingest(messages).await;
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}

/// A record without id or receipt cannot have come from the queue.
fn message(record: SqsMessage) -> Option<TickMessage> {
    let attribute = |name: &str| record.attributes.get(name).cloned();
    let Some(id) = record.message_id else {
        tracing::error!("a record without a message id was left out");
        return None;
    };
    Some(TickMessage {
        id,
        group: attribute("MessageGroupId").unwrap_or_default(),
        receive_count: attribute("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1),
        receipt: record.receipt_handle.unwrap_or_default(),
        body: record.body.unwrap_or_default(),
    })
}
