//! The bootstrap as a process: what the platform starts, and talks to.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Ends with the test, however that ends.
struct Bootstrap(Child);

impl Drop for Bootstrap {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bootstrap() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authorize"));
    command.env_clear().stdout(Stdio::null());
    command
}

/// Takes one request, answers it and closes; returns its first line and its body.
fn serve(stream: TcpStream, status: &str, headers: &str, body: &str) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(&stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_ascii_lowercase()),
        }
    }
    let length = lines
        .iter()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut asked = vec![0; length];
    reader.read_exact(&mut asked).unwrap();
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    (&stream).write_all(answer.as_bytes()).unwrap();
    (lines.swap_remove(0), asked)
}

#[test]
fn answers_what_the_runtime_api_hands_out() {
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let child = bootstrap()
        .env("AWS_LAMBDA_RUNTIME_API", api.local_addr().unwrap().to_string())
        .envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "authorize"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("TICKWIRE_TABLE_PREFIX", "tickwire-test-"),
            ("TICKWIRE_SECRET_ID_JWT_KEY", "tickwire/jwt"),
            ("TICKWIRE_LOG", "off"),
        ])
        .stdout(Stdio::piped())
        .spawn();
    let mut bootstrap = Bootstrap(child.unwrap());

    let event = include_str!("../../../events/authorize-connect-no-ticket.json");
    let headers = "content-type: application/json\r\n\
                   lambda-runtime-aws-request-id: r1\r\n\
                   lambda-runtime-deadline-ms: 4102444800000\r\n\
                   lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:1:function:authorize\r\n";
    let (next, _) = serve(api.accept().unwrap().0, "200 OK", headers, event);
    assert_eq!(next, "get /2018-06-01/runtime/invocation/next http/1.1");
    let (response, body) = serve(api.accept().unwrap().0, "202 Accepted", "", "");
    assert_eq!(
        response,
        "post /2018-06-01/runtime/invocation/r1/response http/1.1"
    );
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        answer["policyDocument"]["Statement"][0]["Effect"], "Deny",
        "{answer}"
    );
    assert_eq!(answer["context"]["code"], "ticket_missing", "{answer}");

    // What CloudWatch makes metrics of: one line an invocation, on standard output.
    let mut line = String::new();
    let output = bootstrap.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["function"], "authorize", "{line}");
    assert!(line["tickwire_invocation_ms"].is_number(), "{line}");
    assert_eq!(
        line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Tickwire",
        "{line}"
    );
}

#[test]
fn without_its_variables_it_names_them_all_and_ends() {
    let ended = bootstrap().output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for name in [
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "TICKWIRE_TABLE_PREFIX",
        "TICKWIRE_SECRET_ID_JWT_KEY",
    ] {
        assert!(said.contains(&format!("{name} is not set")), "{name}: {said}");
    }
}
