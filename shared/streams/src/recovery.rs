//! Recovery: what a reader missed, and how a reader knows.

use crate::{Offset, Span};

/// What can be said to a client that was last at some offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The first `count` signals after its offset are all it missed, or as many
    /// as one pull gives, with `more` to come.
    Replay {
        /// Signals to send now.
        count: usize,
        /// Whether others follow.
        more: bool,
    },
    /// The log does not reach back to its offset: it gets a snapshot.
    Lost,
}

/// Judges the signals of one stream after `since`, oldest first, as (offset,
/// previous, bytes when rendered). Never partial: either the chain reaches back
/// to `since` exactly, or the stream is lost.
pub fn recover(
    since: Offset,
    top: Option<Offset>,
    after: &[(Offset, Option<Offset>, usize)],
    signals_max: usize,
    bytes_max: usize,
) -> Recovery {
    match after.first() {
        None if top == Some(since) => Recovery::Replay {
            count: 0,
            more: false,
        },
        None => Recovery::Lost,
        Some((_, previous, _)) if *previous != Some(since) => Recovery::Lost,
        Some(_) => {
            let mut bytes = 0usize;
            let count = after
                .iter()
                .take(signals_max)
                .take_while(|(_, _, size)| {
                    bytes = bytes.saturating_add(*size);
                    bytes <= bytes_max
                })
                .count()
                .max(1);
            Recovery::Replay {
                count,
                more: count < after.len(),
            }
        }
    }
}

/// What a reader does with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It follows: take it.
    Next,
    /// Already known: ignore it.
    Known,
    /// Something between is missing: hold it, and resume from the last offset.
    Hole,
}

/// A reader's end of the chain of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    last: Option<Offset>,
}

impl Chain {
    /// A chain of which `last` was the last link taken.
    pub fn at(last: Option<Offset>) -> Self {
        Self { last }
    }

    /// The last offset taken.
    pub fn last(&self) -> Option<Offset> {
        self.last
    }

    /// Starts anew at a snapshot.
    pub fn reset(&mut self, offset: Option<Offset>) {
        self.last = offset;
    }

    /// Judges a frame, and takes it if it is the next one.
    ///
    /// A frame that overlaps what is known but reaches further is taken: its
    /// newest value is new, and nothing between is missing.
    pub fn take(&mut self, span: Span) -> Link {
        let link = match self.last {
            Some(last) if span.offset <= last => Link::Known,
            Some(last) if span.previous.is_none_or(|previous| previous <= last) => Link::Next,
            Some(_) => Link::Hole,
            None if span.previous.is_none() => Link::Next,
            None => Link::Hole,
        };
        if link == Link::Next {
            self.last = Some(span.offset);
        }
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(offset: u64, previous: u64) -> (Offset, Option<Offset>, usize) {
        (Offset(offset), (previous > 0).then_some(Offset(previous)), 10)
    }

    #[test]
    fn a_replay_is_whole_or_not_at_all() {
        let check = |since, top, after: &[_], expected| {
            assert_eq!(
                recover(Offset(since), top, after, 3, 1_000),
                expected,
                "since {since}"
            );
        };
        check(
            5,
            Some(Offset(5)),
            &[],
            Recovery::Replay {
                count: 0,
                more: false,
            },
        );
        check(5, None, &[], Recovery::Lost);
        check(5, Some(Offset(9)), &[], Recovery::Lost);
        check(
            5,
            Some(Offset(9)),
            &[signal(9, 5)],
            Recovery::Replay {
                count: 1,
                more: false,
            },
        );
        check(5, Some(Offset(9)), &[signal(9, 7)], Recovery::Lost);
        let four = [signal(6, 5), signal(7, 6), signal(8, 7), signal(9, 8)];
        check(
            5,
            Some(Offset(9)),
            &four,
            Recovery::Replay { count: 3, more: true },
        );
        assert_eq!(
            recover(Offset(5), None, &four, 3, 25),
            Recovery::Replay { count: 2, more: true }
        );
        assert_eq!(
            recover(Offset(5), None, &four, 3, 1),
            Recovery::Replay { count: 1, more: true }
        );
    }

    #[test]
    fn a_chain_tells_next_known_and_hole() {
        let mut chain = Chain::at(Some(Offset(5)));
        let span = |offset, previous| Span::one(Offset(offset), Some(Offset(previous)));
        assert_eq!(chain.take(span(9, 7)), Link::Hole);
        assert_eq!(chain.take(span(7, 5)), Link::Next);
        assert_eq!(chain.take(span(7, 5)), Link::Known);
        assert_eq!(
            chain.take(Span {
                offset: Offset(12),
                previous: Some(Offset(5)),
                count: 3
            }),
            Link::Next
        );
        assert_eq!(chain.last(), Some(Offset(12)));
        assert_eq!(Chain::default().take(span(9, 7)), Link::Hole);
        assert_eq!(Chain::default().take(Span::one(Offset(1), None)), Link::Next);
    }
}
