//! The files below `bench` that keep figures.

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wdk_linux::host::Workspace;
use wdk_linux::host::workspace::{read_text, write_if_changed};

/// What is in the file of this name.
///
/// # Errors
///
/// If it cannot be read, or is something else.
pub(crate) fn read<T: DeserializeOwned>(workspace: &Workspace, name: &str) -> Result<T> {
    let path = workspace.root().join("bench").join(name);
    serde_json::from_str(&read_text(&path)?).with_context(|| {
        let path = path.display();
        format!("{path} is not what `cargo xtask bench --update` writes")
    })
}

/// Puts figures in the place of those in the file of this name.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn write<T: Serialize>(workspace: &Workspace, name: &str, figures: &T) -> Result<()> {
    let path = workspace.root().join("bench").join(name);
    let json = serde_json::to_string_pretty(figures)?;
    write_if_changed(&path, format!("{json}\n"))
}
