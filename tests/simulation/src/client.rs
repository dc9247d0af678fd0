//! Clients: the real state machine, and what it must have received.

use std::time::Duration;

use tickwire::client::{Action, Ended, Item, ItemKind, Note, Receive, Session};
use tickwire_entitlements::Identity;
use tickwire_market::UnixNanos;
use tickwire_wire::Mode;

use crate::truth::{Promise, Truth};
use crate::world::{START, World};

/// Where a client stands in a stream, by the checker's own account.
#[derive(Debug)]
struct Seen {
    key: String,
    /// The stream in the truth, once it is there.
    place: Option<usize>,
    /// Index of the last signal taken, in the stream's signals.
    at: Option<usize>,
    /// Something was taken: a snapshot of nothing counts.
    began: bool,
    /// It was told that what followed is lost.
    told: bool,
    refused: bool,
}

/// What a client received, and what of it was wrong.
#[derive(Debug, Default)]
pub(crate) struct Received {
    streams: Vec<Seen>,
    pub(crate) items: u64,
    pub(crate) lost: u64,
    /// When it was last told that it is sent no more than the latest.
    pub(crate) held_at: i64,
}

impl Received {
    fn of(&mut self, stream: &str) -> Option<&mut Seen> {
        self.streams.iter_mut().find(|seen| seen.key == stream)
    }
}

/// Checks what comes while it comes.
struct Checker<'a> {
    received: &'a mut Received,
    world: &'a mut World,
}

impl Receive for Checker<'_> {
    fn take(&mut self, stream: &str, item: &Item<'_>, _: UnixNanos) {
        self.received.items += 1;
        let Some(seen) = self.received.of(stream) else {
            return;
        };
        let outcome = seen.take(item, &self.world.truth);
        self.world.note(&item.o.map_or(0, |o| o.0).to_le_bytes());
        if let Err((promise, what)) = outcome {
            let what = format!("{stream}: {what}");
            self.world.violate(promise, what);
        }
    }

    fn note(&mut self, note: Note<'_>) {
        match note {
            Note::Refused {
                stream, again: false, ..
            }
            | Note::Revoked { stream, .. } => {
                if let Some(seen) = self.received.of(stream) {
                    seen.refused = true;
                }
            }
            Note::Lost { stream, since } => {
                if let Some(seen) = self.received.of(stream) {
                    seen.told = true;
                }
                self.received.lost += 1;
                // No log was restored and none reaches beyond what a resume reads.
                let what =
                    format!("{stream}: was told that what follows {since} is lost, and the log has it");
                self.world.violate(Promise::NothingLost, what);
            }
            Note::Downgraded { .. } => self.received.held_at = self.world.now,
            _ => {}
        }
    }
}

type Broken = (Promise, String);

impl Seen {
    fn take(&mut self, item: &Item<'_>, truth: &Truth) -> Result<(), Broken> {
        let wrong = |what: String| Err((Promise::SignalOfEngine, what));
        self.place = self.place.or_else(|| truth.stream_place(&self.key));
        let signals = self
            .place
            .and_then(|place| truth.stream(place))
            .map_or(&[][..], |stream| &stream.signals);
        let snapshot = item.k == ItemKind::Snapshot;
        let Some(offset) = item.o else {
            if !snapshot || self.at.is_some() && !self.told {
                return Err((
                    Promise::NoSilentGap,
                    "a snapshot of nothing came in a chain that stands".to_owned(),
                ));
            }
            (self.began, self.at) = (true, None);
            return Ok(());
        };
        let Ok(index) = signals.binary_search_by_key(&offset, |signal| signal.offset) else {
            return wrong(format!("{offset} is no signal of the log"));
        };
        let value = item.d.map_or("", |d| d.get());
        if value != &*signals[index].value {
            return wrong(format!(
                "{offset} has the value {value}, and the log {}",
                signals[index].value
            ));
        }
        let before = self.at;
        (self.began, self.at) = (true, Some(index));
        if snapshot {
            let stands = before.is_some() && !self.told;
            self.told = false;
            if stands {
                return Err((
                    Promise::NoSilentGap,
                    format!("the snapshot {offset} passed over a chain that stands"),
                ));
            }
            return Ok(());
        }
        let count = item.signals() as usize;
        let Some(first) = (index + 1).checked_sub(count) else {
            return wrong(format!(
                "{offset} stands for {count} signals, and only {} are there",
                index + 1
            ));
        };
        if before.is_some_and(|before| index <= before) {
            return Err((Promise::NoSilentGap, format!("{offset} came twice")));
        }
        // What was taken reaches up to the first that it stands for.
        let reaches = before.map_or(0, |before| before + 1);
        if first > reaches {
            let missing = first - reaches;
            return Err((
                Promise::NoSilentGap,
                format!("{missing} signals before {offset} are missing, and nothing was said"),
            ));
        }
        if item.prev != signals[first].previous {
            let (found, due) = (item.prev, signals[first].previous);
            return wrong(format!(
                "{offset} names {found:?} as the one before, which is {due:?}"
            ));
        }
        Ok(())
    }

    /// Whether all of the stream was taken.
    fn is_whole(&self, truth: &Truth) -> bool {
        let place = self.place.or_else(|| truth.stream_place(&self.key));
        let last = place
            .and_then(|place| truth.stream(place))
            .and_then(|stream| stream.signals.len().checked_sub(1));
        self.refused || self.at == last
    }
}

/// A client.
pub(crate) struct Client {
    pub(crate) identity: Identity,
    pub(crate) session: Session,
    pub(crate) received: Received,
    /// Its connection, by its place in the world.
    pub(crate) connection: Option<usize>,
    /// It is gone for good.
    pub(crate) left: bool,
    pub(crate) ended: Option<Ended>,
    /// When it ends its connection to make another.
    pub(crate) reconnect_at: Option<i64>,
    /// When it is looked at next.
    pub(crate) wakes_at: i64,
}

/// Since the run began, as the state machine counts time.
pub(crate) fn since_start(now: i64) -> Duration {
    Duration::from_nanos((now - START).unsigned_abs())
}

impl Client {
    pub(crate) fn new(identity: Identity, streams: Vec<(String, Mode)>, seed: u64) -> Self {
        let seen = |(key, _): &(String, Mode)| Seen {
            key: key.clone(),
            place: None,
            at: None,
            began: false,
            told: false,
            refused: false,
        };
        Self {
            identity,
            received: Received {
                streams: streams.iter().map(seen).collect(),
                ..Received::default()
            },
            session: Session::new(streams, None, seed),
            connection: None,
            left: false,
            ended: None,
            reconnect_at: None,
            wakes_at: i64::MAX,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.left || self.ended.is_some()
    }

    pub(crate) fn on_connected(&mut self, now: i64) {
        self.session.on_connected(since_start(now));
    }

    pub(crate) fn on_disconnected(&mut self, why: &str, world: &mut World) {
        self.connection = None;
        let mut checker = Checker {
            received: &mut self.received,
            world,
        };
        self.session.on_disconnected(why, None, &mut checker);
    }

    /// Takes what has arrived, and looks at the clock.
    pub(crate) fn receive(&mut self, world: &mut World) {
        let now = world.now;
        if let Some(connection) = self.connection {
            while let Some((_, frame)) = world.connections[connection]
                .inbox
                .pop_front_if(|(at, _)| *at <= now)
            {
                let mut checker = Checker {
                    received: &mut self.received,
                    world,
                };
                self.session
                    .on_text(&frame, since_start(now), UnixNanos(now), &mut checker);
            }
        }
        if self
            .session
            .deadline()
            .is_some_and(|deadline| deadline <= since_start(now))
        {
            let mut checker = Checker {
                received: &mut self.received,
                world,
            };
            self.session.on_time(since_start(now), &mut checker);
        }
    }

    /// What it wants to do next.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.session.next_action()
    }

    /// When it has to look at the clock.
    pub(crate) fn deadline(&self) -> Option<i64> {
        let deadline = self
            .session
            .deadline()
            .map(|deadline| START.saturating_add(i64::try_from(deadline.as_nanos()).unwrap_or(i64::MAX)));
        deadline.into_iter().chain(self.reconnect_at).min()
    }

    /// Whether it was refused a stream.
    pub(crate) fn was_refused(&self) -> bool {
        self.received.streams.iter().any(|seen| seen.refused)
    }

    /// The streams that it was not refused.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &str> {
        let streams = self.received.streams.iter();
        streams.filter(|seen| !seen.refused).map(|seen| seen.key.as_str())
    }

    /// The streams that it has not whole.
    pub(crate) fn behind(&self, truth: &Truth) -> Option<&str> {
        if self.is_done() {
            return None;
        }
        let behind = self.received.streams.iter().find(|seen| !seen.is_whole(truth));
        behind.map(|seen| seen.key.as_str())
    }
}
