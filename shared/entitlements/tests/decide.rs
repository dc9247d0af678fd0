//! Every tier, every kind of stream, every state of the grants: one table.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up its case must fail"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use tickwire_entitlements::{
    Decision, Denial, DenialCode, Grant, GrantsRead, Identity, Policy, Product, Proof, Tier, decide,
};
use tickwire_market::UnixNanos;
use tickwire_streams::StreamKey;

const NOW: UnixNanos = UnixNanos(1_000);

const PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";
const BARS: &str = "public:NFO@NIFTY@OPT@2026-11-26@CE@24000:1m:bars";
const COMMON: &str = "common:NFO@NIFTY@OPT@2026-11-26@CE@24000:1m:rsi(close,14)";
const GREEK: &str = "common:NFO@NIFTY@OPT@2026-11-26@CE@24000:1m:sma(delta,14)";
const GREEK_OF_INDEX: &str = "common:NSE@NIFTY@IDX:1m:iv";
const PRODUCT: &str = "marketplace/breakout:NSE@NIFTY@IDX:5m:rsi(close,14)";
const PRODUCT_GREEK: &str = "marketplace/breakout:NFO@NIFTY@OPT@2026-11-26@CE@24000:1m:gamma";
const OWN: &str = "personal/user-1:NSE@NIFTY@IDX:5m:rsi(close,14)";
const FOREIGN: &str = "personal/user-2:NSE@NIFTY@IDX:5m:rsi(close,14)";
const STREAMS: [&str; 9] = [
    PRICE,
    BARS,
    COMMON,
    GREEK,
    GREEK_OF_INDEX,
    PRODUCT,
    PRODUCT_GREEK,
    OWN,
    FOREIGN,
];

fn grant(user: &str, product: &str, from: i64, until: i64) -> Grant {
    Grant {
        user: user.into(),
        product: product.into(),
        from: UnixNanos(from),
        until: UnixNanos(until),
        trial: false,
        version: 1,
    }
}

/// A product whose first version is of these patterns.
fn product(patterns: &[&str]) -> Product {
    let mut product = Product::new("breakout", Policy::Locked);
    let patterns = patterns.iter().map(|text| text.parse().unwrap()).collect();
    product.publish(patterns, UnixNanos(1)).unwrap();
    product
}

fn grants(state: &str) -> GrantsRead {
    let mut products = vec![product(&["*:*:*"])];
    let grants = match state {
        "none" => vec![],
        "valid" => vec![grant("user-1", "breakout", 1_000, 1_001)],
        "trial" => vec![Grant {
            trial: true,
            ..grant("user-1", "breakout", 0, 2_000)
        }],
        "renewed" => vec![
            grant("user-1", "breakout", 0, 500),
            grant("user-1", "breakout", 500, 2_000),
        ],
        "ended" => vec![grant("user-1", "breakout", 0, 1_000)],
        "future" => vec![
            grant("user-1", "breakout", 1_001, 2_000),
            grant("user-1", "breakout", 0, 10),
        ],
        "other product" => vec![grant("user-1", "breakouts", 0, 2_000)],
        "other user" => vec![grant("user-2", "breakout", 0, 2_000)],
        "not of it" | "retired" | "no product" | "other version" => {
            let mut granted = grant("user-1", "breakout", 0, 2_000);
            match state {
                "not of it" => products = vec![product(&["BSE@*@*:*:*"])],
                "retired" => products[0].retired_at = Some(UnixNanos(2)),
                "no product" => products.clear(),
                _ => granted.version = 2,
            }
            vec![granted]
        }
        "unreadable" => return GrantsRead::Unreadable,
        _ => panic!("no state {state}"),
    };
    GrantsRead::Read {
        grants,
        products: products.into_iter().map(Arc::new).collect(),
    }
}

const STATES: [&str; 13] = [
    "none",
    "valid",
    "trial",
    "renewed",
    "ended",
    "future",
    "other product",
    "other user",
    "not of it",
    "retired",
    "no product",
    "other version",
    "unreadable",
];

const ALLOW: &str = "allow";
const STANDARD: &str = "entitlement_required standard";
const PREMIUM: &str = "entitlement_required premium";
const EVERY: &[&str] = &STATES;

/// Stream, states of the grants, and the answers to free, standard, premium, enterprise.
type Row = (&'static str, &'static [&'static str], [&'static str; 4]);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (PRICE,          EVERY,                         [ALLOW,    ALLOW,    ALLOW,    ALLOW]),
    (BARS,           EVERY,                         [ALLOW,    ALLOW,    ALLOW,    ALLOW]),
    (COMMON,         EVERY,                         [ALLOW,    ALLOW,    ALLOW,    ALLOW]),
    (GREEK,          EVERY,                         [PREMIUM,  PREMIUM,  ALLOW,    ALLOW]),
    (GREEK_OF_INDEX, EVERY,                         [PREMIUM,  PREMIUM,  ALLOW,    ALLOW]),
    (PRODUCT,        &["valid", "trial", "renewed"], [STANDARD, ALLOW,    ALLOW,    ALLOW]),
    (PRODUCT,        &["none", "other product", "other user"],
                                [STANDARD, "grant_required", "grant_required", "grant_required"]),
    (PRODUCT,        &["ended"], [STANDARD, "grant_expired", "grant_expired", "grant_expired"]),
    (PRODUCT,        &["future"], [STANDARD, "grant_not_started", "grant_not_started", "grant_not_started"]),
    (PRODUCT,        &["not of it", "no product", "other version"],
                                [STANDARD, "not_in_product", "not_in_product", "not_in_product"]),
    (PRODUCT,        &["retired"], [STANDARD, "product_retired", "product_retired", "product_retired"]),
    (PRODUCT,        &["unreadable"],
                                [STANDARD, "entitlement_unreadable", "entitlement_unreadable", "entitlement_unreadable"]),
    (PRODUCT_GREEK,  &["valid", "trial", "renewed"], [PREMIUM,  PREMIUM,  ALLOW,    ALLOW]),
    (PRODUCT_GREEK,  &["none", "other product", "other user"], [PREMIUM, PREMIUM, "grant_required", "grant_required"]),
    (PRODUCT_GREEK,  &["ended"],  [PREMIUM, PREMIUM, "grant_expired", "grant_expired"]),
    (PRODUCT_GREEK,  &["future"], [PREMIUM, PREMIUM, "grant_not_started", "grant_not_started"]),
    (PRODUCT_GREEK,  &["not of it", "no product", "other version"], [PREMIUM, PREMIUM, "not_in_product", "not_in_product"]),
    (PRODUCT_GREEK,  &["retired"], [PREMIUM, PREMIUM, "product_retired", "product_retired"]),
    (PRODUCT_GREEK,  &["unreadable"], [PREMIUM, PREMIUM, "entitlement_unreadable", "entitlement_unreadable"]),
    (OWN,            EVERY,                         [PREMIUM,  PREMIUM,  ALLOW,    ALLOW]),
    (FOREIGN,        EVERY,                         [PREMIUM,  PREMIUM,  "not_yours", "not_yours"]),
];

fn identity_of(tier: Tier) -> Identity {
    Identity {
        user: "user-1".into(),
        tier,
        expires_at: UnixNanos(5_000),
        proof: Proof::default(),
    }
}

fn answer(identity: &Identity, key: &str, grants: &GrantsRead) -> String {
    match decide(identity, &key.parse::<StreamKey>().unwrap(), grants, NOW) {
        Decision::Allow => ALLOW.into(),
        Decision::Deny(Denial { code, required: None }) => code.to_string(),
        Decision::Deny(Denial {
            code,
            required: Some(tier),
        }) => format!("{code} {tier}"),
    }
}

#[test]
fn decides_as_the_table_says() {
    let mut covered = BTreeSet::new();
    for (key, states, expected) in TABLE {
        for state in *states {
            for (tier, expected) in Tier::ALL.into_iter().zip(expected) {
                assert_eq!(
                    &answer(&identity_of(tier), key, &grants(state)),
                    expected,
                    "{tier} {key} grant {state}"
                );
                assert!(
                    covered.insert((*key, *state, tier)),
                    "two rows for {key} grant {state}"
                );
            }
        }
    }
    assert_eq!(
        covered.len(),
        STREAMS.len() * STATES.len() * Tier::ALL.len(),
        "a combination has no row"
    );
}

#[test]
fn an_identity_that_has_expired_reads_nothing() {
    for (expires_at, expected) in [
        (1_001, ALLOW),
        (1_000, "identity_expired"),
        (0, "identity_expired"),
    ] {
        for key in [PRICE, PRODUCT, OWN, GREEK] {
            let identity = Identity {
                expires_at: UnixNanos(expires_at),
                ..identity_of(Tier::Enterprise)
            };
            assert_eq!(
                answer(&identity, key, &grants("valid")),
                expected,
                "{key} at {expires_at}"
            );
        }
    }
}

#[test]
fn personal_streams_compare_whole_names() {
    for user in ["user-", "user-11", "User-1", "user-1."] {
        let key = format!("personal/{user}:NSE@NIFTY@IDX:5m:rsi(close,14)");
        assert_eq!(
            answer(&identity_of(Tier::Enterprise), &key, &grants("none")),
            "not_yours",
            "{user}"
        );
    }
}

#[test]
fn greeks_are_found_by_name() {
    let check = |expression: &str, expected: &str| {
        let key = format!("common:NFO@NIFTY@OPT@2026-11-26@PE@24000:1m:{expression}");
        assert_eq!(
            answer(&identity_of(Tier::Free), &key, &grants("none")),
            expected,
            "{expression}"
        );
    };
    for greek in tickwire_entitlements::GREEKS {
        check(greek, PREMIUM);
        check(&greek.to_uppercase(), PREMIUM);
        check(&format!("sma({greek},14)>0"), PREMIUM);
        check(&format!("close-{greek}"), PREMIUM);
    }
    for other in [
        "rsi(close,14)",
        "nvi(close)",
        "pivot",
        "rhombus",
        "delta_t",
        "thetas(close,1)",
        "kvo(close)",
    ] {
        check(other, ALLOW);
    }
}

#[test]
fn codes_and_their_json_are_one() {
    for code in DenialCode::ALL {
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
        assert!(!code.reason().is_empty());
        assert_eq!(code.is_temporary(), code == DenialCode::EntitlementUnreadable);
    }
}
