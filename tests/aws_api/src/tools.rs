//! What comes from PyPI, in a virtual environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;

/// What is installed.
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/requirements.txt");
/// Copy of it in an environment that is complete.
const INSTALLED: &str = "installed.txt";

/// The tools, installed.
#[derive(Clone, Debug)]
pub struct Tools {
    bin: PathBuf,
}

impl Tools {
    /// The environment at `home`, made if there is none with what is required.
    ///
    /// # Errors
    /// When Python is missing, or PyPI cannot be reached.
    pub fn ready(home: &Path) -> Result<Self, Failure> {
        let tools = Self {
            bin: home.join("bin"),
        };
        let required = std::fs::read(REQUIREMENTS).map_err(Failure::of("read requirements.txt"))?;
        if std::fs::read(home.join(INSTALLED)).is_ok_and(|installed| installed == required) {
            return Ok(tools);
        }
        run(
            "make a virtual environment (it needs python3 with venv)",
            Command::new("python3").args(["-m", "venv"]).arg(home),
        )?;
        run(
            "install the tools of the suite: PyPI has to be reachable, once",
            Command::new(tools.bin.join("python"))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "-r",
                ])
                .arg(REQUIREMENTS),
        )?;
        std::fs::write(home.join(INSTALLED), required).map_err(Failure::of("note what was installed"))?;
        Ok(tools)
    }

    /// The Runtime Interface Emulator for this processor.
    ///
    /// # Errors
    /// When aws-sam-cli carries none.
    pub fn interface(&self) -> Result<PathBuf, Failure> {
        let processor = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        };
        let libraries = self.bin.with_file_name("lib");
        let found = std::fs::read_dir(&libraries).map_err(Failure::of("look into the tools"))?;
        found
            .filter_map(Result::ok)
            .map(|python| {
                let carried = "site-packages/samcli/local/rapid";
                python
                    .path()
                    .join(carried)
                    .join(format!("aws-lambda-rie-{processor}"))
            })
            .find(|path| path.is_file())
            .ok_or_else(|| Failure::Process(format!("aws-sam-cli carries no emulator for {processor}")))
    }

    /// Path of a tool.
    pub fn path(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Runs a command to its end; gives what it printed.
///
/// # Errors
/// When it cannot be started or ends badly, with its last words.
pub fn run(doing: &'static str, command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(Failure::of(doing))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let all = said + &String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = all.lines().rev().take(25).collect();
    Err(Failure::Trial {
        doing,
        why: last.into_iter().rev().collect::<Vec<_>>().join("\n"),
    })
}
