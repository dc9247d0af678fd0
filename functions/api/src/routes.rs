//! One file a group of routes: parameters, handler, and what the document says of both.

pub(crate) mod access;
pub(crate) mod bars;
pub(crate) mod chains;
pub(crate) mod dead_letters;
pub(crate) mod grants;
pub(crate) mod health;
pub(crate) mod instruments;
pub(crate) mod products;
pub(crate) mod signals;
pub(crate) mod tickets;
