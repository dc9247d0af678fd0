//! Random events and signals.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use proptest::prelude::*;
use tickwire_market::{Bar, Calendar, Depth, InstrumentKey, Quality, Quote, Tick, Timeframe, UnixNanos};
use tickwire_signals::{Absence, Event, PlanChange, ReferenceChange, Seed, Value, WarmUp};
use tickwire_streams::StreamKey;

/// The instruments of the group.
pub(crate) const INSTRUMENTS: [&str; 3] = [
    "NSE@NIFTY@IDX",
    "NFO@NIFTY@FUT@2026-12-29",
    "NFO@NIFTY@OPT@2026-12-29@CE@24000.5",
];

/// Text that tells every value apart to the bit: floats print as the shortest
/// decimal that reads back, and `-0.0` is not `0.0`.
pub(crate) fn exact(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

pub(crate) fn instrument() -> impl Strategy<Value = InstrumentKey> {
    (0..INSTRUMENTS.len()).prop_map(|place| InstrumentKey::parse(INSTRUMENTS[place]).unwrap())
}

/// Any finite number, and often one that looks like a price.
pub(crate) fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (any::<i32>(), 0..6i32).prop_map(|(mantissa, exponent)| f64::from(mantissa) / 10f64.powi(exponent)),
        2 => any::<f64>().prop_filter("finite", |number| number.is_finite()),
        1 => Just(-0.0),
    ]
}

/// Any time, and often a round one.
pub(crate) fn time() -> impl Strategy<Value = UnixNanos> {
    prop_oneof![
        any::<i64>().prop_map(UnixNanos),
        (0..4_000_000_000i64).prop_map(|s| UnixNanos(s * UnixNanos::PER_SECOND)),
        (0..4_000_000_000_000i64).prop_map(UnixNanos::from_millis),
    ]
}

fn quote() -> impl Strategy<Value = Quote> {
    (number(), prop::option::of(number())).prop_map(|(price, size)| Quote { price, size })
}

prop_compose! {
    pub(crate) fn tick()(
        instrument in instrument(),
        times in (time(), time()),
        price in number(),
        size in prop::option::of(number()),
        volume in prop::option::of(number()),
        open_interest in prop::option::of(number()),
        quotes in (prop::option::of(quote()), prop::option::of(quote())),
        depth in prop::option::of((prop::collection::vec(quote(), 0..3), prop::collection::vec(quote(), 0..3))),
        quality in prop::sample::select(vec![Quality::Live, Quality::Mock, Quality::Stale]),
    ) -> Tick {
        Tick {
            instrument, exchange_time: times.0, receive_time: times.1, price, size, volume, open_interest,
            bid: quotes.0, ask: quotes.1, depth: depth.map(|(bids, asks)| Box::new(Depth { bids, asks })), quality,
        }
    }
}

prop_compose! {
    pub(crate) fn bar()(
        times in (time(), time()),
        prices in [number(), number(), number(), number()],
        volume in prop::option::of(number()),
        open_interest in prop::option::of(number()),
        ticks: u32,
    ) -> Bar {
        let [open, high, low, close] = prices;
        Bar { start: times.0, end: times.1, open, high, low, close, volume, open_interest, ticks }
    }
}

fn warm_up() -> impl Strategy<Value = WarmUp> {
    (prop::collection::vec(bar(), 0..4), prop::option::of(bar()))
        .prop_map(|(closed, forming)| WarmUp { closed, forming })
}

fn stream() -> impl Strategy<Value = StreamKey> {
    (instrument(), 0..3).prop_map(|(instrument, kind)| match kind {
        0 => StreamKey::price(instrument),
        1 => StreamKey::bars(instrument, Timeframe::MINUTE),
        _ => StreamKey::common(instrument, Timeframe::DAY, "rsi(close,14)"),
    })
}

fn reference() -> impl Strategy<Value = ReferenceChange> {
    prop_oneof![
        (
            instrument(),
            prop::sample::select(Calendar::ALL.to_vec()),
            prop::option::of(number())
        )
            .prop_map(|(instrument, calendar, tick_size)| {
                ReferenceChange::Instrument {
                    instrument,
                    calendar,
                    tick_size,
                }
            }),
        (
            instrument(),
            number(),
            time(),
            prop::collection::vec((Just(Timeframe::MINUTE), warm_up()), 0..2)
        )
            .prop_map(|(instrument, ratio, at, warm_up)| ReferenceChange::Split {
                instrument,
                ratio,
                at,
                warm_up
            }),
    ]
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => tick().prop_map(Event::Tick),
        1 => time().prop_map(Event::Clock),
        1 => (stream(), warm_up()).prop_map(|(stream, warm_up)| Event::Plan(PlanChange::Add { stream, warm_up })),
        1 => (stream(), prop::collection::vec(warm_up(), 0..3)).prop_map(|(stream, warm_ups)| {
            let seed = |warm_up| Seed {
                instrument: stream.stream.instrument.clone(),
                timeframe: stream.stream.timeframe,
                warm_up,
            };
            let seeds = warm_ups.into_iter().map(seed).collect();
            Event::Plan(PlanChange::AddSeeded { stream, seeds })
        }),
        1 => stream().prop_map(|stream| Event::Plan(PlanChange::Remove { stream })),
        1 => reference().prop_map(Event::Reference),
    ]
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let absences = Absence::ALL.to_vec();
    prop_oneof![
        number().prop_map(Value::Number),
        any::<bool>().prop_map(Value::Truth),
        prop::sample::select(absences).prop_map(Value::Absent),
    ]
}
