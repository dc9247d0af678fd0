//! The frames for each connection, as they are being packed.

use tickwire_entitlements::Decision;
use tickwire_entitlements::watermark::WatermarkKey;
use tickwire_signals::{SignalValue, StreamId};
use tickwire_streams::{Packer, Span, StreamKey};
use tickwire_wire::{
    Downgraded, ErrorBody, Mode, Publication, Snapshot, downgraded_push, write_revoked, write_signal_frame,
    write_value,
};

use super::pace::{Newest, Waiting};
use super::shard::{Index, Target};
use super::standing::Standing;
use crate::entitle::denied;
use crate::watermark::Stamp;

/// What goes to each connection, as it is being packed.
pub(super) struct Outboxes<'a> {
    index: &'a Index,
    mark: Option<&'a WatermarkKey>,
    standing: &'a Standing,
    /// By member: whether it is over the rate of frames, and so waits; none where it was not asked.
    over_rate: Vec<Option<bool>>,
    any_over: bool,
    boxes: Vec<Outbox>,
    /// Those with anything in them.
    used: Vec<usize>,
    value: String,
    common: String,
    /// Items put.
    pub(super) items: usize,
    /// Items that wait.
    pub(super) held: usize,
    /// Items that were not, as no watermark could be made or grants not be read.
    pub(super) withheld: usize,
}

#[derive(Default)]
struct Outbox {
    packer: Packer,
    frames: Vec<String>,
    used: bool,
    revoked: Vec<String>,
    /// Handles of streams that wait.
    waits: Vec<u32>,
}

/// What goes to one connection.
pub(super) struct Filled {
    /// Its place among the members.
    pub(super) member: usize,
    /// Frames, in order.
    pub(super) frames: Vec<String>,
    /// Keys of streams that it is told it may not read any longer.
    pub(super) revoked: Vec<String>,
}

impl<'a> Outboxes<'a> {
    pub(super) fn new(
        index: &'a Index,
        mark: Option<&'a WatermarkKey>,
        standing: &'a Standing,
        over_rate: Vec<Option<bool>>,
    ) -> Self {
        Self {
            any_over: over_rate.contains(&Some(true)),
            over_rate,
            index,
            mark,
            standing,
            boxes: index
                .subscribers
                .members
                .iter()
                .map(|_| Outbox::default())
                .collect(),
            used: Vec::new(),
            value: String::new(),
            common: String::new(),
            items: 0,
            held: 0,
            withheld: 0,
        }
    }

    /// An item for each target, at once or when its reader may be sent something again.
    /// `newest` is the newest signal that it stands for.
    pub(super) fn put(&mut self, targets: &[Target], span: Span, newest: Newest<'_>, waiting: &mut Waiting) {
        if !self.any_over {
            return self.put_now(targets, span, newest);
        }
        let is_over = |target: &Target| self.over_rate.get(target.member as usize) == Some(&Some(true));
        let (wait, now): (Vec<Target>, Vec<Target>) = targets.iter().partition(|target| is_over(target));
        for target in wait {
            self.hold(target, span, newest, waiting);
        }
        if !now.is_empty() {
            self.put_now(&now, span, newest);
        }
    }

    fn hold(&mut self, target: Target, span: Span, newest: Newest<'_>, waiting: &mut Waiting) {
        let place = target.member as usize;
        let member = self.index.subscribers.members.get(place);
        let Some((member, outbox)) = member.zip(self.boxes.get_mut(place)) else {
            return;
        };
        if self.standing.is_over(target.member) {
            return;
        }
        let waits = waiting.entry(member.connection.clone()).or_default();
        waits.hold(span, newest);
        self.held += 1;
        if !outbox.used {
            outbox.used = true;
            self.used.push(place);
        }
        if !outbox.waits.contains(&target.s) {
            outbox.waits.push(target.s);
        }
    }

    /// What waited for those who may be sent something again; of those who are gone it is forgotten.
    pub(super) fn put_what_waited(&mut self, run: &[Publication], waiting: &mut Waiting) {
        let index = self.index;
        let mut there = Waiting::default();
        for (place, member) in (0_u32..).zip(&index.subscribers.members) {
            let Some(mut waits) = waiting.remove(&member.connection) else {
                continue;
            };
            let streams: Vec<StreamId> = waits.streams.keys().copied().collect();
            // Who wants nothing of this run was not asked: it waits on.
            let may_have = self.over_rate.get(place as usize) == Some(&Some(false));
            let in_run = |id: StreamId| {
                let mut signals = run.iter().flat_map(|publication| &publication.signals);
                signals.any(|signal| signal.stream == id)
            };
            for id in streams {
                let Some(target) = index.target_of(place, id) else {
                    waits.streams.remove(&id);
                    continue;
                };
                // Whether what is paid for may still be read was looked at for streams of this run.
                if may_have
                    && (in_run(id) || index.marked(id).is_none())
                    && let Some(held) = waits.streams.remove(&id)
                {
                    self.put_now(&[target], held.span, held.newest());
                }
            }
            if !waits.is_over(self.standing.now()) {
                there.insert(member.connection.clone(), waits);
            }
        }
        *waiting = there;
    }

    fn put_now(&mut self, targets: &[Target], span: Span, newest: Newest<'_>) {
        if let Some(key) = self.index.marked(newest.signal.stream) {
            return self.put_marked(key, targets, span, newest);
        }
        self.render(span, newest, &newest.signal.value);
        let common = std::mem::take(&mut self.common);
        for target in targets {
            self.push(*target, &common);
        }
        self.common = common;
    }

    /// The same, each with the watermark of its receiver; nothing where there can be none.
    fn put_marked(&mut self, key: &StreamKey, targets: &[Target], span: Span, newest: Newest<'_>) {
        let signal = newest.signal;
        for target in targets {
            let Some(member) = self.index.subscribers.members.get(target.member as usize) else {
                continue;
            };
            match self.standing.decide(&member.identity, key) {
                Decision::Allow => {}
                Decision::Deny(denial) if denial.code.is_temporary() => {
                    self.withheld += 1;
                    continue;
                }
                Decision::Deny(denial) => {
                    self.revoke(*target, key, &denied(&denial, &member.identity));
                    continue;
                }
            }
            // A row that names no user was written before there were watermarks.
            let user = Some(&*member.identity.user).filter(|user| !user.is_empty());
            let stamp = self
                .mark
                .zip(user)
                .and_then(|(mark, user)| Stamp::of(mark, user, key));
            let Some(stamp) = stamp else {
                self.withheld += 1;
                continue;
            };
            let value = stamp.value(signal.offset, &signal.value);
            self.render(span, newest, &value);
            let mut common = std::mem::take(&mut self.common);
            stamp.seal(&mut common, signal.offset, &self.value);
            self.push(*target, &common);
            self.common = common;
        }
    }

    /// Writes an item but for its handle.
    fn render(&mut self, span: Span, newest: Newest<'_>, value: &SignalValue) {
        let Newest {
            signal,
            source,
            committed_at,
        } = newest;
        self.value.clear();
        write_value(&mut self.value, value, self.index.plan.outputs(signal.stream));
        self.common.clear();
        write_signal_frame(
            &mut self.common,
            Snapshot::No,
            span,
            signal.exchange_time,
            signal.receive_time,
            committed_at,
            source,
            signal.mock,
            &self.value,
        );
    }

    /// Tells that a stream may not be read any longer, once.
    fn revoke(&mut self, target: Target, key: &StreamKey, why: &ErrorBody) {
        let key = key.to_string();
        let told = self.boxes.get(target.member as usize);
        if told.is_none_or(|outbox| outbox.revoked.contains(&key)) {
            return;
        }
        let mut item = String::new();
        write_revoked(&mut item, why);
        self.push(target, &item);
        if let Some(outbox) = self
            .boxes
            .get_mut(target.member as usize)
            .filter(|outbox| outbox.used)
        {
            outbox.revoked.push(key);
        }
    }

    fn push(&mut self, target: Target, common: &str) {
        if self.standing.is_over(target.member) {
            return;
        }
        let Some(outbox) = self.boxes.get_mut(target.member as usize) else {
            return;
        };
        if !outbox.used {
            outbox.used = true;
            self.used.push(target.member as usize);
        }
        let full = outbox.packer.push(|frame| {
            target.write_handle(frame);
            frame.push_str(common);
        });
        outbox.frames.extend(full);
        self.items += 1;
    }

    /// All of them; whoever waits is told so, now and then.
    pub(super) fn finish(mut self, waiting: &mut Waiting) -> Vec<Filled> {
        let used = std::mem::take(&mut self.used);
        let now = self.standing.now();
        used.into_iter()
            .map(|member| {
                let outbox = std::mem::take(&mut self.boxes[member]);
                let mut frames = outbox.frames;
                frames.extend(outbox.packer.finish());
                let connection = self.index.subscribers.members.get(member);
                let waits = connection.and_then(|member| waiting.get_mut(&member.connection));
                if !outbox.waits.is_empty() && waits.is_some_and(|waits| waits.tell(now)) {
                    frames.push(downgraded_push(&Downgraded {
                        s: outbox.waits,
                        mode: Mode::Last,
                    }));
                }
                Filled {
                    member,
                    frames,
                    revoked: outbox.revoked,
                }
            })
            .collect()
    }
}
