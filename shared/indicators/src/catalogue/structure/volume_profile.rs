//! Volume profile.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("volume_profile", &[2.0, 3.0], &[high, low, close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(12.333), Some(13.000), Some(10.333)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(VolumeProfile: 4 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "volume_profile",
    aliases: &["vp"],
    summary: "Point of control and value area of the volume traded in the last bars.",
    formula: "rows of equal height from the lowest low to the highest high of the last period bars, to which each bar gives its volume at (high + low + close) / 3; poc: middle of the row with the most, of the lowest such; high, low: edges of the rows around it, grown by the greater neighbour (the upper of equal ones) until they hold 70 % of the volume; absent without volume, the price itself in a flat window",
    source: "Steidlmayer 1984",
    outputs: &["poc", "high", "low"],
    parameters: &[
        Parameter {
            maximum: PROFILE_BARS_MAX,
            ..Parameter::bars("period", 1, 100)
        },
        Parameter {
            maximum: ROWS_MAX,
            ..Parameter::bars("rows", 1, 24)
        },
    ],
    cost: "O(period + rows)",
    warm_up: window_first,
    ..KERNEL.definition()
};

/// Longest window, in bars: each bar goes over all of it.
const PROFILE_BARS_MAX: f64 = 1_000.0;
/// Most rows.
const ROWS_MAX: f64 = 200.0;
/// Part of the volume in the value area.
const VALUE_AREA: f64 = 0.7;

state! {
    VolumeProfile {
        rows: Vec<f64>;
        highs: Recent<f64>, lows: Recent<f64>, prices: Recent<f64>, volumes: Recent<f64>,
    }
}

impl Kernel<f64, 4, 3> for VolumeProfile {
    const INPUTS: [Input; 4] = HLCV;

    fn new(p: &[f64]) -> Self {
        let recent = || Recent::new(p.bars(0));
        Self {
            rows: vec![0.0; p.length(1)],
            highs: recent(),
            lows: recent(),
            prices: recent(),
            volumes: recent(),
        }
    }

    fn step(&mut self, [high, low, close, volume]: [f64; 4]) -> [f64; 3] {
        let highs = self.highs.push(high);
        let lows = self.lows.push(low);
        let prices = self.prices.push((high + low + close) / 3.0);
        let volumes = self.volumes.push(volume);
        let (Some(highs), Some(lows), Some(prices), Some(volumes)) = (highs, lows, prices, volumes) else {
            return [f64::NAN; 3];
        };
        let top = highs.unordered().copied().fold(f64::NEG_INFINITY, f64::max);
        let bottom = lows.unordered().copied().fold(f64::INFINITY, f64::min);
        let last = self.rows.len() - 1;
        let height = (top - bottom) / self.rows.len() as f64;
        self.rows.fill(0.0);
        for (price, volume) in prices.iter().zip(volumes.iter()) {
            let row = ((price - bottom) / height) as usize;
            self.rows[row.min(last)] += volume;
        }
        let total: f64 = self.rows.iter().sum();
        if total == 0.0 {
            return [f64::NAN; 3];
        }
        let control = (1..=last).fold(0, |best, row| {
            if self.rows[row] > self.rows[best] {
                row
            } else {
                best
            }
        });
        let (mut from, mut to, mut held) = (control, control, self.rows[control]);
        while held < VALUE_AREA * total && (from > 0 || to < last) {
            let above = self.rows.get(to + 1).copied().unwrap_or(-1.0);
            let below = if from > 0 { self.rows[from - 1] } else { -1.0 };
            if above >= below {
                to += 1;
            } else {
                from -= 1;
            }
            held += above.max(below);
        }
        let edge = |row: f64| bottom + row * height;
        [
            edge(control as f64 + 0.5),
            edge(to as f64 + 1.0),
            edge(from as f64),
        ]
    }
}
