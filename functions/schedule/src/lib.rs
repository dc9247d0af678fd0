//! Lambda function `schedule`: one job a call, named by the event.
//!
//! The schedule's input is `{"job":"clock"}` or `{"job":"reconcile"}`.

use serde::{Deserialize, Serialize};
use tickwire_service::run_job::{Job, JobReport, Jobs};

/// The event: which job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleEvent {
    /// Its name.
    pub job: Job,
}

/// Handles one call.
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
