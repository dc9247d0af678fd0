//! The HTTP API of the real binary, tried by schemathesis with what its OpenAPI
//! document allows and with what it does not.
//!
//! The tool comes from PyPI, pinned, into an environment of its own beside the
//! build; where it cannot be installed this says SKIPPED, and why.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(unix)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hyper::Method;
use tickwire::client::{Endpoint, http};
use tickwire::commands::client_args::make_token_of;
use tickwire_end_to_end::processes::{Process, Tickwire, free_port};
use tickwire_entitlements::Tier;
use tickwire_service::authenticate::Role;

/// What is installed, and how the trials are made.
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemathesis");
/// The instrument that the document's examples name.
const INSTRUMENT: &str = "BINANCE@BTCUSDT@SPOT";
/// Longest time of all trials.
const TRIALS_MAX: Duration = Duration::from_secs(120);
/// Longest time until the stack has bars to show.
const READY_MAX: Duration = Duration::from_secs(20);
/// A token's life.
const TOKEN: Duration = Duration::from_secs(600);

/// The tool, installed if need be; none where that is not possible.
fn tool() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../schemathesis");
    let required = format!("{HERE}/requirements.txt");
    let (tool, installed) = (home.join("bin/st"), home.join("installed.txt"));
    let wanted = std::fs::read(&required).unwrap();
    if tool.is_file() && std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(tool);
    }
    let ran = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    };
    ran(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    ran(Command::new(home.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(&required))?;
    std::fs::write(installed, wanted).map_err(|e| e.to_string())?;
    Ok(tool)
}

/// Ten minutes of quotes.
fn quotes(path: &Path) {
    let mut text = String::from("time,price,size\n");
    for second in 0..600 {
        let (minute, of_minute) = (second / 60, second % 60);
        let price = 60_000.0 + f64::from(second % 97) / 4.0;
        text += &format!("2026-11-16T10:{minute:02}:{of_minute:02}Z,{price},0.5\n");
    }
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn the_api_keeps_to_its_document() {
    let tool = match tool() {
        Ok(tool) => tool,
        Err(why) => {
            // Past the test's own output, which is shown where it fails only.
            let said = "SKIPPED: schemathesis could not be installed, the HTTP API was not tried";
            writeln!(std::io::stderr(), "{said}: {why}").unwrap();
            return;
        }
    };
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("quotes.csv"));
    quotes(&file);
    let tickwire = Tickwire::find(home.path().join("output.txt")).unwrap();
    let port = free_port().unwrap();
    let stack = tickwire
        .start([
            "up".as_ref(),
            "--replay".as_ref(),
            file.as_os_str(),
            "--instrument".as_ref(),
            INSTRUMENT.as_ref(),
            "--speed".as_ref(),
            "max".as_ref(),
            "--quiet".as_ref(),
            "--port".as_ref(),
            port.to_string().as_ref(),
            "--data".as_ref(),
            data.as_os_str(),
        ])
        .unwrap();
    let began = Instant::now();
    let url = format!("http://127.0.0.1:{port}");
    let endpoint = Endpoint::parse(&format!("ws://127.0.0.1:{port}/ws"), None).unwrap();
    let token = loop {
        let token = make_token_of(&data, "chief", Tier::Premium, Role::Admin, TOKEN).unwrap_or_default();
        let path = format!("/v1/bars/{INSTRUMENT}?timeframe=1m");
        let answer = http(&endpoint, Method::GET, &path, &token, Vec::new().into()).await;
        let has_bars = answer.is_ok_and(|body| String::from_utf8_lossy(&body).contains("\"close\""));
        if has_bars {
            break token;
        }
        assert!(began.elapsed() < READY_MAX, "no bars:\n{}", tickwire.tail());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    // Of what trials change by chance, little is there to be changed.
    let until = tickwire::now().0 + 3_600_000_000_000;
    for (path, body) in [
        ("/v1/products/gold", r#"{"patterns":["*:1m:*"]}"#.to_owned()),
        ("/v1/grants/asha/gold", format!("{{\"until\":{until}}}")),
    ] {
        http(&endpoint, Method::PUT, path, &token, body.into_bytes().into())
            .await
            .unwrap();
    }
    let said = home.path().join("schemathesis.txt");
    let mut command = Command::new(tool);
    command
        .args([
            "--config-file",
            &format!("{HERE}/schemathesis.toml"),
            "--no-color",
            "run",
        ])
        .arg(format!("{url}/openapi.json"))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        // Its examples of earlier runs would be tried again.
        .current_dir(home.path());
    let mut trials = Process::start(command, &said).unwrap();
    let status = trials.wait(TRIALS_MAX).await;
    let text = std::fs::read_to_string(&said).unwrap_or_default();
    let short: String = text
        .lines()
        .map(|line| line.chars().take(400).collect::<String>() + "\n")
        .collect();
    assert!(status.unwrap().success(), "{short}");
    assert!(text.contains("Test cases:"), "{short}");
    println!("{}", short.lines().rev().take(12).collect::<Vec<_>>().join("\n"));
    let metrics = http(&endpoint, Method::GET, "/metrics", &token, Vec::new().into())
        .await
        .unwrap();
    let metrics = String::from_utf8_lossy(&metrics).into_owned();
    for counted in [
        "tickwire_ticks_accepted_total 600\n",
        "tickwire_requests_total{route=\"/v1/bars/{instrument}\",status=\"200\"}",
        "tickwire_queue_messages{queue=\"ticks.fifo\",state=\"waiting\"} 0\n",
    ] {
        assert!(metrics.contains(counted), "{counted}\n{metrics}");
    }
    let logged = tickwire.output().unwrap();
    assert!(
        logged.contains("give_grant") && logged.contains("chief"),
        "who changed whose access is logged"
    );
    tickwire.check_no_panic().unwrap();
    stack.stop(Duration::from_secs(20)).await.unwrap();
}
