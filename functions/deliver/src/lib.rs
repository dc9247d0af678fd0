//! Lambda function: deliver.
