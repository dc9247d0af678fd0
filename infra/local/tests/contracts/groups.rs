//! Port `Groups`.

use std::time::Duration;

use tickwire_service::ports::{GroupRow, Groups};

use super::world::{ManualClock, group};

fn row(epoch: &str) -> GroupRow {
    GroupRow {
        epoch: epoch.into(),
        shards: 1,
    }
}

pub(crate) async fn the_first_row_stands(groups: &impl Groups, _: &ManualClock) {
    let g = group("A");
    assert_eq!(groups.group(&g).await.unwrap(), None);
    assert_eq!(groups.create_group(&g, &row("e1")).await.unwrap(), row("e1"));
    assert_eq!(groups.create_group(&g, &row("e2")).await.unwrap(), row("e1"));
    assert_eq!(groups.group(&g).await.unwrap(), Some(row("e1")));
    assert_eq!(groups.group(&group("B")).await.unwrap(), None);
}

pub(crate) async fn creators_at_once_agree(groups: &impl Groups, _: &ManualClock) {
    let g = group("A");
    let rows = (0..16).map(|n| row(&format!("e{n}"))).collect::<Vec<_>>();
    let stand = futures_util::future::join_all(rows.iter().map(|row| groups.create_group(&g, row))).await;
    let first = stand[0].as_ref().unwrap();
    assert!(stand.iter().all(|row| row.as_ref().unwrap() == first));
}

pub(crate) async fn a_lower_version_never_replaces_a_higher(groups: &impl Groups, _: &ManualClock) {
    let g = group("A");
    assert_eq!(groups.plan(&g).await.unwrap(), None);
    assert_eq!(groups.latest(&g).await.unwrap(), None);
    // Text would sort 9 above 10.
    for (version, stands) in [(9, 9u64), (10, 10), (9, 10), (10, 10), (2, 10), (11, 11)] {
        groups
            .put_plan(&g, version, &version.to_be_bytes())
            .await
            .unwrap();
        assert_eq!(
            groups.plan(&g).await.unwrap(),
            Some((stands, stands.to_be_bytes().to_vec()))
        );
        groups
            .put_latest(&g, version, &version.to_le_bytes())
            .await
            .unwrap();
        assert_eq!(
            groups.latest(&g).await.unwrap(),
            Some((stands, stands.to_le_bytes().to_vec()))
        );
    }
    let versions = 12..=40u64;
    futures_util::future::join_all(versions.rev().map(|v| groups.put_plan(&g, v, b"x"))).await;
    assert_eq!(groups.plan(&g).await.unwrap(), Some((40, b"x".to_vec())));
}

pub(crate) async fn views_are_what_stands_in_the_order_asked_for(groups: &impl Groups, _: &ManualClock) {
    let names: Vec<_> = (0..40).map(|n| group(&format!("G{n}"))).collect();
    assert_eq!(groups.views(&[]).await.unwrap(), []);
    assert_eq!(groups.views(&names).await.unwrap(), vec![None; names.len()]);
    for (n, g) in (0u16..).zip(&names) {
        // Of a few there is nothing, or only the row.
        if n % 10 == 0 {
            continue;
        }
        let row = GroupRow {
            epoch: format!("e{n}"),
            shards: n,
        };
        groups.create_group(g, &row).await.unwrap();
        if n % 10 == 1 {
            continue;
        }
        groups.put_plan(g, u64::from(n), b"plan").await.unwrap();
        groups.put_latest(g, u64::from(n) + 1, b"latest").await.unwrap();
    }
    let backwards: Vec<_> = names.iter().rev().cloned().collect();
    let views = groups.views(&backwards).await.unwrap();
    for (g, view) in backwards.iter().zip(views) {
        assert_eq!(view.is_some(), groups.group(g).await.unwrap().is_some());
        let Some(view) = view else { continue };
        assert_eq!(Some(view.row), groups.group(g).await.unwrap());
        assert_eq!(view.plan, groups.plan(g).await.unwrap());
        assert_eq!(view.latest, groups.latest(g).await.unwrap());
    }
}

pub(crate) async fn attempts_are_counted(groups: &impl Groups, _: &ManualClock) {
    let g = group("A");
    for n in 1..=3 {
        assert_eq!(groups.begin_attempt(&g, "m1").await.unwrap(), n);
    }
    assert_eq!(groups.begin_attempt(&g, "m2").await.unwrap(), 1);
    groups.end_attempt(&g, "m1").await.unwrap();
    assert_eq!(groups.begin_attempt(&g, "m1").await.unwrap(), 1);
    assert_eq!(groups.begin_attempt(&g, "m2").await.unwrap(), 2);
    groups.end_attempt(&g, "never begun").await.unwrap();
}

pub(crate) async fn active_groups_are_listed(groups: &impl Groups, clock: &ManualClock) {
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let list = async || {
        let mut keys = groups.groups().await.unwrap();
        keys.sort();
        keys
    };
    assert_eq!(list().await, []);
    for name in ["B", "A"] {
        groups.create_group(&group(name), &row("e")).await.unwrap();
        groups.put_plan(&group(name), 1, &[0; 1_000]).await.unwrap();
    }
    assert_eq!(list().await, [group("A"), group("B")]);
    clock.pass(5 * DAY);
    groups.put_latest(&group("A"), 1, b"x").await.unwrap();
    clock.pass(5 * DAY);
    assert_eq!(list().await, [group("A")]);
    groups.put_latest(&group("B"), 1, b"x").await.unwrap();
    assert_eq!(list().await, [group("A"), group("B")]);
}

pub(crate) async fn groups_with_a_log_are_listed_longer(groups: &impl Groups, clock: &ManualClock) {
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    groups.create_group(&group("A"), &row("e")).await.unwrap();
    for (days, active, listed) in [(0, 1, 1), (8, 0, 1), (391, 0, 1), (2, 0, 0)] {
        clock.pass(days * DAY);
        let found = (
            groups.groups().await.unwrap(),
            groups.groups_with_log().await.unwrap(),
        );
        assert_eq!(
            (found.0.len(), found.1.len()),
            (active, listed),
            "{days} days later"
        );
    }
}
