//! A log restored from a backup: as `infra/README.md` says, with another epoch.

use tickwire_market::{Tick, UnixNanos};
use tickwire_service::ports::{Enqueue as _, Outgoing, Queue};
use tickwire_service::testing_sockets::{House, NOW, PRICED};
use tickwire_wire::{Sender, ticks_message};

use super::world::{BTC, client, deliver, greeted, instrument, replay, run, subscribe, tick};

/// Another house with the tables of `house` as they are now, and every group's epoch minted anew.
/// Connections and tickets begin empty; nobody has anything in memory.
fn restored(house: &House) -> House {
    let restored = House::new();
    {
        let from = house.store.content();
        let mut to = restored.store.content();
        to.tables.clone_from(&from.tables);
        for row in to.tables.groups.values_mut() {
            row.epoch = "0f0f0f0f".to_owned();
        }
    }
    assert_eq!(replay(&restored, "socket-connect", None).0, 200);
    assert_eq!(replay(&restored, "socket-hello", None).0, 200);
    restored
}

/// Ticks under a greater epoch of the source: what was sent after the backup is sent again,
/// and it need not be the same. `from` is how many were.
fn send(house: &House, from: u64, prices: &[f64]) {
    let group = house.group_of(&instrument(PRICED));
    for (seq, price) in (from..).zip(prices) {
        let time = NOW.saturating_add((100 + seq as i64) * UnixNanos::PER_SECOND);
        let tick = Tick::at(instrument(PRICED), time, *price);
        let sender = Sender {
            group: &group,
            source: "feed",
            epoch: 2,
            seq,
            sent: time,
        };
        let message = Outgoing {
            group: group.to_string(),
            deduplication: format!("again:{seq}"),
            body: ticks_message(&sender, [&tick]),
        };
        run(house.process.send(Queue::Ticks, message)).unwrap();
        run(house.fold());
    }
}

#[test]
fn a_client_of_the_lost_log_takes_a_snapshot_and_goes_on() {
    let house = greeted();
    let mut client = client();
    subscribe(&house, &mut client, &[(1, BTC)], "full");
    for n in 1..=5 {
        tick(&house, PRICED, f64::from(n));
    }
    deliver(&house, &mut client);
    let backup = restored(&house);
    // The backup is of now; this is lost, but not to the client.
    for n in 6..=9 {
        tick(&house, PRICED, f64::from(n));
    }
    deliver(&house, &mut client);
    let before = client.streams[&1].epoch.clone();
    assert_eq!(
        (client.streams[&1].signals(), client.streams[&1].has_hole()),
        (9, false)
    );

    // It asks for what came after its ninth, with an offset that the restored log has not or
    // gave to something else.
    for others in [0, 2, 4, 7] {
        let house = restored(&backup);
        send(
            &house,
            0,
            &[60.0, 70.0, 80.0, 90.0, 100.0, 110.0, 120.0][..others],
        );
        let _ = house.publications();
        let mut client = client.clone();
        let snapshots = client.streams[&1].snapshots;
        let verdict = subscribe(&house, &mut client, &[(1, BTC)], "full").remove(0);
        assert_eq!(verdict.recovered, Some(false), "never a part of another log");
        assert_eq!(verdict.epoch.as_deref(), Some("0f0f0f0f"));
        assert_ne!(verdict.epoch, before);
        let stream = &client.streams[&1];
        assert_eq!((stream.snapshots, stream.signals()), (snapshots + 1, 0));
        assert_eq!(stream.chain.last(), verdict.top);
        assert_eq!(stream.taken, Vec::from_iter(verdict.top));

        // From there on it is one chain, also over a resume.
        send(&house, others as u64, &[201.0, 202.0, 203.0]);
        deliver(&house, &mut client);
        assert_eq!(
            (client.streams[&1].signals(), client.streams[&1].has_hole()),
            (3, false)
        );
        let verdict = subscribe(&house, &mut client, &[(1, BTC)], "full").remove(0);
        assert_eq!(
            (verdict.recovered, verdict.top),
            (Some(true), client.streams[&1].chain.last())
        );
        assert_eq!(house.store.content().violations, Vec::<String>::new());
    }
}
