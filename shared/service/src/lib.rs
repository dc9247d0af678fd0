//! The use cases, over narrow ports.
