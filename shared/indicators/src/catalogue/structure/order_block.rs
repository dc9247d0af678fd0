//! Order blocks.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0];
//! let open = &[9.5, 10.5, 10.0, 11.5, 11.0, 12.5];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5];
//! let row = compute("order_block", &[2.0], &[open, high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.000), None, None]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;
use crate::structure::{Break, Breaks, Zone};

pub(crate) const KERNEL: Builder = kernel!(OrderBlock: 4 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "order_block",
    aliases: &["ob"],
    summary: "Order blocks: the last candle the other way before a break of a swing point.",
    formula: "signal: 1 on the first close above the last swing high, -1 below the last swing low, else 0; top, bottom: high and low of the last black (white) candle before it, absent once a close is beyond the far end; swing points as in swing",
    source: "Smart money concepts",
    outputs: &["signal", "top", "bottom"],
    parameters: &[Parameter::bars("strength", 1, 5)],
    cost: AMORTISED,
    warm_up: |p| 2 * p.length(0),
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { OrderBlock { breaks: Breaks, white: Option<Zone>, black: Option<Zone>, block: Option<Zone> } }

impl Kernel<f64, 4, 3> for OrderBlock {
    const INPUTS: [Input; 4] = OHLC;

    fn new(p: &[f64]) -> Self {
        Self {
            breaks: Breaks::new(p.bars(0)),
            white: None,
            black: None,
            block: None,
        }
    }

    fn step(&mut self, [open, high, low, close]: [f64; 4]) -> [f64; 3] {
        let broke = self.breaks.next(high, low, close);
        let (black, white) = (self.black.clone(), self.white.clone());
        if close < open {
            self.black = Some(Zone::new(1.0, high, low));
        } else if close > open {
            self.white = Some(Zone::new(-1.0, high, low));
        }
        let Some(broke) = broke else {
            return [f64::NAN; 3];
        };
        self.block = self.block.take().filter(|block| !block.is_crossed(close, close));
        let new = match broke {
            Break::On(sign) | Break::Against(sign) if sign > 0.0 => black,
            Break::On(_) | Break::Against(_) => white,
            Break::None => None,
        };
        Zone::report(new, &mut self.block)
    }
}
