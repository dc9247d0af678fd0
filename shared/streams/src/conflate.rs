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
}

#[cfg(test)]
mod tests {
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
}
