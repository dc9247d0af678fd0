//! How long it takes to know who asks and what may be read, over twins that answer at once.
//! `cargo bench -p tickwire-service --bench authorise`
#![expect(clippy::expect_used, reason = "a measure that cannot be made must fail")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tickwire_entitlements::{Decision, Grant, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::authenticate::sign_token;
use tickwire_service::entitle::Entitle;
use tickwire_service::ports::Secret;
use tickwire_service::testing_sockets::{House, NOW, PRICED, SECRET};
use tickwire_streams::StreamKey;

/// Requests of which the middle one, and that at 99 of 100, count.
const REQUESTS: usize = 10_001;

fn main() {
    let house = House::new();
    let authenticate = house.authenticate();
    let entitle = Entitle::new(house.query.access.clone());
    let key: StreamKey = format!("marketplace/gold:{PRICED}:1m:sma(close,4)")
        .parse()
        .expect("a key");
    let secret = Secret::new(SECRET);
    let users: Vec<(String, String)> = (0..REQUESTS)
        .map(|nth| {
            let user = format!("user-{nth}");
            let token = sign_token(&secret, &user, Tier::Standard, Duration::from_secs(600), NOW);
            (user, format!("Bearer {}", token.expect("a token").expose()))
        })
        .collect();
    // A secret is of another store, and kept by its adapter.
    let calls = || {
        let content = house.sockets.content();
        let calls = content.calls.iter().filter(|(what, _)| **what != "secret");
        calls.map(|(_, count)| count).sum::<u64>()
    };
    let ask = |(user, header): &(String, String)| {
        let began = Instant::now();
        let principal = authenticate.principal(Some(header)).now_or_never();
        let principal = principal.expect("nothing waits").expect("it is let in");
        let decided = entitle.decide(&principal.identity, &[&key]).now_or_never();
        let took = began.elapsed();
        let decided = black_box(decided).expect("nothing waits");
        assert_eq!(
            (principal.identity.user == *user, decided.as_slice()),
            (true, &[Decision::Allow][..])
        );
        took.as_secs_f64() * 1e6
    };
    let show = |name: &str, mut took: Vec<f64>, calls: u64| {
        took.sort_by(f64::total_cmp);
        println!(
            "{name}: {:.1} us, p99 {:.1} us, {:.2} store calls",
            took[REQUESTS / 2],
            took[REQUESTS * 99 / 100],
            calls as f64 / REQUESTS as f64
        );
    };
    let mut first = Vec::with_capacity(REQUESTS);
    let before = calls();
    for user in &users {
        // One at a time, as the twin looks through all of them.
        house.sockets.content().grants = vec![grant(&user.0)];
        first.push(ask(user));
    }
    show("at first sight", first, calls() - before);
    let before = calls();
    let seen = (0..REQUESTS).map(|_| ask(&users[REQUESTS - 1])).collect();
    show("seen before", seen, calls() - before);
}

fn grant(user: &str) -> Grant {
    Grant {
        user: user.to_owned(),
        product: "gold".to_owned(),
        from: NOW,
        until: UnixNanos(i64::MAX),
        trial: false,
        version: 1,
    }
}
