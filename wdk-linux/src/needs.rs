//! What a driver is built with beside Rust.

use std::env;
use std::path::{Path, PathBuf};

use crate::host::package::{Package, entries, on_path};
use crate::mingw;

/// The target that drivers are compiled for.
pub const TARGET: &str = "x86_64-pc-windows-msvc";

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

/// All of it.
pub const PACKAGES: &[Package] = &[
    LIBCLANG,
    WINDOWS_HEADERS,
    WINDOWS_LIBRARIES,
    WINDOWS_BINUTILS,
];

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
}
