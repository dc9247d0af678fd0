//! History from a file, put beside a running stack: read over HTTP, and streams are warm from it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use hyper::Method;
use serde_json::Value as Json;
use tickwire::client::http;
use tickwire_end_to_end::client::{local, token};
use tickwire_end_to_end::processes::{Tickwire, free_port};
use tickwire_market::UnixNanos;
use tokio::time::{Instant, sleep};

const BTC: &str = "BINANCE@BTCUSDT@SPOT";
const MEAN: &str = "common:BINANCE@BTCUSDT@SPOT:tick:sma(close,200)@1d";
const DAY: i64 = 86_400 * UnixNanos::PER_SECOND;
const DAYS: i64 = 260;
/// Longest wait for anything that should come at once.
const SOON: Duration = Duration::from_secs(30);

/// The beginning of today.
fn today() -> UnixNanos {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let nanos = i64::try_from(now.as_nanos()).unwrap();
    UnixNanos(nanos - nanos % DAY)
}

fn close_of(day: i64) -> f64 {
    1_000.0 + day as f64
}

/// Days until yesterday, one left out, and one row that is no bar.
fn days(today: UnixNanos) -> String {
    let mut text = "date,open,high,low,close,volume\n".to_owned();
    for day in (0..DAYS).filter(|day| *day != 30) {
        let time = today.saturating_add((day - DAYS) * DAY).to_string();
        let (date, close) = (&time[..10], close_of(day));
        writeln!(text, "{date},{close},{},{},{close},10", close + 2.0, close - 2.0).unwrap();
    }
    text.push_str(&text.lines().last().unwrap().replace(",10", ",-1"));
    text.push('\n');
    text
}

fn tell(tickwire: &Tickwire, data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(tickwire.binary());
    command.args(arguments).arg("--data").arg(data);
    command.output().unwrap()
}

fn figures(output: &Output) -> Json {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        assert_eq!(error.to_string(), "", "{said}");
        Json::Null
    })
}

#[tokio::test]
async fn a_stream_is_warm_from_the_bars_of_a_file() {
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("days.csv"));
    let today = today();
    std::fs::write(&file, days(today)).unwrap();
    let tickwire = Tickwire::find(home.path().join("up.txt")).unwrap();
    let port = free_port().unwrap();
    let endpoint = local(port).unwrap();
    let (port, place) = (port.to_string(), data.display().to_string());
    let running = tickwire
        .start(["up", "--no-feed", "--quiet", "--port", &port, "--data", &place])
        .unwrap();
    let by_then = Instant::now() + SOON;
    let get = async |path: String| -> Option<Json> {
        loop {
            let bearer = token(&data, "reader").unwrap_or_default();
            let body = http(&endpoint, Method::GET, &path, &bearer, Vec::new().into()).await;
            if let Some(body) = body.ok().and_then(|body| serde_json::from_slice(&body).ok()) {
                return Some(body);
            }
            if Instant::now() > by_then + SOON {
                return None;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(get("/health".to_owned()).await.is_some(), "{}", tickwire.tail());

    // Beside the stack that runs; and again, which changes nothing.
    let input = file.display().to_string();
    let listing = home.path().join("set-aside.csv").display().to_string();
    let backfill = ["backfill", "--input", &input, "--instrument", BTC, "--json"];
    let first = tell(
        &tickwire,
        &data,
        &[&backfill[..], &["--set-aside", &listing]].concat(),
    );
    let told = figures(&first);
    assert_eq!(first.status.code(), Some(1), "a row was set aside");
    let of = &told["instruments"][BTC];
    assert_eq!(
        (
            &of["stored"],
            &of["known"],
            &of["different"],
            &of["missing"],
            &told["refused_rows"]
        ),
        (&(DAYS - 1).into(), &0.into(), &0.into(), &1.into(), &1.into()),
        "{told}"
    );
    let listing = std::fs::read_to_string(listing).unwrap();
    let rows: Vec<&str> = listing.lines().collect();
    assert_eq!((rows.len(), rows[0]), (2, "line,reason"));
    assert!(rows[1].starts_with(&format!("{},", DAYS + 1)), "{listing}");
    let again = figures(&tell(&tickwire, &data, &backfill));
    let of = &again["instruments"][BTC];
    assert_eq!((&of["stored"], &of["known"]), (&0.into(), &(DAYS - 1).into()));
    let odd = tell(&tickwire, &data, &["backfill", "--input", &input]);
    assert_eq!(odd.status.code(), Some(2), "it does not say of what it is");

    // A stream that begins now has its two hundred days with its first tick.
    let (ticks, signals) = (home.path().join("ticks.csv"), home.path().join("signals.txt"));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    std::fs::write(&ticks, format!("time,price,size\n{},2000,1\n", now.as_millis())).unwrap();
    std::fs::write(&signals, format!("{BTC} tick sma(200)@1d\n")).unwrap();
    let (url, ticks, signals) = (
        format!("http://127.0.0.1:{port}"),
        ticks.display().to_string(),
        signals.display().to_string(),
    );
    let send = [
        "send",
        &ticks,
        "--instrument",
        BTC,
        "--signals",
        &signals,
        "--url",
        &url,
    ];
    let sent = tell(&tickwire, &data, &send);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    let expected = (DAYS - 200..DAYS).map(close_of).sum::<f64>() / 200.0;
    let by_then = Instant::now() + SOON;
    loop {
        let page = get(format!("/v1/signals/{BTC}")).await.unwrap();
        let rows = page["signals"].as_array().unwrap();
        let row = rows
            .iter()
            .find(|row| row["key"] == MEAN)
            .cloned()
            .unwrap_or_default();
        let text = row.to_string();
        if text.contains(&format!("{expected}")) {
            break;
        }
        assert!(Instant::now() < by_then, "{expected} is not in {page}");
        sleep(Duration::from_millis(100)).await;
    }

    let from = today.saturating_add(-DAYS * DAY);
    let page = get(format!("/v1/bars/{BTC}?timeframe=1d&from={}&limit=5000", from.0))
        .await
        .unwrap();
    let bars = page["bars"].as_array().unwrap();
    let closes: Vec<f64> = bars.iter().map(|bar| bar["close"].as_f64().unwrap()).collect();
    let told: Vec<f64> = (0..DAYS).filter(|day| *day != 30).map(close_of).collect();
    assert_eq!(closes, told);
    assert_eq!(page["gaps"][0]["bars"], 1, "{}", page["gaps"]);
    assert_eq!(page["gaps"].as_array().unwrap().len(), 1, "{}", page["gaps"]);
    running.stop(SOON).await.unwrap();
    tickwire.check_no_panic().unwrap();
}
