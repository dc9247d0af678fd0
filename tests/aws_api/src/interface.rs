//! The Runtime Interface Emulator that aws-sam-cli carries: one function behind it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::Value as Json;
use tickwire_end_to_end::processes::{Process, free_port};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::Failure;
use crate::http::{Request, call};
use crate::tools::Tools;

/// Longest time until it takes events.
const START_MAX: Duration = Duration::from_secs(10);

/// A function that waits for events.
#[derive(Debug)]
pub struct Interface {
    _process: Process,
    url: String,
}

impl Interface {
    /// Starts the bootstrap at `binary` with these variables behind it; what it
    /// says goes to the file `output`.
    ///
    /// # Errors
    /// When it takes no events.
    pub async fn start(
        tools: &Tools,
        binary: &Path,
        variables: &BTreeMap<String, String>,
        output: &Path,
    ) -> Result<Self, Failure> {
        let (events, runtime) = (free_port()?, free_port()?);
        let mut command = Command::new(tools.interface()?);
        command
            .args([
                "--runtime-interface-emulator-address",
                &format!("127.0.0.1:{events}"),
            ])
            .args(["--runtime-api-address", &format!("127.0.0.1:{runtime}")])
            .args(["--log-level", "error"])
            .arg(binary)
            .env_clear()
            .envs(variables);
        let process = Process::start(command, output)?;
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", events)).await.is_err() {
            if began.elapsed() > START_MAX {
                let said = std::fs::read_to_string(output).unwrap_or_default();
                return Err(Failure::Process(format!(
                    "the Runtime Interface Emulator did not start:\n{said}"
                )));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Self {
            _process: process,
            url: format!("http://127.0.0.1:{events}/2015-03-31/functions/function/invocations"),
        })
    }

    /// The function's answer to an event.
    ///
    /// # Errors
    /// When there is none.
    pub async fn invoke(&self, event: &str) -> Result<Json, Failure> {
        Ok(call(&self.url, Request::new(Method::POST).body(event))
            .await?
            .json())
    }
}
