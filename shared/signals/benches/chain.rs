//! A live chain on its path: an index and 441 options in the engine, Greeks of each and
//! figures of three expiries told. `cargo bench -p tickwire-signals --bench chain`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot set up must fail")]

use std::time::Instant;

use tickwire_market::{Calendar, InstrumentKey, Quality, Quote, Right, Tick, UnixNanos};
use tickwire_options::{Expiry, Greek, Lanes};
use tickwire_signals::{
    ChainTerms, Engine, Event, Fold, OptionContract, PlanChange, ReferenceChange, WarmUp,
};

const INDEX: &str = "NSE@NIFTY@IDX";
const DAYS: [&str; 3] = ["2026-01-06", "2026-01-13", "2026-01-20"];
const OPTIONS: usize = 441;
const RATE: f64 = 0.065;
const SPOT: f64 = 24_000.0;
/// 09:15 in India on 2026-01-05.
const OPEN: i64 = 1_767_584_700_000_000_000;
const ROUNDS: usize = 15;
const PASSES: i64 = 200;

fn options() -> Vec<InstrumentKey> {
    let levels = (0..).flat_map(|level| [level, -level - 1]);
    let all = levels.flat_map(|level: i32| {
        DAYS.into_iter().flat_map(move |day| {
            ["CE", "PE"].map(|right| format!("NFO@NIFTY@OPT@{day}@{right}@{}", 24_000 + 50 * level))
        })
    });
    all.take(OPTIONS).map(|key| key.parse().unwrap()).collect()
}

fn tick(instrument: &InstrumentKey, time: UnixNanos, price: f64, spread: Option<f64>) -> Event {
    let quote = |price: f64| Quote { price, size: None };
    Event::Tick(Tick {
        volume: Some(1_000.0),
        open_interest: spread.map(|_| 5_000.0),
        bid: spread.map(|spread| quote((price - spread).max(0.05))),
        ask: spread.map(|spread| quote(price + spread)),
        quality: Quality::Mock,
        ..Tick::at(instrument.clone(), time, price)
    })
}

fn option_tick(key: &InstrumentKey, time: UnixNanos) -> Event {
    let contract = OptionContract::of(key, None).unwrap();
    let years = contract.close.nanos_since(time) as f64 / (365.0 * 86_400.0 * 1e9);
    let expiry = Expiry::on_spot(SPOT, RATE, 0.0, years).unwrap();
    let x = (contract.strike / SPOT).ln();
    let sigma = 0.14 - 0.2 * x + 2.0 * x * x;
    let greeks = expiry.greeks(Lanes::detect(), contract.strike, contract.right, sigma);
    tick(key, time, greeks.get(Greek::Price).unwrap().max(0.1), Some(0.05))
}

fn main() {
    let index: InstrumentKey = INDEX.parse().unwrap();
    let options = options();
    assert!(options.iter().any(|key| key.right() == Some(Right::Put)));
    let mut engine = Engine::new();
    let mut signals = 0;
    let mut fold = |engine: &mut Engine, event: &Event| {
        let mut fold = Fold::new(1);
        engine.fold(event, &mut fold).unwrap();
        signals = fold.signals.len();
        signals
    };
    for instrument in options.iter().chain([&index]) {
        let known = ReferenceChange::Instrument {
            instrument: instrument.clone(),
            calendar: Calendar::of(instrument).unwrap(),
            tick_size: None,
        };
        fold(&mut engine, &Event::Reference(known));
    }
    let terms = ReferenceChange::Chain {
        underlying: index.clone(),
        terms: ChainTerms::flat(RATE),
    };
    fold(&mut engine, &Event::Reference(terms));
    let of_chain = DAYS.map(|day| format!("common:{INDEX}:tick:chain({day})"));
    let of_options = options.iter().map(|key| format!("common:{key}:tick:greeks()"));
    for stream in of_options.chain(of_chain) {
        let add = PlanChange::Add {
            stream: stream.parse().unwrap(),
            warm_up: WarmUp::default(),
        };
        fold(&mut engine, &Event::Plan(add));
    }
    let mut now = UnixNanos(OPEN);
    fold(&mut engine, &tick(&index, now, SPOT, None));
    for key in &options {
        now = now.saturating_add(1_000);
        fold(&mut engine, &option_tick(key, now));
    }
    let (mut pass, mut contract, mut told) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for at in 0..PASSES {
            now = now.saturating_add(UnixNanos::PER_SECOND);
            told = fold(&mut engine, &tick(&index, now, SPOT + (at % 7) as f64, None));
        }
        pass = pass.min(began.elapsed().as_secs_f64() / PASSES as f64);
        // Quotes anew, before they are too old; each within a second of the pass.
        let events: Vec<Event> = options
            .iter()
            .map(|key| {
                now = now.saturating_add(1_000);
                option_tick(key, now)
            })
            .collect();
        let began = Instant::now();
        for event in &events {
            fold(&mut engine, event);
        }
        contract = contract.min(began.elapsed().as_secs_f64() / OPTIONS as f64);
    }
    println!(
        "a tick with a pass over {} contracts: {:.1} us, {told} signals",
        OPTIONS + 1,
        pass * 1e6
    );
    println!("a tick of one contract: {:.2} us", contract * 1e6);
}
