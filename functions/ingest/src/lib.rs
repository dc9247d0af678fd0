//! Lambda function: ingest.
