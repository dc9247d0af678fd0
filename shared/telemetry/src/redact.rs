//! Redaction: the last layer on everything that is logged or answered as an error.
//!
//! One pass over the bytes. A byte that can be part of no pattern costs a look
//! into two tables; the few that can, behind what they follow (`:` or `=` behind a
//! name, a space behind a word such as `token`, `@`, `J`, the first digit …), are
//! looked at from there, backwards and forwards, never beyond a line. What is
//! recognised is replaced by [`REDACTED`]; text that has none is not copied.
//!
//! | pattern | recognised by |
//! | --- | --- |
//! | API keys, tokens, tickets, passwords, client secrets, cookies | the name before `=` or `:`, however it is spelt or quoted, in headers, queries, JSON and Debug output |
//! | `Bearer …`, `Authorization: …` | the word; the scheme goes too |
//! | JWT | `eyJ` and its parts, whole |
//! | user and password in an address | `scheme://…@` |
//! | card numbers | grouping, length, issuer and check digit, unless the name before says order, time or offset |
//! | e-mail addresses | a name, `@`, and a domain; instrument keys are none |
//! | phone numbers | their separators |
//!
//! A name with nothing recognisable about its value, such as `note=hunter2`, is
//! beyond any pattern: secrets are types that cannot be printed (see
//! `tickwire_service::ports::Secret`), and fields of log lines are on a list.

mod name;
mod number;
mod value;

use std::borrow::Cow;

use name::Name;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Longest name that is looked at before a separator, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Shortest word of letters and digits that an error does not quote, in bytes.
pub const QUOTED_BYTES_MIN: usize = 16;
/// Longest part of an e-mail address before its `@`, in bytes.
const LOCAL_BYTES_MAX: usize = 64;
/// Shortest text beginning with `eyJ` that is taken for a token without any dot, in bytes.
const TOKEN_BYTES_MIN: usize = 20;
/// Shortest mixture of letters and digits after a word such as `token`, without any
/// separator, that is taken for one, in bytes.
const OPAQUE_BYTES_MIN: usize = 12;

/// The text without its secrets.
pub fn redact(text: &str) -> Cow<'_, str> {
    match redact_bytes(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        // Cuts lie at ASCII bytes, so it is UTF-8 as before.
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}

/// The message of an error without secrets, also such as only their look gives away:
/// a message may quote what a client sent, in whatever field. Words of
/// [`QUOTED_BYTES_MIN`] and more in which letters and digits mix are taken for such.
pub fn redact_error(message: &str) -> String {
    let of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '=' | '~');
    let mut told = String::with_capacity(message.len());
    for piece in redact(message).split_inclusive(|c| !of_word(c)) {
        let word = piece.trim_end_matches(|c| !of_word(c));
        let mixed = word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
        if word.len() >= QUOTED_BYTES_MIN && mixed {
            told.push_str(REDACTED);
            told.push_str(&piece[word.len()..]);
        } else {
            told.push_str(piece);
        }
    }
    told
}

/// The same of bytes, which need not be UTF-8.
pub fn redact_bytes(text: &[u8]) -> Cow<'_, [u8]> {
    redact_at(text, next_place)
}

/// Looks at the places that `next` finds.
fn redact_at(text: &[u8], next: impl Fn(&[u8], usize) -> Option<usize>) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(place) = next(text, at) {
        at = place;
        let view = View { text, floor: kept };
        let step = match text[at] {
            b':' | b'=' => view.separator(at, 1),
            b' ' | b'\t' | b'+' => view.space(at, 1),
            b'/' => view.slash(at),
            b'%' => view.percent(at),
            b'J' => view.token(at),
            b'@' => view.mail(at, 1),
            b'0'..=b'9' => view.number(at),
            _ => Step::On(at + 1),
        };
        match step {
            Step::On(next) => at = next,
            Step::Cut(cut) => {
                out.extend_from_slice(&text[kept..cut.start]);
                out.extend_from_slice(cut.around);
                out.extend_from_slice(REDACTED.as_bytes());
                out.extend_from_slice(cut.around);
                (kept, at) = (cut.end, cut.end);
            }
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.extend_from_slice(&text[kept..]);
    Cow::Owned(out)
}

/// The first place from `from` on that has to be looked at: `from` itself, whatever stands
/// before it, since that may be of something else, or a byte behind one that it can follow.
fn next_place(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let first = usize::from(*rest.first()?);
    if FOLLOWS[first] != 0 {
        return Some(from);
    }
    let mut allowed = LEADS[first];
    let found = rest[1..].iter().position(|b| {
        let found = FOLLOWS[usize::from(*b)] & allowed != 0;
        allowed = LEADS[usize::from(*b)];
        found
    });
    found.map(|skip| from + 1 + skip)
}

/// The kinds of place where a pattern can be recognised.
mod place {
    pub(super) const SEPARATOR: u8 = 1;
    pub(super) const SPACE: u8 = 1 << 1;
    pub(super) const SLASH: u8 = 1 << 2;
    pub(super) const JAY: u8 = 1 << 3;
    pub(super) const AT: u8 = 1 << 4;
    pub(super) const DIGIT: u8 = 1 << 5;
    pub(super) const PERCENT: u8 = 1 << 6;
}

/// What kind of place a byte is, 0 if none.
const FOLLOWS: [u8; 256] = {
    let mut follows = [0; 256];
    let mut at = 0;
    while at < 256 {
        follows[at] = match at as u8 {
            b':' | b'=' => place::SEPARATOR,
            b' ' | b'\t' | b'+' => place::SPACE,
            b'/' => place::SLASH,
            b'J' => place::JAY,
            b'@' => place::AT,
            b'0'..=b'9' => place::DIGIT,
            b'%' => place::PERCENT,
            _ => 0,
        };
        at += 1;
    }
    follows
};

/// Which kinds of place a byte can stand before: behind others there is nothing to recognise.
const LEADS: [u8; 256] = {
    let mut leads = [0; 256];
    let mut at = 0;
    while at < 256 {
        let b = at as u8;
        let mut kinds = place::PERCENT;
        // What may close a name, or stand between one and its separator.
        if name::LAST[at] || matches!(b, b' ' | b'\t' | b']' | b'm' | b'"' | b'\'' | b'`') {
            kinds |= place::SEPARATOR;
        }
        // Ends of the words that a secret may follow.
        if matches!(b.to_ascii_lowercase(), b'r' | b'y' | b'n' | b'd' | b't') {
            kinds |= place::SPACE;
        }
        if b == b'/' {
            kinds |= place::SLASH;
        }
        if b == b'y' {
            kinds |= place::JAY;
        }
        if of_local(b) {
            kinds |= place::AT;
        }
        if !joins_number(b) && !b.is_ascii_digit() {
            kinds |= place::DIGIT;
        }
        leads[at] = kinds;
        at += 1;
    }
    leads
};

/// Whether a byte may be part of an e-mail address before its `@`.
const fn of_local(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'-' | b'\'') || b >= 0x80
}

/// Whether a digit behind it is part of a word, a fraction, a path or an escape.
const fn joins_number(b: u8) -> bool {
    b.is_ascii_alphabetic() || matches!(b, b'.' | b'@' | b'/' | b'%')
}

/// What a look at a place gave.
enum Step<'a> {
    /// Nothing; go on there.
    On(usize),
    /// A secret.
    Cut(Cut<'a>),
}

struct Cut<'a> {
    start: usize,
    end: usize,
    /// Put before and after the replacement: quotes, where a bare value of JSON goes.
    around: &'a [u8],
}

impl<'a> Step<'a> {
    fn cut(start: usize, end: usize) -> Self {
        Self::Cut(Cut {
            start,
            end,
            around: b"",
        })
    }
}

/// The text, and from where on it was not taken yet.
#[derive(Clone, Copy)]
struct View<'a> {
    text: &'a [u8],
    floor: usize,
}

impl<'a> View<'a> {
    fn byte(self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(b'\n')
    }

    /// The byte before `at`, a newline before the first.
    fn before(self, at: usize) -> u8 {
        if at > self.floor { self.text[at - 1] } else { b'\n' }
    }

    fn starts(self, at: usize, with: &[u8]) -> bool {
        self.text
            .get(at..at + with.len())
            .is_some_and(|text| text.eq_ignore_ascii_case(with))
    }

    /// Where the run of bytes that are `of` a kind begins which ends before `end`.
    fn back(self, end: usize, bytes_max: usize, of: impl Fn(u8) -> bool) -> usize {
        let floor = self.floor.max(end.saturating_sub(bytes_max));
        let run = &self.text[floor..end];
        floor + run.iter().rposition(|b| !of(*b)).map_or(0, |other| other + 1)
    }

    /// Where the run of bytes that are `of` a kind ends which begins at `start`.
    fn forth(self, start: usize, of: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        start + rest.iter().position(|b| !of(*b)).unwrap_or(rest.len())
    }

    /// `:` or `=`, or their escapes, `width` bytes wide: a named value, or an address.
    fn separator(self, at: usize, width: usize) -> Step<'a> {
        let next = at + width;
        if self.starts(at, b"://") {
            return self.address(at);
        }
        // `token::Claims` is a path.
        if width == 1 && self.text[at] == b':' && (self.byte(next) == b':' || self.before(at) == b':') {
            return Step::On(next);
        }
        let Some(name) = Name::before(self, at) else {
            return Step::On(next);
        };
        match self.value(next, &name) {
            Some(cut) => Step::Cut(cut),
            None => Step::On(next),
        }
    }

    /// The second slash of an address whose scheme ends as no name does.
    fn slash(self, at: usize) -> Step<'a> {
        match at.checked_sub(2) {
            Some(colon) if colon >= self.floor && self.starts(colon, b"://") => self.address(colon),
            _ => Step::On(at + 1),
        }
    }

    /// The user and password of an address, from its `://`.
    fn address(self, at: usize) -> Step<'a> {
        let start = at + 3;
        if !self.before(at).is_ascii_alphanumeric() {
            return Step::On(start);
        }
        let end = self.forth(start, |b| {
            !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>')
        });
        let authority = self
            .forth(start, |b| !matches!(b, b'/' | b'?' | b'#' | b'\\'))
            .min(end);
        let last = |until: usize| self.text[start..until].iter().rposition(|b| *b == b'@');
        let found = last(authority).or_else(|| {
            // A password may hold a slash that was not escaped; a port is digits.
            let colon = self.text[start..authority].iter().position(|b| *b == b':')?;
            let port = &self.text[start + colon + 1..authority];
            let scheme = &self.text[self.back(at, 16, |b| b.is_ascii_alphanumeric())..at];
            let web = [&b"http"[..], b"https", b"ws", b"wss"].contains(&scheme);
            let is_port = web && !port.is_empty() && port.iter().all(u8::is_ascii_digit);
            if is_port { None } else { last(end) }
        });
        match found {
            Some(length) if length > 0 && &self.text[start..start + length] != REDACTED.as_bytes() => {
                Step::cut(start, start + length)
            }
            _ => Step::On(start),
        }
    }

    /// A space, or its escapes: after `Bearer`, and after words that a secret may follow.
    fn space(self, at: usize, width: usize) -> Step<'a> {
        let next = at + width;
        let word = match self.before(at) | 0x20 {
            b'r' if self.ends_word(at, b"bearer") => Word::Bearer,
            b'y' if self.ends_word(at, b"key") => Word::Opaque,
            b'n' if self.ends_word(at, b"token") => Word::Opaque,
            b'd' if self.ends_word(at, b"password") => Word::Opaque,
            b't' if self.ends_word(at, b"secret") || self.ends_word(at, b"ticket") => Word::Opaque,
            _ => return Step::On(next),
        };
        let start = self.forth(next, |b| {
            matches!(b, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'<' | b'\\')
        });
        let end = self.forth(start, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=' | b'%')
        });
        // The stop that ends a sentence is no part of it.
        let stops = self.text[start..end]
            .iter()
            .rev()
            .take_while(|b| **b == b'.')
            .count();
        let end = end - stops;
        let text = &self.text[start..end];
        let secret = match word {
            Word::Bearer => !is_english(text),
            Word::Opaque => {
                text.len() >= OPAQUE_BYTES_MIN
                    && text.iter().any(u8::is_ascii_digit)
                    && text.iter().any(u8::is_ascii_alphabetic)
                    // Neither a key of ours, nor a name with a value, nor a date.
                    && !matches!(self.byte(end), b':' | b'@' | b'(')
                    && !text.contains(&b'=')
                    && text.get(4) != Some(&b'-')
            }
        };
        if secret {
            Step::cut(start, end)
        } else {
            Step::On(next)
        }
    }

    /// Whether `word` stands before `at`, in any case, after no other letter.
    fn ends_word(self, at: usize, word: &[u8]) -> bool {
        at.checked_sub(word.len()).is_some_and(|start| {
            start >= self.floor && self.starts(start, word) && !self.before(start).is_ascii_alphabetic()
        })
    }

    /// An escape of an address: of a separator, of a space, or of `@`.
    fn percent(self, at: usize) -> Step<'a> {
        match self.text.get(at + 1..at + 3) {
            Some(b"3D" | b"3d" | b"3A" | b"3a") => self.separator(at, 3),
            Some(b"20") => self.space(at, 3),
            Some(b"40") => self.mail(at, 3),
            _ => Step::On(at + 1),
        }
    }

    /// A JSON web token, from its `J`: `ey` before, and its parts behind.
    fn token(self, at: usize) -> Step<'a> {
        let on = Step::On(at + 1);
        let Some(start) = at
            .checked_sub(2)
            .filter(|start| *start >= self.floor && self.text[*start..at] == *b"ey")
        else {
            return on;
        };
        let of_token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let left = self.back(start, NAME_BYTES_MAX, of_token);
        // What an escape such as %20 leaves before it is no part of it.
        let is_first = left == start || self.text[..start].iter().rev().nth(2) == Some(&b'%');
        let mut end = self.forth(at, |b| of_token(b) || matches!(b, b'.' | b'%' | b'='));
        while matches!(self.before(end), b'%' | b'=') {
            end -= 1;
        }
        let head = self.forth(at, of_token);
        let parts = self.byte(head) == b'.' && head - start >= 8 && end > head + 1;
        if parts || (is_first && end - start >= TOKEN_BYTES_MIN) {
            return Step::cut(if is_first { start } else { left }, end);
        }
        on
    }

    /// An e-mail address, from its `@`, `width` bytes wide.
    fn mail(self, at: usize, width: usize) -> Step<'a> {
        let on = Step::On(at + width);
        let start = self.back(at, LOCAL_BYTES_MAX, of_local);
        let start = start + self.text[start..at].iter().take_while(|b| **b == b'\'').count();
        // What the escape of a separator leaves before it is no part of it.
        let start = if self.before(start) == b'%' {
            (start + 2).min(at)
        } else {
            start
        };
        let mut end = self.forth(at + width, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-') || b >= 0x80
        });
        while matches!(self.before(end), b'.' | b'-') && end > at + width {
            end -= 1;
        }
        let domain = &self.text[at + width..end];
        let Some(dot) = domain.iter().rposition(|b| *b == b'.') else {
            return on;
        };
        let top = &domain[dot + 1..];
        let is_mail = start < at
            && dot > 0
            && top.len() >= 2
            && (top.iter().all(|b| b.is_ascii_alphabetic() || *b >= 0x80) || top.starts_with(b"xn--"));
        if is_mail && !self.is_instrument(start, end) {
            Step::cut(start, end)
        } else {
            on
        }
    }

    /// Whether the word around is an instrument key: `EXCHANGE@SYMBOL@PRODUCT…`, in upper case.
    fn is_instrument(self, start: usize, end: usize) -> bool {
        let of_key = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'.' | b'_' | b'-' | b'&');
        let start = self.back(start, 2 * NAME_BYTES_MAX, of_key);
        let end = self.forth(end, of_key);
        let word = &self.text[start..end];
        let mut parts = word.split(|b| *b == b'@');
        !word.iter().any(u8::is_ascii_lowercase)
            && parts
                .nth(2)
                .is_some_and(|part| PRODUCTS.iter().any(|product| product.as_bytes() == part))
    }
}

/// The third part of an instrument key.
const PRODUCTS: [&str; 6] = ["IDX", "EQ", "FUT", "OPT", "SPOT", "PERP"];

/// What a word announces.
#[derive(Clone, Copy)]
enum Word {
    /// A token, whatever it looks like.
    Bearer,
    /// Perhaps a secret: what looks like one.
    Opaque,
}

/// Whether it reads as a word, such as that of "Bearer token is missing".
fn is_english(text: &[u8]) -> bool {
    text.is_empty()
        || text.len() <= 14
            && text[0].is_ascii_alphabetic()
            && text[1..]
                .iter()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'='))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &[u8]) {
        let every = |text: &[u8], at: usize| (at < text.len()).then_some(at);
        let expected = redact_at(text, every);
        assert_eq!(
            redact_bytes(text),
            expected,
            "{:?}",
            String::from_utf8_lossy(text)
        );
    }

    #[test]
    fn nothing_is_behind_a_byte_that_leads_nowhere() {
        for text in [
            "s3://asha:hunter2@bucket/a",
            "a://b:c@d x9://e:f@g",
            "card%204111111111111111",
            "a?token%3Dhunter2&x%3d1",
            "key4111 1111 1111 1111",
            "2026-11-21T4111111111111111 2026-11-21T09:15:00+91 98765 43210",
            "+91-98765-43210T call 2026-11-21T09 tel 0123-456789",
            "Bearer+abcdefghijklmnop1 token\tk7Jq9sPz2LmXw8 eyJhbGciOiJIUzI1NiJ9.e30.x",
            "t-o-k-e-n=hunter2 T_OKEN: hunter2 to.ke.n='hunter2' otp=1 ot1p=2 p1=3",
            "\u{e9}asha@example.com o'asha@example.com",
        ] {
            check(text.as_bytes());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_096, ..ProptestConfig::default() })]

        #[test]
        fn what_is_passed_over_has_nothing_to_recognise(
            text in "([a-z]{0,3}(://|[:=@/ +%.\"'_-]|%20|%3D|::)|token|api_key|eyJ|pass|card|tel|[0-9]{1,16}|T|[A-Z]|\\PC){0,40}",
        ) {
            check(text.as_bytes());
        }
    }
}
