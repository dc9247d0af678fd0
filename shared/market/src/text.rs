//! Reading a value from borrowed text with serde, without an owned copy.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Visitor};

/// A serde visitor that reads `T` from a string by its `FromStr`.
pub(crate) struct FromStrVisitor<T> {
    expecting: &'static str,
    value: PhantomData<T>,
}

impl<T> FromStrVisitor<T> {
    /// A visitor that says it expects `expecting`.
    pub(crate) fn new(expecting: &'static str) -> Self {
        Self {
            expecting,
            value: PhantomData,
        }
    }
}

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for FromStrVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}
