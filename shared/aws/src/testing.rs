//! An HTTP client that answers from a list and keeps what it was asked.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::config::{
    Aws, CONNECTIONS_ENDPOINT, Need, PLATFORM, SIGNALS_DEAD_QUEUE_URL, SIGNALS_QUEUE_URL, TABLE_PREFIX,
    TICKS_DEAD_QUEUE_URL, TICKS_QUEUE_URL,
};

/// A request that was made.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) uri: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The body, if it is JSON.
    pub(crate) json: serde_json::Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, value)| value)
    }
}

struct Answer {
    status: u16,
    error_type: String,
    body: String,
}

#[derive(Clone, Default)]
pub(crate) struct Canned {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl std::fmt::Debug for Canned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canned")
    }
}

impl Canned {
    /// Answers of status and body.
    pub(crate) fn answering(answers: &[(u16, &str)]) -> Self {
        Self::of(answers.iter().map(|(status, body)| Answer {
            status: *status,
            error_type: String::new(),
            body: (*body).to_owned(),
        }))
    }

    /// Answers of status and error type, as the REST protocol writes it.
    pub(crate) fn failing(answers: &[(u16, &str)]) -> Self {
        Self::of(answers.iter().map(|(status, error_type)| Answer {
            status: *status,
            error_type: (*error_type).to_owned(),
            body: "{}".to_owned(),
        }))
    }

    fn of(answers: impl Iterator<Item = Answer>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.collect())),
            asked: Arc::default(),
        }
    }

    pub(crate) fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) fn request(&self, n: usize) -> Asked {
        self.asked.lock().unwrap()[n].clone()
    }
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default().to_vec();
        self.asked.lock().unwrap().push(Asked {
            uri: request.uri().to_owned(),
            headers: request
                .headers()
                .iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect(),
            json: serde_json::from_slice(&body).unwrap_or_default(),
            body,
        });
        let answer = self.answers.lock().unwrap().pop_front();
        let response = answer
            .ok_or_else(|| ConnectorError::io("no more answers".into()))
            .map(|answer| {
                let mut response = HttpResponse::new(
                    answer.status.try_into().unwrap(),
                    SdkBody::from(answer.body.as_str()),
                );
                if !answer.error_type.is_empty() {
                    response
                        .headers_mut()
                        .insert("x-amzn-errortype", answer.error_type);
                }
                response
            });
        HttpConnectorFuture::ready(response)
    }
}

/// Everything, over `http`.
pub(crate) fn aws(http: &Canned) -> Aws {
    let needs = [
        Need::Tables,
        Need::Queues,
        Need::Connections,
        Need::Secret("jwt_key"),
    ];
    let variable = |name: &str| {
        let value = match name {
            "AWS_REGION" => "eu-west-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test",
            TABLE_PREFIX => "tickwire-test-",
            TICKS_QUEUE_URL => "https://sqs.test/ticks",
            TICKS_DEAD_QUEUE_URL => "https://sqs.test/ticks-dead",
            SIGNALS_QUEUE_URL => "https://sqs.test/signals",
            SIGNALS_DEAD_QUEUE_URL => "https://sqs.test/signals-dead",
            name if PLATFORM.contains(&name) => "1",
            CONNECTIONS_ENDPOINT => "https://ws.test/live",
            "TICKWIRE_SECRET_ID_JWT_KEY" => "tickwire/jwt",
            _ => return None,
        };
        Some(value.to_owned())
    };
    Aws::read(&needs, variable, SharedHttpClient::new(http.clone())).unwrap()
}
