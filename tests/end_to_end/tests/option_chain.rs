//! An option chain from its ticks to clients: over a socket, explained, and over HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[expect(dead_code, reason = "these tests use a part")]
mod common;

use common::{NIFTY, OPEN, Stack};
use hyper::Method;
use serde_json::{Value as Json, json};
use tickwire::client::http;
use tickwire::feed::simulate::smile::RATE;
use tickwire::feed::simulate::{Mix, Simulator, SimulatorOptions};
use tickwire_entitlements::Tier;
use tickwire_market::{Calendar, Tick};
use tickwire_service::explain_signal::{ExplainPorts, explain};
use tickwire_signals::{ChainTerms, Expression, ReferenceChange};
use tickwire_streams::{Offset, StreamKey};
use tickwire_wire::{Sender, plan_message, reference_message, ticks_message, write_value};

const OPTION: &str = "NFO@NIFTY@OPT@2026-01-13@CE@24000";
const STREAMS: [&str; 4] = [
    "common:NSE@NIFTY@IDX:tick:chain(7d)",
    "common:NFO@NIFTY@OPT@2026-01-13@CE@24000:tick:greeks()",
    "common:NSE@NIFTY@IDX:tick:atm_iv(30d)>0.05",
    "common:NFO@NIFTY@OPT@2026-01-13@CE@24000:1m:greeks()",
];

/// Makes the simulated instruments known, with their prices, and how options are valued.
async fn introduce(stack: &mut Stack, simulator: &Simulator) {
    let group = stack.group(NIFTY);
    let instruments = simulator.instruments();
    let known = instruments.iter().map(|(key, step)| ReferenceChange::Instrument {
        instrument: key.clone(),
        calendar: Calendar::of(key).unwrap(),
        tick_size: Some(*step),
    });
    let mut changes: Vec<ReferenceChange> = known.collect();
    changes.push(ReferenceChange::Chain {
        underlying: NIFTY.parse().unwrap(),
        terms: ChainTerms::flat(RATE),
    });
    let prices: Vec<StreamKey> = instruments
        .iter()
        .map(|(key, _)| StreamKey::price(key.clone()))
        .collect();
    let sender = Sender {
        group: &group,
        source: "control",
        epoch: 1,
        seq: 0,
        sent: OPEN,
    };
    let messages = [
        reference_message(&sender, &changes),
        plan_message(&sender, &prices, &[]),
    ];
    for message in messages {
        stack.send(&group, message).await.unwrap();
    }
    stack.worked_off().await;
}

async fn play(stack: &mut Stack, ticks: &[Tick]) {
    let group = stack.group(NIFTY);
    for (batch, ticks) in (0u64..).zip(ticks.chunks(500)) {
        let sender = Sender {
            group: &group,
            source: "simulator",
            epoch: 1,
            seq: batch * 500,
            sent: OPEN,
        };
        stack.send(&group, ticks_message(&sender, ticks)).await.unwrap();
    }
}

async fn get(stack: &Stack, tier: Tier, path: &str) -> Result<Json, String> {
    let token = stack.token("reader", tier).await;
    let body = http(&stack.endpoint(), Method::GET, path, &token, Vec::new().into()).await;
    let body = body.map_err(|error| error.to_string())?;
    Ok(serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_reaches_a_client_and_is_explained_to_the_bit() {
    let mut stack = Stack::start().await;
    let mut simulator = Simulator::new(SimulatorOptions {
        seed: 7,
        instruments: 121,
        rate_per_s: 100,
        start: OPEN,
        mix: Mix::IndexAndOptions,
    })
    .unwrap();
    introduce(&mut stack, &simulator).await;

    let mut free = stack.client("free", Tier::Free).await;
    for stream in &STREAMS[..2] {
        let verdict = free.subscribe(stream, 1).await;
        assert_eq!(verdict["err"]["slug"], "entitlement_required", "{verdict}");
    }
    let mut client = stack.client("reader", Tier::Premium).await;
    for (s, stream) in (1..).zip(STREAMS) {
        let verdict = client.subscribe(stream, s).await;
        assert!(verdict["err"].is_null(), "{verdict}");
    }
    let verdict = client.subscribe("common:NSE@NIFTY@IDX:1m:delta", 9).await;
    assert_eq!(verdict["err"]["slug"], "expression_invalid", "{verdict}");
    stack.worked_off().await;
    let ticks: Vec<Tick> = simulator.by_ref().take(7_000).collect();
    play(&mut stack, &ticks).await;
    let mut newest: [Option<Json>; 4] = [const { None }; 4];
    // The minute's bar comes last: by then the others have all that they need.
    while newest[3].is_none() {
        let item = client.signal().await;
        let at = item["s"].as_u64().unwrap() as usize - 1;
        newest[at] = Some(item);
    }
    let newest = newest.map(|item| item.expect("each stream has told something"));
    assert!(
        (newest[0]["d"]["atm_iv"].as_f64().unwrap() - 0.12).abs() < 0.03,
        "{}",
        newest[0]
    );
    for name in [
        "skew_25d",
        "butterfly_25d",
        "pcr_oi",
        "pcr_volume",
        "max_pain",
        "forward",
    ] {
        assert!(newest[0]["d"][name].is_f64(), "{name}: {}", newest[0]);
    }
    assert!(
        (0.2..0.8).contains(&newest[1]["d"]["delta"].as_f64().unwrap()),
        "{}",
        newest[1]
    );
    assert_eq!(newest[2]["d"], json!({"value": true}));
    assert!(
        (newest[3]["d"]["iv"].as_f64().unwrap() - 0.12).abs() < 0.05,
        "{}",
        newest[3]
    );
    assert!(newest.iter().all(|item| item["mock"] == true));

    let group = stack.group(NIFTY);
    let ports = ExplainPorts {
        log: stack.host.store.clone(),
        checkpoints: stack.host.store.clone(),
    };
    for (stream, item) in STREAMS.iter().zip(&newest) {
        let key: StreamKey = stream.parse().unwrap();
        let offset = Offset(item["o"].as_u64().unwrap());
        let explained = explain(&ports, &group, &key, offset).await.unwrap();
        assert!(explained.bits_equal, "{stream}");
        let outputs = Expression::parse(&key.stream.expression).unwrap().outputs();
        let mut text = String::new();
        write_value(&mut text, &explained.folded.value, &outputs);
        assert_eq!(
            serde_json::from_str::<Json>(&text).unwrap(),
            item["d"],
            "{stream}"
        );
    }

    stack.worked_off().await;
    let path = format!("/v1/chains/{NIFTY}?expiry=2026-01-13");
    let denied = get(&stack, Tier::Standard, &path).await.unwrap_err();
    assert!(
        denied.contains("403") || denied.contains("higher tier"),
        "{denied}"
    );
    let chain = get(&stack, Tier::Premium, &path).await.unwrap();
    assert_eq!(
        (&chain["status"], &chain["expiry"]),
        (&json!("ok"), &json!("2026-01-13"))
    );
    assert_eq!(chain["expiries"].as_array().unwrap().len(), 3);
    assert_eq!(chain["strikes"].as_array().unwrap().len(), 20, "{chain}");
    assert_eq!(chain["forward"]["from"], "parity");
    let strikes = chain["strikes"].as_array().unwrap().iter();
    let row = strikes.clone().find(|row| row["strike"] == 24_000.0).unwrap();
    assert_eq!(row["call"]["key"], OPTION);
    for side in ["call", "put"] {
        assert_eq!(row[side]["iv_status"], "ok", "{row}");
        assert!(row[side]["vega_per_one"].as_f64().unwrap() > 0.0, "{row}");
    }
    assert!((row["call"]["iv"].as_f64().unwrap() - 0.12).abs() < 0.03, "{row}");
    let none = get(
        &stack,
        Tier::Premium,
        &format!("/v1/chains/{NIFTY}?expiry=2030-01-01"),
    )
    .await;
    assert!(none.unwrap_err().contains("expire on 2030-01-01"));

    // Stored bars with Greeks: those of the stream on the same bars.
    let path = format!("/v1/bars/{OPTION}?timeframe=1m&greeks=true&to=2026-01-06T00:00:00Z");
    let bars = get(&stack, Tier::Premium, &path).await.unwrap();
    let bars = bars["bars"].as_array().unwrap();
    assert_eq!(bars.len(), 1, "{bars:?}");
    assert_eq!(bars[0]["end"], newest[3]["t"]);
    for (row, stream) in [
        ("iv", "iv"),
        ("delta", "delta"),
        ("gamma", "gamma"),
        ("theta_per_year", "theta"),
        ("vega_per_one", "vega"),
        ("rho_per_one", "rho"),
    ] {
        assert_eq!(bars[0][row], newest[3]["d"][stream], "{row}");
    }
    stack.host.stop().await;
}
