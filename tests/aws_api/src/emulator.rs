//! The emulator, a process of its own on a free port of the loopback.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::Method;
use tickwire_end_to_end::processes::{Process, free_port};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::http::{Request, call};
use crate::tools::Tools;
use crate::{FUNCTIONS, Failure};

/// The account in which everything is.
pub const ACCOUNT: &str = "123456789012";
/// The region in which everything is.
pub const REGION: &str = "eu-west-1";

/// Longest time to its first answer.
const START_MAX: Duration = Duration::from_secs(60);
/// How often the memory of functions is looked at. A peak stays to be seen as long as its process lives.
const MEMORY_EVERY: Duration = Duration::from_millis(200);
/// Longest time for its end.
const STOP_MAX: Duration = Duration::from_secs(10);

/// A running emulator. It checks every call of a function against the function's role.
#[derive(Debug)]
pub struct Emulator {
    process: Option<Process>,
    /// Host and port.
    pub host: String,
    /// Where it keeps what functions run.
    home: PathBuf,
    /// What it says.
    pub output: PathBuf,
}

impl Emulator {
    /// Starts one whose files are in `home`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start(tools: &Tools, home: &Path) -> Result<Self, Failure> {
        let port = free_port()?;
        let host = format!("127.0.0.1:{port}");
        std::fs::create_dir_all(home).map_err(Failure::of("make a folder for the emulator"))?;
        let output = home.join("output.log");
        let mut command = Command::new(tools.path("ministack"));
        command
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
            .env("MINISTACK_REGION", REGION)
            .env("AWS_ENDPOINT_URL", format!("http://{host}"))
            // Policies are enforced.
            .env("AUTH", "true")
            // It would listen on a port of its own.
            .env("IOT_MTLS_ENABLED", "0")
            .env("TMPDIR", home);
        let process = Process::start(command, &output)?;
        let mut emulator = Self {
            process: Some(process),
            host,
            home: home.to_owned(),
            output,
        };
        let began = Instant::now();
        loop {
            let asked = call(&emulator.url("/_ministack/health"), Request::new(Method::GET)).await;
            if asked.is_ok_and(|answer| answer.status == 200) {
                return Ok(emulator);
            }
            let ended = match &mut emulator.process {
                Some(process) => process.ended()?,
                None => None,
            };
            if ended.is_some() || began.elapsed() > START_MAX {
                let said = std::fs::read_to_string(&emulator.output).unwrap_or_default();
                return Err(Failure::Process(format!("the emulator did not start:\n{said}")));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    /// Ids of the processes that run `function` now.
    pub fn processes_of(&self, function: &str) -> Vec<u32> {
        let mut processes = self.bootstraps();
        processes.retain(|id| function_of(*id).is_some_and(|name| name == function));
        processes
    }

    /// The processes of functions: those whose binary is in this emulator's folder.
    fn bootstraps(&self) -> Vec<u32> {
        bootstraps_in(&self.home)
    }

    /// Watches from now on how much memory the functions take.
    pub fn memory(&self) -> Memory {
        let home = self.home.clone();
        let peaks: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
        let seen = peaks.clone();
        let task = tokio::spawn(async move {
            loop {
                for id in bootstraps_in(&home) {
                    let (Some(function), Some(bytes)) = (function_of(id), peak_of(id)) else {
                        continue;
                    };
                    let mut peaks = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    let peak = peaks.entry(function).or_default();
                    *peak = bytes.max(*peak);
                }
                sleep(MEMORY_EVERY).await;
            }
        });
        Memory { peaks, task }
    }

    /// Ends it, and the functions it runs.
    ///
    /// # Errors
    /// When it had ended by itself.
    pub async fn stop(mut self) -> Result<(), Failure> {
        let stopped = match self.process.take() {
            Some(process) => process.stop(STOP_MAX).await,
            None => Ok(()),
        };
        drop(self);
        stopped
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.process = None;
        for id in self.bootstraps() {
            let _ = kill(id);
        }
    }
}

/// Processes whose binary is in a folder.
fn bootstraps_in(home: &Path) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|id: &u32| {
            std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|binary| binary.starts_with(home))
        })
        .collect()
}

/// The function that a process runs.
fn function_of(id: u32) -> Option<String> {
    let environment = std::fs::read(format!("/proc/{id}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let name = variables.find_map(|variable| variable.strip_prefix(b"AWS_LAMBDA_FUNCTION_NAME="))?;
    String::from_utf8(name.to_vec()).ok()
}

/// The most memory that a process has held so far, in bytes.
fn peak_of(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

/// The most memory that each function's processes held.
#[derive(Debug)]
pub struct Memory {
    peaks: Arc<Mutex<BTreeMap<String, u64>>>,
    task: JoinHandle<()>,
}

impl Memory {
    /// By function, in bytes.
    pub fn peaks(&self) -> BTreeMap<String, u64> {
        self.peaks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// SIGKILL to a process of this emulator.
///
/// # Errors
/// When there is no such process.
pub fn kill(id: u32) -> Result<(), Failure> {
    let status = Command::new("kill").arg("-KILL").arg(id.to_string()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Failure::Process(format!("process {id} could not be killed"))),
    }
}

/// The functions' names in a stack.
pub fn function_names(stack: &str) -> [String; FUNCTIONS.len()] {
    FUNCTIONS.map(|name| format!("{stack}-{name}"))
}
