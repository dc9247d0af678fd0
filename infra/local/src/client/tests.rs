//! Sessions against scripted servers.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
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

#[test]
fn signals_are_taken_once_and_in_order() {
    let mut table = Table::at_ten();
    table.signal(11, 10);
    table.signal(11, 10);
    table.signal(13, 12);
    table.signal(13, 12);
    table.signal(12, 11);
    table.snapshot(Some(12));
    assert_eq!(table.offsets(), [10, 11, 12, 13]);
    let counts = table.session.counts();
    assert_eq!(
        (
            counts.signals,
            counts.duplicated,
            counts.out_of_order,
            counts.holes
        ),
        (3, 2, 1, 1)
    );
    assert_eq!(
        (counts.overlapped, counts.lost, table.session.open_holes()),
        (1, 0, 0)
    );
    table.wait(Duration::from_secs(10));
    table.quiet();
}

#[test]
fn what_overlaps_a_subscribe_is_no_duplicate() {
    let mut table = Table::new(&[STREAM]);
    let request = table.request("subscribe");
    table.signal(11, 10);
    table.snapshot(Some(11));
    table.verdict(&request, &json!({"epoch": "k1", "top": 11}));
    table.signal(12, 11);
    assert_eq!(table.offsets(), [11, 12]);
    let counts = table.session.counts();
    assert_eq!((counts.overlapped, counts.duplicated, counts.holes), (1, 0, 0));
}

#[test]
fn a_hole_is_waited_for_and_then_resumed() {
    let mut table = Table::at_ten();
    table.signal(12, 11);
    table.wait(hole_wait - Duration::from_millis(1));
    table.quiet();
    table.wait(Duration::from_millis(1));
    let request = table.request("subscribe");
    assert_eq!(
        request["streams"][0]["since"],
        json!({"epoch": "k1", "offset": 10})
    );
    table.verdict(&request, &json!({"epoch": "k1", "top": 12, "recovered": true}));
    table.signal(11, 10);
    table.signal(12, 11);
    assert_eq!(table.offsets(), [10, 11, 12]);
    let counts = table.session.counts();
    assert_eq!(
        (
            counts.resumes,
            counts.lost,
            counts.duplicated,
            counts.out_of_order
        ),
        (1, 0, 0, 0)
    );
    table.wait(Duration::from_secs(20));
    table.quiet();
}

#[test]
fn a_resume_that_does_not_fill_the_hole_is_asked_for_again() {
    let mut table = Table::at_ten();
    table.signal(12, 11);
    for _ in 0..3 {
        table.wait(hole_wait);
        let request = table.request("subscribe");
        table.verdict(&request, &json!({"epoch": "k1", "top": 12, "recovered": true}));
    }
    assert_eq!(table.session.open_holes(), 1);
}

#[test]
fn a_long_resume_goes_on_from_where_it_came_to() {
    let mut table = Table::at_ten();
    table.signal(20, 19);
    table.wait(hole_wait);
    let request = table.request("subscribe");
    // The verdict may come before the items, or after them.
    table.verdict(
        &request,
        &json!({"epoch": "k1", "top": 20, "recovered": true, "more": true}),
    );
    for offset in 11..15 {
        table.wait(pull_pause / 2);
        table.signal(offset, offset - 1);
    }
    table.quiet();
    table.wait(pull_pause);
    let request = table.request("subscribe");
    assert_eq!(request["streams"][0]["since"]["offset"], 14);
    for offset in 15..20 {
        table.signal(offset, offset - 1);
    }
    table.verdict(&request, &json!({"epoch": "k1", "top": 20, "recovered": true}));
    assert_eq!(table.offsets(), (10..=20).collect::<Vec<_>>());
    table.wait(Duration::from_secs(10));
    table.quiet();
}

#[test]
fn what_cannot_be_recovered_is_told_and_the_chain_starts_anew() {
    for snapshot_first in [true, false] {
        let mut table = Table::at_ten();
        table.signal(500, 499);
        table.wait(hole_wait);
        let request = table.request("subscribe");
        let verdict = json!({"epoch": "k2", "top": 7, "recovered": false});
        if snapshot_first {
            table.snapshot(Some(7));
            table.verdict(&request, &verdict);
        } else {
            table.verdict(&request, &verdict);
            table.snapshot(Some(7));
        }
        table.signal(8, 7);
        // An old snapshot that comes again says nothing.
        table.snapshot(Some(7));
        assert_eq!(table.offsets(), [10, 7, 8], "snapshot first: {snapshot_first}");
        assert_eq!(table.session.counts().lost, 1);
        assert!(table.taken.notes.contains(&"Lost".to_owned()));
    }
}

#[test]
fn a_top_beyond_ours_is_resumed_unless_it_comes() {
    for comes in [true, false] {
        let mut table = Table::at_ten();
        table.wait(Duration::from_secs(60) - overlap_wait);
        let request = table.request("ping");
        assert_eq!(request["at"], json!({"0": 10}));
        table.say(&json!({"id": request["id"], "ok": {"tops": {"0": 11}, "server_time": 1}}));
        if comes {
            table.wait(Duration::from_secs(1));
            table.signal(11, 10);
        }
        table.wait(hole_wait);
        if comes {
            table.quiet();
        } else {
            assert_eq!(table.request("subscribe")["streams"][0]["since"]["offset"], 10);
        }
    }
}

#[test]
fn a_log_that_was_restored_is_noticed() {
    let mut table = Table::at_ten();
    for ping in 0..2 {
        table.wait(Duration::from_secs(60));
        let request = table.request("ping");
        table.say(&json!({"id": request["id"], "ok": {"tops": {"0": 3}, "server_time": 1}}));
        if ping == 0 {
            table.quiet();
        }
    }
    assert_eq!(
        table.request("subscribe")["streams"][0]["since"],
        json!({"epoch": "k1", "offset": 10})
    );
}

#[test]
fn goodbye_and_loss_lead_to_a_new_connection_that_resumes() {
    let mut table = Table::at_ten();
    table.say(&json!({"goodbye": {"code": "lifetime", "reconnect_after_ms": 2400}}));
    assert_eq!(
        table.others,
        [Action::Reconnect {
            after: Duration::from_millis(2_400)
        }]
    );
    // Until then the old connection goes on.
    table.signal(11, 10);
    table.others.clear();
    table.wait(Duration::from_millis(2_400));
    table.connect();
    let request = table.request("subscribe");
    assert_eq!(
        request["streams"][0]["since"],
        json!({"epoch": "k1", "offset": 11})
    );
    table.verdict(&request, &json!({"epoch": "k1", "top": 11, "recovered": true}));
    assert_eq!(table.session.counts().reconnects, 1);

    let mut waits = Vec::new();
    for _ in 0..8 {
        table.session.on_disconnected("gone", None, &mut table.taken);
        table.collect();
        let Some(Action::Reconnect { after }) = table.others.pop() else {
            panic!("no wait")
        };
        waits.push(after);
    }
    assert!(
        waits[0] >= reconnect_wait_min && waits.iter().all(|wait| *wait <= reconnect_wait_max),
        "{waits:?}"
    );
    assert!(waits[7] >= reconnect_wait_max / 2, "the waits grow: {waits:?}");
    assert_eq!(table.session.deadline(), None);
}

#[test]
fn a_slow_client_takes_the_latest_only() {
    let mut table = Table::at_ten();
    table.say(&json!({"goodbye": {"code": "slow", "reconnect_after_ms": 0}}));
    table.connect();
    assert_eq!(table.request("subscribe")["streams"][0]["mode"], "last");
}

#[test]
fn one_request_is_under_way_at_a_time_and_large_ones_are_cut() {
    let keys: Vec<_> = (0..250)
        .map(|n| format!("public:NSE@S{n}@EQ:tick:price"))
        .collect();
    let mut table = Table::new(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let mut asked = Vec::new();
    while asked.len() < 250 {
        let request = table.request("subscribe");
        let streams = request["streams"].as_array().unwrap().clone();
        assert!(streams.len() <= streams_per_request_max);
        let verdicts: Vec<_> = streams
            .iter()
            .map(|stream| json!({"key": stream["key"], "s": stream["s"], "mode": "full", "epoch": "k"}))
            .collect();
        asked.extend(streams.iter().map(|stream| stream["s"].as_u64().unwrap()));
        table.say(&json!({"id": request["id"], "ok": {"streams": verdicts, "list": {}}}));
    }
    assert_eq!(asked, (0..250).collect::<Vec<_>>());
    table.quiet();
}

#[test]
fn refusals_pass_or_last() {
    let mut table = Table::new(&[STREAM, "common:NSE@NIFTY@IDX:1m:rsi(close,14)"]);
    let request = table.request("subscribe");
    table.say(&json!({"id": request["id"], "err": error(ErrorCode::ChangesRate, Some(4_000))}));
    table.wait(Duration::from_millis(3_999));
    table.quiet();
    table.wait(Duration::from_millis(1));
    let request = table.request("subscribe");
    table.say(&json!({"id": request["id"], "ok": {"list": {}, "streams": [
        {"key": STREAM, "s": 0, "mode": "full", "err": error(ErrorCode::EntitlementUnreadable, None)},
        {"key": "c", "s": 1, "mode": "full", "err": error(ErrorCode::EntitlementRequired, None)},
    ]}}));
    assert_eq!(table.session.counts().refused, 1);
    table.wait(reconnect_wait_min);
    let request = table.request("subscribe");
    assert_eq!(request["streams"].as_array().unwrap().len(), 1);
    table.verdict(&request, &json!({"epoch": "k"}));
    table.say(&json!([{"s": 0, "k": "revoked", "err": error(ErrorCode::GrantRequired, None)}]));
    assert!(matches!(table.others.as_slice(), [Action::End(Ended::NoStream(error))] if error.code == 301));
}

#[test]
fn a_denied_hello_ends_and_a_passing_one_is_tried_again() {
    for (code, ends) in [(ErrorCode::TokenInvalid, true), (ErrorCode::Unavailable, false)] {
        let mut table = Table::at_ten();
        table.session.on_connected(table.now);
        table.collect();
        let id = table.request("hello")["id"].clone();
        table.say(&json!({"id": id, "err": error(code, None)}));
        assert_eq!(
            matches!(table.others.as_slice(), [Action::End(Ended::Denied(_))]),
            ends,
            "{code:?}"
        );
        assert_eq!(
            matches!(table.others.as_slice(), [Action::Reconnect { .. }]),
            !ends,
            "{code:?}"
        );
    }
}

#[test]
fn a_server_that_answers_no_ping_is_left() {
    let mut table = Table::at_ten();
    table.wait(Duration::from_secs(100));
    assert_eq!(
        table
            .sent
            .iter()
            .filter(|request| request["op"] == "ping")
            .count(),
        2
    );
    assert!(matches!(table.others.as_slice(), [Action::Reconnect { .. }]));
}

#[test]
fn an_epoch_that_was_not_there_yet_is_asked_for() {
    let mut table = Table::new(&[STREAM]);
    let request = table.request("subscribe");
    table.snapshot(None);
    table.verdict(&request, &json!({}));
    table.say(&json!([{"s": 0, "k": "signal", "o": 1, "prev": null, "d": {"value": 1}}]));
    table.signal(2, 1);
    table.wait(hole_wait);
    let request = table.request("subscribe");
    table.snapshot(Some(1));
    table.verdict(&request, &json!({"epoch": "k1", "top": 2}));
    table.signal(3, 2);
    assert_eq!(
        table.offsets(),
        [1, 2, 3],
        "a snapshot of the past takes nothing back"
    );
    table.connect();
    assert_eq!(
        table.request("subscribe")["streams"][0]["since"],
        json!({"epoch": "k1", "offset": 3})
    );
}

/// A server with one stream of signals 1, 2, 3 …, which loses, repeats and
/// reorders items, drops connections, and answers every subscribe from its log.
fn run_against_faults(faults: &[u8]) {
    let mut table = Table::new(&[STREAM]);
    let mut top = 0_u64;
    let mut delayed: Option<u64> = None;
    let answer = |table: &mut Table, top: u64| {
        for request in std::mem::take(&mut table.sent) {
            let id = &request["id"];
            if request["op"] == "ping" {
                table.say(&json!({"id": id, "ok": {"tops": {"0": top}, "server_time": 1}}));
                continue;
            }
            let since = request["streams"][0]["since"]["offset"].as_u64();
            let until = since.map_or(0, |since| top.min(since + 3));
            if let Some(since) = since {
                for offset in since + 1..=until {
                    table.signal(offset, offset - 1);
                }
            } else {
                table.snapshot((top > 0).then_some(top));
            }
            let recovered = since.map(|_| true);
            let verdict = json!({"epoch": "k", "top": top, "recovered": recovered, "more": since.is_some() && until < top});
            table.verdict(&request, &verdict);
        }
    };
    answer(&mut table, top);
    for fault in faults {
        top += 1;
        match fault % 8 {
            0 => {}
            1 => (0..2).for_each(|_| table.signal(top, top - 1)),
            2 => delayed = Some(top),
            3 => {
                table.session.on_disconnected("dropped", None, &mut table.taken);
                table.collect();
                table.others.clear();
                table.connect();
            }
            _ => table.signal(top, top - 1),
        }
        if fault % 8 > 3
            && let Some(late) = delayed.take()
        {
            table.signal(late, late - 1);
        }
        table.wait(Duration::from_millis(u64::from(*fault) * 20));
        answer(&mut table, top);
    }
    for _ in 0..200 {
        table.wait(Duration::from_secs(1));
        answer(&mut table, top);
    }
    let offsets = table.offsets();
    let expected: Vec<u64> = offsets
        .first()
        .map_or_else(Vec::new, |first| (*first..=top).collect());
    assert!(top == 0 || !offsets.is_empty(), "something is taken in the end");
    assert_eq!(offsets, expected, "every signal once, in order");
    assert_eq!((table.session.counts().lost, table.session.open_holes()), (0, 0));
}

proptest! {
    #[test]
    fn nothing_is_lost_or_taken_twice(faults in prop::collection::vec(any::<u8>(), 0..60)) {
        run_against_faults(&faults);
    }

    #[test]
    fn no_text_panics(texts in prop::collection::vec(hostile(), 0..40)) {
        let mut table = Table::at_ten();
        for (text, wait) in texts {
            table.session.on_text(&text, table.now, UnixNanos(0), &mut table.taken);
            table.collect();
            table.sent.clear();
            table.wait(Duration::from_millis(wait));
            table.sent.clear();
        }
    }
}

/// Noise, and shapes of the protocol with fields missing, odd and extreme.
fn hostile() -> impl Strategy<Value = (String, u64)> {
    let number = prop_oneof![
        Just(json!(null)),
        any::<u64>().prop_map(|n| json!(n)),
        (0_u64..20).prop_map(|n| json!(n)),
        Just(json!("x")),
        Just(json!(-1.5))
    ];
    let kind = prop_oneof![Just("signal"), Just("snapshot"), Just("revoked"), Just("other")];
    let item = (kind, prop::collection::vec(number.clone(), 4))
        .prop_map(|(kind, n)| json!([{"s": if n[3].is_null() { json!(0) } else { n[3].clone() }, "k": kind, "o": n[0], "prev": n[1], "n": n[2], "d": {"value": n[0]}}]));
    let reply = (0_u64..12, prop::collection::vec(number, 4)).prop_map(|(id, n)| {
        let fields: BTreeMap<_, _> = ["heartbeat_s", "server_time", "top", "s"].into_iter().zip(n).collect();
        json!({"id": id, "ok": {"streams": [fields], "list": {}, "tops": {"0": fields["top"]}, "server_time": 1}})
    });
    let goodbye =
        any::<u64>().prop_map(|ms| json!({"goodbye": {"code": "shutdown", "reconnect_after_ms": ms}}));
    let failure = (0_u64..12, 0_u16..600, any::<bool>(), any::<u64>()).prop_map(|(id, code, temporary, ms)| {
        json!({"id": id, "err": {"code": code, "slug": "x", "temporary": temporary, "message": "", "retry_after_ms": ms}})
    });
    let shaped = prop_oneof![item, reply, goodbye, failure].prop_map(|value| value.to_string());
    (prop_oneof![4 => shaped, 1 => any::<String>()], 0_u64..100_000)
}

#[test]
fn what_comes_before_the_first_verdict_is_taken_with_it_or_not_at_all() {
    let mut table = Table::new(&[STREAM]);
    table.request("subscribe");
    table.snapshot(Some(5));
    table.signal(6, 5);
    assert!(
        table.offsets().is_empty(),
        "without an epoch it could not be resumed from there"
    );
    // The connection is lost before the verdict, and with it nothing that was taken.
    table.session.on_disconnected("lost", None, &mut table.taken);
    table.collect();
    table.others.clear();
    table.connect();
    let request = table.request("subscribe");
    assert!(request["streams"][0].get("since").is_none(), "{request}");
    table.signal(10, 9);
    table.snapshot(Some(9));
    table.verdict(&request, &json!({"epoch": "k3", "top": 10}));
    assert_eq!(table.offsets(), [9, 10]);
    table.signal(11, 10);
    assert_eq!(table.offsets(), [9, 10, 11]);
}
