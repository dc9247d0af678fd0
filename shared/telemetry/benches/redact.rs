//! How much log text a second is redacted: lines as they are, and lines full of secrets.
//! `cargo bench -p tickwire-telemetry --bench redact`

use std::hint::black_box;
use std::time::Instant;

use tickwire_telemetry::redact::redact_bytes;

const LINES: [&str; 6] = [
    r#"{"timestamp":"2026-11-21T09:15:00.123456Z","level":"WARN","message":"messages put back","group":"live/NSE_NIFTY","messages":3,"error":"the store is unavailable (timed out): try again","target":"tickwire_service::ingest_ticks"}"#,
    r#"{"timestamp":"2026-11-21T09:15:00.223456Z","level":"INFO","message":"job done","job":"Clock","groups":8,"acted":7,"failed":0,"target":"tickwire_schedule"}"#,
    "2026-11-21T09:15:00.123456Z  WARN a connection did not take its frames connection=\"L0SM9cOFvHcCIhw=\" error=gone",
    "2026-11-21T09:15:01.000001Z DEBUG answered status=200 seconds=0.000417 id=\"k3J5hGpqAc0\" method=GET route=\"/v1/instruments/{instrument}/bars\"",
    r#"{"timestamp":"2026-11-21T09:15:02.000000Z","level":"INFO","message":"grant given","user":"asha","product":"gold","until":1795236276123456789,"target":"audit"}"#,
    "2026-11-21T09:15:03.000000Z  WARN stream common:NSE@NIFTY@IDX:1m:rsi(close,14)@281474976710656 of NFO@NIFTY@OPT@2026-11-26@CE@24000 is behind",
];

const SECRETS: [&str; 2] = [
    r#"{"message":"refused","authorization":"Bearer k7Jq9sPz2LmXw8k7Jq9sPz2LmXw8","api_key":"k7Jq9sPz2LmX"}"#,
    "user asha@example.com, card 4111 1111 1111 1111, call +91 98765 43210, postgres://u:p@host/db password=x",
];

/// Passes over a megabyte, of which the middle one counts.
const PASSES: usize = 101;

fn main() {
    for (name, lines) in [
        ("lines as they are", &LINES[..]),
        ("lines full of secrets", &SECRETS[..]),
    ] {
        let text: Vec<u8> = lines
            .iter()
            .cycle()
            .flat_map(|line| line.bytes().chain([b'\n']))
            .take(1 << 20)
            .collect();
        let mut rates: Vec<f64> = (0..PASSES)
            .map(|_| {
                let began = Instant::now();
                black_box(redact_bytes(black_box(&text)));
                text.len() as f64 / 1e6 / began.elapsed().as_secs_f64()
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        println!("{name}: {:.0} MB/s", rates[PASSES / 2]);
    }
}
