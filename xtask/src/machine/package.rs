//! Packages of Debian and Ubuntu: found by the file that they are wanted for, installed with apt.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::oracle::vmcb;
use crate::process::{self, BUILD_LIMIT, QUERY_LIMIT};
use crate::step::step;
use crate::wdk::mingw;

/// A package of the distribution.
pub struct Package {
    /// Its name, the same in Debian and Ubuntu.
    name: &'static str,
    /// Whether what it is wanted for is there, whoever installed it.
    found: fn() -> bool,
}

/// The emulator that the lab runs in.
pub const QEMU: Package = Package {
    name: "qemu-system-x86",
    found: || on_path("qemu-system-x86_64"),
};

/// The second emulator, which shares no code with QEMU.
pub const BOCHS: Package = Package {
    name: "bochs",
    found: || on_path("bochs-bin"),
};

/// Its display, of those that need no screen.
pub const BOCHS_DISPLAY: Package = Package {
    name: "bochs-term",
    found: || {
        entries(Path::new("/usr/lib"))
            .iter()
            .any(|folder| folder.join("bochs/plugins/libbx_term_gui.so").exists())
    },
};

/// What the trials of `amd-svm` run in.
pub const EMULATORS: &[Package] = &[QEMU, BOCHS, BOCHS_DISPLAY];

/// The C parser that bindgen loads when wdk-sys is built.
pub const LIBCLANG: Package = Package {
    name: "libclang1",
    found: libclang_found,
};

/// The headers that the stand-in WDK is made from.
pub const WINDOWS_HEADERS: Package = Package {
    name: "mingw-w64-common",
    found: || mingw::headers().is_some(),
};

/// The import libraries that the stand-in WDK is made from.
pub const WINDOWS_LIBRARIES: Package = Package {
    name: "mingw-w64-x86-64-dev",
    found: || mingw::libraries().is_some(),
};

/// mingw-w64's resource compiler.
pub const WINDRES: &str = "x86_64-w64-mingw32-windres";

/// What has the resource compiler.
pub const WINDOWS_BINUTILS: Package = Package {
    name: "binutils-mingw-w64-x86-64",
    found: || on_path(WINDRES),
};

/// The linker of client.exe.
pub const WINDOWS_LINKER: Package = Package {
    name: "gcc-mingw-w64-x86-64-win32",
    found: || on_path("x86_64-w64-mingw32-gcc"),
};

/// What signs images and catalogs in the manner of Windows.
pub const SIGNER: Package = Package {
    name: "osslsigncode",
    found: || on_path("osslsigncode"),
};

/// What makes a certificate to sign with.
pub const CERTIFIER: Package = Package {
    name: "openssl",
    found: || on_path("openssl"),
};

/// What makes a place for packages of Python's own index.
pub const PYTHON: Package = Package {
    name: "python3-venv",
    found: || {
        let mut python = Command::new("python3");
        python.args(["-c", "import ensurepip, venv"]);
        process::run(&mut python, QUERY_LIMIT).is_ok()
    },
};

/// What signatures are made with.
pub const SIGNING: &[Package] = &[SIGNER, CERTIFIER];
/// The browser that the client's report is looked at with. On Ubuntu it is a snap: any browser of
/// its family will do.
pub const BROWSER: Package = Package {
    name: "chromium",
    found: || {
        ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .any(on_path)
    },
};

/// What the tests need beside what they build and boot.
pub const TEST: &[Package] = &[BROWSER];

/// What libFuzzer is built with.
pub const CPP_COMPILER: Package = Package {
    name: "g++",
    found: || on_path("c++"),
};

/// The second system that runs the package.
pub const WINE: Package = Package {
    name: "wine",
    found: || on_path("wine") && on_path("wineserver"),
};

/// The C compiler, which Rust's own builds link with too.
pub const C_COMPILER: Package = Package {
    name: "gcc",
    found: || on_path("cc"),
};

/// Linux' own description of SVM. Debian's package has another name and provides this one.
pub const LINUX_HEADERS: Package = Package {
    name: "linux-headers-generic",
    found: || vmcb::headers().is_some(),
};

/// What the driver is built with.
pub const DRIVER: &[Package] = &[
    LIBCLANG,
    WINDOWS_HEADERS,
    WINDOWS_LIBRARIES,
    WINDOWS_BINUTILS,
];

/// What the driver package is built with: driver and client.
pub const PACKAGE: &[Package] = &[
    LIBCLANG,
    WINDOWS_HEADERS,
    WINDOWS_LIBRARIES,
    WINDOWS_BINUTILS,
    WINDOWS_LINKER,
];

/// Everything that is needed to build and boot.
pub const ALL: &[Package] = &[
    QEMU,
    BOCHS,
    BOCHS_DISPLAY,
    LIBCLANG,
    WINDOWS_HEADERS,
    WINDOWS_LIBRARIES,
    WINDOWS_BINUTILS,
    WINDOWS_LINKER,
    SIGNER,
    CERTIFIER,
    PYTHON,
    CPP_COMPILER,
    WINE,
    C_COMPILER,
    LINUX_HEADERS,
];

/// Installs those packages whose files are missing.
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
    step(
        &format!("installing {} with apt-get", missing.join(", ")),
        |_| {
            // Without the archive's lists, or with old ones, a package may be there all the same.
            let _ = process::run(privilege.apt_get().arg("update"), BUILD_LIMIT);
            process::run(
                privilege
                    .apt_get()
                    .args(["install", "--yes", "--no-install-recommends"])
                    .args(&missing),
                BUILD_LIMIT,
            )
            .with_context(|| format!("apt-get did not; {by_hand}"))
        },
    )?;
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

/// How packages may be installed here.
enum Privilege {
    Root,
    Sudo,
}

impl Privilege {
    /// # Errors
    ///
    /// If there is no apt-get, or no right to use it without asking somebody.
    fn acquire() -> Result<Self> {
        if !on_path("apt-get") {
            bail!("there is no apt-get here");
        }
        let user = process::run(Command::new("id").arg("-u"), QUERY_LIMIT)?;
        if user.stdout.trim() == "0" {
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

fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Looks where the loader of bindgen looks, without the names of any one version.
fn libclang_found() -> bool {
    let mut folders: Vec<PathBuf> = env::var_os("LIBCLANG_PATH")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    for parent in ["/usr/lib", "/usr/local/lib"] {
        folders.push(parent.into());
        for child in entries(Path::new(parent)) {
            folders.push(child.join("lib"));
            folders.push(child);
        }
    }
    folders.push("/usr/lib64".into());
    folders
        .iter()
        .flat_map(|folder| entries(folder))
        .any(|file| is_libclang(&file))
}

fn is_libclang(file: &Path) -> bool {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let Some(rest) = name.strip_prefix("libclang") else {
        return false;
    };
    // libclang.so, libclang.so.1, libclang-14.so.1; not libclang-cpp.so.14.
    let versioned = rest
        .strip_prefix('-')
        .is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()));
    rest.starts_with(".so") || (versioned && rest.contains(".so"))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
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
    fn libclang_is_told_from_its_neighbours() {
        for name in [
            "libclang.so",
            "libclang.so.1",
            "libclang-14.so.1",
            "libclang-18.so",
        ] {
            assert!(is_libclang(&Path::new("/usr/lib").join(name)), "{name}");
        }
        for name in [
            "libclang-cpp.so.14",
            "libclang_rt.so",
            "libclangBasic.a",
            "libllvm.so",
        ] {
            assert!(!is_libclang(&Path::new("/usr/lib").join(name)), "{name}");
        }
    }

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
}
