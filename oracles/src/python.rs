//! Programs in Python, each with the packages of its own that it needs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use wdk_linux::host::Workspace;
use wdk_linux::host::package;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::step;
use wdk_linux::host::workspace::read_text;
use xtask::needs;

/// In an environment, what it was made from: written when all of it is installed.
const INSTALLED: &str = "requirements.txt";

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
    pub fn program(&self, name: &str) -> Command {
        Command::new(self.folder.join("bin").join(name))
    }

    /// Python in the environment, which leaves nothing beside the scripts that it runs.
    pub fn python(&self) -> Command {
        let mut python = Command::new(self.folder.join("bin/python"));
        python.arg("-B");
        python
    }
}

/// Has `make` fill `folder` unless it was made from the same requirements before, with every
/// other process kept out meanwhile.
///
/// The folder is made in its place, since the programs in it name it; what says that it is whole
/// comes last.
fn once(folder: &Path, wanted: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // Beside the folder, which is emptied. The system takes the lock back when the file is closed,
    // however this process ends.
    let lock = folder.with_extension("lock");
    let lock = File::create(&lock).with_context(|| format!("cannot create {}", lock.display()))?;
    lock.lock().context("cannot lock the environment")?;
    let installed = folder.join(INSTALLED);
    if fs::read_to_string(&installed).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    make()?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use anyhow::bail;

    use super::*;

    #[test]
    fn those_who_ask_at_once_get_one_that_is_whole_and_made_once() {
        const ASKING: usize = 8;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("environment");
        let (made, start) = (AtomicU32::new(0), Barrier::new(ASKING));
        thread::scope(|scope| {
            for _ in 0..ASKING {
                scope.spawn(|| {
                    start.wait();
                    once(&folder, "a==1", || {
                        made.fetch_add(1, Ordering::SeqCst);
                        // A program that came too early would find half of it.
                        fs::write(folder.join("first"), "")?;
                        thread::yield_now();
                        fs::write(folder.join("second"), "")?;
                        Ok(())
                    })
                    .unwrap();
                    assert!(folder.join("second").exists());
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn one_that_could_not_be_made_or_has_other_requirements_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("environment");
        let mut made = Vec::new();
        assert!(once(&folder, "a==1", || bail!("no network")).is_err());
        for wanted in ["a==1", "a==1", "a==2"] {
            once(&folder, wanted, || {
                made.push(wanted);
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(made, ["a==1", "a==2"]);
    }
}
