//! The frames for each connection, as they are being packed.

use tickwire_entitlements::Decision;
use tickwire_entitlements::watermark::WatermarkKey;
use tickwire_signals::{Signal, SignalValue};
use tickwire_streams::{Packer, Span, StreamKey};
use tickwire_wire::{ErrorBody, Publication, Snapshot, write_revoked, write_signal_frame, write_value};

use super::shard::{Index, Target};
use super::standing::Standing;
use crate::entitle::denied;
use crate::watermark::Stamp;

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
    frames: Vec<String>,
    used: bool,
    revoked: Vec<String>,
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

    /// An item for each target. `signal` is the newest that it stands for.
    pub(super) fn put(&mut self, targets: &[Target], span: Span, publication: &Publication, signal: &Signal) {
        if let Some(key) = self.index.marked(signal.stream) {
            return self.put_marked(key, targets, span, publication, signal);
        }
        self.render(span, publication, signal, &signal.value);
        let common = std::mem::take(&mut self.common);
        for target in targets {
            self.push(*target, &common);
        }
        self.common = common;
    }

    /// The same, each with the watermark of its receiver; nothing where there can be none.
    fn put_marked(
        &mut self,
        key: &StreamKey,
        targets: &[Target],
        span: Span,
        publication: &Publication,
        signal: &Signal,
    ) {
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
            self.render(span, publication, signal, &value);
            let mut common = std::mem::take(&mut self.common);
            stamp.seal(&mut common, signal.offset, &self.value);
            self.push(*target, &common);
            self.common = common;
        }
    }

    /// Writes an item but for its handle.
    fn render(&mut self, span: Span, publication: &Publication, signal: &Signal, value: &SignalValue) {
        self.value.clear();
        write_value(&mut self.value, value, self.index.plan.outputs(signal.stream));
        self.common.clear();
        let source = publication
            .sources
            .get(signal.source as usize)
            .map_or("", String::as_str);
        write_signal_frame(
            &mut self.common,
            Snapshot::No,
            span,
            signal.exchange_time,
            signal.receive_time,
            publication.committed_at,
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

    pub(super) fn finish(mut self) -> Vec<Filled> {
        let used = std::mem::take(&mut self.used);
        used.into_iter()
            .map(|member| {
                let outbox = std::mem::take(&mut self.boxes[member]);
                let mut frames = outbox.frames;
                frames.extend(outbox.packer.finish());
                Filled {
                    member,
                    frames,
                    revoked: outbox.revoked,
                }
            })
            .collect()
    }
}
