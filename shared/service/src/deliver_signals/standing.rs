//! Whether those who subscribed may still read what they subscribed to.

use std::sync::Arc;

use futures_util::future::join_all;
use rustc_hash::FxHashMap;
use tickwire_entitlements::{Decision, GrantsRead, Identity, decide};
use tickwire_market::UnixNanos;
use tickwire_signals::StreamId;
use tickwire_streams::StreamKey;

use super::DeliverPorts;
use super::shard::Index;
use crate::entitle::Entitle;
use crate::open_connection::GoodbyeCode;
use crate::ports::PortResult;

/// How things stand when a run of publications is delivered.
pub(super) struct Standing {
    now: UnixNanos,
    /// By member: why it is to be ended.
    over: FxHashMap<u32, GoodbyeCode>,
    /// By user, of those who want streams of this run that are paid for.
    grants: FxHashMap<String, Arc<GrantsRead>>,
}

impl Standing {
    /// Looks at all members, and at the grants of those who want what is paid for of `streams`.
    ///
    /// # Errors
    /// When it cannot be known who was taken back: then nobody is sent anything yet.
    pub(super) async fn of(
        ports: &DeliverPorts,
        entitle: &Entitle,
        streams: impl Iterator<Item = StreamId> + Send,
        index: &Index,
    ) -> PortResult<Self> {
        let revocations = ports.access.revocations().await?;
        let now = ports.clock.now();
        let mut over = FxHashMap::default();
        for (place, member) in (0u32..).zip(&index.subscribers.members) {
            if revocations.take_back(&member.identity) {
                over.insert(place, GoodbyeCode::Revoked);
            } else if now >= member.identity.expires_at {
                over.insert(place, GoodbyeCode::Lifetime);
            }
        }
        let mut wanted: FxHashMap<&str, (&Identity, Vec<&StreamKey>)> = FxHashMap::default();
        for (stream, key) in streams.filter_map(|stream| Some((stream, index.marked(stream)?))) {
            for target in index.targets(stream).all() {
                let Some(member) = index.subscribers.members.get(target.member as usize) else {
                    continue;
                };
                let identity = &member.identity;
                let (_, keys) = wanted
                    .entry(&identity.user)
                    .or_insert_with(|| (identity, Vec::new()));
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        let grants = wanted.into_iter().map(|(user, (identity, keys))| async move {
            (user.to_owned(), entitle.grants(identity, &keys).await)
        });
        let grants = join_all(grants).await.into_iter().collect();
        Ok(Self { now, over, grants })
    }

    /// Whether a member is to be ended, and so sent nothing.
    pub(super) fn is_over(&self, member: u32) -> bool {
        self.over.contains_key(&member)
    }

    /// Members to be ended.
    pub(super) fn over(&self) -> Vec<(usize, GoodbyeCode)> {
        let over = self.over.iter();
        over.map(|(member, code)| (*member as usize, *code)).collect()
    }

    /// Whether a stream that is paid for may still be read.
    pub(super) fn decide(&self, identity: &Identity, key: &StreamKey) -> Decision {
        let grants = self.grants.get(&identity.user).map(|grants| &**grants);
        decide(identity, key, grants.unwrap_or(&GrantsRead::Unreadable), self.now)
    }
}
