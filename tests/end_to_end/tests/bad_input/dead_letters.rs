//! What is set aside is seen, sent back, and taken exactly once, by the command
//! that people use.
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value as Json;
use tickwire_end_to_end::processes::Tickwire;
use tickwire_entitlements::Tier;
use tickwire_service::authenticate::{Role, sign_token_of};
use tickwire_service::ports::{Park as _, Parked, Queue, Secrets as _};
use tickwire_streams::GroupKey;

use super::PRICE;
use super::common::{NIFTY, Stack, ticks};

/// The command against a stack in this process.
struct Teller {
    binary: std::path::PathBuf,
    url: String,
    token: String,
}

impl Teller {
    async fn of(stack: &Stack, role: Role) -> Self {
        let key = stack
            .host
            .secrets
            .secret(tickwire::secrets::JWT_KEY)
            .await
            .unwrap();
        let token = sign_token_of(
            &key.current,
            "chief",
            Tier::Free,
            role,
            Duration::from_secs(600),
            tickwire::now(),
        );
        let found = Tickwire::find(std::env::temp_dir().join("unused")).unwrap();
        Self {
            binary: found.binary().to_owned(),
            url: format!("ws://{}", stack.host.address),
            token: token.unwrap().expose().to_owned(),
        }
    }

    async fn tell(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.binary);
        command
            .arg("dead-letters")
            .args(arguments)
            .args(["--url", &self.url])
            .env("TICKWIRE_TOKEN", &self.token);
        // The stack runs in this process.
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    async fn json(&self, arguments: &[&str]) -> Json {
        let output = self.tell(&[arguments, &["--json"]].concat()).await;
        let said = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

/// A tick a second.
fn prices(group: &GroupKey, seqs: std::ops::Range<u32>) -> String {
    let rows: Vec<(i64, &str)> = seqs.clone().map(|n| (i64::from(n), "24000")).collect();
    ticks(group, "feed", 1, u64::from(seqs.start), &rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_is_sent_back_fills_its_hole_once() {
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let group = stack.group(NIFTY);
    let accepted = async |stack: &Stack| -> usize {
        let log = stack.log(&group).await;
        log.iter().map(|(_, segment)| segment.events_len()).sum()
    };
    let before = accepted(&stack).await;
    let (a, b, c) = (prices(&group, 0..3), prices(&group, 3..5), prices(&group, 5..9));
    stack.send(&group, a).await.unwrap();
    // As ingest parks it: an outage of something else, say.
    let parked = Parked {
        queue: Queue::Ticks,
        group: group.to_string(),
        message_id: "b".into(),
        reason: "kills_the_consumer".into(),
        detail: "the process died each time while it was folded alone".into(),
        body: b.clone(),
    };
    stack.host.queues.park(parked).await.unwrap();
    stack.send(&group, c).await.unwrap();
    stack.send(&group, "no JSON").await.unwrap();
    stack.worked_off().await;
    assert_eq!(accepted(&stack).await - before, 7);

    let chief = Teller::of(&stack, Role::Admin).await;
    let listed = chief.json(&["list"]).await;
    assert_eq!(listed["count"], 2);
    let reasons: Vec<&str> = listed["letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|letter| letter["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["kills_the_consumer", "message_malformed"]);
    let id = listed["letters"][0]["id"].as_str().unwrap();
    let shown = chief.tell(&["show", id]).await;
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.status.success() && text.contains(&b) && text.contains("kills_the_consumer"),
        "{text}"
    );

    // Only for admins.
    let reader = Teller::of(&stack, Role::User).await;
    let denied = reader.tell(&["redrive", "--all"]).await;
    assert_eq!(
        denied.status.code(),
        Some(4),
        "{}",
        String::from_utf8_lossy(&denied.stderr)
    );

    let done = chief.tell(&["redrive", "--all"]).await;
    assert!(done.status.success());
    assert!(String::from_utf8_lossy(&done.stdout).starts_with("2 sent back"));
    stack.worked_off().await;
    assert_eq!(accepted(&stack).await - before, 9, "the hole is filled");
    // What is still poison is set aside anew; what was good is gone.
    let left = chief.json(&["list"]).await;
    assert_eq!(
        (&left["count"], &left["letters"][0]["reason"]),
        (&1.into(), &"message_malformed".into())
    );

    // The same message once more: nothing is taken twice.
    stack.send(&group, b).await.unwrap();
    stack.worked_off().await;
    assert_eq!(accepted(&stack).await - before, 9);
    let missing = chief.tell(&["redrive", id]).await;
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stdout).contains("was not found"));
    stack.host.stop().await;
}
