//! Targets of the pinned toolchain, installed with rustup.

use anyhow::{Context as _, Result};

use super::process::{self, BUILD_LIMIT};
use super::toolchain::Toolchain;
use super::{Workspace, step};

/// Installs those targets whose libraries are missing.
///
/// # Errors
///
/// If rustup can't install one; the error says what to type.
pub fn ensure(workspace: &Workspace, toolchain: &Toolchain, targets: &[&str]) -> Result<()> {
    let missing: Vec<&str> = targets
        .iter()
        .copied()
        .filter(|target| !toolchain.has_target(target))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    step(
        &format!("installing {} with rustup", missing.join(", ")),
        |_| {
            process::run(
                workspace
                    .tool("rustup")
                    .args(["target", "add"])
                    .args(&missing),
                BUILD_LIMIT,
            )
            .with_context(|| format!("install by hand: rustup target add {}", missing.join(" ")))
        },
    )?;
    Ok(())
}
