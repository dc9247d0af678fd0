//! Lambda function: api.
