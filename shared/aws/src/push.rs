//! API Gateway: posting to the connections of a WebSocket API.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use tickwire_service::ports::{PortError, PortResult, Posted, Push};
use tickwire_telemetry::Meter;

use crate::error::port_error;
use crate::limits::post_bytes_max;

/// Connections of a WebSocket API.
pub struct Posts {
    client: aws_sdk_apigatewaymanagement::Client,
    meter: Arc<Meter>,
}

impl Posts {
    /// On `client`, whose endpoint is the API's stage.
    pub fn new(client: aws_sdk_apigatewaymanagement::Client, meter: Arc<Meter>) -> Self {
        Self { client, meter }
    }
}

#[async_trait]
impl Push for Posts {
    async fn post(&self, connection: &str, frame: String) -> PortResult<Posted> {
        let what = "push.post";
        let bytes = frame.len();
        if bytes > post_bytes_max {
            let why = format!("the frame has {bytes} bytes; at most {post_bytes_max} can be posted");
            return Err(PortError::Refused { what, why });
        }
        let request = self
            .client
            .post_to_connection()
            .connection_id(connection)
            .data(Blob::new(frame));
        match request.send().await {
            Ok(_) => {
                self.meter.post(bytes);
                Ok(Posted::Taken)
            }
            Err(error) if error.as_service_error().is_some_and(|e| e.is_gone_exception()) => {
                self.meter.post_gone();
                Ok(Posted::Gone)
            }
            Err(error) => {
                let error = port_error(what, &error);
                if matches!(error, PortError::Throttled { .. }) {
                    self.meter.post_throttled();
                }
                Err(error)
            }
        }
    }

    async fn stands(&self, connection: &str) -> PortResult<bool> {
        let request = self.client.get_connection().connection_id(connection);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_gone_exception()) => Ok(false),
            Err(error) => Err(port_error("push.stands", &error)),
        }
    }

    async fn disconnect(&self, connection: &str) -> PortResult<()> {
        match self
            .client
            .delete_connection()
            .connection_id(connection)
            .send()
            .await
        {
            Err(error) if !error.as_service_error().is_some_and(|e| e.is_gone_exception()) => {
                Err(port_error("push.disconnect", &error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Canned, aws};

    #[tokio::test]
    async fn answers_are_told_apart() {
        let http = Canned::failing(&[
            (200, ""),
            (410, "GoneException"),
            (429, "LimitExceededException"),
            (403, "ForbiddenException"),
            (500, ""),
        ]);
        let meter = Arc::new(Meter::default());
        let posts = aws(&http).posts(Arc::clone(&meter)).unwrap();
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(posts.post("a=b/", "[1]".into()).await);
        }
        assert!(matches!(answers[0], Ok(Posted::Taken)), "{answers:?}");
        assert!(matches!(answers[1], Ok(Posted::Gone)), "{answers:?}");
        assert!(
            matches!(answers[2], Err(PortError::Throttled { .. })),
            "{answers:?}"
        );
        assert!(
            matches!(answers[3], Err(PortError::Refused { .. })),
            "{answers:?}"
        );
        assert!(
            matches!(answers[4], Err(PortError::Unavailable { .. })),
            "{answers:?}"
        );
        let request = http.request(0);
        assert_eq!(request.uri, "https://ws.test/live/@connections/a%3Db%2F");
        assert_eq!(request.body, b"[1]");
        let counted = meter.snapshot().posts;
        assert_eq!((counted.taken, counted.gone, counted.throttled), (1, 1, 1));
        assert_eq!(http.requests(), 5, "one try each");
    }

    #[tokio::test]
    async fn a_connection_that_is_gone_does_not_stand() {
        let http = Canned::failing(&[(200, "{}"), (410, "GoneException"), (403, "ForbiddenException")]);
        let posts = aws(&http).posts(Arc::default()).unwrap();
        assert!(posts.stands("a=b/").await.unwrap());
        assert!(!posts.stands("c").await.unwrap());
        assert!(posts.stands("c").await.is_err());
        assert_eq!(http.request(0).uri, "https://ws.test/live/@connections/a%3Db%2F");
    }

    #[tokio::test]
    async fn a_connection_that_is_gone_is_disconnected() {
        let http = Canned::failing(&[(204, ""), (410, "GoneException"), (403, "ForbiddenException")]);
        let posts = aws(&http).posts(Arc::default()).unwrap();
        posts.disconnect("c").await.unwrap();
        posts.disconnect("c").await.unwrap();
        assert!(posts.disconnect("c").await.is_err());
    }
}
