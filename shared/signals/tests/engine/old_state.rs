//! States that older versions wrote.

use tickwire_market::Tick;
use tickwire_signals::{Engine, Event};

use crate::bench::*;

const VERSION_1: &str = include_str!("state_v1.txt");
const VERSION_3: &str = include_str!("state_v3.txt");
const NAMES: [&str; 2] = ["BINANCE@BTCUSDT@SPOT", "BINANCE@ETHUSDT@SPOT"];

fn bytes(stored: &str, name: &str) -> Vec<Vec<u8>> {
    stored
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

/// A state goes on from segment `segment` with the signals that were then given, for ticks of
/// `names` in turn whose sizes are so many `parts` of one.
fn check((head, cells): (&[u8], &[Vec<u8>]), segment: u64, names: &[&str], parts: f64, then: &str) {
    let mut bench = Bench {
        engine: Engine::restore(head, cells).unwrap(),
        segment,
        ..Bench::default()
    };
    // What was restored is written in the version of now, and read again.
    bench.restart();
    let start = at("2024-07-05T00:00:00Z");
    for i in 40..70_i64 {
        let price = 100.0 + ((i * 7) % 11) as f64 / 4.0;
        bench.fold(&Event::Tick(Tick {
            size: Some((i % 17) as f64 / parts),
            ..tick(
                names[i as usize % names.len()],
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
    let then: Vec<&str> = then.lines().filter(|line| line.starts_with("signal")).collect();
    assert_eq!(now, then);
}

#[test]
fn version_1_goes_on_bit_for_bit() {
    let cells = bytes(VERSION_1, "cell");
    check((&bytes(VERSION_1, "head")[0], &cells), 49, &NAMES, 1.0, VERSION_1);
}

#[test]
fn versions_2_and_3_go_on_bit_for_bit() {
    let (mut head, mut cells) = (bytes(VERSION_3, "head")[0].clone(), bytes(VERSION_3, "cell"));
    check((&head, &cells), 44, &NAMES[..1], 10.0, VERSION_3);
    // Version 2 ended before what is known of options.
    let length = cells[0].len();
    assert_eq!(cells[0].split_off(length - 4), [0; 4], "nothing is");
    head[0] = 2;
    check((&head, &cells), 44, &NAMES[..1], 10.0, VERSION_3);
}

#[test]
fn a_newer_version_is_refused() {
    let mut head = bytes(VERSION_1, "head")[0].clone();
    head[0] = 9;
    let refusal = Engine::restore(&head, &bytes(VERSION_1, "cell"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        refusal,
        "stored state of the group cannot be read: it has version 9, this build reads 1 to 4"
    );
}
