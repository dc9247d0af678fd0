//! Faults that act at moments of their own.

use tickwire_service::ports::Queue;
use tickwire_streams::{PostQuota, Shares};

use super::{OLD_SENDER_MAX, Role, Run};
use crate::fault::Fault;
use crate::world::{Event, MILLISECOND, SECOND, SKEW_MAX};

/// Of so many requests one meets a connection that breaks ...
const BREAKS_ONE_IN: i64 = 20;
/// ... within this time.
const BREAKS_WITHIN: i64 = 20 * MILLISECOND;

impl Run {
    /// A fault acts at a moment of its own.
    pub(super) fn fault(&mut self, fault: Fault) {
        let Some(seconds) = self.world.lock().dice.next_seconds(fault) else {
            return;
        };
        {
            let mut world = self.world.lock();
            let next = world.now + (seconds * SECOND as f64) as i64;
            world.schedule(next, Event::Fault(fault));
            // Of a quota each post counts that is beyond it, and of breaks each connection that was open.
            if !matches!(fault, Fault::QuotaShort | Fault::Gone) {
                world.dice.count(fault);
            }
        }
        match fault {
            Fault::Gone => {
                let clients = self.clients.len() as i64;
                let client = self.world.lock().dice.range(fault, 0, clients) as usize;
                if let Some(connection) = self.clients[client].connection {
                    self.world.lock().dice.count(fault);
                    self.break_off(connection);
                }
            }
            Fault::Clock => self.move_clock(),
            Fault::QuotaShort => {
                let mut world = self.world.lock();
                let posts = world.dice.range(fault, 1, 20) as u32;
                let until = world.now + world.dice.range(fault, SECOND, 10 * SECOND);
                let quota = PostQuota {
                    per_second: posts,
                    burst: posts,
                };
                world.short = Some((until, Shares::new(quota)));
            }
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

    /// A connection may break just when something is asked for on it.
    pub(super) fn may_break(&self, connection: usize) {
        let mut world = self.world.lock();
        if world.dice.is_active(Fault::Gone) && world.dice.range(Fault::Gone, 0, BREAKS_ONE_IN) == 0 {
            world.dice.count(Fault::Gone);
            let at = world.now + world.dice.range(Fault::Gone, 0, BREAKS_WITHIN);
            world.schedule(at, Event::Break(connection));
        }
    }

    /// A connection breaks; its client notices at once, or later.
    pub(super) fn break_off(&mut self, connection: usize) {
        let mut world = self.world.lock();
        if !world.connections[connection].open {
            return;
        }
        let client = world.connections[connection].client;
        let notices = world.now + world.dice.range(Fault::Gone, 0, 3_000) * MILLISECOND;
        world.schedule(notices, Event::Client(client));
        drop(world);
        self.cut(connection);
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
