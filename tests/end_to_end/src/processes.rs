//! Processes of the real binary.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::Failure;

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The binary `tickwire`, and where its processes write.
#[derive(Clone, Debug)]
pub struct Tickwire {
    binary: PathBuf,
    output: PathBuf,
}

impl Tickwire {
    /// The one that was built beside this executable; its output is gathered in `output`.
    ///
    /// # Errors
    /// When it was not built; says how to build it.
    pub fn find(output: PathBuf) -> Result<Self, Failure> {
        let here = std::env::current_exe().map_err(Failure::of("find this executable"))?;
        let folder = here.parent().unwrap_or(Path::new("."));
        // Tests stand one folder deeper than binaries.
        let folder = if folder.ends_with("deps") {
            folder.parent().unwrap_or(folder)
        } else {
            folder
        };
        let binary = folder.join(format!("tickwire{}", std::env::consts::EXE_SUFFIX));
        if binary.is_file() {
            return Ok(Self { binary, output });
        }
        let profile = if folder.ends_with("release") {
            " --release"
        } else {
            ""
        };
        Err(Failure::Process(format!(
            "{} is missing: build it with `cargo build{profile} -p tickwire`",
            binary.display()
        )))
    }

    /// Where the binary is.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Starts a process.
    ///
    /// # Errors
    /// When the system does not start it.
    pub fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Process, Failure> {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        Process::start(command, &self.output)
    }

    /// What all processes wrote.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn output(&self) -> Result<String, Failure> {
        let bytes = std::fs::read(&self.output).map_err(Failure::of("read the processes' output"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The last lines of that, for messages.
    pub fn tail(&self) -> String {
        let text = self.output().unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(12).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// # Errors
    /// When any process panicked.
    pub fn check_no_panic(&self) -> Result<(), Failure> {
        let text = self.output()?;
        match text.lines().find(|line| line.contains("panicked")) {
            Some(line) => Err(Failure::Process(format!("a process panicked: {line}"))),
            None => Ok(()),
        }
    }
}

/// A running process; killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a command whose output is appended to a file.
    ///
    /// # Errors
    /// When the system does not start it.
    pub fn start(mut command: Command, output: &Path) -> Result<Self, Failure> {
        let open = || -> std::io::Result<File> { OpenOptions::new().create(true).append(true).open(output) };
        let out = open().map_err(Failure::of("open the file for output"))?;
        let err = open().map_err(Failure::of("open the file for output"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(Failure::of("start a process"))?;
        Ok(Self { child })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: it ends between two instructions.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn terminate(&self) -> Result<(), Failure> {
        let status = Command::new("kill")
            .arg("-TERM")
            .arg(self.id().to_string())
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::Process(format!(
                "failed to send SIGTERM: kill ended with {status}"
            ))),
            Err(error) => Err(Failure::of("send SIGTERM")(error)),
        }
    }

    /// Its status, if it has ended.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(Failure::of("look at a process"))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it has not ended in time.
    pub async fn wait(&mut self, longest: Duration) -> Result<ExitStatus, Failure> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if began.elapsed() > longest {
                return Err(Failure::Process(format!(
                    "a process had not ended after {} s",
                    longest.as_secs()
                )));
            }
            sleep(LOOK).await;
        }
    }

    /// Ends it with SIGTERM; it has to exit with 0 in time.
    ///
    /// # Errors
    /// When it does not.
    pub async fn stop(mut self, longest: Duration) -> Result<(), Failure> {
        if let Some(status) = self.ended()? {
            return Err(Failure::Process(format!(
                "a process that should run had ended: {status}"
            )));
        }
        self.terminate()?;
        let status = self.wait(longest).await?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::Process(format!(
                "after SIGTERM a process ended with {status}"
            )))
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of the loopback that nobody uses just now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::of("find a free port"))?;
    Ok(listener
        .local_addr()
        .map_err(Failure::of("find a free port"))?
        .port())
}
