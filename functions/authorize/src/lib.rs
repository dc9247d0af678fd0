//! Lambda function: authorize.
