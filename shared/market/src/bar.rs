//! A bar: first, highest, lowest and last price of a stretch of time.

use serde::{Deserialize, Serialize};

use crate::tick::is_quantity;
use crate::{BarRefusal, UnixNanos};

/// Prices of `[start, end)`, aligned to the session.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// First nanosecond that belongs to the bar.
    pub start: UnixNanos,
    /// First nanosecond after it.
    pub end: UnixNanos,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Quantity traded inside the bar (a difference of cumulative volumes, or
    /// a sum of sizes); absent when no tick told.
    pub volume: Option<f64>,
    /// Open interest at the bar's last tick that told.
    pub open_interest: Option<f64>,
    /// Ticks in the bar.
    pub ticks: u32,
}

impl Bar {
    /// Refuses a bar that no ticks could have made.
    pub fn check(&self) -> Result<(), BarRefusal> {
        let prices = [self.open, self.high, self.low, self.close];
        if self.end <= self.start {
            return Err(BarRefusal::SpanEmpty);
        }
        if !prices.iter().all(|price| price.is_finite()) {
            return Err(BarRefusal::PriceNotFinite);
        }
        if !prices.iter().all(|price| *price > 0.0) {
            return Err(BarRefusal::PriceNotPositive);
        }
        if self.low > self.high {
            return Err(BarRefusal::LowAboveHigh);
        }
        let range = self.low..=self.high;
        if !range.contains(&self.open) || !range.contains(&self.close) {
            return Err(BarRefusal::OutsideRange);
        }
        if self.volume.is_some_and(|volume| !is_quantity(volume)) {
            return Err(BarRefusal::VolumeNegative);
        }
        if self.open_interest.is_some_and(|interest| !is_quantity(interest)) {
            return Err(BarRefusal::OpenInterestNegative);
        }
        Ok(())
    }
}

/// A bar that is still forming: folds ticks or finer bars, in order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Forming(Bar);

impl Forming {
    /// Opens the bar of `[start, end)` with its first tick. `traded` is the
    /// quantity that the tick adds (see [`TradedVolume`](crate::TradedVolume)),
    /// never a cumulative volume.
    pub fn open(
        start: UnixNanos,
        end: UnixNanos,
        price: f64,
        traded: Option<f64>,
        open_interest: Option<f64>,
    ) -> Self {
        Self(Bar {
            start,
            end,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: traded,
            open_interest,
            ticks: 1,
        })
    }

    /// Opens the bar of `[start, end)` with the first of the finer bars in it.
    pub fn open_with(start: UnixNanos, end: UnixNanos, finer: &Bar) -> Self {
        Self(Bar { start, end, ..*finer })
    }

    /// Adds the next tick; `traded` as for [`open`](Self::open).
    pub fn fold(&mut self, price: f64, traded: Option<f64>, open_interest: Option<f64>) {
        let (start, end) = (self.0.start, self.0.end);
        self.merge(&Self::open(start, end, price, traded, open_interest).peek());
    }

    /// Adds a tick that is older than the last one by the exchange's times; `is_first` if it is
    /// older than all. `traded` as for [`open`](Self::open).
    pub fn fold_older(
        &mut self,
        price: f64,
        traded: Option<f64>,
        open_interest: Option<f64>,
        is_first: bool,
    ) {
        let Bar {
            open,
            close,
            open_interest: last_told,
            ..
        } = self.0;
        self.fold(price, traded, open_interest);
        self.0.open = if is_first { price } else { open };
        self.0.close = close;
        self.0.open_interest = last_told.or(open_interest);
    }

    /// Adds the next finer bar. Volume is the sum of the volumes told, absent
    /// while none is; open interest is the last one told.
    pub fn merge(&mut self, finer: &Bar) {
        let bar = &mut self.0;
        bar.high = bar.high.max(finer.high);
        bar.low = bar.low.min(finer.low);
        bar.close = finer.close;
        bar.volume = match (bar.volume, finer.volume) {
            (Some(so_far), Some(more)) => Some(so_far + more),
            (told, None) | (None, told) => told,
        };
        bar.open_interest = finer.open_interest.or(bar.open_interest);
        bar.ticks = bar.ticks.saturating_add(finer.ticks);
    }

    /// The bar as it stands.
    pub fn peek(&self) -> Bar {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: UnixNanos = UnixNanos(0);
    const END: UnixNanos = UnixNanos(UnixNanos::PER_MINUTE);

    fn bar() -> Bar {
        Bar {
            start: START,
            end: END,
            open: 10.0,
            high: 12.0,
            low: 9.0,
            close: 11.0,
            volume: Some(5.0),
            open_interest: None,
            ticks: 3,
        }
    }

    #[test]
    fn check_refuses_what_no_ticks_could_make() {
        let check = |change: fn(&mut Bar), expected| {
            let mut bar = bar();
            change(&mut bar);
            assert_eq!(bar.check(), expected, "{bar:?}");
        };
        check(|_| (), Ok(()));
        check(|bar| bar.volume = None, Ok(()));
        check(|bar| bar.volume = Some(0.0), Ok(()));
        check(|bar| bar.end = bar.start, Err(BarRefusal::SpanEmpty));
        check(|bar| bar.start = UnixNanos(i64::MAX), Err(BarRefusal::SpanEmpty));
        check(|bar| bar.open = f64::NAN, Err(BarRefusal::PriceNotFinite));
        check(|bar| bar.high = f64::INFINITY, Err(BarRefusal::PriceNotFinite));
        check(|bar| bar.low = 0.0, Err(BarRefusal::PriceNotPositive));
        check(|bar| bar.low = -1.0, Err(BarRefusal::PriceNotPositive));
        check(|bar| bar.low = 12.5, Err(BarRefusal::LowAboveHigh));
        check(|bar| bar.open = 8.9, Err(BarRefusal::OutsideRange));
        check(|bar| bar.close = 12.1, Err(BarRefusal::OutsideRange));
        check(|bar| bar.volume = Some(-1.0), Err(BarRefusal::VolumeNegative));
        check(|bar| bar.volume = Some(f64::NAN), Err(BarRefusal::VolumeNegative));
        check(
            |bar| bar.open_interest = Some(-1.0),
            Err(BarRefusal::OpenInterestNegative),
        );
    }

    #[test]
    fn unknown_volume_stays_absent() {
        let mut forming = Forming::open(START, END, 10.0, None, None);
        forming.fold(11.0, None, None);
        assert_eq!(forming.peek().volume, None);
        assert_eq!(forming.peek().open_interest, None);
        forming.fold(9.0, Some(3.0), Some(70.0));
        forming.fold(9.5, None, None);
        let expected = Bar {
            start: START,
            end: END,
            open: 10.0,
            high: 11.0,
            low: 9.0,
            close: 9.5,
            volume: Some(3.0),
            open_interest: Some(70.0),
            ticks: 4,
        };
        assert_eq!(forming.peek(), expected);
    }

    #[test]
    fn an_older_tick_is_not_the_last() {
        let mut forming = Forming::open(START, END, 10.0, None, Some(70.0));
        forming.fold_older(12.0, Some(3.0), Some(60.0), false);
        forming.fold_older(9.0, Some(2.0), None, true);
        let expected = Bar {
            start: START,
            end: END,
            open: 9.0,
            high: 12.0,
            low: 9.0,
            close: 10.0,
            volume: Some(5.0),
            open_interest: Some(70.0),
            ticks: 3,
        };
        assert_eq!(forming.peek(), expected);
    }

    #[test]
    fn forming_bars_survive_serde() {
        let forming = Forming::open(START, END, 10.0, None, Some(1.0));
        let bytes = postcard::to_allocvec(&forming).unwrap();
        assert_eq!(postcard::from_bytes::<Forming>(&bytes).unwrap(), forming);
    }

    fn ticks() -> impl Strategy<Value = Vec<(f64, Option<f64>, Option<f64>)>> {
        // Whole quantities, so that their sum does not depend on the order.
        let quantity = proptest::option::of((0u32..1000).prop_map(f64::from));
        proptest::collection::vec((0.01..1e6f64, quantity.clone(), quantity), 1..40)
    }

    fn form(ticks: &[(f64, Option<f64>, Option<f64>)]) -> Forming {
        let (price, traded, interest) = ticks[0];
        let mut forming = Forming::open(START, END, price, traded, interest);
        for (price, traded, interest) in &ticks[1..] {
            forming.fold(*price, *traded, *interest);
        }
        forming
    }

    proptest! {
        #[test]
        fn folded_bars_pass_the_check(ticks in ticks()) {
            let bar = form(&ticks).peek();
            prop_assert_eq!(bar.check(), Ok(()));
            prop_assert_eq!(bar.ticks as usize, ticks.len());
        }

        #[test]
        fn merging_parts_is_folding_the_whole(ticks in ticks(), size in 1usize..10) {
            let mut parts = ticks.chunks(size).map(|part| form(part).peek());
            let mut merged = Forming::open_with(START, END, &parts.next().unwrap());
            parts.for_each(|part| merged.merge(&part));
            prop_assert_eq!(merged, form(&ticks));
        }
    }
}
