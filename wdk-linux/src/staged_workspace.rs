//! The workspace that a driver is built in on Linux: the committed packages by link, a root
//! manifest derived from the committed one, and the committed lock as seed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::needs::{TARGET, WINDRES};
use super::{mingw, stand_in, wdk_build};
use crate::host::Toolchain;
use crate::host::process::{self, BUILD_LIMIT};
use crate::host::workspace::{Workspace, read_text, write_if_changed};

/// The crate that is patched.
const PATCHED: &str = "wdk-build";

/// The headers and definitions of the stand-in that are ours: their places below its folder, and
/// what is in them.
const STAND_IN: [(&str, &str); 4] = [
    ("include/intrin.h", include_str!("../include/intrin.h")),
    ("include/ntdef.h", include_str!("../include/ntdef.h")),
    ("include/wdm.h", include_str!("../include/wdm.h")),
    ("lib/ntoskrnl.def", include_str!("../lib/ntoskrnl.def")),
];

/// What a stage depends on beside manifests and headers: how it is made.
const RECIPE: [&str; 4] = [
    include_str!("staged_workspace.rs"),
    include_str!("stand_in.rs"),
    include_str!("import_library.rs"),
    include_str!("wdk_build.rs"),
];

/// The stand-in's own headers and definitions: their places below its folder, and their text.
pub fn stand_in_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    STAND_IN.into_iter()
}

/// What is to be built, and where.
#[derive(Debug, Clone)]
pub struct Sources {
    workspace: Workspace,
    /// Members of the workspace, as folders below its root: the empty one is the root's package.
    members: Vec<PathBuf>,
    /// Packages that are built with them and are no members.
    guests: Vec<PathBuf>,
    folder: PathBuf,
    stand_in: Vec<(String, String)>,
}

impl Sources {
    /// A driver's package, and those of its workspace that it depends on. Other drivers of the
    /// workspace that can be built are staged with it, so that all are compiled in one place.
    ///
    /// # Errors
    ///
    /// If it is of a kind that can't be built here, or takes a package from outside its workspace.
    pub fn of_driver(workspace: &Workspace, manifest: &Path) -> Result<Self> {
        let package = package_of(workspace, manifest)?;
        require_wdm(workspace, package)?;
        let mut members = BTreeSet::new();
        add_with_dependencies(workspace, package, &mut members)?;
        for other in workspace.packages() {
            if model(&other.metadata).as_deref() == Some(WDM) {
                add_with_dependencies(workspace, other, &mut members)?;
            }
        }
        Ok(Self {
            folder: workspace.target().join("wdk-linux"),
            workspace: workspace.clone(),
            members: members.into_iter().collect(),
            guests: Vec::new(),
            stand_in: STAND_IN
                .map(|(place, text)| (place.to_owned(), text.to_owned()))
                .into(),
        })
    }

    /// Adds a package that is no member of the workspace and lies below its root.
    #[must_use]
    pub fn with_guest(mut self, folder: impl Into<PathBuf>) -> Self {
        self.guests.push(folder.into());
        self
    }

    /// The same, built in another folder with other headers and definitions than the stand-in's.
    #[must_use]
    pub fn with_stand_in(mut self, folder: PathBuf, files: Vec<(String, String)>) -> Self {
        self.folder = folder;
        self.stand_in = files;
        self
    }

    /// The workspace that is built.
    #[must_use]
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.members.iter().chain(&self.guests)
    }
}

fn package_of<'a>(workspace: &'a Workspace, manifest: &Path) -> Result<&'a Package> {
    let manifest = manifest
        .canonicalize()
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let mut packages = workspace.packages().iter();
    packages
        .find(|package| {
            let same = package.manifest_path.as_std_path().canonicalize();
            same.is_ok_and(|same| same == manifest)
        })
        .with_context(|| {
            format!(
                "{} is no member of the workspace in {}: only published versions and members can \
                 be built",
                manifest.display(),
                workspace.root().display()
            )
        })
}

fn folder_of(workspace: &Workspace, package: &Package) -> Result<PathBuf> {
    let folder = package.manifest_path.parent().context("no folder")?;
    let below = folder.as_std_path().strip_prefix(workspace.root());
    Ok(below
        .with_context(|| format!("{folder} is outside its workspace"))?
        .to_owned())
}

/// Adds the folders of a package and of the members that it depends on.
fn add_with_dependencies(
    workspace: &Workspace,
    package: &Package,
    members: &mut BTreeSet<PathBuf>,
) -> Result<()> {
    let mut open = vec![package];
    while let Some(package) = open.pop() {
        if !members.insert(folder_of(workspace, package)?) {
            continue;
        }
        for dependency in &package.dependencies {
            if dependency.kind == DependencyKind::Development {
                continue;
            }
            if let Some(path) = &dependency.path {
                let manifest = path.join("Cargo.toml");
                let found = package_of(workspace, manifest.as_std_path());
                open.push(found.with_context(|| {
                    format!(
                        "{} depends on {} by its path",
                        package.name, dependency.name
                    )
                })?);
            }
        }
    }
    Ok(())
}

/// The driver model that the stand-in has headers and libraries for.
const WDM: &str = "WDM";

/// The driver model that a package or a workspace says.
fn model(metadata: &serde_json::Value) -> Option<String> {
    let model = &metadata["wdk"]["driver-model"]["driver-type"];
    model.as_str().map(str::to_owned)
}

/// `wdk-build` builds drivers of three models; the stand-in has what one of them needs.
fn require_wdm(workspace: &Workspace, package: &Package) -> Result<()> {
    match model(&package.metadata).or_else(|| model(workspace.metadata())) {
        Some(model) if model == WDM => Ok(()),
        Some(model) => bail!(
            "{} is a {model} driver: the stand-in for the WDK has headers and libraries for WDM \
             drivers only; build it on Windows",
            package.name
        ),
        None => bail!(
            "{} does not say what it is: it needs [package.metadata.wdk.driver-model] with \
             driver-type = \"WDM\"",
            package.name
        ),
    }
}

/// The staged workspace.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: PathBuf,
}

impl Stage {
    /// Brings the stage up to date, without a look at more than its inputs if it is.
    pub fn prepare(sources: &Sources, toolchain: &Toolchain) -> Result<Self> {
        let stage = Self {
            folder: sources.folder.clone(),
        };
        fs::create_dir_all(&stage.folder)
            .with_context(|| format!("cannot create {}", stage.folder.display()))?;
        // Several programs may be at it.
        let lock = File::create(stage.folder.join("prepared.lock"))?;
        lock.lock()?;
        let stamp = stage.folder.join("inputs.hash");
        let inputs = hash_of_inputs(sources)?;
        if fs::read_to_string(&stamp).is_ok_and(|present| present == inputs) {
            return Ok(stage);
        }
        stage.fill(sources, toolchain)?;
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

    /// Cargo with `subcommand`, for the drivers' target, in the stage and with the stand-in kit.
    pub fn cargo(&self, workspace: &Workspace, toolchain: &Toolchain, subcommand: &str) -> Command {
        let mut cargo = workspace.cargo();
        cargo
            .args([subcommand, "--target", TARGET])
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
    pub fn packages(&self, sources: &Sources) -> Result<Vec<(String, bool)>> {
        let guests = sources.guests.iter().map(|guest| {
            let manifest = sources.workspace.root().join(guest).join("Cargo.toml");
            let manifest: DocumentMut = read_text(&manifest)?.parse()?;
            let name = manifest["package"]["name"].as_str();
            Ok(name.context("a package has a name")?.to_owned())
        });
        compare_locks(
            &read_text(&sources.workspace.root().join("Cargo.lock"))?,
            &read_text(&self.folder.join("Cargo.lock"))?,
            &guests.collect::<Result<BTreeSet<String>>>()?,
        )
    }

    fn kit(&self) -> PathBuf {
        self.folder.join("kit")
    }

    fn fill(&self, sources: &Sources, toolchain: &Toolchain) -> Result<()> {
        let root = sources.workspace.root();
        self.link_packages(sources)?;
        let manifest = read_text(&root.join("Cargo.toml"))?;
        let members: Vec<&Path> = sources.all().map(PathBuf::as_path).collect();
        let staged = self.folder.join("Cargo.toml");
        let lock = root.join("Cargo.lock");
        let lock = if lock.is_file() {
            read_text(&lock)?
        } else {
            write_if_changed(&staged, staged_manifest(&manifest, &members, false)?)?;
            self.make_lock(&sources.workspace)?
        };
        let published = self.published(&sources.workspace, &lock)?;
        let folder = published.manifest_path.parent().context("no folder")?;
        wdk_build::patch(
            folder.as_std_path(),
            &published.version.to_string(),
            &self.folder.join(PATCHED),
        )?;
        let own = self.folder.join("stand-in");
        for (place, text) in &sources.stand_in {
            write_if_changed(&own.join(place), text)?;
        }
        stand_in::lay_out(&self.kit(), &own, &toolchain.linker())?;
        write_if_changed(&staged, staged_manifest(&manifest, &members, true)?)?;
        write_if_changed(&self.folder.join("Cargo.lock"), staged_lock(&lock)?)
    }

    /// Links each package's folder to its place below the stage's.
    fn link_packages(&self, sources: &Sources) -> Result<()> {
        let root = sources.workspace.root();
        for member in sources.all() {
            if member.as_os_str().is_empty() {
                return self.link_root_package(&sources.workspace);
            }
            let inside = |other: &PathBuf| member != other && member.starts_with(other);
            if sources.all().any(inside) {
                continue;
            }
            let place = self.folder.join(member);
            if let Some(parent) = place.parent() {
                fs::create_dir_all(parent)?;
            }
            stand_in::link(&root.join(member), &place)?;
        }
        Ok(())
    }

    /// Links all that lies beside a root manifest which is a package's too.
    fn link_root_package(&self, workspace: &Workspace) -> Result<()> {
        for entry in workspace.root().read_dir()? {
            let entry = entry?;
            let name = entry.file_name();
            let own = ["Cargo.toml", "Cargo.lock", "kit", "stand-in", PATCHED];
            let hidden = name.to_string_lossy().starts_with('.');
            if hidden || own.iter().any(|own| name == *own) || entry.path() == workspace.target() {
                continue;
            }
            ensure!(
                name != "target",
                "{} is no target folder, and in the way of one",
                entry.path().display()
            );
            stand_in::link(&entry.path(), &self.folder.join(name))?;
        }
        Ok(())
    }

    /// A lock for packages that have none.
    fn make_lock(&self, workspace: &Workspace) -> Result<String> {
        let mut cargo = workspace.cargo();
        cargo.args(["generate-lockfile", "--manifest-path"]);
        cargo.arg(self.folder.join("Cargo.toml"));
        process::run(&mut cargo, BUILD_LIMIT)?;
        read_text(&self.folder.join("Cargo.lock"))
    }

    /// The published crate in the locked version, with its sources on this machine. What else the
    /// workspace depends on is not downloaded for it.
    fn published(&self, workspace: &Workspace, lock: &str) -> Result<Package> {
        let folder = self.folder.join("published");
        let version = locked_version(lock)?;
        let manifest = format!(
            "[package]\nname = \"published\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [lib]\npath = \"lib.rs\"\n\n[dependencies]\n{PATCHED} = \"={version}\"\n\n[workspace]\n"
        );
        write_if_changed(&folder.join("Cargo.toml"), manifest)?;
        write_if_changed(&folder.join("lib.rs"), "")?;
        write_if_changed(&folder.join("Cargo.lock"), lock)?;
        let mut question = MetadataCommand::new()
            .current_dir(&folder)
            .other_options(["--filter-platform", TARGET].map(String::from))
            .cargo_command();
        question.env("CARGO", workspace.cargo().get_program());
        // On a first run, the answer waits for the sources to be downloaded.
        let answer = process::run(&mut question, BUILD_LIMIT)
            .with_context(|| format!("cannot get {PATCHED} {version}"))?;
        MetadataCommand::parse(answer.stdout)?
            .packages
            .into_iter()
            .find(|package| package.name == PATCHED)
            .with_context(|| format!("cargo knows no {PATCHED}"))
    }
}

/// The committed root manifest with the staged members only, and with the patched crate in place
/// of the published one.
fn staged_manifest(committed: &str, members: &[&Path], patched: bool) -> Result<String> {
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

/// The version of the crate that is to be patched.
fn locked_version(lock: &str) -> Result<String> {
    let lock: DocumentMut = lock.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(Item::as_array_of_tables);
    packages
        .into_iter()
        .flatten()
        .find(|package| package.get("name").and_then(Item::as_str) == Some(PATCHED))
        .and_then(|package| package.get("version")?.as_str().map(str::to_owned))
        .with_context(|| {
            format!("Cargo.lock has no {PATCHED}: a driver has it as a build dependency")
        })
}

/// The committed lock with the patched crate in place of the published one. Cargo drops what the
/// stage doesn't use; every version that it does use stays the committed one.
fn staged_lock(committed: &str) -> Result<String> {
    let mut lock: DocumentMut = committed.parse().context("Cargo.lock")?;
    let patched = lock["package"]
        .as_array_of_tables_mut()
        .and_then(|packages| {
            packages
                .iter_mut()
                .find(|package| package.get("name").and_then(Item::as_str) == Some(PATCHED))
        })
        .with_context(|| format!("Cargo.lock has no {PATCHED}"))?;
    patched.remove("source");
    patched.remove("checksum");
    let dependencies = patched["dependencies"]
        .as_array_mut()
        .with_context(|| format!("{PATCHED} has no dependencies"))?;
    dependencies.retain(|dependency| {
        let name = dependency.as_str().unwrap_or_default();
        !wdk_build::DROPPED.contains(&name)
    });
    Ok(lock.to_string())
}

/// The packages of the staged lock without guests, and whether the committed one has each.
fn compare_locks(
    committed: &str,
    staged: &str,
    guests: &BTreeSet<String>,
) -> Result<Vec<(String, bool)>> {
    let committed = locked_versions(committed)?;
    Ok(locked_versions(staged)?
        .into_iter()
        .filter(|(name, _)| !guests.contains(name))
        .map(|package| {
            let found = committed.contains(&package);
            (format!("{} {}", package.0, package.1), found)
        })
        .collect())
}

/// Names and versions of a lock's packages.
fn locked_versions(lock: &str) -> Result<BTreeSet<(String, String)>> {
    let lock: DocumentMut = lock.parse().context("Cargo.lock")?;
    let packages = lock
        .get("package")
        .and_then(Item::as_array_of_tables)
        .context("Cargo.lock has no packages")?;
    Ok(packages
        .iter()
        .map(|package| {
            let field = |name| package.get(name).and_then(Item::as_str).unwrap_or_default();
            (field("name").to_owned(), field("version").to_owned())
        })
        .collect())
}

/// Changes whenever the stage has to be filled again.
fn hash_of_inputs(sources: &Sources) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    let root = sources.workspace.root();
    read_text(&root.join("Cargo.toml"))?.hash(&mut hasher);
    // A workspace may have no lock yet.
    fs::read(root.join("Cargo.lock")).ok().hash(&mut hasher);
    root.hash(&mut hasher);
    sources.all().for_each(|member| member.hash(&mut hasher));
    sources.stand_in.hash(&mut hasher);
    RECIPE.hash(&mut hasher);
    // mingw-w64 is what it is filled with. Links follow changes of a header; only the list of
    // headers is taken once.
    let headers = mingw::headers().context("mingw-w64's headers are not installed")?;
    let headers = headers.join("ddk");
    fs::metadata(&headers)?.modified()?.hash(&mut hasher);
    headers.hash(&mut hasher);
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
        let members = [Path::new("driver"), Path::new("driver/sync")];
        let staged = staged_manifest(committed, &members, true).unwrap();
        let staged: DocumentMut = staged.parse().unwrap();
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
        let staged = staged_manifest(committed, &[Path::new("")], true).unwrap();
        let staged: DocumentMut = staged.parse().unwrap();
        assert!(
            staged["workspace"]["members"]
                .as_array()
                .unwrap()
                .is_empty()
        );
        let patches = staged["patch"]["crates-io"].as_table().unwrap();
        assert_eq!(patches.len(), 2);
        let unpatched = staged_manifest("[package]\n", &[Path::new("")], false).unwrap();
        assert!(!unpatched.contains(PATCHED));
    }

    #[test]
    fn a_version_that_is_not_committed_is_told_from_the_others() {
        let lock = |version| {
            format!(
                "[[package]]\nname = \"wdk\"\nversion = \"{version}\"\n\
                     [[package]]\nname = \"wdk-sys\"\nversion = \"0.5.2\"\n"
            )
        };
        let staged = lock("0.5.1") + "[[package]]\nname = \"guest\"\nversion = \"1.0.0\"\n";
        let guests = BTreeSet::from(["guest".to_owned()]);
        let compared = compare_locks(&lock("0.5.0"), &staged, &guests).unwrap();
        assert_eq!(
            compared,
            [
                ("wdk 0.5.1".to_owned(), false),
                ("wdk-sys 0.5.2".to_owned(), true)
            ]
        );
    }

    #[test]
    fn the_staged_lock_differs_in_the_patched_crate_only() {
        let other = "[[package]]\nname = \"anyhow\"\nversion = \"1.0.0\"\nsource = \"registry\"\n";
        let committed = format!(
            "version = 4\n\n{other}\n[[package]]\nname = \"wdk-build\"\nversion = \"0.6.0\"\n\
             source = \"registry\"\nchecksum = \"00\"\ndependencies = [\n \"camino\",\n \
             \"windows\",\n]\n"
        );
        let staged = staged_lock(&committed).unwrap();
        assert!(staged.contains(other), "{staged}");
        let lock: DocumentMut = staged.parse().unwrap();
        let patched = lock["package"]
            .as_array_of_tables()
            .unwrap()
            .get(1)
            .unwrap();
        assert!(patched.get("source").is_none() && patched.get("checksum").is_none());
        assert_eq!(patched["dependencies"].as_array().unwrap().len(), 1);
        assert!(staged_lock(other).is_err());
        assert_eq!(locked_version(&committed).unwrap(), "0.6.0");
        assert!(locked_version(other).is_err());
    }
}
