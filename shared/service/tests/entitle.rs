//! Decisions over stored grants.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tickwire_entitlements::{Decision, DenialCode, Grant, Identity, Policy, Product, Proof, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::access::{Access, access_epoch_age_s_max};
use tickwire_service::authenticate::RefusedCode;
use tickwire_service::entitle::{Entitle, error_code};
use tickwire_service::ports::{AccessBook as _, Clock, Grants, PortError, PortResult};
use tickwire_service::testing_sockets::Sockets;
use tickwire_streams::StreamKey;

struct World {
    reads: AtomicUsize,
    grants: Option<Vec<Grant>>,
}

impl Clock for World {
    fn now(&self) -> UnixNanos {
        UnixNanos(1_000)
    }
}

#[async_trait]
impl Grants for World {
    async fn grants(&self, user: &str) -> PortResult<Vec<Grant>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        assert_eq!(user, "user-1");
        self.grants.clone().ok_or(PortError::Throttled { what: "grants" })
    }

    async fn products(&self, names: &[String]) -> PortResult<Vec<Product>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        assert_eq!(names, ["breakout"]);
        let mut product = Product::new("breakout", Policy::Auto);
        product
            .publish(vec!["NSE@*@IDX:5m:*".parse().unwrap()], UnixNanos(0))
            .unwrap();
        Ok(vec![product])
    }
}

const PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";
const PRODUCT: &str = "marketplace/breakout:NSE@NIFTY@IDX:5m:rsi(close,14)";
const NOT_OF_IT: &str = "marketplace/breakout:NSE@NIFTY@IDX:15m:rsi(close,14)";
const OTHER: &str = "marketplace/swing:NSE@NIFTY@IDX:5m:rsi(close,14)";

/// The decisions, as `allow` or a code, and how often grants were read.
fn decide(grants: Option<Vec<Grant>>, tier: Tier, keys: &[&str]) -> (Vec<String>, usize) {
    let world = Arc::new(World {
        reads: AtomicUsize::new(0),
        grants,
    });
    let entitle = Entitle::new(Access::new(Sockets::new(), world.clone(), world.clone()));
    let identity = Identity {
        user: "user-1".into(),
        tier,
        expires_at: UnixNanos(2_000),
        proof: Proof::default(),
    };
    let keys = keys
        .iter()
        .map(|key| key.parse::<StreamKey>().unwrap())
        .collect::<Vec<_>>();
    let keys = keys.iter().collect::<Vec<_>>();
    let decisions = entitle.decide(&identity, &keys).now_or_never().unwrap();
    let decisions = decisions
        .into_iter()
        .map(|decision| match decision {
            Decision::Allow => "allow".into(),
            Decision::Deny(denial) => denial.code.to_string(),
        })
        .collect();
    (decisions, world.reads.load(Ordering::Relaxed))
}

#[test]
fn grants_are_read_once_and_only_where_they_matter() {
    let grant = Grant {
        user: "user-1".into(),
        product: "breakout".into(),
        from: UnixNanos(0),
        until: UnixNanos(2_000),
        trial: false,
        version: 1,
    };
    let check = |grants: Option<&[Grant]>, tier, keys: &[&str], expected: &[&str], reads| {
        let expected = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(
            decide(grants.map(<[_]>::to_vec), tier, keys),
            (expected, reads),
            "{tier} {keys:?}"
        );
    };
    let stored = Some(std::slice::from_ref(&grant));
    check(
        stored,
        Tier::Standard,
        &[PRICE, PRODUCT, OTHER, NOT_OF_IT],
        &["allow", "allow", "grant_required", "not_in_product"],
        // Grants, and the product of the one that holds.
        2,
    );
    check(stored, Tier::Enterprise, &[PRICE, PRICE], &["allow", "allow"], 0);
    check(stored, Tier::Free, &[PRODUCT], &["entitlement_required"], 0);
    check(stored, Tier::Standard, &[], &[], 0);
    check(Some(&[]), Tier::Standard, &[PRODUCT], &["grant_required"], 1);
    check(
        None,
        Tier::Standard,
        &[PRICE, PRODUCT],
        &["allow", "entitlement_unreadable"],
        1,
    );
}

/// What someone set a clock to, and the time that went by, in seconds.
#[derive(Default)]
struct Clocks {
    set: AtomicI64,
    passed: AtomicI64,
}

impl Clock for Clocks {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.set.load(Ordering::Relaxed) * UnixNanos::PER_SECOND)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.passed.load(Ordering::Relaxed).unsigned_abs())
    }
}

/// A clock that is set back, or a process that was frozen, keeps nothing longer.
#[test]
fn what_is_known_is_young_by_both_clocks() {
    let (clocks, sockets) = (Arc::new(Clocks::default()), Sockets::new());
    let world = Arc::new(World {
        reads: AtomicUsize::new(0),
        grants: None,
    });
    let access = Access::new(sockets.clone(), world, clocks.clone());
    let epoch = || access.epoch().now_or_never().unwrap().unwrap();
    let raise = || sockets.raise_access_epoch().now_or_never().unwrap().unwrap();
    let go = |set: i64, passed: i64| {
        clocks.set.fetch_add(set, Ordering::Relaxed);
        clocks.passed.fetch_add(passed, Ordering::Relaxed);
    };
    let age_max = access_epoch_age_s_max.cast_signed();
    assert_eq!(epoch(), 0);
    raise();
    go(age_max - 1, age_max - 1);
    assert_eq!(epoch(), 0, "it is read once in a while");
    go(0, 1);
    assert_eq!(epoch(), 1, "the clock was set back by a second");
    raise();
    go(age_max, 0);
    assert_eq!(epoch(), 2, "the process was frozen");
    raise();
    go(-1, 0);
    assert_eq!(epoch(), 3, "the clock is before the reading");
}

#[test]
fn codes_of_one_name_are_one_in_the_table() {
    for code in DenialCode::ALL {
        let entry = error_code(code);
        assert_eq!(entry.is_temporary(), code.is_temporary(), "{code}");
        assert!(matches!(entry.status(), 401 | 403), "{code}");
        let in_table = tickwire_wire::ErrorCode::ALL
            .iter()
            .find(|entry| entry.slug() == code.as_str());
        assert!(in_table.is_none_or(|found| *found == entry), "{code}");
    }
    for code in RefusedCode::ALL {
        let entry = code.error_code();
        assert_eq!(entry.is_temporary(), code.is_temporary(), "{code}");
        assert!(matches!(entry.status(), 401 | 429 | 503), "{code}");
        let in_table = tickwire_wire::ErrorCode::ALL
            .iter()
            .find(|entry| entry.slug() == code.as_str());
        assert!(in_table.is_none_or(|found| *found == entry), "{code}");
    }
}
