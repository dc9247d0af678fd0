//! What definitions say holds.

use tickwire_indicators::{ParameterKind, STATE_BYTES_FIXED_MAX, Series, registry};

use crate::{Bar, batch, next, parameters};

/// Some of their outputs have no value by design: that of the other side, or what the
/// market has not made yet.
const SIDED: [&str; 12] = [
    "hilo",
    "qqe",
    "fractal",
    "fvg",
    "order_block",
    "pivots",
    "pivots_camarilla",
    "pivots_fibonacci",
    "pivots_woodie",
    "swing",
    "vwap_swing",
    "zigzag",
];

#[test]
fn warm_up_and_settle_are_what_the_definition_says() {
    let bar = |at: usize| {
        let close = 100.0 + (at as f64 * 0.7).sin();
        Bar {
            open: close + 0.5,
            high: close + 1.0,
            low: close - 1.0,
            close,
            volume: 10.0,
            day: 1.0,
        }
    };
    for definition in registry() {
        for parameters in [
            definition.defaults(),
            parameters(definition, 0),
            parameters(definition, 3),
        ] {
            let warm_up = definition.warm_up(&parameters);
            let mut running = definition.build(&parameters).unwrap();
            for at in 0..warm_up {
                let row = next(&mut *running, definition, &bar(at));
                assert!(
                    SIDED.contains(&definition.name) || row.iter().any(Option::is_none),
                    "{} has a value too early",
                    definition.name
                );
            }
            let row = next(&mut *running, definition, &bar(warm_up));
            let there = SIDED.contains(&definition.name) || row.iter().all(Option::is_some);
            assert!(there, "{} is late", definition.name);
            assert!(definition.settle(&parameters) > warm_up, "{}", definition.name);
        }
    }
}

#[test]
fn seeding_from_history_gives_what_a_long_run_gives() {
    let bar = |at: usize| {
        let close = 100.0 + (at as f64 * 0.7).sin() + (at as f64 * 0.01).cos() * 20.0;
        Bar {
            open: close + 0.5,
            high: close + 1.0,
            low: close - 1.0,
            close,
            volume: 10.0,
            day: 1.0,
        }
    };
    let bars: Vec<Bar> = (0..3_000).map(bar).collect();
    // A cumulative form never forgets its first bar.
    for definition in registry()
        .iter()
        .filter(|definition| definition.settle(&definition.defaults()) < 1_000)
    {
        let parameters = definition.defaults();
        let fed = definition.settle(&parameters);
        let mut long = definition.build(&parameters).unwrap();
        let mut seeded = long.clone();
        let all = batch(&mut *long, definition, &bars);
        let few = batch(&mut *seeded, definition, &bars[bars.len() - fed..]);
        for (long, seeded) in all[all.len() - 1].iter().zip(&few[few.len() - 1]) {
            if SIDED.contains(&definition.name) && long.is_none() {
                assert_eq!(seeded, long, "{}", definition.name);
                continue;
            }
            let [long, seeded] = [long, seeded].map(|value| f64::from_bits(value.unwrap()));
            assert!(
                (long - seeded).abs() < 1e-6,
                "{}: {long} {seeded}",
                definition.name
            );
        }
    }
}

/// Indicators that hold other series than their inputs, and how many series they hold.
const HELD: [(&str, usize); 9] = [
    ("correl", 3),
    ("ht_sine", 2),
    ("ht_trendline", 2),
    ("ht_trendmode", 3),
    ("ichimoku", 3),
    ("kama", 2),
    ("mad", 2),
    ("vhf", 3),
    ("vidya", 2),
];

/// State is 8 bytes for each value of a window and each series held, and a constant; structure
/// signals state their own bound.
#[test]
fn state_is_as_compact_as_it_says() {
    for definition in registry() {
        if definition.family() == "structure" {
            continue;
        }
        let parameters = definition.defaults();
        let bars: f64 = definition
            .parameters
            .iter()
            .filter(|parameter| parameter.kind == ParameterKind::Bars)
            .map(|parameter| parameter.default)
            .sum();
        let window = (bars as usize).max(definition.warm_up(&parameters) + 1);
        let held = HELD.iter().find(|(name, _)| *name == definition.name);
        let held = held.map_or(definition.inputs.len(), |(_, held)| *held);
        let bound = 8 * window * held + STATE_BYTES_FIXED_MAX;
        let most = definition.state_bytes_max(&parameters);
        assert!(most <= bound, "{}: {most} of {bound}", definition.name);
    }
}

#[test]
fn the_registry_is_in_order() {
    let mut names: Vec<&str> = Vec::new();
    for definition in registry() {
        names.push(definition.name);
        names.extend(definition.aliases);
        assert!(
            !definition.outputs.is_empty() && !definition.summary.is_empty() && !definition.source.is_empty()
        );
        let chosen = definition
            .inputs
            .iter()
            .take_while(|input| input.is_selectable())
            .count();
        assert_eq!(
            chosen,
            definition.chosen_inputs(),
            "{}: chosen inputs come first",
            definition.name
        );
        definition.check(&definition.defaults()).unwrap();
        assert!(definition.check(&[0.0; 9]).is_err());
        for (at, parameter) in definition.parameters.iter().enumerate() {
            for wrong in [
                parameter.minimum - 1.0,
                parameter.maximum + 1.0,
                f64::NAN,
                f64::INFINITY,
            ] {
                let mut parameters = definition.defaults();
                parameters[at] = wrong;
                let error = definition.check(&parameters).unwrap_err();
                assert_eq!(error.parameter(), Some(parameter.name), "{error}");
            }
        }
        let most: Vec<f64> = definition
            .parameters
            .iter()
            .map(|parameter| parameter.maximum)
            .collect();
        assert!(definition.settle(&most) <= 120_000, "{}", definition.name);
        // The longest window, for each input and part that holds one.
        assert!(definition.state_bytes_max(&most) <= 8 * 150_000 + STATE_BYTES_FIXED_MAX);
        let defaults = definition.defaults();
        let bars: f64 = definition
            .parameters
            .iter()
            .map(|parameter| parameter.default)
            .sum();
        let held = 8.0 * (bars + 64.0) * 6.0;
        assert!(
            (definition.state_bytes_max(&defaults) as f64) < held,
            "{}",
            definition.name
        );
    }
    let lower = names.iter().all(|name| {
        name.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    });
    assert!(lower, "{names:?}");
    let series = Series::ALL.map(Series::name);
    assert!(
        names
            .iter()
            .all(|name| !series.contains(name) && !["and", "or", "not", "if", "shift"].contains(name))
    );
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name is taken twice");
}
