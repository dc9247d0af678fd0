//! Lambda function: socket.
