//! Batches of a queue: its event in, the messages that are to come back out.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use tickwire_service::queue_message::QueueMessage;

/// The messages of a batch, in their order. A record without an id cannot have
/// come from a queue, and could not be named among the failures.
pub fn queue_messages(event: SqsEvent) -> Vec<QueueMessage> {
    event.records.into_iter().filter_map(queue_message).collect()
}

fn queue_message(mut record: SqsMessage) -> Option<QueueMessage> {
    let Some(id) = record.message_id else {
        tracing::error!("a record without a message id was left out");
        return None;
    };
    let receive_count = record
        .attributes
        .get("ApproximateReceiveCount")
        .and_then(|count| count.parse().ok());
    Some(QueueMessage {
        id,
        group: record.attributes.remove("MessageGroupId").unwrap_or_default(),
        receipt: record.receipt_handle.unwrap_or_default(),
        body: record.body.unwrap_or_default(),
        receive_count: receive_count.unwrap_or(1),
    })
}

/// The answer to a batch: ids of the messages that are to come back.
pub fn batch_response(failed: Vec<String>) -> SqsBatchResponse {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_messages() {
        let mut record = SqsMessage::default();
        record.message_id = Some("m1".into());
        record.receipt_handle = Some("r1".into());
        record.body = Some("text".into());
        record
            .attributes
            .insert("MessageGroupId".into(), "live/NIFTY".into());
        record
            .attributes
            .insert("ApproximateReceiveCount".into(), "3".into());
        let mut event = SqsEvent::default();
        event.records = vec![record, SqsMessage::default()];
        let expected = QueueMessage {
            id: "m1".into(),
            group: "live/NIFTY".into(),
            receipt: "r1".into(),
            body: "text".into(),
            receive_count: 3,
        };
        assert_eq!(queue_messages(event), [expected]);
    }

    #[test]
    fn failures_are_named() {
        let response = serde_json::to_value(batch_response(vec!["m1".into()])).unwrap();
        assert_eq!(
            response,
            serde_json::json!({"batchItemFailures": [{"itemIdentifier": "m1"}]})
        );
    }
}
