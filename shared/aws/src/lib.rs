//! The ports on AWS: DynamoDB, SQS, API Gateway, Secrets Manager.
