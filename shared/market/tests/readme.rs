//! The README's tables say what the code does.

use tickwire_market::{Calendar, InstrumentKey, Tick, Timeframe};

const README: &str = include_str!("../README.md");

#[test]
fn limits() {
    let check = |limit: &str, value: String| {
        let row = format!("| {limit} | {value} |");
        assert!(README.contains(&row), "the README lacks {row:?}");
    };
    let grouped = |value: f64| {
        let digits = format!("{value}");
        let groups: Vec<&str> = digits
            .as_bytes()
            .rchunks(3)
            .rev()
            .flat_map(std::str::from_utf8)
            .collect();
        groups.join(",")
    };
    check("instrument key", format!("{} bytes", InstrumentKey::BYTES_MAX));
    check("digits in a strike", InstrumentKey::STRIKE_DIGITS_MAX.to_string());
    check(
        "timeframe",
        format!("tick, or 1 to {} minutes", Timeframe::MINUTES_MAX),
    );
    check("index price", grouped(Tick::INDEX_PRICE_MAX));
    check("option price", grouped(Tick::OPTION_PRICE_MAX));
    check("any other price", grouped(Tick::PRICE_MAX));
    check("levels of depth on a side", Tick::DEPTH_LEVELS_MAX.to_string());
    check(
        "exchange time ahead of receive time",
        format!("{} s", Tick::AHEAD_SECONDS_MAX),
    );
    check(
        "exchange time behind receive time",
        format!("{} days", Tick::BEHIND_SECONDS_MAX / (24 * 60 * 60)),
    );
}

#[test]
fn calendars() {
    for calendar in Calendar::ALL {
        let row = README
            .lines()
            .find(|line| line.starts_with(&format!("| `{calendar}` |")))
            .unwrap_or_default();
        let (first, last) = calendar.span();
        let span = format!("| {}-{} |", first.year(), last.year());
        assert!(row.contains(&span), "{calendar}: {row:?} lacks {span:?}");
        let exchanges = format!("| {} |", calendar.exchanges().join(" "));
        assert!(
            row.contains(&exchanges),
            "{calendar}: {row:?} lacks {exchanges:?}"
        );
    }
}
