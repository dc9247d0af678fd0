//! How a line is written: its fields by the list, its texts redacted.

use std::fmt;

use serde::Serializer;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::{MakeExt as _, MakeVisitor};
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::fields::is_listed;
use crate::redact::redact;

/// What stands in place of the value of a field that is not on the list.
pub(super) const UNLISTED: &str = "[unlisted]";

/// Field that holds what is said.
const MESSAGE: &str = "message";

/// Fields as text.
pub(super) fn text_fields() -> impl for<'a> FormatFields<'a> + Send + Sync + 'static {
    TextFields
}

struct TextFields;

impl<'a> FormatFields<'a> for TextFields {
    fn format_fields<R: tracing_subscriber::field::RecordFields>(
        &self,
        writer: Writer<'a>,
        fields: R,
    ) -> fmt::Result {
        let formed = debug_fn(|writer, field, value| match field.name() {
            MESSAGE => write!(writer, "{value:?}"),
            name if is_listed(name) => write!(writer, "{name}={value:?}"),
            name => write!(writer, "{name}={UNLISTED}"),
        });
        let mut visitor = formed.delimited(" ").make_visitor(writer);
        fields.record(&mut visitor);
        tracing_subscriber::field::VisitOutput::finish(visitor)
    }
}

/// A line as one JSON object: time, level, the event's fields, target, and the span it is in.
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = vec![
            ("timestamp", Value::from(now()?)),
            ("level", metadata.level().as_str().into()),
        ];
        event.record(&mut Fields(&mut line));
        line.push(("target", metadata.target().into()));
        let span = event
            .parent()
            .and_then(|id| context.span(id))
            .or_else(|| context.lookup_current());
        if let Some(span) = span {
            let extensions = span.extensions();
            let fields = extensions
                .get::<FormattedFields<N>>()
                .and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
            let mut shown = Map::from_iter([("name".to_owned(), span.name().into())]);
            for (name, value) in fields.unwrap_or_default() {
                let value = match value {
                    _ if !is_listed(&name) => UNLISTED.into(),
                    Value::String(text) => redact(&text).into(),
                    other => other,
                };
                shown.insert(name, value);
            }
            line.push(("span", shown.into()));
        }
        writeln!(writer, "{}", text_of(&line)?)
    }
}

/// A panic as such a line.
pub(super) fn json_of_panic(message: &str, location: &str) -> String {
    let line = [
        ("timestamp", now().unwrap_or_default().into()),
        ("level", "ERROR".into()),
        (MESSAGE, redact(&format!("panicked: {message}")).into()),
        ("location", location.into()),
        ("target", "panic".into()),
    ];
    text_of(&line).unwrap_or_else(|_| json!({"level": "ERROR", "message": "panicked"}).to_string())
}

fn now() -> Result<String, fmt::Error> {
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time))?;
    Ok(time)
}

/// An object with its fields in their order.
fn text_of(line: &[(&str, Value)]) -> Result<String, fmt::Error> {
    let mut text = Vec::new();
    serde_json::Serializer::new(&mut text)
        .collect_map(line.iter().map(|(name, value)| (name, value)))
        .map_err(|_| fmt::Error)?;
    String::from_utf8(text).map_err(|_| fmt::Error)
}

struct Fields<'a>(&'a mut Vec<(&'static str, Value)>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl FnOnce() -> Value) {
        let name = field.name();
        let value = if name == MESSAGE || is_listed(name) {
            value()
        } else {
            UNLISTED.into()
        };
        self.0.push((name, value));
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, || redact(&format!("{value:?}")).into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, || redact(value).into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, || value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, || value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, || value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, || value.into());
    }
}
