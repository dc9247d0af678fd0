//! A log is folded again by the command that people use, and is the same to the bit.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value as Json;
use tickwire_end_to_end::processes::{Tickwire, free_port};
use tickwire_market::UnixNanos;

/// Longest time of the run.
const RUN_MAX: Duration = Duration::from_secs(120);

fn tell(tickwire: &Tickwire, data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(tickwire.binary());
    command.arg("replay").arg("--data").arg(data).args(arguments);
    command.output().unwrap()
}

/// Rows by stream, in order, as offset and what follows it.
fn rows(text: &str) -> BTreeMap<String, Vec<(i64, u64, String)>> {
    let mut rows: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        // No key of this test's streams has a comma.
        let cells: Vec<&str> = line.split(',').collect();
        let [time, stream, offset, _, name, value, absent] = cells[..] else {
            panic!("{line}")
        };
        assert!(value.is_empty() != absent.is_empty(), "{line}");
        let of_stream = rows.entry(stream.to_owned()).or_default();
        of_stream.push((
            time.parse().unwrap(),
            offset.parse().unwrap(),
            format!("{name}={value}{absent}"),
        ));
    }
    rows
}

#[tokio::test]
async fn a_log_is_replayed_to_the_bit() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let tickwire = Tickwire::find(home.path().join("up.txt")).unwrap();
    let (port, place) = (free_port().unwrap().to_string(), data.display().to_string());
    let up = "up --simulate 3 --instruments 10 --rate 100 --until 300s --speed max --until-done --quiet";
    let up = up.split(' ').chain(["--port", &port, "--data", &place]);
    let mut running = tickwire.start(up).unwrap();
    let status = running.wait(RUN_MAX).await.unwrap();
    assert!(status.success(), "{}", tickwire.tail());

    let whole = tell(&tickwire, &data, &["--verify", "--json"]);
    let said = String::from_utf8_lossy(&whole.stderr);
    assert!(whole.status.success(), "{said}");
    let figures: Json = serde_json::from_slice(&whole.stdout).unwrap();
    let group = &figures["groups"][0];
    assert_eq!(
        (&figures["same_bits"], &group["chosen"]),
        (&Json::Bool(true), &group["signals"])
    );
    assert!(group["signals"].as_u64() > Some(30_000), "{figures}");

    // A part of two streams is the same part of the whole.
    let streams = ["public:NSE@NIFTY@IDX:tick:price", "public:NSE@NIFTY@IDX:1m:bars"];
    let chosen = ["--stream", streams[0], "--stream", streams[1], "--output", "-"];
    let csv = |arguments: &[&str]| {
        let output = tell(&tickwire, &data, &[&chosen[..], arguments].concat());
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        rows(std::str::from_utf8(&output.stdout).unwrap())
    };
    let all = csv(&[]);
    assert_eq!(
        all.keys().map(String::as_str).collect::<Vec<_>>(),
        [streams[1], streams[0]]
    );
    let prices = &all[streams[0]];
    let (from, to) = (prices[prices.len() / 3].0, prices[prices.len() / 2].0);
    let time = |nanos: i64| UnixNanos(nanos).to_string();
    let part = csv(&["--from", &time(from), "--to", &time(to), "--verify"]);
    for (stream, rows) in &all {
        let expected: Vec<_> = rows
            .iter()
            .filter(|row| (from..to).contains(&row.0))
            .cloned()
            .collect();
        assert_eq!(
            part.get(stream).cloned().unwrap_or_default(),
            expected,
            "{stream}"
        );
    }

    let nothing = tell(&tickwire, &data, &["--universe", "live"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("has no log of live"));
}
