//! Senders, and the consumers that work the queues off.

use rand::RngExt;
use rand::seq::SliceRandom;
use tickwire_service::ports::Queue;
use tickwire_service::queue_message::QueueMessage;

use super::{BATCH_MAX, Process, Role, Run, Unit};
use crate::fault::Fault;
use crate::planted::Bug;
use crate::tasks::{Done, Purpose};
use crate::world::{Event, MILLISECOND, SECOND};

impl Run {
    /// A batch was worked on: what did not fail is deleted.
    pub(super) fn settle(
        &mut self,
        queue: Queue,
        messages: Vec<QueueMessage>,
        failed: &[String],
        again: bool,
    ) {
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
    pub(super) fn idle(&self, queue: Queue) -> Option<usize> {
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

    pub(super) fn dispatch(&mut self, queue: Queue) {
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

    pub(super) fn hand_out(
        &mut self,
        process: usize,
        queue: Queue,
        mut messages: Vec<QueueMessage>,
        again: bool,
    ) {
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
    pub(super) fn send(&mut self, lane: usize) {
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

    /// Every instrument trades once, and it is sent.
    pub(super) fn trade_all(&mut self, now: i64) {
        self.trade_some(now, usize::MAX);
    }

    /// So many instruments of each group trade once, and it is sent.
    pub(super) fn trade_some(&mut self, now: i64, of_group: usize) {
        for lane in 0..self.market.lanes.len() {
            if self.market.lanes[lane].until.is_none()
                && let Some(message) = self.market.gather_one_each(lane, now, of_group)
            {
                self.market.lanes[lane].unsent = Some(message);
                self.send(lane);
            }
        }
    }

    pub(super) fn flush(&mut self, lane: usize) {
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

    pub(super) fn redeliver(&mut self, place: usize) {
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
}
