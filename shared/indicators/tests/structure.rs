//! Structure signals on small series whose answers can be read off.

use tickwire_indicators::find;

const NONE: f64 = f64::NAN;

/// Rows of bars in, rows of values out, NaN for an absence.
#[track_caller]
#[expect(clippy::unwrap_used, reason = "a helper of tests: a panic is the report")]
fn check(name: &str, parameters: &[f64], bars: &[&[f64]], expected: &[&[f64]]) {
    let definition = find(name).unwrap();
    let mut running = definition.build(parameters).unwrap();
    let mut output = vec![None; definition.outputs.len()];
    assert_eq!(bars.len(), expected.len());
    for (at, (bar, expected)) in bars.iter().zip(expected).enumerate() {
        running.next(bar, &mut output);
        let found: Vec<f64> = output.iter().map(|value| value.unwrap_or(NONE)).collect();
        let same = found.len() == expected.len()
            && found
                .iter()
                .zip(*expected)
                .all(|(a, b)| (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-9);
        assert!(same, "{name}, bar {at}: {found:?} against {expected:?}");
    }
}

#[test]
fn swing_points_are_told_when_confirmed() {
    check(
        "swing",
        &[1.0],
        &[&[5.0, 4.0], &[7.0, 6.0], &[6.0, 5.0], &[6.0, 3.0], &[8.0, 4.0]],
        &[
            &[NONE, NONE, NONE, NONE],
            &[NONE, NONE, NONE, NONE],
            &[7.0, NONE, 1.0, 0.0],
            &[7.0, NONE, 0.0, 0.0],
            &[7.0, 3.0, 0.0, 1.0],
        ],
    );
    // Of two equal highs the first stands out.
    check(
        "swing",
        &[1.0],
        &[&[5.0, 4.0], &[7.0, 4.0], &[7.0, 4.0], &[6.0, 4.0]],
        &[
            &[NONE, NONE, NONE, NONE],
            &[NONE, NONE, NONE, NONE],
            &[7.0, NONE, 1.0, 0.0],
            &[7.0, NONE, 0.0, 0.0],
        ],
    );
}

#[test]
fn fractals_last_a_bar() {
    check(
        "fractal",
        &[],
        &[
            &[5.0, 4.0],
            &[6.0, 3.0],
            &[9.0, 1.0],
            &[8.0, 2.0],
            &[7.0, 3.0],
            &[6.0, 4.0],
        ],
        &[
            &[NONE, NONE],
            &[NONE, NONE],
            &[NONE, NONE],
            &[NONE, NONE],
            &[9.0, 1.0],
            &[NONE, NONE],
        ],
    );
}

/// Up through a swing high, up through the next, then down through a swing low.
const BREAKS: &[&[f64]] = &[
    &[5.0, 4.0, 4.5],
    &[7.0, 6.0, 6.5],
    &[6.0, 5.0, 5.5],
    &[8.0, 6.0, 7.5],
    &[10.0, 9.0, 9.5],
    &[9.0, 8.0, 8.5],
    &[12.0, 11.0, 11.5],
    &[12.0, 4.0, 4.5],
];

#[test]
fn breaks_of_structure_and_changes_of_character() {
    let expected = |signals: [f64; 6]| -> Vec<Vec<f64>> {
        [NONE, NONE]
            .into_iter()
            .chain(signals)
            .map(|signal| vec![signal])
            .collect()
    };
    let rows = |rows: &[Vec<f64>], name: &str| {
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        check(name, &[1.0], BREAKS, &rows);
    };
    rows(&expected([0.0, 1.0, 0.0, 0.0, 1.0, 0.0]), "bos");
    rows(&expected([0.0, 0.0, 0.0, 0.0, 0.0, -1.0]), "choch");
}

#[test]
fn order_blocks_stand_until_crossed() {
    // Open, high, low, close: the black third bar is the last before the break.
    check(
        "order_block",
        &[1.0],
        &[
            &[4.0, 5.0, 4.0, 4.5],
            &[6.0, 7.0, 6.0, 6.5],
            &[5.8, 6.0, 5.0, 5.5],
            &[6.0, 8.0, 6.0, 7.5],
            &[7.0, 7.5, 5.5, 6.0],
            &[6.0, 6.5, 4.0, 4.2],
        ],
        &[
            &[NONE, NONE, NONE],
            &[NONE, NONE, NONE],
            &[0.0, NONE, NONE],
            &[1.0, 6.0, 5.0],
            &[0.0, 6.0, 5.0],
            &[-1.0, 8.0, 6.0],
        ],
    );
}

#[test]
fn gaps_stand_until_filled() {
    check(
        "fvg",
        &[],
        &[
            &[5.0, 4.0],
            &[7.0, 4.5],
            &[8.0, 6.0],
            &[8.0, 5.0],
            &[7.9, 4.9],
            &[4.4, 4.0],
        ],
        &[
            &[NONE, NONE, NONE],
            &[NONE, NONE, NONE],
            &[1.0, 6.0, 5.0],
            &[0.0, 6.0, 5.0],
            &[0.0, NONE, NONE],
            &[-1.0, 5.0, 4.4],
        ],
    );
}

#[test]
fn a_zigzag_does_not_repaint() {
    check(
        "zigzag",
        &[10.0],
        &[
            &[100.0, 99.0],
            &[105.0, 101.0],
            &[104.0, 94.0],
            &[96.0, 90.0],
            &[99.5, 95.0],
            &[110.0, 99.0],
        ],
        &[
            &[NONE, NONE, 0.0],
            &[NONE, NONE, 0.0],
            &[105.0, -1.0, -1.0],
            &[105.0, -1.0, 0.0],
            &[90.0, 1.0, 1.0],
            &[90.0, 1.0, 0.0],
        ],
    );
}

#[test]
fn pivots_are_of_the_session_before() {
    // High, low, close, day.
    let bars: &[&[f64]] = &[
        &[10.0, 8.0, 9.0, 1.0],
        &[12.0, 9.0, 11.0, 1.0],
        &[11.0, 10.0, 10.5, 2.0],
        &[99.0, 9.0, 10.5, 1.0],
    ];
    let check = |name: &str, levels: &[f64]| {
        let absent = vec![NONE; levels.len()];
        check(name, &[], bars, &[&absent, &absent, levels, &absent]);
    };
    let p = 31.0 / 3.0;
    check(
        "pivots",
        &[
            p,
            2.0 * p - 8.0,
            p + 4.0,
            12.0 + 2.0 * (p - 8.0),
            2.0 * p - 12.0,
            p - 4.0,
            8.0 - 2.0 * (12.0 - p),
        ],
    );
    check(
        "pivots_fibonacci",
        &[p, p + 1.528, p + 2.472, p + 4.0, p - 1.528, p - 2.472, p - 4.0],
    );
    let c = [4.4 / 12.0, 4.4 / 6.0, 1.1, 2.2];
    check(
        "pivots_camarilla",
        &[
            p,
            11.0 + c[0],
            11.0 + c[1],
            11.0 + c[2],
            11.0 + c[3],
            11.0 - c[0],
            11.0 - c[1],
            11.0 - c[2],
            11.0 - c[3],
        ],
    );
    check("pivots_woodie", &[10.5, 13.0, 14.5, 17.0, 9.0, 6.5, 5.0]);
}

#[test]
fn a_profile_grows_from_its_point_of_control() {
    // Four rows of height 1 from 10 to 14, at whose middles 1, 5, 3 and 1 are traded.
    let bar = |price: f64, volume: f64| [price + 0.5, price - 0.5, price, volume];
    let bars = [bar(10.5, 1.0), bar(11.5, 5.0), bar(12.5, 3.0), bar(13.5, 1.0)];
    let bars: Vec<&[f64]> = bars.iter().map(|bar| &bar[..]).collect();
    let absent = [NONE; 3];
    check(
        "volume_profile",
        &[4.0, 4.0],
        &bars,
        &[&absent, &absent, &absent, &[11.5, 13.0, 11.0]],
    );
    check(
        "volume_profile",
        &[1.0, 4.0],
        &[&[5.0, 5.0, 5.0, 2.0], &[5.0, 5.0, 5.0, 0.0]],
        &[&[5.0, 5.0, 5.0], &absent],
    );
}

#[test]
fn an_anchored_vwap_begins_at_the_swing() {
    check(
        "vwap_swing",
        &[1.0],
        &[
            &[5.0, 4.0, 4.5, 1.0],
            &[7.0, 6.0, 6.5, 1.0],
            &[6.0, 5.0, 5.5, 3.0],
            &[6.0, 4.5, 6.0, 4.0],
        ],
        &[
            &[NONE],
            &[NONE],
            &[(6.5 + 3.0 * 5.5) / 4.0],
            &[(6.5 + 7.0 * 5.5) / 8.0],
        ],
    );
}
