//! The values whose written shapes are kept.

use tickwire_market::{
    Bar, Calendar, Depth, InstrumentKey, Quality, Quote, Right, Tick, Timeframe, UnixNanos,
};
use tickwire_options::{Basis, Carry};
use tickwire_signals::{
    Absence, ChainTerms, Event, PlanChange, PriceValue, ReferenceChange, Signal, SignalValue, Valuation,
    Value, Valuer, WarmUp,
};
use tickwire_streams::{Offset, Position, StreamKey};
use tickwire_wire::{LoggedEvent, SourceRow};

pub(crate) fn nifty() -> InstrumentKey {
    InstrumentKey::parse("NSE@NIFTY@IDX").unwrap()
}

pub(crate) fn option() -> InstrumentKey {
    InstrumentKey::parse("NFO@NIFTY@OPT@2026-12-29@CE@24000").unwrap()
}

pub(crate) const SENT: UnixNanos = UnixNanos(1_790_000_000_000_000_000);

pub(crate) fn bare_tick() -> Tick {
    Tick::at(nifty(), SENT, 24_000.05)
}

pub(crate) fn full_tick() -> Tick {
    let quote = |price, size| Quote { price, size };
    Tick {
        instrument: option(),
        exchange_time: SENT.saturating_add(-5_000_001),
        receive_time: SENT.saturating_add(7),
        price: 150.3,
        size: Some(75.0),
        volume: Some(1e6),
        open_interest: Some(0.0),
        bid: Some(quote(150.25, Some(150.0))),
        ask: Some(quote(150.35, None)),
        depth: Some(Box::new(Depth {
            bids: vec![quote(150.25, Some(150.0))],
            asks: vec![quote(150.35, None)],
        })),
        quality: Quality::Mock,
    }
}

pub(crate) fn bar() -> Bar {
    Bar {
        start: SENT.saturating_add(-60_000_000_000),
        end: SENT,
        open: 1.0,
        high: 2.5,
        low: 0.5,
        close: 0.1,
        volume: Some(10.0),
        open_interest: None,
        ticks: 12,
    }
}

pub(crate) fn price_stream() -> StreamKey {
    StreamKey::price(nifty())
}

pub(crate) fn changes() -> Vec<ReferenceChange> {
    vec![
        ReferenceChange::Instrument {
            instrument: nifty(),
            calendar: Calendar::Nse,
            tick_size: Some(0.05),
        },
        ReferenceChange::Split {
            instrument: nifty(),
            ratio: 2.0,
            at: SENT,
            warm_up: Vec::new(),
        },
    ]
}

pub(crate) fn chain() -> ReferenceChange {
    ReferenceChange::Chain {
        underlying: nifty(),
        terms: ChainTerms {
            rates: vec![(0.0, 0.065), (365.0, 0.07)],
            dividend_yield: 0.012,
            ..ChainTerms::flat(0.0)
        },
    }
}

pub(crate) fn signals(events: &[LoggedEvent]) -> Vec<Signal> {
    let Event::Tick(tick) = &events[0].event else {
        panic!("{events:?}")
    };
    let lateness = tickwire_signals::LATENESS_NANOS;
    let signal = |index: u16, previous, exchange_time, receive_time, value| Signal {
        stream: u32::from(index),
        offset: Offset::new(12, index),
        previous,
        exchange_time,
        receive_time,
        source: u32::from(index > 0),
        mock: index == 0,
        value,
    };
    let values = vec![
        Value::Number(0.1),
        Value::Truth(false),
        Value::Absent(Absence::Stale),
    ];
    let price = SignalValue::Price(PriceValue::of(tick));
    vec![
        signal(
            0,
            Some(Offset::new(11, 5)),
            tick.exchange_time,
            tick.receive_time,
            price,
        ),
        signal(
            1,
            None,
            bar().end,
            SENT.saturating_add(lateness),
            SignalValue::Bar(bar()),
        ),
        signal(
            2,
            Some(Offset::new(12, 1)),
            SENT,
            SENT.saturating_add(lateness),
            SignalValue::Values(values),
        ),
    ]
}

pub(crate) fn events() -> Vec<LoggedEvent> {
    let warm_up = WarmUp {
        closed: vec![bar()],
        forming: Some(bar()),
    };
    let split = ReferenceChange::Split {
        instrument: nifty(),
        ratio: 2.0,
        at: SENT,
        warm_up: vec![(Timeframe::MINUTE, warm_up.clone())],
    };
    let event = |source, seq, event| LoggedEvent { source, seq, event };
    vec![
        event(0, 8, Event::Tick(full_tick())),
        event(0, 9, Event::Tick(bare_tick())),
        event(1, 0, Event::Clock(SENT)),
        event(
            1,
            1,
            Event::Plan(PlanChange::Add {
                stream: price_stream(),
                warm_up,
            }),
        ),
        event(
            1,
            2,
            Event::Plan(PlanChange::Remove {
                stream: price_stream(),
            }),
        ),
        event(1, 3, Event::Reference(changes().swap_remove(0))),
        event(1, 5, Event::Reference(split)),
    ]
}

pub(crate) fn sources() -> Vec<SourceRow> {
    let position = Position {
        epoch: 3,
        next: 10,
        holes: vec![(2, 4)],
        gaps: 2,
        holes_forgotten: 0,
    };
    vec![
        SourceRow {
            name: "feed-1".into(),
            position,
            seen: SENT,
        },
        SourceRow {
            name: "clock".into(),
            position: Position::default(),
            seen: SENT,
        },
    ]
}

/// What the Greeks of the option's tick were computed from, and they themselves.
pub(crate) fn valuation(now: UnixNanos) -> (Valuation, Vec<Value>) {
    let close = now.saturating_add(7 * 86_400 * UnixNanos::PER_SECOND);
    let rates = [(0.0, 0.06), (30.0, 0.065)];
    let conditions = Valuation::conditions(&rates, close, now, 24_000.0, Carry::Yield(0.01)).unwrap();
    let valuation = Valuation {
        close,
        rates: rates.into(),
        basis: Basis {
            conditions,
            strike: 24_000.0,
            right: Right::Call,
            solved: Right::Put,
            price: 182.95,
        },
    };
    let greeks = Valuer::default().greeks(&valuation.basis).unwrap().to_vec();
    (valuation, greeks)
}
