//! What one queue holds, and what may be received from it. No input, no
//! output, no clock: every change is told the time.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tickwire_market::UnixNanos;

/// Names and values that travel with a message, such as why it was parked.
pub type Attributes = BTreeMap<String, String>;

/// A message. Ids ascend in order of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: u64,
    pub(super) group: Arc<str>,
    pub(super) body: Arc<str>,
    pub(super) attributes: Arc<Attributes>,
    pub(super) sent_at: UnixNanos,
    /// Times it was received.
    pub(super) receives: u32,
    /// It was read from the disk, so a process may have ended over it: its
    /// receives are written before it is handed out.
    pub(super) restored: bool,
}

impl Message {
    fn bytes(&self) -> usize {
        self.group.len() + self.body.len()
    }
}

#[derive(Default)]
struct Group {
    /// What is not in flight, by id.
    waiting: VecDeque<Message>,
    in_flight: usize,
    /// It stands in the list of ready groups.
    ready: bool,
}

struct InFlight {
    message: Message,
    deadline: UnixNanos,
}

/// What a take brought.
#[derive(Default)]
pub(super) struct Taken {
    /// Now in flight.
    pub(super) received: Vec<Message>,
    /// Received too often: no longer in this queue.
    pub(super) dead: Vec<Message>,
}

/// One queue.
#[derive(Default)]
pub(super) struct State {
    groups: HashMap<Arc<str>, Group>,
    /// Groups with something waiting and nothing in flight, longest ready first.
    ready: VecDeque<Arc<str>>,
    in_flight: HashMap<u64, InFlight>,
    deadlines: BTreeSet<(UnixNanos, u64)>,
    waiting: usize,
    bytes: usize,
}

impl State {
    /// Adds a message, at the place of its id.
    pub(super) fn add(&mut self, message: Message) {
        self.bytes += message.bytes();
        self.put_back(message);
    }

    fn put_back(&mut self, message: Message) {
        let key = Arc::clone(&message.group);
        let group = self.groups.entry(Arc::clone(&key)).or_default();
        let place = match group.waiting.back() {
            Some(last) if last.id > message.id => {
                group.waiting.partition_point(|other| other.id < message.id)
            }
            _ => group.waiting.len(),
        };
        group.waiting.insert(place, message);
        self.waiting += 1;
        self.settle(&key);
    }

    /// Lists a group that has become ready; forgets one that is empty.
    fn settle(&mut self, key: &Arc<str>) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        if group.in_flight > 0 || group.ready {
            return;
        }
        if group.waiting.is_empty() {
            self.groups.remove(key);
        } else {
            group.ready = true;
            self.ready.push_back(Arc::clone(key));
        }
    }

    /// Whether something can be received without waiting for a deadline.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next message in flight becomes visible again.
    pub(super) fn next_deadline(&self) -> Option<UnixNanos> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes up to `max` messages: all it can of the group that has been ready
    /// for longest, then of the next. They stay hidden until `deadline`.
    pub(super) fn take(
        &mut self,
        max: usize,
        now: UnixNanos,
        deadline: UnixNanos,
        receives_max: u32,
    ) -> Taken {
        while let Some((due, id)) = self.deadlines.first().copied().filter(|(due, _)| *due <= now) {
            debug_assert!(due <= now);
            if let Some(message) = self.release(id) {
                self.put_back(message);
            }
        }
        let mut taken = Taken::default();
        while taken.received.len() < max {
            let Some(key) = self.ready.pop_front() else { break };
            let Some(group) = self.groups.get_mut(&key) else {
                continue;
            };
            group.ready = false;
            while taken.received.len() < max {
                let Some(mut message) = group.waiting.pop_front() else {
                    break;
                };
                self.waiting -= 1;
                if message.receives >= receives_max {
                    self.bytes -= message.bytes();
                    taken.dead.push(message);
                    continue;
                }
                message.receives += 1;
                group.in_flight += 1;
                self.deadlines.insert((deadline, message.id));
                self.in_flight.insert(
                    message.id,
                    InFlight {
                        message: message.clone(),
                        deadline,
                    },
                );
                taken.received.push(message);
            }
            self.settle(&key);
        }
        taken
    }

    /// Ends the flight of a message; its group is not settled yet.
    fn release(&mut self, id: u64) -> Option<Message> {
        let InFlight { message, deadline } = self.in_flight.remove(&id)?;
        self.deadlines.remove(&(deadline, id));
        if let Some(group) = self.groups.get_mut(&message.group) {
            group.in_flight -= 1;
        }
        Some(message)
    }

    /// Whether `receives` is the present flight of message `id`. A receipt of
    /// an earlier flight, or of one whose time is up, is worth nothing.
    fn flies(&self, id: u64, receives: u32, now: UnixNanos) -> bool {
        self.in_flight
            .get(&id)
            .is_some_and(|f| f.message.receives == receives && f.deadline > now)
    }

    /// Deletes a message in flight; false if the receipt is worth nothing.
    pub(super) fn delete(&mut self, id: u64, receives: u32, now: UnixNanos) -> bool {
        if !self.flies(id, receives, now) {
            return false;
        }
        if let Some(message) = self.release(id) {
            self.bytes -= message.bytes();
            self.settle(&message.group);
        }
        true
    }

    /// Moves the deadline of a message in flight; false if the receipt is worth nothing.
    pub(super) fn postpone(&mut self, id: u64, receives: u32, now: UnixNanos, deadline: UnixNanos) -> bool {
        if !self.flies(id, receives, now) {
            return false;
        }
        if let Some(flight) = self.in_flight.get_mut(&id) {
            self.deadlines.remove(&(flight.deadline, id));
            flight.deadline = deadline;
            self.deadlines.insert((deadline, id));
        }
        true
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Messages that are not in flight.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Messages in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Bytes of all messages.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the oldest message was sent.
    pub(super) fn oldest(&self) -> Option<UnixNanos> {
        let waiting = self.groups.values().filter_map(|group| group.waiting.front());
        let flying = self.in_flight.values().map(|flight| &flight.message);
        waiting.chain(flying).map(|message| message.sent_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: u64, group: &str) -> Message {
        Message {
            id,
            group: group.into(),
            body: format!("{group}{id}").into(),
            attributes: Arc::default(),
            sent_at: UnixNanos(id as i64),
            receives: 0,
            restored: false,
        }
    }

    fn ids(messages: &[Message]) -> Vec<u64> {
        messages.iter().map(|m| m.id).collect()
    }

    fn take(state: &mut State, max: usize, now: i64) -> Vec<u64> {
        ids(&state.take(max, UnixNanos(now), UnixNanos(now + 100), 3).received)
    }

    #[test]
    fn a_group_is_locked_while_it_has_messages_in_flight() {
        let mut state = State::default();
        for (id, group) in [(1, "a"), (2, "a"), (3, "b"), (4, "a"), (5, "b")] {
            state.add(message(id, group));
        }
        assert_eq!(take(&mut state, 2, 0), [1, 2]);
        assert_eq!(take(&mut state, 10, 0), [3, 5]);
        assert_eq!(take(&mut state, 10, 0), [0u64; 0]);
        assert!(state.delete(1, 1, UnixNanos(1)));
        assert_eq!(take(&mut state, 10, 1), [0u64; 0], "2 is still in flight");
        assert!(state.delete(2, 1, UnixNanos(1)));
        assert_eq!(take(&mut state, 10, 1), [4]);
        assert_eq!((state.waiting(), state.in_flight()), (0, 3));
    }

    #[test]
    fn what_is_not_deleted_comes_back_in_its_place() {
        let mut state = State::default();
        for id in 1..=4 {
            state.add(message(id, "a"));
        }
        assert_eq!(take(&mut state, 2, 0), [1, 2]);
        assert!(state.delete(1, 1, UnixNanos(50)));
        assert_eq!(state.next_deadline(), Some(UnixNanos(100)));
        assert!(!state.delete(2, 1, UnixNanos(100)), "its time is up");
        let again = state.take(10, UnixNanos(100), UnixNanos(200), 3).received;
        assert_eq!(ids(&again), [2, 3, 4]);
        assert_eq!(again[0].receives, 2);
        assert!(
            !state.delete(2, 1, UnixNanos(101)),
            "a receipt of an earlier flight"
        );
        assert!(state.postpone(2, 2, UnixNanos(101), UnixNanos(101)));
        assert_eq!(take(&mut state, 10, 101), [0u64; 0], "3 and 4 lock the group");
        assert!(state.delete(3, 1, UnixNanos(102)) && state.delete(4, 1, UnixNanos(102)));
        assert_eq!(take(&mut state, 10, 102), [2]);
    }

    #[test]
    fn what_is_received_too_often_leaves() {
        let mut state = State::default();
        state.add(message(1, "a"));
        state.add(message(2, "a"));
        for now in [0, 100, 200] {
            assert_eq!(take(&mut state, 1, now), [1]);
        }
        let taken = state.take(1, UnixNanos(300), UnixNanos(400), 3);
        assert_eq!((ids(&taken.received), ids(&taken.dead)), (vec![2], vec![1]));
        assert!(state.delete(2, 1, UnixNanos(301)));
        assert_eq!(
            (state.waiting(), state.in_flight(), state.bytes(), state.oldest()),
            (0, 0, 0, None)
        );
        assert!(state.groups.is_empty());
    }
}
