//! Packages of Debian's archive, downloaded and unpacked without installing anything.
//!
//! The release is the same on every machine, whichever it runs itself: apt gets a configuration
//! and lists of its own, below the target folder, and checks what it gets by Debian's keys.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use wdk_linux::host::package::on_path;
use wdk_linux::host::process::{self, BUILD_LIMIT, QUERY_LIMIT};
use wdk_linux::host::step;
use wdk_linux::host::workspace::write_if_changed;

/// The release. Its kernel boots more than one processor whose instructions are counted, which
/// that of the release before does not.
const RELEASE: &str = "trixie";

/// Where packages come from.
const MIRROR: &str = "http://deb.debian.org/debian";

/// The keys that the lists are signed with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What is called, and comes with Debian and whatever is made of it.
const PROGRAMS: [&str; 3] = ["apt-get", "apt-cache", "dpkg-deb"];

/// Where the keys are that the lists are signed with.
pub(crate) fn keyring() -> &'static Path {
    Path::new(KEYRING)
}

/// Makes sure that this is a system of Debian's kind.
///
/// # Errors
///
/// If it is not.
pub(crate) fn ensure_programs() -> Result<()> {
    for program in PROGRAMS {
        ensure!(
            on_path(program),
            "there is no {program}; packages of Debian's are downloaded by it: run this on Debian or \
             Ubuntu"
        );
    }
    Ok(())
}

/// The archive, with lists of what it has.
pub(crate) struct Archive {
    folder: PathBuf,
}

/// A package that was unpacked.
pub(crate) struct Package {
    /// Its version.
    pub version: String,
    /// What has its files, as they would be below the root folder.
    pub files: PathBuf,
}

impl Archive {
    /// Gets the lists.
    ///
    /// # Errors
    ///
    /// If there is no way to the archive.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let archive = Self {
            folder: folder.to_owned(),
        };
        for needed in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(archive.folder.join(needed))?;
        }
        let source =
            format!("deb [arch=amd64 target=Packages signed-by={KEYRING}] {MIRROR} {RELEASE} main");
        write_if_changed(&archive.sources(), format!("{source}\n"))?;
        step(&format!("lists of Debian's {RELEASE}"), |_| {
            let mut apt = archive.apt("apt-get");
            // Without it, lists of the last time would do if nothing can be reached.
            apt.args(["--error-on=any", "--quiet", "update"]);
            process::run(&mut apt, BUILD_LIMIT)
                .with_context(|| format!("cannot get Debian's lists from {MIRROR}"))
        })?;
        Ok(archive)
    }

    /// The first package whose name begins with `prefix` that `package` depends on.
    pub(crate) fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let record = self.record(package)?;
        let depends = field(&record, "Depends").unwrap_or_default();
        let names = depends
            .split(", ")
            .filter_map(|one| one.split([' ', ':']).next());
        let mut names = names.filter(|name| name.starts_with(prefix));
        let name = names.next();
        let name = name.with_context(|| format!("{package} depends on no {prefix}..."))?;
        Ok(name.to_owned())
    }

    /// Downloads and unpacks a package, unless that version of it is there already.
    pub(crate) fn get(&self, name: &str) -> Result<Package> {
        let record = self.record(name)?;
        let version = field(&record, "Version");
        let version = version.with_context(|| format!("{name} has no version"))?;
        let files = self.folder.join(format!("{name}_{version}"));
        step(&format!("Debian's {name} {version}"), |_| {
            if files.exists() {
                return Ok(());
            }
            // A folder of this name is a package that was unpacked to its end.
            let unpacked = self.folder.join("unpacked");
            for folder in [&unpacked, &self.download()] {
                remove(folder)?;
                fs::create_dir_all(folder)?;
            }
            let mut apt = self.apt("apt-get");
            apt.args(["--quiet", "download", &format!("{name}={version}")]);
            process::run(apt.current_dir(self.download()), BUILD_LIMIT)
                .with_context(|| format!("cannot download {name} {version} from {MIRROR}"))?;
            let entry = self.download().read_dir()?.next();
            let file = entry.context("apt-get downloaded nothing")??.path();
            let mut dpkg = Command::new("dpkg-deb");
            dpkg.arg("--extract").arg(file).arg(&unpacked);
            process::run(&mut dpkg, BUILD_LIMIT)?;
            fs::rename(&unpacked, &files)?;
            remove(&self.download())
        })?;
        Ok(Package {
            version: version.to_owned(),
            files,
        })
    }

    /// What the lists say of the version of a package that would be downloaded.
    fn record(&self, package: &str) -> Result<String> {
        let mut apt = self.apt("apt-cache");
        apt.args(["--no-all-versions", "show", package]);
        Ok(process::run(&mut apt, QUERY_LIMIT)?.stdout)
    }

    /// One of apt's programs, which sees this release alone and nothing of what is installed.
    /// What the machine has configured beside that, a proxy for instance, stays in force.
    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let mut option = |name: &str, value: &Path| {
            command.arg("-o");
            command.arg(format!("{name}={}", value.display()));
        };
        option("Dir::Etc::SourceList", &self.sources());
        option("Dir::Etc::SourceParts", Path::new("/dev/null"));
        option("Dir::State::Lists", &self.folder.join("lists"));
        option("Dir::State::Status", Path::new("/dev/null"));
        option("Dir::Cache", &self.folder.join("cache"));
        // Downloads go to the target folder, which another user may not write to.
        option("APT::Sandbox::User", Path::new("root"));
        command.env("LC_ALL", "C");
        command
    }

    fn sources(&self) -> PathBuf {
        self.folder.join("sources.list")
    }

    fn download(&self) -> PathBuf {
        self.folder.join("download")
    }
}

/// A field of one line of a package's record.
fn field<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = record.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Removes a folder with all that is in it, if it is there.
fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
    .with_context(|| format!("cannot remove {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let record = "Package: linux-image-cloud-amd64\nVersion: 6.12.117-1\nVersions: 2\n";
        assert_eq!(field(record, "Version"), Some("6.12.117-1"));
        assert_eq!(field(record, "Depends"), None);
    }
}
