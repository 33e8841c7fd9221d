//! Tells rustc how to compile and link against the WDK, and with which version resource.

use std::env;
use std::error::Error;

use winresource::{VersionInfo, WindowsResource};

fn main() -> Result<(), Box<dyn Error>> {
    wdk_build::configure_wdk_binary_build()?;
    println!("cargo::rerun-if-changed=build.rs");
    embed_version()?;
    Ok(())
}

/// The version resource of svmsave.sys.
fn embed_version() -> Result<(), Box<dyn Error>> {
    const ENGLISH_OF_THE_UNITED_STATES: u16 = 0x0409;
    // Of Windows' winver.h.
    const VFT_DRV: u64 = 3;
    const VFT2_DRV_SYSTEM: u64 = 7;
    let version = format!("{}.0", env::var("CARGO_PKG_VERSION")?);
    let mut resource = WindowsResource::new();
    resource.set_language(ENGLISH_OF_THE_UNITED_STATES);
    resource.set_version_info(VersionInfo::FILETYPE, VFT_DRV);
    resource.set_version_info(VersionInfo::FILESUBTYPE, VFT2_DRV_SYSTEM);
    for (name, value) in [
        ("CompanyName", "svmsave"),
        (
            "FileDescription",
            "Executes VMSAVE on every logical processor",
        ),
        ("FileVersion", &version),
        ("InternalName", "svmsave"),
        ("LegalCopyright", "MIT OR Apache-2.0"),
        ("OriginalFilename", "svmsave.sys"),
        ("ProductName", "svmsave"),
        ("ProductVersion", &version),
    ] {
        resource.set(name, value);
    }
    resource.compile()?;
    Ok(())
}
