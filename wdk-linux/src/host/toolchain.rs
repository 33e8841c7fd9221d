//! The pinned Rust toolchain: where it is, which targets it has, and the linker that comes with it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::Workspace;
use super::process::{self, QUERY_LIMIT};

/// An installed toolchain.
#[derive(Debug)]
pub struct Toolchain {
    /// `lib/rustlib` of its root.
    rustlib: PathBuf,
    host: String,
    commit: String,
}

impl Toolchain {
    /// Asks the compiler that cargo uses in this workspace.
    ///
    /// # Errors
    ///
    /// If there is no compiler, or it does not say where it is.
    pub fn locate(workspace: &Workspace) -> Result<Self> {
        let version = process::run(workspace.tool("rustc").arg("-vV"), QUERY_LIMIT)?.stdout;
        let field = |name: &str| {
            version
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .map(str::to_owned)
                .with_context(|| format!("rustc -vV says no {name}"))
        };
        let sysroot = process::run(
            workspace.tool("rustc").args(["--print", "sysroot"]),
            QUERY_LIMIT,
        )?
        .stdout;
        Ok(Self {
            rustlib: PathBuf::from(sysroot.trim()).join("lib/rustlib"),
            host: field("host")?,
            commit: field("commit-hash")?,
        })
    }

    /// The target that programs for this machine are compiled for.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the standard library of `target` is installed.
    #[must_use]
    pub fn has_target(&self, target: &str) -> bool {
        self.rustlib.join(target).join("lib").is_dir()
    }

    /// The LLVM linker of this toolchain: the same on every machine, whatever the distribution's.
    #[must_use]
    pub fn linker(&self) -> PathBuf {
        self.rustlib.join(&self.host).join("bin/rust-lld")
    }

    /// Where the library's sources are if they are installed, and how the compiler names them if
    /// they are not.
    #[must_use]
    pub fn library_sources(&self) -> (PathBuf, String) {
        (
            self.rustlib.join("src/rust"),
            format!("/rustc/{}", self.commit),
        )
    }
}
