//! The meter: what a run uses of what is paid for.
//!
//! Adapters and twins record every call here, so that an embedded run shows
//! the units that the same run would use on AWS.

use std::array;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Bytes of a message that are billed as one call to SQS.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const queue_chunk_bytes: usize = 64 * 1024;

/// Bytes of a frame that are billed as one message of a WebSocket API.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const post_chunk_bytes: usize = 32 * 1024;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// Its name in snapshots and metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

named! {
    /// A table.
    Table {
        /// Segments.
        Log = "log",
        /// Rows of groups.
        Groups = "groups",
        /// Checkpoints.
        Checkpoints = "checkpoints",
        /// Stored bars.
        Bars = "bars",
        /// Connections and subscribers.
        Connections = "connections",
        /// One-time tickets.
        Tickets = "tickets",
        /// Grants of products to users.
        Grants = "grants",
        /// What was taken back, keys, products, limits.
        Access = "access",
    }
}

named! {
    /// A call to the store.
    StoreCall {
        /// GetItem.
        Get = "get",
        /// BatchGetItem.
        BatchGet = "batch_get",
        /// Query.
        Query = "query",
        /// PutItem.
        Put = "put",
        /// UpdateItem.
        Update = "update",
        /// DeleteItem.
        Delete = "delete",
        /// BatchWriteItem.
        BatchWrite = "batch_write",
        /// TransactWriteItems.
        TransactWrite = "transact_write",
    }
}

impl StoreCall {
    /// Whether its capacity is counted in read units.
    fn reads(self) -> bool {
        matches!(self, Self::Get | Self::BatchGet | Self::Query)
    }
}

named! {
    /// A call to the queues.
    QueueCall {
        /// SendMessage.
        Send = "send",
        /// ReceiveMessage.
        Receive = "receive",
        /// DeleteMessage.
        Delete = "delete",
        /// ChangeMessageVisibility.
        Postpone = "postpone",
    }
}

/// Counters of what is paid for. Cheap: relaxed atomics.
#[derive(Debug)]
pub struct Meter {
    store: [[StoreCells; StoreCall::ALL.len()]; Table::ALL.len()],
    queue: [QueueCells; QueueCall::ALL.len()],
    posts: AtomicU64,
    post_chunks: AtomicU64,
    posts_throttled: AtomicU64,
    posts_gone: AtomicU64,
}

#[derive(Debug, Default)]
struct StoreCells {
    calls: AtomicU64,
    /// DynamoDB bills in halves of a unit.
    half_units: AtomicU64,
    conditions_failed: AtomicU64,
    throttled: AtomicU64,
}

#[derive(Debug, Default)]
struct QueueCells {
    calls: AtomicU64,
    messages: AtomicU64,
    chunks: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            store: array::from_fn(|_| array::from_fn(|_| StoreCells::default())),
            queue: array::from_fn(|_| QueueCells::default()),
            posts: AtomicU64::default(),
            post_chunks: AtomicU64::default(),
            posts_throttled: AtomicU64::default(),
            posts_gone: AtomicU64::default(),
        }
    }
}

impl Meter {
    fn cells(&self, table: Table, call: StoreCall) -> &StoreCells {
        &self.store[table as usize][call as usize]
    }

    /// A call to the store that was answered; `units` as its answer says.
    pub fn store(&self, table: Table, call: StoreCall, units: f64) {
        let cells = self.cells(table, call);
        cells.calls.fetch_add(1, Relaxed);
        // Units are small, not negative, and multiples of one half.
        cells.half_units.fetch_add((units * 2.0).round() as u64, Relaxed);
    }

    /// A write whose condition failed. It is billed by the size of the item
    /// and its answer does not say so: one unit for every KB begun.
    pub fn condition_failed(&self, table: Table, call: StoreCall, item_bytes: usize) {
        let cells = self.cells(table, call);
        cells.calls.fetch_add(1, Relaxed);
        cells.conditions_failed.fetch_add(1, Relaxed);
        cells
            .half_units
            .fetch_add(2 * item_bytes.div_ceil(1024).max(1) as u64, Relaxed);
    }

    /// A call to the store that was turned away.
    pub fn store_throttled(&self, table: Table, call: StoreCall) {
        self.cells(table, call).throttled.fetch_add(1, Relaxed);
    }

    /// A call to a queue that carried `messages` of `bytes` together. SQS bills
    /// every 64 KB begun as one call.
    pub fn queue(&self, call: QueueCall, messages: usize, bytes: usize) {
        let cells = &self.queue[call as usize];
        cells.calls.fetch_add(1, Relaxed);
        cells.messages.fetch_add(messages as u64, Relaxed);
        cells
            .chunks
            .fetch_add(bytes.div_ceil(queue_chunk_bytes).max(1) as u64, Relaxed);
    }

    /// A frame that was taken.
    pub fn post(&self, bytes: usize) {
        self.posts.fetch_add(1, Relaxed);
        self.post_chunks
            .fetch_add(bytes.div_ceil(post_chunk_bytes).max(1) as u64, Relaxed);
    }

    /// A frame that was turned away (429).
    pub fn post_throttled(&self) {
        self.posts_throttled.fetch_add(1, Relaxed);
    }

    /// A frame whose connection is gone (410).
    pub fn post_gone(&self) {
        self.posts_gone.fetch_add(1, Relaxed);
    }

    /// What was counted so far. Calls that were never made are left out.
    pub fn snapshot(&self) -> MeterSnapshot {
        let store = Table::ALL.map(|table| {
            let calls = StoreCall::ALL.map(|call| {
                let cells = self.cells(table, call);
                let units = cells.half_units.load(Relaxed) as f64 / 2.0;
                let (read_units, write_units) = if call.reads() { (units, 0.0) } else { (0.0, units) };
                let use_ = StoreUse {
                    calls: cells.calls.load(Relaxed),
                    read_units,
                    write_units,
                    conditions_failed: cells.conditions_failed.load(Relaxed),
                    throttled: cells.throttled.load(Relaxed),
                };
                (call.as_str(), use_)
            });
            (
                table.as_str(),
                calls
                    .into_iter()
                    .filter(|(_, u)| u.calls + u.throttled > 0)
                    .collect::<BTreeMap<_, _>>(),
            )
        });
        let queue = QueueCall::ALL.map(|call| {
            let cells = &self.queue[call as usize];
            let use_ = QueueUse {
                calls: cells.calls.load(Relaxed),
                messages: cells.messages.load(Relaxed),
                chunks_billed: cells.chunks.load(Relaxed),
            };
            (call.as_str(), use_)
        });
        MeterSnapshot {
            store: store.into_iter().filter(|(_, calls)| !calls.is_empty()).collect(),
            queue: queue.into_iter().filter(|(_, u)| u.calls > 0).collect(),
            posts: PostUse {
                taken: self.posts.load(Relaxed),
                chunks_billed: self.post_chunks.load(Relaxed),
                throttled: self.posts_throttled.load(Relaxed),
                gone: self.posts_gone.load(Relaxed),
            },
        }
    }
}

/// What a [`Meter`] counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MeterSnapshot {
    /// By table and call.
    pub store: BTreeMap<&'static str, BTreeMap<&'static str, StoreUse>>,
    /// By call.
    pub queue: BTreeMap<&'static str, QueueUse>,
    /// Frames to connections.
    pub posts: PostUse,
}

impl MeterSnapshot {
    /// Read units of all tables.
    pub fn read_units(&self) -> f64 {
        self.store
            .values()
            .flat_map(BTreeMap::values)
            .map(|u| u.read_units)
            .sum()
    }

    /// Write units of all tables.
    pub fn write_units(&self) -> f64 {
        self.store
            .values()
            .flat_map(BTreeMap::values)
            .map(|u| u.write_units)
            .sum()
    }

    /// Calls to the queues as they are billed.
    pub fn queue_chunks_billed(&self) -> u64 {
        self.queue.values().map(|u| u.chunks_billed).sum()
    }
}

/// One call of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StoreUse {
    /// Calls that were answered, failed conditions among them.
    pub calls: u64,
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units, those of failed conditions among them.
    pub write_units: f64,
    /// Writes whose condition failed.
    pub conditions_failed: u64,
    /// Calls that were turned away.
    pub throttled: u64,
}

/// One call to the queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueUse {
    /// Calls.
    pub calls: u64,
    /// Messages in them.
    pub messages: u64,
    /// Calls as they are billed: one for every 64 KB begun.
    pub chunks_billed: u64,
}

/// Frames to connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PostUse {
    /// Taken.
    pub taken: u64,
    /// Frames taken as they are billed: one for every 32 KB begun.
    pub chunks_billed: u64,
    /// Turned away (429).
    pub throttled: u64,
    /// To connections that are gone (410).
    pub gone: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_billed() {
        let meter = Meter::default();
        meter.store(Table::Log, StoreCall::Query, 0.5);
        meter.store(Table::Log, StoreCall::Query, 2.0);
        meter.store(Table::Groups, StoreCall::Put, 3.0);
        meter.condition_failed(Table::Log, StoreCall::Put, 1025);
        meter.condition_failed(Table::Log, StoreCall::Put, 0);
        meter.store_throttled(Table::Bars, StoreCall::Get);
        meter.queue(QueueCall::Send, 1, 64 * 1024 + 1);
        meter.queue(QueueCall::Receive, 0, 0);
        meter.post(10);
        meter.post(32 * 1024 + 1);
        meter.post_gone();
        let snapshot = meter.snapshot();
        assert_eq!(snapshot.read_units(), 2.5);
        assert_eq!(snapshot.write_units(), 6.0);
        assert_eq!(snapshot.queue_chunks_billed(), 3);
        let log_put = snapshot.store["log"]["put"];
        assert_eq!(
            (log_put.calls, log_put.conditions_failed, log_put.write_units),
            (2, 2, 3.0)
        );
        assert_eq!(
            snapshot.store["bars"]["get"],
            StoreUse {
                throttled: 1,
                ..StoreUse::default()
            }
        );
        assert_eq!(
            snapshot.posts,
            PostUse {
                taken: 2,
                chunks_billed: 3,
                throttled: 0,
                gone: 1
            }
        );
        assert!(!snapshot.store.contains_key("tickets"));
    }
}
