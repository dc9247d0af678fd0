//! Port `Grants`.

use tickwire_aws::Dynamo;
use tickwire_entitlements::Grant;
use tickwire_market::UnixNanos;
use tickwire_service::ports::{Clock as _, GrantBook as _, Grants as _};

use super::world::ManualClock;

fn grant(clock: &ManualClock, user: &str, product: &str) -> Grant {
    Grant {
        user: user.into(),
        product: product.into(),
        from: clock.now(),
        until: clock.now().saturating_add(86_400 * UnixNanos::PER_SECOND + 1),
        trial: false,
    }
}

pub(crate) async fn a_users_grants_come_back(store: &Dynamo, clock: &ManualClock) {
    assert_eq!(store.grants("u1").await.unwrap(), []);
    let trial = Grant {
        trial: true,
        ..grant(clock, "u1", "momentum")
    };
    let ended = Grant {
        from: UnixNanos(0),
        until: UnixNanos(1),
        ..grant(clock, "u1", "breakout")
    };
    for stored in [&trial, &ended, &grant(clock, "u2", "breakout")] {
        store.put_grant(stored).await.unwrap();
    }
    assert_eq!(store.grants("u1").await.unwrap(), [ended, trial], "by product");
    assert_eq!(
        store.grants("u").await.unwrap(),
        [],
        "not by the beginning of a name"
    );
}

pub(crate) async fn a_grant_replaces_that_of_the_same_product(store: &Dynamo, clock: &ManualClock) {
    let first = grant(clock, "u1", "breakout");
    store.put_grant(&first).await.unwrap();
    let taken_back = Grant {
        until: first.from,
        ..first
    };
    store.put_grant(&taken_back).await.unwrap();
    assert_eq!(store.grants("u1").await.unwrap(), [taken_back]);
}
