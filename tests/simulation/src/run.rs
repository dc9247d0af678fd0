//! A run: the whole service of a scenario, from its beginning until all is quiet.

mod busy;
mod calm;
mod clients;
mod faults;
mod history;
mod queues;
mod short;

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt;
use tickwire_entitlements::{Policy, Product};
use tickwire_market::UnixNanos;
use tickwire_service::deliver_signals::Deliver;
use tickwire_service::ingest_ticks::Ingest;
use tickwire_service::manage_subscription::ManageSubscription;
use tickwire_service::open_connection::OpenConnection;
use tickwire_service::ports::{GroupRow, Queue};
use tickwire_service::query_history::QueryHistory;
use tickwire_service::queue_message::QueueMessage;
use tickwire_service::run_job::{Job, JobPorts, Jobs};
use tickwire_streams::{PostQuota, Universe};

use self::clients::new_client;
use self::history::store_past;
use self::short::quota_of;
use crate::client::Client;
use crate::fault::{Coverage, Fault, generator};
use crate::market::Market;
use crate::planted::{Bug, Epochs};
use crate::ports::{Marks, Ports};
use crate::scenario::{FAULTS_MIN, Scenario};
use crate::tasks::{Done, Purpose, Tasks};
use crate::truth::{Promise, Violation};
use crate::world::{Event, MILLISECOND, SECOND, START, Shared, World};

/// Messages of a batch, at most.
const BATCH_MAX: usize = 10;
/// So much longer than its seconds a run may go on until enough kinds of faults acted.
const LONGER_MAX: i64 = 1_800 * SECOND;
/// The schedule sends the time so often ...
const CLOCK_EVERY: i64 = 10 * SECOND;
/// ... and looks after quiet groups so often.
const RECONCILE_EVERY: i64 = 10 * SECOND;
/// ... and compacts bars so often, as if the day had many hours.
const COMPACT_EVERY: i64 = 3 * SECOND;
/// Someone asks for bars so often.
const ASK_EVERY: i64 = 2 * SECOND;
/// ... and lets the log's oldest segments go so often.
const EXPIRE_EVERY: i64 = 5 * SECOND;
/// So often it is looked whether all is done.
const LOOK: i64 = SECOND;
/// How far a sender that was superseded goes on, at most.
const OLD_SENDER_MAX: i64 = 6 * SECOND;
/// Products on sale.
const PRODUCTS: [&str; 2] = ["alpha", "beta"];

/// All streams are of each of them.
fn on_sale() -> BTreeMap<String, Product> {
    let product = |name: &str| {
        let mut product = Product::new(name, Policy::Auto);
        let patterns = "*:*:*".parse().into_iter().collect();
        // What is refused is not on sale, and nobody reads it.
        let _ = product.publish(patterns, UnixNanos(START));
        (name.to_owned(), product)
    };
    PRODUCTS.map(product).into()
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was wrong; nothing, if all is well.
    pub violations: Vec<Violation>,
    /// How often each fault acted.
    pub coverage: Coverage,
    /// Whether fewer kinds of faults acted than are wanted, for as long as a run waits for them.
    pub too_calm: bool,
    /// Simulated seconds with faults.
    pub seconds: f64,
    /// Simulated seconds until all was quiet, those included.
    pub seconds_whole: f64,
    /// Segments in the logs.
    pub segments: u64,
    /// Ticks in the logs.
    pub ticks: u64,
    /// Signals in the logs.
    pub signals: u64,
    /// Those that correct a bar.
    pub corrections: u64,
    /// Posts to connections.
    pub posts: u64,
    /// Items that clients took.
    pub items: u64,
    /// Connections that clients made.
    pub connections: u64,
    /// Resumes because of a hole.
    pub resumes: u64,
    /// Messages set aside.
    pub parked: u64,
    /// Blocks of bars that were compacted.
    pub compacted: u64,
    /// Bars that history told.
    pub bars_told: u64,
    /// The same for the same run, to the bit.
    pub digest: u64,
}

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Ingest,
    Deliver,
    Socket,
    Schedule,
}

/// What a process holds in memory.
#[derive(Clone)]
enum Unit {
    Down,
    Ingest(Arc<Ingest>),
    Deliver(Arc<Deliver>),
    Socket {
        subscriptions: Arc<ManageSubscription>,
        connections: Arc<OpenConnection>,
        history: Arc<QueryHistory>,
    },
    Schedule(Arc<Jobs>),
}

#[derive(Clone)]
struct Process {
    role: Role,
    unit: Unit,
    busy: bool,
}

struct Run {
    world: Shared,
    tasks: Tasks,
    processes: Vec<Process>,
    clients: Vec<Client>,
    market: Market,
    /// Batches to be handed out again.
    again: Vec<(Queue, Vec<QueueMessage>)>,
    epochs: Epochs,
    bug: Option<Bug>,
    /// What each deliverer may post.
    quota: Option<PostQuota>,
    market_open: bool,
    seed: u64,
}

/// Runs a scenario.
pub fn run(scenario: &Scenario) -> Outcome {
    let mut run = Run::new(scenario);
    let end = START + i64::from(scenario.seconds) * SECOND;
    run.until(end, |_| false);
    // A small run with rare faults goes on until enough of them acted.
    let enough = |run: &Run| run.world.lock().dice.coverage.kinds() >= FAULTS_MIN.min(scenario.faults.len());
    if run.is_well() && !enough(&run) {
        run.until(end + LONGER_MAX, enough);
    }
    let faults_end = run.world.lock().now;
    let too_calm = !enough(&run);
    if run.is_well() {
        run.calm_down();
    }
    let mut outcome = run.outcome();
    outcome.too_calm = too_calm;
    outcome.seconds = (faults_end - START) as f64 / SECOND as f64;
    outcome
}

impl Run {
    fn new(scenario: &Scenario) -> Self {
        let mut world = World::new(scenario);
        world.sockets.products = on_sale();
        let market = Market::new(scenario);
        let mut random = generator(scenario.seed, 4);
        for group in &market.groups {
            let epoch = format!("{:08x}", random.random::<u32>());
            world.tables.groups.insert(
                group.clone(),
                GroupRow {
                    epoch,
                    shards: scenario.shards,
                },
            );
            world.truth.add_group(group, scenario.shards);
        }
        if scenario.bug == Some(Bug::GroupWithoutOrder) {
            world.ticks.without_order = true;
        }
        // Two, for jobs that meet themselves.
        let mut roles = vec![Role::Schedule; 2];
        roles.extend((0..scenario.consumers.0).map(|_| Role::Ingest));
        roles.extend((0..scenario.consumers.1).map(|_| Role::Deliver));
        roles.extend([Role::Socket, Role::Socket]);
        world.skews = vec![0; roles.len()];
        world.looked_at = vec![i64::MAX; roles.len()];
        world.consumers = roles
            .iter()
            .map(|role| matches!(role, Role::Ingest | Role::Deliver))
            .collect();
        for message in market.introductions(world.now) {
            world.enqueue(Queue::Ticks, message);
        }
        let clients = (0..scenario.clients as usize)
            .map(|nth| new_client(nth, scenario, &market, &mut world))
            .collect();
        for lane in 0..market.lanes.len() {
            let first = random.random_range(0..market.flush_nanos());
            world.schedule(START + SECOND + first, Event::Flush(lane));
        }
        world.schedule(START + CLOCK_EVERY, Event::SendClock);
        world.schedule(START + RECONCILE_EVERY, Event::Reconcile);
        world.schedule(START + COMPACT_EVERY, Event::Compact);
        world.schedule(START + EXPIRE_EVERY, Event::Expire);
        world.schedule(START + ASK_EVERY, Event::AskHistory);
        for fault in [
            Fault::Gone,
            Fault::Clock,
            Fault::OldSender,
            Fault::Poison,
            Fault::QuotaShort,
        ] {
            if let Some(seconds) = world.dice.next_seconds(fault) {
                world.schedule(START + (seconds * SECOND as f64) as i64, Event::Fault(fault));
            }
        }
        let mut run = Self {
            world: Shared::new(world),
            tasks: Tasks::default(),
            processes: roles
                .into_iter()
                .map(|role| Process {
                    role,
                    unit: Unit::Down,
                    busy: false,
                })
                .collect(),
            clients,
            market,
            again: Vec::new(),
            epochs: Epochs::default(),
            bug: scenario.bug,
            quota: quota_of(scenario.posts_per_second),
            market_open: true,
            seed: scenario.seed,
        };
        for process in 0..run.processes.len() {
            run.start(process);
        }
        run.live_long_ago();
        store_past(&mut run.market, &mut run.world.lock());
        run
    }

    fn is_well(&self) -> bool {
        self.world.lock().violations.is_empty()
    }

    /// Goes on until `until`, or until `done` says so at a look, or something is wrong.
    /// Says whether it was done.
    fn until(&mut self, until: i64, done: impl Fn(&Self) -> bool) -> bool {
        let mut look = self.world.lock().now + LOOK;
        loop {
            self.work();
            if !self.is_well() {
                return false;
            }
            let event = self.world.lock().next_event(until.min(look));
            match event {
                Some(event) => self.happens(event),
                None if self.world.lock().now >= until => return done(self),
                None => {
                    if done(self) {
                        return true;
                    }
                    look += LOOK;
                }
            }
        }
    }

    /// Runs tasks until all wait.
    fn work(&mut self) {
        while let Some(done) = self.tasks.run_one() {
            let dying = std::mem::take(&mut self.world.lock().dying);
            for process in dying {
                self.crash(process);
            }
            if let Some((process, purpose, done)) = done {
                self.finished(process, purpose, done);
            }
        }
    }

    /// Goes on until nothing is in the way of a promise, for so long at most.
    fn promise(&mut self, promise: Promise, time_max: i64, in_the_way: impl Fn(&Self) -> Option<String>) {
        if !self.is_well() {
            return;
        }
        let until = self.now() + time_max;
        if !self.until(until, |run| in_the_way(run).is_none()) && self.is_well() {
            let what = in_the_way(self).unwrap_or_default();
            self.world.lock().violate(promise, what);
        }
    }

    fn now(&self) -> i64 {
        self.world.lock().now
    }

    fn outcome(self) -> Outcome {
        let world = self.world.lock();
        let counts = || self.clients.iter().map(|client| client.session.counts());
        Outcome {
            violations: world.violations.clone(),
            coverage: world.dice.coverage,
            too_calm: false,
            seconds: 0.0,
            seconds_whole: (world.now - START) as f64 / SECOND as f64,
            segments: world.truth.segments,
            ticks: world.truth.ticks,
            signals: world.truth.signals,
            corrections: world.truth.corrections,
            posts: world.posts,
            items: self.clients.iter().map(|client| client.received.items).sum(),
            connections: world.connections.len() as u64,
            resumes: counts().map(|counts| counts.resumes).sum(),
            parked: world.parked,
            compacted: world.compacted,
            bars_told: world.bars_told,
            digest: world.digest,
        }
    }

    // --------------------------------------------------------- processes

    fn start(&mut self, process: usize) {
        let ports = Ports::new(self.world.clone(), process);
        let placement = self.market.placement.clone();
        let unit = match self.processes[process].role {
            Role::Ingest => Unit::Ingest(Arc::new(Ingest::new(ports.of_ingest()))),
            Role::Deliver => {
                let deliver = Deliver::new(ports.of_deliver(), placement)
                    .marked_by(Arc::new(Marks))
                    .counting_in(ports.clone());
                let quota = match self.quota {
                    Some(quota) if self.bug == Some(Bug::PostsFirstCome) => {
                        ports.first_come(quota);
                        None
                    }
                    quota => quota,
                };
                Unit::Deliver(Arc::new(deliver.within(quota)))
            }
            Role::Socket => {
                let subscriptions = ports.of_subscriptions();
                let connections =
                    OpenConnection::new((&subscriptions).into(), placement.clone(), Universe::live());
                let history =
                    QueryHistory::new(ports.of_query(), placement.clone(), Universe::live(), "tokens");
                let subscriptions = ManageSubscription::new(subscriptions, placement);
                Unit::Socket {
                    subscriptions: Arc::new(subscriptions.marked_by(Arc::new(Marks))),
                    connections: Arc::new(connections),
                    history: Arc::new(history),
                }
            }
            Role::Schedule => {
                let ingest = ports.of_ingest();
                let jobs = JobPorts::from(&ingest);
                Unit::Schedule(Arc::new(Jobs::new(jobs, Arc::new(Ingest::new(ingest)))))
            }
        };
        self.processes[process].unit = unit;
        self.processes[process].busy = false;
        let mut world = self.world.lock();
        let now = world.now;
        world.dispatch_at(Queue::Ticks, now);
        world.dispatch_at(Queue::Signals, now);
    }

    /// A process dies where it stands; all it held is gone.
    fn crash(&mut self, process: usize) {
        if matches!(self.processes[process].unit, Unit::Down) {
            return;
        }
        self.processes[process].unit = Unit::Down;
        let killed = self.tasks.kill(process);
        for purpose in killed {
            if let Purpose::Open { client, connection } = purpose {
                self.refused(client, connection, "the function died");
            }
        }
        let mut world = self.world.lock();
        let restart = world.now
            + world
                .dice
                .range(Fault::Crash, 20 * MILLISECOND, 1_500 * MILLISECOND);
        world.schedule(restart, Event::Restart(process));
    }

    fn finished(&mut self, process: usize, purpose: Purpose, done: Done) {
        match (purpose, done) {
            (
                Purpose::Batch {
                    queue,
                    messages,
                    again,
                },
                Done::Batch(failed),
            ) => {
                self.processes[process].busy = false;
                self.settle(queue, messages, &failed, again);
            }
            (Purpose::Open { client, connection }, Done::Opened(outcome)) => match outcome {
                Ok(()) => {
                    let now = {
                        let mut world = self.world.lock();
                        world.connections[connection].accepted = true;
                        world.now
                    };
                    if self.clients[client].connection == Some(connection) {
                        self.clients[client].on_connected(now);
                        self.look_after(client);
                    }
                }
                Err(why) => self.refused(client, connection, &why),
            },
            (
                Purpose::Request {
                    connection,
                    asked_at,
                    asked,
                },
                Done::Reply(text),
            ) => {
                let text = match self.bug == Some(Bug::PongWithoutTops) {
                    true => without_tops(text),
                    false => text,
                };
                let mut world = self.world.lock();
                // A request that failed as a whole has no verdicts.
                if text.contains(r#""ok":"#) {
                    world.judged(connection, asked_at, &asked);
                }
                if world.connections[connection].open {
                    world.deliver(connection, text);
                }
            }
            (Purpose::History { series, due }, Done::Bars(Some(told))) => {
                let mut world = self.world.lock();
                world.bars_told += told.len() as u64;
                let held = world.truth.bars.on_history(&series, &due, told);
                world.hold(held);
            }
            _ => {}
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Wake(sleeper) => self.world.lock().wake(sleeper),
            Event::Dispatch(queue) => self.dispatch(queue),
            Event::Redeliver(place) => self.redeliver(place),
            Event::Flush(lane) => self.flush(lane),
            Event::Client(client) => self.look_after(client),
            Event::Connect(client) => {
                self.connect(client);
                self.look_after(client);
            }
            Event::Leave(client) => {
                self.clients[client].left = true;
                if let Some(connection) = self.clients[client].connection.take() {
                    self.cut(connection);
                }
            }
            Event::TakeBack(grant) => {
                let mut world = self.world.lock();
                let now = UnixNanos(world.now);
                world.sockets.grants[grant].until = now;
                world.sockets.access_epoch += 1;
            }
            Event::Restart(process) => self.start(process),
            Event::SendClock => {
                // The last time is sent before the market closes, so that the logs come to rest.
                if self.market_open {
                    self.job(Job::Clock, CLOCK_EVERY, event);
                }
            }
            Event::Reconcile => self.job(Job::Reconcile, RECONCILE_EVERY, event),
            Event::Compact => self.job(Job::Compact, COMPACT_EVERY, event),
            Event::Expire => self.job(Job::Expire, EXPIRE_EVERY, event),
            Event::AskHistory => {
                self.ask_history();
                let mut world = self.world.lock();
                let next = world.now + ASK_EVERY;
                world.schedule(next, event);
            }
            Event::Break(connection) => self.break_off(connection),
            Event::Fault(fault) => self.fault(fault),
        }
    }

    fn job(&mut self, job: Job, every: i64, event: Event) {
        let mut world = self.world.lock();
        let next = world.now + every;
        world.schedule(next, event);
        drop(world);
        // Of those that delete several may be at work at once.
        let at_once = match job {
            Job::Compact | Job::Expire => usize::MAX,
            Job::Clock | Job::Reconcile => 1,
        };
        let runs = |place: &usize| matches!(self.processes[*place].unit, Unit::Schedule(_));
        let places: Vec<usize> = (0..self.processes.len()).filter(runs).take(at_once).collect();
        for process in places {
            if let Unit::Schedule(jobs) = &self.processes[process].unit {
                let jobs = jobs.clone();
                let work = async move {
                    // What failed comes again with the next run.
                    let _ = jobs.run(job).await;
                    Done::Over
                };
                self.tasks.spawn(process, Purpose::Job, work);
            }
        }
    }
}

fn without_tops(pong: String) -> String {
    let Some((head, rest)) = pong.split_once(r#""tops":{"#) else {
        return pong;
    };
    let tail = rest.find('}').map_or("", |end| &rest[end..]);
    format!(r#"{head}"tops":{{{tail}"#)
}
