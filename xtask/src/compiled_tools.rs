//! What builds run on this machine, taken from one target folder to another: macros, build scripts
//! and what those are made of. Nothing of them becomes part of what is built.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, BUILD_LIMIT};

/// The folder, below the target folder, with the tools of drivers' builds.
pub const OF_DRIVERS: &str = "wdk-linux/target/release";

/// The folder, below the target folder, with the tools of other builds for other systems.
pub const OF_OTHERS: &str = "release";

/// Copies the tools of builds in `workspace` to another target folder, if it has none. Cargo takes
/// those that come from the registry and are built by the same profile, and compiles again whatever
/// depends on the folder.
///
/// # Errors
///
/// If there are none to copy, or they cannot be copied.
pub fn copy(workspace: &Workspace, tools: &str, target: &Path) -> Result<()> {
    let place = target.join(tools);
    if place.is_dir() {
        return Ok(());
    }
    let parent = place.parent().context("a folder below the target folder")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let mut cp = workspace.tool("cp");
    // With their times, which cargo compares.
    cp.arg("-a").arg(workspace.target().join(tools)).arg(parent);
    process::run(&mut cp, BUILD_LIMIT)?;
    Ok(())
}
