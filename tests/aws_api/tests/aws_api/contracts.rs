//! The contracts of the ports, that the embedded engine and the queue twin keep,
//! on the emulator: each in tables or queues of its own, in another account than the stack.

#[macro_use]
#[path = "../../../../infra/local/tests/contracts/list.rs"]
mod list;

#[path = "../../../../infra/local/tests/contracts/access.rs"]
mod access;
#[path = "../../../../infra/local/tests/contracts/bars.rs"]
mod bars;
#[path = "../../../../infra/local/tests/contracts/checkpoints.rs"]
mod checkpoints;
#[path = "../../../../infra/local/tests/contracts/connections.rs"]
mod connections;
#[path = "../../../../infra/local/tests/contracts/grants.rs"]
mod grants;
#[path = "../../../../infra/local/tests/contracts/groups.rs"]
mod groups;
#[path = "../../../../infra/local/tests/contracts/log.rs"]
mod log;
#[expect(
    dead_code,
    reason = "a deduplication id is forgotten after five minutes of the service's own clock: longer than the whole suite takes"
)]
#[path = "../../../../infra/local/tests/contracts/queue.rs"]
pub(crate) mod queue;
#[path = "../../../../infra/local/tests/contracts/tickets.rs"]
mod tickets;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;
use tickwire::queue::{QueueName, Received};
use tickwire_aws::dynamodb::{PARTITION_KEY, SORT_KEY};
use tickwire_aws::{Dynamo, QueueUrls, Queues, TABLES};
use tickwire_aws_api::emulator::{Emulator, REGION};
use tickwire_aws_api::{Failure, emulator_config};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{
    DeadLetter, DeadLetters, Enqueue, Outgoing, Park, Parked, PortError, Postpone, Queue,
};
use tickwire_telemetry::Meter;

/// What the contracts run on.
pub(crate) mod world {
    use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
    use std::time::Duration;

    use tickwire_market::UnixNanos;
    use tickwire_service::ports::Clock;
    use tickwire_streams::GroupKey;

    /// A clock that a test moves.
    pub(crate) struct ManualClock(AtomicI64);

    impl ManualClock {
        pub(crate) fn new() -> Self {
            Self(AtomicI64::new(tickwire::now().0 / 1_000_000_000 * 1_000_000_000))
        }

        pub(crate) fn pass(&self, time: Duration) {
            self.0.fetch_add(time.as_nanos() as i64, SeqCst);
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> UnixNanos {
            UnixNanos(self.0.load(SeqCst))
        }
    }

    /// A group key.
    pub(crate) fn group(name: &str) -> GroupKey {
        format!("sim-test/{name}").parse().unwrap()
    }
}

/// How long a message in flight is hidden where a contract waits for it to come back.
const VISIBILITY_SHORT: Duration = Duration::from_secs(4);
/// A call to the emulator takes less.
const MARGIN: Duration = Duration::from_secs(1);

/// The account of the contracts.
pub(crate) const ACCOUNT: &str = "210987654321";

/// Tables of a contract's own.
pub(crate) async fn tables(emulator: &Emulator, prefix: &str) -> (Dynamo, Arc<world::ManualClock>) {
    let client =
        aws_sdk_dynamodb::Client::from_conf(emulator_config!(aws_sdk_dynamodb, emulator.host, ACCOUNT));
    for definition in TABLES {
        let mut keys = vec![(PARTITION_KEY, KeyType::Hash, "S")];
        if let Some(sort_key) = definition.sort_key {
            keys.push((SORT_KEY, KeyType::Range, sort_key.as_str()));
        }
        let mut request = client
            .create_table()
            .table_name(format!("{prefix}{}", definition.table.as_str()))
            .billing_mode(BillingMode::PayPerRequest);
        for (name, kind, of) in keys {
            let attribute = AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::from(of));
            let element = KeySchemaElement::builder().attribute_name(name).key_type(kind);
            request = request
                .attribute_definitions(attribute.build().unwrap())
                .key_schema(element.build().unwrap());
        }
        request.send().await.unwrap();
    }
    let clock = Arc::new(world::ManualClock::new());
    (
        Dynamo::new(client, prefix, Arc::<Meter>::default(), clock.clone()),
        clock,
    )
}

/// Runs contracts one after another, each on its own.
macro_rules! contracts {
    ($made:expr, $run:ident, $($module:ident::{$($contract:ident),+ $(,)?};)+) => {
        $($(
            let name = concat!(stringify!($module), "::", stringify!($contract));
            let made = $made(concat!(stringify!($module), "-", stringify!($contract), "-")).await;
            let ran = tokio::spawn(async move { $run!(made, $module::$contract) }).await;
            ran.map_err(|e| Failure::Process(format!("{name}: {e}")))?;
        )+)+
    };
}

macro_rules! on_tables {
    ($made:ident, $contract:path) => {
        $contract(&$made.0, &$made.1).await
    };
}

macro_rules! on_queues {
    ($made:ident, $contract:path) => {
        $contract(&$made).await
    };
}

/// All contracts of the tables.
pub(crate) async fn store(emulator: &Emulator) -> Result<(), Failure> {
    of_the_tables! { contracts async |prefix| tables(emulator, prefix).await, on_tables, }
    Ok(())
}

/// All contracts of the queues but `a_deduplication_id_is_forgotten_after_five_minutes`.
pub(crate) async fn queue(emulator: &Emulator) -> Result<(), Failure> {
    contracts! {
        async |prefix| RealQueues::make(emulator, prefix, queue::VISIBILITY).await,
        on_queues,
        queue::{
            a_group_keeps_its_order,
            a_group_is_locked_while_in_flight,
            a_deduplication_id_is_taken_once,
            a_long_deduplication_id_is_taken_once,
            groups_mix_and_keep_their_orders,
            parked_messages_keep_their_reason,
            what_is_too_large_is_refused,
            senders_at_once_lose_nothing,
            a_waiting_receive_gets_what_is_sent,
            a_waiting_receive_gets_what_comes_back,
            consumers_at_once_never_share_a_group,
            queues_are_apart,
            dead_letters_are_in_one_hand_at_a_time,
            dead_letters_come_back_when_their_time_is_over,
        };
    }
    // What comes back does so in seconds here.
    contracts! {
        async |prefix| RealQueues::make(emulator, prefix, VISIBILITY_SHORT).await,
        on_queues,
        queue::{
            what_is_not_deleted_comes_back,
            a_receipt_is_worth_one_flight,
            postponed_messages_come_back_in_their_time,
            what_is_received_too_often_is_set_aside,
        };
    }
    Ok(())
}

/// The adapter for SQS, with receive and delete.
pub(crate) struct RealQueues {
    client: aws_sdk_sqs::Client,
    pub(crate) urls: HashMap<&'static str, String>,
    adapter: Queues,
    visibility: Duration,
}

impl RealQueues {
    pub(crate) async fn make(emulator: &Emulator, prefix: &str, visibility: Duration) -> Self {
        let client = aws_sdk_sqs::Client::from_conf(emulator_config!(aws_sdk_sqs, emulator.host, ACCOUNT));
        let mut urls = HashMap::new();
        // A name has at most 80 characters.
        let prefix = prefix.split_at(prefix.len().min(60)).0;
        // The dead letters first: the others name them.
        let dead_of = |queue: QueueName| match queue {
            QueueName::Ticks => Some(QueueName::TicksDead),
            QueueName::Signals => Some(QueueName::SignalsDead),
            QueueName::TicksDead | QueueName::SignalsDead => None,
        };
        let mut queues = QueueName::ALL.to_vec();
        queues.sort_by_key(|queue| dead_of(*queue).is_some());
        for queue in queues {
            let name = |queue: QueueName| format!("{prefix}{}", queue.as_str());
            let mut request = client
                .create_queue()
                .queue_name(name(queue))
                .attributes(QueueAttributeName::FifoQueue, "true")
                .attributes(QueueAttributeName::MaximumMessageSize, "1048576")
                .attributes(
                    QueueAttributeName::VisibilityTimeout,
                    visibility.as_secs().to_string(),
                );
            if let Some(dead) = dead_of(queue) {
                let policy = json!({
                    "deadLetterTargetArn": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", name(dead)),
                    "maxReceiveCount": queue::RECEIVES_MAX.to_string(),
                });
                request = request
                    .attributes(QueueAttributeName::RedrivePolicy, policy.to_string())
                    .attributes(QueueAttributeName::DeduplicationScope, "messageGroup")
                    .attributes(QueueAttributeName::FifoThroughputLimit, "perMessageGroupId");
            }
            let made = request.send().await.unwrap();
            urls.insert(queue.as_str(), made.queue_url.unwrap());
        }
        let url = |queue: QueueName| urls[queue.as_str()].clone();
        let of = QueueUrls {
            ticks: url(QueueName::Ticks),
            ticks_dead: url(QueueName::TicksDead),
            signals: url(QueueName::Signals),
            signals_dead: url(QueueName::SignalsDead),
        };
        let adapter = Queues::new(client.clone(), of, Arc::<Meter>::default());
        Self {
            client,
            urls,
            adapter,
            visibility,
        }
    }
}

#[async_trait]
impl Enqueue for RealQueues {
    async fn send(&self, queue: Queue, message: Outgoing) -> Result<(), PortError> {
        self.adapter.send(queue, message).await
    }
}

#[async_trait]
impl Park for RealQueues {
    async fn park(&self, parked: Parked) -> Result<(), PortError> {
        self.adapter.park(parked).await
    }
}

#[async_trait]
impl Postpone for RealQueues {
    async fn postpone(&self, queue: Queue, receipt: &str, delay: Duration) -> Result<(), PortError> {
        self.adapter.postpone(queue, receipt, delay).await
    }
}

#[async_trait]
impl DeadLetters for RealQueues {
    async fn count(&self, queue: Queue) -> Result<u64, PortError> {
        self.adapter.count(queue).await
    }

    async fn take(&self, queue: Queue, max: usize, hold: Duration) -> Result<Vec<DeadLetter>, PortError> {
        self.adapter.take(queue, max, hold).await
    }

    async fn put_down(&self, queue: Queue, receipt: &str) -> Result<(), PortError> {
        self.adapter.put_down(queue, receipt).await
    }

    async fn remove(&self, queue: Queue, receipt: &str) -> Result<(), PortError> {
        self.adapter.remove(queue, receipt).await
    }
}

#[async_trait]
impl queue::QueueService for RealQueues {
    async fn receive(&self, queue: QueueName, max: usize, wait: Duration) -> Vec<Received> {
        let asked = self
            .client
            .receive_message()
            .queue_url(&self.urls[queue.as_str()])
            .max_number_of_messages(i32::try_from(max).unwrap())
            .wait_time_seconds(wait.as_millis().div_ceil(1_000) as i32)
            .message_system_attribute_names(aws_sdk_sqs::types::MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let received = asked.send().await.unwrap().messages.unwrap_or_default();
        received.into_iter().map(read).collect()
    }

    async fn delete(&self, queue: QueueName, receipt: &str) -> bool {
        let asked = self.client.delete_message().queue_url(&self.urls[queue.as_str()]);
        asked.receipt_handle(receipt).send().await.is_ok()
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn visibility(&self) -> Duration {
        self.visibility
    }

    fn margin(&self) -> Duration {
        MARGIN
    }
}

fn read(message: aws_sdk_sqs::types::Message) -> Received {
    use aws_sdk_sqs::types::MessageSystemAttributeName as Name;
    let system = message.attributes.unwrap_or_default();
    let own = message.message_attributes.unwrap_or_default();
    let attributes = own
        .into_iter()
        .map(|(name, value)| (name, value.string_value.unwrap_or_default()));
    Received {
        message_id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        group: system[&Name::MessageGroupId].as_str().into(),
        body: message.body.unwrap_or_default().into(),
        attributes: Arc::new(attributes.collect()),
        receive_count: system[&Name::ApproximateReceiveCount].parse().unwrap(),
        sent_at: UnixNanos::from_millis(system[&Name::SentTimestamp].parse().unwrap()),
    }
}
