//! Which bars seed an expression.

use tickwire_market::{InstrumentKey, Timeframe};

use super::{Expression, Node};

/// Minutes of trading in a day, at the least: what a day is counted as when its bars are
/// set against shorter ones. Too few seed with more than is needed.
const DAY_MINUTES_MIN: usize = 360;

/// Bars that an expression is seeded with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Of which instrument; `None` for the stream's own.
    pub instrument: Option<InstrumentKey>,
    /// Of which length.
    pub timeframe: Timeframe,
    /// How many, so that their seed no longer shows.
    pub bars: usize,
}

impl Expression {
    /// Bars that seed it, so that it has its value with the next bar of `timeframe`: first
    /// those of the stream itself, then those of each other place that it names.
    #[must_use]
    pub fn needs(&self, timeframe: Timeframe) -> Vec<Need> {
        let mut needs = vec![Need {
            instrument: None,
            timeframe,
            bars: 0,
        }];
        collect(self.root(), (None, timeframe), 0, &mut needs);
        needs
    }
}

/// `above` is how many bars of its place the nodes above need of it.
fn collect(node: &Node, place: (Option<&InstrumentKey>, Timeframe), above: usize, needs: &mut Vec<Need>) {
    if let Node::At {
        operand,
        instrument,
        timeframe,
    } = node
    {
        let longer = timeframe.unwrap_or(place.1);
        let above = if longer == place.1 {
            above + 1
        } else {
            let minutes = |timeframe: Timeframe| timeframe.as_minutes().map_or(0, usize::from);
            (above * minutes(place.1)).div_ceil(minutes(longer).clamp(1, DAY_MINUTES_MIN)) + 1
        };
        return collect(operand, (instrument.as_ref().or(place.0), longer), above, needs);
    }
    let bars = above + node.own_settle();
    let known = needs
        .iter_mut()
        .find(|need| (need.instrument.as_ref(), need.timeframe) == place);
    match known {
        Some(need) => need.bars = need.bars.max(bars),
        None => needs.push(Need {
            instrument: place.0.cloned(),
            timeframe: place.1,
            bars,
        }),
    }
    for child in node.children() {
        collect(child, place, bars, needs);
    }
}
