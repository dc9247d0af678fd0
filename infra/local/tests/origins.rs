//! Web pages of listed origins may read what the HTTP API answers, and no others.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use tickwire::host::{Host, HostOptions};
use tickwire_streams::Universe;

/// The head of an answer, in lower case.
async fn ask(address: SocketAddr, method: &'static str, headers: &'static str) -> String {
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let request =
            format!("{method} /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split("\r\n\r\n").next().unwrap().to_lowercase()
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_shared_with_listed_origins() {
    let origins = ["https://app.example.com", "http://localhost:5173"];
    let options = HostOptions {
        origins: origins.map(|origin| origin.parse().unwrap()).to_vec(),
        ..HostOptions::default()
    };
    let host = Host::start(options, &Universe::live()).await.unwrap();
    let allowed = |answer: &str| {
        let mut lines = answer.lines();
        lines.find_map(|line| {
            line.strip_prefix("access-control-allow-origin: ")
                .map(str::to_owned)
        })
    };
    let check = async |method: &'static str, headers: &'static str, status: &str, expected: Option<&str>| {
        let answer = ask(host.address, method, headers).await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status}")),
            "{headers} {answer}"
        );
        assert_eq!(allowed(&answer).as_deref(), expected, "{headers} {answer}");
        assert_eq!(
            answer.contains("vary: origin"),
            expected.is_some(),
            "{headers} {answer}"
        );
        answer
    };
    check("GET", "", "200", None).await;
    check(
        "GET",
        "origin: https://app.example.com\r\n",
        "200",
        Some(origins[0]),
    )
    .await;
    check(
        "GET",
        "origin: http://localhost:5173\r\n",
        "200",
        Some(origins[1]),
    )
    .await;
    for other in [
        "origin: https://app.example.com.evil.example\r\n",
        "origin: http://app.example.com\r\n",
        "origin: https://app.example.com:8443\r\n",
        "origin: null\r\n",
        "origin: *\r\n",
    ] {
        check("GET", other, "200", None).await;
    }
    let asked = "origin: https://app.example.com\r\naccess-control-request-method: PUT\r\n";
    let answer = check("OPTIONS", asked, "204", Some(origins[0])).await;
    assert!(
        answer.contains("access-control-allow-methods: get,post,put,delete"),
        "{answer}"
    );
    assert!(
        answer.contains("access-control-allow-headers: authorization,"),
        "{answer}"
    );
    let asked = "origin: https://evil.example\r\naccess-control-request-method: PUT\r\n";
    check("OPTIONS", asked, "405", None).await;
    host.stop().await;
}
