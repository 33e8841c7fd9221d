//! What has to be installed before something can be built or run.

use std::path::{Path, PathBuf};
use std::process::Command;

use wdk_linux::host::package::{self, Package, entries, on_path};
use wdk_linux::host::process::{self, QUERY_LIMIT};
use wdk_linux::needs;

/// The driver's target.
pub const DRIVER_TARGET: &str = needs::TARGET;

/// The client's target for Windows.
pub const CLIENT_TARGET: &str = "x86_64-pc-windows-gnu";

/// The lab kernel's target.
pub const KERNEL_TARGET: &str = "x86_64-unknown-none";

/// The target of the trials' kernel in 32-bit code.
pub const KERNEL_32_TARGET: &str = "i686-unknown-linux-gnu";

/// One more target that users of `amd-svm` build for.
pub const UEFI_TARGET: &str = "x86_64-unknown-uefi";

/// Every target that something is built for.
pub const TARGETS: &[&str] = &[
    DRIVER_TARGET,
    CLIENT_TARGET,
    KERNEL_TARGET,
    KERNEL_32_TARGET,
    UEFI_TARGET,
];

/// The emulator that the lab runs in.
pub const QEMU: Package = Package {
    name: "qemu-system-x86",
    found: || on_path("qemu-system-x86_64"),
};

/// The linker of client.exe.
pub const WINDOWS_LINKER: Package = Package {
    name: "gcc-mingw-w64-x86-64-win32",
    found: || on_path("x86_64-w64-mingw32-gcc"),
};

/// libFuzzer as LLVM's packages have it: its sources take a compiler of their own, and longer than most
/// of what it runs.
pub const LIBFUZZER: Package = Package {
    name: "libclang-rt-dev",
    found: || libfuzzer().is_some(),
};

/// The library, of the newest LLVM that has one.
#[must_use]
pub fn libfuzzer() -> Option<PathBuf> {
    let below = |folders: Vec<PathBuf>, part: &str| -> Vec<PathBuf> {
        let folders = folders.iter();
        folders
            .flat_map(|folder| entries(&folder.join(part)))
            .collect()
    };
    let llvm = entries(Path::new("/usr/lib"));
    let places = below(llvm, "lib/clang").into_iter();
    let mut libraries: Vec<PathBuf> = places
        .map(|place| place.join("lib/linux/libclang_rt.fuzzer-x86_64.a"))
        .filter(|library| library.is_file())
        .collect();
    libraries.sort_by_key(|library| numbers(&library.display().to_string()));
    libraries.pop()
}

/// What the client is built with for Windows.
pub const CLIENT: &[Package] = &[WINDOWS_LINKER, needs::WINDOWS_BINUTILS];

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

/// What makes a place for packages of Python's own index.
pub const PYTHON: Package = Package {
    name: "python3-venv",
    found: || {
        let mut python = Command::new("python3");
        python.args(["-c", "import ensurepip, venv"]);
        process::run(&mut python, QUERY_LIMIT).is_ok()
    },
};

/// What fetches archives of the npm registry. npm itself brings hundreds of packages.
pub const DOWNLOADER: Package = Package {
    name: "curl",
    found: || on_path("curl"),
};

/// The second system that runs the package.
pub const WINE: Package = Package {
    name: "wine",
    found: || on_path("wine") && on_path("wineserver"),
};

/// What makes a bare system of another release.
pub const DEBOOTSTRAP: Package = Package {
    name: "debootstrap",
    found: || on_path("debootstrap"),
};

/// The C compiler, which Rust's own builds link with too.
pub const C_COMPILER: Package = Package {
    name: "gcc",
    found: || on_path("cc"),
};

/// Linux' own description of SVM. Debian's package has another name and provides this one.
pub const LINUX_HEADERS: Package = Package {
    name: package::LINUX_HEADERS,
    found: || linux_headers().is_some(),
};

/// The folder with `svm.h`, of the newest kernel whose headers are installed.
#[must_use]
pub fn linux_headers() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = entries(Path::new("/usr/src"))
        .into_iter()
        .map(|folder| folder.join("arch/x86/include/asm"))
        .filter(|folder| folder.join("svm.h").is_file())
        .collect();
    folders.sort_by_key(|folder| numbers(&folder.display().to_string()));
    folders.pop()
}

/// The numbers in a name, in their order: versions compare by them, 6.12 being newer than 6.9.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|character: char| !character.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

/// What the trials of `amd-svm` run in.
pub const EMULATORS: &[Package] = &[QEMU, BOCHS, BOCHS_DISPLAY];

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

/// What signatures are made with.
pub const SIGNING: &[Package] = &[SIGNER, CERTIFIER];

/// Programs that are browsers of that family.
pub const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The browser that the client's report is looked at with. On Ubuntu it is a snap: any browser of
/// its family will do.
pub const BROWSER: Package = Package {
    name: "chromium",
    found: || BROWSERS.into_iter().any(on_path),
};

/// What the demo needs.
pub const DEMO: &[Package] = &[
    QEMU,
    needs::LIBCLANG,
    needs::WINDOWS_HEADERS,
    needs::WINDOWS_LIBRARIES,
    needs::WINDOWS_BINUTILS,
];

/// Everything that the tests need.
pub const ALL: &[Package] = &[
    QEMU,
    BOCHS,
    BOCHS_DISPLAY,
    needs::LIBCLANG,
    needs::WINDOWS_HEADERS,
    needs::WINDOWS_LIBRARIES,
    needs::WINDOWS_BINUTILS,
    WINDOWS_LINKER,
    SIGNER,
    CERTIFIER,
    PYTHON,
    DOWNLOADER,
    LIBFUZZER,
    WINE,
    C_COMPILER,
    LINUX_HEADERS,
    BROWSER,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_kernel_is_not_the_last_in_the_alphabet() {
        let older = numbers("/usr/src/linux-headers-6.9.0-3-common/arch/x86/include/asm");
        let newer = numbers("/usr/src/linux-headers-6.12.117+deb13-common/arch/x86/include/asm");
        assert_eq!(older, [6, 9, 0, 3, 86]);
        assert!(older < newer);
    }
}
