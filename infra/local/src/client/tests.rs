//! Sessions against scripted servers.

mod chain;
mod connection;
mod faults;

use std::time::Duration;

use serde_json::{Value, json};
use tickwire_market::UnixNanos;
use tickwire_wire::{ErrorBody, ErrorCode, Mode};

use super::*;

const STREAM: &str = "public:NSE@NIFTY@IDX:tick:price";

#[derive(Default)]
struct Taken {
    /// Stream, offset, whether it is a snapshot.
    items: Vec<(String, Option<u64>, bool)>,
    notes: Vec<String>,
}

impl Receive for Taken {
    fn take(&mut self, stream: &str, item: &Item<'_>, _: UnixNanos) {
        self.items.push((
            stream.to_owned(),
            item.o.map(|o| o.0),
            item.k == ItemKind::Snapshot,
        ));
    }

    fn note(&mut self, note: Note<'_>) {
        self.notes.push(
            format!("{note:?}")
                .chars()
                .take_while(|c| c.is_alphanumeric())
                .collect(),
        );
    }
}

/// A session with a clock, and what it says.
struct Table {
    session: Session,
    taken: Taken,
    now: Duration,
    sent: Vec<Value>,
    others: Vec<Action>,
}

impl Table {
    fn new(streams: &[&str]) -> Self {
        let streams = streams.iter().map(|key| ((*key).to_owned(), Mode::Full));
        let session = Session::new(streams, None, 7);
        let mut table = Self {
            session,
            taken: Taken::default(),
            now: Duration::ZERO,
            sent: Vec::new(),
            others: Vec::new(),
        };
        table.connect();
        table
    }

    fn collect(&mut self) {
        while let Some(action) = self.session.next_action() {
            match action {
                Action::Send(text) => {
                    tickwire_wire::parse_request(&text).unwrap();
                    self.sent.push(serde_json::from_str(&text).unwrap());
                }
                other => self.others.push(other),
            }
        }
    }

    fn connect(&mut self) {
        self.sent.clear();
        self.session.on_connected(self.now);
        self.collect();
        let id = self.request("hello")["id"].clone();
        self.say(&json!({"id": id, "ok": {
            "protocol": "tickwire.v1", "session": "c", "tier": "premium", "universe": "live",
            "limits": {"subscriptions_max": 50, "message_bytes_max": 32768, "frames_per_minute_max": 5000},
            "heartbeat_s": 60, "server_time": 1, "expires_at": 2}}));
    }

    fn say(&mut self, message: &Value) {
        self.session
            .on_text(&message.to_string(), self.now, UnixNanos(0), &mut self.taken);
        self.collect();
    }

    /// Lets time go on, timers in their order.
    fn wait(&mut self, wait: Duration) {
        let end = self.now + wait;
        let mut turns = 0;
        while let Some(deadline) = self.session.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.session.on_time(self.now, &mut self.taken);
            self.collect();
            turns += 1;
            assert!(turns < 10_000, "the session spins at {:?}", self.now);
        }
        self.now = end;
    }

    /// The one request that was sent since the last look.
    fn request(&mut self, op: &str) -> Value {
        let sent = std::mem::take(&mut self.sent);
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(sent[0]["op"], op);
        sent[0].clone()
    }

    fn quiet(&self) {
        assert_eq!((self.sent.as_slice(), self.others.as_slice()), (&[][..], &[][..]));
    }

    fn verdict(&mut self, request: &Value, verdict: &Value) {
        let mut verdict = verdict.clone();
        verdict["key"] = request["streams"][0]["key"].clone();
        verdict["s"] = request["streams"][0]["s"].clone();
        verdict["mode"] = "full".into();
        self.say(&json!({"id": request["id"], "ok": {"streams": [verdict], "list": {}}}));
    }

    fn signal(&mut self, offset: u64, previous: u64) {
        self.say(&json!([{"s": 0, "k": "signal", "o": offset, "prev": previous, "t": 1, "r": 2, "d": {"value": 1}}]));
    }

    fn snapshot(&mut self, offset: Option<u64>) {
        self.say(&json!([{"s": 0, "k": "snapshot", "o": offset, "d": {"value": 1}}]));
    }

    fn offsets(&self) -> Vec<u64> {
        self.taken
            .items
            .iter()
            .filter_map(|(_, offset, _)| *offset)
            .collect()
    }

    /// Subscribed, the chain at 10.
    fn at_ten() -> Self {
        let mut table = Self::new(&[STREAM]);
        let request = table.request("subscribe");
        assert_eq!(request["streams"][0]["since"], Value::Null);
        table.snapshot(Some(10));
        table.verdict(&request, &json!({"epoch": "k1", "top": 10}));
        table.wait(overlap_wait);
        table
    }
}

fn error(code: ErrorCode, retry_after_ms: Option<u64>) -> Value {
    serde_json::to_value(ErrorBody {
        retry_after_ms,
        ..code.into()
    })
    .unwrap()
}
