//! Messages that were set aside: put there, and looked at.

use std::time::Duration;

use async_trait::async_trait;
use tickwire_aws::message_bytes_max;
use tickwire_service::ports::{DeadLetter, DeadLetters, Park, Parked, PortError, PortResult, Queue};

use super::journal::NewMessage;
use super::{QueueName, Queues};

/// The queue that keeps the dead letters of `queue`.
fn dead_letters_of(queue: Queue) -> QueueName {
    match queue {
        Queue::Ticks => QueueName::TicksDead,
        Queue::Signals => QueueName::SignalsDead,
    }
}

#[async_trait]
impl Park for Queues {
    async fn park(&self, parked: Parked) -> PortResult<()> {
        let what = "queue.park";
        let queue = dead_letters_of(parked.queue);
        let attributes = tickwire_aws::park_attributes(&parked);
        let bytes = parked.body.len()
            + attributes
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>();
        if bytes > message_bytes_max {
            let why =
                format!("text and reason have {bytes} bytes; at most {message_bytes_max} can be parked");
            return Err(PortError::Refused { what, why });
        }
        let deduplication = parked.message_id;
        self.send_to(
            what,
            NewMessage {
                queue,
                group: parked.group,
                deduplication,
                body: parked.body,
                attributes,
            },
        )
        .await
    }
}

#[async_trait]
impl DeadLetters for Queues {
    async fn count(&self, queue: Queue) -> PortResult<u64> {
        let gauges = self.gauges(dead_letters_of(queue));
        Ok((gauges.waiting + gauges.in_flight) as u64)
    }

    async fn take(&self, queue: Queue, max: usize, hold: Duration) -> PortResult<Vec<DeadLetter>> {
        let queue = dead_letters_of(queue);
        let received = self.receive_for(queue, max, Duration::ZERO, hold).await?;
        let letters = received.into_iter().map(|message| {
            let attribute = |name: &str| message.attributes.get(name).cloned();
            DeadLetter {
                group: message.group.to_string(),
                parked_at: message.sent_at,
                source_message_id: attribute("source_message_id"),
                reason: attribute("reason"),
                detail: attribute("detail"),
                body: message.body.to_string(),
                id: message.message_id,
                receipt: message.receipt,
            }
        });
        Ok(letters.collect())
    }

    async fn put_down(&self, queue: Queue, receipt: &str) -> PortResult<()> {
        let queue = dead_letters_of(queue);
        self.postpone_in("queue.put_down", queue, receipt, Duration::ZERO)
            .await
    }

    async fn remove(&self, queue: Queue, receipt: &str) -> PortResult<()> {
        if self.delete(dead_letters_of(queue), receipt) {
            return Ok(());
        }
        Err(PortError::Refused {
            what: "queue.remove",
            why: "the receipt has expired".to_owned(),
        })
    }
}
