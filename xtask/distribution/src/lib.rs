//! The driver package as it goes to a Windows machine: what `artifact` builds, with signatures, a
//! catalog and the certificate.
//!
//! What is made here depends on the sources, their date, the certificate, and the versions of the tools
//! that the machine has: two of osslsigncode lay out an image's signature differently.

mod catalog;
mod certificate;
mod digest;
pub mod listing;
mod signature;
mod version;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use oracles::image::rules;
use wdk_linux::host::{self, Workspace, step};
use xtask::artifact::{self, Profile};
use xtask::source_date::SourceDate;
use xtask::{inf, needs};

use self::catalog::{Catalog, Member};
pub use self::certificate::Certificate;
use self::signature::Signer;

/// The folder of the package, if nothing else is asked for.
#[must_use]
pub fn default_folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("svmsave_package")
}

/// Builds the package, signs it with `certificate`, and puts it into `folder`.
///
/// # Errors
///
/// If something does not compile or can't be signed, or an image breaks a rule.
pub fn assemble(workspace: &Workspace, certificate: &Certificate, folder: &Path) -> Result<()> {
    host::ensure(workspace, needs::SIGNING, &[])?;
    let date = SourceDate::find(workspace)?;
    let signer = Signer::new(workspace, certificate, date)?;
    let built = artifact::build_package(workspace, Profile::Release)?;
    rules::require(&fs::read(&built.driver)?, Profile::Release)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    step("signing", |_| {
        signer.sign(&built.driver, &folder.join("svmsave.sys"))?;
        signer.sign(&built.client, &folder.join("client.exe"))?;
        copy(&built.inf, folder)?;
        copy(&built.driver.with_extension("pdb"), folder)?;
        fs::write(folder.join("svmsave.cer"), certificate.der())?;
        let unsigned = folder.join("unsigned.cat");
        fs::write(&unsigned, catalog_of(folder, date)?)?;
        signer.sign(&unsigned, &folder.join("svmsave.cat"))?;
        Ok(fs::remove_file(unsigned)?)
    })
}

/// The catalog of the files that the INF installs, and of the INF.
fn catalog_of(folder: &Path, date: SourceDate) -> Result<Vec<u8>> {
    let inf = fs::read_to_string(folder.join("svmsave.inf"))?;
    let driver_version =
        inf::driver_version(&inf).context("svmsave.inf has no DriverVer directive")?;
    let image = fs::read(folder.join("svmsave.sys"))?;
    let members = [
        Member::image("svmsave.sys", &image)?,
        Member::flat("svmsave.inf", inf.as_bytes()),
    ];
    Catalog::new(&members, &driver_version, date)?.unsigned()
}

fn copy(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().context("a file has a name")?;
    fs::copy(file, folder.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(())
}
