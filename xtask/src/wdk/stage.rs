//! The workspace that the driver is built in on Linux: the committed packages by link, a root
//! manifest derived from the committed one, and the committed lock as seed.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use cargo_metadata::{MetadataCommand, Package};
use toml_edit::{Array, DocumentMut, Item, table, value};

use super::{carry, kit, mingw};
use crate::machine::package::WINDRES;
use crate::machine::target;
use crate::machine::toolchain::Toolchain;
use crate::process::{self, BUILD_LIMIT};
use crate::workspace::{Workspace, read_text, write_if_changed};

/// The members of the stage, and where they are in the workspace: the driver, those of our
/// packages that it is made of, the judge of the stand-in, and what Wine lacks.
const MEMBERS: &[(&str, &str)] = &[
    ("driver", "driver"),
    ("amd-svm", "amd-svm"),
    ("protocol", "protocol"),
    ("wdk-abi", "xtask/wdk/abi"),
    ("wine-supplement", "xtask/wine/supplement"),
];

/// The crate that is carried to Linux.
const CARRIED: &str = "wdk-build";

/// The staged workspace.
pub struct Stage {
    folder: PathBuf,
}

impl Stage {
    /// Brings the stage up to date, without a look at more than its inputs if it is.
    pub fn prepare(workspace: &Workspace, toolchain: &Toolchain) -> Result<Self> {
        let folder = workspace.target().join("stage");
        let own = workspace.root().join("xtask/wdk");
        Self::prepare_in(folder, &own, workspace, toolchain)
    }

    /// The same in any folder, and with any headers and definitions of our own.
    pub fn prepare_in(
        folder: PathBuf,
        own: &Path,
        workspace: &Workspace,
        toolchain: &Toolchain,
    ) -> Result<Self> {
        let stage = Self { folder };
        let stamp = stage.folder.join("inputs.hash");
        let inputs = hash_of_inputs(workspace, own)?;
        if fs::read_to_string(&stamp).is_ok_and(|present| present == inputs) {
            return Ok(stage);
        }
        stage.fill(own, workspace, toolchain)?;
        write_if_changed(&stamp, inputs)?;
        Ok(stage)
    }

    /// The staged workspace's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its builds go. `wdk-build` looks for the lock in the folders above its output, so
    /// this can't be the common target folder.
    pub fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Cargo with `subcommand`, for the driver's target, in the stage and with the stand-in kit.
    pub fn cargo(&self, workspace: &Workspace, toolchain: &Toolchain, subcommand: &str) -> Command {
        let mut cargo = workspace.cargo();
        cargo
            .args([subcommand, "--quiet", "--target", target::DRIVER])
            .arg("--manifest-path")
            .arg(self.folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(self.target())
            .env(
                "CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER",
                toolchain.linker(),
            )
            // It writes an object that the linker takes as it takes a compiled resource.
            .env("RC_x86_64_pc_windows_msvc", WINDRES)
            .env("WDKContentRoot", self.kit())
            // A developer prompt's choice of version doesn't hold for the stand-in.
            .env_remove("Version_Number");
        cargo
    }

    /// Packages of the stage, and whether the committed lock has each in the same version.
    pub fn packages(&self, workspace: &Workspace) -> Result<Vec<(String, bool)>> {
        compare_locks(
            &read_text(&workspace.root().join("Cargo.lock"))?,
            &read_text(&self.folder.join("Cargo.lock"))?,
        )
    }

    fn kit(&self) -> PathBuf {
        self.folder.join("kit")
    }

    fn fill(&self, own: &Path, workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
        let published = published_package(workspace, CARRIED)?;
        let sources = published
            .manifest_path
            .parent()
            .context("a manifest is in a folder")?;
        carry::wdk_build(
            sources.as_std_path(),
            &published.version.to_string(),
            &self.folder.join(CARRIED),
        )?;
        kit::lay_out(&self.kit(), own, &toolchain.linker())?;
        for (member, original) in MEMBERS {
            kit::link(&workspace.root().join(original), &self.folder.join(member))?;
        }
        let manifest = read_text(&workspace.root().join("Cargo.toml"))?;
        write_if_changed(&self.folder.join("Cargo.toml"), staged_manifest(&manifest)?)?;
        let lock = read_text(&workspace.root().join("Cargo.lock"))?;
        write_if_changed(&self.folder.join("Cargo.lock"), staged_lock(&lock)?)
    }
}

/// A package of the committed lock, with its sources on this machine.
fn published_package(workspace: &Workspace, name: &str) -> Result<Package> {
    let mut question = MetadataCommand::new()
        .current_dir(workspace.root())
        .other_options(["--locked", "--filter-platform", target::DRIVER].map(String::from))
        .cargo_command();
    // On a first run, the answer waits for the sources to be downloaded.
    let answer = process::run(&mut question, BUILD_LIMIT)
        .context("cannot get the packages of the committed Cargo.lock")?;
    MetadataCommand::parse(answer.stdout)?
        .packages
        .into_iter()
        .find(|package| package.name == name)
        .with_context(|| format!("Cargo.lock has no {name}"))
}

/// The committed root manifest with the staged members only, and the carried crate in place of
/// the published one.
fn staged_manifest(committed: &str) -> Result<String> {
    let mut manifest: DocumentMut = committed.parse().context("the root Cargo.toml")?;
    let workspace = manifest["workspace"]
        .as_table_mut()
        .context("the root Cargo.toml has no [workspace]")?;
    workspace.remove("default-members");
    workspace["members"] = value(MEMBERS.iter().map(|(member, _)| *member).collect::<Array>());
    let mut path = table();
    path["path"] = value(CARRIED);
    let mut patches = table();
    patches[CARRIED] = path;
    manifest["patch"] = table();
    manifest["patch"]["crates-io"] = patches;
    Ok(manifest.to_string())
}

/// The committed lock with the carried crate in place of the published one. Cargo drops what the
/// stage doesn't use; every version that it does use stays the committed one.
fn staged_lock(committed: &str) -> Result<String> {
    let mut lock: DocumentMut = committed.parse().context("Cargo.lock")?;
    let carried = lock["package"]
        .as_array_of_tables_mut()
        .and_then(|packages| {
            packages
                .iter_mut()
                .find(|package| package.get("name").and_then(Item::as_str) == Some(CARRIED))
        })
        .with_context(|| format!("Cargo.lock has no {CARRIED}"))?;
    carried.remove("source");
    carried.remove("checksum");
    let dependencies = carried["dependencies"]
        .as_array_mut()
        .with_context(|| format!("{CARRIED} has no dependencies"))?;
    dependencies.retain(|dependency| dependency.as_str() != Some("windows"));
    Ok(lock.to_string())
}

/// The packages of the staged lock, and whether the committed one has each.
fn compare_locks(committed: &str, staged: &str) -> Result<Vec<(String, bool)>> {
    let committed = locked_versions(committed)?;
    Ok(locked_versions(staged)?
        .into_iter()
        .filter(|package| !is_of_the_stage_alone(package))
        .map(|package| {
            let found = committed.contains(&package);
            (package, found)
        })
        .collect())
}

/// Whether a package is a member of the stage and of no committed workspace.
fn is_of_the_stage_alone(package: &str) -> bool {
    package.starts_with("wdk-abi ") || package.starts_with("wine-supplement ")
}

/// Names and versions of a lock's packages.
fn locked_versions(lock: &str) -> Result<BTreeSet<String>> {
    let lock: DocumentMut = lock.parse().context("Cargo.lock")?;
    let packages = lock
        .get("package")
        .and_then(Item::as_array_of_tables)
        .context("Cargo.lock has no packages")?;
    Ok(packages
        .iter()
        .map(|package| {
            let field = |name| package.get(name).and_then(Item::as_str).unwrap_or_default();
            format!("{} {}", field("name"), field("version"))
        })
        .collect())
}

/// Changes whenever the stage has to be filled again.
fn hash_of_inputs(workspace: &Workspace, own: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in ["Cargo.toml", "Cargo.lock"] {
        read_text(&workspace.root().join(file))?.hash(&mut hasher);
    }
    // This program is what fills it, mingw-w64 what it is filled with. Their own links follow
    // changes of a header; only the list of headers is taken once. The program may have been
    // built anew since it was started, and is another file then under its old name.
    let program = PathBuf::from("/proc/self/exe");
    let headers = mingw::headers().context("mingw-w64's headers are not installed")?;
    for path in [program, headers.join("ddk")] {
        fs::metadata(&path)?.modified()?.hash(&mut hasher);
        path.hash(&mut hasher);
    }
    for folder in ["include", "lib"] {
        let folder = own.join(folder);
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .with_context(|| format!("cannot list {}", folder.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.sort();
        for file in files {
            file.hash(&mut hasher);
            read_text(&file)?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_staged_manifest_keeps_profiles_and_patches_one_crate() {
        let committed = "[workspace]\nmembers = [\"client\", \"driver\"]\n\
            default-members = [\"client\"]\n\
            [profile.release]\nlto = true\n";
        let staged: DocumentMut = staged_manifest(committed).unwrap().parse().unwrap();
        assert_eq!(
            staged["workspace"]["members"].as_array().unwrap().len(),
            MEMBERS.len()
        );
        assert!(staged["workspace"].get("default-members").is_none());
        assert_eq!(staged["profile"]["release"]["lto"].as_bool(), Some(true));
        let patch = &staged["patch"]["crates-io"][CARRIED];
        assert_eq!(patch["path"].as_str(), Some(CARRIED));
    }

    #[test]
    fn a_version_that_is_not_committed_is_told_from_the_others() {
        let lock = |version| {
            format!(
                "[[package]]\nname = \"wdk\"\nversion = \"{version}\"\n\
                     [[package]]\nname = \"wdk-sys\"\nversion = \"0.5.2\"\n"
            )
        };
        let compared = compare_locks(&lock("0.5.0"), &lock("0.5.1")).unwrap();
        assert_eq!(
            compared,
            [
                ("wdk 0.5.1".to_owned(), false),
                ("wdk-sys 0.5.2".to_owned(), true)
            ]
        );
    }

    #[test]
    fn the_staged_lock_differs_in_the_carried_crate_only() {
        let other = "[[package]]\nname = \"anyhow\"\nversion = \"1.0.0\"\nsource = \"registry\"\n";
        let committed = format!(
            "version = 4\n\n{other}\n[[package]]\nname = \"wdk-build\"\nversion = \"0.6.0\"\n\
             source = \"registry\"\nchecksum = \"00\"\ndependencies = [\n \"anyhow\",\n \
             \"windows\",\n]\n"
        );
        let staged = staged_lock(&committed).unwrap();
        assert!(staged.contains(other), "{staged}");
        let lock: DocumentMut = staged.parse().unwrap();
        let carried = lock["package"]
            .as_array_of_tables()
            .unwrap()
            .get(1)
            .unwrap();
        assert!(carried.get("source").is_none() && carried.get("checksum").is_none());
        assert_eq!(carried["dependencies"].as_array().unwrap().len(), 1);
        assert!(staged_lock(other).is_err());
    }
}
