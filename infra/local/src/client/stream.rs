//! One stream of a session: its chain, what is held, what is due.

use std::collections::BTreeMap;
use std::time::Duration;

use tickwire_market::UnixNanos;
use tickwire_streams::{Chain, Link, Offset, Span};
use tickwire_wire::{Mode, Since};

use super::message::Item;
use super::notes::{Counts, Receive, hole_wait, items_held_max, pull_pause};

/// A stream.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) key: String,
    pub(super) mode: Mode,
    pub(super) chain: Chain,
    /// Epoch of the log that the chain's offsets are of.
    pub(super) epoch: Option<String>,
    /// Items that lack what is before them, as JSON.
    held: BTreeMap<Offset, (Span, String)>,
    /// The snapshot that waits for the verdict, as JSON.
    early: Option<String>,
    pub(super) hole_since: Option<Duration>,
    /// A top beyond ours that a pong told, and when.
    pub(super) ahead: Option<(Offset, Duration)>,
    /// Where we stood at the ping before.
    pub(super) at_ping: Option<Offset>,
    /// A subscribe of it was sent and not answered.
    pub(super) asked: bool,
    /// Subscribe at this time.
    pub(super) due: Option<Duration>,
    /// Until then repeated items are a replay's overlap.
    pub(super) overlap_until: Duration,
    /// The next part of a long resume follows when it is quiet.
    pub(super) more: bool,
    pub(super) refused: bool,
    pub(super) tries: u32,
}

impl Stream {
    pub(super) fn new(key: String, mode: Mode) -> Self {
        Self {
            key,
            mode,
            ..Self::default()
        }
    }

    /// Where it stands, to resume.
    pub(super) fn stands(&self) -> Option<Since> {
        Some(Since {
            epoch: self.epoch.clone()?,
            offset: self.chain.last()?,
        })
    }

    /// Whether items are held.
    pub(super) fn has_hole(&self) -> bool {
        !self.held.is_empty()
    }

    /// A connection is new: what is missing will be replayed whole.
    pub(super) fn begin(&mut self, now: Duration) {
        (self.asked, self.more, self.ahead, self.at_ping) = (false, false, None, None);
        self.let_go();
        self.due = (!self.refused).then_some(now);
    }

    /// Holds nothing any longer.
    pub(super) fn let_go(&mut self) {
        self.held.clear();
        (self.hole_since, self.early) = (None, None);
    }

    /// Until a verdict tells the epoch nothing is taken: were the connection
    /// lost, it could not be resumed from there.
    fn is_early(&self) -> bool {
        self.epoch.is_none()
    }

    /// A verdict came. `lost` says that what followed the last offset is not to be had.
    pub(super) fn on_verdict(
        &mut self,
        epoch: Option<&String>,
        lost: bool,
        now: Duration,
        received: UnixNanos,
        counts: &mut Counts,
        receive: &mut impl Receive,
    ) {
        let another_log = self.epoch.is_some() && epoch.is_some() && self.epoch.as_ref() != epoch;
        if epoch.is_some() {
            self.epoch = epoch.cloned();
        }
        if lost || another_log {
            self.chain.reset(None);
        }
        if another_log {
            // What is held may be of the log before; what is not, a resume brings.
            self.held.clear();
            self.hole_since = None;
            self.due.get_or_insert(now + pull_pause);
        }
        if self.is_early() {
            return;
        }
        // What goes back to the beginning of the chain is better than a snapshot.
        self.release(now, received, counts, receive);
        let early = self.early.take();
        // Written by us, so it can be read.
        if let Some(item) = early
            .as_deref()
            .and_then(|text| serde_json::from_str::<Item<'_>>(text).ok())
        {
            self.on_snapshot(&item, now, received, counts, receive);
        }
    }

    /// When it needs a look at the clock, requests left out.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let ahead = self.ahead.map(|(_, since)| since);
        self.hole_since
            .into_iter()
            .chain(ahead)
            .min()
            .map(|since| since + hole_wait)
    }

    /// Whether it waits for anything.
    pub(super) fn waits(&self) -> bool {
        self.due.is_some() || self.hole_since.is_some() || self.ahead.is_some()
    }

    /// Whether a hole or a top beyond ours has waited long enough.
    pub(super) fn must_resume(&mut self, now: Duration) -> bool {
        let mut overdue = false;
        if let Some((top, since)) = self.ahead
            && (self.chain.last() >= Some(top) || since + hole_wait <= now)
        {
            self.ahead = None;
            overdue = self.chain.last() < Some(top);
        }
        if self.hole_since.is_some_and(|since| since + hole_wait <= now) {
            // Anew, should the resume not fill it.
            self.hole_since = Some(now);
            overdue = true;
        }
        overdue && !self.asked
    }

    fn overlaps(&self, now: Duration) -> bool {
        self.asked || now < self.overlap_until
    }

    fn is_news_of_a_new_log(&mut self, now: Duration) {
        // The verdict came before the log had an epoch: without one there is no resume.
        if self.epoch.is_none() && !self.asked {
            self.due.get_or_insert(now);
        }
    }

    /// A snapshot came. It begins a chain; in a chain that stands it would pass over signals.
    pub(super) fn on_snapshot(
        &mut self,
        item: &Item<'_>,
        now: Duration,
        received: UnixNanos,
        counts: &mut Counts,
        receive: &mut impl Receive,
    ) {
        if self.asked || self.is_early() {
            // Only the verdict says whether the chain goes on.
            self.early = serde_json::to_string(item).ok();
            if item.o.is_some() {
                self.is_news_of_a_new_log(now);
            }
            return;
        }
        if let Some(last) = self.chain.last() {
            counts.overlapped += 1;
            if item.o > Some(last) {
                self.due.get_or_insert(now);
            }
            return;
        }
        self.chain.reset(item.o);
        counts.snapshots += 1;
        receive.take(&self.key, item, received);
        self.release(now, received, counts, receive);
    }

    /// A link of the chain came.
    pub(super) fn on_signal(
        &mut self,
        item: &Item<'_>,
        span: Span,
        now: Duration,
        received: UnixNanos,
        counts: &mut Counts,
        receive: &mut impl Receive,
    ) {
        if self.is_early() {
            self.is_news_of_a_new_log(now);
            return self.hold(item, span, now, counts);
        }
        match self.chain.take(span) {
            Link::Next => {
                counts.items += 1;
                counts.signals += u64::from(span.count);
                let early = self
                    .held
                    .last_key_value()
                    .is_some_and(|(held, _)| span.offset < *held);
                if early && !self.overlaps(now) {
                    counts.out_of_order += 1;
                }
                receive.take(&self.key, item, received);
                if self.more {
                    self.due = Some(now + pull_pause);
                }
                if !self.held.is_empty() {
                    self.release(now, received, counts, receive);
                }
            }
            Link::Known => self.count_known(now, counts),
            Link::Hole => self.hold(item, span, now, counts),
        }
    }

    fn count_known(&self, now: Duration, counts: &mut Counts) {
        *(if self.overlaps(now) {
            &mut counts.overlapped
        } else {
            &mut counts.duplicated
        }) += 1;
    }

    fn hold(&mut self, item: &Item<'_>, span: Span, now: Duration, counts: &mut Counts) {
        if self.hole_since.is_none() {
            self.hole_since = Some(now);
            // Before the first snapshot nothing is missing.
            if self.chain.last().is_some() && !self.overlaps(now) {
                counts.holes += 1;
            }
        }
        if self.held.contains_key(&span.offset) {
            self.count_known(now, counts);
        } else if self.held.len() < items_held_max
            && let Ok(text) = serde_json::to_string(item)
        {
            self.held.insert(span.offset, (span, text));
        }
    }

    /// Looks again at what is held, now that something was taken.
    fn release(
        &mut self,
        now: Duration,
        received: UnixNanos,
        counts: &mut Counts,
        receive: &mut impl Receive,
    ) {
        let last = self.chain.last();
        // Ascending: what is taken makes known all that is held before it.
        while let Some((offset, (span, text))) = self.next_held() {
            match self.chain.take(span) {
                Link::Next => {
                    counts.items += 1;
                    counts.signals += u64::from(span.count);
                    // Written by us, so it can be read.
                    if let Ok(item) = serde_json::from_str::<Item<'_>>(&text) {
                        receive.take(&self.key, &item, received);
                    }
                }
                Link::Known => counts.overlapped += 1,
                Link::Hole => {
                    self.held.insert(offset, (span, text));
                    break;
                }
            }
        }
        if self.held.is_empty() {
            self.hole_since = None;
        } else if self.chain.last() != last {
            // Another hole.
            self.hole_since = Some(now);
        }
    }

    /// Removes the first held item that is known or follows, if any.
    fn next_held(&mut self) -> Option<(Offset, (Span, String))> {
        let chain = self.chain;
        let fits = |(_, (span, _)): &(&Offset, &(Span, String))| {
            Chain::take(&mut chain.clone(), *span) != Link::Hole
        };
        let offset = *self.held.iter().find(fits)?.0;
        self.held.remove_entry(&offset)
    }
}
