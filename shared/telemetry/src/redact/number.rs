//! Numbers that are secret: of cards, and of phones.

use super::{Step, View, joins_number};

/// Digits of a card.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// Digits of a phone.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// Bytes of a date.
const DATE_BYTES: usize = 10;
/// Groups of digits looked at together.
const GROUPS_MAX: usize = 16;
/// Bytes between a number and the word that says what it is.
const BETWEEN_BYTES_MAX: usize = 8;

/// A run of digits, and what stands between it and the next.
#[derive(Clone, Copy, Default)]
struct Group {
    start: usize,
    length: usize,
    /// 0: none follows.
    separator: u8,
}

impl Group {
    fn end(self) -> usize {
        self.start + self.length
    }
}

/// Groups that follow one another.
struct Groups {
    held: [Group; GROUPS_MAX],
    count: usize,
}

/// What the words before a number say it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Nothing,
    /// Of a card.
    Card,
    /// Of a phone.
    Phone,
    /// A time, a place, an order: no secret.
    Innocent,
}

const PHONES: [&[u8]; 9] = [
    b"phone",
    b"mobile",
    b"tel",
    b"telephone",
    b"call",
    b"cell",
    b"whatsapp",
    b"sms",
    b"fax",
];
const INNOCENTS: [&[u8]; 40] = [
    b"ord",
    b"order",
    b"orders",
    b"orderid",
    b"trade",
    b"tradeid",
    b"execution",
    b"fill",
    b"offset",
    b"seq",
    b"sequence",
    b"segment",
    b"time",
    b"timestamp",
    b"ts",
    b"epoch",
    b"nanos",
    b"micros",
    b"millis",
    b"ns",
    b"ms",
    b"us",
    b"count",
    b"bytes",
    b"volume",
    b"qty",
    b"quantity",
    b"price",
    b"strike",
    b"strikes",
    b"reference",
    b"ref",
    b"txn",
    b"transaction",
    b"invoice",
    b"id",
    b"prev",
    b"at",
    b"from",
    b"until",
];
/// Words between a number and the word that says what it is.
const FILLERS: [&[u8]; 6] = [b"number", b"no", b"nr", b"num", b"is", b"was"];

impl<'a> View<'a> {
    /// A number, from its first digit.
    pub(super) fn number(self, at: usize) -> Step<'a> {
        let run = self.forth(at, |b| b.is_ascii_digit());
        let before = self.before(at);
        let joined = joins_number(before)
            || (matches!(before, b'-' | b'_') && !self.before(at - 1).is_ascii_alphabetic());
        if joined {
            return Step::On(run);
        }
        let next = self.byte(run);
        if run - at >= *CARD_DIGITS.start() {
            return if !self.goes_on(run) && self.is_card(at, run) {
                Step::cut(at, run)
            } else {
                Step::On(run)
            };
        }
        if !matches!(next, b' ' | b'-' | b'.' | b')') {
            return Step::On(run);
        }
        if self.is_date(at) {
            return Step::On(at + DATE_BYTES);
        }
        let groups = self.groups(at);
        let held = &groups.held[..groups.count];
        let digits: usize = held.iter().map(|group| group.length).sum();
        if groups.count < 2 || digits < *PHONE_DIGITS.start() {
            return Step::On(held[groups.count - 1].end());
        }
        for first in 0..groups.count {
            // The words before are those of the first.
            let context = if first == 0 {
                self.context(at)
            } else {
                Context::Nothing
            };
            let found = self
                .card_of(&groups, first, context)
                .or_else(|| self.phone_of(&groups, first, context));
            if let Some((start, end)) = found {
                return Step::cut(start, end);
            }
        }
        // A long run among them is looked at by itself.
        let held = &groups.held[1..groups.count];
        let long = held.iter().find(|group| group.length >= *CARD_DIGITS.start());
        Step::On(long.map_or(groups.held[groups.count - 1].end(), |group| group.start))
    }

    /// Whether the date of a time begins there, such as 2026-11-21T.
    fn is_date(self, at: usize) -> bool {
        let of_date = |(nth, b): (usize, &u8)| match nth {
            4 | 7 => *b == b'-',
            DATE_BYTES => *b == b'T',
            _ => b.is_ascii_digit(),
        };
        let text = self.text.get(at..=at + DATE_BYTES).unwrap_or_default();
        !text.is_empty() && text.iter().enumerate().all(of_date)
    }

    /// Whether a number does not end there: a letter, a fraction, another part.
    fn goes_on(self, end: usize) -> bool {
        let next = self.byte(end);
        next.is_ascii_alphanumeric()
            || next == b'_'
            || (matches!(next, b'.' | b'-') && self.byte(end + 1).is_ascii_digit())
    }

    fn groups(self, at: usize) -> Groups {
        let mut groups = Groups {
            held: [Group::default(); GROUPS_MAX],
            count: 0,
        };
        let mut start = at;
        while groups.count < GROUPS_MAX {
            let end = self.forth(start, |b| b.is_ascii_digit());
            let mut next = end + usize::from(self.byte(end) == b')');
            let separator = self.byte(next);
            if matches!(separator, b' ' | b'-' | b'.') {
                next += 1;
            }
            next += usize::from(self.byte(next) == b'(');
            let follows = next > end && self.byte(next).is_ascii_digit();
            groups.held[groups.count] = Group {
                start,
                length: end - start,
                separator: match follows {
                    false => 0,
                    true if matches!(separator, b' ' | b'-' | b'.') => separator,
                    true => b')',
                },
            };
            groups.count += 1;
            if !follows {
                break;
            }
            start = next;
        }
        groups
    }

    /// A card's number that was written in groups, from one of them on.
    fn card_of(self, groups: &Groups, first: usize, context: Context) -> Option<(usize, usize)> {
        const SHAPES: [&[usize]; 7] = [
            &[4, 4, 4, 4, 3],
            &[4, 4, 4, 4],
            &[4, 6, 5],
            &[4, 6, 4],
            &[4, 4, 4, 1],
            &[4, 4, 4, 4, 1],
            &[4, 4, 4, 4, 2],
        ];
        let held = &groups.held[first..groups.count];
        let separator = held[0].separator;
        if context == Context::Innocent || !matches!(separator, b' ' | b'-') {
            return None;
        }
        let shape = SHAPES.into_iter().find(|shape| {
            let fits = held.len() >= shape.len()
                && held
                    .iter()
                    .zip(*shape)
                    .all(|(group, length)| group.length == *length)
                && held[..shape.len() - 1]
                    .iter()
                    .all(|group| group.separator == separator);
            // More groups of four: a list. A date behind is none.
            let before = first.checked_sub(1).map(|before| groups.held[before]);
            let of_list = |group: &Group| group.length == 4 && matches!(group.separator, 0 | b' ');
            fits && !before.is_some_and(|before| before.length == 4 && before.separator == separator)
                && !(held[shape.len() - 1].separator == separator
                    && held.get(shape.len()).is_some_and(of_list))
                && is_issued(self.digits(held[0].start, held[shape.len() - 1].end()))
        })?;
        let end = held[shape.len() - 1].end();
        (self.byte(end) != b'_' && !self.byte(end).is_ascii_alphanumeric()).then_some((held[0].start, end))
    }

    fn is_card(self, start: usize, end: usize) -> bool {
        is_issued(self.digits(start, end)) && self.context(start) != Context::Innocent
    }

    fn digits(self, start: usize, end: usize) -> impl DoubleEndedIterator<Item = u8> + Clone + 'a {
        self.text[start..end]
            .iter()
            .filter(|b| b.is_ascii_digit())
            .map(|b| b - b'0')
    }

    /// A phone's number, from one of the groups on.
    fn phone_of(self, groups: &Groups, first: usize, context: Context) -> Option<(usize, usize)> {
        let held = &groups.held[first..groups.count];
        if context == Context::Innocent || held.len() < 2 {
            return None;
        }
        let (start, plus) = match (
            self.before(held[0].start),
            self.before(held[0].start.saturating_sub(1)),
        ) {
            (b'+', _) => (held[0].start - 1, true),
            (b'(', b'+') => (held[0].start - 2, true),
            (b'(', _) => (held[0].start - 1, false),
            _ => (held[0].start, false),
        };
        let lengths = |shape: &[usize]| {
            held.len() >= shape.len()
                && held
                    .iter()
                    .zip(shape)
                    .all(|(group, length)| group.length == *length)
        };
        let apart = |count: usize, by: &[u8]| {
            held[..count - 1]
                .iter()
                .all(|group| by.contains(&group.separator))
        };
        // Nothing of the same kind before or behind: no range, no list, no address of a machine.
        let alone = |count: usize| {
            let before = first.checked_sub(1).map(|before| groups.held[before]);
            let joins =
                |group: Group| group.separator == held[count - 2].separator && group.separator != b' ';
            !before.is_some_and(|group| joins(group) && group.length > 1) && !joins(held[count - 1])
        };
        let leading = self.byte(held[0].start);
        let second = self.byte(held[0].start + 1);
        let count = if plus && leading != b'0' && held[0].length <= 4 {
            self.international(held)
        } else if lengths(&[3, 3, 4]) && leading >= b'2' && alone(3) {
            let parenthesis = self.byte(held[0].end()) == b')';
            (apart(3, b"-") || apart(3, b".") || parenthesis).then_some(3)
        } else if leading == b'0' && second.is_ascii_digit() && second != b'0' {
            let three = [[3, 4, 4], [4, 3, 3], [4, 3, 4], [5, 3, 3]]
                .iter()
                .any(|shape| lengths(shape));
            if three && (apart(3, b" ") || apart(3, b"-")) && alone(3) {
                Some(3)
            } else {
                let two = (3..=5).contains(&held[0].length) && (6..=8).contains(&held[1].length);
                (two && apart(2, b"-") && alone(2)).then_some(2)
            }
        } else {
            None
        };
        let count = count.or_else(|| (context == Context::Phone).then(|| self.fitting(held))?)?;
        let end = held[count - 1].end();
        (!self.goes_on(end)).then_some((start, end))
    }

    /// How many groups make a number that begins with a country's code.
    fn international(self, held: &[Group]) -> Option<usize> {
        let count = self.fitting(held)?;
        let inside = &held[..count - 1];
        let dots = inside.iter().filter(|group| group.separator == b'.').count();
        // Decimals with a sign have dots too: one each.
        (dots == 0 || (dots == inside.len() && dots >= 2)).then_some(count)
    }

    /// How many groups make as many digits as a phone's number has.
    fn fitting(self, held: &[Group]) -> Option<usize> {
        let (mut digits, mut count) = (0, None);
        for (before, group) in held.iter().enumerate() {
            digits += group.length;
            if digits > *PHONE_DIGITS.end() {
                break;
            }
            if before > 0 && digits >= *PHONE_DIGITS.start() && !self.goes_on(group.end()) {
                count = Some(before + 1);
            }
        }
        count
    }

    /// What the words before `start` say.
    fn context(self, start: usize) -> Context {
        let mut end = start;
        for _ in 0..2 {
            let word_end = self.back(end, BETWEEN_BYTES_MAX, |b| {
                matches!(
                    b,
                    b' ' | b'"'
                        | b'\''
                        | b'\\'
                        | b'='
                        | b':'
                        | b'#'
                        | b'('
                        | b'+'
                        | b'['
                        | b'-'
                        | b'_'
                        | b'&'
                )
            });
            let word_start = self.back(word_end, 32, |b| {
                b.is_ascii_alphabetic() || matches!(b, b'_' | b'-')
            });
            let word = &self.text[word_start..word_end];
            // Of a name with several parts, each speaks.
            let any = |list: &[&[u8]]| {
                word.split(|b| matches!(b, b'_' | b'-'))
                    .any(|part| list.iter().any(|known| part.eq_ignore_ascii_case(known)))
            };
            if any(&[b"card", b"pan", b"cardnumber", b"cc"]) {
                return Context::Card;
            }
            if any(&PHONES) {
                return Context::Phone;
            }
            if any(&INNOCENTS) {
                return Context::Innocent;
            }
            if !any(&FILLERS) {
                return Context::Nothing;
            }
            end = word_start;
        }
        Context::Nothing
    }
}

/// Whether an issuer gives out cards of such a number: its beginning, its length,
/// and its check digit (Luhn, ISO/IEC 7812-1).
fn is_issued(digits: impl DoubleEndedIterator<Item = u8> + Clone) -> bool {
    let length = digits.clone().count();
    let head = digits
        .clone()
        .take(4)
        .fold(0_u32, |head, digit| head * 10 + u32::from(digit));
    let issued = match length {
        13 => head / 1_000 == 4,
        14 => matches!(head / 10, 300..=305 | 360..=399),
        15 => matches!(head / 100, 34 | 37),
        16 => matches!(head, 2_221..=2_720 | 3_528..=3_589 | 4_000..=6_999 | 8_100..=8_299),
        19 => matches!(head / 1_000, 4 | 6),
        17 | 18 => head / 1_000 == 6,
        _ => false,
    };
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit) << (place % 2);
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    issued && sum.is_multiple_of(10)
}
