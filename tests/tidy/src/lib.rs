//! The structure of the house, as a test.
