//! `svmsave.sys`: the driver as a Windows kernel image, made on Linux.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Profile, read, remap, run_cargo};
use crate::machine::toolchain::Toolchain;
use crate::machine::{self, package, target};
use crate::step::step;
use crate::wdk::Stage;
use crate::workspace::Workspace;

/// Everything that is needed to compile the driver's packages.
pub struct CrossBuild<'a> {
    workspace: &'a Workspace,
    toolchain: Toolchain,
    stage: Stage,
}

/// What the linker makes of the driver.
pub struct Built {
    /// The content of `svmsave.sys`.
    pub image: Vec<u8>,
    /// The content of `svmsave.pdb`.
    pub debug_info: Vec<u8>,
}

impl<'a> CrossBuild<'a> {
    /// Installs what is missing, and brings the staged workspace up to date.
    pub fn prepare(workspace: &'a Workspace) -> Result<Self> {
        machine::ensure(workspace, package::DRIVER, &[target::DRIVER])?;
        let toolchain = Toolchain::locate(workspace)?;
        let stage = step("stand-in WDK", |_| Stage::prepare(workspace, &toolchain))?;
        Ok(Self {
            workspace,
            toolchain,
            stage,
        })
    }

    /// The same with other headers and definitions than the committed ones, in a stage of its own.
    #[cfg(all(test, feature = "boot"))]
    pub fn prepare_with(workspace: &'a Workspace, name: &str, own: &Path) -> Result<Self> {
        let toolchain = Toolchain::locate(workspace)?;
        let folder = workspace.target().join(name).join("stage");
        Ok(Self {
            workspace,
            stage: Stage::prepare_in(folder, own, workspace, &toolchain)?,
            toolchain,
        })
    }

    /// Builds the driver.
    pub fn build(&self, profile: Profile, remarks: &mut String) -> Result<Built> {
        let mut cargo = self.cargo("build");
        cargo.args(["--package", "svmsave"]);
        if profile == Profile::Release {
            cargo.arg("--release");
        }
        self.run(&mut cargo, remarks)?;
        let folder = self
            .stage
            .target()
            .join(target::DRIVER)
            .join(match profile {
                Profile::Dev => "debug",
                Profile::Release => "release",
            });
        Ok(Built {
            image: read(&folder.join("svmsave.dll"))?,
            debug_info: read(&folder.join("svmsave.pdb"))?,
        })
    }

    /// Builds the driver that lends `svmsave.sys` what Wine lacks, in tests under Wine.
    pub fn build_wine_supplement(&self) -> Result<PathBuf> {
        let mut cargo = self.cargo("build");
        cargo.args(["--release", "--package", "wine-supplement"]);
        self.run(&mut cargo, &mut String::new())?;
        let folder = self.stage.target().join(target::DRIVER);
        Ok(folder.join("release/wine_supplement.dll"))
    }

    /// Lints the driver, and what judges need of its kind.
    pub fn lint(&self) -> Result<()> {
        let mut cargo = self.cargo("clippy");
        // As the driver is built, so that wdk-sys makes its bindings once for all.
        cargo.args(["--release", "--package", "svmsave"]);
        cargo.args(["--package", "wdk-abi", "--package", "wine-supplement"]);
        cargo.args(["--", "--deny", "warnings"]);
        self.run(&mut cargo, &mut String::new())
    }

    /// Checks the driver's documentation.
    pub fn document(&self) -> Result<()> {
        let mut cargo = self.cargo("doc");
        cargo.args(["--release", "--package", "svmsave"]);
        cargo.args(["--no-deps", "--document-private-items"]);
        // The crate has no public items: its front page is the way into the private ones.
        let flags = "--deny warnings --allow rustdoc::private_intra_doc_links";
        cargo.env("RUSTDOCFLAGS", flags);
        self.run(&mut cargo, &mut String::new())
    }

    /// Compiles the stand-in WDK beside Microsoft's metadata, and returns the library with both.
    pub fn build_abi(&self) -> Result<PathBuf> {
        let mut cargo = self.cargo("build");
        cargo.args(["--release", "--package", "wdk-abi"]);
        // Objects, and not what the linker makes objects of.
        cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
        self.run(&mut cargo, &mut String::new())?;
        let folder = self.stage.target().join(target::DRIVER);
        Ok(folder.join("release/libwdk_abi.rlib"))
    }

    /// Packages that the driver is built from, and whether the committed Cargo.lock has each in
    /// the same version.
    pub fn packages(&self) -> Result<Vec<(String, bool)>> {
        self.stage.packages(self.workspace)
    }

    fn cargo(&self, subcommand: &str) -> Command {
        self.stage
            .cargo(self.workspace, &self.toolchain, subcommand)
    }

    fn run(&self, cargo: &mut Command, remarks: &mut String) -> Result<()> {
        run_cargo(cargo, &self.flags()?, remarks)
    }

    /// The same image on every machine, with a checksum that Windows' loader accepts.
    fn flags(&self) -> Result<Vec<String>> {
        let mut flags = vec![
            // As the committed .cargo/config.toml has it, which these flags take the place of.
            "-Ctarget-feature=+crt-static".to_owned(),
            "-Clink-arg=/RELEASE".to_owned(),
            "-Clink-arg=/Brepro".to_owned(),
            remap(self.stage.folder(), "."),
        ];
        let (sources, virtual_name) = self.toolchain.library_sources();
        flags.push(remap(&sources, &virtual_name));
        for registry in registry_sources(&cargo_home()?)? {
            flags.push(remap(&registry, "/registry"));
        }
        Ok(flags)
    }
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
