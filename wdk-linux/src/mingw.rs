//! Where mingw-w64 keeps the Windows headers and import libraries.

use std::path::{Path, PathBuf};

/// The folder that holds the headers, the driver kit's in `ddk` below it.
pub(crate) fn headers() -> Option<PathBuf> {
    [
        "/usr/share/mingw-w64/include",
        "/usr/x86_64-w64-mingw32/include",
    ]
    .iter()
    .map(Path::new)
    .find(|folder| folder.join("ddk/wdm.h").is_file())
    .map(Path::to_owned)
}

/// The folder of the import libraries for x86-64.
pub(crate) fn libraries() -> Option<PathBuf> {
    let folder = Path::new("/usr/x86_64-w64-mingw32/lib");
    folder
        .join("libntoskrnl.a")
        .is_file()
        .then(|| folder.to_owned())
}
