//! Packages of Debian and Ubuntu: found by the file that they are wanted for, installed with apt.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};

use super::process::{self, BUILD_LIMIT, QUERY_LIMIT};
use super::step;

/// Linux' headers of the release's own kernel, in Debian and Ubuntu.
pub const LINUX_HEADERS: &str = "linux-headers-generic";

/// A package of the distribution.
pub struct Package {
    /// Its name, the same in Debian and Ubuntu.
    pub name: &'static str,
    /// Whether what it is wanted for is there, however it was installed.
    pub found: fn() -> bool,
}

/// Installs those packages whose files are missing.
///
/// # Errors
///
/// If one can't be installed; the error says what to type.
pub fn ensure(packages: &[Package]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!(
        "install by hand: apt-get install --no-install-recommends {}",
        missing.join(" ")
    );
    let privilege = Privilege::acquire()
        .map_err(|error| anyhow!("missing {}: {error}; {by_hand}", missing.join(", ")))?;
    eprintln!("missing: {}", missing.join(", "));
    let what = match missing.len() {
        1 => "installing a package with apt-get".to_owned(),
        count => format!("installing {count} packages with apt-get"),
    };
    step(&what, |_| {
        // Without the archive's lists, or with old ones, a package may be there all the same.
        let _ = process::run(privilege.apt_get().arg("update"), BUILD_LIMIT);
        process::run(
            privilege
                .apt_get()
                // Another apt-get may be at work.
                .args(["-o", "DPkg::Lock::Timeout=600"])
                .args(["install", "--yes", "--no-install-recommends"])
                .args(missing.iter().map(|name| without_kernel(name))),
            BUILD_LIMIT,
        )
        .with_context(|| format!("apt-get did not; {by_hand}"))
    })?;
    let still = self::missing(packages);
    if !still.is_empty() {
        bail!(
            "apt-get installed {}, but what it is needed for is not there",
            still.join(", ")
        );
    }
    Ok(())
}

fn missing(packages: &[Package]) -> Vec<&'static str> {
    packages
        .iter()
        .filter(|package| !(package.found)())
        .map(|package| package.name)
        .collect()
}

/// What to ask apt for: on Debian 13, the headers of Linux bring a kernel with them, but for the part
/// that all builds of that kernel have in common.
fn without_kernel(name: &str) -> String {
    if name != LINUX_HEADERS {
        return name.to_owned();
    }
    let mut apt_cache = Command::new("apt-cache");
    // Debian's own name for it; Ubuntu has no package of that name, and needs none.
    apt_cache.args(["depends", "--recurse", "--important", "linux-headers-amd64"]);
    let listed = process::run(&mut apt_cache, QUERY_LIMIT);
    let listed = listed.map(|said| said.stdout).unwrap_or_default();
    common_headers(&listed).unwrap_or(name).to_owned()
}

/// The package with the common headers in a list of packages and dependencies; Ubuntu has none.
fn common_headers(listed: &str) -> Option<&str> {
    listed.lines().find(|line| {
        let version = line.strip_prefix("linux-headers-");
        let version = version.and_then(|rest| rest.strip_suffix("-common"));
        version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
    })
}

/// How packages may be installed here.
enum Privilege {
    Root,
    Sudo,
}

impl Privilege {
    /// # Errors
    ///
    /// If there is no apt-get, or no right to use it without a password.
    fn acquire() -> Result<Self> {
        if !on_path("apt-get") {
            bail!("there is no apt-get here");
        }
        if is_root()? {
            return Ok(Self::Root);
        }
        if process::run(Command::new("sudo").args(["-n", "true"]), QUERY_LIMIT).is_ok() {
            return Ok(Self::Sudo);
        }
        bail!("not root, and sudo asks for a password");
    }

    fn apt_get(&self) -> Command {
        let mut command = match self {
            Self::Root => Command::new("env"),
            Self::Sudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["-n", "env"]);
                sudo
            }
        };
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
        command
    }
}

/// Whether this user may do everything.
///
/// # Errors
///
/// If the system does not say who this is.
pub fn is_root() -> Result<bool> {
    let user = process::run(Command::new("id").arg("-u"), QUERY_LIMIT)?;
    Ok(user.stdout.trim() == "0")
}

/// Whether a program of this name is in one of the folders of `PATH`.
#[must_use]
pub fn on_path(program: &str) -> bool {
    find_on_path(program).is_some()
}

/// Where the shell would find a program.
#[must_use]
pub fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// What is in a folder; nothing if there is none.
#[must_use]
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    folder
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_named() {
        const HERE: Package = Package {
            name: "here",
            found: || true,
        };
        const GONE: Package = Package {
            name: "gone",
            found: || false,
        };
        assert_eq!(missing(&[HERE, GONE]), ["gone"]);
        assert!(ensure(&[HERE]).is_ok());
    }

    #[test]
    fn the_headers_that_bring_no_kernel_are_found_where_there_are_some() {
        let debian = "linux-headers-amd64\n  Depends: linux-headers-6.12.117+deb13-amd64\n\
                      linux-headers-6.12.117+deb13-amd64\n  \
                      Depends: linux-headers-6.12.117+deb13-common\n\
                      linux-headers-6.12.117+deb13-common\nlinux-kbuild-6.12.117+deb13\n";
        let common = Some("linux-headers-6.12.117+deb13-common");
        assert_eq!(common_headers(debian), common);
        let ubuntu = "linux-headers-generic\n  Depends: linux-headers-6.8.0-50-generic\n\
                      linux-headers-6.8.0-50-generic\nlinux-headers-6.8.0-50\n";
        assert_eq!(common_headers(ubuntu), None);
        assert_eq!(without_kernel("wine"), "wine");
    }
}
