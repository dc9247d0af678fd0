//! States that older versions wrote.

use tickwire_market::Tick;
use tickwire_signals::{Engine, Event};

use crate::bench::*;

const STORED: &str = include_str!("state_v1.txt");

fn bytes(name: &str) -> Vec<Vec<u8>> {
    STORED
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .map(|hex| {
            (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect()
        })
        .collect()
}

#[test]
fn version_1_goes_on_bit_for_bit() {
    let names = ["BINANCE@BTCUSDT@SPOT", "BINANCE@ETHUSDT@SPOT"];
    let mut bench = Bench {
        engine: Engine::restore(&bytes("head")[0], &bytes("cell")).unwrap(),
        segment: 49,
        ..Bench::default()
    };
    // What was restored is written in the version of now, and read again.
    bench.restart();
    let start = at("2024-07-05T00:00:00Z");
    for i in 40..70_i64 {
        let price = 100.0 + ((i * 7) % 11) as f64 / 4.0;
        bench.fold(&Event::Tick(Tick {
            size: Some((i % 17) as f64),
            ..tick(
                names[(i % 2) as usize],
                start.saturating_add(i * 31 * SECOND),
                price,
            )
        }));
    }
    let now: Vec<String> = bench
        .signals
        .iter()
        .map(|signal| {
            format!(
                "signal {} {:?} {:?} {:?}",
                signal.stream, signal.exchange_time, signal.offset, signal.value
            )
        })
        .collect();
    let then: Vec<&str> = STORED.lines().filter(|line| line.starts_with("signal")).collect();
    assert_eq!(now.len(), then.len());
    for (now, then) in now.iter().zip(then) {
        assert_eq!(now, then);
    }
}

#[test]
fn a_newer_version_is_refused() {
    let mut head = bytes("head")[0].clone();
    head[0] = 9;
    let refusal = Engine::restore(&head, &bytes("cell")).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "stored state of the group cannot be read: it has version 9, this build reads 1 to 3"
    );
}
