//! Lambda function `deliver`: publications of `signals.fifo`, to connections.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use tickwire_aws::event::{batch_response, queue_messages};
use tickwire_service::deliver_signals::Deliver;

/// Works on a batch. Messages that are to come back are its failures: those
/// that met a passing fault, and all that follow them in their group.
pub async fn handle(deliver: &Deliver, event: SqsEvent) -> SqsBatchResponse {
    batch_response(deliver.deliver(queue_messages(event)).await)
}
