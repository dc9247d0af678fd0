//! The clients against a service that is slow, broken or not there: how long a call
//! takes then, how often it is tried, and that connections are used again.
#![cfg(feature = "remote")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::SharedHttpClient;
use tickwire_aws::{Aws, Dynamo, Need, SystemClock};
use tickwire_service::ports::{Log as _, PortError, Push as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a request.
#[derive(Clone, Copy)]
enum Fate {
    /// It is answered.
    Good,
    /// It is answered with an error of the service.
    Broken,
    /// It is taken, and never answered.
    Silent,
}

/// A service on the loopback.
struct Service {
    url: String,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Service {
    /// Whose `nth` request, from 0, has the fate that `fate` says.
    async fn start(fate: impl Fn(usize) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let (requests, connections) = (service.requests.clone(), service.connections.clone());
        let fate = Arc::new(fate);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, SeqCst);
                let (requests, fate) = (requests.clone(), fate.clone());
                tokio::spawn(async move { serve(stream, &requests, &*fate).await });
            }
        });
        service
    }

    fn aws(&self) -> Aws {
        aws(&self.url)
    }

    fn dynamo(&self) -> Dynamo {
        self.aws().dynamo(Arc::default(), Arc::new(SystemClock))
    }

    fn requests(&self) -> usize {
        self.requests.load(SeqCst)
    }
}

/// Answers the requests of one connection.
async fn serve(mut stream: TcpStream, requests: &AtomicUsize, fate: &(dyn Fn(usize) -> Fate + Send + Sync)) {
    let mut held = Vec::new();
    while let Some(end) = head(&mut stream, &mut held).await {
        let text = String::from_utf8_lossy(&held[..end]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        while held.len() < end + length {
            if stream.read_buf(&mut held).await.unwrap_or(0) == 0 {
                return;
            }
        }
        held.drain(..end + length);
        let (status, body) = match fate(requests.fetch_add(1, SeqCst)) {
            Fate::Good => ("200 OK", r#"{"Items":[],"Count":0,"ScannedCount":0}"#),
            Fate::Broken => ("500 Internal Server Error", r#"{"__type":"InternalServerError"}"#),
            Fate::Silent => std::future::pending().await,
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads up to the end of a request's head.
async fn head(stream: &mut TcpStream, held: &mut Vec<u8>) -> Option<usize> {
    loop {
        if let Some(at) = held.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            return Some(at + 4);
        }
        if stream.read_buf(held).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

fn aws(url: &str) -> Aws {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let variable = |name: &str| {
        let value = match name {
            "AWS_ENDPOINT_URL" | "TICKWIRE_CONNECTIONS_ENDPOINT" => url,
            "TICKWIRE_TABLE_PREFIX" => "t-",
            _ if name.starts_with("AWS_") => "x",
            _ => return None,
        };
        Some(value.to_owned())
    };
    Aws::read(
        &[Need::Tables, Need::Connections],
        variable,
        SharedHttpClient::new(http),
    )
    .unwrap()
}

/// How a call to the store ended, and after how long.
async fn call(dynamo: &Dynamo) -> (Result<u64, PortError>, Duration) {
    let began = Instant::now();
    let outcome = dynamo.head(&"live/NIFTY".parse().unwrap()).await;
    (outcome, began.elapsed())
}

fn is_unavailable<T>(outcome: &Result<T, PortError>) -> bool {
    matches!(outcome, Err(PortError::Unavailable { .. }))
}

fn seconds(from: f64, to: f64, took: Duration) {
    assert!(
        (from..to).contains(&took.as_secs_f64()),
        "{took:?}, and not {from} to {to} s"
    );
}

#[tokio::test]
async fn a_silent_service_is_given_up_in_three_seconds() {
    let service = Service::start(|_| Fate::Silent).await;
    let (outcome, took) = call(&service.dynamo()).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert_eq!(
        service.requests(),
        2,
        "a try of two seconds, and the rest of the time"
    );
    seconds(2.9, 4.5, took);
}

#[tokio::test]
async fn a_second_try_finds_what_the_first_did_not() {
    let service = Service::start(|nth| if nth == 0 { Fate::Silent } else { Fate::Good }).await;
    let (outcome, took) = call(&service.dynamo()).await;
    assert_eq!((outcome.unwrap(), service.requests()), (0, 2));
    seconds(1.9, 3.0, took);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_tried_and_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let dynamo = aws(&url).dynamo(Arc::default(), Arc::new(SystemClock));
    let (outcome, took) = call(&dynamo).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    seconds(0.0, 1.5, took);
}

#[tokio::test]
async fn a_broken_service_has_three_tries_while_the_budget_lasts() {
    let service = Service::start(|_| Fate::Broken).await;
    let dynamo = service.dynamo();
    let (outcome, _) = call(&dynamo).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert_eq!(service.requests(), 3);
    for _ in 0..19 {
        let (outcome, _) = call(&dynamo).await;
        assert!(is_unavailable(&outcome), "{outcome:?}");
    }
    assert_eq!(
        service.requests(),
        20 + 10,
        "ten further tries for all calls together"
    );
    // Another client of the same process has a budget of its own.
    call(&service.dynamo()).await.0.unwrap_err();
    assert_eq!(service.requests(), 30 + 3);
}

#[tokio::test]
async fn a_connection_serves_call_after_call() {
    let service = Service::start(|_| Fate::Good).await;
    let aws = service.aws();
    assert_eq!(service.connections.load(SeqCst), 0, "made with the first call");
    let dynamo = aws.dynamo(Arc::default(), Arc::new(SystemClock));
    for _ in 0..20 {
        call(&dynamo).await.0.unwrap();
    }
    // Another client of the same function takes the connection over.
    call(&aws.dynamo(Arc::default(), Arc::new(SystemClock)))
        .await
        .0
        .unwrap();
    assert_eq!((service.requests(), service.connections.load(SeqCst)), (21, 1));
}

#[tokio::test]
async fn a_post_has_one_try_of_a_second() {
    let silent = Service::start(|_| Fate::Silent).await;
    let began = Instant::now();
    let outcome = silent
        .aws()
        .posts(Arc::default())
        .unwrap()
        .post("c", "frame".into())
        .await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert_eq!(silent.requests(), 1);
    seconds(0.9, 1.9, began.elapsed());
    let broken = Service::start(|_| Fate::Broken).await;
    let outcome = broken
        .aws()
        .posts(Arc::default())
        .unwrap()
        .post("c", "frame".into())
        .await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert_eq!(broken.requests(), 1);
}
