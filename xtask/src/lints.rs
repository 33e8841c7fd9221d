//! Formatting, lints and documentation of everything that is compiled, for each target that it is
//! compiled for. The programs of the tests are linted where they are built.

use std::process::Command;

use anyhow::Result;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::{self, Workspace, step};
use xtask::artifact::{self, LabDriver, driver};
use xtask::needs;

/// Whether everything is formatted.
pub(crate) fn format(workspace: &Workspace) -> Result<()> {
    step("formatting", |_| {
        let mut cargo = workspace.cargo();
        process::run(cargo.args(["fmt", "--all", "--check"]), BUILD_LIMIT)?;
        let mut rustfmt = workspace.tool("rustfmt");
        rustfmt.args(["--check", "--edition", "2024"]);
        for guest in driver::GUESTS {
            rustfmt.arg(workspace.root().join(guest).join("src/lib.rs"));
        }
        process::run(&mut rustfmt, BUILD_LIMIT)?;
        Ok(())
    })
}

/// The programs for Windows, as they are built for it.
pub(crate) fn for_windows(workspace: &Workspace) -> Result<()> {
    host::ensure(workspace, needs::CLIENT, &[needs::CLIENT_TARGET])?;
    step("clippy: client for Windows", |_| {
        let mut cargo = clippy(workspace, needs::CLIENT_TARGET);
        cargo.args(["--package", "client", "--package", "wine-requests"]);
        deny_warnings(&mut cargo)
    })
}

/// What runs without a system: the lab's kernel and drivers, and the trials' kernel.
pub(crate) fn bare_metal(workspace: &Workspace) -> Result<()> {
    LabDriver::lint(workspace)?;
    artifact::lint_kernel(workspace)?;
    for target in [needs::KERNEL_TARGET, needs::KERNEL_32_TARGET] {
        host::ensure(workspace, &[], &[target])?;
        step(&format!("clippy: trials' kernel for {target}"), |_| {
            let mut cargo = clippy(workspace, target);
            cargo.args(["--package", "svm-trials"]);
            deny_warnings(&mut cargo)
        })?;
    }
    Ok(())
}

/// The documentation of the default members.
pub(crate) fn document(workspace: &Workspace) -> Result<()> {
    step("documentation: host", |_| {
        let mut cargo = workspace.cargo();
        cargo.args(["doc", "--locked", "--no-deps", "--document-private-items"]);
        cargo.env("RUSTDOCFLAGS", "--deny warnings");
        process::run(&mut cargo, BUILD_LIMIT)?;
        Ok(())
    })
}

/// Clippy for a target other than this machine's.
fn clippy(workspace: &Workspace, target: &str) -> Command {
    let mut cargo = workspace.cargo();
    // In the profile of the builds for these targets, which compiles macros and build scripts.
    cargo.args(["clippy", "--locked", "--release", "--target", target]);
    cargo
}

fn deny_warnings(cargo: &mut Command) -> Result<()> {
    process::run(cargo.args(["--", "--deny", "warnings"]), BUILD_LIMIT)?;
    Ok(())
}
