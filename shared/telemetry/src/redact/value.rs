//! Where the value of a secret name begins and ends.

use super::name::{Kind, Name};
use super::{Cut, REDACTED, View};

/// Wrappers around a value that are looked through: `Some(`, `[`, `String(`.
const WRAPPERS_MAX: usize = 4;
/// Longest name of a wrapper, in bytes.
const WRAPPER_BYTES_MAX: usize = 16;
/// Shortest value of a name that is not always secret, in bytes.
const OPAQUE_BYTES_MIN: usize = 16;

/// Values that say that there is none.
const NOTHING: [&[u8]; 8] = [
    b"none",
    b"null",
    b"nil",
    b"true",
    b"false",
    b"undefined",
    b"missing",
    b"invalid",
];
/// Schemes before the secret of an authorization.
const SCHEMES: [&[u8]; 8] = [
    b"bearer",
    b"basic",
    b"token",
    b"apikey",
    b"api-key",
    b"negotiate",
    b"jwt",
    b"key",
];

fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

/// What closes what is around a value.
fn is_close(b: u8) -> bool {
    matches!(b, b',' | b';' | b')' | b']' | b'}')
}

impl<'a> View<'a> {
    /// The value of `name` from `at` on, which is behind its separator.
    pub(super) fn value(self, at: usize, name: &Name<'a>) -> Option<Cut<'a>> {
        // `==`, `=>`, `:=`.
        let at = self.forth(at, |b| matches!(b, b'=' | b'>'));
        let mut start = self.blanks(at);
        let mut many = false;
        for _ in 0..WRAPPERS_MAX {
            if self.starts(start, REDACTED.as_bytes()) {
                return None;
            }
            let word = self.forth(start, |b| b.is_ascii_alphabetic());
            let wrapped = word > start && word - start <= WRAPPER_BYTES_MAX && self.byte(word) == b'(';
            match self.byte(start) {
                b'[' => (many, start) = (true, start + 1),
                b'(' | b'&' => start += 1,
                b'b' if self.byte(start + 1) == b'"' => start += 1,
                _ if wrapped => start = word + 1,
                _ => break,
            }
            start = self.blanks(start);
        }
        let backslashes = self.forth(start, |b| b == b'\\') - start;
        let quote = self.byte(start + backslashes);
        let quoted = is_quote(quote).then(|| {
            let from = start + backslashes + 1;
            let mut end = self.closing(from, quote, backslashes);
            if many {
                end = self.last_of_list(end, quote, backslashes);
            }
            (from, end)
        });
        let (from, end) = quoted.unwrap_or_else(|| (start, self.bare(start, name.kind)));
        let text = &self.text[from..end];
        let nothing = text.is_empty()
            || text == REDACTED.as_bytes()
            || NOTHING.iter().any(|nothing| text.eq_ignore_ascii_case(nothing));
        let passes = match name.kind {
            Kind::Word | Kind::Authorization | Kind::Line => false,
            Kind::Lettered => !text.iter().any(u8::is_ascii_alphabetic),
            Kind::Opaque => {
                text.len() < OPAQUE_BYTES_MIN || text.iter().any(|b| matches!(b, b'@' | b':' | b'%' | b'('))
            }
        };
        if nothing || passes {
            return None;
        }
        // A number in JSON becomes a text, so that it remains JSON.
        let bare_in_json = quoted.is_none() && name.quote.ends_with(b"\"") && !many;
        let around = if bare_in_json { name.quote } else { b"" };
        Some(Cut {
            start: from,
            end,
            around,
        })
    }

    /// Past blanks and colours of the terminal.
    fn blanks(self, at: usize) -> usize {
        let at = self.forth(at, |b| matches!(b, b' ' | b'\t'));
        if self.byte(at) != 0x1b {
            return at;
        }
        let end = self.forth(at + 1, |b| b.is_ascii_digit() || matches!(b, b';' | b'['));
        if self.byte(end) == b'm' {
            self.blanks(end + 1)
        } else {
            at
        }
    }

    /// Where a text ends that was opened by `quote` behind so many backslashes: before
    /// those of the closing one, or at the end of the line.
    fn closing(self, from: usize, quote: u8, backslashes: usize) -> usize {
        let mut at = from;
        loop {
            let end = self.forth(at, |b| b != quote && b != b'\n');
            if self.byte(end) != quote || end >= self.text.len() {
                return end;
            }
            let before = end - from.max(self.back(end, NESTED_MAX, |b| b == b'\\'));
            let closes = if backslashes == 0 {
                before.is_multiple_of(2)
            } else {
                before <= backslashes
            };
            if closes {
                return end - before.min(backslashes);
            }
            at = end + 1;
        }
    }

    /// Where the last text of a list ends, of which the first ends at `end`.
    fn last_of_list(self, mut end: usize, quote: u8, backslashes: usize) -> usize {
        loop {
            let next = self.blanks(end + backslashes + 1);
            if self.byte(next) != b',' {
                return end;
            }
            let open = self.blanks(next + 1) + backslashes;
            if self.byte(open) != quote {
                return end;
            }
            end = self.closing(open + 1, quote, backslashes);
        }
    }

    /// Where a value without quotes ends.
    fn bare(self, start: usize, kind: Kind) -> usize {
        if kind == Kind::Line {
            return self.forth(start, |b| b != b'\n' && b != b'\r' && !is_quote(b));
        }
        if self.byte(start) == b'{' {
            return self.balanced(start);
        }
        let end = self.word(start);
        let word = &self.text[start..end];
        // Debug output of a type: `Token { value: … }`.
        if word.first().is_some_and(u8::is_ascii_uppercase) && self.starts(end, b" { ") {
            return self.balanced(end + 1);
        }
        if self.byte(end) != b' ' {
            return end;
        }
        let next = self.blanks(end);
        if SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme)) {
            let from = next + usize::from(is_quote(self.byte(next)));
            return self.word(from).max(end);
        }
        let parameters = kind == Kind::Authorization && self.text[next..self.word(next)].contains(&b'=');
        if parameters && (word.starts_with(b"AWS4") || word.eq_ignore_ascii_case(b"digest")) {
            return self.forth(start, |b| b != b'\n' && b != b'\r');
        }
        end
    }

    /// Where the word ends that begins at `start`: what may stand in a secret is a part of
    /// it unless what follows shows that it closes what is around.
    fn word(self, start: usize) -> usize {
        let mut at = start;
        loop {
            let b = self.byte(at);
            let ends = at >= self.text.len()
                || b.is_ascii_whitespace()
                || is_quote(b)
                || matches!(b, b'<' | b'>' | 0x1b)
                || (b == b'\\' && matches!(self.byte(at + 1), b'n' | b'r' | b't' | b'"' | b'\'' | b'\\'))
                || (is_close(b) && self.closes(at))
                || (b == b'&' && self.is_named(at + 1));
            if ends {
                return at;
            }
            at += 1;
        }
    }

    fn closes(self, at: usize) -> bool {
        let next = self.byte(at + 1);
        at + 1 >= self.text.len()
            || next.is_ascii_whitespace()
            || is_quote(next)
            || is_close(next)
            || matches!(next, b'.' | b'\\')
            || self.is_named(at + 1)
    }

    /// Whether a name and its separator begin there.
    fn is_named(self, at: usize) -> bool {
        let end = self.forth(at, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
        });
        end > at && matches!(self.byte(end), b'=' | b':')
    }

    /// Where the braces close that open at `open`, or the line ends.
    fn balanced(self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, b) in self.text.iter().enumerate().skip(open) {
            match b {
                b'{' => depth += 1,
                b'}' if depth <= 1 => return at + 1,
                b'}' => depth -= 1,
                b'\n' => return at,
                _ => {}
            }
        }
        self.text.len()
    }
}

/// Backslashes before a quote that are counted.
const NESTED_MAX: usize = 16;
