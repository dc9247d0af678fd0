//! The socket's protocol: what a client asks for, and what it is told.
//!
//! A subscriber is registered before the log is read, so nothing falls between
//! what is read and what is delivered, and what overlaps is told by its offset.
//! Rows of groups that were seen before say where it is registered, and what is
//! read of the groups behind it whether that was right.

mod catch_up;
mod expired;
mod judge;
mod ping;
mod rows;
mod tops;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::try_join_all;
use tickwire_streams::{GroupKey, Packer, StreamKey, Universe};
use tickwire_wire::{
    ClientRequest, ErrorBody, ErrorCode, Operation, Sender, StreamRequest, StreamVerdict, SubscribeReply,
    Welcome, WelcomeLimits, error_reply, ok_reply, parse_request, plan_message, socket_message_bytes_max,
};

use crate::access::Access;
use crate::entitle::Entitle;
use crate::limit_use::{Counted, LimitUse};
use crate::log_reader::LogReader;
use crate::open_connection::{ConnectionPorts, Fault, GoodbyeCode, end, forget, has_expired};
use crate::placement::Placement;
use crate::plans::Plans;
use crate::ports::{
    AccessBook, Clock, ConnectionRow, Connections, Enqueue, Grants, GroupRow, Groups, Log, Outgoing,
    PortResult, Posted, Push, Queue, Secrets,
};

use crate::watermark::{Stamp, Watermarks, is_marked, withheld};
use judge::{Wanted, take_in};
use rows::stale;
use tops::RecentTops;

pub use tops::tops_age_ms_max;

/// Streams that one request may name.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const streams_per_request_max: usize = 100;
/// Seconds between a client's pings.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const heartbeat_s: u32 = 60;
/// Name of the protocol.
pub const PROTOCOL: &str = "tickwire.v1";
/// Name of the source of plan events.
const SOURCE: &str = "socket";

/// What subscriptions need from the world.
#[derive(Clone)]
pub struct SubscriptionPorts {
    /// Rows of connections and subscribers.
    pub connections: Arc<dyn Connections>,
    /// Rows of groups, plans, latest values.
    pub groups: Arc<dyn Groups>,
    /// What a client missed.
    pub log: Arc<dyn Log>,
    /// Data frames go here.
    pub push: Arc<dyn Push>,
    /// Plan events go here.
    pub enqueue: Arc<dyn Enqueue>,
    /// Who may read what.
    pub access: Access,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

impl SubscriptionPorts {
    /// Over a store that holds all the rows.
    pub fn on<S: Connections + Groups + Log + Grants + AccessBook + 'static>(
        store: &Arc<S>,
        push: Arc<dyn Push>,
        enqueue: Arc<dyn Enqueue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            connections: store.clone(),
            groups: store.clone(),
            log: store.clone(),
            push,
            enqueue,
            access: Access::new(store.clone(), store.clone(), clock.clone()),
            clock,
        }
    }
}

impl From<&SubscriptionPorts> for ConnectionPorts {
    fn from(ports: &SubscriptionPorts) -> Self {
        Self {
            connections: ports.connections.clone(),
            groups: ports.groups.clone(),
            push: ports.push.clone(),
            access: ports.access.clone(),
            clock: ports.clock.clone(),
        }
    }
}

/// The use case.
#[derive(Clone)]
pub struct ManageSubscription {
    ports: SubscriptionPorts,
    placement: Placement,
    entitle: Entitle,
    plans: Plans,
    /// Rows of groups as last seen.
    rows: moka::sync::Cache<GroupKey, GroupRow>,
    reader: Arc<LogReader>,
    watermarks: Watermarks,
    limits: Option<LimitUse>,
    recent_tops: Arc<RecentTops>,
}

impl ManageSubscription {
    /// With everything cold.
    pub fn new(ports: SubscriptionPorts, placement: Placement) -> Self {
        Self {
            entitle: Entitle::new(ports.access.clone()),
            plans: Plans::new(ports.groups.clone()),
            rows: moka::sync::Cache::new(views::ROWS_MAX),
            reader: Arc::new(LogReader::new(ports.log.clone())),
            watermarks: Watermarks::default(),
            limits: None,
            recent_tops: Arc::default(),
            ports,
            placement,
        }
    }

    /// With the limits of tiers on messages and changes.
    #[must_use]
    pub fn limited_by(self, limits: LimitUse) -> Self {
        Self {
            limits: Some(limits),
            ..self
        }
    }

    /// With the secrets that watermarks are made with; without, nothing of paid streams is sent.
    #[must_use]
    pub fn marked_by(self, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            watermarks: Watermarks::of(secrets),
            ..self
        }
    }

    /// The reply to a message of a client. Data frames are posted before it.
    pub async fn request(&self, connection: &str, text: &str) -> String {
        match parse_request(text) {
            Err((id, body)) => error_reply(id, &body),
            Ok(ClientRequest { id, operation }) => match self.carry_out(connection, id, operation).await {
                Ok(reply) => reply,
                Err(fault) => error_reply(Some(id), &fault.into_body()),
            },
        }
    }

    /// The reply to a binary frame.
    pub fn refuse_binary(&self) -> String {
        error_reply(None, &ErrorCode::BinaryNotTaken.into())
    }

    async fn carry_out(&self, connection: &str, id: u64, operation: Operation) -> Result<String, Fault> {
        let row = self
            .ports
            .connections
            .connection(connection)
            .await?
            .ok_or(ErrorCode::SessionExpired)?;
        if has_expired(&row, self.ports.clock.now()) {
            return Err(ErrorCode::SessionExpired.into());
        }
        if self.ports.access.is_taken_back(&row.identity()).await? {
            end(
                &(&self.ports).into(),
                &self.placement,
                connection,
                GoodbyeCode::Revoked,
            )
            .await;
            return Err(ErrorCode::SessionExpired.into());
        }
        if let Some(limits) = &self.limits {
            let burst = row.tier.limits().burst();
            limits.take(Counted::Messages(&row.user), &[burst]).await?;
        }
        let is_hello = matches!(operation, Operation::Hello { .. });
        if row.request_id == 0 && !is_hello {
            return Err(ErrorCode::HelloFirst.into());
        }
        if id <= row.request_id {
            return Err(stale(row.request_id).into());
        }
        match operation {
            Operation::Hello { universe } => self.hello(row, id, universe).await,
            Operation::Subscribe { streams } => self.subscribe(row, id, streams).await,
            Operation::Unsubscribe { s } => self.unsubscribe(row, id, &s).await,
            Operation::List {} => Ok(ok_reply(
                id,
                &SubscribeReply {
                    streams: Vec::new(),
                    list: list(&row),
                },
            )),
            Operation::Ping { at } => self.ping(row, id, &at).await,
        }
    }

    async fn hello(&self, row: ConnectionRow, id: u64, universe: Option<String>) -> Result<String, Fault> {
        let universe = match universe {
            None => None,
            Some(text) => Some(
                text.parse::<Universe>()
                    .map_err(|error| invalid(error.to_string()))?,
            ),
        };
        let (row, ()) = self
            .change(row, id, &BTreeMap::new(), |row| {
                let universe = universe.clone().unwrap_or_else(|| row.universe.clone());
                if universe != row.universe && !row.subscriptions.is_empty() {
                    return Err(
                        invalid("The world cannot be changed while there are subscriptions.".into()).into(),
                    );
                }
                row.universe = universe;
                Ok(((), BTreeSet::new()))
            })
            .await?;
        let limits = row.tier.limits();
        Ok(ok_reply(
            id,
            &Welcome {
                protocol: PROTOCOL.to_owned(),
                session: row.connection.clone(),
                tier: row.tier.to_string(),
                universe: row.universe.as_str().to_owned(),
                limits: WelcomeLimits {
                    subscriptions_max: limits.subscriptions_per_connection_max,
                    message_bytes_max: socket_message_bytes_max,
                    frames_per_minute_max: limits.stream_messages_per_minute_max,
                },
                heartbeat_s,
                server_time: self.ports.clock.now(),
                expires_at: row.expires_at,
            },
        ))
    }

    async fn unsubscribe(&self, row: ConnectionRow, id: u64, handles: &[u32]) -> Result<String, Fault> {
        let (row, ()) = self
            .change(row, id, &BTreeMap::new(), |row| {
                let keys = row.subscriptions.iter();
                let keys = keys.filter(|subscription| handles.contains(&subscription.s));
                let keys: Vec<String> = keys.map(|subscription| subscription.key.clone()).collect();
                Ok(((), self.take_out(row, &keys)))
            })
            .await?;
        Ok(ok_reply(
            id,
            &SubscribeReply {
                streams: Vec::new(),
                list: list(&row),
            },
        ))
    }

    async fn subscribe(
        &self,
        row: ConnectionRow,
        id: u64,
        streams: Vec<StreamRequest>,
    ) -> Result<String, Fault> {
        if streams.is_empty() {
            return Err(invalid("streams is empty: name at least one.".into()).into());
        }
        if streams.len() > streams_per_request_max {
            let message = format!(
                "The request names {} streams; at most {streams_per_request_max} are taken.",
                streams.len()
            );
            return Err(ErrorBody::with_message(ErrorCode::StreamsPerRequestMax, message).into());
        }
        let (mut judged, seen) = self.judge(&row, streams).await?;
        let is_marked =
            |wanted: &Result<Wanted, ErrorBody>| wanted.as_ref().is_ok_and(|wanted| is_marked(&wanted.key));
        let any_marked = judged.iter().any(|(_, wanted)| is_marked(wanted));
        let mark = self.watermarks.key(any_marked).await;
        if mark.is_none() {
            for (request, wanted) in judged.iter_mut().filter(|(_, wanted)| is_marked(wanted)) {
                *wanted = Err(withheld().about(&request.key));
            }
        }
        let denied: Vec<String> = judged
            .iter()
            .filter(|(_, wanted)| wanted.is_err())
            .map(|(request, _)| request.key.clone())
            .collect();
        let (row, judged) = self
            .change(row, id, &seen, |row| {
                // Were they to stay, what is denied would still be served.
                let mut groups = self.take_out(row, &denied);
                // Those of the denied among them: a denial before may not have come to its end.
                let keys = judged.iter().map(|(request, _)| &request.key);
                groups.extend(keys.filter_map(|key| self.group_of_key(row, key)));
                Ok((take_in(row, &judged), groups))
            })
            .await?;

        let mut verdicts: Vec<StreamVerdict> = judged
            .iter()
            .map(|(request, wanted)| verdict(request, wanted))
            .collect();
        let mut asked: BTreeMap<&GroupKey, Vec<catch_up::Asked<'_>>> = BTreeMap::new();
        for (place, (request, wanted)) in judged.iter().enumerate() {
            let Ok(wanted) = wanted else { continue };
            asked.entry(&wanted.group).or_default().push(catch_up::Asked {
                place,
                request,
                key: &wanted.key,
                stamp: mark
                    .as_ref()
                    .and_then(|mark| Stamp::of(mark, &row.user, &wanted.key)),
            });
        }
        let seen = seen.into_iter().filter(|(group, _)| asked.contains_key(group));
        let views = self.views_behind(seen.collect()).await?;
        let caught_up = try_join_all(asked.into_iter().filter_map(|(group, asked)| {
            let view = views.get(group)?;
            Some(self.catch_up(&row.connection, group, view, asked))
        }))
        .await?;
        let mut packer = Packer::default();
        let mut frames = Vec::new();
        let mut with_items = Vec::new();
        for caught in caught_up.into_iter().flatten() {
            let catch_up::Caught {
                place,
                epoch,
                top,
                recovered,
                more,
                items,
            } = caught;
            let verdict = &mut verdicts[place];
            (verdict.epoch, verdict.top, verdict.recovered, verdict.more) =
                (Some(epoch), top, recovered, more);
            if !items.is_empty() {
                with_items.push(place);
            }
            for item in items {
                frames.extend(packer.push(|frame| frame.push_str(&item)));
            }
        }
        frames.extend(packer.finish());
        if !self.post(&row.connection, frames).await? {
            // What did not arrive is asked for again, from where the client then stands.
            for place in with_items {
                verdicts[place].more = verdicts[place].recovered == Some(true);
            }
        }
        Ok(ok_reply(
            id,
            &SubscribeReply {
                streams: verdicts,
                list: list(&row),
            },
        ))
    }

    /// Posts frames in order; says whether all were taken.
    async fn post(&self, connection: &str, frames: Vec<String>) -> PortResult<bool> {
        for frame in frames {
            match self.ports.push.post(connection, frame).await {
                Ok(Posted::Taken) => {}
                Ok(Posted::Gone) => {
                    let (connections, groups) = (&*self.ports.connections, &*self.ports.groups);
                    forget(connections, groups, &self.placement, connection, None).await?;
                    return Ok(false);
                }
                Err(error) => {
                    tracing::warn!(connection, %error, "a connection did not take its frames");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Asks the group to compute streams that are not in its plan.
    async fn plan(&self, connection: &str, group: &GroupKey, streams: &[StreamKey]) -> PortResult<()> {
        if streams.is_empty() {
            return Ok(());
        }
        let now = self.ports.clock.now();
        let epoch = now.0.unsigned_abs();
        let sender = Sender {
            group,
            source: SOURCE,
            epoch,
            seq: 0,
            sent: now,
        };
        let message = Outgoing {
            group: group.to_string(),
            deduplication: format!(
                "{SOURCE}:{:08x}:{connection}:{epoch}",
                crc32fast::hash(group.as_str().as_bytes())
            ),
            body: plan_message(&sender, streams, &[]),
        };
        self.ports.enqueue.send(Queue::Ticks, message).await
    }
}

fn invalid(message: String) -> ErrorBody {
    ErrorBody::with_message(ErrorCode::ParameterInvalid, message)
}

fn list(row: &ConnectionRow) -> BTreeMap<u32, String> {
    row.subscriptions
        .iter()
        .map(|subscription| (subscription.s, subscription.key.clone()))
        .collect()
}

fn verdict(request: &StreamRequest, wanted: &Result<Wanted, ErrorBody>) -> StreamVerdict {
    StreamVerdict {
        key: request.key.clone(),
        s: request.s,
        mode: request.mode,
        err: wanted.as_ref().err().cloned(),
        epoch: None,
        top: None,
        recovered: None,
        more: false,
    }
}
