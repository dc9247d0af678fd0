//! Lambda function `api`: the HTTP API.
//!
//! One [`router`] serves both: as a function it is driven by [`handle`] with the
//! events of an HTTP API (payload 2.0), and the embedded host mounts it on a
//! listener. [`document`] is its OpenAPI document, made from the handlers and the
//! shapes they answer; it is served at `/openapi.json`, and to be read at `/docs`.
//! [`socket_document`] is the socket's, AsyncAPI, at `/asyncapi.json`.
//!
//! The events are turned into requests here and not by `lambda_http`, which
//! unwraps what it makes of the headers Host and X-Forwarded-Proto: a request
//! that is no address would end in a panic.

mod answer;
mod document;
mod event;
mod page;
mod question;
mod refusal;
mod router;
mod routes;
mod socket_document;

pub use document::document;
pub use event::handle;
pub use router::{Api, ClientAddress, Metrics, address_bytes_max, body_bytes_max, headers_bytes_max, router};
pub use socket_document::document as socket_document;
