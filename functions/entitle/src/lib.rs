//! Lambda function: entitle.
