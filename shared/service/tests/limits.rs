//! Limits over many processes at once.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::FutureExt as _;
use tickwire_entitlements::{Banned, Tier, Window};
use tickwire_market::UnixNanos;
use tickwire_service::access::Access;
use tickwire_service::authenticate::RefusedCode;
use tickwire_service::limit_use::{
    Counted, LimitUse, attempts_per_minute_max, ban_s, unknown_keys_per_attempt,
};
use tickwire_service::ports::Clock;
use tickwire_service::testing::by_turns;
use tickwire_service::testing_sockets::Sockets;
use tickwire_wire::ErrorCode;

const USER: Counted<'static> = Counted::Requests("asha");

struct Time(AtomicI64);

impl Clock for Time {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.0.load(Ordering::Relaxed) * UnixNanos::PER_SECOND)
    }
}

fn time() -> Arc<Time> {
    Arc::new(Time(AtomicI64::new(1_795_000_000)))
}

/// A process of its own, over the store that all share.
fn process(store: &Arc<Sockets>, time: &Arc<Time>) -> LimitUse {
    let access = Access::new(store.clone(), store.clone(), time.clone());
    LimitUse::new(store.clone(), access, time.clone())
}

fn pass(time: &Time, seconds: i64) {
    time.0.fetch_add(seconds, Ordering::Relaxed);
}

/// How many of `each` requests of so many processes at once are granted.
fn race(store: &Arc<Sockets>, time: &Arc<Time>, processes: usize, each: usize, windows: &[Window]) -> u32 {
    let processes: Vec<LimitUse> = (0..processes).map(|_| process(store, time)).collect();
    race_of(&processes, each, windows)
}

fn race_of(processes: &[LimitUse], each: usize, windows: &[Window]) -> u32 {
    let requests = processes.iter().map(|process| {
        let requests = async move {
            let mut granted = 0;
            for _ in 0..each {
                granted += u32::from(process.take(USER, windows).await.is_ok());
            }
            granted
        };
        Box::pin(requests) as Pin<Box<dyn Future<Output = u32> + '_>>
    });
    let mut seed = 7_usize;
    let choose = |left: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % left
    };
    let granted = by_turns(requests.collect(), choose, 10_000_000);
    granted.into_iter().map(Option::unwrap).sum()
}

#[test]
fn two_hundred_processes_at_once_get_the_limit_and_not_one_more() {
    for tier in Tier::ALL {
        let (store, time) = (Sockets::new(), time());
        store.pause_at_calls();
        let windows = tier.limits().requests();
        let burst = tier.limits().burst_per_5_s_max;
        let granted = race(&store, &time, 200, 5, &windows);
        // What a process took at once and did not hand out is lost: less may be granted, never more.
        assert!(
            granted <= burst && granted * 2 >= burst.min(1_000),
            "{tier}: {granted} of {burst}"
        );
        // Nothing renews itself within the window.
        pass(&time, 5);
        assert_eq!(race(&store, &time, 200, 1, &windows), 0, "{tier}");
        pass(&time, 1);
        let more = race(&store, &time, 200, 5, &windows);
        let minute = tier.limits().api_requests_per_minute_max;
        assert!(
            more > 0 && more <= burst && granted + more <= minute,
            "{tier}: {more}"
        );
    }
}

#[test]
fn one_process_may_use_all_of_it() {
    let (store, time) = (Sockets::new(), time());
    let windows = Tier::Free.limits().requests();
    assert_eq!(race(&store, &time, 1, 100, &windows), 25);
}

#[test]
fn a_busy_process_asks_the_store_seldom() {
    let (store, time) = (Sockets::new(), time());
    let windows = Tier::Enterprise.limits().requests();
    let process = [process(&store, &time)];
    assert_eq!(race_of(&process, 400, &windows), 400);
    let calls = store.content().calls["swap_usage"];
    assert!(calls <= 18, "{calls} write units for 400 requests of a second");
    // One request a second costs one.
    pass(&time, 60);
    let before = store.content().calls["swap_usage"];
    for _ in 0..10 {
        pass(&time, 1);
        assert_eq!(race_of(&process, 1, &windows), 1);
    }
    assert_eq!(store.content().calls["swap_usage"] - before, 10);
}

#[test]
fn a_row_is_read_again_only_where_others_change_it() {
    let (store, time) = (Sockets::new(), time());
    let windows = Tier::Enterprise.limits().requests();
    let (here, elsewhere) = ([process(&store, &time)], [process(&store, &time)]);
    let asked = |processes: &[LimitUse]| {
        pass(&time, 1);
        let of = |what: &str| store.content().calls.get(what).copied().unwrap_or(0);
        let before = (of("usage"), of("swap_usage"));
        assert_eq!(race_of(processes, 1, &windows), 1);
        (of("usage") - before.0, of("swap_usage") - before.1)
    };
    assert_eq!(asked(&here), (1, 1));
    for _ in 0..10 {
        assert_eq!(asked(&here), (0, 1), "alone");
    }
    assert_eq!(asked(&elsewhere), (1, 1));
    assert_eq!(asked(&here), (0, 2), "what it wrote no longer stands");
    for _ in 0..10 {
        assert_eq!(asked(&elsewhere), (1, 1), "by turns");
        assert_eq!(asked(&here), (1, 1), "by turns");
    }
    assert_eq!(asked(&here), (1, 1), "found as it was left");
    assert_eq!(asked(&here), (0, 1), "alone again");
    // And each was counted.
    let window = Window {
        limit: 1_000,
        seconds: 60,
    };
    let mut usage = store.content().usage["requests#asha"].clone();
    let (_, left) = usage.take(&[window], time.now(), 0);
    assert_eq!(left.unwrap().remaining, 1_000 - 35);
}

#[test]
fn over_a_limit_it_is_said_when_to_come_again() {
    let (store, time) = (Sockets::new(), time());
    let windows = Tier::Free.limits().requests();
    let limits = process(&store, &time);
    let take = || limits.take(USER, &windows).now_or_never().unwrap();
    let left = take().unwrap();
    assert_eq!((left.remaining, left.window.seconds), (24, 5));
    for _ in 0..24 {
        take().unwrap();
    }
    let body = take().unwrap_err().into_body();
    assert_eq!(body.code, ErrorCode::RequestsRate.code());
    assert_eq!(body.retry_after_ms, Some(6_000));
    // Others are not held up, nor what else is counted.
    let other = limits.take(Counted::Requests("ben"), &windows);
    assert!(other.now_or_never().unwrap().is_ok());
    let messages = limits.take(Counted::Messages("asha"), &windows);
    assert!(messages.now_or_never().unwrap().is_ok());
}

#[test]
fn a_check_that_cannot_run_denies() {
    let (store, time) = (Sockets::new(), time());
    let limits = process(&store, &time);
    let windows = Tier::Free.limits().requests();
    for down in ["usage", "swap_usage"] {
        store.content().down.insert(down);
        let fault = limits.take(USER, &windows).now_or_never().unwrap().unwrap_err();
        assert_eq!(fault.code(), Some(ErrorCode::Unavailable), "{down}");
        store.content().down.remove(down);
    }
    store.content().down.insert("access_epoch");
    let fault = limits
        .check_address("192.0.2.1")
        .now_or_never()
        .unwrap()
        .unwrap_err();
    assert_eq!(fault.code(), Some(ErrorCode::Unavailable));
}

#[test]
fn failed_attempts_ban_their_address_and_the_ban_lifts() {
    let (store, time) = (Sockets::new(), time());
    let (here, elsewhere) = (process(&store, &time), process(&store, &time));
    let address = "192.0.2.1";
    let check = |limits: &LimitUse, address: &str| {
        let checked = limits.check_address(address).now_or_never().unwrap();
        checked.map_err(|fault| fault.into_body())
    };
    assert!(check(&elsewhere, address).is_ok());
    let attempt = |limits: &LimitUse, why| limits.note_attempt(address, why).now_or_never().unwrap();
    // What nobody guesses by counts for nothing.
    for _ in 0..1_000 {
        attempt(&here, RefusedCode::TokenExpired);
        attempt(&here, RefusedCode::TokenMissing);
    }
    for _ in 0..attempts_per_minute_max {
        attempt(&here, RefusedCode::TokenForged);
        assert!(check(&here, address).is_ok());
    }
    attempt(&here, RefusedCode::TokenForged);
    let body = check(&here, address).unwrap_err();
    assert_eq!(body.code, ErrorCode::AttemptsRate.code());
    assert!(body.retry_after_ms.unwrap() > 299_000, "{body:?}");
    assert!(check(&here, "192.0.2.2").is_ok());
    assert_eq!(store.content().bans[0].of, Banned::Address(address.to_owned()));
    // Elsewhere within seconds.
    pass(&time, 3);
    assert!(check(&elsewhere, address).is_err());
    pass(&time, ban_s - 4);
    assert!(check(&elsewhere, address).is_err());
    pass(&time, 1);
    assert!(check(&elsewhere, address).is_ok() && check(&here, address).is_ok());
}

#[test]
fn in_the_seconds_after_a_rotation_an_office_is_not_shut_out() {
    let (store, time) = (Sockets::new(), time());
    let here = process(&store, &time);
    let address = "192.0.2.1";
    let come = |times: u32| {
        for _ in 0..times {
            let noted = here.note_attempt(address, RefusedCode::SigningKeyUnknown);
            noted.now_or_never().unwrap();
        }
        here.check_address(address).now_or_never().unwrap().is_ok()
    };
    // Four times as many as of other failures, within a minute; guessing is bounded all the same.
    assert!(come(unknown_keys_per_attempt * attempts_per_minute_max));
    assert!(!come(1));
}
