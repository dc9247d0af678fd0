//! Which of the streams asked for may be had.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tickwire_entitlements::Decision;
use tickwire_market::InstrumentKey;
use tickwire_signals::checked_for;
use tickwire_streams::{GroupKey, StreamKey};
use tickwire_wire::{ErrorBody, ErrorCode, Mode, StreamRequest};

use super::{ManageSubscription, invalid};
use crate::contract_end::has_ended;
use crate::entitle::denied;
use crate::open_connection::Fault;
use crate::plans::Plan;
use crate::ports::{ConnectionRow, GroupRow, PortResult, Subscription};

/// A stream of a subscribe that nothing speaks against so far.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) key: StreamKey,
    pub(super) group: GroupKey,
    /// Other instruments that its expression names; of the same group.
    others: Vec<InstrumentKey>,
}

/// One of the streams asked for: what is known of it so far.
pub(super) type Judged = (StreamRequest, Result<Wanted, ErrorBody>);

impl ManageSubscription {
    /// Judges streams one by one; with the rows, as last seen, of the groups of those that may be had.
    pub(super) async fn judge(
        &self,
        row: &ConnectionRow,
        streams: Vec<StreamRequest>,
    ) -> Result<(Vec<Judged>, BTreeMap<GroupKey, GroupRow>), Fault> {
        let now = self.ports.clock.now();
        let mut judged: Vec<Judged> = streams
            .into_iter()
            .map(|request| {
                let wanted = parse_stream(&request.key).and_then(|(key, others)| {
                    let group = self.placement.group_of(&row.universe, &key.stream.instrument);
                    let elsewhere = others
                        .iter()
                        .find(|other| self.placement.group_of(&row.universe, other) != group);
                    match elsewhere {
                        Some(other) => {
                            let message = format!(
                                "The expression reaches {other}, which is not in the group of {}.",
                                key.stream.instrument
                            );
                            Err(ErrorBody::with_message(ErrorCode::OtherGroup, message).about(&request.key))
                        }
                        None => Ok(Wanted { key, group, others }),
                    }
                });
                (request, wanted)
            })
            .collect();

        let identity = row.identity();
        let keys: Vec<&StreamKey> = judged
            .iter()
            .filter_map(|(_, wanted)| Some(&wanted.as_ref().ok()?.key))
            .collect();
        let mut decisions = self.entitle.decide(&identity, &keys).await.into_iter();
        for (request, wanted) in judged.iter_mut().filter(|(_, wanted)| wanted.is_ok()) {
            // One decision a key; none would be a denial.
            match decisions.next() {
                Some(Decision::Allow) => {}
                Some(Decision::Deny(denial)) => {
                    *wanted = Err(denied(&denial, &identity).about(&request.key));
                }
                None => *wanted = Err(ErrorBody::from(ErrorCode::EntitlementUnreadable).about(&request.key)),
            }
        }

        // Of what he may not have nobody is told what is computed.
        let mut plans = BTreeMap::new();
        for (_, wanted) in &mut judged {
            if let Ok(Wanted { key, group, .. }) = &*wanted
                && has_ended(&row.universe, key, now)
            {
                let over = self.expired(&mut plans, group, key, now).await?;
                *wanted = Err(over);
            }
        }

        let names: BTreeSet<GroupKey> = judged
            .iter()
            .filter_map(|(_, wanted)| Some(wanted.as_ref().ok()?.group.clone()))
            .collect();
        let groups = self.rows_as_seen(names).await?;
        for (request, wanted) in &mut judged {
            let Ok(Wanted { key, group, others }) = wanted else {
                continue;
            };
            let mut unknown = None;
            for instrument in std::iter::once(&key.stream.instrument).chain(others.iter()) {
                if !groups.contains_key(group) || !self.is_known(group, instrument).await? {
                    unknown = Some(instrument);
                    break;
                }
            }
            if let Some(unknown) = unknown {
                let message = format!("Instrument {unknown} is not known here.");
                *wanted =
                    Err(ErrorBody::with_message(ErrorCode::InstrumentUnknown, message).about(&request.key));
            }
        }
        Ok((judged, groups))
    }

    /// Whether the group knows an instrument. What it knew once, it knows.
    async fn is_known(&self, group: &GroupKey, instrument: &InstrumentKey) -> PortResult<bool> {
        let knows = |plan: Arc<Plan>| plan.knows(instrument);
        if self.plans.seen(group).is_some_and(knows) {
            return Ok(true);
        }
        Ok(self.plans.newest(group).await?.is_some_and(knows))
    }
}

/// The key, if it is one and its expression is canonical and fits its timeframe; with the
/// other instruments that the expression names.
fn parse_stream(text: &str) -> Result<(StreamKey, Vec<InstrumentKey>), ErrorBody> {
    let about: String = text.chars().take(200).collect();
    let key: StreamKey = text.parse().map_err(|error: tickwire_streams::StreamKeyError| {
        ErrorBody::with_message(ErrorCode::StreamMalformed, error.to_string()).about(&about)
    })?;
    let others = match &*key.stream.expression {
        "price" | "bars" => Vec::new(),
        _ => checked_for(&key.stream)
            .map_err(|error| {
                ErrorBody::with_message(ErrorCode::ExpressionInvalid, error.to_string()).about(&about)
            })?
            .instruments()
            .into_iter()
            .cloned()
            .collect(),
    };
    Ok((key, others))
}

/// Adds the streams that may be had to the row's subscriptions; those for which
/// there is no room, or whose handle is taken, are refused.
pub(super) fn take_in(row: &mut ConnectionRow, judged: &[Judged]) -> Vec<Judged> {
    let subscriptions_max = row.tier.limits().subscriptions_per_connection_max as usize;
    let mut taken: Vec<Judged> = Vec::with_capacity(judged.len());
    for (request, wanted) in judged {
        let refused = match wanted {
            Err(body) => Err(body.clone()),
            Ok(_) if taken.iter().any(|(other, _)| other.key == request.key) => {
                Err(invalid("The request names the stream twice.".into()))
            }
            Ok(_) => place(row, request, subscriptions_max),
        };
        let outcome = match (wanted, refused) {
            (Ok(wanted), Ok(())) => Ok(wanted.clone()),
            (_, Err(body)) => Err(if body.stream.is_some() {
                body
            } else {
                body.about(&request.key)
            }),
            (Err(body), Ok(())) => Err(body.clone()),
        };
        taken.push((request.clone(), outcome));
    }
    taken
}

/// Puts one stream among the row's subscriptions, or changes its mode there.
fn place(
    row: &mut ConnectionRow,
    request: &StreamRequest,
    subscriptions_max: usize,
) -> Result<(), ErrorBody> {
    let last = request.mode == Mode::Last;
    match row
        .subscriptions
        .iter_mut()
        .find(|subscription| subscription.key == request.key)
    {
        Some(subscription) if subscription.s == request.s => {
            subscription.last = last;
            return Ok(());
        }
        Some(subscription) => {
            let message = format!("The stream has handle {} already.", subscription.s);
            return Err(ErrorBody::with_message(ErrorCode::HandleTaken, message));
        }
        None => {}
    }
    if row
        .subscriptions
        .iter()
        .any(|subscription| subscription.s == request.s)
    {
        return Err(ErrorCode::HandleTaken.into());
    }
    if row.subscriptions.len() >= subscriptions_max {
        let message = format!(
            "Tier {} has {subscriptions_max} subscriptions per connection.",
            row.tier
        );
        return Err(ErrorBody::with_message(ErrorCode::SubscriptionsMax, message));
    }
    row.subscriptions.push(Subscription {
        key: request.key.clone(),
        s: request.s,
        last,
    });
    Ok(())
}
