//! Items: attributes by name, written and read with their types.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use tickwire_entitlements::Proof;
use tickwire_market::UnixNanos;
use tickwire_service::ports::{PortError, PortResult};

use super::{EXPIRES, PARTITION_KEY, SORT_KEY};

const PROOF: &str = "proof";
const ISSUED_AT: &str = "issued_at";

/// A row, or the key of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Item(pub(super) HashMap<String, AttributeValue>);

impl Item {
    /// A row of a table without a sort key.
    pub(super) fn at(pk: &str) -> Self {
        Self::default().text(PARTITION_KEY, pk)
    }

    /// A row under (`pk`, `sk`).
    pub(super) fn under(pk: &str, sk: &str) -> Self {
        Self::at(pk).text(SORT_KEY, sk)
    }

    pub(super) fn text(self, name: &str, value: &str) -> Self {
        self.with(name, AttributeValue::S(value.to_owned()))
    }

    pub(super) fn number(self, name: &str, value: impl ToString) -> Self {
        self.with(name, AttributeValue::N(value.to_string()))
    }

    pub(super) fn bytes(self, name: &str, value: &[u8]) -> Self {
        self.with(name, AttributeValue::B(Blob::new(value)))
    }

    pub(super) fn flag(self, name: &str, value: bool) -> Self {
        self.with(name, AttributeValue::Bool(value))
    }

    /// Sets what proved an identity.
    pub(super) fn proof(self, proof: &Proof) -> Self {
        self.text(PROOF, &proof.id).number(ISSUED_AT, proof.issued_at.0)
    }

    /// Sets the end of its life, in seconds of Unix time.
    pub(super) fn expires(self, second: i64) -> Self {
        self.number(EXPIRES, second)
    }

    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Its size as DynamoDB counts it: names and values.
    pub(super) fn size(&self) -> usize {
        self.0
            .iter()
            .map(|(name, value)| name.len() + value_bytes(value))
            .sum()
    }

    pub(super) fn get_text(&self, what: &'static str, name: &'static str) -> PortResult<&str> {
        self.find_text(name).ok_or_else(|| unreadable(what, name))
    }

    pub(super) fn find_text(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?;
        value.as_s().ok().map(String::as_str)
    }

    pub(super) fn get_number<N: std::str::FromStr>(
        &self,
        what: &'static str,
        name: &'static str,
    ) -> PortResult<N> {
        let text = self.0.get(name).and_then(|v| v.as_n().ok());
        text.and_then(|n| n.parse().ok())
            .ok_or_else(|| unreadable(what, name))
    }

    pub(super) fn get_flag(&self, what: &'static str, name: &'static str) -> PortResult<bool> {
        self.0
            .get(name)
            .and_then(|v| v.as_bool().ok())
            .copied()
            .ok_or_else(|| unreadable(what, name))
    }

    pub(super) fn into_bytes(mut self, what: &'static str, name: &'static str) -> PortResult<Vec<u8>> {
        match self.0.remove(name) {
            Some(AttributeValue::B(blob)) => Ok(blob.into_inner()),
            _ => Err(unreadable(what, name)),
        }
    }

    /// Whether its life has ended at `second`, as far as it has an end.
    pub(super) fn has_expired(&self, second: i64) -> bool {
        let end = self
            .0
            .get(EXPIRES)
            .and_then(|v| v.as_n().ok())
            .and_then(|n| n.parse::<i64>().ok());
        end.is_some_and(|end| end <= second)
    }
}

/// What proved an identity; of rows of before it was stored nothing is known.
pub(super) fn proof_of(item: &Item) -> Proof {
    let what = "proof";
    Proof {
        id: item.get_text(what, PROOF).unwrap_or_default().to_owned(),
        issued_at: UnixNanos(item.get_number(what, ISSUED_AT).unwrap_or_default()),
    }
}

/// A stored row that does not have the shape this version writes.
pub(super) fn unreadable(what: &'static str, attribute: &'static str) -> PortError {
    PortError::Refused {
        what,
        why: format!("a stored row has no readable attribute {attribute}"),
    }
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        // One byte for two digits, and one for sign and exponent.
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::B(blob) => blob.as_ref().len(),
        _ => 1,
    }
}
