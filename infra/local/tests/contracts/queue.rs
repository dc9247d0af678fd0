//! The queue ports, with receive and delete, which the platform does.

use std::time::Duration;

use async_trait::async_trait;
use tickwire::queue::{QueueName, Received};
use tickwire_service::ports::{DeadLetters, Enqueue, Outgoing, Park, Parked, PortError, Postpone, Queue};

/// Hides a message for so long.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(60);
/// Receives of a message before it is set aside.
pub(crate) const RECEIVES_MAX: u32 = 4;

/// A queue service under test.
#[async_trait]
pub(crate) trait QueueService: Enqueue + Park + Postpone + DeadLetters {
    async fn receive(&self, queue: QueueName, max: usize, wait: Duration) -> Vec<Received>;
    async fn delete(&self, queue: QueueName, receipt: &str) -> bool;
    /// Lets time pass.
    async fn pass(&self, time: Duration);

    /// How long a message in flight is hidden.
    fn visibility(&self) -> Duration {
        VISIBILITY
    }

    /// How near to a moment it can be told what is before and what behind it.
    fn margin(&self) -> Duration {
        Duration::from_millis(100)
    }

    /// Receives what is there.
    async fn now(&self, queue: QueueName, max: usize) -> Vec<Received> {
        self.receive(queue, max, Duration::ZERO).await
    }
}

pub(crate) fn message(group: &str, text: &str) -> Outgoing {
    Outgoing {
        group: group.into(),
        deduplication: format!("{group}:{text}"),
        body: text.into(),
    }
}

async fn send(service: &impl QueueService, group: &str, texts: &[&str]) {
    for text in texts {
        service.send(Queue::Ticks, message(group, text)).await.unwrap();
    }
}

pub(crate) fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|m| &*m.body).collect()
}

const TICKS: QueueName = QueueName::Ticks;
const NOTHING: [&str; 0] = [];

pub(crate) async fn a_group_keeps_its_order(service: &impl QueueService) {
    let texts: Vec<String> = (0..25).map(|n| n.to_string()).collect();
    for text in &texts {
        send(service, "a", &[text]).await;
    }
    let mut seen = Vec::new();
    while seen.len() < texts.len() {
        let batch = service.now(TICKS, 10).await;
        assert!(!batch.is_empty() && batch.len() <= 10);
        for m in &batch {
            assert_eq!((&*m.group, m.receive_count), ("a", 1));
            assert!(service.delete(TICKS, &m.receipt).await);
        }
        seen.extend(batch.iter().map(|m| m.body.to_string()));
    }
    assert_eq!(seen, texts);
    assert_eq!(bodies(&service.now(TICKS, 10).await), NOTHING);
}

pub(crate) async fn a_group_is_locked_while_in_flight(service: &impl QueueService) {
    send(service, "a", &["1", "2", "3"]).await;
    let first = service.now(TICKS, 2).await;
    assert_eq!(bodies(&first), ["1", "2"]);
    send(service, "a", &["4"]).await;
    assert_eq!(bodies(&service.now(TICKS, 10).await), NOTHING);
    assert!(service.delete(TICKS, &first[0].receipt).await);
    assert_eq!(
        bodies(&service.now(TICKS, 10).await),
        NOTHING,
        "one is still in flight"
    );
    assert!(service.delete(TICKS, &first[1].receipt).await);
    assert_eq!(bodies(&service.now(TICKS, 10).await), ["3", "4"]);
}

pub(crate) async fn groups_mix_and_keep_their_orders(service: &impl QueueService) {
    for round in ["1", "2", "3"] {
        for group in ["a", "b", "c"] {
            send(service, group, &[&format!("{group}{round}")]).await;
        }
    }
    let all = service.now(TICKS, 10).await;
    assert_eq!(all.len(), 9);
    for group in ["a", "b", "c"] {
        let of_group: Vec<_> = bodies(&all)
            .into_iter()
            .filter(|body| body.starts_with(group))
            .collect();
        assert_eq!(of_group, ["1", "2", "3"].map(|round| format!("{group}{round}")));
    }
}

pub(crate) async fn what_is_not_deleted_comes_back(service: &impl QueueService) {
    send(service, "a", &["1", "2"]).await;
    let first = service.now(TICKS, 1).await;
    service.pass(service.visibility() - service.margin()).await;
    assert_eq!(bodies(&service.now(TICKS, 10).await), NOTHING);
    service.pass(2 * service.margin()).await;
    let again = service.now(TICKS, 10).await;
    assert_eq!(bodies(&again), ["1", "2"], "it comes before what was behind it");
    assert_eq!((again[0].receive_count, again[1].receive_count), (2, 1));
    assert_eq!(again[0].message_id, first[0].message_id);
    assert_eq!(again[0].sent_at, first[0].sent_at);
}

pub(crate) async fn a_receipt_is_worth_one_flight(service: &impl QueueService) {
    send(service, "a", &["1"]).await;
    let first = service.now(TICKS, 1).await;
    service.pass(service.visibility()).await;
    let second = service.now(TICKS, 1).await;
    assert!(!service.delete(TICKS, &first[0].receipt).await);
    assert!(
        service
            .postpone(Queue::Ticks, &first[0].receipt, Duration::ZERO)
            .await
            .is_err()
    );
    assert!(service.delete(TICKS, &second[0].receipt).await);
    assert!(!service.delete(TICKS, &second[0].receipt).await);
    assert!(!service.delete(TICKS, "no receipt").await);
    service.pass(2 * service.visibility()).await;
    assert_eq!(bodies(&service.now(TICKS, 10).await), NOTHING);
}

pub(crate) async fn postponed_messages_come_back_in_their_time(service: &impl QueueService) {
    send(service, "a", &["1", "2"]).await;
    let first = service.now(TICKS, 1).await;
    service
        .postpone(Queue::Ticks, &first[0].receipt, Duration::from_secs(3))
        .await
        .unwrap();
    service.pass(Duration::from_secs(3) - service.margin()).await;
    assert_eq!(bodies(&service.now(TICKS, 10).await), NOTHING);
    service.pass(2 * service.margin()).await;
    let again = service.now(TICKS, 1).await;
    assert_eq!((bodies(&again), again[0].receive_count), (vec!["1"], 2));
    // For longer than the visibility timeout.
    service
        .postpone(Queue::Ticks, &again[0].receipt, 2 * service.visibility())
        .await
        .unwrap();
    service.pass(service.visibility() + Duration::from_secs(1)).await;
    assert_eq!(bodies(&service.now(TICKS, 10).await), NOTHING);
    service.pass(service.visibility()).await;
    let again = service.now(TICKS, 1).await;
    // At once.
    service
        .postpone(Queue::Ticks, &again[0].receipt, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(bodies(&service.now(TICKS, 10).await), ["1", "2"]);
    let day = Duration::from_secs(24 * 3_600);
    assert!(matches!(
        service.postpone(Queue::Ticks, &again[0].receipt, day).await,
        Err(PortError::Refused { .. })
    ));
}

fn with_id(id: &str, body: &str) -> Outgoing {
    Outgoing {
        group: "a".into(),
        deduplication: id.into(),
        body: body.into(),
    }
}

pub(crate) async fn a_deduplication_id_is_taken_once(service: &impl QueueService) {
    service.send(Queue::Ticks, with_id("x", "1")).await.unwrap();
    service.send(Queue::Ticks, with_id("x", "2")).await.unwrap();
    service
        .send(Queue::Signals, with_id("x", "other queue"))
        .await
        .unwrap();
    let first = service.now(TICKS, 10).await;
    assert_eq!(bodies(&first), ["1"]);
    service
        .send(Queue::Ticks, with_id("x", "in flight"))
        .await
        .unwrap();
    assert!(service.delete(TICKS, &first[0].receipt).await);
    service.send(Queue::Ticks, with_id("x", "3")).await.unwrap();
    assert_eq!(
        bodies(&service.now(TICKS, 10).await),
        NOTHING,
        "deleted, and still remembered"
    );
    service.send(Queue::Ticks, with_id("z", "4")).await.unwrap();
    assert_eq!(bodies(&service.now(TICKS, 10).await), ["4"]);
    // At once, in one batch.
    let sends = (0..20).map(|n| service.send(Queue::Signals, with_id("y", &n.to_string())));
    futures_util::future::join_all(sends)
        .await
        .into_iter()
        .for_each(|sent| sent.unwrap());
    assert_eq!(service.now(QueueName::Signals, 10).await.len(), 2);
}

/// As long as the longest names of a universe and a group make it, and longer.
pub(crate) async fn a_long_deduplication_id_is_taken_once(service: &impl QueueService) {
    for longest in [128, 129, 140, 300] {
        let id = |last: char| format!("{}{last}", "x".repeat(longest - 1));
        for (id, body) in [(id('a'), "1"), (id('a'), "2"), (id('b'), "3")] {
            service.send(Queue::Ticks, with_id(&id, body)).await.unwrap();
        }
        let received = service.now(TICKS, 10).await;
        assert_eq!(bodies(&received), ["1", "3"], "{longest} bytes");
        for message in received {
            assert!(service.delete(TICKS, &message.receipt).await);
        }
    }
}

pub(crate) async fn a_deduplication_id_is_forgotten_after_five_minutes(service: &impl QueueService) {
    let minute = Duration::from_secs(60);
    service.send(Queue::Ticks, with_id("x", "1")).await.unwrap();
    let first = service.now(TICKS, 10).await;
    assert!(service.delete(TICKS, &first[0].receipt).await);
    service.pass(5 * minute - Duration::from_secs(1)).await;
    service.send(Queue::Ticks, with_id("x", "2")).await.unwrap();
    assert_eq!(bodies(&service.now(TICKS, 10).await), NOTHING);
    service.pass(Duration::from_secs(2)).await;
    service.send(Queue::Ticks, with_id("x", "3")).await.unwrap();
    assert_eq!(bodies(&service.now(TICKS, 10).await), ["3"]);
}

pub(crate) async fn what_is_received_too_often_is_set_aside(service: &impl QueueService) {
    send(service, "a", &["poison", "good"]).await;
    for n in 1..=RECEIVES_MAX {
        let received = service.now(TICKS, 1).await;
        assert_eq!(
            (bodies(&received), received[0].receive_count),
            (vec!["poison"], n)
        );
        service.pass(service.visibility()).await;
    }
    assert_eq!(
        bodies(&service.now(TICKS, 1).await),
        ["good"],
        "the group goes on"
    );
    let dead = service.now(QueueName::TicksDead, 10).await;
    assert_eq!((bodies(&dead), &*dead[0].group), (vec!["poison"], "a"));
    assert!(service.delete(QueueName::TicksDead, &dead[0].receipt).await);
    assert_eq!(bodies(&service.now(QueueName::SignalsDead, 10).await), NOTHING);
}

pub(crate) async fn parked_messages_keep_their_reason(service: &impl QueueService) {
    send(service, "a", &["bad"]).await;
    let received = service.now(TICKS, 1).await;
    let parked = |detail: &str| Parked {
        queue: Queue::Ticks,
        group: "a".into(),
        message_id: received[0].message_id.clone(),
        reason: "unreadable".into(),
        detail: detail.into(),
        body: "bad".into(),
    };
    service.park(parked("no JSON")).await.unwrap();
    service.park(parked("no JSON")).await.unwrap();
    assert!(service.delete(TICKS, &received[0].receipt).await);
    let dead = service.now(QueueName::TicksDead, 10).await;
    assert_eq!(bodies(&dead), ["bad"], "parked twice, kept once");
    assert_eq!(dead[0].attributes["reason"], "unreadable");
    assert_eq!(dead[0].attributes["detail"], "no JSON");
    assert_eq!(dead[0].attributes["source_queue"], "ticks.fifo");
    assert_eq!(dead[0].attributes["source_message_id"], received[0].message_id);
    // The largest text, with any detail.
    let largest = "x".repeat(tickwire_aws::message_body_bytes_max);
    let parked = Parked {
        message_id: "m2".into(),
        body: largest,
        ..parked(&"y".repeat(10_000))
    };
    service.park(parked).await.unwrap();
}

pub(crate) async fn what_is_too_large_is_refused(service: &impl QueueService) {
    let of = |bytes: usize| Outgoing {
        body: "x".repeat(bytes),
        ..message("a", &bytes.to_string())
    };
    let most = tickwire_aws::message_body_bytes_max;
    service.send(Queue::Ticks, of(most)).await.unwrap();
    for bytes in [most + 1, 0] {
        let error = service.send(Queue::Ticks, of(bytes)).await.unwrap_err();
        assert!(
            matches!(&error, PortError::Refused { why, .. } if why.contains(&bytes.to_string())),
            "{error}"
        );
    }
    assert_eq!(service.now(TICKS, 10).await.len(), 1);
}

pub(crate) async fn senders_at_once_lose_nothing(service: &impl QueueService) {
    const SENDERS: usize = 8;
    const MESSAGES: usize = 50;
    let senders = (0..SENDERS).map(async |sender| {
        let group = format!("g{sender}");
        for n in 0..MESSAGES {
            service
                .send(Queue::Ticks, message(&group, &n.to_string()))
                .await
                .unwrap();
        }
    });
    futures_util::future::join_all(senders).await;
    let mut seen = vec![Vec::new(); SENDERS];
    loop {
        let batch = service.now(TICKS, 10).await;
        if batch.is_empty() {
            break;
        }
        for m in batch {
            let sender: usize = m.group[1..].parse().unwrap();
            seen[sender].push(m.body.parse::<usize>().unwrap());
            assert!(service.delete(TICKS, &m.receipt).await);
        }
    }
    for of_sender in seen {
        assert_eq!(of_sender, (0..MESSAGES).collect::<Vec<_>>());
    }
}

pub(crate) async fn a_waiting_receive_gets_what_is_sent(service: &impl QueueService) {
    let waiting = service.receive(TICKS, 10, Duration::from_secs(20));
    let sending = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        send(service, "a", &["1"]).await;
    };
    let start = std::time::Instant::now();
    let (received, ()) = tokio::join!(waiting, sending);
    assert_eq!(bodies(&received), ["1"]);
    assert!(start.elapsed() < Duration::from_secs(5));
    let start = std::time::Instant::now();
    assert_eq!(
        bodies(&service.receive(TICKS, 10, Duration::from_millis(50)).await),
        NOTHING
    );
    assert!(start.elapsed() >= Duration::from_millis(50));
}

pub(crate) async fn a_waiting_receive_gets_what_comes_back(service: &impl QueueService) {
    send(service, "a", &["1"]).await;
    // One waits while another takes the message and gives it back.
    let other = async {
        let first = service.now(TICKS, 1).await;
        assert_eq!(bodies(&first), ["1"]);
        tokio::time::sleep(Duration::from_millis(50)).await;
        service
            .postpone(Queue::Ticks, &first[0].receipt, Duration::ZERO)
            .await
            .unwrap();
    };
    let waiting = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        service.receive(TICKS, 10, Duration::from_secs(20)).await
    };
    let start = std::time::Instant::now();
    let (received, ()) = tokio::join!(waiting, other);
    assert_eq!(bodies(&received), ["1"]);
    assert!(start.elapsed() < Duration::from_secs(5));
}

pub(crate) async fn consumers_at_once_never_share_a_group(service: &impl QueueService) {
    use std::collections::HashSet;
    use std::sync::Mutex;
    const GROUPS: usize = 5;
    const MESSAGES: usize = 40;
    for n in 0..MESSAGES {
        for group in 0..GROUPS {
            send(service, &format!("g{group}"), &[&format!("{n:03}")]).await;
        }
    }
    let busy = Mutex::new(HashSet::new());
    let seen = Mutex::new(vec![Vec::new(); GROUPS]);
    let consumers = (0..4).map(async |_| {
        loop {
            let batch = service.now(TICKS, 7).await;
            if batch.is_empty()
                && seen
                    .lock()
                    .unwrap()
                    .iter()
                    .all(|of_group| of_group.len() == MESSAGES)
            {
                break;
            }
            let groups: HashSet<String> = batch.iter().map(|m| m.group.to_string()).collect();
            for group in &groups {
                assert!(
                    busy.lock().unwrap().insert(group.clone()),
                    "{group} is with two consumers"
                );
            }
            tokio::task::yield_now().await;
            for m in &batch {
                let group: usize = m.group[1..].parse().unwrap();
                seen.lock().unwrap()[group].push(m.body.to_string());
            }
            for group in &groups {
                busy.lock().unwrap().remove(group);
            }
            for m in &batch {
                assert!(service.delete(TICKS, &m.receipt).await);
            }
        }
    });
    futures_util::future::join_all(consumers).await;
    for of_group in seen.into_inner().unwrap() {
        assert_eq!(
            of_group,
            (0..MESSAGES).map(|n| format!("{n:03}")).collect::<Vec<_>>()
        );
    }
}

pub(crate) async fn queues_are_apart(service: &impl QueueService) {
    send(service, "a", &["1"]).await;
    service.send(Queue::Signals, message("a", "1")).await.unwrap();
    let ticks = service.now(TICKS, 10).await;
    let signals = service.now(QueueName::Signals, 10).await;
    assert_eq!((ticks.len(), signals.len()), (1, 1));
    assert!(!service.delete(QueueName::TicksDead, &ticks[0].receipt).await);
    assert!(service.delete(TICKS, &ticks[0].receipt).await);
    assert!(service.delete(QueueName::Signals, &signals[0].receipt).await);
}

pub(crate) async fn dead_letters_are_in_one_hand_at_a_time(service: &impl QueueService) {
    let parked = |group: &str, n: u32| Parked {
        queue: Queue::Ticks,
        group: group.into(),
        message_id: format!("{group}{n}"),
        reason: "unreadable".into(),
        detail: if n == 0 { String::new() } else { "no JSON".into() },
        body: format!("{group}{n}"),
    };
    for n in 0..3 {
        service.park(parked("a", n)).await.unwrap();
    }
    service.park(parked("b", 0)).await.unwrap();
    assert_eq!(DeadLetters::count(service, Queue::Ticks).await.unwrap(), 4);
    assert_eq!(DeadLetters::count(service, Queue::Signals).await.unwrap(), 0);

    let hold = Duration::from_secs(30);
    let take = async |max| service.take(Queue::Ticks, max, hold).await.unwrap();
    let first = take(2).await;
    assert_eq!((first[0].body.as_str(), first[1].body.as_str()), ("a0", "a1"));
    assert_eq!((first[0].group.as_str(), first[0].detail.as_deref()), ("a", None));
    let letter = &first[1];
    assert_eq!(letter.source_message_id.as_deref(), Some("a1"));
    assert_eq!(
        (letter.reason.as_deref(), letter.detail.as_deref()),
        (Some("unreadable"), Some("no JSON"))
    );
    assert!(letter.parked_at > tickwire_market::UnixNanos(0) && !letter.id.is_empty());
    // The rest of the group waits; the other group does not.
    let others: Vec<String> = take(10).await.into_iter().map(|letter| letter.body).collect();
    assert_eq!(others, ["b0"]);
    assert_eq!(take(10).await, []);
    assert_eq!(DeadLetters::count(service, Queue::Ticks).await.unwrap(), 4);

    service.remove(Queue::Ticks, &first[0].receipt).await.unwrap();
    service.put_down(Queue::Ticks, &first[1].receipt).await.unwrap();
    let again = take(10).await;
    let bodies: Vec<&str> = again.iter().map(|letter| letter.body.as_str()).collect();
    assert_eq!(bodies, ["a1", "a2"]);
    assert_eq!(again[0].id, first[1].id);
    assert_eq!(DeadLetters::count(service, Queue::Ticks).await.unwrap(), 3);
}

pub(crate) async fn dead_letters_come_back_when_their_time_is_over(service: &impl QueueService) {
    let parked = Parked {
        queue: Queue::Signals,
        group: "a".into(),
        message_id: "m".into(),
        reason: "unreadable".into(),
        detail: String::new(),
        body: "bad".into(),
    };
    service.park(parked).await.unwrap();
    let hold = Duration::from_secs(3);
    let take = async || service.take(Queue::Signals, 10, hold).await.unwrap();
    let first = take().await;
    service.pass(Duration::from_millis(2_000)).await;
    assert_eq!(take().await, []);
    service.pass(Duration::from_millis(2_000)).await;
    let again = take().await;
    assert_eq!((again.len(), &again[0].id), (1, &first[0].id));
    service.remove(Queue::Signals, &again[0].receipt).await.unwrap();
    service.pass(Duration::from_secs(4)).await;
    assert_eq!(take().await, []);
    assert_eq!(DeadLetters::count(service, Queue::Signals).await.unwrap(), 0);
}
