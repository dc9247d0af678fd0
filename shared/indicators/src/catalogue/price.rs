//! Prices made of a bar.

pub(crate) mod avgprice;
pub(crate) mod ha;
pub(crate) mod medprice;
pub(crate) mod typprice;
pub(crate) mod wclprice;
