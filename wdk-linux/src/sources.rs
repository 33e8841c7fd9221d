//! What is built: a driver's package, and those of its workspace that it depends on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use cargo_metadata::{CrateType, DependencyKind, Package};
use serde_json::Value;

use crate::host::Workspace;

/// The headers and definitions of the stand-in that are ours: their places below its folder, and
/// what is in them.
const STAND_IN: [(&str, &str); 4] = [
    ("include/intrin.h", include_str!("../include/intrin.h")),
    ("include/ntdef.h", include_str!("../include/ntdef.h")),
    ("include/wdm.h", include_str!("../include/wdm.h")),
    ("lib/ntoskrnl.def", include_str!("../lib/ntoskrnl.def")),
];

/// The stand-in's own headers and definitions: their places below its folder, and their text.
pub fn stand_in_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    STAND_IN.into_iter()
}

/// What is to be built, and where.
#[derive(Clone, Debug)]
pub struct Sources {
    pub(crate) workspace: Workspace,
    /// Members of the workspace, as folders below its root: the empty one is the root's package.
    members: Vec<PathBuf>,
    /// Packages that are built with them and are no members.
    pub(crate) guests: Vec<PathBuf>,
    pub(crate) folder: PathBuf,
    pub(crate) stand_in: Vec<(String, String)>,
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
        ensure!(
            image_name(package).is_some(),
            "{} has no library that can be linked as a driver: it needs [lib] with crate-type = \
             [\"cdylib\"]",
            package.name
        );
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

    /// What the linker calls the image of a package, without its ending.
    pub(crate) fn image_name(&self, package: &str) -> String {
        let mut packages = self.workspace.packages().iter();
        let known = packages.find(|known| known.name.as_str() == package);
        let named = known.and_then(image_name);
        // What the workspace does not know is a guest.
        named.unwrap_or(package).replace('-', "_")
    }

    /// Members and guests, as folders below the workspace's root.
    pub(crate) fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.members.iter().chain(&self.guests)
    }
}

/// The name of the package's library that is linked as an image.
fn image_name(package: &Package) -> Option<&str> {
    let mut targets = package.targets.iter();
    let image = targets.find(|target| target.crate_types.contains(&CrateType::CDyLib))?;
    Some(&image.name)
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
            let root = workspace.root();
            if manifest.parent() == Some(root) {
                return format!(
                    "{} is a workspace's manifest: --manifest-path takes that of the driver",
                    manifest.display()
                );
            }
            format!(
                "{} is no member of the workspace in {}: only published versions and members can \
                 be built",
                manifest.display(),
                root.display()
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
fn model(metadata: &Value) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const WDM_METADATA: &str = "[package.metadata.wdk.driver-model]\ndriver-type = \"WDM\"\n";
    const LIBRARY: &str = "[lib]\ncrate-type = [\"cdylib\"]\n";

    /// What is made of a package outside this repository, in a folder with blanks in its name.
    fn of_package(rest: &str) -> Result<Sources> {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("a driver of mine");
        fs::create_dir_all(package.join("src")).unwrap();
        fs::write(package.join("src/lib.rs"), "").unwrap();
        let head = "[package]\nname = \"my-driver\"\nversion = \"1.0.0\"\nedition = \"2024\"\n";
        let manifest = package.join("Cargo.toml");
        fs::write(&manifest, format!("{head}{rest}")).unwrap();
        Sources::of_driver(&Workspace::of_manifest(&manifest)?, &manifest)
    }

    fn refusal(rest: &str) -> String {
        format!("{:#}", of_package(rest).unwrap_err())
    }

    #[test]
    fn a_driver_outside_the_repository_is_staged_by_the_name_of_its_image() {
        let sources = of_package(&format!("{WDM_METADATA}{LIBRARY}")).unwrap();
        assert_eq!(sources.image_name("my-driver"), "my_driver");
        assert_eq!(sources.image_name("a-guest"), "a_guest");
        assert_eq!(sources.all().collect::<Vec<_>>(), [Path::new("")]);
        let named = format!("{WDM_METADATA}{LIBRARY}name = \"other\"\n");
        let sources = of_package(&named).unwrap();
        assert_eq!(sources.image_name("my-driver"), "other");
    }

    #[test]
    fn what_can_not_be_built_is_named_in_one_line() {
        let model = |model: &str| format!("{WDM_METADATA}{LIBRARY}").replace("WDM", model);
        let path_dependency = "[dependencies]\nwdk = { path = \"../crates/wdk\" }\n";
        for (rest, expected) in [
            (model("KMDF"), "my-driver is a KMDF driver: "),
            (model("UMDF"), "my-driver is a UMDF driver: "),
            (LIBRARY.to_owned(), "my-driver does not say what it is: "),
            (WDM_METADATA.to_owned(), "my-driver has no library that can"),
            (
                format!("{WDM_METADATA}{LIBRARY}{path_dependency}"),
                "my-driver depends on wdk by its path: ",
            ),
        ] {
            let refusal = refusal(&rest);
            assert!(refusal.starts_with(expected), "{refusal}");
            assert_eq!(refusal.lines().count(), 1, "{refusal}");
        }
    }

    #[test]
    fn a_manifest_without_a_package_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("Cargo.toml");
        fs::write(&manifest, "[workspace]\nmembers = []\n").unwrap();
        let workspace = Workspace::of_manifest(&manifest).unwrap();
        let refusal = Sources::of_driver(&workspace, &manifest).unwrap_err();
        let refusal = refusal.to_string();
        assert!(refusal.contains("is a workspace's manifest"), "{refusal}");
    }
}
