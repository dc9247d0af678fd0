//! Parts that several indicators share.

mod averages;
mod momentum;
mod movement;
mod range;
mod statistics;
mod told;
mod volume;

pub(crate) use averages::*;
pub(crate) use momentum::*;
pub(crate) use movement::*;
pub(crate) use range::*;
pub(crate) use statistics::*;
pub(crate) use told::*;
pub(crate) use volume::*;
