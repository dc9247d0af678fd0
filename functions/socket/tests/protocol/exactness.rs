//! Whatever is lost on the way, a client that resumes ends with every signal once and in order, or is
//! told by an item how many it stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use super::client::Client;
use futures_util::FutureExt as _;
use proptest::prelude::*;
use tickwire_entitlements::Tier;
use tickwire_market::InstrumentKey;
use tickwire_service::ports::Groups as _;
use tickwire_service::testing::{Fault, by_turns};
use tickwire_service::testing_sockets::{House, Post};
use tickwire_streams::{Offset, StreamKey};
use tickwire_wire::{PlanRow, decode};

const CONNECTION: &str = "c1";
/// Three instruments of two groups; the third stream is computed.
const STREAMS: [(u32, &str); 3] = [
    (1, "public:BINANCE@BTCUSDT@SPOT:tick:price"),
    (2, "public:NSE@NIFTY@IDX:tick:price"),
    (3, "common:BINANCE@BTCUSDT@SPOT:tick:sma(close,2)"),
];
const INSTRUMENTS: [&str; 2] = ["BINANCE@BTCUSDT@SPOT", "NSE@NIFTY@IDX"];

#[derive(Clone, Debug)]
enum Step {
    /// A tick of an instrument, folded at once or later.
    Tick(usize),
    Fold,
    /// What was published is delivered, and becomes of the posts what is said.
    Deliver(Vec<Post>),
    /// It was published, and never delivered.
    Drop,
    /// Delivered twice.
    Again,
    Subscribe(Vec<usize>),
    Unsubscribe(usize),
    /// Time passes, so that the next commit writes the latest row.
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let post = prop_oneof![
        6 => Just(Post::Taken),
        2 => Just(Post::Throttled),
        1 => Just(Post::Lost),
        1 => Just(Post::Never),
    ];
    let step = prop_oneof![
        6 => (0..INSTRUMENTS.len()).prop_map(Step::Tick),
        3 => Just(Step::Fold),
        4 => prop::collection::vec(post, 1..4).prop_map(Step::Deliver),
        1 => Just(Step::Drop),
        1 => Just(Step::Again),
        2 => prop::collection::vec(0..STREAMS.len(), 1..4).prop_map(Step::Subscribe),
        1 => (0..STREAMS.len()).prop_map(Step::Unsubscribe),
        1 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    // A budget that runs out takes turns; nothing else waits.
    by_turns(
        vec![Box::pin(future) as Pin<Box<dyn Future<Output = T> + '_>>],
        |_| 0,
        100_000,
    )
    .remove(0)
    .expect("it ends")
}

fn instrument(text: &str) -> InstrumentKey {
    text.parse().unwrap()
}

fn house() -> (House, Client) {
    let house = House::new();
    for name in INSTRUMENTS {
        run(house.know(&instrument(name), &[StreamKey::price(instrument(name))])).unwrap();
    }
    let key: StreamKey = STREAMS[2].1.parse().unwrap();
    run(house.know(&instrument(INSTRUMENTS[0]), &[key])).unwrap();
    run(house.connect(CONNECTION, Tier::Premium));
    (
        house,
        Client {
            id: 1,
            ..Client::default()
        },
    )
}

/// Offsets of each stream in the log, in order.
fn logged(house: &House) -> BTreeMap<&'static str, Vec<Offset>> {
    let mut logged: BTreeMap<&'static str, Vec<Offset>> = BTreeMap::new();
    for name in INSTRUMENTS {
        let group = house.group_of(&instrument(name));
        let (_, bytes) = run(house.process.plan(&group)).unwrap().unwrap();
        let plan: PlanRow = decode(&bytes).unwrap();
        for (number, segment) in house.store.content().segments(&group) {
            for signal in segment.signals(number) {
                let key = &plan.streams[signal.stream as usize];
                let Some((_, key)) = STREAMS.iter().find(|(_, stream)| stream == key) else {
                    continue;
                };
                logged.entry(key).or_default().push(signal.offset);
            }
        }
    }
    logged
}

fn subscribe(house: &House, client: &mut Client, places: &[usize], mode: &str) -> bool {
    let places: BTreeSet<usize> = places.iter().copied().collect();
    let wanted: Vec<_> = places.into_iter().map(|place| STREAMS[place]).collect();
    let request = client.subscribe(&wanted, mode);
    let reply = run(house.subscriptions.request(CONNECTION, &request));
    // Frames may overtake the reply, and do.
    client.frames(&house.sockets.take_frames(CONNECTION));
    client.reply(&reply).iter().any(|verdict| verdict.more)
}

/// Nothing is lost any longer, and the client asks for what it misses.
fn settle(house: &House, client: &mut Client, mode: &str) {
    house.sockets.on_post(|_| Post::Taken);
    run(house.fold());
    assert_eq!(run(house.deliver_all()), Vec::<String>::new());
    client.frames(&house.sockets.take_frames(CONNECTION));
    let all: Vec<usize> = (0..STREAMS.len()).collect();
    for _ in 0..20 {
        if !subscribe(house, client, &all, mode) {
            return;
        }
    }
    panic!("the client never catches up");
}

/// What the server may let one item stand for.
#[derive(Clone, Copy, PartialEq)]
enum Items {
    /// One signal each.
    Full,
    /// One signal each, but for a connection that is left alone for a while.
    FullButThrottled,
    Last,
}

fn check_end(house: &House, client: &Client, items: Items) {
    let logged = logged(house);
    for (s, key) in STREAMS {
        let stream = &client.streams[&s];
        let all = logged.get(key).map_or(&[][..], Vec::as_slice);
        assert!(!stream.has_hole(), "{key}");
        assert_eq!(
            stream.chain.last(),
            all.last().copied(),
            "{key}: the client is at the top"
        );
        // From the snapshot on; or all, where it said that there was nothing yet.
        let first = stream.taken.first().filter(|_| stream.began_with_value);
        let missed: Vec<Offset> = all
            .iter()
            .copied()
            .filter(|offset| first.is_none_or(|first| offset >= first))
            .collect();
        if items == Items::Full {
            assert_eq!(stream.taken, missed, "{key}: every signal once, in order");
        }
        let place = |offset: &Offset| missed.iter().position(|logged| logged == offset);
        let places: Vec<usize> = stream.taken.iter().filter_map(place).collect();
        assert_eq!(
            places.len(),
            stream.taken.len(),
            "{key}: what was taken is in the log"
        );
        // What came before the first item, which is the snapshot's where there is one.
        let began: Vec<isize> = if first.is_some() { vec![] } else { vec![-1] };
        let places: Vec<isize> = began
            .into_iter()
            .chain(places.iter().map(|place| *place as isize))
            .collect();
        for (pair, stands_for) in places.windows(2).zip(&stream.stand_for) {
            let reached = pair[1] - pair[0];
            // An item may reach back over what is known.
            let is_told = reached > 0 && reached <= *stands_for as isize;
            assert!(
                is_told,
                "{key}: {reached} signals, and the item says {stands_for}"
            );
            assert!(items != Items::Full || *stands_for == 1, "{key}");
        }
    }
}

fn act(house: &House, client: &mut Client, step: &Step, mode: &str, price: &mut f64) {
    match step {
        Step::Tick(which) => {
            *price += 1.0;
            run(house.tick(&instrument(INSTRUMENTS[*which]), *price)).unwrap();
        }
        Step::Fold => run(house.fold()),
        Step::Deliver(posts) => {
            let mut posts = posts.clone().into_iter().cycle();
            house
                .sockets
                .on_post(move |_| posts.next().unwrap_or(Post::Taken));
            assert_eq!(
                run(house.deliver_all()),
                Vec::<String>::new(),
                "no message fails because of a connection"
            );
            house.sockets.on_post(|_| Post::Taken);
            client.frames(&house.sockets.take_frames(CONNECTION));
        }
        Step::Drop => drop(house.publications()),
        Step::Again => {
            let publications = house.publications();
            for _ in 0..2 {
                assert_eq!(
                    run(house.deliver.deliver(publications.clone())),
                    Vec::<String>::new()
                );
            }
            client.frames(&house.sockets.take_frames(CONNECTION));
        }
        Step::Subscribe(places) => {
            subscribe(house, client, places, mode);
        }
        Step::Unsubscribe(place) => {
            client.id += 1;
            let request = format!(
                r#"{{"id":{},"op":"unsubscribe","s":[{}]}}"#,
                client.id, STREAMS[*place].0
            );
            let reply = run(house.subscriptions.request(CONNECTION, &request));
            assert!(reply.contains("\"ok\""), "{reply}");
        }
        Step::Wait => house.store.advance(std::time::Duration::from_secs(2)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_signal_once_in_order(steps in steps(), last in any::<bool>()) {
        let mode = if last { "last" } else { "full" };
        let (house, mut client) = house();
        let mut price = 100.0;
        for step in &steps {
            act(&house, &mut client, step, mode, &mut price);
        }
        settle(&house, &mut client, mode);
        let is_throttled = |step: &Step| matches!(step, Step::Deliver(posts) if posts.contains(&Post::Throttled));
        let items = match (last, steps.iter().any(is_throttled)) {
            (true, _) => Items::Last,
            (false, true) => Items::FullButThrottled,
            (false, false) => Items::Full,
        };
        check_end(&house, &client, items);
    }

    /// A subscribe, commits and deliveries at the same time, call by call in any order.
    #[test]
    fn nothing_falls_between_reading_and_delivering(turns in prop::collection::vec(0usize..8, 0..400), ticks in 1usize..12) {
        let (house, mut client) = house();
        for nth in 0..ticks {
            run(house.tick(&instrument(INSTRUMENTS[nth % 2]), 1.0 + nth as f64)).unwrap();
        }
        run(house.fold());
        house.process.set_script(|_| Some(Fault::Pause));
        house.sockets.pause_at_calls();
        let all: Vec<_> = STREAMS.to_vec();
        let request = client.subscribe(&all, "full");
        let reply = async { Some(house.subscriptions.request(CONNECTION, &request).await) };
        let feed = async {
            for nth in 0..ticks {
                house.tick(&instrument(INSTRUMENTS[nth % 2]), 50.0 + nth as f64).await.unwrap();
                house.fold().await;
                assert_eq!(house.deliver_all().await, Vec::<String>::new());
            }
            None
        };
        let mut chosen = turns.into_iter().chain(std::iter::repeat(0));
        let futures: Vec<Pin<Box<dyn Future<Output = Option<String>> + '_>>> = vec![Box::pin(reply), Box::pin(feed)];
        let mut ended = by_turns(futures, |_| chosen.next().unwrap_or(0), 100_000);
        let reply = ended.remove(0).flatten().expect("the subscribe ends");
        prop_assert!(ended.remove(0).is_some(), "the feed ends");
        house.process.set_script(|_| None);
        client.frames(&house.sockets.take_frames(CONNECTION));
        client.reply(&reply);
        // Without a resume: what was registered before the log was read misses nothing.
        check_end(&house, &client, Items::Full);
        // Requests may be sent before the last is answered; ids say which counts.
        let overtaken = house.subscriptions.request(CONNECTION, &request);
        prop_assert!(overtaken.now_or_never().is_none_or(|reply| reply.contains("request_stale")));
    }
}
