//! A run: the whole service of a scenario, from its beginning until all is quiet.

use std::sync::Arc;

use rand::RngExt;
use rand::seq::SliceRandom;
use tickwire::client::Action;
use tickwire_entitlements::{Grant, Identity, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::deliver_signals::Deliver;
use tickwire_service::ingest_ticks::Ingest;
use tickwire_service::manage_subscription::ManageSubscription;
use tickwire_service::open_connection::OpenConnection;
use tickwire_service::ports::{GroupRow, Queue};
use tickwire_service::queue_message::QueueMessage;
use tickwire_service::run_job::{Job, JobPorts, Jobs};
use tickwire_streams::Universe;
use tickwire_wire::{ClientRequest, Mode, Operation, parse_request};

use crate::client::Client;
use crate::fault::{Coverage, Fault, generator};
use crate::market::Market;
use crate::planted::{Bug, Epochs};
use crate::ports::Ports;
use crate::scenario::{FAULTS_MIN, Scenario};
use crate::tasks::{Done, Purpose, Tasks};
use crate::truth::{Promise, Violation};
use crate::world::{Event, Handle, MILLISECOND, Reader, SECOND, SKEW_MAX, START, Shared, World};

/// Messages of a batch, at most.
const BATCH_MAX: usize = 10;
/// So much longer than its seconds a run may go on until enough kinds of faults acted.
const LONGER_MAX: i64 = 1_800 * SECOND;
/// The schedule sends the time so often ...
const CLOCK_EVERY: i64 = 10 * SECOND;
/// ... and looks after quiet groups so often.
const RECONCILE_EVERY: i64 = 10 * SECOND;
/// After the last fault the queues are empty within this time.
const DRAIN_MAX: i64 = 180 * SECOND;
/// Then clients have all within this time: two heartbeats, and a request that is not answered.
const CATCH_UP_MAX: i64 = 180 * SECOND;
/// A signal then reaches those who are subscribed within this time.
const SERVED_MAX: i64 = 5 * SECOND;
/// So often it is looked whether all is done.
const LOOK: i64 = SECOND;
/// How far a sender that was superseded goes on, at most.
const OLD_SENDER_MAX: i64 = 6 * SECOND;
/// Products on sale.
const PRODUCTS: [&str; 2] = ["alpha", "beta"];

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was wrong; nothing, if all is well.
    pub violations: Vec<Violation>,
    /// How often each fault acted.
    pub coverage: Coverage,
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
enum Unit {
    Down,
    Ingest(Arc<Ingest>),
    Deliver(Arc<Deliver>),
    Socket(Arc<ManageSubscription>, Arc<OpenConnection>),
    Schedule(Arc<Jobs>),
}

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
    market_open: bool,
    lost_disconnects: bool,
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
    if run.is_well() {
        run.calm_down();
    }
    let mut outcome = run.outcome();
    outcome.seconds = (faults_end - START) as f64 / SECOND as f64;
    outcome
}

impl Run {
    fn new(scenario: &Scenario) -> Self {
        let mut world = World::new(scenario);
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
        let mut roles = vec![Role::Schedule];
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
        for fault in [Fault::Gone, Fault::Clock, Fault::OldSender, Fault::Poison] {
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
            market_open: true,
            lost_disconnects: scenario.seed % 2 == 0,
        };
        for process in 0..run.processes.len() {
            run.start(process);
        }
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

    /// No fault any longer: the queues drain, clients have all, and are served at once.
    fn calm_down(&mut self) {
        let now = {
            let mut world = self.world.lock();
            world.dice.calm = true;
            world.skews.fill(0);
            world.now
        };
        self.market_open = false;
        self.promise(Promise::Drained, now + DRAIN_MAX, |run| {
            let world = run.world.lock();
            let left = world.ticks.len() + world.signals.len();
            let busy = run.processes.iter().filter(|process| process.busy).count();
            let unsent = run
                .market
                .lanes
                .iter()
                .filter(|lane| lane.unsent.is_some() && lane.until.is_none())
                .count();
            (left + busy + unsent > 0)
                .then(|| format!("{left} messages are left, {busy} consumers at work, {unsent} senders wait"))
        });
        let rest = self.world.lock().truth.at_rest();
        if let Err((promise, what)) = rest {
            self.world.lock().violate(promise, what);
        }
        let whole = |run: &Self| {
            let world = run.world.lock();
            run.clients.iter().enumerate().find_map(|(nth, client)| {
                let stream = client.behind(&world.truth)?;
                let state = if client.connection.is_some() {
                    "connected"
                } else {
                    "not connected"
                };
                Some(format!("client {nth}, {state}, has not all of {stream}"))
            })
        };
        let now = self.world.lock().now;
        self.promise(Promise::ServedAgain, now + CATCH_UP_MAX, whole);
        // What is sent now comes by itself: nobody has to ask for it.
        let before = self.resumes();
        let now = self.world.lock().now;
        for lane in 0..self.market.lanes.len() {
            if self.market.lanes[lane].until.is_none()
                && let Some(message) = self.market.gather_all(lane, now)
            {
                self.market.lanes[lane].unsent = Some(message);
                self.send(lane);
            }
        }
        // As long as it takes at most, and not only until it is so for a moment.
        self.until(now + 2 * SECOND, |_| false);
        self.promise(Promise::ServedAgain, now + SERVED_MAX, whole);
        let resumed = self.resumes() - before;
        if resumed > 0 {
            let what = format!("{resumed} times a client had to ask for what it was to be served");
            self.world.lock().violate(Promise::ServedAgain, what);
        }
    }

    fn resumes(&self) -> u64 {
        self.clients
            .iter()
            .map(|client| client.session.counts().resumes)
            .sum()
    }

    /// Goes on until nothing is in the way of a promise.
    fn promise(&mut self, promise: Promise, until: i64, in_the_way: impl Fn(&Self) -> Option<String>) {
        if !self.is_well() {
            return;
        }
        if !self.until(until, |run| in_the_way(run).is_none()) && self.is_well() {
            let what = in_the_way(self).unwrap_or_default();
            self.world.lock().violate(promise, what);
        }
    }

    fn outcome(self) -> Outcome {
        let world = self.world.lock();
        let counts = || self.clients.iter().map(|client| client.session.counts());
        Outcome {
            violations: world.violations.clone(),
            coverage: world.dice.coverage,
            seconds: 0.0,
            seconds_whole: (world.now - START) as f64 / SECOND as f64,
            segments: world.truth.segments,
            ticks: world.truth.ticks,
            signals: world.truth.signals,
            posts: world.posts,
            items: self.clients.iter().map(|client| client.received.items).sum(),
            connections: world.connections.len() as u64,
            resumes: counts().map(|counts| counts.resumes).sum(),
            parked: world.parked,
            digest: world.digest,
        }
    }

    // --------------------------------------------------------- processes

    fn start(&mut self, process: usize) {
        let ports = Ports::new(self.world.clone(), process);
        let placement = self.market.placement.clone();
        let unit = match self.processes[process].role {
            Role::Ingest => Unit::Ingest(Arc::new(Ingest::new(ports.of_ingest()))),
            Role::Deliver => Unit::Deliver(Arc::new(Deliver::new(ports.of_deliver(), placement))),
            Role::Socket => {
                let subscriptions = ports.of_subscriptions();
                let connections =
                    OpenConnection::new((&subscriptions).into(), placement.clone(), Universe::live());
                Unit::Socket(
                    Arc::new(ManageSubscription::new(subscriptions, placement)),
                    Arc::new(connections),
                )
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
                Ok(()) if self.clients[client].connection == Some(connection) => {
                    let now = self.world.lock().now;
                    self.clients[client].on_connected(now);
                    self.look_after(client);
                }
                Ok(()) => {}
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
                    world.deliver(connection, text.into());
                }
            }
            _ => {}
        }
    }

    // ------------------------------------------------------------ queues

    /// A batch was worked on: what did not fail is deleted.
    fn settle(&mut self, queue: Queue, messages: Vec<QueueMessage>, failed: &[String], again: bool) {
        let mut world = self.world.lock();
        let now = world.now;
        let failed = match self.bug == Some(Bug::FollowersDropped) {
            true => &failed[..failed.len().min(1)],
            false => failed,
        };
        if !again && !world.dice.acts(Fault::DropAcknowledgement) {
            for message in messages.iter().filter(|message| !failed.contains(&message.id)) {
                world.queue(queue).delete(&message.group, &message.receipt);
            }
        }
        if !again && world.dice.acts(Fault::Duplicate) {
            let at = now + world.dice.range(Fault::Duplicate, 0, 3 * SECOND);
            self.again.push((queue, messages));
            world.schedule(at, Event::Redeliver(self.again.len() - 1));
        }
        world.dispatch_at(queue, now);
        if let Some(at) = world.queue(queue).next_ready(now) {
            world.dispatch_at(queue, at);
        }
    }

    /// A consumer of a queue that has nothing to do, in no order.
    fn idle(&self, queue: Queue) -> Option<usize> {
        let role = if queue == Queue::Ticks {
            Role::Ingest
        } else {
            Role::Deliver
        };
        let is_idle =
            |process: &Process| process.role == role && !process.busy && !matches!(process.unit, Unit::Down);
        let mut idle: Vec<usize> = (0..self.processes.len())
            .filter(|place| is_idle(&self.processes[*place]))
            .collect();
        idle.shuffle(&mut self.world.lock().random);
        idle.first().copied()
    }

    fn dispatch(&mut self, queue: Queue) {
        self.world.lock().dispatched(queue);
        while let Some(process) = self.idle(queue) {
            let mut guard = self.world.lock();
            let world = &mut *guard;
            let now = world.now;
            let mut names = world.queue(queue).ready(now);
            let mut regardless = false;
            if names.is_empty() {
                let leased = world.queue(queue).leased(now);
                if leased.is_empty() || !world.dice.acts(Fault::TwoConsumers) {
                    break;
                }
                (names, regardless) = (leased, true);
            }
            names.shuffle(&mut world.random);
            if let Some(name) = names
                .first()
                .filter(|_| !regardless && world.dice.acts(Fault::Reorder))
            {
                let until = now + world.dice.range(Fault::Reorder, 50 * MILLISECOND, 3 * SECOND);
                world.queue(queue).hold(name, until);
                world.dispatch_at(queue, until);
                continue;
            }
            // Now and then a batch is of two groups.
            let groups = if world.random.random_range(0..4) == 0 {
                2
            } else {
                1
            };
            let mut batch = Vec::new();
            for name in names.iter().take(groups) {
                let room = world
                    .random
                    .random_range(0..=BATCH_MAX - batch.len())
                    .max(usize::from(batch.is_empty()));
                batch.extend(world.queue(queue).receive(now, name, room, regardless));
            }
            if self.bug == Some(Bug::AcknowledgedFirst) {
                for message in &batch {
                    world.queue(queue).delete(&message.group, &message.receipt);
                }
            }
            if let Some(at) = world.queue(queue).next_ready(now) {
                world.dispatch_at(queue, at);
            }
            drop(guard);
            self.hand_out(process, queue, batch, false);
        }
    }

    fn hand_out(&mut self, process: usize, queue: Queue, mut messages: Vec<QueueMessage>, again: bool) {
        let purpose = Purpose::Batch {
            queue,
            messages: messages.clone(),
            again,
        };
        if queue == Queue::Ticks && self.bug == Some(Bug::LowerEpochAccepted) {
            for message in &mut messages {
                message.body = self
                    .epochs
                    .accept(&message.group, std::mem::take(&mut message.body));
            }
        }
        match &self.processes[process].unit {
            Unit::Ingest(ingest) => {
                let ingest = ingest.clone();
                self.tasks.spawn(process, purpose, async move {
                    Done::Batch(ingest.ingest(messages).await)
                });
            }
            Unit::Deliver(deliver) => {
                let deliver = deliver.clone();
                self.tasks.spawn(process, purpose, async move {
                    Done::Batch(deliver.deliver(messages).await)
                });
            }
            _ => return,
        }
        self.processes[process].busy = true;
    }

    /// A lane sends, or sends again, what it has.
    fn send(&mut self, lane: usize) {
        let Some((message, sent)) = &self.market.lanes[lane].unsent else {
            return;
        };
        let mut guard = self.world.lock();
        let world = &mut *guard;
        let fails = world.dice.acts(Fault::Throttle) || world.dice.acts(Fault::Unavailable);
        if fails {
            return;
        }
        let group = &self.market.groups[self.market.lanes[lane].group];
        let number = world.enqueue(Queue::Ticks, message.clone());
        world.truth.on_sent(group, number.unwrap_or(0), sent);
        if !world.dice.acts(Fault::LostAnswer) {
            drop(guard);
            self.market.lanes[lane].unsent = None;
        }
    }

    fn flush(&mut self, lane: usize) {
        let now = self.world.lock().now;
        if self.market.lanes[lane].until.is_some_and(|until| until <= now) {
            return;
        }
        if self.market_open && self.market.lanes[lane].unsent.is_none() {
            self.market.lanes[lane].unsent = self.market.gather(lane, now);
        }
        self.send(lane);
        // What was not taken is sent again soon; and nothing more once all is.
        let wait = match self.market.lanes[lane].unsent {
            Some(_) => 50 * MILLISECOND,
            None if self.market_open => self.market.flush_nanos(),
            None => return,
        };
        self.world.lock().schedule(now + wait, Event::Flush(lane));
    }

    // ----------------------------------------------------------- clients

    /// A process of the socket function that runs.
    fn socket(&self) -> Option<usize> {
        let runs = |place: &usize| matches!(self.processes[*place].unit, Unit::Socket(..));
        let mut sockets: Vec<usize> = (0..self.processes.len()).filter(runs).collect();
        sockets.shuffle(&mut self.world.lock().random);
        sockets.first().copied()
    }

    fn connect(&mut self, client: usize) {
        if self.clients[client].is_done() || self.clients[client].connection.is_some() {
            return;
        }
        let id = self.world.lock().connect(client);
        let connection = self.world.lock().connections.len() - 1;
        self.clients[client].connection = Some(connection);
        let identity = self.clients[client].identity.clone();
        match self
            .socket()
            .map(|process| (process, &self.processes[process].unit))
        {
            Some((process, Unit::Socket(_, connections))) => {
                let connections = connections.clone();
                let work = async move {
                    Done::Opened(
                        connections
                            .open(&id, &identity)
                            .await
                            .map_err(|fault| fault.to_string()),
                    )
                };
                self.tasks
                    .spawn(process, Purpose::Open { client, connection }, work);
            }
            _ => self.refused(client, connection, "no function runs"),
        }
    }

    fn refused(&mut self, client: usize, connection: usize, why: &str) {
        self.world.lock().connections[connection].open = false;
        if self.clients[client].connection == Some(connection) {
            self.clients[client].on_disconnected(why, &mut self.world.lock());
            self.look_after(client);
        }
    }

    /// A connection ends. The function is told of it, where the platform does its best.
    fn cut(&mut self, connection: usize) {
        let told = {
            let mut world = self.world.lock();
            world.connections[connection].open = false;
            world.connections[connection].inbox.clear();
            !self.lost_disconnects || world.random.random()
        };
        if let Some(process) = self.socket().filter(|_| told)
            && let Unit::Socket(_, connections) = &self.processes[process].unit
        {
            let connections = connections.clone();
            let work = async move {
                // A connection that is not forgotten now is when a post to it fails.
                let _ = connections.close(&format!("c{connection}")).await;
                Done::Over
            };
            self.tasks.spawn(process, Purpose::Close, work);
        }
    }

    /// A client receives, and does what it has to.
    fn look_after(&mut self, client: usize) {
        if self.clients[client].is_done() {
            return;
        }
        self.clients[client].receive(&mut self.world.lock());
        let now = self.world.lock().now;
        if let Some(connection) = self.clients[client].connection
            && !self.world.lock().connections[connection].open
        {
            // The server ended it.
            self.clients[client].on_disconnected("the connection broke", &mut self.world.lock());
        }
        if self.clients[client].reconnect_at.is_some_and(|at| at <= now) {
            self.clients[client].reconnect_at = None;
            if let Some(connection) = self.clients[client].connection.take() {
                self.cut(connection);
            }
            self.connect(client);
        }
        while let Some(action) = self.clients[client].next_action() {
            match action {
                Action::Send(text) => self.request(client, text),
                Action::Reconnect { after } => {
                    let after = i64::try_from(after.as_nanos()).unwrap_or(i64::MAX);
                    self.clients[client].reconnect_at = Some(now.saturating_add(after));
                }
                Action::End(ended) => {
                    self.clients[client].ended = Some(ended);
                    if let Some(connection) = self.clients[client].connection.take() {
                        self.cut(connection);
                    }
                    return;
                }
            }
        }
        let client_row = &mut self.clients[client];
        if let Some(deadline) = client_row.deadline() {
            let deadline = deadline.max(now + 1);
            if deadline < client_row.wakes_at || client_row.wakes_at <= now {
                client_row.wakes_at = deadline;
                self.world.lock().schedule(deadline, Event::Client(client));
            }
        }
    }

    fn request(&mut self, client: usize, text: String) {
        let Some(connection) = self.clients[client].connection else {
            return;
        };
        let now = self.world.lock().now;
        let asked = match self.world.lock().readers[client].any_product {
            true => asked_for(&text),
            false => Vec::new(),
        };
        let Some(process) = self.socket() else { return };
        if let Unit::Socket(subscriptions, _) = &self.processes[process].unit {
            let subscriptions = subscriptions.clone();
            let work =
                async move { Done::Reply(subscriptions.request(&format!("c{connection}"), &text).await) };
            self.tasks.spawn(
                process,
                Purpose::Request {
                    connection,
                    asked_at: now,
                    asked,
                },
                work,
            );
        }
    }

    // ------------------------------------------------------------ events

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
                world.tables.grants[grant].until = now;
            }
            Event::Restart(process) => self.start(process),
            Event::SendClock => {
                // The last time is sent before the market closes, so that the logs come to rest.
                if self.market_open {
                    self.job(Job::Clock, CLOCK_EVERY, event);
                }
            }
            Event::Reconcile => self.job(Job::Reconcile, RECONCILE_EVERY, event),
            Event::Fault(fault) => self.fault(fault),
        }
    }

    fn redeliver(&mut self, place: usize) {
        let queue = self.again[place].0;
        match self.idle(queue) {
            Some(process) => {
                let messages = self.again[place].1.clone();
                self.hand_out(process, queue, messages, true);
            }
            None => {
                let mut world = self.world.lock();
                let at = world.now + 100 * MILLISECOND;
                world.schedule(at, Event::Redeliver(place));
            }
        }
    }

    fn job(&mut self, job: Job, every: i64, event: Event) {
        let mut world = self.world.lock();
        let next = world.now + every;
        world.schedule(next, event);
        drop(world);
        for process in 0..self.processes.len() {
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

    /// A fault acts at a moment of its own.
    fn fault(&mut self, fault: Fault) {
        let Some(seconds) = self.world.lock().dice.next_seconds(fault) else {
            return;
        };
        {
            let mut world = self.world.lock();
            let next = world.now + (seconds * SECOND as f64) as i64;
            world.schedule(next, Event::Fault(fault));
            world.dice.count(fault);
        }
        match fault {
            Fault::Gone => {
                let mut world = self.world.lock();
                let client = world.dice.range(fault, 0, self.clients.len() as i64) as usize;
                // The client notices at once, or later.
                let notices = world.now + world.dice.range(fault, 0, 3_000) * MILLISECOND;
                world.schedule(notices, Event::Client(client));
                drop(world);
                if let Some(connection) = self.clients[client].connection {
                    self.cut(connection);
                }
            }
            Fault::Clock => self.move_clock(),
            Fault::OldSender => {
                let mut world = self.world.lock();
                let now = world.now;
                let until = now + world.dice.range(fault, 0, OLD_SENDER_MAX);
                for lane in self.market.supersede(until) {
                    world.schedule(now, Event::Flush(lane));
                }
            }
            Fault::Poison => {
                if let Some(message) = self.market.poison() {
                    self.world.lock().enqueue(Queue::Ticks, message);
                }
            }
            _ => {}
        }
    }

    fn move_clock(&mut self) {
        let mut world = self.world.lock();
        let process = world.dice.range(Fault::Clock, 0, self.processes.len() as i64) as usize;
        let small = world.dice.range(Fault::Clock, -SKEW_MAX, SKEW_MAX);
        let far = [0, -3_600, 660, 3_700, 7_300][world.dice.range(Fault::Clock, 0, 5) as usize] * SECOND;
        // What senders, sessions and bars go by is off by little; what a consumer only
        // measures its own time by may be off by hours.
        world.skews[process] = match self.processes[process].role {
            Role::Ingest => small + far,
            Role::Deliver | Role::Socket | Role::Schedule => small,
        };
    }
}

/// Handles of the streams that a request subscribes to.
fn asked_for(request: &str) -> Vec<u32> {
    match parse_request(request) {
        Ok(ClientRequest {
            operation: Operation::Subscribe { streams },
            ..
        }) => streams.iter().map(|stream| stream.s).collect(),
        _ => Vec::new(),
    }
}

fn without_tops(pong: String) -> String {
    let Some((head, rest)) = pong.split_once(r#""tops":{"#) else {
        return pong;
    };
    let tail = rest.find('}').map_or("", |end| &rest[end..]);
    format!(r#"{head}"tops":{{{tail}"#)
}

/// A client, with streams, a moment at which it comes, and maybe one at which it goes.
fn new_client(nth: usize, scenario: &Scenario, market: &Market, world: &mut World) -> Client {
    let mut random = generator(scenario.seed, 1_000 + nth as u64);
    let user = format!("u{nth}");
    let tier = [Tier::Free, Tier::Standard, Tier::Premium][random.random_range(0..3)];
    let mut streams: Vec<(String, Mode)> = Vec::new();
    let mut handles = Vec::new();
    for _ in 0..random.random_range(1..=5) {
        let instrument = random.random_range(0..scenario.instruments as usize);
        let mode = if random.random_range(0..4) == 0 {
            Mode::Last
        } else {
            Mode::Full
        };
        let (key, product) = match random.random_range(0..10) {
            0 | 1 if tier > Tier::Free => {
                let product = PRODUCTS[random.random_range(0..PRODUCTS.len())];
                let key = format!(
                    "marketplace/{product}:{}:tick:ema(close,3)>close",
                    market.instrument(instrument)
                );
                (key, Some(product.to_owned()))
            }
            2 if tier == Tier::Premium => (
                format!(
                    "personal/{user}:{}:tick:close>sma(close,4)",
                    market.instrument(instrument)
                ),
                None,
            ),
            3 => (
                format!(
                    "common:{}:1m:rsi(close,{})",
                    market.instrument(instrument),
                    random.random_range(2..5)
                ),
                None,
            ),
            other => (market.stream(instrument, if other > 6 { 0 } else { other }), None),
        };
        if !streams.iter().any(|(known, _)| *known == key) {
            streams.push((key, mode));
            handles.push(Handle::of(product));
        }
    }
    let seconds = |random: &mut rand_pcg::Pcg64Mcg, from: i64, to: i64| {
        START + random.random_range(from * 1_000..to.max(from + 1) * 1_000) * MILLISECOND
    };
    let end = i64::from(scenario.seconds);
    for product in PRODUCTS {
        // Some have none; some begin later; some end before the run does.
        if random.random_range(0..4) == 0 {
            continue;
        }
        let from = if random.random_range(0..4) == 0 {
            seconds(&mut random, 0, 20)
        } else {
            START
        };
        let ends = seconds(&mut random, 20, end);
        let until = match random.random_range(0..4) {
            0 => ends,
            1 => {
                // It is taken back then.
                world.schedule(ends, Event::TakeBack(world.tables.grants.len()));
                START + 86_400 * SECOND
            }
            _ => START + 86_400 * SECOND,
        };
        world.tables.grants.push(Grant {
            user: user.clone(),
            product: product.to_owned(),
            from: UnixNanos(from),
            until: UnixNanos(until),
            trial: false,
        });
    }
    let any_product = handles.iter().any(|handle| handle.product.is_some());
    world.readers.push(Reader {
        user: user.clone(),
        handles,
        any_product,
    });
    // Most are there early; the others come one by one.
    let comes = if random.random_range(0..4) == 0 {
        seconds(&mut random, 2, end)
    } else {
        seconds(&mut random, 2, 8)
    };
    world.schedule(comes, Event::Connect(nth));
    if random.random_range(0..10) == 0 {
        let goes = seconds(&mut random, 10, end);
        world.schedule(goes, Event::Leave(nth));
    }
    let identity = Identity {
        user,
        tier,
        expires_at: UnixNanos(START + 86_400 * SECOND),
    };
    Client::new(identity, streams, random.random())
}
