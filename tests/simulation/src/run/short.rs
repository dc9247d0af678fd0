//! Posts are short, and nothing else goes wrong: the quota is kept, and each
//! connection has its share.

use std::collections::{BTreeMap, BTreeSet};

use tickwire_service::placement::shard_of;
use tickwire_streams::{GroupKey, PostQuota};

use super::{Process, Role, Run, Unit};
use crate::truth::Promise;
use crate::world::{MILLISECOND, SECOND};

/// Times that every instrument trades while posts are short.
const ROUNDS: usize = 40;
/// Time between them.
const ROUND: i64 = 250 * MILLISECOND;
/// Posts by which connections may differ from their shares: where it began, where it
/// ends, and one of a run that came twice.
const SLACK: f64 = 3.0;

/// What `posts_per_second` stand for, if there is a bound.
pub(super) fn quota_of(posts_per_second: u32) -> Option<PostQuota> {
    (posts_per_second > 0).then_some(PostQuota {
        per_second: posts_per_second,
        burst: posts_per_second,
    })
}

/// Clients whose posts can be compared: those that want signals of the same groups and shards
/// all the time.
type Alike = BTreeMap<Vec<String>, Vec<(usize, u32, u32)>>;

impl Run {
    fn deliverers(&self) -> Vec<usize> {
        let of_role = |place: &usize| self.processes[*place].role == Role::Deliver;
        (0..self.processes.len()).filter(of_role).collect()
    }

    /// Deliverers start anew and may post what they like.
    pub(super) fn lift_quota(&mut self) {
        if self.quota.take().is_some() {
            for process in self.deliverers() {
                self.crash(process);
            }
        }
    }

    /// One deliverer is left, and may post an eighth of what there is to be posted. Of nothing else
    /// it is short: it works on each shard of a group as soon as there is something to do.
    pub(super) fn be_short_of_posts(&mut self) {
        let reached = |run: &Self| {
            let clients = run.clients.iter().filter(|client| !client.is_done());
            clients.filter(|client| client.session.is_subscribed()).count() as u32
        };
        if !self.is_well() || reached(self) < 2 {
            return;
        }
        self.quota = quota_of((reached(self) / 2).max(1));
        let deliverers = self.deliverers();
        for process in &deliverers {
            self.processes[*process].unit = Unit::Down;
        }
        if let Some(process) = deliverers.first() {
            self.start(*process);
            let consumers = self.market.groups.len() * usize::from(self.world.lock().shards);
            let more = Process {
                role: Role::Deliver,
                unit: self.processes[*process].unit.clone(),
                busy: false,
            };
            self.processes.extend(std::iter::repeat_n(more, consumers - 1));
        }
        let began = {
            let mut world = self.world.lock();
            world.delivered.clear();
            world.now
        };
        let before = self.lengths();
        let connections: Vec<Option<usize>> = self.clients.iter().map(|client| client.connection).collect();
        for _ in 0..ROUNDS {
            let now = self.world.lock().now;
            self.trade_all(now);
            self.until(now + ROUND, |_| false);
        }
        self.check_quota(began);
        self.check_shares(&before, &connections);
        // The queues empty themselves, and a pause is enough for what was carried; what is sent then
        // brings it, and what does not come is asked for after the next ping.
        self.until(self.now() + 20 * SECOND, |_| false);
    }

    fn check_quota(&self, began: i64) {
        let mut world = self.world.lock();
        let posts: u32 = world.delivered.values().sum();
        let seconds = (world.now - began) as f64 / SECOND as f64;
        let most = self.quota.map_or(f64::MAX, |quota| {
            f64::from(quota.burst) + f64::from(quota.per_second) * seconds
        });
        if f64::from(posts) > most {
            let what = format!("{posts} frames were posted in {seconds} s, and {most} may be");
            world.violate(Promise::FairShare, what);
        }
    }

    /// Signals of each stream so far.
    fn lengths(&self) -> BTreeMap<String, usize> {
        let world = self.world.lock();
        let wanted = self.clients.iter().flat_map(|client| client.wanted());
        let length = |key: &str| Some(world.truth.stream(world.truth.stream_place(key)?)?.signals.len());
        wanted
            .map(|key| (key.to_owned(), length(key).unwrap_or(0)))
            .collect()
    }

    /// Within a tier all have the same, and between tiers none has more than its weight gives it.
    fn check_shares(&self, before: &BTreeMap<String, usize>, connections: &[Option<usize>]) {
        let after = self.lengths();
        let mut world = self.world.lock();
        let mut alike = Alike::new();
        for (nth, client) in self.clients.iter().enumerate() {
            // One that connected anew had a pause.
            let stayed = client
                .connection
                .filter(|_| client.connection == connections[nth]);
            let Some(connection) = stayed.filter(|_| client.session.is_subscribed()) else {
                continue;
            };
            let shard = shard_of(&format!("c{connection}"), world.shards);
            let groups_grown = |by: usize| -> BTreeSet<&GroupKey> {
                let at =
                    |lengths: &BTreeMap<String, usize>, key: &str| lengths.get(key).copied().unwrap_or(0);
                let grown = client
                    .wanted()
                    .filter(|key| at(&after, key) >= at(before, key) + by);
                grown.filter_map(|key| world.readers[nth].group_of(key)).collect()
            };
            // Of each group from which anything comes something comes all the time.
            let groups = groups_grown(ROUNDS);
            if groups.is_empty() || groups != groups_grown(1) {
                continue;
            }
            let places: Vec<String> = groups.iter().map(|group| format!("{group}#{shard}")).collect();
            let posts = world.delivered.get(&connection).copied().unwrap_or(0);
            let weight = client.identity.tier.weight();
            alike.entry(places).or_default().push((nth, weight, posts));
        }
        for (places, clients) in &alike {
            for (one, weight, posts) in clients {
                for (other, of_other, had) in clients.iter().filter(|(_, of_other, _)| of_other >= weight) {
                    let (posts, had) = (f64::from(*posts), f64::from(*had));
                    let due = had * f64::from(*weight) / f64::from(*of_other);
                    if posts > had + SLACK || posts + SLACK < due {
                        let what = format!(
                            "of {places:?} client {one} of weight {weight} had {posts} frames, and client {other} \
                             of weight {of_other} had {had}"
                        );
                        world.violate(Promise::FairShare, what);
                    }
                }
            }
        }
    }
}
