//! What is asked: parameters of the address, read strictly. What is unknown,
//! there twice, or out of its bounds is an error that says which and why.

use std::convert::Infallible;
use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use tickwire_market::{InstrumentKey, UnixNanos};
use tickwire_service::authenticate::Principal;
use tickwire_streams::Universe;
use tickwire_wire::ErrorCode;

use crate::refusal::Refusal;
use crate::router::Api;

/// Parameters that are no part of what a cursor is bound to.
const BESIDE_THE_QUESTION: [&str; 3] = ["cursor", "limit", "fields"];

/// The parameters of the query, and the query as it was sent.
pub(crate) struct Parameters<T> {
    pub(crate) given: T,
    uri: Uri,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Query(given) =
            Query::<T>::try_from_uri(&parts.uri).map_err(|error| Refusal::parameter(error.body_text()))?;
        Ok(Self {
            given,
            uri: parts.uri.clone(),
        })
    }
}

impl<T> Parameters<T> {
    /// What a cursor is bound to: what is asked `of`, and all parameters that
    /// choose rows, in whatever order they were sent.
    pub(crate) fn question(&self, of: &str) -> String {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&self.uri).map(|Query(pairs)| pairs);
        let mut pairs = pairs.unwrap_or_default();
        pairs.retain(|(name, _)| !BESIDE_THE_QUESTION.contains(&name.as_str()));
        pairs.sort_unstable();
        format!("{of} {pairs:?}")
    }

    /// Address of the next page, relative to this one's.
    pub(crate) fn next(&self, cursor: &str) -> String {
        let query = self.uri.query().unwrap_or_default().split('&');
        let mut address: String = query
            .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="))
            .flat_map(|pair| [pair, "&"])
            .collect();
        address.insert(0, '?');
        address + "cursor=" + cursor
    }
}

/// The instrument of the path.
pub(crate) struct Instrument(pub(crate) InstrumentKey);

impl<S: Send + Sync> FromRequestParts<S> for Instrument {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Ok(Named(text)) = Named::<String>::from_request_parts(parts, state).await;
        parsed("instrument", &text?).map(Self)
    }
}

/// Other parts of the path, or what is wrong with them, which not everybody is told.
pub(crate) struct Named<T>(pub(crate) Result<T, Refusal>);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        Ok(Self(
            path.map(|Path(given)| given)
                .map_err(|error| Refusal::parameter(error.body_text())),
        ))
    }
}

/// Who asks. A route without the layer that finds out lets nobody in.
pub(crate) struct Asker(pub(crate) Principal);

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let principal = parts.extensions.get::<Principal>().cloned();
        principal.map(Self).ok_or_else(|| ErrorCode::TokenMissing.into())
    }
}

/// The one value of a header, if there is one.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &axum::http::HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

/// A value that has a text form of its own.
pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, Refusal> {
    text.parse()
        .map_err(|error| Refusal::parameter(format!("{name}: {error}.")))
}

/// The world that is asked about.
pub(crate) fn universe(api: &Api, text: Option<&str>) -> Result<Universe, Refusal> {
    text.map_or_else(
        || Ok(api.history.universe().clone()),
        |text| parsed("universe", text),
    )
}

/// A time as nanoseconds since 1970 or in RFC 3339.
pub(crate) fn time(name: &str, text: Option<&str>) -> Result<Option<UnixNanos>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let nanos = text.parse().ok().filter(|nanos: &i64| *nanos >= 0).map(UnixNanos);
    let time = nanos.or_else(|| UnixNanos::try_from(text.parse::<jiff::Timestamp>().ok()?).ok());
    let wrong = || {
        Refusal::parameter(format!(
            "{name} is a time: nanoseconds since 1970-01-01T00:00:00Z, or RFC 3339."
        ))
    };
    time.map(Some).ok_or_else(wrong)
}

/// A day, YYYY-MM-DD.
pub(crate) fn day(name: &str, text: Option<&str>) -> Result<Option<Date>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text);
    day.map(Some)
        .ok_or_else(|| Refusal::parameter(format!("{name} is a day: YYYY-MM-DD.")))
}

/// A number that is neither negative nor without an end.
pub(crate) fn number(name: &str, text: Option<&str>) -> Result<Option<f64>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let number = text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
    number
        .map(Some)
        .ok_or_else(|| Refusal::parameter(format!("{name} is a number from 0 on.")))
}

/// A body, read strictly.
pub(crate) fn body<T>(given: Result<Json<T>, JsonRejection>) -> Result<T, Refusal> {
    let Json(body) = given.map_err(|error| match error.status().as_u16() {
        413 => ErrorCode::MessageTooLarge.into(),
        415 => ErrorCode::MediaTypeUnknown.into(),
        _ => Refusal::body(error.body_text()),
    })?;
    Ok(body)
}

/// Refuses a range whose end lies before its beginning.
pub(crate) fn ordered<T: PartialOrd>(
    names: [&str; 2],
    from: Option<&T>,
    to: Option<&T>,
) -> Result<(), Refusal> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(Refusal::parameter(format!(
            "{} is behind {}.",
            names[0], names[1]
        ))),
        _ => Ok(()),
    }
}

/// How many rows, 1 to `most`.
pub(crate) fn limit(text: Option<&str>, default: usize, most: usize) -> Result<usize, Refusal> {
    let Some(text) = text else { return Ok(default) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Refusal::parameter(format!("limit is a whole number from 1 to {most}.")))
}

/// Names of fields, separated by commas, each once.
pub(crate) fn fields(
    text: Option<&str>,
    known: &[&'static str],
) -> Result<Option<Vec<&'static str>>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let mut wanted = Vec::new();
    for name in text.split(',') {
        let field = known.iter().find(|known| **known == name);
        match field.filter(|field| !wanted.contains(*field)) {
            Some(field) => wanted.push(*field),
            None => {
                let message = format!("fields are some of {}, each once.", known.join(","));
                return Err(Refusal::parameter(message));
            }
        }
    }
    Ok(Some(wanted))
}
