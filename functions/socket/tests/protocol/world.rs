//! What the tests share: a house over twins, and the socket on it.

use aws_lambda_events::encodings::Body;
use futures_util::FutureExt as _;
use serde_json::Value;
use tickwire_market::{InstrumentKey, Timeframe};
use tickwire_service::testing_sockets::{House, PRICED};
use tickwire_socket::{Socket, handle};
use tickwire_streams::StreamKey;
use tickwire_wire::StreamVerdict;

use super::client::Client;

/// The connection of the sample events.
pub(super) const CONNECTION: &str = "JKJaXd6WPHcCEtA=";
pub(super) const BTC: &str = "public:BINANCE@BTCUSDT@SPOT:tick:price";
pub(super) const NIFTY: &str = "NSE@NIFTY@IDX";
pub(super) const NIFTY_PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";

pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing waits")
}

pub(super) fn instrument(text: &str) -> InstrumentKey {
    text.parse().unwrap()
}

pub(super) fn price(text: &str) -> StreamKey {
    StreamKey::price(instrument(text))
}

/// A house that knows two instruments of two groups.
pub(super) fn house() -> House {
    let house = House::new();
    for name in [PRICED, NIFTY] {
        let bars = StreamKey::bars(instrument(name), Timeframe::MINUTE);
        run(house.know(&instrument(name), &[price(name), bars])).unwrap();
    }
    house
}

/// The status and body with which the socket answers a sample event, with another body if one is given.
pub(super) fn replay(house: &House, name: &str, body: Option<&str>) -> (i64, String) {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    if let Some(body) = body {
        event["body"] = body.into();
    }
    answer(house, event)
}

pub(super) fn answer(house: &House, event: Value) -> (i64, String) {
    let socket = Socket {
        connections: house.connections.clone(),
        subscriptions: house.subscriptions.clone(),
        origins: ["https://app.example.com".to_owned()].into(),
    };
    let response = run(is_send(handle(&socket, serde_json::from_value(event).unwrap())));
    let body = match response.body {
        Some(Body::Text(text)) => text,
        None => String::new(),
        Some(other) => panic!("{other:?}"),
    };
    (response.status_code, body)
}

/// A runtime of several threads may run it.
fn is_send<T: Send>(future: T) -> T {
    future
}

pub(super) fn say(house: &House, body: &str) -> Value {
    let (status, text) = replay(house, "socket-hello", Some(body));
    assert_eq!(status, 200);
    serde_json::from_str(&text).unwrap()
}

/// A house with the connection of the sample events open and greeted.
pub(super) fn greeted() -> House {
    let house = house();
    assert_eq!(replay(&house, "socket-connect", None).0, 200);
    assert_eq!(replay(&house, "socket-hello", None).0, 200);
    house
}

pub(super) fn tick(house: &House, name: &str, price: f64) {
    run(house.tick(&instrument(name), price)).unwrap();
    run(house.fold());
}

pub(super) fn subscribe(
    house: &House,
    client: &mut Client,
    wanted: &[(u32, &str)],
    mode: &str,
) -> Vec<StreamVerdict> {
    let reply = run(house
        .subscriptions
        .request(CONNECTION, &client.subscribe(wanted, mode)));
    client.frames(&house.sockets.take_frames(CONNECTION));
    client.reply(&reply)
}

pub(super) fn client() -> Client {
    Client {
        id: 1,
        ..Client::default()
    }
}

pub(super) fn deliver(house: &House, client: &mut Client) {
    assert_eq!(run(house.deliver_all()), Vec::<String>::new());
    client.frames(&house.sockets.take_frames(CONNECTION));
}
