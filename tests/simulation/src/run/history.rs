//! What was before the run, and those who ask for bars while it lasts.

use rand::RngExt;
use tickwire_entitlements::{Identity, Proof, Tier};
use tickwire_market::{InstrumentKey, Timeframe, UnixNanos};
use tickwire_service::ports::Queue;
use tickwire_service::query_history::{BarsQuestion, PageOrder, QueryHistory};
use tickwire_signals::ClosedBar;
use tickwire_streams::{Offset, Universe};
use tickwire_wire::{BarRow, encode};

use super::{Run, Unit};
use crate::market::Market;
use crate::tasks::{Done, Purpose};
use crate::world::{LONG_AGO, MINUTE, SECOND, START, World};

/// Times that every instrument traded long ago ...
const TRADES_LONG_AGO: i64 = 4;
/// ... so long after each other that a checkpoint is written each time.
const TRADES_APART: i64 = 61 * MINUTE;
/// Time in which one of them is worked off.
const WORKED_OFF: i64 = 20 * SECOND;
/// A question is of this time at the most, before and after now.
const ASKED_SECONDS_MAX: i64 = 2 * 86_400;

/// Stores bars of before the run, as logs of before closed them.
pub(super) fn store_past(market: &mut Market, world: &mut World) {
    for (nth, (group, block)) in (0u16..).zip(market.past_bars(START)) {
        let Some((_, first)) = block.bars.first() else {
            continue;
        };
        // These always have an encoded form.
        let bytes = encode(&block).unwrap_or_default();
        let name = (first.end, Offset::new(0, nth).0);
        let closed = block.bars.into_iter().map(|(instrument, bar)| ClosedBar {
            instrument,
            timeframe: Timeframe::MINUTE,
            bar,
        });
        let bars = &mut world.truth.bars;
        let held = bars
            .on_commit(&group, closed.collect())
            .and_then(|()| bars.on_block(&group, Timeframe::MINUTE, &bytes));
        world.hold(held);
        world
            .tables
            .put_block(&group, Timeframe::MINUTE, name.0, name.1, &bytes);
    }
}

impl Run {
    /// Goes through what is in the logs when the run begins, in which nothing goes wrong.
    pub(super) fn live_long_ago(&mut self) {
        self.world.lock().dice.calm = true;
        for nth in 0..TRADES_LONG_AGO {
            let at = LONG_AGO + nth * TRADES_APART;
            self.world.lock().now = at;
            if nth > 0 {
                self.trade_all(at);
            }
            self.until(at + WORKED_OFF, |_| false);
        }
        // What they closed is closed, and in no block together with what comes now.
        let end = LONG_AGO + TRADES_LONG_AGO * TRADES_APART;
        self.world.lock().now = end;
        for message in self.market.clocks(end) {
            self.world.lock().enqueue(Queue::Ticks, message);
        }
        self.until(end + WORKED_OFF, |_| false);
        self.market.forget_trades();
        let mut world = self.world.lock();
        world.dice.calm = false;
        world.now = START;
    }

    /// Someone asks for the bars of a stretch of time, page by page.
    pub(super) fn ask_history(&mut self) {
        let Some(process) = self.socket() else { return };
        let Unit::Socket { history, .. } = &self.processes[process].unit else {
            return;
        };
        let history = history.clone();
        let mut guard = self.world.lock();
        let world = &mut *guard;
        let random = &mut world.random;
        let (now, nth) = (world.now, random.random_range(0..usize::MAX));
        let Ok(instrument) = self.market.instrument(nth).parse::<InstrumentKey>() else {
            return;
        };
        let timeframe = [Timeframe::MINUTE, Timeframe::MINUTE, Timeframe::DAY][random.random_range(0..3)];
        let mut moment = || UnixNanos(now + random.random_range(-ASKED_SECONDS_MAX..600) * SECOND);
        let (one, other) = (moment(), moment());
        let question = BarsQuestion {
            universe: Universe::live(),
            instrument: instrument.clone(),
            timeframe,
            from: one.min(other),
            to: one.max(other),
            limit: random.random_range(1..100),
            order: [PageOrder::Oldest, PageOrder::Newest][random.random_range(0..2)],
            greeks: false,
        };
        let series = (self.market.group_of(nth), timeframe, instrument);
        let due = world.truth.bars.stored(&series, question.from, question.to);
        drop(guard);
        let work = async move { Done::Bars(all_pages(&history, question).await) };
        self.tasks.spawn(process, Purpose::History { series, due }, work);
    }
}

/// All pages that a question has; none if one of them fails.
async fn all_pages(history: &QueryHistory, mut question: BarsQuestion) -> Option<Vec<BarRow>> {
    let identity = Identity {
        user: "historian".to_owned(),
        tier: Tier::Free,
        expires_at: UnixNanos(i64::MAX),
        proof: Proof::default(),
    };
    let mut told = Vec::new();
    loop {
        let page = history.bars(&identity, &question).await.ok()?;
        told.extend(page.bars.iter().cloned());
        let Some(next) = &page.next else {
            return Some(told);
        };
        let next = UnixNanos(next.parse().ok()?);
        match question.order {
            PageOrder::Oldest => question.from = next,
            PageOrder::Newest => question.to = next,
        }
    }
}
