//! Lambda function `ingest`: a batch of the queue of events in, the messages
//! that are to come back out.
//!
//! Event source: `ticks.fifo` with `ReportBatchItemFailures`. A message that
//! can never be worked on is parked in the dead-letter queue with its reason;
//! only passing faults are reported as failures, with all that follows in the
//! same message group, so that order is kept.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use tickwire_aws::event::{batch_response, queue_messages};
use tickwire_service::ingest_ticks::Ingest;

/// Handles one batch. It never fails as a whole: a failure of the handler
/// would bring back messages that are committed already.
pub async fn handle(ingest: &Ingest, event: SqsEvent) -> SqsBatchResponse {
    batch_response(ingest.ingest(queue_messages(event)).await)
}
