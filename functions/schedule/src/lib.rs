//! Lambda function `schedule`: one job a call, named by the event.
//!
//! The schedule's input is `{"job":"clock"}`, `{"job":"reconcile"}`, `{"job":"compact"}` or
//! `{"job":"expire"}`. Secrets Manager calls with the steps of a rotation of the key that signs tokens.

use serde::{Deserialize, Serialize};
use tickwire_service::rotate_key::{RotateKey, RotationStep};
use tickwire_service::run_job::{Job, JobReport, Jobs};

/// The event.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "an event is {\"job\":\"clock\"}, {\"job\":\"reconcile\"}, {\"job\":\"compact\"}, {\"job\":\"expire\"}, or a step of a rotation by Secrets Manager"
)]
pub enum Event {
    /// Of the schedule.
    Job(ScheduleEvent),
    /// Of Secrets Manager.
    Rotation(RotationEvent),
}

/// The schedule's event: which job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleEvent {
    /// Its name.
    pub job: Job,
}

/// Secrets Manager's event: which step, of what. It may have further fields.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEvent {
    /// The step.
    pub step: RotationStep,
    /// Id of the secret.
    pub secret_id: String,
    /// Id of the version that the rotation makes.
    pub client_request_token: String,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// To the schedule.
    Job(JobReport),
    /// To Secrets Manager, which does not read it.
    Rotation {
        /// Whether there was something to do.
        acted: bool,
    },
}

/// Handles one call.
///
/// # Errors
/// When the job or the step could not be done; who called calls again.
pub async fn answer(jobs: &Jobs, rotation: &RotateKey, event: Event) -> Result<Report, String> {
    match event {
        Event::Job(event) => handle(jobs, event).await.map(Report::Job),
        Event::Rotation(event) => {
            let acted = rotate(rotation, &event).await?;
            Ok(Report::Rotation { acted })
        }
    }
}

/// Handles a call of the schedule.
///
/// # Errors
/// When the job could not begin; the schedule calls again.
pub async fn handle(jobs: &Jobs, event: ScheduleEvent) -> Result<JobReport, String> {
    let report = jobs
        .run(event.job)
        .await
        .map_err(|e| format!("failed to run {:?}: {e}", event.job))?;
    tracing::info!(job = ?event.job, groups = report.groups, acted = report.acted, failed = report.failed, "job done");
    Ok(report)
}

async fn rotate(rotation: &RotateKey, event: &RotationEvent) -> Result<bool, String> {
    let RotationEvent {
        step,
        secret_id,
        client_request_token,
    } = event;
    let acted = rotation
        .step(*step, secret_id, client_request_token)
        .await
        .map_err(|e| format!("failed to rotate the key, in {step:?}: {e}"))?;
    tracing::info!(job = ?step, acted, "step of a rotation done");
    Ok(acted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_job_or_a_step() {
        let read = |text: &str| serde_json::from_str::<Event>(text);
        let job = Event::Job(ScheduleEvent { job: Job::Clock });
        assert_eq!(read(r#"{"job":"clock"}"#).unwrap(), job);
        let step = Event::Rotation(RotationEvent {
            step: RotationStep::SetSecret,
            secret_id: "id".into(),
            client_request_token: "two".into(),
        });
        let text = r#"{"Step":"setSecret","SecretId":"id","ClientRequestToken":"two","RotationToken":"x"}"#;
        assert_eq!(read(text).unwrap(), step);
        for text in [
            r#"{"job":"nothing"}"#,
            r#"{"job":"clock","Step":"setSecret"}"#,
            r#"{"Step":"finish","SecretId":"id","ClientRequestToken":"two"}"#,
            r#"{"Step":"finishSecret","SecretId":"id"}"#,
            "{}",
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("an event is "), "{text}: {error}");
        }
    }
}
