//! The whole stack, tried from outside.
