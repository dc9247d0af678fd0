//! What a ping leads to: the streams' tops, and what becomes of a connection
//! that nears its end or does not keep up. A healthy ping writes nothing.

use std::collections::BTreeMap;

use tickwire_market::UnixNanos;
use tickwire_streams::Offset;
use tickwire_wire::{Downgraded, Mode, Pong, downgraded_push, ok_reply, unacknowledged_segments_max};

use super::{ManageSubscription, heartbeat_s};
use crate::open_connection::{Fault, GoodbyeCode, end, near_end, say_goodbye, wait_ms};
use crate::ports::{ConnectionRow, Owed, Subscription};

pub(super) type Handles = BTreeMap<u32, Offset>;

/// How a connection keeps up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pace {
    /// What it has to reach by its next ping; none while it is within its credit.
    owed: Option<Owed>,
    /// Streams in which it did not reach what it was told a heartbeat ago.
    slow: Vec<u32>,
}

/// Whoever is told a top has a heartbeat to reach it, by resuming if need be.
/// That holds while deliveries stand still too: a client that resumes keeps up.
fn pace(owed: Option<&Owed>, at: &Handles, tops: &Handles, now: UnixNanos) -> Pace {
    let heartbeat = i64::from(heartbeat_s) * UnixNanos::PER_SECOND;
    if let Some(owed) = owed.filter(|owed| now < owed.told_at.saturating_add(heartbeat)) {
        return Pace {
            owed: Some(owed.clone()),
            slow: Vec::new(),
        };
    }
    let slow = owed.iter().flat_map(|owed| &owed.tops).filter_map(|(s, top)| {
        // The stream may have been taken away, or its log restored.
        let behind = at.get(s)? < top && tops.get(s)? >= top;
        behind.then_some(*s)
    });
    let slow = slow.collect();
    let beyond: Handles = tops
        .iter()
        .filter(|(s, top)| {
            let segments = |at: &Offset| top.segment().saturating_sub(at.segment());
            at.get(s)
                .is_some_and(|at| segments(at) > unacknowledged_segments_max)
        })
        .map(|(s, top)| (*s, *top))
        .collect();
    Pace {
        owed: (!beyond.is_empty()).then_some(Owed {
            told_at: now,
            tops: beyond,
        }),
        slow,
    }
}

impl ManageSubscription {
    pub(super) async fn ping(&self, mut row: ConnectionRow, id: u64, at: &Handles) -> Result<String, Fault> {
        let now = self.ports.clock.now();
        let ended = self.end_expired(&row, now).await?;
        row.subscriptions
            .retain(|subscription| !ended.contains(&subscription.key));
        let tops = self.tops(&row).await?;
        let Pace { owed, slow } = pace(row.owed.as_ref(), at, &tops, now);
        let is_slow = |subscription: &Subscription| slow.contains(&subscription.s);
        if row
            .subscriptions
            .iter()
            .any(|subscription| is_slow(subscription) && subscription.last)
        {
            // The latest alone was too much for it already.
            end(
                &(&self.ports).into(),
                &self.placement,
                &row.connection,
                GoodbyeCode::Slow,
            )
            .await;
        } else {
            if near_end(&row, now) {
                let wait_ms = wait_ms(&row.connection);
                say_goodbye(&*self.ports.push, &row.connection, GoodbyeCode::Lifetime, wait_ms).await;
            }
            if row.owed != owed || !slow.is_empty() {
                self.slow_down(row, id, owed, slow).await?;
            }
        }
        Ok(ok_reply(
            id,
            &Pong {
                tops,
                server_time: now,
            },
        ))
    }

    /// Notes what is owed, and goes on with the slow streams in mode `last`.
    async fn slow_down(
        &self,
        row: ConnectionRow,
        id: u64,
        owed: Option<Owed>,
        slow: Vec<u32>,
    ) -> Result<(), Fault> {
        let (row, is_any_slow) = self
            .change(row, id, &BTreeMap::new(), |row| {
                row.owed.clone_from(&owed);
                let mut slowed = Vec::new();
                for subscription in &mut row.subscriptions {
                    if slow.contains(&subscription.s) {
                        subscription.last = true;
                        slowed.push(subscription.clone());
                    }
                }
                let groups = slowed
                    .iter()
                    .filter_map(|subscription| self.group_of(row, subscription))
                    .collect();
                Ok((!slowed.is_empty(), groups))
            })
            .await?;
        if !is_any_slow {
            return Ok(());
        }
        let push = downgraded_push(&Downgraded {
            s: slow,
            mode: Mode::Last,
        });
        self.post(&row.connection, vec![push]).await?;
        Ok(())
    }
}
