//! The root manifest of the staged workspace.

use std::path::Path;

use anyhow::{Context as _, Result};
use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::PATCHED;

/// The committed root manifest with the staged members only, and with the patched crate in place
/// of the published one.
pub(super) fn staged(committed: &str, members: &[&Path], patched: bool) -> Result<String> {
    let mut manifest: DocumentMut = committed.parse().context("the root Cargo.toml")?;
    let workspace = manifest
        .entry("workspace")
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_mut()
        .context("[workspace] of the root Cargo.toml is no table")?;
    workspace.remove("default-members");
    workspace.remove("exclude");
    let named = members
        .iter()
        .filter(|member| !member.as_os_str().is_empty());
    workspace["members"] = value(
        named
            .map(|member| member.to_string_lossy().into_owned())
            .collect::<Array>(),
    );
    if patched {
        let mut path = Table::new();
        path["path"] = value(PATCHED);
        let replacements = manifest
            .entry("patch")
            .or_insert_with(|| Item::Table(Table::new()))
            .as_table_mut()
            .context("[patch] of the root Cargo.toml is no table")?;
        replacements
            .entry("crates-io")
            .or_insert_with(|| Item::Table(Table::new()))[PATCHED] = Item::Table(path);
    }
    Ok(manifest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_staged_manifest_keeps_profiles_and_patches_one_crate() {
        let committed = "[workspace]\nmembers = [\"client\", \"driver\"]\n\
            default-members = [\"client\"]\n\
            [profile.release]\nlto = true\n";
        let members = [Path::new("driver"), Path::new("driver/sync")];
        let text = staged(committed, &members, true).unwrap();
        let staged: DocumentMut = text.parse().unwrap();
        let staged_members = staged["workspace"]["members"].as_array().unwrap();
        assert_eq!(staged_members.len(), members.len());
        assert!(staged["workspace"].get("default-members").is_none());
        assert_eq!(staged["profile"]["release"]["lto"].as_bool(), Some(true));
        let patch = &staged["patch"]["crates-io"][PATCHED];
        assert_eq!(patch["path"].as_str(), Some(PATCHED));
    }

    #[test]
    fn a_package_that_is_its_own_workspace_gets_one_and_keeps_its_patches() {
        let committed = "[package]\nname = \"driver\"\n\
            [patch.crates-io]\nother = { path = \"other\" }\n";
        let text = staged(committed, &[Path::new("")], true).unwrap();
        let manifest: DocumentMut = text.parse().unwrap();
        assert!(
            manifest["workspace"]["members"]
                .as_array()
                .unwrap()
                .is_empty()
        );
        let patches = manifest["patch"]["crates-io"].as_table().unwrap();
        assert_eq!(patches.len(), 2);
        let unpatched = staged("[package]\n", &[Path::new("")], false).unwrap();
        assert!(!unpatched.contains(PATCHED));
    }
}
