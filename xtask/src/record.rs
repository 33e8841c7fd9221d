//! What has passed with the very files, packages and compiler that are here. It need not be run again:
//! nothing that it looks at is another.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, QUERY_LIMIT};

use crate::outcome::Outcome;

/// What Debian's package manager has installed.
const INSTALLED: &str = "/var/lib/dpkg/status";

/// The record below the target folder, a file for each task.
pub(crate) struct Record {
    folder: PathBuf,
    root: PathBuf,
    state: String,
}

impl Record {
    /// The record for what is here now.
    ///
    /// # Errors
    ///
    /// If git does not know the files.
    pub(crate) fn open(workspace: &Workspace) -> Result<Self> {
        Self::of(workspace.root(), workspace.target().join("passed"))
    }

    fn of(root: &Path, folder: PathBuf) -> Result<Self> {
        Ok(Self {
            folder,
            root: root.to_owned(),
            state: state(root)?,
        })
    }

    /// How many checks of a task have passed with what is here.
    pub(crate) fn passed(&self, task: &str) -> Option<u32> {
        let text = fs::read_to_string(self.file(task)).ok()?;
        let (state, passed) = text.split_once(' ')?;
        let passed = passed.trim_end().parse().ok()?;
        (state == self.state).then_some(passed)
    }

    /// Notes what a task came to, if nothing has failed, and nothing has changed while it ran.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn note(&self, task: &str, outcome: &Outcome) -> Result<()> {
        if outcome.failed > 0 || state(&self.root)? != self.state {
            return Ok(());
        }
        let file = self.file(task);
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&file, format!("{} {}\n", self.state, outcome.passed)))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    fn file(&self, task: &str) -> PathBuf {
        self.folder.join(task)
    }
}

/// A number for every file of a repository, as committed or changed or new, for the packages and for
/// the compiler.
fn state(root: &Path) -> Result<String> {
    let git = |arguments: &[&str]| -> Result<String> {
        let mut git = Command::new("git");
        git.current_dir(root).args(arguments);
        Ok(process::run(&mut git, QUERY_LIMIT)?.stdout)
    };
    let mut hasher = DefaultHasher::new();
    git(&["rev-parse", "HEAD^{tree}"])?.hash(&mut hasher);
    git(&["diff", "--binary", "HEAD"])?.hash(&mut hasher);
    for file in git(&["ls-files", "-z", "--others", "--exclude-standard"])?.split_terminator('\0') {
        file.hash(&mut hasher);
        fs::read(root.join(file))
            .with_context(|| format!("cannot read {file}"))?
            .hash(&mut hasher);
    }
    // Where there is none, nothing is installed by it either.
    fs::read(INSTALLED).unwrap_or_default().hash(&mut hasher);
    let mut rustc = Command::new("rustc");
    rustc.current_dir(root).args(["--version", "--verbose"]);
    process::run(&mut rustc, QUERY_LIMIT)?
        .stdout
        .hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(passed: u32, failed: u32) -> Outcome {
        Outcome {
            passed,
            failed,
            ..Outcome::default()
        }
    }

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "as committed").unwrap();
        let author = ["-c", "user.name=a", "-c", "user.email=a@b"];
        for arguments in [
            &["init", "-q"][..],
            &["add", "."],
            &["commit", "-qm", "one"],
        ] {
            let mut git = Command::new("git");
            git.current_dir(&folder).args(author).args(arguments);
            process::run(&mut git, QUERY_LIMIT).unwrap();
        }
        folder
    }

    #[test]
    fn what_has_passed_counts_as_long_as_no_file_is_another() {
        let repository = repository();
        let notes = tempfile::tempdir().unwrap();
        let record = || Record::of(repository.path(), notes.path().to_owned()).unwrap();
        assert_eq!(record().passed("a task"), None);
        record().note("a task", &counted(3, 0)).unwrap();
        assert_eq!(record().passed("a task"), Some(3));
        assert_eq!(record().passed("another"), None);
        for (file, text) in [("file", "changed"), ("new", "one"), ("new", "another")] {
            let before = record();
            fs::write(repository.path().join(file), text).unwrap();
            assert_eq!(record().passed("a task"), None, "{file}: {text}");
            // A file was another when the task had ended.
            before.note("another", &counted(3, 0)).unwrap();
            assert_eq!(before.passed("another"), None, "{file}: {text}");
            record().note("a task", &counted(3, 0)).unwrap();
            assert_eq!(record().passed("a task"), Some(3));
        }
    }

    #[test]
    fn what_has_failed_is_run_again() {
        let repository = repository();
        let notes = tempfile::tempdir().unwrap();
        let record = Record::of(repository.path(), notes.path().to_owned()).unwrap();
        record.note("a task", &counted(3, 1)).unwrap();
        assert_eq!(record.passed("a task"), None);
    }
}
