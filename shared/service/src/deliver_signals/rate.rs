//! How many frames users are sent: no more than their tier has.
//!
//! A process alone counts what it sends itself, exactly. Of several, each takes a lease of frames
//! out of a row that all of them share, about as many as the last lasted for, and sends these
//! within [`FRAMES_LEASE_S`] without asking again; what is left of them goes back with the next. So
//! a minute holds at most what is taken in a minute and these seconds: a fifth more than the tier
//! has. A lease costs one write unit, and one more for each other that came between.
//!
//! What goes over the rate is not dropped: it is carried, conflated to the latest of each stream,
//! and goes with the next frame that may be sent. The same becomes of it where no lease can be had.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use rustc_hash::FxHashMap;
use tickwire_entitlements::{Identity, Usage};
use tickwire_market::UnixNanos;

use crate::limit_use::{Counted, change};
use crate::ports::{PortResult, UsageRows};

/// Users whose frames are counted, and connections that were told.
const ENTRIES_MAX: u64 = 100_000;
/// A connection is told once in so long that its streams are conflated, in seconds.
const TOLD_EVERY_S: i64 = 60;
/// How long the frames of a lease may be sent, in seconds.
pub const FRAMES_LEASE_S: i64 = 10;
const LEASE_NANOS: i64 = FRAMES_LEASE_S * UnixNanos::PER_SECOND;
/// Part of what a tier has in 5 s that one process takes at most: others are to have some too.
const LEASE_PART: u32 = 4;
/// Leases taken at once.
const LEASES_AT_ONCE: usize = 64;

/// Whose frames they are, and where they are counted, once that was looked up.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) identity: &'a Identity,
    pub(super) user: &'a OnceLock<Arc<User>>,
}

/// What this process knows of the frames of a user.
#[derive(Debug, Default)]
struct Frames {
    /// What was counted: by this process, or by all, as far as it has seen.
    counted: Option<Usage>,
    lease: Lease,
}

/// A user whose frames are counted.
#[derive(Debug, Default)]
pub(super) struct User {
    frames: Mutex<Frames>,
    /// Held while a lease is taken: one of a process at a time.
    leasing: tokio::sync::Mutex<()>,
}

impl User {
    fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Frames that were counted before they are sent.
#[derive(Clone, Copy, Debug, Default)]
struct Lease {
    at: UnixNanos,
    held: u32,
    sent: u32,
}

impl Lease {
    fn held(&self, now: UnixNanos) -> u32 {
        match now.nanos_since(self.at) < LEASE_NANOS {
            true => self.held,
            false => 0,
        }
    }
}

/// Counts of this process.
pub(super) struct Rates {
    /// Where all processes count; without, this one counts alone.
    shared: Option<Arc<dyn UsageRows>>,
    users: moka::sync::Cache<String, Arc<User>>,
    told: moka::sync::Cache<String, UnixNanos>,
}

impl Rates {
    /// Counting in rows that all processes share, or alone.
    pub(super) fn new(shared: Option<Arc<dyn UsageRows>>) -> Self {
        Self {
            shared,
            users: moka::sync::Cache::new(ENTRIES_MAX),
            told: moka::sync::Cache::new(ENTRIES_MAX),
        }
    }

    /// Sees to it that so many frames can be taken of each user, as far as they may be sent.
    pub(super) async fn lease<'a>(&self, wanted: impl Iterator<Item = (Reader<'a>, usize)>, now: UnixNanos) {
        let Some(rows) = &self.shared else { return };
        let mut of_users: FxHashMap<&str, (Reader<'_>, u32)> = FxHashMap::default();
        for (reader, frames) in wanted {
            let (_, sum) = of_users.entry(&reader.identity.user).or_insert((reader, 0));
            *sum = sum.saturating_add(u32::try_from(frames).unwrap_or(u32::MAX));
        }
        stream::iter(of_users.into_values())
            .for_each_concurrent(LEASES_AT_ONCE, |(reader, frames)| async move {
                if let Err(error) = self.renew(rows.as_ref(), reader, frames, now).await {
                    tracing::warn!(%error, "frames could not be counted: they wait");
                }
            })
            .await;
    }

    async fn renew(
        &self,
        rows: &dyn UsageRows,
        reader: Reader<'_>,
        frames: u32,
        now: UnixNanos,
    ) -> PortResult<()> {
        let Reader { identity, .. } = reader;
        let user = self.user(reader);
        let _one_at_a_time = user.leasing.lock().await;
        let (stands, last) = {
            let mut of_user = user.frames();
            let last = of_user.lease;
            if last.held(now) >= frames {
                return Ok(());
            }
            // Nobody sends what is to go back.
            of_user.lease.held = 0;
            (of_user.counted.clone(), last)
        };
        let windows = identity.tier.limits().frames();
        let smallest = windows.iter().map(|window| window.limit).min();
        // As many as were sent of the last one; twice that, if it did not last.
        let lasted = now.nanos_since(last.at) >= LEASE_NANOS;
        let estimate = last.sent.saturating_mul(if lasted { 1 } else { 2 });
        let wanted = frames.max(estimate.min(smallest.unwrap_or_default() / LEASE_PART));
        let name = Counted::Frames(&identity.user).name();
        let changed = change(rows, &name, stands, |usage| {
            usage.give_back(last.at, last.held);
            let (taken, _) = usage.take(&windows, now, wanted);
            (taken > last.held(now), taken)
        })
        .await;
        let mut of_user = user.frames();
        match changed {
            Ok((usage, true, taken)) => {
                of_user.counted = Some(usage);
                of_user.lease = Lease {
                    at: now,
                    held: taken,
                    sent: 0,
                };
                Ok(())
            }
            Ok((_, false, _)) => {
                of_user.lease.held = last.held;
                Ok(())
            }
            Err(error) => {
                of_user.lease.held = last.held;
                Err(error)
            }
        }
    }

    /// The one of all connections of the user.
    fn user<'a>(&self, reader: Reader<'a>) -> &'a User {
        let look_up = || self.users.get_with_by_ref(&reader.identity.user, Arc::default);
        reader.user.get_or_init(look_up)
    }

    /// Counts up to `frames` of a user; how many of them may be sent.
    pub(super) fn take(&self, reader: Reader<'_>, now: UnixNanos, frames: usize) -> u32 {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        let mut of_user = self.user(reader).frames();
        if self.shared.is_none() {
            let windows = reader.identity.tier.limits().frames();
            let counted = of_user.counted.get_or_insert_default();
            return counted.take(&windows, now, frames).0;
        }
        let lease = &mut of_user.lease;
        let taken = frames.min(lease.held(now));
        lease.held -= taken;
        lease.sent = lease.sent.saturating_add(taken);
        taken
    }

    /// Gives back a frame that was counted at `at` and not sent.
    pub(super) fn give_back(&self, reader: Reader<'_>, at: UnixNanos) {
        let mut of_user = self.user(reader).frames();
        match self.shared {
            None => {
                if let Some(counted) = &mut of_user.counted {
                    counted.give_back(at, 1);
                }
            }
            // What a lease before this one held is counted for good.
            Some(_) if of_user.lease.at <= at => {
                of_user.lease.held = of_user.lease.held.saturating_add(1);
                of_user.lease.sent = of_user.lease.sent.saturating_sub(1);
            }
            Some(_) => {}
        }
    }

    /// Whether a connection that is over the rate is to be told so now.
    pub(super) fn tell(&self, connection: &str, now: UnixNanos) -> bool {
        let lately = |at: UnixNanos| now.nanos_since(at) < TOLD_EVERY_S * UnixNanos::PER_SECOND;
        let tell = !self.told.get(connection).is_some_and(lately);
        if tell {
            self.told.insert(connection.to_owned(), now);
        }
        tell
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use async_trait::async_trait;
    use futures_util::FutureExt as _;
    use proptest::prelude::*;
    use tickwire_entitlements::{Proof, Tier};

    use super::*;
    use crate::ports::Swapped;

    #[derive(Default)]
    struct Row {
        usage: Mutex<Option<Usage>>,
        writes: AtomicU32,
    }

    #[async_trait]
    impl UsageRows for Row {
        async fn usage(&self, _: &str) -> PortResult<Option<Usage>> {
            Ok(self.usage.lock().unwrap().clone())
        }

        async fn swap_usage(&self, _: &str, was: Option<&Usage>, usage: &Usage) -> PortResult<Swapped> {
            self.writes.fetch_add(1, Relaxed);
            let mut stands = self.usage.lock().unwrap();
            if stands.as_ref() != was {
                return Ok(Err(stands.clone()));
            }
            *stands = Some(usage.clone());
            Ok(Ok(()))
        }
    }

    /// A connection of a user at one of several processes.
    struct Connection {
        rates: Rates,
        identity: Identity,
        user: OnceLock<Arc<User>>,
    }

    impl Connection {
        fn of(tier: Tier, row: &Arc<Row>) -> Self {
            Self {
                rates: Rates::new(Some(row.clone())),
                identity: identity(tier),
                user: OnceLock::new(),
            }
        }

        fn reader(&self) -> Reader<'_> {
            let Self { identity, user, .. } = self;
            Reader { identity, user }
        }

        fn send(&self, now: UnixNanos, frames: usize) -> u32 {
            let leased = self.rates.lease([(self.reader(), frames)].into_iter(), now);
            leased.now_or_never().unwrap();
            self.rates.take(self.reader(), now, frames)
        }
    }

    fn at(millis: i64) -> UnixNanos {
        UnixNanos((1_795_000_000_000 + millis) * UnixNanos::PER_MILLISECOND)
    }

    fn identity(tier: Tier) -> Identity {
        Identity {
            user: "asha".to_owned(),
            tier,
            expires_at: UnixNanos(i64::MAX),
            proof: Proof::default(),
        }
    }

    proptest! {
        #[test]
        fn a_minute_holds_at_most_a_fifth_more_however_many_processes_send(
            steps in prop::collection::vec((0_usize..4, 0_i64..400, 1_usize..30), 1..600),
        ) {
            let minute = Tier::Free.limits().stream_messages_per_minute_max;
            let row = Arc::<Row>::default();
            let processes: [Connection; 4] = std::array::from_fn(|_| Connection::of(Tier::Free, &row));
            let mut now = 0;
            let mut sent: Vec<(i64, u32)> = Vec::new();
            for (process, after, frames) in steps {
                now += after;
                let process = &processes[process];
                let taken = process.send(at(now), frames);
                prop_assert!(taken as usize <= frames);
                sent.push((now, taken));
                // One of them was put off.
                if taken > 0 && frames % 3 == 0 {
                    process.rates.give_back(process.reader(), at(now));
                    sent.last_mut().unwrap().1 -= 1;
                }
                let in_the_minute = sent.iter().filter(|(time, _)| now - time < 60_000);
                let sum: u32 = in_the_minute.map(|(_, taken)| taken).sum();
                prop_assert!(sum <= minute + minute / 5, "{sum} at {now}");
            }
        }
    }

    #[test]
    fn a_lease_serves_for_seconds() {
        let check = |frames_per_second: i64, writes_max: u32| {
            let row = Arc::<Row>::default();
            let process = Connection::of(Tier::Enterprise, &row);
            for nth in 0..60 * frames_per_second {
                assert_eq!(process.send(at(nth * 1_000 / frames_per_second), 1), 1);
            }
            let writes = row.writes.load(Relaxed);
            assert!(writes <= writes_max, "{writes} of {frames_per_second}");
        };
        check(1, 12);
        check(40, 18);
        check(200, 35);
    }
}
