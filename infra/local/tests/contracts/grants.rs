//! Port `Grants`.

use tickwire_aws::Dynamo;
use tickwire_entitlements::{Grant, Policy, Product};
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
        version: 1,
    }
}

pub(crate) async fn a_users_grants_come_back(store: &Dynamo, clock: &ManualClock) {
    assert_eq!(store.grants("u1").await.unwrap(), []);
    let trial = Grant {
        trial: true,
        version: 1,
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

pub(crate) async fn of_two_who_change_a_product_one_comes_late(store: &Dynamo, clock: &ManualClock) {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(store.products(&names(&["gold"])).await.unwrap(), []);
    let publish = |product: &mut Product, pattern: &str| {
        product
            .publish(vec![pattern.parse().unwrap()], clock.now())
            .unwrap();
    };
    let mut first = Product::new("gold", Policy::Range { first: 1, last: 2 });
    publish(&mut first, "NSE@*@EQ:*:rsi(*)");
    assert!(store.put_product(&first).await.unwrap());
    assert!(!store.put_product(&first).await.unwrap(), "there is one");
    let (mut mine, mut theirs) = (first.clone(), first);
    publish(&mut mine, "*:1m:*");
    theirs.retire(clock.now());
    assert!(store.put_product(&mine).await.unwrap());
    assert!(!store.put_product(&theirs).await.unwrap(), "another came first");

    let mut other = Product::new("a", Policy::Locked);
    publish(&mut other, "*:*:*");
    assert!(store.put_product(&other).await.unwrap());
    assert_eq!(
        store.products(&names(&["gold", "none"])).await.unwrap(),
        [mine.clone()]
    );
    assert_eq!(store.all_products().await.unwrap(), [other, mine], "by name");
    assert_eq!(store.grants("gold").await.unwrap(), [], "nor is it a user's");
}
