//! The targets on a bounded number of inputs, always the same, and on those that failed once.

use std::path::Path;

use tickwire_fuzz::{TARGETS, Target};

/// Inputs of each target.
const INPUTS: u64 = 3_000;
/// Bytes of an input.
const BYTES_MAX: u64 = 1_200;

/// What expressions are made of, so that many inputs are almost some.
const WORDS: &[&str] = &[
    "close",
    "open",
    "rsi",
    "ema",
    "macd",
    "sma",
    "(",
    ")",
    ",",
    "14",
    "9",
    "0.5",
    "1e99",
    ".hist",
    "=",
    "period",
    "@1h",
    "@5m",
    "@1d",
    "[NYSE@IBM@EQ]",
    "+",
    "-",
    "*",
    "/",
    "<",
    ">=",
    "==",
    " and ",
    " or ",
    "not ",
    " crosses_above ",
    "shift",
    "highest",
    "if",
    "max",
    "abs",
    "iv",
    "atm_iv(30d)",
    "\u{e9}",
    "\0",
    "#",
    " ",
];

/// Numbers without end from a seed (the generator of Knuth's MMIX).
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

fn any_bytes(seed: u64) -> Vec<u8> {
    let mut next = numbers(seed);
    let count = next() % BYTES_MAX;
    (0..count).map(|_| next() as u8).collect()
}

fn words(seed: u64) -> Vec<u8> {
    let mut next = numbers(seed);
    let count = next() % 24;
    (0..count)
        .flat_map(|_| WORDS[next() as usize % WORDS.len()].bytes())
        .collect()
}

#[test]
fn no_bytes_break_a_promise() {
    for (_, target) in TARGETS {
        for seed in 0..INPUTS {
            target(&any_bytes(seed));
        }
    }
}

#[test]
fn no_words_break_a_promise() {
    for seed in 0..INPUTS * 10 {
        tickwire_fuzz::expression(&words(seed));
    }
    let known = include_str!("../../../shared/signals/tests/regressions/expressions.txt");
    for line in known.lines() {
        tickwire_fuzz::expression(line.as_bytes());
        // And with one byte after the other changed.
        let mut next = numbers(line.len() as u64);
        for at in 0..line.len() {
            let mut bytes = line.as_bytes().to_vec();
            bytes[at] = next() as u8;
            tickwire_fuzz::expression(&bytes);
        }
    }
}

/// Every indicator, with bars that can be used and some that cannot, and with none.
#[test]
fn every_indicator_keeps_its_promises() {
    let count = tickwire_indicators::registry().len() as u16;
    for at in 0..count {
        for target in [tickwire_fuzz::bars, tickwire_fuzz::state] {
            let input = [&at.to_le_bytes()[..], &any_bytes(u64::from(at) + 7_000_000)].concat();
            target(&input);
            target(&at.to_le_bytes());
        }
    }
}

#[test]
fn what_failed_once_does_no_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    for (name, target) in TARGETS {
        let target: Target = target;
        let mut tried = 0;
        for entry in std::fs::read_dir(folder.join(name)).unwrap() {
            target(&std::fs::read(entry.unwrap().path()).unwrap());
            tried += 1;
        }
        assert!(tried > 0, "no regression of {name}");
    }
}
