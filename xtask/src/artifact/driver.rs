//! `svmsave.sys`: the driver as a Windows kernel image, made on Linux.

use std::path::Path;

use anyhow::Result;
use wdk_linux::host::workspace::write_if_changed;
use wdk_linux::host::{Workspace, step};
use wdk_linux::{CrossBuild, Sources};

use super::Profile;

/// What judges of the driver build beside it: Microsoft's metadata, and what Wine lacks. They need
/// wdk-sys, and are no members of the committed workspace.
pub const GUESTS: [&str; 2] = ["oracles/metadata/abi", "oracles/wine/supplement"];

/// The driver's packages, and where they are built.
///
/// # Errors
///
/// If the workspace has no such driver.
pub fn sources(workspace: &Workspace) -> Result<Sources> {
    let manifest = workspace.root().join("driver/Cargo.toml");
    let driver = Sources::of_driver(workspace, &manifest)?;
    Ok(GUESTS.into_iter().fold(driver, Sources::with_guest))
}

/// Everything that is needed to compile the driver; what is missing is installed.
///
/// # Errors
///
/// If something can't be installed.
pub fn prepare(workspace: &Workspace) -> Result<CrossBuild> {
    CrossBuild::prepare(sources(workspace)?)
}

/// Builds `svmsave.sys`, and `svmsave.pdb` beside it.
pub(super) fn build(cross_build: &CrossBuild, profile: Profile, driver: &Path) -> Result<()> {
    let what = match profile {
        Profile::Dev => "svmsave.sys with checks",
        Profile::Release => "svmsave.sys",
    };
    step(what, |remarks| {
        let release = profile == Profile::Release;
        let built = cross_build.build("svmsave", release, remarks)?;
        write_if_changed(driver, built.image)?;
        write_if_changed(&driver.with_extension("pdb"), built.debug_info)
    })
}

/// Lints the driver, and what judges need of its kind.
///
/// # Errors
///
/// If clippy has a warning.
pub fn lint(cross_build: &CrossBuild) -> Result<()> {
    step("clippy: driver", |_| {
        let mut cargo = cross_build.cargo("clippy");
        // As the driver is built, so that wdk-sys makes its bindings once for all.
        cargo.args(["--release", "--package", "svmsave"]);
        cargo.args(["--package", "wdk-abi", "--package", "wine-supplement"]);
        cargo.args(["--", "--deny", "warnings"]);
        cross_build.run(&mut cargo, &mut String::new())
    })
}

/// Checks the driver's documentation.
///
/// # Errors
///
/// If rustdoc has a warning.
pub fn document(cross_build: &CrossBuild) -> Result<()> {
    step("documentation: driver", |_| {
        let mut cargo = cross_build.cargo("doc");
        cargo.args(["--release", "--package", "svmsave"]);
        cargo.args(["--no-deps", "--document-private-items"]);
        // The crate has no public items: its front page is the way into the private ones.
        let flags = "--deny warnings --allow rustdoc::private_intra_doc_links";
        cargo.env("RUSTDOCFLAGS", flags);
        cross_build.run(&mut cargo, &mut String::new())
    })
}
