//! Lambda function `deliver`: publications of `signals.fifo`, to connections.

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use tickwire_service::deliver_signals::{Deliver, SignalMessage};

/// Works on a batch. Messages that are to come back are its failures: those
/// that met a passing fault, and all that follow them in their group.
pub async fn handle(deliver: &Deliver, event: SqsEvent) -> SqsBatchResponse {
    let failed = deliver
        .deliver(event.records.into_iter().map(message).collect())
        .await;
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

fn message(mut record: SqsMessage) -> SignalMessage {
    let receive_count = record
        .attributes
        .get("ApproximateReceiveCount")
        .and_then(|count| count.parse().ok());
    SignalMessage {
        id: record.message_id.unwrap_or_default(),
        group: record.attributes.remove("MessageGroupId").unwrap_or_default(),
        receipt: record.receipt_handle.unwrap_or_default(),
        body: record.body.unwrap_or_default(),
        receive_count: receive_count.unwrap_or(1),
    }
}
