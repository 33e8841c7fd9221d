//! Targets of the pinned toolchain, installed with rustup.

use anyhow::{Context as _, Result};

use super::toolchain::Toolchain;
use crate::process::{self, BUILD_LIMIT};
use crate::step::step;
use crate::workspace::Workspace;

/// The driver's.
pub const DRIVER: &str = "x86_64-pc-windows-msvc";

/// The client's, for Windows.
pub const CLIENT: &str = "x86_64-pc-windows-gnu";

/// The lab kernel's.
pub const KERNEL: &str = "x86_64-unknown-none";

/// The trials' kernel in 32-bit code.
pub const KERNEL_32: &str = "i686-unknown-linux-gnu";

/// One more that users of `amd-svm` build for.
pub const UEFI: &str = "x86_64-unknown-uefi";

/// Every target that any command needs.
pub const ALL: &[&str] = &[DRIVER, CLIENT, KERNEL, KERNEL_32, UEFI];

/// Installs those targets whose libraries are missing.
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
