//! The init process, `bench/peer/guest`: a program that needs no library at run time.

use std::path::PathBuf;

use anyhow::Result;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::{self, Workspace, step};

const PACKAGE: &str = "bench-peer-guest";

/// What the program runs on. Debian's kernel here is for such processors.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds it, with lints, and returns its place.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    host::ensure(workspace, &[], &[TARGET])?;
    step(PACKAGE, |_| {
        let mut cargo = workspace.cargo();
        cargo
            .args(["build", "--quiet", "--locked", "--release"])
            .args(["--package", PACKAGE, "--target", TARGET])
            .arg("--target-dir")
            .arg(workspace.target())
            .env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")
            .env(
                "CLIPPY_ARGS",
                "--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__",
            )
            .env(
                "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
                "-C target-feature=+crt-static -C strip=symbols",
            );
        process::run(&mut cargo, BUILD_LIMIT)
    })?;
    let file = format!("{TARGET}/release/{PACKAGE}");
    Ok(workspace.target().join(file))
}
