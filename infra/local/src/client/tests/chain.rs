//! What is taken of a stream, and in which order.

use super::*;

#[test]
fn signals_are_taken_once_and_in_order() {
    let mut table = Table::at_ten();
    table.signal(11, 10);
    table.signal(11, 10);
    table.signal(13, 12);
    table.signal(13, 12);
    table.signal(12, 11);
    table.snapshot(Some(12));
    assert_eq!(table.offsets(), [10, 11, 12, 13]);
    let counts = table.session.counts();
    assert_eq!(
        (
            counts.signals,
            counts.duplicated,
            counts.out_of_order,
            counts.holes
        ),
        (3, 2, 1, 1)
    );
    assert_eq!(
        (counts.overlapped, counts.lost, table.session.open_holes()),
        (1, 0, 0)
    );
    table.wait(Duration::from_secs(10));
    table.quiet();
}

#[test]
fn what_overlaps_a_subscribe_is_no_duplicate() {
    let mut table = Table::new(&[STREAM]);
    let request = table.request("subscribe");
    table.signal(11, 10);
    table.snapshot(Some(11));
    table.verdict(&request, &json!({"epoch": "k1", "top": 11}));
    table.signal(12, 11);
    assert_eq!(table.offsets(), [11, 12]);
    let counts = table.session.counts();
    assert_eq!((counts.overlapped, counts.duplicated, counts.holes), (1, 0, 0));
}

#[test]
fn a_hole_is_waited_for_and_then_resumed() {
    let mut table = Table::at_ten();
    table.signal(12, 11);
    table.wait(hole_wait - Duration::from_millis(1));
    table.quiet();
    table.wait(Duration::from_millis(1));
    let request = table.request("subscribe");
    assert_eq!(
        request["streams"][0]["since"],
        json!({"epoch": "k1", "offset": 10})
    );
    table.verdict(&request, &json!({"epoch": "k1", "top": 12, "recovered": true}));
    table.signal(11, 10);
    table.signal(12, 11);
    assert_eq!(table.offsets(), [10, 11, 12]);
    let counts = table.session.counts();
    assert_eq!(
        (
            counts.resumes,
            counts.lost,
            counts.duplicated,
            counts.out_of_order
        ),
        (1, 0, 0, 0)
    );
    table.wait(Duration::from_secs(20));
    table.quiet();
}

#[test]
fn a_resume_that_does_not_fill_the_hole_is_asked_for_again() {
    let mut table = Table::at_ten();
    table.signal(12, 11);
    for _ in 0..3 {
        table.wait(hole_wait);
        let request = table.request("subscribe");
        table.verdict(&request, &json!({"epoch": "k1", "top": 12, "recovered": true}));
    }
    assert_eq!(table.session.open_holes(), 1);
}

#[test]
fn a_long_resume_goes_on_from_where_it_came_to() {
    let mut table = Table::at_ten();
    table.signal(20, 19);
    table.wait(hole_wait);
    let request = table.request("subscribe");
    // The verdict may come before the items, or after them.
    table.verdict(
        &request,
        &json!({"epoch": "k1", "top": 20, "recovered": true, "more": true}),
    );
    for offset in 11..15 {
        table.wait(pull_pause / 2);
        table.signal(offset, offset - 1);
    }
    table.quiet();
    table.wait(pull_pause);
    let request = table.request("subscribe");
    assert_eq!(request["streams"][0]["since"]["offset"], 14);
    for offset in 15..20 {
        table.signal(offset, offset - 1);
    }
    table.verdict(&request, &json!({"epoch": "k1", "top": 20, "recovered": true}));
    assert_eq!(table.offsets(), (10..=20).collect::<Vec<_>>());
    table.wait(Duration::from_secs(10));
    table.quiet();
}

#[test]
fn what_cannot_be_recovered_is_told_and_the_chain_starts_anew() {
    for snapshot_first in [true, false] {
        let mut table = Table::at_ten();
        table.signal(500, 499);
        table.wait(hole_wait);
        let request = table.request("subscribe");
        let verdict = json!({"epoch": "k2", "top": 7, "recovered": false});
        if snapshot_first {
            table.snapshot(Some(7));
            table.verdict(&request, &verdict);
        } else {
            table.verdict(&request, &verdict);
            table.snapshot(Some(7));
        }
        table.signal(8, 7);
        // An old snapshot that comes again says nothing.
        table.snapshot(Some(7));
        assert_eq!(table.offsets(), [10, 7, 8], "snapshot first: {snapshot_first}");
        assert_eq!(table.session.counts().lost, 1);
        assert!(table.taken.notes.contains(&"Lost".to_owned()));
    }
}

#[test]
fn a_top_beyond_ours_is_resumed_unless_it_comes() {
    for comes in [true, false] {
        let mut table = Table::at_ten();
        table.wait(Duration::from_secs(60) - overlap_wait);
        let request = table.request("ping");
        assert_eq!(request["at"], json!({"0": 10}));
        table.say(&json!({"id": request["id"], "ok": {"tops": {"0": 11}, "server_time": 1}}));
        if comes {
            table.wait(Duration::from_secs(1));
            table.signal(11, 10);
        }
        table.wait(hole_wait);
        if comes {
            table.quiet();
        } else {
            assert_eq!(table.request("subscribe")["streams"][0]["since"]["offset"], 10);
        }
    }
}

#[test]
fn a_log_that_was_restored_is_noticed() {
    let mut table = Table::at_ten();
    for ping in 0..2 {
        table.wait(Duration::from_secs(60));
        let request = table.request("ping");
        table.say(&json!({"id": request["id"], "ok": {"tops": {"0": 3}, "server_time": 1}}));
        if ping == 0 {
            table.quiet();
        }
    }
    assert_eq!(
        table.request("subscribe")["streams"][0]["since"],
        json!({"epoch": "k1", "offset": 10})
    );
}

#[test]
fn an_epoch_that_was_not_there_yet_is_asked_for() {
    let mut table = Table::new(&[STREAM]);
    let request = table.request("subscribe");
    table.snapshot(None);
    table.verdict(&request, &json!({}));
    table.say(&json!([{"s": 0, "k": "signal", "o": 1, "prev": null, "d": {"value": 1}}]));
    table.signal(2, 1);
    table.wait(hole_wait);
    let request = table.request("subscribe");
    table.snapshot(Some(1));
    table.verdict(&request, &json!({"epoch": "k1", "top": 2}));
    table.signal(3, 2);
    assert_eq!(
        table.offsets(),
        [1, 2, 3],
        "a snapshot of the past takes nothing back"
    );
    table.connect();
    assert_eq!(
        table.request("subscribe")["streams"][0]["since"],
        json!({"epoch": "k1", "offset": 3})
    );
}

#[test]
fn what_comes_before_the_first_verdict_is_taken_with_it_or_not_at_all() {
    let mut table = Table::new(&[STREAM]);
    table.request("subscribe");
    table.snapshot(Some(5));
    table.signal(6, 5);
    assert!(
        table.offsets().is_empty(),
        "without an epoch it could not be resumed from there"
    );
    // The connection is lost before the verdict, and with it nothing that was taken.
    table.session.on_disconnected("lost", None, &mut table.taken);
    table.collect();
    table.others.clear();
    table.connect();
    let request = table.request("subscribe");
    assert!(request["streams"][0].get("since").is_none(), "{request}");
    table.signal(10, 9);
    table.snapshot(Some(9));
    table.verdict(&request, &json!({"epoch": "k3", "top": 10}));
    assert_eq!(table.offsets(), [9, 10]);
    table.signal(11, 10);
    assert_eq!(table.offsets(), [9, 10, 11]);
}

#[test]
fn a_snapshot_that_comes_late_passes_over_nothing() {
    for beyond in [false, true] {
        let mut table = Table::new(&[STREAM]);
        let request = table.request("subscribe");
        table.say(&json!([{"s": 0, "k": "signal", "o": 1, "prev": null, "d": {"value": 1}}]));
        table.signal(2, 1);
        // The chain is whole from its beginning before the snapshot that the verdict is about.
        table.verdict(&request, &json!({"epoch": "k1", "top": 2}));
        table.snapshot(Some(if beyond { 4 } else { 2 }));
        assert_eq!(table.offsets(), [1, 2], "beyond: {beyond}");
        if beyond {
            table.wait(Duration::ZERO);
            let request = table.request("subscribe");
            assert_eq!(request["streams"][0]["since"]["offset"], 2);
            table.signal(3, 2);
            table.signal(4, 3);
            table.verdict(&request, &json!({"epoch": "k1", "top": 4, "recovered": true}));
            assert_eq!(table.offsets(), [1, 2, 3, 4]);
        }
        table.wait(Duration::from_secs(10));
        table.quiet();
    }
}

#[test]
fn nothing_of_a_log_that_is_gone_is_mistaken_for_the_new_one() {
    let mut table = Table::at_ten();
    // Held, of the old log; what came of it is not to be had.
    table.signal(12, 11);
    table.wait(hole_wait);
    let request = table.request("subscribe");
    table.verdict(&request, &json!({"epoch": "k2", "top": null, "recovered": false}));
    table.snapshot(None);
    table.say(&json!([{"s": 0, "k": "signal", "o": 3, "prev": null, "d": {"value": 1}}]));
    assert_eq!(table.offsets(), [10, 3]);
    assert_eq!(table.session.open_holes(), 0);
    table.wait(pull_pause);
    let request = table.request("subscribe");
    assert_eq!(
        request["streams"][0]["since"],
        json!({"epoch": "k2", "offset": 3})
    );
}
