//! Port `Connections`.

use std::time::Duration;

use tickwire_entitlements::{Proof, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{
    Clock as _, ConnectionRow, Connections, Owed, SHARD_CHANGES_MAX, SUBSCRIBERS_PER_UPDATE_MAX, Subscribed,
    Subscriber, Subscription,
};
use tickwire_streams::{GroupKey, Offset};

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

fn subscribed(group: &GroupKey, shard: u16, streams: u32) -> Subscribed {
    let streams = (0..streams).map(|s| subscription(&format!("public:NSE@NIFTY@IDX:{s}m:bars"), s));
    Subscribed {
        group: group.clone(),
        shard,
        subscriptions: streams.collect(),
    }
}

/// Gives a connection of user `u1` so many streams in a shard; returns the subscriber that it is there.
async fn subscribe(
    connections: &impl Connections,
    clock: &ManualClock,
    connection: &str,
    (group, shard): (&GroupKey, u16),
    streams: u32,
) -> Subscriber {
    if connections.connection(connection).await.unwrap().is_none() {
        connections.open(&row(clock, connection, "u1")).await.unwrap();
    }
    let mut row = connections.connection(connection).await.unwrap().unwrap();
    let was = row.request_id;
    row.request_id += 1;
    let there = subscribed(group, shard, streams);
    let written = connections.update(&row, was, std::slice::from_ref(&there)).await;
    assert!(written.unwrap());
    row.subscriber(&there.subscriptions)
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
        !connections.update(&first, 0, &[]).await.unwrap(),
        "nothing to replace"
    );
    connections.open(&first).await.unwrap();
    let at = |request_id: u64| ConnectionRow {
        request_id,
        subscriptions: vec![subscription("x", request_id as u32)],
        ..first.clone()
    };
    assert!(connections.update(&at(9), 0, &[]).await.unwrap());
    assert!(
        !connections.update(&at(10), 0, &[]).await.unwrap(),
        "another came first"
    );
    assert!(connections.update(&at(10), 9, &[]).await.unwrap());
    assert!(
        connections.update(&at(10), 9, &[]).await.unwrap(),
        "the same again: its answer was lost"
    );
    let other = ConnectionRow {
        subscriptions: Vec::new(),
        ..at(10)
    };
    assert!(
        !connections.update(&other, 9, &[]).await.unwrap(),
        "another change under the same id"
    );
    assert_eq!(connections.connection("c1").await.unwrap(), Some(at(10)));
}

pub(crate) async fn a_row_goes_with_its_subscribers_or_not_at_all(
    connections: &impl Connections,
    clock: &ManualClock,
) {
    let groups: Vec<GroupKey> = (0..SUBSCRIBERS_PER_UPDATE_MAX)
        .map(|n| group(&format!("G{n}")))
        .collect();
    let everywhere: Vec<Subscribed> = groups.iter().map(|g| subscribed(g, 0, 2)).collect();
    let first = row(clock, "c1", "u1");
    let second = ConnectionRow {
        request_id: 1,
        ..first.clone()
    };
    let stands = async |request_id: Option<u64>, subscribers: usize| {
        let row = connections.connection("c1").await.unwrap();
        assert_eq!(row.map(|row| row.request_id), request_id);
        for g in [&groups[0], &groups[SUBSCRIBERS_PER_UPDATE_MAX - 1]] {
            assert_eq!(connections.subscribers(g, 0).await.unwrap().len(), subscribers);
            let version = connections.shard_version(g, 0).await.unwrap();
            assert_eq!(version.version > 0, subscribers > 0);
        }
    };
    assert!(!connections.update(&second, 0, &everywhere).await.unwrap());
    stands(None, 0).await;
    connections.open(&first).await.unwrap();
    assert!(!connections.update(&second, 5, &everywhere).await.unwrap());
    stands(Some(0), 0).await;
    assert!(connections.update(&second, 0, &everywhere).await.unwrap());
    stands(Some(1), 1).await;
    // What does not go with a row goes behind it.
    assert!(
        connections
            .update(&second, 1, &[subscribed(&groups[1], 0, 0)])
            .await
            .unwrap()
    );
    assert_eq!(connections.subscribers(&groups[1], 0).await.unwrap(), []);
    stands(Some(1), 1).await;
}

pub(crate) async fn a_write_raises_the_version(connections: &impl Connections, clock: &ManualClock) {
    let g = group("A");
    assert_eq!(connections.shard_version(&g, 0).await.unwrap().version, 0);
    assert_eq!(connections.subscribers(&g, 0).await.unwrap(), []);
    let first = subscribe(connections, clock, "c1", (&g, 0), 2).await;
    let second = subscribe(connections, clock, "c2", (&g, 0), 200).await;
    assert_eq!(connections.shard_version(&g, 0).await.unwrap().version, 2);
    assert_eq!(
        connections.subscribers(&g, 0).await.unwrap(),
        [first, second.clone()]
    );
    subscribe(connections, clock, "c1", (&g, 0), 0).await;
    assert_eq!(connections.shard_version(&g, 0).await.unwrap().version, 3);
    assert_eq!(connections.subscribers(&g, 0).await.unwrap(), [second]);
    assert_eq!(connections.shard_version(&g, 1).await.unwrap().version, 0);
    assert_eq!(connections.subscribers(&g, 1).await.unwrap(), []);
}

pub(crate) async fn a_version_names_who_changed_lately(connections: &impl Connections, clock: &ManualClock) {
    let g = group("A");
    let read = async || connections.shard_version(&g, 0).await.unwrap();
    let none = read().await;
    let mut rows = Vec::new();
    for name in ["c1", "c2"] {
        rows.push(subscribe(connections, clock, name, (&g, 0), 2).await);
    }
    let two = read().await;
    assert_eq!(two.changed_since(&none).unwrap(), ["c1", "c2"]);
    assert_eq!(two.changed_since(&two).unwrap(), [""; 0]);
    subscribe(connections, clock, "c2", (&g, 0), 0).await;
    subscribe(connections, clock, "c3", (&g, 1), 1).await;
    assert_eq!(read().await.changed_since(&two).unwrap(), ["c2"]);
    // Those that are no subscribers there are left out.
    let named = ["c1", "c2", "c3", "never"].map(str::to_owned);
    let found = connections.subscribers_of(&g, 0, &named).await.unwrap();
    assert_eq!(found, rows[..1]);
    assert_eq!(connections.subscribers_of(&g, 0, &[]).await.unwrap(), []);
    // A close is a change too.
    let before = read().await;
    connections.close("c1", &[(g.clone(), 0)]).await.unwrap();
    assert_eq!(read().await.changed_since(&before).unwrap(), ["c1"]);
    // The oldest are forgotten, which is told; the newest are not.
    let mut versions = vec![read().await];
    for n in 0..2 * SHARD_CHANGES_MAX {
        subscribe(connections, clock, &format!("d{n:03}"), (&g, 0), 1).await;
        versions.push(read().await);
    }
    let last = versions.last().unwrap();
    assert!(
        last.changes.len() <= SHARD_CHANGES_MAX + 8,
        "{}",
        last.changes.len()
    );
    assert_eq!(last.changed_since(&versions[0]), None);
    let some = last.changed_since(&versions[2 * SHARD_CHANGES_MAX - 3]).unwrap();
    assert_eq!(some, ["d061", "d062", "d063"]);
    for (n, earlier) in versions.iter().enumerate() {
        if let Some(named) = last.changed_since(earlier) {
            let changed: Vec<_> = (n..2 * SHARD_CHANGES_MAX).map(|n| format!("d{n:03}")).collect();
            assert_eq!(named, changed);
        }
    }
}

pub(crate) async fn writers_at_once_each_raise_it(connections: &impl Connections, clock: &ManualClock) {
    let g = group("A");
    let names: Vec<String> = (0..50).map(|n| format!("c{n}")).collect();
    let writes = names
        .iter()
        .map(|name| subscribe(connections, clock, name, (&g, 3), 200));
    futures_util::future::join_all(writes).await;
    assert_eq!(connections.shard_version(&g, 3).await.unwrap().version, 50);
    assert_eq!(connections.subscribers(&g, 3).await.unwrap().len(), 50);
}

pub(crate) async fn behind_is_marked_once_and_only_on_what_stands(
    connections: &impl Connections,
    clock: &ManualClock,
) {
    let g = group("A");
    let fresh = subscribe(connections, clock, "c1", (&g, 0), 1).await;
    for connection in ["c1", "c1", "never"] {
        connections.mark_behind(&g, 0, connection).await.unwrap();
    }
    assert_eq!(connections.shard_version(&g, 0).await.unwrap().version, 1);
    let behind = Subscriber {
        behind: true,
        ..fresh.clone()
    };
    assert_eq!(connections.subscribers(&g, 0).await.unwrap(), [behind]);
    subscribe(connections, clock, "c1", (&g, 0), 1).await;
    assert_eq!(connections.subscribers(&g, 0).await.unwrap(), [fresh]);
}

pub(crate) async fn an_end_forgets_everything(connections: &impl Connections, clock: &ManualClock) {
    let (a, b) = (group("A"), group("B"));
    let mut stays = Vec::new();
    for (g, shard) in [(&a, 0), (&b, 1)] {
        subscribe(connections, clock, "c1", (g, shard), 1).await;
        stays.push(subscribe(connections, clock, "c2", (g, shard), 1).await);
    }
    for _ in 0..2 {
        connections
            .close("c1", &[(a.clone(), 0), (b.clone(), 1)])
            .await
            .unwrap();
    }
    assert_eq!(connections.connection("c1").await.unwrap(), None);
    assert_eq!(count(connections, "u1").await, 1);
    for ((g, shard), stays) in [(&a, 0), (&b, 1)].into_iter().zip(stays) {
        assert_eq!(connections.subscribers(g, shard).await.unwrap(), [stays]);
        assert!(connections.shard_version(g, shard).await.unwrap().version > 2);
    }
    connections.close("never", &[]).await.unwrap();
}

pub(crate) async fn nothing_is_written_once_a_close_has_begun(
    connections: &impl Connections,
    clock: &ManualClock,
) {
    let (a, b) = (group("A"), group("B"));
    assert_eq!(connections.begin_close("c1").await.unwrap(), None);
    subscribe(connections, clock, "c1", (&a, 0), 2).await;
    let stands = connections.connection("c1").await.unwrap().unwrap();
    for _ in 0..2 {
        let closing = connections.begin_close("c1").await.unwrap();
        assert_eq!(closing.as_ref(), Some(&stands));
    }
    assert_eq!(connections.connection("c1").await.unwrap(), None);
    for request_id in [stands.request_id, stands.request_id + 1] {
        let next = ConnectionRow {
            request_id,
            ..stands.clone()
        };
        for shards in [vec![], vec![subscribed(&b, 0, 1)]] {
            let written = connections.update(&next, stands.request_id, &shards).await;
            assert!(!written.unwrap(), "{request_id} {}", shards.len());
        }
    }
    assert_eq!(connections.subscribers(&b, 0).await.unwrap(), []);
    assert_eq!(count(connections, "u1").await, 1, "until it is closed");
    connections.close("c1", &[(a.clone(), 0)]).await.unwrap();
    assert_eq!(connections.begin_close("c1").await.unwrap(), None);
    assert_eq!(connections.subscribers(&a, 0).await.unwrap(), []);
    assert_eq!(count(connections, "u1").await, 0);
}

async fn count(connections: &impl Connections, user: &str) -> usize {
    connections.connections_of(user).await.unwrap().len()
}

pub(crate) async fn a_users_connections_are_counted(connections: &impl Connections, clock: &ManualClock) {
    assert_eq!(count(connections, "u1").await, 0);
    for (connection, user) in [("c1", "u1"), ("c2", "u1"), ("c3", "u2"), ("c1", "u1")] {
        connections.open(&row(clock, connection, user)).await.unwrap();
    }
    assert_eq!(count(connections, "u1").await, 2);
    connections.close("c1", &[]).await.unwrap();
    assert_eq!(count(connections, "u1").await, 1);
    // An end that was never told.
    clock.pass(Duration::from_secs(7_201));
    assert_eq!(count(connections, "u1").await, 0);
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
    let everything = Subscribed {
        group: group.clone(),
        shard: 0,
        subscriptions: all.to_vec(),
    };
    assert!(connections.update(&stored, 0, &[everything]).await.unwrap());
    let before = connections.shard_version(&group, 0).await.unwrap();
    let keys = ["a".to_owned(), "c".to_owned(), "other".to_owned()];
    connections.drop_streams(&group, 0, "c1", &keys).await.unwrap();
    stored.subscriptions = vec![all[1].clone()];
    // Were it cut short here, whoever changes or closes the connection finds the subscriber.
    stored.left.insert(group.clone());
    let there = stored.subscriber(&stored.subscriptions);
    let named = stored.of_user();
    assert_eq!(connections.connection("c1").await.unwrap(), Some(stored));
    assert_eq!(connections.subscribers(&group, 0).await.unwrap(), [there]);
    let after = connections.shard_version(&group, 0).await.unwrap();
    assert!(after.version > before.version);
    assert_eq!(after.changed_since(&before).unwrap(), ["c1"]);
    // Nothing is made where nothing was.
    connections.drop_streams(&group, 0, "c2", &keys).await.unwrap();
    assert_eq!(connections.connection("c2").await.unwrap(), None);
    assert_eq!(connections.connections_of("u1").await.unwrap(), [named]);
    assert_eq!(connections.connections_of("u").await.unwrap(), []);
}
