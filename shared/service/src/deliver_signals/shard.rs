//! The subscribers of a shard, found by stream.

use std::fmt::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use rustc_hash::{FxHashMap, FxHashSet};
use tickwire_entitlements::Identity;
use tickwire_signals::StreamId;
use tickwire_streams::StreamKey;

use super::rate::{Reader, User};
use crate::plans::Plan;
use crate::ports::{ShardVersion, Subscriber, Subscription};
use crate::watermark::is_marked;

/// Subscribers of a shard at one version.
#[derive(Debug)]
pub(super) struct Subscribers {
    pub(super) version: ShardVersion,
    pub(super) members: Vec<Arc<Member>>,
}

/// A connection's subscriptions in the shard.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) connection: String,
    pub(super) identity: Identity,
    pub(super) behind: AtomicBool,
    /// Each with its key parsed, if it is sent with a watermark only.
    subscriptions: Vec<(Subscription, Option<StreamKey>)>,
    user: OnceLock<Arc<User>>,
}

impl Subscribers {
    pub(super) fn new(version: ShardVersion, rows: Vec<Subscriber>) -> Self {
        let members = rows.into_iter().map(Member::new).collect();
        Self { version, members }
    }

    /// These, but for the connections that changed, of which `rows` are those that are left.
    pub(super) fn renewed(&self, version: ShardVersion, changed: &[String], rows: Vec<Subscriber>) -> Self {
        let changed: FxHashSet<&str> = changed.iter().map(String::as_str).collect();
        let same = self.members.iter();
        let same = same.filter(|member| !changed.contains(member.connection.as_str()));
        let members = same.cloned().chain(rows.into_iter().map(Member::new)).collect();
        Self { version, members }
    }
}

impl Member {
    fn new(row: Subscriber) -> Arc<Self> {
        let subscriptions = row.subscriptions.into_iter().map(|subscription| {
            let marked = subscription.key.parse().ok().filter(is_marked);
            (subscription, marked)
        });
        Arc::new(Self {
            connection: row.connection,
            identity: row.identity,
            behind: AtomicBool::new(row.behind),
            subscriptions: subscriptions.collect(),
            user: OnceLock::new(),
        })
    }

    /// Whose frames it is sent.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader {
            identity: &self.identity,
            user: &self.user,
        }
    }
}

/// One who wants a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) member: u32,
    pub(crate) s: u32,
}

impl Target {
    /// The part of an item that is this target's own.
    pub(crate) fn write_handle(self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(out, r#"{{"s":{}"#, self.s);
    }
}

/// Those who want a stream, by mode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Targets<'a> {
    pub(super) full: &'a [Target],
    pub(super) last: &'a [Target],
}

impl<'a> Targets<'a> {
    /// Those of both modes.
    pub(super) fn all(self) -> impl Iterator<Item = &'a Target> {
        self.full.iter().chain(self.last)
    }

    /// That of one member. Targets of a mode stand in the order of members.
    pub(super) fn of(self, member: u32) -> Option<Target> {
        let find = |targets: &[Target]| {
            let place = targets.binary_search_by_key(&member, |target| target.member);
            place.ok().and_then(|place| targets.get(place).copied())
        };
        find(self.full).or_else(|| find(self.last))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.full.is_empty() && self.last.is_empty()
    }
}

/// Targets by stream id, for one version of subscribers and plan.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) subscribers: Arc<Subscribers>,
    pub(super) plan: Arc<Plan>,
    /// Where a stream's targets begin, where those of mode `last` do; the next stream's follow.
    starts: Vec<(u32, u32)>,
    targets: Vec<Target>,
    /// Streams that are sent with a watermark only, of those that anyone wants.
    marked: FxHashMap<StreamId, StreamKey>,
}

impl Index {
    pub(super) fn new(subscribers: Arc<Subscribers>, plan: Arc<Plan>) -> Self {
        let mut wanted: Vec<(StreamId, bool, Target)> = Vec::new();
        let mut marked = FxHashMap::default();
        for (member, row) in (0u32..).zip(&subscribers.members) {
            for (Subscription { key, s, last }, with_mark) in &row.subscriptions {
                if let Some(id) = plan.id(key) {
                    marked.extend(with_mark.clone().map(|key| (id, key)));
                    wanted.push((id, *last, Target { member, s: *s }));
                }
            }
        }
        wanted.sort_unstable_by_key(|(id, last, target)| (*id, *last, target.member));
        let mut starts = Vec::with_capacity(plan.ids_len() + 1);
        let mut at = 0;
        for id in (0u32..).take(plan.ids_len() + 1) {
            let start = at;
            at += wanted[at..]
                .iter()
                .take_while(|row| row.0 == id && !row.1)
                .count();
            starts.push((start as u32, at as u32));
            at += wanted[at..].iter().take_while(|row| row.0 == id).count();
        }
        let targets = wanted.into_iter().map(|(_, _, target)| target).collect();
        Self {
            subscribers,
            plan,
            starts,
            targets,
            marked,
        }
    }

    /// Whether any stream is sent with a watermark only.
    pub(super) fn any_marked(&self) -> bool {
        !self.marked.is_empty()
    }

    /// The key of a stream that is.
    pub(super) fn marked(&self, stream: StreamId) -> Option<&StreamKey> {
        self.marked.get(&stream)
    }

    /// Who wants a stream.
    pub(super) fn targets(&self, stream: StreamId) -> Targets<'_> {
        let at = stream as usize;
        match self.starts.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
            Some([(full, last), (end, _)]) => {
                let (full, last, end) = (*full as usize, *last as usize, *end as usize);
                Targets {
                    full: &self.targets[full..last],
                    last: &self.targets[last..end],
                }
            }
            None => Targets { full: &[], last: &[] },
        }
    }
}

#[cfg(test)]
mod tests {
    use tickwire_entitlements::{Proof, Tier};
    use tickwire_market::UnixNanos;
    use tickwire_wire::PlanRow;

    use super::*;

    #[test]
    fn targets_are_found_by_stream_and_mode() {
        let streams = ["a", "", "b", "c"].map(str::to_owned).to_vec();
        let plan = Arc::new(Plan::new(
            3,
            PlanRow {
                streams,
                ..PlanRow::default()
            },
        ));
        let row = |connection: &str, wants: &[(&str, u32, bool)]| Subscriber {
            connection: connection.to_owned(),
            identity: Identity {
                user: "asha".to_owned(),
                tier: Tier::Free,
                expires_at: UnixNanos(i64::MAX),
                proof: Proof::default(),
            },
            subscriptions: wants
                .iter()
                .map(|(key, s, last)| Subscription {
                    key: (*key).to_owned(),
                    s: *s,
                    last: *last,
                })
                .collect(),
            behind: false,
        };
        let rows = vec![
            row("x", &[("a", 1, false), ("c", 2, true)]),
            row("y", &[("c", 9, false), ("gone", 3, false)]),
        ];
        let index = Index::new(Arc::new(Subscribers::new(ShardVersion::default(), rows)), plan);
        let check = |stream, full: &[(u32, u32)], last: &[(u32, u32)]| {
            let pairs = |targets: &[Target]| targets.iter().map(|t| (t.member, t.s)).collect::<Vec<_>>();
            let targets = index.targets(stream);
            assert_eq!(
                (pairs(targets.full), pairs(targets.last)),
                (full.to_vec(), last.to_vec()),
                "stream {stream}"
            );
        };
        check(0, &[(0, 1)], &[]);
        check(1, &[], &[]);
        check(2, &[], &[]);
        check(3, &[(1, 9)], &[(0, 2)]);
        check(4, &[], &[]);
        assert_eq!(index.targets(3).of(0), Some(Target { member: 0, s: 2 }));
        assert_eq!(index.targets(3).of(2), None);
        check(u32::MAX, &[], &[]);
    }
}
