//! The minimal driver of `wdk-linux`, as a package that is no part of this repository: a copy with a
//! manifest of its own, in a folder with blanks in its name.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toml_edit::{DocumentMut, Item, Table};
use wdk_linux::host::Workspace;
use wdk_linux::host::workspace::{read_text, write_if_changed};
use xtask::compiled_tools;
use xtask::needs;

/// What is copied, below the folder of the minimal driver.
const FILES: [&str; 2] = ["build.rs", "src/lib.rs"];

/// Copies the package, and the tools of the repository's drivers; returns its manifest.
pub(crate) fn copy(workspace: &Workspace) -> Result<PathBuf> {
    let original = workspace.root().join("wdk-linux/minimal");
    let folder = folder(workspace);
    for file in FILES {
        write_if_changed(&folder.join(file), read_text(&original.join(file))?)?;
    }
    let root = read_text(&workspace.root().join("Cargo.toml"))?;
    let manifest = read_text(&original.join("Cargo.toml"))?;
    let place = folder.join("Cargo.toml");
    write_if_changed(&place, on_its_own(&manifest, &root)?)?;
    // The versions that are committed; what the package does not use, cargo leaves out of the stage.
    let lock = read_text(&workspace.root().join("Cargo.lock"))?;
    write_if_changed(&folder.join("Cargo.lock"), lock)?;
    compiled_tools::copy(
        workspace,
        compiled_tools::OF_DRIVERS,
        &folder.join("target"),
    )?;
    Ok(place)
}

/// Where `wdk-linux` leaves the driver.
pub(crate) fn driver(workspace: &Workspace) -> PathBuf {
    let built = Path::new("target")
        .join(needs::DRIVER_TARGET)
        .join("release/minimal_driver.sys");
    folder(workspace).join(built)
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("outside package/minimal driver")
}

/// A member's manifest without what it inherits: values of the root's stand in its place, and it is
/// a workspace of its own.
fn on_its_own(manifest: &str, root: &str) -> Result<String> {
    let mut manifest: DocumentMut = manifest.parse().context("the member's Cargo.toml")?;
    let root: DocumentMut = root.parse().context("the root Cargo.toml")?;
    let package = manifest["package"].as_table_like_mut();
    let package = package.context("a manifest has a package")?;
    for (name, value) in package.iter_mut() {
        let inherits = value.get("workspace").is_some();
        if inherits {
            *value = root["workspace"]["package"][name.get()].clone();
        }
    }
    manifest.remove("lints");
    // A driver has nothing to unwind with, which only a root manifest can say; and tools that are
    // built by the same profile are the same.
    for name in ["dev", "release"] {
        let mut profile = root["profile"][name].clone();
        if let Some(profile) = profile.as_table_like_mut() {
            profile.remove("package");
        }
        manifest["profile"][name] = profile;
    }
    manifest["workspace"] = Item::Table(Table::new());
    Ok(manifest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_keeps_nothing_of_the_workspace_that_it_leaves() {
        let member = "[package]\nname = \"minimal\"\nedition.workspace = true\n\n\
            [dependencies]\nwdk = \"0.5.0\"\n\n[lints]\nworkspace = true\n";
        let root = "[workspace]\n[workspace.package]\nedition = \"2024\"\n\n\
            [profile.dev]\npanic = \"abort\"\n[profile.release]\npanic = \"abort\"\nlto = true\n\
            [profile.release.package.other]\nopt-level = 3\n";
        let alone: DocumentMut = on_its_own(member, root).unwrap().parse().unwrap();
        assert_eq!(alone["package"]["edition"].as_str(), Some("2024"));
        assert_eq!(alone["dependencies"]["wdk"].as_str(), Some("0.5.0"));
        assert!(alone.get("lints").is_none());
        for profile in ["dev", "release"] {
            let panic = alone["profile"][profile]["panic"].as_str();
            assert_eq!(panic, Some("abort"), "{profile}");
        }
        assert_eq!(alone["profile"]["release"]["lto"].as_bool(), Some(true));
        assert!(alone["profile"]["release"].get("package").is_none());
        assert!(alone["workspace"].as_table().unwrap().is_empty());
    }
}
