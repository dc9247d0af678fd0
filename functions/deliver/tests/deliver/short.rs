//! Who is sent less than all: over the tier's rate, short of posts, throttled, gone.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::{Value, json};
use tickwire_entitlements::Tier;
use tickwire_service::deliver_signals::Deliver;
use tickwire_service::testing_sockets::{House, PRICED, Passing, Post};
use tickwire_streams::PostQuota;
use tickwire_wire::DataFrame;

use crate::{
    BTC, NIFTY, NIFTY_PRICE, NONE, SMA, failures, house, house_within, items, register, register_as, run,
    tick,
};

#[test]
fn over_the_tier_s_rate_streams_are_conflated_and_nothing_is_lost() {
    let house = house();
    register_as(&house, "c1", Tier::Free, &[(BTC, 3, false)]);
    // A tenth of a minute's frames within 5 s.
    let most = Tier::Free.limits().stream_messages_per_minute_max / 10;
    let mut got: Vec<DataFrame> = Vec::new();
    let mut told = Vec::new();
    let mut receive = || {
        assert_eq!(failures(&house, &house.publications()), NONE);
        let frames = house.sockets.take_frames("c1");
        for frame in &frames {
            match serde_json::from_str::<Vec<DataFrame>>(frame) {
                Ok(items) => got.extend(items),
                Err(_) => told.push(serde_json::from_str::<Value>(frame).unwrap()),
            }
        }
        frames.len()
    };
    let mut sent = 0;
    for n in 0..2 * most {
        tick(&house, PRICED, f64::from(n + 1));
        sent += receive();
    }
    assert_eq!(sent, most as usize + 1, "and one that says so");
    house.store.advance(Duration::from_secs(6));
    tick(&house, PRICED, 0.5);
    assert_eq!(receive(), 1);
    for _ in 0..10 {
        tick(&house, PRICED, 0.5);
        receive();
    }
    assert_eq!(told, [json!({"downgraded": {"s": [3], "mode": "last"}})]);
    // One item stands for all that waited; the chain has no hole.
    let held = &got[most as usize];
    assert_eq!(held.n, Some(most));
    assert_eq!(held.d, Some(json!({"price": f64::from(2 * most)})));
    assert!(got.windows(2).all(|pair| pair[1].prev == pair[0].o), "{got:?}");
    assert_eq!(got.len(), most as usize + 12);
}

#[test]
fn no_minute_holds_more_frames_than_the_tier_has() {
    let house = house();
    register_as(&house, "c1", Tier::Free, &[(BTC, 3, false)]);
    let mut by_second = Vec::new();
    for n in 0..180 {
        let mut frames = 0;
        for _ in 0..12 {
            tick(&house, PRICED, f64::from(n + 1));
            assert_eq!(failures(&house, &house.publications()), NONE);
            frames += items_or_none(&house);
        }
        by_second.push(frames);
        house.store.advance(Duration::from_secs(1));
    }
    let most = Tier::Free.limits().stream_messages_per_minute_max as usize;
    let windows = by_second.windows(60).map(|minute| minute.iter().sum::<usize>());
    assert!(windows.clone().all(|frames| frames <= most), "{by_second:?}");
    assert!(windows.max() > Some(most * 8 / 10), "{by_second:?}");
    // Whoever is over it is sent something every few seconds.
    let silent = by_second.split(|frames| *frames > 0).map(<[usize]>::len).max();
    assert!(silent <= Some(6), "{by_second:?}");
}

/// How many frames of data came.
fn items_or_none(house: &House) -> usize {
    let frames = house.sockets.take_frames("c1");
    frames.iter().filter(|frame| frame.starts_with('[')).count()
}

/// What a client took of one stream: each item follows on the one before. How many signals.
fn take_whole(items: &[DataFrame], last: &mut Option<u64>) -> u32 {
    let mut signals = 0;
    for item in items {
        assert_eq!(item.prev.map(|o| o.0), *last, "a hole, or a repetition");
        *last = item.o.map(|o| o.0);
        signals += item.n.unwrap_or(1);
    }
    signals
}

#[test]
fn posts_that_are_short_are_shared_out_and_nothing_is_lost() {
    let quota = PostQuota {
        per_second: 4,
        burst: 4,
    };
    let house = house_within(Some(quota));
    let free: Vec<String> = (0..7).map(|n| format!("free-{n}")).collect();
    for connection in &free {
        register_as(&house, connection, Tier::Free, &[(BTC, 1, false)]);
    }
    register(&house, "paid", &[(BTC, 1, false), (SMA, 2, true)]);
    let mut stood = [None; 8];
    let (mut frames, mut signals) = ([0; 8], [0; 8]);
    let mut take = |house: &House| {
        let names = free.iter().map(String::as_str).chain(["paid"]);
        for (nth, connection) in names.enumerate() {
            frames[nth] += house.sockets.content().frames.get(connection).map_or(0, Vec::len);
            let mut items = items(house, connection);
            items.retain(|item| item.s == 1);
            signals[nth] += take_whole(&items, &mut stood[nth]);
        }
        (frames, signals)
    };
    let rounds = 21_u32;
    for round in 1..=rounds {
        house.store.advance(Duration::from_secs(1));
        tick(&house, PRICED, f64::from(round));
        assert_eq!(failures(&house, &house.publications()), NONE);
    }
    let (had, _) = take(&house);
    // The bucket begins empty, when it is first looked at.
    assert_eq!(had.iter().sum::<usize>(), 4 * (rounds as usize - 1), "{had:?}");
    assert_eq!(
        had[7],
        rounds as usize - 1,
        "it has a frame of each second: {had:?}"
    );
    assert!(had[..7].iter().all(|had| (8..=9).contains(had)), "{had:?}");
    assert!(house.deliver.stats().deferred.load(Relaxed) > 0);
    // Seven share three posts a round: nobody waits for more than three rounds.
    for more in 1..=3 {
        house.store.advance(Duration::from_secs(1));
        tick(&house, PRICED, f64::from(rounds + more));
        assert_eq!(failures(&house, &house.publications()), NONE);
    }
    let (_, signals) = take(&house);
    assert!(signals.iter().all(|signals| *signals >= rounds), "{signals:?}");
}

#[test]
fn two_processes_together_send_no_more_frames_than_the_tier_has() {
    let house = house();
    register_as(
        &house,
        "c1",
        Tier::Free,
        &[(BTC, 3, false), (NIFTY_PRICE, 4, false)],
    );
    let process = || {
        let deliver = Deliver::new(house.deliver_ports.clone(), house.placement.clone());
        deliver.counting_in(house.sockets.clone())
    };
    let of_group = [(PRICED, process()), (NIFTY, process())];
    let limits = Tier::Free.limits();
    let (mut sent, mut last) = (0, 0.0);
    for round in 0..600_u32 {
        house.store.advance(Duration::from_millis(100));
        for (name, deliver) in &of_group {
            last = f64::from(round + 1);
            tick(&house, name, last);
            assert_eq!(run(deliver.deliver(house.publications())), NONE);
            sent += house.sockets.take_frames("c1").len();
        }
    }
    let minute = limits.stream_messages_per_minute_max as usize;
    // Each tells once that streams are conflated.
    assert!((minute * 9 / 10..=minute * 12 / 10 + 2).contains(&sent), "{sent}");
    for (_, deliver) in &of_group {
        assert!(deliver.stats().held.load(Relaxed) > 0);
    }
    // Where frames cannot be counted they wait, and nothing is lost.
    house.store.advance(Duration::from_secs(70));
    house.sockets.content().down.insert("swap_usage");
    tick(&house, PRICED, last + 1.0);
    assert_eq!(run(of_group[0].1.deliver(house.publications())), NONE);
    assert_eq!(items_or_none(&house), 0);
    house.sockets.content().down.remove("swap_usage");
    tick(&house, PRICED, last + 2.0);
    assert_eq!(run(of_group[0].1.deliver(house.publications())), NONE);
    let items = items(&house, "c1");
    assert!(items[0].n > Some(1), "{items:?}");
    assert_eq!(items.last().unwrap().d, Some(json!({"price": last + 2.0})));
}

#[test]
fn a_frame_that_is_put_off_is_none_of_those_that_the_tier_has() {
    let quota = PostQuota {
        per_second: 1,
        burst: 1,
    };
    let house = house_within(Some(quota));
    register_as(&house, "free", Tier::Free, &[(BTC, 1, false)]);
    register(&house, "paid", &[(BTC, 1, false)]);
    for nth in 0..100_u32 {
        house.store.advance(Duration::from_millis(200));
        tick(&house, PRICED, f64::from(nth + 1));
        assert_eq!(failures(&house, &house.publications()), NONE);
    }
    let sent = house.sockets.take_frames("free").len();
    let stats = house.deliver.stats();
    assert!((1..=4).contains(&sent), "{sent}");
    assert!(stats.deferred.load(Relaxed) > 50);
    assert_eq!(
        stats.held.load(Relaxed),
        0,
        "it was sent few of those it may have"
    );
}

#[test]
fn what_is_read_late_waits_for_its_turn_too() {
    let house = house();
    let mut ports = house.deliver_ports.clone();
    ports.timer = Arc::new(Passing(house.store.clone()));
    let quota = PostQuota {
        per_second: 40,
        burst: 1,
    };
    let deliver = Deliver::new(ports, house.placement.clone()).within(Some(quota));
    register(&house, "late", &[(BTC, 1, false)]);
    tick(&house, PRICED, 1.0);
    house.store.advance(Duration::from_secs(10));
    // The bucket begins empty, and holds a post 25 ms later.
    assert_eq!(run(deliver.deliver(house.publications())), NONE);
    assert_eq!(items(&house, "late").len(), 1);
    assert_eq!(deliver.stats().deferred.load(Relaxed), 0);
}

#[test]
fn many_that_are_gone_delay_nobody_and_are_forgotten_by_and_by() {
    const GONE: u64 = 100;
    let house = house();
    register(&house, "here", &[(BTC, 1, false)]);
    for nth in 0..GONE {
        register(&house, &format!("gone-{nth}"), &[(BTC, 1, false)]);
    }
    house.sockets.on_post(|connection| match connection {
        "here" => Post::Taken,
        _ => Post::Gone,
    });
    house.sockets.pause_at_calls();
    let rows = |house: &House| house.sockets.content().connections.len();
    let mut posts = house.sockets.content().posts;
    let mut runs = 0_u32;
    while rows(&house) > 1 {
        runs += 1;
        tick(&house, PRICED, f64::from(runs));
        assert_eq!(failures(&house, &house.publications()), NONE);
        let expected = posts + 1 + if runs == 1 { GONE } else { 0 };
        posts = house.sockets.content().posts;
        assert_eq!(posts, expected, "it is not posted to again");
    }
    assert!(runs > 1, "a run does not wait for all of them");
    assert_eq!(house.deliver.stats().gone.load(Relaxed), GONE);
    assert_eq!(items(&house, "here").len(), runs as usize);
}

#[test]
fn who_is_throttled_gets_the_latest_later() {
    let house = house();
    for connection in ["busy", "other"] {
        register(&house, connection, &[(BTC, 1, false)]);
    }
    house.sockets.on_post(|connection| match connection {
        "busy" => Post::Throttled,
        _ => Post::Taken,
    });
    let posts = |house: &House| house.sockets.content().posts;
    tick(&house, PRICED, 1.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    let before = posts(&house);
    tick(&house, PRICED, 2.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    assert_eq!(posts(&house), before + 1, "it is left alone for a while");
    house.sockets.on_post(|_| Post::Taken);
    house.store.advance(Duration::from_millis(250));
    tick(&house, PRICED, 3.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    let (mut last, mut of_other) = (None, None);
    let conflated = items(&house, "busy");
    assert_eq!(conflated[0].n, Some(2), "{conflated:?}");
    assert_eq!(take_whole(&conflated, &mut last), 3);
    assert_eq!(take_whole(&items(&house, "other"), &mut of_other), 3);
    assert_eq!(last, of_other);
}
