//! The functions' binaries, as `sam build` is to find them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::run;
use crate::{BOOTSTRAPS, FUNCTIONS, Failure};

/// Copies of the binaries, without their symbols.
#[derive(Clone, Debug)]
pub struct Bootstraps {
    /// Where they are.
    pub folder: PathBuf,
}

impl Bootstraps {
    /// Of the folder that [`BOOTSTRAPS`] names, copied to `to`; `None` if it names none.
    ///
    /// # Errors
    /// When one is missing.
    pub fn from_environment(to: &Path) -> Result<Option<Self>, Failure> {
        match std::env::var_os(BOOTSTRAPS) {
            Some(folder) => Self::copy(Path::new(&folder), to).map(Some),
            None => Ok(None),
        }
    }

    fn copy(from: &Path, to: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(to).map_err(Failure::of("make a folder for bootstraps"))?;
        for name in FUNCTIONS {
            let binary = from.join(name);
            if !binary.is_file() {
                return Err(Failure::Process(format!(
                    "{} is missing: build it with `cargo build --release --bins -p tickwire-{name}`",
                    binary.display()
                )));
            }
            // Symbols are most of the file, and every deployment uploads it.
            let doing = "strip a bootstrap (it needs binutils)";
            run(
                doing,
                Command::new("strip").arg("-o").arg(to.join(name)).arg(&binary),
            )?;
        }
        Ok(Self {
            folder: to.to_owned(),
        })
    }

    /// Another version: the same code, another file, that ends with `mark`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn version(&self, mark: &str, to: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(to).map_err(Failure::of("make a folder for bootstraps"))?;
        for name in FUNCTIONS {
            let copy = to.join(name);
            let appended = std::fs::copy(self.folder.join(name), &copy).and_then(|_| {
                let mut file = std::fs::OpenOptions::new().append(true).open(&copy)?;
                file.write_all(mark.as_bytes())
            });
            appended.map_err(Failure::of("make another version of a bootstrap"))?;
        }
        Ok(Self {
            folder: to.to_owned(),
        })
    }
}
