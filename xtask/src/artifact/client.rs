//! `client.exe`: the client for Windows, linked with mingw-w64.

use std::path::PathBuf;

use anyhow::Result;

use super::{remap, run_cargo};
use crate::machine::target;
use crate::workspace::Workspace;

/// Builds the client for Windows, small and without debugging information.
pub fn build(workspace: &Workspace, remarks: &mut String) -> Result<PathBuf> {
    build_program(workspace, "client", remarks)
}

/// Builds the one program of a package for Windows, as the client is built.
pub fn build_program(
    workspace: &Workspace,
    package: &str,
    remarks: &mut String,
) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["build", "--quiet", "--locked", "--release"])
        .args(["--package", package, "--bin", package])
        .args(["--target", target::CLIENT])
        .arg("--target-dir")
        .arg(workspace.target())
        .env("CARGO_PROFILE_RELEASE_DEBUG", "none")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    let flags = [
        "-Clink-arg=-Wl,--no-insert-timestamp".to_owned(),
        remap(workspace.root(), "."),
    ];
    run_cargo(&mut cargo, &flags, remarks)?;
    Ok(workspace
        .target()
        .join(target::CLIENT)
        .join(format!("release/{package}.exe")))
}
