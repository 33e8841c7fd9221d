//! Programs in Python, each with the packages of its own that it needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use wdk_linux::host::Workspace;
use wdk_linux::host::package;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::step;
use wdk_linux::host::workspace::read_text;
use xtask::needs;

use crate::once::once;

/// A virtual environment with what a `requirements.txt` names.
pub struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Creates the environment `name`, or takes it as it is if the requirements are the same.
    ///
    /// Threads and processes may ask for the same one at once: one of them makes it, and the
    /// others wait.
    ///
    /// # Errors
    ///
    /// If it cannot be made; what there is of it is then not taken for whole.
    pub fn ensure(workspace: &Workspace, name: &str, requirements: &Path) -> Result<Self> {
        let folder = workspace.target().join("python").join(name);
        let wanted = read_text(requirements)?;
        once(&folder, &wanted, || {
            package::ensure(&[needs::PYTHON])?;
            step(&format!("installing Python packages for {name}"), |_| {
                let mut python = workspace.tool("python3");
                python.args(["-m", "venv", "--clear"]).arg(&folder);
                process::run(&mut python, BUILD_LIMIT)?;
                let mut pip = Command::new(folder.join("bin/pip"));
                pip.args(["install", "--quiet", "--disable-pip-version-check"]);
                pip.arg("--requirement").arg(requirements);
                process::run(&mut pip, BUILD_LIMIT)
                    .with_context(|| format!("cannot install {}", requirements.display()))
            })?;
            Ok(())
        })?;
        Ok(Self { folder })
    }

    /// A program that one of the packages brought.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        Command::new(self.folder.join("bin").join(name))
    }

    /// Python in the environment, which leaves nothing beside the scripts that it runs.
    #[must_use]
    pub fn python(&self) -> Command {
        let mut python = Command::new(self.folder.join("bin/python"));
        python.arg("-B");
        python
    }
}
