//! A future comes near its end: what is computed of it goes on on the next one, by itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[expect(dead_code, reason = "this test uses a part")]
mod common;

use std::time::{Duration, Instant};

use common::{SOON, Stack};
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use tickwire_entitlements::Tier;
use tickwire_market::{Calendar, InstrumentKey, UnixNanos};
use tickwire_service::ports::Groups as _;
use tickwire_signals::ReferenceChange;
use tickwire_streams::Universe;
use tickwire_wire::{PlanRow, Sender, decode, plan_message, reference_message};
use tokio::time::sleep;

const LOOK: Duration = Duration::from_millis(20);

/// The future that ends in so many days, as far as the calendar of its exchange reaches.
fn future(days: i64) -> InstrumentKey {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let day = today.checked_add(days.days()).unwrap();
    format!("NFO@NIFTY@FUT@{day}").parse().unwrap()
}

fn now() -> UnixNanos {
    Timestamp::now().try_into().unwrap()
}

fn mean_of(future: &InstrumentKey) -> String {
    format!("common:{future}:tick:sma(close,2)")
}

/// All streams of the group.
async fn plan(stack: &Stack, group: &tickwire_streams::GroupKey) -> Vec<String> {
    let row = stack.host.store.plan(group).await.unwrap();
    row.map_or_else(Vec::new, |(_, bytes)| decode::<PlanRow>(&bytes).unwrap().streams)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_computed_of_a_future_goes_on_on_the_next_one() {
    let mut stack = Stack::of(Universe::live()).await;
    let (near, next, far) = (future(1), future(31), future(61));
    let group = stack.group(near.as_str());
    let sender = Sender {
        group: &group,
        source: "control",
        epoch: 1,
        seq: 0,
        sent: now(),
    };
    let known = [&far, &near, &next].map(|future| ReferenceChange::Instrument {
        instrument: future.clone(),
        calendar: Calendar::of(future).unwrap(),
        tick_size: None,
    });
    let price = |future: &InstrumentKey| format!("public:{future}:tick:price");
    let streams = [price(&near), price(&next), price(&far), mean_of(&near)];
    let streams = streams.map(|key| key.parse().unwrap());
    let messages = [
        reference_message(&sender, &known),
        plan_message(&sender, &streams, &[]),
    ];
    for message in messages {
        stack.send(&group, message).await.unwrap();
    }
    // The schedule finds it: nobody asks for it.
    let began = Instant::now();
    while !plan(&stack, &group).await.contains(&mean_of(&next)) {
        assert!(began.elapsed() < SOON, "{:?}", plan(&stack, &group).await);
        sleep(LOOK).await;
    }
    let planned = plan(&stack, &group).await;
    assert!(
        planned.contains(&mean_of(&near)),
        "it is traded still: {planned:?}"
    );
    assert!(!planned.contains(&mean_of(&far)), "{planned:?}");

    // Who reads the one may go on on the other, whether or not the market is open just now.
    let mut client = stack.client("reader", Tier::Premium).await;
    for (s, future) in [(1, &near), (2, &next)] {
        let verdict = client.subscribe(&mean_of(future), s).await;
        assert!(
            verdict["epoch"].is_string() && verdict["err"].is_null(),
            "{verdict}"
        );
    }
    stack.host.stop().await;
}
