//! What `up` shows: where the stack is, how it is doing, what clients receive.

use std::time::Duration;

use tickwire_market::InstrumentKey;
use tokio_util::sync::CancellationToken;

use super::up::{UpArgs, UpError};
use crate::host::Host;
use crate::play::Played;
use crate::run::Run;
use crate::sender::Sent;

/// A view.
pub(super) struct View;

impl View {
    pub(super) async fn greet(_args: &UpArgs, title: &str, run: &Run, was_finished: bool, host: &Host) -> Result<(), UpError> {
        eprintln!("{title}\n{run:?} {was_finished} http://{}", host.address);
        Ok(())
    }

    pub(super) async fn greet_idle(_args: &UpArgs, host: &Host) -> Result<(), UpError> {
        eprintln!("http://{}", host.address);
        Ok(())
    }

    pub(super) async fn start(
        _args: &UpArgs,
        _host: &Host,
        _run: &Run,
        _instruments: &[(InstrumentKey, Option<f64>)],
        _stop: &CancellationToken,
    ) -> Result<Self, UpError> {
        Ok(Self)
    }

    pub(super) fn progress(&mut self, sent: Sent, played: Played) {
        eprintln!("{sent:?} {played:?}");
    }

    pub(super) fn say(&mut self, text: &str) {
        eprintln!("{text}");
    }

    pub(super) async fn finish(
        &mut self,
        _args: &UpArgs,
        host: &Host,
        sent: Sent,
        played: Played,
        elapsed: Duration,
    ) -> Result<(), UpError> {
        eprintln!("{sent:?} {played:?} {elapsed:?}\n{:#?}\n{:#?}\n{:#?}", host.ingest, host.deliver, host.meter.snapshot());
        Ok(())
    }
}
