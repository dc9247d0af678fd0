//! The posts of a run: all at once, or in turn when they are short.

use std::iter;
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, pending, select};
use futures_util::poll;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::smallvec;
use tickwire_market::UnixNanos;
use tickwire_signals::{Signal, StreamId};
use tickwire_streams::{GroupKey, Span};
use tickwire_wire::{Downgraded, Mode, Publication, downgraded_push};

use super::carry::{Due, Place, dues};
use super::outboxes::{Filled, Frames, Outboxes, Sent};
use super::pace::{Pace, TURNS_LOOK, TURNS_TIME, TURNS_TIME_MIN};
use super::shard::{Index, Member};
use super::{Deliver, DeliverStats, POST_BUDGET, POSTS_AT_ONCE};
use crate::open_connection::forget;
use crate::ports::{PortError, Posted};

/// What became of the frames of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Taken,
    Gone,
    /// Some were not taken: a hole, which the client sees and fills.
    Hole,
    /// It is to be left alone for a time.
    Throttled,
}

/// What a member is to be sent.
type DueTo = (u32, Vec<Due>);

impl Deliver {
    /// Posts what connections are to have of a run, and of what was carried. Returns what is still
    /// due to those that could not be posted to.
    pub(super) async fn post_run(
        &self,
        run: &[Publication],
        place: Place<'_>,
        index: &Index,
        mut outboxes: Outboxes<'_>,
        carried: &FxHashMap<u32, Vec<Due>>,
    ) -> Vec<DueTo> {
        let wanted = Self::fill(run, index, &mut outboxes, carried);
        DeliverStats::add(&self.stats.signals_wanted, wanted);
        let now = self.ports.clock.now();
        let members = &index.subscribers.members;
        let mut ready = outboxes.finish();
        let waiting = ready.extract_if(.., |filled| {
            let row = members.get(filled.member as usize);
            // Who has resumed since is tried again.
            row.is_some_and(|row| row.behind.load(Relaxed) && self.throttled.waits(&row.connection, now))
        });
        let mut unsent: FxHashSet<u32> = waiting.map(|filled| filled.member).collect();
        for member in &unsent {
            if let Some(row) = members.get(*member as usize) {
                self.missed((place.0, place.1), row).await;
            }
        }
        let wanted = ready.iter().filter_map(|filled| {
            let row = members.get(filled.member as usize)?;
            Some((row.reader(), filled.frames.len()))
        });
        self.rates.lease(wanted, now).await;
        let over = ready.extract_if(.., |filled| {
            let row = members.get(filled.member as usize);
            row.is_none_or(|row| self.rates.take(row.reader(), now, 1) == 0)
        });
        let over: Vec<Filled> = over.collect();
        let held = self.hold(run, index, carried, &over);
        let posts = ready.iter().map(|filled| filled.frames.len()).sum();
        let short = self.pace.as_ref().filter(|pace| !pace.take(now, posts));
        let mut left = match short {
            None => {
                unsent.extend(self.post_at_once(place, index, ready, &held, now).await);
                match unsent.is_empty() {
                    true => Vec::new(),
                    false => dues(run, index, carried, &unsent).into_iter().collect(),
                }
            }
            Some(pace) => {
                outboxes.items = 0;
                let all = unsent
                    .iter()
                    .copied()
                    .chain(ready.iter().map(|filled| filled.member));
                let mut due = dues(run, index, carried, &all.collect());
                let mut left: Vec<DueTo> = unsent
                    .iter()
                    .filter_map(|member| due.remove_entry(member))
                    .collect();
                let committed = run.iter().map(|publication| publication.committed_at).max();
                let age = committed.map_or(0, |committed| now.0.saturating_sub(committed.0));
                let age = Duration::from_nanos(age.max(0).unsigned_abs());
                let time = TURNS_TIME.saturating_sub(age).max(TURNS_TIME_MIN);
                left.extend(
                    self.post_in_turn(pace, time, place, index, &mut outboxes, due)
                        .await,
                );
                left
            }
        };
        left.extend(held);
        DeliverStats::add(&self.stats.items, outboxes.items);
        DeliverStats::add(&self.stats.withheld, outboxes.withheld);
        left
    }

    /// Posts all frames that are ready, many at a time, and tells those whose streams are held
    /// back so. Returns who was throttled.
    async fn post_at_once(
        &self,
        place: Place<'_>,
        index: &Index,
        ready: Vec<Filled>,
        held: &[DueTo],
        now: UnixNanos,
    ) -> Vec<u32> {
        let all = ready.into_iter().chain(self.notices(index, held, now));
        // Where posts are taken at once, as on one machine, hardly any is left to be waited for.
        let rest: Vec<Filled> = all
            .filter_map(|filled| {
                let row = index.subscribers.members.get(filled.member as usize)?;
                if filled.frames.len() > 1 {
                    // The first was counted before; those beyond it count, whatever is left.
                    self.rates.take(row.reader(), now, filled.frames.len() - 1);
                }
                self.post_now(row, filled)
            })
            .collect();
        let throttled = Mutex::new(Vec::new());
        let post = async |filled: Filled| {
            let member = filled.member;
            if self.post(place, index, filled).await == Outcome::Throttled {
                throttled
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(member);
            }
        };
        stream::iter(rest).for_each_concurrent(POSTS_AT_ONCE, post).await;
        throttled.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posts frames as far as they are taken at once. Returns what is left to do, if anything.
    fn post_now(&self, row: &Member, mut filled: Filled) -> Option<Filled> {
        if self.gone.has(&row.connection) {
            return Some(filled);
        }
        let mut frames = std::mem::take(&mut filled.frames).into_iter();
        while let Some(frame) = frames.next() {
            let bytes = frame.len();
            match self.ports.push.post_at_once(&row.connection, frame) {
                Ok(()) => self.posted(bytes),
                Err(frame) => {
                    filled.frames = iter::once(frame).chain(frames).collect();
                    return Some(filled);
                }
            }
        }
        self.throttled.remove(&row.connection);
        (!filled.revoked.is_empty()).then_some(filled)
    }

    fn posted(&self, bytes: usize) {
        DeliverStats::add(&self.stats.posts, 1);
        DeliverStats::add(&self.stats.post_bytes, bytes);
    }

    /// What is due to those who had as many frames as their tier has.
    fn hold(
        &self,
        run: &[Publication],
        index: &Index,
        carried: &FxHashMap<u32, Vec<Due>>,
        over: &[Filled],
    ) -> Vec<DueTo> {
        if over.is_empty() {
            return Vec::new();
        }
        DeliverStats::add(&self.stats.held, over.len());
        let over = over.iter().map(|filled| filled.member).collect();
        dues(run, index, carried, &over).into_iter().collect()
    }

    /// Tells those whose streams wait so, now and then.
    fn notices(&self, index: &Index, held: &[DueTo], now: UnixNanos) -> Vec<Filled> {
        let told = held.iter().filter_map(|(member, dues)| {
            let row = index.subscribers.members.get(*member as usize)?;
            let streams = dues
                .iter()
                .filter_map(|due| index.targets(due.stream()).of(*member));
            let downgraded = Downgraded {
                s: streams.map(|target| target.s).collect(),
                mode: Mode::Last,
            };
            self.rates.tell(&row.connection, now).then(|| Filled {
                member: *member,
                frames: smallvec![downgraded_push(&downgraded)],
                revoked: Vec::new(),
            })
        });
        told.collect()
    }

    /// Posts one frame after the other to whose turn it is, of each stream the latest, until all
    /// have had theirs or `time` is over.
    async fn post_in_turn(
        &self,
        pace: &Pace,
        time: Duration,
        place: Place<'_>,
        index: &Index,
        outboxes: &mut Outboxes<'_>,
        due: FxHashMap<u32, Vec<Due>>,
    ) -> Vec<DueTo> {
        let mut due: Vec<DueTo> = due.into_iter().collect();
        let mut turns = pace.turns();
        let asked_at = self.ports.clock.now();
        // Who is new comes to stand among the others.
        due.sort_unstable_by_key(|(member, _)| {
            let row = index.subscribers.members.get(*member as usize);
            (!row.is_some_and(|row| turns.knows(&row.connection)), *member)
        });
        let ask = |turns: &mut super::pace::Turns<'_>, (member, dues): DueTo| {
            if let Some(row) = index.subscribers.members.get(member as usize) {
                turns.ask(member, dues, &row.connection, row.identity.tier.weight());
            }
        };
        due.into_iter().for_each(|due| ask(&mut turns, due));
        let mut posts = FuturesUnordered::new();
        let mut left = Vec::new();
        let mut over = pin!(self.ports.timer.sleep(time));
        let mut is_over = false;
        loop {
            for (member, mut dues) in turns.next(self.ports.clock.now()) {
                let mut fits = |due: &Due| {
                    let target = index.targets(due.stream()).of(member);
                    target.is_none_or(|target| outboxes.put_fitting(target, due))
                };
                let rest = dues.iter().position(|due| !fits(due)).unwrap_or(dues.len());
                let rest = dues.split_off(rest);
                for filled in outboxes.finish() {
                    let rest = rest.clone();
                    let dues = dues.clone();
                    posts.push(async move {
                        match self.post(place, index, filled).await {
                            Outcome::Taken => (false, (member, rest)),
                            Outcome::Throttled => (true, (member, [dues, rest].concat())),
                            Outcome::Gone | Outcome::Hole => (false, (member, Vec::new())),
                        }
                    });
                }
            }
            if is_over || (turns.is_empty() && posts.is_empty()) {
                break;
            }
            let posted = pin!(async {
                match posts.next().await {
                    Some(posted) => posted,
                    None => pending().await,
                }
            });
            let look = self.ports.timer.sleep(TURNS_LOOK);
            match select(over.as_mut(), select(posted, look)).await {
                Either::Left(_) => is_over = true,
                Either::Right((Either::Left(((throttled, due), _)), _)) => {
                    match throttled || due.1.is_empty() || !self.has_more(index, due.0) {
                        true => left.push(due),
                        false => ask(&mut turns, due),
                    }
                }
                Either::Right((Either::Right(_), _)) => {}
            }
        }
        let deferred = turns.leave();
        for (member, _) in &deferred {
            // Its frame was counted when it asked.
            if let Some(row) = index.subscribers.members.get(*member as usize) {
                self.rates.give_back(row.reader(), asked_at);
            }
        }
        // Not those that were served: what is left of theirs is nothing.
        DeliverStats::add(&self.stats.deferred, deferred.len());
        left.extend(deferred);
        while let Some((_, due)) = posts.next().await {
            left.push(due);
        }
        left
    }

    /// Whether a member may be sent another frame, which is counted.
    fn has_more(&self, index: &Index, member: u32) -> bool {
        let row = index.subscribers.members.get(member as usize);
        row.is_some_and(|row| self.rates.take(row.reader(), self.ports.clock.now(), 1) > 0)
    }

    /// Fills the frames for each connection, in order, what was carried first. What is the same for
    /// all is rendered once. Says how many signals anyone wanted.
    fn fill(
        run: &[Publication],
        index: &Index,
        outboxes: &mut Outboxes<'_>,
        carried: &FxHashMap<u32, Vec<Due>>,
    ) -> usize {
        for (member, dues) in carried {
            for due in dues {
                if let Some(target) = index.targets(due.stream()).of(*member) {
                    outboxes.put(&[target], due.span, (&*due.newest).into());
                }
            }
        }
        // Of mode `last`: what a frame will stand for, and its newest signal.
        let mut conflated: FxHashMap<StreamId, (Span, &Publication, &Signal)> = FxHashMap::default();
        let mut conflated_order: Vec<StreamId> = Vec::new();
        let mut wanted = 0;
        for publication in run {
            for signal in &publication.signals {
                let targets = index.targets(signal.stream);
                if targets.is_empty() {
                    continue;
                }
                wanted += 1;
                let span = Span::one(signal.offset, signal.previous);
                if !targets.full.is_empty() {
                    outboxes.put(targets.full, span, Sent::of(publication, signal));
                }
                if targets.last.is_empty() {
                    continue;
                }
                let Some((so_far, of, newest)) = conflated.get_mut(&signal.stream) else {
                    conflated.insert(signal.stream, (span, publication, signal));
                    conflated_order.push(signal.stream);
                    continue;
                };
                if span.offset <= so_far.offset {
                    // A segment that was published again.
                    continue;
                }
                if !so_far.absorb(span) {
                    // A hole lies between, which must stay visible.
                    outboxes.put(targets.last, *so_far, Sent::of(of, newest));
                    *so_far = span;
                }
                (*of, *newest) = (publication, signal);
            }
        }
        for stream in conflated_order {
            if let Some((span, publication, signal)) = conflated.get(&stream) {
                outboxes.put(index.targets(stream).last, *span, Sent::of(publication, signal));
            }
        }
        wanted
    }

    /// Posts the frames of one connection, in order and within the time that it has.
    async fn post(&self, (group, shard, _): Place<'_>, index: &Index, filled: Filled) -> Outcome {
        let Filled {
            member,
            frames,
            revoked,
        } = filled;
        let Some(subscriber) = index.subscribers.members.get(member as usize) else {
            return Outcome::Gone;
        };
        let connection = &subscriber.connection;
        let _permit = self.posts.acquire().await;
        let outcome = match self.gone.has(connection) {
            true => Outcome::Gone,
            false => {
                let mut posting = pin!(self.post_frames(connection, frames));
                // Most are taken at once, and need no timer.
                match poll!(posting.as_mut()) {
                    Poll::Ready(outcome) => outcome,
                    Poll::Pending => match select(posting, self.ports.timer.sleep(POST_BUDGET)).await {
                        Either::Left((outcome, _)) => outcome,
                        Either::Right(((), _)) => Outcome::Hole,
                    },
                }
            }
        };
        if outcome != Outcome::Hole && outcome != Outcome::Throttled {
            self.throttled.remove(connection);
        }
        match outcome {
            Outcome::Taken if revoked.is_empty() => {}
            Outcome::Taken => {
                // It was told; what is not taken out now is told again.
                DeliverStats::add(&self.stats.revoked, revoked.len());
                let connections = &self.ports.connections;
                if let Err(error) = connections.drop_streams(group, shard, connection, &revoked).await {
                    tracing::warn!(connection, %error, "failed to take out streams that were revoked");
                }
            }
            Outcome::Gone => {
                if self.gone.note(connection) {
                    DeliverStats::add(&self.stats.gone, 1);
                }
                // Where many are gone the others are not to wait for it: it comes with a later run.
                let Ok(_few_at_once) = self.forgetting.try_acquire() else {
                    return outcome;
                };
                let (connections, groups) = (&*self.ports.connections, &*self.ports.groups);
                let here = Some((group.clone(), shard));
                match forget(connections, groups, &self.placement, connection, here).await {
                    Ok(()) => self.gone.forgotten(connection),
                    Err(error) => {
                        tracing::warn!(connection, %error, "failed to forget a connection that is gone");
                    }
                }
            }
            Outcome::Hole => self.missed((group, shard), subscriber).await,
            Outcome::Throttled => {
                self.throttled.add(connection, self.ports.clock.now());
                self.missed((group, shard), subscriber).await;
            }
        }
        outcome
    }

    /// A connection did not get its frames.
    async fn missed(&self, (group, shard): (&GroupKey, u16), subscriber: &Member) {
        DeliverStats::add(&self.stats.holes, 1);
        if subscriber.behind.swap(true, Relaxed) {
            return;
        }
        let connection = &subscriber.connection;
        if let Err(error) = self.ports.connections.mark_behind(group, shard, connection).await {
            tracing::warn!(connection, %error, "failed to mark a connection as behind");
        }
    }

    async fn post_frames(&self, connection: &str, frames: Frames) -> Outcome {
        for frame in frames {
            let bytes = frame.len();
            match self.ports.push.post(connection, frame).await {
                Ok(Posted::Taken) => self.posted(bytes),
                Ok(Posted::Gone) => return Outcome::Gone,
                Err(error) => {
                    tracing::debug!(connection, %error, "a connection did not take its frames");
                    return match error {
                        PortError::Throttled { .. } => Outcome::Throttled,
                        _ => Outcome::Hole,
                    };
                }
            }
        }
        Outcome::Taken
    }
}
