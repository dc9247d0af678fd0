//! Port `Bars`.

use tickwire_market::{Timeframe, UnixNanos};
use tickwire_service::ports::{Bars, BlockRange};

use super::world::{ManualClock, group};

pub(crate) async fn blocks_come_by_the_end_of_their_first_bar(bars: &impl Bars, _: &ManualClock) {
    let g = group("A");
    let minute = Timeframe::minutes(1).unwrap();
    // Before 1970 too, and two segments that closed bars at one time.
    for (end, segment) in [(-20, 1), (-10, 2), (0, 3), (10, 4), (10, 5), (20, 6)] {
        bars.put_block(&g, minute, UnixNanos(end), segment, &[segment as u8])
            .await
            .unwrap();
    }
    bars.put_block(&g, Timeframe::minutes(5).unwrap(), UnixNanos(0), 1, b"other")
        .await
        .unwrap();
    let range = |from, to, newest_first, limit| BlockRange {
        timeframe: minute,
        from: UnixNanos(from),
        to: UnixNanos(to),
        newest_first,
        limit,
    };
    let check = async |from, to, newest_first, limit, expected: &[u8]| {
        let found = bars
            .blocks(&g, range(from, to, newest_first, limit))
            .await
            .unwrap();
        assert_eq!(
            found,
            expected.iter().map(|b| vec![*b]).collect::<Vec<_>>(),
            "[{from}, {to})"
        );
    };
    check(i64::MIN, i64::MAX, false, 100, &[1, 2, 3, 4, 5, 6]).await;
    check(-10, 10, false, 100, &[2, 3]).await;
    check(10, 11, false, 100, &[4, 5]).await;
    check(-20, 21, true, 3, &[6, 5, 4]).await;
    check(0, 21, false, 2, &[3, 4]).await;
    check(11, 20, false, 100, &[]).await;
    check(10, 10, false, 100, &[]).await;
    check(20, 0, false, 100, &[]).await;
    let names = async |from, to, newest_first, limit, expected: &[(i64, u64)]| {
        let found = bars
            .block_names(&g, range(from, to, newest_first, limit))
            .await
            .unwrap();
        let found: Vec<(i64, u64)> = found.into_iter().map(|(end, block)| (end.0, block)).collect();
        assert_eq!(found, expected, "[{from}, {to})");
    };
    names(-10, 11, false, 100, &[(-10, 2), (0, 3), (10, 4), (10, 5)]).await;
    names(i64::MIN, 11, true, 1, &[(10, 5)]).await;
    names(1, i64::MAX, false, 1, &[(10, 4)]).await;
    names(10, 10, false, 1, &[]).await;
}

pub(crate) async fn the_same_block_is_one_row(bars: &impl Bars, _: &ManualClock) {
    let g = group("A");
    for _ in 0..2 {
        bars.put_block(&g, Timeframe::DAY, UnixNanos(5), 1, b"x")
            .await
            .unwrap();
    }
    let found = bars
        .blocks(&g, BlockRange::since(Timeframe::DAY, UnixNanos(0), 9))
        .await
        .unwrap();
    assert_eq!(found, [b"x"]);
}
