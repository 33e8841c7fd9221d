//! `client.exe`: the client for Windows, linked with mingw-w64.

use std::path::PathBuf;

use anyhow::Result;
use wdk_linux::host::Workspace;
use wdk_linux::{remap, remap_registries, run_cargo};

use crate::needs;

/// Builds the client for Windows, small and without debugging information.
pub(super) fn build(workspace: &Workspace, remarks: &mut String) -> Result<PathBuf> {
    build_program(workspace, "client", remarks)
}

/// Builds the one program of a package for Windows, as the client is built.
///
/// # Errors
///
/// If it does not compile or link.
pub fn build_program(
    workspace: &Workspace,
    package: &str,
    remarks: &mut String,
) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["build", "--locked", "--release"])
        .args(["--package", package, "--bin", package])
        .args(["--target", needs::CLIENT_TARGET])
        .arg("--target-dir")
        .arg(workspace.target())
        // The profile's "s" is for Linux, where fleets are judged: no figure of the client is Windows'.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "none")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        // Clippy in the compiler's place, for one, leaves out optimisations of the compiler's own.
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    let mut flags = vec![
        "-Clink-arg=-Wl,--no-insert-timestamp".to_owned(),
        remap(workspace.root(), "."),
    ];
    flags.extend(remap_registries()?);
    run_cargo(&mut cargo, &flags, remarks)?;
    Ok(workspace
        .target()
        .join(needs::CLIENT_TARGET)
        .join(format!("release/{package}.exe")))
}
