//! A chain for a terminal.

use std::fmt::Write as _;

use tickwire_market::Right;
use tickwire_options::{Greek, PriceSource, Slice, Unsolved};

use super::Units;
use super::chain::View;
use crate::report::{decimals, pairs, thousands};

/// Strikes on either side of the forward that are shown unless all are.
const STRIKES_SHOWN: usize = 10;
/// Of the smile's plot.
const PLOT_COLUMNS: usize = 61;
const PLOT_ROWS: usize = 10;

/// A number, or a dash where there is none.
fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| decimals(value, digits))
}

fn percent(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| format!("{} %", decimals(100.0 * value, digits)),
    )
}

pub(super) fn text(view: &View) -> String {
    let mut out = String::new();
    let name = view.name.as_deref().unwrap_or("Options");
    let spot = figure(view.spot, 2);
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{name} at {}, underlying {spot}", view.at);
    for slice in view.chain.slices() {
        out.push('\n');
        out.push_str(&pairs(&summary(slice)));
        out.push('\n');
        table(&mut out, view, slice);
        plot(&mut out, slice);
    }
    for remark in &view.remarks {
        let _ = writeln!(out, "\n{remark}");
    }
    out
}

fn summary(slice: &Slice) -> Vec<(String, String)> {
    let analytics = slice.analytics();
    let mut rows = vec![(format!("Expiry {}", slice.close()), String::new())];
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    if let Some(terms) = slice.terms() {
        let from = slice.fitted_forward().map_or_else(
            || "from the underlying and the rates".to_owned(),
            |fitted| format!("fitted to {} strikes", fitted.strikes),
        );
        row("forward", format!("{}, {from}", decimals(terms.forward(), 2)));
        row("days", decimals(terms.time() * 365.0, 2));
    }
    row("ATM IV", percent(analytics.atm_volatility, 2));
    row("25-delta skew", percent(analytics.skew_25d, 2));
    row("25-delta butterfly", percent(analytics.butterfly_25d, 2));
    row("put/call, open interest", figure(analytics.pcr_open_interest, 3));
    row("put/call, volume", figure(analytics.pcr_volume, 3));
    row(
        "max pain",
        analytics
            .max_pain
            .map_or("-".to_owned(), |strike| strike.to_string()),
    );
    if !slice.arbitrages().is_empty() {
        let best = slice
            .arbitrages()
            .iter()
            .max_by(|a, b| a.profit.total_cmp(&b.profit));
        let best = best.map_or(String::new(), |best| {
            let strike = slice.strikes()[best.row];
            format!(
                "{} at {strike} brings {}",
                best.bound.as_str(),
                decimals(best.profit, 2)
            )
        });
        row(
            "beyond bounds",
            format!("{}: {best}", thousands(slice.arbitrages().len() as u64)),
        );
    }
    rows
}

/// Rows around the forward, or all.
fn shown(view: &View, slice: &Slice) -> std::ops::Range<usize> {
    let rows = slice.strikes().len();
    let centre = slice.terms().map(|terms| {
        slice
            .strikes()
            .partition_point(|strike| *strike < terms.forward())
    });
    match centre {
        Some(centre) if !view.all => centre.saturating_sub(STRIKES_SHOWN)..(centre + STRIKES_SHOWN).min(rows),
        _ => 0..rows,
    }
}

fn table(out: &mut String, view: &View, slice: &Slice) {
    let (day, point) = match view.units {
        Units::Raw => ("theta/y", "vega/1"),
        Units::Trader => ("theta/d", "vega/pt"),
    };
    let _ = writeln!(
        out,
        "  {:>10} {:>7} {:>9} {:>10} | {:>10} {:>8} | {:>10} {:>7} {:>9} | {:>10} {:>9}",
        "call", "delta", day, "theor.", "strike", "IV %", "put", "delta", day, "gamma", point
    );
    for row in shown(view, slice) {
        let value = |right, greek: Greek, digits| {
            let value = slice.greeks().get(right, greek, row);
            figure(value.map(|value| value * view.units.factor(greek)), digits)
        };
        let price = |right| {
            let found = slice.quotes(right)[row].price();
            found.map_or("-".to_owned(), |(price, source)| {
                let mark = if source == PriceSource::Last { "*" } else { "" };
                format!("{}{mark}", decimals(price, 2))
            })
        };
        let volatility = match slice.volatility(row) {
            Ok(volatility) => decimals(100.0 * volatility, 2),
            Err(Unsolved::BadInput) => "-".to_owned(),
            Err(why) => why.as_str().to_owned(),
        };
        let _ = writeln!(
            out,
            "  {:>10} {:>7} {:>9} {:>10} | {:>10} {:>8} | {:>10} {:>7} {:>9} | {:>10} {:>9}",
            price(Right::Call),
            value(Right::Call, Greek::Delta, 3),
            value(Right::Call, Greek::Theta, 2),
            figure(slice.theoretical().get(Right::Call, Greek::Price, row), 2),
            slice.strikes()[row],
            volatility,
            price(Right::Put),
            value(Right::Put, Greek::Delta, 3),
            value(Right::Put, Greek::Theta, 2),
            value(Right::Call, Greek::Gamma, 6),
            value(Right::Call, Greek::Vega, 2),
        );
    }
    let hidden = slice.strikes().len() - shown(view, slice).len();
    if hidden > 0 {
        let _ = writeln!(out, "  {} more strikes: --all", thousands(hidden as u64));
    }
    let all = [Right::Call, Right::Put]
        .into_iter()
        .flat_map(|right| slice.quotes(right));
    if all
        .filter_map(|quote| quote.price())
        .any(|(_, source)| source == PriceSource::Last)
    {
        let _ = writeln!(out, "  * last price: there is no bid and ask");
    }
}

/// Volatility by strike: `o` a strike, `.` the fitted smile.
fn plot(out: &mut String, slice: &Slice) {
    let points: Vec<(f64, f64)> = (0..slice.strikes().len())
        .filter_map(|row| {
            let moneyness = slice.moneyness(row).filter(|at| at.abs() <= 4.0)?;
            Some((moneyness, slice.volatility(row).ok()?))
        })
        .collect();
    let (Some(smile), [first, .., last]) = (slice.smile(), &points[..]) else {
        return;
    };
    let (from, to) = (first.0, last.0);
    let column_of = |at: f64| ((at - from) / (to - from) * (PLOT_COLUMNS - 1) as f64).round() as usize;
    let fitted: Vec<(f64, f64)> = (0..PLOT_COLUMNS)
        .map(|column| from + (to - from) * column as f64 / (PLOT_COLUMNS - 1) as f64)
        .map(|at| (at, smile.volatility(at)))
        .collect();
    let values = || points.iter().chain(&fitted).map(|(_, value)| *value);
    let (low, high) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(0.0, f64::max),
    );
    let span = (high - low).max(1e-4);
    let row_of = |value: f64| ((high - value) / span * (PLOT_ROWS - 1) as f64).round() as usize;
    let mut grid = [[' '; PLOT_COLUMNS]; PLOT_ROWS];
    for (mark, marked) in [('.', &fitted), ('o', &points)] {
        for (at, value) in marked {
            let row = grid.get_mut(row_of(*value));
            if let Some(cell) = row.and_then(|row| row.get_mut(column_of(*at))) {
                *cell = mark;
            }
        }
    }
    out.push('\n');
    for (at, row) in grid.iter().enumerate() {
        let value = high - span * at as f64 / (PLOT_ROWS - 1) as f64;
        let line: String = row.iter().collect();
        let _ = writeln!(
            out,
            "  {:>7} | {}",
            format!("{} %", decimals(100.0 * value, 2)),
            line.trim_end()
        );
    }
    let _ = writeln!(
        out,
        "          {:<30}{:>31}",
        format!("{} sd", decimals(from, 1)),
        format!("{} sd", decimals(to, 1))
    );
}
