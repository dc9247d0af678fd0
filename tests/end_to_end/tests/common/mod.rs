//! A stack in this process, and clients of it that speak the protocol by hand.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use tickwire::client::{ConnectError, Endpoint, http};
use tickwire::host::{Host, HostOptions};
use tickwire_entitlements::Tier;
use tickwire_market::{Calendar, InstrumentKey, UnixNanos};
use tickwire_service::placement::Placement;
use tickwire_service::ports::{Log, Outgoing, PortError};
use tickwire_signals::ReferenceChange;
use tickwire_streams::{GroupKey, StreamKey, Universe};
use tickwire_wire::{Segment, Sender, decode, plan_message, reference_message};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

/// 2026-01-05 09:15 in India: the market opens.
pub(crate) const OPEN: UnixNanos = UnixNanos(1_767_584_700_000_000_000);
/// Longest wait for anything that should come at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// The index that all tests know.
pub(crate) const NIFTY: &str = "NSE@NIFTY@IDX";
/// A token's life.
const TOKEN: Duration = Duration::from_secs(600);

/// A stack in memory, in a world whose time is that of its data.
pub(crate) struct Stack {
    pub(crate) host: Host,
    pub(crate) universe: Universe,
    control_seq: u64,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::of("replay-test".parse().unwrap()).await
    }

    /// A stack of a universe: of that which is live the time is now.
    pub(crate) async fn of(universe: Universe) -> Self {
        let host = Host::start(HostOptions::default(), &universe).await.unwrap();
        Self {
            host,
            universe,
            control_seq: 0,
        }
    }

    pub(crate) fn group(&self, instrument: &str) -> GroupKey {
        Placement::default().group_of(&self.universe, &instrument.parse().unwrap())
    }

    /// Puts a text into the queue.
    pub(crate) async fn send(&mut self, group: &GroupKey, body: impl Into<String>) -> Result<(), PortError> {
        self.control_seq += 1;
        let deduplication = format!("test-{}", self.control_seq);
        self.host
            .outlet()
            .send(Outgoing {
                group: group.to_string(),
                deduplication,
                body: body.into(),
            })
            .await
    }

    /// Makes an instrument and its streams known, as canonical keys.
    pub(crate) async fn introduce(&mut self, instrument: &str, streams: &[&str]) {
        let key: InstrumentKey = instrument.parse().unwrap();
        let group = self.group(instrument);
        let calendar = Calendar::of(&key).unwrap();
        let streams: Vec<StreamKey> = streams.iter().map(|text| text.parse().unwrap()).collect();
        let change = ReferenceChange::Instrument {
            instrument: key,
            calendar,
            tick_size: None,
        };
        let sender = Sender {
            group: &group,
            source: "control",
            epoch: 1,
            seq: 0,
            sent: OPEN,
        };
        let reference = reference_message(&sender, &[change]);
        let plan = plan_message(&sender, &streams, &[]);
        self.send(&group, reference).await.unwrap();
        self.send(&group, plan).await.unwrap();
        self.worked_off().await;
    }

    /// Waits until both queues are empty.
    pub(crate) async fn worked_off(&self) {
        assert!(
            self.host.drained(SOON).await,
            "the queues were not worked off: {}",
            self.host.backlog()
        );
    }

    /// The group's log.
    pub(crate) async fn log(&self, group: &GroupKey) -> Vec<(u64, Segment)> {
        let mut segments = Vec::new();
        loop {
            let next = segments.last().map_or(1, |(number, _)| number + 1);
            let stored = self.host.store.read(group, next, 1 << 20).await.unwrap();
            if stored.is_empty() {
                return segments;
            }
            segments.extend(
                stored
                    .iter()
                    .map(|stored| (stored.number, decode(&stored.bytes).unwrap())),
            );
        }
    }

    pub(crate) async fn token(&self, user: &str, tier: Tier) -> String {
        self.host
            .token(user, tier, TOKEN)
            .await
            .unwrap()
            .expose()
            .to_owned()
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("ws://{}", self.host.address), None).unwrap()
    }

    pub(crate) async fn ticket(&self, token: &str) -> Result<String, ConnectError> {
        let body = http(
            &self.endpoint(),
            hyper::Method::POST,
            "/v1/tickets",
            token,
            Vec::new().into(),
        )
        .await?;
        let body: Json = serde_json::from_slice(&body).unwrap();
        Ok(body["ticket"].as_str().unwrap().to_owned())
    }

    /// Opens a socket with a ticket; or the status and error of the refusal.
    pub(crate) async fn socket(&self, ticket: &str) -> Result<Socket, (u16, Json)> {
        let address = format!("ws://{}/ws?ticket={ticket}", self.host.address);
        match tokio_tungstenite::connect_async(address).await {
            Ok((stream, _)) => Ok(Socket {
                stream,
                id: 0,
                frames: Vec::new(),
            }),
            Err(SocketError::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Err((
                    answer.status().as_u16(),
                    serde_json::from_slice(body).unwrap_or_default(),
                ))
            }
            Err(error) => panic!("failed to connect: {error}"),
        }
    }

    /// A client that has said hello.
    pub(crate) async fn client(&self, user: &str, tier: Tier) -> Socket {
        let ticket = self.ticket(&self.token(user, tier).await).await.unwrap();
        let mut socket = self.socket(&ticket).await.unwrap();
        let welcome = socket.ask(json!({"op": "hello"})).await;
        assert_eq!(welcome["ok"]["universe"], self.universe.as_str(), "{welcome}");
        socket
    }
}

type Stream = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A socket, spoken to by hand.
pub(crate) struct Socket {
    stream: Stream,
    id: u64,
    /// Items that came and were not looked at yet.
    frames: Vec<Json>,
}

impl Socket {
    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        self.stream.send(Message::text(text.into())).await.unwrap();
    }

    pub(crate) async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.stream.send(Message::binary(bytes)).await.unwrap();
    }

    /// The next message that is no data frame; `None` when the connection ends.
    pub(crate) async fn reply(&mut self) -> Option<Json> {
        loop {
            match self.message().await? {
                Json::Array(items) => self.frames.extend(items),
                reply => return Some(reply),
            }
        }
    }

    async fn message(&mut self) -> Option<Json> {
        loop {
            match timeout(SOON, self.stream.next()).await.expect("nothing came") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    /// What is asked from now on has ids beyond this one.
    pub(crate) fn ids_rise_to(&mut self, id: u64) {
        self.id = self.id.max(id);
    }

    /// Sends a request with the next id; gives its reply.
    pub(crate) async fn ask(&mut self, mut request: Json) -> Json {
        self.id += 1;
        request["id"] = self.id.into();
        self.send_text(request.to_string()).await;
        let reply = self.reply().await.expect("the connection ended");
        assert_eq!(reply["id"], self.id, "{reply}");
        reply
    }

    pub(crate) async fn subscribe(&mut self, key: &str, s: u32) -> Json {
        let reply = self
            .ask(json!({"op": "subscribe", "streams": [{"key": key, "s": s}]}))
            .await;
        reply["ok"]["streams"][0].clone()
    }

    /// The next item of a data frame.
    pub(crate) async fn item(&mut self) -> Json {
        while self.frames.is_empty() {
            match self.message().await.expect("the connection ended") {
                Json::Array(items) => self.frames.extend(items),
                other => panic!("{other} is no data frame"),
            }
        }
        self.frames.remove(0)
    }

    /// The next item of kind `signal`.
    pub(crate) async fn signal(&mut self) -> Json {
        loop {
            let item = self.item().await;
            if item["k"] == "signal" {
                return item;
            }
        }
    }

    pub(crate) async fn close(mut self) {
        let _ = self.stream.close(None).await;
    }
}

/// Text of a message of ticks of one instrument: seconds after the opening, and price as JSON.
pub(crate) fn ticks(group: &GroupKey, source: &str, epoch: u64, seq: u64, ticks: &[(i64, &str)]) -> String {
    let at = |seconds: i64| OPEN.0 + seconds * UnixNanos::PER_SECOND;
    let sent = ticks.first().map_or(OPEN.0, |(seconds, _)| at(*seconds));
    let ticks: Vec<String> = ticks
        .iter()
        .map(|(seconds, price)| format!(r#"{{"i":"{NIFTY}","t":{0},"r":{0},"p":{price}}}"#, at(*seconds)))
        .collect();
    format!(
        r#"{{"v":1,"group":"{group}","source":"{source}","epoch":{epoch},"seq":{seq},"sent":{sent},"ticks":[{}]}}"#,
        ticks.join(",")
    )
}
