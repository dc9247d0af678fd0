//! Everything that another process reads: messages of the queues, rows of the
//! tables, frames of the socket, bodies of HTTP. Each shape has a version.
//!
//! Text shapes are JSON; shapes in tables are compact binary with a version
//! byte in front and a checksum behind.

mod bar_page;
mod binary;
mod client;
mod columns;
mod error;
mod group;
mod http;
mod inbound;
mod product;
mod publication;
mod segment;
mod server;

/// The page of the socket's protocol, for the documents made of it.
#[cfg(feature = "openapi")]
pub const PROTOCOL_PAGE: &str = include_str!("../PROTOCOL.md");

pub use bar_page::{BarOrigin, BarPage, BlockNames};
pub use binary::{BinaryError, Shape, decode, encode};
pub use client::{
    ClientRequest, Mode, Operation, Since, StreamRequest, parse_request, socket_message_bytes_max,
    unacknowledged_segments_max,
};
pub use error::{ErrorBody, ErrorCode};
pub use group::{BarBlock, LatestRow, LatestStream, Manifest, PageName, PlanRow};
pub use http::{
    AuditLine, AuditPage, BanRow, BansPage, BarRow, BarsPage, BucketRow, ChainBody, ChainRow, DeadLetterRow,
    DeadLettersPage, Dependency, ForwardBody, GapRow, GrantRequest, GrantRow, GrantsPage, GreeksRow,
    HealthBody, HttpError, HttpErrorBody, InstrumentRow, InstrumentsPage, KeyBody, KeyRequest, KeyRow,
    KeysPage, ReadyBody, RedriveBody, RedriveRequest, RevocationRequest, RevocationRow, RevocationsPage,
    SideRow, SignalRow, SignalsPage, TicketBody,
};
pub use inbound::{
    BadEvent, Inbound, InboundError, InboundEvent, Sender, clock_message, events_per_message_max,
    message_bytes_max, parse_inbound, peek_origin, plan_message, reference_message, sequence_max,
    ticks_message,
};
pub use product::{ProductRequest, ProductRow, ProductVersionRow, ProductsPage};
pub use publication::{Publication, PublicationError};
pub use segment::{Caused, LoggedEvent, Run, Segment, SetAside, SourceRow, segment_bytes_max};
pub use server::{
    DataFrame, Downgraded, Goodbye, Pong, Snapshot, StreamVerdict, SubscribeReply, Watermark, Welcome,
    WelcomeLimits, downgraded_push, error_reply, goodbye_push, ok_reply, write_absent_snapshot,
    write_revoked, write_signal_frame, write_value, write_watermark,
};
