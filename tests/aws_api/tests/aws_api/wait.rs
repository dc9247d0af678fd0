//! Waiting for what comes about by itself.

use std::time::{Duration, Instant};

use tickwire_end_to_end::Failure;
use tokio::time::sleep;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until `look` finds what it looks for.
pub(crate) async fn until<T>(
    what: &str,
    longest: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if began.elapsed() > longest {
            return Err(Failure::Process(format!(
                "{what}: not within {} s",
                longest.as_secs()
            )));
        }
        sleep(LOOK).await;
    }
}

/// Fails with `what` unless `holds`.
pub(crate) fn ensure(holds: bool, what: impl Into<String>) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(Failure::Process(what.into()))
    }
}
