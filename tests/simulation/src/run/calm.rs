//! The end of a run: nothing goes wrong any longer, and all comes right.

use tickwire_service::deliver_signals::FRAMES_LEASE_S;

use super::Run;
use crate::truth::Promise;
use crate::world::{DAY, SECOND, SKEW_MAX};

/// After the last fault the queues are empty within this time.
const DRAIN_MAX: i64 = 180 * SECOND;
/// Then clients have all within this time: two heartbeats, and a request that is not answered.
const CATCH_UP_MAX: i64 = 180 * SECOND;
/// A signal then reaches those who are subscribed within this time.
const SERVED_MAX: i64 = 5 * SECOND;
/// After this time nobody has had as many frames as his tier has, by any process's clock.
const FRAMES_WINDOW: i64 = (60 + FRAMES_LEASE_S) * SECOND + 2 * SKEW_MAX;

impl Run {
    /// No fault any longer: the queues drain, clients have all, and are served at once.
    pub(super) fn calm_down(&mut self) {
        {
            let mut world = self.world.lock();
            world.dice.calm = true;
            world.skews.fill(0);
        }
        self.lift_quota();
        self.market_open = false;
        self.promise(Promise::Drained, DRAIN_MAX, Self::undrained);
        let rest = self.world.lock().truth.at_rest();
        self.world.lock().hold(rest);
        // One that has all may still be on its way to being subscribed again.
        self.promise(Promise::ServedAgain, CATCH_UP_MAX, |run| {
            run.unsubscribed().or_else(|| run.unserved(i64::MAX))
        });
        self.be_busy();
        self.promise(Promise::ServedAgain, CATCH_UP_MAX, |run| run.unserved(i64::MAX));
        self.until(self.now() + FRAMES_WINDOW, |_| false);
        self.serve_all();
        self.promise(Promise::History, SERVED_MAX, Self::uncompacted);
        self.promise(Promise::LogKept, SERVED_MAX, Self::unexpired);
        self.be_short_of_posts();
        self.promise(Promise::ServedAgain, CATCH_UP_MAX, |run| run.unserved(i64::MAX));
    }

    /// What is sent now comes by itself, and nobody has to ask for it but who was told that he is
    /// sent no more than the latest: he has all by his next ping.
    fn serve_all(&mut self) {
        let began = self.now();
        let before: Vec<u64> = self.resumes().collect();
        self.trade_all(began);
        // As long as it takes at most, and not only until it is so for a moment.
        self.until(began + 2 * SECOND, |_| false);
        self.promise(Promise::ServedAgain, SERVED_MAX, |run| run.unserved(began));
        let untold = self.clients.iter().zip(self.resumes().zip(before));
        let untold = untold.filter(|(client, _)| client.received.held_at < began);
        let resumed: u64 = untold.map(|(_, (after, before))| after - before).sum();
        if resumed > 0 {
            let what = format!("{resumed} times a client had to ask for what it was to be served");
            self.world.lock().violate(Promise::ServedAgain, what);
        }
        self.promise(Promise::ServedAgain, CATCH_UP_MAX, |run| run.unserved(i64::MAX));
    }

    fn undrained(&self) -> Option<String> {
        let world = self.world.lock();
        let left = world.ticks.len() + world.signals.len();
        let busy = self.processes.iter().filter(|process| process.busy).count();
        let lanes = self.market.lanes.iter();
        let unsent = lanes.filter(|lane| lane.unsent.is_some() && lane.until.is_none());
        let unsent = unsent.count();
        (left + busy + unsent > 0)
            .then(|| format!("{left} messages are left, {busy} consumers at work, {unsent} senders wait"))
    }

    fn unsubscribed(&self) -> Option<String> {
        let mut clients = self.clients.iter().enumerate();
        let waiting = clients.find(|(_, client)| !client.is_done() && !client.session.is_subscribed());
        waiting.map(|(nth, _)| format!("client {nth} is not subscribed to all"))
    }

    /// A client that has not all, and was not told since then that it is sent no more than the latest.
    fn unserved(&self, told_since: i64) -> Option<String> {
        let world = self.world.lock();
        let clients = self.clients.iter().enumerate();
        let mut clients = clients.filter(|(_, client)| client.received.held_at < told_since);
        clients.find_map(|(nth, client)| {
            let stream = client.behind(&world.truth)?;
            let state = match client.connection {
                Some(_) => "connected",
                None => "not connected",
            };
            Some(format!("client {nth}, {state}, has not all of {stream}"))
        })
    }

    /// Blocks of a day that is over.
    fn uncompacted(&self) -> Option<String> {
        let world = self.world.lock();
        let midnight = world.now - world.now.rem_euclid(DAY);
        let mut blocks = world
            .tables
            .bars
            .iter()
            .flat_map(|(of, blocks)| blocks.keys().map(move |(end, _)| (of, end.0)));
        let ((group, timeframe), _) = blocks.find(|(_, end)| *end <= midnight)?;
        Some(format!(
            "{group}: blocks of {timeframe} of a day that is over are not compacted"
        ))
    }

    /// A log of which nothing has gone.
    fn unexpired(&self) -> Option<String> {
        let world = self.world.lock();
        let mut logs = world.tables.log.iter();
        let (group, _) = logs.find(|(_, log)| log.contains_key(&1))?;
        Some(format!(
            "{group}: what was committed long ago is still in the log"
        ))
    }

    fn resumes(&self) -> impl Iterator<Item = u64> {
        self.clients.iter().map(|client| client.session.counts().resumes)
    }
}
