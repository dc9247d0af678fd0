//! The instrument key: one canonical form.

use std::sync::Arc;

/// `EXCHANGE@SYMBOL@PRODUCT[@EXPIRY][@CE|PE][@STRIKE]`, canonical. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstrumentKey(Arc<str>);
