//! SQS: sending, parking, postponing. Receiving and deleting are the platform's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName as System, QueueAttributeName,
};
use sha2::{Digest, Sha256};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{
    DeadLetter, DeadLetters, Enqueue, Outgoing, Park, Parked, PortError, PortResult, Postpone, Queue,
};
use tickwire_telemetry::Meter;
use tickwire_telemetry::metrics::QueueCall;

use crate::error::port_error;
use crate::limits::{
    deduplication_id_bytes_max, message_body_bytes_max, message_bytes_max, postpone_max, receive_messages_max,
};
use crate::park::park_attributes;

/// Where the queues are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrls {
    /// `ticks.fifo`.
    pub ticks: String,
    /// `ticks-dead.fifo`.
    pub ticks_dead: String,
    /// `signals.fifo`.
    pub signals: String,
    /// `signals-dead.fifo`.
    pub signals_dead: String,
}

impl QueueUrls {
    fn of(&self, queue: Queue) -> &str {
        match queue {
            Queue::Ticks => &self.ticks,
            Queue::Signals => &self.signals,
        }
    }

    fn dead_letters_of(&self, queue: Queue) -> &str {
        match queue {
            Queue::Ticks => &self.ticks_dead,
            Queue::Signals => &self.signals_dead,
        }
    }
}

/// The queues on SQS.
pub struct Queues {
    client: aws_sdk_sqs::Client,
    urls: QueueUrls,
    meter: Arc<Meter>,
}

impl Queues {
    /// On `client`.
    pub fn new(client: aws_sdk_sqs::Client, urls: QueueUrls, meter: Arc<Meter>) -> Self {
        Self { client, urls, meter }
    }
}

#[async_trait]
impl Enqueue for Queues {
    async fn send(&self, queue: Queue, message: Outgoing) -> PortResult<()> {
        let what = "queue.send";
        let bytes = message.body.len();
        if bytes > message_body_bytes_max || bytes == 0 {
            let why = format!("the text has {bytes} bytes; 1 to {message_body_bytes_max} can be sent");
            return Err(PortError::Refused { what, why });
        }
        self.client
            .send_message()
            .queue_url(self.urls.of(queue))
            .message_group_id(message.group)
            .message_deduplication_id(within_limit(message.deduplication))
            .message_body(message.body)
            .send()
            .await
            .map_err(|e| port_error(what, &e))?;
        self.meter.queue(QueueCall::Send, 1, bytes);
        Ok(())
    }
}

#[async_trait]
impl Park for Queues {
    async fn park(&self, parked: Parked) -> PortResult<()> {
        let what = "queue.park";
        let attributes = park_attributes(&parked);
        let attribute_bytes: usize = attributes
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        let bytes = parked.body.len() + attribute_bytes;
        if bytes > message_bytes_max {
            let why =
                format!("text and reason have {bytes} bytes; at most {message_bytes_max} can be parked");
            return Err(PortError::Refused { what, why });
        }
        let mut request = self
            .client
            .send_message()
            .queue_url(self.urls.dead_letters_of(parked.queue))
            .message_group_id(parked.group)
            .message_deduplication_id(parked.message_id)
            .message_body(parked.body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build();
            let value = value.map_err(|e| PortError::Refused {
                what,
                why: e.to_string(),
            })?;
            request = request.message_attributes(name, value);
        }
        request.send().await.map_err(|e| port_error(what, &e))?;
        self.meter.queue(QueueCall::Send, 1, bytes);
        Ok(())
    }
}

#[async_trait]
impl Postpone for Queues {
    async fn postpone(&self, queue: Queue, receipt: &str, delay: Duration) -> PortResult<()> {
        let what = "queue.postpone";
        if delay > postpone_max {
            return Err(PortError::Refused {
                what,
                why: "the delay is longer than 12 hours".into(),
            });
        }
        self.client
            .change_message_visibility()
            .queue_url(self.urls.of(queue))
            .receipt_handle(receipt)
            .visibility_timeout(whole_seconds(delay))
            .send()
            .await
            .map_err(|e| port_error(what, &e))?;
        self.meter.queue(QueueCall::Postpone, 1, 0);
        Ok(())
    }
}

/// Rounded up: never earlier than asked for.
fn whole_seconds(delay: Duration) -> i32 {
    let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

#[async_trait]
impl DeadLetters for Queues {
    async fn count(&self, queue: Queue) -> PortResult<u64> {
        const COUNTS: [QueueAttributeName; 2] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self
            .client
            .get_queue_attributes()
            .queue_url(self.urls.dead_letters_of(queue));
        let answer = request.set_attribute_names(Some(COUNTS.into())).send().await;
        let attributes = answer
            .map_err(|e| port_error("queue.count", &e))?
            .attributes
            .unwrap_or_default();
        let count = |name| attributes.get(name)?.parse().ok();
        let counts: Option<Vec<u64>> = COUNTS.iter().map(count).collect();
        counts
            .map(|counts| counts.iter().sum())
            .ok_or_else(|| PortError::Unavailable {
                what: "queue.count",
                why: "the answer has no counts".to_owned(),
            })
    }

    async fn take(&self, queue: Queue, max: usize, hold: Duration) -> PortResult<Vec<DeadLetter>> {
        let max = max.clamp(1, receive_messages_max);
        let answer = self
            .client
            .receive_message()
            .queue_url(self.urls.dead_letters_of(queue))
            .max_number_of_messages(i32::try_from(max).unwrap_or(1))
            .visibility_timeout(whole_seconds(hold))
            .message_system_attribute_names(System::MessageGroupId)
            .message_system_attribute_names(System::SentTimestamp)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|e| port_error("queue.take", &e))?;
        let messages = answer.messages.unwrap_or_default();
        let bytes = messages
            .iter()
            .map(|m| m.body.as_ref().map_or(0, String::len))
            .sum();
        self.meter.queue(QueueCall::Receive, messages.len(), bytes);
        Ok(messages.into_iter().filter_map(dead_letter).collect())
    }

    async fn put_down(&self, queue: Queue, receipt: &str) -> PortResult<()> {
        self.client
            .change_message_visibility()
            .queue_url(self.urls.dead_letters_of(queue))
            .receipt_handle(receipt)
            .visibility_timeout(0)
            .send()
            .await
            .map_err(|e| port_error("queue.put_down", &e))?;
        self.meter.queue(QueueCall::Postpone, 1, 0);
        Ok(())
    }

    async fn remove(&self, queue: Queue, receipt: &str) -> PortResult<()> {
        self.client
            .delete_message()
            .queue_url(self.urls.dead_letters_of(queue))
            .receipt_handle(receipt)
            .send()
            .await
            .map_err(|e| port_error("queue.remove", &e))?;
        self.meter.queue(QueueCall::Delete, 1, 0);
        Ok(())
    }
}

/// Without id, receipt, group or text it is no message that the service gives.
fn dead_letter(message: Message) -> Option<DeadLetter> {
    let system = message.attributes.unwrap_or_default();
    let own = message.message_attributes.unwrap_or_default();
    let attribute = |name: &str| own.get(name)?.string_value.clone();
    let sent = system.get(&System::SentTimestamp)?;
    Some(DeadLetter {
        id: message.message_id?,
        receipt: message.receipt_handle?,
        group: system.get(&System::MessageGroupId)?.clone(),
        parked_at: UnixNanos::from_millis(sent.parse().ok()?),
        source_message_id: attribute("source_message_id"),
        reason: attribute("reason"),
        detail: attribute("detail"),
        body: message.body?,
    })
}

/// The id, or its hash where the platform would refuse it for its length: a
/// universe and a group with the longest names alone have 105 bytes.
fn within_limit(deduplication: String) -> String {
    if deduplication.len() <= deduplication_id_bytes_max {
        return deduplication;
    }
    let hash = Sha256::digest(deduplication.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Canned, aws};

    fn outgoing(bytes: usize) -> Outgoing {
        Outgoing {
            group: "live/NIFTY".into(),
            deduplication: "live/NIFTY:e1:7".into(),
            body: "x".repeat(bytes),
        }
    }

    #[tokio::test]
    async fn a_message_carries_its_group_and_id() {
        let http = Canned::answering(&[(200, r#"{"MessageId":"m","MD5OfMessageBody":"x"}"#)]);
        let meter = Arc::new(Meter::default());
        let queues = aws(&http).queues(Arc::clone(&meter)).unwrap();
        queues.send(Queue::Signals, outgoing(3)).await.unwrap();
        let request = http.request(0);
        assert_eq!(request.header("x-amz-target"), "AmazonSQS.SendMessage");
        assert_eq!(request.json["QueueUrl"], "https://sqs.test/signals");
        assert_eq!(request.json["MessageGroupId"], "live/NIFTY");
        assert_eq!(request.json["MessageDeduplicationId"], "live/NIFTY:e1:7");
        assert_eq!(request.json["MessageBody"], "xxx");
        assert!(
            request
                .header("authorization")
                .contains("/eu-west-1/sqs/aws4_request")
        );
        assert_eq!(meter.snapshot().queue["send"].calls, 1);
    }

    #[test]
    fn a_long_id_is_sent_as_its_hash() {
        let longest = "x".repeat(deduplication_id_bytes_max);
        assert_eq!(within_limit(longest.clone()), longest);
        let one = within_limit(format!("{longest}1"));
        let other = within_limit(format!("{longest}2"));
        assert_eq!((one.len(), other.len()), (64, 64));
        assert_ne!(one, other);
        assert_eq!(one, within_limit(format!("{longest}1")));
    }

    #[tokio::test]
    async fn a_parked_message_carries_its_reason() {
        let http = Canned::answering(&[(200, r#"{"MessageId":"m","MD5OfMessageBody":"x"}"#)]);
        let queues = aws(&http).queues(Arc::default()).unwrap();
        let parked = Parked {
            queue: Queue::Ticks,
            group: "g".into(),
            message_id: "m1".into(),
            reason: "unreadable".into(),
            detail: String::new(),
            body: "{".into(),
        };
        queues.park(parked).await.unwrap();
        let request = http.request(0);
        assert_eq!(request.json["QueueUrl"], "https://sqs.test/ticks-dead");
        assert_eq!(request.json["MessageDeduplicationId"], "m1");
        let attribute = &request.json["MessageAttributes"]["reason"];
        assert_eq!(
            (&attribute["DataType"], &attribute["StringValue"]),
            (&"String".into(), &"unreadable".into())
        );
        assert!(
            request.json["MessageAttributes"]["detail"].is_null(),
            "no empty values"
        );
    }

    #[tokio::test]
    async fn a_delay_is_whole_seconds_rounded_up() {
        let http = Canned::answering(&[(200, "{}"), (200, "{}")]);
        let queues = aws(&http).queues(Arc::default()).unwrap();
        queues
            .postpone(Queue::Ticks, "r", Duration::from_millis(1_001))
            .await
            .unwrap();
        queues.postpone(Queue::Ticks, "r", Duration::ZERO).await.unwrap();
        assert_eq!(http.request(0).json["VisibilityTimeout"], 2);
        assert_eq!(http.request(1).json["VisibilityTimeout"], 0);
        let day = Duration::from_secs(24 * 3_600);
        assert!(matches!(
            queues.postpone(Queue::Ticks, "r", day).await,
            Err(PortError::Refused { .. })
        ));
        assert_eq!(http.requests(), 2);
    }

    #[tokio::test]
    async fn what_is_too_large_never_leaves() {
        let http = Canned::answering(&[]);
        let queues = aws(&http).queues(Arc::default()).unwrap();
        let sent = queues
            .send(Queue::Ticks, outgoing(message_body_bytes_max + 1))
            .await;
        assert!(matches!(sent, Err(PortError::Refused { .. })));
        assert_eq!(http.requests(), 0);
    }
}
