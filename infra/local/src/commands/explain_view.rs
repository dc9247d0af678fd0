//! Shows from what a signal came.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value as Json, json};
use tickwire_market::Bar;
use tickwire_options::{Carry, Conditions};
use tickwire_service::explain_signal::Explanation;
use tickwire_signals::{Event, Expression, Signal, SignalValue, Value};
use tickwire_streams::StreamKey;
use tickwire_wire::write_value;

use super::client_args::Exit;
use crate::report::{pairs, thousands};

/// Prints an explanation; the command ends badly if the folded signal is not
/// the stored one to the bit.
pub fn show(explanation: &Explanation, stream: &StreamKey, as_json: bool) -> ExitCode {
    if as_json {
        println!("{}", json_of(explanation, stream));
    } else {
        print!("{}", text_of(explanation, stream));
    }
    if explanation.bits_equal {
        Exit::Good.into()
    } else {
        Exit::Bad.into()
    }
}

/// Numbers of a value by their names, and others as text.
pub(super) fn numbers(value: &SignalValue, outputs: &[&str]) -> Vec<(String, Result<f64, String>)> {
    let some = |name: &str, number: Option<f64>| number.map(|number| (name.to_owned(), Ok(number)));
    match value {
        SignalValue::Price(price) => [
            some("price", Some(price.price)),
            some("size", price.size),
            some("volume", price.volume),
            some("open_interest", price.open_interest),
            some("bid", price.bid),
            some("ask", price.ask),
        ]
        .into_iter()
        .flatten()
        .collect(),
        SignalValue::Bar(bar) | SignalValue::CorrectedBar(bar) => bar_numbers(bar)
            .map(|(name, number)| (name.to_owned(), Ok(number)))
            .chain(matches!(value, SignalValue::CorrectedBar(_)).then(corrected))
            .collect(),
        SignalValue::Values(values) => values
            .iter()
            .enumerate()
            .map(|(index, value)| {
                let name = outputs.get(index).copied().unwrap_or("value").to_owned();
                let value = match value {
                    Value::Number(number) => Ok(*number),
                    Value::Truth(truth) => Err(truth.to_string()),
                    Value::Absent(absence) => Err(absence.as_str().to_owned()),
                };
                (name, value)
            })
            .collect(),
    }
}

fn corrected() -> (String, Result<f64, String>) {
    ("corrected".to_owned(), Err(true.to_string()))
}

fn bar_numbers(bar: &Bar) -> impl Iterator<Item = (&'static str, f64)> + use<> {
    let known = [
        ("open", bar.open),
        ("high", bar.high),
        ("low", bar.low),
        ("close", bar.close),
    ];
    let optional = [("volume", bar.volume), ("open_interest", bar.open_interest)];
    known.into_iter().chain(
        optional
            .into_iter()
            .filter_map(|(name, number)| Some((name, number?))),
    )
}

fn hex(number: f64) -> String {
    format!("{:016x}", number.to_bits())
}

pub(super) fn outputs_of(stream: &StreamKey) -> Vec<&'static str> {
    Expression::parse(&stream.stream.expression)
        .map_or_else(|_| vec!["value"], |expression| expression.outputs())
}

fn event_text(event: &Event) -> String {
    match event {
        Event::Tick(tick) => {
            let mut text = format!("tick {} at {}", tick.price, tick.exchange_time);
            // Writing to a string cannot fail.
            if let Some(size) = tick.size {
                let _ = write!(text, ", size {size}");
            }
            if let Some(volume) = tick.volume {
                let _ = write!(text, ", volume {volume}");
            }
            text
        }
        Event::Clock(time) => format!("clock {time}"),
        Event::Plan(_) => "a change of the plan".to_owned(),
        Event::Reference(_) => "a change of what is known of instruments".to_owned(),
    }
}

/// The forward of an expiry, where it has one.
fn forward_of(conditions: &Conditions) -> Option<f64> {
    conditions.expiry().ok().map(|expiry| expiry.forward())
}

/// Where it comes from.
fn carry_text(carry: Carry) -> String {
    match carry {
        Carry::Yield(yielded) => format!("by a yield of {yielded}"),
        Carry::Forward(_) => "by parity".to_owned(),
        Carry::Future => "the future itself".to_owned(),
    }
}

fn conditions_text(conditions: &Conditions) -> String {
    let forward = forward_of(conditions).map_or_else(|| "none".to_owned(), |forward| forward.to_string());
    format!(
        "spot {}  forward {forward} ({})  rate {}  years {}",
        conditions.spot,
        carry_text(conditions.carry),
        conditions.rate,
        conditions.time
    )
}

fn conditions_json(conditions: &Conditions) -> Json {
    json!({
        "spot": conditions.spot,
        "forward": forward_of(conditions),
        "forward_from": match conditions.carry {
            Carry::Yield(_) => "yield",
            Carry::Forward(_) => "parity",
            Carry::Future => "future",
        },
        "yield_per_year": match conditions.carry {
            Carry::Yield(yielded) => Some(yielded),
            Carry::Forward(_) | Carry::Future => None,
        },
        "rate_per_year": conditions.rate,
        "years": conditions.time,
    })
}

/// For a terminal.
fn text_of(explanation: &Explanation, stream: &StreamKey) -> String {
    let Explanation {
        stored,
        folded,
        cause,
        ..
    } = explanation;
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    row(&stream.to_string(), String::new());
    let place = format!(
        "{} (segment {}, signal {})",
        stored.offset,
        stored.offset.segment(),
        stored.offset.index()
    );
    row("offset", place);
    row("group", explanation.group.as_str().to_owned());
    row("exchange time", stored.exchange_time.to_string());
    row(
        "committed",
        format!(
            "{} by engine {}",
            explanation.committed_at, explanation.engine_version
        ),
    );
    row(
        "folded from",
        match explanation.checkpoint {
            0 => "the beginning of the log".to_owned(),
            segment => format!("the checkpoint at segment {segment}"),
        },
    );
    let (segments, events) = (thousands(explanation.segments), thousands(explanation.events));
    row("folded", format!("{segments} segments, {events} events"));
    row(
        "cause",
        format!(
            "{} ({} {})",
            event_text(&cause.event),
            explanation.source,
            cause.seq
        ),
    );
    if let Some(bar) = &explanation.bar {
        let numbers: Vec<_> = bar_numbers(bar)
            .map(|(name, number)| format!("{name} {number}"))
            .collect();
        row(
            match stored.value {
                SignalValue::CorrectedBar(_) => "corrected bar",
                _ => "bar",
            },
            format!("{} to {}, {} ticks", bar.start, bar.end, bar.ticks),
        );
        row("", numbers.join("  "));
    }
    if let Some(valuation) = &explanation.valuation {
        let basis = &valuation.basis;
        row("valued with", conditions_text(&basis.conditions));
        row(
            "solved",
            format!(
                "the {} of strike {} at {}",
                basis.solved.as_str(),
                basis.strike,
                basis.price
            ),
        );
    }
    for (day, conditions) in &explanation.expiries {
        row(&format!("expiry {day}"), conditions_text(conditions));
    }
    let outputs = outputs_of(stream);
    for (name, signal) in [("stored", stored), ("folded again", folded)] {
        for (output, value) in numbers(&signal.value, &outputs) {
            row(
                name,
                match value {
                    Ok(number) => format!("{output} {number:?}  bits {}", hex(number)),
                    Err(text) => format!("{output} {text}"),
                },
            );
        }
    }
    row(
        "bits equal",
        if explanation.bits_equal { "yes" } else { "no" }.to_owned(),
    );
    pairs(&rows)
}

fn signal_json(signal: &Signal, outputs: &[&str]) -> Json {
    let mut text = String::new();
    write_value(&mut text, &signal.value, outputs);
    let bits = numbers(&signal.value, outputs).into_iter();
    let bits: serde_json::Map<_, _> = bits
        .filter_map(|(name, number)| Some((name, Json::String(hex(number.ok()?)))))
        .collect();
    json!({
        "offset": signal.offset,
        "previous": signal.previous,
        "exchange_time": signal.exchange_time,
        "receive_time": signal.receive_time,
        "mock": signal.mock,
        // Written by the wire's own writer.
        "value": serde_json::from_str::<Json>(&text).unwrap_or_default(),
        "bits": bits,
    })
}

fn json_of(explanation: &Explanation, stream: &StreamKey) -> Json {
    let outputs = outputs_of(stream);
    json!({
        "stream": stream.to_string(),
        "group": explanation.group.as_str(),
        "engine_version": explanation.engine_version,
        "committed_at": explanation.committed_at,
        "checkpoint_segment": explanation.checkpoint,
        "segments_folded": explanation.segments,
        "events_folded": explanation.events,
        "cause": {"source": explanation.source, "seq": explanation.cause.seq, "event": explanation.cause.event},
        "bar": explanation.bar,
        "valued_with": explanation.valuation.as_ref().map(|valuation| {
            let basis = &valuation.basis;
            let mut json = conditions_json(&basis.conditions);
            json["close"] = json!(valuation.close);
            json["strike"] = basis.strike.into();
            json["solved_on"] = basis.solved.as_str().into();
            json["solved_price"] = basis.price.into();
            json
        }),
        "expiries": explanation.expiries.iter().map(|(day, conditions)| {
            let mut json = conditions_json(conditions);
            json["expiry"] = day.to_string().into();
            json
        }).collect::<Vec<_>>(),
        "stored": signal_json(&explanation.stored, &outputs),
        "folded": signal_json(&explanation.folded, &outputs),
        "bits_equal": explanation.bits_equal,
    })
}

#[cfg(test)]
mod tests {
    use tickwire_market::{Right, UnixNanos};
    use tickwire_options::Basis;
    use tickwire_signals::{Absence, Valuation};
    use tickwire_streams::Offset;
    use tickwire_wire::LoggedEvent;

    use super::*;

    fn explanation(folded: f64) -> (Explanation, StreamKey) {
        let signal = |number: f64| Signal {
            stream: 1,
            offset: Offset::new(7, 3),
            previous: Some(Offset::new(6, 1)),
            exchange_time: UnixNanos(1_700_000_000_000_000_000),
            receive_time: UnixNanos(1_700_000_000_100_000_000),
            source: 0,
            mock: false,
            value: SignalValue::Values(vec![
                Value::Number(number),
                Value::Absent(Absence::Cold),
                Value::Number(-0.5),
            ]),
        };
        let bar = Bar {
            start: UnixNanos(0),
            end: UnixNanos(60_000_000_000),
            open: 1.0,
            high: 2.5,
            low: 0.5,
            close: 2.0,
            volume: None,
            open_interest: None,
            ticks: 12,
        };
        let explanation = Explanation {
            group: "live/NIFTY".parse().unwrap(),
            checkpoint: 5,
            segments: 2,
            events: 1_234,
            engine_version: 1,
            committed_at: UnixNanos(1_700_000_000_200_000_000),
            source: "clock".into(),
            cause: LoggedEvent {
                source: 0,
                seq: 9,
                event: Event::Clock(UnixNanos(60_000_000_000)),
            },
            bar: Some(bar),
            valuation: None,
            expiries: Vec::new(),
            stored: signal(0.1),
            folded: signal(folded),
            bits_equal: folded.to_bits() == 0.1_f64.to_bits(),
        };
        (
            explanation,
            "common:NSE@NIFTY@IDX:1m:macd(close,12,26,9)".parse().unwrap(),
        )
    }

    #[test]
    fn it_shows_all_to_the_bit() {
        let (explanation, stream) = explanation(0.1);
        let expected = "\
common:NSE@NIFTY@IDX:1m:macd(close,12,26,9)
  offset         458755 (segment 7, signal 3)
  group          live/NIFTY
  exchange time  2023-11-14T22:13:20Z
  committed      2023-11-14T22:13:20.2Z by engine 1
  folded from    the checkpoint at segment 5
  folded         2 segments, 1,234 events
  cause          clock 1970-01-01T00:01:00Z (clock 9)
  bar            1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z, 12 ticks
                 open 1  high 2.5  low 0.5  close 2
  stored         macd 0.1  bits 3fb999999999999a
  stored         signal cold
  stored         hist -0.5  bits bfe0000000000000
  folded again   macd 0.1  bits 3fb999999999999a
  folded again   signal cold
  folded again   hist -0.5  bits bfe0000000000000
  bits equal     yes
";
        assert_eq!(text_of(&explanation, &stream), expected);
    }

    #[test]
    fn what_an_option_was_valued_with_is_shown() {
        let (mut explanation, stream) = explanation(0.1);
        let conditions = Conditions {
            spot: 24_000.0,
            rate: 0.065,
            carry: Carry::Forward(24_030.5),
            time: 0.02,
        };
        explanation.valuation = Some(Valuation {
            close: UnixNanos(1_700_000_100_000_000_000),
            rates: [(0.0, 0.065)].into(),
            basis: Basis {
                conditions,
                strike: 24_100.0,
                right: Right::Put,
                solved: Right::Call,
                price: 120.25,
            },
        });
        let day = jiff::civil::date(2026, 1, 13);
        explanation.expiries = vec![(
            day,
            Conditions {
                carry: Carry::Yield(0.01),
                ..conditions
            },
        )];
        let text = text_of(&explanation, &stream);
        for line in [
            "  valued with        spot 24000  forward 24030.5 (by parity)  rate 0.065  years 0.02\n",
            "  solved             the CE of strike 24100 at 120.25\n",
            "  expiry 2026-01-13  spot 24000  forward 24026",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let json = json_of(&explanation, &stream);
        assert_eq!(json["valued_with"]["forward"], 24_030.5);
        assert_eq!(json["valued_with"]["solved_on"], "CE");
        assert_eq!(json["expiries"][0]["yield_per_year"], 0.01);
    }

    #[test]
    fn a_difference_of_one_bit_is_told() {
        let (explanation, stream) = explanation(f64::from_bits(0.1_f64.to_bits() + 1));
        assert!(text_of(&explanation, &stream).ends_with("  bits equal     no\n"));
        let json = json_of(&explanation, &stream);
        assert_eq!(json["bits_equal"], false);
        assert_eq!(json["stored"]["bits"]["macd"], "3fb999999999999a");
        assert_eq!(json["folded"]["bits"]["macd"], "3fb999999999999b");
        assert_eq!(json["stored"]["value"]["signal"], json!({"absent": "cold"}));
        assert_eq!(
            format!("{:?}", show(&explanation, &stream, true)),
            format!("{:?}", ExitCode::from(1))
        );
    }
}
