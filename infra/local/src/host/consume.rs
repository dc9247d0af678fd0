//! The event source mappings: consumers that receive batches, hand them to the
//! functions as the real events, and delete what did not fail.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use tokio_util::sync::CancellationToken;

use super::tasks::Tasks;
use crate::queue::{QueueName, Queues, Received};

/// Messages in one batch, as SQS gives for FIFO queues.
const BATCH_MESSAGES_MAX: usize = 10;
/// Longest wait of one receive.
const RECEIVE_WAIT: Duration = Duration::from_secs(5);
/// A function that takes longer is given up; its messages come back when
/// their visibility runs out.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Wait after a receive that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Starts `consumers` consumers of a queue. They end after the batch in hand
/// once the tasks are to stop.
pub(super) fn spawn<H, F>(tasks: &mut Tasks, queues: &Queues, queue: QueueName, consumers: usize, handle: H)
where
    H: Fn(SqsEvent) -> F + Send + Sync + 'static,
    F: Future<Output = SqsBatchResponse> + Send + 'static,
{
    let handle = Arc::new(handle);
    for _ in 0..consumers {
        let (queues, stop, handle) = (queues.clone(), tasks.stop.clone(), Arc::clone(&handle));
        tasks.keep(queue.as_str(), move || {
            let (queues, stop, handle) = (queues.clone(), stop.clone(), Arc::clone(&handle));
            async move {
                while let Some(received) = receive(&queues, queue, &stop).await {
                    work(&queues, queue, received, &*handle).await;
                }
            }
        });
    }
}

async fn receive(queues: &Queues, queue: QueueName, stop: &CancellationToken) -> Option<Vec<Received>> {
    loop {
        if stop.is_cancelled() {
            return None;
        }
        // The receive is cut off only while it waits: it takes nothing then.
        let received = tokio::select! {
            () = stop.cancelled() => return None,
            received = queues.receive(queue, BATCH_MESSAGES_MAX, RECEIVE_WAIT) => received,
        };
        match received {
            Ok(received) if received.is_empty() => {}
            Ok(received) => return Some(received),
            Err(error) => {
                tracing::warn!(queue = queue.as_str(), %error, "failed to receive");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn work<H, F>(queues: &Queues, queue: QueueName, received: Vec<Received>, handle: &H)
where
    H: Fn(SqsEvent) -> F,
    F: Future<Output = SqsBatchResponse> + Send + 'static,
{
    let receipts: Vec<(String, String)> = received
        .iter()
        .map(|message| (message.message_id.clone(), message.receipt.clone()))
        .collect();
    let mut event = SqsEvent::default();
    event.records = received
        .into_iter()
        .map(|message| record(queue, message))
        .collect();
    // A task of its own: a panic ends the call, not the consumer.
    let call = tokio::spawn(handle(event));
    let abort = call.abort_handle();
    match tokio::time::timeout(FUNCTION_TIMEOUT, call).await {
        Ok(Ok(response)) => {
            let failed: Vec<&str> = response
                .batch_item_failures
                .iter()
                .map(|failure| failure.item_identifier.as_str())
                .collect();
            for (id, receipt) in &receipts {
                if !failed.contains(&id.as_str()) {
                    queues.delete(queue, receipt);
                }
            }
        }
        Ok(Err(error)) => {
            tracing::error!(queue = queue.as_str(), %error, "the function panicked: its batch comes back")
        }
        Err(_) => {
            abort.abort();
            tracing::error!(
                queue = queue.as_str(),
                "the function took longer than its time: its batch comes back"
            );
        }
    }
}

/// A message as the function sees it on AWS.
fn record(queue: QueueName, message: Received) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(message.message_id);
    record.receipt_handle = Some(message.receipt);
    record.body = Some(message.body.to_string());
    record.attributes = HashMap::from([
        ("MessageGroupId".to_owned(), message.group.to_string()),
        (
            "ApproximateReceiveCount".to_owned(),
            message.receive_count.to_string(),
        ),
        ("SentTimestamp".to_owned(), message.sent_at.millis().to_string()),
    ]);
    record.event_source = Some("aws:sqs".to_owned());
    record.event_source_arn = Some(format!("arn:aws:sqs:local:000000000000:{}", queue.as_str()));
    record.aws_region = Some("local".to_owned());
    record
}
