//! What clients do, and what becomes of their connections.

use rand::RngExt;
use rand::seq::SliceRandom;
use tickwire::client::Action;
use tickwire_entitlements::{Grant, Identity, Proof, Tier};
use tickwire_market::UnixNanos;
use tickwire_wire::{ClientRequest, Mode, Operation, parse_request};

use super::{PRODUCTS, Run, Unit};
use crate::client::Client;
use crate::fault::generator;
use crate::market::Market;
use crate::planted::Bug;
use crate::scenario::Scenario;
use crate::tasks::{Done, Purpose};
use crate::world::{Event, Handle, MILLISECOND, Reader, SECOND, START, World};

impl Run {
    /// A process of the socket function that runs.
    pub(super) fn socket(&self) -> Option<usize> {
        let runs = |place: &usize| matches!(self.processes[*place].unit, Unit::Socket { .. });
        let mut sockets: Vec<usize> = (0..self.processes.len()).filter(runs).collect();
        sockets.shuffle(&mut self.world.lock().random);
        sockets.first().copied()
    }

    pub(super) fn connect(&mut self, client: usize) {
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
            Some((process, Unit::Socket { connections, .. })) => {
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

    pub(super) fn refused(&mut self, client: usize, connection: usize, why: &str) {
        self.world.lock().connections[connection].open = false;
        if self.clients[client].connection == Some(connection) {
            self.clients[client].on_disconnected(why, &mut self.world.lock());
            self.look_after(client);
        }
    }

    /// A connection ends. The function is told of it, where the platform does its best.
    pub(super) fn cut(&mut self, connection: usize) {
        let told = {
            let mut world = self.world.lock();
            world.connections[connection].open = false;
            world.connections[connection].inbox.clear();
            !self.seed.is_multiple_of(2) || world.random.random()
        };
        if let Some(process) = self.socket().filter(|_| told)
            && let Unit::Socket { connections, .. } = &self.processes[process].unit
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
    pub(super) fn look_after(&mut self, client: usize) {
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
        let deadline = match self.bug {
            Some(Bug::ClientSpins) if client_row.was_refused() => Some(now),
            _ => client_row.deadline(),
        };
        if let Some(deadline) = deadline {
            let deadline = deadline.max(now + 1);
            if deadline < client_row.wakes_at || client_row.wakes_at <= now {
                client_row.wakes_at = deadline;
                self.world.lock().schedule(deadline, Event::Client(client));
            }
        }
    }

    pub(super) fn request(&mut self, client: usize, text: String) {
        let Some(connection) = self.clients[client].connection else {
            return;
        };
        let now = self.world.lock().now;
        self.may_break(connection);
        let asked = match self.world.lock().readers[client].any_product {
            true => asked_for(&text),
            false => Vec::new(),
        };
        let Some(process) = self.socket() else { return };
        if let Unit::Socket { subscriptions, .. } = &self.processes[process].unit {
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

/// A client, with streams, a moment at which it comes, and maybe one at which it goes.
pub(super) fn new_client(nth: usize, scenario: &Scenario, market: &Market, world: &mut World) -> Client {
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
            let group = market.group_of(instrument);
            handles.push(Handle::of(key.clone(), product, group));
            streams.push((key, mode));
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
                world.schedule(ends, Event::TakeBack(world.sockets.grants.len()));
                START + 86_400 * SECOND
            }
            _ => START + 86_400 * SECOND,
        };
        world.sockets.grants.push(Grant {
            user: user.clone(),
            product: product.to_owned(),
            from: UnixNanos(from),
            until: UnixNanos(until),
            trial: false,
            version: 1,
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
    // One stays, so that there is always someone to post to.
    if random.random_range(0..10) == 0 && nth > 0 {
        let goes = seconds(&mut random, 10, end);
        world.schedule(goes, Event::Leave(nth));
    }
    let identity = Identity {
        user,
        tier,
        expires_at: UnixNanos(START + 86_400 * SECOND),
        proof: Proof::default(),
    };
    Client::new(identity, streams, random.random())
}
