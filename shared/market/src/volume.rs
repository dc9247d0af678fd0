//! Traded quantity from cumulative volume.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::tick::is_quantity;

/// What one instrument's ticks say about quantity traded: turns the
/// cumulative volume of a session into the quantity since the tick before.
///
/// Rules, in order:
/// 1. A tick of an earlier session day than the last adds nothing known.
/// 2. Without a cumulative volume, the tick's size is the quantity.
/// 3. The first cumulative volume of a new session day is all new: the
///    exchange counts from 0 each session.
/// 4. The very first cumulative volume says only where to count from, since
///    the feed may have joined mid-session; the quantity is the tick's size.
/// 5. A fall below [`RESTART_FRACTION`](Self::RESTART_FRACTION) of the highest
///    volume so far is a counter that restarted from 0.
/// 6. A smaller fall is a late tick or a correction: its quantity was counted
///    before, so it adds 0 and the highest volume stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TradedVolume {
    day: Option<Date>,
    counted: Option<f64>,
}

impl TradedVolume {
    /// A cumulative volume below this share of the one before has restarted.
    pub const RESTART_FRACTION: f64 = 0.5;

    /// The quantity that the next tick adds, absent when it does not tell.
    /// `day` is the session day of the tick's exchange time. Values that are
    /// negative or not finite count as absent.
    pub fn next(&mut self, day: Date, cumulative: Option<f64>, size: Option<f64>) -> Option<f64> {
        let cumulative = cumulative.filter(|value| is_quantity(*value));
        let size = size.filter(|value| is_quantity(*value));
        if self.day.is_some_and(|last| day < last) {
            return None;
        }
        if self.day.is_some_and(|last| day > last) {
            self.counted = self.counted.map(|_| 0.0);
        }
        self.day = Some(day);
        let Some(cumulative) = cumulative else {
            // Counted here, it must not be counted again by the next difference.
            if let (Some(counted), Some(size)) = (self.counted.as_mut(), size) {
                *counted += size;
            }
            return size;
        };
        let Some(counted) = self.counted.replace(cumulative) else {
            return size;
        };
        if cumulative >= counted {
            Some(cumulative - counted)
        } else if cumulative < counted * Self::RESTART_FRACTION {
            Some(cumulative)
        } else {
            self.counted = Some(counted);
            Some(0.0)
        }
    }
}
