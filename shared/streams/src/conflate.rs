//! Conflation: one frame that stands for several signals.

use crate::Offset;

/// The signals of one stream that a frame stands for, as a link of the chain.
///
/// `previous` is that of the oldest signal, `offset` the newest: a client that
/// holds `previous` has missed nothing when it takes the frame, however many
/// signals were skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the newest signal.
    pub offset: Offset,
    /// Offset of the signal before the oldest; `None` if that was the stream's first.
    pub previous: Option<Offset>,
    /// How many signals.
    pub count: u32,
}

impl Span {
    /// One signal.
    pub fn one(offset: Offset, previous: Option<Offset>) -> Self {
        Self {
            offset,
            previous,
            count: 1,
        }
    }

    /// Lets `self` stand for `later` as well, which must follow directly.
    /// Returns false, and changes nothing, if it does not.
    pub fn absorb(&mut self, later: Span) -> bool {
        let follows = later.previous == Some(self.offset);
        if follows {
            self.offset = later.offset;
            self.count = self.count.saturating_add(later.count);
        }
        follows
    }

    /// The one span to send of two of a stream when only one can be: of both if `later`
    /// follows, or else the one that reaches further, before which a hole stays visible.
    #[must_use]
    pub fn latest(mut self, later: Span) -> Span {
        if later.offset > self.offset && !self.absorb(later) {
            return later;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn absorbing_keeps_the_chain() {
        let mut span = Span::one(Offset(10), Some(Offset(7)));
        assert!(span.absorb(Span::one(Offset(12), Some(Offset(10)))));
        assert_eq!(
            span,
            Span {
                offset: Offset(12),
                previous: Some(Offset(7)),
                count: 2
            }
        );
        assert!(
            !span.absorb(Span::one(Offset(20), Some(Offset(15)))),
            "a hole must stay visible"
        );
        assert_eq!(span.offset, Offset(12));
    }

    proptest! {
        /// Spans of a stream's signals in any order, some lost and some twice: what is left to send
        /// is the newest, and stands for signals without a hole between them.
        #[test]
        fn the_latest_wins_and_stands_for_a_whole_stretch(
            parts in prop::collection::vec((1_u64..30, 1_u64..6), 1..12),
        ) {
            // Signal n has offset 10 n, and follows on n - 1.
            let span = |from: u64, count: u64| Span {
                offset: Offset(10 * (from + count - 1)),
                previous: (from > 1).then(|| Offset(10 * (from - 1))),
                count: count as u32,
            };
            let mut spans = parts.iter().map(|(from, count)| span(*from, *count));
            let first = spans.next().unwrap();
            let left = spans.fold(first, Span::latest);
            let newest = parts.iter().map(|(from, count)| 10 * (from + count - 1)).max();
            prop_assert_eq!(Some(left.offset.0), newest);
            let before = left.previous.map_or(0, |previous| previous.0);
            prop_assert_eq!(left.offset.0 - before, 10 * u64::from(left.count));
        }
    }
}
