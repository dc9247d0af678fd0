//! All use cases over the twins: ticks go in at one end, frames come out at the other.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tickwire_entitlements::{Identity, Policy, Proof, Tier};
use tickwire_market::{Calendar, InstrumentKey, Tick, UnixNanos};
use tickwire_signals::ReferenceChange;
use tickwire_streams::{GroupKey, PostQuota, StreamKey, Universe};
use tickwire_wire::{Sender, plan_message, reference_message, ticks_message};

use super::{Sockets, Turns};
use crate::access::Access;
use crate::authenticate::Authenticate;
use crate::deliver_signals::{Deliver, DeliverPorts};
use crate::ingest_ticks::Ingest;
use crate::manage_subscription::{ManageSubscription, SubscriptionPorts};
use crate::open_connection::{ConnectionPorts, OpenConnection};
use crate::placement::Placement;
use crate::ports::{Enqueue as _, Outgoing, PortResult, Queue};
use crate::query_history::QueryPorts;
use crate::queue_message::QueueMessage;
use crate::testing::{Process, Store};

/// When a test begins: 2026-11-18T11:06:40Z.
pub const NOW: UnixNanos = UnixNanos(1_795_000_000 * UnixNanos::PER_SECOND);
/// An instrument that is traded around the clock.
pub const PRICED: &str = "BINANCE@BTCUSDT@SPOT";
/// Turns that a post may take.
const POST_TURNS: u32 = 64;

/// All use cases over the twins.
pub struct House {
    /// Store and queues.
    pub store: Arc<Store>,
    /// The ports of ingest.
    pub process: Arc<Process>,
    /// The ports around sockets.
    pub sockets: Arc<Sockets>,
    /// Ticks to segments.
    pub ingest: Ingest,
    /// Segments to frames.
    pub deliver: Arc<Deliver>,
    /// What that was made of, for others beside it.
    pub deliver_ports: DeliverPorts,
    /// Connections.
    pub connections: OpenConnection,
    /// Subscriptions.
    pub subscriptions: ManageSubscription,
    /// The ports of questions.
    pub query: QueryPorts,
    /// Where things belong.
    pub placement: Placement,
    ticks_taken: AtomicUsize,
    signals_taken: AtomicUsize,
    seq: AtomicU64,
    time: Mutex<UnixNanos>,
}

impl Default for House {
    fn default() -> Self {
        Self::new()
    }
}

impl House {
    /// An empty one, in which a product `gold` of all streams is on sale.
    pub fn new() -> Self {
        Self::within(None)
    }

    /// An empty one whose instruments are grouped by `placement`.
    pub fn placed(placement: Placement) -> Self {
        Self::with(placement, None)
    }

    /// An empty one whose deliverer posts no more than a quota.
    pub fn within(quota: Option<PostQuota>) -> Self {
        Self::with(Placement::default(), quota)
    }

    /// Finds out who asks, by the tokens that [`SECRET`](super::SECRET) signs.
    pub fn authenticate(&self) -> Authenticate {
        Authenticate::new(
            self.sockets.clone(),
            self.sockets.clone(),
            self.query.access.clone(),
            self.process.clone(),
            self.process.clone(),
            "tokens",
        )
    }

    fn with(placement: Placement, quota: Option<PostQuota>) -> Self {
        let store = Store::new(NOW);
        let process = store.process();
        let sockets = Sockets::new();
        sockets.sell("gold", Policy::Auto, &[&["*:*:*"]]);
        let timer = Arc::new(Turns(POST_TURNS));
        let access = Access::new(sockets.clone(), sockets.clone(), process.clone());
        let deliver = DeliverPorts {
            groups: process.clone(),
            connections: sockets.clone(),
            push: sockets.clone(),
            park: process.clone(),
            postpone: process.clone(),
            timer: timer.clone(),
            access: access.clone(),
            clock: process.clone(),
        };
        let connections = ConnectionPorts {
            connections: sockets.clone(),
            groups: process.clone(),
            push: sockets.clone(),
            access: access.clone(),
            clock: process.clone(),
        };
        let subscriptions = SubscriptionPorts {
            connections: sockets.clone(),
            groups: process.clone(),
            log: process.clone(),
            push: sockets.clone(),
            enqueue: process.clone(),
            access: access.clone(),
            clock: process.clone(),
        };
        let query = QueryPorts {
            groups: process.clone(),
            log: process.clone(),
            bars: process.clone(),
            access,
            secrets: sockets.clone(),
            clock: process.clone(),
            timer,
        };
        Self {
            ingest: Ingest::new(process.ingest_ports()),
            deliver: Arc::new(
                Deliver::new(deliver.clone(), placement.clone())
                    .marked_by(sockets.clone())
                    .within(quota),
            ),
            deliver_ports: deliver,
            connections: OpenConnection::new(connections, placement.clone(), Universe::live()),
            subscriptions: ManageSubscription::new(subscriptions, placement.clone())
                .marked_by(sockets.clone()),
            query,
            store,
            process,
            sockets,
            placement,
            ticks_taken: AtomicUsize::new(0),
            signals_taken: AtomicUsize::new(0),
            seq: AtomicU64::new(0),
            time: Mutex::new(NOW),
        }
    }

    /// The group of an instrument.
    pub fn group_of(&self, instrument: &InstrumentKey) -> GroupKey {
        self.placement.group_of(&Universe::live(), instrument)
    }

    /// An identity that holds for a day.
    pub fn identity(&self, user: &str, tier: Tier) -> Identity {
        let expires_at = NOW.saturating_add(86_400 * UnixNanos::PER_SECOND);
        Identity {
            user: user.to_owned(),
            tier,
            expires_at,
            proof: Proof {
                id: format!("proof-{user}"),
                issued_at: NOW,
            },
        }
    }

    async fn send(
        &self,
        group: &GroupKey,
        body: impl FnOnce(&Sender<'_>) -> String,
        events: u64,
    ) -> PortResult<()> {
        let seq = self.seq.fetch_add(events, Ordering::Relaxed);
        let body = body(&Sender {
            group,
            source: "feed",
            epoch: 1,
            seq,
            sent: NOW,
        });
        let message = Outgoing {
            group: group.to_string(),
            deduplication: format!("feed:{seq}"),
            body,
        };
        self.process.send(Queue::Ticks, message).await
    }

    /// Makes an instrument known, with streams; its calendar is that of its exchange.
    pub async fn know(&self, instrument: &InstrumentKey, streams: &[StreamKey]) -> PortResult<()> {
        let group = self.group_of(instrument);
        let calendar = Calendar::of(instrument).unwrap_or(Calendar::Crypto);
        let change = ReferenceChange::Instrument {
            instrument: instrument.clone(),
            calendar,
            tick_size: None,
        };
        self.send(&group, |sender| reference_message(sender, &[change]), 1)
            .await?;
        self.send(
            &group,
            |sender| plan_message(sender, streams, &[]),
            streams.len() as u64,
        )
        .await?;
        self.fold().await;
        Ok(())
    }

    /// Tells what is known of an instrument's group.
    pub async fn refer(&self, instrument: &InstrumentKey, change: ReferenceChange) -> PortResult<()> {
        let group = self.group_of(instrument);
        self.send(&group, |sender| reference_message(sender, &[change]), 1)
            .await?;
        self.fold().await;
        Ok(())
    }

    /// Sends one tick, a second after the one before.
    pub async fn tick(&self, instrument: &InstrumentKey, price: f64) -> PortResult<()> {
        let time = {
            let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
            *time = time.saturating_add(UnixNanos::PER_SECOND);
            *time
        };
        let tick = Tick::at(instrument.clone(), time, price);
        self.send(
            &self.group_of(instrument),
            |sender| ticks_message(sender, [&tick]),
            1,
        )
        .await
    }

    /// Folds what waits in the queue of ticks.
    pub async fn fold(&self) {
        let from = self.ticks_taken.load(Ordering::Relaxed);
        let messages: Vec<QueueMessage> = {
            let content = self.store.content();
            self.ticks_taken.store(content.sent.len(), Ordering::Relaxed);
            let waiting = content
                .sent
                .iter()
                .enumerate()
                .skip(from)
                .filter(|(_, (queue, _))| *queue == Queue::Ticks);
            waiting
                .map(|(nth, (_, message))| QueueMessage {
                    id: format!("t{nth}"),
                    group: message.group.clone(),
                    receipt: format!("t{nth}"),
                    body: message.body.clone(),
                    receive_count: 1,
                })
                .collect()
        };
        let failed = self.ingest.ingest(messages).await;
        assert!(failed.is_empty(), "folding failed: {failed:?}");
    }

    /// What waits in the queue of signals; it is taken out.
    pub fn publications(&self) -> Vec<QueueMessage> {
        let content = self.store.content();
        let from = self.signals_taken.swap(content.sent.len(), Ordering::Relaxed);
        let waiting = content
            .sent
            .iter()
            .enumerate()
            .skip(from)
            .filter(|(_, (queue, _))| *queue == Queue::Signals);
        waiting
            .map(|(nth, (_, message))| QueueMessage {
                id: format!("s{nth}"),
                group: message.group.clone(),
                receipt: format!("s{nth}"),
                body: message.body.clone(),
                receive_count: 1,
            })
            .collect()
    }

    /// Delivers what waits; returns what is to come back.
    pub async fn deliver_all(&self) -> Vec<String> {
        self.deliver.deliver(self.publications()).await
    }

    /// Opens a connection and greets with request 1.
    pub async fn connect(&self, connection: &str, tier: Tier) -> String {
        if let Err(fault) = self
            .connections
            .open(connection, &self.identity("asha", tier))
            .await
        {
            return fault.to_string();
        }
        self.subscriptions
            .request(connection, r#"{"id":1,"op":"hello"}"#)
            .await
    }
}
