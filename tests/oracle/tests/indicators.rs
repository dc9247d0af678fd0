//! Indicators against the goldens, and against the Rust crate of TA-Lib on
//! generated data.

use ndarray::{Array2, ArrayView1};
use ta_lib::{Core, MAType, OutRange, RetCode};
use tickwire_indicators::{Definition, Input, find};
use tickwire_oracle::{Manifest, Table, differences, disagreement};

/// Of the median magnitude, as the goldens' manifest states.
const TOLERANCE: f64 = 1e-9;

/// Columns of bars.
#[derive(Debug, Default)]
struct Bars {
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    volume: Vec<f64>,
    day: Vec<f64>,
}

impl Bars {
    fn series(&self, name: &str) -> &[f64] {
        match name {
            "open" => &self.open,
            "high" => &self.high,
            "low" => &self.low,
            "volume" => &self.volume,
            _ => &self.close,
        }
    }

    fn column(&self, input: Input, chosen: Option<&String>) -> &[f64] {
        match input {
            Input::Chosen => self.series(chosen.map_or("close", |name| name)),
            Input::Fixed(series) => self.series(series.name()),
            Input::SessionDay => &self.day,
        }
    }

    /// Every output, by column, of a bar-by-bar run; the batch has the same bits.
    fn run(
        &self,
        definition: &'static Definition,
        parameters: &[f64],
        chosen: &[String],
    ) -> Result<Vec<Vec<Option<f64>>>, String> {
        let mut running = definition.build(parameters).map_err(|error| error.to_string())?;
        let mut batch = running.clone();
        let columns: Vec<&[f64]> = definition
            .inputs
            .iter()
            .enumerate()
            .map(|(at, input)| self.column(*input, chosen.get(at)))
            .collect();
        let mut rows = Array2::from_elem((self.close.len(), definition.outputs.len()), None);
        for (at, mut row) in rows.rows_mut().into_iter().enumerate() {
            let input: Vec<f64> = columns.iter().map(|column| column[at]).collect();
            running.next(&input, row.as_slice_mut().unwrap_or_default());
        }
        let views: Vec<ArrayView1<'_, f64>> = columns.iter().map(|column| (*column).into()).collect();
        let batch = batch.batch(&views).map_err(|error| error.to_string())?;
        let batch = batch.map(|value| (!value.is_nan()).then_some(*value));
        if batch.t() != rows {
            return Err("batch and stream differ".to_owned());
        }
        Ok(rows.columns().into_iter().map(|column| column.to_vec()).collect())
    }
}

fn golden_bars() -> std::io::Result<Bars> {
    let table = Table::golden("ohlcv")?;
    let column = |name| -> std::io::Result<Vec<f64>> {
        Ok(table
            .column(name)?
            .iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect())
    };
    Ok(Bars {
        open: column("open")?,
        high: column("high")?,
        low: column("low")?,
        close: column("close")?,
        volume: column("volume")?,
        // Days since 1970-01-01, parsed from the stamps.
        day: table.days().to_vec(),
    })
}

/// Reasons of several of [`DIFFERENT`].
const TOO_EARLY: &str = "theirs says 0 or 1 before it can know";
const FLAT_NOISE: &str = "theirs is rounding noise in a flat window, ours 0";
const FLAT_EPSILON: &str = "theirs is epsilon over epsilon in a flat window, ours 0";
const FLAT_PHASE: &str = "in a flat window the phase is that of rounding noise";
const FLAT_PHASE_KEPT: &str =
    "in a flat window the phase is that of rounding noise, and the average remembers";

/// Where we knowingly differ from a golden: its id, the output (`*` for all), the rows,
/// of which the first and the last do differ, and why.
const DIFFERENT: &[(&str, &str, std::ops::Range<usize>, &str)] = &[
    ("mama", "mama", 164..248, FLAT_PHASE_KEPT),
    ("mama", "fama", 164..330, FLAT_PHASE_KEPT),
    (
        "vidya_14",
        "*",
        163..600,
        "theirs has no value for ever after a flat window",
    ),
    ("stochrsi_14_14_3_3", "STOCHRSIk_14_14_3_3", 162..176, FLAT_NOISE),
    ("stochrsi_14_14_3_3", "STOCHRSId_14_14_3_3", 162..178, FLAT_NOISE),
    ("squeeze_20_2_20_1.5", "SQZ_ON", 0..20, TOO_EARLY),
    ("squeeze_20_2_20_1.5", "SQZ_OFF", 0..20, TOO_EARLY),
    ("squeeze_20_2_20_1.5", "SQZ_NO", 0..20, TOO_EARLY),
    (
        "squeeze_20_2_20_1.5",
        "SQZ_OFF",
        169..175,
        "theirs compares rounding noise in a flat window",
    ),
    (
        "squeeze_20_2_20_1.5",
        "SQZ_NO",
        169..175,
        "theirs compares rounding noise in a flat window",
    ),
    ("cti_12", "*", 160..175, FLAT_NOISE),
    ("rvgi_14_4", "RVGIh_14_4", 166..169, FLAT_EPSILON),
    ("rvgi_14_4", "RVGIh_14_4", 175..178, FLAT_EPSILON),
    ("rvgi_14_4", "RVGI_14_4", 166..175, FLAT_EPSILON),
    ("rvgi_14_4", "RVGIs_14_4", 166..178, FLAT_EPSILON),
    ("ht_sine", "*", 167..175, FLAT_PHASE),
    ("ht_trendmode", "*", 0..63, TOO_EARLY),
    ("ht_trendmode", "*", 175..176, FLAT_PHASE),
    ("supertrend_10_3", "trend", 0..10, TOO_EARLY),
    ("supertrend_7_3", "trend", 0..7, TOO_EARLY),
    ("stc_10_12_26", "STC_10_12_26_0.5", 0..25, TOO_EARLY),
    ("stc_10_12_26", "STCstoch_10_12_26_0.5", 0..25, TOO_EARLY),
    ("qqe_14_5", "QQEb_l_14_5_4.236", 0..1, TOO_EARLY),
    ("qqe_14_5", "QQEb_s_14_5_4.236", 0..1, TOO_EARLY),
    ("qqe_14_5", "QQEd_14_5_4.236", 0..71, TOO_EARLY),
];

#[test]
fn goldens() -> std::io::Result<()> {
    let bars = golden_bars()?;
    assert_eq!(bars.close.len(), 600);
    let manifest: Manifest = serde_json::from_str(include_str!("../goldens/manifest.json"))?;
    let mut wrong = Vec::new();
    for entry in &manifest.indicators {
        let ours = match entry.ours() {
            Ok(ours) => ours,
            Err(missing) => {
                wrong.push(format!("{}: no indicator {missing}", entry.id));
                continue;
            }
        };
        let golden = Table::golden(&entry.id)?;
        for (output, ours) in entry.outputs.iter().zip(&ours) {
            let columns = match bars.run(ours.definition, &ours.parameters, &ours.chosen) {
                Ok(columns) => columns,
                Err(error) => {
                    wrong.push(format!("{}: {error}", entry.id));
                    break;
                }
            };
            let values = columns[ours.output].clone();
            let mut theirs = golden.column(output)?.to_vec();
            // A column of whole numbers has no NaN: it says 0 before its first value.
            for theirs in theirs[..entry.warm_up(output)]
                .iter_mut()
                .filter(|theirs| **theirs == Some(0.0))
            {
                *theirs = None;
            }
            let known: Vec<_> = DIFFERENT
                .iter()
                .filter(|(id, name, ..)| *id == entry.id && (*name == output || *name == "*"))
                .map(|(_, _, rows, _)| rows)
                .collect();
            let differing = differences(&values, &theirs, TOLERANCE);
            for rows in &known {
                if !differing.contains(&rows.start) || !differing.contains(&(rows.end - 1)) {
                    wrong.push(format!(
                        "{} {output}: {rows:?} is wider than {differing:?}",
                        entry.id
                    ));
                }
            }
            let unknown: Vec<_> = differing
                .iter()
                .filter(|row| !known.iter().any(|rows| rows.contains(row)))
                .collect();
            if let Some(&&row) = unknown.first() {
                let (ours, theirs) = (values[row], theirs[row]);
                wrong.push(format!(
                    "{} {output}: rows {unknown:?}: {ours:?} against {theirs:?}",
                    entry.id
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} goldens:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// A walk of `bars` bars around `price`, with gaps, jumps, flat stretches and bars
/// without volume.
fn walk(seed: u64, price: f64, bars: usize) -> Bars {
    let mut state = seed;
    let mut noise = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut walk = Bars::default();
    let mut close = price;
    for at in 0..bars {
        let is_flat = at % 500 > 470;
        let step = if is_flat {
            0.0
        } else {
            (noise() - 0.5) * 0.03 + 0.02 * (price / close).ln()
        };
        let jump = if at % 777 == 776 {
            0.3 * (noise() - 0.5)
        } else {
            0.0
        };
        let open = if is_flat {
            close
        } else {
            close * (1.0 + 0.2 * step)
        };
        close = if is_flat {
            close
        } else {
            open * (1.0 + step + jump)
        };
        let spread = if is_flat { 0.0 } else { 0.01 };
        walk.open.push(open);
        walk.high.push(open.max(close) * (1.0 + spread * noise()));
        walk.low.push(open.min(close) * (1.0 - spread * noise()));
        walk.close.push(close);
        walk.volume.push(if at % 50 == 7 {
            0.0
        } else {
            (noise() * 1e6).floor()
        });
        walk.day.push((at / 75) as f64);
    }
    walk
}

/// What TA-Lib writes, put at the bars it belongs to.
fn place<const N: usize>(
    bars: usize,
    call: impl FnOnce(&mut [Vec<f64>; N]) -> Result<OutRange, RetCode>,
) -> Vec<Vec<Option<f64>>> {
    let mut outputs: [Vec<f64>; N] = std::array::from_fn(|_| vec![0.0; bars]);
    let Ok(range) = call(&mut outputs) else {
        return Vec::new();
    };
    let place = |output: Vec<f64>| {
        let mut column = vec![None; range.beg_idx];
        column.extend(output.into_iter().take(range.count).map(Some));
        column
    };
    outputs.into_iter().map(place).collect()
}

fn theirs(name: &str, parameters: &[f64], bars: &Bars) -> Vec<Vec<Option<f64>>> {
    let core = Core::new();
    let Bars {
        high,
        low,
        close,
        volume,
        ..
    } = bars;
    let (count, last) = (close.len(), close.len() - 1);
    let period = |at: usize| parameters[at] as i32;
    match name {
        "sma" => place(count, |[out]| core.sma(0, last, close, period(0), out)),
        "ema" => place(count, |[out]| core.ema(0, last, close, period(0), out)),
        "rsi" => place(count, |[out]| core.rsi(0, last, close, period(0), out)),
        "macd" => place(count, |[macd, signal, hist]| {
            core.macd(
                0,
                last,
                close,
                period(0),
                period(1),
                period(2),
                macd,
                signal,
                hist,
            )
        }),
        "atr" => place(count, |[out]| core.atr(0, last, high, low, close, period(0), out)),
        "bbands" => place(count, |[upper, middle, lower]| {
            let (up, down) = (parameters[1], parameters[2]);
            core.bbands(
                0,
                last,
                close,
                period(0),
                up,
                down,
                MAType::SMA,
                upper,
                middle,
                lower,
            )
        }),
        "vwap" => place(count, |[out]| core.vwap(0, last, high, low, close, volume, out)),
        _ => Vec::new(),
    }
}

#[test]
fn ta_lib() {
    let rows: &[(&str, &[&[f64]])] = &[
        ("sma", &[&[1.0], &[2.0], &[20.0], &[333.0]]),
        ("ema", &[&[1.0], &[2.0], &[20.0], &[333.0]]),
        ("rsi", &[&[2.0], &[14.0], &[100.0]]),
        (
            "macd",
            &[&[12.0, 26.0, 9.0], &[2.0, 3.0, 1.0], &[5.0, 100.0, 30.0]],
        ),
        ("atr", &[&[1.0], &[2.0], &[14.0], &[100.0]]),
        (
            "bbands",
            &[&[2.0, 2.0, 2.0], &[20.0, 2.0, 1.5], &[333.0, 3.0, 3.0]],
        ),
        ("vwap", &[&[]]),
    ];
    for (seed, price) in [(1, 100.0), (2, 1e-5), (3, 65_000.0)] {
        let bars = walk(seed, price, 20_000);
        for (name, sets) in rows {
            for parameters in *sets {
                let ours = bars.run(find(name).unwrap(), parameters, &[]).unwrap();
                let theirs = theirs(name, parameters, &bars);
                assert_eq!(ours.len(), theirs.len(), "{name}");
                for (ours, theirs) in ours.iter().zip(&theirs) {
                    assert_eq!(
                        disagreement(ours, theirs, TOLERANCE),
                        None,
                        "{name} {parameters:?} at {price}"
                    );
                }
            }
        }
    }
}

/// Where we knowingly differ.
#[test]
fn known_disagreements_with_ta_lib() {
    // 0/0 in an RSI: 0 in TA-Lib 0.8.1, which the goldens are of, 50 in 0.8.3.
    let flat = Bars {
        close: vec![5.0; 20],
        ..Bars::default()
    };
    let ours = flat.run(find("rsi").unwrap(), &[14.0], &[]).unwrap();
    assert_eq!(
        (ours[0][14], theirs("rsi", &[14.0], &flat)[0][14]),
        (Some(0.0), Some(50.0))
    );

    // Before anything was traded a VWAP is no price: absent here, 0 in TA-Lib.
    let mut quiet = walk(4, 100.0, 10);
    quiet.volume[..5].fill(0.0);
    let ours = quiet.run(find("vwap").unwrap(), &[], &[]).unwrap();
    assert_eq!((ours[0][4], theirs("vwap", &[], &quiet)[0][4]), (None, Some(0.0)));
    assert!(ours[0][5].is_some());
}
