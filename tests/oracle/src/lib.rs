//! Reference values of others against ours.
