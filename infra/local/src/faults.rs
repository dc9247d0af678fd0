//! Faults by plan: wrappers around the ports that make calls fail as the
//! platform's calls do, the same ones for the same seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_service::ports::{
    Appended, Bars, BlockRange, Checkpoints, ConnectionRow, Connections, Enqueue, GroupRow, GroupView,
    Groups, Log, Outgoing, PageRange, PagesOf, Park, Parked, PortError, PortResult, Posted, Postpone, Push,
    Queue, SecretVersions, Secrets, ShardVersion, StoredBlock, StoredCheckpoint, StoredPage, StoredSegment,
    Subscribed, Subscriber, TicketGrant, Tickets, UserConnection,
};
use tickwire_streams::GroupKey;

/// How often calls fail, in a million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// Turned away before any effect.
    pub throttled: u32,
    /// No answer, and no effect.
    pub lost_request: u32,
    /// No answer, but the effect took place.
    pub lost_answer: u32,
}

impl FaultRates {
    /// All three, `per_million` together.
    pub fn even(per_million: u32) -> Self {
        let third = per_million / 3;
        Self {
            throttled: per_million - 2 * third,
            lost_request: third,
            lost_answer: third,
        }
    }
}

/// Port `P`, with faults. The n-th call of a port fails in the same way for
/// the same seed.
pub struct Faulty<P> {
    port: P,
    rates: FaultRates,
    seed: u64,
    calls: AtomicU64,
    faults: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Passes,
    Throttled,
    LostRequest,
    LostAnswer,
}

impl<P> Faulty<P> {
    /// Wraps `port`. Give every port a seed of its own.
    pub fn new(port: P, seed: u64, rates: FaultRates) -> Self {
        Self {
            port,
            rates,
            seed,
            calls: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        }
    }

    /// Calls that failed so far.
    pub fn faults(&self) -> u64 {
        self.faults.load(Relaxed)
    }

    fn fate(&self) -> Fate {
        let call = self.calls.fetch_add(1, Relaxed);
        let draw = (mix(self.seed ^ mix(call)) % 1_000_000) as u32;
        let FaultRates {
            throttled,
            lost_request,
            lost_answer,
        } = self.rates;
        let fate = if draw < throttled {
            Fate::Throttled
        } else if draw < throttled + lost_request {
            Fate::LostRequest
        } else if draw < throttled + lost_request + lost_answer {
            Fate::LostAnswer
        } else {
            return Fate::Passes;
        };
        self.faults.fetch_add(1, Relaxed);
        fate
    }

    async fn meet<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = PortResult<T>> + Send,
    ) -> PortResult<T> {
        match self.fate() {
            Fate::Passes => call.await,
            Fate::Throttled => Err(PortError::Throttled { what }),
            Fate::LostRequest => Err(PortError::Unavailable {
                what,
                why: "the request was lost by plan".into(),
            }),
            Fate::LostAnswer => {
                call.await?;
                Err(PortError::Unavailable {
                    what,
                    why: "the answer was lost by plan".into(),
                })
            }
        }
    }
}

/// The finalizer of SplitMix64: neighbouring numbers come out unrelated.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

macro_rules! faulty {
    ($port:ident { $(fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty;)+ }) => {
        #[async_trait]
        impl<P: $port> $port for Faulty<P> {
            $(async fn $name(&self, $($arg: $type),*) -> PortResult<$result> {
                self.meet(stringify!($name), self.port.$name($($arg),*)).await
            })+
        }

        #[async_trait]
        impl<P: $port + ?Sized> $port for Shared<P> {
            $(async fn $name(&self, $($arg: $type),*) -> PortResult<$result> {
                self.0.$name($($arg),*).await
            })+
        }
    };
}

/// A port that is shared, such as `Shared<dyn Log>`, for a [`Faulty`] to wrap.
pub struct Shared<P: ?Sized>(pub Arc<P>);

faulty!(Log {
    fn append(group: &GroupKey, number: u64, bytes: &[u8]) -> Appended;
    fn read(group: &GroupKey, from: u64, bytes_max: usize) -> Vec<StoredSegment>;
    fn between(group: &GroupKey, from: u64, to: u64) -> Vec<StoredSegment>;
    fn head(group: &GroupKey) -> u64;
    fn forget(group: &GroupKey, numbers: &[u64]) -> ();
});

faulty!(Groups {
    fn group(group: &GroupKey) -> Option<GroupRow>;
    fn create_group(group: &GroupKey, row: &GroupRow) -> GroupRow;
    fn begin_attempt(group: &GroupKey, message_id: &str) -> u32;
    fn end_attempt(group: &GroupKey, message_id: &str) -> ();
    fn groups() -> Vec<GroupKey>;
    fn groups_with_log() -> Vec<GroupKey>;
    fn put_plan(group: &GroupKey, version: u64, bytes: &[u8]) -> ();
    fn plan(group: &GroupKey) -> Option<(u64, Vec<u8>)>;
    fn put_latest(group: &GroupKey, segment: u64, bytes: &[u8]) -> ();
    fn latest(group: &GroupKey) -> Option<(u64, Vec<u8>)>;
    fn views(groups: &[GroupKey]) -> Vec<Option<GroupView>>;
});

faulty!(Checkpoints {
    fn put_page(group: &GroupKey, segment: u64, page: u32, bytes: &[u8]) -> ();
    fn pages(group: &GroupKey, pages: &[(u64, u32)]) -> Vec<Option<Vec<u8>>>;
    fn put_manifest(group: &GroupKey, segment: u64, bytes: &[u8]) -> ();
    fn manifests(group: &GroupKey, segment_max: u64, limit: usize) -> Vec<StoredCheckpoint>;
    fn delete(group: &GroupKey, segment: u64, pages: &[(u64, u32)]) -> ();
});

faulty!(Bars {
    fn put_block(group: &GroupKey, timeframe: Timeframe, first_end: UnixNanos, segment: u64, bytes: &[u8]) -> ();
    fn blocks(group: &GroupKey, range: BlockRange) -> Vec<StoredBlock>;
    fn block_names(group: &GroupKey, range: BlockRange) -> Vec<(UnixNanos, u64)>;
    fn delete_blocks(group: &GroupKey, timeframe: Timeframe, names: &[(UnixNanos, u64)]) -> ();
    fn put_bar_page(of: PagesOf<'_>, start: UnixNanos, was: u64, bytes: &[u8]) -> bool;
    fn bar_pages(of: PagesOf<'_>, range: PageRange) -> Vec<StoredPage>;
});

faulty!(Enqueue {
    fn send(queue: Queue, message: Outgoing) -> ();
});

faulty!(Park {
    fn park(parked: Parked) -> ();
});

faulty!(Postpone {
    fn postpone(queue: Queue, receipt: &str, delay: Duration) -> ();
});

faulty!(Connections {
    fn open(row: &ConnectionRow) -> ();
    fn connection(connection: &str) -> Option<ConnectionRow>;
    fn update(row: &ConnectionRow, was: u64, subscribed: &[Subscribed]) -> bool;
    fn begin_close(connection: &str) -> Option<ConnectionRow>;
    fn close(connection: &str, shards: &[(GroupKey, u16)]) -> ();
    fn drop_streams(group: &GroupKey, shard: u16, connection: &str, keys: &[String]) -> ();
    fn connections_of(user: &str) -> Vec<UserConnection>;
    fn mark_behind(group: &GroupKey, shard: u16, connection: &str) -> ();
    fn shard_version(group: &GroupKey, shard: u16) -> ShardVersion;
    fn subscribers(group: &GroupKey, shard: u16) -> Vec<Subscriber>;
    fn subscribers_of(group: &GroupKey, shard: u16, connections: &[String]) -> Vec<Subscriber>;
});

faulty!(Push {
    fn post(connection: &str, frame: String) -> Posted;
    fn stands(connection: &str) -> bool;
    fn disconnect(connection: &str) -> ();
});

faulty!(Tickets {
    fn put_ticket(hash: &str, grant: &TicketGrant) -> ();
    fn take_ticket(hash: &str) -> Option<TicketGrant>;
});

faulty!(Secrets {
    fn secret(name: &str) -> SecretVersions;
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::Sockets;

    #[tokio::test]
    async fn the_same_seed_makes_the_same_faults() {
        let run = async |seed: u64| {
            let sockets = Sockets::new(Arc::default());
            let faulty = Faulty::new(sockets, seed, FaultRates::even(300_000));
            let mut answers = String::new();
            for _ in 0..1_000 {
                answers.push(match faulty.post("nobody", "x".into()).await {
                    Ok(_) => '.',
                    Err(PortError::Throttled { .. }) => 'T',
                    Err(PortError::Unavailable { why, .. }) if why.contains("answer") => 'A',
                    Err(_) => 'R',
                });
            }
            (answers, faulty.faults())
        };
        let (first, faults) = run(7).await;
        assert_eq!(run(7).await.0, first);
        assert_ne!(run(8).await.0, first);
        assert!((250..350).contains(&faults), "{faults}");
        for kind in ['T', 'A', 'R'] {
            assert!(first.matches(kind).count() > 60, "{kind}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_lost_after_the_effect_and_a_request_before_it() {
        let check = async |rates: FaultRates, effect: bool| {
            let sockets = Arc::new(Sockets::new(Arc::default()));
            let mut frames = sockets.register("a");
            let faulty = Faulty::new(Shared(Arc::clone(&sockets)), 1, rates);
            assert!(faulty.post("a", "x".into()).await.is_err());
            assert_eq!(frames.try_recv().is_ok(), effect);
        };
        check(
            FaultRates {
                lost_answer: 1_000_000,
                ..FaultRates::default()
            },
            true,
        )
        .await;
        check(
            FaultRates {
                lost_request: 1_000_000,
                ..FaultRates::default()
            },
            false,
        )
        .await;
        check(
            FaultRates {
                throttled: 1_000_000,
                ..FaultRates::default()
            },
            false,
        )
        .await;
    }
}
