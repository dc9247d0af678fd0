//! A new key for tokens, in the steps that Secrets Manager calls. The emulator calls
//! no function for a rotation, so the trial does: within the function's role.

use std::time::Duration;

use hyper::Method;
use serde_json::json;
use tickwire_aws_api::Failure;
use tickwire_aws_api::stack::Stack;
use tickwire_entitlements::Tier;
use tickwire_service::ports::Secret;
use tokio::time::sleep;

use crate::wait::{ensure, until};

/// Id of the version that is made.
const VERSION: &str = "0d6a7a0e-2f0c-4a53-9c39-0b3a5f0f4c21";
/// Longest time until a function that holds the old key takes the new one.
const TAKEN_MAX: Duration = Duration::from_secs(20);
/// How often that is tried.
const TRIED_EACH: Duration = Duration::from_secs(3);

/// Four steps, each of them twice. Before the last the old key alone opens, after it both.
pub(crate) async fn in_four_steps(stack: &Stack) -> Result<(), Failure> {
    let id = stack.output("JwtKeyArn")?;
    let old = stack.key().await?;
    let status = async |key: &Secret| {
        let token = Stack::token(key, "reader-of-keys", Tier::Standard)?;
        let answer = stack.api(Method::POST, "/v1/tickets", Some(&token)).await?;
        Ok::<_, Failure>(answer.status)
    };
    let step = |name: &str, id: &str, version: &str| json!({"Step": name, "SecretId": id, "ClientRequestToken": version});

    let begun = stack.secrets.put_secret_value().secret_id(id);
    let begun = begun.client_request_token(VERSION).version_stages("AWSPENDING");
    begun
        .send()
        .await
        .map_err(|e| Failure::Process(format!("{e:?}")))?;
    let other = id.replace("jwt-key", "watermark-key");
    for (refused, why) in [
        (step("createSecret", &other, VERSION), "another secret"),
        (
            step("createSecret", id, "no-version-that-is-pending-here-0000"),
            "another version",
        ),
        (step("finishSecret", id, VERSION), "a version without a value"),
    ] {
        let answer = stack.invoke("schedule", &refused).await;
        ensure(answer.is_err(), format!("{why} was rotated: {answer:?}"))?;
    }

    for (name, acts) in [
        ("createSecret", [true, false]),
        ("setSecret", [false, false]),
        ("testSecret", [true, true]),
        ("finishSecret", [true, false]),
    ] {
        for acts in acts {
            if name == "finishSecret" && acts {
                let pending = value(stack, id, "AWSPENDING").await?;
                ensure(pending.expose() != old.expose(), "the new key is the old one")?;
                let (of_old, of_new) = (status(&old).await?, status(&pending).await?);
                ensure(
                    (of_old, of_new) == (200, 403),
                    format!("before the last step the keys are answered {of_old} and {of_new}"),
                )?;
            }
            let answer = stack.invoke("schedule", &step(name, id, VERSION)).await?;
            ensure(
                answer == json!({ "acted": acts }),
                format!("{name} answered {answer}"),
            )?;
        }
    }
    let new = stack.key().await?;
    let previous = value(stack, id, "AWSPREVIOUS").await?;
    ensure(
        new.expose() != old.expose() && previous.expose() == old.expose(),
        "the old key is not the previous version",
    )?;
    until("the new key opens", TAKEN_MAX, async || {
        let opens = status(&new).await? == 200;
        if !opens {
            // What fails is counted by address, and too often is a ban.
            sleep(TRIED_EACH).await;
        }
        Ok(opens.then_some(()))
    })
    .await?;
    let of_old = status(&old).await?;
    ensure(
        of_old == 200,
        format!("after the last step the old key is answered {of_old}"),
    )
}

async fn value(stack: &Stack, id: &str, stage: &str) -> Result<Secret, Failure> {
    let asked = stack
        .secrets
        .get_secret_value()
        .secret_id(id)
        .version_stage(stage);
    let answer = asked
        .send()
        .await
        .map_err(|e| Failure::Process(format!("{e:?}")))?;
    Ok(Secret::new(answer.secret_string.unwrap_or_default().into_bytes()))
}
