//! Stored bars as rows, with Greeks where they are asked for.

use tickwire_market::{Bar, Calendar, InstrumentKey, Product, Timeframe, UnixNanos};
use tickwire_signals::{OptionContract, Value, base_timeframe, coarsen, underlying_of};
use tickwire_wire::{BarRow, ErrorBody, ErrorCode, GapRow, GreeksRow};

use super::{BarsQuestion, PageOrder, Range};
use crate::gaps::GapFinder;
use crate::open_connection::Fault;
use crate::plans::Plan;

/// Bars and where the next page begins.
pub(super) struct Page {
    pub(super) bars: Vec<Bar>,
    /// Of the underlying, where Greeks are asked for.
    pub(super) of_underlying: Vec<Bar>,
    pub(super) next: Option<UnixNanos>,
    /// What ended by then is closed.
    pub(super) closed_until: Option<UnixNanos>,
}

impl Page {
    /// Where bars are missing between those of the page, and from them to the ends of the range
    /// as far as it is closed and no other page is of it.
    pub(super) fn gaps(&self, of: &Range<'_>) -> Vec<GapRow> {
        let BarsQuestion {
            timeframe,
            from,
            to,
            order,
            ..
        } = of.question;
        // Of a page that is not the last, the next cursor says how far it goes.
        let (from, to) = match (order, self.next) {
            (_, None) => (*from, *to),
            (PageOrder::Oldest, Some(next)) => (*from, next),
            (PageOrder::Newest, Some(next)) => (next, *to),
        };
        let mut finder = GapFinder::new(of.calendar, *timeframe, Some(from));
        for bar in &self.bars {
            finder.bar(bar.start, bar.end);
        }
        if let Some(closed_until) = self.closed_until {
            finder.until(closed_until.min(to));
        }
        finder.gaps
    }

    /// Its rows; of an option with volatility and Greeks, from the bar's close and that of
    /// the underlying's last bar by then, as streams on bars have them.
    pub(super) fn rows(self, option: Option<&OptionContract>) -> Vec<BarRow> {
        let Self {
            bars, of_underlying, ..
        } = self;
        let row = |bar: Bar| {
            let greeks = option.map(|option| {
                let by_then = of_underlying.partition_point(|other| other.end <= bar.end);
                let last = by_then.checked_sub(1).and_then(|at| of_underlying.get(at));
                row_of(option.greeks(bar.close, bar.end, last.map(|last| (last.close, last.end))))
            });
            BarRow {
                greeks,
                ..BarRow::from(bar)
            }
        };
        bars.into_iter().map(row).collect()
    }
}

fn row_of(values: [Value; 6]) -> GreeksRow {
    let [iv, delta, gamma, theta, vega, rho] = values;
    let number = |value: Value| match value {
        Value::Number(number) => Some(number),
        Value::Truth(_) | Value::Absent(_) => None,
    };
    GreeksRow {
        iv: number(iv),
        iv_status: match iv {
            Value::Absent(why) => why.as_str(),
            Value::Number(_) | Value::Truth(_) => "ok",
        }
        .to_owned(),
        delta: number(delta),
        gamma: number(gamma),
        theta_per_year: number(theta),
        vega_per_one: number(vega),
        rho_per_one: number(rho),
    }
}

/// How an option is valued, and its underlying, if the group has it.
pub(super) fn option_of(
    plan: &Plan,
    instrument: &InstrumentKey,
) -> Result<(OptionContract, Option<InstrumentKey>), Fault> {
    let refuse = |message: String| Fault::from(ErrorBody::with_message(ErrorCode::ParameterInvalid, message));
    if instrument.product() != Product::Opt {
        return Err(refuse(format!("greeks: {instrument} is no option.")));
    }
    let known: Vec<InstrumentKey> = plan.instruments().filter_map(|text| text.parse().ok()).collect();
    let underlying = underlying_of(instrument, known.iter().map(|key| (key, key)));
    let terms = underlying.and_then(|underlying| Some((underlying, plan.chain(underlying)?)));
    let contract = OptionContract::of(instrument, terms).ok_or_else(|| {
        refuse(format!(
            "greeks: no session is known on the day {instrument} expires."
        ))
    })?;
    Ok((contract, underlying.cloned()))
}

/// Closed bars of `timeframe` from stored ones: of what ended by `closed_until`.
pub(super) fn joined(
    bars: Vec<Bar>,
    calendar: Calendar,
    timeframe: Timeframe,
    start: UnixNanos,
    closed_until: Option<UnixNanos>,
) -> Vec<Bar> {
    if timeframe == base_timeframe(timeframe) {
        return bars;
    }
    let from = bars.partition_point(|bar| bar.start < start);
    let closed_until = closed_until.unwrap_or(start);
    coarsen(&bars[from..], timeframe, calendar, closed_until, None).closed
}

/// Where the bar that `time` lies in begins: from there on its parts are read.
pub(super) fn begin_of(calendar: Calendar, timeframe: Timeframe, time: UnixNanos) -> UnixNanos {
    if timeframe == base_timeframe(timeframe) {
        return time;
    }
    let session = calendar.session_at(time).ok().flatten();
    session
        .and_then(|session| session.bar(timeframe, time))
        .map_or(time, |(start, _)| start)
}
