//! The package, built a second time in another folder: the same bytes.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, QUERY_LIMIT};
use wdk_linux::host::step;
use wdk_linux::host::workspace::write_if_changed;
use xtask::artifact::{self, Package, Profile};
use xtask::compiled_tools;

use crate::Verdict;

/// Builds the package here and from a copy of the sources elsewhere.
pub(crate) fn ask(workspace: &Workspace) -> Result<Verdict> {
    let here = artifact::build_package(workspace, Profile::Release)?;
    let folder = workspace.target().join("elsewhere/another-folder");
    remove_sources(&folder)?;
    copy_sources(workspace, &folder)?;
    let copy = Workspace::in_folder(&folder)?;
    take_over_tools(workspace, &copy)?;
    let there = artifact::build_package(&copy, Profile::Release)?;
    let mut verdict = Verdict::default();
    let files = |package: Package| [package.driver, package.client, package.inf];
    for (one, other) in files(here).iter().zip(files(there)) {
        let name = one.file_name().unwrap_or_default().display().to_string();
        verdict.add(difference(&name, &read(one)?, &read(&other)?));
    }
    Ok(verdict)
}

/// Copies the compiled tools of the first build, so that only what becomes part of the package is
/// compiled a second time.
fn take_over_tools(workspace: &Workspace, copy: &Workspace) -> Result<()> {
    step("tools of the first build", |_| {
        compiled_tools::copy(workspace, compiled_tools::OF_DRIVERS, copy.target())?;
        compiled_tools::copy(workspace, compiled_tools::OF_OTHERS, copy.target())
    })
}

/// Where two builds of a file part.
fn difference(name: &str, one: &[u8], other: &[u8]) -> Option<String> {
    if one == other {
        return None;
    }
    let same = one
        .iter()
        .zip(other)
        .take_while(|(one, other)| one == other)
        .count();
    Some(format!(
        "{name}: {} and {} bytes, different from byte {same:#x} on",
        one.len(),
        other.len()
    ))
}

/// Removes an earlier copy, but not what was built of other people's crates in it.
fn remove_sources(copy: &Path) -> Result<()> {
    fs::create_dir_all(copy)?;
    for entry in copy.read_dir()? {
        let path = entry?.path();
        if path == copy.join("target") {
            continue;
        }
        if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        }
        .with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Copies what git knows or would take up, with changes that are not committed, and nothing else.
fn copy_sources(workspace: &Workspace, to: &Path) -> Result<()> {
    let mut git = workspace.tool("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = process::run(&mut git, QUERY_LIMIT)?.stdout;
    let files: Vec<&str> = listed.split_terminator('\0').collect();
    if files.is_empty() {
        bail!("git knows of no sources");
    }
    for file in files {
        let original = workspace.root().join(file);
        // What is deleted and not yet committed is still listed.
        if original.is_file() {
            write_if_changed(&to.join(file), read(&original)?)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_of_difference_is_found() {
        let image = wdk_linux::image::example::image();
        let mut damaged = image.clone();
        damaged[0x321] ^= 1;
        assert_eq!(difference("svmsave.sys", &image, &image.clone()), None);
        let found = difference("svmsave.sys", &image, &damaged).unwrap();
        assert!(found.ends_with("different from byte 0x321 on"), "{found}");
        assert!(difference("svmsave.sys", &image, &image[1..]).is_some());
    }
}
