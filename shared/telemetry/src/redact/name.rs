//! Names whose values are secret.

use super::{NAME_BYTES_MAX, View};

/// What a value of the name may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One word, or a quoted text.
    Word,
    /// The same, and the scheme before it.
    Authorization,
    /// The rest of the line, or a quoted text.
    Line,
    /// A word with a letter in it: numbers of the same name are no secrets.
    Lettered,
    /// A long word that is no key of a stream or instrument.
    Opaque,
}

/// A name before a separator, and how it was quoted.
pub(super) struct Name<'a> {
    pub(super) kind: Kind,
    /// The quote that closes it, with its backslashes.
    pub(super) quote: &'a [u8],
}

/// Ends of names, written without separators and in lower case.
const ENDS: [(&[u8], Kind); 38] = [
    (b"apikey", Kind::Word),
    (b"secretkey", Kind::Word),
    (b"privatekey", Kind::Word),
    (b"accesskey", Kind::Word),
    (b"signingkey", Kind::Word),
    (b"sharedkey", Kind::Word),
    (b"masterkey", Kind::Word),
    (b"internalkey", Kind::Word),
    (b"gatewaykey", Kind::Word),
    (b"encryptionkey", Kind::Word),
    (b"watermarkkey", Kind::Word),
    (b"sessionkey", Kind::Word),
    (b"authkey", Kind::Word),
    (b"hmackey", Kind::Word),
    (b"xinternal", Kind::Word),
    (b"xgateway", Kind::Word),
    (b"token", Kind::Word),
    (b"authorization", Kind::Authorization),
    (b"xauth", Kind::Authorization),
    (b"secret", Kind::Word),
    (b"secretstring", Kind::Word),
    (b"jwt", Kind::Word),
    (b"ticket", Kind::Lettered),
    (b"password", Kind::Word),
    (b"passwd", Kind::Word),
    (b"passphrase", Kind::Word),
    (b"passcode", Kind::Word),
    (b"pwd", Kind::Word),
    (b"sessionid", Kind::Lettered),
    (b"xamzsignature", Kind::Word),
    (b"xamzcredential", Kind::Word),
    (b"credential", Kind::Lettered),
    (b"credentials", Kind::Lettered),
    (b"cookie", Kind::Line),
    (b"secwebsocketprotocol", Kind::Opaque),
    (b"cardnumber", Kind::Word),
    (b"cvv", Kind::Word),
    (b"otp", Kind::Word),
];

/// Names that are secret only in a query, whole.
const IN_QUERY: [(&[u8], Kind); 7] = [
    (b"key", Kind::Opaque),
    (b"sig", Kind::Word),
    (b"signature", Kind::Word),
    (b"code", Kind::Opaque),
    (b"auth", Kind::Word),
    (b"pass", Kind::Word),
    (b"sid", Kind::Word),
];

/// Words before `key` that make it one, where a space lies between.
const BEFORE_KEY: [&[u8]; 7] = [
    b"api",
    b"internal",
    b"gateway",
    b"secret",
    b"private",
    b"access",
    b"signing",
];

/// The end of a name that is told by its parts.
const PASS: &[u8] = b"pass";

/// Last letters of all those names.
pub(super) const LAST: [bool; 256] = {
    let mut last = [false; 256];
    let mut letter = 0;
    while letter < 26 {
        let is_last = PAIRS[letter] != 0;
        last[b'a' as usize + letter] = is_last;
        last[b'A' as usize + letter] = is_last;
        letter += 1;
    }
    last
};

/// By the last letter of all those names, the letters before it, as bits.
const PAIRS: [u32; 26] = {
    let mut pairs = [0; 26];
    let mut at = 0;
    while at < ENDS.len() {
        mark(&mut pairs, ENDS[at].0);
        at += 1;
    }
    at = 0;
    while at < IN_QUERY.len() {
        mark(&mut pairs, IN_QUERY[at].0);
        at += 1;
    }
    mark(&mut pairs, PASS);
    pairs
};

const fn mark(pairs: &mut [u32; 26], name: &[u8]) {
    let [.., before, last] = name else { return };
    pairs[(*last - b'a') as usize] |= 1 << (*before - b'a');
}

/// Whether one of the names can end so. What is no letter of it stands between two.
fn can_end(before: u8, last: u8) -> bool {
    let pairs = PAIRS.get(usize::from((last | 0x20).wrapping_sub(b'a')));
    let pairs = pairs.copied().unwrap_or_default();
    match before {
        b'a'..=b'z' | b'A'..=b'Z' => pairs & 1 << ((before | 0x20) - b'a') != 0,
        b'0'..=b'9' => false,
        _ => true,
    }
}

fn of_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

impl<'a> Name<'a> {
    /// The secret name before the separator at `at`, if there is one.
    pub(super) fn before(view: View<'a>, at: usize) -> Option<Self> {
        let mut end = at;
        if !of_name(view.before(end)) {
            end = view.back(end, 3, |b| matches!(b, b' ' | b'\t' | b']'));
        }
        if view.before(end) == b'm' {
            end = colour_before(view, end);
        }
        let quoted_to = end;
        if matches!(view.before(end), b'"' | b'\'' | b'`') {
            end = view.back(end - 1, 8, |b| b == b'\\');
        }
        let quote = &view.text[end..quoted_to];
        let last = view.before(end);
        if !LAST[usize::from(last)] || !can_end(view.before(end - 1), last) {
            return None;
        }
        let start = view.back(end, NAME_BYTES_MAX, of_name);
        // `authenticate::token: …` names a module.
        if view.before(start) == b':' && view.before(start - 1) == b':' {
            return None;
        }
        let kind = kind_of(view, start, end)?;
        Some(Self { kind, quote })
    }
}

/// Where the text before a colour of the terminal ends.
fn colour_before(view: View<'_>, end: usize) -> usize {
    let start = view.back(end - 1, 8, |b| b.is_ascii_digit() || matches!(b, b';' | b'['));
    if view.before(start) == 0x1b {
        let before = start - 1;
        if view.before(before) == b'm' {
            colour_before(view, before)
        } else {
            before
        }
    } else {
        end
    }
}

fn kind_of(view: View<'_>, start: usize, end: usize) -> Option<Kind> {
    let mut held = [0; NAME_BYTES_MAX];
    let mut length = 0;
    for b in &view.text[start..end] {
        if b.is_ascii_alphanumeric() {
            held[length] = b.to_ascii_lowercase();
            length += 1;
        }
    }
    let name = &held[..length];
    if let Some((_, kind)) = ENDS.iter().find(|(end, _)| name.ends_with(end)) {
        return Some(*kind);
    }
    if matches!(view.before(start), b'?' | b'&')
        && let Some((_, kind)) = IN_QUERY.iter().find(|(whole, _)| name == *whole)
    {
        return Some(*kind);
    }
    // _PASS, as in DB_PASS.
    if name.ends_with(PASS) && matches!(view.text.get(end.wrapping_sub(5)), Some(b'_' | b'-')) && length > 4 {
        return Some(Kind::Word);
    }
    if name == b"key" && view.before(start) == b' ' {
        let word = view.back(start - 1, NAME_BYTES_MAX, |b| b.is_ascii_alphabetic());
        let word = &view.text[word..start - 1];
        return BEFORE_KEY
            .iter()
            .any(|before| word.eq_ignore_ascii_case(before))
            .then_some(Kind::Word);
    }
    None
}
