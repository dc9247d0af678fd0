//! A chain as one page: smiles, term structure, figures; no script, nothing
//! fetched.

use std::fmt::Write as _;

use tickwire_options::Slice;

use super::chain::View;
use crate::report::decimals;

/// Size of a plot, and what its labels take of it.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 56.0;
const BELOW: f64 = 28.0;
const ABOVE: f64 = 12.0;
/// Points of a fitted line.
const LINE_POINTS: usize = 80;
/// Lines across a plot.
const GRID: usize = 4;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;\
color:#1c2733;background:#fff}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:\
collapse;font-variant-numeric:tabular-nums}td,th{padding:.15rem .8rem;text-align:right;border-bottom:1px solid \
#8884}th:first-child,td:first-child{text-align:left}svg{max-width:100%;height:auto}svg text{font-size:11px;fill:\
currentColor}.grid{stroke:#8884}.line{fill:none;stroke:#2468c9;stroke-width:1.6}.dot{fill:#d9641e}\
.plots{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0}figcaption{font-weight:600}\
@media(prefers-color-scheme:dark){body{color:#dde4ea;background:#12181f}.line{stroke:#6aa5ff}.dot{fill:#ff9a57}}";

/// Text that stands between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(
        || "–".to_owned(),
        |value| format!("{} %", decimals(100.0 * value, 2)),
    )
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| decimals(value, digits))
}

pub(super) fn page(view: &View) -> String {
    let name = escaped(view.name.as_deref().unwrap_or("Options"));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{name}</title><style>{STYLE}</style></head><body>\n\
         <h1>{name}</h1><p>{}, underlying {}</p>\n",
        view.at,
        figure(view.spot, 2)
    );
    figures(&mut out, view);
    out.push_str("<div class=\"plots\">\n");
    term_structure(&mut out, view);
    for slice in view.chain.slices() {
        smile(&mut out, slice);
    }
    out.push_str("</div>\n");
    for remark in &view.remarks {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "<p>{}</p>", escaped(remark));
    }
    out.push_str("</body></html>\n");
    out
}

fn figures(out: &mut String, view: &View) {
    out.push_str(
        "<table><tr><th>Expiry</th><th>days</th><th>forward</th><th>ATM IV</th><th>25-delta skew</th>\
         <th>25-delta butterfly</th><th>put/call OI</th><th>put/call volume</th><th>max pain</th></tr>\n",
    );
    for slice in view.chain.slices() {
        let analytics = slice.analytics();
        let terms = slice.terms();
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td></tr>",
            slice.close(),
            figure(terms.map(|terms| terms.time() * 365.0), 2),
            figure(terms.map(|terms| terms.forward()), 2),
            percent(analytics.atm_volatility),
            percent(analytics.skew_25d),
            percent(analytics.butterfly_25d),
            figure(analytics.pcr_open_interest, 3),
            figure(analytics.pcr_volume, 3),
            figure(analytics.max_pain, 2),
        );
    }
    out.push_str("</table>\n");
}

fn term_structure(out: &mut String, view: &View) {
    let points: Vec<(f64, f64)> = view
        .chain
        .slices()
        .iter()
        .filter_map(|slice| Some((slice.terms()?.time() * 365.0, slice.analytics().atm_volatility?)))
        .collect();
    plot(out, "Term structure: ATM IV by days", &points, &points);
}

fn smile(out: &mut String, slice: &Slice) {
    let (Some(terms), Some(fitted)) = (slice.terms(), slice.smile()) else {
        return;
    };
    let rows: Vec<(f64, f64, f64)> = (0..slice.strikes().len())
        .filter_map(|row| {
            let moneyness = slice.moneyness(row).filter(|at| at.abs() <= 4.0)?;
            Some((moneyness, slice.strikes()[row], slice.volatility(row).ok()?))
        })
        .collect();
    let [first, .., last] = &rows[..] else { return };
    let deviation = (last.1 / first.1).ln() / (last.0 - first.0);
    let line: Vec<(f64, f64)> = (0..LINE_POINTS)
        .map(|at| first.0 + (last.0 - first.0) * at as f64 / (LINE_POINTS - 1) as f64)
        .map(|at| (terms.forward() * (at * deviation).exp(), fitted.volatility(at)))
        .collect();
    let points: Vec<(f64, f64)> = rows
        .iter()
        .map(|(_, strike, volatility)| (*strike, *volatility))
        .collect();
    plot(
        out,
        &format!("Smile: IV by strike, {}", slice.close()),
        &points,
        &line,
    );
}

fn plot(out: &mut String, title: &str, points: &[(f64, f64)], line: &[(f64, f64)]) {
    let all = || points.iter().chain(line);
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        all()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| {
                (low.min(at), high.max(at))
            })
    };
    let ((left, right), (low, high)) = (bounds(|point| point.0), bounds(|point| point.1));
    if !(left.is_finite() && low.is_finite()) {
        return;
    }
    // A single point has room around it.
    let (across, tall) = ((right - left).max(1e-9), (high - low).max(1e-3));
    let x = |at: f64| LEFT + (at - left) / across * (WIDTH - LEFT - 12.0);
    let y = |at: f64| ABOVE + (high - at) / tall * (HEIGHT - ABOVE - BELOW);
    let _ = write!(
        out,
        "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" role=\"img\">",
        escaped(title)
    );
    for step in 0..=GRID {
        let part = step as f64 / GRID as f64;
        let (value, at) = (high - tall * part, left + across * part);
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>\
             <text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3} %</text>\
             <text x=\"{4:.1}\" y=\"{5}\" text-anchor=\"middle\">{6}</text>",
            y(value),
            LEFT - 6.0,
            y(value) + 4.0,
            decimals(100.0 * value, 1),
            x(at).min(WIDTH - 24.0),
            HEIGHT - 8.0,
            decimals(at, 0),
        );
    }
    let path: Vec<String> = line
        .iter()
        .map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value)))
        .collect();
    let _ = write!(out, "<polyline class=\"line\" points=\"{}\"/>", path.join(" "));
    for (at, value) in points {
        let _ = write!(
            out,
            "<circle class=\"dot\" r=\"2.6\" cx=\"{:.1}\" cy=\"{:.1}\"><title>{at}: {} %</title></circle>",
            x(*at),
            y(*value),
            decimals(100.0 * value, 2)
        );
    }
    out.push_str("</svg></figure>\n");
}
