//! Properties of instrument keys.

use jiff::civil::date;
use proptest::prelude::*;
use tickwire_market::{InstrumentKey, InstrumentKeyError};

/// Canonical keys.
fn key_text() -> impl Strategy<Value = String> {
    let head = "[A-Z][A-Z0-9]{0,7}@[A-Z0-9][A-Z0-9&._-]{0,9}";
    let expiry = (1990i16..2100, 1i8..=12, 1i8..=28).prop_map(|(year, month, day)| date(year, month, day));
    let strike = (1u32..10_000_000, 0u32..4).prop_map(|(units, scale)| {
        // A double prints as the shortest decimal, which is the canonical one.
        (f64::from(units) / f64::from(10u32.pow(scale))).to_string()
    });
    let tail = prop_oneof![
        proptest::sample::select(vec!["IDX", "EQ", "SPOT", "PERP"]).prop_map(str::to_owned),
        expiry.clone().prop_map(|expiry| format!("FUT@{expiry}")),
        (expiry, proptest::sample::select(vec!["CE", "PE"]), strike)
            .prop_map(|(expiry, right, strike)| format!("OPT@{expiry}@{right}@{strike}")),
    ];
    (head, tail).prop_map(|(head, tail)| format!("{head}@{tail}"))
}

proptest! {
    #[test]
    fn parse_and_print_are_inverse(text in key_text()) {
        let key = InstrumentKey::parse(&text).unwrap();
        prop_assert_eq!(key.as_str(), &text);
        prop_assert_eq!(InstrumentKey::parse(key.as_str()), Ok(key.clone()));
        prop_assert_eq!(InstrumentKey::from_alias(&text.to_ascii_lowercase()), Ok(key.clone()));
        // Its parts say it all.
        let mut rebuilt = format!("{}@{}@{}", key.exchange(), key.symbol(), key.product());
        key.expiry().iter().for_each(|expiry| rebuilt += &format!("@{expiry}"));
        key.right().iter().for_each(|right| rebuilt += &format!("@{right}"));
        key.strike().iter().for_each(|strike| rebuilt += &format!("@{strike}"));
        prop_assert_eq!(rebuilt, text);
    }

    #[test]
    fn what_is_accepted_prints_as_it_was(text in "[A-Za-z0-9@:&. -]{0,70}|\\PC{0,70}") {
        if let Ok(key) = InstrumentKey::parse(&text) {
            prop_assert_eq!(key.as_str(), &text);
        }
        if let Ok(key) = InstrumentKey::from_alias(&text) {
            prop_assert_eq!(InstrumentKey::parse(key.as_str()), Ok(key.clone()));
            prop_assert_eq!(InstrumentKey::from_alias(key.as_str()), Ok(key.clone()));
        }
    }

    #[test]
    fn what_a_refusal_proposes_is_accepted(text in key_text(), zeros in "[.]?0{0,2}") {
        if let Err(InstrumentKeyError::NotCanonical { canonical, .. }) = InstrumentKey::parse(&(text + &zeros)) {
            prop_assert!(InstrumentKey::parse(&canonical).is_ok(), "{}", canonical);
        }
    }
}
