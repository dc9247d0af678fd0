//! Stored bars made into the history of a stream.

use tickwire_market::{Bar, Calendar, Forming, Timeframe, UnixNanos};

use crate::event::{WarmUp, split_bar};

/// Bars in the shares of today: each split after a bar divides its prices.
/// `splits` is ascending by time.
pub fn adjust(bars: &mut [Bar], splits: &[(UnixNanos, f64)]) {
    for bar in bars {
        let ratio: f64 = splits
            .iter()
            .filter(|(at, _)| bar.start < *at)
            .map(|(_, ratio)| ratio)
            .product();
        if ratio != 1.0 {
            *bar = split_bar(bar, ratio);
        }
    }
}

/// Joins finer bars (ascending, of one instrument) into bars of `timeframe`.
///
/// A bar whose end lies after `closed_until` is not closed yet: the last such
/// is the forming one, without bars that begin at `unsettled` or later (see
/// [`Engine::unsettled`](crate::Engine::unsettled)). Bars outside every session are left out.
pub fn coarsen(
    bars: &[Bar],
    timeframe: Timeframe,
    calendar: Calendar,
    closed_until: UnixNanos,
    unsettled: Option<UnixNanos>,
) -> WarmUp {
    let mut session = None;
    let mut joined: Vec<Forming> = Vec::new();
    for bar in bars {
        if session.is_none_or(|session: tickwire_market::Session| !session.contains(bar.start)) {
            session = calendar.session_at(bar.start).ok().flatten();
        }
        let Some((start, end)) = session.and_then(|session| session.bar(timeframe, bar.start)) else {
            continue;
        };
        if end > closed_until && unsettled.is_some_and(|from| bar.start >= from) {
            continue;
        }
        match joined.last_mut().filter(|open| open.peek().start == start) {
            Some(open) => open.merge(bar),
            None => joined.push(Forming::open_with(start, end, bar)),
        }
    }
    let mut closed: Vec<Bar> = joined.iter().map(Forming::peek).collect();
    let forming = closed.pop_if(|bar| bar.end > closed_until);
    WarmUp { closed, forming }
}
