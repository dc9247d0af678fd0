//! The client of `tests/clients/python`, as a second reader.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;
use tickwire_streams::Offset;

use crate::Failure;
use crate::check::Taken;
use crate::client::Record;
use crate::processes::Process;

/// A Python that has what the client imports, if this one does.
pub fn usable(python: &Path) -> bool {
    let import = Command::new(python)
        .args(["-c", "import websockets.asyncio.client"])
        .stderr(Stdio::null())
        .status();
    import.is_ok_and(|status| status.success())
}

/// The client at work.
#[derive(Debug)]
pub struct PythonClient {
    process: Process,
    output: PathBuf,
}

impl PythonClient {
    /// Starts it, for the socket at an address and the HTTP API at another, if it is
    /// another; what it takes goes to the file `output`, what it says to `output.err`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        python: &Path,
        socket: &str,
        api: Option<&str>,
        token: &str,
        streams: &[String],
        output: PathBuf,
    ) -> Result<Self, Failure> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/python/tickwire_client.py");
        let mut command = Command::new(python);
        command
            .arg(script)
            .arg(socket)
            .args(streams)
            .env("TICKWIRE_TOKEN", token);
        if let Some(api) = api {
            command.args(["--api", api]);
        }
        // Lines of the output only: what it says of lost connections is JSON of no kind.
        Ok(Self {
            process: Process::start(command, &output)?,
            output,
        })
    }

    /// Its status if it has ended, which it never does by itself when all is well.
    ///
    /// # Errors
    /// When it has ended, with its last words.
    pub fn check_alive(&mut self) -> Result<(), Failure> {
        match self.process.ended()? {
            None => Ok(()),
            Some(status) => {
                let text = std::fs::read_to_string(&self.output).unwrap_or_default();
                let last = text.lines().last().unwrap_or_default().to_owned();
                Err(Failure::Process(format!(
                    "the Python client ended with {status}: {last}"
                )))
            }
        }
    }

    /// What it took so far.
    ///
    /// # Errors
    /// When its output cannot be read.
    pub fn record(&self) -> Result<Record, Failure> {
        let text =
            std::fs::read_to_string(&self.output).map_err(Failure::of("read the Python client's output"))?;
        let mut record = Record::default();
        for line in text.lines().filter(|line| line.starts_with('{')) {
            // The last line may be half written.
            let Ok(line) = serde_json::from_str::<Json>(line) else {
                continue;
            };
            let (Some(key), Some(offset)) = (line["key"].as_str(), line["o"].as_u64()) else {
                continue;
            };
            let taken = record.streams.entry(key.to_owned()).or_default();
            taken.push(Taken {
                // It does not say which items are snapshots: only the first can be.
                snapshot: taken.is_empty(),
                offset: Some(Offset(offset)),
                previous: None,
                count: 1,
                value: line["d"].to_string(),
            });
        }
        Ok(record)
    }

    /// Ends it.
    pub fn stop(self) {
        self.process.kill();
    }
}
