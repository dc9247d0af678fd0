//! What goes wrong in the life of a stack, while ticks flow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_sqs::types::{Message, QueueAttributeName};
use hyper::Method;
use serde_json::{Value as Json, json};
use tickwire_aws_api::Failure;
use tickwire_aws_api::bootstraps::Bootstraps;
use tickwire_aws_api::emulator::{Emulator, kill};
use tickwire_aws_api::http::Request;
use tickwire_aws_api::stack::{Deployer, Stack};
use tickwire_entitlements::{Proof, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{ConnectionRow, Connections as _, Secret, Subscribed, Subscription};
use tickwire_streams::Universe;
use tokio::time::sleep;

use crate::feed::{Feed, put};
use crate::wait::{ensure, until};

/// Longest way of a message into the log.
const ARRIVE_MAX: Duration = Duration::from_secs(30);
/// The same, when a consumer died with it: hidden for a minute, then the way.
const COME_BACK_MAX: Duration = Duration::from_secs(100);
/// Messages and ticks in each that a consumer is killed over.
const BURST: (usize, usize) = (10, 600);
/// Tries to hit a consumer at work.
const KILLS_MAX: usize = 8;
/// At the end of every file of the other version.
const MARK: &str = "another version";
/// The poison: a text, and the reason for which it is parked.
const POISON: [(&str, &str); 3] = [
    ("{", "message_malformed"),
    (r#"{"v":99}"#, "message_version_unknown"),
    (
        r#"{"v":1,"group":"live/OTHER","source":"feed-1","epoch":1,"seq":0,"sent":1,"clock":1}"#,
        "group_mismatch",
    ),
];

/// Messages that nobody can work on, between good ones.
pub(crate) async fn poison(stack: &Stack, feed: &Feed) -> Result<(), Failure> {
    for (n, (text, _)) in POISON.iter().enumerate() {
        put(stack, &feed.group, &format!("poison-{n}"), text).await?;
        feed.send(2).await?;
    }
    feed.arrived(ARRIVE_MAX).await?;
    let mut parked = Vec::new();
    until("the poison is among the dead letters", ARRIVE_MAX, async || {
        parked.extend(receive(stack, "TicksDeadQueueUrl").await?);
        Ok((parked.len() >= POISON.len()).then_some(()))
    })
    .await?;
    for (text, reason) in POISON {
        let found = parked.iter().find(|message| message.body() == Some(text));
        let said = found.map(|message| attribute(message, "reason"));
        ensure(
            said.as_deref() == Some(reason),
            format!("{text} was parked for {said:?}, and not {reason}"),
        )?;
    }
    // They stay where they are, for whoever looks at them.
    for message in &parked {
        let shown = stack.queues.change_message_visibility().visibility_timeout(0);
        let shown = shown
            .queue_url(stack.output("TicksDeadQueueUrl")?)
            .receipt_handle(message.receipt_handle().unwrap_or_default());
        shown
            .send()
            .await
            .map_err(|e| Failure::Process(format!("{e:?}")))?;
    }
    Ok(())
}

/// An admin sends the poison back, and it is set aside anew, as it is still poison.
pub(crate) async fn redriven(stack: &Stack, key: &Secret) -> Result<(), Failure> {
    let admin = format!("Bearer {}", Stack::admin_token(key)?);
    let ask = async |method: Method, body: String| {
        let request = Request::new(method)
            .header("authorization", &admin)
            .header("content-type", "application/json")
            .body(body);
        let answer = stack.ask("/v1/dead-letters/ticks", request).await?;
        ensure(
            answer.status == 200,
            format!("dead letters: {} {}", answer.status, answer.text()),
        )?;
        Ok::<_, Failure>(answer.json())
    };
    // Ids with their reasons, once all are there.
    let list = async || {
        let page = ask(Method::GET, String::new()).await?;
        let letters = page["letters"].as_array().cloned().unwrap_or_default();
        let text = |letter: &Json, field: &str| letter[field].as_str().unwrap_or_default().to_owned();
        let found: BTreeMap<String, String> = letters
            .iter()
            .map(|letter| (text(letter, "id"), text(letter, "reason")))
            .collect();
        Ok((found.len() == POISON.len()).then_some(found))
    };
    let before = until("the poison is listed", ARRIVE_MAX, list).await?;
    let ids: Vec<&String> = before.keys().collect();
    let done = ask(Method::POST, json!({ "ids": ids }).to_string()).await?;
    ensure(
        done["redriven"].as_array().map(Vec::len) == Some(POISON.len()),
        format!("sent back: {done}"),
    )?;
    let after = until("the poison is set aside anew", ARRIVE_MAX, async || {
        let found = list().await?;
        Ok(found.filter(|found| found.keys().all(|id| !before.contains_key(id))))
    })
    .await?;
    let reasons = |letters: &BTreeMap<String, String>| {
        let mut reasons: Vec<String> = letters.values().cloned().collect();
        reasons.sort();
        reasons
    };
    ensure(
        reasons(&before) == reasons(&after),
        format!("{before:?} became {after:?}"),
    )
}

/// Nothing else was set aside since.
pub(crate) async fn only_poison(stack: &Stack) -> Result<(), Failure> {
    for (queue, expected) in [("TicksDeadQueueUrl", POISON.len()), ("SignalsDeadQueueUrl", 0)] {
        let found = counted(
            stack,
            stack.output(queue)?,
            QueueAttributeName::ApproximateNumberOfMessages,
        )
        .await?
            + counted(
                stack,
                stack.output(queue)?,
                QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            )
            .await?;
        ensure(
            found == expected,
            format!("{queue} holds {found} messages, and not {expected}"),
        )?;
    }
    Ok(())
}

/// The same ticks in another message: what a sender does that had no answer.
pub(crate) async fn twice(stack: &Stack, feed: &Feed) -> Result<(), Failure> {
    for n in 0..3 {
        feed.send(4).await?;
        let body = feed.last_body().await;
        put(stack, &feed.group, &format!("again-{n}"), &body).await?;
    }
    // That none is in the log twice is seen at the end, with all others.
    feed.arrived(ARRIVE_MAX).await
}

/// A subscriber whose connection does not exist any more, and whose end was never told.
pub(crate) async fn gone(stack: &Stack, feed: &Feed) -> Result<(), Failure> {
    let name = "0000000000000000";
    let subscriptions = vec![Subscription {
        key: "public:BINANCE@BTCUSDT@SPOT:tick:price".to_owned(),
        s: 1,
        last: false,
    }];
    let now = tickwire::now();
    let row = ConnectionRow {
        connection: name.to_owned(),
        user: "gone".to_owned(),
        tier: Tier::Standard,
        universe: Universe::live(),
        opened_at: now,
        expires_at: now.saturating_add(3_600 * UnixNanos::PER_SECOND),
        request_id: 1,
        subscriptions: subscriptions.clone(),
        owed: None,
        proof: Proof::default(),
        left: BTreeSet::new(),
        changes: Default::default(),
    };
    let there = Subscribed {
        group: feed.group.clone(),
        shard: 0,
        subscriptions,
    };
    let store = &stack.store;
    store.open(&row).await.map_err(Failure::of("open a connection"))?;
    let written = store.update(&row, row.request_id, &[there]).await;
    if !written.map_err(Failure::of("subscribe a connection"))? {
        return Err(Failure::Process(
            "a row that was opened just now is another".to_owned(),
        ));
    }
    until("the connection was forgotten", ARRIVE_MAX, async || {
        let subscribers = store
            .subscribers(&feed.group, 0)
            .await
            .map_err(Failure::of("read subscribers"))?;
        let row = store
            .connection(name)
            .await
            .map_err(Failure::of("read a connection"))?;
        let left = subscribers.iter().any(|subscriber| subscriber.connection == name);
        Ok((!left && row.is_none()).then_some(()))
    })
    .await
}

/// SIGKILL to ingest while it folds, and to deliver.
pub(crate) async fn killed(emulator: &Emulator, stack: &Stack, feed: &Feed) -> Result<(), Failure> {
    let ticks = stack.output("TicksQueueUrl")?;
    let in_flight = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    let mut hit = false;
    for _ in 0..KILLS_MAX {
        for _ in 0..BURST.0 {
            feed.send(BURST.1).await?;
        }
        until("a batch is being worked on", ARRIVE_MAX, async || {
            Ok((counted(stack, ticks, in_flight.clone()).await? > 0).then_some(()))
        })
        .await?;
        for function in ["ingest", "deliver"] {
            for process in emulator.processes_of(&format!("{}-{function}", stack.name)) {
                // It may have ended since.
                let _ = kill(process);
            }
        }
        // An answer that was under way would be taken by now.
        sleep(Duration::from_millis(300)).await;
        if counted(stack, ticks, in_flight.clone()).await? > 0
            && emulator
                .processes_of(&format!("{}-ingest", stack.name))
                .is_empty()
        {
            hit = true;
            break;
        }
    }
    ensure(
        hit,
        format!("ingest was never killed at work, in {KILLS_MAX} tries"),
    )?;
    feed.arrived(COME_BACK_MAX).await
}

/// Another version of every function, the old one again, and a new key between.
pub(crate) async fn deployed(
    deployer: &Deployer,
    emulator: &Emulator,
    bootstraps: &Bootstraps,
    stack: &Stack,
    feed: &Feed,
    key: &Secret,
) -> Result<(), Failure> {
    let old = Stack::token(key, "reader-old", Tier::Standard)?;
    let new_key = Secret::new(vec![b'k'; 64]);
    let put = stack
        .secrets
        .put_secret_value()
        .secret_id(stack.output("JwtKeyArn")?);
    let put = put.secret_string(String::from_utf8_lossy(new_key.expose()));
    put.send().await.map_err(|e| Failure::Process(format!("{e:?}")))?;
    let new = Stack::token(&new_key, "reader-new", Tier::Standard)?;
    let opens = async |token: &str, what: &str| {
        let answer = stack.api(Method::POST, "/v1/tickets", Some(token)).await?;
        ensure(
            answer.status == 200,
            format!("{what}: {} {}", answer.status, answer.text()),
        )
    };
    opens(&old, "with the key that was just replaced").await?;
    opens(&new, "with the new key, in functions that hold the one before").await?;

    let other = bootstraps.version(MARK, &bootstraps.folder.with_file_name("bootstraps-other"))?;
    for (version, marked) in [(&other, true), (bootstraps, false)] {
        let (deployer, version) = (deployer.clone(), version.clone());
        tokio::task::spawn_blocking(move || deployer.deploy(&version))
            .await
            .map_err(Failure::of("deploy"))??;
        feed.send(2).await?;
        feed.arrived(COME_BACK_MAX).await?;
        // What was told to end may still be about to.
        until(
            "ingest runs the version that was deployed",
            ARRIVE_MAX,
            async || {
                let processes = emulator.processes_of(&format!("{}-ingest", stack.name));
                let of_version = |id: &u32| {
                    std::fs::read(format!("/proc/{id}/exe"))
                        .is_ok_and(|file| file.ends_with(MARK.as_bytes()) == marked)
                };
                Ok((!processes.is_empty() && processes.iter().all(of_version)).then_some(()))
            },
        )
        .await?;
        opens(&old, "with the key before").await?;
        opens(&new, "with the new key").await?;
    }
    Ok(())
}

async fn receive(stack: &Stack, queue: &str) -> Result<Vec<Message>, Failure> {
    let received = stack
        .queues
        .receive_message()
        .queue_url(stack.output(queue)?)
        .max_number_of_messages(10)
        .message_attribute_names("All");
    let received = received
        .send()
        .await
        .map_err(|e| Failure::Process(format!("{e:?}")))?;
    Ok(received.messages.unwrap_or_default())
}

fn attribute(message: &Message, name: &str) -> String {
    let attribute = message
        .message_attributes()
        .and_then(|attributes| attributes.get(name));
    attribute
        .and_then(|value| value.string_value())
        .unwrap_or_default()
        .to_owned()
}

async fn counted(stack: &Stack, url: &str, what: QueueAttributeName) -> Result<usize, Failure> {
    let answer = stack
        .queues
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(what.clone());
    let answer = answer
        .send()
        .await
        .map_err(|e| Failure::Process(format!("{e:?}")))?;
    let count = answer.attributes.and_then(|all| all.get(&what)?.parse().ok());
    count.ok_or_else(|| Failure::Process(format!("the queue does not say {what}")))
}
