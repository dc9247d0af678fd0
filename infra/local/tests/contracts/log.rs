//! Port `Log`.

use std::collections::HashMap;

use tickwire_service::ports::{Appended, Log, PortError, StoredSegment};

use super::world::{ManualClock, group};

pub(crate) async fn of_two_appenders_one_commits(log: &impl Log, _: &ManualClock) {
    let g = group("A");
    let (a, b) = tokio::join!(log.append(&g, 1, b"first"), log.append(&g, 1, b"second"));
    let outcomes = [a.unwrap(), b.unwrap()];
    assert!(
        outcomes.contains(&Appended::Committed) && outcomes.contains(&Appended::Taken),
        "{outcomes:?}"
    );
    assert_eq!(log.append(&g, 1, b"third").await.unwrap(), Appended::Taken);
    let winner: &[u8] = if outcomes[0] == Appended::Committed {
        b"first"
    } else {
        b"second"
    };
    let stored = log.read(&g, 1, usize::MAX).await.unwrap();
    assert_eq!(
        stored,
        [StoredSegment {
            number: 1,
            bytes: winner.to_vec()
        }]
    );
}

pub(crate) async fn appenders_at_once_commit_every_number_once(log: &impl Log, _: &ManualClock) {
    const APPENDERS: u64 = 8;
    const NUMBERS: u64 = 20;
    let g = group("A");
    let committed = futures_util::future::join_all((0..APPENDERS).map(async |appender| {
        let mut won = Vec::new();
        for number in 1..=NUMBERS {
            if log.append(&g, number, &appender.to_be_bytes()).await.unwrap() == Appended::Committed {
                won.push((number, appender));
            }
        }
        won
    }))
    .await;
    let winners: HashMap<u64, u64> = committed.iter().flatten().copied().collect();
    assert_eq!(committed.iter().flatten().count(), NUMBERS as usize);
    let stored = log.read(&g, 1, usize::MAX).await.unwrap();
    assert_eq!(stored.len(), NUMBERS as usize);
    for segment in stored {
        assert_eq!(segment.bytes, winners[&segment.number].to_be_bytes());
    }
}

pub(crate) async fn reads_what_was_appended(log: &impl Log, _: &ManualClock) {
    let g = group("A");
    assert_eq!(log.head(&g).await.unwrap(), 0);
    assert_eq!(log.read(&g, 1, 1_000).await.unwrap(), []);
    // Past 9 and 99: numbers sort as numbers.
    for number in 1..=101 {
        assert_eq!(
            log.append(&g, number, &[number as u8; 3]).await.unwrap(),
            Appended::Committed
        );
        if [1, 9, 10, 99, 100].contains(&number) {
            assert_eq!(log.head(&g).await.unwrap(), number);
        }
    }
    let numbers: Vec<u64> = log
        .read(&g, 8, usize::MAX)
        .await
        .unwrap()
        .iter()
        .map(|s| s.number)
        .collect();
    assert_eq!(numbers, (8..=101).collect::<Vec<_>>());
    let every_byte: Vec<u8> = (0..=255).collect();
    log.append(&g, 102, &every_byte).await.unwrap();
    assert_eq!(
        log.read(&g, 102, 1).await.unwrap(),
        [StoredSegment {
            number: 102,
            bytes: every_byte
        }]
    );
    assert_eq!(log.read(&g, 103, usize::MAX).await.unwrap(), []);
}

pub(crate) async fn groups_are_apart(log: &impl Log, _: &ManualClock) {
    log.append(&group("A"), 1, b"a").await.unwrap();
    assert_eq!(log.head(&group("AB")).await.unwrap(), 0);
    assert_eq!(
        log.append(&group("AB"), 1, b"b").await.unwrap(),
        Appended::Committed
    );
    assert_eq!(log.read(&group("A"), 1, usize::MAX).await.unwrap().len(), 1);
}

pub(crate) async fn reads_stop_at_the_bound_with_one_at_least(log: &impl Log, _: &ManualClock) {
    const SEGMENT_BYTES: usize = 200 * 1024;
    let g = group("A");
    for number in 1..=12 {
        log.append(&g, number, &vec![number as u8; SEGMENT_BYTES])
            .await
            .unwrap();
    }
    // More than a page of the service, which is 1 MB.
    let all = log.read(&g, 1, usize::MAX).await.unwrap();
    assert_eq!(
        all.iter().map(|s| s.number).collect::<Vec<_>>(),
        (1..=12).collect::<Vec<_>>()
    );
    assert!(all.iter().all(|s| s.bytes == vec![s.number as u8; SEGMENT_BYTES]));
    let some = log.read(&g, 3, 3 * SEGMENT_BYTES + 1_000).await.unwrap();
    assert_eq!(some.iter().map(|s| s.number).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(log.read(&g, 3, 1).await.unwrap().len(), 1);
    let between = async |from, to, expected: &[u64]| {
        let found = log.between(&g, from, to).await.unwrap();
        let found: Vec<u64> = found.iter().map(|s| s.number).collect();
        assert_eq!(found, expected, "{from} to {to}");
    };
    between(2, 9, &[2, 3, 4, 5, 6, 7, 8, 9]).await;
    between(7, 7, &[7]).await;
    between(11, 20, &[11, 12]).await;
    between(13, 20, &[]).await;
    between(5, 4, &[]).await;
}

pub(crate) async fn what_is_too_large_is_refused(log: &impl Log, _: &ManualClock) {
    let g = group("A");
    let error = log.append(&g, 1, &vec![0; 400 * 1024]).await.unwrap_err();
    assert!(
        matches!(&error, PortError::Refused { why, .. } if why.contains("409600")),
        "{error}"
    );
    assert_eq!(log.head(&g).await.unwrap(), 0);
    // 350 KB is below the bound of 400 KB.
    assert_eq!(
        log.append(&g, 1, &vec![0; 350 * 1024]).await.unwrap(),
        Appended::Committed
    );
}

pub(crate) async fn what_is_forgotten_is_gone(log: &impl Log, _: &ManualClock) {
    let (g, other) = (group("A"), group("B"));
    for number in 1..=120 {
        log.append(&g, number, &[number as u8]).await.unwrap();
    }
    log.append(&other, 1, b"other").await.unwrap();
    // More than one request takes, and some twice.
    for last in [70, 99] {
        let numbers: Vec<u64> = (1..=last).collect();
        log.forget(&g, &numbers).await.unwrap();
    }
    log.forget(&g, &[]).await.unwrap();
    let numbers = |stored: Vec<StoredSegment>| stored.iter().map(|s| s.number).collect::<Vec<_>>();
    let left: Vec<u64> = (100..=120).collect();
    assert_eq!(numbers(log.read(&g, 1, usize::MAX).await.unwrap()), left);
    assert_eq!(numbers(log.between(&g, 98, 101).await.unwrap()), [100, 101]);
    assert_eq!(log.head(&g).await.unwrap(), 120);
    assert_eq!(log.head(&other).await.unwrap(), 1);
}
