//! Ingest over twins of its ports: what is promised when everything goes wrong.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod backfill;
mod bench;
mod checkpoints;
mod compact;
mod exactly_once;
mod expire;
mod explain;
mod history;
mod jobs;
mod past;
mod poison;
