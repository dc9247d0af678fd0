//! Answers: the form that the reader asked for, only the fields wanted, and a
//! tag by which a reader that has the page already gets no second copy.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tickwire_wire::ErrorCode;

use crate::refusal::Refusal;

/// Bytes of a tag, out of the hash's 32.
const TAG_BYTES: usize = 16;
/// A reader may keep the answer, and asks each time whether it still holds.
const KEEP_AND_ASK: HeaderValue = HeaderValue::from_static("private, no-cache");

/// A form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Csv,
    Html,
    Text,
}

impl Form {
    const fn essence(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Html => "text/html",
            Self::Text => "text/plain",
        }
    }

    /// As the header says it.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Html => "text/html; charset=utf-8",
            // The version of Prometheus's text format.
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The one of `offers` that the header Accept weighs most, the first of equals.
    pub(crate) fn wanted(headers: &HeaderMap, offers: &[Self]) -> Result<Self, Refusal> {
        let values = headers.get_all(header::ACCEPT).iter();
        let ranges: Vec<(&str, u32)> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(range)
            .collect();
        if ranges.is_empty() && !headers.contains_key(header::ACCEPT) {
            return offers.first().copied().ok_or_else(|| ErrorCode::Internal.into());
        }
        let mut best: Option<(Self, u32)> = None;
        for offer in offers {
            let weight = offer.weight(&ranges);
            if weight > best.map_or(0, |(_, weight)| weight) {
                best = Some((*offer, weight));
            }
        }
        best.map(|(form, _)| form)
            .ok_or_else(|| ErrorCode::NotAcceptable.into())
    }

    /// The weight of the most exact range that takes it (RFC 9110, 12.5.1), in thousandths.
    fn weight(self, ranges: &[(&str, u32)]) -> u32 {
        let essence = self.essence();
        let class = essence.split('/').next().unwrap_or_default();
        let exactness = |range: &str| match range.split_once('/') {
            Some(("*", "*")) => Some(0),
            Some((of, "*")) if of.eq_ignore_ascii_case(class) => Some(1),
            _ if range.eq_ignore_ascii_case(essence) => Some(2),
            _ => None,
        };
        ranges
            .iter()
            .filter_map(|(range, weight)| Some((exactness(range)?, *weight)))
            .max_by_key(|(exactness, _)| *exactness)
            .map_or(0, |(_, weight)| weight)
    }
}

/// A range of Accept and its weight in thousandths.
fn range(text: &str) -> Option<(&str, u32)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let weight = parts
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .map_or(Some(1.0), |weight| weight.parse::<f64>().ok())?;
    (0.0..=1.0)
        .contains(&weight)
        .then(|| (range, (weight * 1_000.0).round() as u32))
}

/// A page of rows: what it says beside them, and the rows under `rows`.
pub(crate) struct Page<'a, R> {
    /// Everything but the rows, as JSON.
    pub(crate) head: Value,
    /// Name under which the rows stand.
    pub(crate) name: &'static str,
    /// The rows.
    pub(crate) rows: &'a [R],
    /// All fields of a row, in the order of columns.
    pub(crate) known: &'static [&'static str],
    /// Those wanted; all if there are none.
    pub(crate) fields: Option<Vec<&'static str>>,
    /// Address of the next page.
    pub(crate) next: Option<String>,
}

impl<R: Serialize> Page<'_, R> {
    /// Written in `form`.
    pub(crate) fn write(self, form: Form, headers: &HeaderMap) -> Result<Response, Refusal> {
        let wanted = self.fields.as_deref().unwrap_or(self.known);
        let body = if form == Form::Csv {
            csv(wanted, self.rows)?
        } else {
            let mut page = self.head;
            page[self.name] = match &self.fields {
                None => serde_json::to_value(self.rows).map_err(failed)?,
                Some(fields) => self
                    .rows
                    .iter()
                    .map(|row| row_of(row, |name| fields.contains(&name)))
                    .collect::<Result<_, _>>()?,
            };
            serde_json::to_vec(&page).map_err(failed)?
        };
        let mut response = tagged(form, body, headers);
        let link = self.next.map(|next| format!("<{next}>; rel=\"next\""));
        if let Some(Ok(link)) = link.map(HeaderValue::try_from) {
            response.headers_mut().insert(header::LINK, link);
        }
        Ok(response)
    }
}

pub(crate) fn failed(error: impl std::fmt::Display) -> Refusal {
    tracing::error!(%error, "an answer cannot be written");
    ErrorCode::Internal.into()
}

/// A row with the fields that are wanted.
fn row_of(row: &impl Serialize, wanted: impl Fn(&str) -> bool) -> Result<Value, Refusal> {
    let mut value = serde_json::to_value(row).map_err(failed)?;
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| wanted(name));
    }
    Ok(value)
}

/// Rows as CSV (RFC 4180): a header, and what is not known empty.
fn csv(fields: &[&str], rows: &[impl Serialize]) -> Result<Vec<u8>, Refusal> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(fields).map_err(failed)?;
    for row in rows {
        let row = row_of(row, |_| true)?;
        let cells = fields.iter().map(|field| match &row[*field] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        writer.write_record(cells).map_err(failed)?;
    }
    writer.into_inner().map_err(failed)
}

/// An answer with a tag, or without a body where the reader has it already.
pub(crate) fn tagged(form: Form, body: Vec<u8>, headers: &HeaderMap) -> Response {
    let digest = Sha256::new_with_prefix(form.essence())
        .chain_update(&body)
        .finalize();
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..TAG_BYTES]));
    let mut response = if has_already(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let form: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, form.content_type())];
        (form, body).into_response()
    };
    let to = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        to.insert(header::ETAG, tag);
    }
    to.insert(header::CACHE_CONTROL, KEEP_AND_ASK);
    to.insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    response
}

/// Whether If-None-Match names `tag` (RFC 9110, 13.1.2: by weak comparison).
fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_accept_weighs_most() {
        let check = |accept: Option<&'static str>, expected: Option<Form>| {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            }
            let form = Form::wanted(&headers, &[Form::Json, Form::Csv]);
            assert_eq!(form.ok(), expected, "{accept:?}");
        };
        check(None, Some(Form::Json));
        check(Some("*/*"), Some(Form::Json));
        check(Some("text/csv"), Some(Form::Csv));
        check(Some("TEXT/CSV;q=0.5"), Some(Form::Csv));
        check(Some("text/*"), Some(Form::Csv));
        check(Some("application/*"), Some(Form::Json));
        check(Some("text/csv, application/json"), Some(Form::Json));
        check(Some("text/csv, application/json;q=0.9"), Some(Form::Csv));
        check(Some("text/csv;q=0, */*"), Some(Form::Json));
        check(Some("application/json;q=0, */*;q=0.1"), Some(Form::Csv));
        check(
            Some("text/html, application/xhtml+xml, */*;q=0.8"),
            Some(Form::Json),
        );
        check(Some("text/html"), None);
        check(Some("application/json;q=0"), None);
        check(Some("application/json;q=2"), None);
        check(Some(""), None);
        check(Some("json"), None);
    }

    #[test]
    fn a_tag_is_recognised_in_a_list_and_as_a_weak_one() {
        let check = |known: &'static str, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(known));
            assert_eq!(has_already(&headers, "\"a\""), expected, "{known}");
        };
        check("\"a\"", true);
        check("W/\"a\"", true);
        check("\"b\", \"a\"", true);
        check("*", true);
        check("\"b\"", false);
        check("a", false);
    }
}
