//! A driver package in a folder, by any of its makers: `cargo xtask package`, `cargo make`, cargo-wdk, or
//! Microsoft's signing of one of these.

mod inf;
pub(super) mod signer;
mod version;

use std::fs;
use std::path::{Path, PathBuf};

use super::NAME;
use crate::model::{DriverVersion, printable_path};

pub(super) use self::inf::is_ours;
pub(crate) use self::signer::{Certificate, Signer};
pub(super) use self::version::of_image;

/// What a package has to have to be installed.
pub(super) const FILES: [&str; 3] = ["svmsave.inf", "svmsave.sys", "svmsave.cat"];

/// A package, as far as it decides what is done with it.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    /// Where it is.
    pub(crate) folder: PathBuf,
    /// The driver's bytes.
    pub(crate) image: Vec<u8>,
    /// The version in the driver's resources, if it has any.
    pub(crate) version: Option<DriverVersion>,
    /// Who signed the catalog.
    pub(crate) signer: Signer,
}

/// Why a folder has no package.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPackage {
    /// Files are missing.
    #[error(
        "there is no {} in {}: take all files of the package along, or name their folder with \
         --package",
        .missing.join(", "),
        printable_path(.folder)
    )]
    Missing {
        missing: Vec<&'static str>,
        folder: PathBuf,
    },
    /// A file was not read.
    #[error("{}: {reason}", printable_path(path))]
    File {
        path: PathBuf,
        reason: std::io::Error,
    },
    /// The catalog does not tell who signed it.
    #[error("svmsave.cat does not tell who signed it ({0}): take the whole package again")]
    Catalog(#[from] signer::Unreadable),
}

impl Package {
    /// Reads the package in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, NoPackage> {
        let missing: Vec<_> = FILES
            .into_iter()
            .filter(|file| !folder.join(file).is_file())
            .collect();
        if !missing.is_empty() {
            return Err(NoPackage::Missing {
                missing,
                folder: folder.to_owned(),
            });
        }
        let read = |extension: &str| {
            let path = folder.join(NAME).with_extension(extension);
            fs::read(&path).map_err(|reason| NoPackage::File { path, reason })
        };
        let image = read("sys")?;
        Ok(Self {
            folder: folder.to_owned(),
            version: of_image(&image),
            image,
            signer: Signer::of_catalog(&read("cat")?)?,
        })
    }
}
