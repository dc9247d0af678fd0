//! A client's end of `tickwire.v1` as a state machine: no socket, no clock.
//!
//! Texts and the time go in; texts to send, and when to connect again, come out
//! of [`Session::next_action`]. Signals go to a [`Receive`], each stream's in
//! order, each once. Times are durations since a moment of the caller's choice.

mod answers;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use tickwire_market::UnixNanos;
use tickwire_wire::{
    Downgraded, ErrorBody, ErrorCode, Goodbye, Mode, Operation, StreamRequest, socket_message_bytes_max,
};

use super::message::{Handles, Item, ItemKind, Message, parse};
use super::notes::{
    Action, Counts, Ended, Note, Receive, reconnect_wait_max, reconnect_wait_min, reply_wait,
    streams_per_request_max,
};
use super::stream::Stream;

/// Requests behind which nothing came any more: then the connection is taken for a broken one, also
/// where the other end was never told.
const UNANSWERED_MAX: u32 = 2;
/// Bytes around the streams of a request.
const REQUEST_FRAME_BYTES: usize = 100;

/// The request that is not answered yet. There is at most one: requests could
/// overtake each other, and the one with the lesser id would be refused.
struct Asked {
    id: u64,
    kind: Kind,
    until: Duration,
}

enum Kind {
    Hello,
    Subscribe(Vec<u32>),
    Ping(Handles),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Down,
    Greeting,
    Open,
    Leaving,
}

/// A client's end of the protocol.
pub struct Session {
    universe: Option<String>,
    streams: Vec<Stream>,
    phase: Phase,
    next_id: u64,
    asked: Option<Asked>,
    /// No request before this time.
    not_before: Duration,
    heartbeat: Duration,
    ping_due: Duration,
    /// Requests in a row that nothing came behind, an answer or anything else.
    unanswered: u32,
    request_streams_max: usize,
    failures: u32,
    connected_before: bool,
    /// Streams with something to wait for; the others need no look at the clock.
    waiting: BTreeSet<u32>,
    actions: VecDeque<Action>,
    random: Pcg64Mcg,
    counts: Counts,
}

impl Session {
    /// A session that wants `streams`, a handle each in their order. `universe`
    /// is the world to read, if not the one served by default; `seed` spreads
    /// the waits of several sessions.
    pub fn new(
        streams: impl IntoIterator<Item = (String, Mode)>,
        universe: Option<String>,
        seed: u64,
    ) -> Self {
        let streams: Vec<_> = streams
            .into_iter()
            .map(|(key, mode)| Stream::new(key, mode))
            .collect();
        Self {
            universe,
            streams,
            phase: Phase::Down,
            next_id: 1,
            asked: None,
            not_before: Duration::ZERO,
            heartbeat: Duration::from_secs(60),
            ping_due: Duration::MAX,
            unanswered: 0,
            request_streams_max: streams_per_request_max,
            failures: 0,
            connected_before: false,
            waiting: BTreeSet::new(),
            actions: VecDeque::new(),
            random: Pcg64Mcg::new(u128::from(seed) | 1 << 64),
            counts: Counts::default(),
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Streams with a hole that is not filled.
    pub fn open_holes(&self) -> usize {
        self.streams.iter().filter(|stream| stream.has_hole()).count()
    }

    /// Whether it was greeted, and every stream that is to be had is subscribed to.
    pub fn is_subscribed(&self) -> bool {
        let subscribed = |stream: &Stream| stream.refused || (stream.due.is_none() && !stream.asked);
        self.phase == Phase::Open && self.streams.iter().all(subscribed)
    }

    /// What to do next, if anything.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Session::on_time`] has to be called at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        let asked = self.asked.as_ref().map(|asked| asked.until);
        if self.phase != Phase::Open {
            return asked;
        }
        let free = self.asked.is_none();
        let streams = self.waiting.iter().filter_map(|s| {
            let stream = &self.streams[*s as usize];
            let due = stream.due.filter(|_| free).map(|due| due.max(self.not_before));
            due.into_iter().chain(stream.deadline()).min()
        });
        asked
            .into_iter()
            .chain(free.then_some(self.ping_due))
            .chain(streams)
            .min()
    }

    /// A connection is open.
    pub fn on_connected(&mut self, now: Duration) {
        if self.connected_before {
            self.counts.reconnects += 1;
        }
        self.connected_before = true;
        self.phase = Phase::Greeting;
        // Ids rise within a connection; going on counts no harm.
        self.asked = None;
        self.unanswered = 0;
        self.not_before = now;
        for (s, stream) in self.streams.iter_mut().enumerate() {
            stream.begin(now);
            self.waiting.insert(s as u32);
        }
        let universe = self.universe.clone();
        self.ask(Operation::Hello { universe }, Kind::Hello, now);
    }

    /// A connection ended, or could not be made: [`Action::Reconnect`] follows.
    /// `retry_after` is what the server asked for.
    pub fn on_disconnected(&mut self, why: &str, retry_after: Option<Duration>, receive: &mut impl Receive) {
        self.phase = Phase::Down;
        self.asked = None;
        self.actions.clear();
        let range = (2 * reconnect_wait_min)
            .saturating_mul(1 << self.failures.min(6))
            .min(reconnect_wait_max);
        self.failures = self.failures.saturating_add(1);
        let jitter = self.random.random_range(0.5..1.0);
        let after = range
            .mul_f64(jitter)
            .max(reconnect_wait_min)
            .max(retry_after.unwrap_or_default());
        receive.note(Note::Reconnect { why, after });
        self.actions.push_back(Action::Reconnect { after });
    }

    /// A text came. `received` is the wall clock, for [`Receive::take`].
    pub fn on_text(&mut self, text: &str, now: Duration, received: UnixNanos, receive: &mut impl Receive) {
        self.counts.messages += 1;
        self.counts.bytes += text.len() as u64;
        self.unanswered = 0;
        match parse(text) {
            Ok(Message::Data(items)) => {
                self.counts.frames += 1;
                receive.frame(text.len());
                for item in &items {
                    self.on_item(item, now, received, receive);
                }
            }
            Ok(Message::Other(envelope)) => {
                if let Some(goodbye) = &envelope.goodbye {
                    self.on_goodbye(goodbye, receive);
                } else if let Some(downgraded) = &envelope.downgraded {
                    self.on_downgraded(downgraded, receive);
                } else {
                    self.on_reply(
                        envelope.id,
                        envelope.ok.map(|ok| ok.get()),
                        envelope.err,
                        now,
                        received,
                        receive,
                    );
                }
            }
            Err(_) => self.counts.unreadable += 1,
        }
        self.on_time(now, receive);
    }

    /// Time went on.
    pub fn on_time(&mut self, now: Duration, receive: &mut impl Receive) {
        if self.asked.as_ref().is_some_and(|asked| asked.until <= now)
            && let Some(asked) = self.asked.take()
        {
            self.unanswered += 1;
            if self.unanswered >= UNANSWERED_MAX {
                return self.on_disconnected("requests were not answered", None, receive);
            }
            match asked.kind {
                Kind::Hello => return self.on_disconnected("hello was not answered", None, receive),
                Kind::Subscribe(handles) => self.ask_again(&handles, now),
                Kind::Ping(_) => self.ping_due = now,
            }
        }
        if self.phase != Phase::Open {
            return;
        }
        if !self.waiting.is_empty() {
            self.waiting.retain(|s| {
                let stream = &mut self.streams[*s as usize];
                if stream.must_resume(now) {
                    stream.due = Some(now);
                    self.counts.resumes += 1;
                }
                stream.waits()
            });
        }
        if self.asked.is_none() && self.not_before <= now {
            self.subscribe_due(now);
        }
        if self.asked.is_none() && self.ping_due <= now {
            let at = self.streams.iter().zip(0..).filter(|(stream, _)| !stream.refused);
            let at: Handles = at
                .filter_map(|(stream, s)| Some((s, stream.chain.last()?)))
                .collect();
            self.ping_due = now + self.heartbeat;
            self.ask(Operation::Ping { at: at.clone() }, Kind::Ping(at), now);
        }
    }

    fn ask(&mut self, operation: Operation, kind: Kind, now: Duration) {
        #[derive(serde::Serialize)]
        struct Request<'a> {
            id: u64,
            #[serde(flatten)]
            operation: &'a Operation,
        }
        let id = self.next_id;
        self.next_id += 1;
        // This type always has a JSON form.
        let text = serde_json::to_string(&Request {
            id,
            operation: &operation,
        })
        .unwrap_or_default();
        self.asked = Some(Asked {
            id,
            kind,
            until: now + reply_wait,
        });
        self.actions.push_back(Action::Send(text));
    }

    fn subscribe_due(&mut self, now: Duration) {
        let mut handles = Vec::new();
        let mut streams = Vec::new();
        let mut bytes = REQUEST_FRAME_BYTES;
        for s in self.waiting.iter().copied() {
            let stream = &mut self.streams[s as usize];
            if stream.due.is_none_or(|due| due > now) || stream.refused {
                continue;
            }
            let request = StreamRequest {
                key: stream.key.clone(),
                s,
                mode: stream.mode,
                since: stream.stands(),
            };
            bytes += serde_json::to_string(&request).map_or(0, |text| text.len() + 1);
            if streams.len() >= self.request_streams_max
                || (bytes > socket_message_bytes_max && !streams.is_empty())
            {
                break;
            }
            (stream.due, stream.asked, stream.more) = (None, true, false);
            handles.push(s);
            streams.push(request);
        }
        if !streams.is_empty() {
            self.ask(Operation::Subscribe { streams }, Kind::Subscribe(handles), now);
        }
    }

    /// The subscribe was not carried out: these streams are asked for again.
    fn ask_again(&mut self, handles: &[u32], at: Duration) {
        for s in handles {
            let stream = &mut self.streams[*s as usize];
            stream.asked = false;
            stream.due = (!stream.refused).then_some(at);
            self.waiting.insert(*s);
        }
    }

    fn on_goodbye(&mut self, goodbye: &Goodbye, receive: &mut impl Receive) {
        receive.note(Note::Goodbye(goodbye));
        if goodbye.code == "revoked" {
            let error = ErrorBody::with_message(
                ErrorCode::SessionExpired,
                "The user may not be connected any longer.",
            );
            return self.end(Ended::Denied(error));
        }
        if goodbye.code == "slow" {
            for stream in &mut self.streams {
                stream.mode = Mode::Last;
            }
        }
        if self.phase != Phase::Leaving {
            self.phase = Phase::Leaving;
            self.asked = None;
            self.actions.clear();
            let after = Duration::from_millis(goodbye.reconnect_after_ms).min(reconnect_wait_max * 4);
            receive.note(Note::Reconnect {
                why: &goodbye.code,
                after,
            });
            self.actions.push_back(Action::Reconnect { after });
        }
    }

    /// Goes on as the server does, after a new connection too.
    fn on_downgraded(&mut self, downgraded: &Downgraded, receive: &mut impl Receive) {
        for s in &downgraded.s {
            if let Some(stream) = self.streams.get_mut(*s as usize) {
                stream.mode = downgraded.mode;
                receive.note(Note::Downgraded { stream: &stream.key });
            }
        }
    }

    fn end(&mut self, ended: Ended) {
        self.phase = Phase::Down;
        self.asked = None;
        self.actions.clear();
        self.actions.push_back(Action::End(ended));
    }

    fn on_item(&mut self, item: &Item<'_>, now: Duration, received: UnixNanos, receive: &mut impl Receive) {
        let s = item.s;
        let Some(stream) = self.streams.get_mut(s as usize).filter(|stream| !stream.refused) else {
            return;
        };
        match item.k {
            ItemKind::Other => {}
            ItemKind::Revoked => {
                let error = item.err.as_deref();
                receive.note(Note::Revoked {
                    stream: &stream.key,
                    error,
                });
                let error = error
                    .cloned()
                    .unwrap_or_else(|| ErrorCode::EntitlementRequired.into());
                return self.drop_stream(s, &error);
            }
            ItemKind::Snapshot => stream.on_snapshot(item, now, received, &mut self.counts, receive),
            ItemKind::Signal => match item.span() {
                Some(span) => stream.on_signal(item, span, now, received, &mut self.counts, receive),
                None => self.counts.unreadable += 1,
            },
        }
        if stream.waits() {
            self.waiting.insert(s);
        }
    }
}
