//! What signals of market structure share. Nothing here looks ahead: a swing point is known
//! with the bar that confirms it.

use crate::prelude::*;

state! {
    /// Values that stand out among their neighbours. Holds three windows of `strength`.
    Peaks { recent: Lag<f64>, after: Highest<f64>, before: Highest<f64>, greatest_before: Option<f64> }
}

impl Peaks {
    fn new(strength: u32) -> Self {
        Self {
            recent: Lag::new(strength),
            after: Highest::new(strength),
            before: Highest::new(strength),
            greatest_before: None,
        }
    }

    /// The value `strength` bars ago where it is greater than each of the `strength` before
    /// it, and not less than any after it. The outer absence is while cold.
    fn next(&mut self, value: f64) -> Option<Option<f64>> {
        let after = self.after.push(value);
        let candidate = self.recent.push(value)?;
        let before = self.before.push(candidate).map(|window| window.value());
        let before = std::mem::replace(&mut self.greatest_before, before)?;
        Some((candidate > before && candidate >= after?.value()).then_some(candidate))
    }
}

state! {
    /// Swing points: highs above, and lows below, their neighbours on both sides.
    Swings { highs: Peaks, depths: Peaks }
}

impl Swings {
    pub(crate) fn new(strength: u32) -> Self {
        Self {
            highs: Peaks::new(strength),
            depths: Peaks::new(strength),
        }
    }

    /// The swing high and the swing low that this bar confirms, `strength` bars later.
    pub(crate) fn next(&mut self, high: f64, low: f64) -> Option<(Option<f64>, Option<f64>)> {
        let high = self.highs.next(high);
        let depth = self.depths.next(-low);
        Some((high?, depth?.map(|depth| -depth)))
    }
}

/// What a close did to the structure: 1 upwards, -1 downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Break {
    /// Nothing.
    None,
    /// Went on the way of the break before, or was the first.
    On(f64),
    /// Turned it.
    Against(f64),
}

state! {
    /// The first closes beyond swing points.
    Breaks { swings: Swings, high: Option<f64>, low: Option<f64>, way: f64 }
}

impl Breaks {
    pub(crate) fn new(strength: u32) -> Self {
        Self {
            swings: Swings::new(strength),
            high: None,
            low: None,
            way: 0.0,
        }
    }

    pub(crate) fn next(&mut self, high: f64, low: f64, close: f64) -> Option<Break> {
        let (high, low) = self.swings.next(high, low)?;
        self.high = high.or(self.high);
        self.low = low.or(self.low);
        let way = if self.high.is_some_and(|high| close > high) {
            self.high = None;
            1.0
        } else if self.low.is_some_and(|low| close < low) {
            self.low = None;
            -1.0
        } else {
            return Some(Break::None);
        };
        let before = std::mem::replace(&mut self.way, way);
        Some(if before == -way {
            Break::Against(way)
        } else {
            Break::On(way)
        })
    }
}

/// Which breaks are told.
pub(crate) trait Breaking: Send + Sync + 'static {
    /// 1 upwards, -1 downwards, 0 where it is not told.
    fn sign(of: Break) -> f64;
}

impl<F: Breaking> Kernel<f64, 3, 1> for Told<Breaks, F> {
    const INPUTS: [Input; 3] = HLC;

    fn new(parameters: &[f64]) -> Self {
        Self::of(Breaks::new(parameters.bars(0)))
    }

    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        [self.part.next(high, low, close).map_or(f64::NAN, F::sign)]
    }
}

state! {
    /// Prices from `bottom` to `top` that are looked at from above (1) or below (-1).
    #[derive(Default)]
    Zone { sign: f64, top: f64, bottom: f64 }
}

impl Zone {
    pub(crate) fn new(sign: f64, top: f64, bottom: f64) -> Self {
        Self { sign, top, bottom }
    }

    /// Whether prices have gone through to its far end.
    pub(crate) fn is_crossed(&self, high: f64, low: f64) -> bool {
        if self.sign > 0.0 {
            low < self.bottom
        } else {
            high > self.top
        }
    }

    /// Its sign where it is new, and the ends of the one that stands.
    pub(crate) fn report(new: Option<Self>, standing: &mut Option<Self>) -> [f64; 3] {
        let signal = new.as_ref().map_or(0.0, |zone| zone.sign);
        if new.is_some() {
            *standing = new;
        }
        let ends = standing.as_ref().map(|zone| [zone.top, zone.bottom]);
        let [top, bottom] = ends.unwrap_or([f64::NAN; 2]);
        [signal, top, bottom]
    }
}

state! {
    /// High, low and close of the session before the current one.
    PreviousSession { day: Option<f64>, current: [f64; 3], previous: Option<[f64; 3]> }
}

impl PreviousSession {
    pub(crate) fn new() -> Self {
        Self {
            day: None,
            current: [0.0; 3],
            previous: None,
        }
    }

    pub(crate) fn next(&mut self, [high, low, close, day]: [f64; 4]) -> Option<[f64; 3]> {
        match self.day {
            // A day before the current one is refused.
            Some(current) if day < current => return None,
            Some(current) if day == current => {
                let [highest, lowest, _] = self.current;
                self.current = [highest.max(high), lowest.min(low), close];
            }
            before => {
                self.previous = before.map(|_| self.current);
                self.day = Some(day);
                self.current = [high, low, close];
            }
        }
        self.previous
    }
}

/// Levels from a session's high, low and close.
pub(crate) trait Levels<const O: usize>: Send + Sync + 'static {
    fn of(session: [f64; 3]) -> [f64; O];
}

/// The levels of the session before, on every bar.
impl<F: Levels<O>, const O: usize> Kernel<f64, 4, O> for Told<PreviousSession, F> {
    const INPUTS: [Input; 4] = HLC_DAY;

    fn new(_: &[f64]) -> Self {
        Self::of(PreviousSession::new())
    }

    fn step(&mut self, row: [f64; 4]) -> [f64; O] {
        self.part.next(row).map_or([f64::NAN; O], F::of)
    }
}

/// The floor traders' levels around a pivot: it, three above, three below.
pub(crate) fn floor_levels(pivot: f64, high: f64, low: f64) -> [f64; 7] {
    let range = high - low;
    [
        pivot,
        2.0 * pivot - low,
        pivot + range,
        high + 2.0 * (pivot - low),
        2.0 * pivot - high,
        pivot - range,
        low - 2.0 * (high - pivot),
    ]
}
