//! Port `Checkpoints`.

use tickwire_service::ports::{Checkpoints, StoredCheckpoint};

use super::world::{ManualClock, group};

pub(crate) async fn pages_come_in_the_order_asked_for(checkpoints: &impl Checkpoints, _: &ManualClock) {
    const PAGES: u32 = 130;
    let g = group("A");
    for page in 0..PAGES {
        checkpoints
            .put_page(&g, 7, page, &page.to_be_bytes())
            .await
            .unwrap();
    }
    // More than one batch, backwards, with one twice and some missing.
    let mut asked: Vec<(u64, u32)> = (0..PAGES).rev().map(|page| (7, page)).collect();
    asked.extend([(7, 3), (7, PAGES), (8, 0)]);
    let pages = checkpoints.pages(&g, &asked).await.unwrap();
    for ((segment, page), found) in asked.iter().zip(&pages) {
        let expected = (*segment == 7 && *page < PAGES).then(|| page.to_be_bytes().to_vec());
        assert_eq!(*found, expected, "{segment} {page}");
    }
    assert_eq!(checkpoints.pages(&group("B"), &[(7, 0)]).await.unwrap(), [None]);
    assert_eq!(checkpoints.pages(&g, &[]).await.unwrap(), []);
    // Large pages: together more than one answer of the service holds.
    for page in 0..80 {
        checkpoints
            .put_page(&g, 9, page, &vec![page as u8; 250 * 1024])
            .await
            .unwrap();
    }
    let asked: Vec<(u64, u32)> = (0..80).map(|page| (9, page)).collect();
    for (page, found) in checkpoints
        .pages(&g, &asked)
        .await
        .unwrap()
        .into_iter()
        .enumerate()
    {
        assert_eq!(found, Some(vec![page as u8; 250 * 1024]));
    }
}

pub(crate) async fn manifests_come_newest_first(checkpoints: &impl Checkpoints, _: &ManualClock) {
    let g = group("A");
    checkpoints.put_page(&g, 5, 0, b"page").await.unwrap();
    for segment in [5, 99, 100, 1_000] {
        checkpoints
            .put_manifest(&g, segment, &segment.to_be_bytes())
            .await
            .unwrap();
    }
    let check = async |segment_max, limit, expected: &[u64]| {
        let found = checkpoints.manifests(&g, segment_max, limit).await.unwrap();
        let expected: Vec<_> = expected
            .iter()
            .map(|s| StoredCheckpoint {
                segment: *s,
                manifest: s.to_be_bytes().to_vec(),
            })
            .collect();
        assert_eq!(found, expected);
    };
    check(u64::MAX, 10, &[1_000, 100, 99, 5]).await;
    check(1_000, 2, &[1_000, 100]).await;
    check(999, 1, &[100]).await;
    check(4, 10, &[]).await;
    check(u64::MAX, 0, &[]).await;
}

pub(crate) async fn deletion_leaves_the_others(checkpoints: &impl Checkpoints, _: &ManualClock) {
    let g = group("A");
    for segment in [1, 2] {
        for page in 0..40 {
            checkpoints.put_page(&g, segment, page, b"x").await.unwrap();
        }
        checkpoints.put_manifest(&g, segment, b"m").await.unwrap();
    }
    let gone: Vec<(u64, u32)> = (0..39).map(|page| (1, page)).collect();
    for _ in 0..2 {
        checkpoints.delete(&g, 1, &gone).await.unwrap();
    }
    let left: Vec<u64> = checkpoints
        .manifests(&g, 9, 9)
        .await
        .unwrap()
        .iter()
        .map(|m| m.segment)
        .collect();
    assert_eq!(left, [2]);
    let pages = checkpoints
        .pages(&g, &[(1, 0), (1, 38), (1, 39), (2, 0)])
        .await
        .unwrap();
    assert_eq!(
        pages.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, false, true, true]
    );
}
