//! `/v1/dead-letters`: messages that were set aside, for admins.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use serde::Deserialize;
use tickwire_service::audit::allow;
use tickwire_service::manage_dead_letters::{Letters, Redriven, Wanted, dead_letters_per_request_max};
use tickwire_service::ports::{DeadLetter, Queue};
use tickwire_wire::{DeadLetterRow, DeadLettersPage, RedriveBody, RedriveRequest};

use crate::answer::Form;
use crate::question::{Asker, Named, Parameters, body, limit};
use crate::refusal::Refusal;
use crate::router::{Answer, Api};

/// Letters of a page unless another number is asked for.
const LIMIT_DEFAULT: usize = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    limit: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

fn queue(name: &str) -> Result<Queue, Refusal> {
    match name {
        "ticks" => Ok(Queue::Ticks),
        "signals" => Ok(Queue::Signals),
        _ => Err(Refusal::parameter("queue is ticks or signals.")),
    }
}

fn row(letter: DeadLetter, with_body: bool) -> DeadLetterRow {
    DeadLetterRow {
        id: letter.id,
        group: letter.group,
        parked_at: letter.parked_at,
        source_message_id: letter.source_message_id,
        reason: letter.reason,
        detail: letter.detail,
        bytes: letter.body.len() as u64,
        body: with_body.then_some(letter.body),
    }
}

/// Dead letters of a queue
///
/// For admins. Of a message group the oldest ten can be seen; `count` counts all.
#[utoipa::path(
    get,
    path = "/v1/dead-letters/{queue}",
    operation_id = "dead_letters",
    tag = "operation",
    params(
        ("queue" = String, Path, description = "The queue they came from: ticks or signals.", pattern = "^(ticks|signals)$"),
        ("limit" = Option<usize>, Query, description = "Most letters.", minimum = 1, maximum = 100),
    ),
    responses((status = 200, description = "The letters, without their texts.", body = DeadLettersPage)),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<String>,
    parameters: Parameters<Listed>,
    headers: HeaderMap,
) -> Answer<DeadLettersPage> {
    allow(&admin, "list_dead_letters")?;
    Form::wanted(&headers, &[Form::Json])?;
    let name = path?;
    let most = limit(
        parameters.given.limit.as_deref(),
        LIMIT_DEFAULT,
        dead_letters_per_request_max,
    )?;
    let Letters { count, letters } = api.dead_letters.list(&admin, queue(&name)?, most).await?;
    let letters = letters.into_iter().map(|letter| row(letter, false)).collect();
    Ok(Json(DeadLettersPage { count, letters }))
}

/// One dead letter
///
/// For admins. With its text.
#[utoipa::path(
    get,
    path = "/v1/dead-letters/{queue}/{id}",
    operation_id = "dead_letter",
    tag = "operation",
    params(
        ("queue" = String, Path, description = "The queue it came from: ticks or signals.", pattern = "^(ticks|signals)$"),
        ("id" = String, Path, description = "Its id.", min_length = 1, max_length = 128),
    ),
    responses((status = 200, description = "The letter.", body = DeadLetterRow)),
)]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<(String, String)>,
    _: Parameters<Nothing>,
    headers: HeaderMap,
) -> Answer<DeadLetterRow> {
    allow(&admin, "show_dead_letter")?;
    Form::wanted(&headers, &[Form::Json])?;
    let (name, id) = path?;
    let letter = api.dead_letters.show(&admin, queue(&name)?, &id).await?;
    Ok(Json(row(letter, true)))
}

/// Send dead letters back
///
/// For admins. They go to the end of the queue they came from, as they were. Events
/// that the log has already are not taken twice; a letter that is still poison is
/// set aside again, under a new id.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{queue}",
    operation_id = "redrive_dead_letters",
    tag = "operation",
    params(("queue" = String, Path, description = "The queue they came from: ticks or signals.", pattern = "^(ticks|signals)$")),
    request_body = RedriveRequest,
    responses(
        (status = 200, description = "What was sent back.", body = RedriveBody),
        (status = 415, description = "The body is not application/json.", body = tickwire_wire::HttpError),
    ),
)]
pub(crate) async fn redrive(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<String>,
    _: Parameters<Nothing>,
    headers: HeaderMap,
    given: Result<Json<RedriveRequest>, JsonRejection>,
) -> Answer<RedriveBody> {
    allow(&admin, "redrive_dead_letters")?;
    Form::wanted(&headers, &[Form::Json])?;
    let name = path?;
    let queue = queue(&name)?;
    let request = body(given)?;
    let most = dead_letters_per_request_max;
    let wanted = match request {
        RedriveRequest {
            ids: Some(ids),
            oldest: None,
        } if (1..=most).contains(&ids.len()) => Wanted::Ids(ids.into_iter().collect()),
        RedriveRequest {
            ids: None,
            oldest: Some(oldest),
        } if (1..=most).contains(&oldest) => Wanted::Oldest(oldest),
        _ => {
            let message = format!("Give either ids, 1 to {most} of them, or oldest, 1 to {most}.");
            return Err(Refusal::parameter(message));
        }
    };
    let Redriven {
        redriven,
        not_found,
        left,
    } = api.dead_letters.redrive(&admin, queue, &wanted).await?;
    Ok(Json(RedriveBody {
        redriven,
        not_found,
        left,
    }))
}
