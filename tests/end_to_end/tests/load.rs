//! Many clients beside a running stack, by the command that people use, and its figures.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value as Json;
use tickwire_end_to_end::client::local;
use tickwire_end_to_end::processes::{Tickwire, free_port};
use tokio::time::{Instant, sleep};

const PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";
/// Longest wait for the stack.
const SOON: Duration = Duration::from_secs(30);

fn load(tickwire: &Tickwire, data: &Path, port: u16, arguments: &[&str]) -> Output {
    let mut command = Command::new(tickwire.binary());
    command.args([
        "load",
        PRICE,
        "--streams",
        "0",
        "--seconds",
        "2",
        "--warm-up",
        "0",
    ]);
    command.args(arguments);
    command.arg("--url").arg(format!("ws://127.0.0.1:{port}"));
    command.arg("--data").arg(data).output().unwrap()
}

fn figures(output: &Output) -> Json {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn load_tells_what_its_clients_were_sent() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let tickwire = Tickwire::find(home.path().join("up.txt")).unwrap();
    let port = free_port().unwrap();
    let (at, place) = (port.to_string(), data.display().to_string());
    let up = "up --simulate 3 --instruments 2 --rate 100 --quiet";
    let _running = tickwire
        .start(up.split(' ').chain(["--port", &at, "--data", &place]))
        .unwrap();
    let by_then = Instant::now() + SOON;
    let (host, get) = (local(port).unwrap(), hyper::Method::GET);
    while tickwire::client::http(&host, get.clone(), "/health", "", Vec::new().into())
        .await
        .is_err()
    {
        assert!(Instant::now() < by_then, "{}", tickwire.tail());
        sleep(Duration::from_millis(50)).await;
    }

    let file = home.path().join("figures.json").display().to_string();
    let four = ["--clients", "4", "--json", "--report", &file];
    let told = figures(&load(&tickwire, &data, port, &four));
    let count = |name: &str| told[name].as_u64().unwrap();
    assert_eq!((count("clients"), count("subscriptions")), (4, 4));
    assert_eq!((count("lost"), count("duplicated")), (0, 0));
    // A stream of a few ticks a second, to each of the clients.
    assert!(count("signals") >= 16, "{told}");
    assert!(told["tick_to_frame"]["p99_ms"].as_f64() > Some(0.0), "{told}");
    let written: Json = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(written, told);

    // For people: the same figures as text, nothing of progress where there is no terminal.
    let text = load(&tickwire, &data, port, &["--clients", "1"]);
    let said = String::from_utf8(text.stderr).unwrap();
    assert_eq!((text.status.code(), said.as_str()), (Some(0), ""));
    let shown = String::from_utf8(text.stdout).unwrap();
    assert!(shown.contains("lost") && shown.contains("p99"), "{shown}");

    // A search tells what it tried in JSON too.
    let search = ["--clients", "1", "--json", "--search", "0.000001"];
    let tried = load(&tickwire, &data, port, &search);
    assert_eq!(tried.status.code(), Some(1), "none is served so soon");
    let tries: Json = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!(
        (&tries[0]["clients"], &tries[0]["served"]),
        (&Json::from(1), &Json::from(false))
    );
}
