//! Servers that lose, repeat and reorder, and texts of every kind.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A server with one stream of signals 1, 2, 3 …, which loses, repeats and
/// reorders items, drops connections, and answers every subscribe from its log,
/// with the verdict before the items or after them. An empty log has no epoch.
fn run_against_faults(faults: &[u8]) {
    let mut table = Table::new(&[STREAM]);
    let mut top = 0_u64;
    let mut delayed: Option<u64> = None;
    let say = |table: &mut Table, offset: u64| match offset {
        1 => table.say(&json!([{"s": 0, "k": "signal", "o": 1, "prev": null, "d": {"value": 1}}])),
        _ => table.signal(offset, offset - 1),
    };
    let answer = |table: &mut Table, top: u64, verdict_first: bool| {
        for request in std::mem::take(&mut table.sent) {
            let id = &request["id"];
            if request["op"] == "ping" {
                table.say(&json!({"id": id, "ok": {"tops": {"0": top}, "server_time": 1}}));
                continue;
            }
            let since = request["streams"][0]["since"]["offset"].as_u64();
            let until = since.map_or(0, |since| top.min(since + 3));
            let verdict = json!({
                "epoch": (top > 0).then_some("k"),
                "top": (top > 0).then_some(top),
                "recovered": since.map(|_| true),
                "more": since.is_some() && until < top,
            });
            if verdict_first {
                table.verdict(&request, &verdict);
            }
            match since {
                Some(since) => (since + 1..=until).for_each(|offset| say(table, offset)),
                None => table.snapshot((top > 0).then_some(top)),
            }
            if !verdict_first {
                table.verdict(&request, &verdict);
            }
        }
    };
    answer(&mut table, top, false);
    for fault in faults {
        top += 1;
        match fault % 8 {
            0 => {}
            1 => (0..2).for_each(|_| say(&mut table, top)),
            2 => delayed = Some(top),
            3 => {
                table.session.on_disconnected("dropped", None, &mut table.taken);
                table.collect();
                table.others.clear();
                table.connect();
            }
            _ => say(&mut table, top),
        }
        if fault % 8 > 3
            && let Some(late) = delayed.take()
        {
            say(&mut table, late);
        }
        table.wait(Duration::from_millis(u64::from(*fault) * 20));
        answer(&mut table, top, fault / 8 % 2 == 0);
    }
    for _ in 0..200 {
        table.wait(Duration::from_secs(1));
        answer(&mut table, top, false);
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
