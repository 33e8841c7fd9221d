//! The workspace that a driver is built in on Linux: the committed packages by link, a root
//! manifest derived from the committed one, and the committed lock as seed.

mod lock;
mod manifest;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{MetadataCommand, Package};
use toml_edit::DocumentMut;

use super::needs::TARGET;
use super::{mingw, resource_compiler, stand_in, wdk_build};
use crate::host::Toolchain;
use crate::host::process::{self, BUILD_LIMIT};
use crate::host::workspace::{Workspace, read_text, write_if_changed};
use crate::sources::Sources;

/// The crate that is patched.
const PATCHED: &str = "wdk-build";

/// What a stage depends on beside manifests and headers: how it is made.
const RECIPE: [&str; 7] = [
    include_str!("staged_workspace.rs"),
    include_str!("staged_workspace/lock.rs"),
    include_str!("staged_workspace/manifest.rs"),
    include_str!("stand_in.rs"),
    include_str!("import_library.rs"),
    include_str!("resource_compiler.rs"),
    include_str!("wdk_build.rs"),
];

/// The staged workspace.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: PathBuf,
}

impl Stage {
    /// Brings the stage up to date, without a look at more than its inputs if it is.
    pub(crate) fn prepare(sources: &Sources, toolchain: &Toolchain) -> Result<Self> {
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
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its builds go. `wdk-build` looks for the lock in the folders above its output, so
    /// this can't be the common target folder.
    pub(crate) fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Cargo with `subcommand`, for the drivers' target, in the stage and with the stand-in kit.
    pub(crate) fn cargo(
        &self,
        workspace: &Workspace,
        toolchain: &Toolchain,
        subcommand: &str,
    ) -> Command {
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
            // As embed-resource and winresource ask for them. Both write an object that the linker takes
            // as it takes a compiled resource.
            .env("RC_x86_64_pc_windows_msvc", self.kit().join(resource_compiler::PROGRAM))
            .env("RC_PATH", self.kit().join(resource_compiler::IN_MANNER_OF_RC))
            .env("WDKContentRoot", self.kit())
            // A developer prompt's choice of version doesn't hold for the stand-in.
            .env_remove("Version_Number");
        cargo
    }

    /// Packages of the stage, and whether the committed lock has each in the same version.
    pub(crate) fn packages(&self, sources: &Sources) -> Result<Vec<(String, bool)>> {
        let guests = sources.guests.iter().map(|guest| {
            let manifest = sources.workspace.root().join(guest).join("Cargo.toml");
            let manifest: DocumentMut = read_text(&manifest)?.parse()?;
            let name = manifest["package"]["name"].as_str();
            Ok(name.context("a package has a name")?.to_owned())
        });
        lock::compare(
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
            write_if_changed(&staged, manifest::staged(&manifest, &members, false)?)?;
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
        resource_compiler::write(&self.kit())?;
        write_if_changed(&staged, manifest::staged(&manifest, &members, true)?)?;
        write_if_changed(&self.folder.join("Cargo.lock"), lock::staged(&lock)?)
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
        let version = lock::patched_version(lock)?;
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
