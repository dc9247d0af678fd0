//! Bugs to be planted: each is what someone might have built instead, and each
//! is planted from outside, between the use cases and what they work on. The
//! simulation has to find every one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::BuildHasher as _;
use std::str::FromStr;

use tickwire_entitlements::Grant;
use tickwire_service::ports::{Outgoing, ShardVersion};
use tickwire_streams::{GroupKey, Shares};
use tickwire_wire::peek_origin;

use crate::truth::segment_of;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bug {
    /// Subscribers are cached, and their version is not looked at again.
    CachedSubscribers,
    /// `prev` is what was sent last, not what the engine says came before.
    PrevFromSends,
    /// Who loads a group does not publish its last segment again.
    TailNotRepublished,
    /// Ticks of a sender that was superseded are folded.
    LowerEpochAccepted,
    /// The queue tells repeated messages by what they hold.
    DeduplicationByContent,
    /// A group is loaded from its checkpoint, without the segments after it.
    CheckpointAlone,
    /// Of a batch only the failed message comes back, not those that follow it.
    FollowersDropped,
    /// Messages are deleted when they are received.
    AcknowledgedFirst,
    /// A segment is put whether or not its number is taken.
    UnconditionalAppend,
    /// A commit does not wait until the segment before it is published.
    PublicationNotAwaited,
    /// A user's grants are read once.
    GrantsCached,
    /// The answer to a ping has no tops.
    PongWithoutTops,
    /// The queue gives messages of a group to one consumer while another still works on those before.
    GroupWithoutOrder,
    /// An append without an answer is taken for done.
    TimeoutTakenForCommit,
    /// A number that is taken is taken for one's own.
    TakenTakenForOurs,
    /// The latest row is cached.
    LatestCached,
    /// A source counts over all groups.
    SequenceOverGroups,
    /// Of the signals that one item stands for, the oldest is sent.
    OldestKept,
    /// An item does not say that it stands for several signals.
    SkipsNotTold,
    /// Posts that are short go to whoever comes first.
    PostsFirstCome,
    /// A close does not keep a subscribe from coming in between.
    CloseNotNoted,
    /// A shard's version does not say that some who changed are no longer named.
    ForgottenNotTold,
    /// What a user had is written whatever stands.
    UsageNotCompared,
    /// Segments go when they are old, whichever checkpoint needs them.
    ExpiredByAge,
    /// Blocks of bars are deleted before their bars are in pages.
    BlocksDeletedFirst,
    /// A page of bars is made of blocks alone, and not of what it has already.
    PageNotRead,
    /// A client whose stream was revoked looks at the clock again at once, for ever.
    ClientSpins,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::CachedSubscribers,
        Self::PrevFromSends,
        Self::TailNotRepublished,
        Self::LowerEpochAccepted,
        Self::DeduplicationByContent,
        Self::CheckpointAlone,
        Self::FollowersDropped,
        Self::AcknowledgedFirst,
        Self::UnconditionalAppend,
        Self::PublicationNotAwaited,
        Self::GrantsCached,
        Self::PongWithoutTops,
        Self::GroupWithoutOrder,
        Self::TimeoutTakenForCommit,
        Self::TakenTakenForOurs,
        Self::LatestCached,
        Self::SequenceOverGroups,
        Self::OldestKept,
        Self::SkipsNotTold,
        Self::PostsFirstCome,
        Self::CloseNotNoted,
        Self::ForgottenNotTold,
        Self::UsageNotCompared,
        Self::ExpiredByAge,
        Self::BlocksDeletedFirst,
        Self::PageNotRead,
        Self::ClientSpins,
    ];

    /// The one spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CachedSubscribers => "cached-subscribers",
            Self::PrevFromSends => "prev-from-sends",
            Self::TailNotRepublished => "tail-not-republished",
            Self::LowerEpochAccepted => "lower-epoch-accepted",
            Self::DeduplicationByContent => "deduplication-by-content",
            Self::CheckpointAlone => "checkpoint-alone",
            Self::FollowersDropped => "followers-dropped",
            Self::AcknowledgedFirst => "acknowledged-first",
            Self::UnconditionalAppend => "unconditional-append",
            Self::PublicationNotAwaited => "publication-not-awaited",
            Self::GrantsCached => "grants-cached",
            Self::PongWithoutTops => "pong-without-tops",
            Self::GroupWithoutOrder => "group-without-order",
            Self::TimeoutTakenForCommit => "timeout-taken-for-commit",
            Self::TakenTakenForOurs => "taken-taken-for-ours",
            Self::LatestCached => "latest-cached",
            Self::SequenceOverGroups => "sequence-over-groups",
            Self::OldestKept => "oldest-kept",
            Self::SkipsNotTold => "skips-not-told",
            Self::PostsFirstCome => "posts-first-come",
            Self::CloseNotNoted => "close-not-noted",
            Self::ForgottenNotTold => "forgotten-not-told",
            Self::UsageNotCompared => "usage-not-compared",
            Self::ExpiredByAge => "expired-by-age",
            Self::BlocksDeletedFirst => "blocks-deleted-first",
            Self::PageNotRead => "page-not-read",
            Self::ClientSpins => "client-spins",
        }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of the planted bugs, which are: {all}", all = names(&Bug::ALL.map(Bug::as_str)))]
pub struct UnknownBug(String);

pub(crate) fn names(all: &[&str]) -> String {
    all.join(", ")
}

impl FromStr for Bug {
    type Err = UnknownBug;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|bug| bug.as_str() == text)
            .ok_or_else(|| UnknownBug(text.chars().take(40).collect()))
    }
}

/// What the bugs of a process remember.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Versions of shards, as first seen.
    pub(crate) versions: BTreeMap<(GroupKey, u16), ShardVersion>,
    /// Latest rows, as first seen.
    pub(crate) latest: BTreeMap<GroupKey, (u64, Vec<u8>)>,
    /// Grants of users, as first seen.
    pub(crate) grants: BTreeMap<String, Vec<Grant>>,
    /// Segments that the process tried to commit.
    pub(crate) appended: BTreeSet<(GroupKey, u64)>,
    /// Segment of the checkpoint that a group was loaded from.
    pub(crate) loaded_at: BTreeMap<GroupKey, u64>,
    /// The posts of a process, for whoever comes first.
    pub(crate) posts: Option<Shares<()>>,
    /// The last offset sent to a connection's handle.
    sent: BTreeMap<(String, u32), u64>,
}

impl Memory {
    /// Whether a publication is of a segment that this process committed.
    pub(crate) fn committed(&self, publication: &Outgoing) -> bool {
        let group = publication
            .group
            .split_once('#')
            .and_then(|(group, _)| group.parse().ok());
        group
            .zip(segment_of(&publication.deduplication))
            .is_some_and(|place| self.appended.contains(&place))
    }

    /// Names in each signal the one that was sent before as the one before.
    pub(crate) fn rewrite_prev(&mut self, connection: &str, frame: &str) -> String {
        let mut parts = frame.split(r#"{"s":"#);
        let mut text = parts.next().unwrap_or_default().to_owned();
        for item in parts {
            let handle = number(item)
                .and_then(|s| u32::try_from(s).ok())
                .unwrap_or_default();
            let offset = item.split_once(r#""o":"#).and_then(|(_, rest)| number(rest));
            let before = match offset {
                Some(offset) => self.sent.insert((connection.to_owned(), handle), offset),
                None => None,
            };
            text.push_str(r#"{"s":"#);
            match (item.split_once(r#""prev":"#), before) {
                (Some((head, rest)), Some(before)) => {
                    let tail = rest.find([',', '}']).map_or("", |end| &rest[end..]);
                    text.push_str(&format!(r#"{head}"prev":{before}{tail}"#));
                }
                _ => text.push_str(item),
            }
        }
        text
    }
}

/// The number at the beginning of a text.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().ok()
}

/// Rewrites the items of a frame that stand for several signals, given the handle, the offset, how
/// many signals, and the item's text behind the handle's name. Others stay.
pub(crate) fn rewrite_conflated(
    frame: &str,
    rewrite: impl Fn(usize, u64, usize, &str) -> Option<String>,
) -> String {
    let mut parts = frame.split(r#"{"s":"#);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for item in parts {
        let field = |name: &str| item.split_once(name).and_then(|(_, rest)| number(rest));
        let place = field(r#""o":"#).zip(field(r#""n":"#)).zip(number(item));
        let rewritten =
            place.and_then(|((offset, count), s)| rewrite(s as usize, offset, count as usize, item));
        text.push_str(r#"{"s":"#);
        text.push_str(rewritten.as_deref().unwrap_or(item));
    }
    text
}

/// A message's deduplication id made of the ticks it holds, and not of their numbers.
pub(crate) fn content_id(body: &str) -> String {
    let content = body.find(r#","ticks":"#).map_or(body, |at| &body[at..]);
    format!("{:x}", rustc_hash::FxBuildHasher.hash_one(content))
}

/// Senders that were superseded, as someone sees them who counts each epoch by itself.
#[derive(Debug, Default)]
pub(crate) struct Epochs(BTreeMap<String, u64>);

impl Epochs {
    /// A message of a lower epoch than was seen becomes one of a source of its own.
    pub(crate) fn accept(&mut self, group: &str, body: String) -> String {
        let Some((source, epoch, _)) = peek_origin(&body) else {
            return body;
        };
        let greatest = self.0.entry(format!("{group} {source}")).or_default();
        *greatest = epoch.max(*greatest);
        if epoch == *greatest {
            return body;
        }
        body.replacen(
            &format!(r#""source":"{source}""#),
            &format!(r#""source":"{source}.{epoch}""#),
            1,
        )
    }
}
