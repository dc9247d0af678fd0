//! Stored bars as rows, with Greeks where they are asked for.

use tickwire_market::{Bar, Calendar, InstrumentKey, Product, Timeframe, UnixNanos};
use tickwire_signals::{OptionContract, Value, base_timeframe, coarsen, underlying_of};
use tickwire_wire::{BarBlock, BarRow, ErrorBody, ErrorCode, GreeksRow, decode};

use crate::open_connection::Fault;
use crate::plans::{Plan, unreadable};
use crate::ports::PortResult;

/// Bars and where the next page begins.
pub(super) struct Page {
    pub(super) bars: Vec<Bar>,
    /// Of the underlying, where Greeks are asked for.
    pub(super) of_underlying: Vec<Bar>,
    pub(super) next: Option<UnixNanos>,
}

impl Page {
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

/// Stored bars of one instrument, ascending.
#[derive(Default)]
pub(super) struct Finer {
    pub(super) bars: Vec<Bar>,
    /// Of the underlying, where Greeks are asked for: they stand in the same blocks.
    pub(super) of_underlying: Vec<Bar>,
    pub(super) blocks: usize,
    /// The latest end of a bar of any instrument of the group: what ended by then is closed.
    pub(super) closed_until: Option<UnixNanos>,
}

impl Finer {
    /// Adds blocks; returns the first end of the last block.
    pub(super) fn take(
        &mut self,
        blocks: Vec<Vec<u8>>,
        instrument: &InstrumentKey,
        underlying: Option<&InstrumentKey>,
    ) -> PortResult<Option<UnixNanos>> {
        let mut first_end = None;
        self.blocks += blocks.len();
        for bytes in blocks {
            let block: BarBlock = decode(&bytes).map_err(|error| unreadable("bars", &error))?;
            first_end = block.bars.first().map(|(_, bar)| bar.end).or(first_end);
            let last_end = block.bars.iter().map(|(_, bar)| bar.end).max();
            self.closed_until = self.closed_until.max(last_end);
            for (of, bar) in block.bars {
                if of == *instrument {
                    self.bars.push(bar);
                } else if Some(&of) == underlying {
                    self.of_underlying.push(bar);
                }
            }
        }
        for bars in [&mut self.bars, &mut self.of_underlying] {
            bars.sort_by_key(|bar| bar.end);
            bars.dedup_by_key(|bar| bar.end);
        }
        Ok(first_end)
    }
}

pub(super) fn next(time: UnixNanos) -> UnixNanos {
    time.saturating_add(1)
}

/// Closed bars of `timeframe` from stored ones.
pub(super) fn joined(
    finer: &Finer,
    bars: &[Bar],
    calendar: Calendar,
    timeframe: Timeframe,
    start: UnixNanos,
) -> Vec<Bar> {
    if timeframe == base_timeframe(timeframe) {
        return bars.to_vec();
    }
    let from = bars.partition_point(|bar| bar.start < start);
    coarsen(
        &bars[from..],
        timeframe,
        calendar,
        finer.closed_until.unwrap_or(start),
    )
    .closed
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
