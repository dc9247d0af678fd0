//! Port `Bars`.

use tickwire_market::{InstrumentKey, Timeframe, UnixNanos};
use tickwire_service::ports::{Bars, BlockRange, PageRange, PagesOf};

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
        let found: Vec<u8> = found.iter().map(|block| block.bytes[0]).collect();
        assert_eq!(found, expected, "[{from}, {to})");
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
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].name, &found[0].bytes[..]),
        ((UnixNanos(5), 1), &b"x"[..])
    );
}

pub(crate) async fn blocks_are_deleted_by_name(bars: &impl Bars, _: &ManualClock) {
    let g = group("A");
    for (end, block) in (0..60).map(|at| (at / 2, at)) {
        bars.put_block(&g, Timeframe::DAY, UnixNanos(end), block as u64, b"x")
            .await
            .unwrap();
    }
    let names: Vec<(UnixNanos, u64)> = (1..60).map(|at| (UnixNanos(at / 2), at as u64)).collect();
    // Again, and one that is not there: nothing is the matter.
    for _ in 0..2 {
        bars.delete_blocks(&g, Timeframe::DAY, &names).await.unwrap();
        let left = bars
            .block_names(&g, BlockRange::since(Timeframe::DAY, UnixNanos(0), 99))
            .await
            .unwrap();
        assert_eq!(left, [(UnixNanos(0), 0)]);
    }
}

pub(crate) async fn a_page_is_replaced_by_who_has_read_it(bars: &impl Bars, _: &ManualClock) {
    let g = group("A");
    let key = InstrumentKey::parse("NSE@NIFTY@IDX").unwrap();
    let of = |instrument| PagesOf {
        group: &g,
        timeframe: Timeframe::DAY,
        instrument,
    };
    let own = of(Some(&key));
    let put = async |of, start, was, bytes: &[u8]| {
        bars.put_bar_page(of, UnixNanos(start), was, bytes).await.unwrap()
    };
    assert!(put(own, 10, 0, b"a").await);
    assert!(!put(own, 10, 0, b"b").await, "there is one");
    assert!(put(own, 10, 1, b"c").await);
    assert!(!put(own, 10, 1, b"d").await, "it was replaced since");
    assert!(!put(own, 11, 1, b"e").await, "there is none");
    assert!(put(own, -20, 0, b"f").await && put(own, 30, 0, b"g").await);
    assert!(put(of(None), 10, 0, b"names").await);
    let check = async |of, (from, to), newest_first, limit, expected: &[(i64, u64, &[u8])]| {
        let range = PageRange {
            from: UnixNanos(from),
            to: UnixNanos(to),
            newest_first,
            limit,
        };
        let found = bars.bar_pages(of, range).await.unwrap();
        let found: Vec<(i64, u64, &[u8])> = found
            .iter()
            .map(|page| (page.start.0, page.revision, &page.bytes[..]))
            .collect();
        assert_eq!(found, expected, "[{from}, {to})");
    };
    let all = [(-20, 1, &b"f"[..]), (10, 2, b"c"), (30, 1, b"g")];
    check(own, (i64::MIN, i64::MAX), false, 9, &all).await;
    check(own, (-20, 30), false, 9, &all[..2]).await;
    check(own, (-19, 31), true, 9, &[all[2], all[1]]).await;
    check(own, (-20, 31), true, 1, &all[2..]).await;
    check(own, (11, 30), false, 9, &[]).await;
    check(own, (30, 10), false, 9, &[]).await;
    check(of(None), (0, 99), false, 9, &[(10, 1, b"names")]).await;
}
