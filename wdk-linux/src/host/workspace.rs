//! Where the repository keeps its files, and how its own tools are called.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use cargo_metadata::{MetadataCommand, Package};
use serde_json::Value;

use super::process::{self, QUERY_LIMIT};

/// A workspace's root folder and cargo's target folder.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
    packages: Vec<Package>,
    metadata: Value,
    gives_way: bool,
}

impl Workspace {
    /// The workspace of the package whose program this is. Cargo is asked, so that its configuration
    /// and environment decide where the target folder is.
    ///
    /// # Errors
    ///
    /// If there is no workspace there.
    pub fn locate() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        Self::of_manifest(&package.join("Cargo.toml"))
    }

    /// The workspace of the package with this manifest.
    ///
    /// # Errors
    ///
    /// If there is no such manifest, or cargo can't read it.
    pub fn of_manifest(manifest: &Path) -> Result<Self> {
        let mut question = MetadataCommand::new()
            .manifest_path(manifest)
            .no_deps()
            .cargo_command();
        let answer =
            process::run(&mut question, QUERY_LIMIT).context("cannot find the workspace")?;
        let metadata = MetadataCommand::parse(answer.stdout)?;
        Ok(Self {
            root: metadata.workspace_root.into(),
            target: metadata.target_directory.into(),
            packages: metadata.packages,
            metadata: metadata.workspace_metadata,
            gives_way: false,
        })
    }

    /// A copy of a workspace, with a target folder of its own whatever the environment says.
    ///
    /// # Errors
    ///
    /// If there is no workspace there.
    pub fn in_folder(root: &Path) -> Result<Self> {
        Ok(Self {
            target: root.join("target"),
            ..Self::of_manifest(&root.join("Cargo.toml"))?
        })
    }

    /// The same, whose builds give way to whatever else runs: for what is built beside something that
    /// others wait for.
    #[must_use]
    pub fn giving_way(&self) -> Self {
        Self {
            gives_way: true,
            ..self.clone()
        }
    }

    /// Its members.
    #[must_use]
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// What the root manifest has in `[workspace.metadata]`.
    #[must_use]
    pub fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// The folder of the committed root manifest.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder: everything that is made goes below it.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Cargo, in the root folder, so that the pinned toolchain is the one that runs.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = if self.gives_way {
            process::giving_way(&cargo)
        } else {
            Command::new(cargo)
        };
        command.current_dir(&self.root);
        command
    }

    /// Any other tool of the toolchain, in the root folder for the same reason.
    #[must_use]
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root);
        command
    }
}

/// Writes a file unless it already says the same, so that what depends on it is not built again.
///
/// # Errors
///
/// If the file can't be written; the error has its name.
pub fn write_if_changed(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let content = content.as_ref();
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    // Whole at once: another process may read it meanwhile.
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    fs::write(&beside, content)
        .and_then(|()| fs::rename(&beside, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a text file, with its name in the error.
///
/// # Errors
///
/// If the file can't be read, or is no text.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Makes `place` a symbolic link to `original`.
///
/// # Errors
///
/// If the link can't be made.
#[cfg(unix)]
pub fn symbolic_link(original: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(original, place)
}

/// Lets every user run a file as a program.
///
/// # Errors
///
/// If its permissions can't be changed.
#[cfg(unix)]
pub fn make_executable(file: &Path) -> io::Result<()> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(file, mode)
}

/// Nothing gets here: `host::ensure` refuses other systems with better words.
#[cfg(not(unix))]
pub fn make_executable(_: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Nothing gets here: `host::ensure` refuses other systems with better words.
#[cfg(not(unix))]
pub fn symbolic_link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
