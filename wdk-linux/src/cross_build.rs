//! A build of drivers: cargo in the staged workspace, with what the linker has to be told.

use std::env;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::host::process::{self, BUILD_LIMIT};
use crate::host::{self, Toolchain, step};
use crate::image::identity;
use crate::needs::{PACKAGES, TARGET};
use crate::sources::Sources;
use crate::staged_workspace::Stage;

/// What makes a build without optimisation and with all checks of the profile `release`. A profile of
/// its own would build bindgen and all macros once more, which takes longer than the driver.
const CHECKED: [&str; 6] = [
    "opt-level=0",
    "codegen-units=256",
    "debug-assertions=true",
    "overflow-checks=true",
    "build-override.debug-assertions=false",
    "build-override.overflow-checks=false",
];

/// Everything that is needed to compile drivers.
#[derive(Debug)]
pub struct CrossBuild {
    sources: Sources,
    toolchain: Toolchain,
    stage: Stage,
}

/// What the linker makes of a driver.
#[derive(Debug)]
pub struct Image {
    /// The content of the `.sys` file.
    pub image: Vec<u8>,
    /// The content of the `.pdb` file.
    pub debug_info: Vec<u8>,
}

impl CrossBuild {
    /// Installs what is missing, and brings the staged workspace up to date.
    ///
    /// # Errors
    ///
    /// If something can't be installed, or the workspace is not one that can be built.
    pub fn prepare(sources: Sources) -> Result<Self> {
        let workspace = sources.workspace();
        host::ensure(workspace, PACKAGES, &[TARGET])?;
        let toolchain = Toolchain::locate(workspace)?;
        let stage = step("stand-in WDK", |_| Stage::prepare(&sources, &toolchain))?;
        Ok(Self {
            sources,
            toolchain,
            stage,
        })
    }

    /// Builds the driver that `package` is, with or without optimisation.
    ///
    /// # Errors
    ///
    /// If it does not compile or link; the error has what the compiler said.
    pub fn build(&self, package: &str, release: bool, remarks: &mut String) -> Result<Image> {
        let mut cargo = self.cargo("build");
        cargo.args(["--release", "--package", package]);
        if !release {
            for setting in CHECKED {
                cargo
                    .arg("--config")
                    .arg(format!("profile.release.{setting}"));
            }
            let own = format!("profile.release.package.{package}.opt-level=0");
            cargo.args(["--config", &own]);
        }
        self.run(&mut cargo, remarks)?;
        let name = self.sources.image_name(package);
        let folder = self.output();
        let mut built = Image {
            image: read(&folder.join(format!("{name}.dll")))?,
            debug_info: read(&folder.join(format!("{name}.pdb")))?,
        };
        identity::make_reproducible(&mut built.image, &mut built.debug_info)?;
        Ok(built)
    }

    /// The folder that every build leaves its files in.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.stage.target().join(TARGET).join("release")
    }

    /// Cargo with `subcommand`, ready for [`CrossBuild::run`].
    #[must_use]
    pub fn cargo(&self, subcommand: &str) -> Command {
        self.stage
            .cargo(self.sources.workspace(), &self.toolchain, subcommand)
    }

    /// Runs cargo with the flags that all builds have, the same ones lest they build everything
    /// anew. What the compiler warns of is added to `remarks`.
    ///
    /// # Errors
    ///
    /// If cargo fails; the error has what it said.
    pub fn run(&self, cargo: &mut Command, remarks: &mut String) -> Result<()> {
        run_cargo(cargo, &self.flags()?, remarks)
    }

    /// Packages that are built from, and whether the committed Cargo.lock has each in the same
    /// version.
    ///
    /// # Errors
    ///
    /// If a lock can't be read.
    pub fn packages(&self) -> Result<Vec<(String, bool)>> {
        self.stage.packages(&self.sources)
    }

    /// The same image on every machine, with a checksum that Windows' loader accepts.
    fn flags(&self) -> Result<Vec<String>> {
        let mut flags = vec![
            // As windows-drivers-rs wants it in .cargo/config.toml, which these flags take the
            // place of.
            "-Ctarget-feature=+crt-static".to_owned(),
            "-Clink-arg=/RELEASE".to_owned(),
            "-Clink-arg=/Brepro".to_owned(),
            remap(self.stage.folder(), "."),
        ];
        let (sources, virtual_name) = self.toolchain.library_sources();
        flags.push(remap(&sources, &virtual_name));
        flags.extend(remap_registries()?);
        Ok(flags)
    }
}

/// Runs cargo with warnings kept for the end of the step. `flags` are all that the compiler gets:
/// what a developer has in the environment must not get into what is built.
///
/// # Errors
///
/// If cargo fails; the error has what it said.
pub fn run_cargo(cargo: &mut Command, flags: &[String], remarks: &mut String) -> Result<()> {
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    if io::stderr().is_terminal() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    let said = process::run(cargo, BUILD_LIMIT)?;
    remarks.push_str(&process::without_progress(&said.stderr));
    Ok(())
}

/// The flag that has the compiler name a folder otherwise, wherever it names a file below it.
#[must_use]
pub fn remap(folder: &Path, name: &str) -> String {
    format!("--remap-path-prefix={}={name}", folder.display())
}

/// The flags that have the compiler name crates from registries without the folder that cargo keeps
/// them in, which is another one on each machine.
///
/// # Errors
///
/// If that folder cannot be listed.
pub fn remap_registries() -> Result<Vec<String>> {
    let registries = registry_sources(&cargo_home()?)?;
    let flags = registries.iter();
    Ok(flags.map(|folder| remap(folder, "/registry")).collect())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn cargo_home() -> Result<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")
}

/// Where cargo unpacks crates: a folder for each registry.
fn registry_sources(cargo_home: &Path) -> Result<Vec<PathBuf>> {
    let folder = cargo_home.join("registry/src");
    let mut registries: Vec<PathBuf> = folder
        .read_dir()
        .with_context(|| format!("cannot list {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    // The order is part of the flags, and a change of flags a new build.
    registries.sort();
    Ok(registries)
}
