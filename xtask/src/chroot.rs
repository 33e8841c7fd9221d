//! A bare system of another release, below the target folder, in which a command of this repository
//! runs as on a new machine. It does not know what the command is for.
//!
//! Mounts and processes are in namespaces of their own (`unshare`): when the command ends, when its
//! time is over or when the program that started it is killed, the kernel takes both away.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use wdk_linux::host::package::{self, is_root};
use wdk_linux::host::process::{self, BUILD_LIMIT, QUERY_LIMIT};
use wdk_linux::host::workspace::symbolic_link;
use wdk_linux::host::{Workspace, step};
use xtask::needs;

/// Enough for everything, from nothing, on a slow machine.
const LIMIT: Duration = Duration::from_hours(3);

/// What a newcomer has: certificates for downloads, git for the tree, a C compiler to link with.
const INCLUDED: &str = "ca-certificates,git,gcc,libc6-dev,curl,procps";

/// Inside: the home, and the tree in it.
const HOME: &str = "root";
const TREE: &str = "root/svmsave";

/// The tools that rustup stands in for, by the name that it is called by.
const PROXIES: [&str; 7] = [
    "cargo",
    "cargo-clippy",
    "cargo-fmt",
    "clippy-driver",
    "rustc",
    "rustdoc",
    "rustfmt",
];

/// What of this machine's environment reaches the network, and is handed on.
const NETWORK: [&str; 6] = [
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// Apt's settings that say how an archive is reached and whether its dates count: handed on, too.
const APT_SETTINGS: [&str; 4] = [
    "Acquire::http",
    "Acquire::https",
    "Acquire::Check-Date",
    "Acquire::Check-Valid-Until",
];

/// A release that a system can be made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Suite {
    /// Debian 12
    Bookworm,
    /// Debian 13
    Trixie,
}

impl Suite {
    fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }
}

/// Where the inside of a system gets its downloaded crates from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Crates {
    /// From the registry, one after the other.
    Downloaded,
    /// From this machine, as far as it has them.
    Copied,
}

/// A system in a folder.
pub(crate) struct Chroot {
    root: PathBuf,
}

impl Chroot {
    /// Makes a system with the committed tree and the pinned toolchain, but none of the packages,
    /// targets and builds that the tree needs; an earlier one of that release goes.
    ///
    /// # Errors
    ///
    /// If this is not root, or something cannot be downloaded or copied.
    pub(crate) fn make(workspace: &Workspace, suite: Suite, crates: Crates) -> Result<Self> {
        let name = suite.name();
        if !is_root()? {
            bail!("a bare {name} is made with debootstrap and chroot, which only root may use");
        }
        package::ensure(&[needs::DEBOOTSTRAP])?;
        let chroot = Self {
            root: workspace.target().join("chroot").join(name),
        };
        chroot.clear()?;
        step(&format!("a bare {name} with debootstrap"), |_| {
            chroot.bootstrap(name)?;
            chroot.reach_network()
        })?;
        step("the committed tree", |remarks| {
            chroot.clone_tree(workspace, remarks)
        })?;
        step("the pinned toolchain, without targets", |_| {
            chroot.copy_toolchain(workspace)?;
            if crates == Crates::Copied {
                chroot.copy_crates()?;
            }
            chroot.remove_targets()
        })?;
        Ok(chroot)
    }

    /// Where it is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs `cargo xtask` with these arguments in the tree, and lets it say what it says.
    ///
    /// # Errors
    ///
    /// If it can't be started, or takes longer than hours.
    pub(crate) fn xtask(&self, arguments: &[OsString]) -> Result<ExitStatus> {
        let mut command = self.inside();
        command.args(["cargo", "xtask"]).args(arguments);
        // Everything that it started ends with it.
        process::pass_through(&mut command, LIMIT)
    }

    /// Removes the system from the disk.
    ///
    /// # Errors
    ///
    /// If something is mounted in it by others, or it cannot be removed.
    pub(crate) fn clear(&self) -> Result<()> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("what is mounted here?")?;
        if let Some(mounted) = mounted_below(&mounts, &self.root) {
            bail!("{mounted} is mounted, and would be emptied: umount it first");
        }
        if self.root.exists() {
            fs::remove_dir_all(&self.root)
                .with_context(|| format!("cannot remove {}", self.root.display()))?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn bootstrap(&self, suite: &str) -> Result<()> {
        fs::create_dir_all(&self.root)
            .with_context(|| format!("cannot create {}", self.root.display()))?;
        let mut debootstrap = isolated();
        debootstrap.args(["debootstrap", "--variant=minbase"]);
        debootstrap.arg(format!("--include={INCLUDED}")).arg(suite);
        process::run(debootstrap.arg(&self.root), BUILD_LIMIT)
            .with_context(|| format!("debootstrap made no {suite}"))
            .map(drop)
    }

    /// Names are resolved, certificates are trusted and archives are reached as on this machine.
    fn reach_network(&self) -> Result<()> {
        copy(
            Path::new("/etc/resolv.conf"),
            &self.path("etc/resolv.conf"),
            &["--dereference"],
        )?;
        let mut settings = Command::new("apt-config");
        let settings = process::run(settings.arg("dump"), QUERY_LIMIT)?.stdout;
        fs::write(
            self.path("etc/apt/apt.conf.d/50network"),
            network_settings(&settings),
        )?;
        // As Debian's images for containers have it: a system for one run needs no fsync.
        fs::write(
            self.path("etc/dpkg/dpkg.cfg.d/50unsafe-io"),
            "force-unsafe-io\n",
        )?;
        let own = Path::new("usr/local/share/ca-certificates");
        let here = Path::new("/").join(own);
        if here.exists() {
            copy(&here.join("."), &self.root.join(own), &[])?;
        }
        process::run(self.inside().arg("update-ca-certificates"), QUERY_LIMIT)?;
        Ok(())
    }

    fn clone_tree(&self, workspace: &Workspace, remarks: &mut String) -> Result<()> {
        let git = |arguments: &[&str]| {
            let mut git = workspace.tool("git");
            // The repository may be another user's than root's.
            git.args(["-c", "safe.directory=*"]).args(arguments);
            git
        };
        let state = process::run(&mut git(&["status", "--porcelain"]), QUERY_LIMIT)?.stdout;
        if !state.is_empty() {
            *remarks = format!("what is not committed is not in it:\n{state}");
        }
        let origin = format!("file://{}", workspace.root().display());
        let mut clone = git(&["clone", "--quiet", "--depth", "1", &origin]);
        process::run(clone.arg(self.path(TREE)), BUILD_LIMIT)?;
        Ok(())
    }

    fn copy_toolchain(&self, workspace: &Workspace) -> Result<()> {
        let mut rustc = workspace.tool("rustc");
        let sysroot = process::run(rustc.args(["--print", "sysroot"]), QUERY_LIMIT)?.stdout;
        let toolchain = Path::new(sysroot.trim());
        let (Some(name), Some(toolchains)) = (toolchain.file_name(), toolchain.parent()) else {
            bail!("rustc has no toolchain");
        };
        let settings = toolchains.with_file_name("settings.toml");
        ensure!(
            toolchains.ends_with("toolchains") && settings.exists(),
            "{} is not a toolchain of rustup's",
            toolchain.display()
        );
        let rustup = package::find_on_path("rustup").context("there is no rustup here")?;
        let home = self.path(HOME);
        let copied = home.join(".rustup/toolchains").join(name);
        let programs = home.join(".cargo/bin");
        for folder in [&copied, &programs] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        // The folder's content: it may itself be a link.
        copy(&toolchain.join("."), &copied, &[])?;
        copy(&settings, &home.join(".rustup/settings.toml"), &[])?;
        copy(&rustup, &programs.join("rustup"), &["--dereference"])?;
        for proxy in PROXIES {
            symbolic_link(Path::new("rustup"), &programs.join(proxy))?;
        }
        Ok(())
    }

    fn remove_targets(&self) -> Result<()> {
        let mut rustup = self.inside();
        rustup.args(["rustup", "target", "list", "--installed"]);
        let installed = process::run(&mut rustup, QUERY_LIMIT)?.stdout;
        let host = format!("{}-unknown-linux-gnu", env::consts::ARCH);
        let mut remove = self.inside();
        remove.args(["rustup", "target", "remove"]);
        remove.args(installed.lines().filter(|target| *target != host));
        if installed.lines().any(|target| target != host) {
            process::run(&mut remove, QUERY_LIMIT)?;
        }
        Ok(())
    }

    fn copy_crates(&self) -> Result<()> {
        let home = env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(env::home_dir()?.join(".cargo")))
            .context("cargo has no home here")?;
        let registry = self.path(HOME).join(".cargo/registry");
        fs::create_dir_all(&registry)?;
        for part in ["cache", "index"] {
            copy(&home.join("registry").join(part), &registry, &[])?;
        }
        Ok(())
    }

    /// The beginning of a command in the system's tree, or in its root while there is none.
    fn inside(&self) -> Command {
        const ENTER: &str = "mount -t proc proc \"$1/proc\"\n\
                             mount --rbind /dev \"$1/dev\"\n\
                             mount --rbind /sys \"$1/sys\"\n\
                             exec chroot \"$@\"\n";
        let tree = if self.path(TREE).exists() { TREE } else { "" };
        let mut command = isolated();
        command.args(["sh", "-euc", ENTER, "sh"]).arg(&self.root);
        command.args(["env", "--ignore-environment", &format!("--chdir=/{tree}")]);
        command.arg(format!("HOME=/{HOME}"));
        command.arg(format!(
            "PATH=/{HOME}/.cargo/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        ));
        command.args(["LANG=C.UTF-8", "TERM=dumb"]);
        for name in NETWORK {
            if let Some(value) = env::var_os(name) {
                let mut setting = OsString::from(format!("{name}="));
                setting.push(value);
                command.arg(setting);
            }
        }
        command
    }
}

/// The beginning of a command whose mounts and processes do not outlast it, nor it this thread.
fn isolated() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    command.args(["unshare", "--mount", "--mount-proc"]);
    command.args(["--pid", "--fork", "--kill-child"]);
    command
}

/// Copies files with all that belongs to them, sharing their blocks where the file system can.
fn copy(from: &Path, to: &Path, options: &[&str]) -> Result<()> {
    let mut cp = Command::new("cp");
    cp.args(["--archive", "--reflink=auto"]).args(options);
    process::run(cp.arg(from).arg(to), BUILD_LIMIT)?;
    Ok(())
}

/// Those lines of `apt-config dump` that are handed on.
fn network_settings(dump: &str) -> String {
    let is_wanted = |line: &&str| {
        APT_SETTINGS.iter().any(|setting| {
            let rest = line.strip_prefix(setting);
            rest.is_some_and(|rest| rest.starts_with([' ', ':']))
        })
    };
    let mut settings = String::new();
    for line in dump.lines().filter(is_wanted) {
        settings.push_str(line);
        settings.push('\n');
    }
    settings
}

/// The first of these mounts (`/proc/self/mounts`) whose place is in `folder`.
fn mounted_below<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .find(|place| Path::new(place).starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_below_the_folder_is_found_and_a_neighbour_is_not() {
        let folder = Path::new("/home/a/target/chroot/trixie");
        let mounts = |place: &str| format!("/dev/vda / ext4 rw 0 0\nproc {place} proc rw 0 0\n");
        for (place, found) in [
            ("/home/a/target/chroot/trixie/proc", true),
            ("/home/a/target/chroot/trixie", true),
            ("/home/a/target/chroot/trixie-old/proc", false),
            ("/proc", false),
        ] {
            let mounts = mounts(place);
            assert_eq!(mounted_below(&mounts, folder).is_some(), found, "{place}");
        }
    }

    #[test]
    fn of_apts_settings_those_of_the_network_are_handed_on() {
        let dump = "APT::Architecture \"amd64\";\n\
                    Acquire::http \"\";\n\
                    Acquire::http::Proxy \"http://proxy:3128/\";\n\
                    Acquire::httpsomething \"1\";\n\
                    Acquire::Languages \"none\";\n\
                    Acquire::Check-Date \"false\";\n";
        assert_eq!(
            network_settings(dump),
            "Acquire::http \"\";\n\
             Acquire::http::Proxy \"http://proxy:3128/\";\n\
             Acquire::Check-Date \"false\";\n"
        );
    }
}
