use std::collections::{HashMap, HashSet};

use tickwire_market::{Product, Quality};

use super::*;

const INDEX: SimulatorOptions = SimulatorOptions {
    seed: 42,
    instruments: 442,
    rate_per_s: 1_000,
    start: UnixNanos(1_767_584_700_000_000_000),
    mix: Mix::IndexAndOptions,
};
const EQUITIES: SimulatorOptions = SimulatorOptions {
    instruments: 100,
    mix: Mix::Equities,
    ..INDEX
};

fn ticks(options: SimulatorOptions, count: usize) -> Vec<Tick> {
    Simulator::new(options).unwrap().take(count).collect()
}

#[test]
fn the_same_seed_gives_the_same_ticks() {
    for options in [INDEX, EQUITIES] {
        assert_eq!(ticks(options, 5_000), ticks(options, 5_000));
        let other = SimulatorOptions { seed: 43, ..options };
        assert_ne!(ticks(options, 100), ticks(other, 100));
    }
}

#[test]
fn ticks_are_valid_and_mock_and_on_the_grid() {
    for options in [INDEX, EQUITIES] {
        let simulator = Simulator::new(options).unwrap();
        let tick_sizes: HashMap<_, _> = simulator.instruments().into_iter().collect();
        let mut last = options.start;
        for (at, tick) in simulator.take(200_000).enumerate() {
            assert_eq!(tick.check(), Ok(()), "{tick:?}");
            assert_eq!(tick.quality, Quality::Mock);
            assert!(tick.exchange_time >= last, "{tick:?}");
            last = tick.exchange_time;
            let slot = tick.exchange_time.nanos_since(options.start) / 1_000_000;
            assert_eq!(slot, at as i64, "{tick:?}");
            assert_eq!(tick.exchange_time.0 % 1_000, 0, "{tick:?}");
            let steps = tick.price / tick_sizes[&tick.instrument];
            assert!((steps - steps.round()).abs() < 1e-6, "{tick:?}");
            if let (Some(bid), Some(ask)) = (tick.bid, tick.ask) {
                assert!(
                    bid.price < ask.price && (bid.price..=ask.price).contains(&tick.price),
                    "{tick:?}"
                );
            }
        }
    }
}

#[test]
fn instruments_are_as_many_as_asked_for_and_distinct() {
    for (options, count) in [
        (INDEX, 1),
        (INDEX, 2),
        (INDEX, 442),
        (EQUITIES, 1),
        (EQUITIES, 500),
    ] {
        let options = SimulatorOptions {
            instruments: count,
            ..options
        };
        let keys: HashSet<_> = Simulator::new(options)
            .unwrap()
            .instruments()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys.len(), count);
        let seen: HashSet<_> = ticks(options, 300_000)
            .into_iter()
            .map(|tick| tick.instrument)
            .collect();
        assert_eq!(seen, keys);
    }
    let max = Mix::IndexAndOptions.instruments_max();
    let all = Simulator::new(SimulatorOptions {
        instruments: max,
        ..INDEX
    })
    .unwrap();
    assert_eq!(all.instruments().len(), max);
}

#[test]
fn shares_of_ticks() {
    let ticks = ticks(INDEX, 200_000);
    let count = |wanted: &dyn Fn(&Tick) -> bool| ticks.iter().filter(|tick| wanted(tick)).count() as f64;
    let index = count(&|tick| tick.instrument.product() == Product::Idx) / ticks.len() as f64;
    assert!((index - 0.02).abs() < 0.002, "{index}");
    let at_the_money = count(&|tick| tick.instrument.strike() == Some(24_000.0));
    let far = count(&|tick| tick.instrument.strike() == Some(24_000.0 + 50.0 * 20.0));
    assert!(at_the_money > 5.0 * far && far > 0.0, "{at_the_money} {far}");
}

#[test]
fn quantities_accumulate() {
    let mut volumes: HashMap<InstrumentKey, f64> = HashMap::new();
    for tick in ticks(INDEX, 100_000) {
        let Some(volume) = tick.volume else {
            assert_eq!(tick.instrument.product(), Product::Idx);
            continue;
        };
        let last = volumes
            .insert(tick.instrument.clone(), volume)
            .unwrap_or_default();
        assert_eq!(volume - last, tick.size.unwrap_or_default(), "{tick:?}");
        assert!(
            tick.open_interest.is_some_and(|interest| interest % 75.0 == 0.0),
            "{tick:?}"
        );
    }
}

#[test]
fn options_move_with_the_index() {
    // A day at one tick in 20 ms: calls rise and puts fall when the index rises.
    let options = SimulatorOptions {
        rate_per_s: 50,
        instruments: 7,
        ..INDEX
    };
    let mut index = None;
    let mut pairs = Vec::new();
    for tick in ticks(options, 50 * 3600 * 6) {
        match tick.instrument.as_str() {
            "NSE@NIFTY@IDX" => index = Some(tick.price),
            "NFO@NIFTY@OPT@2026-01-06@CE@24000" => pairs.extend(index.map(|index| (index, tick.price))),
            _ => (),
        }
    }
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / pairs.len() as f64;
    let (mean_x, mean_y) = (
        mean(&mut pairs.iter().map(|p| p.0)),
        mean(&mut pairs.iter().map(|p| p.1)),
    );
    let covariance = mean(&mut pairs.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)));
    let variance = |mean_of: f64, values: &mut dyn Iterator<Item = f64>| {
        mean(&mut values.map(|value| (value - mean_of).powi(2)))
    };
    let (x, y) = (
        variance(mean_x, &mut pairs.iter().map(|p| p.0)),
        variance(mean_y, &mut pairs.iter().map(|p| p.1)),
    );
    let correlation = covariance / (x * y).sqrt();
    assert!(correlation > 0.9, "{correlation}");
}

#[test]
fn the_index_moves_most_at_the_ends_of_the_session() {
    let hour = 60 * UnixNanos::PER_MINUTE;
    let moves = |from: i64| {
        let start = INDEX.start.saturating_add(from);
        // A phase of the session is reached by starting there.
        let prices: Vec<f64> = (0..20)
            .flat_map(|seed| {
                let options = SimulatorOptions {
                    seed,
                    start,
                    instruments: 1,
                    rate_per_s: 10,
                    ..INDEX
                };
                ticks(options, 3_000)
            })
            .map(|tick| tick.price)
            .collect();
        prices
            .windows(2)
            .map(|pair| (pair[1] / pair[0]).ln().powi(2))
            .filter(|step| *step < 1e-6)
            .sum::<f64>()
            .sqrt()
    };
    let (open, middle, close) = (moves(0), moves(3 * hour), moves(6 * hour));
    assert!(
        open > 1.5 * middle && close > 1.5 * middle,
        "{open} {middle} {close}"
    );
}

#[test]
fn refusals() {
    let check = |options: SimulatorOptions, expected: &str| {
        let error = Simulator::new(options).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        SimulatorOptions {
            instruments: 0,
            ..INDEX
        },
        "1 to 4807",
    );
    check(
        SimulatorOptions {
            instruments: 4_808,
            ..INDEX
        },
        "1 to 4807",
    );
    check(
        SimulatorOptions {
            instruments: 10_001,
            ..EQUITIES
        },
        "1 to 10000",
    );
    check(
        SimulatorOptions {
            rate_per_s: 0,
            ..INDEX
        },
        "1 to 10000000",
    );
    let late = UnixNanos(i64::MAX);
    assert!(
        Simulator::new(SimulatorOptions { start: late, ..INDEX })
            .unwrap()
            .take(10)
            .count()
            == 10
    );
}

#[test]
fn high_rates_keep_the_order() {
    let options = SimulatorOptions {
        rate_per_s: RATE_PER_S_MAX,
        ..INDEX
    };
    let ticks = ticks(options, 10_000);
    assert!(
        ticks
            .windows(2)
            .all(|pair| pair[0].exchange_time <= pair[1].exchange_time)
    );
    assert!(ticks[9_999].exchange_time.nanos_since(options.start) < 1_000_000);
}

#[test]
fn what_is_followed_moves_with_the_money() {
    let options = SimulatorOptions {
        instruments: 2_000,
        rate_per_s: 5,
        ..INDEX
    };
    let simulator = Simulator::new(options).unwrap();
    let until = options.start.saturating_add(2 * 86_400 * UnixNanos::PER_SECOND);
    let (mut followed, mut moves): (HashSet<InstrumentKey>, Vec<UnixNanos>) = Default::default();
    let (mut spot, mut now, mut option_ticks) = (None, options.start, 0);
    for seen in Followed::near_the_money(simulator) {
        match seen {
            Seen::Moved(change) => {
                for key in &change.unsubscribe {
                    assert!(followed.remove(key), "{key} was not followed");
                }
                for key in change.subscribe {
                    assert!(followed.insert(key.clone()), "{key} was followed already");
                }
                assert!(followed.len() <= 126, "{}", followed.len());
                moves.push(now);
            }
            Seen::Tick(tick) if tick.exchange_time > until => break,
            Seen::Tick(tick) => {
                now = tick.exchange_time;
                if tick.instrument.product() == Product::Opt {
                    option_ticks += 1;
                    assert!(followed.contains(&tick.instrument), "{tick:?}");
                } else {
                    spot = Some(tick.price);
                }
            }
        }
    }
    assert!(option_ticks > 10_000, "{option_ticks}");
    assert!(moves.len() > 2, "{moves:?}");
    let near = |pair: &[UnixNanos]| pair[1].nanos_since(pair[0]) < 299 * UnixNanos::PER_SECOND;
    assert!(!moves.windows(2).any(near), "{moves:?}");
    // The money is within two steps of the window's middle, but for the wait between moves.
    let strikes: Vec<f64> = followed.iter().filter_map(InstrumentKey::strike).collect();
    let least = strikes.iter().copied().fold(f64::INFINITY, f64::min);
    let middle = least + 500.0;
    assert!((spot.unwrap() - middle).abs() < 400.0, "{spot:?} {middle}");
}
