//! Every shape of every version as it was once written: today's code reads it
//! as the same value and, at the version it writes, writes the same text.
//!
//! A shape's file is never edited. With `TICKWIRE_GOLDEN=write` those that are
//! missing are written: for a new shape or version, not to make a test pass.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail it")]

mod samples;

use std::fmt::Debug;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tickwire_entitlements::{Policy, Product};
use tickwire_market::{Bar, InstrumentKey, Timeframe, UnixNanos};
use tickwire_signals::{Absence, Latest, PriceValue, ReferenceChange, Signal, SignalValue, Value};
use tickwire_streams::{GroupKey, Offset, Span, StreamKey};
use tickwire_wire::{
    BarBlock, BarOrigin, BarPage, BlockNames, Caused, DataFrame, Downgraded, ErrorCode, Goodbye, LatestRow,
    LatestStream, Manifest, Mode, PageName, PlanRow, Pong, Publication, Segment, Sender, SetAside, Snapshot,
    StreamVerdict, SubscribeReply, Welcome, WelcomeLimits, clock_message, decode, downgraded_push, encode,
    error_reply, goodbye_push, ok_reply, parse_inbound, parse_request, plan_message, reference_message,
    ticks_message, write_absent_snapshot, write_revoked, write_signal_frame, write_value, write_watermark,
};

use samples::*;

/// The stored text of a shape; `written` where it is missing and to be written.
fn golden(name: &str, written: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(format!("{name}.json"));
    if !path.exists() && std::env::var("TICKWIRE_GOLDEN").is_ok_and(|order| order == "write") {
        std::fs::write(&path, format!("{written}\n")).unwrap();
    }
    let stored = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; TICKWIRE_GOLDEN=write writes it", path.display()));
    stored.strip_suffix('\n').unwrap_or(&stored).to_owned()
}

/// Text shapes: `read` must give from the stored text what it gives from today's.
fn check_text<T: PartialEq + Debug>(name: &str, written: &str, read: impl Fn(&str) -> T) {
    let stored = golden(name, written);
    assert_eq!(
        stored, written,
        "{name} is written in another way than before: give it a new version"
    );
    assert_eq!(read(&stored), read(written), "{name}");
}

/// Binary shapes are stored as the bytes in hexadecimal and what they mean.
#[derive(Serialize, Deserialize)]
struct Binary {
    hex: String,
    means: Vec<String>,
}

impl Binary {
    fn bytes(&self) -> Vec<u8> {
        (0..self.hex.len() / 2)
            .map(|at| u8::from_str_radix(&self.hex[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    }
}

fn check_binary<T: Debug>(name: &str, sample: &T, bytes: &[u8], read: impl Fn(&[u8]) -> T) {
    let lines = |value: &T| {
        format!("{value:#?}")
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let today = Binary {
        hex: hex(bytes),
        means: lines(sample),
    };
    let stored: Binary =
        serde_json::from_str(&golden(name, &serde_json::to_string_pretty(&today).unwrap())).unwrap();
    assert_eq!(
        lines(&read(&stored.bytes())),
        stored.means,
        "{name} reads as something else"
    );
    assert_eq!(
        stored.hex, today.hex,
        "{name} is written in another way than before: give it a new version"
    );
    assert_eq!(stored.means, today.means, "{name}: the sample has changed");
}

#[test]
fn messages_of_the_queue_of_events() {
    let group: GroupKey = "live/NIFTY".parse().unwrap();
    let sender = Sender {
        group: &group,
        source: "feed-1",
        epoch: 3,
        seq: 1_200,
        sent: SENT,
    };
    let check = |name: &str, written: String| check_text(name, &written, |text| parse_inbound(text).unwrap());
    check(
        "inbound_ticks.v1",
        ticks_message(&sender, [&bare_tick(), &full_tick()]),
    );
    check("inbound_clock.v1", clock_message(&sender, SENT));
    check(
        "inbound_plan.v1",
        plan_message(
            &sender,
            &[price_stream()],
            &[StreamKey::bars(nifty(), Timeframe::DAY)],
        ),
    );
    check("inbound_reference.v1", reference_message(&sender, &changes()));
    check("inbound_chain.v1", reference_message(&sender, &[chain()]));
}

#[test]
fn requests_of_clients() {
    let check = |name: &str, text: &str| check_text(name, text, |text| parse_request(text).unwrap());
    check(
        "request_hello.v1",
        r#"{"id":1,"op":"hello","universe":"sim-demo"}"#,
    );
    check(
        "request_subscribe.v1",
        r#"{"id":2,"op":"subscribe","streams":[{"key":"public:NSE@NIFTY@IDX:tick:price","s":3},{"key":"common:NSE@NIFTY@IDX:5m:rsi(close,14)","s":4,"mode":"last","since":{"epoch":"k3","offset":9120}}]}"#,
    );
    check(
        "request_unsubscribe.v1",
        r#"{"id":3,"op":"unsubscribe","s":[3,4]}"#,
    );
    check("request_list.v1", r#"{"id":4,"op":"list"}"#);
    check("request_ping.v1", r#"{"id":5,"op":"ping","at":{"3":9121}}"#);
}

fn ok<T: DeserializeOwned>(text: &str) -> T {
    let reply: serde_json::Value = serde_json::from_str(text).unwrap();
    serde_json::from_str(&reply["ok"].to_string()).unwrap()
}

#[test]
fn replies_and_pushes() {
    let welcome = Welcome {
        protocol: "tickwire.v1".into(),
        session: "c7f3".into(),
        tier: "standard".into(),
        universe: "live".into(),
        limits: WelcomeLimits {
            subscriptions_max: 15,
            message_bytes_max: 32_768,
            frames_per_minute_max: 1_500,
        },
        heartbeat_s: 60,
        server_time: SENT,
        expires_at: SENT.saturating_add(7_200_000_000_000),
    };
    check_text("reply_welcome.v1", &ok_reply(1, &welcome), ok::<Welcome>);
    let verdict = StreamVerdict {
        key: price_stream().to_string(),
        s: 3,
        mode: Mode::Full,
        err: None,
        epoch: Some("k3".into()),
        top: Some(Offset(9_500)),
        recovered: Some(true),
        more: true,
    };
    let denied = StreamVerdict {
        s: 4,
        mode: Mode::Last,
        err: Some(tickwire_wire::ErrorBody::from(ErrorCode::GrantRequired).about("k")),
        epoch: None,
        top: None,
        recovered: None,
        more: false,
        ..verdict.clone()
    };
    let list = [(3, price_stream().to_string())].into();
    let reply = SubscribeReply {
        streams: vec![verdict, denied],
        list,
    };
    check_text("reply_subscribe.v1", &ok_reply(2, &reply), ok::<SubscribeReply>);
    let pong = Pong {
        tops: [(3, Offset(9_500))].into(),
        server_time: SENT,
    };
    check_text("reply_pong.v1", &ok_reply(5, &pong), ok::<Pong>);
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    check_text(
        "reply_error.v1",
        &error_reply(Some(6), &ErrorCode::ChangesRate.into()),
        json,
    );
    check_text(
        "push_error.v1",
        &error_reply(None, &ErrorCode::MessageMalformed.into()),
        json,
    );
    let goodbye = Goodbye {
        code: "lifetime".into(),
        reconnect_after_ms: 2_400,
    };
    check_text("push_goodbye.v1", &goodbye_push(&goodbye), json);
    let downgraded = Downgraded {
        s: vec![3, 4],
        mode: Mode::Last,
    };
    check_text("push_downgraded.v1", &downgraded_push(&downgraded), json);
}

#[test]
fn data_frames() {
    let price = SignalValue::Price(PriceValue::of(&full_tick()));
    let values = SignalValue::Values(vec![
        Value::Number(0.1 + 0.2),
        Value::Absent(Absence::Cold),
        Value::Truth(true),
    ]);
    let one = SignalValue::Values(vec![Value::Number(61.25)]);
    let signal = |out: &mut String, kind, span, mock, value: &SignalValue, outputs: &[&str]| {
        let mut text = String::new();
        write_value(&mut text, value, outputs);
        let (time, receive) = (SENT, SENT.saturating_add(4_000_000));
        write_signal_frame(
            out,
            kind,
            span,
            time,
            receive,
            SENT.saturating_add(30_000_000),
            "feed-1",
            mock,
            &text,
        );
    };
    let spans = Span {
        offset: Offset(9_123),
        previous: Some(Offset(9_101)),
        count: 3,
    };
    type Write<'a> = Box<dyn Fn(&mut String) + 'a>;
    let items: [Write<'_>; 6] = [
        Box::new(|out| {
            signal(
                out,
                Snapshot::No,
                Span::one(Offset(9_121), None),
                true,
                &price,
                &[],
            )
        }),
        Box::new(|out| {
            signal(
                out,
                Snapshot::No,
                spans,
                false,
                &values,
                &["macd", "signal", "above"],
            )
        }),
        Box::new(|out| signal(out, Snapshot::No, spans, false, &SignalValue::Bar(bar()), &[])),
        Box::new(|out| signal(out, Snapshot::Yes, spans, false, &one, &[])),
        Box::new(write_absent_snapshot),
        Box::new(|out| write_revoked(out, &ErrorCode::GrantRequired.into())),
    ];
    let items: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(s, write)| {
            let mut item = format!(r#"{{"s":{s}"#);
            write(&mut item);
            item
        })
        .collect();
    let frame = format!("[{}]", items.join(",\n"));
    check_text("data_frame.v1", &frame, |text| {
        serde_json::from_str::<Vec<DataFrame>>(text).unwrap()
    });
    let mut marked = items[3].clone();
    write_watermark(&mut marked, "9f86d081", "2c26b46b68ffc68ff99b453c1d304134");
    check_text("data_frame_marked.v1", &marked, |text| {
        let item: DataFrame = serde_json::from_str(text).unwrap();
        assert_eq!(item.wm.as_ref().unwrap().kid, "9f86d081");
        item
    });
    let mut corrected = r#"{"s":2"#.to_owned();
    let value = SignalValue::CorrectedBar(bar());
    signal(
        &mut corrected,
        Snapshot::No,
        Span::one(Offset(9_130), Some(Offset(9_123))),
        false,
        &value,
        &[],
    );
    check_text("data_frame_corrected.v1", &corrected, |text| {
        let item: DataFrame = serde_json::from_str(text).unwrap();
        assert_eq!(item.d.as_ref().unwrap()["corrected"], true);
        item
    });
    let read: Vec<DataFrame> = serde_json::from_str(&frame).unwrap();
    assert_eq!(read[0].prev, None);
    assert!(items[0].contains(r#""prev":null"#), "{}", items[0]);
    assert_eq!(
        (read[1].n, read[1].prev, read[1].o),
        (Some(3), Some(Offset(9_101)), Some(Offset(9_123)))
    );
    assert_eq!(
        read[1].d.as_ref().unwrap()["macd"].as_f64().unwrap().to_bits(),
        (0.1f64 + 0.2).to_bits()
    );
    assert_eq!(
        read.iter()
            .map(|item| item.k.as_str())
            .filter(|k| *k == "snapshot")
            .count(),
        2
    );
}

#[test]
fn segment() {
    let events = events();
    let mut signals = signals(&events);
    let segment = || {
        Segment::new(
            1,
            4,
            SENT,
            sources(),
            vec![SetAside {
                source: 0,
                seq: 7,
                code: "price_not_positive".into(),
                detail: "p 0".into(),
            }],
        )
    };
    let place = |key: &InstrumentKey| u32::from(*key == option());
    let epochs = |source| u64::from(3 - source);
    let read = |bytes: &[u8]| decode::<Segment>(bytes).unwrap();
    let caused = Caused {
        signals: &signals,
        causes: &[0, 2, 2],
        ..Caused::default()
    };
    let today = encode(&segment().pack(12, &events, place, epochs, &caused)).unwrap();
    let before = |name: &str, signals: &[Signal]| {
        let stored: Binary = serde_json::from_str(&golden(name, "")).unwrap();
        let before = read(&stored.bytes());
        assert_eq!(before.signals(12), signals, "{name}");
        assert_eq!(
            (before.runs(), &before.sources, &before.set_aside),
            (read(&today).runs(), &sources(), &read(&today).set_aside),
            "{name}"
        );
    };
    before("segment.v1", &signals);

    let (valuation, greeks) = valuation(SENT);
    let of_option = Signal {
        stream: 3,
        offset: Offset::new(12, 3),
        value: SignalValue::Values(greeks),
        ..signals[2].clone()
    };
    signals.push(of_option);
    before("segment.v2", &signals);
    let corrected = Signal {
        offset: Offset::new(12, 4),
        previous: Some(Offset::new(12, 1)),
        value: SignalValue::CorrectedBar(bar()),
        ..signals[1].clone()
    };
    signals.push(corrected);
    let caused = Caused {
        signals: &signals,
        causes: &[0, 2, 2, 2, 2],
        valuations: &[(3, valuation)],
    };
    let segment = segment().pack(12, &events, place, epochs, &caused);
    let bytes = encode(&segment).unwrap();
    check_binary("segment.v3", &segment, &bytes, read);
    assert_eq!(read(&bytes).signals(12), signals);
}

#[test]
fn publication() {
    let publication = Publication {
        group: "live/NIFTY".parse().unwrap(),
        shard: 1,
        epoch: "k3".into(),
        segment: 12,
        plan_version: 4,
        committed_at: SENT,
        sources: vec!["feed-1".into(), "clock".into()],
        signals: signals(&events()),
    };
    let text = publication.to_text().unwrap();
    check_binary("publication.v1", &publication, text.as_bytes(), |text| {
        Publication::from_text(std::str::from_utf8(text).unwrap()).unwrap()
    });
}

#[test]
fn product() {
    let mut product = Product::new("gold", Policy::Range { first: 1, last: 3 });
    let patterns = ["NSE@*@IDX:5m:rsi(*)", "*:*:close*2"];
    let patterns = patterns.map(|text| text.parse().unwrap()).to_vec();
    product.publish(patterns, SENT).unwrap();
    product.retire(SENT);
    check_binary("product.v1", &product, &encode(&product).unwrap(), |bytes| {
        decode(bytes).unwrap()
    });
}

#[test]
fn rows_of_a_group() {
    let ReferenceChange::Chain { underlying, terms } = chain() else {
        panic!("not a chain");
    };
    let plan = PlanRow {
        streams: vec![price_stream().to_string(), String::new()],
        chains: vec![(underlying, terms)],
    };
    check_binary("plan_row.v2", &plan, &encode(&plan).unwrap(), |bytes| {
        decode(bytes).unwrap()
    });
    let before: Binary = serde_json::from_str(&golden("plan_row.v1", "")).unwrap();
    let without_chains = PlanRow {
        chains: Vec::new(),
        ..plan
    };
    assert_eq!(decode::<PlanRow>(&before.bytes()).unwrap(), without_chains);
    let latest = Latest {
        offset: Offset::new(12, 0),
        exchange_time: SENT,
        receive_time: SENT,
        mock: true,
        value: SignalValue::Values(vec![Value::Number(-0.0)]),
    };
    let row = LatestRow {
        segment: 12,
        plan_version: 4,
        ticks: 100,
        set_aside: 1,
        written_at: SENT,
        streams: vec![LatestStream { stream: 0, latest }],
    };
    check_binary("latest_row.v1", &row, &encode(&row).unwrap(), |bytes| {
        decode(bytes).unwrap()
    });
    let block = BarBlock {
        bars: vec![(nifty(), bar())],
    };
    check_binary("bar_block.v1", &block, &encode(&block).unwrap(), |bytes| {
        decode(bytes).unwrap()
    });
    let later = Bar {
        start: bar().end,
        end: bar().end.saturating_add(UnixNanos::PER_MINUTE),
        ..bar()
    };
    let page = BarPage {
        bars: vec![(bar(), BarOrigin::History), (later, BarOrigin::Log)],
    };
    check_binary("bar_page.v1", &page, &encode(&page).unwrap(), |bytes| {
        decode(bytes).unwrap()
    });
    let names = BlockNames {
        names: vec![(bar().end, Offset::new(7, 0).0), (later.end, Offset::new(9, 1).0)],
    };
    check_binary("block_names.v1", &names, &encode(&names).unwrap(), |bytes| {
        decode(bytes).unwrap()
    });
    let manifest = Manifest {
        segment: 12,
        engine_version: 1,
        head: vec![1, 2, 3],
        sources: sources(),
        set_aside: 1,
        pages: vec![PageName {
            segment: 11,
            page: 7,
            checksum: 0xdead_beef,
        }],
        bytes: 4_096,
    };
    check_binary("manifest.v1", &manifest, &encode(&manifest).unwrap(), |bytes| {
        decode(bytes).unwrap()
    });
}
