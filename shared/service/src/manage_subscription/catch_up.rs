//! What a stream's subscriber gets at once: a snapshot, or all that it missed.
//! Never a part of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use tickwire_signals::{Latest, Signal, SignalValue, StreamId};
use tickwire_streams::{GroupKey, Offset, Recovery, Span, StreamKey, recover};
use tickwire_wire::{
    LatestRow, Mode, Snapshot, StreamRequest, write_absent_snapshot, write_signal_frame, write_value,
};

use super::ManageSubscription;
use super::views::View;
use crate::log_reader::{Held, Stretch};
use crate::plans::Plan;
use crate::ports::{GroupRow, PortResult};
use crate::watermark::Stamp;

/// Bytes of log that one request reads of a group.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub(crate) const pull_log_bytes_max: usize = 4 * 1_024 * 1_024;
/// Signals of one stream that are replayed at once.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub(crate) const pull_signals_max: usize = 300;
/// Bytes that are replayed at once to one request's streams of a group; each stream gets one signal at least.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub(crate) const pull_bytes_max: usize = 128 * 1_024;

/// A stream asked for.
pub(super) struct Asked<'a> {
    /// Its place in the request.
    pub(super) place: usize,
    pub(super) request: &'a StreamRequest,
    pub(super) key: &'a StreamKey,
    /// Its watermark, if it has one.
    pub(super) stamp: Option<Stamp>,
}

/// What is said of a stream, and its items.
#[derive(Debug)]
pub(super) struct Caught {
    pub(super) place: usize,
    pub(super) epoch: String,
    pub(super) top: Option<Offset>,
    pub(super) recovered: Option<bool>,
    pub(super) more: bool,
    pub(super) items: Vec<String>,
}

/// A signal found in the log.
struct Found {
    signal: Signal,
    held: Arc<Held>,
}

/// What a stream's resume needs of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Nothing before the latest row's segment.
    Tail,
    /// Segments from this one on.
    From(u64),
    /// It cannot be resumed.
    Lost,
}

/// A stream with an id.
struct Member<'a> {
    asked: &'a Asked<'a>,
    id: StreamId,
    since: Option<Offset>,
    reach: Reach,
    /// Whether the signal it stands at was seen in the log.
    seen: bool,
    found: Vec<Found>,
}

impl ManageSubscription {
    /// Catches up streams of one group, of a view that was read after they were registered.
    pub(super) async fn catch_up(
        &self,
        connection: &str,
        group: &GroupKey,
        View { row, plan, latest }: &View,
        asked: Vec<Asked<'_>>,
    ) -> PortResult<Vec<Caught>> {
        let epoch: Arc<str> = row.epoch.as_str().into();
        let missing = asked.iter().filter(|asked| plan.id(&asked.request.key).is_none());
        let missing: Vec<StreamKey> = missing.map(|asked| asked.key.clone()).collect();
        self.plan(connection, group, &missing).await?;

        let mut members: Vec<Member<'_>> = asked
            .iter()
            .filter_map(|asked| {
                let id = plan.id(&asked.request.key)?;
                let since = asked.request.since.as_ref();
                let offset = since
                    .filter(|since| *since.epoch == *epoch)
                    .map(|since| since.offset);
                let reach = offset.map_or(Reach::Tail, |since| reach(since, latest.segment, latest.top(id)));
                Some(Member {
                    asked,
                    id,
                    since: offset,
                    reach,
                    seen: false,
                    found: Vec::new(),
                })
            })
            .collect();
        let mut budget = pull_log_bytes_max;
        // Who stands beyond the latest row needs nothing before: however long the tail is, each pull gets on.
        let after_row = latest.segment + 1;
        let from = members
            .iter()
            .map(|m| m.since.map_or(after_row, |since| since.segment().max(after_row)))
            .min();
        let tail = self
            .reader
            .to_head(group, &epoch, from.unwrap_or(after_row), budget)
            .await?;
        budget = budget.saturating_sub(tail.bytes);
        self.read_back(group, &epoch, latest.segment, &mut members, budget)
            .await?;
        collect(&tail, &mut members, |_| true);

        let mut bytes_left = pull_bytes_max;
        let mut caught: BTreeMap<usize, Caught> = BTreeMap::new();
        for member in &members {
            let mut one = member.catch_up(plan, latest, row, &mut bytes_left);
            one.more |= !tail.whole && one.recovered == Some(true);
            caught.insert(one.place, one);
        }
        Ok(asked
            .iter()
            .map(|asked| caught.remove(&asked.place).unwrap_or_else(|| absent(asked, row)))
            .collect())
    }

    /// Reads what lies before the tail, the youngest need first, as far as the
    /// budget goes; streams that would need more are lost.
    async fn read_back(
        &self,
        group: &GroupKey,
        epoch: &Arc<str>,
        last: u64,
        members: &mut [Member<'_>],
        mut budget: usize,
    ) -> PortResult<()> {
        let mut starts: Vec<u64> = members
            .iter()
            .filter_map(|member| match member.reach {
                Reach::From(start) => Some(start),
                Reach::Tail | Reach::Lost => None,
            })
            .collect();
        starts.sort_unstable_by(|a, b| b.cmp(a));
        starts.dedup();
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut to = last;
        for start in starts {
            let stretch = self.reader.range(group, epoch, start, to, budget).await?;
            if !stretch.whole {
                for member in members
                    .iter_mut()
                    .filter(|m| matches!(m.reach, Reach::From(s) if s <= start))
                {
                    member.reach = Reach::Lost;
                }
                break;
            }
            budget = budget.saturating_sub(stretch.bytes);
            to = start.saturating_sub(1);
            stretches.push(stretch);
        }
        for stretch in stretches.iter().rev() {
            collect(stretch, members, |member| matches!(member.reach, Reach::From(_)));
        }
        Ok(())
    }
}

/// What a resume from `since` needs, given the latest row: its segment, and its top of the stream.
fn reach(since: Offset, segment: u64, top: Option<Offset>) -> Reach {
    match top {
        _ if since.segment() > segment => Reach::Tail,
        Some(top) if top == since => Reach::Tail,
        Some(top) if top > since => Reach::From(since.segment()),
        // It names a signal that the stream does not have.
        Some(_) | None => Reach::Lost,
    }
}

/// Adds the members' signals in a stretch of the log to what was found of them.
fn collect(stretch: &Stretch, members: &mut [Member<'_>], takes_part: impl Fn(&Member<'_>) -> bool) {
    let mut by_id: BTreeMap<StreamId, usize> = BTreeMap::new();
    for (place, member) in members
        .iter()
        .enumerate()
        .filter(|(_, member)| takes_part(member))
    {
        by_id.insert(member.id, place);
    }
    for held in &stretch.segments {
        for signal in held
            .segment
            .signals_where(held.number, |id| by_id.contains_key(&id))
        {
            let Some(member) = by_id
                .get(&signal.stream)
                .and_then(|place| members.get_mut(*place))
            else {
                continue;
            };
            if let Some(since) = member.since.filter(|since| signal.offset <= *since) {
                member.seen |= signal.offset == since;
                continue;
            }
            if member.since.is_none() || member.reach == Reach::Lost {
                // Only the newest matters.
                member.found.clear();
            }
            member.found.push(Found {
                signal,
                held: held.clone(),
            });
        }
    }
}

impl Member<'_> {
    fn catch_up(&self, plan: &Plan, latest: &LatestRow, row: &GroupRow, bytes_left: &mut usize) -> Caught {
        let newest = self.found.last();
        let top = match newest {
            Some(found) => Some(found.signal.offset),
            None => self.since.filter(|_| self.seen).or_else(|| latest.top(self.id)),
        };
        let mut caught = Caught {
            place: self.asked.place,
            epoch: row.epoch.clone(),
            top,
            recovered: None,
            more: false,
            items: Vec::new(),
        };
        if self.asked.request.since.is_some() {
            caught.recovered = Some(false);
        }
        if let Some(since) = self.since.filter(|_| self.reach != Reach::Lost)
            && self.replay(since, top, plan, bytes_left, &mut caught)
        {
            caught.recovered = Some(true);
            return caught;
        }
        let item = match (newest, latest.of(self.id)) {
            (Some(found), _) => self.item(Snapshot::Yes, Span::one(found.signal.offset, None), found, plan),
            (None, Some(latest)) => self.item_of_row(latest, plan),
            (None, None) => absent_item(self.asked.request.s),
        };
        caught.items.push(item);
        caught
    }

    /// All that was missed, or as much as one pull gives; false if it is not to be had whole.
    fn replay(
        &self,
        since: Offset,
        top: Option<Offset>,
        plan: &Plan,
        bytes_left: &mut usize,
        caught: &mut Caught,
    ) -> bool {
        let last = self.asked.request.mode == Mode::Last;
        let span = |found: &Found| Span::one(found.signal.offset, found.signal.previous);
        let rendered: Vec<String> = match last {
            // One item may stand for all.
            true => self.newest_of_all(plan).into_iter().collect(),
            false => {
                let one = |found: &Found| self.item(Snapshot::No, span(found), found, plan);
                self.found.iter().take(pull_signals_max).map(one).collect()
            }
        };
        let sizes = rendered.iter().map(String::len).chain(std::iter::repeat(0));
        let after: Vec<_> = self
            .found
            .iter()
            .zip(sizes)
            .map(|(found, size)| (found.signal.offset, found.signal.previous, size))
            .collect();
        let (signals_max, bytes_max) = if last {
            (usize::MAX, usize::MAX)
        } else {
            (pull_signals_max, *bytes_left)
        };
        match recover(since, top, &after, signals_max, bytes_max) {
            Recovery::Lost => false,
            Recovery::Replay { count, more } => {
                caught.more = more;
                caught.items = rendered;
                caught.items.truncate(count);
                let bytes: usize = caught.items.iter().map(String::len).sum();
                *bytes_left = bytes_left.saturating_sub(bytes);
                true
            }
        }
    }

    /// One item that stands for all that was found; `None` if nothing was.
    fn newest_of_all(&self, plan: &Plan) -> Option<String> {
        let mut spans = self
            .found
            .iter()
            .map(|found| Span::one(found.signal.offset, found.signal.previous));
        let mut all = spans.next()?;
        for span in spans {
            // They are of one chain: the log holds every signal between.
            all.absorb(span);
        }
        self.found
            .last()
            .map(|newest| self.item(Snapshot::No, all, newest, plan))
    }

    fn item(&self, kind: Snapshot, span: Span, found: &Found, plan: &Plan) -> String {
        let Found { signal, held } = found;
        let source = held
            .segment
            .sources
            .get(signal.source as usize)
            .map_or("", |source| &*source.name);
        let value = self.value(signal.offset, &signal.value, plan);
        let mut item = handle(self.asked.request.s);
        let (exchange, receive) = (signal.exchange_time, signal.receive_time);
        let committed = held.segment.committed_at;
        write_signal_frame(
            &mut item,
            kind,
            span,
            exchange,
            receive,
            committed,
            source,
            signal.mock,
            &value,
        );
        self.seal(&mut item, signal.offset, &value);
        item
    }

    /// A snapshot of what the latest row has, which tells neither source nor time of ingestion.
    fn item_of_row(&self, latest: &Latest, plan: &Plan) -> String {
        let value = self.value(latest.offset, &latest.value, plan);
        let mut item = handle(self.asked.request.s);
        let span = Span::one(latest.offset, None);
        let (exchange, receive) = (latest.exchange_time, latest.receive_time);
        let untold = tickwire_market::UnixNanos(0);
        write_signal_frame(
            &mut item,
            Snapshot::Yes,
            span,
            exchange,
            receive,
            untold,
            "",
            latest.mock,
            &value,
        );
        self.seal(&mut item, latest.offset, &value);
        item
    }

    /// A value as text, with the mark of its receiver where the stream has one.
    fn value(&self, offset: Offset, value: &SignalValue, plan: &Plan) -> String {
        let marked = self.asked.stamp.as_ref().map(|stamp| stamp.value(offset, value));
        let mut text = String::new();
        write_value(&mut text, marked.as_ref().unwrap_or(value), plan.outputs(self.id));
        text
    }

    fn seal(&self, item: &mut String, offset: Offset, value: &str) {
        if let Some(stamp) = &self.asked.stamp {
            stamp.seal(item, offset, value);
        }
    }
}

fn handle(s: u32) -> String {
    let mut item = String::new();
    // Writing to a string cannot fail.
    let _ = write!(item, r#"{{"s":{s}"#);
    item
}

fn absent_item(s: u32) -> String {
    let mut item = handle(s);
    write_absent_snapshot(&mut item);
    item
}

/// A stream that is not being computed yet.
fn absent(asked: &Asked<'_>, row: &GroupRow) -> Caught {
    Caught {
        place: asked.place,
        epoch: row.epoch.clone(),
        top: None,
        recovered: asked.request.since.as_ref().map(|_| false),
        more: false,
        items: vec![absent_item(asked.request.s)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_row_says_how_far_back_to_read() {
        let at = |segment| Offset::new(segment, 3);
        let check = |since, top: Option<u64>, expected| {
            assert_eq!(
                reach(at(since), 10, top.map(at)),
                expected,
                "since {since}, top {top:?}"
            );
        };
        check(7, Some(7), Reach::Tail);
        check(11, Some(7), Reach::Tail);
        check(11, None, Reach::Tail);
        check(7, Some(9), Reach::From(7));
        check(9, Some(7), Reach::Lost);
        check(7, None, Reach::Lost);
    }
}
