//! The frames for each connection, as they are being packed.

use smallvec::SmallVec;
use tickwire_entitlements::Decision;
use tickwire_entitlements::watermark::WatermarkKey;
use tickwire_market::UnixNanos;
use tickwire_signals::{Signal, SignalValue};
use tickwire_streams::{Packer, Span, StreamKey};
use tickwire_wire::{ErrorBody, Publication, Snapshot, write_revoked, write_signal_frame, write_value};

use super::carry::{Due, Newest};
use super::shard::{Index, Target};
use super::standing::Standing;
use crate::entitle::denied;
use crate::watermark::Stamp;

/// Frames of one connection: one, mostly.
pub(super) type Frames = SmallVec<[String; 1]>;

/// What goes to each connection, as it is being packed.
pub(super) struct Outboxes<'a> {
    index: &'a Index,
    mark: Option<&'a WatermarkKey>,
    standing: &'a Standing,
    boxes: Vec<Outbox>,
    /// Those with anything in them.
    used: Vec<usize>,
    value: String,
    common: String,
    /// Items put.
    pub(super) items: usize,
    /// Items that were not, as no watermark could be made or grants not be read.
    pub(super) withheld: usize,
}

#[derive(Default)]
struct Outbox {
    packer: Packer,
    frames: Frames,
    used: bool,
    revoked: Vec<String>,
}

/// A signal as it is sent.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    signal: &'a Signal,
    source: &'a str,
    committed_at: UnixNanos,
}

impl<'a> Sent<'a> {
    pub(super) fn of(publication: &'a Publication, signal: &'a Signal) -> Self {
        let source = publication.sources.get(signal.source as usize);
        Self {
            signal,
            source: source.map_or("", String::as_str),
            committed_at: publication.committed_at,
        }
    }
}

impl<'a> From<&'a Newest> for Sent<'a> {
    fn from(newest: &'a Newest) -> Self {
        Self {
            signal: &newest.signal,
            source: &newest.source,
            committed_at: newest.committed_at,
        }
    }
}

/// What goes to one connection.
pub(super) struct Filled {
    /// Its place among the members.
    pub(super) member: u32,
    /// Frames, in order.
    pub(super) frames: Frames,
    /// Keys of streams that it is told it may not read any longer.
    pub(super) revoked: Vec<String>,
}

impl<'a> Outboxes<'a> {
    pub(super) fn new(index: &'a Index, mark: Option<&'a WatermarkKey>, standing: &'a Standing) -> Self {
        Self {
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
            withheld: 0,
        }
    }

    /// An item for each target. What is sent is the newest that it stands for.
    pub(super) fn put(&mut self, targets: &[Target], span: Span, sent: Sent<'_>) {
        if let Some(key) = self.index.marked(sent.signal.stream) {
            return self.put_marked(key, targets, span, sent);
        }
        self.render(span, sent, &sent.signal.value);
        let common = std::mem::take(&mut self.common);
        for target in targets {
            self.push(*target, &common);
        }
        self.common = common;
    }

    /// The same, each with the watermark of its receiver; nothing where there can be none.
    fn put_marked(&mut self, key: &StreamKey, targets: &[Target], span: Span, sent: Sent<'_>) {
        let signal = sent.signal;
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
            self.render(span, sent, &value);
            let mut common = std::mem::take(&mut self.common);
            stamp.seal(&mut common, signal.offset, &self.value);
            self.push(*target, &common);
            self.common = common;
        }
    }

    /// Writes an item but for its handle.
    fn render(&mut self, span: Span, sent: Sent<'_>, value: &SignalValue) {
        let signal = sent.signal;
        self.value.clear();
        write_value(&mut self.value, value, self.index.plan.outputs(signal.stream));
        self.common.clear();
        write_signal_frame(
            &mut self.common,
            Snapshot::No,
            span,
            signal.exchange_time,
            signal.receive_time,
            sent.committed_at,
            sent.source,
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

    /// Puts what is due to one target, unless it would need a second frame. Says whether it did not.
    pub(super) fn put_fitting(&mut self, target: Target, due: &Due) -> bool {
        let member = target.member as usize;
        let revoked = self.boxes.get(member).map_or(0, |outbox| outbox.revoked.len());
        self.put(&[target], due.span, (&*due.newest).into());
        match self.boxes.get_mut(member) {
            Some(outbox) if !outbox.frames.is_empty() => {
                outbox.packer = Packer::default();
                outbox.revoked.truncate(revoked);
                self.items -= 1;
                false
            }
            _ => true,
        }
    }

    /// The frames of all connections for which there are any.
    pub(super) fn finish(&mut self) -> Vec<Filled> {
        let used = std::mem::take(&mut self.used);
        used.into_iter()
            .map(|member| {
                let outbox = std::mem::take(&mut self.boxes[member]);
                let mut frames = outbox.frames;
                frames.extend(outbox.packer.finish());
                Filled {
                    member: member as u32,
                    frames,
                    revoked: outbox.revoked,
                }
            })
            .collect()
    }
}
