//! Technical indicators: one definition for stream, batch and state.
