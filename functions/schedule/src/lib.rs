//! Lambda function: schedule.
