//! A queue as SQS has them: groups in order, leases, deduplication ids.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tickwire_service::ports::Outgoing;
use tickwire_service::queue_message::QueueMessage;

use crate::world::SECOND;

#[derive(Debug)]
struct Waiting {
    id: u64,
    body: Arc<str>,
    receives: u32,
    /// When it may be handed out; later than now while a lease holds.
    visible_at: i64,
    receipt: u64,
}

#[derive(Debug, Default)]
struct Group {
    messages: VecDeque<Waiting>,
    /// Stands still until then.
    not_before: i64,
}

/// A queue.
#[derive(Debug)]
pub(crate) struct Fifo {
    groups: BTreeMap<String, Group>,
    /// Deduplication ids and until when they are known.
    known: FxHashMap<String, i64>,
    lease: i64,
    remembers: i64,
    next_id: u64,
    next_receipt: u64,
    /// Planted: no order within a group.
    pub(crate) without_order: bool,
}

impl Fifo {
    pub(crate) fn new(lease_seconds: u32, deduplication_seconds: u32) -> Self {
        Self {
            groups: BTreeMap::new(),
            known: FxHashMap::default(),
            lease: i64::from(lease_seconds) * SECOND,
            remembers: i64::from(deduplication_seconds) * SECOND,
            next_id: 0,
            next_receipt: 0,
            without_order: false,
        }
    }

    /// Takes a message; its number, or `None` if it is known.
    pub(crate) fn send(&mut self, now: i64, message: Outgoing) -> Option<u64> {
        if self
            .known
            .get(&message.deduplication)
            .is_some_and(|until| now < *until)
        {
            return None;
        }
        self.known.insert(message.deduplication, now + self.remembers);
        self.next_id += 1;
        self.groups
            .entry(message.group)
            .or_default()
            .messages
            .push_back(Waiting {
                id: self.next_id,
                body: message.body.into(),
                receives: 0,
                visible_at: now,
                receipt: 0,
            });
        Some(self.next_id)
    }

    /// Groups of which something can be handed out now.
    pub(crate) fn ready(&self, now: i64) -> Vec<String> {
        let is_ready = |group: &Group| {
            let mut messages = group.messages.iter();
            let next = if self.without_order {
                messages.find(|message| message.visible_at <= now)
            } else {
                messages.next()
            };
            group.not_before <= now && next.is_some_and(|next| next.visible_at <= now)
        };
        self.groups
            .iter()
            .filter(|(_, group)| is_ready(group))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Groups whose first message someone works on.
    pub(crate) fn leased(&self, now: i64) -> Vec<String> {
        let is_leased = |group: &Group| {
            group
                .messages
                .front()
                .is_some_and(|first| first.receipt > 0 && first.visible_at > now)
        };
        self.groups
            .iter()
            .filter(|(_, group)| is_leased(group))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Hands out messages of a group, also leased ones if `regardless`.
    pub(crate) fn receive(
        &mut self,
        now: i64,
        name: &str,
        messages_max: usize,
        regardless: bool,
    ) -> Vec<QueueMessage> {
        let (lease, without_order) = (self.lease, self.without_order);
        let Some(group) = self.groups.get_mut(name) else {
            return Vec::new();
        };
        let mut batch = Vec::new();
        for message in &mut group.messages {
            if message.visible_at > now && !regardless {
                if without_order {
                    continue;
                }
                break;
            }
            if batch.len() == messages_max {
                break;
            }
            self.next_receipt += 1;
            message.receives += 1;
            message.visible_at = now + lease;
            message.receipt = self.next_receipt;
            batch.push(QueueMessage {
                id: message.id.to_string(),
                group: name.to_owned(),
                receipt: message.receipt.to_string(),
                body: message.body.to_string(),
                receive_count: message.receives,
            });
        }
        batch
    }

    /// Deletes a message, if the receipt is of its last handing out.
    pub(crate) fn delete(&mut self, name: &str, receipt: &str) {
        if let (Some(group), Ok(receipt)) = (self.groups.get_mut(name), receipt.parse::<u64>()) {
            group.messages.retain(|message| message.receipt != receipt);
            if group.messages.is_empty() && group.not_before == 0 {
                self.groups.remove(name);
            }
        }
    }

    /// Sets when a message that is leased can be handed out again; returns that.
    pub(crate) fn postpone(&mut self, now: i64, receipt: &str, delay: i64) -> Option<i64> {
        let receipt: u64 = receipt.parse().ok()?;
        let messages = self.groups.values_mut().flat_map(|group| &mut group.messages);
        let message = messages.into_iter().find(|message| message.receipt == receipt)?;
        message.visible_at = now + delay;
        Some(message.visible_at)
    }

    /// Lets a group stand still.
    pub(crate) fn hold(&mut self, name: &str, until: i64) {
        if let Some(group) = self.groups.get_mut(name) {
            group.not_before = until;
        }
    }

    /// When the next message that is leased or held can be handed out.
    pub(crate) fn next_ready(&self, now: i64) -> Option<i64> {
        let next = self
            .groups
            .values()
            .filter_map(|group| Some(group.messages.front()?.visible_at.max(group.not_before)));
        next.filter(|at| *at > now).min()
    }

    /// Messages in it.
    pub(crate) fn len(&self) -> usize {
        self.groups.values().map(|group| group.messages.len()).sum()
    }
}
