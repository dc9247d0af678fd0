//! State: its form, and bytes that are refused.

use proptest::prelude::*;
use tickwire_indicators::{StateError, registry};

use crate::{Bar, bars, batch, next, parameters, state};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bars in bars(), seed in any::<u32>(), damage in any::<(prop::sample::Index, u8)>()) {
        for definition in registry() {
            let mut running = definition.build(&parameters(definition, seed)).unwrap();
            batch(&mut *running, definition, &bars);
            let whole = state(&*running);
            for cut in 0..whole.len() {
                prop_assert!(running.import(&whole[..cut]).is_err());
            }
            prop_assert_eq!(running.import(&[&whole[..], &[0]].concat()), Err(StateError::Damaged));
            prop_assert_eq!(&state(&*running), &whole, "{}: a refused import leaves a trace", definition.name);

            let mut damaged = whole.clone();
            let at = damage.0.index(damaged.len());
            damaged[at] = damaged[at].wrapping_add(damage.1);
            if running.import(&damaged).is_ok() {
                for bar in &bars {
                    next(&mut *running, definition, bar);
                }
            }
        }
    }
}

#[test]
fn state_of_others_is_refused() {
    let build = |name: &str, parameters: &[f64]| {
        tickwire_indicators::find(name)
            .unwrap()
            .build(parameters)
            .unwrap()
    };
    let ema = state(&*build("ema", &[9.0]));
    assert_eq!(ema.len(), 17);
    assert_eq!(build("ema", &[10.0]).import(&ema), Err(StateError::Foreign));
    assert_eq!(build("sma", &[9.0]).import(&ema), Err(StateError::Foreign));
    assert_eq!(build("ema", &[9.0]).import(&[]), Err(StateError::Damaged));
    let mut newer = ema.clone();
    newer[0] += 1;
    assert_eq!(
        build("ema", &[9.0]).import(&newer),
        Err(StateError::Version {
            found: 3,
            expected: 2
        })
    );
}

/// Stored state must stay readable: these bytes are the second version's form.
#[test]
fn the_form_of_the_state_is_fixed() {
    let check = |name: &str, parameters: &[f64], expected: &str| {
        let definition = tickwire_indicators::find(name).unwrap();
        let mut running = definition.build(parameters).unwrap();
        for at in 0..3 {
            let close = 10.0 + f64::from(at);
            next(
                &mut *running,
                definition,
                &Bar {
                    open: 10.0,
                    high: 13.0,
                    low: 9.0,
                    close,
                    volume: 2.0,
                    day: 5.0,
                },
            );
        }
        let bytes = state(&*running);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{name}");
        let mut restored = definition.build(parameters).unwrap();
        restored.import(&bytes).unwrap();
    };
    check(
        "sma",
        &[2.0],
        "0294c750990100000001000000000000284000000000000026400000000000002640",
    );
    check("ema", &[2.0], "02a2a2ecbb020000000000000000002740");
    check(
        "rsi",
        &[2.0],
        "0281a8307001000000000000284002000000000000000000f03f020000000000000000000000",
    );
    check(
        "macd",
        &[2.0, 3.0, 1.0],
        "02519aa4310000000002000000000000000000274003000000000000000000264001000000000000000000e03f",
    );
    check(
        "atr",
        &[2.0],
        "020ec1ff30010000000000002840020000000000000000001040",
    );
    check(
        "bbands",
        &[2.0, 2.0, 2.0],
        "026fa6063f0100000001000000000000284000000000000026400000000000002640",
    );
    check("vwap", &[], "02037f808b00000000000026400000000000001840");
    check(
        "vwap_session",
        &[],
        "02b0cdffa601000000000000144000000000000026400000000000001840",
    );
}
