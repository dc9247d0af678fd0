//! Redaction: a corpus of lines, and lines made up by the hundred thousand.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::borrow::Cow;
use std::fmt::Write as _;

use proptest::prelude::*;
use tickwire_telemetry::redact::{REDACTED, redact, redact_bytes};

const CORPUS: &str = include_str!("redaction.txt");

/// Lines made up of each kind.
const LINES: u64 = 100_000;

#[test]
fn the_corpus_is_redacted_as_it_says() {
    let mut wrong = String::new();
    let (mut positive, mut negative) = (0, 0);
    for (number, line) in CORPUS.lines().enumerate() {
        let text = line.replace("\\e", "\u{1b}");
        let (given, expected) = match text.split_at_checked(2) {
            Some(("! ", marked)) => {
                positive += 1;
                let mut expected = String::new();
                for (place, piece) in marked.split('«').enumerate() {
                    match piece.split_once('»') {
                        Some((_, rest)) if place > 0 => expected.extend([REDACTED, rest]),
                        _ => expected.push_str(piece),
                    }
                }
                // A bare value of JSON becomes a text of JSON.
                (marked.replace(['«', '»'], ""), expected)
            }
            Some(("= ", same)) => {
                negative += 1;
                (same.to_owned(), same.to_owned())
            }
            _ => {
                assert!(line.is_empty() || line.starts_with('#'), "{line}");
                continue;
            }
        };
        let got = redact(&given);
        let quoted = expected.replace(&format!(":{REDACTED}"), &format!(":\"{REDACTED}\""));
        if got != expected && got != quoted {
            writeln!(
                wrong,
                "line {}:\n  given {given}\n  got   {got}\n  not   {expected}",
                number + 1
            )
            .unwrap();
        }
        // What is redacted stays so.
        assert_eq!(redact(&got), got);
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(positive > 80 && negative > 60, "{positive} {negative}");
}

#[test]
fn what_holds_no_secret_is_not_copied() {
    let line = "group=live/NSE_NIFTY messages=3 error=the store is unavailable";
    assert!(matches!(redact(line), Cow::Borrowed(same) if std::ptr::eq(same, line)));
    assert_eq!(
        redact_bytes(b"\xff\xfe password=\xffhunter"),
        &b"\xff\xfe password=[redacted]"[..]
    );
    assert_eq!(
        redact(r#"{"pin":1,"password":12345}"#),
        r#"{"pin":1,"password":"[redacted]"}"#
    );
}

/// Numbers that look like chance, the same in every run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len() as u64) as usize]
    }

    fn text(&mut self, alphabet: &str, bytes: std::ops::Range<u64>) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let length = bytes.start + self.below(bytes.end - bytes.start);
        (0..length)
            .map(|_| letters[self.below(letters.len() as u64) as usize])
            .collect()
    }

    fn digits(&mut self, count: u64) -> String {
        self.text("0123456789", count..count + 1)
    }
}

const WORD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const URL_SAFE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PASSWORD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~!$*+/^@#%";

fn luhn(body: &str) -> char {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, b)| {
            let digit = u32::from(b - b'0') << ((place + 1) % 2);
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap()
}

/// A line with a secret in it, and the secret.
fn planted(chance: &mut Chance) -> (String, String) {
    const NAMES: [&str; 24] = [
        "x-api-key",
        "X-Api-Key",
        "api_key",
        "apiKey",
        "apikey",
        "API_KEY",
        "internal_api_key",
        "gateway_api_key",
        "internal-key",
        "gatewayKey",
        "session_token",
        "sessionToken",
        "access_token",
        "accessToken",
        "refresh_token",
        "refreshToken",
        "client_secret",
        "clientSecret",
        "CLIENT_SECRET",
        "password",
        "Password",
        "db_password",
        "id_token",
        "x-internal-token",
    ];
    const FORMS: [&str; 16] = [
        "NAME=VALUE",
        "NAME: VALUE",
        "NAME=\"VALUE\"",
        "NAME: \"VALUE\"",
        "{\"NAME\":\"VALUE\"}",
        "{\"NAME\": \"VALUE\", \"limit\": 5}",
        "{\\\"NAME\\\":\\\"VALUE\\\"}",
        "'NAME': 'VALUE'",
        "NAME: Some(\"VALUE\")",
        "{\"NAME\": [\"VALUE\"]}",
        "/v1/x?limit=5&NAME=VALUE",
        "/v1/x?NAME=VALUE&limit=5",
        "NAME => VALUE",
        "NAME = VALUE",
        "NAME:VALUE",
        "Request { NAME: \"VALUE\", limit: 5 }",
    ];
    let (text, secret) = match chance.below(8) {
        0..3 => {
            let (name, form) = (chance.pick(&NAMES), chance.pick(&FORMS));
            let value = chance.text(if form.contains('?') { WORD } else { PASSWORD }, 8..48);
            // What begins with none of these is a value in any form.
            let value = format!("{}{value}", chance.text(WORD, 1..2));
            let value = if form.contains('?') || form.contains('"') {
                value
            } else {
                value + "z"
            };
            (form.replace("NAME", name).replace("VALUE", &value), value)
        }
        3 => {
            let token = chance.text(URL_SAFE, 24..64) + "0";
            let form = chance.pick(&[
                "Authorization: Bearer VALUE",
                "authorization=\"Bearer VALUE\"",
                "{\"authorization\":\"Bearer VALUE\"}",
                "got Bearer VALUE",
                "bearer VALUE was refused",
                "BEARER VALUE",
            ]);
            (form.replace("VALUE", &token), token)
        }
        4 => {
            let mut part = |bytes| chance.text(URL_SAFE, bytes);
            let token = format!("eyJ{}.eyJ{}.{}", part(12..40), part(12..90), part(43..44));
            let form = chance.pick(&[
                "VALUE",
                "claims of VALUE are old",
                "\"VALUE\"",
                "?t=VALUE",
                "(VALUE)",
            ]);
            (form.replace("VALUE", &token), token)
        }
        5 => {
            let scheme = chance.pick(&[
                "postgres",
                "redis",
                "https",
                "rediss",
                "postgresql",
                "mysql",
                "amqp",
            ]);
            let password = chance.text(WORD, 8..32);
            (format!("{scheme}://user:{password}@host:5432/name"), password)
        }
        6 => {
            let body = format!(
                "{}{}",
                chance.pick(&["4", "51", "55", "6011", "2223"]),
                chance.digits(15)
            );
            let body = &body[..15];
            let card = format!("{body}{}", luhn(body));
            let by = chance.pick(&["", " ", "-"]);
            let card = [&card[..4], &card[4..8], &card[8..12], &card[12..]].join(by);
            let form = chance.pick(&[
                "paid with VALUE",
                "card=VALUE",
                "\"VALUE\"",
                "card number VALUE is refused",
            ]);
            (form.replace("VALUE", &card), card)
        }
        _ => {
            if chance.below(2) == 0 {
                let user = chance.text("abcdefghijklmnopqrstuvwxyz0123456789", 3..12);
                let host = chance.text("abcdefghijklmnopqrstuvwxyz", 3..12);
                let mail = format!("{user}@{host}.{}", chance.pick(&["com", "co.in", "org", "io"]));
                (
                    chance
                        .pick(&["user VALUE", "<VALUE>", "mail=VALUE"])
                        .replace("VALUE", &mail),
                    mail,
                )
            } else {
                let form = chance.pick(&[
                    "+91 9NNNN NNNNN",
                    "+1-555-NNN-NNNN",
                    "(555) NNN-NNNN",
                    "555-NNN-NNNN",
                    "+44 20 NNNN NNNN",
                ]);
                let phone: String = form
                    .chars()
                    .map(|c| {
                        if c == 'N' {
                            char::from(b'0' + chance.below(10) as u8)
                        } else {
                            c
                        }
                    })
                    .collect();
                (
                    chance
                        .pick(&["call VALUE", "reach me on VALUE.", "\"VALUE\""])
                        .replace("VALUE", &phone),
                    phone,
                )
            }
        }
    };
    let (before, after) = (innocent(chance), innocent(chance));
    (format!("{before} {text} {after}"), secret)
}

/// Words with times, orders, keys and values.
fn innocent(chance: &mut Chance) -> String {
    let venue = chance.pick(&["NSE", "NFO", "NASDAQ", "BINANCE"]);
    let symbol = chance.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2..8);
    match chance.below(14) {
        0 => format!("ts=1{}", chance.digits(9)),
        1 => format!("received_ms=1{}", chance.digits(12)),
        2 => format!("at 1{}", chance.digits(18)),
        3 => format!("1{} 1{}", chance.digits(12), chance.digits(15)),
        4 => format!("order_id={}", chance.digits(16)),
        5 => format!("order {}", chance.digits(15)),
        6 => {
            let (month, day) = (1 + chance.below(12), 1 + chance.below(28));
            format!(
                "2026-{month:02}-{day:02}T09:{:02}:{:02}.{}Z",
                chance.below(60),
                chance.below(60),
                chance.digits(6)
            )
        }
        7 => format!("{venue}@{symbol}@EQ"),
        8 => format!(
            "common:{venue}@{symbol}@IDX:5m:ema(close,{})@{}",
            chance.below(200),
            chance.next() >> 8
        ),
        9 => format!("NFO@{symbol}@OPT@2026-11-26@CE@{}", 10_000 + chance.below(90_000)),
        10 => format!(
            "close={}.{} volume={}",
            chance.below(90_000),
            chance.digits(4),
            chance.next() >> 30
        ),
        11 => format!("offset={} prev={}", chance.next() >> 2, chance.next() >> 2),
        12 => format!(
            "{} {}",
            10_000 + chance.below(90_000),
            10_000 + chance.below(90_000)
        ),
        _ => format!(
            "trade id {} of {}",
            chance.digits(12),
            chance.text("abcdefghijklmnopqrstuvwxyz ", 3..30)
        ),
    }
}

#[test]
fn no_planted_secret_passes_and_no_innocent_is_eaten() {
    let mut chance = Chance(7);
    let mut passed = Vec::new();
    let mut eaten = Vec::new();
    for _ in 0..LINES {
        let (line, secret) = planted(&mut chance);
        let got = redact(&line);
        if got.contains(&secret) || !got.contains(REDACTED) {
            passed.push(format!("{line}\n    {got}"));
        }
        let line = [
            innocent(&mut chance),
            innocent(&mut chance),
            innocent(&mut chance),
        ]
        .join(" ");
        let got = redact(&line);
        if got != line {
            eaten.push(format!("{line}\n    {got}"));
        }
    }
    let show = |lines: &[String]| lines.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(passed.is_empty(), "{} passed:\n{}", passed.len(), show(&passed));
    assert!(eaten.is_empty(), "{} eaten:\n{}", eaten.len(), show(&eaten));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, ..ProptestConfig::default() })]

    #[test]
    fn any_text_can_be_redacted(text in "[ -~\n\\u{1b}«]{0,200}") {
        let once = redact(&text).into_owned();
        prop_assert_eq!(redact(&once).into_owned(), once);
    }

    #[test]
    fn any_bytes_can_be_redacted(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        redact_bytes(&bytes);
    }

    #[test]
    fn a_password_does_not_pass(name in "(api|access|gateway)[-_]?key|[a-z]{0,5}_?(token|password|secret)", value in "[!-~&&[^\"'`\\\\<>\\[{(&,;)\\]}=]]{4,40}") {
        prop_assume!(!["none", "null", "true", "false", "missing", "invalid"].contains(&value.to_lowercase().as_str()));
        for line in [format!("{name}={value} next"), format!("{{\"{name}\":\"{value}\"}}"), format!("{name}: '{value}'")] {
            let got = redact(&line).into_owned();
            prop_assert!(!got.contains(&value), "{} {}", line, got);
        }
    }
}
