//! Port `Connections`.

use std::time::Duration;

use tickwire_entitlements::{Identity, Proof, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{Clock as _, ConnectionRow, Connections, Owed, Subscriber, Subscription};
use tickwire_streams::Offset;

use super::world::{ManualClock, group};

fn subscription(key: &str, s: u32) -> Subscription {
    Subscription {
        key: key.into(),
        s,
        last: s.is_multiple_of(2),
    }
}

fn row(clock: &ManualClock, connection: &str, user: &str) -> ConnectionRow {
    ConnectionRow {
        connection: connection.into(),
        user: user.into(),
        tier: Tier::Standard,
        universe: "sim-test".parse().unwrap(),
        opened_at: clock.now(),
        expires_at: clock.now().saturating_add(7_200 * UnixNanos::PER_SECOND),
        request_id: 0,
        subscriptions: Vec::new(),
        owed: None,
        proof: Proof {
            id: "t1".to_owned(),
            issued_at: clock.now(),
        },
        left: [group("LEFT"), group("LEFT2")].into(),
        changes: Default::default(),
    }
}

fn subscriber(connection: &str, streams: u32) -> Subscriber {
    let subscriptions = (0..streams)
        .map(|s| subscription(&format!("public:NSE@NIFTY@IDX:{s}m:bars"), s))
        .collect();
    Subscriber {
        connection: connection.into(),
        identity: Identity {
            user: "asha".to_owned(),
            tier: Tier::Standard,
            expires_at: UnixNanos(i64::MAX),
            proof: Proof {
                id: "t1".to_owned(),
                issued_at: UnixNanos(7),
            },
        },
        subscriptions,
        behind: false,
    }
}

pub(crate) async fn rows_come_back(connections: &impl Connections, clock: &ManualClock) {
    assert_eq!(connections.connection("c1").await.unwrap(), None);
    let mut stored = row(clock, "c1", "u1");
    stored.subscriptions = vec![subscription("b", 2), subscription("a", 1)];
    stored.owed = Some(Owed {
        told_at: clock.now(),
        tops: [(2, Offset(1 << 40))].into(),
    });
    connections.open(&stored).await.unwrap();
    assert_eq!(connections.connection("c1").await.unwrap(), Some(stored));
}

pub(crate) async fn an_older_request_loses(connections: &impl Connections, clock: &ManualClock) {
    let first = row(clock, "c1", "u1");
    assert!(
        !connections.update(&first, 0).await.unwrap(),
        "nothing to replace"
    );
    connections.open(&first).await.unwrap();
    let at = |request_id: u64| ConnectionRow {
        request_id,
        subscriptions: vec![subscription("x", request_id as u32)],
        ..first.clone()
    };
    assert!(connections.update(&at(9), 0).await.unwrap());
    assert!(
        !connections.update(&at(10), 0).await.unwrap(),
        "another came first"
    );
    assert!(connections.update(&at(10), 9).await.unwrap());
    assert!(
        connections.update(&at(10), 9).await.unwrap(),
        "the same again: its answer was lost"
    );
    let other = ConnectionRow {
        subscriptions: Vec::new(),
        ..at(10)
    };
    assert!(
        !connections.update(&other, 9).await.unwrap(),
        "another change under the same id"
    );
    assert_eq!(connections.connection("c1").await.unwrap(), Some(at(10)));
}

pub(crate) async fn a_write_raises_the_version(connections: &impl Connections, _: &ManualClock) {
    let g = group("A");
    assert_eq!(connections.shard_version(&g, 0).await.unwrap(), 0);
    assert_eq!(connections.subscribers(&g, 0).await.unwrap(), []);
    connections
        .put_subscriber(&g, 0, &subscriber("c1", 2))
        .await
        .unwrap();
    connections
        .put_subscriber(&g, 0, &subscriber("c2", 200))
        .await
        .unwrap();
    assert_eq!(connections.shard_version(&g, 0).await.unwrap(), 2);
    assert_eq!(
        connections.subscribers(&g, 0).await.unwrap(),
        [subscriber("c1", 2), subscriber("c2", 200)]
    );
    connections
        .put_subscriber(&g, 0, &subscriber("c1", 0))
        .await
        .unwrap();
    assert_eq!(connections.shard_version(&g, 0).await.unwrap(), 3);
    assert_eq!(
        connections.subscribers(&g, 0).await.unwrap(),
        [subscriber("c2", 200)]
    );
    assert_eq!(connections.shard_version(&g, 1).await.unwrap(), 0);
    assert_eq!(connections.subscribers(&g, 1).await.unwrap(), []);
}

pub(crate) async fn writers_at_once_each_raise_it(connections: &impl Connections, _: &ManualClock) {
    let g = group("A");
    let subscribers: Vec<_> = (0..50).map(|n| subscriber(&format!("c{n}"), 200)).collect();
    let writes = subscribers.iter().map(|s| connections.put_subscriber(&g, 3, s));
    for written in futures_util::future::join_all(writes).await {
        written.unwrap();
    }
    assert_eq!(connections.shard_version(&g, 3).await.unwrap(), 50);
    assert_eq!(connections.subscribers(&g, 3).await.unwrap().len(), 50);
}

pub(crate) async fn behind_is_marked_once_and_only_on_what_stands(
    connections: &impl Connections,
    _: &ManualClock,
) {
    let g = group("A");
    connections
        .put_subscriber(&g, 0, &subscriber("c1", 1))
        .await
        .unwrap();
    for connection in ["c1", "c1", "never"] {
        connections.mark_behind(&g, 0, connection).await.unwrap();
    }
    assert_eq!(connections.shard_version(&g, 0).await.unwrap(), 1);
    let behind = Subscriber {
        behind: true,
        ..subscriber("c1", 1)
    };
    assert_eq!(connections.subscribers(&g, 0).await.unwrap(), [behind]);
    connections
        .put_subscriber(&g, 0, &subscriber("c1", 1))
        .await
        .unwrap();
    assert_eq!(
        connections.subscribers(&g, 0).await.unwrap(),
        [subscriber("c1", 1)]
    );
}

pub(crate) async fn an_end_forgets_everything(connections: &impl Connections, clock: &ManualClock) {
    let (a, b) = (group("A"), group("B"));
    connections.open(&row(clock, "c1", "u1")).await.unwrap();
    connections.open(&row(clock, "c2", "u1")).await.unwrap();
    for (g, shard) in [(&a, 0), (&b, 1)] {
        connections
            .put_subscriber(g, shard, &subscriber("c1", 1))
            .await
            .unwrap();
        connections
            .put_subscriber(g, shard, &subscriber("c2", 1))
            .await
            .unwrap();
    }
    for _ in 0..2 {
        connections
            .close("c1", &[(a.clone(), 0), (b.clone(), 1)])
            .await
            .unwrap();
    }
    assert_eq!(connections.connection("c1").await.unwrap(), None);
    assert_eq!(connections.count("u1").await.unwrap(), 1);
    for (g, shard) in [(&a, 0), (&b, 1)] {
        assert_eq!(
            connections.subscribers(g, shard).await.unwrap(),
            [subscriber("c2", 1)]
        );
        assert!(connections.shard_version(g, shard).await.unwrap() > 2);
    }
    connections.close("never", &[]).await.unwrap();
}

pub(crate) async fn a_users_connections_are_counted(connections: &impl Connections, clock: &ManualClock) {
    assert_eq!(connections.count("u1").await.unwrap(), 0);
    for (connection, user) in [("c1", "u1"), ("c2", "u1"), ("c3", "u2"), ("c1", "u1")] {
        connections.open(&row(clock, connection, user)).await.unwrap();
    }
    assert_eq!(connections.count("u1").await.unwrap(), 2);
    connections.close("c1", &[]).await.unwrap();
    assert_eq!(connections.count("u1").await.unwrap(), 1);
    // An end that was never told.
    clock.pass(Duration::from_secs(7_201));
    assert_eq!(connections.count("u1").await.unwrap(), 0);
}

pub(crate) async fn streams_are_taken_out_and_others_stay(
    connections: &impl Connections,
    clock: &ManualClock,
) {
    let group = group("DROP");
    let all = [subscription("a", 1), subscription("b", 2), subscription("c", 3)];
    let mut stored = row(clock, "c1", "u1");
    stored.subscriptions = all.to_vec();
    connections.open(&stored).await.unwrap();
    let mut there = subscriber("c1", 0);
    there.subscriptions = all.to_vec();
    connections.put_subscriber(&group, 0, &there).await.unwrap();
    let before = connections.shard_version(&group, 0).await.unwrap();
    let keys = ["a".to_owned(), "c".to_owned(), "other".to_owned()];
    connections.drop_streams(&group, 0, "c1", &keys).await.unwrap();
    stored.subscriptions = vec![all[1].clone()];
    there.subscriptions = stored.subscriptions.clone();
    assert_eq!(connections.connection("c1").await.unwrap(), Some(stored));
    assert_eq!(connections.subscribers(&group, 0).await.unwrap(), [there]);
    assert!(connections.shard_version(&group, 0).await.unwrap() > before);
    // Nothing is made where nothing was.
    connections.drop_streams(&group, 0, "c2", &keys).await.unwrap();
    assert_eq!(connections.connection("c2").await.unwrap(), None);
    assert_eq!(connections.connections_of("u1").await.unwrap(), ["c1"]);
    assert_eq!(connections.connections_of("u").await.unwrap(), [""; 0]);
}
