//! How large the bootstraps are, how long one takes to its first answer, and how
//! long to a later one, against a stand-in for the runtime API: no store is called.
//!
//! Prints a table. The bounds of profile `release` are for a busy machine, several times what
//! a quiet one shows; those of profile `lambda` are what a bootstrap is to keep to.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tickwire_aws_api::bootstraps::Bootstraps;
use tickwire_aws_api::{BOOTSTRAPS, FUNCTIONS, SKIPPED};

/// Starts of each function.
const STARTS: usize = 20;
/// Later invocations in each start.
const LATER: usize = 20;
/// What a bootstrap may take.
struct Bounds {
    /// Without its symbols.
    bytes_max: u64,
    /// Median from the process's start to its first answer.
    first_max: Duration,
    /// Median of a later answer.
    later_max: Duration,
}

/// Of profile `release`: a guard against a jump.
const RELEASE: Bounds = Bounds {
    bytes_max: 16_000_000,
    first_max: Duration::from_millis(120),
    later_max: Duration::from_millis(3),
};
/// Of profile `lambda`.
const LAMBDA: Bounds = Bounds {
    bytes_max: 12_000_000,
    first_max: Duration::from_millis(40),
    later_max: Duration::from_micros(300),
};

/// An event that a function answers by itself.
fn event(function: &str) -> &'static str {
    match function {
        "authorize" => include_str!("../../../events/authorize-connect-no-ticket.json"),
        "api" => include_str!("../../../events/api-health.json"),
        "socket" => include_str!("../../../events/socket-binary.json"),
        "entitle" => include_str!("../../../events/entitle-malformed.json"),
        "schedule" => include_str!("../../../events/schedule-unknown.json"),
        _ => r#"{"Records":[]}"#,
    }
}

/// Ends with the test, however that ends.
struct Bootstrap(Child);

impl Drop for Bootstrap {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(binary: &Path, api: &str) -> Bootstrap {
    let queue = "https://queue.invalid/";
    let child = Command::new(binary)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "function"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("TICKWIRE_TABLE_PREFIX", "t-"),
            ("TICKWIRE_TICKS_QUEUE_URL", queue),
            ("TICKWIRE_TICKS_DEAD_QUEUE_URL", queue),
            ("TICKWIRE_SIGNALS_QUEUE_URL", queue),
            ("TICKWIRE_SIGNALS_DEAD_QUEUE_URL", queue),
            ("TICKWIRE_CONNECTIONS_ENDPOINT", "https://posts.invalid/live"),
            ("TICKWIRE_SECRET_ID_JWT_KEY", "id"),
            ("TICKWIRE_SECRET_ID_WATERMARK", "id"),
            ("TICKWIRE_LOG", "off"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Bootstrap(child.unwrap())
}

/// Hands out `text` for `next`, acknowledges answers; when each answer came.
fn serve(listener: &TcpListener, text: &str, answers: usize) -> Vec<Instant> {
    let mut came = Vec::new();
    let mut stream: Option<BufReader<TcpStream>> = None;
    while came.len() < answers {
        let mut reader = stream
            .take()
            .unwrap_or_else(|| BufReader::new(listener.accept().unwrap().0));
        let Some(line) = request(&mut reader) else {
            continue;
        };
        if line.starts_with("GET") {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                 lambda-runtime-aws-request-id: r\r\nlambda-runtime-deadline-ms: 4102444800000\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:1:function:f\r\n\r\n",
                text.len()
            );
            reader.get_mut().write_all((head + text).as_bytes()).unwrap();
        } else {
            came.push(Instant::now());
            reader
                .get_mut()
                .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
        }
        stream = Some(reader);
    }
    came
}

/// Reads a request; its first line, none at the connection's end.
fn request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut first = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if first.is_empty() {
            first = line.to_owned();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Some(first)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn bootstraps_are_small_and_quick() {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("measures");
    let Some(bootstraps) = Bootstraps::from_environment(&home).unwrap() else {
        eprintln!("{SKIPPED}");
        return;
    };
    // As cargo names the folder of a profile.
    let given = std::env::var_os(BOOTSTRAPS).unwrap_or_default();
    let is_lambda = Path::new(&given).file_name().is_some_and(|name| name == "lambda");
    let bounds = if is_lambda { LAMBDA } else { RELEASE };
    println!("function     bytes  first answer  later answer");
    for function in FUNCTIONS {
        let binary = bootstraps.folder.join(function);
        let bytes = binary.metadata().unwrap().len();
        if is_lambda {
            // As cargo made it: that profile leaves no symbols behind.
            let made = Path::new(&given).join(function).metadata().unwrap().len();
            assert!(made <= bounds.bytes_max, "{function} was made with {made} bytes");
        }
        let (mut first, mut later) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let api = listener.local_addr().unwrap().to_string();
            let began = Instant::now();
            let _bootstrap = start(&binary, &api);
            let came = serve(&listener, event(function), 1 + LATER);
            first.push(came[0] - began);
            later.extend(came.windows(2).map(|pair| pair[1] - pair[0]));
        }
        let (first, later) = (median(first), median(later));
        println!("{function:9} {bytes:>8}  {first:>12.1?}  {later:>12.1?}");
        assert!(bytes <= bounds.bytes_max, "{function} has {bytes} bytes");
        assert!(
            first <= bounds.first_max,
            "{function}: first answer after {first:?}"
        );
        assert!(
            later <= bounds.later_max,
            "{function}: later answer after {later:?}"
        );
    }
}
