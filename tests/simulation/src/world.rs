//! What all processes share: time, tables, queues, connections, and the faults.

mod shared;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::task::Waker;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use rustc_hash::FxHashMap;
use tickwire_entitlements::{Grant, Product, Usage};
use tickwire_market::UnixNanos;
use tickwire_service::placement::shard_of;
use tickwire_service::ports::{ConnectionRow, Outgoing, PortError, Posted, Queue, ShardVersion, Subscriber};
use tickwire_service::testing::Tables;
use tickwire_streams::{GroupKey, Shares};

use crate::fault::{Dice, Fault, generator};
use crate::planted::{Bug, rewrite_conflated};
use crate::queue::Fifo;
use crate::scenario::Scenario;
use crate::truth::{Broken, Promise, Truth, Violation};

pub(crate) use shared::Shared;

pub(crate) const MILLISECOND: i64 = UnixNanos::PER_MILLISECOND;
pub(crate) const SECOND: i64 = UnixNanos::PER_SECOND;
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// When every run begins: 2026-11-18T23:59:15Z. Soon a day is over, and its bars are compacted.
pub(crate) const START: i64 = 1_795_046_355 * SECOND;
pub(crate) const DAY: i64 = 86_400 * SECOND;
/// When logs begin: so long before that what is in them is no longer kept.
pub(crate) const LONG_AGO: i64 = START - 40 * DAY;
/// Events of a millisecond beyond which someone is busy without end.
const EVENTS_MAX: u32 = 200_000;
/// Longest time of a call to which nothing happens.
const CALL_MAX: i64 = 4 * MILLISECOND;
/// Longest time of a call that is delayed.
const DELAYED_MAX: i64 = 500 * MILLISECOND;
/// Longest time of a frame on its way.
const TRAVEL_MAX: i64 = 20 * MILLISECOND;
/// How far the clock of a process that judges by it is off, at most.
pub(crate) const SKEW_MAX: i64 = 5 * SECOND;
/// Connections that a shard's version names: so few that some are forgotten.
const CHANGES_MAX: usize = 2;
/// Violations kept: one is enough.
const VIOLATIONS_MAX: usize = 20;

/// What happens at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Something that sleeps wakes.
    Wake(u64),
    /// A queue may have work for a consumer.
    Dispatch(Queue),
    /// A batch is handed out again.
    Redeliver(usize),
    /// A lane sends what it gathered.
    Flush(usize),
    /// A client has something to receive or to do.
    Client(usize),
    /// A client opens a connection.
    Connect(usize),
    /// A client goes for good.
    Leave(usize),
    /// A grant is taken back.
    TakeBack(usize),
    /// A process starts again.
    Restart(usize),
    /// The schedule sends the time.
    SendClock,
    /// The schedule looks after quiet groups.
    Reconcile,
    /// The schedule compacts the bars of days that are over.
    Compact,
    /// The schedule lets the log's oldest segments go.
    Expire,
    /// Someone asks for bars.
    AskHistory,
    /// A connection breaks.
    Break(usize),
    /// A fault that acts at moments of its own.
    Fault(Fault),
}

struct Scheduled {
    at: i64,
    nth: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.nth) == (other.at, other.nth)
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.nth).cmp(&(other.at, other.nth))
    }
}

type Shard = (GroupKey, u16);

/// The tables around connections.
#[derive(Default)]
pub(crate) struct SocketTables {
    pub(crate) connections: BTreeMap<String, ConnectionRow>,
    /// Those of them whose close has begun.
    pub(crate) closing: BTreeSet<String>,
    pub(crate) subscribers: BTreeMap<Shard, BTreeMap<String, Subscriber>>,
    pub(crate) versions: BTreeMap<Shard, ShardVersion>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) products: BTreeMap<String, Product>,
    pub(crate) access_epoch: u64,
    pub(crate) usage: BTreeMap<String, Usage>,
}

/// A connection as the platform knows it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: usize,
    pub(crate) open: bool,
    /// The function has let it in: before, the platform knows of no such connection.
    pub(crate) accepted: bool,
    /// Frames on their way, with when they arrive.
    pub(crate) inbox: VecDeque<(i64, String)>,
    last_arrival: i64,
}

/// What a client reads, as far as grants matter.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) user: String,
    /// By handle.
    pub(crate) handles: Vec<Handle>,
    pub(crate) any_product: bool,
}

impl Reader {
    /// The group of a stream.
    pub(crate) fn group_of(&self, key: &str) -> Option<&GroupKey> {
        self.handles
            .iter()
            .find(|handle| handle.key == key)?
            .group
            .as_ref()
    }
}

/// What a handle stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handle {
    /// The product that has to be granted.
    pub(crate) product: Option<String>,
    /// The stream's key.
    key: String,
    /// The stream's group.
    group: Option<GroupKey>,
    /// When the request began that there was last a verdict on, and when the verdict came.
    judged: (i64, i64),
}

impl Handle {
    pub(crate) fn of(key: String, product: Option<String>, group: GroupKey) -> Self {
        Self {
            key,
            product,
            group: Some(group),
            judged: (0, 0),
        }
    }
}

/// How a call goes.
pub(crate) struct Course {
    pub(crate) before: i64,
    pub(crate) outcome: Outcome,
    pub(crate) after: i64,
}

pub(crate) enum Outcome {
    Done,
    Failed(PortError),
    AnswerLost,
    DiesBefore,
    DiesAfter,
}

/// What all processes share.
pub(crate) struct World {
    pub(crate) now: i64,
    events: BinaryHeap<Reverse<Scheduled>>,
    /// The millisecond that it is, and what happened in it.
    moment: (i64, u32),
    scheduled: u64,
    sleepers: FxHashMap<u64, Waker>,
    pub(crate) dice: Dice,
    /// For what is no fault: how long calls take, who is next.
    pub(crate) random: Pcg64Mcg,
    pub(crate) tables: Tables,
    pub(crate) sockets: SocketTables,
    pub(crate) ticks: Fifo,
    pub(crate) signals: Fifo,
    /// Moments at which queues are looked at, so that one is enough.
    dispatches: [BTreeSet<i64>; 2],
    pub(crate) connections: Vec<Connection>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) truth: Truth,
    /// Processes that die now.
    pub(crate) dying: Vec<usize>,
    /// What each process's clock is ahead.
    pub(crate) skews: Vec<i64>,
    /// When each process last looked at who is subscribed; what it then posts goes by that.
    pub(crate) looked_at: Vec<i64>,
    /// The same by shard.
    pub(crate) shards_looked_at: FxHashMap<(usize, GroupKey, u16), i64>,
    /// Processes whose calls hold leases of messages.
    pub(crate) consumers: Vec<bool>,
    pub(crate) bug: Option<Bug>,
    pub(crate) shards: u16,
    strict_entitlement: bool,
    lease: i64,
    pub(crate) violations: Vec<Violation>,
    /// Sum of all that clients received and logs took, in order.
    pub(crate) digest: u64,
    pub(crate) posts: u64,
    /// Frames of deliverers, by connection.
    pub(crate) delivered: BTreeMap<usize, u32>,
    /// Until when the account's posts are short, and how many there are.
    pub(crate) short: Option<(i64, Shares<()>)>,
    pub(crate) parked: u64,
    /// Blocks of bars that were compacted, and bars that history told.
    pub(crate) compacted: u64,
    pub(crate) bars_told: u64,
}

impl World {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let queue = || Fifo::new(scenario.lease_seconds, scenario.deduplication_seconds);
        Self {
            now: LONG_AGO,
            events: BinaryHeap::new(),
            moment: (0, 0),
            scheduled: 0,
            sleepers: FxHashMap::default(),
            dice: Dice::new(scenario.seed, scenario.faults, scenario.intensity),
            random: generator(scenario.seed, 2),
            tables: Tables::default(),
            sockets: SocketTables::default(),
            ticks: queue(),
            signals: queue(),
            dispatches: Default::default(),
            connections: Vec::new(),
            readers: Vec::new(),
            truth: Truth::default(),
            dying: Vec::new(),
            skews: Vec::new(),
            looked_at: Vec::new(),
            shards_looked_at: FxHashMap::default(),
            shards: scenario.shards,
            consumers: Vec::new(),
            bug: scenario.bug,
            strict_entitlement: scenario.strict_entitlement,
            lease: i64::from(scenario.lease_seconds) * SECOND,
            violations: Vec::new(),
            digest: 0,
            posts: 0,
            delivered: BTreeMap::new(),
            short: None,
            parked: 0,
            compacted: 0,
            bars_told: 0,
        }
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub(crate) fn raise_version(&mut self, shard: Shard, connection: &str) {
        let tells = !self.has(Bug::ForgottenNotTold);
        let version = self.sockets.versions.entry(shard).or_default();
        version.raise(connection, CHANGES_MAX);
        if !tells {
            version.named_after = 0;
        }
    }

    /// Something happens at `at`.
    pub(crate) fn schedule(&mut self, at: i64, event: Event) {
        self.scheduled += 1;
        let nth = self.scheduled;
        self.events.push(Reverse(Scheduled { at, nth, event }));
    }

    /// Goes on to what happens next, unless that is after `until`.
    pub(crate) fn next_event(&mut self, until: i64) -> Option<Event> {
        if self.events.peek().is_none_or(|Reverse(next)| next.at > until) {
            self.now = self.now.max(until);
            return None;
        }
        let Reverse(next) = self.events.pop()?;
        self.now = self.now.max(next.at);
        let moment = self.now / MILLISECOND;
        if moment > self.moment.0 {
            self.moment = (moment, 0);
        }
        self.moment.1 += 1;
        if self.moment.1 > EVENTS_MAX {
            let what = format!(
                "more than {EVENTS_MAX} events within a millisecond, the last for {:?}",
                next.event
            );
            self.violate(Promise::ComesToRest, what);
        }
        Some(next.event)
    }

    pub(crate) fn wake(&mut self, sleeper: u64) {
        if let Some(waker) = self.sleepers.remove(&sleeper) {
            waker.wake();
        }
    }

    pub(crate) fn violate(&mut self, promise: Promise, what: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            let at = self.now - START;
            self.violations.push(Violation { promise, at, what });
        }
    }

    /// What was checked holds, or is a violation.
    pub(crate) fn hold(&mut self, checked: Result<(), Broken>) {
        if let Err((promise, what)) = checked {
            self.violate(promise, what);
        }
    }

    pub(crate) fn note(&mut self, bytes: &[u8]) {
        use std::hash::Hasher as _;
        let mut hasher = rustc_hash::FxHasher::default();
        hasher.write_u64(self.digest);
        hasher.write_i64(self.now);
        hasher.write(bytes);
        self.digest = hasher.finish();
    }

    // ------------------------------------------------------------- calls

    /// How the next call of a process goes.
    pub(crate) fn course(&mut self, process: usize, what: &'static str) -> Course {
        let mut course = Course {
            before: self.call_time(),
            outcome: Outcome::Done,
            after: 0,
        };
        if self.dice.calm {
            return course;
        }
        if self.dice.acts(Fault::Delay) {
            let late = self.dice.range(Fault::Delay, MILLISECOND, DELAYED_MAX);
            *(if late % 2 == 0 {
                &mut course.before
            } else {
                &mut course.after
            }) += late;
        }
        if self.consumers[process] && self.dice.acts(Fault::LeaseExpiry) {
            let late = self.lease + self.dice.range(Fault::LeaseExpiry, 0, 3 * SECOND);
            *(if late % 2 == 0 {
                &mut course.before
            } else {
                &mut course.after
            }) += late;
        }
        let unavailable = || PortError::Unavailable {
            what,
            why: "of a fault".to_owned(),
        };
        course.outcome = if self.dice.acts(Fault::Crash) {
            if self.dice.range(Fault::Crash, 0, 2) == 0 {
                Outcome::DiesBefore
            } else {
                Outcome::DiesAfter
            }
        } else if self.dice.acts(Fault::Unavailable) {
            Outcome::Failed(unavailable())
        } else if self.dice.acts(Fault::Throttle) {
            Outcome::Failed(PortError::Throttled { what })
        } else if self.dice.acts(Fault::LostAnswer) {
            Outcome::AnswerLost
        } else {
            Outcome::Done
        };
        course
    }

    /// How long a call takes.
    fn call_time(&mut self) -> i64 {
        let thrown: u32 = self.random.random();
        if thrown.is_multiple_of(2) {
            0
        } else {
            i64::from(thrown >> 1) % CALL_MAX
        }
    }

    // ------------------------------------------------------------ queues

    pub(crate) fn queue(&mut self, queue: Queue) -> &mut Fifo {
        match queue {
            Queue::Ticks => &mut self.ticks,
            Queue::Signals => &mut self.signals,
        }
    }

    /// A queue is looked at then.
    pub(crate) fn dispatch_at(&mut self, queue: Queue, at: i64) {
        if self.dispatches[usize::from(queue == Queue::Ticks)].insert(at) {
            self.schedule(at, Event::Dispatch(queue));
        }
    }

    /// A queue is being looked at.
    pub(crate) fn dispatched(&mut self, queue: Queue) {
        self.dispatches[usize::from(queue == Queue::Ticks)].remove(&self.now);
    }

    /// A message reaches a queue; its number, unless it was known.
    pub(crate) fn enqueue(&mut self, queue: Queue, message: Outgoing) -> Option<u64> {
        let now = self.now;
        if queue == Queue::Signals {
            self.truth.on_published(&message.group, &message.deduplication);
        }
        let taken = self.queue(queue).send(now, message);
        let travel = self.random.random_range(0..5) * MILLISECOND;
        self.dispatch_at(queue, now + travel);
        taken
    }

    // ------------------------------------------------------- connections

    /// A new connection of a client; its id.
    pub(crate) fn connect(&mut self, client: usize) -> String {
        self.connections.push(Connection {
            client,
            open: true,
            accepted: false,
            inbox: VecDeque::new(),
            last_arrival: 0,
        });
        connection_id(self.connections.len() - 1)
    }

    /// The place of a connection that the platform knows.
    pub(crate) fn standing(&self, connection: &str) -> Option<usize> {
        let place = connection_place(connection)?;
        let stands = self.connections.get(place)?;
        (stands.open && stands.accepted).then_some(place)
    }

    /// A frame of a process reaches the platform.
    pub(crate) fn post(&mut self, process: usize, connection: &str, frame: String) -> Posted {
        self.posts += 1;
        let Some(place) = self.standing(connection) else {
            return Posted::Gone;
        };
        self.check_entitled(process, (place, connection), &frame);
        if self.consumers[process] {
            *self.delivered.entry(place).or_default() += 1;
        }
        self.deliver(place, frame);
        Posted::Taken
    }

    /// Whether a post is beyond what the account has left.
    pub(crate) fn is_beyond_quota(&mut self) -> bool {
        let now = self.now;
        let Some((until, posts)) = &mut self.short else {
            return false;
        };
        if self.dice.calm || now >= *until {
            self.short = None;
            return false;
        }
        let beyond = !posts.take(UnixNanos(now), 1);
        if beyond {
            self.dice.count(Fault::QuotaShort);
        }
        beyond
    }

    /// A frame in which an item that stands for several signals has the value of the oldest.
    pub(crate) fn with_oldest(&self, connection: &str, frame: &str) -> String {
        let client = connection_place(connection).and_then(|place| self.connections.get(place));
        let Some(reader) = client.map(|connection| &self.readers[connection.client]) else {
            return frame.to_owned();
        };
        rewrite_conflated(frame, |s, offset, count, item| {
            let place = self.truth.stream_place(&reader.handles.get(s)?.key)?;
            let signals = &self.truth.stream(place)?.signals;
            let newest = signals.iter().position(|signal| signal.offset.0 == offset)?;
            let oldest = signals.get((newest + 1).checked_sub(count)?)?;
            Some(item.replacen(&*signals[newest].value, &oldest.value, 1))
        })
    }

    /// A connection has verdicts for these handles, on a request of `asked_at`.
    pub(crate) fn judged(&mut self, connection: usize, asked_at: i64, handles: &[u32]) {
        let reader = &mut self.readers[self.connections[connection].client];
        for handle in handles {
            if let Some(handle) = reader.handles.get_mut(*handle as usize) {
                handle.judged = (asked_at, self.now);
            }
        }
    }

    /// A frame is on its way to a client; frames do not overtake each other.
    pub(crate) fn deliver(&mut self, place: usize, frame: String) {
        let travel = self.random.random_range(MILLISECOND..TRAVEL_MAX);
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        let arrival = connection.last_arrival.max(self.now + travel);
        connection.last_arrival = arrival;
        connection.inbox.push_back((arrival, frame));
        let client = connection.client;
        self.schedule(arrival, Event::Client(client));
    }

    /// Nobody gets a frame of a product that was not granted when the deliverer looked who is
    /// subscribed; leniently, when the stream was last judged before that.
    fn check_entitled(&mut self, process: usize, (place, connection): (usize, &str), frame: &str) {
        let reader = &self.readers[self.connections[place].client];
        if !reader.any_product || !frame.starts_with('[') {
            return;
        }
        let mut broken = None;
        let (looked_at, now) = (self.looked_at[process], self.now);
        for item in frame.split(r#"{"s":"#).skip(1) {
            if item.contains(r#""k":"revoked""#) {
                continue;
            }
            let handle = item.split(',').next().and_then(|s| s.parse::<usize>().ok());
            let Some(Handle {
                product: Some(product),
                group: Some(group),
                judged,
                ..
            }) = handle.and_then(|s| reader.handles.get(s))
            else {
                continue;
            };
            let shard = shard_of(connection, self.shards);
            let looked = self.shards_looked_at.get(&(process, group.clone(), shard));
            let (since, stands) = match looked.filter(|_| self.strict_entitlement) {
                Some(looked) => (*looked, true),
                // A deliverer that looked before there was a verdict goes by the one before.
                None => (judged.0, looked_at > judged.1),
            };
            let holds = |grant: &Grant| {
                grant.until.0.saturating_add(SKEW_MAX) > since && grant.from.0 - SKEW_MAX <= now
            };
            let mut of_it = self
                .sockets
                .grants
                .iter()
                .filter(|grant| grant.user == reader.user && grant.product == *product);
            if stands && !of_it.any(holds) {
                broken = Some(format!(
                    "{} got a frame of product {product} without a grant",
                    reader.user
                ));
            }
        }
        if let Some(what) = broken {
            self.violate(Promise::Entitled, what);
        }
    }
}

fn connection_id(place: usize) -> String {
    format!("c{place}")
}

pub(crate) fn connection_place(id: &str) -> Option<usize> {
    id.strip_prefix('c')?.parse().ok()
}
